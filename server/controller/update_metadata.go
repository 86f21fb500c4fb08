package controller

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
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
	b.stateChanges.infof(b.context.epoch, "Sending UpdateMetadata request to brokers %s for %d partitions",
		jvm.Collection("HashSet", sortedKeys(b.updateMetadataBrokers)), len(b.updateMetadataPartitions))
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
