import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Every ability of kafka-clients: producer, consumer and admin. Arguments: bootstrap zookeeper prefix main|resume. */
public final class Peer {
    static final class NotInThisClient extends RuntimeException { }

    interface Ability { Object run() throws Exception; }

    final String bootstrap, prefix;
    final Map<String, Future<String>> outcomes = new java.util.LinkedHashMap<>();
    final ExecutorService threads = Executors.newFixedThreadPool(6, task -> {
        Thread thread = new Thread(task);
        thread.setDaemon(true);
        return thread;
    });
    final Admin admin;

    Peer(String bootstrap, String prefix) {
        this.bootstrap = bootstrap;
        this.prefix = prefix;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("member")) {
            member(args[1], args[2], args[3]);
            return;
        }
        Peer peer = new Peer(args[0], args[2]);
        if (args[3].equals("resume")) {
            peer.ability("restart-resume", peer::restartResume);
        } else {
            peer.register();
        }
        for (Map.Entry<String, Future<String>> outcome : peer.outcomes.entrySet()) {
            System.out.println(outcome.getValue().get().replace('\n', ' '));
        }
        System.exit(0);
    }

    void ability(String name, Ability ability) {
        outcomes.put(name, threads.submit((Callable<String>) () -> {
            try {
                Object detail = ability.run();
                return "PASS " + name + (detail == null ? "" : ": " + detail);
            } catch (NotInThisClient none) {
                return "NONE " + name;
            } catch (Throwable problem) {
                StackTraceElement[] trace = problem.getStackTrace();
                for (StackTraceElement element : trace) {
                    if (element.getClassName().startsWith("Peer")) {
                        return "FAIL " + name + ": " + problem + " at line " + element.getLineNumber();
                    }
                }
                return "FAIL " + name + ": " + problem;
            }
        }));
    }

    void register() {
        ability("group-crash", this::groupCrash);
        ability("group-join-leave", () -> groupJoinLeave(RangeAssignor.class.getName()));
        ability("group-cooperative", this::groupCooperative);
        ability("group-static", this::groupStatic);
        ability("create-topic", this::createTopic);
        ability("create-topic-exists", () -> failure(() -> { create("twice", 1); admin.createTopics(List.of(new NewTopic(prefix + "-twice", 1, (short) 1))).all().get(); }));
        ability("list-topics", () -> { String topic = create("listed", 1); require(admin.listTopics().names().get().contains(topic), "not listed"); return null; });
        ability("describe-topic", this::describeTopic);
        ability("describe-cluster", () -> { DescribeClusterResult cluster = admin.describeCluster(); require(cluster.clusterId().get().length() == 22, "cluster id"); return cluster.nodes().get().size() + " broker, controller " + cluster.controller().get().id(); });
        ability("produce-values", this::produceValues);
        ability("produce-keys", this::produceKeys);
        ability("nulls", this::nulls);
        ability("headers", this::headers);
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            ability("codec-" + codec, () -> codec(codec));
        }
        ability("large-record", () -> { String topic = create("large", 1); send(topic, Map.of(), "x".repeat(900 << 10)); return read(topic, 1).get(0).length() + " bytes"; });
        ability("idempotent-producer", () -> { String topic = create("idempotent", 1); send(topic, Map.of("enable.idempotence", "true"), numbered(200)); require(read(topic, 200).equals(List.of(numbered(200))), "other records"); return null; });
        ability("producer-defaults", this::producerDefaults);
        ability("group-zookeeper", () -> { throw new NotInThisClient(); });
        ability("consume-start", () -> { String topic = filled("start"); return position(topic, (c, p) -> c.seekToBeginning(List.of(p))); });
        ability("consume-end", this::consumeEnd);
        ability("consume-offset", () -> position(filled("offset"), (c, p) -> c.seek(p, 7)));
        ability("consume-timestamp", () -> position(filled("timestamp"), (c, p) -> c.seek(p, c.offsetsForTimes(Map.of(p, 1_600_000_005_000L)).get(p).offset())));
        ability("commit-resume", () -> { String topic = filled("resumed"); consumeAndCommit(topic, 4); return consumeAndCommit(topic, 6).get(0); });
        ability("restart-commit", () -> { String topic = filled("restart"); consumeAndCommit(topic, 4); return null; });
        ability("unknown-topic-produce", () -> failure(() -> send(prefix + "-missing", Map.of("max.block.ms", "2000"), "x")));
        ability("unknown-topic-consume", this::unknownTopicConsume);
        ability("unknown-topic-describe", () -> failure(() -> admin.describeTopics(List.of(prefix + "-missing")).topicNameValues().get(prefix + "-missing").get()));
        ability("record-too-large", () -> { String topic = create("too-large", 1); return failure(() -> send(topic, Map.of("max.request.size", "4000000"), "x".repeat(2 << 20))); });
        ability("admin-create-partitions", () -> { String topic = create("grown", 1); admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get(); return partitions(topic, 3) + " partitions"; });
        ability("admin-describe-configs", this::describeConfigs);
        ability("admin-alter-configs", this::alterConfigs);
        ability("admin-incremental-alter-configs", this::incrementalAlterConfigs);
        ability("admin-delete-records", this::deleteRecords);
        ability("admin-list-offsets", this::listOffsets);
        ability("admin-log-dirs", this::logDirs);
        ability("admin-elect-leaders", this::electLeaders);
        ability("admin-reassignments", this::reassignments);
        ability("admin-describe-producers", this::describeProducers);
        ability("admin-features", () -> admin.describeFeatures().featureMetadata().get().supportedFeatures().size() + " features");
        ability("admin-list-groups", () -> { String topic = filled("group-listed"); consumeAndCommit(topic, 2); require(admin.listConsumerGroups().all().get().stream().anyMatch(g -> g.groupId().equals(topic)), "not listed"); return null; });
        ability("admin-describe-group", this::describeGroup);
        ability("admin-group-offsets", () -> { String topic = filled("group-offsets"); consumeAndCommit(topic, 3); return admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata().get().get(new TopicPartition(topic, 0)).offset(); });
        ability("admin-alter-group-offsets", this::alterGroupOffsets);
        ability("admin-delete-group-offsets", this::deleteGroupOffsets);
        ability("admin-remove-members", this::removeMembers);
        ability("admin-delete-group", () -> { String topic = filled("group-deleted"); consumeAndCommit(topic, 2); admin.deleteConsumerGroups(List.of(topic)).all().get(); return failure(() -> admin.deleteConsumerGroups(List.of(topic)).all().get()); });
        ability("delete-topic", this::deleteTopic);
    }

    // What abilities are made of.

    static void require(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException(what);
        }
    }

    interface Step { void run() throws Exception; }

    /** The class of the error that a step ends with. */
    static String failure(Step step) throws Exception {
        try {
            step.run();
        } catch (ExecutionException problem) {
            return problem.getCause().getClass().getSimpleName();
        }
        throw new IllegalStateException("no error");
    }

    static void await(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(40);
        while (!condition.call()) {
            require(System.nanoTime() < deadline, what + ": not within 40 s");
            Thread.sleep(20);
        }
    }

    String create(String name, int partitions) throws Exception {
        String topic = prefix + "-" + name;
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        partitions(topic, partitions);
        return topic;
    }

    int partitions(String topic, int count) throws Exception {
        await(topic + " has " + count + " partitions", () -> {
            try {
                return admin.describeTopics(List.of(topic)).topicNameValues().get(topic).get().partitions().size() == count;
            } catch (ExecutionException notYet) {
                return false;
            }
        });
        return count;
    }

    static String[] numbered(int count) {
        String[] values = new String[count];
        for (int i = 0; i < count; i++) {
            values[i] = "value-" + i;
        }
        return values;
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, String> settings) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.putAll(settings);
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    void send(String topic, Map<String, String> settings, String... values) throws Exception {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (String value : values) {
            records.add(new ProducerRecord<>(topic, value.getBytes()));
        }
        sendRecords(settings, records);
    }

    void sendRecords(Map<String, String> settings, List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(settings)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (ProducerRecord<byte[], byte[]> record : records) {
                sent.add(producer.send(record));
            }
            for (Future<RecordMetadata> one : sent) {
                one.get();
            }
        }
    }

    /** Ten records a second apart, from a fixed clock. */
    String filled(String name) throws Exception {
        String topic = create(name, 1);
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            records.add(new ProducerRecord<>(topic, 0, 1_600_000_000_000L + i * 1000, null, ("value-" + i).getBytes()));
        }
        sendRecords(Map.of(), records);
        return topic;
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, String> settings) { return consumer(bootstrap, settings); }

    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, Map<String, String> settings) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("session.timeout.ms", "3000");
        properties.put("heartbeat.interval.ms", "200");
        properties.put("metadata.max.age.ms", "2000");
        properties.putAll(settings);
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static List<ConsumerRecord<byte[], byte[]>> poll(Consumer<byte[], byte[]> consumer, int count) throws Exception {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        await(count + " records", () -> {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            return records.size() >= count;
        });
        return records;
    }

    List<ConsumerRecord<byte[], byte[]>> records(String topic, int count) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(topic).forEach(p -> partitions.add(new TopicPartition(topic, p.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            return poll(consumer, count);
        }
    }

    List<String> read(String topic, int count) throws Exception {
        List<String> values = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : records(topic, count)) {
            values.add(new String(record.value()));
        }
        return values;
    }

    // The abilities.

    Object createTopic() throws Exception {
        CreateTopicsResult result = admin.createTopics(List.of(new NewTopic(prefix + "-created", Optional.of(3), Optional.empty()).configs(Map.of("retention.ms", "123456"))));
        result.all().get();
        String topic = prefix + "-created";
        return result.numPartitions(topic).get() + " partitions, replication factor " + result.replicationFactor(topic).get() + ", retention " + result.config(topic).get().get("retention.ms").value();
    }

    Object describeTopic() throws Exception {
        String topic = create("described", 2);
        TopicDescription description = admin.describeTopics(List.of(topic)).topicNameValues().get(topic).get();
        require(!description.topicId().toString().equals("AAAAAAAAAAAAAAAAAAAAAA"), "no topic id");
        StringBuilder text = new StringBuilder();
        description.partitions().forEach(p -> text.append(p.partition()).append(":leader ").append(p.leader().id()).append(" isr ").append(p.isr().size()).append(" replicas ").append(p.replicas().size()).append(' '));
        return text.toString().trim();
    }

    Object produceValues() throws Exception {
        String topic = create("values", 1);
        send(topic, Map.of(), numbered(100));
        require(read(topic, 100).equals(List.of(numbered(100))), "other records");
        return null;
    }

    Object produceKeys() throws Exception {
        String topic = create("keys", 4);
        List<ProducerRecord<byte[], byte[]>> sent = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            sent.add(new ProducerRecord<>(topic, ("key-" + i % 10).getBytes(), ("value-" + i).getBytes()));
        }
        sendRecords(Map.of(), sent);
        Map<String, Set<Integer>> places = new TreeMap<>();
        records(topic, 40).forEach(r -> places.computeIfAbsent(new String(r.key()), k -> new TreeSet<>()).add(r.partition()));
        return places.values();
    }

    Object nulls() throws Exception {
        String topic = create("nulls", 1);
        sendRecords(Map.of(), List.of(new ProducerRecord<>(topic, null, "v".getBytes()), new ProducerRecord<>(topic, "k".getBytes(), null), new ProducerRecord<>(topic, null, null), new ProducerRecord<>(topic, new byte[0], new byte[0])));
        StringBuilder text = new StringBuilder();
        records(topic, 4).forEach(r -> text.append(text(r.key())).append('=').append(text(r.value())).append(' '));
        require(text.toString().equals("null=v k=null null=null = "), text.toString());
        return null;
    }

    static String text(byte[] bytes) { return bytes == null ? "null" : new String(bytes); }

    Object headers() throws Exception {
        String topic = create("headers", 1);
        ProducerRecord<byte[], byte[]> sent = new ProducerRecord<>(topic, "v".getBytes());
        sent.headers().add("a", "1".getBytes()).add("a", "2".getBytes()).add("none", null).add("empty", new byte[0]);
        sendRecords(Map.of(), List.of(sent));
        StringBuilder text = new StringBuilder();
        for (Header header : records(topic, 1).get(0).headers()) {
            text.append(header.key()).append('=').append(text(header.value())).append(' ');
        }
        require(text.toString().equals("a=1 a=2 none=null empty= "), text.toString());
        return null;
    }

    Object codec(String codec) throws Exception {
        String topic = create("codec-" + codec, 1);
        String[] values = numbered(100);
        for (int i = 0; i < values.length; i++) {
            values[i] = values[i].repeat(50);
        }
        send(topic, Map.of("compression.type", codec, "linger.ms", "20"), values);
        require(read(topic, 100).equals(List.of(values)), "other records");
        long size = admin.describeLogDirs(List.of(0)).descriptions().get(0).get().values().iterator().next().replicaInfos().get(new TopicPartition(topic, 0)).size();
        require(size < 30_000, "the log holds " + size + " bytes");
        return null;
    }

    interface Seek { void apply(Consumer<byte[], byte[]> consumer, TopicPartition partition); }

    Object position(String topic, Seek seek) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            seek.apply(consumer, partition);
            ConsumerRecord<byte[], byte[]> first = poll(consumer, 1).get(0);
            return new String(first.value()) + " at " + first.offset() + " of " + first.timestamp();
        }
    }

    Object consumeEnd() throws Exception {
        String topic = filled("end");
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of())) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            consumer.seekToEnd(List.of(partition));
            require(consumer.position(partition) == 10, "the end is at " + consumer.position(partition));
            send(topic, Map.of(), "after");
            ConsumerRecord<byte[], byte[]> first = poll(consumer, 1).get(0);
            return new String(first.value()) + " at " + first.offset();
        }
    }

    /** Reads the next records of a group named as the topic and commits behind them. */
    List<String> consumeAndCommit(String topic, int count) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("group.id", topic, "max.poll.records", "1"))) {
            consumer.subscribe(List.of(topic));
            List<String> values = new ArrayList<>();
            poll(consumer, count).forEach(r -> values.add(new String(r.value()) + " at " + r.offset()));
            consumer.commitSync();
            return values;
        }
    }

    Object restartResume() throws Exception { return consumeAndCommit(prefix + "-restart", 6).get(0); }

    Object unknownTopicConsume() throws Exception {
        String topic = prefix + "-missing";
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(Map.of("default.api.timeout.ms", "2000"))) {
            try {
                List<?> partitions = consumer.partitionsFor(topic);
                return partitions == null ? "no partitions" : partitions.size() + " partitions";
            } catch (Exception problem) {
                return problem.getClass().getSimpleName();
            }
        }
    }

    // Groups.

    final class Member implements ConsumerRebalanceListener, AutoCloseable {
        final KafkaConsumer<byte[], byte[]> consumer;
        final Thread thread;
        final Set<String> values = Collections.synchronizedSet(new HashSet<>());
        final Set<Integer> assigned = Collections.synchronizedSet(new TreeSet<>());
        volatile int rebalances, revoked;
        volatile boolean closed;
        volatile Exception problem;

        Member(String topic, Map<String, String> settings) {
            Map<String, String> all = new HashMap<>(settings);
            all.put("group.id", topic);
            consumer = consumer(all);
            consumer.subscribe(List.of(topic), this);
            thread = new Thread(() -> {
                try {
                    while (!closed) {
                        consumer.poll(Duration.ofMillis(50)).forEach(r -> values.add(new String(r.value())));
                    }
                    consumer.close();
                } catch (Exception e) {
                    problem = e;
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        @Override public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            rebalances++;
            partitions.forEach(p -> assigned.add(p.partition()));
        }

        @Override public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            revoked += partitions.size();
            partitions.forEach(p -> assigned.remove(p.partition()));
        }

        Member has(int count) throws Exception {
            await("a member has " + count + " partitions", () -> {
                if (problem != null) {
                    throw problem;
                }
                return assigned.size() == count;
            });
            return this;
        }

        @Override public void close() throws Exception {
            closed = true;
            thread.join(20_000);
        }
    }

    void sendToEach(String topic, int partitions, String round) throws Exception {
        List<ProducerRecord<byte[], byte[]>> records = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            records.add(new ProducerRecord<>(topic, i, null, (round + i).getBytes()));
        }
        sendRecords(Map.of(), records);
    }

    static void got(String round, int partitions, Member... members) throws Exception {
        await(round + " arrives", () -> {
            Set<String> all = new HashSet<>();
            for (Member member : members) {
                all.addAll(member.values);
            }
            return all.stream().filter(v -> v.startsWith(round)).count() == partitions;
        });
    }

    Object groupJoinLeave(String assignor) throws Exception {
        String topic = create("join-leave", 4);
        Map<String, String> eager = Map.of("partition.assignment.strategy", assignor);
        try (Member first = new Member(topic, eager).has(4)) {
            Member second = new Member(topic, eager);
            first.has(2);
            second.has(2);
            sendToEach(topic, 4, "both-");
            got("both-", 4, first, second);
            second.close();
            first.has(4);
            sendToEach(topic, 4, "one-");
            got("one-", 4, first);
        }
        return null;
    }

    Object groupCooperative() throws Exception {
        String topic = create("cooperative", 4);
        Map<String, String> cooperative = Map.of("partition.assignment.strategy", CooperativeStickyAssignor.class.getName());
        try (Member first = new Member(topic, cooperative).has(4); Member second = new Member(topic, cooperative).has(2)) {
            first.has(2);
            sendToEach(topic, 4, "both-");
            got("both-", 4, first, second);
            return "the first gave up " + first.revoked;
        }
    }

    Object groupStatic() throws Exception {
        String topic = create("static", 4);
        Map<String, String> eager = Map.of("partition.assignment.strategy", RangeAssignor.class.getName(), "session.timeout.ms", "15000");
        Map<String, String> one = new HashMap<>(eager), two = new HashMap<>(eager);
        one.put("group.instance.id", "one");
        two.put("group.instance.id", "two");
        try (Member first = new Member(topic, one).has(4)) {
            Member second = new Member(topic, two).has(2);
            first.has(2);
            Set<Integer> before = new TreeSet<>(second.assigned);
            int rebalances = first.rebalances;
            second.close();
            try (Member again = new Member(topic, two).has(2)) {
                require(again.assigned.equals(before), "other partitions than before");
                sendToEach(topic, 4, "both-");
                got("both-", 4, first, again);
                return (first.rebalances - rebalances) + " rebalances";
            }
        }
    }

    Object groupCrash() throws Exception {
        String topic = create("crash", 4);
        try (Member first = new Member(topic, Map.of("partition.assignment.strategy", RangeAssignor.class.getName())).has(4)) {
            Process second = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), "Peer", "member", bootstrap, topic, RangeAssignor.class.getName()).redirectError(ProcessBuilder.Redirect.DISCARD).start();
            try {
                require(new BufferedReader(new InputStreamReader(second.getInputStream())).readLine() != null, "the second member ended");
                first.has(2);
            } finally {
                second.destroyForcibly().waitFor();
            }
            first.has(4);
            sendToEach(topic, 4, "one-");
            got("one-", 4, first);
        }
        return null;
    }

    /** A member in a process of its own, which says when it has partitions. */
    static void member(String bootstrap, String topic, String assignor) {
        KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, Map.of("group.id", topic, "partition.assignment.strategy", assignor));
        consumer.subscribe(List.of(topic));
        boolean said = false;
        while (true) {
            consumer.poll(Duration.ofMillis(50));
            if (!said && !consumer.assignment().isEmpty()) {
                System.out.println("assigned");
                said = true;
            }
        }
    }

    // Admin.

    Config topicConfig(String topic) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        return admin.describeConfigs(List.of(resource)).all().get().get(resource);
    }

    String retention(String topic, String expected) throws Exception {
        await("retention.ms is " + expected, () -> topicConfig(topic).get("retention.ms").value().equals(expected));
        ConfigEntry entry = topicConfig(topic).get("retention.ms");
        return entry.value() + " of " + entry.source();
    }

    Object describeConfigs() throws Exception {
        Config config = topicConfig(create("configs", 1));
        ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "0");
        int brokerSettings = admin.describeConfigs(List.of(broker)).all().get().get(broker).entries().size();
        return config.entries().size() + " of a topic, " + brokerSettings + " of a broker, retention " + config.get("retention.ms").value();
    }

    Object alterConfigs() throws Exception {
        String topic = create("altered", 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        AlterConfigsResult result;
        try { // 4.0 has no such method
            result = (AlterConfigsResult) Admin.class.getMethod("alterConfigs", Map.class).invoke(admin, Map.of(resource, new Config(List.of(new ConfigEntry("retention.ms", "7777")))));
        } catch (NoSuchMethodException none) {
            throw new NotInThisClient();
        }
        result.all().get();
        return retention(topic, "7777");
    }

    Object incrementalAlterConfigs() throws Exception {
        String topic = create("incremental", 1);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ConfigEntry entry = new ConfigEntry("retention.ms", "8888");
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(entry, AlterConfigOp.OpType.SET), new AlterConfigOp(new ConfigEntry("cleanup.policy", "compact"), AlterConfigOp.OpType.APPEND)))).all().get();
        String set = retention(topic, "8888") + ", cleanup " + topicConfig(topic).get("cleanup.policy").value();
        admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(entry, AlterConfigOp.OpType.DELETE)))).all().get();
        return set + ", then " + retention(topic, "3600000000000") + "; wrong: " + failure(() -> admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "x"), AlterConfigOp.OpType.SET)))).all().get());
    }

    Object deleteRecords() throws Exception {
        String topic = filled("deleted-records");
        TopicPartition partition = new TopicPartition(topic, 0);
        long low = admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(partition).get().lowWatermark();
        return "low watermark " + low + ", then " + position(topic, (c, p) -> c.seekToBeginning(List.of(p))) + "; beyond: " + failure(() -> admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(99))).all().get());
    }

    Object listOffsets() throws Exception {
        TopicPartition partition = new TopicPartition(filled("offsets"), 0);
        StringBuilder text = new StringBuilder();
        for (OffsetSpec spec : List.of(OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.forTimestamp(1_600_000_005_000L), OffsetSpec.maxTimestamp())) {
            ListOffsetsResult.ListOffsetsResultInfo info = admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
            text.append(info.offset()).append('@').append(info.timestamp()).append(' ');
        }
        return text.toString().trim();
    }

    Object logDirs() throws Exception {
        String topic = filled("log-dirs");
        Map<String, LogDirDescription> dirs = admin.describeLogDirs(List.of(0)).descriptions().get(0).get();
        ReplicaInfo replica = dirs.values().iterator().next().replicaInfos().get(new TopicPartition(topic, 0));
        return dirs.size() + " folder, " + replica.size() + " bytes, lag " + replica.offsetLag();
    }

    Object electLeaders() throws Exception {
        TopicPartition partition = new TopicPartition(create("elected", 1), 0);
        Optional<Throwable> result = admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions().get().get(partition);
        return result.map(problem -> problem.getClass().getSimpleName()).orElse("elected");
    }

    Object reassignments() throws Exception {
        TopicPartition partition = new TopicPartition(create("reassigned", 1), 0);
        admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(0))))).all().get();
        await("the reassignment ends", () -> admin.listPartitionReassignments().reassignments().get().get(partition) == null);
        return failure(() -> admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(77))))).all().get()) + ", cancel: "
            + failure(() -> admin.alterPartitionReassignments(Map.of(partition, Optional.empty())).all().get());
    }

    /** KIP-679: acks=all and idempotence, which 3.1.0 switches on only when it is told (KAFKA-13598). */
    Object producerDefaults() throws Exception {
        String topic = create("defaults", 1);
        send(topic, Map.of(), numbered(5));
        TopicPartition partition = new TopicPartition(topic, 0);
        return admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().size() + " idempotent producer";
    }

    Object describeProducers() throws Exception {
        String topic = create("producers", 1);
        send(topic, Map.of("enable.idempotence", "true"), numbered(5));
        TopicPartition partition = new TopicPartition(topic, 0);
        List<ProducerState> producers = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
        return producers.size() + " producer, last sequence " + producers.get(0).lastSequence() + ", epoch " + producers.get(0).producerEpoch();
    }

    Object describeGroup() throws Exception {
        String topic = filled("group-described");
        consumeAndCommit(topic, 2); // a group without offsets goes when any topic is deleted
        String text;
        try (Member member = new Member(topic, Map.of("client.id", "describer")).has(1)) {
            ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(topic)).describedGroups().get(topic).get();
            MemberDescription one = group.members().iterator().next();
            text = group.state() + ", " + group.partitionAssignor() + ", " + one.clientId() + " on " + one.host() + " with " + one.assignment().topicPartitions().size();
        }
        ConsumerGroupDescription group = admin.describeConsumerGroups(List.of(topic)).describedGroups().get(topic).get();
        return text + "; then " + group.state() + " with " + group.members().size();
    }

    Object alterGroupOffsets() throws Exception {
        String topic = filled("group-altered");
        consumeAndCommit(topic, 3);
        admin.alterConsumerGroupOffsets(topic, Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(8, "moved"))).all().get();
        return consumeAndCommit(topic, 2).get(0);
    }

    Object deleteGroupOffsets() throws Exception {
        String topic = filled("group-offset-deleted");
        consumeAndCommit(topic, 3);
        admin.deleteConsumerGroupOffsets(topic, Set.of(new TopicPartition(topic, 0))).all().get();
        OffsetAndMetadata left = admin.listConsumerGroupOffsets(topic).partitionsToOffsetAndMetadata().get().get(new TopicPartition(topic, 0));
        return "then " + (left == null ? "none" : left.offset());
    }

    Object removeMembers() throws Exception {
        String topic = filled("group-removed");
        consumeAndCommit(topic, 2);
        Member member = new Member(topic, Map.of("group.instance.id", "removed", "session.timeout.ms", "15000")).has(1);
        String running = failure(() -> admin.deleteConsumerGroups(List.of(topic)).all().get());
        member.close();
        admin.removeMembersFromConsumerGroup(topic, new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("removed")))).all().get();
        return running + ", then " + admin.describeConsumerGroups(List.of(topic)).describedGroups().get(topic).get().state();
    }

    Object deleteTopic() throws Exception {
        String topic = filled("deleted");
        admin.deleteTopics(List.of(topic)).all().get();
        await("the topic is gone", () -> !admin.listTopics().names().get().contains(topic));
        return failure(() -> admin.deleteTopics(List.of(topic)).all().get());
    }
}
