package zkdata

import (
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
)

// partition is short for a partition of a topic named t.
func partition(id int32) topic.Partition { return topic.Partition{Topic: "t", Partition: id} }

func text(s string) *string { return &s }

// TestEncodersWriteKafkasBytes holds each encoder to what Kafka 3.1.0 writes, the
// order of keys included.
func TestEncodersWriteKafkasBytes(t *testing.T) {
	id, err := topic.ParseID("6O_xn9sPRwOxjOlTMgTuEQ")
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1642070563000)
	plaintext := Broker{ID: 0, Endpoints: []Endpoint{{"localhost", 9092, "PLAINTEXT", "PLAINTEXT"}}}
	racked := Broker{ID: 1, Rack: text("r1"), Endpoints: []Endpoint{{"::1", 9093, "CLIENT", "SASL_SSL"}, {"", 9094, "REPLICATION", "SSL"}},
		Features: map[string]SupportedVersionRange{"f": {1, 3}}}
	literal := ResourcePattern{"TOPIC", "a:b", PatternLiteral}
	prefixed := ResourcePattern{"TRANSACTIONAL_ID", "x", PatternPrefixed}
	change := func(r ResourcePattern) []byte {
		_, data, err := EncodeAclChange(r)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	tests := []struct {
		name string
		got  []byte
		want string
	}{
		{"controller", EncodeController(3, 1535943857541), `{"version":1,"brokerid":3,"timestamp":"1535943857541"}`},
		{"controller epoch", EncodeControllerEpoch(12), `12`},
		{"broker v5", EncodeBroker(NewBrokerInfo(plaintext, config.IBP_2_7_IV0, -1), at),
			`{"features":{},"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://localhost:9092"],"jmx_port":-1,"port":9092,"host":"localhost","version":5,"timestamp":"1642070563000"}`},
		{"broker v5 with rack, without PLAINTEXT", EncodeBroker(NewBrokerInfo(racked, config.LatestApiVersion, 9999), at),
			`{"features":{"f":{"min_version":1,"max_version":3}},"listener_security_protocol_map":{"CLIENT":"SASL_SSL","REPLICATION":"SSL"},"endpoints":["CLIENT://[::1]:9093","REPLICATION://:9094"],"rack":"r1","jmx_port":9999,"port":-1,"host":null,"version":5,"timestamp":"1642070563000"}`},
		{"broker v4", EncodeBroker(NewBrokerInfo(plaintext, config.IBP_0_10_0_IV1, -1), at),
			`{"listener_security_protocol_map":{"PLAINTEXT":"PLAINTEXT"},"endpoints":["PLAINTEXT://localhost:9092"],"jmx_port":-1,"port":9092,"host":"localhost","version":4,"timestamp":"1642070563000"}`},
		{"broker v2 leaves out the rack", EncodeBroker(NewBrokerInfo(Broker{Rack: text("r"), Endpoints: plaintext.Endpoints}, config.IBP_0_9_0, -1), at),
			`{"endpoints":["PLAINTEXT://localhost:9092"],"jmx_port":-1,"port":9092,"host":"localhost","version":2,"timestamp":"1642070563000"}`},
		{"topic", EncodeTopic(id, map[topic.Partition]ReplicaAssignment{partition(0): {Replicas: []int32{1, 2}}, partition(1): {[]int32{2, 3, 1}, []int32{3}, []int32{1}}}),
			`{"partitions":{"0":[1,2],"1":[2,3,1]},"topic_id":"6O_xn9sPRwOxjOlTMgTuEQ","adding_replicas":{"1":[3]},"removing_replicas":{"1":[1]},"version":3}`},
		{"topic without id", EncodeTopic(topic.ID{}, nil), `{"partitions":{},"adding_replicas":{},"removing_replicas":{},"version":3}`},
		{"partition state", EncodeTopicPartitionState(LeaderIsrAndControllerEpoch{LeaderAndIsr{1, 4, []int32{1, 2}, 9}, 17}),
			`{"controller_epoch":17,"leader":1,"version":1,"leader_epoch":4,"isr":[1,2]}`},
		{"partition state without ISR", EncodeTopicPartitionState(LeaderIsrAndControllerEpoch{LeaderAndIsr{Leader: NoLeader}, 1}),
			`{"controller_epoch":1,"leader":-1,"version":1,"leader_epoch":0,"isr":[]}`},
		{"config", EncodeConfig(map[string]string{"retention.ms": "1"}), `{"version":1,"config":{"retention.ms":"1"}}`},
		{"no config", EncodeConfig(nil), `{"version":1,"config":{}}`},
		{"config that needs escapes", EncodeConfig(map[string]string{"k": "a\"\\/\n\x01<é\u2028"}), "{\"version\":1,\"config\":{\"k\":\"a\\\"\\\\/\\n\\u0001<é\u2028\"}}"},
		{"config change", EncodeConfigChange("topics/t"), `{"version":2,"entity_path":"topics/t"}`},
		{"isr change", EncodeIsrChange([]topic.Partition{partition(2), partition(0)}), `{"version":1,"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":2}]}`},
		{"log dir event", EncodeLogDirEvent(7), `{"version":1,"broker":7,"event":1}`},
		{"reassignment", EncodeReassignment(map[topic.Partition][]int32{partition(0): {1, 2}}), `{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2]}]}`},
		{"preferred election", EncodePreferredReplicaElection([]topic.Partition{partition(0)}), `{"version":1,"partitions":[{"topic":"t","partition":0}]}`},
		{"cluster id", EncodeClusterID("IOejp_IKSbWbySJc0sRrKw"), `{"version":"1","id":"IOejp_IKSbWbySJc0sRrKw"}`},
		{"producer id block", EncodeProducerIDBlock(ProducerIDBlock{1, 2000, 1000}), `{"version":1,"broker":1,"block_start":"2000","block_end":"2999"}`},
		{"features", EncodeFeatures(FeatureNode{FeatureEnabled, map[string]FinalizedVersionRange{"f": {1, 2}}}),
			`{"features":{"f":{"min_version_level":1,"max_version_level":2}},"version":1,"status":1}`},
		{"consumer offset", EncodeConsumerOffset(42), `42`},
		{"delegation token", EncodeDelegationToken(DelegationToken{"id", "User:alice", []string{"User:b c"}, 1, 2, 3}),
			`{"issueTimestamp":1,"renewers":["User%3Ab%20c"],"tokenId":"id","owner":"User%3Aalice","expiryTimestamp":2,"maxTimestamp":3,"version":1}`},
		{"acls", EncodeAcls([]AclEntry{{"User:alice", "Allow", "Read", "*"}}), `{"version":1,"acls":[{"principal":"User:alice","permissionType":"Allow","operation":"Read","host":"*"}]}`},
		{"literal acl change", change(literal), `TOPIC:a:b`},
		{"extended acl change", change(prefixed), `{"version":1,"resourceType":"TRANSACTIONAL_ID","name":"x","patternType":"PREFIXED"}`},
	}
	for _, test := range tests {
		if string(test.got) != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, test.got, test.want)
		}
	}
}

// TestHashOrders holds the computed orders to those of the fixed keys, whose order
// is known from nodes that Kafka wrote.
func TestHashOrders(t *testing.T) {
	state := immutableMapOrder([]string{"version", "leader", "leader_epoch", "controller_epoch", "isr"})
	if want := []string{"controller_epoch", "leader", "version", "leader_epoch", "isr"}; !equal(state, want) {
		t.Errorf("immutable map: %v, want %v", state, want)
	}
	registration := map[string]int{"version": 0, "host": 0, "port": 0, "endpoints": 0, "jmx_port": 0, "timestamp": 0, "listener_security_protocol_map": 0, "features": 0}
	order := hashMapOrder(registration)
	if want := []string{"features", "listener_security_protocol_map", "endpoints", "jmx_port", "port", "host", "version", "timestamp"}; !equal(order, want) {
		t.Errorf("mutable map: %v, want %v", order, want)
	}
	many := map[string]int{}
	for _, key := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"} {
		many[key] = 0
	}
	if order := hashMapOrder(many); order[0] != "11" || len(order) != 12 {
		t.Errorf("a table of 32 begins with 11: %v", order)
	}
}

// TestNodesWrittenByKafka decodes and encodes nodes as a Kafka 3.1.0 broker wrote
// them.
func TestNodesWrittenByKafka(t *testing.T) {
	const registration = `{"features":{},"listener_security_protocol_map":{"GAMMA":"PLAINTEXT","DELTA":"PLAINTEXT","INTERNAL":"PLAINTEXT","PLAINTEXT":"PLAINTEXT","BETA":"PLAINTEXT","ALPHA":"PLAINTEXT"},"endpoints":["PLAINTEXT://127.0.0.1:39092","ALPHA://127.0.0.1:39093","BETA://127.0.0.1:39094","GAMMA://[::1]:39095","DELTA://127.0.0.1:39096","INTERNAL://127.0.0.1:39097"],"rack":"rack-ü","jmx_port":-1,"port":39092,"host":"127.0.0.1","version":5,"timestamp":"1795382201950"}`
	info, err := DecodeBroker(3, []byte(registration))
	if err != nil {
		t.Fatal(err)
	}
	if again := string(EncodeBroker(info, time.UnixMilli(1795382201950))); again != registration {
		t.Errorf("got %s", again)
	}
	const many = `{"partitions":{"22":[3],"23":[3],"24":[3],"25":[3],"26":[3],"27":[3],"28":[3],"29":[3],"30":[3],"31":[3],"10":[3],"32":[3],"11":[3],"33":[3],"12":[3],"34":[3],"13":[3],"35":[3],"14":[3],"36":[3],"15":[3],"37":[3],"16":[3],"38":[3],"17":[3],"39":[3],"18":[3],"19":[3],"0":[3],"1":[3],"2":[3],"3":[3],"4":[3],"5":[3],"6":[3],"7":[3],"8":[3],"9":[3],"20":[3],"21":[3]},"topic_id":"VvbTKRRaQaicLstwi6JOCg","adding_replicas":{},"removing_replicas":{},"version":3}`
	assignment, err := DecodeTopic("many", []byte(many))
	if err != nil {
		t.Fatal(err)
	}
	if again := string(EncodeTopic(assignment.TopicID, assignment.Assignment)); again != many {
		t.Errorf("got %s", again)
	}
	const quotas = `{"version":1,"config":{"request_percentage":"200.0","producer_byte_rate":"1024","consumer_byte_rate":"2048"}}`
	settings, err := DecodeConfig([]byte(quotas))
	if err != nil {
		t.Fatal(err)
	}
	if again := string(EncodeConfig(settings)); again != quotas {
		t.Errorf("got %s", again)
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestPaths(t *testing.T) {
	resource, err := ResourcePattern{"DELEGATION_TOKEN", "n", PatternPrefixed}.Path()
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		TopicPartitionStatePath(partition(3)):                    "/brokers/topics/t/partitions/3/state",
		BrokerIDPath(1001):                                       "/brokers/ids/1001",
		ConfigEntityPath("users/alice/clients", DefaultEntity):   "/config/users/alice/clients/<default>",
		ConfigChangeSequencePath:                                 "/config/changes/config_change_",
		IsrChangeSequencePath("0000000001"):                      "/isr_change_notification/isr_change_0000000001",
		LogDirEventSequencePath("0000000001"):                    "/log_dir_event_notification/log_dir_event_0000000001",
		ConsumerOffsetPath("g", "t", 0):                          "/consumers/g/offsets/t/0",
		DeleteTopicPath("t"):                                     "/admin/delete_topics/t",
		DelegationTokenInfoPath("x"):                             "/delegation_token/tokens/x",
		resource:                                                 "/kafka-acl-extended/prefixed/DelegationToken/n",
		SequenceNumber("isr_change_0000000007", IsrChangePrefix): "0000000007",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestDefaultACLs(t *testing.T) {
	tests := []struct {
		secure bool
		path   string
		ids    string
	}{
		{false, "/config/users", "world:anyone:31"},
		{true, "/brokers/ids/0", "auth::31 world:anyone:1"},
		{true, "/config/users/alice", "auth::31"},
		{true, "/config/brokers", "auth::31"},
		{true, "/delegation_token/tokens/x", "auth::31"},
		{true, "/consumers", "world:anyone:31"},
		{true, "/consumers/g", "auth::31 world:anyone:1"},
	}
	for _, test := range tests {
		got := ""
		for i, acl := range DefaultACLs(test.secure, test.path) {
			if i > 0 {
				got += " "
			}
			got += acl.Scheme + ":" + acl.ID + ":" + string(EncodeControllerEpoch(acl.Perms))
		}
		if got != test.ids {
			t.Errorf("%t %s: %s, want %s", test.secure, test.path, got, test.ids)
		}
	}
}

func TestSanitize(t *testing.T) {
	for plain, want := range map[string]string{"alice": "alice", "a b*c+d/é": "a%20b%2Ac%2Bd%2F%C3%A9", "User:x~": "User%3Ax%7E", "<default>": "%3Cdefault%3E"} {
		if got := Sanitize(plain); got != want {
			t.Errorf("Sanitize(%q) = %q, want %q", plain, got, want)
		}
		if back, err := Desanitize(Sanitize(plain)); err != nil || back != plain {
			t.Errorf("Desanitize: %q, %v, want %q", back, err, plain)
		}
	}
}
