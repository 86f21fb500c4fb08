package controller

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

// sendStopReplica sends one request a broker, or before v3, where a whole
// request deletes or does not, one for each kind.
func (b *requestBatch) sendStopReplica() {
	version := b.versions.stopReplica
	for _, id := range sortedKeys(b.stopReplica) {
		if !b.context.isLiveOrShuttingDown(id) {
			continue
		}
		states := b.stopReplica[id]
		for partition, state := range states {
			if !b.stateChanges.tracing() {
				break
			}
			b.stateChanges.tracef(b.context.epoch, "Sending StopReplica request StopReplicaPartitionState(partitionIndex=%d, leaderEpoch=%d, deletePartition=%t) to broker %d for partition %s",
				state.Partition, state.LeaderEpoch, state.Delete, id, partition)
		}
		if version >= 3 {
			b.stateChanges.infof(b.context.epoch, "Sending StopReplica request for %d replicas to broker %d", len(states), id)
			b.queueStopReplica(id, version, states, false)
			continue
		}
		for _, deleting := range []bool{true, false} {
			kind := map[topic.Partition]kmsg.StopReplicaRequestTopicPartitionState{}
			for partition, state := range states {
				if state.Delete == deleting {
					kind[partition] = state
				}
			}
			if len(kind) > 0 {
				b.stateChanges.infof(b.context.epoch, "Sending StopReplica request (delete = %t) for %d replicas to broker %d", deleting, len(kind), id)
				b.queueStopReplica(id, version, kind, deleting)
			}
		}
	}
}

func (b *requestBatch) queueStopReplica(id int32, version int16, states map[topic.Partition]kmsg.StopReplicaRequestTopicPartitionState, deleting bool) {
	request := kmsg.NewPtrStopReplicaRequest()
	request.Version = version
	request.ControllerID, request.ControllerEpoch = b.brokerID, b.context.epoch
	request.BrokerEpoch = b.context.liveBrokerEpochs[id]
	request.DeletePartitions = deleting
	deleted := set[topic.Partition]{}
	for _, partition := range sortedPartitions(states) {
		if last := len(request.Topics) - 1; version == 0 || last < 0 || request.Topics[last].Topic != partition.Topic {
			request.Topics = append(request.Topics, kmsg.StopReplicaRequestTopic{Topic: partition.Topic, Partition: partition.Partition})
		}
		ofTopic := &request.Topics[len(request.Topics)-1]
		ofTopic.Partitions = append(ofTopic.Partitions, partition.Partition)
		ofTopic.PartitionStates = append(ofTopic.PartitionStates, states[partition])
		if states[partition].Delete {
			deleted.add(partition)
		}
	}
	b.channels.send(id, request, func(response kmsg.Response) {
		if answer, ok := response.(*kmsg.StopReplicaResponse); ok && len(deleted) > 0 {
			b.answers.stopReplica(request.ControllerEpoch, id, answer, deleted)
		}
	})
}
