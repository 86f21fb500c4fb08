// Package controller is the broker's controller: it elects one broker of the
// cluster through ZooKeeper, and on that broker decides who leads which
// partition, creates and deletes topics, moves replicas, and tells all brokers.
// It mirrors kafka.controller of Kafka 3.1.0 in ZooKeeper mode.
//
// Everything happens on one goroutine that works off a queue of events
// (event_manager.go): watches of ZooKeeper, requests, answers of brokers and
// timers only enqueue. What the controller knows is in the controllerContext,
// which that goroutine alone touches. Elections (election.go) and the legal
// transitions (states.go) are pure; the two state machines apply them, write to
// ZooKeeper and fill a requestBatch, which is sent at the end of each step.
//
// Every write to ZooKeeper carries a check of /controller_epoch's version, so
// that a controller whose session died while it slept changes nothing: its
// write fails, it sees errControllerMoved and resigns. Requests to brokers carry
// the controller epoch and are fenced there.
//
// Goroutines: one for the events while the controller runs, and one for each
// registered broker while it is active.
package controller

import (
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// errControllerMoved is what a fenced write reports: another broker is the
// controller now.
var errControllerMoved = zkutil.ErrControllerMoved

// noController stands for the id of the controller when there is none.
const noController = -1

// FeatureCache is the broker's view of the finalized features in /feature, as
// FinalizedFeatureCache.
type FeatureCache interface {
	// WaitUntilEpoch returns nil once the view is of that version of the node or
	// a later one, and an error after the timeout.
	WaitUntilEpoch(epoch int32, timeout time.Duration) error
}

// Options are the parts a controller works with.
type Options struct {
	Config      *config.Current
	ZkClient    *zkutil.KafkaZkClient
	BrokerInfo  zkdata.BrokerInfo // this broker, as it is registered
	BrokerEpoch int64             // of this broker's registration
	Sender      Sender
	Features    FeatureCache      // nil waits for nothing
	Metrics     *metrics.Registry // nil shows them to nobody
}

// KafkaController runs on every broker; on one of them it is active.
type KafkaController struct {
	brokerID int32
	config   *config.Current
	versions config.ApiVersion
	zkClient *zkutil.KafkaZkClient
	features FeatureCache
	metrics  *controllerMetrics
	log      logger

	// Read by other goroutines.
	activeControllerID atomic.Int32
	brokerEpoch        atomic.Int64
	controllerEpoch    atomic.Int32
	brokerInfo         atomic.Pointer[zkdata.BrokerInfo]

	events       *eventManager
	stateChanges stateChangeLogger

	// Only the event goroutine's, and Shutdown's after it.
	context           *controllerContext
	channels          *channelManager
	batch             *requestBatch
	replicas          *replicaStateMachine
	partitions        *partitionStateMachine
	deletions         *topicDeletionManager
	finalizedFeatures map[string]zkdata.FinalizedVersionRange
	watchedBrokers    set[int32]
	watchedTopics     set[string]
	rebalance         *time.Timer

	started, stopped sync.Once
}

// New makes a controller that does nothing before Startup.
func New(options Options) *KafkaController {
	c := &KafkaController{
		brokerID: options.BrokerInfo.ID,
		config:   options.Config,
		versions: options.Config.Load().InterBrokerProtocolVersion(),
		zkClient: options.ZkClient,
		features: options.Features,
		metrics:  newControllerMetrics(options.Metrics),
		log:      prefixed("kafka.controller.KafkaController", "[Controller id=%d] ", options.BrokerInfo.ID),
		context:  newControllerContext(),

		stateChanges:   newStateChangeLogger(options.BrokerInfo.ID),
		watchedBrokers: set[int32]{},
		watchedTopics:  set[string]{},
	}
	c.activeControllerID.Store(noController)
	c.brokerEpoch.Store(options.BrokerEpoch)
	c.brokerInfo.Store(&options.BrokerInfo)
	c.events = newEventManager(c.metrics, prefixed("kafka.controller.ControllerEventManager$ControllerEventThread",
		"[ControllerEventThread controllerId=%d] ", c.brokerID), c.processed)
	c.assemble(options.Sender)
	return c
}

// assemble makes the parts that share the context.
func (c *KafkaController) assemble(sender Sender) {
	snapshot := c.config.Load()
	timeout := config.Milliseconds(config.RequestTimeoutMs.Get(snapshot))
	listener := cmp.Or(snapshot.ControlPlaneListenerName(), snapshot.InterBrokerListenerName())
	c.channels = newChannelManager(c.brokerID, listener, sender, timeout, c.metrics)
	c.metrics.watch(c.events, c.channels)
	c.batch = &requestBatch{
		brokerID: c.brokerID, versions: requestVersionsOf(c.versions), interBrokerListener: snapshot.InterBrokerListenerName(),
		context: c.context, channels: c.channels, stateChanges: c.stateChanges, log: c.log,
		answers: answerHandlers{c.leaderAndIsrAnswered, c.updateMetadataAnswered, c.stopReplicaAnswered},
	}
	c.batch.clear()
	c.replicas = &replicaStateMachine{
		brokerID: c.brokerID, context: c.context, zkClient: c.zkClient, batch: c.batch, stateChanges: c.stateChanges,
		log: prefixed("kafka.controller.ZkReplicaStateMachine", "[ReplicaStateMachine controllerId=%d] ", c.brokerID),
	}
	c.partitions = &partitionStateMachine{
		brokerID: c.brokerID, config: c.config, context: c.context, zkClient: c.zkClient, batch: c.batch,
		metrics: c.metrics, stateChanges: c.stateChanges,
		log: prefixed("kafka.controller.ZkPartitionStateMachine", "[PartitionStateMachine controllerId=%d] ", c.brokerID),
	}
	c.deletions = &topicDeletionManager{
		enabled: config.DeleteTopicEnable.Get(snapshot), context: c.context, replicas: c.replicas,
		partitions: c.partitions, client: c,
		log: prefixed("kafka.controller.TopicDeletionManager", "[Topic Deletion Manager %d] ", c.brokerID),
	}
}

// Startup begins to take part in elections.
func (c *KafkaController) Startup() {
	c.started.Do(func() {
		c.zkClient.RegisterStateChangeHandler(zkclient.StateChangeHandler{
			Name: zkdata.ControllerStateChangeHandler,
			// The new session waits until Expire is being processed, so that no
			// event of the old session runs under the new one.
			BeforeInitializingSession: func() { <-c.events.clearAndPut(c.event("Expire", stateControllerChange, c.processExpire)) },
			AfterInitializingSession: func() {
				c.put("RegisterBrokerAndReelect", stateControllerChange, c.processRegisterBrokerAndReelect)
			},
		})
		c.put("Startup", stateControllerChange, c.processStartup)
		c.events.start()
	})
}

// Shutdown stops taking part and resigns if this broker is the controller. The
// node /controller goes with the session.
func (c *KafkaController) Shutdown() {
	c.stopped.Do(func() {
		c.zkClient.UnregisterStateChangeHandler(zkdata.ControllerStateChangeHandler)
		c.events.close()
		c.resign()
		c.activeControllerID.Store(noController)
		c.metrics.close()
	})
}

// IsActive reports whether this broker is the controller.
func (c *KafkaController) IsActive() bool { return c.activeControllerID.Load() == c.brokerID }

// Epoch is the controller epoch while this broker is the controller, else 0.
func (c *KafkaController) Epoch() int32 { return c.controllerEpoch.Load() }

// BrokerEpoch is the epoch of this broker's registration, which a new session
// changes.
func (c *KafkaController) BrokerEpoch() int64 { return c.brokerEpoch.Load() }

// UpdateBrokerInfo writes a changed registration of this broker to ZooKeeper,
// and registers it again after a session expired.
func (c *KafkaController) UpdateBrokerInfo(info zkdata.BrokerInfo) error {
	c.brokerInfo.Store(&info)
	return c.zkClient.UpdateBrokerInfo(info)
}

func (c *KafkaController) event(name string, state controllerState, process func() error) event {
	return event{name: name, state: state, process: process}
}

func (c *KafkaController) put(name string, state controllerState, process func() error) {
	c.events.put(c.event(name, state, process))
}

// putIfActive enqueues what only the active controller does.
func (c *KafkaController) putIfActive(name string, state controllerState, process func() error) {
	c.put(name, state, func() error {
		if !c.IsActive() {
			return nil
		}
		return process()
	})
}

// processed follows every event.
func (c *KafkaController) processed(e event, err error) {
	if errors.Is(err, errControllerMoved) {
		c.log.withError(err).infof("Controller moved to another broker when processing %s.", e.name)
		if err := c.maybeResign(); err != nil {
			c.log.withError(err).errorf("Error processing event %s", e.name)
		}
	}
	c.updateGauges()
}

func (c *KafkaController) updateGauges() {
	gauges := &c.metrics.gauges
	c.controllerEpoch.Store(c.context.epoch)
	if !c.IsActive() {
		gauges.reset()
		return
	}
	gauges.active.Store(1)
	gauges.offlinePartitions.Store(int64(c.context.offlinePartitionCount))
	gauges.preferredReplicaImbalance.Store(int64(c.context.preferredReplicaImbalanceCount))
	gauges.topics.Store(int64(len(c.context.allTopics)))
	gauges.partitions.Store(int64(len(c.context.leadership)))
	gauges.topicsToDelete.Store(int64(len(c.context.topicsToBeDeleted)))
	gauges.ineligibleTopicsToDelete.Store(int64(len(c.context.topicsIneligibleForDeletion)))
	gauges.activeBrokers.Store(int64(len(c.context.liveBrokerEpochs)))
	var remaining, ineligible int64
	for name := range c.context.topicsToBeDeleted {
		for _, replica := range c.context.replicasForTopic(name) {
			switch c.context.replicaState(replica) {
			case replicaDeletionSuccessful:
				continue
			case replicaDeletionIneligible:
				ineligible++
			}
			remaining++
		}
	}
	gauges.replicasToDelete.Store(remaining)
	gauges.ineligibleReplicasToDelete.Store(ineligible)
}

// sendUpdateMetadata tells all brokers of the partitions and who is live.
func (c *KafkaController) sendUpdateMetadata(partitions []topic.Partition) {
	c.batch.addUpdateMetadataToAll(partitions...)
	c.batch.send()
}

func (c *KafkaController) sendUpdateMetadataTo(brokerIDs []int32, partitions []topic.Partition) {
	c.batch.addUpdateMetadata(brokerIDs, partitions...)
	c.batch.send()
}
