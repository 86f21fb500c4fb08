package replica

import (
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
)

// idleMoverPeriod is how often movers without partitions are ended: a mover that
// is done does not end itself.
const idleMoverPeriod = 10 * time.Second

// replicaAlterLogDirsManager starts and ends the threads that copy partitions from
// one log directory of this broker to another, as
// kafka.server.ReplicaAlterLogDirsManager.
type replicaAlterLogDirsManager struct {
	manager    *ReplicaManager
	log        *logrus.Entry
	prefix     string
	group      *metrics.Group
	numThreads int
	failed     failedPartitions

	mu      sync.Mutex // taken before a thread's; protects the following
	threads map[int]*replicaAlterLogDirsThread
	closed  bool
}

func newReplicaAlterLogDirsManager(m *ReplicaManager) *replicaAlterLogDirsManager {
	a := &replicaAlterLogDirsManager{
		manager: m, log: logging.For("kafka.server.ReplicaAlterLogDirsManager"),
		prefix:     fmt.Sprintf("[ReplicaAlterLogDirsManager on broker %d] ", m.brokerID),
		numThreads: config.NumReplicaAlterLogDirsThreads.Get(m.options.Config.Load()),
		threads:    map[int]*replicaAlterLogDirsThread{},
	}
	a.group = m.options.Metrics.Group("kafka.server", "ReplicaAlterLogDirsManager")
	labels := metrics.Labels{{Name: "clientId", Value: "ReplicaAlterLogDirs"}}
	a.group.Gauge("FailedPartitionsCount", labels, func() float64 { return float64(a.failed.count()) })
	a.group.Gauge("MaxLag", labels, func() float64 { return float64(a.maxLag()) })
	return a
}

// initialMoveState is where a mover begins: the source is this broker, which
// Kafka calls localhost:-1.
func (m *ReplicaManager) initialMoveState(partition *cluster.Partition, topicID topic.ID, offset int64) initialFetchState {
	source := metadata.Node{ID: m.brokerID, Host: "localhost", Port: -1}
	return initialFetchState{topicID: topicID, leader: source, currentLeaderEpoch: partition.LeaderEpoch(), initOffset: offset}
}

// addFetcherForPartitions begins to copy partitions to their future logs.
func (a *replicaAlterLogDirsManager) addFetcherForPartitions(states map[topic.Partition]initialFetchState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	byThread := map[*replicaAlterLogDirsThread]map[topic.Partition]initialFetchState{}
	for tp, state := range states {
		thread := a.threadLocked(fetcherID(tp, a.numThreads), state.leader)
		if byThread[thread] == nil {
			byThread[thread] = map[topic.Partition]initialFetchState{}
		}
		byThread[thread][tp] = state
		a.failed.remove(tp)
	}
	for thread, states := range byThread {
		added, done := thread.addPartitions(states)
		if len(added) > 0 {
			a.log.Infof("%sAdded log dir fetcher for partitions with initial offsets %s", a.prefix, fetchStatesText(added))
		}
		if len(done) > 0 {
			a.log.Infof("%sFailed to add log dir fetch for partitions %s since the log dir reassignment has already completed", a.prefix, jvm.Collection("Set", done))
		}
	}
}

func (a *replicaAlterLogDirsManager) threadLocked(id int, source metadata.Node) *replicaAlterLogDirsThread {
	thread := a.threads[id]
	if thread == nil {
		thread = newReplicaAlterLogDirsThread(a, id, source)
		a.threads[id] = thread
		thread.start()
	}
	return thread
}

// removeFetcherForPartitions stops copying. Nothing is appended to the future logs
// of these partitions any more when this returns.
func (a *replicaAlterLogDirsManager) removeFetcherForPartitions(partitions []topic.Partition) {
	if len(partitions) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, thread := range a.threads {
		thread.removePartitions(partitions)
	}
	for _, tp := range partitions {
		a.failed.remove(tp)
	}
	a.log.Infof("%sRemoved fetcher for partitions %s", a.prefix, jvm.Collection("Set", partitions))
}

// markPartitionForTruncation has a future log cut too when the current one was:
// it may have got there already what was cut off.
func (a *replicaAlterLogDirsManager) markPartitionForTruncation(tp topic.Partition, offset int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if thread := a.threads[fetcherID(tp, a.numThreads)]; thread != nil {
		thread.markPartitionForTruncation(tp, offset)
	}
}

func (a *replicaAlterLogDirsManager) maxLag() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var lag int64
	for _, thread := range a.threads {
		lag = max(lag, thread.maxLag())
	}
	return lag
}

// shutdownIdleFetcherThreads ends the threads that have nothing left to copy.
func (a *replicaAlterLogDirsManager) shutdownIdleFetcherThreads() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, thread := range a.threads {
		if thread.idle() {
			thread.shutdown()
			delete(a.threads, id)
		}
	}
}

// shutdown ends all threads and waits for them.
func (a *replicaAlterLogDirsManager) shutdown() {
	a.log.Infof("%sshutting down", a.prefix)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, thread := range a.threads {
		thread.stop()
	}
	for id, thread := range a.threads {
		thread.shutdown()
		delete(a.threads, id)
	}
	a.group.Close()
	a.log.Infof("%sshutdown completed", a.prefix)
}
