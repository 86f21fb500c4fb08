"""The abilities that every Python client is asked for, made of a few primitives
that a client's own file provides. Prints a line for each: PASS, FAIL or NONE."""

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
import traceback

PATIENCE = 40
FIRST = 1_600_000_000_000  # of the records of filled topics, a second apart


class Record:
    def __init__(self, value, key=None, headers=None, partition=None, timestamp=None, offset=None):
        self.value, self.key, self.headers = value, key, headers or []
        self.partition, self.timestamp, self.offset = partition, timestamp, offset


class NotInThisClient(Exception):
    pass


def require(condition, what):
    if not condition:
        raise AssertionError(what)


def until(what, condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        require(time.monotonic() < deadline, f"{what}: not within {PATIENCE} s")
        time.sleep(0.02)


def numbered(count):
    return [Record(b"value-%d" % i) for i in range(count)]


def values(records):
    return [record.value for record in records]


def text(value):
    return "null" if value is None else bytes(value).decode()


class Member:
    """A group's member that a thread polls. A client provides join, which returns
    poll (values and assigned partitions), and leave."""

    def __init__(self, client, topic, **settings):
        self.got, self.assigned, self.problem, self.closed = set(), set(), None, False
        self.changes, self.lost = 0, 0
        self.thread = threading.Thread(target=self._run, args=(client, topic, settings), daemon=True)
        self.thread.start()

    def _run(self, client, topic, settings):
        try:
            poll, leave = client.join(topic, **settings)
            while not self.closed:
                records, assigned = poll()
                self.got.update(records)
                assigned = set(assigned)
                if assigned != self.assigned:
                    self.changes += 1
                    self.lost += len(self.assigned - assigned)
                    self.assigned = assigned
            leave()
        except Exception as problem:
            traceback.print_exc()
            self.problem = problem

    def has(self, count):
        def met():
            if self.problem:
                raise self.problem
            return len(self.assigned) == count

        until(f"a member has {count} partitions", met)
        return self

    def close(self):
        self.closed = True
        self.thread.join(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Abilities:
    """Subclasses provide the primitives: create, send, read, join, commit and admin
    calls; a method that is left out is an ability that the client does not have."""

    codecs = ("gzip", "snappy", "lz4", "zstd")
    threads = 6  # abilities at a time
    both_null = True  # whether it takes records with neither key nor value

    def __init__(self, bootstrap, zookeeper, prefix):
        self.bootstrap, self.zookeeper, self.prefix = bootstrap, zookeeper, prefix

    # Primitives.
    def create(self, topic, partitions):
        raise NotInThisClient

    def send(self, topic, records, **settings):
        raise NotInThisClient

    def read(self, topic, count, position, partitions=1, then=None):
        """Reads count records from "start", "end", ("offset", n) or ("timestamp", n);
        calls then once the position is taken."""
        raise NotInThisClient

    def join(self, topic, strategy="range", instance=None, session=3000):
        raise NotInThisClient

    def consume_and_commit(self, topic, count):
        raise NotInThisClient

    def failure(self, step):
        try:
            step()
        except Exception as problem:
            return self.name_of(problem)
        raise AssertionError("no error")

    def name_of(self, problem):
        return type(problem).__name__

    # What abilities are made of.
    def topic(self, name, partitions=1):
        topic = f"{self.prefix}-{name}"
        self.create(topic, partitions)
        return topic

    def filled(self, name):
        topic = self.topic(name)
        self.send(topic, [Record(b"value-%d" % i, partition=0, timestamp=FIRST + i * 1000) for i in range(10)])
        return topic

    def send_to_each(self, topic, partitions, prefix):
        self.send(topic, [Record(b"%s-%d" % (prefix, i), partition=i) for i in range(partitions)])

    def got(self, prefix, count, *members):
        until(f"{prefix} arrives", lambda: len({v for m in members for v in set(m.got) if v.startswith(prefix)}) == count)

    def first(self, name, position):
        record = self.read(self.filled(name), 1, position)[0]
        return f"{text(record.value)} at {record.offset}" + (f" of {record.timestamp}" if record.timestamp else "")

    # The abilities.
    def create_topic(self):
        self.topic("created", 3)

    def create_topic_exists(self):
        topic = self.topic("twice")
        return self.failure(lambda: self.create(topic, 1))

    def produce_values(self):
        topic = self.topic("values")
        self.send(topic, numbered(100))
        require(values(self.read(topic, 100, "start")) == values(numbered(100)), "other records")

    def produce_keys(self):
        topic = self.topic("keys", 4)
        self.send(topic, [Record(b"value-%d" % i, key=b"key-%d" % (i % 10)) for i in range(40)])
        places = {}
        for record in self.read(topic, 40, "start", partitions=4):
            places.setdefault(bytes(record.key), set()).add(record.partition)
        require(len(places) == 10, f"keys {places}")
        return [sorted(places[key]) for key in sorted(places)]

    def nulls(self):
        topic = self.topic("nulls")
        sent = [Record(b"v"), Record(None, key=b"k"), *([Record(None)] if self.both_null else []), Record(b"", key=b"")]
        self.send(topic, sent)
        return " ".join(f"{text(r.key)}={text(r.value)}" for r in self.read(topic, len(sent), "start"))

    def headers(self):
        topic = self.topic("headers")
        self.send(topic, [Record(b"v", headers=[("a", b"1"), ("a", b"2"), ("empty", b"")])])
        got = self.read(topic, 1, "start")[0].headers
        require([(k, bytes(v)) for k, v in got] == [("a", b"1"), ("a", b"2"), ("empty", b"")], f"headers {got}")

    def codec(self, codec):
        if codec not in self.codecs:
            raise NotInThisClient
        topic = self.topic(f"codec-{codec}")
        sent = [Record(b"value-%d" % i * 50) for i in range(100)]
        self.send(topic, sent, codec=codec)
        require(values(self.read(topic, 100, "start")) == values(sent), "other records")

    def large_record(self):
        topic = self.topic("large")
        self.send(topic, [Record(b"x" * (900 << 10))])
        return f"{len(self.read(topic, 1, 'start')[0].value)} bytes"

    def idempotent_producer(self):
        topic = self.topic("idempotent")
        self.send(topic, numbered(200), idempotent=True)
        require(values(self.read(topic, 200, "start")) == values(numbered(200)), "other records")

    def consume_start(self):
        return self.first("start", "start")

    def consume_offset(self):
        return self.first("offset", ("offset", 7))

    def consume_timestamp(self):
        return self.first("timestamp", ("timestamp", FIRST + 5000))

    def consume_end(self):
        topic = self.filled("end")
        record = self.read(topic, 1, "end", then=lambda: self.send(topic, [Record(b"after")]))[0]
        return f"{text(record.value)} at {record.offset}"

    def commit_resume(self):
        topic = self.filled("resumed")
        self.consume_and_commit(topic, 4)
        return text(self.consume_and_commit(topic, 6)[0])

    def restart_commit(self):
        self.consume_and_commit(self.filled("restart"), 4)

    def restart_resume(self):
        return text(self.consume_and_commit(f"{self.prefix}-restart", 6)[0])

    def unknown_topic_produce(self):
        return self.failure(lambda: self.send(f"{self.prefix}-missing", [Record(b"v")], timeout=2))

    def unknown_topic_consume(self):
        return self.failure(lambda: self.read(f"{self.prefix}-missing", 1, "start"))

    def record_too_large(self):
        topic = self.topic("too-large")
        return self.failure(lambda: self.send(topic, [Record(b"x" * (2 << 20))], largest=4_000_000))

    def group_join_leave(self, name="join-leave", **settings):
        topic = self.topic(name, 4)
        with Member(self, topic, **settings).has(4) as first:
            with Member(self, topic, **settings).has(2) as second:
                first.has(2)
                self.send_to_each(topic, 4, b"both")
                self.got(b"both", 4, first, second)
                second.close()
            first.has(4)
            self.send_to_each(topic, 4, b"one")
            self.got(b"one", 4, first)

    def group_cooperative(self):
        topic = self.topic("cooperative", 4)
        with Member(self, topic, strategy="cooperative").has(4) as first:
            with Member(self, topic, strategy="cooperative").has(2) as second:
                first.has(2)
                self.send_to_each(topic, 4, b"both")
                self.got(b"both", 4, first, second)
                return f"the first gave up {first.lost}"

    def group_static(self):
        topic = self.topic("static", 4)
        with Member(self, topic, instance="one", session=15000).has(4) as first:
            second = Member(self, topic, instance="two", session=15000).has(2)
            first.has(2)
            before, changes = set(second.assigned), first.changes
            second.close()
            with Member(self, topic, instance="two", session=15000).has(2) as again:
                require(again.assigned == before, "other partitions than before")
                self.send_to_each(topic, 4, b"both")
                self.got(b"both", 4, first, again)
                return f"{first.changes - changes} rebalances"

    def group_crash(self):
        topic = self.topic("crash", 4)
        with Member(self, topic).has(4) as first:
            second = subprocess.Popen([sys.executable, sys.argv[0], "member", self.bootstrap, self.zookeeper, topic], stdout=subprocess.PIPE)
            try:
                require(second.stdout.readline(), "the second member ended")
                first.has(2)
            finally:
                second.kill()
                second.wait()
            first.has(4)
            self.send_to_each(topic, 4, b"one")
            self.got(b"one", 4, first)

    def group_zookeeper(self):
        raise NotInThisClient

    producer_defaults = group_zookeeper  # those of KIP-679, which are Java's

    def list(self):
        first = ["group_crash", "group_zookeeper", "group_join_leave", "group_cooperative", "group_static", "create_topic", "create_topic_exists",
                 "produce_values", "produce_keys", "nulls", "headers", "producer_defaults"]
        then = ["large_record", "idempotent_producer", "consume_start", "consume_end", "consume_offset", "consume_timestamp",
                "commit_resume", "restart_commit", "unknown_topic_produce", "unknown_topic_consume", "record_too_large"]
        calls = [(name.replace("_", "-"), getattr(self, name)) for name in first]
        calls += [(f"codec-{codec}", lambda codec=codec: self.codec(codec)) for codec in ("gzip", "snappy", "lz4", "zstd")]
        calls += [(name.replace("_", "-"), getattr(self, name)) for name in then]
        admin = ["list_topics", "describe_topic", "describe_cluster", "unknown_topic_describe", "delete_topic"]
        admin += ["admin_" + name for name in (
            "create_partitions", "describe_configs", "alter_configs", "incremental_alter_configs", "delete_records",
            "list_offsets", "log_dirs", "elect_leaders", "reassignments", "describe_producers", "features", "list_groups",
            "describe_group", "group_offsets", "alter_group_offsets", "delete_group_offsets", "remove_members", "delete_group")]
        calls += [(name.replace("_", "-"), getattr(self, name, None)) for name in admin]
        return calls


def outcome(name, call):
    if call is None:
        return f"NONE {name}"
    try:
        detail = call()
        return f"PASS {name}" + (f": {detail}" if detail is not None else "")
    except NotInThisClient:
        return f"NONE {name}"
    except BaseException as problem:  # asyncio's CancelledError is no Exception
        where = traceback.extract_tb(problem.__traceback__)[-1]
        return f"FAIL {name}: {type(problem).__name__}: {problem} at {where.name} {where.lineno}".replace("\n", " ")


def main(make):
    if sys.argv[1] == "member":
        _, _, bootstrap, zookeeper, topic = sys.argv
        poll, _ = make(bootstrap, zookeeper, "member").join(topic)
        said = False
        while True:
            _, assigned = poll()
            if assigned and not said:
                print("assigned", flush=True)
                said = True
    _, bootstrap, zookeeper, prefix, phase = sys.argv
    client = make(bootstrap, zookeeper, prefix)
    calls = [("restart-resume", client.restart_resume)] if phase == "resume" else client.list()
    with concurrent.futures.ThreadPoolExecutor(client.threads) as threads:
        for line in threads.map(lambda call: outcome(*call), calls):
            print(line, flush=True)
    os._exit(0)  # threads of clients may linger
