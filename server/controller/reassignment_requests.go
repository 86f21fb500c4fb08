package controller

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// AlterPartitionReassignments begins, replaces or cancels reassignments (key
// 45, KIP-455). It answers when they have begun, not when they are done.
func (c *KafkaController) AlterPartitionReassignments(request *kmsg.AlterPartitionAssignmentsRequest, respond func(*kmsg.AlterPartitionAssignmentsResponse)) {
	response := request.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	fail := func(err error) {
		response.ErrorCode, response.ErrorMessage = protocol.ErrorCode(err), protocol.ErrorMessage(err)
		respond(response)
	}
	c.putRequest("ApiPartitionReassignment", stateAlterPartitionReassignment, func() { fail(kerr.NotController) }, func() error {
		targets := map[topic.Partition][]int32{}
		for _, ofTopic := range request.Topics {
			for _, wanted := range ofTopic.Partitions {
				targets[topic.Partition{Topic: ofTopic.Topic, Partition: wanted.Partition}] = wanted.Replicas
			}
		}
		results, err := c.reassignByRequest(targets)
		if err != nil {
			fail(requestError(err))
			return err
		}
		for _, partition := range sortedPartitions(results) {
			if last := len(response.Topics) - 1; last < 0 || response.Topics[last].Topic != partition.Topic {
				response.Topics = append(response.Topics, kmsg.AlterPartitionAssignmentsResponseTopic{Topic: partition.Topic})
			}
			ofTopic := &response.Topics[len(response.Topics)-1]
			ofTopic.Partitions = append(ofTopic.Partitions, kmsg.AlterPartitionAssignmentsResponseTopicPartition{
				Partition: partition.Partition, ErrorCode: protocol.ErrorCode(results[partition]), ErrorMessage: protocol.ErrorMessage(results[partition]),
			})
		}
		respond(response)
		return nil
	})
}

// reassignByRequest begins reassignments to the targets, nil ones being
// cancellations. They take the place of those asked for by the znode.
func (c *KafkaController) reassignByRequest(targets map[topic.Partition][]int32) (map[topic.Partition]error, error) {
	results := map[topic.Partition]error{}
	reassignments := map[topic.Partition]zkdata.ReplicaAssignment{}
	for partition, target := range targets {
		reassignment, err := c.buildReassignment(partition, target)
		if err == nil && target != nil {
			err = cmp.Or(validateTarget(target), c.validateAdded(reassignment))
		}
		if err != nil {
			results[partition] = err
		} else {
			reassignments[partition] = reassignment
		}
	}
	if err := c.removeFromZkReassignment(func(listed topic.Partition, _ []int32) bool {
		_, replaced := reassignments[listed]
		return replaced
	}); err != nil {
		return nil, err
	}
	return results, c.triggerReassignments(reassignments, results)
}

// validateTarget refuses replica lists that make no sense.
func validateTarget(target []int32) error {
	switch {
	case len(target) == 0:
		return refuseAssignment("Empty replica list specified in partition reassignment.")
	case len(setOf(target...)) != len(target):
		return refuseAssignment("Duplicate replica ids in partition reassignment replica list: %s", jvm.Collection("ArrayBuffer", target))
	case slices.ContainsFunc(target, func(id int32) bool { return id < 0 }):
		return refuseAssignment("Invalid broker id in replica list: %s", jvm.Collection("ArrayBuffer", target))
	}
	return nil
}

// validateAdded refuses new replicas on brokers that are not live.
func (c *KafkaController) validateAdded(reassignment zkdata.ReplicaAssignment) error {
	if slices.ContainsFunc(reassignment.AddingReplicas, func(id int32) bool { return !c.context.isLive(id) }) {
		return refuseAssignment("Replica assignment has brokers that are not alive. Replica list: %s, live broker list: Set(%s)",
			jvm.Collection("ArrayBuffer", reassignment.AddingReplicas), jvm.Joined(c.context.liveBrokerIDs(), ", "))
	}
	return nil
}

func refuseAssignment(format string, args ...any) error {
	return protocol.WithMessage(kerr.InvalidReplicaAssignment, fmt.Sprintf(format, args...))
}

// ListPartitionReassignments gives the reassignments under way (key 46), all or
// those asked for.
func (c *KafkaController) ListPartitionReassignments(request *kmsg.ListPartitionReassignmentsRequest, respond func(*kmsg.ListPartitionReassignmentsResponse)) {
	response := request.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	refuse := func() {
		response.ErrorCode, response.ErrorMessage = kerr.NotController.Code, protocol.ErrorMessage(kerr.NotController)
		respond(response)
	}
	c.putRequest("ListPartitionReassignments", stateListPartitionReassignment, refuse, func() error {
		asked := set[topic.Partition]{}
		for _, ofTopic := range request.Topics {
			for _, number := range ofTopic.Partitions {
				asked.add(topic.Partition{Topic: ofTopic.Topic, Partition: number})
			}
		}
		if request.Topics == nil {
			asked = c.context.partitionsBeingReassigned
		}
		for _, partition := range sortedPartitions(asked) {
			assignment := c.context.fullAssignment(partition)
			if !assignment.IsBeingReassigned() {
				continue
			}
			if last := len(response.Topics) - 1; last < 0 || response.Topics[last].Topic != partition.Topic {
				response.Topics = append(response.Topics, kmsg.ListPartitionReassignmentsResponseTopic{Topic: partition.Topic})
			}
			ofTopic := &response.Topics[len(response.Topics)-1]
			ofTopic.Partitions = append(ofTopic.Partitions, kmsg.ListPartitionReassignmentsResponseTopicPartition{
				Partition: partition.Partition, Replicas: assignment.Replicas,
				AddingReplicas: assignment.AddingReplicas, RemovingReplicas: assignment.RemovingReplicas,
			})
		}
		respond(response)
		return nil
	})
}

// watchPartitionReassignment arms the watch on the creation of
// /admin/reassign_partitions.
func (c *KafkaController) watchPartitionReassignment() (exists bool, err error) {
	return c.zkClient.RegisterZNodeChangeHandlerAndCheckExistence(zkclient.NodeChangeHandler{
		Path: zkdata.ReassignPartitionsPath,
		HandleCreation: func() {
			c.putIfActive("ZkPartitionReassignment", stateAlterPartitionReassignment, c.processZkPartitionReassignment)
		},
	})
}

// initializePartitionReassignments takes up, at failover, what the znode asks
// for and then the reassignments found in topic nodes that it does not name.
func (c *KafkaController) initializePartitionReassignments() error {
	resumed, err := c.reassignByZnode()
	if err != nil {
		return err
	}
	return c.maybeResumeReassignments(func(partition topic.Partition, _ zkdata.ReplicaAssignment) bool {
		return !resumed.has(partition)
	})
}

func (c *KafkaController) processZkPartitionReassignment() error {
	_, err := c.reassignByZnode()
	return err
}

// reassignByZnode begins what /admin/reassign_partitions asks for and takes out
// of it what failed. It returns the partitions that have begun.
func (c *KafkaController) reassignByZnode() (set[topic.Partition], error) {
	exists, err := c.watchPartitionReassignment()
	if err != nil || !exists {
		return nil, err
	}
	targets, err := c.zkClient.GetPartitionReassignment()
	if err != nil {
		return nil, err
	}
	reassignments := map[topic.Partition]zkdata.ReplicaAssignment{}
	results := map[topic.Partition]error{}
	for partition, target := range targets {
		// Brokers need not be live here. But a list that makes no sense, which
		// Kafka follows, would delete every replica of the partition.
		if err := validateTarget(target); err != nil {
			results[partition] = err
		} else {
			reassignments[partition] = c.context.fullAssignment(partition).ReassignTo(target)
		}
	}
	if err := c.triggerReassignments(reassignments, results); err != nil {
		return nil, err
	}
	begun, failed := set[topic.Partition]{}, set[topic.Partition]{}
	var failures []string
	for partition, failure := range results {
		if failure == nil {
			begun.add(partition)
		} else {
			failed.add(partition)
			failures = append(failures, fmt.Sprintf("%s -> %v", partition, failure))
		}
	}
	if len(failed) > 0 {
		c.log.warnf("Failed reassignment through zk with the following errors: %s", jvm.Collection("HashMap", failures))
	} else if len(targets) > 0 {
		return begun, nil
	}
	return begun, c.removeFromZkReassignment(func(listed topic.Partition, _ []int32) bool { return failed.has(listed) })
}

// removeFromZkReassignment takes partitions out of /admin/reassign_partitions
// and deletes the node when none is left.
func (c *KafkaController) removeFromZkReassignment(remove func(partition topic.Partition, target []int32) bool) error {
	inProgress, err := c.zkClient.ReassignPartitionsInProgress()
	if err != nil || !inProgress {
		return err
	}
	listed, err := c.zkClient.GetPartitionReassignment()
	if err != nil {
		return err
	}
	remaining := map[topic.Partition][]int32{}
	for partition, target := range listed {
		if !remove(partition, target) {
			remaining[partition] = target
		}
	}
	if len(remaining) > 0 {
		if len(remaining) == len(listed) {
			return nil
		}
		return c.zkClient.SetOrCreatePartitionReassignment(remaining, c.context.epochZkVersion)
	}
	c.log.infof("No more partitions need to be reassigned. Deleting zk path %s", zkdata.ReassignPartitionsPath)
	if err := c.zkClient.DeletePartitionReassignment(c.context.epochZkVersion); err != nil {
		return err
	}
	// Arms the watch again, and finds the next one if it is there already.
	c.putIfActive("ZkPartitionReassignment", stateAlterPartitionReassignment, c.processZkPartitionReassignment)
	return nil
}
