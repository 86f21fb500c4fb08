package group

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

// The versions of keys in __consumer_offsets: 0 and 1 are an offset, 2 a group.
const (
	highestOffsetKey   = 1
	groupKey           = 2
	highestOffsetValue = 3
	highestGroupValue  = 3
)

// entry is one record to be written; a nil value is a tombstone.
type entry struct{ key, value []byte }

// producer is the transaction that a batch belongs to.
type producer struct {
	id    int64
	epoch int16
}

// noProducer is that of a batch outside of any transaction.
var noProducer = producer{id: record.NoProducerID, epoch: record.NoProducerEpoch}

// buildBatch makes one batch of records written now.
func buildBatch(compression record.Compression, from producer, baseSequence int32, entries []entry) []byte {
	builder := record.NewBuilder(record.BuilderOptions{
		PartitionLeaderEpoch: record.NoPartitionLeaderEpoch,
		Compression:          compression,
		Transactional:        from != noProducer,
		HasProducer:          true,
		ProducerID:           from.id,
		ProducerEpoch:        from.epoch,
		BaseSequence:         baseSequence,
	})
	timestamp := now()
	for _, e := range entries {
		builder.Append(timestamp, e.key, e.value)
	}
	return builder.Build()
}

func offsetKey(groupID string, tp topic.Partition) []byte {
	key := kmsg.OffsetCommitKey{Version: highestOffsetKey, Group: groupID, Topic: tp.Topic, Partition: tp.Partition}
	return key.AppendTo(nil)
}

// offsetValue writes an offset so that the oldest broker of the cluster can
// read it; only version 1 has a retention of its own.
func offsetValue(offset *offsetAndMetadata, interBroker config.ApiVersion) []byte {
	value := kmsg.OffsetCommitValue{
		Version:         highestOffsetValue,
		Offset:          offset.offset,
		LeaderEpoch:     offset.leaderEpoch,
		Metadata:        offset.metadata,
		CommitTimestamp: offset.commitTimestamp,
		ExpireTimestamp: offset.expireTimestamp,
	}
	switch {
	case interBroker < config.IBP_2_1_IV0 || offset.expireTimestamp != noTimestamp:
		value.Version = 1
	case interBroker < config.IBP_2_1_IV1:
		value.Version = 2
	}
	return value.AppendTo(nil)
}

func groupMetadataKey(groupID string) []byte {
	key := kmsg.GroupMetadataKey{Version: groupKey, Group: groupID}
	return key.AppendTo(nil)
}

// groupMetadataValue writes a group with the assignments given by member id.
func groupMetadataValue(g *group, assignments map[string][]byte, interBroker config.ApiVersion) []byte {
	value := kmsg.GroupMetadataValue{
		Version:               groupValueVersion(interBroker),
		ProtocolType:          g.protocolType,
		Generation:            g.generation,
		Protocol:              g.protocolName,
		Leader:                nonEmpty(g.leader),
		CurrentStateTimestamp: g.stateTimestamp,
	}
	for _, m := range g.order {
		written := kmsg.GroupMetadataValueMember{
			MemberID:               m.id,
			InstanceID:             m.instanceID,
			ClientID:               m.clientID,
			ClientHost:             m.clientHost,
			RebalanceTimeoutMillis: m.rebalanceTimeoutMs,
			SessionTimeoutMillis:   m.sessionTimeoutMs,
			Assignment:             assignments[m.id],
		}
		if g.protocolName != nil {
			written.Subscription = m.metadata(*g.protocolName)
		}
		value.Members = append(value.Members, written)
	}
	return value.AppendTo(nil)
}

func groupValueVersion(interBroker config.ApiVersion) int16 {
	switch {
	case interBroker < config.IBP_0_10_1_IV0:
		return 0
	case interBroker < config.IBP_2_1_IV0:
		return 1
	case interBroker < config.IBP_2_3_IV0:
		return 2
	}
	return highestGroupValue
}

// decodedKey is a key of __consumer_offsets: of a group, or of its offset for
// one partition.
type decodedKey struct {
	group     string
	isOffset  bool
	partition topic.Partition
}

func decodeKey(data []byte) (decodedKey, error) {
	version, err := versionOf(data, groupKey)
	if err != nil {
		return decodedKey{}, fmt.Errorf("key of a group record: %w", err)
	}
	if version == groupKey {
		var key kmsg.GroupMetadataKey
		err := key.ReadFrom(data)
		return decodedKey{group: key.Group}, err
	}
	var key kmsg.OffsetCommitKey
	err = key.ReadFrom(data)
	return decodedKey{
		group:     key.Group,
		isOffset:  true,
		partition: topic.Partition{Topic: key.Topic, Partition: key.Partition},
	}, err
}

// versionOf reads the version that every key and value begins with.
func versionOf(data []byte, highest int16) (int16, error) {
	if len(data) < 2 {
		return 0, fmt.Errorf("%w: %d bytes are too few", kerr.CorruptMessage, len(data))
	}
	version := int16(binary.BigEndian.Uint16(data))
	if version < 0 || version > highest {
		return 0, fmt.Errorf("%w: unknown message version: %d", kerr.CorruptMessage, version)
	}
	return version, nil
}

func decodeOffsetValue(data []byte) (offsetAndMetadata, error) {
	version, err := versionOf(data, highestOffsetValue)
	if err != nil {
		return offsetAndMetadata{}, fmt.Errorf("offset value: %w", err)
	}
	var value kmsg.OffsetCommitValue
	if err := value.ReadFrom(data); err != nil {
		return offsetAndMetadata{}, fmt.Errorf("offset value: %w", err)
	}
	offset := offsetAndMetadata{
		offset:          value.Offset,
		leaderEpoch:     record.NoPartitionLeaderEpoch,
		metadata:        value.Metadata,
		commitTimestamp: value.CommitTimestamp,
		expireTimestamp: noTimestamp,
	}
	if version >= 3 {
		offset.leaderEpoch = value.LeaderEpoch
	}
	if version == 1 {
		offset.expireTimestamp = value.ExpireTimestamp
	}
	return offset, nil
}

// restore makes the group what its record says, offsets aside.
func (g *group) restore(data []byte) error {
	version, err := versionOf(data, highestGroupValue)
	if err != nil {
		return fmt.Errorf("value of group %s: %w", g.id, err)
	}
	var value kmsg.GroupMetadataValue
	if err := value.ReadFrom(data); err != nil {
		return fmt.Errorf("value of group %s: %w", g.id, err)
	}
	g.clearMembers()
	g.generation, g.protocolName = value.Generation, value.Protocol
	g.state, g.stateTimestamp = empty, value.CurrentStateTimestamp
	if value.Leader != nil {
		g.leader = *value.Leader
	}
	for i := range value.Members {
		g.restoreMember(version, &value, &value.Members[i])
	}
	if len(g.members) > 0 {
		g.state = stable
		if !g.has(g.leader) {
			g.leader = g.order[0].id
		}
	} else {
		g.leader = ""
	}
	g.protocolType = value.ProtocolType
	g.subscribed = g.subscribedTopics()
	return nil
}

func (g *group) restoreMember(version int16, value *kmsg.GroupMetadataValue, from *kmsg.GroupMetadataValueMember) {
	m := &member{
		id:                 from.MemberID,
		instanceID:         from.InstanceID,
		clientID:           from.ClientID,
		clientHost:         from.ClientHost,
		rebalanceTimeoutMs: from.RebalanceTimeoutMillis,
		sessionTimeoutMs:   from.SessionTimeoutMillis,
		assignment:         slices.Clone(from.Assignment),
	}
	if version == 0 {
		m.rebalanceTimeoutMs = m.sessionTimeoutMs
	}
	if value.Protocol != nil {
		m.protocols = []protocolMetadata{{name: *value.Protocol, metadata: slices.Clone(from.Subscription)}}
	}
	if m.instanceID != nil && g.static[*m.instanceID] != nil || g.has(m.id) {
		return // no broker writes two members under one name
	}
	g.add(m, value.ProtocolType)
}

// parseSubscription reads the topics of a consumer's metadata. All versions
// begin with version 0, so it is read as that.
func parseSubscription(metadata []byte) ([]string, error) {
	if len(metadata) < 2 || int16(binary.BigEndian.Uint16(metadata)) < 0 {
		return nil, fmt.Errorf("consumer protocol: %w", kerr.InvalidRequest)
	}
	var subscription kmsg.ConsumerMemberMetadata
	if err := subscription.ReadFrom(append([]byte{0, 0}, metadata[2:]...)); err != nil {
		return nil, fmt.Errorf("consumer protocol: %w", err)
	}
	for i, name := range subscription.Topics {
		subscription.Topics[i] = strings.Clone(name)
	}
	return subscription.Topics, nil
}
