package controller

import (
	"errors"
	"slices"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// brokerChanges are the differences between the registered brokers and those
// the controller knows. A bounced broker is one whose registration is newer
// than the one known (KIP-380): it restarted between two looks.
type brokerChanges struct {
	started, bounced []zkdata.Broker
	dead             []int32
}

// diffBrokers compares the registrations, by id, with the epochs known. It is pure.
func diffBrokers(registered []zkdata.Broker, known map[int32]int64) brokerChanges {
	var changes brokerChanges
	present := set[int32]{}
	for _, broker := range registered {
		present.add(broker.ID)
		switch epoch, ok := known[broker.ID]; {
		case !ok:
			changes.started = append(changes.started, broker)
		case broker.Epoch > epoch:
			changes.bounced = append(changes.bounced, broker)
		}
	}
	for _, id := range sortedKeys(known) {
		if !present.has(id) {
			changes.dead = append(changes.dead, id)
		}
	}
	return changes
}

func brokerIDs(brokers []zkdata.Broker) []int32 {
	ids := make([]int32, 0, len(brokers))
	for _, broker := range brokers {
		ids = append(ids, broker.ID)
	}
	slices.Sort(ids)
	return ids
}

// processBrokerChange follows a change of the children of /brokers/ids.
func (c *KafkaController) processBrokerChange() error {
	registered, err := c.zkClient.GetAllBrokersInCluster()
	if err != nil {
		return err
	}
	changes := diffBrokers(registered, c.context.liveBrokerEpochs)
	c.log.infof("Newly added brokers: %s, deleted brokers: %s, bounced brokers: %s, all live brokers: %s",
		joined(brokerIDs(changes.started)), joined(changes.dead), joined(brokerIDs(changes.bounced)), joined(brokerIDs(registered)))
	for _, id := range slices.Concat(changes.dead, brokerIDs(changes.bounced)) {
		c.channels.removeBroker(id)
	}
	if err := c.addBrokers(changes.started); err != nil {
		return err
	}
	if len(changes.bounced) > 0 {
		if err := c.removeBrokers(brokerIDs(changes.bounced)); err != nil {
			return err
		}
		if err := c.addBrokers(changes.bounced); err != nil {
			return err
		}
	}
	if len(changes.dead) > 0 {
		if err := c.removeBrokers(changes.dead); err != nil {
			return err
		}
	}
	if len(changes.started)+len(changes.bounced)+len(changes.dead) > 0 {
		c.log.infof("Updated broker epochs cache: %s", jvm.Map("HashMap", c.context.liveBrokerEpochs))
	}
	return nil
}

func (c *KafkaController) addBrokers(brokers []zkdata.Broker) error {
	brokers = c.compatible(brokers)
	if len(brokers) == 0 {
		return nil
	}
	for _, broker := range brokers {
		c.channels.addBroker(broker)
		c.context.addLiveBroker(broker)
	}
	return c.onBrokerStartup(brokerIDs(brokers))
}

func (c *KafkaController) removeBrokers(ids []int32) error {
	for _, id := range ids {
		c.context.removeLiveBroker(id)
	}
	return c.onBrokerFailure(ids)
}

// compatible leaves out the brokers that do not support the finalized features.
func (c *KafkaController) compatible(brokers []zkdata.Broker) []zkdata.Broker {
	var incompatible []int32
	compatible := slices.DeleteFunc(slices.Clone(brokers), func(broker zkdata.Broker) bool {
		if c.versions < config.IBP_2_7_IV0 || supportsFeatures(broker.Features, c.finalizedFeatures) {
			return false
		}
		incompatible = append(incompatible, broker.ID)
		return true
	})
	if len(incompatible) > 0 {
		c.log.warnf("Ignoring registration of new brokers due to incompatibilities with finalized features: %s", joined(incompatible))
	}
	return compatible
}

// onBrokerStartup brings the replicas on new brokers online and goes on with
// what waited for them.
func (c *KafkaController) onBrokerStartup(ids []int32) error {
	c.log.infof("New broker startup callback for %s", joined(ids))
	for _, id := range ids {
		delete(c.context.replicasOnOfflineDirs, id)
	}
	c.sendUpdateMetadataTo(without(c.context.liveOrShuttingDownBrokerIDs(), ids), nil)
	c.sendUpdateMetadataTo(ids, c.context.partitionsWithLeaders())
	// The first LeaderAndIsr names all that the broker is to host.
	hosted := c.context.replicasOnBrokers(ids)
	if err := c.replicas.handleStateChanges(hosted, onlineReplica); err != nil {
		return err
	}
	if _, err := c.partitions.triggerOnlinePartitionStateChange(); err != nil {
		return err
	}
	if err := c.maybeResumeReassignments(func(_ topic.Partition, assignment zkdata.ReplicaAssignment) bool {
		return slices.ContainsFunc(assignment.TargetReplicas(), func(id int32) bool { return slices.Contains(ids, id) })
	}); err != nil {
		return err
	}
	if waiting := c.deletions.queuedOnly(hosted); len(waiting) > 0 {
		c.log.infof("Some replicas %s for topics scheduled for deletion %s are on the newly restarted brokers %s. Signaling restart of topic deletion for these topics",
			joined(waiting), joined(sortedKeys(c.context.topicsToBeDeleted)), joined(ids))
		if err := c.deletions.resumeDeletionForTopics(topicsOf(waiting)); err != nil {
			return err
		}
	}
	return c.watchBrokers(ids)
}

// onBrokerFailure finds new leaders for what dead brokers led and takes their
// replicas out of the ISRs.
func (c *KafkaController) onBrokerFailure(ids []int32) error {
	c.log.infof("Broker failure callback for %s", joined(ids))
	var wereShuttingDown []int32
	for _, id := range ids {
		delete(c.context.replicasOnOfflineDirs, id)
		if c.context.shuttingDownBrokerIDs.has(id) {
			c.context.shuttingDownBrokerIDs.remove(id)
			wereShuttingDown = append(wereShuttingDown, id)
		}
	}
	if len(wereShuttingDown) > 0 {
		c.log.infof("Removed %s from list of shutting down brokers.", joined(wereShuttingDown))
	}
	c.unwatchBrokers(ids)
	replicas := c.context.replicasOnBrokers(ids)
	c.context.diedBehind = c.context.outsideTheIsr(replicas, ids, wereShuttingDown)
	defer clear(c.context.diedBehind)
	return c.onReplicasBecomeOffline(replicas)
}

// onReplicasBecomeOffline follows the death of brokers or of their log
// directories: leaders are elected first, then ISRs shrink.
func (c *KafkaController) onReplicasBecomeOffline(replicas []partitionAndReplica) error {
	forDeletion := c.deletions.queuedOnly(replicas)
	others := slices.DeleteFunc(slices.Clone(replicas), func(replica partitionAndReplica) bool {
		return c.context.isTopicQueuedUpForDeletion(replica.partition.Topic)
	})
	if err := c.partitions.moveTo(c.context.partitionsWithOfflineLeader(), offlinePartition); err != nil {
		return err
	}
	outcomes, err := c.partitions.triggerOnlinePartitionStateChange()
	if err != nil {
		return err
	}
	if err := c.replicas.handleStateChanges(others, offlineReplica); err != nil {
		return err
	}
	// A replica cannot be deleted while it is offline; its topic is tried again later.
	if err := c.deletions.failReplicaDeletion(forDeletion); err != nil {
		return err
	}
	if len(others) == 0 && !outcomes.anyElected() {
		// Nothing above told the brokers who is gone.
		c.sendUpdateMetadata(nil)
	}
	return nil
}

// processBrokerModification follows a write to a broker's registration.
func (c *KafkaController) processBrokerModification(id int32) error {
	registered, found, err := c.zkClient.GetBroker(id)
	known, live := c.context.liveBrokers[id]
	if err != nil || !found || !live {
		return err
	}
	if sameListenersAndFeatures(registered, known) {
		return nil
	}
	c.log.infof("Updated broker metadata: %s -> %s", known, registered)
	registered.Epoch = known.Epoch
	c.context.addLiveBroker(registered)
	c.log.infof("Broker info update callback for %d", id)
	c.sendUpdateMetadata(nil)
	return nil
}

func (c *KafkaController) watchBrokers(ids []int32) error {
	for _, id := range ids {
		c.watchedBrokers.add(id)
		if _, err := c.zkClient.RegisterZNodeChangeHandlerAndCheckExistence(zkclient.NodeChangeHandler{
			Path: zkdata.BrokerIDPath(id),
			HandleDataChange: func() {
				c.putIfActive("BrokerModifications", stateBrokerChange, func() error { return c.processBrokerModification(id) })
			},
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *KafkaController) unwatchBrokers(ids []int32) {
	for _, id := range ids {
		c.watchedBrokers.remove(id)
		c.zkClient.UnregisterZNodeChangeHandler(zkdata.BrokerIDPath(id))
	}
}

// processLogDirEventNotification asks the brokers that reported a failed log
// directory which replicas it took: they answer LeaderAndIsr with
// KAFKA_STORAGE_ERROR for these.
func (c *KafkaController) processLogDirEventNotification() error {
	sequence, err := c.zkClient.GetAllLogDirEventNotifications()
	if err != nil {
		return err
	}
	ids, err := c.zkClient.GetBrokerIdsFromLogDirEvents(sequence)
	if err == nil {
		c.log.infof("Handling log directory failure for brokers %s", joined(ids))
		err = c.replicas.handleStateChanges(c.context.replicasOnBrokers(ids), onlineReplica)
	}
	// Processed or not, they must not come again.
	return errors.Join(err, c.zkClient.DeleteLogDirEventNotifications(sequence, c.context.epochZkVersion))
}
