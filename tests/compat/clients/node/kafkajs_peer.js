// kafkajs, which is all JavaScript, with the codecs that are its plug-ins.
'use strict'

const kafkajs = require('kafkajs')
const snappy = require('kafkajs-snappy')
const { Abilities, FIRST, main, require: demand, until } = require('./abilities')

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs

globalThis.fetch = undefined // with it lz4-asm takes node for a browser
const lz4 = require('lz4-asm')()
const zstd = new Promise((resolve) => require('zstd-codec').ZstdCodec.run((loaded) => resolve(new loaded.Simple())))

const INDEPENDENT_BLOCKS = { frameInfo: { blockMode: 1 } } // Kafka takes no others

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from((await lz4).lz4js.compress(encoder.buffer, INDEPENDENT_BLOCKS)),
  decompress: async (buffer) => Buffer.from((await lz4).lz4js.decompress(buffer)),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from((await zstd).decompress(buffer)),
})

const CODECS = { gzip: CompressionTypes.GZIP, snappy: CompressionTypes.Snappy, lz4: CompressionTypes.LZ4, zstd: CompressionTypes.ZSTD }

class Peer extends Abilities {
  async open() {
    this.kafka = new Kafka({
      clientId: 'describer', brokers: [this.bootstrap], logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 8 },
    })
    this.calls = this.kafka.admin()
    await this.calls.connect()
  }

  // ofOne has an admin client of its own: one that several topics are asked of at a
  // time loses sight of some.
  async ofOne(body) {
    const admin = this.kafka.admin()
    await admin.connect()
    try {
      return await body(admin)
    } finally {
      await admin.disconnect()
    }
  }

  nameOf(problem) {
    const within = (problem.errors || []).concat((problem.partitions || []).map((p) => p.error))
    for (const one of within) return this.nameOf(one)
    return `${problem.type || problem.name}: ${problem.message}`
  }

  create(topic, partitions) {
    return this.calls.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] })
  }

  async createAgain(topic) {
    return `created ${await this.create(topic, 1)}`
  }

  async partitions(topic) {
    try {
      return (await this.calls.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.filter((p) => p.leader >= 0).length
    } catch (error) {
      if (error.type === 'UNKNOWN_TOPIC_OR_PARTITION') return 0
      throw error
    }
  }

  async send(topic, messages, { codec, idempotent = false, hurried } = {}) {
    const producer = this.kafka.producer({
      idempotent, allowAutoTopicCreation: false, createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { initialRetryTime: 50, retries: hurried ? 2 : 8 },
    })
    await producer.connect()
    try {
      await producer.send({ topic, messages, compression: CODECS[codec] })
    } finally {
      await producer.disconnect()
    }
  }

  consumer(groupId, more = {}) {
    return this.kafka.consumer({
      groupId, sessionTimeout: 3000, heartbeatInterval: 200, maxWaitTimeInMs: 100, allowAutoTopicCreation: false,
      retry: { initialRetryTime: 50, retries: 2 }, ...more,
    })
  }

  // consume runs a consumer until it has so many records.
  async consume(consumer, topic, count, fromBeginning, once = async () => {}, atLast = async () => {}) {
    const records = []
    let crashed = null
    consumer.on(consumer.events.CRASH, (event) => { crashed = event.payload.error })
    await consumer.connect()
    try {
      await consumer.subscribe({ topics: [topic], fromBeginning })
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ partition, message }) => {
          if (records.length < count) records.push({ ...message, partition })
        },
      })
      await once()
      await until(`${count} records`, () => {
        if (crashed) throw crashed
        return records.length >= count
      })
      await atLast(records)
      return records
    } finally {
      await consumer.disconnect()
    }
  }

  async read(topic, count, position, then = async () => {}) {
    let at = position.offset
    if (position.end) at = (await this.ofOne((admin) => admin.fetchTopicOffsets(topic)))[0].high
    if (position.timestamp) at = (await this.ofOne((admin) => admin.fetchTopicOffsetsByTimestamp(topic, position.timestamp)))[0].offset
    this.readers = (this.readers || 0) + 1
    const consumer = this.consumer(`${this.prefix}-reader-${this.readers}`)
    return this.consume(consumer, topic, count, at === undefined, async () => {
      if (at !== undefined) consumer.seek({ topic, partition: 0, offset: at })
      await then()
    })
  }

  consumeAndCommit(topic, count) {
    const consumer = this.consumer(topic)
    return this.consume(consumer, topic, count, true, undefined, (records) => {
      const behind = String(Number(records[count - 1].offset) + 1)
      return consumer.commitOffsets([{ topic, partition: 0, offset: behind }])
    })
  }

  async join(topic, how, member) {
    if (how.cooperative || how.instance) this.notInClient()
    const consumer = this.consumer(topic)
    consumer.on(consumer.events.GROUP_JOIN, (event) => member.assign(event.payload.memberAssignment[topic] || []))
    consumer.on(consumer.events.CRASH, (event) => { member.problem = event.payload.error })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void member.got.add(message.value.toString()) })
    return () => consumer.disconnect()
  }

  admin() {
    return {
      'list-topics': async () => {
        const topic = await this.topic('listed')
        demand((await this.calls.listTopics()).includes(topic), 'not listed')
      },
      'describe-topic': () => this.describeTopic(),
      'describe-cluster': async () => {
        const found = await this.calls.describeCluster()
        return `${found.brokers.length} broker, controller ${found.controller}, cluster id of ${found.clusterId.length}`
      },
      'unknown-topic-describe': () => this.failure(() => this.calls.fetchTopicMetadata({ topics: [`${this.prefix}-missing`] })),
      'delete-topic': () => this.deleteTopic(),
      'admin-create-partitions': () => this.createPartitions(),
      'admin-describe-configs': () => this.describeConfigs(),
      'admin-alter-configs': () => this.alterConfigs(),
      'admin-delete-records': () => this.deleteRecords(),
      'admin-list-offsets': () => this.listOffsets(),
      'admin-reassignments': () => this.reassignments(),
      'admin-list-groups': async () => {
        const topic = await this.filled('group-listed')
        await this.consumeAndCommit(topic, 2)
        demand((await this.calls.listGroups()).groups.some((g) => g.groupId === topic), 'not listed')
      },
      'admin-describe-group': () => this.describeGroup(),
      'admin-group-offsets': async () => {
        const topic = await this.filled('group-offsets')
        await this.consumeAndCommit(topic, 3)
        return (await this.calls.fetchOffsets({ groupId: topic, topics: [topic] }))[0].partitions[0].offset
      },
      'admin-alter-group-offsets': () => this.alterGroupOffsets(),
      'admin-delete-group': async () => {
        const topic = await this.filled('group-deleted')
        await this.consumeAndCommit(topic, 2)
        await this.calls.deleteGroups([topic])
        return this.failure(async () => {
          try {
            await this.calls.deleteGroups([topic])
          } catch (error) {
            throw error.groups ? error.groups[0].error : error
          }
        })
      },
    }
  }

  async describeTopic() {
    const found = (await this.calls.fetchTopicMetadata({ topics: [await this.topic('described', 2)] })).topics[0].partitions
    found.sort((a, b) => a.partitionId - b.partitionId)
    return found.map((p) => `${p.partitionId}:leader ${p.leader} isr ${p.isr} replicas ${p.replicas}`).join(' ')
  }

  async deleteTopic() {
    const topic = await this.filled('deleted')
    await this.calls.deleteTopics({ topics: [topic] })
    await until('the topic is gone', async () => !(await this.calls.listTopics()).includes(topic))
    return this.failure(() => this.calls.deleteTopics({ topics: [topic] }))
  }

  async createPartitions() {
    const topic = await this.topic('grown')
    const grow = (count) => this.calls.createPartitions({ topicPartitions: [{ topic, count }] })
    await grow(3)
    await this.awaitPartitions(topic, 3)
    return this.failure(() => grow(2))
  }

  async configs(type, name) {
    const found = await this.calls.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] })
    return Object.fromEntries(found.resources[0].configEntries.map((e) => [e.configName, e.configValue]))
  }

  async describeConfigs() {
    const topic = await this.configs(ConfigResourceTypes.TOPIC, await this.topic('configs'))
    const broker = await this.configs(ConfigResourceTypes.BROKER, '0')
    return `${Object.keys(topic).length} of a topic, ${Object.keys(broker).length} of a broker, retention ${topic['retention.ms']}`
  }

  async alterConfigs() {
    const topic = await this.topic('altered')
    const alter = (value) => this.calls.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value }] }],
    })
    await alter('7777')
    await until('altered', async () => (await this.configs(ConfigResourceTypes.TOPIC, topic))['retention.ms'] === '7777')
    return this.failure(() => alter('x'))
  }

  async deleteRecords() {
    const topic = await this.filled('deleted-records')
    const remove = (offset) => this.ofOne(async (admin) => {
      await admin.fetchTopicOffsets(topic) // or it knows no leader
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] })
    })
    await remove('4')
    const first = (await this.read(topic, 1, {}))[0].offset
    return `then ${first}; beyond: ${await this.failure(() => remove('99'))}`
  }

  async listOffsets() {
    const topic = await this.filled('offsets')
    const [ends] = await this.ofOne((admin) => admin.fetchTopicOffsets(topic))
    const [later] = await this.ofOne((admin) => admin.fetchTopicOffsetsByTimestamp(topic, FIRST + 5000))
    return `${ends.low} ${ends.high} ${later.offset}`
  }

  async reassignments() {
    const topic = await this.topic('reassigned')
    const assign = (replicas) => this.calls.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition: 0, replicas }] }] })
    await assign([0])
    const ongoing = async () => (await this.calls.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] })).topics
    await until('the reassignment ends', async () => (await ongoing()).length === 0)
    return this.failure(() => assign([77]))
  }

  async describeGroup() {
    const topic = await this.filled('group-described')
    await this.consumeAndCommit(topic, 2)
    return this.withMembers(topic, {}, async (join) => {
      await (await join()).has(1)
      let found
      await until('the group is stable', async () => {
        found = (await this.calls.describeGroups([topic])).groups[0]
        return found.state === 'Stable'
      })
      const [member] = found.members
      const assigned = kafkajs.AssignerProtocol.MemberAssignment.decode(member.memberAssignment).assignment[topic]
      return `${found.state}, ${found.protocol}, ${member.clientId} on ${member.clientHost} with ${assigned.length}`
    })
  }

  async alterGroupOffsets() {
    const topic = await this.filled('group-altered')
    await this.consumeAndCommit(topic, 3)
    await this.calls.setOffsets({ groupId: topic, topic, partitions: [{ partition: 0, offset: '8' }] })
    return this.next(topic, 2)
  }
}

main(Peer)
