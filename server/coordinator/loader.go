package coordinator

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

// OnElection starts loading a partition this broker has become leader of. It
// does nothing when a later epoch was seen or the partition is already loaded.
func (r *Runtime[M]) OnElection(partition, leaderEpoch int32) {
	tp := r.partition(partition)
	r.options.Logger.Infof("%sScheduling loading of %s from %s for epoch %d",
		r.options.LogPrefix, r.options.Subject, tp, leaderEpoch)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if !r.advanceEpochLocked(partition, &leaderEpoch) {
		r.options.Logger.Infof("%sNot loading %s for %s in epoch %d since current epoch is %d",
			r.options.LogPrefix, r.options.Subject, tp, leaderEpoch, r.epochs[partition])
		return
	}
	if current := r.shards[partition]; current != nil {
		if current.loaded || current.shard.Epoch() == leaderEpoch {
			current.shard.epoch.Store(leaderEpoch)
			r.options.Logger.Infof("%sAlready loading %s from %s", r.options.LogPrefix, r.options.Subject, tp)
			return
		}
		r.releaseLocked(current)
	}
	r.scheduleLoadLocked(tp, leaderEpoch)
}

func (r *Runtime[M]) scheduleLoadLocked(tp topic.Partition, leaderEpoch int32) {
	shard := &Shard{partition: tp, writer: r.options.Storage, queue: eventQueue{workers: &r.workers}}
	shard.epoch.Store(leaderEpoch)
	h := &handle[M]{shard: shard, machine: r.options.NewMachine(shard)}
	r.shards[tp.Partition] = h
	scheduled := time.Now()
	r.workers.running.Go(func() {
		r.loads <- struct{}{}
		defer func() { <-r.loads }()
		r.load(h, scheduled)
	})
}

// OnResignation drops a partition this broker leads no longer. A nil epoch (the
// replica is stopped) always drops it, an older epoch than the last one never.
func (r *Runtime[M]) OnResignation(partition int32, leaderEpoch *int32) {
	tp := r.partition(partition)
	r.options.Logger.Infof("%sScheduling unloading of %s from %s", r.options.LogPrefix, r.options.Subject, tp)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.advanceEpochLocked(partition, leaderEpoch) {
		r.options.Logger.Infof("%sNot removing %s for %s in epoch %d since current epoch is %d",
			r.options.LogPrefix, r.options.Subject, tp, *leaderEpoch, r.epochs[partition])
		return
	}
	if h := r.shards[partition]; h != nil {
		delete(r.shards, partition)
		r.releaseLocked(h)
	}
}

// advanceEpochLocked notes the epoch and reports whether it is the newest.
func (r *Runtime[M]) advanceEpochLocked(partition int32, epoch *int32) bool {
	if epoch == nil {
		return true
	}
	if current, seen := r.epochs[partition]; seen && *epoch < current {
		return false
	}
	r.epochs[partition] = *epoch
	return true
}

// releaseLocked ends a shard: a load stops at the next batch, a loaded machine
// is unloaded after the events before.
func (r *Runtime[M]) releaseLocked(h *handle[M]) {
	h.cancelled.Store(true)
	loaded := h.loaded
	h.shard.queue.push(func() {
		if loaded {
			h.machine.Unloaded()
		}
		h.shard.closed = true
	})
	h.pushLocked()
}

// errCancelled ends the load of a shard that has been released.
var errCancelled = errors.New("no longer leader")

func (r *Runtime[M]) load(h *handle[M], scheduled time.Time) {
	started := time.Now()
	err := r.replayLog(h)
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.cancelled.Load() {
		return
	}
	tp := h.shard.partition
	if err != nil {
		// Kafka serves such a partition with what it has, which makes its
		// consumers start over. It is safer not to serve it.
		delete(r.shards, tp.Partition)
		r.releaseLocked(h)
		if notLed(err) {
			r.options.Logger.Warnf("%sAttempted to load %s from %s, but found no log", r.options.LogPrefix, r.options.Subject, tp)
		} else {
			r.options.Logger.Errorf("%sError loading %s from %s: %v", r.options.LogPrefix, r.options.Subject, tp, err)
		}
		return
	}
	h.shard.queue.push(h.machine.Loaded)
	h.loaded = true
	h.pushLocked()
	r.options.Logger.Infof("%sFinished loading %s from %s in %d milliseconds for epoch %d, of which %d milliseconds was spent in the scheduler.",
		r.options.LogPrefix, r.options.Subject, tp, time.Since(scheduled).Milliseconds(), h.shard.Epoch(), started.Sub(scheduled).Milliseconds())
}

// replayLog replays the log from its start to its end, which may move on
// meanwhile.
func (r *Runtime[M]) replayLog(h *handle[M]) error {
	var next int64
	var buffer []byte
	for !h.cancelled.Load() {
		chunk, err := r.options.Storage.Read(h.shard.partition, next, r.options.LoadBufferSize, buffer)
		if err != nil {
			return fmt.Errorf("reading at offset %d: %w", next, err)
		}
		after, err := replayChunk(h, chunk.Batches, next)
		if err != nil {
			return err
		}
		if after >= chunk.LogEndOffset || after == next {
			return nil
		}
		next, buffer = after, chunk.Batches[:0]
	}
	return errCancelled
}

// replayChunk replays the batches of one read and returns the offset after
// them.
func replayChunk[M Machine](h *handle[M], batches []byte, next int64) (int64, error) {
	for batch, err := range record.Batches(batches) {
		if err == nil {
			err = batch.EnsureValid()
		}
		if err == nil && batch.NextOffset() <= next {
			continue
		}
		if h.cancelled.Load() {
			return next, errCancelled
		}
		if err == nil {
			err = h.machine.Replay(batch)
		}
		if err != nil {
			return next, fmt.Errorf("batch after offset %d: %w", next, err)
		}
		next = batch.NextOffset()
	}
	return next, nil
}

// notLed reports whether an error of a read means that the partition is not,
// or no longer, led here.
func notLed(err error) bool {
	return errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.UnknownTopicOrPartition)
}
