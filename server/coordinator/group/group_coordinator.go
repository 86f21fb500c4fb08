package group

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/coordinator"
)

const managerLogger = "kafka.coordinator.group.GroupMetadataManager"

// Coordinator is the group coordinator of one broker, as
// kafka.coordinator.group.GroupCoordinator. All methods may be called from any
// goroutine. A handler calls its respond function exactly once, possibly on
// another goroutine and much later, never with a lock held. Until then it may
// read the request, afterwards not; the response may share memory with the
// request. respond must not block: the shard waits for it.
type Coordinator struct {
	settings       settings
	partitionCount func() int32
	partitions     atomic.Int32
	runtime        *coordinator.Runtime[*manager]
	logger         *logrus.Entry
	prefix         string
	// managerLog and managerPrefix write as GroupMetadataManager.
	managerLog    *logrus.Entry
	managerPrefix string

	started, stopped sync.Once
	stop             chan struct{}
	expiry           sync.WaitGroup
}

// New returns a coordinator that answers COORDINATOR_NOT_AVAILABLE until it is
// started. partitionCount gives the number of partitions of __consumer_offsets
// (of the topic if it exists, else offsets.topic.num.partitions); it is asked
// once, at the start, because groups must not move.
func New(cfg *config.Current, partitionCount func() int32, storage coordinator.Storage, logger *logrus.Entry) *Coordinator {
	snapshot := cfg.Load()
	brokerID := strconv.Itoa(config.BrokerId.Get(snapshot))
	c := &Coordinator{
		settings:       newSettings(snapshot),
		partitionCount: partitionCount,
		logger:         logger,
		prefix:         "[GroupCoordinator " + brokerID + "]: ",
		managerLog:     logger.WithField(logging.LoggerField, managerLogger),
		managerPrefix:  "[GroupMetadataManager brokerId=" + brokerID + "] ",
		stop:           make(chan struct{}),
	}
	c.runtime = coordinator.NewRuntime(coordinator.Options[*manager]{
		Topic:          topic.ConsumerOffsets,
		Storage:        storage,
		LoadBufferSize: c.settings.loadBufferSize,
		NewMachine: func(shard *coordinator.Shard) *manager {
			return newManager(&c.settings, shard, c.logger, c.prefix, c.managerLog, c.managerPrefix)
		},
		Subject:   "offsets and group metadata",
		LogPrefix: c.managerPrefix,
		Logger:    c.managerLog,
	})
	return c
}

// Start lets requests in and starts the expiry of offsets.
func (c *Coordinator) Start() {
	c.started.Do(func() {
		c.logger.Info(c.prefix + "Starting up.")
		c.partitions.Store(max(1, c.partitionCount()))
		c.runtime.Start()
		c.expiry.Go(c.expireRegularly)
		c.logger.Info(c.prefix + "Startup complete.")
	})
}

// Close stops serving: parked requests are answered with NOT_COORDINATOR,
// later ones with COORDINATOR_NOT_AVAILABLE. It waits for everything running.
func (c *Coordinator) Close() {
	c.stopped.Do(func() {
		c.logger.Info(c.prefix + "Shutting down.")
		close(c.stop)
		c.expiry.Wait()
		c.runtime.Close()
		c.logger.Info(c.prefix + "Shutdown complete.")
	})
}

// OnElection loads the groups of a partition of __consumer_offsets that this
// broker has become leader of.
func (c *Coordinator) OnElection(partition, leaderEpoch int32) {
	c.logger.Infof("%sElected as the group coordinator for partition %d in epoch %d", c.prefix, partition, leaderEpoch)
	c.runtime.OnElection(partition, leaderEpoch)
}

// OnResignation drops the groups of a partition of __consumer_offsets that this
// broker leads no longer. The epoch is nil when the replica is stopped.
func (c *Coordinator) OnResignation(partition int32, leaderEpoch *int32) {
	epoch := "None"
	if leaderEpoch != nil {
		epoch = "Some(" + strconv.Itoa(int(*leaderEpoch)) + ")"
	}
	c.logger.Infof("%sResigned as the group coordinator for partition %d in epoch %s", c.prefix, partition, epoch)
	c.runtime.OnResignation(partition, leaderEpoch)
}

// PartitionFor gives the partition of __consumer_offsets that keeps the group.
func (c *Coordinator) PartitionFor(groupID string) int32 {
	partitions := c.partitions.Load()
	if partitions == 0 {
		partitions = max(1, c.partitionCount())
	}
	return jvm.Abs(jvm.StringHash(groupID)) % partitions
}

// OffsetsTopicConfigs are the settings that __consumer_offsets is created with.
func (c *Coordinator) OffsetsTopicConfigs() map[string]string {
	return map[string]string{
		"cleanup.policy":   "compact",
		"segment.bytes":    strconv.Itoa(c.settings.segmentBytes),
		"compression.type": "producer",
	}
}

// submit runs the event where the group lives.
func (c *Coordinator) submit(groupID string, event func(m *manager, err error)) {
	if len(groupID) > maxString {
		event(nil, kerr.InvalidGroupID)
		return
	}
	c.runtime.Submit(c.PartitionFor(groupID), event)
}

// submitNamed is submit for the APIs of group membership, which need a name.
func (c *Coordinator) submitNamed(groupID string, event func(m *manager, err error)) {
	if groupID == "" {
		event(nil, kerr.InvalidGroupID)
		return
	}
	c.submit(groupID, event)
}

// staticMembersRefused reports whether a request names an instance although
// other brokers of the cluster may be too old to keep it (KIP-345).
func (c *Coordinator) staticMembersRefused(instanceID *string) bool {
	return instanceID != nil && c.settings.interBroker < config.IBP_2_3_IV0
}

// expireRegularly removes expired offsets until the coordinator is closed.
func (c *Coordinator) expireRegularly() {
	ticker := time.NewTicker(c.settings.retentionCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
			c.removeExpiredOffsets()
		}
	}
}
