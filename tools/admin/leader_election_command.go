package admin

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const leaderElectionBlurb = "This tool attempts to elect a new leader for a set of topic partitions. The type of elections supported are preferred replicas and unclean replicas."

const adminCommandFailed = "kafka.common.AdminCommandFailedException"

var leaderElectionOptions = command.Options{
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "host:port", Doc: "REQUIRED: the brokers to begin with, as host:port with commas between."},
	{Name: "admin.config", Argument: command.Required, ArgName: "config file", Doc: "A properties file for the admin client."},
	{Name: "path-to-json-file", Argument: command.Required, ArgName: "Path to JSON file", Doc: "A JSON file with the partitions to hold elections for, such as:\n{\"partitions\":\n  [{\"topic\": \"foo\", \"partition\": 1},\n   {\"topic\": \"bar\", \"partition\": 2}]\n}\nNot with --all-topic-partitions or --topic."},
	{Name: "topic", Argument: command.Required, ArgName: "topic name", Doc: "The topic of the partition to hold an election for. Not with --path-to-json-file or --all-topic-partitions."},
	{Name: "partition", Argument: command.Required, Type: command.Integer, ArgName: "partition id", Doc: "The number of the partition. REQUIRED with --topic."},
	{Name: "all-topic-partitions", Doc: "Hold elections for all partitions that the type of election is meant for. Not with --topic or --path-to-json-file."},
	{Name: "election-type", Argument: command.Required, Type: "ElectionType", ArgName: "election type", Doc: "REQUIRED: \"preferred\" makes the first replica the leader where another one is, \"unclean\" makes any live replica the leader where there is none."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

// electionTimeout is default.api.timeout.ms of this tool; a request may take half
// of it.
const electionTimeout = 30 * time.Second

// LeaderElectionCommand is kafka.admin.LeaderElectionCommand
// (kafka-leader-election.sh): it has the controller elect leaders of partitions.
func LeaderElectionCommand(args []string, stdout, stderr io.Writer) int {
	return leaderElectionOptions.Run(args, leaderElectionBlurb, stdout, stderr, electLeaders)
}

func electLeaders(set *command.Set, stdout io.Writer) error {
	if err := checkElectionOptions(set); err != nil {
		return err
	}
	kind, err := electionTypeOf(set)
	if err != nil {
		return err
	}
	partitions, err := partitionsToElect(set)
	if err != nil {
		return err
	}
	admin, err := newElectionAdmin(set)
	if err != nil {
		return err
	}
	defer admin.Close()
	results, err := requestElection(admin, kind, partitions)
	if err != nil {
		return electionFailure(err, stdout)
	}
	return reportElection(kind, results, stdout)
}

func checkElectionOptions(set *command.Set) error {
	var missing []string
	for _, name := range []string{"election-type", "bootstrap-server"} {
		if !set.Has(name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) > 0:
		return command.Throw(adminCommandFailed, "Missing required option(s): %s", strings.Join(missing, ", "))
	case set.Count("topic", "all-topic-partitions", "path-to-json-file") != 1:
		return command.Throw(adminCommandFailed, "One and only one of the following options is required: topic, all-topic-partitions, path-to-json-file")
	case set.Has("topic") && !set.Has("partition"):
		return command.Throw(adminCommandFailed, "Missing required option(s): partition")
	case set.Has("partition") && !set.Has("topic"):
		return command.Throw(adminCommandFailed, "Option partition is only allowed if topic is used")
	}
	return nil
}

// electionType is org.apache.kafka.common.ElectionType.
type electionType int8

const (
	preferredElection electionType = iota
	uncleanElection
)

func (e electionType) String() string {
	if e == uncleanElection {
		return "UNCLEAN"
	}
	return "PREFERRED"
}

func electionTypeOf(set *command.Set) (electionType, error) {
	text, err := set.Value("election-type")
	if err != nil {
		return 0, err
	}
	for _, kind := range []electionType{preferredElection, uncleanElection} {
		if strings.EqualFold(text, kind.String()) {
			return kind, nil
		}
	}
	return 0, &command.ParseError{
		Class:   "joptsimple.OptionArgumentConversionException",
		Message: fmt.Sprintf("Cannot parse argument '%s' of option election-type", text),
	}
}

// partitionsToElect gives nil for all partitions.
func partitionsToElect(set *command.Set) ([]topic.Partition, error) {
	path, err := set.Value("path-to-json-file")
	if err != nil {
		return nil, err
	}
	if set.Has("path-to-json-file") {
		text, err := readWholeFile(path)
		if err != nil {
			return nil, err
		}
		return parseElectionData(text)
	}
	name, err := set.Value("topic")
	if err != nil || !set.Has("topic") {
		return nil, err
	}
	number, err := set.Int("partition")
	return []topic.Partition{{Topic: name, Partition: int32(number)}}, err
}

// parseElectionData reads the file of --path-to-json-file.
func parseElectionData(text []byte) ([]topic.Partition, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, command.Throw(adminOperation, "Replica election data is empty")
	}
	fields, err := jsonObject(root)
	if err != nil {
		return nil, err
	}
	list, ok := fields["partitions"]
	if !ok {
		return nil, command.Throw(adminOperation, `Replica election data is missing "partitions" field`)
	}
	rows, err := jsonArray(list)
	if err != nil {
		return nil, err
	}
	partitions := []topic.Partition{}
	for _, row := range rows {
		fields, err := jsonObject(row)
		if err != nil {
			return nil, err
		}
		partition, err := jsonPartition(fields)
		if err != nil {
			return nil, err
		}
		partitions = append(partitions, partition)
	}
	if twice := repeatedItems(partitions, command.PartitionHash); len(twice) > 0 {
		return nil, command.Throw(adminOperation, "Replica election data contains duplicate partitions: %s", jvm.Joined(twice, ","))
	}
	return partitions, nil
}

func newElectionAdmin(set *command.Set) (*command.Admin, error) {
	path, err := set.Value("admin.config")
	if err != nil {
		return nil, err
	}
	properties, err := command.LoadProperties(path)
	if err != nil {
		return nil, err
	}
	servers, err := set.Value("bootstrap-server")
	if err != nil {
		return nil, err
	}
	properties["default.api.timeout.ms"] = fmt.Sprint(electionTimeout.Milliseconds())
	properties["request.timeout.ms"] = fmt.Sprint(electionTimeout.Milliseconds() / 2)
	return command.NewAdmin(servers, properties)
}

func requestElection(admin *command.Admin, kind electionType, partitions []topic.Partition) (map[topic.Partition]error, error) {
	request := kmsg.NewPtrElectLeadersRequest()
	request.ElectionType = int8(kind)
	request.TimeoutMillis = int32(electionTimeout.Milliseconds() / 2)
	if partitions != nil {
		request.Topics = []kmsg.ElectLeadersRequestTopic{}
	}
	for name, numbers := range numbersByTopic(partitions) {
		row := kmsg.NewElectLeadersRequestTopic()
		row.Topic, row.Partitions = name, numbers
		request.Topics = append(request.Topics, row)
	}
	response, err := command.Do[*kmsg.ElectLeadersResponse](admin, request)
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, nil)
	}
	if err != nil {
		return nil, err
	}
	results := map[topic.Partition]error{}
	for _, row := range response.Topics {
		for _, partition := range row.Partitions {
			results[topic.Partition{Topic: row.Topic, Partition: partition.Partition}] = command.ErrorOf(partition.ErrorCode, partition.ErrorMessage)
		}
	}
	return results, nil
}

func numbersByTopic(partitions []topic.Partition) map[string][]int32 {
	numbers := map[string][]int32{}
	for _, partition := range partitions {
		numbers[partition.Topic] = append(numbers[partition.Topic], partition.Partition)
	}
	return numbers
}

func electionFailure(err error, stdout io.Writer) error {
	message := ""
	switch {
	case command.IsTimeout(err), errors.Is(err, kerr.RequestTimedOut):
		message = "Timeout waiting for election results"
	case errors.Is(err, kerr.ClusterAuthorizationFailed):
		message = "Not authorized to perform leader election"
	default:
		return command.Executed(err)
	}
	fmt.Fprintln(stdout, message)
	return &command.Exception{Class: adminCommandFailed, Message: message, Cause: err}
}

func reportElection(kind electionType, results map[topic.Partition]error, stdout io.Writer) error {
	var elected, unneeded, failed []topic.Partition
	for _, partition := range slices.SortedFunc(maps.Keys(results), comparePartitions) {
		switch err := results[partition]; {
		case err == nil:
			elected = append(elected, partition)
		case errors.Is(err, kerr.ElectionNotNeeded):
			unneeded = append(unneeded, partition)
		default:
			failed = append(failed, partition)
		}
	}
	if len(elected) > 0 {
		fmt.Fprintf(stdout, "Successfully completed leader election (%s) for partitions %s\n", kind, joinHashed(elected))
	}
	if len(unneeded) > 0 {
		fmt.Fprintf(stdout, "Valid replica already elected for partitions %s\n", joinHashed(unneeded))
	}
	if len(failed) == 0 {
		return nil
	}
	thrown := &command.Exception{Class: adminCommandFailed, Message: fmt.Sprintf("%d replica(s) could not be elected", len(failed))}
	for _, partition := range jvm.ScalaMutableMapOrder(failed, command.PartitionHash) {
		fmt.Fprintf(stdout, "Error completing leader election (%s) for partition: %s: %s\n", kind, partition, command.ExceptionText(results[partition]))
		thrown.Suppressed = append(thrown.Suppressed, results[partition])
	}
	return thrown
}

// joinHashed lists partitions in the order of Scala's mutable sets.
func joinHashed(partitions []topic.Partition) string {
	return jvm.Joined(jvm.ScalaMutableMapOrder(partitions, command.PartitionHash), ", ")
}
