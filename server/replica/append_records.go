package replica

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/protocol"
)

// ProduceParams is how records are to be appended.
type ProduceParams struct {
	// Timeout is how long acks=all may wait for the replicas.
	Timeout      time.Duration
	RequiredAcks int16
	// InternalTopicsAllowed lets coordinators write to their topics.
	InternalTopicsAllowed bool
	Origin                log.AppendOrigin
	// DeferCompletions is for callers that hold locks: requests that the
	// append wakes are then completed by another goroutine.
	DeferCompletions bool
}

// ProducePartition is the records for one partition. They are changed in
// place, and not used after AppendRecords returns.
type ProducePartition struct {
	Partition topic.Partition
	Records   []byte
}

// ProducePartitionResult is the answer for one partition, in the terms of a
// Produce response.
type ProducePartitionResult struct {
	Partition      topic.Partition
	ErrorCode      int16
	BaseOffset     int64
	LogAppendTime  int64
	LogStartOffset int64
	RecordErrors   []log.RecordError
	ErrorMessage   *string

	requiredOffset int64 // the high watermark at which acks=all is met
}

// AppendRecords appends to the logs of the partitions this broker leads and
// answers as requiredAcks wants: at once, or when all in-sync replicas have
// the records or the timeout is over. respond is called exactly once, in the
// order of entries, perhaps before AppendRecords returns.
func (m *ReplicaManager) AppendRecords(params *ProduceParams, entries []ProducePartition, respond func([]ProducePartitionResult)) {
	results := make([]ProducePartitionResult, len(entries))
	if params.RequiredAcks < -1 || params.RequiredAcks > 1 {
		for i := range entries {
			results[i] = failedProduce(entries[i].Partition, kerr.InvalidRequiredAcks, -1)
		}
		respond(results)
		return
	}
	var few [8]wake
	wakes := few[:0]
	for i := range entries {
		if change := m.appendToLocalLog(params, &entries[i], &results[i]); change != log.HWNone {
			wakes = append(wakes, wake{entries[i].Partition, change})
		}
	}
	if params.RequiredAcks == -1 {
		m.respondWhenReplicated(params.Timeout, results, respond)
	} else {
		respond(results)
	}
	m.wakeAfterAppend(wakes, params.DeferCompletions)
}

// wake is a partition whose log grew.
type wake struct {
	partition topic.Partition
	change    log.LeaderHWChange
}

// wakeAfterAppend completes the requests that wait for what was appended.
// Followers wait for any record, all others for the high watermark.
func (m *ReplicaManager) wakeAfterAppend(wakes []wake, deferred bool) {
	if len(wakes) == 0 {
		return
	}
	if deferred {
		kept := slices.Clone(wakes)
		m.actions.add(func() { m.completeWakes(kept) })
		return
	}
	m.completeWakes(wakes)
}

func (m *ReplicaManager) completeWakes(wakes []wake) {
	for i := range wakes {
		if wakes[i].change == log.HWIncreased {
			m.CheckAndCompleteAll(wakes[i].partition)
		} else {
			m.delayedFetch.CheckAndComplete(wakes[i].partition)
		}
	}
}

// appendToLocalLog appends the records of one partition, fills its result in
// and returns what became of the high watermark.
func (m *ReplicaManager) appendToLocalLog(params *ProduceParams, entry *ProducePartition, result *ProducePartitionResult) log.LeaderHWChange {
	hosted := m.partitions.get(entry.Partition)
	m.statsOf(hosted).Mark(TotalProduceRequests, 1)
	if topic.IsInternal(entry.Partition.Topic) && !params.InternalTopicsAllowed {
		*result = failedProduce(entry.Partition, kerr.InvalidTopicException, -1)
		return log.HWNone
	}
	partition, err := m.onlineOrError(entry.Partition, hosted)
	if err != nil {
		*result = failedProduce(entry.Partition, err, -1)
		return log.HWNone
	}
	info, err := partition.AppendRecordsToLeader(entry.Records, params.Origin, params.RequiredAcks)
	if err != nil {
		*result = m.appendFailed(hosted, err)
		return log.HWNone
	}
	hosted.stats.Mark(BytesIn, int64(len(entry.Records)))
	hosted.stats.Mark(MessagesIn, info.NumMessages())
	*result = ProducePartitionResult{
		Partition: entry.Partition, BaseOffset: info.FirstOffset, LogAppendTime: info.LogAppendTime,
		LogStartOffset: info.LogStartOffset, RecordErrors: info.RecordErrors, requiredOffset: info.LastOffset + 1,
	}
	if info.ErrorMessage != "" {
		message := info.ErrorMessage // a copy, so that info stays on the stack
		result.ErrorMessage = &message
	}
	return info.LeaderHWChange
}

// appendFailed answers an append the partition refused. Refusals that a client
// or a change of leadership causes are not logged.
func (m *ReplicaManager) appendFailed(entry hosted, err error) ProducePartitionResult {
	tp := entry.partition.TopicPartition()
	switch protocol.ErrorCode(err) {
	case kerr.UnknownTopicOrPartition.Code, kerr.NotLeaderForPartition.Code, kerr.MessageTooLarge.Code,
		kerr.RecordListTooLarge.Code, kerr.CorruptMessage.Code, kerr.KafkaStorageError.Code:
		return failedProduce(tp, err, -1)
	}
	entry.stats.Mark(FailedProduceRequests, 1)
	m.log.WithError(err).Errorf("%sError processing append operation on partition %s", m.prefix, tp)
	result := failedProduce(tp, err, entry.partition.LogStartOffset())
	if invalid, ok := errors.AsType[*log.RecordValidationError](err); ok {
		result.RecordErrors = invalid.RecordErrors
		message := clientMessage(invalid.Err)
		result.ErrorMessage = &message
	}
	return result
}

// clientMessage is what was said of an error without the Kafka error it wraps,
// which the client knows by its code.
func clientMessage(err error) string {
	if message := protocol.CustomMessage(err); message != nil {
		return *message
	}
	if kafkaError, ok := errors.AsType[*kerr.Error](err); ok {
		return strings.TrimPrefix(strings.TrimSuffix(err.Error(), ": "+kafkaError.Error()), kafkaError.Error()+": ")
	}
	return err.Error()
}

func failedProduce(tp topic.Partition, err error, logStartOffset int64) ProducePartitionResult {
	return ProducePartitionResult{
		Partition: tp, ErrorCode: protocol.ErrorCode(err), BaseOffset: -1, LogAppendTime: -1, LogStartOffset: logStartOffset,
	}
}
