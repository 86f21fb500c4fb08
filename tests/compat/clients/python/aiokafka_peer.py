"""aiokafka."""

import asyncio
import contextlib

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import for_code

import abilities
from abilities import Record, require, until


def raise_for(code):
    if code:
        raise for_code(code)


async def stop(consumer):
    """Its coordinator may end with the cancellation of its own task."""
    with contextlib.suppress(asyncio.CancelledError):
        await consumer.stop()


class Peer(abilities.Abilities):
    """Each call runs a loop of its own, since the abilities are threads."""

    both_null = False

    def call(self, name, *arguments, **named):
        async def run():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            try:
                return await getattr(admin, name)(*arguments, **named)
            finally:
                await admin.close()

        return asyncio.run(run())

    def create(self, topic, partitions):
        raise_for(self.call("create_topics", [NewTopic(topic, partitions, 1)]).topic_errors[0][1])
        self.await_partitions(topic, partitions)

    def await_partitions(self, topic, count):
        until(f"{topic} has {count} partitions", lambda: len(self.call("describe_topics", [topic])[0]["partitions"]) == count)

    def send(self, topic, records, codec=None, idempotent=False, timeout=20, largest=1048576):
        async def run():
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, compression_type=codec, enable_idempotence=idempotent,
                                        max_request_size=largest, linger_ms=5, request_timeout_ms=timeout * 1000)
            await producer.start()
            try:
                sent = [await producer.send(topic, value=r.value, key=r.key, headers=r.headers, partition=r.partition, timestamp_ms=r.timestamp) for r in records]
                await asyncio.gather(*sent)
            finally:
                await producer.stop()

        asyncio.run(run())

    def consumer(self, *topics, **settings):
        return AIOKafkaConsumer(*topics, bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest",
                                fetch_max_wait_ms=100, **settings)

    async def poll(self, consumer, count):
        records = []

        async def fill():
            while len(records) < count:
                for batch in (await consumer.getmany(timeout_ms=200, max_records=count - len(records))).values():
                    records.extend(Record(r.value, r.key, r.headers, r.partition, r.timestamp, r.offset) for r in batch)

        await asyncio.wait_for(fill(), abilities.PATIENCE)
        return records

    def read(self, topic, count, position, partitions=1, then=None):
        async def run():
            consumer = self.consumer()
            await consumer.start()
            try:
                assigned = [TopicPartition(topic, p) for p in range(partitions)]
                consumer.assign(assigned)
                if position == "start":
                    await consumer.seek_to_beginning(*assigned)
                elif position == "end":
                    await consumer.seek_to_end(*assigned)
                elif position[0] == "offset":
                    consumer.seek(assigned[0], position[1])
                else:
                    consumer.seek(assigned[0], (await consumer.offsets_for_times({assigned[0]: position[1]}))[assigned[0]].offset)
                if then:
                    await asyncio.to_thread(then)
                return await self.poll(consumer, count)
            finally:
                await stop(consumer)

        return asyncio.run(run())

    def unknown_topic_consume(self):
        async def run():
            consumer = self.consumer()
            await consumer.start()
            try:
                return consumer.partitions_for_topic(f"{self.prefix}-missing")
            finally:
                await stop(consumer)

        return asyncio.run(run())

    def consume_and_commit(self, topic, count):
        async def run():
            consumer = self.consumer(topic, group_id=topic, max_poll_records=1)
            await consumer.start()
            try:
                records = await self.poll(consumer, count)
                await consumer.commit()
                return [b"%s at %d" % (r.value, r.offset) for r in records]
            finally:
                await stop(consumer)

        return asyncio.run(run())

    def join(self, topic, strategy="range", instance=None, session=3000):
        loop = asyncio.new_event_loop()
        consumer = None

        async def start():
            nonlocal consumer
            consumer = self.consumer(topic, group_id=topic, group_instance_id=instance, session_timeout_ms=session, heartbeat_interval_ms=200,
                                     client_id="describer", partition_assignment_strategy=[RangePartitionAssignor])
            await consumer.start()

        loop.run_until_complete(start())

        def poll():
            batches = loop.run_until_complete(consumer.getmany(timeout_ms=50))
            return [r.value for batch in batches.values() for r in batch], [p.partition for p in consumer.assignment()]

        return poll, lambda: loop.run_until_complete(stop(consumer))

    def group_cooperative(self):
        raise abilities.NotInThisClient

    # Admin.
    def list_topics(self):
        require(self.topic("listed") in self.call("list_topics"), "not listed")

    def describe_topic(self):
        (found,) = self.call("describe_topics", [self.topic("described", 2)])
        return sorted(f"{p['partition']}:leader {p['leader']} isr {p['isr']} replicas {p['replicas']}" for p in found["partitions"])

    def describe_cluster(self):
        found = self.call("describe_cluster")
        return f"{len(found['brokers'])} broker, controller {found['controller_id']}, cluster id of {len(found['cluster_id'])}"

    def unknown_topic_describe(self):
        return f"error {self.call('describe_topics', [self.prefix + '-missing'])[0]['error_code']}"

    def delete_topic(self):
        topic = self.filled("deleted")

        def delete():
            raise_for(self.call("delete_topics", [topic]).topic_error_codes[0][1])

        delete()
        return self.failure(delete)

    def admin_create_partitions(self):
        topic = self.topic("grown")

        def grow(count):
            raise_for(self.call("create_partitions", {topic: NewPartitions(count)}).topic_errors[0][1])

        grow(3)
        self.await_partitions(topic, 3)
        return self.failure(lambda: grow(2))

    def config(self, kind, name):
        resource = self.call("describe_configs", [ConfigResource(kind, name)])[0].resources[0]
        raise_for(resource[0])
        return {entry[0]: entry[1] for entry in resource[4]}

    def admin_describe_configs(self):
        found = self.config(ConfigResourceType.TOPIC, self.topic("configs"))
        return f"{len(found)} of a topic, {len(self.config(ConfigResourceType.BROKER, '0'))} of a broker, retention {found['retention.ms']}"

    def admin_alter_configs(self):
        topic = self.topic("altered")
        self.call("alter_configs", [ConfigResource(ConfigResourceType.TOPIC, topic, configs={"retention.ms": "7777"})])
        until("altered", lambda: self.config(ConfigResourceType.TOPIC, topic)["retention.ms"] == "7777")

    def admin_delete_records(self):
        topic = self.filled("deleted-records")
        partition = TopicPartition(topic, 0)
        low = self.call("delete_records", {partition: RecordsToDelete(before_offset=4)})[partition]
        beyond = self.failure(lambda: self.call("delete_records", {partition: RecordsToDelete(before_offset=99)}))
        return f"low watermark {low}, then {self.read(topic, 1, 'start')[0].offset}; beyond: {beyond}"

    def admin_list_groups(self):
        topic = self.filled("group-listed")
        self.consume_and_commit(topic, 2)
        require((topic, "consumer") in self.call("list_consumer_groups"), "not listed")

    def admin_describe_group(self):
        topic = self.filled("group-described")
        self.consume_and_commit(topic, 2)
        with abilities.Member(self, topic).has(1):
            group = self.call("describe_consumer_groups", [topic])[0].groups[0]
            return f"{group[2]}, {group[4]}, {group[5][0][1]}" if len(group) < 7 else f"{group[2:5]}"

    def admin_group_offsets(self):
        topic = self.filled("group-offsets")
        self.consume_and_commit(topic, 3)
        return [o.offset for o in self.call("list_consumer_group_offsets", topic).values()]


abilities.main(Peer)
