package admin

import (
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const reassignmentRuns = "Cannot execute because there is an existing partition assignment.  Use --additional to override this and " +
	"create a new partition assignment in addition to the existing one. The --additional flag can also be used to change the throttle " +
	"by resubmitting the current reassignment."

// execute begins a reassignment.
func (s *reassignService) execute() error {
	limits, err := s.readExecution()
	if err != nil {
		return err
	}
	wanted, logDirs, err := parseExecution(limits.text)
	if err != nil {
		return err
	}
	running, err := s.running(nil)
	if err != nil {
		return err
	}
	if len(running) > 0 && !s.set.Has("additional") {
		return terseFailure(reassignmentRuns)
	}
	if err := s.checkBrokers(wanted); err != nil {
		return err
	}
	current, err := s.replicasBefore(wanted)
	if err != nil {
		return err
	}
	s.println("Current partition replica assignment\n\n%s\n\nSave this to use as the --reassignment-json-file option during rollback", reassignmentJSON(current))
	if err := s.throttle(limits, running, wanted, current, logDirs); err != nil {
		return err
	}
	failed, err := s.alterReassignments(wanted)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return terseFailure("Error reassigning partition(s):\n" + failureLines(failed))
	}
	s.println("Successfully started partition reassignment%s for %s", plural(len(wanted)), joinPartitions(partitionsOf(wanted)))
	if len(logDirs) > 0 {
		return s.moveLogDirs(logDirs, limits.timeout)
	}
	return nil
}

func partitionsOf(rows []partitionReplicas) []topic.Partition {
	partitions := make([]topic.Partition, len(rows))
	for i, row := range rows {
		partitions[i] = row.partition
	}
	slices.SortFunc(partitions, comparePartitions)
	return partitions
}

// parseExecution reads the file of --reassignment-json-file for --execute, which
// wants it to make sense.
func parseExecution(text []byte) ([]partitionReplicas, map[partitionReplica]string, error) {
	wanted, logDirs, err := parseReassignment(text)
	if err != nil {
		return nil, nil, err
	}
	if len(wanted) == 0 {
		return nil, nil, command.Throw(adminCommandFailed, "Partition reassignment list cannot be empty")
	}
	var partitions []topic.Partition
	var repeated []string
	for _, row := range wanted {
		if len(row.replicas) == 0 {
			return nil, nil, command.Throw(adminCommandFailed, "Partition replica list cannot be empty")
		}
		partitions = append(partitions, row.partition)
		if twice := repeatedItems(row.replicas, identity); len(twice) > 0 {
			repeated = append(repeated, row.partition.String()+" contains multiple entries for "+joinIDs(twice))
		}
	}
	if twice := repeatedItems(partitions, command.PartitionHash); len(twice) > 0 {
		return nil, nil, command.Throw(adminCommandFailed, "Partition reassignment contains duplicate topic partitions: %s", joinPartitions(twice))
	}
	if len(repeated) > 0 {
		return nil, nil, command.Throw(adminCommandFailed, "Partition replica lists may not contain duplicate entries: %s", strings.Join(repeated, ". "))
	}
	return wanted, logDirs, nil
}

// checkBrokers makes sure that the brokers of the reassignment live.
func (s *reassignService) checkBrokers(wanted []partitionReplicas) error {
	nodes, err := s.nodes()
	if err != nil {
		return err
	}
	rows := jvm.ScalaMapOrder(wanted, func(row partitionReplicas) int32 { return command.PartitionHash(row.partition) })
	for _, id := range jvm.ScalaMapOrder(brokersOf(rows), identity) {
		if !slices.ContainsFunc(nodes, func(node kmsg.DescribeClusterResponseBroker) bool { return node.NodeID == id }) {
			return command.Throw(adminCommandFailed, "Unknown broker id %d", id)
		}
	}
	return nil
}

// brokersOf are the brokers of the replicas, each once.
func brokersOf(rows []partitionReplicas) []int32 {
	var ids []int32
	for _, row := range rows {
		for _, id := range row.replicas {
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// replicasBefore are the replicas that the wanted partitions have, sorted; those
// that do not exist are left out.
func (s *reassignService) replicasBefore(wanted []partitionReplicas) ([]partitionReplicas, error) {
	partitions := partitionsOf(wanted)
	current, err := s.currentReplicas(topicsOf(wanted))
	return slices.DeleteFunc(current, func(row partitionReplicas) bool { return !slices.Contains(partitions, row.partition) }), err
}

// topicsOf are the topics of the partitions, each once.
func topicsOf(rows []partitionReplicas) []string {
	var names []string
	for _, row := range rows {
		if !slices.Contains(names, row.partition.Topic) {
			names = append(names, row.partition.Topic)
		}
	}
	return names
}

// alterReassignments asks the controller for reassignments, or to cancel those of
// rows without replicas, and returns the partitions that it refuses.
func (s *reassignService) alterReassignments(rows []partitionReplicas) (map[topic.Partition]error, error) {
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	at := map[string]int{}
	failed := map[topic.Partition]error{}
	for _, row := range rows {
		if row.partition.Partition < 0 {
			failed[row.partition] = command.Throw("org.apache.kafka.common.errors.InvalidTopicException", "The given partition index %d is not valid.", row.partition.Partition)
			continue
		}
		i, ok := at[row.partition.Topic]
		if !ok {
			i = len(request.Topics)
			at[row.partition.Topic] = i
			added := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			added.Topic = row.partition.Topic
			request.Topics = append(request.Topics, added)
		}
		wanted := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		wanted.Partition, wanted.Replicas = row.partition.Partition, row.replicas
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, wanted)
	}
	response, err := command.Do[*kmsg.AlterPartitionAssignmentsResponse](s.admin.Calling("alterPartitionReassignments"), request)
	if command.IsTimeout(err) {
		for _, row := range rows {
			failed[row.partition] = err
		}
		return failed, nil
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	whole := command.ErrorOf(response.ErrorCode, response.ErrorMessage)
	for _, answered := range response.Topics {
		for _, row := range answered.Partitions {
			err := whole
			if err == nil {
				err = command.ErrorOf(row.ErrorCode, row.ErrorMessage)
			}
			if err != nil {
				failed[topic.Partition{Topic: answered.Topic, Partition: row.Partition}] = err
			}
		}
	}
	if whole != nil && len(failed) == 0 {
		return nil, command.Executed(whole)
	}
	return failed, nil
}

// failureLines tell of each partition why it was refused.
func failureLines(failed map[topic.Partition]error) string {
	var lines []string
	for _, partition := range sortedKeys(failed, comparePartitions) {
		lines = append(lines, partition.String()+": "+failed[partition].Error())
	}
	return strings.Join(lines, "\n")
}

// cancel cancels reassignments and moves.
func (s *reassignService) cancel() error {
	text, err := s.readFile("reassignment-json-file")
	if err != nil {
		return err
	}
	timeout, err := s.milliseconds("timeout")
	if err != nil {
		return err
	}
	named, logDirs, err := parseReassignment(text)
	if err != nil {
		return err
	}
	if err := s.cancelReassignments(named); err != nil {
		return err
	}
	if err := s.cancelMoves(logDirs, timeout); err != nil || s.set.Has("preserve-throttles") {
		return err
	}
	return s.clearThrottles(named)
}

func (s *reassignService) cancelReassignments(named []partitionReplicas) error {
	partitions := slices.Compact(partitionsOf(named))
	for _, partition := range partitions {
		if partition.Partition < 0 {
			return command.Executed(command.Throw("org.apache.kafka.common.errors.InvalidTopicException", "The given partition index %d is not valid.", partition.Partition))
		}
	}
	running, err := s.running(partitions)
	if err != nil {
		return err
	}
	var cancelled []partitionReplicas
	for _, partition := range sortedKeys(running, comparePartitions) {
		if row := running[partition]; len(row.AddingReplicas)+len(row.RemovingReplicas) > 0 {
			cancelled = append(cancelled, partitionReplicas{partition: partition})
		}
	}
	if len(cancelled) == 0 {
		s.println("None of the specified partition reassignments are active.")
		return nil
	}
	failed, err := s.alterReassignments(cancelled)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return terseFailure("Error cancelling partition reassignment" + plural(len(failed)) + " for:\n" + failureLines(failed))
	}
	s.println("Successfully cancelled partition reassignment%s for: %s", plural(len(cancelled)), joinPartitions(partitionsOf(cancelled)))
	return nil
}
