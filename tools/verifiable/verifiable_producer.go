package verifiable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

const serversMetavar = "HOST1:PORT1[,HOST2:PORT2[...]]"

// connectionFlags are the two ways to name the brokers.
func connectionFlags() []command.Flag {
	group := &command.FlagGroup{Title: "Connection Group", Doc: "How to reach the brokers"}
	return []command.Flag{
		{Names: []string{"--bootstrap-server"}, Metavar: serversMetavar, Group: group, Doc: "REQUIRED: the brokers to begin with, as HOST1:PORT1,HOST2:PORT2,..."},
		{Names: []string{"--broker-list"}, Metavar: serversMetavar, Group: group, Doc: "DEPRECATED, use --bootstrap-server instead."},
	}
}

var producerParser = command.ArgumentParser{
	Program:     "verifiable-producer",
	Description: "This tool sends increasing numbers to a topic and prints a JSON object for each, so that others can see which were acknowledged and which were not.",
	Flags: append([]command.Flag{
		{Names: []string{"--topic"}, Metavar: "TOPIC", Required: true, Doc: "The topic to produce to."},
		{Names: []string{"--max-messages"}, Metavar: "MAX-MESSAGES", Type: command.Integer, Default: "-1", Doc: "How many messages to produce. With -1 it goes on until the process is stopped."},
		{Names: []string{"--throughput"}, Metavar: "THROUGHPUT", Type: command.Integer, Default: "-1", Doc: "If >= 0, about how many messages to send in a second at most."},
		{Names: []string{"--acks"}, Metavar: "ACKS", Type: command.Integer, Default: "-1", Choices: []string{"0", "1", "-1"}, Doc: "How many replicas acknowledge a message."},
		{Names: []string{"--producer.config"}, Metavar: "CONFIG_FILE", Doc: "A properties file for the producer."},
		{Names: []string{"--message-create-time"}, Metavar: "CREATETIME", Type: command.Long, Default: "-1", Doc: "The time of the first message in milliseconds since 1970, from which the others go on."},
		{Names: []string{"--value-prefix"}, Metavar: "VALUE-PREFIX", Type: command.Integer, Doc: "A number to put before each value, with a dot between."},
		{Names: []string{"--repeating-keys"}, Metavar: "REPEATING-KEYS", Type: command.Integer, Doc: "How many keys to use in turn, from 0 on."},
	}, connectionFlags()...),
}

// largestRecord is more than two numbers and a key need.
const largestRecord = 64

// VerifiableProducer is org.apache.kafka.tools.VerifiableProducer
// (kafka-verifiable-producer.sh).
func VerifiableProducer(args []string, stdout, stderr io.Writer) int {
	given, code := producerParser.Parse(args, stdout, stderr)
	if given == nil {
		return code
	}
	properties, err := producerProperties(given)
	if err != nil {
		return producerParser.Fail(err, stderr)
	}
	client, err := command.NewRecordProducer(properties, command.RecordProducerOptions{Largest: largestRecord, OwnTimes: given.Int("message-create-time") != -1})
	if err != nil {
		fmt.Fprintln(stderr, command.Uncaught(err))
		return 1
	}
	producer := newVerifiableProducer(given, client, stdout)
	ctx, stopped := untilSignal()
	producer.run(ctx)
	return stopped()
}

// untilSignal returns a context that SIGINT and SIGTERM end, and what gives the
// exit code at the end.
func untilSignal() (context.Context, func() int) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case caught := <-signals:
			cancel(signalled{caught})
		case <-ctx.Done():
		}
	}()
	return ctx, func() int {
		cancel(nil)
		<-finished
		signal.Stop(signals)
		var caught signalled
		if errors.As(context.Cause(ctx), &caught) {
			return command.SignalExitCode(caught.Signal)
		}
		return 0
	}
}

type signalled struct{ os.Signal }

func (s signalled) Error() string { return s.String() }

// servers are those of --bootstrap-server or --broker-list.
func servers(given *command.Namespace) string {
	if given.Has("bootstrap-server") {
		return given.Value("bootstrap-server")
	}
	return given.Value("broker-list")
}

// producerProperties are the tool's own; the file's win.
func producerProperties(given *command.Namespace) (map[string]string, error) {
	properties := map[string]string{"bootstrap.servers": servers(given), "acks": given.Value("acks"), "retries": "0"}
	file, err := command.LoadProperties(given.Value("producer.config"))
	for key, value := range file {
		properties[key] = value
	}
	return properties, err
}

type verifiableProducer struct {
	events      eventWriter
	client      *command.RecordProducer
	topic       string
	maxMessages int64
	throughput  int64
	prefix      string
	createTime  int64
	keys, key   int64
	start       time.Time
	sent, acked atomic.Int64
}

func newVerifiableProducer(given *command.Namespace, client *command.RecordProducer, out io.Writer) *verifiableProducer {
	p := &verifiableProducer{
		events: eventWriter{out: out}, client: client, topic: given.Value("topic"), maxMessages: given.Int("max-messages"),
		throughput: given.Int("throughput"), createTime: given.Int("message-create-time"), keys: -1, start: time.Now(),
	}
	if given.Has("value-prefix") {
		p.prefix = given.Value("value-prefix") + "."
	}
	if given.Has("repeating-keys") {
		p.keys = given.Int("repeating-keys")
	}
	return p
}

// run sends until all is sent or ctx ends; either way what was sent is waited for.
func (p *verifiableProducer) run(ctx context.Context) {
	p.events.print(event("startup_complete"))
	throttler := command.NewThroughputThrottler(p.throughput, p.start)
	for i := int64(0); (p.maxMessages < 0 || i < p.maxMessages) && ctx.Err() == nil; i++ {
		sent := time.Now()
		p.send(ctx, i)
		throttler.Throttle(ctx, i, sent)
	}
	_ = p.client.Flush(context.Background())
	p.client.Close()
	p.events.print(event("shutdown_complete"))
	elapsed := float64(time.Now().UnixMilli() - p.start.UnixMilli())
	p.events.print(toolData{event("tool_data"), p.sent.Load(), p.acked.Load(), p.throughput, javaDouble(1000 * (float64(p.acked.Load()) / elapsed))})
}

func (p *verifiableProducer) send(ctx context.Context, number int64) {
	record := &kgo.Record{Topic: p.topic, Key: p.nextKey(), Value: []byte(p.prefix + strconv.FormatInt(number, 10))}
	if p.createTime != -1 {
		record.Timestamp = time.UnixMilli(p.createTime)
		p.createTime += time.Now().UnixMilli() - p.start.UnixMilli()
	}
	p.sent.Add(1)
	p.client.Send(ctx, record, p.answered)
}

func (p *verifiableProducer) nextKey() []byte {
	if p.keys == -1 {
		return nil
	}
	key := []byte(strconv.FormatInt(p.key, 10))
	if p.key++; p.key == p.keys {
		p.key = 0
	}
	return key
}

func (p *verifiableProducer) answered(record *kgo.Record, err error) {
	key, value := stringPointer(record.Key), string(record.Value)
	if err != nil {
		class, _, _ := strings.Cut(command.ExceptionText(err), ": ")
		p.events.print(sendError{event("producer_send_error"), p.topic, key, value, "class " + class, err.Error()})
		return
	}
	p.acked.Add(1)
	offset := record.Offset
	if p.client.Unacknowledged() {
		offset = -1
	}
	p.events.print(sendSuccess{event("producer_send_success"), key, value, offset, record.Topic, record.Partition})
}
