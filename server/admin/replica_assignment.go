package admin

import (
	"errors"

	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/server/protocol"
)

// AssignReplicas places replicas by [placement.Assign]; clients see the message of
// its error.
func AssignReplicas(brokers []placement.Broker, partitions, replicationFactor int, from placement.Start) (map[int32][]int32, error) {
	assignment, err := placement.Assign(brokers, partitions, replicationFactor, from)
	if refused, ok := errors.AsType[*placement.Error](err); ok {
		return nil, protocol.WithMessage(refused.Code, refused.Message)
	}
	return assignment, err
}
