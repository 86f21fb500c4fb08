package zkdata

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
)

func TestBrokerOfEveryVersion(t *testing.T) {
	local := []Endpoint{{"localhost", 9092, "PLAINTEXT", "PLAINTEXT"}}
	none := map[string]SupportedVersionRange{}
	tests := []struct {
		name, data string
		want       BrokerInfo
	}{
		{"v1", `{"version":1,"host":"localhost","port":9092,"jmx_port":9999,"timestamp":"1"}`,
			BrokerInfo{Broker{ID: 5, Endpoints: local, Features: none}, 1, 9999}},
		{"v2", `{"jmx_port":-1,"timestamp":"1","endpoints":["PLAINTEXT://localhost:9092","SSL://[::1]:9093"],"host":"localhost","version":2,"port":9092}`,
			BrokerInfo{Broker{ID: 5, Endpoints: append(local[:1:1], Endpoint{"::1", 9093, "SSL", "SSL"}), Features: none}, 2, -1}},
		{"v3", `{"jmx_port":-1,"timestamp":"1","endpoints":["PLAINTEXT://localhost:9092"],"host":"localhost","version":3,"port":9092,"rack":"/r"}`,
			BrokerInfo{Broker{ID: 5, Endpoints: local, Rack: text("/r"), Features: none}, 3, -1}},
		{"v4 in lower case", `{"listener_security_protocol_map":{"CLIENT":"SSL"},"endpoints":["client://:9092"],"jmx_port":-1,"version":4,"rack":null,"later":{}}`,
			BrokerInfo{Broker{ID: 5, Endpoints: []Endpoint{{"", 9092, "CLIENT", "SSL"}}, Features: none}, 4, -1}},
		{"v5", `{"features":{"f":{"min_version":1,"first_active_version":2,"max_version":3}},"listener_security_protocol_map":{"A":"PLAINTEXT"},"endpoints":["A://h:1"],"jmx_port":-1,"version":5}`,
			BrokerInfo{Broker{ID: 5, Endpoints: []Endpoint{{"h", 1, "A", "PLAINTEXT"}}, Features: map[string]SupportedVersionRange{"f": {1, 3}}}, 5, -1}},
	}
	for _, test := range tests {
		got, err := DecodeBroker(5, []byte(test.data))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

func TestBrokerThatMakesNoSense(t *testing.T) {
	for _, data := range []string{
		``, `x`, `[]`, `{}`, `{"version":0,"jmx_port":-1}`,
		`{"version":"5","jmx_port":-1,"endpoints":[]}`,
		`{"version":5,"jmx_port":-1}`,
		`{"version":5,"jmx_port":-1,"endpoints":["no endpoint"]}`,
		`{"version":5,"jmx_port":-1,"endpoints":["A://h:99999999999"],"listener_security_protocol_map":{"A":"SSL"}}`,
		`{"version":5,"jmx_port":-1,"endpoints":["A://h:1"],"listener_security_protocol_map":{"B":"SSL"}}`,
		`{"version":5,"jmx_port":-1,"endpoints":["A://h:1"],"listener_security_protocol_map":{"A":"GIOP"}}`,
		`{"version":5,"jmx_port":-1,"endpoints":["A://h:1","A://i:1"],"listener_security_protocol_map":{"A":"SSL"}}`,
		`{"version":5,"jmx_port":-1,"endpoints":[],"features":{"f":{"min_version":2,"max_version":1}}}`,
	} {
		if info, err := DecodeBroker(1, []byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", data, info, err)
		}
	}
}

func TestTopicOfEveryVersion(t *testing.T) {
	id, _ := topic.ParseID("6O_xn9sPRwOxjOlTMgTuEQ")
	tests := []struct {
		data string
		want TopicAssignment
	}{
		{`{"version":1,"partitions":{"1":[101,103],"0":[103,102]}}`,
			TopicAssignment{Topic: "t", Assignment: map[topic.Partition]ReplicaAssignment{partition(0): {Replicas: []int32{103, 102}}, partition(1): {Replicas: []int32{101, 103}}}}},
		{`{"partitions":{"0":[1,2]},"topic_id":"6O_xn9sPRwOxjOlTMgTuEQ","adding_replicas":{"0":[2]},"removing_replicas":{"0":[1]},"version":3}`,
			TopicAssignment{Topic: "t", TopicID: id, Assignment: map[topic.Partition]ReplicaAssignment{partition(0): {[]int32{1, 2}, []int32{2}, []int32{1}}}}},
		{`not JSON`, TopicAssignment{Topic: "t", Assignment: map[topic.Partition]ReplicaAssignment{}}},
		{`{}`, TopicAssignment{Topic: "t", Assignment: map[topic.Partition]ReplicaAssignment{}}},
	}
	for _, test := range tests {
		got, err := DecodeTopic("t", []byte(test.data))
		if err != nil {
			t.Errorf("%s: %v", test.data, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.data, diff)
		}
	}
	for _, data := range []string{``, `[1]`, `{"partitions":[]}`, `{"partitions":{"x":[1]}}`, `{"partitions":{"0":["1"]}}`, `{"topic_id":"short"}`} {
		if _, err := DecodeTopic("t", []byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestPartitionState(t *testing.T) {
	want := LeaderIsrAndControllerEpoch{LeaderAndIsr{102, 8, []int32{102, 103}, 5}, 33}
	got, found, err := DecodeTopicPartitionState([]byte(`{"controller_epoch":33,"leader":102,"version":1,"leader_epoch":8,"isr":[102,103]}`), 5)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, found, err := DecodeTopicPartitionState([]byte(`{`), 0); found || err != nil {
		t.Errorf("no JSON: %t, %v", found, err)
	}
	if _, _, err := DecodeTopicPartitionState([]byte(`{"leader":1}`), 0); !errors.Is(err, ErrMalformed) {
		t.Errorf("incomplete: %v", err)
	}
}

func TestConfig(t *testing.T) {
	want := map[string]string{"a": "1", "b": "ü"}
	if got, err := DecodeConfig(EncodeConfig(want)); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, data := range [][]byte{nil, {}, []byte(`x`), []byte(`{}`), []byte(`[]`), []byte(`{"config":null}`), []byte(`{"config":3}`)} {
		if got, err := DecodeConfig(data); err != nil || len(got) != 0 || got == nil {
			t.Errorf("%q: %v, %v", data, got, err)
		}
	}
	if _, err := DecodeConfig([]byte(`{"config":{"a":1}}`)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a number as value: %v", err)
	}
}

func TestConfigChange(t *testing.T) {
	for data, want := range map[string]string{
		`{"version":2,"entity_path":"users/a/clients/b"}`:         "users/a/clients/b",
		`{"version":1,"entity_type":"topics","entity_name":"t"}`:  "topics/t",
		`{"version":1,"entity_type":"clients","entity_name":"c"}`: "clients/c",
		`{"version":1,"entity_type":"brokers","entity_name":"1"}`: "",
		`{"version":1,"entity_type":"topics"}`:                    "",
		`{"version":2}`:                                           "",
		`{"version":3,"entity_path":"topics/t"}`:                  "",
		``:                                                        "",
	} {
		got, err := DecodeConfigChange([]byte(data))
		if got.EntityPath != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", data, got, err)
		}
	}
}

func TestReassignment(t *testing.T) {
	want := map[topic.Partition][]int32{partition(0): {1, 2}, partition(1): {2}}
	if got, err := DecodeReassignment(EncodeReassignment(want)); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, data := range []string{``, `x`, `{}`, `{"partitions":[{"topic":"t"}]}`} {
		if _, err := DecodeReassignment([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestReassign(t *testing.T) {
	running := ReplicaAssignment{Replicas: []int32{1, 2, 3}}.ReassignTo([]int32{3, 4})
	want := ReplicaAssignment{[]int32{3, 4, 1, 2}, []int32{4}, []int32{1, 2}}
	if !running.Equal(want) || !running.IsBeingReassigned() {
		t.Fatalf("%+v, want %+v", running, want)
	}
	if diff := cmp.Diff([]int32{3, 4}, running.TargetReplicas()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int32{3, 1, 2}, running.OriginReplicas()); diff != "" {
		t.Error(diff)
	}
	if again := running.ReassignTo([]int32{5}); !again.Equal(ReplicaAssignment{[]int32{5, 3, 1, 2}, []int32{5}, []int32{3, 1, 2}}) {
		t.Errorf("a second reassignment starts from the origin: %+v", again)
	}
	if gone := running.RemoveReplica(1); !gone.Equal(ReplicaAssignment{[]int32{3, 4, 2}, []int32{4}, []int32{2}}) {
		t.Errorf("without 1: %+v", gone)
	}
}

func TestProducerIDBlock(t *testing.T) {
	want := ProducerIDBlock{3, 1000, 1000}
	if got, err := DecodeProducerIDBlock(EncodeProducerIDBlock(want)); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, data := range []string{``, `{}`, `{"version":1,"broker":1,"block_start":"0","block_end":"9223372036854775808"}`, `{"broker":1,"block_start":0,"block_end":1}`, `{"broker":1,"block_start":"0","block_end":"9223372036854775807"}`} {
		if _, err := DecodeProducerIDBlock([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestFeatures(t *testing.T) {
	want := FeatureNode{FeatureEnabled, map[string]FinalizedVersionRange{"f": {1, 2}}}
	if got, err := DecodeFeatures(EncodeFeatures(want)); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, data := range []string{``, `x`, `{"version":0,"status":1,"features":{}}`, `{"version":1,"status":2,"features":{}}`, `{"version":1,"status":1}`, `{"version":1,"features":{}}`, `{"version":1,"status":1,"features":{"f":{"min_version_level":0,"max_version_level":1}}}`} {
		if _, err := DecodeFeatures([]byte(data)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestSmallNodes(t *testing.T) {
	if id, found, err := DecodeController([]byte(`{"version":1,"brokerid":1001,"timestamp":"1571666282268"} trailing`)); id != 1001 || !found || err != nil {
		t.Error(id, found, err)
	}
	if _, found, err := DecodeController([]byte(`no`)); found || err != nil {
		t.Error(found, err)
	}
	if _, err := DecodeControllerEpoch([]byte(`{}`)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	if id, err := DecodeClusterID([]byte(`{"version":"1","id":"IOejp_IKSbWbySJc0sRrKw"}`)); id != "IOejp_IKSbWbySJc0sRrKw" || err != nil {
		t.Error(id, err)
	}
	if id, found, err := DecodeLogDirEvent(EncodeLogDirEvent(7)); id != 7 || !found || err != nil {
		t.Error(id, found, err)
	}
	if got, err := DecodeIsrChange(EncodeIsrChange([]topic.Partition{partition(1)})); err != nil || !cmp.Equal(got, []topic.Partition{partition(1)}) {
		t.Error(got, err)
	}
	if offset, found, err := DecodeConsumerOffset([]byte("42")); offset != 42 || !found || err != nil {
		t.Error(offset, found, err)
	}
	if _, found, err := DecodeConsumerOffset(nil); found || err != nil {
		t.Error(found, err)
	}
}

func TestAcls(t *testing.T) {
	want := []AclEntry{{"User:alice", "Deny", "Write", "10.0.0.1"}}
	if got, err := DecodeAcls(EncodeAcls(want)); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := DecodeAcls(nil); got != nil || err != nil {
		t.Errorf("no data: %+v, %v", got, err)
	}
	if _, err := DecodeAcls([]byte(`{"version":2,"acls":[]}`)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	for _, want := range []ResourcePattern{{"TOPIC", "a:b", PatternLiteral}, {"GROUP", "g", PatternPrefixed}} {
		_, data, err := EncodeAclChange(want)
		if err != nil {
			t.Fatal(err)
		}
		decode := DecodeLiteralAclChange
		if want.PatternType == PatternPrefixed {
			decode = DecodeExtendedAclChange
		}
		if got, err := decode(data); got != want || err != nil {
			t.Errorf("%s: %+v, %v", data, got, err)
		}
	}
	if _, err := DecodeExtendedAclChange([]byte(`{"version":2,"resourceType":"TOPIC","name":"x","patternType":"PREFIXED"}`)); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}

func TestDelegationToken(t *testing.T) {
	want := DelegationToken{"id", "User:alice", []string{"User:b c"}, 1, 2, 3}
	if got, found, err := DecodeDelegationToken(EncodeDelegationToken(want)); err != nil || !found || !cmp.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// decoders runs every decoder; none may panic, and what one accepts it accepts
// again after encoding.
func decoders(t *testing.T, data []byte) {
	if info, err := DecodeBroker(1, data); err == nil && info.Version >= 2 {
		info.Version = 5
		again, err := DecodeBroker(1, EncodeBroker(info, time.Unix(0, 0)))
		if err != nil || len(again.Endpoints) != len(info.Endpoints) {
			t.Errorf("%q: %+v: %v", data, info, err)
		}
	}
	if assignment, err := DecodeTopic("t", data); err == nil {
		again, err := DecodeTopic("t", EncodeTopic(assignment.TopicID, assignment.Assignment))
		if err != nil || len(again.Assignment) != len(assignment.Assignment) || again.TopicID != assignment.TopicID {
			t.Errorf("%q: %+v: %v", data, assignment, err)
		}
	}
	if state, found, err := DecodeTopicPartitionState(data, 1); err == nil && found {
		again, _, err := DecodeTopicPartitionState(EncodeTopicPartitionState(state), 1)
		if err != nil || !cmp.Equal(again, state) {
			t.Errorf("%q: %+v: %v", data, state, err)
		}
	}
	if settings, err := DecodeConfig(data); err == nil {
		if again, err := DecodeConfig(EncodeConfig(settings)); err != nil || !cmp.Equal(again, settings) {
			t.Errorf("%q: %+v: %v", data, settings, err)
		}
	}
	if block, err := DecodeProducerIDBlock(data); err == nil {
		if again, err := DecodeProducerIDBlock(EncodeProducerIDBlock(block)); err != nil || again != block {
			t.Errorf("%q: %+v: %v", data, block, err)
		}
	}
	if node, err := DecodeFeatures(data); err == nil {
		if again, err := DecodeFeatures(EncodeFeatures(node)); err != nil || !cmp.Equal(again, node) {
			t.Errorf("%q: %+v: %v", data, node, err)
		}
	}
	DecodeController(data)
	DecodeControllerEpoch(data)
	DecodeConfigChange(data)
	DecodeIsrChange(data)
	DecodeLogDirEvent(data)
	DecodeReassignment(data)
	DecodePreferredReplicaElection(data)
	DecodeClusterID(data)
	DecodeConsumerOffset(data)
	DecodeDelegationToken(data)
	DecodeAcls(data)
	DecodeLiteralAclChange(data)
	DecodeExtendedAclChange(data)
}

func FuzzDecoders(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `42`, `"x"`,
		`{"features":{"f":{"min_version":1,"max_version":3}},"listener_security_protocol_map":{"A":"SSL"},"endpoints":["A://[::1]:1"],"jmx_port":-1,"version":5,"rack":"r"}`,
		`{"partitions":{"0":[1,2]},"topic_id":"6O_xn9sPRwOxjOlTMgTuEQ","adding_replicas":{"0":[2]},"removing_replicas":{},"version":3}`,
		`{"controller_epoch":33,"leader":102,"version":1,"leader_epoch":8,"isr":[102,103]}`,
		`{"version":1,"config":{"a":"b"}}`,
		`{"version":2,"entity_path":"topics/t"}`,
		`{"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1]}]}`,
		`{"version":1,"broker":1,"block_start":"0","block_end":"999"}`,
		`{"version":1,"status":1,"features":{"f":{"min_version_level":1,"max_version_level":2}}}`,
		`{"version":1,"acls":[{"principal":"User:a","permissionType":"Allow","operation":"Read","host":"*"}]}`,
		`{"version":1,"owner":"User%3Aa","renewers":["%"],"issueTimestamp":1,"maxTimestamp":2,"expiryTimestamp":3,"tokenId":"x"}`,
		`{"version":1,"resourceType":"TOPIC","name":"x","patternType":"PREFIXED"}`,
		strings.Repeat(`[`, 20000),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(decoders)
}
