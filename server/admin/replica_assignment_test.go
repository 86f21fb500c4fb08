package admin

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/server/protocol"
)

func brokers(racks ...string) []placement.Broker {
	list := make([]placement.Broker, len(racks))
	for i, rack := range racks {
		list[i] = placement.Broker{ID: int32(i), Rack: rack}
	}
	return list
}

func TestAssignReplicasRefuses(t *testing.T) {
	for _, test := range []struct {
		brokers                       []placement.Broker
		partitions, replicationFactor int
		code                          *kerr.Error
	}{
		{brokers(""), 0, 1, kerr.InvalidPartitions},
		{brokers(""), 1, 0, kerr.InvalidReplicationFactor},
		{brokers(""), 1, 2, kerr.InvalidReplicationFactor},
		{brokers("a", ""), 1, 1, kerr.UnknownServerError},
	} {
		_, err := AssignReplicas(test.brokers, test.partitions, test.replicationFactor, placement.Start{})
		if protocol.ErrorCode(err) != test.code.Code {
			t.Errorf("%v: %v, want %v", test, err, test.code)
		}
	}
}
