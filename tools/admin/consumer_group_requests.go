package admin

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// groupDescription is what the broker tells about a group, as
// ConsumerGroupDescription.
type groupDescription struct {
	name, state, assignor string
	members               []groupMember
}

// groupMember is a member with the partitions assigned to it.
type groupMember struct {
	id, instance, host, client string
	partitions                 []topic.Partition
}

// describeGroups asks for the groups and returns them by name.
func (s *groupService) describeGroups(names []string) (map[string]groupDescription, error) {
	described := map[string]groupDescription{}
	if len(names) == 0 {
		return described, nil
	}
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = names
	response, err := command.Do[*kmsg.DescribeGroupsResponse](s.admin, request)
	if err != nil {
		return nil, command.Executed(err)
	}
	for _, group := range response.Groups {
		description, err := newGroupDescription(group)
		if err != nil {
			return nil, command.Executed(err)
		}
		described[group.Group] = description
	}
	return described, nil
}

func newGroupDescription(group kmsg.DescribeGroupsResponseGroup) (groupDescription, error) {
	description := groupDescription{name: group.Group, state: group.State, assignor: group.Protocol}
	if err := command.ErrorOf(group.ErrorCode, nil); err != nil {
		return description, err
	}
	if !isConsumerProtocol(group.ProtocolType) {
		return description, command.Throw(command.IllegalArgument, "GroupId %s is not a consumer group (%s).", group.Group, group.ProtocolType)
	}
	for _, found := range group.Members {
		member := groupMember{id: found.MemberID, host: found.ClientHost, client: found.ClientID}
		if found.InstanceID != nil {
			member.instance = *found.InstanceID
		}
		var err error
		if member.partitions, err = assignedPartitions(found.MemberAssignment); err != nil {
			return description, err
		}
		description.members = append(description.members, member)
	}
	return description, nil
}

// assignedPartitions reads a member's assignment in the order of the Java
// client's set.
func assignedPartitions(raw []byte) ([]topic.Partition, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var assignment kmsg.ConsumerMemberAssignment
	if err := assignment.ReadFrom(raw); err != nil {
		return nil, fmt.Errorf("Error reading the assignment of a member: %w", err) //nolint:staticcheck // starts a line of output
	}
	var partitions []topic.Partition
	for _, row := range assignment.Topics {
		for _, partition := range row.Partitions {
			partitions = append(partitions, topic.Partition{Topic: row.Topic, Partition: partition})
		}
	}
	return jvm.SetOrder(partitions, command.PartitionHash), nil
}

// committedOffsets are the offsets of a group and their partitions in the order
// of the Java client's map.
type committedOffsets struct {
	partitions []topic.Partition
	offsets    map[topic.Partition]int64
}

func (s *groupService) committedOffsets(group string) (*committedOffsets, error) {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = group
	row := kmsg.NewOffsetFetchRequestGroup()
	row.Group = group
	request.Groups = []kmsg.OffsetFetchRequestGroup{row}
	response, err := command.Do[*kmsg.OffsetFetchResponse](s.admin, request)
	if err == nil && len(response.Groups) != 1 {
		err = fmt.Errorf("%d groups in the answer for one", len(response.Groups))
	}
	if err == nil {
		err = command.ErrorOf(response.Groups[0].ErrorCode, nil)
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	committed := &committedOffsets{offsets: map[topic.Partition]int64{}}
	for _, found := range response.Groups[0].Topics {
		for _, partition := range found.Partitions {
			if partition.ErrorCode == 0 && partition.Offset >= 0 {
				at := topic.Partition{Topic: found.Topic, Partition: partition.Partition}
				committed.partitions = append(committed.partitions, at)
				committed.offsets[at] = partition.Offset
			}
		}
	}
	committed.partitions = jvm.MapOrder(committed.partitions, command.PartitionHash)
	return committed, nil
}

// commitOffsets sets the offsets of a group without members.
func (s *groupService) commitOffsets(group string, offsets *resetPlan) error {
	if len(offsets.partitions) == 0 {
		return nil
	}
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = group, -1
	rows := map[string]int{}
	for _, partition := range offsets.partitions {
		at, ok := rows[partition.Topic]
		if !ok {
			at = len(request.Topics)
			rows[partition.Topic] = at
			row := kmsg.NewOffsetCommitRequestTopic()
			row.Topic = partition.Topic
			request.Topics = append(request.Topics, row)
		}
		row := kmsg.NewOffsetCommitRequestTopicPartition()
		row.Partition, row.Offset, row.Metadata = partition.Partition, offsets.offsets[partition], kmsg.StringPtr("")
		request.Topics[at].Partitions = append(request.Topics[at].Partitions, row)
	}
	response, err := command.Do[*kmsg.OffsetCommitResponse](s.admin, request)
	if err == nil {
		err = commitFailure(response)
	}
	return command.Executed(err)
}

// commitFailure is the first error of a commit, naming all partitions that
// failed.
func commitFailure(response *kmsg.OffsetCommitResponse) error {
	var failed []string
	var code int16
	for _, row := range response.Topics {
		for _, partition := range row.Partitions {
			if partition.ErrorCode == 0 {
				continue
			}
			if code == 0 {
				code = partition.ErrorCode
			}
			failed = append(failed, topic.Partition{Topic: row.Topic, Partition: partition.Partition}.String())
		}
	}
	message := "Failed altering consumer group offsets for the following partitions: [" + strings.Join(failed, ", ") + "]"
	return command.ErrorOf(code, &message)
}

// coordinators returns the coordinator of each group as host:port (id).
func (s *groupService) coordinators(groups []string) (map[string]string, error) {
	found := map[string]string{}
	for _, group := range groups {
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.CoordinatorKey, request.CoordinatorKeys = group, []string{group}
		response, err := command.Do[*kmsg.FindCoordinatorResponse](s.admin, request)
		if err != nil {
			return nil, command.Executed(err)
		}
		for _, row := range response.Coordinators {
			if err := command.ErrorOf(row.ErrorCode, row.ErrorMessage); err != nil {
				return nil, command.Executed(err)
			}
			found[group] = fmt.Sprintf("%s:%d (%d)", row.Host, row.Port, row.NodeID)
		}
	}
	return found, nil
}
