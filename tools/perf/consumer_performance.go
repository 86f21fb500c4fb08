package perf

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

const consumerBlurb = "This tool helps in performance test for the full zookeeper consumer"

func consumerOptions() command.Options {
	return command.Options{
		{Name: "messages", Argument: command.Required, Type: command.Long, ArgName: "count", Doc: "REQUIRED: how many messages to read."},
		{Name: "reporting-interval", Argument: command.Required, Type: command.Integer, ArgName: "interval_ms", Default: "5000", HasDefault: true, Doc: "Milliseconds between two lines of --show-detailed-stats."},
		{Name: "date-format", Argument: command.Required, ArgName: "date format", Default: "yyyy-MM-dd HH:mm:ss:SSS", HasDefault: true, Doc: "How times are written, as a pattern of java.text.SimpleDateFormat."},
		{Name: "hide-header", Doc: "Leave the line with the names of the columns out."},
		{Name: "broker-list", Argument: command.Required, ArgName: "broker-list", Doc: "DEPRECATED, use --bootstrap-server instead, which wins when both are given."},
		{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Doc: "REQUIRED unless --broker-list(deprecated) is given. The brokers to begin with."},
		{Name: "topic", Argument: command.Required, ArgName: "topic", Doc: "REQUIRED: the topic to read."},
		{Name: "group", Argument: command.Required, ArgName: "gid", Default: fmt.Sprintf("perf-consumer-%d", rand.IntN(100000)), HasDefault: true, Doc: "The consumer group to read as."},
		{Name: "fetch-size", Argument: command.Required, Type: command.Integer, ArgName: "size", Default: "1048576", HasDefault: true, Doc: "How many bytes of a partition to fetch at once."},
		{Name: "from-latest", Doc: "Where the group has no committed offset, begin with the next message rather than with the earliest of the log."},
		{Name: "socket-buffer-size", Argument: command.Required, Type: command.Integer, ArgName: "size", Default: "2097152", HasDefault: true, Doc: "The receive buffer of a connection in bytes."},
		{Name: "threads", Argument: command.Required, Type: command.Integer, ArgName: "count", Default: "10", HasDefault: true, Doc: "DEPRECATED AND IGNORED."},
		{Name: "num-fetch-threads", Argument: command.Required, Type: command.Integer, ArgName: "count", Default: "1", HasDefault: true, Doc: "DEPRECATED AND IGNORED."},
		{Name: "consumer.config", Argument: command.Required, ArgName: "config file", Doc: "A properties file for the consumer."},
		{Name: "print-metrics", Doc: "Print the metrics at the end."},
		{Name: "show-detailed-stats", Doc: "Print a line in every reporting-interval."},
		{Name: "timeout", Argument: command.Optional, Type: command.Long, ArgName: "milliseconds", Default: "10000", HasDefault: true, Doc: "End when no record came for this many milliseconds."},
		{Name: "help", Help: true, Doc: "Print usage information."},
		{Name: "version", Help: true, Doc: "Display Kafka version."},
	}
}

// ConsumerPerformance is kafka.tools.ConsumerPerformance
// (kafka-consumer-perf-test.sh): it reads records and reports the rate.
func ConsumerPerformance(args []string, stdout, stderr io.Writer) int {
	options := consumerOptions()
	set, err := options.Parse(args)
	if err == nil {
		err = set.RequireUnless("bootstrap-server", "broker-list")
	}
	if err != nil {
		return options.Die(command.AsUsage(err), stderr)
	}
	if set.Has("threads") || set.Has("num-fetch-threads") {
		fmt.Fprintln(stdout, "WARNING: option [threads] and [num-fetch-threads] have been deprecated and will be ignored by the test")
	}
	if code, done := options.HelpOrVersion(set, args, consumerBlurb, stdout, stderr); done {
		return code
	}
	run, err := newConsumerRun(set, stdout)
	if err == nil {
		err = run.run()
	}
	return options.End(err, stderr)
}

// consumerRun is a command line of ConsumerPerformance, checked.
type consumerRun struct {
	out        io.Writer
	topic      string
	messages   int64
	interval   time.Duration
	timeout    time.Duration
	date       *dateFormat
	hideHeader bool
	detailed   bool
	metrics    *clientMetrics
	properties map[string]string
	joins      joinTimes
}

func newConsumerRun(set *command.Set, out io.Writer) (*consumerRun, error) {
	if err := set.CheckRequired("topic", "messages"); err != nil {
		return nil, err
	}
	r := &consumerRun{out: out, hideHeader: set.Has("hide-header"), detailed: set.Has("show-detailed-stats")}
	var err error
	if r.properties, err = consumerProperties(set); err != nil {
		return nil, err
	}
	if set.Has("print-metrics") {
		r.metrics = newClientMetrics(r.properties["client.id"])
		r.metrics.group = "consumer-metrics"
	}
	if r.topic, err = set.Value("topic"); err != nil {
		return nil, err
	}
	if r.messages, err = set.Int("messages"); err != nil {
		return nil, err
	}
	interval, err := set.Int("reporting-interval")
	if err != nil {
		return nil, err
	}
	if interval <= 0 {
		return nil, command.Throw(command.IllegalArgument, "Reporting interval must be greater than 0.")
	}
	r.interval = time.Duration(interval) * time.Millisecond
	pattern, err := set.Value("date-format")
	if err != nil {
		return nil, err
	}
	if r.date, err = newDateFormat(pattern); err != nil {
		return nil, err
	}
	timeout, err := set.Int("timeout")
	if err != nil {
		timeout = 10000 // a word that is no number is no value of an optional argument
	}
	r.timeout = time.Duration(timeout) * time.Millisecond
	return r, nil
}

func consumerProperties(set *command.Set) (map[string]string, error) {
	file, err := set.Value("consumer.config")
	if err != nil {
		return nil, err
	}
	properties, err := command.LoadProperties(file)
	if err != nil {
		return nil, err
	}
	servers := "bootstrap-server"
	if !set.Has(servers) {
		servers = "broker-list"
	}
	for option, key := range map[string]string{
		servers: "bootstrap.servers", "group": "group.id", "socket-buffer-size": "receive.buffer.bytes", "fetch-size": "max.partition.fetch.bytes",
	} {
		if properties[key], err = set.Value(option); err != nil {
			return nil, err
		}
	}
	for _, option := range []string{"socket-buffer-size", "fetch-size", "threads", "num-fetch-threads"} {
		if _, err := set.Int(option); err != nil {
			return nil, err
		}
	}
	properties["auto.offset.reset"] = "earliest"
	if set.Has("from-latest") {
		properties["auto.offset.reset"] = "latest"
	}
	properties["check.crcs"] = "false"
	if properties["client.id"] == "" {
		properties["client.id"] = "perf-consumer-client"
	}
	return properties, nil
}

// joinTimes measures how long the group took to assign partitions.
type joinTimes struct {
	mu            sync.Mutex // protects what follows
	start         time.Time
	total, recent int64
}

func (j *joinTimes) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.start = time.Now()
}

func (j *joinTimes) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	elapsed := time.Now().UnixMilli() - j.start.UnixMilli()
	j.total += elapsed
	j.recent += elapsed
}

// takeRecent is the time since it was last asked for, in milliseconds.
func (j *joinTimes) takeRecent() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	recent := j.recent
	j.recent = 0
	return recent
}

func (j *joinTimes) all() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.total
}

func (r *consumerRun) open() (*kgo.Client, error) {
	options, err := command.ConsumerOptions(r.properties)
	if err != nil {
		return nil, err
	}
	options = append(options,
		kgo.ConsumeTopics(r.topic),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { r.joins.end() }),
		kgo.OnPartitionsRevoked(func(context.Context, *kgo.Client, map[string][]int32) { r.joins.begin() }),
	)
	if r.metrics != nil {
		options = append(options, kgo.WithHooks(r.metrics))
	}
	return command.NewClient(command.Consumer, r.properties, options...)
}

func (r *consumerRun) run() error {
	if !r.hideHeader {
		r.printHeader()
	}
	start := time.Now()
	r.joins.begin()
	client, err := r.open()
	if err != nil {
		return err
	}
	read, err := r.consume(client, start)
	end := time.Now()
	var metrics map[string]string
	if r.metrics != nil {
		metrics = r.metrics.rows()
	}
	client.CloseAllowingRebalance()
	if err != nil {
		return err
	}
	if !r.detailed {
		r.printTotal(start, end, read)
	}
	if metrics != nil {
		printMetrics(r.out, metrics)
	}
	return nil
}

// pollInterval and pollRecords bound a poll, as the tool and max.poll.records do.
const (
	pollInterval = 100 * time.Millisecond
	pollRecords  = 500
)

// amount is how much was read.
type amount struct{ messages, bytes int64 }

func (r *consumerRun) consume(client *kgo.Client, start time.Time) (amount, error) {
	var read, reported amount
	now, lastReport, lastRecord := start, start, start
	for read.messages < r.messages && now.Sub(lastRecord) <= r.timeout {
		ctx, cancel := context.WithTimeout(context.Background(), pollInterval)
		fetches := client.PollRecords(ctx, pollRecords)
		cancel()
		now = time.Now()
		if err := command.FatalFetchError(fetches); err != nil {
			return read, err
		}
		if fetches.NumRecords() > 0 {
			lastRecord = now
		}
		fetches.EachRecord(func(record *kgo.Record) {
			read.messages++
			read.bytes += int64(len(record.Key) + len(record.Value))
			if now.Sub(lastReport) >= r.interval {
				joining := r.joins.takeRecent()
				if r.detailed {
					r.printProgress(lastReport, now, reported, read, joining)
				}
				lastReport, reported = now, read
			}
		})
		client.AllowRebalance()
	}
	if read.messages < r.messages {
		fmt.Fprintf(r.out, "WARNING: Exiting before consuming the expected number of messages: timeout (%d ms) exceeded. You can use the --timeout option to increase the timeout.\n", r.timeout.Milliseconds())
	}
	return read, nil
}

func (r *consumerRun) printHeader() {
	first := "start.time, end.time"
	if r.detailed {
		first = "time, threadId"
	}
	fmt.Fprintln(r.out, first+", data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec")
}

func (r *consumerRun) printTotal(start, end time.Time, read amount) {
	elapsed := end.UnixMilli() - start.UnixMilli()
	joining := r.joins.all()
	fetching := elapsed - joining
	megabytes, messages := float64(read.bytes)/megabyte, float64(read.messages)
	perSecond := func(number float64, milliseconds int64) string {
		return command.JavaFixed(number/(float64(milliseconds)/1000), 4)
	}
	fmt.Fprintf(r.out, "%s, %s, %s, %s, %d, %s, %d, %d, %s, %s\n", r.date.format(start), r.date.format(end),
		command.JavaFixed(megabytes, 4), perSecond(megabytes, elapsed), read.messages, perSecond(messages, elapsed),
		joining, fetching, perSecond(megabytes, fetching), perSecond(messages, fetching))
}

func (r *consumerRun) printProgress(start, end time.Time, before, now amount, joining int64) {
	elapsed := end.UnixMilli() - start.UnixMilli()
	fetching := elapsed - joining
	megabytes, messages := float64(now.bytes-before.bytes)/megabyte, float64(now.messages-before.messages)
	fetchedMegabytes, fetchedMessages := 0.0, 0.0
	if fetching > 0 {
		fetchedMegabytes, fetchedMessages = 1000*megabytes/float64(fetching), 1000*messages/float64(fetching)
	}
	fmt.Fprintf(r.out, "%s, %d, %s, %s, %d, %s, %d, %d, %s, %s\n", r.date.format(end), 0,
		command.JavaFixed(float64(now.bytes)/megabyte, 4), command.JavaFixed(1000*megabytes/float64(elapsed), 4),
		now.messages, command.JavaFixed(messages/float64(elapsed)*1000, 4),
		joining, fetching, command.JavaFixed(fetchedMegabytes, 4), command.JavaFixed(fetchedMessages, 4))
}
