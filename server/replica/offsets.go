package replica

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/protocol"
)

// FetchOffsetForTimestamp answers ListOffsets for one partition; isolation is
// log.FetchLogEnd for replicas and debugging. found is false when there is no
// such record.
func (m *ReplicaManager) FetchOffsetForTimestamp(tp topic.Partition, timestamp int64, isolation log.FetchIsolation, currentLeaderEpoch int32, onlyFromLeader bool) (result log.TimestampAndOffset, found bool, err error) {
	partition, err := m.Partition(tp)
	if err != nil {
		return result, false, err
	}
	return partition.FetchOffsetForTimestamp(timestamp, isolation, currentLeaderEpoch, onlyFromLeader)
}

// LegacyFetchOffsetsForTimestamp answers ListOffsets v0 for one partition.
func (m *ReplicaManager) LegacyFetchOffsetsForTimestamp(tp topic.Partition, timestamp int64, maxOffsets int, isFromConsumer, onlyFromLeader bool) ([]int64, error) {
	partition, err := m.Partition(tp)
	if err != nil {
		return nil, err
	}
	return partition.LegacyFetchOffsetsForTimestamp(timestamp, maxOffsets, isFromConsumer, onlyFromLeader)
}

// LastOffsetForLeaderEpoch answers OffsetForLeaderEpoch.
func (m *ReplicaManager) LastOffsetForLeaderEpoch(topics []kmsg.OffsetForLeaderEpochRequestTopic) []kmsg.OffsetForLeaderEpochResponseTopic {
	answers := make([]kmsg.OffsetForLeaderEpochResponseTopic, len(topics))
	for i := range topics {
		answers[i] = kmsg.OffsetForLeaderEpochResponseTopic{
			Topic: topics[i].Topic, Partitions: make([]kmsg.OffsetForLeaderEpochResponseTopicPartition, len(topics[i].Partitions)),
		}
		for j := range topics[i].Partitions {
			answers[i].Partitions[j] = m.lastOffsetForLeaderEpoch(topics[i].Topic, &topics[i].Partitions[j])
		}
	}
	return answers
}

func (m *ReplicaManager) lastOffsetForLeaderEpoch(name string, request *kmsg.OffsetForLeaderEpochRequestTopicPartition) kmsg.OffsetForLeaderEpochResponseTopicPartition {
	end := log.OffsetAndEpoch{Offset: unknownOffset, LeaderEpoch: cluster.NoEpoch}
	partition, err := m.Partition(topic.Partition{Topic: name, Partition: request.Partition})
	if err == nil {
		end, err = partition.LastOffsetForLeaderEpoch(request.CurrentLeaderEpoch, request.LeaderEpoch, true)
	}
	return kmsg.OffsetForLeaderEpochResponseTopicPartition{
		Partition: request.Partition, ErrorCode: protocol.ErrorCode(err), LeaderEpoch: end.LeaderEpoch, EndOffset: end.Offset,
	}
}

// ActiveProducerState answers DescribeProducers for one partition.
func (m *ReplicaManager) ActiveProducerState(tp topic.Partition) kmsg.DescribeProducersResponseTopicPartition {
	response := kmsg.DescribeProducersResponseTopicPartition{Partition: tp.Partition}
	partition, err := m.Partition(tp)
	var producers []log.ActiveProducer
	if err == nil {
		producers, err = partition.ActiveProducers()
	}
	response.ErrorCode = protocol.ErrorCode(err)
	for _, producer := range producers {
		response.ActiveProducers = append(response.ActiveProducers, kmsg.DescribeProducersResponseTopicPartitionActiveProducer{
			ProducerID: producer.ProducerID, ProducerEpoch: int32(producer.ProducerEpoch), LastSequence: producer.LastSequence,
			LastTimestamp: producer.LastTimestamp, CoordinatorEpoch: producer.CoordinatorEpoch,
			CurrentTxnStartOffset: producer.CurrentTxnStartOffset,
		})
	}
	return response
}
