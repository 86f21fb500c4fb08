package replica

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metadata"
)

// rescanInterval is how often a fetcher looks at all its partitions for log
// starts that retention moved; in between it looks at those that changed.
const rescanInterval = time.Second

// replicaFetcherThread copies partitions from one leader, as
// kafka.server.ReplicaFetcherThread: one goroutine, one connection, one request
// at a time.
//
// mu is held while a response is appended, so that a partition taken from the
// thread is not written to afterwards; it is not held across the network.
type replicaFetcherThread struct {
	fetchers   *replicaFetcherManager
	manager    *ReplicaManager
	leader     metadata.Node
	connection LeaderConnection
	settings   fetcherSettings
	versions   fetcherVersions
	quota      ReplicaQuota
	fetcherLog
	stats *fetcherStats

	context context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // has room for one

	mu     sync.Mutex // protects the following
	states map[topic.Partition]*partitionFetchState
	order  partitionFetchState // sentinel of the ring
	// changed are the partitions that the next fetch request has to look at.
	changed  map[topic.Partition]*partitionFetchState
	rescanAt time.Time
	session  fetcherSession
}

// fetcherSettings are the replica.fetch.* settings, fixed for a thread.
type fetcherSettings struct {
	maxWaitMillis int32
	minBytes      int32
	maxBytes      int32
	fetchSize     int32
	backoff       time.Duration
}

func newReplicaFetcherThread(f *replicaFetcherManager, fetcherID int, leader metadata.Node) *replicaFetcherThread {
	m, cfg := f.manager, f.manager.options.Config.Load()
	t := &replicaFetcherThread{
		fetchers: f, manager: m, leader: leader,
		connection: m.options.Leaders.Connect(leader, fmt.Sprintf("broker-%d-fetcher-%d", m.brokerID, fetcherID)),
		settings: fetcherSettings{
			maxWaitMillis: int32(config.ReplicaFetchWaitMaxMs.Get(cfg)), minBytes: int32(config.ReplicaFetchMinBytes.Get(cfg)),
			maxBytes: int32(config.ReplicaFetchResponseMaxBytes.Get(cfg)), fetchSize: int32(config.ReplicaFetchMaxBytes.Get(cfg)),
			backoff: config.Milliseconds(config.ReplicaFetchBackoffMs.Get(cfg)),
		},
		versions: fetcherVersionsOf(cfg.InterBrokerProtocolVersion()), quota: m.options.Quotas.Follower,
		fetcherLog: fetcherLog{
			log:    logging.For("kafka.server.ReplicaFetcherThread"),
			prefix: fmt.Sprintf("[ReplicaFetcher replicaId=%d, leaderId=%d, fetcherId=%d] ", m.brokerID, leader.ID, fetcherID),
		},
		stats: newFetcherStats(m.options.Metrics, fmt.Sprintf("ReplicaFetcherThread-%d-%d", fetcherID, leader.ID), leader),
		wake:  make(chan struct{}, 1), states: map[topic.Partition]*partitionFetchState{}, changed: map[topic.Partition]*partitionFetchState{},
	}
	t.order.prev, t.order.next = &t.order, &t.order
	t.context, t.stop = context.WithCancel(context.Background())
	return t
}

func (t *replicaFetcherThread) start() { t.running.Go(t.run) }

// initiateShutdown ends the request on its way.
func (t *replicaFetcherThread) initiateShutdown() {
	t.stop()
	t.connection.Close()
}

// shutdown ends the thread and waits for it.
func (t *replicaFetcherThread) shutdown() {
	t.initiateShutdown()
	t.running.Wait()
	t.stats.close()
}

func (t *replicaFetcherThread) run() {
	t.log.Infof("%sStarting", t.prefix)
	for t.context.Err() == nil {
		t.resolveOutOfRange()
		t.maybeTruncate()
		t.maybeFetch()
	}
	t.log.Infof("%sStopped", t.prefix)
}

// backOff waits until something changes, at most the given time.
func (t *replicaFetcherThread) backOff(wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-t.context.Done():
	case <-t.wake:
	case <-timer.C:
	}
}

func (t *replicaFetcherThread) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// addPartitions begins to fetch partitions. One that is fetched already in the
// same leader epoch goes on where it is.
func (t *replicaFetcherThread) addPartitions(initial map[topic.Partition]initialFetchState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tp, init := range initial {
		if current := t.states[tp]; current != nil {
			if current.currentLeaderEpoch == init.currentLeaderEpoch {
				continue
			}
			t.removeLocked(current)
		}
		state := &partitionFetchState{
			tp: tp, topicID: init.topicID, fetchOffset: init.initOffset, lag: unknownLag, currentLeaderEpoch: init.currentLeaderEpoch,
			lastFetchedEpoch: noEpoch, outOfRange: init.initOffset < 0,
		}
		state.truncating = !state.outOfRange
		if epoch, ok := t.latestEpoch(tp); ok && t.versions.truncationOnFetch && !state.outOfRange {
			state.truncating, state.lastFetchedEpoch = false, epoch
		}
		t.states[tp] = state
		t.moveToEndLocked(state)
	}
	t.signal()
}

// moveToEndLocked puts a changed state behind the others, which are fetched
// first then, and has the next request look at it.
func (t *replicaFetcherThread) moveToEndLocked(state *partitionFetchState) {
	if state.prev != nil {
		state.prev.next, state.next.prev = state.next, state.prev
	}
	last := t.order.prev
	state.prev, state.next = last, &t.order
	last.next, t.order.prev = state, state
	t.changed[state.tp] = state
}

// removeLocked takes a partition out of the thread, and out of the leader's
// session with the next request.
func (t *replicaFetcherThread) removeLocked(state *partitionFetchState) {
	state.prev.next, state.next.prev = state.next, state.prev
	state.prev, state.next = nil, nil
	delete(t.states, state.tp)
	delete(t.changed, state.tp)
	t.session.forget(state)
}

func (t *replicaFetcherThread) removePartitions(partitions []topic.Partition, removed map[topic.Partition]*partitionFetchState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tp := range partitions {
		if state := t.states[tp]; state != nil {
			t.removeLocked(state)
			removed[tp] = state
		}
	}
}

func (t *replicaFetcherThread) removeAll() map[topic.Partition]*partitionFetchState {
	t.mu.Lock()
	defer t.mu.Unlock()
	removed := make(map[topic.Partition]*partitionFetchState, len(t.states))
	for tp, state := range t.states {
		t.removeLocked(state)
		removed[tp] = state
	}
	return removed
}

func (t *replicaFetcherThread) updateTopicIDs(ids map[topic.Partition]topic.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for tp, id := range ids {
		if state := t.states[tp]; state != nil {
			state.topicID = id
			t.changed[tp] = state
		}
	}
	t.signal()
}

func (t *replicaFetcherThread) partitionCount() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.states)
}

func (t *replicaFetcherThread) maxLag() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lag int64
	for _, state := range t.states {
		lag = max(lag, state.lag)
	}
	return lag
}

// delayLocked leaves a partition alone for a while after an error.
func (t *replicaFetcherThread) delayLocked(state *partitionFetchState) {
	if now := time.Now(); !state.delayed(now) {
		state.delayedUntil = now.Add(t.settings.backoff)
		t.moveToEndLocked(state)
	}
}

func (t *replicaFetcherThread) delayAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, state := range t.states {
		t.delayLocked(state)
	}
}

// failLocked gives a partition up until the next LeaderAndIsr.
func (t *replicaFetcherThread) failLocked(state *partitionFetchState) {
	t.removeLocked(state)
	t.fetchers.failed.add(state.tp)
	t.log.Warnf("%sPartition %s marked as failed", t.prefix, state.tp)
}

// fencedLocked handles FENCED_LEADER_EPOCH: our epoch is over. A request of an
// epoch we had before is merely repeated.
func (t *replicaFetcherThread) fencedLocked(state *partitionFetchState, requestEpoch int32) {
	if requestEpoch != state.currentLeaderEpoch {
		t.log.Infof("%sPartition %s has an new epoch (%d) than the current leader. retry the partition later", t.prefix, state.tp, state.currentLeaderEpoch)
		t.delayLocked(state)
		return
	}
	t.log.Infof("%sPartition %s has an older epoch (%d) than the current leader. Will await the new LeaderAndIsr state before resuming fetching.",
		t.prefix, state.tp, state.currentLeaderEpoch)
	t.failLocked(state)
}

func (t *replicaFetcherThread) latestEpoch(tp topic.Partition) (int32, bool) {
	if local := t.manager.LocalLog(tp); local != nil {
		return local.LatestEpoch()
	}
	return noEpoch, false
}

func (t *replicaFetcherThread) partition(tp topic.Partition) (*cluster.Partition, error) {
	return t.manager.Partition(tp)
}
