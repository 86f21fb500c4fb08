package replica

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/purgatory"
)

// Quotas limit replication traffic; a nil one limits nothing. Leader limits
// what followers that are not in sync get here, Follower what is fetched from
// other leaders, AlterLogDirs what is copied between log directories.
type Quotas struct {
	Leader       ReplicaQuota
	Follower     ReplicaQuota
	AlterLogDirs ReplicaQuota
}

// LogManager is what the replica manager needs of log/manager.LogManager.
type LogManager interface {
	cluster.LogManager
	// AsyncDeleteAll deletes the current and future logs of partitions.
	AsyncDeleteAll(partitions []topic.Partition, onError func(topic.Partition, error))
	// AllLogs gives the current and future logs.
	AllLogs() []*log.UnifiedLog
	// IsLogDirOnline reports whether a log directory works.
	IsLogDirOnline(dir string) (bool, error)
	// MaybeUpdatePreferredLogDir notes where a partition's next log is to be.
	MaybeUpdatePreferredLogDir(tp topic.Partition, dir string)
	// HandleLogDirFailure takes the logs of a directory offline.
	HandleLogDirFailure(dir string)
	// ReadHighWatermarks and WriteHighWatermarks keep the high watermarks of
	// the logs of a directory.
	ReadHighWatermarks(dir string) (map[topic.Partition]int64, error)
	WriteHighWatermarks(dir string, offsets map[topic.Partition]int64) error
}

// Options are what a ReplicaManager needs of its broker.
type Options struct {
	Config        *config.Current
	LogManager    LogManager
	MetadataCache *metadata.Cache
	// TopicConfigs is told of topics that go; nil is allowed.
	TopicConfigs *metadata.ConfigRepository
	// LogDirFailures brings the log directories that failed.
	LogDirFailures *manager.LogDirFailureChannel
	// AlterIsr asks the controller for ISR changes.
	AlterIsr cluster.AlterIsrManager
	// Leaders connects follower fetchers to the brokers they copy from.
	Leaders LeaderConnector
	Quotas  Quotas
	// PropagateLogDirEvent tells the controller that a log directory of this
	// broker failed.
	PropagateLogDirEvent func(brokerID int32) error
	// Halt ends the process at once; it is called when a log directory fails
	// under an inter-broker protocol older than 1.0.
	Halt func(status int)
	// Metrics may be nil.
	Metrics *metrics.Registry
}

// ReplicaManager holds the replicas of one broker, as
// kafka.server.ReplicaManager. All methods may be called from any goroutine.
type ReplicaManager struct {
	options       Options
	brokerID      int32
	prefix        string // of log messages
	rackAware     bool
	log           *logrus.Entry
	stateChange   *logrus.Entry
	metadataCache *metadata.Cache
	logManager    LogManager
	broker        *cluster.Broker
	partitions    *hostedPartitions
	topicStats    *BrokerTopicStats
	metrics       *managerMetrics
	actions       actionQueue
	fetchers      *replicaFetcherManager
	movers        *replicaAlterLogDirsManager

	delayedProduce       *purgatory.Purgatory[topic.Partition]
	delayedFetch         *purgatory.Purgatory[topic.Partition]
	delayedDeleteRecords *purgatory.Purgatory[topic.Partition]

	checkpointMu sync.Mutex
	checkpointed map[string]map[topic.Partition]int64 // last written, by directory; guarded by checkpointMu

	shuttingDown atomic.Bool
	stop         context.CancelFunc
	tasks        sync.WaitGroup
	shutdown     sync.Once

	stateChangeMu sync.Mutex // see the package comment; protects the following
	// controllerEpoch is the newest epoch a request came from; older ones are
	// fenced.
	controllerEpoch int32
	deleted         deletedReplicas
	started         bool
	checkpointing   bool // the checkpoint task runs, from the first LeaderAndIsr on
	taskContext     context.Context
}

// New returns a replica manager that serves as soon as the controller gives it
// partitions. It starts nothing.
func New(options Options) *ReplicaManager {
	snapshot := options.Config.Load()
	brokerID := int32(config.BrokerId.Get(snapshot))
	m := &ReplicaManager{
		options: options, brokerID: brokerID, prefix: fmt.Sprintf("[ReplicaManager broker=%d] ", brokerID),
		rackAware:     config.ReplicaSelectorClass.Get(snapshot) == rackAwareSelector,
		log:           logging.For("kafka.server.ReplicaManager"),
		stateChange:   logging.For("state.change.logger"),
		metadataCache: options.MetadataCache, logManager: options.LogManager,
		partitions:           newHostedPartitions(),
		deleted:              deletedReplicas{},
		checkpointed:         map[string]map[topic.Partition]int64{},
		topicStats:           newBrokerTopicStats(options.Metrics),
		delayedProduce:       purgatory.New[topic.Partition]("Produce", options.Metrics),
		delayedFetch:         purgatory.New[topic.Partition]("Fetch", options.Metrics),
		delayedDeleteRecords: purgatory.New[topic.Partition]("DeleteRecords", options.Metrics),
	}
	m.taskContext, m.stop = context.WithCancel(context.Background())
	m.metrics = newManagerMetrics(m, options.Metrics)
	m.broker = &cluster.Broker{
		ID: brokerID, ReplicaLagTimeMax: config.Milliseconds(config.ReplicaLagTimeMaxMs.Get(snapshot)),
		LogManager: options.LogManager, AliveBrokers: options.MetadataCache, AlterIsr: options.AlterIsr,
		IsrChanges: m.metrics, Delayed: m,
		Log: logging.For("kafka.cluster.Partition"), StateChange: m.stateChange,
	}
	m.fetchers = newReplicaFetcherManager(m)
	m.movers = newReplicaAlterLogDirsManager(m)
	return m
}

// Startup starts the periodic tasks and watches for failing log directories.
func (m *ReplicaManager) Startup() {
	m.stateChangeMu.Lock()
	defer m.stateChangeMu.Unlock()
	if m.started || m.shuttingDown.Load() {
		return
	}
	m.started = true
	m.every(m.broker.ReplicaLagTimeMax/2, m.maybeShrinkIsr)
	m.every(idleMoverPeriod, m.movers.shutdownIdleFetcherThreads)
	m.tasks.Go(m.watchLogDirFailures)
}

// every runs a task periodically until shutdown.
func (m *ReplicaManager) every(period time.Duration, task func()) {
	m.tasks.Go(func() {
		ticker := time.NewTicker(max(period, time.Millisecond))
		defer ticker.Stop()
		for {
			select {
			case <-m.taskContext.Done():
				return
			case <-ticker.C:
				task()
			}
		}
	})
}

// PrepareShutdown makes the broker take up no new partitions to follow; it is
// called when controlled shutdown begins (isShuttingDown upstream).
func (m *ReplicaManager) PrepareShutdown() { m.shuttingDown.Store(true) }

// Shutdown stops all that runs and waits for it. Parked requests are dropped:
// their connections are closed by then.
func (m *ReplicaManager) Shutdown(checkpointHW bool) {
	m.shutdown.Do(func() {
		m.log.Infof("%sShutting down", m.prefix)
		m.shuttingDown.Store(true)
		m.stateChangeMu.Lock() // no request of the controller starts a task any more
		m.stop()
		m.stateChangeMu.Unlock()
		m.tasks.Wait()
		m.fetchers.shutdown()
		m.movers.shutdown()
		m.delayedFetch.Close()
		m.delayedProduce.Close()
		m.delayedDeleteRecords.Close()
		m.actions.close()
		if checkpointHW {
			m.CheckpointHighWatermarks()
		}
		m.metrics.close()
		m.topicStats.close()
		m.log.Infof("%sShut down completely", m.prefix)
	})
}

// TopicStats gives the traffic counters.
func (m *ReplicaManager) TopicStats() *BrokerTopicStats { return m.topicStats }

// statsOf gives the counters of a hosted topic, or the broker's alone.
func (m *ReplicaManager) statsOf(entry hosted) *TopicStats {
	if entry.stats != nil {
		return entry.stats
	}
	return m.topicStats.elsewhere
}

// Partition gives a hosted partition, or the error that tells a client what to
// do: KAFKA_STORAGE_ERROR, NOT_LEADER_OR_FOLLOWER when the partition is
// elsewhere, UNKNOWN_TOPIC_OR_PARTITION when nobody knows it.
func (m *ReplicaManager) Partition(tp topic.Partition) (*cluster.Partition, error) {
	return m.onlineOrError(tp, m.partitions.get(tp))
}

func (m *ReplicaManager) onlineOrError(tp topic.Partition, entry hosted) (*cluster.Partition, error) {
	switch {
	case entry.partition != nil:
		return entry.partition, nil
	case entry.offline:
		return nil, fmt.Errorf("Partition %s is in an offline log directory: %w", tp, kerr.KafkaStorageError)
	case m.metadataCache.Contains(tp):
		return nil, fmt.Errorf("Error while fetching partition state for %s: %w", tp, kerr.NotLeaderForPartition)
	default:
		return nil, fmt.Errorf("Error while fetching partition state for %s: %w", tp, kerr.UnknownTopicOrPartition)
	}
}

// OnlinePartition gives a hosted partition whose log directory works, or nil.
func (m *ReplicaManager) OnlinePartition(tp topic.Partition) *cluster.Partition {
	return m.partitions.get(tp).partition
}

// LocalLog gives the local log of a partition, or nil.
func (m *ReplicaManager) LocalLog(tp topic.Partition) *log.UnifiedLog {
	if partition := m.OnlinePartition(tp); partition != nil {
		return partition.Log()
	}
	return nil
}

// LogConfig gives the settings of a partition's log, or nil.
func (m *ReplicaManager) LogConfig(tp topic.Partition) *log.Config {
	if local := m.LocalLog(tp); local != nil {
		return local.Config()
	}
	return nil
}

// CheckAndCompleteAll completes the requests that wait for the partition's
// high or low watermark.
func (m *ReplicaManager) CheckAndCompleteAll(tp topic.Partition) {
	m.delayedFetch.CheckAndComplete(tp)
	m.delayedProduce.CheckAndComplete(tp)
	m.delayedDeleteRecords.CheckAndComplete(tp)
}

// NumDelayedDelete is the number of parked DeleteRecords requests.
func (m *ReplicaManager) NumDelayedDelete() int { return m.delayedDeleteRecords.Delayed() }

// completeDelayedFetchOrProduce completes what waits on a partition that is no
// longer led here.
func (m *ReplicaManager) completeDelayedFetchOrProduce(tp topic.Partition) {
	m.delayedProduce.CheckAndComplete(tp)
	m.delayedFetch.CheckAndComplete(tp)
}

func (m *ReplicaManager) maybeShrinkIsr() {
	m.partitions.eachOnline((*cluster.Partition).MaybeShrinkIsr)
}
