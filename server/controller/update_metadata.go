package controller

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// sendUpdateMetadata sends every broker the same live brokers and partitions;
// only the broker epoch differs.
func (b *requestBatch) sendUpdateMetadata() {
	if b.updateMetadataToAll {
		b.updateMetadataBrokers = setOf(b.context.liveOrShuttingDownBrokerIDs()...)
	}
	if len(b.updateMetadataBrokers) == 0 {
		return
	}
	b.stateChanges.infof(b.context.epoch, "Sending UpdateMetadata request to brokers %v for %d partitions",
		sortedKeys(b.updateMetadataBrokers), len(b.updateMetadataPartitions))
	template := kmsg.NewUpdateMetadataRequest()
	template.Version = b.versions.updateMetadata
	template.ControllerID, template.ControllerEpoch = b.brokerID, b.context.epoch
	b.addPartitionStates(&template)
	for _, id := range b.context.liveOrShuttingDownBrokerIDs() {
		template.LiveBrokers = append(template.LiveBrokers, liveBroker(b.context.liveBrokers[id], template.Version))
	}
	for _, id := range sortedKeys(b.updateMetadataBrokers) {
		if !b.context.isLiveOrShuttingDown(id) {
			continue
		}
		request := template
		request.BrokerEpoch = b.context.liveBrokerEpochs[id]
		b.channels.send(id, &request, func(response kmsg.Response) {
			if answer, ok := response.(*kmsg.UpdateMetadataResponse); ok {
				b.answers.updateMetadata(request.ControllerEpoch, id, answer)
			}
		})
	}
}

func (b *requestBatch) addPartitionStates(request *kmsg.UpdateMetadataRequest) {
	for _, partition := range sortedPartitions(b.updateMetadataPartitions) {
		state := b.updateMetadataPartitions[partition]
		if request.Version < 5 {
			request.PartitionStates = append(request.PartitionStates, state)
			continue
		}
		if last := len(request.TopicStates) - 1; last < 0 || request.TopicStates[last].Topic != partition.Topic {
			request.TopicStates = append(request.TopicStates, kmsg.UpdateMetadataRequestTopicState{
				Topic: partition.Topic, TopicID: b.context.topicIDs[partition.Topic],
			})
		}
		ofTopic := &request.TopicStates[len(request.TopicStates)-1]
		ofTopic.PartitionStates = append(ofTopic.PartitionStates, state)
	}
}

func liveBroker(broker zkdata.Broker, version int16) kmsg.UpdateMetadataRequestLiveBroker {
	live := kmsg.UpdateMetadataRequestLiveBroker{ID: broker.ID, Rack: broker.Rack}
	if version == 0 { // knows PLAINTEXT only
		endpoint, _ := broker.Endpoint("PLAINTEXT")
		live.Host, live.Port = endpoint.Host, endpoint.Port
		return live
	}
	for _, endpoint := range broker.Endpoints {
		protocol, _ := config.ParseSecurityProtocol(endpoint.SecurityProtocol)
		live.Endpoints = append(live.Endpoints, kmsg.UpdateMetadataRequestLiveBrokerEndpoint{
			Host: endpoint.Host, Port: endpoint.Port, ListenerName: endpoint.ListenerName,
			SecurityProtocol: int16(protocol),
		})
	}
	return live
}

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
			b.stateChanges.tracef(b.context.epoch, "Sending StopReplica request %+v to broker %d for partition %s", state, id, partition)
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
