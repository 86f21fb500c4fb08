"""kafka-python."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, MemberToRemove, NewPartitions, NewTopic, OffsetSpec
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

import abilities
from abilities import Record, require, until


class Peer(abilities.Abilities):
    both_null = False

    def admin(self):
        return KafkaAdminClient(bootstrap_servers=self.bootstrap)

    def call(self, name, *arguments, **named):
        admin = self.admin()
        try:
            return getattr(admin, name)(*arguments, **named)
        finally:
            admin.close()

    def create(self, topic, partitions):
        self.call("create_topics", [NewTopic(topic, partitions, 1)])
        self.await_partitions(topic, partitions)

    def await_partitions(self, topic, count):
        def there():
            (found,) = self.call("describe_topics", [topic])
            return len(found["partitions"]) == count

        until(f"{topic} has {count} partitions", there)

    def send(self, topic, records, codec=None, idempotent=False, timeout=30, largest=1048576):
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, compression_type=codec, enable_idempotence=idempotent,
                                 max_block_ms=timeout * 1000, max_request_size=largest, linger_ms=5)
        try:
            sent = [producer.send(topic, value=r.value, key=r.key, headers=r.headers, partition=r.partition, timestamp_ms=r.timestamp) for r in records]
            for one in sent:
                one.get(timeout=20)
        finally:
            producer.close(timeout=5)

    def consumer(self, *topics, **settings):
        return KafkaConsumer(*topics, bootstrap_servers=self.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest",
                             fetch_max_wait_ms=100, **settings)

    def poll(self, consumer, count):
        records = []

        def enough():
            for batch in consumer.poll(timeout_ms=2000, max_records=count - len(records)).values():
                records.extend(Record(r.value, r.key, r.headers, r.partition, r.timestamp, r.offset) for r in batch)
            return len(records) >= count

        until(f"{count} records", enough)
        return records

    def read(self, topic, count, position, partitions=1, then=None):
        consumer = self.consumer()
        try:
            assigned = [TopicPartition(topic, p) for p in range(partitions)]
            consumer.assign(assigned)
            if position == "start":
                consumer.seek_to_beginning(*assigned)
            elif position == "end":
                consumer.seek_to_end(*assigned)
                consumer.position(assigned[0])
            elif position[0] == "offset":
                consumer.seek(assigned[0], position[1])
            else:
                consumer.seek(assigned[0], consumer.offsets_for_times({assigned[0]: position[1]})[assigned[0]].offset)
            if then:
                then()
            return self.poll(consumer, count)
        finally:
            consumer.close()

    def unknown_topic_consume(self):
        consumer = self.consumer(allow_auto_create_topics=False)
        try:
            return consumer.partitions_for_topic(f"{self.prefix}-missing")
        finally:
            consumer.close()

    def consume_and_commit(self, topic, count):
        consumer = self.consumer(topic, group_id=topic, max_poll_records=1)
        try:
            records = self.poll(consumer, count)
            consumer.commit()
            return [b"%s at %d" % (r.value, r.offset) for r in records]
        finally:
            consumer.close()

    def join(self, topic, strategy="range", instance=None, session=3000):
        assignor = {"range": RangePartitionAssignor, "cooperative": CooperativeStickyAssignor}[strategy]
        consumer = self.consumer(topic, group_id=topic, group_instance_id=instance, session_timeout_ms=session, heartbeat_interval_ms=200,
                                 client_id="describer", partition_assignment_strategy=[assignor])

        def poll():
            # 3.0.12 may never finish a join that a poll's end interrupted
            got = [r.value for batch in consumer.poll(timeout_ms=400 if consumer.assignment() else 2000).values() for r in batch]
            return got, [p.partition for p in consumer.assignment()]

        return poll, consumer.close

    # Admin.
    def list_topics(self):
        topic = self.topic("listed")
        found = self.call("list_topics")
        require(any(topic in (t, isinstance(t, dict) and t.get("name")) for t in found), f"not listed")

    def describe_topic(self):
        (found,) = self.call("describe_topics", [self.topic("described", 2)])
        return sorted(f"{p['partition_index']}:leader {p['leader_id']} isr {p['isr_nodes']} replicas {p['replica_nodes']}" for p in found["partitions"])

    # Version 3.0.12 has describe_cluster and describe_features, but they read fields
    # that the answers of brokers before 3.3 do not have and end with KeyError.

    def unknown_topic_describe(self):
        (found,) = self.call("describe_topics", [f"{self.prefix}-missing"])
        return f"error {found['error_code']}"

    def delete_topic(self):
        topic = self.filled("deleted")
        self.call("delete_topics", [topic])
        return self.failure(lambda: self.call("delete_topics", [topic]))

    def admin_create_partitions(self):
        topic = self.topic("grown")
        self.call("create_partitions", {topic: NewPartitions(3)})
        self.await_partitions(topic, 3)
        return self.failure(lambda: self.call("create_partitions", {topic: NewPartitions(2)}))

    def retention(self, topic):
        return self.call("describe_configs", [ConfigResource("topic", topic)], config_filter="all")["topic"][topic]["retention.ms"]["value"]

    def admin_describe_configs(self):
        topic = self.topic("configs")
        broker = self.call("describe_configs", [ConfigResource("broker", "0")], config_filter="all")["broker"]["0"]
        found = self.call("describe_configs", [ConfigResource("topic", topic)], config_filter="all")["topic"][topic]
        return f"{len(found)} of a topic, {len(broker)} of a broker, retention {found['retention.ms']['value']}"

    def altered(self, name, incremental):
        topic = self.topic(name)
        self.call("alter_configs", [ConfigResource("topic", topic, configs={"retention.ms": "7777"})], incremental=incremental)
        until("altered", lambda: int(self.retention(topic)) == 7777)

    def admin_alter_configs(self):
        return self.altered("altered", False)

    def admin_incremental_alter_configs(self):
        return self.altered("incremental", True)

    def admin_delete_records(self):
        topic = self.filled("deleted-records")
        self.call("delete_records", {TopicPartition(topic, 0): 4})
        beyond = self.failure(lambda: self.call("delete_records", {TopicPartition(topic, 0): 99}))
        return f"then {self.read(topic, 1, 'start')[0].offset}; beyond: {beyond}"

    def admin_list_offsets(self):
        partition = TopicPartition(self.filled("offsets"), 0)
        specs = (OffsetSpec.EARLIEST, OffsetSpec.LATEST, OffsetSpec.MAX_TIMESTAMP, abilities.FIRST + 5000)
        found = [self.call("list_partition_offsets", {partition: spec})[partition] for spec in specs]
        return " ".join(f"{one.offset}@{one.timestamp}" for one in found)

    def admin_log_dirs(self):
        topic = self.filled("log-dirs")
        found = str(self.call("describe_log_dirs", [topic]))
        require(topic in found, found)

    def admin_elect_leaders(self):
        topic = self.topic("elected")
        self.call("elect_leaders", 0, {topic: [0]}, raise_errors=False)

    def admin_reassignments(self):
        partition = TopicPartition(self.topic("reassigned"), 0)
        found = self.call("alter_partition_reassignments", {partition: [0]})[partition]
        until("the reassignment ends", lambda: not self.call("list_partition_reassignments", [partition]))
        return f"{found}; unknown broker: {self.call('alter_partition_reassignments', {partition: [77]})[partition].__name__}"

    def admin_describe_producers(self):
        topic = self.topic("producers")
        self.send(topic, abilities.numbered(5), idempotent=True)
        found = self.call("describe_producers", [TopicPartition(topic, 0)])[TopicPartition(topic, 0)]
        return f"{len(found.active_producers)} producer, last sequence {found.active_producers[0].last_sequence}"

    def admin_list_groups(self):
        topic = self.filled("group-listed")
        self.consume_and_commit(topic, 2)
        require(topic in str(self.call("list_groups")), "not listed")

    def admin_describe_group(self):
        topic = self.filled("group-described")
        self.consume_and_commit(topic, 2)
        with abilities.Member(self, topic).has(1):
            found = self.call("describe_groups", [topic])[topic]
            member = found["members"][0]
            return f"{found['group_state']}, {found['protocol_data']}, {member['client_id']} on {member['client_host']}"

    def offsets(self, topic):
        return [o.offset for o in self.call("list_group_offsets", {topic: None})[topic].values()]

    def admin_group_offsets(self):
        topic = self.filled("group-offsets")
        self.consume_and_commit(topic, 3)
        return self.offsets(topic)

    def admin_alter_group_offsets(self):
        topic = self.filled("group-altered")
        self.consume_and_commit(topic, 3)
        self.call("alter_group_offsets", topic, {TopicPartition(topic, 0): OffsetAndMetadata(8, "moved", -1)})
        return abilities.text(self.consume_and_commit(topic, 2)[0])

    def admin_delete_group_offsets(self):
        topic = self.filled("group-offset-deleted")
        self.consume_and_commit(topic, 3)
        self.call("delete_group_offsets", topic, [TopicPartition(topic, 0)])
        return f"then {self.offsets(topic)}"

    def admin_remove_members(self):
        topic = self.filled("group-removed")
        self.consume_and_commit(topic, 2)
        member = abilities.Member(self, topic, instance="removed", session=15000).has(1)
        running = self.failure(lambda: self.deleted(topic))
        member.close()
        self.call("remove_group_members", topic, [MemberToRemove(group_instance_id="removed")])
        return f"{running}, then {self.call('describe_groups', [topic])[topic]['group_state']}"

    def deleted(self, group):
        result = self.call("delete_groups", [group])[group]
        if str(result) != "OK":
            raise KafkaError(str(result))

    def admin_delete_group(self):
        topic = self.filled("group-deleted")
        self.consume_and_commit(topic, 2)
        self.deleted(topic)
        return self.failure(lambda: self.deleted(topic))

    def name_of(self, problem):
        return f"{type(problem).__name__} {problem}".replace(self.prefix, "PREFIX") if type(problem) is KafkaError else type(problem).__name__


abilities.main(Peer)
