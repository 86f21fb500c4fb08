package apis

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/replica"
)

// adminClientID is the client id that may write to internal topics.
const adminClientID = "__admin_client"

// produce appends the records of each partition that can take them and answers
// when acks is met. The records lie in the request's buffer until then.
func (a *APIs) produce(request *network.Request, body *kmsg.ProduceRequest) {
	if err := checkRequest(body); err != nil {
		refuseProduce(request, body, err)
		return
	}
	entries := make([]replica.ProducePartition, 0, partitionCount(body))
	places := make(map[topic.Partition]int, cap(entries))
	var refused []replica.ProducePartitionResult
	for i := range body.Topics {
		for j := range body.Topics[i].Partitions {
			partition := topic.Partition{Topic: body.Topics[i].Topic, Partition: body.Topics[i].Partitions[j].Partition}
			records := body.Topics[i].Partitions[j].Records
			if err := a.checkProduce(partition, records, body.Version); err != nil {
				refused = append(refused, failedProduce(partition, protocol.ErrorCode(err), nil))
				continue
			}
			if place, twice := places[partition]; twice {
				entries[place].Records = records // Kafka keeps these in a map
				continue
			}
			places[partition] = len(entries)
			entries = append(entries, replica.ProducePartition{Partition: partition, Records: records})
		}
	}
	answer := func(results []replica.ProducePartitionResult) {
		answerProduce(request, body, append(results, refused...))
	}
	if len(entries) == 0 {
		answer(nil)
		return
	}
	a.Replicas.AppendRecords(&replica.ProduceParams{
		Timeout: time.Duration(body.TimeoutMillis) * time.Millisecond, RequiredAcks: body.Acks,
		InternalTopicsAllowed: request.Context.Header.ClientID == adminClientID, Origin: log.OriginClient,
	}, entries, answer)
}

func failedProduce(partition topic.Partition, code int16, message *string) replica.ProducePartitionResult {
	return replica.ProducePartitionResult{
		Partition: partition, ErrorCode: code, ErrorMessage: message, BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1,
	}
}

// checkRequest refuses requests as a whole: with bytes that are no batch anywhere,
// with a transactional batch but no transactional id, or with a codec that their
// version has to know and does not.
func checkRequest(body *kmsg.ProduceRequest) error {
	transactional, unknownCodec := false, false
	for i := range body.Topics {
		for j := range body.Topics[i].Partitions {
			batch, _, err := record.Next(body.Topics[i].Partitions[j].Records)
			if err != nil && !errors.Is(err, record.ErrIncomplete) && !errors.Is(err, record.ErrHeaderIncomplete) {
				return err
			}
			if err != nil || batch.Magic() < record.MagicV2 {
				continue
			}
			transactional = transactional || batch.IsTransactional()
			unknownCodec = unknownCodec || batch.Compression() > record.Zstd
		}
	}
	switch {
	case transactional && (body.Version < 3 || body.TransactionID == nil):
		return kerr.TransactionalIDAuthorizationFailed
	case unknownCodec && body.Version >= 3 && body.Version < 7:
		return kerr.UnknownServerError
	}
	return nil
}

// refuseProduce answers every partition with the error.
func refuseProduce(request *network.Request, body *kmsg.ProduceRequest, err error) {
	var message *string
	if errors.Is(err, kerr.CorruptMessage) {
		said := strings.TrimPrefix(err.Error(), kerr.CorruptMessage.Error()+": ")
		message = &said
	}
	var results []replica.ProducePartitionResult
	for i := range body.Topics {
		for j := range body.Topics[i].Partitions {
			partition := topic.Partition{Topic: body.Topics[i].Topic, Partition: body.Topics[i].Partitions[j].Partition}
			results = append(results, failedProduce(partition, protocol.ErrorCode(err), message))
		}
	}
	answerProduce(request, body, results)
}

func partitionCount(body *kmsg.ProduceRequest) int {
	count := 0
	for i := range body.Topics {
		count += len(body.Topics[i].Partitions)
	}
	return count
}

// checkProduce refuses what never reaches a log: unknown partitions, and from
// version 3 on all but one batch of the current format
// (ProduceRequest.validateRecords).
func (a *APIs) checkProduce(partition topic.Partition, records []byte, version int16) error {
	if !a.Metadata.Contains(partition) {
		return kerr.UnknownTopicOrPartition
	}
	if version < 3 {
		return nil
	}
	batch, rest, err := record.Next(records)
	switch {
	case errors.Is(err, record.ErrHeaderIncomplete):
		return err
	case err != nil:
		return fmt.Errorf("a produce request has no whole batch: %w", kerr.InvalidRecord)
	}
	_, _, err = record.Next(rest)
	switch {
	case err != nil && !errors.Is(err, record.ErrIncomplete):
		return err
	case batch.Magic() != record.MagicV2 || err == nil:
		return fmt.Errorf("a produce request has more than one batch, or one of an old format: %w", kerr.InvalidRecord)
	case version < 7 && batch.Compression() == record.Zstd:
		return kerr.UnsupportedCompressionType
	}
	return nil
}

func answerProduce(request *network.Request, body *kmsg.ProduceRequest, results []replica.ProducePartitionResult) {
	if body.Acks == 0 {
		closeOnProduceError(request, results)
		return
	}
	response := body.ResponseKind().(*kmsg.ProduceResponse)
	response.Topics = make([]kmsg.ProduceResponseTopic, 0, len(body.Topics))
	byTopic := make(map[string]int, len(body.Topics))
	for i := range results {
		at, ok := byTopic[results[i].Partition.Topic]
		if !ok {
			at = len(response.Topics)
			byTopic[results[i].Partition.Topic] = at
			response.Topics = append(response.Topics, kmsg.ProduceResponseTopic{Topic: results[i].Partition.Topic})
		}
		response.Topics[at].Partitions = append(response.Topics[at].Partitions, produceResult(&results[i]))
	}
	request.Respond(response)
}

func produceResult(result *replica.ProducePartitionResult) kmsg.ProduceResponseTopicPartition {
	row := kmsg.NewProduceResponseTopicPartition()
	row.Partition, row.ErrorCode, row.BaseOffset = result.Partition.Partition, result.ErrorCode, result.BaseOffset
	row.LogAppendTime, row.LogStartOffset, row.ErrorMessage = result.LogAppendTime, result.LogStartOffset, result.ErrorMessage
	row.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{}
	for _, failed := range result.RecordErrors {
		errorRecord := kmsg.NewProduceResponseTopicPartitionErrorRecord()
		errorRecord.RelativeOffset = int32(failed.BatchIndex)
		if failed.Message != "" {
			errorRecord.ErrorMessage = &failed.Message
		}
		row.ErrorRecords = append(row.ErrorRecords, errorRecord)
	}
	return row
}

// closeOnProduceError ends an acks=0 request: the client sees a failure only by
// its connection being closed.
func closeOnProduceError(request *network.Request, results []replica.ProducePartitionResult) {
	for i := range results {
		if results[i].ErrorCode != 0 {
			header := &request.Context.Header
			request.Close(fmt.Sprintf("Closing connection due to error during produce request with correlation id %d from client id %s with ack=0\nTopic and partition to exceptions: %s -> %s",
				header.CorrelationID, header.ClientID, results[i].Partition, protocol.ErrorName(results[i].ErrorCode)))
			return
		}
	}
	request.NoResponse()
}
