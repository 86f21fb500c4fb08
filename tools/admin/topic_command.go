// Package admin has the administrative tools, as kafka.admin.
package admin

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// What kafka-topics says without arguments, and with --help.
const (
	topicEmptyBlurb = "Create, delete, describe, or change a topic."
	topicBlurb      = "This tool helps to create, delete, describe, or change a topic."
)

var topicOptions = command.Options{
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "command-config", Argument: command.Required, ArgName: "command config property file", Doc: "A properties file for the admin client."},
	{Name: "list", Doc: "List the topics there are."},
	{Name: "create", Doc: "Create a topic."},
	{Name: "delete", Doc: "Delete a topic."},
	{Name: "alter", Doc: "Give a topic more partitions."},
	{Name: "describe", Doc: "Show what is known of the given topics."},
	{Name: "topic", Argument: command.Required, ArgName: "topic", Doc: "The topic to create, alter, describe or delete. All but --create also take a regular expression; put it in double quotes and escape a literal dot as \"test\\.topic\"."},
	{Name: "topic-id", Argument: command.Required, ArgName: "topic-id", Doc: "The id of the topic to describe."},
	{Name: "config", Argument: command.Required, ArgName: "name=value", Doc: topicConfigDoc()},
	{Name: "delete-config", Argument: command.Required, ArgName: "name", Doc: "An override to take off the topic. Not with --bootstrap-server."},
	{Name: "partitions", Argument: command.Required, Type: command.Integer, ArgName: "# of partitions", Doc: "How many partitions the topic is created with or altered to. More partitions change which partition a key goes to. Without it the cluster's default holds."},
	{Name: "replication-factor", Argument: command.Required, Type: command.Integer, ArgName: "replication factor", Doc: "How many replicas each partition is created with. Without it the cluster's default holds."},
	{Name: "replica-assignment", Argument: command.Required, ArgName: "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...", Doc: "The brokers of each partition, by hand."},
	{Name: "under-replicated-partitions", Doc: "With --describe: only partitions with fewer replicas in sync than they have."},
	{Name: "unavailable-partitions", Doc: "With --describe: only partitions without a live leader."},
	{Name: "under-min-isr-partitions", Doc: "With --describe: only partitions with fewer replicas in sync than min.insync.replicas."},
	{Name: "at-min-isr-partitions", Doc: "With --describe: only partitions with just as many replicas in sync as min.insync.replicas."},
	{Name: "topics-with-overrides", Doc: "With --describe: only topics with settings of their own."},
	{Name: "if-exists", Doc: "With --alter, --delete or --describe: do nothing when the topic does not exist."},
	{Name: "if-not-exists", Doc: "With --create: do nothing when the topic exists."},
	{Name: "disable-rack-aware", Doc: "Accepted for old scripts; the broker places replicas."},
	{Name: "exclude-internal", Doc: "With --list or --describe: leave internal topics out."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

func topicConfigDoc() string {
	var names []string
	for _, row := range config.TopicDef.Rows() {
		names = append(names, row.Name)
	}
	slices.Sort(names)
	return "A setting of the topic to create. The settings are:\n\t" + strings.Join(names, "\n\t")
}

// TopicCommand is kafka.admin.TopicCommand (kafka-topics.sh).
func TopicCommand(args []string, stdout, stderr io.Writer) int {
	set, err := topicOptions.Parse(args)
	if err != nil {
		return command.DieOfParse(err, stderr)
	}
	blurb := topicBlurb
	if len(args) == 0 {
		blurb = topicEmptyBlurb
	}
	if code, done := topicOptions.HelpOrVersion(set, args, blurb, stdout, stderr); done {
		return code
	}
	admin, err := connectForTopics(set, stdout)
	switch {
	case command.IsUsage(err):
		return topicOptions.Die(err, stderr)
	case err != nil:
		return command.DieOfParse(err, stderr)
	}
	defer admin.Close()
	service := &topicService{admin, set, stdout}
	if err := service.run(); err != nil {
		fmt.Fprintln(stdout, "Error while executing topic command : "+err.Error())
		logging.For("kafka.admin.TopicCommand$").Error(command.ExceptionText(err) + "\n")
		return 1
	}
	return 0
}

func connectForTopics(set *command.Set, stdout io.Writer) (*command.Admin, error) {
	if err := checkTopicOptions(set, stdout); err != nil {
		return nil, err
	}
	return adminOf(set)
}

var topicActions = []string{"create", "list", "alter", "describe", "delete"}

func checkTopicOptions(set *command.Set, stdout io.Writer) error {
	actions := 0
	for _, action := range topicActions {
		if set.Has(action) {
			actions++
		}
	}
	if actions != 1 {
		return command.Usagef("Command must include exactly one action: --list, --describe, --create, --alter or --delete")
	}
	if !set.Has("bootstrap-server") {
		return command.Throw(command.IllegalArgument, "--bootstrap-server must be specified")
	}
	if set.Has("describe") && set.Has("if-exists") && !set.Has("topic") && !set.Has("topic-id") {
		return command.Usagef("--topic or --topic-id is required to describe a topic")
	}
	if set.Has("describe") && set.Has("if-exists") && set.Has("topic") && set.Has("topic-id") {
		fmt.Fprintln(stdout, "Only topic id will be used when both --topic and --topic-id are specified and topicId is not Uuid.ZERO_UUID")
	}
	return checkTopicOptionSets(set)
}

func checkTopicOptionSets(set *command.Set) error {
	if !set.Has("list") && !set.Has("describe") {
		if err := set.CheckRequired("topic"); err != nil {
			return err
		}
	}
	if set.Has("alter") {
		if set.Has("config") {
			return command.Usagef("Option combination \"[bootstrap-server],[config]\" can't be used with option \"[alter]\"%s",
				" (the kafka-configs CLI supports altering topic configs with a --bootstrap-server option)")
		}
		if err := set.CheckRequired("partitions"); err != nil {
			return err
		}
	}
	if set.Has("create") {
		if err := set.CheckInvalid("replica-assignment", "partitions", "replication-factor"); err != nil {
			return err
		}
	}
	allowed := []struct {
		option  string
		actions []string
	}{
		{"config", []string{"alter", "create"}}, {"delete-config", []string{"alter"}}, {"partitions", []string{"alter", "create"}},
		{"replication-factor", []string{"create"}}, {"replica-assignment", []string{"alter", "create"}},
		{"under-replicated-partitions", []string{"describe"}}, {"under-min-isr-partitions", []string{"describe"}},
		{"at-min-isr-partitions", []string{"describe"}}, {"unavailable-partitions", []string{"describe"}},
		{"topics-with-overrides", []string{"describe"}}, {"if-exists", []string{"alter", "delete", "describe"}},
		{"if-not-exists", []string{"create"}}, {"exclude-internal", []string{"list", "describe"}},
	}
	for _, rule := range allowed {
		if err := set.CheckInvalid(rule.option, without(topicActions, rule.actions)...); err != nil {
			return err
		}
	}
	if set.Has("delete-config") {
		return set.CheckInvalid("delete-config", "bootstrap-server")
	}
	return checkReports(set)
}

var topicReports = []string{"under-replicated-partitions", "under-min-isr-partitions", "at-min-isr-partitions", "unavailable-partitions", "topics-with-overrides"}

func checkReports(set *command.Set) error {
	for _, report := range topicReports {
		if err := set.CheckInvalid(report, without(topicReports, []string{report})...); err != nil {
			return err
		}
	}
	return nil
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(some, name) })
}

// topicService runs one action, as TopicCommand.TopicService.
type topicService struct {
	admin  *command.Admin
	set    *command.Set
	stdout io.Writer
}

func (s *topicService) run() error {
	switch {
	case s.set.Has("create"):
		return s.create()
	case s.set.Has("alter"):
		return s.alter()
	case s.set.Has("list"):
		return s.list()
	case s.set.Has("describe"):
		return s.describe()
	}
	return s.delete()
}

func (s *topicService) create() error {
	name, err := s.set.Value("topic")
	if err != nil {
		return err
	}
	if strings.ContainsAny(name, "._") {
		fmt.Fprintln(s.stdout, "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both.")
	}
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = name, -1, -1
	if err := s.readShape(&wanted); err != nil {
		return err
	}
	if wanted.Configs, err = s.readConfigs(); err != nil {
		return err
	}
	if name == "" {
		return command.Throw("org.apache.kafka.common.errors.InvalidTopicException", "The given topic name '' cannot be represented in a request.")
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	request.Topics = []kmsg.CreateTopicsRequestTopic{wanted}
	response, err := command.Do[*kmsg.CreateTopicsResponse](s.admin, request)
	if err != nil {
		return err
	}
	for _, created := range response.Topics {
		if err := command.ErrorOf(created.ErrorCode, created.ErrorMessage); err != nil {
			if errors.Is(err, kerr.TopicAlreadyExists) && s.set.Has("if-not-exists") {
				return nil
			}
			return err
		}
	}
	fmt.Fprintf(s.stdout, "Created topic %s.\n", name)
	return nil
}

func (s *topicService) readShape(wanted *kmsg.CreateTopicsRequestTopic) error {
	if s.set.Has("replication-factor") {
		factor, err := s.set.Int("replication-factor")
		if err != nil {
			return err
		}
		if factor < 1 || factor > 32767 {
			return illegal("The replication factor must be between 1 and 32767 inclusive")
		}
		wanted.ReplicationFactor = int16(factor)
	}
	if s.set.Has("partitions") {
		partitions, err := s.set.Int("partitions")
		if err != nil {
			return err
		}
		if partitions < 1 {
			return illegal("The partitions must be greater than 0")
		}
		wanted.NumPartitions = int32(partitions)
	}
	assignment, err := s.readAssignment()
	for partition, replicas := range assignment {
		row := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		row.Partition, row.Replicas = int32(partition), replicas
		wanted.ReplicaAssignment = append(wanted.ReplicaAssignment, row)
	}
	return err
}

// readAssignment reads --replica-assignment: partitions by ',', brokers by ':'.
func (s *topicService) readAssignment() ([][]int32, error) {
	text, err := s.set.Value("replica-assignment")
	if err != nil || text == "" {
		return nil, err
	}
	var assignment [][]int32
	for partition, list := range strings.Split(text, ",") {
		var replicas []int32
		for _, word := range strings.Split(list, ":") {
			id, err := strconv.ParseInt(strings.TrimSpace(word), 10, 32)
			if err != nil {
				return nil, command.Throw("java.lang.NumberFormatException", "For input string: \"%s\"", strings.TrimSpace(word))
			}
			if slices.Contains(replicas, int32(id)) {
				return nil, command.Throw("kafka.common.AdminCommandFailedException", "Partition replica lists may not contain duplicate entries: %d", id)
			}
			replicas = append(replicas, int32(id))
		}
		if partition > 0 && len(replicas) != len(assignment[0]) {
			return nil, command.Throw("kafka.admin.AdminOperationException", "Partition %d has different replication factor: %v", partition, replicas)
		}
		assignment = append(assignment, replicas)
	}
	return assignment, nil
}

var configSeparator = regexp.MustCompile(`\s*=\s*`)

func (s *topicService) readConfigs() ([]kmsg.CreateTopicsRequestTopicConfig, error) {
	given := map[string]string{}
	var configs []kmsg.CreateTopicsRequestTopicConfig
	for _, word := range s.set.Values("config") {
		pair := configSeparator.Split(word, -1)
		if len(pair) != 2 || pair[0] == "" || pair[1] == "" {
			return nil, illegal(`requirement failed: Invalid topic config: all configs to be added must be in the format "key=val".`)
		}
		row := kmsg.NewCreateTopicsRequestTopicConfig()
		row.Name, row.Value = strings.TrimSpace(pair[0]), kmsg.StringPtr(strings.TrimSpace(pair[1]))
		given[row.Name] = *row.Value
		configs = append(configs, row)
	}
	if err := config.ValidateTopicConfig(given); err != nil {
		return nil, configException(err)
	}
	if version, ok := given["message.format.version"]; ok {
		fmt.Fprintf(s.stdout, messageFormatWarning, version)
	}
	return configs, nil
}

// configException gives an error of a setting the class that Kafka has for it.
func configException(err error) error {
	if strings.HasPrefix(err.Error(), "Unknown topic config name") {
		return command.Throw(command.InvalidConfiguration, "%s", err)
	}
	return command.Throw("org.apache.kafka.common.config.ConfigException", "%s", err)
}

func (s *topicService) list() error {
	names, err := s.topics()
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stdout, strings.Join(names, "\n"))
	return nil
}

// topics returns the names that --topic lets through, sorted.
func (s *topicService) topics() ([]string, error) {
	metadata, err := s.admin.Topics(nil)
	if err != nil {
		return nil, err
	}
	filter, err := s.filter()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, found := range metadata.Topics {
		internal := topic.IsInternal(*found.Topic)
		if filter.MatchString(*found.Topic) && !(internal && s.set.Has("exclude-internal")) {
			names = append(names, *found.Topic)
		}
	}
	slices.Sort(names)
	return names, nil
}

// filter is the regular expression of --topic as kafka.utils.IncludeList reads it.
func (s *topicService) filter() (*regexp.Regexp, error) {
	text, err := s.set.Value("topic")
	if err != nil {
		return nil, err
	}
	if !s.set.Has("topic") {
		return regexp.MustCompile(""), nil
	}
	text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), ",", "|"), " ", "")
	text = strings.Trim(text, `"'`)
	filter, err := regexp.Compile("^(?:" + text + ")$")
	if err != nil {
		return nil, command.Throw("java.lang.RuntimeException", "%s is an invalid regex.", text)
	}
	return filter, nil
}

func (s *topicService) existing() ([]string, error) {
	names, err := s.topics()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 && s.set.Has("topic") && !s.set.Has("if-exists") {
		wanted, _ := s.set.Value("topic")
		return nil, illegal("Topic '%s' does not exist as expected", wanted)
	}
	return names, nil
}

func (s *topicService) alter() error {
	names, err := s.existing()
	if err != nil || len(names) == 0 {
		return err
	}
	count, err := s.set.Int("partitions")
	if err != nil {
		return err
	}
	assignment, err := s.readAssignment()
	if err != nil {
		return err
	}
	metadata, err := s.admin.Topics(names)
	if err != nil {
		return err
	}
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	for _, found := range metadata.Topics {
		row := kmsg.NewCreatePartitionsRequestTopic()
		row.Topic, row.Count = *found.Topic, int32(count)
		for _, replicas := range assignment[min(len(found.Partitions), len(assignment)):] {
			added := kmsg.NewCreatePartitionsRequestTopicAssignment()
			added.Replicas = replicas
			row.Assignment = append(row.Assignment, added)
		}
		request.Topics = append(request.Topics, row)
	}
	response, err := command.Do[*kmsg.CreatePartitionsResponse](s.admin, request)
	if err != nil {
		return err
	}
	for _, altered := range response.Topics {
		if err := command.ErrorOf(altered.ErrorCode, altered.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}

func (s *topicService) delete() error {
	names, err := s.existing()
	if err != nil || len(names) == 0 {
		return err
	}
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	for _, name := range names {
		row := kmsg.NewDeleteTopicsRequestTopic()
		row.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, row)
		request.TopicNames = append(request.TopicNames, name)
	}
	response, err := command.Do[*kmsg.DeleteTopicsResponse](s.admin, request)
	if err != nil {
		return err
	}
	for _, deleted := range response.Topics {
		if err := command.ErrorOf(deleted.ErrorCode, deleted.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
