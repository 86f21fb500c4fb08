package apis

import (
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

// offsetCommit passes the partitions that exist on to the coordinator; version 0
// keeps them in ZooKeeper.
func (a *APIs) offsetCommit(request *network.Request, body *kmsg.OffsetCommitRequest) {
	asked := body.Topics
	known := make([]kmsg.OffsetCommitRequestTopic, 0, len(asked))
	codes := map[topic.Partition]int16{}
	for i := range asked {
		kept := asked[i]
		kept.Partitions = nil
		for _, partition := range asked[i].Partitions {
			if tp := (topic.Partition{Topic: asked[i].Topic, Partition: partition.Partition}); !a.Metadata.Contains(tp) {
				codes[tp] = kerr.UnknownTopicOrPartition.Code
			} else {
				kept.Partitions = append(kept.Partitions, partition)
			}
		}
		if len(kept.Partitions) > 0 {
			known = append(known, kept)
		}
	}
	answer := func(committed *kmsg.OffsetCommitResponse) {
		for i := range committed.Topics {
			for _, row := range committed.Topics[i].Partitions {
				codes[topic.Partition{Topic: committed.Topics[i].Topic, Partition: row.Partition}] = row.ErrorCode
			}
		}
		request.Respond(commitResponse(body, asked, codes))
	}
	switch {
	case len(known) == 0:
		answer(&kmsg.OffsetCommitResponse{})
	case body.Version == 0:
		answer(a.commitToZooKeeper(body.Group, known))
	default:
		toCommit := *body
		toCommit.Topics = known
		a.Groups.OffsetCommit(&request.Context, &toCommit, answer)
	}
}

func commitResponse(body *kmsg.OffsetCommitRequest, asked []kmsg.OffsetCommitRequestTopic, codes map[topic.Partition]int16) *kmsg.OffsetCommitResponse {
	response := body.ResponseKind().(*kmsg.OffsetCommitResponse)
	response.Topics = []kmsg.OffsetCommitResponseTopic{}
	for i := range asked {
		answered := kmsg.NewOffsetCommitResponseTopic()
		answered.Topic = asked[i].Topic
		for _, partition := range asked[i].Partitions {
			row := kmsg.NewOffsetCommitResponseTopicPartition()
			row.Partition = partition.Partition
			row.ErrorCode = codes[topic.Partition{Topic: asked[i].Topic, Partition: partition.Partition}]
			answered.Partitions = append(answered.Partitions, row)
		}
		response.Topics = append(response.Topics, answered)
	}
	return response
}

func (a *APIs) commitToZooKeeper(group string, topics []kmsg.OffsetCommitRequestTopic) *kmsg.OffsetCommitResponse {
	response := kmsg.NewPtrOffsetCommitResponse()
	limit := config.OffsetMetadataMaxBytes.Get(a.Config.Load())
	for i := range topics {
		answered := kmsg.NewOffsetCommitResponseTopic()
		answered.Topic = topics[i].Topic
		for _, partition := range topics[i].Partitions {
			row := kmsg.NewOffsetCommitResponseTopicPartition()
			row.Partition = partition.Partition
			if partition.Metadata != nil && utf8.RuneCountInString(*partition.Metadata) > limit {
				row.ErrorCode = kerr.OffsetMetadataTooLarge.Code
			} else {
				err := a.ConsumerOffsets.SetOrCreateConsumerOffset(group, topic.Partition{Topic: answered.Topic, Partition: row.Partition}, partition.Offset)
				row.ErrorCode = protocol.ErrorCode(err)
			}
			answered.Partitions = append(answered.Partitions, row)
		}
		response.Topics = append(response.Topics, answered)
	}
	return response
}

// offsetFetch asks the coordinator; version 0 reads ZooKeeper.
func (a *APIs) offsetFetch(request *network.Request, body *kmsg.OffsetFetchRequest) {
	if body.Version > 0 {
		a.Groups.OffsetFetch(&request.Context, body, respondWith[*kmsg.OffsetFetchResponse](request))
		return
	}
	response := body.ResponseKind().(*kmsg.OffsetFetchResponse)
	response.Topics = []kmsg.OffsetFetchResponseTopic{}
	for i := range body.Topics {
		answered := kmsg.NewOffsetFetchResponseTopic()
		answered.Topic = body.Topics[i].Topic
		for _, partition := range body.Topics[i].Partitions {
			answered.Partitions = append(answered.Partitions, a.offsetInZooKeeper(body.Group, topic.Partition{Topic: answered.Topic, Partition: partition}))
		}
		response.Topics = append(response.Topics, answered)
	}
	request.Respond(response)
}

func (a *APIs) offsetInZooKeeper(group string, partition topic.Partition) kmsg.OffsetFetchResponseTopicPartition {
	row := kmsg.NewOffsetFetchResponseTopicPartition()
	row.Partition, row.Offset, row.Metadata = partition.Partition, unknownOffset, kmsg.StringPtr("")
	row.ErrorCode = kerr.UnknownTopicOrPartition.Code
	if !a.Metadata.ContainsTopic(partition.Topic) {
		return row
	}
	offset, found, err := a.ConsumerOffsets.GetConsumerOffset(group, partition)
	switch {
	case err != nil:
		row.ErrorCode = protocol.ErrorCode(err)
	case found:
		row.Offset, row.ErrorCode = offset, 0
	}
	return row
}

// offsetDelete passes the partitions that exist on to the coordinator.
func (a *APIs) offsetDelete(request *network.Request, body *kmsg.OffsetDeleteRequest) {
	unknown := map[string][]kmsg.OffsetDeleteResponseTopicPartition{}
	toDelete := *body
	toDelete.Topics = nil
	for i := range body.Topics {
		kept := body.Topics[i]
		kept.Partitions = nil
		for _, partition := range body.Topics[i].Partitions {
			if a.Metadata.Contains(topic.Partition{Topic: kept.Topic, Partition: partition.Partition}) {
				kept.Partitions = append(kept.Partitions, partition)
				continue
			}
			row := kmsg.NewOffsetDeleteResponseTopicPartition()
			row.Partition, row.ErrorCode = partition.Partition, kerr.UnknownTopicOrPartition.Code
			unknown[kept.Topic] = append(unknown[kept.Topic], row)
		}
		toDelete.Topics = append(toDelete.Topics, kept)
	}
	a.Groups.OffsetDelete(&request.Context, &toDelete, func(response *kmsg.OffsetDeleteResponse) {
		if response.ErrorCode == 0 {
			addUnknown(response, unknown)
		}
		request.Respond(response)
	})
}

func addUnknown(response *kmsg.OffsetDeleteResponse, unknown map[string][]kmsg.OffsetDeleteResponseTopicPartition) {
	for i := range response.Topics {
		row := &response.Topics[i]
		row.Partitions = append(row.Partitions, unknown[row.Topic]...)
		delete(unknown, row.Topic)
	}
	for name, partitions := range unknown {
		row := kmsg.NewOffsetDeleteResponseTopic()
		row.Topic, row.Partitions = name, partitions
		response.Topics = append(response.Topics, row)
	}
}
