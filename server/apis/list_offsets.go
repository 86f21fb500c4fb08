package apis

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/replica"
)

const unknownOffset = int64(-1)

func (a *APIs) listOffsets(request *network.Request, body *kmsg.ListOffsetsRequest) {
	response := body.ResponseKind().(*kmsg.ListOffsetsResponse)
	response.Topics = []kmsg.ListOffsetsResponseTopic{}
	counts := map[topic.Partition]int{}
	for i := range body.Topics {
		for j := range body.Topics[i].Partitions {
			counts[topic.Partition{Topic: body.Topics[i].Topic, Partition: body.Topics[i].Partitions[j].Partition}]++
		}
	}
	for i := range body.Topics {
		row := kmsg.NewListOffsetsResponseTopic()
		row.Topic = body.Topics[i].Topic
		for j := range body.Topics[i].Partitions {
			partition := topic.Partition{Topic: row.Topic, Partition: body.Topics[i].Partitions[j].Partition}
			row.Partitions = append(row.Partitions, a.listOffset(body, partition, &body.Topics[i].Partitions[j], counts[partition] > 1))
		}
		response.Topics = append(response.Topics, row)
	}
	request.Respond(response)
}

func (a *APIs) listOffset(body *kmsg.ListOffsetsRequest, partition topic.Partition, asked *kmsg.ListOffsetsRequestTopicPartition, duplicate bool) kmsg.ListOffsetsResponseTopicPartition {
	row := kmsg.NewListOffsetsResponseTopicPartition()
	row.Partition, row.Timestamp, row.Offset, row.LeaderEpoch = asked.Partition, unknownOffset, unknownOffset, -1
	row.OldStyleOffsets = []int64{}
	fromLeader := body.ReplicaID != replica.DebuggingReplicaID
	var err error
	switch {
	case duplicate && body.Version >= 1:
		err = kerr.InvalidRequest
	case !a.Metadata.Contains(partition):
		err = kerr.UnknownTopicOrPartition
	case body.Version == 0 && asked.MaxNumOffsets < 0:
		err = kerr.UnknownServerError
	case body.Version == 0:
		var offsets []int64
		offsets, err = a.Replicas.LegacyFetchOffsetsForTimestamp(partition, asked.Timestamp, int(asked.MaxNumOffsets),
			body.ReplicaID == replica.ConsumerReplicaID, fromLeader)
		row.OldStyleOffsets = append(row.OldStyleOffsets, offsets...)
	default:
		var result log.TimestampAndOffset
		var found bool
		result, found, err = a.Replicas.FetchOffsetForTimestamp(partition, asked.Timestamp, isolationOf(body), asked.CurrentLeaderEpoch, fromLeader)
		if found && err == nil {
			row.Timestamp, row.Offset, row.LeaderEpoch = result.Timestamp, result.Offset, result.LeaderEpoch
		}
	}
	if errors.Is(err, kerr.OffsetNotAvailable) && body.Version < 5 {
		err = kerr.LeaderNotAvailable
	}
	row.ErrorCode = protocol.ErrorCode(err)
	return row
}

// isolationOf bounds consumers by the high watermark or the last stable offset;
// replicas and debugging see all.
func isolationOf(body *kmsg.ListOffsetsRequest) log.FetchIsolation {
	switch {
	case body.ReplicaID != replica.ConsumerReplicaID:
		return log.FetchLogEnd
	case body.IsolationLevel == 1:
		return log.FetchTxnCommitted
	}
	return log.FetchHighWatermark
}
