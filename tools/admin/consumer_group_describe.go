package admin

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

func (s *groupService) describe() error {
	names, err := s.groups()
	if err != nil {
		return err
	}
	described, err := s.describeGroups(names)
	if err != nil {
		return err
	}
	// A view asks for what it needs of all groups before it prints the first.
	view := s.offsetsView
	switch {
	case s.set.Has("members"):
		view = s.membersView
	case s.set.Has("state"):
		view = s.stateView
	}
	print, err := view(described)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		if err := print(described[name]); err != nil {
			return err
		}
	}
	return nil
}

// announce says what is to be said about a group's state; the table follows when
// there are rows.
func (s *groupService) announce(group groupDescription, rows int) (table bool, err error) {
	switch group.state {
	case "Dead":
		s.printError(fmt.Sprintf("Consumer group '%s' does not exist.", group.name))
		return false, nil
	case "Empty":
		fmt.Fprintf(s.stderr, "\nConsumer group '%s' has no active members.\n", group.name)
	case "PreparingRebalance", "CompletingRebalance":
		fmt.Fprintf(s.stderr, "\nWarning: Consumer group '%s' is rebalancing.\n", group.name)
	case "Stable":
	default:
		return false, command.Throw("org.apache.kafka.common.KafkaException", "Expected a valid consumer group state, but found 'Unknown'.")
	}
	return rows > 0, nil
}

// offsetRow is a partition of a group, as PartitionAssignmentState.
type offsetRow struct {
	partition            topic.Partition
	offset, end, lag     string
	member, host, client string
}

func (s *groupService) offsetsView(described map[string]groupDescription) (func(groupDescription) error, error) {
	rows := map[string][]offsetRow{}
	for name, group := range described {
		collected, err := s.offsetRows(group)
		if err != nil {
			return nil, err
		}
		rows[name] = collected
	}
	return func(group groupDescription) error { return s.printOffsets(group, rows[group.name]) }, nil
}

// offsetRows are the partitions of the members, those with the most first, then
// the partitions with an offset that no member has.
func (s *groupService) offsetRows(group groupDescription) ([]offsetRow, error) {
	committed, err := s.committedOffsets(group.name)
	if err != nil {
		return nil, err
	}
	var rows []offsetRow
	assigned := map[topic.Partition]bool{}
	add := func(partitions []topic.Partition, member groupMember) error {
		added, err := s.partitionRows(partitions, committed, member)
		rows = append(rows, added...)
		return err
	}
	bySize := func(a, b groupMember) int { return len(b.partitions) - len(a.partitions) }
	for _, member := range slices.SortedStableFunc(slices.Values(group.members), bySize) {
		for _, partition := range member.partitions {
			assigned[partition] = true
		}
		if err := add(member.partitions, member); err != nil {
			return nil, err
		}
	}
	var others []topic.Partition
	for _, partition := range committed.partitions {
		if !assigned[partition] {
			others = append(others, partition)
		}
	}
	others = jvm.ScalaMutableMapOrder(others, command.PartitionHash)
	return rows, add(others, groupMember{id: missing, host: missing, client: missing})
}

func (s *groupService) partitionRows(partitions []topic.Partition, committed *committedOffsets, member groupMember) ([]offsetRow, error) {
	if len(partitions) == 0 {
		return nil, nil
	}
	byNumber := func(a, b topic.Partition) int { return int(a.Partition) - int(b.Partition) }
	ordered := jvm.ScalaMapOrder(slices.SortedStableFunc(slices.Values(partitions), byNumber), command.PartitionHash)
	ends, err := s.logOffsets(ordered, latestTimestamp)
	if err != nil {
		return nil, err
	}
	var rows []offsetRow
	for _, partition := range ordered {
		row := offsetRow{
			partition: partition, offset: missing, end: strconv.FormatInt(ends[partition], 10), lag: missing,
			member: member.id, host: member.host, client: member.client,
		}
		if offset, ok := committed.offsets[partition]; ok {
			row.offset, row.lag = strconv.FormatInt(offset, 10), strconv.FormatInt(ends[partition]-offset, 10)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (s *groupService) printOffsets(group groupDescription, rows []offsetRow) error {
	table, err := s.announce(group, len(rows))
	if err != nil || !table {
		return err
	}
	names, topics, members, hosts := max(minColumnWidth, javaLength(group.name)), minColumnWidth, minColumnWidth, minColumnWidth
	for _, row := range rows {
		topics = max(topics, javaLength(row.partition.Topic))
		members = max(members, javaLength(row.member))
		hosts = max(hosts, javaLength(row.host))
	}
	widths := []int{names, topics, 10, 15, 15, 15, members, hosts}
	fmt.Fprintln(s.stdout, "\n"+row(widths, "GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"))
	for _, of := range rows {
		fmt.Fprintln(s.stdout, row(widths, group.name, of.partition.Topic, strconv.Itoa(int(of.partition.Partition)),
			of.offset, of.end, of.lag, of.member, of.host, of.client))
	}
	return nil
}

func (s *groupService) membersView(map[string]groupDescription) (func(groupDescription) error, error) {
	return s.printMembers, nil
}

func (s *groupService) printMembers(group groupDescription) error {
	table, err := s.announce(group, len(group.members))
	if err != nil || !table {
		return err
	}
	names, ids, instances, hosts, clients := max(minColumnWidth, javaLength(group.name)), minColumnWidth, 17, minColumnWidth, minColumnWidth
	static := false
	for _, member := range group.members {
		ids = max(ids, javaLength(member.id))
		instances = max(instances, javaLength(member.instance))
		hosts = max(hosts, javaLength(member.host))
		clients = max(clients, javaLength(member.client))
		static = static || member.instance != ""
	}
	line := func(name, id, instance, host, client, count, assignment string) {
		cells, widths := []string{name, id, instance, host, client, count, assignment}, []int{names, ids, instances, hosts, clients, minColumnWidth}
		if !static {
			cells, widths = slices.Delete(cells, 2, 3), slices.Delete(widths, 2, 3)
		}
		if !s.set.Has("verbose") {
			cells[len(cells)-1] = ""
		}
		fmt.Fprintln(s.stdout, row(widths, cells...))
	}
	fmt.Fprintln(s.stdout)
	line("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "ASSIGNMENT")
	for _, member := range group.members {
		line(group.name, member.id, member.instance, member.host, member.client, strconv.Itoa(len(member.partitions)), assignmentText(member.partitions))
	}
	return nil
}

// assignmentText is topic(0,1), other(2), sorted.
func assignmentText(partitions []topic.Partition) string {
	if len(partitions) == 0 {
		return missing
	}
	numbers := map[string][]int{}
	for _, partition := range partitions {
		numbers[partition.Topic] = append(numbers[partition.Topic], int(partition.Partition))
	}
	var topics []string
	for name, list := range numbers {
		slices.Sort(list)
		topics = append(topics, name+"("+strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", ",")+")")
	}
	slices.Sort(topics)
	return strings.Join(topics, ", ")
}

func (s *groupService) stateView(described map[string]groupDescription) (func(groupDescription) error, error) {
	coordinators, err := s.coordinators(slices.Sorted(maps.Keys(described)))
	if err != nil {
		return nil, err
	}
	return func(group groupDescription) error {
		table, err := s.announce(group, 1)
		if err != nil || !table {
			return err
		}
		coordinator := coordinators[group.name]
		widths := []int{max(25, javaLength(coordinator)), 25, 20, 15}
		fmt.Fprintln(s.stdout, "\n"+row(widths, "GROUP", "COORDINATOR (ID)", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS"))
		fmt.Fprintln(s.stdout, row(widths, group.name, coordinator, group.assignor, group.state, strconv.Itoa(len(group.members))))
		return nil
	}, nil
}
