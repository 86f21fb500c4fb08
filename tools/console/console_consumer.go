package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/config/logging"
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
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Mandatory: true, Doc: "REQUIRED: the brokers to begin with."},
	{Name: "key-deserializer", Argument: command.Required, ArgName: "deserializer for key"},
	{Name: "value-deserializer", Argument: command.Required, ArgName: "deserializer for values"},
	{Name: "enable-systest-events", Doc: "Write the consumer's life cycle to standard output besides the messages. (This is for system tests.)"},
	{Name: "isolation-level", Argument: command.Required, Default: "read_uncommitted", HasDefault: true, Doc: "read_committed leaves out messages of transactions that are not committed; read_uncommitted reads all."},
	{Name: "group", Argument: command.Required, ArgName: "consumer group id", Doc: "The consumer group to read as."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

const consumerBlurb = "This tool helps to read data from Kafka topics and outputs it to standard output."

// pollGrace is how long the first poll of a consumer with --timeout-ms may take
// at least, so that joining the group is not taken for silence.
const closeTimeout = 5 * time.Second

// ConsoleConsumer is kafka.tools.ConsoleConsumer: it writes the messages of a
// topic to stdout until it is stopped and returns the exit code.
func ConsoleConsumer(args []string, stdout, stderr io.Writer) int {
	set, err := consumerOptions.Parse(args)
	if err != nil {
		return consumerOptions.Die(&command.UsageError{Message: err.Error()}, stderr)
	}
	if code, done := consumerOptions.HelpOrVersion(set, args, consumerBlurb, stdout, stderr); done {
		return code
	}
	settings, err := newConsumerSettings(set)
	var parseError *command.ParseError
	if errors.As(err, &parseError) {
		err = &command.UsageError{Message: err.Error()}
	}
	if err != nil {
		return consumerOptions.Die(err, stderr)
	}
	consumer, err := settings.open(stdout, stderr)
	if err != nil {
		return consumerOptions.Die(err, stderr)
	}
	return consumer.run()
}

// consumerSettings are the options of a console consumer, checked.
type consumerSettings struct {
	topic, include string
	partition      int32
	hasPartition   bool
	offset         kgo.Offset
	fromBeginning  bool
	maxMessages    int64
	timeout        time.Duration
	skipOnError    bool
	systestEvents  bool
	group          string
	properties     map[string]string
	formatter      formatter
}

func newConsumerSettings(set *command.Set) (*consumerSettings, error) {
	s := &consumerSettings{
		fromBeginning: set.Has("from-beginning"), skipOnError: set.Has("skip-message-on-error"),
		systestEvents: set.Has("enable-systest-events"), hasPartition: set.Has("partition"), maxMessages: -1,
	}
	for _, step := range []func(*command.Set) error{s.readTopic, s.readPosition, s.readLimits, s.readProperties, s.readGroup, s.readFormatter} {
		if err := step(set); err != nil {
			return nil, err
		}
	}
	return s, nil
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
	if (s.topic == "") == (s.include == "") {
		return command.Usagef("Exactly one of --include/--topic is required. ")
	}
	if _, err := regexp.Compile(s.include); err != nil {
		return fmt.Errorf("%s is an invalid regex.", s.include) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

func (s *consumerSettings) readPosition(set *command.Set) error {
	partition, err := set.Int("partition")
	if err != nil {
		return err
	}
	s.partition = int32(partition)
	offset, err := set.Value("offset")
	switch {
	case err != nil:
		return err
	case s.hasPartition && !set.Has("topic"):
		return command.Usagef("The topic is required when partition is specified.")
	case s.fromBeginning && set.Has("offset"):
		return command.Usagef("Options from-beginning and offset cannot be specified together.")
	case set.Has("offset") && !s.hasPartition:
		return command.Usagef("The partition is required when offset is specified.")
	}
	switch strings.ToLower(offset) {
	case "earliest":
		s.offset = kgo.NewOffset().AtStart()
	case "latest":
		s.offset = kgo.NewOffset().AtEnd()
	default:
		number, err := strconv.ParseInt(offset, 10, 64)
		if err != nil || number < 0 {
			return command.Usagef("The provided offset value '%s' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long.", offset)
		}
		s.offset = kgo.NewOffset().At(number)
	}
	if s.fromBeginning {
		s.offset = kgo.NewOffset().AtStart()
	}
	return nil
}

func (s *consumerSettings) readLimits(set *command.Set) error {
	if set.Has("max-messages") {
		number, err := set.Int("max-messages")
		if err != nil {
			return err
		}
		s.maxMessages = number
	}
	timeout, err := set.Int("timeout-ms")
	s.timeout = time.Duration(timeout) * time.Millisecond
	return err
}

func (s *consumerSettings) readProperties(set *command.Set) error {
	file, err := set.Value("consumer.config")
	if err != nil {
		return err
	}
	if s.properties, err = command.ClientProperties(file, set.Values("consumer-property")); err != nil {
		return err
	}
	if s.properties["bootstrap.servers"], err = set.Value("bootstrap-server"); err != nil {
		return err
	}
	if s.properties["client.id"] == "" {
		s.properties["client.id"] = "console-consumer"
	}
	isolation, err := set.Value("isolation-level")
	if err != nil {
		return err
	}
	if set.Has("isolation-level") || s.properties["isolation.level"] == "" {
		s.properties["isolation.level"] = isolation
	}
	reset := s.properties["auto.offset.reset"]
	if s.fromBeginning && reset != "" && reset != "earliest" {
		return fmt.Errorf("Can't simultaneously specify --from-beginning and 'auto.offset.reset=%s', please remove one option", reset) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

func (s *consumerSettings) readGroup(set *command.Set) error {
	given := map[string]bool{}
	option, err := set.Value("group")
	if err != nil {
		return err
	}
	for _, group := range []string{option, s.properties["group.id"], command.KeyValues(set.Values("consumer-property"))["group.id"]} {
		if group != "" {
			given[group] = true
			s.group = group
		}
	}
	if len(given) > 1 {
		return command.Usagef("The group ids provided in different places (directly using '--group', via '--consumer-property', or via '--consumer.config') do not match. Detected group ids: %s", joinQuoted(given))
	}
	if s.hasPartition {
		if s.group != "" {
			return command.Usagef("Options group and partition cannot be specified together.")
		}
		return nil
	}
	if s.group == "" {
		s.group = fmt.Sprintf("console-consumer-%d", rand.IntN(100000))
		if s.properties["enable.auto.commit"] == "" {
			s.properties["enable.auto.commit"] = "false"
		}
	}
	return nil
}

func joinQuoted(names map[string]bool) string {
	var quoted []string
	for name := range names {
		quoted = append(quoted, "'"+name+"'")
	}
	return strings.Join(quoted, ", ")
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

func (s *consumerSettings) clientOptions() []kgo.Opt {
	reset := s.offset
	if s.properties["auto.offset.reset"] == "earliest" {
		reset = kgo.NewOffset().AtStart()
	}
	options := []kgo.Opt{
		kgo.ConsumeResetOffset(reset), kgo.FetchMaxWait(500 * time.Millisecond), kgo.KeepControlRecords(),
		kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100 * time.Millisecond),
	}
	if s.properties["isolation.level"] == "read_committed" {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	if s.hasPartition {
		return append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.topic: {s.partition: s.offset}}))
	}
	options = append(options, kgo.ConsumerGroup(s.group), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll())
	if s.include != "" {
		return append(options, kgo.ConsumeRegex(), kgo.ConsumeTopics("^("+s.include+")$"))
	}
	return append(options, kgo.ConsumeTopics(s.topic))
}

func (s *consumerSettings) open(stdout, stderr io.Writer) (*consoleConsumer, error) {
	client, err := command.NewClient(command.Consumer, s.properties, s.clientOptions()...)
	if err != nil {
		return nil, err
	}
	return &consoleConsumer{
		consumerSettings: s, client: client, stdout: bufio.NewWriterSize(stdout, 64<<10), stderr: stderr,
		autoCommit: s.group != "" && s.properties["enable.auto.commit"] != "false",
	}, nil
}

type consoleConsumer struct {
	*consumerSettings
	client     *kgo.Client
	stdout     *bufio.Writer
	stderr     io.Writer
	autoCommit bool
	count      int64
	lastCommit time.Time
}

// run reads until a limit, a signal or an error, then closes the consumer and
// says how many messages were read.
func (c *consoleConsumer) run() int {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case caught := <-signals:
			stop(stoppedBy{caught})
		case <-ctx.Done():
		}
	})
	code := c.consume(ctx)
	var stopped stoppedBy
	if errors.As(context.Cause(ctx), &stopped) {
		code = command.SignalExitCode(stopped.signal)
	}
	stop(nil)
	signal.Stop(signals)
	waiting.Wait()
	c.close()
	fmt.Fprintf(c.stderr, "Processed a total of %d messages\n", c.count)
	if c.systestEvents {
		fmt.Fprintln(c.stdout, "shutdown_complete")
	}
	_ = c.stdout.Flush()
	return code
}

type stoppedBy struct{ signal os.Signal }

func (s stoppedBy) Error() string { return s.signal.String() }

func (c *consoleConsumer) consume(ctx context.Context) int {
	for c.maxMessages < 0 || c.count < c.maxMessages {
		fetches, err := c.poll(ctx)
		if ctx.Err() != nil {
			return 0
		}
		if err != nil {
			consumerLog().Errorf("Error processing message, terminating consumer process: %v", err)
			return 0
		}
		if err := fatalError(fetches); err != nil {
			consumerLog().Errorf("Unknown error when running consumer: %v", err)
			return 1
		}
		if stop, code := c.write(fetches); stop {
			return code
		}
		c.commitEvery(ctx, 5*time.Second)
		if c.group != "" {
			c.client.AllowRebalance()
		}
	}
	return 0
}

func consumerLog() interface{ Errorf(string, ...any) } {
	return logging.For("kafka.tools.ConsoleConsumer$")
}

var errPollTimeout = errors.New("org.apache.kafka.common.errors.TimeoutException")

func (c *consoleConsumer) poll(ctx context.Context) (kgo.Fetches, error) {
	if c.timeout <= 0 {
		return c.client.PollFetches(ctx), nil
	}
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	for {
		fetches := c.client.PollFetches(bounded)
		if fetches.NumRecords() > 0 || ctx.Err() != nil {
			return fetches, nil
		}
		if bounded.Err() != nil {
			return nil, errPollTimeout
		}
		if err := fatalError(fetches); err != nil {
			return fetches, nil
		}
	}
}

func fatalError(fetches kgo.Fetches) error {
	for _, failed := range fetches.Errors() {
		if !errors.Is(failed.Err, context.DeadlineExceeded) && !errors.Is(failed.Err, context.Canceled) {
			return failed.Err
		}
	}
	return nil
}

// write formats the records; stop tells that reading is to end with that code.
func (c *consoleConsumer) write(fetches kgo.Fetches) (stop bool, code int) {
	for records := fetches.RecordIter(); !records.Done(); {
		record := records.Next()
		if record.Attrs.IsControl() {
			c.client.MarkCommitRecords(record)
			continue
		}
		if c.maxMessages >= 0 && c.count >= c.maxMessages {
			break
		}
		c.count++
		if err := c.formatter.write(record, c.stdout); err != nil {
			if !c.skipOnError {
				fmt.Fprintln(c.stderr, err)
				return true, 1
			}
			consumerLog().Errorf("Error processing message, skipping this message: %v", err)
		}
		c.client.MarkCommitRecords(record)
	}
	if err := c.stdout.Flush(); err != nil {
		fmt.Fprintln(c.stderr, "Unable to write to standard out, closing consumer.")
		return true, 0
	}
	return false, 0
}

func (c *consoleConsumer) commitEvery(ctx context.Context, interval time.Duration) {
	if !c.autoCommit || time.Since(c.lastCommit) < interval {
		return
	}
	c.lastCommit = time.Now()
	_ = c.client.CommitMarkedOffsets(ctx)
}

func (c *consoleConsumer) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if c.autoCommit {
		_ = c.client.CommitMarkedOffsets(ctx)
	}
	if c.group != "" {
		c.client.AllowRebalance()
		_ = c.client.LeaveGroupContext(ctx)
	}
	c.client.Close()
}
