package apis

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

// The requests of controllers and followers.

// isBrokerEpochStale reports whether a controller's request is meant for an
// earlier life of this broker. A newer epoch may come before this broker has
// learnt of it.
func (a *APIs) isBrokerEpochStale(epoch int64) bool {
	return epoch != -1 && epoch < a.Controller.BrokerEpoch()
}

func (a *APIs) leaderAndISR(request *network.Request, body *kmsg.LeaderAndISRRequest) {
	if a.isBrokerEpochStale(body.BrokerEpoch) {
		a.log.Infof("%sReceived LeaderAndIsr request with broker epoch %d smaller than the current broker epoch %d", a.prefix, body.BrokerEpoch, a.Controller.BrokerEpoch())
		request.Respond(failedLeaderAndISR(body, kerr.StaleBrokerEpoch.Code))
		return
	}
	request.Respond(a.Replicas.BecomeLeaderOrFollower(request.Context.Header.CorrelationID, body, a.onLeadershipChange))
}

// failedLeaderAndISR repeats the error for every partition.
func failedLeaderAndISR(body *kmsg.LeaderAndISRRequest, code int16) *kmsg.LeaderAndISRResponse {
	response := body.ResponseKind().(*kmsg.LeaderAndISRResponse)
	response.ErrorCode = code
	for i := range body.PartitionStates {
		row := kmsg.LeaderAndISRResponseTopicPartition{}
		row.Topic, row.Partition, row.ErrorCode = body.PartitionStates[i].Topic, body.PartitionStates[i].Partition, code
		response.Partitions = append(response.Partitions, row)
	}
	for i := range body.TopicStates {
		rows := kmsg.NewLeaderAndISRResponseTopic()
		rows.TopicID = body.TopicStates[i].TopicID
		for j := range body.TopicStates[i].PartitionStates {
			row := kmsg.LeaderAndISRResponseTopicPartition{Topic: body.TopicStates[i].Topic, Partition: body.TopicStates[i].PartitionStates[j].Partition, ErrorCode: code}
			rows.Partitions = append(rows.Partitions, row)
			response.Partitions = append(response.Partitions, row) // where versions below 5 have it
		}
		response.Topics = append(response.Topics, rows)
	}
	return response
}

// onLeadershipChange tells the coordinator which of its partitions came and went.
func (a *APIs) onLeadershipChange(leaders, followers []*cluster.Partition) {
	for _, partition := range leaders {
		if tp := partition.TopicPartition(); tp.Topic == topic.ConsumerOffsets {
			a.Groups.OnElection(tp.Partition, partition.LeaderEpoch())
		}
	}
	for _, partition := range followers {
		if tp := partition.TopicPartition(); tp.Topic == topic.ConsumerOffsets {
			epoch := partition.LeaderEpoch()
			a.Groups.OnResignation(tp.Partition, &epoch)
		}
	}
}

func (a *APIs) stopReplica(request *network.Request, body *kmsg.StopReplicaRequest) {
	if a.isBrokerEpochStale(body.BrokerEpoch) {
		response := body.ResponseKind().(*kmsg.StopReplicaResponse)
		response.ErrorCode = kerr.StaleBrokerEpoch.Code
		a.log.Infof("%sReceived StopReplica request with broker epoch %d smaller than the current broker epoch %d", a.prefix, body.BrokerEpoch, a.Controller.BrokerEpoch())
		request.Respond(response)
		return
	}
	response := a.Replicas.StopReplicas(request.Context.Header.CorrelationID, body)
	for i := range response.Partitions {
		stopped := &response.Partitions[i]
		if stopped.ErrorCode == 0 && stopped.Topic == topic.ConsumerOffsets {
			a.resignIfDeleted(body, stopped.Partition)
		}
	}
	request.Respond(response)
}

func (a *APIs) resignIfDeleted(body *kmsg.StopReplicaRequest, partition int32) {
	if body.Version < 3 {
		if body.DeletePartitions {
			a.Groups.OnResignation(partition, nil)
		}
		return
	}
	for i := range body.Topics {
		for _, state := range body.Topics[i].PartitionStates {
			if body.Topics[i].Topic != topic.ConsumerOffsets || state.Partition != partition || !state.Delete {
				continue
			}
			var epoch *int32
			if state.LeaderEpoch >= 0 {
				epoch = &state.LeaderEpoch
			}
			a.Groups.OnResignation(partition, epoch)
		}
	}
}

func (a *APIs) updateMetadata(request *network.Request, body *kmsg.UpdateMetadataRequest) {
	response := body.ResponseKind().(*kmsg.UpdateMetadataResponse)
	if a.isBrokerEpochStale(body.BrokerEpoch) {
		a.log.Infof("%sReceived update metadata request with broker epoch %d smaller than the current broker epoch %d", a.prefix, body.BrokerEpoch, a.Controller.BrokerEpoch())
		response.ErrorCode = kerr.StaleBrokerEpoch.Code
		request.Respond(response)
		return
	}
	deleted, err := a.Replicas.MaybeUpdateMetadataCache(request.Context.Header.CorrelationID, body)
	response.ErrorCode = protocol.ErrorCode(err)
	if len(deleted) > 0 {
		a.Groups.OnTopicsDeleted(deleted)
	}
	a.completeWaitingForMetadata(body)
	request.Respond(response)
}

// completeWaitingForMetadata looks again at requests that wait for what the update
// may have shown.
func (a *APIs) completeWaitingForMetadata(body *kmsg.UpdateMetadataRequest) {
	names := map[string]bool{}
	each := func(name string, partition int32) {
		names[name] = true
		if a.elections.Delayed() > 0 {
			a.elections.CheckAndComplete(topic.Partition{Topic: name, Partition: partition})
		}
	}
	for i := range body.PartitionStates {
		each(body.PartitionStates[i].Topic, body.PartitionStates[i].Partition)
	}
	for i := range body.TopicStates {
		for j := range body.TopicStates[i].PartitionStates {
			each(body.TopicStates[i].Topic, body.TopicStates[i].PartitionStates[j].Partition)
		}
	}
	if a.Topics.HasDelayedTopicOperations() {
		for name := range names {
			a.Topics.TryCompleteDelayedTopicOperations(name)
		}
	}
}

func (a *APIs) controlledShutdown(request *network.Request, body *kmsg.ControlledShutdownRequest) {
	a.Controller.ControlledShutdown(body, respondWith[*kmsg.ControlledShutdownResponse](request))
}

func (a *APIs) alterISR(request *network.Request, body *kmsg.AlterPartitionRequest) {
	a.Controller.AlterIsr(body, respondWith[*kmsg.AlterPartitionResponse](request))
}

func (a *APIs) allocateProducerIDs(request *network.Request, body *kmsg.AllocateProducerIDsRequest) {
	a.Controller.AllocateProducerIds(body, respondWith[*kmsg.AllocateProducerIDsResponse](request))
}

func (a *APIs) updateFeatures(request *network.Request, body *kmsg.UpdateFeaturesRequest) {
	named := map[string]int{}
	updates := body.FeatureUpdates
	body.FeatureUpdates = nil
	for _, update := range updates { // a feature named twice counts once
		if _, twice := named[update.Feature]; !twice {
			named[update.Feature] = len(body.FeatureUpdates)
			body.FeatureUpdates = append(body.FeatureUpdates, update)
		}
	}
	a.Controller.UpdateFeatures(body, respondWith[*kmsg.UpdateFeaturesResponse](request))
}

func (a *APIs) alterPartitionReassignments(request *network.Request, body *kmsg.AlterPartitionAssignmentsRequest) {
	a.Controller.AlterPartitionReassignments(body, func(response *kmsg.AlterPartitionAssignmentsResponse) {
		response.ErrorMessage = orEmpty(response.ErrorMessage)
		request.Respond(response)
	})
}

func (a *APIs) listPartitionReassignments(request *network.Request, body *kmsg.ListPartitionReassignmentsRequest) {
	a.Controller.ListPartitionReassignments(body, func(response *kmsg.ListPartitionReassignmentsResponse) {
		response.ErrorMessage = orEmpty(response.ErrorMessage)
		request.Respond(response)
	})
}

func (a *APIs) offsetForLeaderEpoch(request *network.Request, body *kmsg.OffsetForLeaderEpochRequest) {
	response := body.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
	response.Topics = a.Replicas.LastOffsetForLeaderEpoch(body.Topics)
	for i := range response.Topics {
		for j := range response.Topics[i].Partitions {
			row := &response.Topics[i].Partitions[j]
			if !a.Metadata.Contains(topic.Partition{Topic: response.Topics[i].Topic, Partition: row.Partition}) {
				row.ErrorCode = kerr.UnknownTopicOrPartition.Code
			}
		}
	}
	request.Respond(response)
}
