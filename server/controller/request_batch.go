package controller

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// requestBatch gathers what one round of state changes has to tell the brokers
// and sends it as few requests as possible, as Kafka's
// ControllerBrokerRequestBatch. Within a round every broker gets its
// LeaderAndIsr first, then UpdateMetadata, then StopReplica. Requests share
// their partition states, which nobody writes to once they are queued.
type requestBatch struct {
	brokerID            int32
	versions            requestVersions
	interBrokerListener string
	context             *controllerContext
	channels            *channelManager
	answers             answerHandlers
	stateChanges        stateChangeLogger
	log                 logger

	leaderAndIsr             map[int32]map[topic.Partition]kmsg.LeaderAndISRRequestTopicPartition
	stopReplica              map[int32]map[topic.Partition]kmsg.StopReplicaRequestTopicPartitionState
	updateMetadataBrokers    set[int32]
	updateMetadataToAll      bool
	updateMetadataPartitions map[topic.Partition]kmsg.UpdateMetadataRequestTopicPartition
}

// answerHandlers take the brokers' answers, on the goroutines of the channels.
// The epoch is that of the term in which the request was made.
type answerHandlers struct {
	leaderAndIsr   func(epoch, brokerID int32, response *kmsg.LeaderAndISRResponse)
	updateMetadata func(epoch, brokerID int32, response *kmsg.UpdateMetadataResponse)
	stopReplica    func(epoch, brokerID int32, response *kmsg.StopReplicaResponse, deleted set[topic.Partition])
}

// clear drops what was gathered.
func (b *requestBatch) clear() {
	b.leaderAndIsr = map[int32]map[topic.Partition]kmsg.LeaderAndISRRequestTopicPartition{}
	b.stopReplica = map[int32]map[topic.Partition]kmsg.StopReplicaRequestTopicPartitionState{}
	b.updateMetadataBrokers, b.updateMetadataToAll = set[int32]{}, false
	b.updateMetadataPartitions = map[topic.Partition]kmsg.UpdateMetadataRequestTopicPartition{}
}

// addLeaderAndIsr tells the brokers of a partition's leadership, and all live
// brokers by UpdateMetadata.
func (b *requestBatch) addLeaderAndIsr(brokerIDs []int32, partition topic.Partition, info zkdata.LeaderIsrAndControllerEpoch,
	assignment zkdata.ReplicaAssignment, isNew bool) {
	for _, id := range brokerIDs {
		if id < 0 {
			continue
		}
		states := b.leaderAndIsr[id]
		if states == nil {
			states = map[topic.Partition]kmsg.LeaderAndISRRequestTopicPartition{}
			b.leaderAndIsr[id] = states
		}
		states[partition] = kmsg.LeaderAndISRRequestTopicPartition{
			Topic: partition.Topic, Partition: partition.Partition,
			ControllerEpoch: info.ControllerEpoch, Leader: info.Leader, LeaderEpoch: info.LeaderEpoch,
			ISR: info.Isr, ZKVersion: info.ZkVersion, Replicas: assignment.Replicas,
			AddingReplicas: assignment.AddingReplicas, RemovingReplicas: assignment.RemovingReplicas,
			IsNew: isNew || states[partition].IsNew,
		}
	}
	b.addUpdateMetadataToAll(partition)
}

// addStopReplica tells the brokers to stop, and perhaps delete, a partition.
func (b *requestBatch) addStopReplica(brokerIDs []int32, partition topic.Partition, deletePartition bool) {
	epoch := int32(zkdata.NoEpoch)
	if b.context.isTopicQueuedUpForDeletion(partition.Topic) {
		epoch = zkdata.EpochDuringDelete
	} else if info, ok := b.context.leadership[partition]; ok {
		epoch = info.LeaderEpoch
	}
	for _, id := range brokerIDs {
		if id < 0 {
			continue
		}
		states := b.stopReplica[id]
		if states == nil {
			states = map[topic.Partition]kmsg.StopReplicaRequestTopicPartitionState{}
			b.stopReplica[id] = states
		}
		states[partition] = kmsg.StopReplicaRequestTopicPartitionState{
			Partition: partition.Partition, LeaderEpoch: epoch, Delete: deletePartition || states[partition].Delete,
		}
	}
}

// addUpdateMetadata tells the brokers of the partitions; with none of these it
// still tells who is live.
func (b *requestBatch) addUpdateMetadata(brokerIDs []int32, partitions ...topic.Partition) {
	for _, id := range brokerIDs {
		if id >= 0 {
			b.updateMetadataBrokers.add(id)
		}
	}
	b.addUpdateMetadataPartitions(partitions)
}

// addUpdateMetadataToAll tells all live brokers of the partitions.
func (b *requestBatch) addUpdateMetadataToAll(partitions ...topic.Partition) {
	b.updateMetadataToAll = true
	b.addUpdateMetadataPartitions(partitions)
}

func (b *requestBatch) addUpdateMetadataPartitions(partitions []topic.Partition) {
	for _, partition := range partitions {
		info, ok := b.context.leadership[partition]
		if !ok {
			b.log.infof("Leader not yet assigned for partition %s. Skip sending UpdateMetadataRequest.", partition)
			continue
		}
		if b.context.isTopicQueuedUpForDeletion(partition.Topic) {
			info.LeaderAndIsr = zkdata.NewLeaderAndIsr(zkdata.LeaderDuringDelete, info.Isr)
		}
		replicas := b.context.replicas(partition)
		b.updateMetadataPartitions[partition] = kmsg.UpdateMetadataRequestTopicPartition{
			Topic: partition.Topic, Partition: partition.Partition,
			ControllerEpoch: info.ControllerEpoch, Leader: info.Leader, LeaderEpoch: info.LeaderEpoch,
			ISR: info.Isr, ZKVersion: info.ZkVersion, Replicas: replicas,
			OfflineReplicas: keep(replicas, func(id int32) bool { return !b.context.isReplicaOnline(id, partition) }),
		}
	}
}

// send queues the requests and leaves the batch empty.
func (b *requestBatch) send() {
	b.sendLeaderAndIsr()
	b.sendUpdateMetadata()
	b.sendStopReplica()
	b.clear()
}

func (b *requestBatch) sendLeaderAndIsr() {
	for _, id := range sortedKeys(b.leaderAndIsr) {
		if !b.context.isLiveOrShuttingDown(id) {
			continue
		}
		states := b.leaderAndIsr[id]
		leaders := set[int32]{}
		becomeLeader := 0
		for partition, state := range states {
			leaders.add(state.Leader)
			verb := "become-follower"
			if state.Leader == id {
				becomeLeader++
				verb = "become-leader"
			}
			if b.stateChanges.tracing() {
				b.stateChanges.tracef(b.context.epoch, "Sending %s LeaderAndIsr request %s to broker %d for partition %s", verb, leaderAndIsrText(state), id, partition)
			}
		}
		b.stateChanges.infof(b.context.epoch, "Sending LeaderAndIsr request to broker %d with %d become-leader and %d become-follower partitions",
			id, becomeLeader, len(states)-becomeLeader)
		epoch := b.context.epoch
		b.channels.send(id, b.leaderAndIsrRequest(id, states, leaders), func(response kmsg.Response) {
			if answer, ok := response.(*kmsg.LeaderAndISRResponse); ok {
				b.answers.leaderAndIsr(epoch, id, answer)
			}
		})
	}
}

func (b *requestBatch) leaderAndIsrRequest(id int32, states map[topic.Partition]kmsg.LeaderAndISRRequestTopicPartition, leaders set[int32]) *kmsg.LeaderAndISRRequest {
	request := kmsg.NewPtrLeaderAndISRRequest()
	request.Version = b.versions.leaderAndIsr
	request.ControllerID, request.ControllerEpoch = b.brokerID, b.context.epoch
	request.BrokerEpoch = b.context.liveBrokerEpochs[id]
	request.LiveLeaders = b.liveLeaders(leaders)
	for _, partition := range sortedPartitions(states) {
		if request.Version < 2 {
			request.PartitionStates = append(request.PartitionStates, states[partition])
			continue
		}
		if last := len(request.TopicStates) - 1; last < 0 || request.TopicStates[last].Topic != partition.Topic {
			request.TopicStates = append(request.TopicStates, kmsg.LeaderAndISRRequestTopicState{
				Topic: partition.Topic, TopicID: b.context.topicIDs[partition.Topic],
			})
		}
		ofTopic := &request.TopicStates[len(request.TopicStates)-1]
		ofTopic.PartitionStates = append(ofTopic.PartitionStates, states[partition])
	}
	return request
}

func (b *requestBatch) liveLeaders(leaders set[int32]) []kmsg.LeaderAndISRRequestLiveLeader {
	var live []kmsg.LeaderAndISRRequestLiveLeader
	for _, id := range sortedKeys(leaders) {
		if endpoint, ok := b.context.liveBrokers[id].Endpoint(b.interBrokerListener); ok {
			live = append(live, kmsg.LeaderAndISRRequestLiveLeader{BrokerID: id, Host: endpoint.Host, Port: endpoint.Port})
		}
	}
	return live
}

// leaderAndIsrText prints as Kafka's LeaderAndIsrPartitionState.
func leaderAndIsrText(s kmsg.LeaderAndISRRequestTopicPartition) string {
	list := func(ids []int32) string { return "[" + jvm.Joined(ids, ", ") + "]" }
	return fmt.Sprintf("LeaderAndIsrPartitionState(topicName='%s', partitionIndex=%d, controllerEpoch=%d, leader=%d, leaderEpoch=%d, isr=%s, zkVersion=%d, "+
		"replicas=%s, addingReplicas=%s, removingReplicas=%s, isNew=%t)", s.Topic, s.Partition, s.ControllerEpoch, s.Leader, s.LeaderEpoch, list(s.ISR),
		s.ZKVersion, list(s.Replicas), list(s.AddingReplicas), list(s.RemovingReplicas), s.IsNew)
}
