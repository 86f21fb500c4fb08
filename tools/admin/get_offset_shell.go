package admin

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const getOffsetsBlurb = "An interactive shell for getting topic-partition offsets."

var getOffsetsOptions = command.Options{
	{Name: "broker-list", Argument: command.Required, ArgName: "HOST1:PORT1,...,HOST3:PORT3", Doc: "DEPRECATED, use --bootstrap-server instead, which wins when both are given."},
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "HOST1:PORT1,...,HOST3:PORT3", Doc: "REQUIRED. The brokers to begin with, as HOST1:PORT1,HOST2:PORT2."},
	{Name: "topic-partitions", Argument: command.Required, ArgName: "topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3", Doc: "The partitions to ask for, as a list of patterns with commas between. Before the ':' stands a regular expression of topics, none means all. Behind it stands a partition, or a range without its end such as 'NUMBER-NUMBER', 'NUMBER-' or '-NUMBER'; none means all."},
	{Name: "topic", Argument: command.Required, ArgName: "topic", Doc: "The topic to ask for, or a regular expression; all without it. Not with --topic-partitions."},
	{Name: "partitions", Argument: command.Required, ArgName: "partition ids", Doc: "The partitions to ask for with commas between; all without it. Not with --topic-partitions."},
	{Name: "time", Argument: command.Required, Type: command.Long, ArgName: "timestamp/-1(latest)/-2(earliest)", Default: "-1", HasDefault: true, Doc: "The time whose offset is asked for. [There is none when no record is that young.]"},
	{Name: "command-config", Argument: command.Required, ArgName: "config file", Doc: "A properties file for the consumer."},
	{Name: "exclude-internal-topics", Doc: "Leave internal topics out."},
}

// GetOffsetShell is kafka.tools.GetOffsetShell (kafka-get-offsets.sh): the first
// or last offsets of partitions, or those of a time.
func GetOffsetShell(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		return getOffsetsOptions.Die(command.Usagef(getOffsetsBlurb), stderr)
	}
	err := printOffsets(args, stdout, stderr)
	if err == nil || command.IsUsage(err) {
		return getOffsetsOptions.Die(err, stderr)
	}
	fmt.Fprintf(stdout, "Error occurred: %s\n", err)
	return 1
}

func printOffsets(args []string, stdout, stderr io.Writer) error {
	set, err := getOffsetsOptions.Parse(args)
	if err != nil {
		return err
	}
	shell, err := newOffsetShell(set, stderr)
	if err != nil {
		return err
	}
	defer shell.admin.Close()
	partitions, err := shell.partitions()
	if err != nil {
		return err
	}
	offsets, err := shell.offsets(partitions)
	if err != nil {
		return err
	}
	slices.SortFunc(partitions, func(a, b topic.Partition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	for _, partition := range partitions {
		text := strconv.FormatInt(offsets[partition], 10)
		if shell.time >= 0 && offsets[partition] < 0 {
			text = ""
		}
		fmt.Fprintf(stdout, "%s:%d:%s\n", partition.Topic, partition.Partition, text)
	}
	return nil
}

// offsetShell is a command line of GetOffsetShell, checked.
type offsetShell struct {
	admin     *command.Admin
	filter    partitionFilter
	time      int64
	committed bool
	stderr    io.Writer
}

func newOffsetShell(set *command.Set, stderr io.Writer) (*offsetShell, error) {
	if err := set.RequireUnless("bootstrap-server", "broker-list"); err != nil {
		return nil, err
	}
	option := "bootstrap-server"
	if !set.Has(option) {
		option = "broker-list"
	}
	servers, err := set.Value(option)
	if err != nil {
		return nil, err
	}
	if err := command.CheckHostPorts(servers); err != nil {
		return nil, err
	}
	shell := &offsetShell{stderr: stderr}
	if set.Has("topic-partitions") && (set.Has("topic") || set.Has("partitions")) {
		return nil, command.Throw(command.IllegalArgument, "--topic-partitions cannot be used with --topic or --partitions")
	}
	if shell.time, err = set.Int("time"); err != nil {
		return nil, err
	}
	if shell.filter, err = newPartitionFilter(set); err != nil {
		return nil, err
	}
	properties, err := commandConfig(set)
	if err != nil {
		return nil, err
	}
	shell.committed = properties["isolation.level"] == "read_committed"
	properties["client.id"] = "GetOffsetShell"
	shell.admin, err = command.NewAdmin(servers, properties)
	return shell, err
}

// partitions are those that the filter lets through and that have a leader.
func (s *offsetShell) partitions() ([]topic.Partition, error) {
	metadata, err := s.admin.Topics(nil)
	if command.IsTimeout(err) {
		return nil, command.Throw("org.apache.kafka.common.errors.TimeoutException", "Timeout expired while fetching topic metadata")
	} else if err != nil {
		return nil, err
	}
	var partitions []topic.Partition
	matched := false
	for _, found := range metadata.Topics {
		for _, row := range found.Partitions {
			partition := topic.Partition{Topic: *found.Topic, Partition: row.Partition}
			if !s.filter(partition) {
				continue
			}
			matched = true
			if row.Leader < 0 {
				fmt.Fprintf(s.stderr, "Error: topic-partition %s:%d does not have a leader. Skip getting offsets\n", partition.Topic, partition.Partition)
				continue
			}
			partitions = append(partitions, partition)
		}
	}
	if !matched {
		return nil, command.Throw(command.IllegalArgument, "Could not match any topic-partitions with the specified filters")
	}
	return partitions, nil
}

// offsets asks the leaders until they know, at most default.api.timeout.ms.
func (s *offsetShell) offsets(partitions []topic.Partition) (map[topic.Partition]int64, error) {
	if s.time < earliestTimestamp && len(partitions) > 0 {
		return nil, command.Throw(command.IllegalArgument, "The target time for partition %s is %d. The target time cannot be negative.", partitions[0], s.time)
	}
	deadline := time.Now().Add(s.admin.Timeout())
	for {
		offsets, err := s.tryOffsets(partitions)
		switch {
		case err == nil:
			return offsets, nil
		case !isMetadataError(err) && !command.IsTimeout(err):
			return nil, err
		case time.Now().Add(retryPause).After(deadline):
			return nil, command.Throw("org.apache.kafka.common.errors.TimeoutException", "Failed to get offsets by times in %dms", s.admin.Timeout().Milliseconds())
		}
		time.Sleep(retryPause)
	}
}

func (s *offsetShell) tryOffsets(partitions []topic.Partition) (map[topic.Partition]int64, error) {
	leaders, err := (&groupService{admin: s.admin}).leaders(partitions)
	if err != nil {
		return nil, err
	}
	offsets := map[topic.Partition]int64{}
	for broker, led := range leaders {
		request := listOffsetsRequest(led, s.time)
		if s.committed {
			request.IsolationLevel = 1
		}
		response, err := command.DoAt[*kmsg.ListOffsetsResponse](s.admin, broker, request)
		if err != nil {
			return nil, err
		}
		for _, answered := range response.Topics {
			for _, row := range answered.Partitions {
				if err := metadataError(row.ErrorCode); err != nil {
					return nil, err
				}
				offsets[topic.Partition{Topic: answered.Topic, Partition: row.Partition}] = row.Offset
			}
		}
	}
	return offsets, nil
}

// partitionFilter tells whether a partition is asked for.
type partitionFilter func(topic.Partition) bool

func newPartitionFilter(set *command.Set) (partitionFilter, error) {
	values := map[string]string{}
	for _, name := range []string{"topic-partitions", "topic", "partitions"} {
		value, err := set.Value(name)
		if err != nil {
			return nil, err
		}
		values[name] = value
	}
	internal := !set.Has("exclude-internal-topics")
	if set.Has("topic-partitions") {
		return ruleFilter(values["topic-partitions"], internal)
	}
	ids, err := partitionIDs(values["partitions"])
	if err != nil {
		return nil, err
	}
	pattern := ".*"
	if set.Has("topic") {
		pattern = values["topic"]
	}
	topics, err := includeList(pattern, internal)
	if err != nil {
		return nil, err
	}
	return func(partition topic.Partition) bool {
		return topics(partition.Topic) && (len(ids) == 0 || slices.Contains(ids, partition.Partition))
	}, nil
}

func partitionIDs(list string) ([]int32, error) {
	if list == "" {
		return nil, nil
	}
	var ids []int32
	for _, word := range strings.Split(list, ",") {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, command.Throw(command.IllegalArgument, "--partitions expects a comma separated list of numeric partition ids, but received: %s", list)
		}
		ids = append(ids, int32(id))
	}
	return ids, nil
}

// includeList is kafka.utils.IncludeList: a regular expression of whole topic
// names in which a comma means or.
func includeList(pattern string, internal bool) (func(string) bool, error) {
	pattern = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(pattern), ",", "|"), " ", "")
	pattern = strings.Trim(pattern, `"'`)
	expression, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return nil, command.Throw("java.lang.RuntimeException", "%s is an invalid regex.", pattern)
	}
	return func(name string) bool {
		return expression.MatchString(name) && (internal || !topic.IsInternal(name))
	}, nil
}

var partitionRule = regexp.MustCompile(`^([^:,]*)(?::(?:([0-9]*)|(?:([0-9]*)-([0-9]*))))?$`)

// ruleFilter reads --topic-partitions: a partition is asked for when a rule
// matches it.
func ruleFilter(list string, internal bool) (partitionFilter, error) {
	var rules []partitionFilter
	for _, text := range strings.Split(list, ",") {
		rule, err := parsePartitionRule(text, internal)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return func(partition topic.Partition) bool {
		return slices.ContainsFunc(rules, func(rule partitionFilter) bool { return rule(partition) })
	}, nil
}

func parsePartitionRule(text string, internal bool) (partitionFilter, error) {
	groups := partitionRule.FindStringSubmatch(text)
	if groups == nil {
		return nil, command.Throw(command.IllegalArgument, "Invalid rule specification: %s", text)
	}
	topics, err := includeList(cmp.Or(groups[1], ".*"), internal)
	if err != nil {
		return nil, err
	}
	bounds := [3]int64{-1, 0, 1<<31 - 1}
	for i, word := range groups[2:] {
		if word == "" {
			continue
		}
		if bounds[i], err = strconv.ParseInt(word, 10, 32); err != nil {
			return nil, command.Throw("java.lang.NumberFormatException", "For input string: \"%s\"", word)
		}
	}
	exact, low, high := bounds[0], bounds[1], bounds[2]
	return func(partition topic.Partition) bool {
		id := int64(partition.Partition)
		return topics(partition.Topic) && (id == exact || exact < 0 && low <= id && id < high)
	}, nil
}
