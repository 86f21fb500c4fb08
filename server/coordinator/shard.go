package coordinator

import (
	"sync/atomic"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

// Machine is the state of one shard and the decisions on it. Loaded, Unloaded
// and every event of the shard are called one at a time.
type Machine interface {
	// Replay applies one batch of the log. The loader calls it, for the
	// batches in order, before anything else of the shard runs.
	Replay(batch record.Batch) error
	// Loaded is called once, first, after all batches were replayed.
	Loaded()
	// Unloaded is called once when the shard resigns: it answers what is
	// parked and stops timers. Of the events only completed appends follow.
	Unloaded()
}

// Shard is one partition of a coordinator's topic while this broker leads it.
// Its methods may be called only by its own events.
type Shard struct {
	partition topic.Partition
	epoch     atomic.Int32
	writer    PartitionWriter
	queue     eventQueue
	// closed is set by the event that unloads the shard.
	closed bool
}

// Partition is the partition of the topic.
func (s *Shard) Partition() topic.Partition { return s.partition }

// Epoch is the leader epoch of the partition, which is the coordinator epoch.
func (s *Shard) Epoch() int32 { return s.epoch.Load() }

// Append writes a batch to the partition; see [PartitionWriter]. done is an
// event of the shard and runs exactly once, also after the shard was unloaded.
func (s *Shard) Append(batch []byte, requiredAcks int16, timeout time.Duration, done func(baseOffset int64, err error)) {
	s.writer.Append(s.partition, batch, requiredAcks, timeout, func(baseOffset int64, err error) {
		s.queue.push(func() { done(baseOffset, err) })
	})
}
