package controller

import (
	"slices"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

// deletionClient is what topic deletion needs of the controller around it.
type deletionClient interface {
	// deleteTopic removes a topic's nodes after its last replica is gone.
	deleteTopic(name string) error
	deleteTopicDeletions(names []string) error
	sendUpdateMetadata(partitions []topic.Partition)
}

// topicDeletionManager deletes the topics that are queued for it, as Kafka's
// TopicDeletionManager. A topic waits while a replica is offline or a partition
// is being reassigned; it is ineligible then and made eligible again when a
// broker that hosts it starts or the reassignment is over. A topic is gone when
// every replica has answered that it deleted.
type topicDeletionManager struct {
	enabled    bool // delete.topic.enable
	context    *controllerContext
	replicas   *replicaStateMachine
	partitions *partitionStateMachine
	client     deletionClient
	log        logger
}

// init takes over the deletions that the controller before left behind.
func (m *topicDeletionManager) init(topics []string, ineligible set[string]) error {
	m.log.infof("Initializing manager with initial deletions: %s, initial ineligible deletions: %s",
		jvm.Collection("Set", topics), jvm.Collection("HashSet", sortedKeys(ineligible)))
	if !m.enabled {
		m.log.infof("Removing %s since delete topic is disabled", jvm.Collection("Set", topics))
		return m.client.deleteTopicDeletions(topics)
	}
	m.context.queueTopicDeletion(topics)
	for _, name := range topics {
		if ineligible.has(name) {
			m.context.topicsIneligibleForDeletion.add(name)
		}
	}
	return nil
}

// tryTopicDeletion begins or goes on with every deletion that can.
func (m *topicDeletionManager) tryTopicDeletion() error {
	if !m.enabled {
		return nil
	}
	return m.resumeDeletions()
}

// resumeDeletionForTopics makes queued topics eligible again, because a broker
// started or a reassignment completed.
func (m *topicDeletionManager) resumeDeletionForTopics(topics []string) error {
	resumed := false
	for _, name := range topics {
		if m.context.isTopicQueuedUpForDeletion(name) {
			m.context.topicsIneligibleForDeletion.remove(name)
			resumed = true
		}
	}
	if !resumed {
		return nil
	}
	return m.resumeDeletions()
}

// failReplicaDeletion halts the topics of replicas that could not be deleted:
// their broker died, or answered with an error.
func (m *topicDeletionManager) failReplicaDeletion(replicas []partitionAndReplica) error {
	failed := m.queuedOnly(replicas)
	if len(failed) == 0 {
		return nil
	}
	topics := topicsOf(failed)
	m.log.debugf("Deletion failed for replicas %s. Halting deletion for topics %s", joined(failed), jvm.Collection("Set", topics))
	if err := m.replicas.handleStateChanges(failed, replicaDeletionIneligible); err != nil {
		return err
	}
	m.markTopicIneligibleForDeletion(topics, "replica deletion failure")
	return m.resumeDeletions()
}

// completeReplicaDeletion takes note of replicas that were deleted.
func (m *topicDeletionManager) completeReplicaDeletion(replicas []partitionAndReplica) error {
	deleted := m.queuedOnly(replicas)
	m.log.debugf("Deletion successfully completed for replicas %s", joined(deleted))
	if err := m.replicas.handleStateChanges(deleted, replicaDeletionSuccessful); err != nil {
		return err
	}
	return m.resumeDeletions()
}

func (m *topicDeletionManager) queuedOnly(replicas []partitionAndReplica) []partitionAndReplica {
	return slices.DeleteFunc(slices.Clone(replicas), func(replica partitionAndReplica) bool {
		return !m.context.isTopicQueuedUpForDeletion(replica.partition.Topic)
	})
}

func topicsOf(replicas []partitionAndReplica) []string {
	topics := set[string]{}
	for _, replica := range replicas {
		topics.add(replica.partition.Topic)
	}
	return sortedKeys(topics)
}

// markTopicIneligibleForDeletion halts those of the topics that are queued.
func (m *topicDeletionManager) markTopicIneligibleForDeletion(topics []string, reason string) {
	var halted []string
	for _, name := range topics {
		if m.context.isTopicQueuedUpForDeletion(name) {
			m.context.topicsIneligibleForDeletion.add(name)
			halted = append(halted, name)
		}
	}
	if len(halted) > 0 {
		m.log.infof("Halted deletion of topics %s due to %s", joined(halted), reason)
	}
}

func (m *topicDeletionManager) isTopicEligibleForDeletion(name string) bool {
	return m.context.isTopicQueuedUpForDeletion(name) &&
		!m.context.isAnyReplicaInState(name, replicaDeletionStarted) &&
		!m.context.topicsIneligibleForDeletion.has(name)
}

func (m *topicDeletionManager) resumeDeletions() error {
	queued := sortedKeys(m.context.topicsToBeDeleted)
	if len(queued) > 0 {
		m.log.infof("Handling deletion for topics %s", joined(queued))
	}
	var retry, eligible []string
	for _, name := range queued {
		switch {
		case m.context.areAllReplicasInState(name, replicaDeletionSuccessful):
			if err := m.completeDeleteTopic(name); err != nil {
				return err
			}
			m.log.infof("Deletion of topic %s successfully completed", name)
		case !m.context.isAnyReplicaInState(name, replicaDeletionStarted) &&
			m.context.isAnyReplicaInState(name, replicaDeletionIneligible):
			retry = append(retry, name)
		}
		if m.isTopicEligibleForDeletion(name) {
			m.log.infof("Deletion of topic %s (re)started", name)
			eligible = append(eligible, name)
		}
	}
	if err := m.retryDeletionForIneligibleReplicas(retry); err != nil {
		return err
	}
	return m.onTopicDeletion(eligible)
}

// retryDeletionForIneligibleReplicas puts replicas back to where deletion starts.
func (m *topicDeletionManager) retryDeletionForIneligibleReplicas(topics []string) error {
	var failed []partitionAndReplica
	for _, name := range topics {
		failed = append(failed, m.context.replicasInState(name, replicaDeletionIneligible)...)
	}
	if len(failed) > 0 {
		m.log.debugf("Retrying deletion of topics %s since replicas %s were not successfully deleted", joined(topics), joined(failed))
	}
	return m.replicas.handleStateChanges(failed, offlineReplica)
}

// completeDeleteTopic removes what is left of a topic.
func (m *topicDeletionManager) completeDeleteTopic(name string) error {
	deleted := m.context.replicasInState(name, replicaDeletionSuccessful)
	if err := m.replicas.handleStateChanges(deleted, nonExistentReplica); err != nil {
		return err
	}
	if err := m.client.deleteTopic(name); err != nil {
		return err
	}
	m.context.removeTopic(name)
	return nil
}

// onTopicDeletion tells all brokers that the topics go away, then their
// replicas to stop and to delete.
func (m *topicDeletionManager) onTopicDeletion(topics []string) error {
	if len(topics) == 0 {
		return nil
	}
	var all, unseen []topic.Partition
	for _, name := range topics {
		partitions := m.context.partitionsForTopic(name)
		all = append(all, partitions...)
		if !m.context.topicsWithDeletionStarted.has(name) {
			unseen = append(unseen, partitions...)
		}
	}
	if err := m.partitions.moveTo(unseen, offlinePartition); err != nil {
		return err
	}
	if err := m.partitions.moveTo(unseen, nonExistentPartition); err != nil {
		return err
	}
	// Only now, so that the moves above leave the count of offline partitions.
	m.context.beginTopicDeletion(topics)
	m.client.sendUpdateMetadata(all)
	return m.onPartitionDeletion(topics)
}

func (m *topicDeletionManager) onPartitionDeletion(topics []string) error {
	var dead, alive []partitionAndReplica
	var ineligible []string
	for _, name := range topics {
		before := len(dead)
		for _, replica := range m.context.replicasForTopic(name) {
			switch {
			case !m.context.isReplicaOnline(replica.replica, replica.partition):
				dead = append(dead, replica)
			case m.context.replicaState(replica) != replicaDeletionSuccessful:
				alive = append(alive, replica)
			}
		}
		if len(dead) > before {
			m.log.debugf("Dead Replicas (%s) found for topic %s", joined(dead[before:]), name)
			ineligible = append(ineligible, name)
		}
	}
	if err := m.replicas.handleStateChanges(dead, replicaDeletionIneligible); err != nil {
		return err
	}
	// Followers stop fetching before the leader's log goes away.
	if err := m.replicas.handleStateChanges(alive, offlineReplica); err != nil {
		return err
	}
	if err := m.replicas.handleStateChanges(alive, replicaDeletionStarted); err != nil {
		return err
	}
	m.markTopicIneligibleForDeletion(ineligible, "offline replicas")
	return nil
}
