package controller

import (
	"errors"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

func (c *KafkaController) processStartup() error {
	if _, err := c.watchController(); err != nil {
		return err
	}
	return c.elect()
}

// processReelect follows the deletion of /controller.
func (c *KafkaController) processReelect() error {
	if err := c.maybeResign(); err != nil {
		return err
	}
	return c.elect()
}

// processRegisterBrokerAndReelect follows a new session: the old one took the
// registration with it.
func (c *KafkaController) processRegisterBrokerAndReelect() error {
	epoch, err := c.zkClient.RegisterBroker(*c.brokerInfo.Load())
	if err != nil {
		return err
	}
	c.brokerEpoch.Store(epoch)
	return c.processReelect()
}

// processExpire ends the term with the session that held it.
func (c *KafkaController) processExpire() error {
	c.activeControllerID.Store(noController)
	c.resign()
	return nil
}

// watchController arms the watch on /controller, by which every broker learns
// of elections.
func (c *KafkaController) watchController() (exists bool, err error) {
	change := func() { c.put("ControllerChange", stateControllerChange, c.maybeResign) }
	return c.zkClient.RegisterZNodeChangeHandlerAndCheckExistence(zkclient.NodeChangeHandler{
		Path:             zkdata.ControllerPath,
		HandleCreation:   change,
		HandleDataChange: change,
		HandleDeletion:   func() { c.put("Reelect", stateControllerChange, c.processReelect) },
	})
}

// readController refreshes who is the controller.
func (c *KafkaController) readController() error {
	id, found, err := c.zkClient.GetControllerId()
	if err != nil {
		return err
	}
	if !found {
		id = noController
	}
	c.activeControllerID.Store(id)
	return nil
}

// maybeResign finds out who is the controller and resigns if it was this broker.
func (c *KafkaController) maybeResign() error {
	wasActive := c.IsActive()
	if _, err := c.watchController(); err != nil {
		return err
	}
	if err := c.readController(); err != nil {
		return err
	}
	if wasActive && !c.IsActive() {
		c.resign()
	}
	return nil
}

// elect makes this broker the controller if there is none.
func (c *KafkaController) elect() error {
	if err := c.readController(); err != nil {
		return err
	}
	if id := c.activeControllerID.Load(); id != noController {
		c.log.debugf("Broker %d has been elected as the controller, so stopping the election process.", id)
		return nil
	}
	err := c.becomeController()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errControllerMoved):
		if err := c.maybeResign(); err != nil {
			return err
		}
		if id := c.activeControllerID.Load(); id != noController {
			c.log.withError(err).debugf("Broker %d was elected as controller instead of broker %d", id, c.brokerID)
		} else {
			c.log.withError(err).warnf("A controller has been elected but just resigned, this will result in another round of election")
		}
		return nil
	default:
		c.log.withError(err).errorf("Error while electing or becoming controller on broker %d. Trigger controller movement immediately", c.brokerID)
		return c.triggerControllerMove()
	}
}

func (c *KafkaController) becomeController() error {
	epoch, epochZkVersion, err := c.zkClient.RegisterControllerAndIncrementControllerEpoch(c.brokerID)
	if err != nil {
		return err
	}
	c.context.epoch, c.context.epochZkVersion = epoch, epochZkVersion
	c.controllerEpoch.Store(epoch)
	c.activeControllerID.Store(c.brokerID)
	c.log.infof("%d successfully elected as the controller. Epoch incremented to %d and epoch zk version is now %d",
		c.brokerID, epoch, epochZkVersion)
	return c.failover()
}

// triggerControllerMove gives the office up, so that another broker, or this
// one, starts over from what ZooKeeper says.
func (c *KafkaController) triggerControllerMove() error {
	if err := c.readController(); err != nil {
		return err
	}
	if !c.IsActive() {
		c.log.warnf("Controller has already moved when trying to trigger controller movement")
		return nil
	}
	expected := c.context.epochZkVersion
	c.activeControllerID.Store(noController)
	c.resign()
	if err := c.zkClient.DeleteController(expected); !errors.Is(err, errControllerMoved) {
		return err
	}
	c.log.warnf("Controller has already moved when trying to trigger controller movement")
	return nil
}

// failover takes office: it learns the state of the cluster, tells the brokers
// and goes on with what the controller before left unfinished. The order is
// Kafka's: watches before reads, live brokers before LeaderAndIsr.
func (c *KafkaController) failover() error {
	if err := c.setupFeatureVersioning(); err != nil {
		return err
	}
	steps := []struct {
		say  string
		step func() error
	}{
		{"Registering handlers", c.registerHandlers},
		{"Deleting log dir event notifications", func() error {
			return c.zkClient.DeleteAllLogDirEventNotifications(c.context.epochZkVersion)
		}},
		{"Deleting isr change notifications", func() error {
			return c.zkClient.DeleteAllIsrChangeNotifications(c.context.epochZkVersion)
		}},
		{"Initializing controller context", c.initializeContext},
		{"Fetching topic deletions in progress", c.initializeDeletions},
		{"Sending update metadata request", func() error { c.sendUpdateMetadata(c.context.topicsWithGaps()); return nil }},
	}
	for _, s := range steps {
		c.log.infof("%s", s.say)
		if err := s.step(); err != nil {
			return err
		}
	}
	if err := c.replicas.startup(); err != nil {
		return err
	}
	if err := c.partitions.startup(); err != nil {
		return err
	}
	c.log.infof("Ready to serve as the new controller with epoch %d", c.context.epoch)
	if err := c.resumeUnfinished(); err != nil {
		return err
	}
	c.log.infof("Starting the controller scheduler")
	if config.AutoLeaderRebalanceEnable.Get(c.config.Load()) {
		c.scheduleAutoLeaderRebalance(5 * time.Second)
	}
	return nil
}

func (c *KafkaController) resumeUnfinished() error {
	if err := c.initializePartitionReassignments(); err != nil {
		return err
	}
	if err := c.deletions.tryTopicDeletion(); err != nil {
		return err
	}
	pending, err := c.pendingPreferredReplicaElections()
	if err != nil {
		return err
	}
	_, err = c.electReplicas(pending, preferredElection, zkTriggered)
	return err
}

// childHandlers are the watches on children that a controller holds.
func (c *KafkaController) childHandlers() []zkclient.ChildChangeHandler {
	handler := func(path, name string, state controllerState, process func() error) zkclient.ChildChangeHandler {
		return zkclient.ChildChangeHandler{Path: path, HandleChildChange: func() { c.putIfActive(name, state, process) }}
	}
	return []zkclient.ChildChangeHandler{
		handler(zkdata.BrokerIDsPath, "BrokerChange", stateBrokerChange, c.processBrokerChange),
		handler(zkdata.TopicsPath, "TopicChange", stateTopicChange, c.processTopicChange),
		handler(zkdata.DeleteTopicsPath, "TopicDeletion", stateTopicDeletion, c.processTopicDeletion),
		handler(zkdata.LogDirEventNotificationPath, "LogDirEventNotification", stateLogDirChange, c.processLogDirEventNotification),
		handler(zkdata.IsrChangeNotificationPath, "IsrChangeNotification", stateIsrChange, c.processIsrChangeNotification),
	}
}

func (c *KafkaController) registerHandlers() error {
	for _, handler := range c.childHandlers() {
		c.zkClient.RegisterZNodeChildChangeHandler(handler)
	}
	if _, err := c.watchPreferredReplicaElection(); err != nil {
		return err
	}
	_, err := c.watchPartitionReassignment()
	return err
}

// initializeContext reads brokers, topics and partition states.
func (c *KafkaController) initializeContext() error {
	brokers, err := c.zkClient.GetAllBrokersInCluster()
	if err != nil {
		return err
	}
	for _, broker := range c.compatible(brokers) {
		c.context.addLiveBroker(broker)
	}
	c.log.infof("Initialized broker epochs cache: %s", jvm.Map("HashMap", c.context.liveBrokerEpochs))
	topics, err := c.zkClient.GetAllTopicsInCluster(true)
	if err != nil {
		return err
	}
	c.context.allTopics = setOf(topics...)
	if err := c.loadTopics(topics); err != nil {
		return err
	}
	if err := c.watchBrokers(c.context.liveOrShuttingDownBrokerIDs()); err != nil {
		return err
	}
	if err := c.refreshLeadership(c.context.allPartitions()); err != nil {
		return err
	}
	for _, broker := range c.context.liveBrokers {
		c.channels.addBroker(broker)
	}
	c.log.infof("Currently active brokers in the cluster: %s", jvm.Collection("Set", c.context.liveBrokerIDs()))
	c.log.infof("Currently shutting brokers in the cluster: %s", jvm.Collection("HashSet", sortedKeys(c.context.shuttingDownBrokerIDs)))
	c.log.infof("Current list of topics in the cluster: %s", jvm.Collection("HashSet", sortedKeys(c.context.allTopics)))
	return nil
}

// loadTopics reads topics' ids and assignments into the context and watches
// their nodes.
func (c *KafkaController) loadTopics(topics []string) error {
	c.watchTopics(topics)
	assignments, err := c.zkClient.GetReplicaAssignmentAndTopicIdForTopics(topics)
	if err != nil {
		return err
	}
	if err := c.processTopicIDs(assignments); err != nil {
		return err
	}
	for _, assignment := range assignments {
		for partition, replicas := range assignment.Assignment {
			c.context.updateAssignment(partition, replicas)
			if replicas.IsBeingReassigned() {
				c.context.partitionsBeingReassigned.add(partition)
			}
		}
	}
	return nil
}

// refreshLeadership reads the states of partitions afresh.
func (c *KafkaController) refreshLeadership(partitions []topic.Partition) error {
	states, err := c.zkClient.GetTopicPartitionStates(partitions)
	if err != nil {
		return err
	}
	for partition, info := range states {
		c.context.putLeadership(partition, info)
	}
	return nil
}

// initializeDeletions takes over the topics that are queued. One waits if a
// replica of it is offline or a partition is being reassigned.
func (c *KafkaController) initializeDeletions() error {
	queued, err := c.zkClient.GetTopicDeletions()
	if err != nil {
		return err
	}
	ineligible := set[string]{}
	for partition := range c.context.partitionsBeingReassigned {
		ineligible.add(partition.Topic)
	}
	for _, name := range queued {
		for _, replica := range c.context.replicasForTopic(name) {
			if !c.context.isReplicaOnline(replica.replica, replica.partition) {
				ineligible.add(name)
			}
		}
	}
	c.log.infof("List of topics to be deleted: %s", joined(queued))
	c.log.infof("List of topics ineligible for deletion: %s", joined(sortedKeys(ineligible)))
	return c.deletions.init(queued, ineligible)
}

// resign gives up everything a term holds: watches, timers, channels, memory.
func (c *KafkaController) resign() {
	c.log.debugf("Resigning")
	for _, handler := range c.childHandlers() {
		c.zkClient.UnregisterZNodeChildChangeHandler(handler.Path)
	}
	c.zkClient.UnregisterZNodeChangeHandler(zkdata.ReassignPartitionsPath)
	c.zkClient.UnregisterZNodeChangeHandler(zkdata.PreferredReplicaElectionPath)
	c.unwatchBrokers(sortedKeys(c.watchedBrokers))
	c.unwatchTopics(sortedKeys(c.watchedTopics))
	for partition := range c.context.partitionsBeingReassigned {
		c.unwatchReassignedPartition(partition)
	}
	if c.rebalance != nil {
		c.rebalance.Stop()
		c.rebalance = nil
	}
	c.channels.shutdown()
	c.batch.clear()
	c.context.reset()
	c.finalizedFeatures = nil
	c.updateGauges()
	c.log.infof("Resigned")
}
