package controller

import (
	"maps"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
)

// putAnswer enqueues a broker's answer. One to a request of an earlier term says
// nothing about this one.
func (c *KafkaController) putAnswer(name string, state controllerState, epoch int32, process func() error) {
	c.putIfActive(name, state, func() error {
		if c.context.epoch != epoch {
			return nil
		}
		return process()
	})
}

func (c *KafkaController) updateMetadataAnswered(epoch, brokerID int32, response *kmsg.UpdateMetadataResponse) {
	c.putAnswer("UpdateMetadataResponseReceived", stateUpdateMetadataResponseReceived, epoch, func() error {
		if response.ErrorCode != 0 {
			c.stateChanges.errorf(epoch, "Received error %s in UpdateMetadata response from broker %d",
				protocol.ErrorName(response.ErrorCode), brokerID)
		}
		return nil
	})
}

func (c *KafkaController) leaderAndIsrAnswered(epoch, brokerID int32, response *kmsg.LeaderAndISRResponse) {
	c.putAnswer("LeaderAndIsrResponseReceived", stateLeaderAndIsrResponseReceived, epoch, func() error {
		if response.ErrorCode != 0 {
			c.stateChanges.errorf(epoch, "Received error %s in LeaderAndIsr response from broker %d",
				protocol.ErrorName(response.ErrorCode), brokerID)
			return nil
		}
		return c.processLeaderAndIsrResponse(brokerID, response)
	})
}

// processLeaderAndIsrResponse learns from the answer which replicas lie on
// failed log directories.
func (c *KafkaController) processLeaderAndIsrResponse(brokerID int32, response *kmsg.LeaderAndISRResponse) error {
	previous := c.context.replicasOnOfflineDirs[brokerID]
	current := maps.Clone(previous)
	if current == nil {
		current = set[topic.Partition]{}
	}
	var failed []partitionAndReplica
	for partition, code := range c.leaderAndIsrErrors(response) {
		switch {
		case code == 0:
			current.remove(partition)
		case code == kerr.KafkaStorageError.Code && !current.has(partition):
			current.add(partition)
			failed = append(failed, partitionAndReplica{partition, brokerID})
		}
	}
	c.context.replicasOnOfflineDirs[brokerID] = current
	if len(failed) == 0 {
		return nil
	}
	c.stateChanges.infof(c.context.epoch, "Mark replicas %s on broker %d as offline", joined(failed), brokerID)
	return c.onReplicasBecomeOffline(failed)
}

func (c *KafkaController) leaderAndIsrErrors(response *kmsg.LeaderAndISRResponse) map[topic.Partition]int16 {
	codes := map[topic.Partition]int16{}
	for _, partition := range response.Partitions { // v0-v4
		codes[topic.Partition{Topic: partition.Topic, Partition: partition.Partition}] = partition.ErrorCode
	}
	for _, ofTopic := range response.Topics {
		name, known := c.context.topicNames[ofTopic.TopicID]
		if !known {
			continue // deleted meanwhile
		}
		for _, partition := range ofTopic.Partitions {
			codes[topic.Partition{Topic: name, Partition: partition.Partition}] = partition.ErrorCode
		}
	}
	return codes
}

func (c *KafkaController) stopReplicaAnswered(epoch, brokerID int32, response *kmsg.StopReplicaResponse, deleted set[topic.Partition]) {
	c.putAnswer("TopicDeletionStopReplicaResponseReceived", stateTopicDeletion, epoch, func() error {
		return c.processDeletionAnswer(brokerID, response, deleted)
	})
}

// processDeletionAnswer takes note of replicas of deleted topics that a broker
// removed, and of those it could not.
func (c *KafkaController) processDeletionAnswer(brokerID int32, response *kmsg.StopReplicaResponse, deleted set[topic.Partition]) error {
	var failed, succeeded []partitionAndReplica
	for _, answer := range response.Partitions {
		partition := topic.Partition{Topic: answer.Topic, Partition: answer.Partition}
		switch replica := (partitionAndReplica{partition, brokerID}); {
		case !deleted.has(partition) || !c.context.topicsWithDeletionStarted.has(answer.Topic):
		case response.ErrorCode != 0 || answer.ErrorCode != 0:
			failed = append(failed, replica)
		default:
			succeeded = append(succeeded, replica)
		}
	}
	c.log.debugf("Delete topic callback invoked on StopReplica response received from broker %d: request error = %s, failed %s, deleted %s",
		brokerID, protocol.ErrorName(response.ErrorCode), joined(failed), joined(succeeded))
	if err := c.deletions.failReplicaDeletion(failed); err != nil || len(succeeded) == 0 {
		return err
	}
	return c.deletions.completeReplicaDeletion(succeeded)
}
