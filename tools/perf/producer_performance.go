// Package perf has the performance tools, as kafka.tools and
// org.apache.kafka.tools.
package perf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

var payloadGroup = command.FlagGroup{Doc: "exactly one of --record-size and --payload-file is to be given."}

var producerParser = command.ArgumentParser{
	Program: "producer-performance", Description: "This tool is used to verify the producer performance.",
	Flags: []command.Flag{
		{Names: []string{"--topic"}, Metavar: "TOPIC", Required: true, Doc: "the topic to produce to"},
		{Names: []string{"--num-records"}, Metavar: "NUM-RECORDS", Type: command.Long, Required: true, Doc: "how many messages to produce"},
		{Names: []string{"--record-size"}, Metavar: "RECORD-SIZE", Type: command.Integer, Group: &payloadGroup, Doc: "bytes of a message; give this or --payload-file."},
		{Names: []string{"--payload-file"}, Metavar: "PAYLOAD-FILE", Group: &payloadGroup, Doc: "a text file in UTF-8 with the messages to choose from at random; give this or --record-size."},
		{Names: []string{"--payload-delimiter"}, Metavar: "PAYLOAD-DELIMITER", Default: `\n`, Doc: "the regular expression between two messages of --payload-file, a new line unless given."},
		{Names: []string{"--throughput"}, Metavar: "THROUGHPUT", Type: command.Integer, Required: true, Doc: "about how many messages to send in a second at most; -1 for no limit."},
		{Names: []string{"--producer-props"}, Metavar: "PROP-NAME=PROP-VALUE", Many: true, Doc: "settings of the producer such as bootstrap.servers, client.id. They win over those of --producer.config."},
		{Names: []string{"--producer.config"}, Metavar: "CONFIG-FILE", Doc: "a properties file for the producer."},
		{Names: []string{"--print-metrics"}, Doc: "print the metrics at the end."},
		{Names: []string{"--transactional-id"}, Metavar: "TRANSACTIONAL-ID", Default: "performance-producer-default-transactional-id", Doc: "the transactional id when transaction-duration-ms is > 0."},
		{Names: []string{"--transaction-duration-ms"}, Metavar: "TRANSACTION-DURATION", Type: command.Long, Default: "0", Doc: "commit a transaction when it is that old. Without a positive value there are no transactions."},
	},
}

// ProducerPerformance is org.apache.kafka.tools.ProducerPerformance
// (kafka-producer-perf-test.sh): it sends records and reports rate and latency.
func ProducerPerformance(args []string, stdout, stderr io.Writer) int {
	given, code := producerParser.Parse(args, stdout, stderr)
	if given == nil {
		return code
	}
	if !given.Has("producer-props") && !given.Has("producer.config") {
		return producerParser.Fail(errors.New("Either --producer-props or --producer.config must be specified."), stderr) //nolint:staticcheck // Kafka's sentence
	}
	if err := runProducer(given, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, command.Uncaught(err))
		return 1
	}
	return 0
}

func runProducer(given *command.Namespace, stdout, stderr io.Writer) error {
	payloads, err := readPayloads(given, stdout)
	if err != nil {
		return err
	}
	transaction := time.Duration(given.Int("transaction-duration-ms")) * time.Millisecond
	properties, err := producerProperties(given, transaction > 0)
	if err != nil {
		return err
	}
	if properties["bootstrap.servers"] == "" {
		return command.Throw("org.apache.kafka.common.KafkaException", "Failed to construct kafka producer")
	}
	metrics := newClientMetrics(properties["client.id"])
	producer, err := command.NewRecordProducer(properties, command.RecordProducerOptions{Largest: payloads.largest(), Hooks: metrics.hooks(given)})
	if err != nil {
		return err
	}
	defer producer.Close()
	records := given.Int("num-records")
	if records == 0 {
		return command.Throw("java.lang.ArithmeticException", "/ by zero")
	}
	run := &producerRun{
		producer: producer, payloads: payloads, topic: given.Value("topic"), transaction: transaction,
		statistics: newStatistics(records, stdout), stderr: stderr,
	}
	if err := run.send(records, given.Int("throughput")); err != nil {
		return err
	}
	run.statistics.printTotal()
	if given.Has("print-metrics") {
		printMetrics(stdout, metrics.rows())
	}
	return nil
}

// producerProperties are those of the file and of the command line.
func producerProperties(given *command.Namespace, transactional bool) (map[string]string, error) {
	properties, err := command.LoadProperties(given.Value("producer.config"))
	if err != nil {
		return nil, err
	}
	for _, word := range given.Values("producer-props") {
		pieces := strings.Split(strings.TrimRight(word, "="), "=")
		if len(pieces) != 2 {
			return nil, command.Throw(command.IllegalArgument, "Invalid property: %s", word)
		}
		properties[pieces[0]] = pieces[1]
	}
	if transactional {
		properties["transactional.id"] = given.Value("transactional-id")
	}
	if properties["client.id"] == "" {
		properties["client.id"] = "perf-producer-client"
	}
	return properties, nil
}

// payloads are the values to send: those of a file, else random capitals.
type payloads struct {
	lines  [][]byte
	size   int64
	random *rand.Rand
}

func readPayloads(given *command.Namespace, stdout io.Writer) (*payloads, error) {
	p := &payloads{size: given.Int("record-size"), random: rand.New(rand.NewPCG(0, 0))}
	if p.size < 0 {
		return nil, command.Throw("java.lang.NegativeArraySizeException", "%d", p.size)
	}
	file := given.Value("payload-file")
	if file == "" {
		return p, nil
	}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stdout, "Reading payloads from: %s\n", absolute)
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		return nil, command.Throw(command.IllegalArgument, "File does not exist or empty file provided.")
	}
	pattern := given.Value("payload-delimiter")
	delimiter, err := regexp.Compile(pattern)
	if err != nil {
		return nil, command.Throw("java.util.regex.PatternSyntaxException", "%s", err)
	}
	lines := delimiter.Split(string(text), -1)
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	fmt.Fprintf(stdout, "Number of messages read: %d\n", len(lines))
	for _, line := range lines {
		p.lines = append(p.lines, []byte(line))
	}
	if len(p.lines) == 0 {
		return nil, command.Throw(command.IllegalArgument, "no payload File Path or record Size provided")
	}
	return p, nil
}

func (p *payloads) largest() int {
	largest := int(p.size)
	for _, line := range p.lines {
		largest = max(largest, len(line))
	}
	return largest
}

func (p *payloads) next() []byte {
	if len(p.lines) > 0 {
		return p.lines[p.random.IntN(len(p.lines))]
	}
	payload := make([]byte, p.size)
	for i := 0; i < len(payload); {
		// A word holds 13 letters: 26 to the 13th is below 2 to the 62nd.
		word := p.random.Uint64() >> 2
		for end := min(i+13, len(payload)); i < end; i++ {
			payload[i] = 'A' + byte(word%26)
			word /= 26
		}
	}
	return payload
}

type producerRun struct {
	producer    *command.RecordProducer
	payloads    *payloads
	topic       string
	transaction time.Duration
	statistics  *statistics
	stderr      io.Writer
}

// send hands all records over and waits for the answers.
func (r *producerRun) send(records, throughput int64) error {
	ctx := context.Background()
	throttler := command.NewThroughputThrottler(throughput, time.Now())
	var began time.Time
	open := false
	for i := range records {
		payload := r.payloads.next()
		if r.transaction > 0 && !open {
			if err := r.producer.BeginTransaction(); err != nil {
				return err
			}
			open, began = true, time.Now()
		}
		sent := time.Now()
		r.producer.Send(ctx, &kgo.Record{Topic: r.topic, Value: payload}, r.statistics.completion(i, sent, len(payload), r.stderr))
		if open && sent.Sub(began) >= r.transaction {
			if err := r.commit(ctx); err != nil {
				return err
			}
			open = false
		}
		throttler.Throttle(ctx, i, sent)
	}
	if open {
		return r.commit(ctx)
	}
	return r.producer.Flush(ctx)
}

func (r *producerRun) commit(ctx context.Context) error {
	if err := r.producer.Flush(ctx); err != nil {
		return err
	}
	return r.producer.EndTransaction(ctx, kgo.TryCommit)
}
