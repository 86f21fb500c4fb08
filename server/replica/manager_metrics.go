package replica

import (
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metrics"
)

// managerMetrics are the metrics of the replica manager and its delayed
// operations.
type managerMetrics struct {
	groups               []*metrics.Group
	isrExpands           *metrics.Meter
	isrShrinks           *metrics.Meter
	failedIsrUpdates     *metrics.Meter
	produceExpires       *metrics.Meter
	followerFetchExpires *metrics.Meter
	consumerFetchExpires *metrics.Meter
	deleteRecordsExpires *metrics.Meter
}

func newManagerMetrics(m *ReplicaManager, registry *metrics.Registry) *managerMetrics {
	own := registry.Group("kafka.server", "ReplicaManager")
	produce := registry.Group("kafka.server", "DelayedProduceMetrics")
	fetch := registry.Group("kafka.server", "DelayedFetchMetrics")
	deletes := registry.Group("kafka.server", "DelayedDeleteRecordsMetrics")
	count := func(name string, include func(*cluster.Partition) bool) {
		own.Gauge(name, nil, func() float64 { return float64(m.countOnline(include)) })
	}
	count("LeaderCount", isLeader)
	count("UnderReplicatedPartitions", (*cluster.Partition).IsUnderReplicated)
	count("UnderMinIsrPartitionCount", (*cluster.Partition).IsUnderMinIsr)
	count("AtMinIsrPartitionCount", (*cluster.Partition).IsAtMinIsr)
	count("ReassigningPartitions", func(p *cluster.Partition) bool { return isLeader(p) && p.IsReassigning() })
	own.Gauge("PartitionCount", nil, func() float64 { return float64(m.PartitionCount()) })
	own.Gauge("OfflineReplicaCount", nil, func() float64 { return float64(m.OfflineReplicaCount()) })
	return &managerMetrics{
		groups:               []*metrics.Group{own, produce, fetch, deletes},
		isrExpands:           own.Meter("IsrExpandsPerSec", nil),
		isrShrinks:           own.Meter("IsrShrinksPerSec", nil),
		failedIsrUpdates:     own.Meter("FailedIsrUpdatesPerSec", nil),
		produceExpires:       produce.Meter("ExpiresPerSec", nil),
		followerFetchExpires: fetch.Meter("ExpiresPerSec", metrics.Labels{{Name: "fetcherType", Value: "follower"}}),
		consumerFetchExpires: fetch.Meter("ExpiresPerSec", metrics.Labels{{Name: "fetcherType", Value: "consumer"}}),
		deleteRecordsExpires: deletes.Meter("ExpiresPerSec", nil),
	}
}

func isLeader(p *cluster.Partition) bool { return p.LeaderLog() != nil }

// MarkExpand counts a replica that joined an ISR.
func (m *managerMetrics) MarkExpand() { m.isrExpands.Mark(1) }

// MarkShrink counts an ISR that lost replicas.
func (m *managerMetrics) MarkShrink() { m.isrShrinks.Mark(1) }

// MarkFailed counts an ISR change the controller did not make.
func (m *managerMetrics) MarkFailed() { m.failedIsrUpdates.Mark(1) }

func (m *managerMetrics) close() {
	for _, group := range m.groups {
		group.Close()
	}
}

func (m *ReplicaManager) countOnline(include func(*cluster.Partition) bool) int {
	count := 0
	m.partitions.eachOnline(func(p *cluster.Partition) {
		if include(p) {
			count++
		}
	})
	return count
}

// PartitionCount is the number of partitions hosted here, offline ones
// included.
func (m *ReplicaManager) PartitionCount() int {
	count := 0
	m.partitions.each(func(topic.Partition, hosted) { count++ })
	return count
}

// OfflineReplicaCount is the number of partitions whose log directory failed.
func (m *ReplicaManager) OfflineReplicaCount() int {
	count := 0
	m.partitions.each(func(_ topic.Partition, entry hosted) {
		if entry.offline {
			count++
		}
	})
	return count
}
