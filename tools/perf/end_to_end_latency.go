package perf

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

const (
	endToEndUsage   = "USAGE: java kafka.tools.EndToEndLatency$ broker_list topic num_messages producer_acks message_size_bytes [optional] properties_file"
	endToEndTimeout = time.Minute
	runtimeError    = "java.lang.RuntimeException"
)

// EndToEndLatency is kafka.tools.EndToEndLatency: it sends one record at a time and
// measures until it has been read.
func EndToEndLatency(args []string, stdout, stderr io.Writer) int {
	if len(args) != 5 && len(args) != 6 {
		fmt.Fprintln(stderr, endToEndUsage)
		return 1
	}
	if err := endToEnd(args, stdout); err != nil {
		fmt.Fprintln(stderr, command.Uncaught(err))
		return 1
	}
	return 0
}

func endToEnd(args []string, stdout io.Writer) error {
	messages, err := parseInt(args[2])
	if err != nil {
		return err
	}
	size, err := parseInt(args[4])
	if err != nil {
		return err
	}
	if args[3] != "1" && args[3] != "all" {
		return command.Throw(command.IllegalArgument, "Latency testing requires synchronous acknowledgement. Please use 1 or all")
	}
	file := ""
	if len(args) == 6 {
		file = args[5]
	}
	test := &endToEndTest{topic: args[1], out: stdout}
	if err := test.open(args[0], file, args[3], size); err != nil {
		return err
	}
	defer test.close()
	return test.run(messages, size)
}

func parseInt(word string) (int, error) {
	number, err := strconv.ParseInt(word, 10, 32)
	if err != nil {
		return 0, command.Throw("java.lang.NumberFormatException", "For input string: \"%s\"", word)
	}
	return int(number), nil
}

type endToEndTest struct {
	topic    string
	out      io.Writer
	producer *command.RecordProducer
	consumer *kgo.Client
}

// open makes the topic if need be and begins to read it at its end.
func (t *endToEndTest) open(servers, file, acks string, size int) error {
	properties := func() (map[string]string, error) {
		read, err := command.LoadProperties(file)
		if err == nil {
			read["bootstrap.servers"] = servers
		}
		return read, err
	}
	adminProperties, err := properties()
	if err != nil {
		return err
	}
	admin, err := command.NewAdmin(servers, adminProperties)
	if err != nil {
		return err
	}
	defer admin.Close()
	ends, err := t.logEnds(admin)
	if err != nil {
		return err
	}
	producing, err := properties()
	if err != nil {
		return err
	}
	producing["linger.ms"], producing["max.block.ms"], producing["acks"] = "0", strconv.Itoa(1<<31-1), acks
	if t.producer, err = command.NewRecordProducer(producing, command.RecordProducerOptions{Largest: size}); err != nil {
		return err
	}
	consuming, err := properties()
	if err != nil {
		return err
	}
	consuming["auto.offset.reset"], consuming["fetch.max.wait.ms"] = "latest", "0"
	delete(consuming, "group.id")
	options, err := command.ConsumerOptions(consuming)
	if err != nil {
		return err
	}
	options = append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.topic: ends}))
	t.consumer, err = command.NewClient(command.Consumer, consuming, options...)
	return err
}

func (t *endToEndTest) close() {
	t.producer.Close()
	t.consumer.Close()
}

// logEnds are where the partitions end. A topic that is not there is made.
func (t *endToEndTest) logEnds(admin *command.Admin) (map[int32]kgo.Offset, error) {
	metadata, err := admin.Topics([]string{t.topic})
	if err != nil {
		return nil, err
	}
	if metadata.Topics[0].ErrorCode == kerr.UnknownTopicOrPartition.Code {
		if err := t.create(admin); err != nil {
			return nil, command.Throw(runtimeError, "Failed to create topic %s", t.topic)
		}
	}
	if metadata, err = t.awaitLeaders(admin); err != nil {
		return nil, err
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	rows := kmsg.NewListOffsetsRequestTopic()
	rows.Topic = t.topic
	for _, partition := range metadata.Topics[0].Partitions {
		row := kmsg.NewListOffsetsRequestTopicPartition()
		row.Partition, row.Timestamp = partition.Partition, -1
		rows.Partitions = append(rows.Partitions, row)
	}
	request.Topics = append(request.Topics, rows)
	response, err := command.Do[*kmsg.ListOffsetsResponse](admin, request)
	if err != nil {
		return nil, err
	}
	ends := map[int32]kgo.Offset{}
	for _, answered := range response.Topics {
		for _, row := range answered.Partitions {
			if err := command.ErrorOf(row.ErrorCode, nil); err != nil {
				return nil, err
			}
			ends[row.Partition] = kgo.NewOffset().At(row.Offset)
		}
	}
	return ends, nil
}

// awaitLeaders waits until all partitions of the topic have a leader.
func (t *endToEndTest) awaitLeaders(admin *command.Admin) (*kmsg.MetadataResponse, error) {
	deadline := time.Now().Add(endToEndTimeout)
	for {
		metadata, err := admin.Topics([]string{t.topic})
		if err != nil {
			return nil, err
		}
		leaderless := slices.ContainsFunc(metadata.Topics[0].Partitions, func(row kmsg.MetadataResponseTopicPartition) bool { return row.ErrorCode != 0 })
		if metadata.Topics[0].ErrorCode == 0 && !leaderless {
			return metadata, nil
		}
		if time.Now().After(deadline) {
			return nil, &command.TimeoutError{Message: "Timeout expired while fetching topic metadata"}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (t *endToEndTest) create(admin *command.Admin) error {
	fmt.Fprintf(t.out, "Topic \"%s\" does not exist. Will create topic with 1 partition(s) and replication factor = 1\n", t.topic)
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(command.RequestTimeout.Milliseconds())
	wanted := kmsg.NewCreateTopicsRequestTopic()
	wanted.Topic, wanted.NumPartitions, wanted.ReplicationFactor = t.topic, 1, 1
	request.Topics = append(request.Topics, wanted)
	response, err := command.Do[*kmsg.CreateTopicsResponse](admin, request)
	if err != nil {
		return err
	}
	return command.ErrorOf(response.Topics[0].ErrorCode, response.Topics[0].ErrorMessage)
}

func (t *endToEndTest) run(messages, size int) error {
	random := rand.New(rand.NewPCG(0, 0))
	latencies := make([]int64, 0, min(max(messages, 0), 1<<20))
	var total time.Duration
	for i := range messages {
		message := make([]byte, size)
		for at := range message {
			message[at] = 'A' + byte(random.IntN(26))
		}
		elapsed, err := t.roundTrip(message)
		if err != nil {
			return err
		}
		if i%1000 == 0 {
			fmt.Fprintf(t.out, "%d\t%s\n", i, jvm.Double(float64(elapsed.Nanoseconds())/1000/1000, 64))
		}
		total += elapsed
		latencies = append(latencies, elapsed.Milliseconds())
	}
	fmt.Fprintf(t.out, "Avg latency: %s ms\n\n", command.JavaFixed(float64(total.Nanoseconds())/float64(messages)/1000/1000, 4))
	if len(latencies) == 0 {
		return command.Throw("java.lang.ArrayIndexOutOfBoundsException", "Index 0 out of bounds for length 0")
	}
	percentiles := percentilesOf(latencies, 0.5, 0.99, 0.999)
	fmt.Fprintf(t.out, "Percentiles: 50th = %d, 99th = %d, 99.9th = %d\n", percentiles[0], percentiles[1], percentiles[2])
	return nil
}

// roundTrip sends a record and reads it.
func (t *endToEndTest) roundTrip(message []byte) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), endToEndTimeout)
	defer cancel()
	begin := time.Now()
	sent := make(chan error, 1)
	t.producer.Send(ctx, &kgo.Record{Topic: t.topic, Value: message}, func(_ *kgo.Record, err error) { sent <- err })
	if err := <-sent; err != nil {
		return 0, command.Executed(err)
	}
	var records []*kgo.Record
	for len(records) == 0 && ctx.Err() == nil {
		fetches := t.consumer.PollFetches(ctx)
		if err := command.FatalFetchError(fetches); err != nil {
			return 0, err
		}
		records = fetches.Records()
	}
	elapsed := time.Since(begin)
	switch {
	case len(records) == 0:
		return 0, command.Throw(runtimeError, "poll() timed out before finding a result (timeout:[%d])", endToEndTimeout.Milliseconds())
	case !bytes.Equal(records[0].Value, message):
		return 0, command.Throw(runtimeError, "The message read [%s] did not match the message sent [%s]", records[0].Value, message)
	case len(records) > 1:
		return 0, command.Throw(runtimeError, "Only one result was expected during this test. We found [%d]", len(records))
	}
	return elapsed, nil
}
