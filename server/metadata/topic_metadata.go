package metadata

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

// noAuthorizedOperations is the value of a response that was not asked for
// the operations a client may do.
const noAuthorizedOperations int32 = -1 << 31

// GetTopicMetadata describes the topics that exist among those named, in the
// order named; unknown ones are left out. errorUnavailableEndpoints serves
// Metadata v0: dead replicas are left out of the lists and give
// REPLICA_NOT_AVAILABLE. errorUnavailableListeners (v6+) tells a leader
// without the listener (LISTENER_NOT_FOUND) from a dead one.
// The lists of the result are shared with the cache and must not be changed.
func (c *Cache) GetTopicMetadata(topics []string, listener string, errorUnavailableEndpoints, errorUnavailableListeners bool) []kmsg.MetadataResponseTopic {
	view := topicView{c.current.Load(), listener, errorUnavailableEndpoints, errorUnavailableListeners}
	found := make([]kmsg.MetadataResponseTopic, 0, len(topics))
	for _, name := range topics {
		if state := view.topic(name); state != nil {
			found = append(found, view.describe(state))
		}
	}
	return found
}

// topicView is one snapshot as one listener's clients may see it.
type topicView struct {
	*snapshot
	listener                  string
	errorUnavailableEndpoints bool
	errorUnavailableListeners bool
}

func (v *topicView) describe(state *topicState) kmsg.MetadataResponseTopic {
	response := kmsg.MetadataResponseTopic{
		Topic: &state.name, TopicID: state.id, IsInternal: topic.IsInternal(state.name),
		Partitions:           make([]kmsg.MetadataResponseTopicPartition, len(state.partitions)),
		AuthorizedOperations: noAuthorizedOperations,
	}
	for i, partition := range state.partitions {
		response.Partitions[i] = v.describePartition(partition)
	}
	return response
}

func (v *topicView) describePartition(state *PartitionState) kmsg.MetadataResponseTopicPartition {
	response := kmsg.MetadataResponseTopicPartition{
		Partition: state.Partition, Leader: state.Leader, LeaderEpoch: state.LeaderEpoch,
		Replicas: v.available(state.Replicas), ISR: v.available(state.ISR), OfflineReplicas: state.OfflineReplicas,
	}
	leader := v.brokers[state.Leader]
	switch {
	case leader == nil:
		response.ErrorCode, response.Leader = kerr.LeaderNotAvailable.Code, NoLeader
	case !v.reachable(state.Leader):
		response.ErrorCode, response.Leader = kerr.LeaderNotAvailable.Code, NoLeader
		if v.errorUnavailableListeners {
			response.ErrorCode = kerr.ListenerNotFound.Code
		}
	case len(response.Replicas) < len(state.Replicas) || len(response.ISR) < len(state.ISR):
		response.ErrorCode = kerr.ReplicaNotAvailable.Code
	}
	return response
}

func (v *topicView) reachable(id int32) bool {
	broker := v.brokers[id]
	if broker == nil {
		return false
	}
	_, ok := broker.Node(v.listener)
	return ok
}

// available leaves out the brokers that cannot be reached, for Metadata v0.
func (v *topicView) available(ids []int32) []int32 {
	if !v.errorUnavailableEndpoints || !slices.ContainsFunc(ids, func(id int32) bool { return !v.reachable(id) }) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return !v.reachable(id) })
}
