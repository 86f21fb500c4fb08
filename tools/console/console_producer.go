// Package console has the console producer and consumer, as kafka.tools.
package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/term"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/tools/command"
)

const lineReaderClass = "kafka.tools.ConsoleProducer$LineMessageReader"

// maxRecordBytes bounds one line read from standard input.
const maxLineBytes = 1 << 30

var producerOptions = command.Options{
	{Name: "topic", Argument: command.Required, ArgName: "topic", Mandatory: true, Doc: "REQUIRED: the topic that the messages go to."},
	{Name: "broker-list", Argument: command.Required, ArgName: "broker-list", Doc: "DEPRECATED: --bootstrap-server says the same and wins when both are given."},
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server to connect to", Doc: "REQUIRED unless the deprecated --broker-list is given: brokers to begin with, as HOST1:PORT1,HOST2:PORT2."},
	{Name: "sync", Doc: "Wait for the answer to each message before the next is sent."},
	{Name: "compression-codec", Argument: command.Optional, ArgName: "compression-codec", Doc: "One of 'none', 'gzip', 'snappy', 'lz4', 'zstd'; 'gzip' when no value follows."},
	{Name: "batch-size", Argument: command.Required, Type: command.Integer, ArgName: "size", Default: "200", HasDefault: true, Doc: "Accepted for old scripts; --max-partition-memory-bytes bounds a batch."},
	{Name: "message-send-max-retries", Argument: command.Required, Type: command.Integer, Default: "3", HasDefault: true, Doc: "How often a message is sent again before it is given up."},
	{Name: "retry-backoff-ms", Argument: command.Required, Type: command.Integer, Default: "100", HasDefault: true, Doc: "Milliseconds between two tries; the topic's metadata is read anew meanwhile."},
	{Name: "timeout", Argument: command.Required, Type: command.Integer, ArgName: "timeout_ms", Default: "1000", HasDefault: true, Doc: "The longest time in milliseconds that messages wait for a batch to fill."},
	{Name: "request-required-acks", Argument: command.Required, ArgName: "request required acks", Default: "1", HasDefault: true, Doc: "The acknowledgements a message needs: 0, 1 or all."},
	{Name: "request-timeout-ms", Argument: command.Required, Type: command.Integer, ArgName: "request timeout ms", Default: "1500", HasDefault: true, Doc: "Milliseconds within which a broker must answer."},
	{Name: "metadata-expiry-ms", Argument: command.Required, Type: command.Long, ArgName: "metadata expiration interval", Default: "300000", HasDefault: true, Doc: "Milliseconds after which metadata is read anew."},
	{Name: "max-block-ms", Argument: command.Required, Type: command.Long, ArgName: "max block on send", Default: "60000", HasDefault: true, Doc: "The longest time in milliseconds that a send may block."},
	{Name: "max-memory-bytes", Argument: command.Required, Type: command.Long, ArgName: "total memory in bytes", Default: "33554432", HasDefault: true, Doc: "Bytes of messages that may wait to be sent."},
	{Name: "max-partition-memory-bytes", Argument: command.Required, Type: command.Long, ArgName: "memory in bytes per partition", Default: "16384", HasDefault: true, Doc: "The size in bytes to which messages of a partition are gathered into one batch."},
	{Name: "socket-buffer-size", Argument: command.Required, Type: command.Integer, ArgName: "size", Default: "102400", HasDefault: true, Doc: "The size in bytes of the TCP send buffer."},
	{Name: "line-reader", Argument: command.Required, ArgName: "reader_class", Default: lineReaderClass, HasDefault: true, Doc: "The class that reads messages from standard input: by default a message a line."},
	{Name: "property", Argument: command.Required, ArgName: "prop", Doc: "A setting of the line reader as key=value:\nparse.key=true|false\nkey.separator=<key.separator>\nignore.error=true|false"},
	{Name: "producer-property", Argument: command.Required, ArgName: "producer_prop", Doc: "A setting of the producer as key=value."},
	{Name: "producer.config", Argument: command.Required, ArgName: "config file", Doc: "A properties file for the producer; --producer-property wins over it."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

const producerBlurb = "This tool helps to read data from standard input and publish it to Kafka."

// ConsoleProducer is kafka.tools.ConsoleProducer: it sends a message for each
// line of stdin and returns the exit code.
func ConsoleProducer(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	producer, code, done := newConsoleProducer(args, stdout, stderr)
	if done {
		return code
	}
	defer producer.client.Close()
	return producer.run(stdin)
}

type consoleProducer struct {
	client *kgo.Client
	reader *lineReader
	topic  string
	sync   bool
	prompt bool
	stdout io.Writer
	stderr io.Writer
}

func newConsoleProducer(args []string, stdout, stderr io.Writer) (*consoleProducer, int, bool) {
	set, err := producerOptions.Parse(args)
	if err != nil {
		err = &command.UsageError{Message: err.Error()}
		return nil, producerOptions.Die(err, stderr), true
	}
	if code, done := producerOptions.HelpOrVersion(set, args, producerBlurb, stdout, stderr); done {
		return nil, code, true
	}
	producer, err := producerFor(set)
	if err != nil {
		return nil, producerOptions.Die(err, stderr), true
	}
	producer.stdout, producer.stderr = stdout, stderr
	return producer, 0, false
}

func producerFor(set *command.Set) (*consoleProducer, error) {
	topicName, err := set.Value("topic")
	if err != nil {
		return nil, &command.UsageError{Message: err.Error()}
	}
	properties, err := producerProperties(set)
	if err != nil {
		return nil, err
	}
	reader, err := newLineReader(set)
	if err != nil {
		return nil, err
	}
	options, err := producerClientOptions(properties)
	if err != nil {
		return nil, err
	}
	client, err := command.NewClient(command.Producer, properties, append(options, kgo.DefaultProduceTopic(topicName))...)
	if err != nil {
		return nil, err
	}
	return &consoleProducer{
		client: client, reader: reader, topic: topicName, sync: set.Has("sync"),
		prompt: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
	}, nil
}

// optionConfigs are the options that set a producer config: given on the command
// line they win, otherwise the file's value or else the option's default holds.
var optionConfigs = map[string]string{
	"message-send-max-retries": "retries", "retry-backoff-ms": "retry.backoff.ms", "timeout": "linger.ms",
	"request-required-acks": "acks", "request-timeout-ms": "request.timeout.ms", "metadata-expiry-ms": "metadata.max.age.ms",
	"max-block-ms": "max.block.ms", "max-memory-bytes": "buffer.memory", "max-partition-memory-bytes": "batch.size",
	"socket-buffer-size": "send.buffer.bytes",
}

func producerProperties(set *command.Set) (map[string]string, error) {
	servers, server := "bootstrap-server", ""
	if !set.Has(servers) {
		servers = "broker-list"
	}
	if err := set.CheckRequired(map[bool]string{true: servers, false: "bootstrap-server"}[set.Has(servers)]); err != nil {
		return nil, err
	}
	server, err := set.Value(servers)
	if err != nil {
		return nil, &command.UsageError{Message: err.Error()}
	}
	if err := command.CheckHostPorts(server); err != nil {
		return nil, err
	}
	file, err := set.Value("producer.config")
	if err != nil {
		return nil, &command.UsageError{Message: err.Error()}
	}
	properties, err := command.ClientProperties(file, set.Values("producer-property"))
	if err != nil {
		return nil, err
	}
	properties["bootstrap.servers"] = server
	if properties["client.id"] == "" {
		properties["client.id"] = "console-producer"
	}
	properties["compression.type"] = "none"
	if set.Has("compression-codec") {
		properties["compression.type"] = "gzip"
		if set.HasValue("compression-codec") {
			properties["compression.type"], _ = set.Value("compression-codec")
		}
	}
	for option, key := range optionConfigs {
		value, err := set.Value(option)
		if err != nil {
			return nil, &command.UsageError{Message: err.Error()}
		}
		if _, err := set.Int(option); err != nil && option != "request-required-acks" {
			return nil, &command.UsageError{Message: err.Error()}
		}
		if _, inFile := properties[key]; set.Has(option) || !inFile {
			properties[key] = value
		}
	}
	return properties, nil
}

func producerClientOptions(properties map[string]string) ([]kgo.Opt, error) {
	number := map[string]int64{}
	for _, key := range []string{"retries", "retry.backoff.ms", "linger.ms", "metadata.max.age.ms", "batch.size", "request.timeout.ms", "max.block.ms", "buffer.memory"} {
		value, err := strconv.ParseInt(properties[key], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("Invalid value %s for configuration %s: Not a number of type LONG", properties[key], key) //nolint:staticcheck // Kafka's sentence
		}
		number[key] = value
	}
	codec, err := compressionCodec(properties["compression.type"])
	if err != nil {
		return nil, err
	}
	ms := func(key string) time.Duration { return time.Duration(number[key]) * time.Millisecond }
	options := []kgo.Opt{
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(ms("linger.ms")),
		kgo.RecordRetries(int(number["retries"])),
		kgo.RetryBackoffFn(func(int) time.Duration { return ms("retry.backoff.ms") }),
		kgo.MetadataMaxAge(max(ms("metadata.max.age.ms"), time.Second)),
		kgo.MetadataMinAge(min(max(ms("retry.backoff.ms"), 10*time.Millisecond), time.Second)),
		kgo.ProducerBatchMaxBytes(max(1<<20, int32(min(number["batch.size"], 1<<30)))),
		kgo.MaxBufferedBytes(int(max(number["buffer.memory"], 1<<20))),
		kgo.ProduceRequestTimeout(max(ms("request.timeout.ms"), 100*time.Millisecond)),
		kgo.RecordDeliveryTimeout(ms("max.block.ms") + ms("request.timeout.ms")*time.Duration(number["retries"]+1)),
		kgo.AllowAutoTopicCreation(),
		kgo.UnknownTopicRetries(-1),
	}
	acks, err := acksOption(properties)
	return append(options, acks...), err
}

func acksOption(properties map[string]string) ([]kgo.Opt, error) {
	idempotent := properties["enable.idempotence"] == "true"
	switch properties["acks"] {
	case "all", "-1":
		if idempotent {
			return nil, nil
		}
		return []kgo.Opt{kgo.RequiredAcks(kgo.AllISRAcks()), kgo.DisableIdempotentWrite()}, nil
	case "0", "1":
		if idempotent {
			return nil, errors.New("Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.") //nolint:staticcheck // Kafka's sentence
		}
		acks := kgo.LeaderAck()
		if properties["acks"] == "0" {
			acks = kgo.NoAck()
		}
		return []kgo.Opt{kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite()}, nil
	}
	return nil, fmt.Errorf("Invalid value %s for configuration acks: String must be one of: all, -1, 0, 1", properties["acks"]) //nolint:staticcheck // Kafka's sentence
}

func compressionCodec(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.NoCompression(), fmt.Errorf("Unknown compression name: %s", name) //nolint:staticcheck // Kafka's sentence
}

// run sends the lines until the input ends or a signal comes; either way what
// was read is flushed.
func (p *consoleProducer) run(stdin io.Reader) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	finished := make(chan int, 1)
	go func() { finished <- p.sendLines(bufio.NewReaderSize(stdin, 64<<10)) }()
	code := 0
	select {
	case code = <-finished:
	case caught := <-signals:
		code = command.SignalExitCode(caught)
	}
	_ = p.client.Flush(context.Background())
	return code
}

func (p *consoleProducer) sendLines(input *bufio.Reader) int {
	for {
		if p.prompt {
			fmt.Fprint(p.stdout, ">")
		}
		line, err := readLine(input)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(p.stderr, err)
				return 1
			}
			return 0
		}
		record, err := p.reader.record(line)
		if err != nil {
			fmt.Fprintln(p.stderr, err)
			return 1
		}
		if err := p.send(record); err != nil {
			fmt.Fprintln(p.stderr, err)
			return 1
		}
	}
}

func (p *consoleProducer) send(record *kgo.Record) error {
	if p.sync {
		return p.client.ProduceSync(context.Background(), record).FirstErr()
	}
	p.client.Produce(context.Background(), record, p.logFailure)
	return nil
}

// logFailure says what the Java client's ErrorLoggingCallback says.
func (p *consoleProducer) logFailure(record *kgo.Record, err error) {
	if err == nil {
		return
	}
	length := func(field []byte) string {
		if field == nil {
			return "null"
		}
		return fmt.Sprintf("%d bytes", len(field))
	}
	logging.For("org.apache.kafka.clients.producer.internals.ErrorLoggingCallback").WithFields(logrus.Fields{}).Errorf(
		"Error when sending message to topic %s with key: %s, value: %s with error: %v", p.topic, length(record.Key), length(record.Value), err)
}

func readLine(input *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := input.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return []byte(strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")), nil
		case errors.Is(err, bufio.ErrBufferFull) && len(line) < maxLineBytes:
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}
