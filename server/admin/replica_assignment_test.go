package admin

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/server/protocol"
)

func brokers(racks ...string) []BrokerMetadata {
	list := make([]BrokerMetadata, len(racks))
	for i, rack := range racks {
		list[i] = BrokerMetadata{int32(i), rack}
	}
	return list
}

// The expectation is the table in the documentation of Kafka's AdminUtils.
func TestReplicasAreSpreadWithAGrowingShift(t *testing.T) {
	assignment, err := AssignReplicas(brokers("", "", "", "", ""), 10, 3, Placement{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int32][]int32{
		0: {0, 1, 2}, 1: {1, 2, 3}, 2: {2, 3, 4}, 3: {3, 4, 0}, 4: {4, 0, 1},
		5: {0, 2, 3}, 6: {1, 3, 4}, 7: {2, 4, 0}, 8: {3, 0, 1}, 9: {4, 1, 2},
	}
	if diff := cmp.Diff(want, assignment); diff != "" {
		t.Error(diff)
	}
}

func TestEveryRackGetsAReplicaBeforeAnyGetsTwo(t *testing.T) {
	racks := []string{"a", "a", "b", "b", "c", "c"}
	assignment, err := AssignReplicas(brokers(racks...), 60, 3, Placement{StartIndex: -1})
	if err != nil {
		t.Fatal(err)
	}
	for partition, replicas := range assignment {
		seen := map[string]bool{}
		for _, replica := range replicas {
			seen[racks[replica]] = true
		}
		if len(seen) != 3 {
			t.Errorf("partition %d on %v has racks %v", partition, replicas, seen)
		}
	}
}

func TestAssignReplicasRefuses(t *testing.T) {
	for _, test := range []struct {
		brokers                       []BrokerMetadata
		partitions, replicationFactor int
		code                          *kerr.Error
	}{
		{brokers(""), 0, 1, kerr.InvalidPartitions},
		{brokers(""), 1, 0, kerr.InvalidReplicationFactor},
		{brokers(""), 1, 2, kerr.InvalidReplicationFactor},
		{brokers("a", ""), 1, 1, kerr.UnknownServerError},
	} {
		_, err := AssignReplicas(test.brokers, test.partitions, test.replicationFactor, Placement{})
		if protocol.ErrorCode(err) != test.code.Code {
			t.Errorf("%v: %v, want %v", test, err, test.code)
		}
	}
}
