package console

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

var consumerOptions = command.Options{
	{Name: "topic", Argument: command.Required, ArgName: "topic", Doc: "The topic to read."},
	{Name: "whitelist", Argument: command.Required, ArgName: "Java regex (String)", Doc: "DEPRECATED, use --include instead, which wins when both are given."},
	{Name: "include", Argument: command.Required, ArgName: "Java regex (String)", Doc: "A regular expression of the topics to read."},
	{Name: "partition", Argument: command.Required, Type: command.Integer, ArgName: "partition", Doc: "The partition to read. It is read from its end unless '--offset' says otherwise."},
	{Name: "offset", Argument: command.Required, ArgName: "consume offset", Default: "latest", HasDefault: true, Doc: "The offset to begin at: a number that is not negative, or 'earliest' for the beginning, or 'latest' for the end"},
	{Name: "consumer-property", Argument: command.Required, ArgName: "consumer_prop", Doc: "A setting of the consumer as key=value."},
	{Name: "consumer.config", Argument: command.Required, ArgName: "config file", Doc: "A properties file for the consumer; --consumer-property wins over it."},
	{Name: "formatter", Argument: command.Required, ArgName: "class", Default: defaultFormatterClass, HasDefault: true, Doc: "The class that writes a message out."},
	{Name: "property", Argument: command.Required, ArgName: "prop", Doc: "A setting of the formatter as key=value:\nprint.timestamp=true|false\nprint.key=true|false\nprint.offset=true|false\nprint.partition=true|false\nprint.headers=true|false\nprint.value=true|false\nkey.separator=<key.separator>\nline.separator=<line.separator>\nheaders.separator=<line.separator>\nnull.literal=<null.literal>\nkey.deserializer=<key.deserializer>\nvalue.deserializer=<value.deserializer>\nheaders.deserializer=<headers.deserializer>"},
	{Name: "from-beginning", Doc: "Where the group has no committed offset, begin with the earliest message of the log rather than with the next one."},
	{Name: "max-messages", Argument: command.Required, Type: command.Integer, ArgName: "num_messages", Doc: "How many messages to read before the end. Without it reading goes on."},
	{Name: "timeout-ms", Argument: command.Required, Type: command.Integer, ArgName: "timeout_ms", Doc: "End when no message came for this many milliseconds."},
	{Name: "skip-message-on-error", Doc: "Leave out a message that cannot be written rather than end."},
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "key-deserializer", Argument: command.Required, ArgName: "deserializer for key"},
	{Name: "value-deserializer", Argument: command.Required, ArgName: "deserializer for values"},
	{Name: "enable-systest-events", Doc: "Write the consumer's life cycle to standard output besides the messages. (This is for system tests.)"},
	{Name: "isolation-level", Argument: command.Required, Default: "read_uncommitted", HasDefault: true, Doc: "read_committed leaves out messages of transactions that are not committed; read_uncommitted reads all."},
	{Name: "group", Argument: command.Required, ArgName: "consumer group id", Doc: "The consumer group to read as."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

const consumerBlurb = "This tool helps to read data from Kafka topics and outputs it to standard output."

// consumerSettings are the options of a console consumer, checked.
type consumerSettings struct {
	topic, include     string
	hasTopic           bool
	partition          int32
	hasPartition       bool
	offset             kgo.Offset
	fromBeginning      bool
	maxMessages        int64
	timeout            time.Duration
	skipOnError        bool
	systestEvents      bool
	file, given        map[string]string
	isolation, servers string
	hasIsolation       bool
	formatter          formatter
}

func newConsumerSettings(set *command.Set) (*consumerSettings, error) {
	s := &consumerSettings{
		fromBeginning: set.Has("from-beginning"), skipOnError: set.Has("skip-message-on-error"),
		systestEvents: set.Has("enable-systest-events"), hasPartition: set.Has("partition"),
		hasTopic: set.Has("topic"), hasIsolation: set.Has("isolation-level"), maxMessages: -1,
	}
	for _, step := range []func(*command.Set) error{s.readProperties, s.readLimits, s.readFormatter, s.readTopic, s.readPosition, s.readGroup} {
		if err := step(set); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *consumerSettings) readProperties(set *command.Set) error {
	file, err := set.Value("consumer.config")
	if err != nil {
		return err
	}
	if s.file, err = command.ClientProperties(file, nil); err != nil {
		return err
	}
	s.given = command.KeyValues(set.Values("consumer-property"))
	if s.servers, err = set.Value("bootstrap-server"); err != nil {
		return err
	}
	s.isolation, err = set.Value("isolation-level")
	return err
}

func (s *consumerSettings) readLimits(set *command.Set) error {
	partition, err := set.Int("partition")
	if err != nil {
		return err
	}
	s.partition = int32(partition)
	if set.Has("max-messages") {
		if s.maxMessages, err = set.Int("max-messages"); err != nil {
			return err
		}
	}
	s.timeout = -1
	if set.Has("timeout-ms") {
		milliseconds, err := set.Int("timeout-ms")
		s.timeout = time.Duration(milliseconds) * time.Millisecond
		return err
	}
	return nil
}

func (s *consumerSettings) readFormatter(set *command.Set) error {
	class, err := set.Value("formatter")
	if err != nil {
		return err
	}
	properties := map[string]string{}
	for _, word := range set.Values("property") {
		key, value, _ := strings.Cut(word, "=")
		properties[key] = value
	}
	for _, field := range []string{"key", "value"} {
		if name, err := set.Value(field + "-deserializer"); err != nil {
			return err
		} else if name != "" {
			properties[field+".deserializer"] = name
		}
	}
	s.formatter, err = newFormatter(class, properties)
	return err
}

func (s *consumerSettings) readTopic(set *command.Set) (err error) {
	if s.topic, err = set.Value("topic"); err != nil {
		return err
	}
	include := "include"
	if !set.Has(include) {
		include = "whitelist"
	}
	if s.include, err = set.Value(include); err != nil {
		return err
	}
	if set.Has("topic") == set.Has(include) {
		note := "()"
		if set.Has("whitelist") {
			note = "--whitelist is DEPRECATED use --include instead; ignored if --include specified."
		}
		return command.Usagef("Exactly one of --include/--topic is required. %s", note)
	}
	return nil
}

func (s *consumerSettings) readPosition(set *command.Set) error {
	switch {
	case s.hasPartition && !set.Has("topic"):
		return command.Usagef("The topic is required when partition is specified.")
	case s.hasPartition && s.fromBeginning && set.Has("offset"):
		return command.Usagef("Options from-beginning and offset cannot be specified together.")
	case !s.hasPartition && set.Has("offset"):
		return command.Usagef("The partition is required when offset is specified.")
	}
	offset, err := set.Value("offset")
	if err != nil {
		return err
	}
	if s.offset, err = parseOffset(strings.ToLower(offset)); err != nil {
		return err
	}
	if s.fromBeginning {
		s.offset = kgo.NewOffset().AtStart()
	}
	return set.CheckRequired("bootstrap-server")
}

func parseOffset(text string) (kgo.Offset, error) {
	switch text {
	case "earliest":
		return kgo.NewOffset().AtStart(), nil
	case "latest":
		return kgo.NewOffset().AtEnd(), nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < 0 {
		return kgo.NewOffset(), command.Usagef("The provided offset value '%s' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.", text)
	}
	return kgo.NewOffset().At(number), nil
}

// readGroup takes the group from wherever it is given; a group made up here does
// not commit unless it is told to.
func (s *consumerSettings) readGroup(set *command.Set) error {
	option, err := set.Value("group")
	if err != nil {
		return err
	}
	var groups []string
	for _, group := range []string{option, s.file["group.id"], s.given["group.id"]} {
		if group != "" && !slices.Contains(groups, group) {
			groups = append(groups, group)
		}
	}
	switch {
	case len(groups) > 1:
		return command.Usagef("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. "+
			"Detected group ids: '%s'", strings.Join(groups, "', '"))
	case len(groups) == 1 && s.hasPartition:
		return command.Usagef("Options group and partition cannot be specified together.")
	case len(groups) == 1:
		s.file["group.id"] = groups[0]
		return nil
	}
	s.file["group.id"] = fmt.Sprintf("console-consumer-%d", rand.IntN(100000))
	if s.file["enable.auto.commit"] == "" {
		s.file["enable.auto.commit"] = "false"
	}
	return nil
}

// properties are those of the consumer: of the file, then of the command line.
func (s *consumerSettings) properties() (map[string]string, error) {
	properties := maps.Clone(s.file)
	maps.Copy(properties, s.given)
	reset, given := properties["auto.offset.reset"]
	switch {
	case given && s.fromBeginning && reset != "earliest":
		return nil, &exitError{fmt.Sprintf("Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option", reset)}
	case !given && s.fromBeginning:
		properties["auto.offset.reset"] = "earliest"
	}
	properties["bootstrap.servers"] = s.servers
	if properties["client.id"] == "" {
		properties["client.id"] = "console-consumer"
	}
	if s.hasIsolation || properties["isolation.level"] == "" {
		properties["isolation.level"] = s.isolation
	}
	return properties, nil
}

// exitError ends the tool with its message alone.
type exitError struct{ message string }

func (e *exitError) Error() string { return e.message }

// subscription are the client options of what to read. A partition given is read
// without the group, which the Java consumer only names.
func (s *consumerSettings) subscription() ([]kgo.Opt, error) {
	switch {
	case s.hasPartition:
		return []kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: {s.partition: s.offset}})}, nil
	case s.hasTopic:
		return []kgo.Opt{kgo.ConsumeTopics(s.topic)}, nil
	}
	if _, err := regexp.Compile(s.include); err != nil {
		return nil, command.Throw("java.util.regex.PatternSyntaxException", "%s", err)
	}
	return []kgo.Opt{kgo.ConsumeRegex(), kgo.ConsumeTopics("^(?:" + s.include + ")$")}, nil
}
