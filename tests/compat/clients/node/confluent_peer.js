// @confluentinc/kafka-javascript, that is librdkafka, by its promises; of its older
// calls only those that these lack.
'use strict'

process.env.UV_THREADPOOL_SIZE = '64' // its calls block there; most are polls of consumers
const { AdminClient, KafkaJS } = require('@confluentinc/kafka-javascript')
const { Abilities, FIRST, main, require: demand, until } = require('./abilities')

const ASSIGNORS = { true: 'cooperative-sticky', undefined: 'range' }

class Peer extends Abilities {
  async open() {
    const logLevel = KafkaJS.logLevel.NOTHING
    this.kafka = new KafkaJS.Kafka({ 'client.id': 'describer', kafkaJS: { brokers: [this.bootstrap], logLevel } })
    this.calls = this.kafka.admin()
    await this.calls.connect()
    this.older = AdminClient.create({ 'bootstrap.servers': this.bootstrap })
  }

  nameOf(problem) {
    for (const one of problem.errors || []) return this.nameOf(one)
    return `${problem.type || problem.name}: ${problem.message}`
  }

  create(topic, partitions) {
    return this.calls.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] })
  }

  async createAgain(topic) {
    const made = await this.create(topic, 1)
    const config = { topic, num_partitions: 1, replication_factor: 1 }
    return `created ${made}; ${await this.failure(() => this.byCallback((done) => this.older.createTopic(config, 5000, done)))}`
  }

  byCallback(call) {
    return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))
  }

  async partitions(topic) {
    try {
      return (await this.metadata(topic)).filter((p) => p.leader >= 0).length
    } catch (error) {
      if (error.type === 'ERR_UNKNOWN_TOPIC_OR_PART') return 0
      throw error
    }
  }

  async metadata(topic) {
    return (await this.calls.fetchTopicMetadata({ topics: [topic] }))[0].partitions
  }

  async send(topic, messages, { codec = 'none', idempotent = false, hurried, large } = {}) {
    const producer = this.kafka.producer({
      kafkaJS: { compression: codec, idempotent, allowAutoTopicCreation: false },
      'message.timeout.ms': hurried ? 2000 : 30000, 'message.max.bytes': large ? 4000000 : 1000000, 'topic.metadata.propagation.max.ms': 1000,
    })
    await producer.connect()
    try {
      await producer.send({ topic, messages })
    } finally {
      await producer.disconnect()
    }
  }

  consumer(groupId, fromBeginning, how = {}) {
    const more = how.instance ? { 'group.instance.id': how.instance } : {}
    return this.kafka.consumer({
      kafkaJS: {
        groupId, fromBeginning, autoCommit: false, allowAutoTopicCreation: false, sessionTimeout: how.session || 3000,
        heartbeatInterval: 200, maxWaitTimeInMs: 100, partitionAssigners: [ASSIGNORS[how.cooperative]],
      },
      ...more,
    })
  }

  // consume runs a consumer until it has so many records.
  async consume(consumer, topic, count, once = async () => {}, atLast = async () => {}) {
    const records = []
    await consumer.connect()
    try {
      await consumer.subscribe({ topics: [topic] })
      await consumer.run({
        eachMessage: async ({ partition, message }) => {
          if (records.length < count) records.push({ ...message, partition })
        },
      })
      await once()
      await until(`${count} records`, () => records.length >= count)
      await atLast(records)
      return records
    } finally {
      await consumer.disconnect()
    }
  }

  async read(topic, count, position, then = async () => {}) {
    let at = position.offset
    if (position.end) at = (await this.calls.fetchTopicOffsets(topic))[0].high
    if (position.timestamp) at = (await this.calls.fetchTopicOffsetsByTimestamp(topic, position.timestamp))[0].offset
    this.readers = (this.readers || 0) + 1
    const consumer = this.consumer(`${this.prefix}-reader-${this.readers}`, at === undefined)
    return this.consume(consumer, topic, count, async () => {
      if (at !== undefined) consumer.seek({ topic, partition: 0, offset: at })
      await then()
    })
  }

  consumeAndCommit(topic, count) {
    const consumer = this.consumer(topic, true)
    return this.consume(consumer, topic, count, undefined, (records) => {
      const behind = String(Number(records[count - 1].offset) + 1)
      return consumer.commitOffsets([{ topic, partition: 0, offset: behind }])
    })
  }

  async join(topic, how, member) {
    const consumer = this.consumer(topic, true, how)
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ eachMessage: async ({ message }) => void member.got.add(message.value.toString()) })
    const watch = setInterval(() => member.assign(consumer.assignment().map((p) => p.partition)), 10)
    return () => {
      clearInterval(watch)
      return consumer.disconnect()
    }
  }

  abilities() {
    // Its consumer waits for topics to come and reports no error of theirs.
    return { ...super.abilities(), 'unknown-topic-consume': undefined }
  }

  admin() {
    return {
      'list-topics': async () => {
        const topic = await this.topic('listed')
        demand((await this.calls.listTopics()).includes(topic), 'not listed')
      },
      'describe-topic': async () => {
        const found = await this.metadata(await this.topic('described', 2))
        return found.map((p) => `${p.partitionId}:leader ${p.leader} isr ${p.isr} replicas ${p.replicas}`).join(' ')
      },
      'unknown-topic-describe': () => this.failure(() => this.metadata(`${this.prefix}-missing`)),
      'delete-topic': () => this.deleteTopic(),
      'admin-create-partitions': () => this.createPartitions(),
      'admin-delete-records': () => this.deleteRecords(),
      'admin-list-offsets': async () => {
        const topic = await this.filled('offsets')
        const [ends] = await this.calls.fetchTopicOffsets(topic)
        const [later] = await this.calls.fetchTopicOffsetsByTimestamp(topic, FIRST + 5000)
        return `${ends.low} ${ends.high} ${later.offset}`
      },
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
      'admin-delete-group': () => this.deleteGroup(),
    }
  }

  async deleteTopic() {
    const topic = await this.filled('deleted')
    await this.calls.deleteTopics({ topics: [topic] })
    await until('the topic is gone', async () => !(await this.calls.listTopics()).includes(topic))
    return this.failure(() => this.calls.deleteTopics({ topics: [topic] }))
  }

  async createPartitions() {
    const topic = await this.topic('grown')
    const grow = (count) => this.byCallback((done) => this.older.createPartitions(topic, count, 5000, done))
    await grow(3)
    await this.awaitPartitions(topic, 3)
    return this.failure(() => grow(2))
  }

  async deleteRecords() {
    const topic = await this.filled('deleted-records')
    const remove = (offset) => this.calls.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] })
    const [removed] = await remove('4')
    const first = (await this.read(topic, 1, {}))[0].offset
    const beyond = await this.failure(async () => {
      for (const one of await remove('99')) if (one.error) throw one.error
    })
    return `low watermark ${removed.lowWatermark}, then ${first}; beyond: ${beyond}`
  }

  async describeGroup() {
    const topic = await this.filled('group-described')
    await this.consumeAndCommit(topic, 2)
    return this.withMembers(topic, {}, async (join) => {
      await (await join()).has(1)
      const found = (await this.calls.describeGroups([topic])).groups[0]
      const [member] = found.members
      return `${found.state}, ${found.partitionAssignor}, ${member.clientId} on ${member.clientHost} with ${member.assignment.topicPartitions.length}`
    })
  }

  async deleteGroup() {
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
  }
}

main(Peer)
