package admin

import (
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// runningReassignment is what a broker tells of a partition that is reassigned.
type runningReassignment = kmsg.ListPartitionReassignmentsResponseTopicPartition

// verify tells how far a reassignment has come, and takes the throttles off when
// nothing runs any more.
func (s *reassignService) verify() error {
	text, err := s.readFile("reassignment-json-file")
	if err != nil {
		return err
	}
	wanted, logDirs, err := parseReassignment(text)
	if err != nil {
		return err
	}
	partitionsRun, err := s.verifyPartitions(wanted)
	if err != nil {
		return err
	}
	movesRun, err := s.verifyMoves(logDirs)
	if err != nil || partitionsRun || movesRun || s.set.Has("preserve-throttles") {
		return err
	}
	return s.clearThrottles(wanted)
}

// verifyPartitions prints the state of each partition and tells whether any
// reassignment of the cluster runs.
func (s *reassignService) verifyPartitions(wanted []partitionReplicas) (run bool, err error) {
	running, err := s.running(nil)
	if err != nil {
		return false, err
	}
	var names []string
	for _, row := range wanted {
		if _, ok := running[row.partition]; !ok && !slices.Contains(names, row.partition.Topic) {
			names = append(names, row.partition.Topic)
		}
	}
	found, failed, err := s.describeTopics(names)
	if err != nil {
		return false, err
	}
	states := map[topic.Partition]string{}
	for _, row := range wanted {
		if _, ok := running[row.partition]; ok {
			states[row.partition] = "Reassignment of partition " + row.partition.String() + " is still in progress."
			continue
		}
		current, err := replicasOf(row.partition, found[row.partition.Topic], failed[row.partition.Topic])
		if err != nil {
			return false, err
		}
		states[row.partition] = settledState(row, current)
	}
	lines := []string{"Status of partition reassignment:"}
	for _, partition := range sortedKeys(states, comparePartitions) {
		lines = append(lines, states[partition])
	}
	s.println("%s", strings.Join(lines, "\n"))
	return len(running) > 0, nil
}

func settledState(wanted partitionReplicas, current []int32) string {
	if slices.Equal(current, wanted.replicas) {
		return "Reassignment of partition " + wanted.partition.String() + " is complete."
	}
	return "There is no active reassignment of partition " + wanted.partition.String() + ", but replica set is " +
		joinIDs(current) + " rather than " + joinIDs(wanted.replicas) + "."
}

// replicasOf are the replicas of a partition in its topic's metadata, none when
// there is no such topic.
func replicasOf(partition topic.Partition, found kmsg.MetadataResponseTopic, failed error) ([]int32, error) {
	count := len(found.Partitions)
	switch number := int(partition.Partition); {
	case errors.Is(failed, kerr.UnknownTopicOrPartition), failed == nil && number > count:
		return nil, nil
	case failed != nil:
		return nil, command.Executed(failed)
	case number < 0 || number == count:
		return nil, command.Throw("java.lang.IndexOutOfBoundsException", "Index %d out of bounds for length %d", number, count)
	default:
		return found.Partitions[number].Replicas, nil
	}
}

// running are the reassignments that run, of the partitions or of all when they
// are nil.
func (s *reassignService) running(of []topic.Partition) (map[topic.Partition]runningReassignment, error) {
	request := kmsg.NewPtrListPartitionReassignmentsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	if of != nil {
		request.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{}
	}
	for name, numbers := range numbersByTopic(of) {
		row := kmsg.NewListPartitionReassignmentsRequestTopic()
		row.Topic, row.Partitions = name, numbers
		request.Topics = append(request.Topics, row)
	}
	response, err := command.Do[*kmsg.ListPartitionReassignmentsResponse](s.admin, request)
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	running := map[topic.Partition]runningReassignment{}
	for _, row := range response.Topics {
		for _, partition := range row.Partitions {
			running[topic.Partition{Topic: row.Topic, Partition: partition.Partition}] = partition
		}
	}
	return running, nil
}

// list prints the reassignments that run.
func (s *reassignService) list() error {
	running, err := s.running(nil)
	if err != nil {
		return err
	}
	if len(running) == 0 {
		s.println("No partition reassignments found.")
		return nil
	}
	s.println("Current partition reassignments:")
	for _, partition := range sortedKeys(running, comparePartitions) {
		row := running[partition]
		line := partition.String() + ": replicas: " + joinIDs(row.Replicas) + "."
		if len(row.AddingReplicas) > 0 {
			line += " adding: " + joinIDs(row.AddingReplicas) + "."
		}
		if len(row.RemovingReplicas) > 0 {
			line += " removing: " + joinIDs(row.RemovingReplicas) + "."
		}
		s.println("%s", line)
	}
	return nil
}

func sortedKeys[K comparable, V any](entries map[K]V, compare func(a, b K) int) []K {
	keys := make([]K, 0, len(entries))
	for key := range entries {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, compare)
	return keys
}

// joinPartitions lists partitions or replicas, as they come.
func joinPartitions[P any](partitions []P) string { return jvm.Joined(partitions, ",") }
