// The abilities that every Node.js client is asked for, made of a few primitives that
// a client's own file provides. Prints a line for each: PASS, FAIL or NONE.
'use strict'

const { spawn } = require('child_process')

const PATIENCE = 40000
const FIRST = 1600000000000 // of the records of filled topics, a second apart
const AT_A_TIME = 6

class NotInThisClient extends Error {}

function require_(condition, what) {
  if (!condition) throw new Error(what)
}

async function until(what, condition) {
  const deadline = Date.now() + PATIENCE
  while (!(await condition())) {
    require_(Date.now() < deadline, `${what}: not within ${PATIENCE} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const numbered = (count) => Array.from({ length: count }, (_, i) => ({ value: `value-${i}` }))
const text = (value) => (value === null || value === undefined ? 'null' : value.toString())
const texts = (records) => records.map((r) => text(r.value)).join(' ')

// Member is what a group's member has been given and has got.
class Member {
  constructor() {
    this.got = new Set()
    this.assigned = []
    this.changes = 0
    this.lost = 0
    this.problem = null
  }

  assign(partitions) {
    const now = [...partitions].sort()
    if (now.join() === this.assigned.join()) return
    this.changes++
    this.lost += this.assigned.filter((p) => !now.includes(p)).length
    this.assigned = now
  }

  async has(count) {
    await until(`a member has ${count} partitions`, () => {
      if (this.problem) throw this.problem
      return this.assigned.length === count
    })
    return this
  }

  async close() {
    const leave = this.leave
    this.leave = async () => {}
    await leave()
  }
}

// Abilities: subclasses provide create, send, read, consumeAndCommit, join, nameOf and
// the methods of admin(), by the abilities' names.
class Abilities {
  constructor(bootstrap, zookeeper, prefix) {
    Object.assign(this, { bootstrap, zookeeper, prefix })
  }

  notInClient() {
    throw new NotInThisClient()
  }

  async failure(step) {
    let problem = null
    try {
      await step()
    } catch (error) {
      problem = error
    }
    require_(problem, 'no error')
    if (problem instanceof NotInThisClient) throw problem
    return this.nameOf(problem)
  }

  async topic(name, partitions = 1) {
    const topic = `${this.prefix}-${name}`
    await this.create(topic, partitions)
    await this.awaitPartitions(topic, partitions)
    return topic
  }

  awaitPartitions(topic, count) {
    return until(`${topic} has ${count} partitions`, async () => (await this.partitions(topic)) === count)
  }

  async filled(name) {
    const topic = await this.topic(name)
    await this.send(topic, numbered(10).map((r, i) => ({ ...r, partition: 0, timestamp: String(FIRST + i * 1000) })))
    return topic
  }

  async member(topic, how = {}) {
    const member = new Member()
    member.leave = await this.join(topic, how, member)
    return member
  }

  // withMembers closes all members that the body made, whatever it ends with.
  async withMembers(topic, how, body) {
    const members = []
    try {
      return await body(async (more = {}) => {
        const member = await this.member(topic, { ...how, ...more })
        members.push(member)
        return member
      })
    } finally {
      for (const member of members) await member.close()
    }
  }

  sendToEach(topic, count, round) {
    return this.send(topic, Array.from({ length: count }, (_, i) => ({ value: `${round}-${i}`, partition: i })))
  }

  arrives(round, count, ...members) {
    const seen = () => new Set(members.flatMap((m) => [...m.got].filter((v) => v.startsWith(round))))
    return until(`${round} arrives`, () => seen().size === count)
  }

  async roundTrip(name, count, settings = {}) {
    const topic = await this.topic(name)
    const sent = numbered(count).map((r) => ({ value: r.value.repeat(50) }))
    await this.send(topic, sent, settings)
    require_(texts(await this.read(topic, count, {})) === texts(sent), 'other records')
  }

  async first(name, position) {
    const [record] = await this.read(await this.filled(name), 1, position)
    return `${text(record.value)} at ${record.offset} of ${record.timestamp}`
  }

  async next(topic, count) {
    const [record] = await this.consumeAndCommit(topic, count)
    return `${text(record.value)} at ${record.offset}`
  }

  async produceKeys() {
    const topic = await this.topic('keys', 4)
    await this.send(topic, numbered(40).map((r, i) => ({ ...r, key: `key-${i % 10}` })))
    const places = {}
    for (const r of await this.read(topic, 40, {})) (places[text(r.key)] ||= new Set()).add(r.partition)
    return Object.keys(places).sort().map((key) => [...places[key]].join('/')).join(' ')
  }

  async nulls() {
    const topic = await this.topic('nulls')
    const sent = [{ value: 'v' }, { key: 'k', value: null }, { value: null }, { key: '', value: '' }]
    await this.send(topic, sent)
    return (await this.read(topic, 4, {})).map((r) => `${text(r.key)}=${text(r.value)}`).join(' ')
  }

  async headers() {
    const topic = await this.topic('headers')
    await this.send(topic, [{ value: 'v', headers: { a: ['1', '2'], empty: '' } }])
    const [record] = await this.read(topic, 1, {})
    const flat = (headers) => [headers].flat().flatMap((h) => Object.entries(h)).flatMap(([k, v]) => [v].flat().map((one) => `${k}=${text(one)}`))
    return flat(record.headers).join(' ')
  }

  async largeRecord() {
    const topic = await this.topic('large')
    await this.send(topic, [{ value: 'x'.repeat(900 << 10) }])
    return `${(await this.read(topic, 1, {}))[0].value.length} bytes`
  }

  async consumeEnd() {
    const topic = await this.filled('end')
    const then = () => this.send(topic, [{ value: 'after', partition: 0 }])
    const [record] = await this.read(topic, 1, { end: true }, then)
    return `${text(record.value)} at ${record.offset}`
  }

  async recordTooLarge() {
    const topic = await this.topic('too-large')
    return this.failure(() => this.send(topic, [{ value: 'x'.repeat(2 << 20) }], { large: true, hurried: true }))
  }

  async groupJoinLeave() {
    const topic = await this.topic('join-leave', 4)
    await this.withMembers(topic, {}, async (join) => {
      const first = await (await join()).has(4)
      const second = await (await join()).has(2)
      await first.has(2)
      await this.sendToEach(topic, 4, 'both')
      await this.arrives('both', 4, first, second)
      await second.close()
      await first.has(4)
      await this.sendToEach(topic, 4, 'one')
      await this.arrives('one', 4, first)
    })
  }

  async groupCooperative() {
    const topic = await this.topic('cooperative', 4)
    return this.withMembers(topic, { cooperative: true }, async (join) => {
      const first = await (await join()).has(4)
      const second = await (await join()).has(2)
      await first.has(2)
      await this.sendToEach(topic, 4, 'both')
      await this.arrives('both', 4, first, second)
      return `the first gave up ${first.lost}`
    })
  }

  async groupStatic() {
    const topic = await this.topic('static', 4)
    return this.withMembers(topic, { session: 15000 }, async (join) => {
      const first = await (await join({ instance: 'one' })).has(4)
      const second = await (await join({ instance: 'two' })).has(2)
      await first.has(2)
      const before = second.assigned
      const changes = first.changes
      await second.close()
      const again = await (await join({ instance: 'two' })).has(2)
      require_(again.assigned.join() === before.join(), 'other partitions than before')
      await this.sendToEach(topic, 4, 'both')
      await this.arrives('both', 4, first, again)
      return `${first.changes - changes} rebalances`
    })
  }

  async groupCrash() {
    const topic = await this.topic('crash', 4)
    await this.withMembers(topic, {}, async (join) => {
      const first = await (await join()).has(4)
      const second = spawn(process.execPath, [process.argv[1], 'member', this.bootstrap, this.zookeeper, topic], { stdio: ['ignore', 'pipe', 'inherit'] })
      try {
        await new Promise((resolve, reject) => {
          second.stdout.once('data', resolve)
          second.once('exit', () => reject(new Error('the second member ended')))
        })
        await first.has(2)
      } finally {
        second.kill('SIGKILL')
      }
      await first.has(4)
      await this.sendToEach(topic, 4, 'one')
      await this.arrives('one', 4, first)
    })
  }

  abilities() {
    const codec = (name) => () => this.roundTrip(`codec-${name}`, 100, { codec: name })
    return {
      'group-crash': () => this.groupCrash(),
      'group-join-leave': () => this.groupJoinLeave(),
      'group-cooperative': () => this.groupCooperative(),
      'group-static': () => this.groupStatic(),
      'create-topic': async () => void (await this.topic('created', 3)),
      'create-topic-exists': async () => this.createAgain(await this.topic('twice')),
      'produce-values': () => this.roundTrip('values', 100),
      'produce-keys': () => this.produceKeys(),
      nulls: () => this.nulls(),
      headers: () => this.headers(),
      'codec-gzip': codec('gzip'),
      'codec-snappy': codec('snappy'),
      'codec-lz4': codec('lz4'),
      'codec-zstd': codec('zstd'),
      'large-record': () => this.largeRecord(),
      'idempotent-producer': () => this.roundTrip('idempotent', 200, { idempotent: true }),
      'consume-start': () => this.first('start', {}),
      'consume-end': () => this.consumeEnd(),
      'consume-offset': () => this.first('offset', { offset: '7' }),
      'consume-timestamp': () => this.first('timestamp', { timestamp: FIRST + 5000 }),
      'commit-resume': async () => {
        const topic = await this.filled('resumed')
        await this.consumeAndCommit(topic, 4)
        return this.next(topic, 6)
      },
      'restart-commit': async () => void (await this.consumeAndCommit(await this.filled('restart'), 4)),
      'unknown-topic-produce': () => this.failure(() => this.send(`${this.prefix}-missing`, [{ value: 'v' }], { hurried: true })),
      'unknown-topic-consume': () => this.failure(() => this.read(`${this.prefix}-missing`, 1, {})),
      'record-too-large': () => this.recordTooLarge(),
      ...this.admin(),
    }
  }
}

// Every name of the phase main, the slow ones first.
const NAMES = `group-crash group-join-leave group-cooperative group-static group-zookeeper create-topic create-topic-exists
  produce-values produce-keys nulls headers codec-gzip codec-snappy codec-lz4 codec-zstd large-record idempotent-producer
  producer-defaults consume-start consume-end consume-offset consume-timestamp commit-resume restart-commit
  unknown-topic-produce unknown-topic-consume record-too-large list-topics describe-topic describe-cluster
  unknown-topic-describe delete-topic admin-create-partitions admin-describe-configs admin-alter-configs
  admin-incremental-alter-configs admin-delete-records admin-list-offsets admin-log-dirs admin-elect-leaders
  admin-reassignments admin-describe-producers admin-features admin-list-groups admin-describe-group admin-group-offsets
  admin-alter-group-offsets admin-delete-group-offsets admin-remove-members admin-delete-group`.split(/\s+/)

async function outcome(client, name, call) {
  if (!call) return `NONE ${name}`
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${PATIENCE} ms`)), PATIENCE)
  })
  try {
    const detail = await Promise.race([call(), late])
    return `PASS ${name}` + (detail === undefined || detail === '' ? '' : `: ${plain(client, String(detail))}`)
  } catch (problem) {
    if (problem instanceof NotInThisClient) return `NONE ${name}`
    console.error(name, problem)
    return `FAIL ${name}: ${plain(client, String(problem))}`
  } finally {
    clearTimeout(timer)
  }
}

const plain = (client, detail) => detail.replaceAll(client.prefix, 'PREFIX').replaceAll(client.bootstrap, 'BROKER').replaceAll('\n', ' ')

async function stayMember(client, topic) {
  const member = await client.member(topic)
  await member.has(2)
  console.log('assigned')
}

async function main(Client) {
  const [first, ...rest] = process.argv.slice(2)
  if (first === 'member') {
    const client = new Client(rest[0], rest[1], 'member')
    await client.open()
    return stayMember(client, rest[2])
  }
  const [zookeeper, prefix, phase] = rest
  const client = new Client(first, zookeeper, prefix)
  await client.open()
  let calls = client.abilities()
  let names = [...NAMES]
  if (phase === 'resume') {
    names = ['restart-resume']
    calls = { 'restart-resume': () => client.next(`${prefix}-restart`, 6) }
  }
  const lane = async () => {
    while (names.length > 0) {
      const name = names.shift()
      console.log(await outcome(client, name, calls[name]))
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, lane))
  process.exit(0) // what failed may have left something running
}

module.exports = { Abilities, FIRST, main, require: require_, until }
