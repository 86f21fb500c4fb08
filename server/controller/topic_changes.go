package controller

import (
	"slices"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// processTopicChange follows a change of the children of /brokers/topics.
func (c *KafkaController) processTopicChange() error {
	topics, err := c.zkClient.GetAllTopicsInCluster(true)
	if err != nil {
		return err
	}
	present := setOf(topics...)
	var created, deleted []string
	for name := range present {
		if !c.context.allTopics.has(name) {
			created = append(created, name)
		}
	}
	for name := range c.context.allTopics {
		if !present.has(name) {
			deleted = append(deleted, name)
		}
	}
	slices.Sort(created)
	slices.Sort(deleted)
	c.context.allTopics = present
	c.unwatchTopics(deleted)
	for _, name := range deleted {
		c.context.removeTopic(name)
	}
	if err := c.loadTopics(created); err != nil {
		return err
	}
	c.log.infof("New topics: [%s], deleted topics: [%s], new partition replica assignment [%s]",
		jvm.Collection("Set", created), jvm.Collection("HashSet", deleted), jvm.Collection("Set", c.context.assignmentTexts(created)))
	var partitions []topic.Partition
	for _, name := range created {
		partitions = append(partitions, c.context.partitionsForTopic(name)...)
	}
	return c.onNewPartitionCreation(partitions)
}

// processTopicIDs gives an id to topics that have none and remembers all ids.
// With a protocol below 2.8 none are given, but those there are kept, so that
// nothing the controller writes loses them.
func (c *KafkaController) processTopicIDs(assignments []zkdata.TopicAssignment) error {
	if c.versions >= config.IBP_2_8_IV0 {
		var without []zkdata.TopicAssignment
		for _, assignment := range assignments {
			if assignment.TopicID.IsZero() && len(assignment.Assignment) > 0 { // else it is gone meanwhile
				without = append(without, assignment)
			}
		}
		given, err := c.zkClient.SetTopicIds(without, c.context.epochZkVersion)
		if err != nil {
			return err
		}
		assignments = append(slices.DeleteFunc(slices.Clone(assignments), func(assignment zkdata.TopicAssignment) bool {
			return assignment.TopicID.IsZero()
		}), given...)
	}
	for _, assignment := range assignments {
		if assignment.TopicID.IsZero() {
			continue
		}
		if err := c.context.addTopicID(assignment.Topic, assignment.TopicID); err != nil {
			return err
		}
	}
	return nil
}

// onNewPartitionCreation brings partitions that nobody hosts yet online.
func (c *KafkaController) onNewPartitionCreation(partitions []topic.Partition) error {
	if len(partitions) == 0 {
		return nil
	}
	c.log.infof("New partition creation callback for %s", joined(partitions))
	replicas := c.context.replicasForPartitions(partitions)
	if err := c.partitions.moveTo(partitions, newPartition); err != nil {
		return err
	}
	if err := c.replicas.handleStateChanges(replicas, newReplica); err != nil {
		return err
	}
	if err := c.partitions.moveTo(partitions, onlinePartition); err != nil {
		return err
	}
	return c.replicas.handleStateChanges(replicas, onlineReplica)
}

// processPartitionModifications follows a write to a topic's node: partitions
// may have been added, or an old tool may have written the node without its id.
func (c *KafkaController) processPartitionModifications(name string) error {
	assignments, err := c.zkClient.GetReplicaAssignmentAndTopicIdForTopics([]string{name})
	if err != nil || len(assignments) == 0 || !c.context.allTopics.has(name) {
		return err
	}
	assignment := assignments[0]
	var added []topic.Partition
	for _, partition := range sortedPartitions(assignment.Assignment) {
		if !c.context.hasPartition(partition) {
			added = append(added, partition)
		}
	}
	if c.context.isTopicQueuedUpForDeletion(name) {
		return c.refusePartitionsOfDeletedTopic(assignment, added)
	}
	if err := c.keepTopicID(assignment); err != nil || len(added) == 0 {
		return err
	}
	c.log.infof("New partitions to be added %s", joined(added))
	for _, partition := range added {
		c.context.updateAssignment(partition, assignment.Assignment[partition])
	}
	return c.onNewPartitionCreation(added)
}

// keepTopicID writes the id back into a node that a tool from before 2.8
// rewrote without it (KIP-516): replicas would refuse a topic with a new id.
func (c *KafkaController) keepTopicID(assignment zkdata.TopicAssignment) error {
	id, known := c.context.topicIDs[assignment.Topic]
	if !known || !assignment.TopicID.IsZero() {
		return nil
	}
	c.log.infof("Restoring the topic ID %s of topic %s", id, assignment.Topic)
	return c.zkClient.SetTopicAssignment(assignment.Topic, id, assignment.Assignment, c.context.epochZkVersion)
}

// refusePartitionsOfDeletedTopic takes partitions back that were added to a
// topic on its way out.
func (c *KafkaController) refusePartitionsOfDeletedTopic(assignment zkdata.TopicAssignment, added []topic.Partition) error {
	if len(added) == 0 {
		// Our own write below comes back as a modification too.
		c.log.infof("Ignoring partition change during topic deletion as no new partitions are added")
		return nil
	}
	c.log.warnf("Skipping adding partitions %s for topic %s since it is currently being deleted", joined(added), assignment.Topic)
	c.log.infof("Restoring the partition replica assignment for topic %s", assignment.Topic)
	known := map[topic.Partition]zkdata.ReplicaAssignment{}
	for _, partition := range c.context.partitionsForTopic(assignment.Topic) {
		known[partition] = c.context.fullAssignment(partition)
	}
	return c.zkClient.SetTopicAssignment(assignment.Topic, c.context.topicIDs[assignment.Topic], known, c.context.epochZkVersion)
}

// processTopicDeletion follows a change of the children of /admin/delete_topics.
func (c *KafkaController) processTopicDeletion() error {
	queued, err := c.zkClient.GetTopicDeletions()
	if err != nil {
		return err
	}
	var known, unknown []string
	for _, name := range queued {
		if c.context.allTopics.has(name) {
			known = append(known, name)
		} else {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		c.log.warnf("Ignoring request to delete non-existing topics %s", joined(unknown))
		if err := c.deleteTopicDeletions(unknown); err != nil {
			return err
		}
	}
	if !c.deletions.enabled {
		c.log.infof("Removing %s since delete topic is disabled", jvm.Collection("Set", known))
		return c.deleteTopicDeletions(known)
	}
	if len(known) == 0 {
		return nil
	}
	c.log.infof("Starting topic deletion for topics %s", joined(known))
	c.context.queueTopicDeletion(known)
	for partition := range c.context.partitionsBeingReassigned {
		c.deletions.markTopicIneligibleForDeletion([]string{partition.Topic}, "topic reassignment in progress")
	}
	return c.deletions.tryTopicDeletion()
}

// deleteTopic implements deletionClient.
func (c *KafkaController) deleteTopic(name string) error {
	c.unwatchTopics([]string{name})
	if err := c.zkClient.DeleteTopicZNode(name, c.context.epochZkVersion); err != nil {
		return err
	}
	if err := c.zkClient.DeleteTopicConfigs([]string{name}, c.context.epochZkVersion); err != nil {
		return err
	}
	return c.deleteTopicDeletions([]string{name})
}

// deleteTopicDeletions implements deletionClient.
func (c *KafkaController) deleteTopicDeletions(names []string) error {
	return c.zkClient.DeleteTopicDeletions(names, c.context.epochZkVersion)
}

func (c *KafkaController) watchTopics(names []string) {
	for _, name := range names {
		c.watchedTopics.add(name)
		c.zkClient.RegisterZNodeChangeHandler(zkclient.NodeChangeHandler{
			Path: zkdata.TopicPath(name),
			HandleDataChange: func() {
				c.putIfActive("PartitionModifications("+name+")", stateTopicChange, func() error { return c.processPartitionModifications(name) })
			},
		})
	}
}

func (c *KafkaController) unwatchTopics(names []string) {
	for _, name := range names {
		c.watchedTopics.remove(name)
		c.zkClient.UnregisterZNodeChangeHandler(zkdata.TopicPath(name))
	}
}
