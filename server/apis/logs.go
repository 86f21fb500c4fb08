package apis

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/replica"
)

// The requests about what lies in this broker's logs.

// deleteRecords moves the beginning of logs and answers when all replicas did.
func (a *APIs) deleteRecords(request *network.Request, body *kmsg.DeleteRecordsRequest) {
	offsets := map[topic.Partition]int64{}
	results := map[topic.Partition]replica.DeleteRecordsResult{}
	for i := range body.Topics {
		for _, partition := range body.Topics[i].Partitions {
			tp := topic.Partition{Topic: body.Topics[i].Topic, Partition: partition.Partition}
			if !a.Metadata.Contains(tp) {
				results[tp] = replica.DeleteRecordsResult{Partition: tp, ErrorCode: kerr.UnknownTopicOrPartition.Code, LowWatermark: -1}
				continue
			}
			offsets[tp] = partition.Offset
		}
	}
	known := make([]replica.DeleteRecordsPartition, 0, len(offsets))
	for partition, offset := range offsets {
		known = append(known, replica.DeleteRecordsPartition{Partition: partition, Offset: offset})
	}
	answer := func(deleted []replica.DeleteRecordsResult) {
		for _, result := range deleted {
			results[result.Partition] = result
		}
		request.Respond(deleteRecordsResponse(body, results))
	}
	if len(known) == 0 {
		answer(nil)
		return
	}
	a.Replicas.DeleteRecords(milliseconds(body.TimeoutMillis), known, answer)
}

func deleteRecordsResponse(body *kmsg.DeleteRecordsRequest, results map[topic.Partition]replica.DeleteRecordsResult) *kmsg.DeleteRecordsResponse {
	response := body.ResponseKind().(*kmsg.DeleteRecordsResponse)
	rows := newByTopic[kmsg.DeleteRecordsResponseTopicPartition]()
	for partition, result := range results {
		row := kmsg.NewDeleteRecordsResponseTopicPartition()
		row.Partition, row.LowWatermark, row.ErrorCode = partition.Partition, result.LowWatermark, result.ErrorCode
		rows.put(partition, row)
	}
	response.Topics = []kmsg.DeleteRecordsResponseTopic{}
	for _, answered := range rows.topics {
		response.Topics = append(response.Topics, kmsg.DeleteRecordsResponseTopic{Topic: answered.name, Partitions: answered.rows})
	}
	return response
}

// describeLogDirs describes the partitions asked for, all when the list is null.
func (a *APIs) describeLogDirs(request *network.Request, body *kmsg.DescribeLogDirsRequest) {
	response := body.ResponseKind().(*kmsg.DescribeLogDirsResponse)
	var include func(topic.Partition) bool
	if body.Topics != nil {
		asked := map[topic.Partition]bool{}
		for i := range body.Topics {
			for _, partition := range body.Topics[i].Partitions {
				asked[topic.Partition{Topic: body.Topics[i].Topic, Partition: partition}] = true
			}
		}
		include = func(partition topic.Partition) bool { return asked[partition] }
	}
	response.Dirs = a.Replicas.DescribeLogDirs(include)
	request.Respond(response)
}

func (a *APIs) describeProducers(request *network.Request, body *kmsg.DescribeProducersRequest) {
	response := body.ResponseKind().(*kmsg.DescribeProducersResponse)
	response.Topics = []kmsg.DescribeProducersResponseTopic{}
	for i := range body.Topics {
		answered := kmsg.NewDescribeProducersResponseTopic()
		answered.Topic = body.Topics[i].Topic
		for _, partition := range body.Topics[i].Partitions {
			answered.Partitions = append(answered.Partitions, a.producersOf(topic.Partition{Topic: answered.Topic, Partition: partition}))
		}
		response.Topics = append(response.Topics, answered)
	}
	request.Respond(response)
}

func (a *APIs) producersOf(partition topic.Partition) kmsg.DescribeProducersResponseTopicPartition {
	row := kmsg.NewDescribeProducersResponseTopicPartition()
	row.Partition = partition.Partition
	if err := topic.Validate(partition.Topic); err != nil {
		message := err.Error()
		row.ErrorCode, row.ErrorMessage = kerr.InvalidTopicException.Code, &message
		return row
	}
	if !a.Metadata.ContainsTopic(partition.Topic) {
		row.ErrorCode = kerr.UnknownTopicOrPartition.Code
		row.ErrorMessage = protocol.DefaultMessage(row.ErrorCode)
		return row
	}
	return a.Replicas.ActiveProducerState(partition)
}
