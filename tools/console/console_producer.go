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
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/term"

	"github.com/gregor-broker/gregor/tools/command"
)

const lineReaderClass = "kafka.tools.ConsoleProducer$LineMessageReader"

var producerOptions = command.Options{
	{Name: "topic", Argument: command.Required, ArgName: "topic", Doc: "REQUIRED: the topic that the messages go to."},
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
	set, err := producerOptions.Parse(args)
	if err == nil {
		err = set.RequireUnless("bootstrap-server", "broker-list")
	}
	if err != nil {
		return producerOptions.Die(command.AsUsage(err), stderr)
	}
	if code, done := producerOptions.HelpOrVersion(set, args, producerBlurb, stdout, stderr); done {
		return code
	}
	producer, err := newConsoleProducer(set, stdout)
	if err != nil {
		return dieAsProducer(err, stderr)
	}
	defer producer.client.Close()
	code, err := producer.run(stdin)
	if err != nil {
		return dieAsProducer(err, stderr)
	}
	return code
}

// dieAsProducer reports an error as the tool's main does.
func dieAsProducer(err error, stderr io.Writer) int {
	var parse *command.ParseError
	switch {
	case command.IsUsage(err):
		return producerOptions.Die(err, stderr)
	case errors.As(err, &parse):
		fmt.Fprintln(stderr, err)
	default:
		fmt.Fprintln(stderr, command.Thrown(err))
	}
	return 1
}

type consoleProducer struct {
	client *command.RecordProducer
	reader *lineReader
	topic  string
	sync   bool
	prompt bool
	stdout io.Writer
}

func newConsoleProducer(set *command.Set, stdout io.Writer) (*consoleProducer, error) {
	if err := set.CheckRequired("topic"); err != nil {
		return nil, err
	}
	topicName, err := set.Value("topic")
	if err != nil {
		return nil, err
	}
	properties, err := producerProperties(set)
	if err != nil {
		return nil, err
	}
	reader, err := newLineReader(set)
	if err != nil {
		return nil, err
	}
	client, err := command.NewRecordProducer(properties, command.RecordProducerOptions{Largest: largestRecord(properties)})
	if err != nil {
		return nil, err
	}
	return &consoleProducer{
		client: client, reader: reader, topic: topicName, sync: set.Has("sync"), stdout: stdout,
		prompt: term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())),
	}, nil
}

// largestRecord is max.request.size, which bounds a record of the Java producer.
func largestRecord(properties map[string]string) int {
	if size, err := strconv.Atoi(properties["max.request.size"]); err == nil && size > 0 {
		return size
	}
	return 1 << 20
}

// optionConfigs are the options that set a producer config: given on the command
// line they win, otherwise the file's value or else the option's default holds.
var optionConfigs = []struct{ option, key string }{
	{"timeout", "linger.ms"}, {"request-required-acks", "acks"}, {"request-timeout-ms", "request.timeout.ms"},
	{"message-send-max-retries", "retries"}, {"retry-backoff-ms", "retry.backoff.ms"}, {"socket-buffer-size", "send.buffer.bytes"},
	{"max-memory-bytes", "buffer.memory"}, {"max-partition-memory-bytes", "batch.size"}, {"metadata-expiry-ms", "metadata.max.age.ms"},
	{"max-block-ms", "max.block.ms"},
}

func producerProperties(set *command.Set) (map[string]string, error) {
	servers := "bootstrap-server"
	if !set.Has(servers) {
		servers = "broker-list"
	}
	server, err := set.Value(servers)
	if err != nil {
		return nil, err
	}
	if err := command.CheckHostPorts(server); err != nil {
		return nil, err
	}
	file, err := set.Value("producer.config")
	if err != nil {
		return nil, err
	}
	properties, err := command.ClientProperties(file, set.Values("producer-property"))
	if err != nil {
		return nil, err
	}
	properties["bootstrap.servers"] = server
	if properties["client.id"] == "" {
		properties["client.id"] = "console-producer"
	}
	if properties["compression.type"], err = compression(set); err != nil {
		return nil, err
	}
	return properties, mergeOptions(properties, set)
}

func compression(set *command.Set) (string, error) {
	if !set.Has("compression-codec") {
		return "none", nil
	}
	codec, err := set.Value("compression-codec")
	if codec == "" {
		codec = "gzip"
	}
	return codec, err
}

func mergeOptions(properties map[string]string, set *command.Set) error {
	for _, merged := range optionConfigs {
		_, inFile := properties[merged.key]
		if !set.Has(merged.option) && inFile {
			continue
		}
		value, err := set.Value(merged.option)
		if err == nil && merged.option != "request-required-acks" {
			_, err = set.Int(merged.option)
		}
		if err != nil {
			return err
		}
		properties[merged.key] = value
	}
	return nil
}

// run sends the lines until the input ends or a signal comes; either way what
// was read is flushed.
func (p *consoleProducer) run(stdin io.Reader) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- p.sendLines(ctx, &lines{input: bufio.NewReaderSize(stdin, 64<<10)}) }()
	code := 0
	var err error
	select {
	case err = <-finished:
	case caught := <-signals:
		cancel()
		code = command.SignalExitCode(caught)
	}
	_ = p.client.Flush(context.Background())
	return code, err
}

func (p *consoleProducer) sendLines(ctx context.Context, input *lines) error {
	for {
		if p.prompt {
			fmt.Fprint(p.stdout, ">")
		}
		line, err := input.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		record, err := p.reader.record(line)
		if err != nil {
			return err
		}
		record.Topic = p.topic
		if err := p.send(ctx, record); err != nil {
			return err
		}
	}
}

func (p *consoleProducer) send(ctx context.Context, record *kgo.Record) error {
	if !p.sync {
		p.client.Send(ctx, record, logFailure)
		return nil
	}
	sent := make(chan error, 1)
	p.client.Send(ctx, record, func(_ *kgo.Record, err error) { sent <- err })
	select {
	case err := <-sent:
		return command.Executed(err)
	case <-ctx.Done():
		return nil
	}
}

// logFailure says what the Java client's ErrorLoggingCallback says.
func logFailure(record *kgo.Record, err error) {
	if err == nil {
		return
	}
	length := func(field []byte) string {
		if field == nil {
			return "null"
		}
		return fmt.Sprintf("%d bytes", len(field))
	}
	command.LogThrown("org.apache.kafka.clients.producer.internals.ErrorLoggingCallback",
		fmt.Sprintf("Error when sending message to topic %s with key: %s, value: %s with error:", record.Topic, length(record.Key), length(record.Value)), err)
}
