package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func brokerWith(t *testing.T, pairs ...string) *BrokerConfig {
	t.Helper()
	broker, err := checked(pairs...)
	if err != nil {
		t.Fatal(err)
	}
	return broker
}

// checked makes the settings of a broker from key=value pairs, as a start does.
func checked(pairs ...string) (*BrokerConfig, error) {
	properties := map[string]string{"zookeeper.connect": "localhost:2181"}
	maps.Copy(properties, ParseOverrides(pairs))
	broker, err := NewBrokerConfig(properties)
	if err != nil {
		return nil, err
	}
	return broker, broker.Validate()
}

func TestFallbacksConvertUnits(t *testing.T) {
	for _, test := range []struct {
		pairs           string
		retention, roll int64
		jitter          int64
	}{
		{"", 168 * 3600000, 168 * 3600000, 0},
		{"log.retention.hours=1 log.roll.hours=2 log.roll.jitter.hours=1", 3600000, 7200000, 3600000},
		{"log.retention.minutes=3 log.retention.hours=1", 180000, 168 * 3600000, 0},
		{"log.retention.ms=5 log.retention.minutes=3 log.roll.ms=7 log.roll.jitter.ms=6", 5, 7, 6},
		{"log.retention.ms=-5", -1, 168 * 3600000, 0},
		{"log.retention.hours=-2", -1, 168 * 3600000, 0},
		{"log.retention.hours=2147483647", 2147483647 * 3600000, 168 * 3600000, 0},
	} {
		broker := brokerWith(t, strings.Fields(test.pairs)...)
		if LogRetentionMs.Get(broker) != test.retention || LogRollMs.Get(broker) != test.roll || LogRollJitterMs.Get(broker) != test.jitter {
			t.Errorf("%s gives %d, %d, %d", test.pairs, LogRetentionMs.Get(broker), LogRollMs.Get(broker), LogRollJitterMs.Get(broker))
		}
		topic, err := NewTopicConfig(broker, nil)
		if err != nil {
			t.Fatal(err)
		}
		if TopicRetentionMs.Get(topic) != test.retention || TopicSegmentMs.Get(topic) != test.roll || TopicSegmentJitterMs.Get(topic) != test.jitter {
			t.Errorf("%s gives topics %d, %d", test.pairs, TopicRetentionMs.Get(topic), TopicSegmentMs.Get(topic))
		}
	}
}

func TestDerivedValues(t *testing.T) {
	broker := brokerWith(t, "broker.id=7", "log.dirs= /a , /b,", "zookeeper.session.timeout.ms=6000", "delegation.token.master.key=old")
	if NodeId.Get(broker) != 7 || ZookeeperConnectionTimeoutMs.Get(broker) != 6000 || NumReplicaAlterLogDirsThreads.Get(broker) != 2 {
		t.Errorf("node.id %d, connection time-out %d, threads %d", NodeId.Get(broker), ZookeeperConnectionTimeoutMs.Get(broker), NumReplicaAlterLogDirsThreads.Get(broker))
	}
	if !slices.Equal(broker.LogDirs(), []string{"/a", "/b"}) || DelegationTokenSecretKey.Get(broker) != "old" {
		t.Errorf("log dirs %q", broker.LogDirs())
	}
	if dirs := brokerWith(t).LogDirs(); !slices.Equal(dirs, []string{"/tmp/kafka-logs"}) {
		t.Errorf("log dirs by default %q", dirs)
	}
	if BrokerRack.IsSet(broker) || BrokerId.Get(brokerWith(t, "node.id=3")) != 3 {
		t.Error("broker.rack has a value, or node.id did not fill broker.id")
	}
}

func TestListeners(t *testing.T) {
	broker := brokerWith(t,
		"listeners=internal://:9092, EXTERNAL://[::1]:9093 ,CONTROL://host.example:0",
		"advertised.listeners=EXTERNAL://public:80,INTERNAL://private:80,CONTROL://private:81",
		"listener.security.protocol.map=INTERNAL:PLAINTEXT, external:sasl_ssl,CONTROL:SSL",
		"inter.broker.listener.name=internal", "control.plane.listener.name=control")
	want := []EndPoint{
		{"INTERNAL", "", 9092, Plaintext}, {"EXTERNAL", "::1", 9093, SASLSSL}, {"CONTROL", "host.example", 0, SSL},
	}
	if got := broker.Listeners(); !slices.Equal(got, want) {
		t.Errorf("listeners %v", got)
	}
	if got := broker.AdvertisedListeners(); len(got) != 3 || got[0].ConnectionString() != "EXTERNAL://public:80" {
		t.Errorf("advertised %v", got)
	}
	if broker.InterBrokerListenerName() != "INTERNAL" || broker.ControlPlaneListenerName() != "CONTROL" || broker.InterBrokerSecurityProtocol() != Plaintext {
		t.Errorf("inter-broker %s, control plane %s", broker.InterBrokerListenerName(), broker.ControlPlaneListenerName())
	}
	if got := want[1].ConnectionString(); got != "EXTERNAL://[::1]:9093" {
		t.Errorf("%s", got)
	}
	byDefault := brokerWith(t)
	if got := byDefault.AdvertisedListeners(); !slices.Equal(got, []EndPoint{{"PLAINTEXT", "", 9092, Plaintext}}) || byDefault.InterBrokerListenerName() != "PLAINTEXT" {
		t.Errorf("advertised by default %v", got)
	}
}

func TestListenerOverrides(t *testing.T) {
	broker := brokerWith(t, "listeners=PLAINTEXT://:9092,CLIENT://:9093",
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CLIENT:SASL_PLAINTEXT",
		"max.connections=10", "listener.name.client.max.connections=5",
		"listener.name.client.scram-sha-256.sasl.jaas.config=module", "sasl.enabled.mechanisms=PLAIN",
		"listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN")
	client, err := broker.ForListener("CLIENT")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := broker.ForListener("PLAINTEXT")
	if err != nil {
		t.Fatal(err)
	}
	if MaxConnections.Get(client) != 5 || MaxConnections.Get(plain) != 10 || len(SaslEnabledMechanisms.Get(client)) != 2 {
		t.Errorf("connections %d and %d", MaxConnections.Get(client), MaxConnections.Get(plain))
	}
	scram, err := broker.ForListenerMechanism("CLIENT", "SCRAM-SHA-256")
	if err != nil || SaslJaasConfig.Get(scram) != "module" || SaslJaasConfig.IsSet(client) {
		t.Errorf("jaas of the mechanism %q, %v", SaslJaasConfig.Get(scram), err)
	}
	if MaxConnections.Get(broker) != 10 {
		t.Error("a listener's settings changed the broker's")
	}
}

// Every refused value comes with the sentence of Kafka 3.1.0.
func TestRefusedSettings(t *testing.T) {
	for _, test := range []struct{ pairs, want string }{
		// by the row
		{"broker.id=x", "Invalid value x for configuration broker.id: Not a number of type INT"},
		{"num.io.threads=0", "Invalid value 0 for configuration num.io.threads: Value must be at least 1"},
		{"num.partitions=2147483648", "Invalid value 2147483648 for configuration num.partitions: Not a number of type INT"},
		{"log.retention.ms=1h", "Invalid value 1h for configuration log.retention.ms: Not a number of type LONG"},
		{"offsets.topic.replication.factor=40000", "Invalid value 40000 for configuration offsets.topic.replication.factor: Not a number of type SHORT"},
		{"log.cleaner.min.cleanable.ratio=half", "Invalid value half for configuration log.cleaner.min.cleanable.ratio: Not a number of type DOUBLE"},
		{"delete.topic.enable=yes", "Invalid value yes for configuration delete.topic.enable: Expected value to be either true or false"},
		{"log.cleanup.policy=delete,shrink", "Invalid value shrink for configuration log.cleanup.policy: String must be one of: compact, delete"},
		{"log.message.timestamp.type=createtime", "Invalid value createtime for configuration log.message.timestamp.type: String must be one of: CreateTime, LogAppendTime"},
		{"ssl.client.auth=maybe", "Invalid value maybe for configuration ssl.client.auth: String must be one of: required, requested, none"},
		{"inter.broker.protocol.version=3.2", "Invalid value 3.2 for configuration inter.broker.protocol.version: Version `3.2` is not a valid version"},
		{"client.quota.callback.class=com.example.Quotas", "Invalid value com.example.Quotas for configuration client.quota.callback.class: Class com.example.Quotas could not be found."},
		{"fetch.max.bytes=1023", "Invalid value 1023 for configuration fetch.max.bytes: Value must be at least 1024"},
		{"controller.quorum.voters=1", "Invalid configuration value for controller.quorum.voters. Each entry should be in the form `{id}@{host}:{port}`."},
		// across rows
		{"broker.id=1001", "requirement failed: broker.id must be greater than or equal to -1 and not greater than reserved.broker.max.id"},
		{"broker.id.generation.enable=false", "requirement failed: broker.id must be greater than or equal to 0"},
		{"broker.id=1 node.id=2", "You must set `node.id` to the same value as `broker.id`."},
		{"process.roles=broker", "process.roles asks for KRaft mode, which this broker does not run: leave process.roles unset and set zookeeper.connect"},
		{"controller.listener.names=A,B", "requirement failed: controller.listener.names must be empty when not running in KRaft mode: [A, B]"},
		{"log.roll.ms=0", "requirement failed: log.roll.ms must be greater than or equal to 1"},
		{"log.roll.jitter.ms=-1", "requirement failed: log.roll.jitter.ms must be greater than or equal to 0"},
		{"log.retention.ms=0", "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"},
		{"log.dirs=,", "requirement failed: At least one log directory must be defined via log.dirs or log.dir."},
		{"log.cleaner.threads=128", "requirement failed: log.cleaner.dedupe.buffer.size must be at least 1MB per cleaner thread."},
		{"log.cleaner.threads=0", "/ by zero"},
		{"replica.fetch.wait.max.ms=30001", "requirement failed: replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary socket timeouts"},
		{"replica.lag.time.max.ms=499", "requirement failed: replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent frequent changes in ISR"},
		{"offsets.commit.required.acks=4", "requirement failed: offsets.commit.required.acks must be greater or equal -1 and less or equal to offsets.topic.replication.factor"},
		{"compression.type=best", "requirement failed: compression.type : best is not valid. Valid options are uncompressed,zstd,lz4,snappy,gzip,producer"},
		{"offsets.topic.compression.codec=9", "9 is an unknown compression codec"},
		{"queued.max.request.bytes=1000", "requirement failed: queued.max.request.bytes must be larger or equal to socket.request.max.bytes"},
		{"max.connections.per.ip=0", "requirement failed: max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set."},
		{"max.connections.per.ip.overrides=a/b:1", "max.connections.per.ip.overrides contains invalid addresses : a/b"},
		{"max.connections.per.ip.overrides=host:many", `For input string: "many"`},
		{"connection.failed.authentication.delay.ms=9 connections.max.idle.ms=9", "requirement failed: connection.failed.authentication.delay.ms=9 should always be less than connections.max.idle.ms=9 to prevent failed authentication responses from timing out"},
		{"log.message.format.version=2.8 inter.broker.protocol.version=0.10.2", "requirement failed: log.message.format.version 2.8 can only be used when inter.broker.protocol.version is set to version 0.11.0 or higher"},
		{"offsets.topic.compression.codec=4 inter.broker.protocol.version=0.10.2 log.message.format.version=0.10.2", "requirement failed: offsets.topic.compression.codec zstd can only be used when inter.broker.protocol.version is set to version 2.1 or higher"},
		// listeners
		{"listeners=PLAINTEXT:9092", "Error creating broker listeners from 'PLAINTEXT:9092': Unable to parse PLAINTEXT:9092 to a broker endpoint"},
		{"listeners=OTHER://:9092", "Error creating broker listeners from 'OTHER://:9092': No security protocol defined for listener OTHER"},
		{"listeners=PLAINTEXT://:9092,PLAINTEXT://:9093", "requirement failed: Each listener must have a different name, listeners: PLAINTEXT://:9092,PLAINTEXT://:9093"},
		{"listeners=PLAINTEXT://:9092,SSL://:9092", "requirement failed: Each listener must have a different port, listeners: PLAINTEXT://:9092,SSL://:9092"},
		{"advertised.listeners=", "requirement failed: There must be at least one advertised listener."},
		{"advertised.listeners=PLAINTEXT://0.0.0.0:9092", "requirement failed: advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address."},
		{"advertised.listeners=PLAINTEXT://a:1,SSL://a:2", "requirement failed: advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. Found PLAINTEXT,SSL. The valid options based on the current configuration are PLAINTEXT"},
		{"listener.security.protocol.map=PLAINTEXT:PLAIN", "Invalid security protocol `PLAIN` defined in listener.security.protocol.map"},
		{"security.inter.broker.protocol=SSL", "requirement failed: inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are PLAINTEXT"},
		{"security.inter.broker.protocol=TLS", "Invalid security protocol `TLS` defined in security.inter.broker.protocol"},
		{"inter.broker.listener.name=X", "Listener with name X defined in inter.broker.listener.name not found in listener.security.protocol.map."},
		{"inter.broker.listener.name=SSL security.inter.broker.protocol=SSL", "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set."},
		{"control.plane.listener.name=X", "Listener with X defined in control.plane.listener.name not found in listener.security.protocol.map."},
		{"control.plane.listener.name=SSL", "requirement failed: control.plane.listener.name must be a listener name defined in advertised.listeners. The valid options based on currently configured listeners are PLAINTEXT"},
		{"control.plane.listener.name=PLAINTEXT", "requirement failed: control.plane.listener.name, when defined, should have a different value from the inter broker listener name. Currently they both have the value ListenerName(PLAINTEXT)"},
		{"listeners=SASL_PLAINTEXT://:9092 security.inter.broker.protocol=SASL_PLAINTEXT sasl.mechanism.inter.broker.protocol=PLAIN", "requirement failed: sasl.mechanism.inter.broker.protocol must be included in sasl.enabled.mechanisms when SASL is used for inter-broker communication"},
		{"listener.name.plaintext.max.connections=-1", "Invalid value -1 for configuration max.connections: Value must be at least 0"},
	} {
		if _, err := checked(strings.Fields(test.pairs)...); err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", test.pairs, err, test.want)
		}
	}
	broker, err := NewBrokerConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Validate(); err == nil || err.Error() != "Missing required configuration `zookeeper.connect` which has no default value." {
		t.Errorf("without ZooKeeper: %v", err)
	}
}

func TestAcceptedSettings(t *testing.T) {
	for _, pairs := range []string{
		"broker.id=1000", "broker.id=-1", "broker.id=5000 broker.id.generation.enable=false",
		"num.io.threads=+8", "num.io.threads= 8 ", "delete.topic.enable=TRUE", "compression.type=GZip",
		"log.cleaner.io.max.bytes.per.second=1e6", "log.cleaner.min.cleanable.ratio=0.5d", "queued.max.request.bytes=-1",
		"inter.broker.protocol.version=2.8", "inter.broker.protocol.version=2.8-IV1", "inter.broker.protocol.version=0.10.2.1 log.message.format.version=0.10.2.1",
		"inter.broker.protocol.version=3.1.0", "log.retention.ms=-1", "listeners=PLAINTEXT://127.0.0.1:0,SSL://:0",
		"advertised.listeners=plaintext://host:9092", "max.connections.per.ip=0 max.connections.per.ip.overrides=127.0.0.1:5,::1:6",
		"listeners=SASL_SSL://:9092 security.inter.broker.protocol=SASL_SSL", "connections.max.idle.ms=-1",
		"some.other.key=1", "listener.name.other.max.connections=x",
	} {
		if _, err := checked(strings.Split(pairs, " ")...); err != nil && !strings.Contains(pairs, " 8 ") {
			t.Errorf("%s: %v", pairs, err)
		}
	}
	if broker, err := checked("num.io.threads= 8 "); err != nil || NumIoThreads.Get(broker) != 8 {
		t.Errorf("white space around a value: %v", err)
	}
}

func TestProtocolVersions(t *testing.T) {
	for text, want := range map[string]ApiVersion{
		"0.8.0": IBP_0_8_0, "0.8.2.1": IBP_0_8_2, "0.9.0": IBP_0_9_0, "0.10.0": IBP_0_10_0_IV1, "0.10.0-IV0": IBP_0_10_0_IV0,
		"0.11.0.3": IBP_0_11_0_IV2, "1.0": IBP_1_0_IV0, "1.1.1": IBP_1_1_IV0, "2.7": IBP_2_7_IV2, "2.7-IV0": IBP_2_7_IV0,
		"2.8.1": IBP_2_8_IV1, "3.0": IBP_3_0_IV1, "3.1": IBP_3_1_IV0, "3.1-IV0": IBP_3_1_IV0,
	} {
		if got, err := ParseApiVersion(text); err != nil || got != want {
			t.Errorf("%s is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2", "2.9", "0.10", "2.7-IV9", "3.2", "x.y"} {
		if got, err := ParseApiVersion(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if int(LatestApiVersion) != len(apiVersionNames)-1 || LatestApiVersion.String() != "3.1-IV0" || IBP_2_7_IV2.String() != "2.7-IV2" {
		t.Error("names and constants of the versions differ")
	}
	if IBP_0_9_0.RecordVersion() != 0 || IBP_0_10_2_IV0.RecordVersion() != 1 || IBP_0_11_0_IV0.RecordVersion() != 2 {
		t.Error("record versions")
	}
}

func TestMessageFormatFollowsTheProtocol(t *testing.T) {
	current := brokerWith(t, "log.message.format.version=0.10.2")
	if current.MessageFormatVersion() != IBP_3_0_IV1 || len(current.Warnings()) != 1 {
		t.Errorf("format %s, warnings %q", current.MessageFormatVersion(), current.Warnings())
	}
	old := brokerWith(t, "log.message.format.version=0.10.2", "inter.broker.protocol.version=2.8")
	topic, err := NewTopicConfig(old, nil)
	if err != nil || topic.MessageFormatVersion() != IBP_0_10_2_IV0 || len(old.Warnings()) != 0 {
		t.Errorf("format %s, %v", topic.MessageFormatVersion(), err)
	}
}

func TestWarningsAboutSizes(t *testing.T) {
	warnings := brokerWith(t, "message.max.bytes=2000000", "log.segment.bytes=1000000", "socket.request.max.bytes=1500000").Warnings()
	if len(warnings) != 2 || !strings.Contains(warnings[0], "log.segment.bytes=1000000") || !strings.Contains(warnings[1], "socket.request.max.bytes=1500000") {
		t.Errorf("%q", warnings)
	}
}

func TestServerPropertiesFiles(t *testing.T) {
	good, err := filepath.Glob("testdata/*.good.properties")
	if err != nil || len(good) == 0 {
		t.Fatalf("no good files: %v", err)
	}
	for _, path := range good {
		if _, unknown, err := LoadServerProperties(path, nil); err != nil || len(unknown) > 0 {
			t.Errorf("%s: unknown %v, %v", path, unknown, err)
		}
	}
	bad, err := filepath.Glob("testdata/*.bad.properties")
	if err != nil || len(bad) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, path := range bad {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		firstLine, _, _ := strings.Cut(string(text), "\n")
		want := strings.TrimPrefix(firstLine, "# ")
		if _, _, err := LoadServerProperties(path, nil); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOverridesAndUnknownKeys(t *testing.T) {
	broker, unknown, err := LoadServerProperties("testdata/cluster.good.properties",
		[]string{"broker.id=9", "broker.id=10", "broker.rack=", "my.key=a=b", "leader.replication.throttled.rate=5", "listener.name.client.ssl.client.auth=none"})
	if err != nil {
		t.Fatal(err)
	}
	if BrokerId.Get(broker) != 10 || !BrokerRack.IsSet(broker) || BrokerRack.Get(broker) != "" {
		t.Errorf("broker.id %d, broker.rack %q", BrokerId.Get(broker), BrokerRack.Get(broker))
	}
	if !slices.Equal(unknown, []string{"leader.replication.throttled.rate", "my.key"}) {
		t.Errorf("unknown keys %q", unknown)
	}
	if text, _ := broker.Given("my.key"); text != "a=b" || LeaderReplicationThrottledRate.Get(broker) != 9223372036854775807 {
		t.Error("an override was split wrongly, or a file set what only a running broker is told")
	}
	if UnknownKeyWarning("my.key") != "The configuration 'my.key' was supplied but isn't a known config." {
		t.Error(UnknownKeyWarning("my.key"))
	}
}
