package dump

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tools/command"
)

const (
	kafkaException = "org.apache.kafka.common.KafkaException"
	illegalState   = "java.lang.IllegalStateException"
	deleted        = "<DELETE>"
	consumerType   = "consumer"
)

// The latest versions of the records of the internal topics.
const (
	latestOffsetKey    = 1
	latestGroupKey     = 2
	latestOffsetValue  = 3
	latestGroupValue   = 3
	latestTransaction  = 0
	transactionIsEmpty = 0
)

func version(data []byte) (int16, error) {
	if len(data) < 2 {
		return 0, command.Throw("java.nio.BufferUnderflowException", "")
	}
	return int16(binary.BigEndian.Uint16(data)), nil
}

// checkVersion is for values: what is newer than 3.1 cannot be shown.
func checkVersion(data []byte, latest int16, what string) error {
	found, err := version(data)
	if err == nil && (found < 0 || found > latest) {
		err = command.Throw(illegalState, what, found)
	}
	return err
}

func undecodable(err error) error { return command.Throw("java.lang.RuntimeException", "%v", err) }

// parseOffsetsMessage is GroupMetadataManager.formatRecordKeyAndValue.
func parseOffsetsMessage(item *record.Record) (key, payload *string, err error) {
	if item.Key == nil {
		return nil, nil, command.Throw(kafkaException, "Failed to decode message using offset topic decoder (message had a missing key)")
	}
	found, err := version(item.Key)
	switch {
	case err != nil:
		return nil, nil, err
	case found >= 0 && found <= latestOffsetKey:
		return parseOffsetCommit(item)
	case found == latestGroupKey:
		return parseGroupMetadata(item)
	}
	return nil, nil, command.Throw(illegalState, "Unknown group metadata message version: %d", found)
}

func parseOffsetCommit(item *record.Record) (key, payload *string, err error) {
	var committed kmsg.OffsetCommitKey
	if err := committed.ReadFrom(item.Key); err != nil {
		return nil, nil, undecodable(err)
	}
	key = text("offset_commit::group=%s,partition=%s", committed.Group, topic.Partition{Topic: committed.Topic, Partition: committed.Partition})
	if item.Value == nil {
		return key, text(deleted), nil
	}
	if err := checkVersion(item.Value, latestOffsetValue, "Unknown offset message version: %d"); err != nil {
		return nil, nil, err
	}
	var value kmsg.OffsetCommitValue
	if err := value.ReadFrom(item.Value); err != nil {
		return nil, nil, undecodable(err)
	}
	if value.Metadata == "" {
		return key, text("offset=%d", value.Offset), nil
	}
	return key, text("offset=%d,metadata=%s", value.Offset, value.Metadata), nil
}

func parseGroupMetadata(item *record.Record) (key, payload *string, err error) {
	var group kmsg.GroupMetadataKey
	if err := group.ReadFrom(item.Key); err != nil {
		return nil, nil, undecodable(err)
	}
	key = text("group_metadata::group=%s", group.Group)
	if item.Value == nil {
		return key, text(deleted), nil
	}
	if err := checkVersion(item.Value, latestGroupValue, "Unknown group metadata message version: %d"); err != nil {
		return nil, nil, err
	}
	var value kmsg.GroupMetadataValue
	if err := value.ReadFrom(item.Value); err != nil {
		return nil, nil, undecodable(err)
	}
	members := jvm.ScalaMutableMapOrder(value.Members, func(member kmsg.GroupMetadataValueMember) int32 { return jvm.StringHash(member.MemberID) })
	assigned := make([]string, len(members))
	for i, member := range members {
		assignment, err := assignmentText(value.ProtocolType, member.Assignment)
		if err != nil {
			return nil, nil, err
		}
		assigned[i] = member.MemberID + "=" + assignment
	}
	return key, text("%s", groupJSON(&value, "{"+strings.Join(assigned, ",")+"}")), nil
}

func groupJSON(value *kmsg.GroupMetadataValue, assignment string) []byte {
	json := append([]byte{}, `{"protocolType":`...)
	json = jvm.AppendJSONString(json, value.ProtocolType)
	json = append(json, `,"protocol":`...)
	if value.Protocol == nil {
		json = append(json, "null"...)
	} else {
		json = jvm.AppendJSONString(json, *value.Protocol)
	}
	json = fmt.Appendf(json, `,"generationId":%d,"assignment":`, value.Generation)
	return append(jvm.AppendJSONString(json, assignment), '}')
}

func assignmentText(protocolType string, assignment []byte) (string, error) {
	if protocolType != consumerType {
		return hex(assignment), nil
	}
	var partitions kmsg.ConsumerMemberAssignment
	if err := partitions.ReadFrom(assignment); err != nil {
		return "", command.Throw("org.apache.kafka.common.protocol.types.SchemaException", "Buffer underflow while parsing consumer protocol's assignment")
	}
	var names []string
	for _, assigned := range partitions.Topics {
		for _, partition := range assigned.Partitions {
			names = append(names, topic.Partition{Topic: assigned.Topic, Partition: partition}.String())
		}
	}
	list := "[" + strings.Join(names, ", ") + "]"
	if userData := hex(partitions.UserData); userData != "" {
		list += ":" + userData
	}
	return list, nil
}

// hex is a number of as many bytes, without leading zeros.
func hex(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	return strings.ToUpper(new(big.Int).SetBytes(data).Text(16))
}

var transactionStates = []string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"}

// parseTransactionMessage is TransactionLog.formatRecordKeyAndValue.
func parseTransactionMessage(item *record.Record) (key, payload *string, err error) {
	if err := checkVersion(item.Key, latestTransaction, "Unknown version %d from the transaction log message"); err != nil {
		return nil, nil, err
	}
	var transaction kmsg.TxnMetadataKey
	if err := transaction.ReadFrom(item.Key); err != nil {
		return nil, nil, undecodable(err)
	}
	key = text("transaction_metadata::transactionalId=%s", transaction.TransactionalID)
	if item.Value == nil {
		return key, text(deleted), nil
	}
	if err := checkVersion(item.Value, latestTransaction, "Unknown version %d from the transaction log message value"); err != nil {
		return nil, nil, err
	}
	var value kmsg.TxnMetadataValue
	if err := value.ReadFrom(item.Value); err != nil {
		return nil, nil, undecodable(err)
	}
	if value.State < 0 || int(value.State) >= len(transactionStates) {
		return nil, nil, command.Throw(illegalState, "Unknown transaction state id %d from the transaction status message", value.State)
	}
	return key, text("producerId:%d,producerEpoch:%d,state=%s,partitions=[%s],txnLastUpdateTimestamp=%d,txnTimeoutMs=%d",
		value.ProducerID, value.ProducerEpoch, transactionStates[value.State], strings.Join(transactionPartitions(&value), ","),
		value.LastUpdateTimestamp, value.TimeoutMillis), nil
}

// transactionPartitions are the names of the partitions in the order of Scala's
// set; a transaction that is empty shows none.
func transactionPartitions(value *kmsg.TxnMetadataValue) []string {
	if value.State == transactionIsEmpty {
		return nil
	}
	var partitions []topic.Partition
	for _, involved := range value.Topics {
		for _, partition := range involved.Partitions {
			partitions = append(partitions, topic.Partition{Topic: involved.Topic, Partition: partition})
		}
	}
	var names []string
	for _, partition := range jvm.ScalaMutableMapOrder(partitions, command.PartitionHash) {
		names = append(names, partition.String())
	}
	return names
}
