package replica

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
)

const hostedShardCount = 64

// hostedPartitions is the table of partitions this broker hosts. A partition
// is absent, online, or offline because its log directory failed
// (kafka.server.HostedPartition).
type hostedPartitions struct {
	seed   maphash.Seed
	shards [hostedShardCount]hostedShard
	// changes counts the changes of the table, after each.
	changes atomic.Uint64
}

type hostedShard struct {
	mu         sync.RWMutex
	partitions map[topic.Partition]hosted
}

// hosted is an entry; an offline one has no partition.
type hosted struct {
	partition *cluster.Partition
	stats     *TopicStats
	offline   bool
}

// hostedAt is an entry as it was after a number of changes of the table.
type hostedAt struct {
	hosted
	tp      topic.Partition
	changes uint64
}

func newHostedPartitions() *hostedPartitions {
	h := &hostedPartitions{seed: maphash.MakeSeed()}
	for i := range h.shards {
		h.shards[i].partitions = map[topic.Partition]hosted{}
	}
	return h
}

func (h *hostedPartitions) shard(tp topic.Partition) *hostedShard {
	return &h.shards[(maphash.String(h.seed, tp.Topic)+uint64(uint32(tp.Partition)))%hostedShardCount]
}

func (h *hostedPartitions) get(tp topic.Partition) hosted {
	shard := h.shard(tp)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.partitions[tp]
}

// getCached gives the entry that was found before unless the table has changed
// since.
func (h *hostedPartitions) getCached(tp topic.Partition, cache *atomic.Pointer[hostedAt]) hosted {
	changes := h.changes.Load()
	found := cache.Load()
	if found == nil || found.changes != changes || found.tp != tp {
		found = &hostedAt{hosted: h.get(tp), tp: tp, changes: changes}
		cache.Store(found)
	}
	return found.hosted
}

func (h *hostedPartitions) set(tp topic.Partition, entry hosted) {
	shard := h.shard(tp)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.partitions[tp] = entry
	h.changes.Add(1)
}

func (h *hostedPartitions) remove(tp topic.Partition) {
	shard := h.shard(tp)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	delete(shard.partitions, tp)
	h.changes.Add(1)
}

// each visits all entries; it is for tasks and gauges, not for requests.
func (h *hostedPartitions) each(visit func(topic.Partition, hosted)) {
	for i := range h.shards {
		shard := &h.shards[i]
		shard.mu.RLock()
		entries := make(map[topic.Partition]hosted, len(shard.partitions))
		for tp, entry := range shard.partitions {
			entries[tp] = entry
		}
		shard.mu.RUnlock()
		for tp, entry := range entries {
			visit(tp, entry)
		}
	}
}

// eachOnline visits the partitions whose log directory works.
func (h *hostedPartitions) eachOnline(visit func(*cluster.Partition)) {
	h.each(func(_ topic.Partition, entry hosted) {
		if entry.partition != nil {
			visit(entry.partition)
		}
	})
}
