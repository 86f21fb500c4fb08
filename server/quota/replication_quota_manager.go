package quota

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
)

// ReplicationQuotaManager throttles the replication of some partitions, as
// kafka.server.ReplicationQuotaManager. Without throttled partitions it costs
// next to nothing.
type ReplicationQuotaManager struct {
	mu    sync.Mutex // guards rate
	rate  *Rate
	bound atomic.Int64

	throttledMu sync.RWMutex
	throttled   map[string]throttledReplicas
}

type throttledReplicas struct {
	all        bool
	partitions []int32
}

// unbounded is the rate of a throttle that was not set, Long.MAX_VALUE upstream.
const unbounded = 1<<63 - 1

// NewReplicationQuotaManager returns a manager that throttles nothing.
func NewReplicationQuotaManager(samples int, window time.Duration) *ReplicationQuotaManager {
	m := &ReplicationQuotaManager{rate: NewSimpleRate(samples, window), throttled: map[string]throttledReplicas{}}
	m.bound.Store(unbounded)
	return m
}

// UpdateQuota sets the rate in bytes a second; nil removes the bound.
func (m *ReplicationQuotaManager) UpdateQuota(bytesPerSecond *int64) {
	if bytesPerSecond == nil {
		m.bound.Store(unbounded)
		return
	}
	m.bound.Store(*bytesPerSecond)
}

// UpperBound returns the rate in force.
func (m *ReplicationQuotaManager) UpperBound() int64 { return m.bound.Load() }

// MarkThrottled makes partitions of a topic subject to the quota, instead of
// those named before.
func (m *ReplicationQuotaManager) MarkThrottled(topicName string, partitions []int32) {
	m.mark(topicName, throttledReplicas{partitions: slices.Clone(partitions)})
}

// MarkAllThrottled makes all partitions of a topic subject to the quota.
func (m *ReplicationQuotaManager) MarkAllThrottled(topicName string) {
	m.mark(topicName, throttledReplicas{all: true})
}

func (m *ReplicationQuotaManager) mark(topicName string, replicas throttledReplicas) {
	m.throttledMu.Lock()
	defer m.throttledMu.Unlock()
	m.throttled[topicName] = replicas
}

// RemoveThrottle frees a topic from the quota.
func (m *ReplicationQuotaManager) RemoveThrottle(topicName string) {
	m.throttledMu.Lock()
	defer m.throttledMu.Unlock()
	delete(m.throttled, topicName)
}

// IsThrottled tells whether a partition is subject to the quota.
func (m *ReplicationQuotaManager) IsThrottled(partition topic.Partition) bool {
	m.throttledMu.RLock()
	defer m.throttledMu.RUnlock()
	replicas, ok := m.throttled[partition.Topic]
	return ok && (replicas.all || slices.Contains(replicas.partitions, partition.Partition))
}

// Record counts bytes of throttled partitions.
func (m *ReplicationQuotaManager) Record(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rate.Record(float64(bytes), time.Now())
}

// IsQuotaExceeded tells whether the rate is above the quota.
func (m *ReplicationQuotaManager) IsQuotaExceeded() bool {
	bound := m.bound.Load()
	if bound == unbounded {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rate.Measure(time.Now()) > float64(bound)
}
