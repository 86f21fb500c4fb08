package replica

import (
	"fmt"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
)

// initialFetchState is where a follower begins to fetch.
type initialFetchState struct {
	topicID            topic.ID
	leader             metadata.Node
	currentLeaderEpoch int32
	// initOffset below 0 asks the leader where to begin.
	initOffset int64
}

// fetchStatesText prints what a fetcher begins with, as Kafka does.
func fetchStatesText(states map[topic.Partition]initialFetchState) string {
	texts := make([]string, 0, len(states))
	for tp, state := range states {
		id := "None"
		if !state.topicID.IsZero() {
			id = "Some(" + state.topicID.String() + ")"
		}
		texts = append(texts, fmt.Sprintf("%s -> InitialFetchState(%s,BrokerEndPoint(id=%d, host=%s:%d),%d,%d)", tp, id,
			state.leader.ID, state.leader.Host, state.leader.Port, state.currentLeaderEpoch, state.initOffset))
	}
	slices.Sort(texts)
	return jvm.Collection("Map", texts)
}

// fetcherKey names a fetcher thread: all partitions with one leader are spread
// over num.replica.fetchers of them.
type fetcherKey struct {
	brokerID  int32
	fetcherID int
}

// replicaFetcherManager starts and ends the fetchers of the partitions this
// broker follows, as kafka.server.ReplicaFetcherManager.
type replicaFetcherManager struct {
	manager *ReplicaManager
	log     *logrus.Entry
	prefix  string
	group   *metrics.Group

	mu          sync.Mutex // taken before a thread's; protects the following
	numFetchers int
	threads     map[fetcherKey]*replicaFetcherThread
	closed      bool

	failed failedPartitions
}

func newReplicaFetcherManager(m *ReplicaManager) *replicaFetcherManager {
	f := &replicaFetcherManager{
		manager: m, log: logging.For("kafka.server.ReplicaFetcherManager"),
		prefix:      fmt.Sprintf("[ReplicaFetcherManager on broker %d] ", m.brokerID),
		numFetchers: config.NumReplicaFetchers.Get(m.options.Config.Load()),
		threads:     map[fetcherKey]*replicaFetcherThread{},
	}
	f.group = m.options.Metrics.Group("kafka.server", "ReplicaFetcherManager")
	labels := metrics.Labels{{Name: "clientId", Value: "Replica"}}
	f.group.Gauge("FailedPartitionsCount", labels, func() float64 { return float64(f.failed.count()) })
	f.group.Gauge("MaxLag", labels, func() float64 { return float64(f.maxLag()) })
	return f
}

// initialFetchOffset is where a follower begins: at its end when the leader
// will tell where the logs diverge (IBP 2.7), else at its high watermark.
func (m *ReplicaManager) initialFetchOffset(local *log.UnifiedLog) int64 {
	if _, ok := local.LatestEpoch(); ok && truncatesOnFetch(m.options.Config.Load().InterBrokerProtocolVersion()) {
		return local.LogEndOffset()
	}
	return local.HighWatermark()
}

// fetcherID spreads partitions as Kafka does, by Java's hash of the topic.
func fetcherID(tp topic.Partition, numFetchers int) int {
	return int(jvm.Abs(31*jvm.StringHash(tp.Topic)+tp.Partition)) % max(numFetchers, 1)
}

// addFetcherForPartitions begins to fetch. A thread whose leader moved to
// another address is replaced.
func (f *replicaFetcherManager) addFetcherForPartitions(states map[topic.Partition]initialFetchState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || len(states) == 0 {
		return
	}
	byThread := map[*replicaFetcherThread]map[topic.Partition]initialFetchState{}
	for tp, state := range states {
		thread := f.threadLocked(fetcherKey{state.leader.ID, fetcherID(tp, f.numFetchers)}, state.leader)
		if byThread[thread] == nil {
			byThread[thread] = map[topic.Partition]initialFetchState{}
		}
		byThread[thread][tp] = state
		f.failed.remove(tp)
	}
	for thread, states := range byThread {
		thread.addPartitions(states)
		f.log.Infof("%sAdded fetcher to broker %d for partitions %s", f.prefix, thread.leader.ID, fetchStatesText(states))
	}
}

func (f *replicaFetcherManager) threadLocked(key fetcherKey, leader metadata.Node) *replicaFetcherThread {
	thread := f.threads[key]
	if thread != nil && thread.leader == leader {
		return thread
	}
	if thread != nil {
		thread.shutdown()
	}
	thread = newReplicaFetcherThread(f, key.fetcherID, leader)
	f.threads[key] = thread
	thread.start()
	return thread
}

// removeFetcherForPartitions stops fetching. What a thread has under way for
// these partitions has no effect any more when this returns.
func (f *replicaFetcherManager) removeFetcherForPartitions(partitions []topic.Partition) map[topic.Partition]*partitionFetchState {
	f.mu.Lock()
	defer f.mu.Unlock()
	removed := map[topic.Partition]*partitionFetchState{}
	if len(partitions) == 0 {
		return removed
	}
	for _, thread := range f.threads {
		thread.removePartitions(partitions, removed)
	}
	for _, tp := range partitions {
		f.failed.remove(tp)
	}
	f.log.Infof("%sRemoved fetcher for partitions %s", f.prefix, jvm.Collection("Set", partitions))
	return removed
}

// updateTopicIDs tells the fetchers of topics whose id became known or was
// taken away.
func (f *replicaFetcherManager) updateTopicIDs(ids map[topic.Partition]topic.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, thread := range f.threads {
		thread.updateTopicIDs(ids)
	}
}

func (f *replicaFetcherManager) maxLag() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lag int64
	for _, thread := range f.threads {
		lag = max(lag, thread.maxLag())
	}
	return lag
}

// shutdownIdleFetcherThreads ends the threads that have no partitions left.
func (f *replicaFetcherManager) shutdownIdleFetcherThreads() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, thread := range f.threads {
		if thread.partitionCount() == 0 {
			thread.shutdown()
			delete(f.threads, key)
		}
	}
}

// ResizeFetchers puts a changed num.replica.fetchers in force: the partitions
// move to the threads that are now theirs.
func (m *ReplicaManager) ResizeFetchers(numFetchers int) {
	f := m.fetchers
	f.mu.Lock()
	f.log.Infof("%sResizing fetcher thread pool size from %d to %d", f.prefix, f.numFetchers, numFetchers)
	f.numFetchers = numFetchers
	moved := map[topic.Partition]initialFetchState{}
	for _, thread := range f.threads {
		for tp, state := range thread.removeAll() {
			moved[tp] = initialFetchState{
				topicID: state.topicID, leader: thread.leader, currentLeaderEpoch: state.currentLeaderEpoch, initOffset: state.fetchOffset,
			}
		}
	}
	f.mu.Unlock()
	f.addFetcherForPartitions(moved)
	f.shutdownIdleFetcherThreads()
}

// shutdown ends all threads and waits for them.
func (f *replicaFetcherManager) shutdown() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, thread := range f.threads {
		thread.initiateShutdown()
	}
	for key, thread := range f.threads {
		thread.shutdown()
		delete(f.threads, key)
	}
	f.group.Close()
}
