"""confluent-kafka-python, that is librdkafka."""

import confluent_kafka
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, ElectionType, KafkaException, Producer, TopicCollection, TopicPartition, admin
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType

import abilities
from abilities import Record, require, until


def only(futures):
    (future,) = futures.values()
    return future.result(20)


class Peer(abilities.Abilities):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap})

    def name_of(self, problem):
        if isinstance(problem, KafkaException):
            return f"{problem.args[0].name()}: {problem.args[0].str()}".replace(self.prefix, "PREFIX")
        return type(problem).__name__

    def create(self, topic, partitions):
        only(self.admin.create_topics([NewTopic(topic, partitions, 1)]))
        self.await_partitions(topic, partitions)

    def await_partitions(self, topic, count):
        def there():
            found = self.admin.list_topics(topic, timeout=10).topics[topic]
            return found.error is None and len(found.partitions) == count

        until(f"{topic} has {count} partitions", there)

    def send(self, topic, records, codec="none", idempotent=False, timeout=None, largest=1_000_000):
        errors = []
        producer = Producer({
            "bootstrap.servers": self.bootstrap, "compression.type": codec, "enable.idempotence": idempotent, "linger.ms": 5,
            "message.timeout.ms": 30_000, "message.max.bytes": largest, "topic.metadata.propagation.max.ms": 1000,
        })
        for record in records:
            more = {}
            if record.partition is not None:
                more["partition"] = record.partition
            if record.timestamp is not None:
                more["timestamp"] = record.timestamp
            producer.produce(topic, value=record.value, key=record.key, headers=record.headers or None,
                             on_delivery=lambda error, _: error and errors.append(error), **more)
        producer.flush(40)
        if errors:
            raise KafkaException(errors[0])

    def consumer(self, group="none", **settings):
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "fetch.wait.max.ms": 100, "allow.auto.create.topics": False, **settings})

    def poll(self, consumer, count):
        records = []

        def enough():
            message = consumer.poll(0.2)
            if message is not None:
                if message.error():
                    raise KafkaException(message.error())
                records.append(Record(message.value(), message.key(), message.headers(), message.partition(), message.timestamp()[1], message.offset()))
            return len(records) >= count

        until(f"{count} records", enough)
        return records

    def read(self, topic, count, position, partitions=1, then=None):
        consumer = self.consumer()
        try:
            at = {"start": confluent_kafka.OFFSET_BEGINNING}.get(position)
            if position == "end":
                at = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1]
            elif at is None:
                kind, at = position
                if kind == "timestamp":
                    at = consumer.offsets_for_times([TopicPartition(topic, 0, at)], timeout=10)[0].offset
            consumer.assign([TopicPartition(topic, p, at) for p in range(partitions)])
            if then:
                then()
            return self.poll(consumer, count)
        finally:
            consumer.close()

    def unknown_topic_consume(self):
        consumer = self.consumer(f"{self.prefix}-group")
        try:
            consumer.subscribe([f"{self.prefix}-missing"])
            return self.failure(lambda: self.poll(consumer, 1))
        finally:
            consumer.close()

    def consume_and_commit(self, topic, count):
        consumer = self.consumer(topic)
        try:
            consumer.subscribe([topic])
            records = self.poll(consumer, count)
            consumer.commit(asynchronous=False)
            return [b"%s at %d" % (r.value, r.offset) for r in records]
        finally:
            consumer.close()

    def join(self, topic, strategy="range", instance=None, session=3000):
        settings = {"partition.assignment.strategy": {"cooperative": "cooperative-sticky"}.get(strategy, strategy),
                    "session.timeout.ms": session, "heartbeat.interval.ms": 200, "client.id": "describer"}
        if instance:
            settings["group.instance.id"] = instance
        consumer = self.consumer(topic, **settings)
        consumer.subscribe([topic])

        def poll():
            message = consumer.poll(0.05)
            got = [message.value()] if message is not None and not message.error() else []
            return got, [p.partition for p in consumer.assignment()]

        return poll, consumer.close

    # Admin.
    def list_topics(self):
        require(self.topic("listed") in self.admin.list_topics(timeout=10).topics, "not listed")

    def describe_topic(self):
        found = only(self.admin.describe_topics(TopicCollection([self.topic("described", 2)])))
        return " ".join(f"{p.id}:leader {p.leader.id} isr {len(p.isr)} replicas {len(p.replicas)}" for p in found.partitions)

    def describe_cluster(self):
        found = self.admin.describe_cluster().result(20)
        return f"{len(found.nodes)} broker, controller {found.controller.id}, cluster id of {len(found.cluster_id)}"

    def unknown_topic_describe(self):
        return self.failure(lambda: only(self.admin.describe_topics(TopicCollection([f"{self.prefix}-missing"]))))

    def delete_topic(self):
        topic = self.filled("deleted")
        only(self.admin.delete_topics([topic]))
        until("the topic is gone", lambda: topic not in self.admin.list_topics(timeout=10).topics)
        return self.failure(lambda: only(self.admin.delete_topics([topic])))

    def admin_create_partitions(self):
        topic = self.topic("grown")
        only(self.admin.create_partitions([NewPartitions(topic, 3)]))
        self.await_partitions(topic, 3)
        return self.failure(lambda: only(self.admin.create_partitions([NewPartitions(topic, 2)])))

    def config(self, topic):
        return only(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))

    def admin_describe_configs(self):
        found = self.config(self.topic("configs"))
        broker = only(self.admin.describe_configs([ConfigResource(ResourceType.BROKER, "0")]))
        return f"{len(found)} of a topic, {len(broker)} of a broker, retention {found['retention.ms'].value}"

    def admin_alter_configs(self):
        topic = self.topic("altered")
        only(self.admin.alter_configs([ConfigResource(ResourceType.TOPIC, topic, set_config={"retention.ms": "7777"})]))
        until("altered", lambda: self.config(topic)["retention.ms"].value == "7777")

    def admin_incremental_alter_configs(self):
        topic = self.topic("incremental")

        def alter(value):
            entry = ConfigEntry("retention.ms", value, incremental_operation=AlterConfigOpType.SET)
            only(self.admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

        alter("8888")
        until("altered", lambda: self.config(topic)["retention.ms"].value == "8888")
        return self.failure(lambda: alter("x"))

    def admin_delete_records(self):
        topic = self.filled("deleted-records")
        found = only(self.admin.delete_records([TopicPartition(topic, 0, 4)]))
        beyond = self.failure(lambda: only(self.admin.delete_records([TopicPartition(topic, 0, 99)])))
        return f"low watermark {found.low_watermark}, then {self.read(topic, 1, 'start')[0].offset}; beyond: {beyond}"

    def admin_list_offsets(self):
        partition = TopicPartition(self.filled("offsets"), 0)
        specs = (OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.max_timestamp(), OffsetSpec.for_timestamp(abilities.FIRST + 5000))
        found = [only(self.admin.list_offsets({partition: spec})) for spec in specs]
        return " ".join(f"{one.offset}@{one.timestamp}" for one in found)

    def admin_elect_leaders(self):
        topic = self.topic("elected")
        (error,) = self.admin.elect_leaders(ElectionType.PREFERRED, [TopicPartition(topic, 0)]).result(20).values()
        return f"{error.name()}: {error.str()}" if error else "elected"

    def admin_list_groups(self):
        topic = self.filled("group-listed")
        self.consume_and_commit(topic, 2)
        require(topic in [g.group_id for g in self.admin.list_consumer_groups().result(20).valid], "not listed")

    def admin_describe_group(self):
        topic = self.filled("group-described")
        self.consume_and_commit(topic, 2)
        with abilities.Member(self, topic).has(1):
            found = only(self.admin.describe_consumer_groups([topic]))
            member = found.members[0]
            return f"{found.state}, {found.partition_assignor}, {member.client_id} on {member.host} with {len(member.assignment.topic_partitions)}"

    def offsets(self, topic):
        return only(self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic)])).topic_partitions

    def admin_group_offsets(self):
        topic = self.filled("group-offsets")
        self.consume_and_commit(topic, 3)
        return [p.offset for p in self.offsets(topic)]

    def admin_alter_group_offsets(self):
        topic = self.filled("group-altered")
        self.consume_and_commit(topic, 3)
        only(self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 0, 8)])]))
        return abilities.text(self.consume_and_commit(topic, 2)[0])

    def admin_delete_group(self):
        topic = self.filled("group-deleted")
        self.consume_and_commit(topic, 2)
        only(self.admin.delete_consumer_groups([topic]))
        return self.failure(lambda: only(self.admin.delete_consumer_groups([topic])))


abilities.main(Peer)
