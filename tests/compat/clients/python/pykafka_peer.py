"""pykafka: its simple consumer, and its balanced consumer both by the broker's
groups (ManagedBalancedConsumer) and by ZooKeeper. It has no admin calls, headers
or static members."""

import logging
import time

import pykafka
from pykafka.common import CompressionType, OffsetType

import abilities
from abilities import NotInThisClient, Record, require, until

logging.disable(logging.CRITICAL)


class Peer(abilities.Abilities):
    codecs = ("gzip", "snappy", "lz4")
    threads = 4
    both_null = False
    clients = []

    def client(self):
        client = pykafka.KafkaClient(hosts=self.bootstrap, broker_version="0.10.2")
        self.clients.append(client)  # topics hold it weakly
        return client

    def create(self, topic, partitions):
        """It asks for topics' creation by AdminClient only in other libraries; the
        topics come from confluent-kafka."""
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        (future,) = admin.create_topics([NewTopic(topic, partitions, 1)]).values()
        future.result(20)
        until(f"{topic} is there", lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == partitions)

    def create_topic(self):
        raise NotInThisClient

    create_topic_exists = headers = idempotent_producer = group_cooperative = group_static = create_topic

    def send(self, topic, records, codec=None, timeout=30, largest=1000012):
        kinds = {"gzip": CompressionType.GZIP, "snappy": CompressionType.SNAPPY, "lz4": CompressionType.LZ4, None: CompressionType.NONE}
        found = self.client().topics[topic.encode()]
        chosen = iter([r.partition for r in records])

        def partitioner(partitions, key):
            wanted = next(chosen)
            if wanted is None:
                wanted = sum(key or b"") % len(partitions)
            return next(p for p in partitions if p.id == wanted)

        with found.get_sync_producer(partitioner=partitioner, compression=kinds[codec], linger_ms=0, max_request_size=largest, max_retries=1) as producer:
            for record in records:
                producer.produce(record.value, partition_key=record.key)

    def consumer(self, topic, **settings):
        return self.client().topics[topic.encode()].get_simple_consumer(consumer_timeout_ms=200, fetch_wait_max_ms=100, **settings)

    def poll(self, consumer, count):
        records = []

        def enough():
            message = consumer.consume()
            if message is not None:
                records.append(Record(message.value, message.partition_key, None, message.partition_id, None, message.offset))
            return len(records) >= count

        until(f"{count} records", enough)
        return records

    def read(self, topic, count, position, partitions=1, then=None):
        reset = OffsetType.LATEST if position == "end" else OffsetType.EARLIEST
        consumer = self.consumer(topic, auto_offset_reset=reset, reset_offset_on_start=True)
        try:
            if isinstance(position, tuple):
                if position[0] == "timestamp":
                    raise NotInThisClient  # before record batches had timestamps
                consumer.reset_offsets([(p, position[1] - 1) for p in consumer.partitions.values()])
            if then:
                then()
            return self.poll(consumer, count)
        finally:
            consumer.stop()

    def consume_and_commit(self, topic, count):
        consumer = self.consumer(topic, consumer_group=topic.encode(), auto_offset_reset=OffsetType.EARLIEST)
        try:
            records = self.poll(consumer, count)
            consumer.commit_offsets()
            return [b"%s at %d" % (r.value, r.offset) for r in records]
        finally:
            consumer.stop()

    def unknown_topic_produce(self):
        return self.failure(lambda: self.client().topics[f"{self.prefix}-missing".encode()])

    unknown_topic_consume = unknown_topic_produce

    def join(self, topic, managed=True, session=6000):
        found = self.client().topics[topic.encode()]
        more = {"heartbeat_interval_ms": 200} if managed else {"zookeeper_connect": self.zookeeper, "zookeeper_connection_timeout_ms": session}
        consumer = found.get_balanced_consumer(
            topic.encode(), managed=managed, auto_offset_reset=OffsetType.EARLIEST, consumer_timeout_ms=50, fetch_wait_max_ms=100,
            rebalance_backoff_ms=300, rebalance_max_retries=20, **more)

        def poll():
            message = consumer.consume()
            return [message.value] if message is not None else [], list(consumer.partitions or [])

        return poll, consumer.stop

    def group_zookeeper(self):
        return self.group_join_leave("zookeeper", managed=False)

    def list_topics(self):
        topic = self.topic("listed")
        require(topic.encode() in self.client().topics, "not listed")


abilities.main(Peer)
