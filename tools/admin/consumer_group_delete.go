package admin

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

func (s *groupService) deleteGroups() error {
	names, err := s.groups()
	if err != nil {
		return err
	}
	failures := s.requestDeletion(names)
	var deleted, failed []string
	for _, name := range jvm.ScalaMutableMapOrder(slices.Sorted(maps.Keys(failures)), jvm.StringHash) {
		if failures[name] == nil {
			deleted = append(deleted, name)
		} else {
			failed = append(failed, name)
		}
	}
	if len(failed) == 0 {
		fmt.Fprintf(s.stdout, "Deletion of requested consumer groups (%s) was successful.\n", quoted(deleted))
		return nil
	}
	s.printError("Deletion of some consumer groups failed:")
	for _, name := range failed {
		fmt.Fprintf(s.stdout, "* Group '%s' could not be deleted due to: %s\n", name, command.ExceptionText(failures[name]))
	}
	if len(deleted) > 0 {
		fmt.Fprintf(s.stdout, "\nThese consumer groups were deleted successfully: %s\n", quoted(deleted))
	}
	return nil
}

// requestDeletion deletes the groups and returns the error, if any, of each.
func (s *groupService) requestDeletion(names []string) map[string]error {
	failures := map[string]error{}
	if len(names) == 0 {
		return failures
	}
	request := kmsg.NewPtrDeleteGroupsRequest()
	request.Groups = names
	response, err := command.Do[*kmsg.DeleteGroupsResponse](s.admin, request)
	for _, name := range names {
		failures[name] = command.Executed(err)
	}
	if err == nil {
		for _, group := range response.Groups {
			failures[group.Group] = command.Executed(command.ErrorOf(group.ErrorCode, nil))
		}
	}
	return failures
}

// deleteOffsets deletes the offsets of one group in some topics.
func (s *groupService) deleteOffsets() error {
	group, err := s.set.Value("group")
	if err != nil {
		return err
	}
	words := s.set.Values("topic")
	partitions, outcome, err := s.partitionsToDelete(words)
	if err != nil {
		return err
	}
	results, top := s.requestOffsetDelete(group, partitions)
	maps.Copy(outcome, results)
	if top == nil {
		fmt.Fprintf(s.stdout, "Request succeed for deleting offsets with topic %s group %s\n", strings.Join(words, ", "), group)
	} else {
		s.printError(offsetDeleteFailure(group, top))
	}
	s.printDeleted(outcome)
	return nil
}

// unknownPartition stands for all partitions of a topic that is not there.
const unknownPartition = int32(-1)

// partitionsToDelete reads the topics; those without partitions that cannot be
// described are an outcome already.
func (s *groupService) partitionsToDelete(words []string) ([]topic.Partition, map[topic.Partition]error, error) {
	var partitions []topic.Partition
	var names []string
	for _, word := range words {
		if !strings.Contains(word, ":") {
			names = append(names, word)
			continue
		}
		named, err := parseTopicPartitions(word)
		if err != nil {
			return nil, nil, err
		}
		partitions = append(partitions, named...)
	}
	outcome := map[topic.Partition]error{}
	whole, failed, err := s.topicPartitions(names)
	for _, name := range names {
		if cause := cmp.Or(err, failed[name]); cause != nil {
			outcome[topic.Partition{Topic: name, Partition: unknownPartition}] = cause
		}
		partitions = append(partitions, whole[name]...)
	}
	return partitions, outcome, nil
}

// requestOffsetDelete returns the outcome of each partition and the error that
// stands for all.
func (s *groupService) requestOffsetDelete(group string, partitions []topic.Partition) (map[topic.Partition]error, error) {
	response, err := command.Do[*kmsg.OffsetDeleteResponse](s.admin, offsetDeleteRequest(group, partitions))
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, nil)
	}
	outcome := map[topic.Partition]error{}
	for _, partition := range partitions {
		outcome[partition] = command.Executed(err)
	}
	if err != nil {
		return outcome, err
	}
	for _, row := range response.Topics {
		for _, found := range row.Partitions {
			failure := command.ErrorOf(found.ErrorCode, nil)
			outcome[topic.Partition{Topic: row.Topic, Partition: found.Partition}] = command.Executed(failure)
			err = cmp.Or(err, failure)
		}
	}
	return outcome, err
}

func offsetDeleteRequest(group string, partitions []topic.Partition) *kmsg.OffsetDeleteRequest {
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = group
	rows := map[string]int{}
	for _, partition := range partitions {
		at, ok := rows[partition.Topic]
		if !ok {
			at = len(request.Topics)
			rows[partition.Topic] = at
			row := kmsg.NewOffsetDeleteRequestTopic()
			row.Topic = partition.Topic
			request.Topics = append(request.Topics, row)
		}
		row := kmsg.NewOffsetDeleteRequestTopicPartition()
		row.Partition = partition.Partition
		request.Topics[at].Partitions = append(request.Topics[at].Partitions, row)
	}
	return request
}

func offsetDeleteFailure(group string, err error) string {
	for _, known := range []struct {
		code *kerr.Error
		text string
	}{
		{kerr.InvalidGroupID, "'" + group + "' is not valid."},
		{kerr.GroupIDNotFound, "'" + group + "' does not exist."},
		{kerr.GroupAuthorizationFailed, "Access to '" + group + "' is not authorized."},
		{kerr.NonEmptyGroup, "Deleting offsets of a consumer group '" + group + "' is forbidden if the group is not empty."},
		{kerr.GroupSubscribedToTopic, partitionLevelError}, {kerr.TopicAuthorizationFailed, partitionLevelError},
		{kerr.UnknownTopicOrPartition, partitionLevelError},
	} {
		if errors.Is(err, known.code) {
			return known.text
		}
	}
	return "Encounter some unknown error: " + command.ErrorName(err)
}

const partitionLevelError = "Encounter some partition level error, see the follow-up details:"

func (s *groupService) printDeleted(outcome map[topic.Partition]error) {
	widths := []int{30, 15, 15}
	fmt.Fprintln(s.stdout, "\n"+row(widths, "TOPIC", "PARTITION", "STATUS"))
	byName := func(a, b topic.Partition) int {
		return strings.Compare(a.Topic+strconv.Itoa(int(a.Partition)), b.Topic+strconv.Itoa(int(b.Partition)))
	}
	for _, partition := range slices.SortedFunc(maps.Keys(outcome), byName) {
		number, status := strconv.Itoa(int(partition.Partition)), "Successful"
		if partition.Partition == unknownPartition {
			number = "Not Provided"
		}
		if outcome[partition] != nil {
			status = "Error: " + outcome[partition].Error()
		}
		fmt.Fprintln(s.stdout, row(widths, partition.Topic, number, status))
	}
}
