package console

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// offsetsFormatter writes the committed offsets in __consumer_offsets and skips
// its group records, as GroupMetadataManager.OffsetsMessageFormatter.
type offsetsFormatter struct{}

func (offsetsFormatter) write(record *kgo.Record, out *bufio.Writer) error {
	if version, ok := recordVersion(record.Key); !ok || version > 1 {
		return nil
	}
	var key kmsg.OffsetCommitKey
	if err := key.ReadFrom(record.Key); err != nil {
		return err
	}
	fmt.Fprintf(out, "[%s,%s,%d]::", key.Group, key.Topic, key.Partition)
	if record.Value == nil {
		out.WriteString("NULL\n")
		return nil
	}
	var value kmsg.OffsetCommitValue
	if err := value.ReadFrom(record.Value); err != nil {
		return err
	}
	epoch, expires := "Optional.empty", "None"
	if value.Version >= 3 && value.LeaderEpoch >= 0 {
		epoch = fmt.Sprintf("Optional[%d]", value.LeaderEpoch)
	}
	if value.Version == 1 && value.ExpireTimestamp >= 0 {
		expires = fmt.Sprintf("Some(%d)", value.ExpireTimestamp)
	}
	_, err := fmt.Fprintf(out, "OffsetAndMetadata(offset=%d, leaderEpoch=%s, metadata=%s, commitTimestamp=%d, expireTimestamp=%s)\n",
		value.Offset, epoch, value.Metadata, value.CommitTimestamp, expires)
	return err
}

// groupMetadataFormatter writes the group records in __consumer_offsets, as
// GroupMetadataManager.GroupMetadataMessageFormatter.
type groupMetadataFormatter struct{}

func (groupMetadataFormatter) write(record *kgo.Record, out *bufio.Writer) error {
	if version, ok := recordVersion(record.Key); !ok || version != 2 {
		return nil
	}
	var key kmsg.GroupMetadataKey
	if err := key.ReadFrom(record.Key); err != nil {
		return err
	}
	if record.Value == nil {
		fmt.Fprintf(out, "%s::NULL\n", key.Group)
		return nil
	}
	var value kmsg.GroupMetadataValue
	if err := value.ReadFrom(record.Value); err != nil {
		return err
	}
	members := make([]string, len(value.Members))
	for i, member := range value.Members {
		members[i] = memberText(member, value.Protocol)
	}
	state := "Stable"
	if len(members) == 0 {
		state = "Empty"
	}
	protocolType := "None"
	if value.ProtocolType != "" {
		protocolType = "Some(" + value.ProtocolType + ")"
	}
	_, err := fmt.Fprintf(out, "%s::GroupMetadata(groupId=%s, generation=%d, protocolType=%s, currentState=%s, members=HashMap(%s))\n",
		key.Group, key.Group, value.Generation, protocolType, state, strings.Join(members, ", "))
	return err
}

func memberText(member kmsg.GroupMetadataValueMember, protocol *string) string {
	instance, protocols := "None", ""
	if member.InstanceID != nil {
		instance = "Some(" + *member.InstanceID + ")"
	}
	if protocol != nil {
		protocols = *protocol
	}
	return fmt.Sprintf("%s -> MemberMetadata(memberId=%s, groupInstanceId=%s, clientId=%s, clientHost=%s, sessionTimeoutMs=%d, rebalanceTimeoutMs=%d, supportedProtocols=List(%s))",
		member.MemberID, member.MemberID, instance, member.ClientID, member.ClientHost, member.SessionTimeoutMillis, member.RebalanceTimeoutMillis, protocols)
}

func recordVersion(key []byte) (int16, bool) {
	if len(key) < 2 {
		return 0, false
	}
	return int16(binary.BigEndian.Uint16(key)), true
}
