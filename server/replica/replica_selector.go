package replica

import (
	"time"

	"github.com/gregor-broker/gregor/server/cluster"
)

// rackAwareSelector is the only selector Kafka brings along.
const rackAwareSelector = "org.apache.kafka.common.replica.RackAwareReplicaSelector"

// candidate is a replica a consumer may read from.
type candidate struct {
	id           int32
	logEndOffset int64
	behind       time.Duration
}

// preferredReadReplica gives the replica a consumer should read from instead
// of this leader (KIP-392), if there is a better one. Only replicas in the ISR
// are offered: another may lag ever further behind (KAFKA-14372).
func (m *ReplicaManager) preferredReadReplica(params *FetchParams, partition *cluster.Partition, fetchOffset int64) (int32, bool) {
	if !m.rackAware || params.Client == nil || params.Client.Rack == "" || params.ReplicaID >= 0 {
		return 0, false
	}
	leaderLog := partition.LeaderLog()
	if leaderLog == nil {
		return 0, false
	}
	endpoints := m.metadataCache.PartitionReplicaEndpoints(partition.TopicPartition(), params.Client.Listener)
	if leader, ok := endpoints[m.brokerID]; !ok || leader.Rack == params.Client.Rack {
		return 0, false
	}
	now, isr := time.Now(), partition.IsrState()
	best, found := candidate{}, false
	for _, replica := range partition.RemoteReplicas() {
		node, reachable := endpoints[replica.BrokerID]
		state := replica.State()
		if !reachable || node.Rack != params.Client.Rack || !isr.Contains(replica.BrokerID) ||
			state.LogEndOffset.MessageOffset < fetchOffset || state.LogStartOffset > fetchOffset {
			continue
		}
		next := candidate{replica.BrokerID, state.LogEndOffset.MessageOffset, now.Sub(state.LastCaughtUpTime)}
		if !found || next.betterThan(best) {
			best, found = next, true
		}
	}
	return best.id, found
}

// betterThan prefers the longer log, then the one that caught up last, then
// the higher id, as RackAwareReplicaSelector with ReplicaView.comparator.
func (c candidate) betterThan(other candidate) bool {
	switch {
	case c.logEndOffset != other.logEndOffset:
		return c.logEndOffset > other.logEndOffset
	case c.behind != other.behind:
		return c.behind < other.behind
	default:
		return c.id > other.id
	}
}
