package zkdata

import (
	"fmt"
	"testing"
)

// TestTextsOfKafka: operators find in the logs what Kafka 3.1.0 prints.
func TestTextsOfKafka(t *testing.T) {
	rack := "a"
	broker := Broker{ID: 1, Endpoints: []Endpoint{{"h", 9092, "PLAINTEXT", "PLAINTEXT"}}}
	racked := Broker{ID: 2, Rack: &rack, Features: map[string]SupportedVersionRange{"f": {1, 3}}}
	state := LeaderAndIsr{Leader: 1, LeaderEpoch: 2, Isr: []int32{1, 2}, ZkVersion: 3}
	for _, test := range []struct {
		value fmt.Stringer
		want  string
	}{
		{FeatureNode{Status: FeatureEnabled}, "FeatureZNode(Enabled,Features{})"},
		{FeatureNode{Features: FinalizedFeatures{"f": {1, 2}}},
			"FeatureZNode(Disabled,Features{(f -> FinalizedVersionRange[min_version_level:1, max_version_level:2])})"},
		{ReplicaAssignment{Replicas: []int32{0, 1}, AddingReplicas: []int32{1}}, "ReplicaAssignment(replicas=0,1, addingReplicas=1, removingReplicas=)"},
		{broker, "1 : (EndPoint(h,9092,ListenerName(PLAINTEXT),PLAINTEXT)) : null : Features{}"},
		{racked, "2 : () : a : Features{(f -> SupportedVersionRange[min_version:1, max_version:3])}"},
		{state, "LeaderAndIsr(leader=1, leaderEpoch=2, isr=List(1, 2), zkVersion=3)"},
		{LeaderIsrAndControllerEpoch{state, 4}, "(Leader:1,ISR:1,2,LeaderEpoch:2,ZkVersion:3,ControllerEpoch:4)"},
		{ProducerIDBlock{0, 1000, 1000}, "ProducerIdsBlock{brokerId=0, producerIdStart=1000, producerIdLen=1000}"},
	} {
		if got := test.value.String(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}
