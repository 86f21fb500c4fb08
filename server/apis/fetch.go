package apis

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/replica"
)

// fetch reads what the request's session asks for and answers with regions of the
// log's files.
func (a *APIs) fetch(request *network.Request, body *kmsg.FetchRequest) {
	if body.IsolationLevel != 0 && body.IsolationLevel != 1 {
		refuseFetch(request, body, kerr.UnknownServerError.Code)
		return
	}
	session := a.Fetches.NewContext(body)
	asked := session.AppendPartitions(nil)
	readable := make([]replica.FetchPartition, 0, len(asked))
	var refused []replica.FetchPartitionResult
	converter := a.newFetchConverter(body)
	for i := range asked {
		if err := a.checkFetch(&asked[i], body); err != nil {
			result := asked[i].ErrorResult(err)
			result.AbortedTransactions = []log.AbortedTransaction{}
			refused = append(refused, result)
			continue
		}
		converter.note(&asked[i])
		readable = append(readable, asked[i])
	}
	answer := func(results []replica.FetchPartitionResult) {
		response := session.UpdateAndGenerateResponse(append(results, refused...))
		a.countBytesOut(body.ReplicaID >= 0, response.Partitions)
		answerFetch(request, converter, response)
	}
	if len(readable) == 0 {
		answer(nil)
		return
	}
	a.Replicas.FetchMessages(a.fetchParams(request, body), readable, answer)
}

// countBytesOut counts what consumers and what followers are given.
func (a *APIs) countBytesOut(toFollower bool, partitions []replica.FetchPartitionResult) {
	meter := replica.BytesOut
	if toFollower {
		meter = replica.ReplicationBytesOut
	}
	for i := range partitions {
		if size := partitions[i].RecordsSize(); size > 0 {
			a.Replicas.TopicStats().Topic(partitions[i].Partition.Topic).Mark(meter, int64(size))
		}
	}
}

func (a *APIs) fetchParams(request *network.Request, body *kmsg.FetchRequest) *replica.FetchParams {
	maxBytes := int(body.MaxBytes)
	if body.Version < 3 {
		maxBytes = 1<<31 - 1
	}
	maxBytes = min(maxBytes, config.FetchMaxBytes.Get(a.Config.Load()))
	params := &replica.FetchParams{
		ReplicaID: body.ReplicaID, MaxWait: time.Duration(body.MaxWaitMillis) * time.Millisecond,
		MinBytes: min(int(body.MinBytes), maxBytes), MaxBytes: maxBytes, HardMaxBytesLimit: body.Version <= 2,
		ReadCommitted: body.IsolationLevel == 1,
	}
	if body.Version >= 11 {
		params.Client = &replica.ClientMetadata{Rack: body.Rack, Listener: request.Context.ListenerName}
	}
	return params
}

// refuseFetch fails a request as a whole: from version 13 on just at the top, before
// at every partition as well.
func refuseFetch(request *network.Request, body *kmsg.FetchRequest, code int16) {
	var topics []fetchTopic
	for i := range body.Topics {
		rows := fetchTopic{name: body.Topics[i].Topic}
		for _, partition := range body.Topics[i].Partitions {
			rows.partitions = append(rows.partitions, fetchPartition{
				partition: partition.Partition, errorCode: code, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1,
				aborted: []log.AbortedTransaction{}, preferredReadReplica: -1, noRecords: true,
			})
		}
		topics = append(topics, rows)
	}
	if body.Version >= 13 {
		topics = nil
	}
	request.CountError(code)
	request.RespondRaw(newFetchResponse(body.Version, 0, code, body.SessionID, topics))
}

// checkFetch refuses partitions that are not known.
func (a *APIs) checkFetch(asked *replica.FetchPartition, body *kmsg.FetchRequest) error {
	switch {
	case asked.Partition.Topic == "" && body.Version >= 13:
		return kerr.UnknownTopicID
	case !a.Metadata.Contains(asked.Partition):
		return kerr.UnknownTopicOrPartition
	}
	return nil
}

func answerFetch(request *network.Request, converter *fetchConverter, response replica.FetchResponse) {
	var topics []fetchTopic
	for i := range response.Partitions {
		result := &response.Partitions[i]
		last := len(topics) - 1
		if last < 0 || topics[last].name != result.Partition.Topic || topics[last].id != result.TopicID {
			topics = append(topics, fetchTopic{name: result.Partition.Topic, id: result.TopicID})
			last++
		}
		partition := converter.convert(result)
		request.CountError(partition.errorCode)
		topics[last].partitions = append(topics[last].partitions, partition)
	}
	request.CountError(response.ErrorCode)
	request.RespondRaw(newFetchResponse(converter.version, 0, response.ErrorCode, response.SessionID, topics))
}

// fetchResult takes over the records of a result.
func fetchResult(result *replica.FetchPartitionResult, version int16) fetchPartition {
	partition := fetchPartition{
		partition: result.Partition.Partition, errorCode: result.ErrorCode, highWatermark: result.HighWatermark,
		lastStableOffset: result.LastStableOffset, logStartOffset: result.LogStartOffset,
		aborted: result.AbortedTransactions, preferredReadReplica: result.PreferredReadReplica,
	}
	if result.Records != nil {
		partition.records = storedRecords{result.Records}
	}
	if version <= 5 && partition.errorCode == kerr.KafkaStorageError.Code {
		partition.errorCode = kerr.NotLeaderForPartition.Code
	}
	if result.Diverged {
		partition.diverging = &divergingEpoch{result.Diverging.LeaderEpoch, result.Diverging.Offset}
	}
	return partition
}
