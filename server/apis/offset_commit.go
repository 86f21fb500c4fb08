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
	known, codes := newByTopic[kmsg.OffsetCommitRequestTopicPartition](), newByTopic[int16]()
	for i := range body.Topics {
		for _, partition := range body.Topics[i].Partitions {
			if tp := (topic.Partition{Topic: body.Topics[i].Topic, Partition: partition.Partition}); a.Metadata.Contains(tp) {
				known.put(tp, partition)
			} else {
				codes.put(tp, kerr.UnknownTopicOrPartition.Code)
			}
		}
	}
	toCommit := *body
	toCommit.Topics = nil
	for _, rows := range known.topics {
		asked := kmsg.NewOffsetCommitRequestTopic()
		asked.Topic, asked.Partitions = rows.name, rows.rows
		toCommit.Topics = append(toCommit.Topics, asked)
	}
	answer := func(committed *kmsg.OffsetCommitResponse) {
		request.Respond(commitResponse(body, committed, codes))
	}
	switch {
	case len(toCommit.Topics) == 0:
		answer(&kmsg.OffsetCommitResponse{})
	case body.Version == 0:
		answer(a.commitToZooKeeper(body.Group, toCommit.Topics))
	default:
		a.Groups.OffsetCommit(&request.Context, &toCommit, answer)
	}
}

// commitResponse adds the partitions that do not exist to what was committed.
func commitResponse(body *kmsg.OffsetCommitRequest, committed *kmsg.OffsetCommitResponse, unknown *byTopic[int16]) *kmsg.OffsetCommitResponse {
	rows := newByTopic[kmsg.OffsetCommitResponseTopicPartition]()
	for i := range committed.Topics {
		for _, row := range committed.Topics[i].Partitions {
			rows.put(topic.Partition{Topic: committed.Topics[i].Topic, Partition: row.Partition}, row)
		}
	}
	for partition, place := range unknown.rows {
		row := kmsg.NewOffsetCommitResponseTopicPartition()
		row.Partition, row.ErrorCode = partition.Partition, unknown.topics[unknown.places[partition.Topic]].rows[place]
		rows.put(partition, row)
	}
	response := body.ResponseKind().(*kmsg.OffsetCommitResponse)
	response.Topics = []kmsg.OffsetCommitResponseTopic{}
	for _, answered := range rows.topics {
		response.Topics = append(response.Topics, kmsg.OffsetCommitResponseTopic{Topic: answered.name, Partitions: answered.rows})
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
	if twice := groupsNamedTwice(body); twice != nil {
		request.Respond(twice)
		return
	}
	askOnce(body)
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

// groupsNamedTwice answers a request that names a group more than once, which Kafka
// refuses as a whole; nil for others.
func groupsNamedTwice(body *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchResponse {
	named := make(map[string]bool, len(body.Groups))
	response := body.ResponseKind().(*kmsg.OffsetFetchResponse)
	for i := range body.Groups {
		if named[body.Groups[i].Group] {
			continue
		}
		named[body.Groups[i].Group] = true
		refused := kmsg.NewOffsetFetchResponseGroup()
		refused.Group, refused.ErrorCode = body.Groups[i].Group, kerr.UnknownServerError.Code
		response.Groups = append(response.Groups, refused)
	}
	if body.Version < 8 || len(named) == len(body.Groups) {
		return nil
	}
	return response
}

// askOnce leaves out what the request asks for again, and topics without partitions.
func askOnce(body *kmsg.OffsetFetchRequest) {
	if body.Topics != nil {
		asked := newByTopic[int32]()
		for _, rows := range body.Topics {
			for _, partition := range rows.Partitions {
				asked.put(topic.Partition{Topic: rows.Topic, Partition: partition}, partition)
			}
		}
		body.Topics = []kmsg.OffsetFetchRequestTopic{}
		for _, rows := range asked.topics {
			body.Topics = append(body.Topics, kmsg.OffsetFetchRequestTopic{Topic: rows.name, Partitions: rows.rows})
		}
	}
	for i := range body.Groups {
		if body.Groups[i].Topics == nil {
			continue
		}
		asked := newByTopic[int32]()
		for _, rows := range body.Groups[i].Topics {
			for _, partition := range rows.Partitions {
				asked.put(topic.Partition{Topic: rows.Topic, Partition: partition}, partition)
			}
		}
		body.Groups[i].Topics = []kmsg.OffsetFetchRequestGroupTopic{}
		for _, rows := range asked.topics {
			body.Groups[i].Topics = append(body.Groups[i].Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: rows.name, Partitions: rows.rows})
		}
	}
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
		if len(kept.Partitions) > 0 {
			toDelete.Topics = append(toDelete.Topics, kept)
		}
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
