package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func entryNamed(t *testing.T, entries []Entry, name string) Entry {
	t.Helper()
	index := slices.IndexFunc(entries, func(entry Entry) bool { return entry.Name == name })
	if index < 0 {
		t.Fatalf("%s is not described", name)
	}
	return entries[index]
}

func show(value *string) string {
	if value == nil {
		return "null"
	}
	return *value
}

// summary renders an entry as value, source, synonyms.
func summary(entry Entry) string {
	text := fmt.Sprintf("%s from %d", show(entry.Value), entry.Source)
	for _, synonym := range entry.Synonyms {
		text += fmt.Sprintf(" %s=%s/%d", synonym.Name, show(synonym.Value), synonym.Source)
	}
	return text
}

func TestDescribeBroker(t *testing.T) {
	static := map[string]string{
		"zookeeper.connect": "localhost:2181", "broker.id": "0", "log.retention.hours": "24", "log.dirs": "/data",
		"ssl.keystore.password": "secret", "custom.key": "x", "listener.name.plaintext.ssl.client.auth": "required",
		"num.io.threads": "8",
	}
	layers := Layers{
		Static:         static,
		DynamicDefault: map[string]string{"log.retention.minutes": "5", "num.io.threads": "10"},
		DynamicBroker:  map[string]string{"num.io.threads": "12"},
	}
	broker, err := NewBrokerConfig(OverlayDynamic(static, layers.DynamicDefault, layers.DynamicBroker))
	if err != nil {
		t.Fatal(err)
	}
	entries := DescribeBroker(broker, layers)
	for name, want := range map[string]string{
		"num.io.threads":                          "12 from 2 num.io.threads=12/2 num.io.threads=10/3 num.io.threads=8/4 num.io.threads=8/5",
		"broker.id":                               "0 from 4 broker.id=0/4 broker.id=-1/5",
		"node.id":                                 "0 from 4 node.id=0/4 node.id=-1/5",
		"log.dir":                                 "/tmp/kafka-logs from 5 log.dir=/tmp/kafka-logs/5",
		"log.retention.ms":                        "null from 5",
		"log.retention.minutes":                   "5 from 3 log.retention.minutes=5/3 log.retention.hours=24/4 log.retention.hours=168/5",
		"ssl.keystore.password":                   "null from 4 ssl.keystore.password=null/4",
		"custom.key":                              "null from 4 custom.key=null/4",
		"log.cleaner.io.max.bytes.per.second":     "1.7976931348623157E308 from 5 log.cleaner.io.max.bytes.per.second=1.7976931348623157E308/5",
		"log.cleaner.io.buffer.load.factor":       "0.9 from 5 log.cleaner.io.buffer.load.factor=0.9/5",
		"sasl.enabled.mechanisms":                 "GSSAPI from 5 sasl.enabled.mechanisms=GSSAPI/5",
		"advertised.listeners":                    "null from 5",
		"log.flush.interval.ms":                   "null from 5",
		"listener.name.plaintext.ssl.client.auth": "required from 4 listener.name.plaintext.ssl.client.auth=required/4 ssl.client.auth=none/5",
	} {
		if got := summary(entryNamed(t, entries, name)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name
	}
	if !slices.IsSorted(names) || slices.Contains(names, "leader.replication.throttled.rate") || slices.Contains(names, "metadata.log.segment.min.bytes") {
		t.Error("entries are unsorted or have rows that are not described")
	}
	threads, identity, custom := entryNamed(t, entries, "num.io.threads"), entryNamed(t, entries, "broker.id"), entryNamed(t, entries, "custom.key")
	if threads.ReadOnly || !identity.ReadOnly || !custom.ReadOnly || threads.TypeCode != 3 || custom.TypeCode != 0 ||
		!custom.IsSensitive || threads.IsSensitive || custom.Documentation != nil || *threads.Documentation != NumIoThreads.Doc {
		t.Errorf("%+v\n%+v\n%+v", threads, identity, custom)
	}

	defaults := DescribeBrokerDefaults(layers)
	if len(defaults) != 2 || summary(defaults[1]) != "10 from 3 num.io.threads=10/3" {
		t.Errorf("defaults of all brokers: %+v", defaults)
	}
}

func TestDescribeTopic(t *testing.T) {
	static := map[string]string{"log.retention.hours": "24", "message.max.bytes": "2000"}
	layers := Layers{Static: static, DynamicDefault: map[string]string{"log.retention.ms": "7"}}
	broker, err := NewBrokerConfig(OverlayDynamic(static, layers.DynamicDefault, nil))
	if err != nil {
		t.Fatal(err)
	}
	topic, err := NewTopicConfig(broker, map[string]string{"cleanup.policy": "compact, delete", "max.message.bytes": "1000", "newer.key": "1"})
	if err != nil {
		t.Fatal(err)
	}
	entries := DescribeTopic(topic, layers)
	for name, want := range map[string]string{
		"max.message.bytes":                     "1000 from 1 max.message.bytes=1000/1 message.max.bytes=2000/4 message.max.bytes=1048588/5",
		"cleanup.policy":                        "compact,delete from 1 cleanup.policy=compact,delete/1 log.cleanup.policy=delete/5",
		"retention.ms":                          "7 from 3 log.retention.ms=7/3 log.retention.hours=24/4 log.retention.hours=168/5",
		"segment.ms":                            "604800000 from 5",
		"segment.bytes":                         "1073741824 from 5 log.segment.bytes=1073741824/5",
		"flush.ms":                              "9223372036854775807 from 5",
		"leader.replication.throttled.replicas": " from 5",
		"message.format.version":                "3.0-IV1 from 5 log.message.format.version=3.0-IV1/5",
		"newer.key":                             "null from 1 newer.key=null/1",
	} {
		if got := summary(entryNamed(t, entries, name)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	if slices.ContainsFunc(entries, func(entry Entry) bool { return entry.Name == "remote.storage.enable" }) {
		t.Error("an internal setting is described")
	}
}

func TestEffectiveConfigurationText(t *testing.T) {
	text := brokerWith(t, "ssl.keystore.password=secret", "log.cleanup.policy=compact,delete").Describe()
	if !strings.HasPrefix(text, "KafkaConfig values: \n\tadvertised.listeners = null\n\talter.config.policy.class.name = null\n") {
		t.Errorf("%.200s", text)
	}
	for _, line := range []string{
		"ssl.keystore.password = [hidden]", "ssl.key.password = null", "log.cleanup.policy = [compact, delete]",
		"principal.builder.class = class org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
		"ssl.cipher.suites = []", "sasl.kerberos.ticket.renew.jitter = 0.05", "log.cleaner.min.cleanable.ratio = 0.5",
		"log.retention.ms = null", "zookeeper.connect = localhost:2181", "authorizer.class.name = ",
	} {
		if !strings.Contains(text, "\t"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if strings.Contains(text, "secret\n") {
		t.Error("a password is shown")
	}
}

func TestDynamicChangesAreChecked(t *testing.T) {
	for _, test := range []struct {
		pairs     string
		perBroker bool
		want      string
	}{
		{"num.io.threads=9 max.connections=5 leader.replication.throttled.rate=1 unknown.key=1", false, ""},
		{"listener.name.client.ssl.keystore.location=/x advertised.listeners=PLAINTEXT://h:1", true, ""},
		{"listener.name.client.max.connections=5", false, ""},
		{"broker.id=1 zookeeper.connect=x", true, "Cannot update these configs dynamically: Set(zookeeper.connect, broker.id)"},
		{"ssl.keystore.location=/x", true, "These security configs can be dynamically updated only per-listener using the listener prefix: HashSet(ssl.keystore.location)"},
		{"num.io.threads=0", true, "Invalid value 0 for configuration num.io.threads: Value must be at least 1"},
		{"listener.name.client.max.connections=x", true, "Invalid value x for configuration max.connections: Not a number of type INT"},
		{"advertised.listeners=PLAINTEXT://h:1", false, "Cannot update these configs at default cluster level, broker id must be specified: Set(advertised.listeners)"},
		{"listener.name.client.ssl.client.auth=none", false, "Cannot update these configs at default cluster level, broker id must be specified: Set(listener.name.client.ssl.client.auth)"},
	} {
		got := ""
		if err := ValidateDynamic(ParseOverrides(strings.Fields(test.pairs)), test.perBroker); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.pairs, got, test.want)
		}
	}
}

func TestStoredDynamicSettingsThatDoNotFitAreIgnored(t *testing.T) {
	accepted, complaints := AcceptDynamic(ParseOverrides([]string{
		"num.io.threads=0", "broker.id=5", "ssl.keystore.location=/x", "listeners=PLAINTEXT://:1", "background.threads=4", "my.key=1",
	}), false)
	if !maps.Equal(accepted, map[string]string{"background.threads": "4", "my.key": "1"}) {
		t.Errorf("accepted %v", accepted)
	}
	want := []string{
		"Dynamic default cluster config contains invalid values in: Set(num.io.threads), these configs will be ignored",
		"Non-dynamic configs configured in ZooKeeper will be ignored: Set(broker.id)",
		"Security configs can be dynamically updated only using listener prefix, base configs will be ignored: HashSet(ssl.keystore.location)",
		"Per-broker configs defined at default cluster level will be ignored: Set(listeners)",
	}
	if !slices.Equal(complaints, want) {
		t.Errorf("complaints %q", complaints)
	}
}

func TestDynamicLayersReplaceSynonymsBelow(t *testing.T) {
	properties := OverlayDynamic(
		map[string]string{"log.roll.ms": "1", "log.retention.hours": "2", "num.io.threads": "3"},
		map[string]string{"log.roll.hours": "4", "num.io.threads": "5"},
		map[string]string{"log.retention.ms": "6", "num.io.threads": "7"})
	want := map[string]string{"log.roll.hours": "4", "log.retention.ms": "6", "num.io.threads": "7"}
	if !maps.Equal(properties, want) {
		t.Errorf("%v", properties)
	}
}

func TestSensitiveKeys(t *testing.T) {
	for key, want := range map[string]bool{
		"ssl.key.password": true, "listener.name.a.ssl.key.password": true, "listener.name.a.plain.sasl.jaas.config": true,
		"listener.name.a.scram-sha-256.connections.max.reauth.ms": false, "log.dirs": false, "unknown": true,
		"listener.name.a.unknown": true,
	} {
		if IsSensitive(key) != want {
			t.Errorf("%s is sensitive: %v", key, !want)
		}
	}
	if !IsDynamicPassword("listener.name.a.ssl.key.password") || IsDynamicPassword("zookeeper.ssl.truststore.location") ||
		IsDynamicPassword("delegation.token.secret.key") {
		t.Error("dynamic passwords")
	}
}

func TestWhatIsNoDouble(t *testing.T) {
	for _, text := range []string{"", "1_0", "0x1p4", "inf", "nan", "1e", "--1", "one"} {
		if value, ok := parseDouble(text); ok {
			t.Errorf("%q is accepted as %v", text, value)
		}
	}
}
