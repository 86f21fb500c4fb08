package admin

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// resetPlan is where each partition of a group goes, in the order of a Scala
// map.
type resetPlan struct {
	partitions []topic.Partition
	offsets    map[topic.Partition]int64
}

// newResetPlan keeps the first place and the last offset of each partition.
func newResetPlan(partitions []topic.Partition, offset func(topic.Partition) int64) *resetPlan {
	plan := &resetPlan{offsets: map[topic.Partition]int64{}}
	for _, partition := range partitions {
		if _, ok := plan.offsets[partition]; !ok {
			plan.partitions = append(plan.partitions, partition)
		}
		plan.offsets[partition] = offset(partition)
	}
	plan.partitions = jvm.ScalaMapOrder(plan.partitions, command.PartitionHash)
	return plan
}

// resetOffsets plans, and with --execute sets, the offsets of each group that
// has no members.
func (s *groupService) resetOffsets() error {
	names, err := s.groups()
	if err != nil {
		return err
	}
	described, err := s.describeGroups(names)
	if err != nil {
		return err
	}
	plans := map[string]*resetPlan{}
	order := jvm.MapOrder(slices.Sorted(maps.Keys(described)), jvm.StringHash)
	for _, name := range order {
		if plans[name], err = s.resetGroup(described[name]); err != nil {
			return err
		}
	}
	order = jvm.ScalaMapOrder(order, jvm.StringHash)
	if s.set.Has("export") {
		fmt.Fprintln(s.stdout, s.exportPlans(order, plans))
		return nil
	}
	s.printPlans(order, plans)
	return nil
}

func (s *groupService) resetGroup(group groupDescription) (*resetPlan, error) {
	if group.state != "Empty" && group.state != "Dead" {
		s.printError(fmt.Sprintf("Assignments can only be reset if the group '%s' is inactive, but the current state is %s.", group.name, group.state))
		return &resetPlan{}, nil
	}
	partitions, err := s.partitionsToReset(group.name)
	if err != nil {
		return nil, err
	}
	plan, err := s.plan(group.name, partitions)
	if err != nil {
		return nil, err
	}
	if s.set.Has("execute") {
		return plan, s.commitOffsets(group.name, plan)
	}
	return plan, nil
}

func (s *groupService) printPlans(order []string, plans map[string]*resetPlan) {
	widths := []int{30, 30, 10, 15}
	if len(order) > 0 {
		fmt.Fprintln(s.stdout, "\n"+row(widths, "GROUP", "TOPIC", "PARTITION", "NEW-OFFSET"))
	}
	for _, group := range order {
		for _, partition := range plans[group].partitions {
			fmt.Fprintln(s.stdout, row(widths, group, partition.Topic, strconv.Itoa(int(partition.Partition)),
				strconv.FormatInt(plans[group].offsets[partition], 10)))
		}
	}
}

// partitionsToReset reads the scope: --all-topics or --topic.
func (s *groupService) partitionsToReset(group string) ([]topic.Partition, error) {
	switch {
	case s.set.Has("all-topics"):
		committed, err := s.committedOffsets(group)
		if err != nil {
			return nil, err
		}
		return committed.partitions, nil
	case s.set.Has("topic"):
		return s.partitionsOf(s.set.Values("topic"))
	case s.set.Has("from-file"):
		return nil, nil
	}
	return nil, command.Usagef("One of the reset scopes should be defined: --all-topics, --topic.")
}

// partitionsOf reads topics, with or without partitions.
func (s *groupService) partitionsOf(words []string) ([]topic.Partition, error) {
	var partitions []topic.Partition
	var names []string
	for _, word := range words {
		if !strings.Contains(word, ":") {
			names = append(names, word)
			continue
		}
		named, err := parseTopicPartitions(word)
		if err != nil {
			return nil, err
		}
		partitions = append(partitions, named...)
	}
	whole, failed, err := s.topicPartitions(names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if failed[name] != nil {
			return nil, failed[name]
		}
	}
	for _, name := range jvm.SizedMapOrder(len(whole), slices.Sorted(maps.Keys(whole)), jvm.StringHash) {
		partitions = append(partitions, whole[name]...)
	}
	return partitions, nil
}

// parseTopicPartitions reads topic:0,1,2.
func parseTopicPartitions(word string) ([]topic.Partition, error) {
	name, list, _ := strings.Cut(strings.TrimRight(word, ":"), ":")
	if list == "" || strings.Contains(list, ":") {
		return nil, command.Throw(command.IllegalArgument, "Invalid topic arg '%s', expected topic name and partitions", word)
	}
	var partitions []topic.Partition
	for _, number := range strings.Split(strings.TrimRight(list, ","), ",") {
		partition, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			return nil, command.Throw(command.IllegalArgument, "Invalid partition '%s' specified in topic arg '%s''", number, word)
		}
		partitions = append(partitions, topic.Partition{Topic: name, Partition: int32(partition)})
	}
	return partitions, nil
}

// topicPartitions returns the partitions of each topic, and the errors of topics
// that have none.
func (s *groupService) topicPartitions(names []string) (map[string][]topic.Partition, map[string]error, error) {
	found, failed := map[string][]topic.Partition{}, map[string]error{}
	if len(names) == 0 {
		return found, failed, nil
	}
	metadata, err := s.admin.Calling("describeTopics").Topics(names)
	if err != nil {
		return nil, nil, command.Executed(err)
	}
	for _, described := range metadata.Topics {
		name := *described.Topic
		if err := command.ErrorOf(described.ErrorCode, nil); err != nil {
			failed[name] = command.Executed(err)
			continue
		}
		for _, partition := range described.Partitions {
			found[name] = append(found[name], topic.Partition{Topic: name, Partition: partition.Partition})
		}
		slices.SortFunc(found[name], func(a, b topic.Partition) int { return int(a.Partition) - int(b.Partition) })
	}
	return found, failed, nil
}

// plan works out the offsets that the scenario gives.
func (s *groupService) plan(group string, partitions []topic.Partition) (*resetPlan, error) {
	scenarios := []struct {
		option string
		plan   func(string, []topic.Partition) (*resetPlan, error)
	}{
		{"to-offset", s.planOffset}, {"to-earliest", s.planEarliest}, {"to-latest", s.planLatest}, {"shift-by", s.planShift},
		{"to-datetime", s.planDatetime}, {"by-duration", s.planDuration}, {"from-file", s.planFile}, {"to-current", s.planCurrent},
	}
	for _, scenario := range scenarios {
		if s.set.Has(scenario.option) {
			return scenario.plan(group, partitions)
		}
	}
	var names []string
	for _, name := range resetScenarios {
		names = append(names, "["+name+"]")
	}
	return nil, command.Usagef("Option '[reset-offsets]' requires one of the following scenarios: HashSet(%s)", strings.Join(names, ", "))
}

func (s *groupService) planOffset(_ string, partitions []topic.Partition) (*resetPlan, error) {
	offset, err := s.set.Int("to-offset")
	if err != nil {
		return nil, err
	}
	return s.inRange(newResetPlan(partitions, func(topic.Partition) int64 { return offset }))
}

func (s *groupService) planEarliest(_ string, partitions []topic.Partition) (*resetPlan, error) {
	return s.planLogOffsets(partitions, earliestTimestamp)
}

func (s *groupService) planLatest(_ string, partitions []topic.Partition) (*resetPlan, error) {
	return s.planLogOffsets(partitions, latestTimestamp)
}

func (s *groupService) planLogOffsets(partitions []topic.Partition, timestamp int64) (*resetPlan, error) {
	offsets, err := s.logOffsets(partitions, timestamp)
	if err != nil {
		return nil, err
	}
	return newResetPlan(partitions, func(partition topic.Partition) int64 { return offsets[partition] }), nil
}

func (s *groupService) planShift(group string, partitions []topic.Partition) (*resetPlan, error) {
	committed, err := s.committedOffsets(group)
	if err != nil {
		return nil, err
	}
	shift, err := s.set.Int("shift-by")
	if err != nil {
		return nil, err
	}
	for _, partition := range partitions {
		if _, ok := committed.offsets[partition]; !ok {
			return nil, command.Throw(command.IllegalArgument, "Cannot shift offset for partition %s since there is no current committed offset", partition)
		}
	}
	return s.inRange(newResetPlan(partitions, func(partition topic.Partition) int64 { return committed.offsets[partition] + shift }))
}

func (s *groupService) planDatetime(_ string, partitions []topic.Partition) (*resetPlan, error) {
	text, err := s.set.Value("to-datetime")
	if err != nil {
		return nil, err
	}
	timestamp, err := parseDatetime(text)
	if err != nil {
		return nil, err
	}
	return s.planTimestamp(partitions, timestamp)
}

func (s *groupService) planDuration(_ string, partitions []topic.Partition) (*resetPlan, error) {
	text, err := s.set.Value("by-duration")
	if err != nil {
		return nil, err
	}
	duration, err := parseDuration(text)
	if err != nil {
		return nil, err
	}
	return s.planTimestamp(partitions, time.Now().Add(-duration).UnixMilli())
}

// planTimestamp takes the end of the log where no record is young enough.
func (s *groupService) planTimestamp(partitions []topic.Partition, timestamp int64) (*resetPlan, error) {
	offsets, err := s.logOffsets(partitions, timestamp)
	if err != nil {
		return nil, err
	}
	var without []topic.Partition
	for _, partition := range newResetPlan(partitions, func(topic.Partition) int64 { return 0 }).partitions {
		if offsets[partition] < 0 {
			without = append(without, partition)
		}
	}
	for _, partition := range jvm.ScalaMutableMapOrder(without, command.PartitionHash) {
		fmt.Fprintf(s.stdout, "\nWarn: Partition %d from topic %s is empty. Falling back to latest known offset.\n", partition.Partition, partition.Topic)
	}
	ends, err := s.logOffsets(without, latestTimestamp)
	if err != nil {
		return nil, err
	}
	maps.Copy(offsets, ends)
	return newResetPlan(partitions, func(partition topic.Partition) int64 { return offsets[partition] }), nil
}

func (s *groupService) planFile(group string, _ []topic.Partition) (*resetPlan, error) {
	path, err := s.set.Value("from-file")
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, command.Throw("java.io.IOException", "Unable to read file %s", path)
	}
	plans, err := parseResetPlans(string(content), s.set.Values("group"))
	if err != nil {
		return nil, err
	}
	plan := plans[group]
	if plan == nil {
		s.printError(fmt.Sprintf("No reset plan for group %s found", group))
		return &resetPlan{}, nil
	}
	return s.inRange(plan)
}

// planCurrent takes the end of the log where nothing is committed.
func (s *groupService) planCurrent(group string, partitions []topic.Partition) (*resetPlan, error) {
	committed, err := s.committedOffsets(group)
	if err != nil {
		return nil, err
	}
	var with, without []topic.Partition
	for _, partition := range partitions {
		if _, ok := committed.offsets[partition]; ok {
			with = append(with, partition)
		} else {
			without = append(without, partition)
		}
	}
	ends, err := s.logOffsets(without, latestTimestamp)
	if err != nil {
		return nil, err
	}
	return newResetPlan(append(with, jvm.ScalaMapOrder(without, command.PartitionHash)...), func(partition topic.Partition) int64 {
		if offset, ok := committed.offsets[partition]; ok {
			return offset
		}
		return ends[partition]
	}), nil
}

// inRange moves offsets outside the log to its nearer end.
func (s *groupService) inRange(plan *resetPlan) (*resetPlan, error) {
	starts, err := s.logOffsets(plan.partitions, earliestTimestamp)
	if err != nil {
		return nil, err
	}
	ends, err := s.logOffsets(plan.partitions, latestTimestamp)
	if err != nil {
		return nil, err
	}
	return newResetPlan(plan.partitions, func(partition topic.Partition) int64 {
		offset := plan.offsets[partition]
		switch {
		case offset > ends[partition]:
			groupLog().Warnf("New offset (%d) is higher than latest offset for topic partition %s. Value will be set to %d", offset, partition, ends[partition])
			return ends[partition]
		case offset < starts[partition]:
			groupLog().Warnf("New offset (%d) is lower than earliest offset for topic partition %s. Value will be set to %d", offset, partition, starts[partition])
			return starts[partition]
		}
		return offset
	}), nil
}

func groupLog() interface{ Warnf(string, ...any) } {
	return logging.For("kafka.admin.ConsumerGroupCommand$")
}
