package replica

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/protocol"
)

// replicaAlterLogDirsThread copies the current logs of partitions to their future
// ones, a partition at a time, and puts a copy that is complete in the place of
// its original, as kafka.server.ReplicaAlterLogDirsThread.
//
// mu is held while a future log is written, so that a partition taken from the
// thread is not written to afterwards; it is not held while the current log is
// read or the future one is flushed.
type replicaAlterLogDirsThread struct {
	movers  *replicaAlterLogDirsManager
	manager *ReplicaManager
	quota   ReplicaQuota
	fetcherLog
	stats *fetcherStats
	// fetchSize and maxBytes bound one read, backoff is between two tries.
	fetchSize, maxBytes int
	backoff             time.Duration

	context context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // has room for one
	buffer  []byte        // what was read; of the thread alone

	mu     sync.Mutex // protects the following
	states map[topic.Partition]*moveState
	// inProgress is the partition that is copied until it is done or cannot be
	// fetched; nil between two.
	inProgress *moveState
	// busy says that the thread does something with a partition, maybe one that
	// was taken from it.
	busy bool
}

// moveState is how far a mover is with one partition. It is guarded by its thread.
type moveState struct {
	tp                 topic.Partition
	topicID            topic.ID
	fetchOffset        int64
	lag                int64
	currentLeaderEpoch int32
	delayedUntil       time.Time
	// truncating says that the future log may have what the current one has not.
	truncating bool
}

func (s *moveState) delayed(now time.Time) bool { return now.Before(s.delayedUntil) }

func (s *moveState) readyForFetch(now time.Time) bool { return !s.truncating && !s.delayed(now) }

// before is the order in which partitions are moved.
func (s *moveState) before(other *moveState) bool {
	if s.tp.Topic != other.tp.Topic {
		return s.tp.Topic < other.tp.Topic
	}
	return s.tp.Partition < other.tp.Partition
}

func newReplicaAlterLogDirsThread(movers *replicaAlterLogDirsManager, id int, source metadata.Node) *replicaAlterLogDirsThread {
	m, cfg := movers.manager, movers.manager.options.Config.Load()
	name := fmt.Sprintf("ReplicaAlterLogDirsThread-%d", id)
	t := &replicaAlterLogDirsThread{
		movers: movers, manager: m, quota: m.options.Quotas.AlterLogDirs,
		fetcherLog: fetcherLog{log: logging.For("kafka.server.ReplicaAlterLogDirsThread"), prefix: "[" + name + "]: "},
		stats:      newFetcherStats(m.options.Metrics, name, source),
		fetchSize:  config.ReplicaFetchMaxBytes.Get(cfg), maxBytes: config.ReplicaFetchResponseMaxBytes.Get(cfg),
		backoff: max(config.Milliseconds(config.ReplicaFetchBackoffMs.Get(cfg)), time.Millisecond),
		wake:    make(chan struct{}, 1), states: map[topic.Partition]*moveState{},
	}
	t.context, t.stop = context.WithCancel(context.Background())
	return t
}

func (t *replicaAlterLogDirsThread) start() { t.running.Go(t.run) }

// shutdown ends the thread and waits for it.
func (t *replicaAlterLogDirsThread) shutdown() {
	t.stop()
	t.running.Wait()
	t.stats.close()
}

func (t *replicaAlterLogDirsThread) run() {
	t.log.Infof("%sStarting", t.prefix)
	for t.context.Err() == nil {
		t.maybeTruncate()
		t.maybeCopy()
	}
	t.log.Infof("%sStopped", t.prefix)
}

func (t *replicaAlterLogDirsThread) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// backOff waits until something changes, at most the given time.
func (t *replicaAlterLogDirsThread) backOff(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-t.context.Done():
	case <-t.wake:
	case <-timer.C:
	}
}

// addPartitions begins to copy partitions, but those whose future log has become
// the current one meanwhile. One that is copied already in the same leader epoch
// goes on where it is.
func (t *replicaAlterLogDirsThread) addPartitions(initial map[topic.Partition]initialFetchState) (added map[topic.Partition]initialFetchState, done []topic.Partition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	added = make(map[topic.Partition]initialFetchState, len(initial))
	for tp, init := range initial {
		if partition := t.manager.OnlinePartition(tp); partition == nil || partition.FutureLog() == nil {
			done = append(done, tp)
			continue
		}
		added[tp] = init
		current := t.states[tp]
		if current != nil && current.currentLeaderEpoch == init.currentLeaderEpoch {
			continue
		}
		if current != nil {
			t.removeLocked(current)
		}
		t.states[tp] = &moveState{
			tp: tp, topicID: init.topicID, fetchOffset: init.initOffset, lag: unknownLag, currentLeaderEpoch: init.currentLeaderEpoch, truncating: true,
		}
	}
	t.signal()
	return added, done
}

func (t *replicaAlterLogDirsThread) removePartitions(partitions []topic.Partition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tp := range partitions {
		if state := t.states[tp]; state != nil {
			t.removeLocked(state)
		}
	}
}

func (t *replicaAlterLogDirsThread) removeLocked(state *moveState) {
	delete(t.states, state.tp)
	if t.inProgress == state {
		t.inProgress = nil
	}
}

func (t *replicaAlterLogDirsThread) markPartitionForTruncation(tp topic.Partition, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if state := t.states[tp]; state != nil {
		state.fetchOffset, state.truncating = min(offset, state.fetchOffset), true
		t.signal()
	}
}

// idle reports whether there is nothing to copy.
func (t *replicaAlterLogDirsThread) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.states) == 0 && !t.busy
}

func (t *replicaAlterLogDirsThread) maxLag() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lag int64
	for _, state := range t.states {
		lag = max(lag, state.lag)
	}
	return lag
}

// future gives a partition of this broker and its future log.
func (t *replicaAlterLogDirsThread) future(tp topic.Partition) (*cluster.Partition, *log.UnifiedLog, error) {
	partition, err := t.manager.Partition(tp)
	if err != nil {
		return nil, nil, err
	}
	future := partition.FutureLog()
	if future == nil {
		return nil, nil, fmt.Errorf("Future log for partition %s is not available on broker %d: %w", tp, t.manager.brokerID, kerr.NotLeaderForPartition)
	}
	return partition, future, nil
}

// delayLocked leaves a partition alone for a while after an error.
func (t *replicaAlterLogDirsThread) delayLocked(state *moveState) {
	if now := time.Now(); !state.delayed(now) {
		state.delayedUntil = now.Add(t.backoff)
	}
}

// fencedLocked handles a leader epoch that is over: LeaderAndIsr is on its way.
func (t *replicaAlterLogDirsThread) fencedLocked(state *moveState) {
	t.log.Infof("%sPartition %s has an older epoch (%d) than the current leader. Will await the new LeaderAndIsr state before resuming fetching.",
		t.prefix, state.tp, state.currentLeaderEpoch)
	t.failLocked(state)
}

// failLocked gives a partition up until the next LeaderAndIsr.
func (t *replicaAlterLogDirsThread) failLocked(state *moveState) {
	t.removeLocked(state)
	t.movers.failed.add(state.tp)
	t.log.Warnf("%sPartition %s marked as failed", t.prefix, state.tp)
}

// writeFailedLocked handles what went wrong with a future log. A disk without room
// may have some later.
func (t *replicaAlterLogDirsThread) writeFailedLocked(state *moveState, err error) {
	switch code := protocol.ErrorCode(err); {
	case errors.Is(err, log.ErrDiskFull):
		t.log.WithError(err).Warnf("%sNo room for partition %s at offset %d", t.prefix, state.tp, state.fetchOffset)
		t.delayLocked(state)
	case code == kerr.CorruptMessage.Code, code == kerr.InvalidRecord.Code:
		t.log.WithError(err).Errorf("%sFound invalid messages during fetch for partition %s offset %d", t.prefix, state.tp, state.fetchOffset)
		t.delayLocked(state)
	default:
		t.log.WithError(err).Errorf("%sError while processing data for partition %s at offset %d", t.prefix, state.tp, state.fetchOffset)
		t.failLocked(state)
	}
}
