package controller

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// A reassignment of a partition goes through these steps (KIP-455). Its target
// is kept in the topic's node from the first step to the last, so that another
// controller can go on at any point.
//
//	U  the node and memory: replicas = target ∪ origin, with what is added and
//	   removed; replicas that an earlier reassignment was adding and this one
//	   does not want are deleted
//	A  while the target is not in sync: a new leader epoch to all replicas, the
//	   added ones start
//	B  when it is: the added replicas are online, a leader among the target is
//	   chosen, the removed replicas leave the ISR and are deleted, the node gets
//	   the target alone, everybody gets UpdateMetadata
//
// B comes at once, or when an ISR change, a broker's start or a failover finds
// the target in sync.

// onPartitionReassignment takes a partition as far towards the assignment as is
// possible now.
func (c *KafkaController) onPartitionReassignment(partition topic.Partition, assignment zkdata.ReplicaAssignment) error {
	c.deletions.markTopicIneligibleForDeletion([]string{partition.Topic}, "topic reassignment in progress")
	if err := c.updateCurrentReassignment(partition, assignment); err != nil {
		return err
	}
	complete, err := c.isReassignmentComplete(partition, assignment)
	if err != nil {
		return err
	}
	if complete {
		return c.completeReassignment(partition, assignment)
	}
	if err := c.updateLeaderEpochAndSendRequest(partition, assignment); err != nil {
		return err
	}
	return c.replicas.handleStateChanges(replicasOf(partition, assignment.AddingReplicas), newReplica)
}

func replicasOf(partition topic.Partition, ids []int32) []partitionAndReplica {
	replicas := make([]partitionAndReplica, 0, len(ids))
	for _, id := range ids {
		replicas = append(replicas, partitionAndReplica{partition, id})
	}
	return replicas
}

// updateCurrentReassignment is step U.
func (c *KafkaController) updateCurrentReassignment(partition topic.Partition, assignment zkdata.ReplicaAssignment) error {
	current := c.context.fullAssignment(partition)
	if !current.Equal(assignment) {
		c.log.debugf("Updating assignment of partition %s from %s to %s", partition, current, assignment)
		if err := c.writeAssignment(partition, assignment); err != nil {
			return err
		}
		c.context.updateAssignment(partition, assignment)
		if err := c.stopUnneededReplicas(partition, without(current.Replicas, assignment.Replicas)); err != nil {
			return err
		}
	}
	c.watchReassignedPartition(partition)
	c.context.partitionsBeingReassigned.add(partition)
	return nil
}

// stopUnneededReplicas deletes replicas that a replaced or cancelled
// reassignment was adding. Brokers of 3.1 ignore StopReplica with the leader
// epoch they know, and keep a stray (KAFKA-13972); hence a new epoch first.
func (c *KafkaController) stopUnneededReplicas(partition topic.Partition, ids []int32) error {
	if len(ids) == 0 {
		return nil
	}
	if _, err := c.updateLeaderEpoch(partition); err != nil {
		return err
	}
	return c.stopRemovedReplicas(partition, ids)
}

// completeReassignment is step B.
func (c *KafkaController) completeReassignment(partition topic.Partition, assignment zkdata.ReplicaAssignment) error {
	if err := c.replicas.handleStateChanges(replicasOf(partition, assignment.AddingReplicas), onlineReplica); err != nil {
		return err
	}
	completed := zkdata.ReplicaAssignment{Replicas: assignment.TargetReplicas()}
	c.context.updateAssignment(partition, completed)
	if err := c.moveLeaderIfRequired(partition, completed); err != nil {
		return err
	}
	if err := c.stopRemovedReplicas(partition, assignment.RemovingReplicas); err != nil {
		return err
	}
	if err := c.writeAssignment(partition, completed); err != nil {
		return err
	}
	c.unwatchReassignedPartition(partition)
	if err := c.removeFromZkReassignment(func(listed topic.Partition, target []int32) bool {
		return listed == partition && slices.Equal(target, completed.Replicas)
	}); err != nil {
		return err
	}
	c.context.partitionsBeingReassigned.remove(partition)
	c.sendUpdateMetadata([]topic.Partition{partition})
	return c.deletions.resumeDeletionForTopics([]string{partition.Topic})
}

// isReassignmentComplete asks ZooKeeper, not memory: a leader of an old protocol
// writes the ISR itself.
func (c *KafkaController) isReassignmentComplete(partition topic.Partition, assignment zkdata.ReplicaAssignment) (bool, error) {
	if !assignment.IsBeingReassigned() {
		return true, nil
	}
	states, err := c.zkClient.GetTopicPartitionStates([]topic.Partition{partition})
	if err != nil {
		return false, err
	}
	info, ok := states[partition]
	return ok && len(without(assignment.TargetReplicas(), info.Isr)) == 0, nil
}

// moveLeaderIfRequired makes a target replica the leader, or tells the present
// one of the new replica list.
func (c *KafkaController) moveLeaderIfRequired(partition topic.Partition, completed zkdata.ReplicaAssignment) error {
	leader := c.context.leadership[partition].Leader
	switch {
	case !slices.Contains(completed.Replicas, leader):
		c.log.infof("Leader %d for partition %s being reassigned, is not in the new list of replicas %s. Re-electing leader",
			leader, partition, joined(completed.Replicas))
	case c.context.isReplicaOnline(leader, partition):
		c.log.infof("Leader %d for partition %s being reassigned, is already in the new list of replicas %s and is alive",
			leader, partition, joined(completed.Replicas))
		return c.updateLeaderEpochAndSendRequest(partition, completed)
	default:
		c.log.infof("Leader %d for partition %s being reassigned, is already in the new list of replicas %s but is dead",
			leader, partition, joined(completed.Replicas))
	}
	_, err := c.partitions.handleStateChanges([]topic.Partition{partition}, onlinePartition, reassignElection)
	return err
}

// stopRemovedReplicas takes replicas out of the ISR and deletes them. Nobody
// waits for the answers.
func (c *KafkaController) stopRemovedReplicas(partition topic.Partition, ids []int32) error {
	for _, state := range []replicaState{offlineReplica, replicaDeletionStarted, replicaDeletionSuccessful, nonExistentReplica} {
		if err := c.replicas.handleStateChanges(replicasOf(partition, ids), state); err != nil {
			return err
		}
	}
	return nil
}

// writeAssignment writes a topic's node with one partition's assignment changed.
func (c *KafkaController) writeAssignment(partition topic.Partition, assignment zkdata.ReplicaAssignment) error {
	assignments := map[topic.Partition]zkdata.ReplicaAssignment{}
	for _, other := range c.context.partitionsForTopic(partition.Topic) {
		assignments[other] = c.context.fullAssignment(other)
	}
	assignments[partition] = assignment
	err := c.zkClient.SetTopicAssignment(partition.Topic, c.context.topicIDs[partition.Topic], assignments, c.context.epochZkVersion)
	switch {
	case errors.Is(err, zkclient.ErrNoNode):
		return fmt.Errorf("Failed to update assignment for %s since the topic has no current assignment: %w", partition, err) //nolint:staticcheck // Kafka's sentence
	case err == nil:
		c.log.infof("Successfully updated assignment of partition %s to %s", partition, assignment)
	}
	return err
}

// updateLeaderEpochAndSendRequest raises the leader epoch and tells all replicas
// of the assignment. The added ones are new: they may be put on any log
// directory, where the others must not be created anew on a good one.
func (c *KafkaController) updateLeaderEpochAndSendRequest(partition topic.Partition, assignment zkdata.ReplicaAssignment) error {
	info, err := c.updateLeaderEpoch(partition)
	if err != nil {
		return err
	}
	c.batch.addLeaderAndIsr(assignment.OriginReplicas(), partition, info, assignment, false)
	c.batch.addLeaderAndIsr(assignment.AddingReplicas, partition, info, assignment, true)
	c.batch.send()
	c.stateChanges.infof(c.context.epoch, "Sent LeaderAndIsr request %s with new replica assignment %s to leader %d for partition being reassigned %s",
		info, assignment, info.Leader, partition)
	return nil
}

// updateLeaderEpoch raises the leader epoch and leaves leader and ISR as they are.
func (c *KafkaController) updateLeaderEpoch(partition topic.Partition) (zkdata.LeaderIsrAndControllerEpoch, error) {
	var none zkdata.LeaderIsrAndControllerEpoch
	for {
		states, err := readStates(c.zkClient, c.context.epoch, []topic.Partition{partition})
		if err != nil {
			return none, err
		}
		if failure := states.failed[partition]; failure != nil {
			return none, failure
		}
		current, ok := states.found[partition]
		if !ok {
			return none, fmt.Errorf("Cannot update leader epoch for partition %s as leaderAndIsr path is empty. "+ //nolint:staticcheck // Kafka's sentence
				"This could mean we somehow tried to reassign a partition that doesn't exist", partition)
		}
		written, err := writeStates(c.zkClient, c.context, map[topic.Partition]zkdata.LeaderAndIsr{partition: current.NewEpoch()})
		if err != nil {
			return none, err
		}
		if failure := written.failed[partition]; failure != nil {
			return none, failure
		}
		if updated, ok := written.updated[partition]; ok {
			info := zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: updated, ControllerEpoch: c.context.epoch}
			c.context.putLeadership(partition, info)
			c.log.infof("Updated leader epoch for partition %s to %d, zkVersion=%d", partition, updated.LeaderEpoch, updated.ZkVersion)
			return info, nil
		}
	}
}

// maybeResumeReassignments goes on with the reassignments that pass.
func (c *KafkaController) maybeResumeReassignments(resume func(topic.Partition, zkdata.ReplicaAssignment) bool) error {
	for _, partition := range sortedPartitions(c.context.partitionsBeingReassigned) {
		assignment := c.context.fullAssignment(partition)
		if !resume(partition, assignment) {
			continue
		}
		if err := c.onPartitionReassignment(partition, assignment); err != nil {
			if errors.Is(err, errControllerMoved) {
				return err
			}
			c.log.withError(err).errorf("Error completing reassignment of partition %s", partition)
		}
	}
	return nil
}

// maybeCompleteReassignment goes on with a reassignment after an ISR change.
func (c *KafkaController) maybeCompleteReassignment(partition topic.Partition) error {
	if !c.context.partitionsBeingReassigned.has(partition) {
		return nil
	}
	assignment := c.context.fullAssignment(partition)
	complete, err := c.isReassignmentComplete(partition, assignment)
	if err != nil || !complete {
		return err
	}
	c.log.infof("Target replicas %s have all caught up with the leader for reassigning partition %s", joined(assignment.TargetReplicas()), partition)
	return c.onPartitionReassignment(partition, assignment)
}

// triggerReassignments begins the reassignments, each with its own result.
func (c *KafkaController) triggerReassignments(reassignments map[topic.Partition]zkdata.ReplicaAssignment, results map[topic.Partition]error) error {
	for _, partition := range sortedPartitions(reassignments) {
		if c.context.isTopicQueuedUpForDeletion(partition.Topic) {
			c.log.infof("Skipping reassignment of %s since the topic is currently being deleted", partition)
		}
		if c.context.isTopicQueuedUpForDeletion(partition.Topic) || len(c.context.replicas(partition)) == 0 {
			results[partition] = protocol.WithMessage(kerr.UnknownTopicOrPartition, "The partition does not exist.")
			continue
		}
		err := c.onPartitionReassignment(partition, reassignments[partition])
		if errors.Is(err, errControllerMoved) {
			c.log.infof("Failed completing reassignment of partition %s because controller has moved to another broker", partition)
			return err
		}
		results[partition] = nil
		if err != nil {
			c.log.withError(err).errorf("Error completing reassignment of partition %s", partition)
			results[partition] = kerr.UnknownServerError
		}
	}
	return nil
}

// buildReassignment gives the assignment that leads to the target. A nil target
// cancels: it leads back to the origin, and is an error if nothing is under way.
func (c *KafkaController) buildReassignment(partition topic.Partition, target []int32) (zkdata.ReplicaAssignment, error) {
	current := c.context.fullAssignment(partition)
	if target != nil {
		return current.ReassignTo(target), nil
	}
	if !current.IsBeingReassigned() {
		return zkdata.ReplicaAssignment{}, kerr.NoReassignmentInProgress
	}
	return current.ReassignTo(current.OriginReplicas()), nil
}

// watchReassignedPartition watches the state of a partition whose leader may
// write the ISR itself, because of an old protocol.
func (c *KafkaController) watchReassignedPartition(partition topic.Partition) {
	if c.versions >= config.IBP_2_7_IV2 {
		return
	}
	c.zkClient.RegisterZNodeChangeHandler(zkclient.NodeChangeHandler{
		Path: zkdata.TopicPartitionStatePath(partition),
		HandleDataChange: func() {
			c.putIfActive("PartitionReassignmentIsrChange("+partition.String()+")", stateAlterPartitionReassignment,
				func() error { return c.maybeCompleteReassignment(partition) })
		},
	})
}

func (c *KafkaController) unwatchReassignedPartition(partition topic.Partition) {
	if c.versions < config.IBP_2_7_IV2 {
		c.zkClient.UnregisterZNodeChangeHandler(zkdata.TopicPartitionStatePath(partition))
	}
}
