package verifiable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

var consumerParser = command.ArgumentParser{
	Program:     "verifiable-consumer",
	Description: "This tool reads a topic and prints what happens to it as JSON objects: partitions that come and go, messages read, offsets committed.",
	Flags: append([]command.Flag{
		{Names: []string{"--topic"}, Metavar: "TOPIC", Required: true, Doc: "The topic to read."},
		{Names: []string{"--group-id"}, Metavar: "GROUP_ID", Required: true, Doc: "The consumer group to read as."},
		{Names: []string{"--group-instance-id"}, Metavar: "GROUP_INSTANCE_ID", Doc: "The name of this consumer as a static member."},
		{Names: []string{"--max-messages"}, Metavar: "MAX-MESSAGES", Type: command.Integer, Default: "-1", Doc: "How many messages to read. With -1 it goes on until the process is stopped."},
		{Names: []string{"--session-timeout"}, Metavar: "TIMEOUT_MS", Type: command.Integer, Default: "30000", Doc: "The session time-out of the member."},
		{Names: []string{"--verbose"}, Doc: "Print each message too."},
		{Names: []string{"--enable-autocommit"}, Doc: "Let the consumer commit by itself."},
		{Names: []string{"--reset-policy"}, Metavar: "RESETPOLICY", Default: "earliest", Doc: "Where to begin without a committed offset: 'earliest', 'latest' or 'none'."},
		{Names: []string{"--assignment-strategy"}, Metavar: "ASSIGNMENTSTRATEGY", Default: "org.apache.kafka.clients.consumer.RangeAssignor", Doc: "The class that shares the partitions out."},
		{Names: []string{"--consumer.config"}, Metavar: "CONFIG_FILE", Doc: "A properties file for the consumer; the options win over it."},
	}, connectionFlags()...),
}

// VerifiableConsumer is org.apache.kafka.tools.VerifiableConsumer
// (kafka-verifiable-consumer.sh).
func VerifiableConsumer(args []string, stdout, stderr io.Writer) int {
	given, code := consumerParser.Parse(args, stdout, stderr)
	if given == nil {
		return code
	}
	properties, err := consumerProperties(given)
	if err != nil {
		return consumerParser.Fail(err, stderr)
	}
	consumer := &verifiableConsumer{
		events: eventWriter{out: stdout}, stderr: stderr, topic: given.Value("topic"), maxMessages: given.Int("max-messages"),
		verbose: given.Has("verbose"), autoCommit: given.Has("enable-autocommit"), pollRecords: pollRecords(properties),
	}
	if err := consumer.open(properties); err != nil {
		fmt.Fprintln(stderr, command.Uncaught(err))
		return 1
	}
	ctx, stopped := untilSignal()
	consumer.run(ctx)
	return stopped()
}

func consumerProperties(given *command.Namespace) (map[string]string, error) {
	properties, err := command.LoadProperties(given.Value("consumer.config"))
	if err != nil {
		return nil, err
	}
	properties["group.id"] = given.Value("group-id")
	if given.Has("group-instance-id") {
		properties["group.instance.id"] = given.Value("group-instance-id")
	}
	properties["bootstrap.servers"] = servers(given)
	properties["enable.auto.commit"] = strconv.FormatBool(given.Has("enable-autocommit"))
	properties["auto.offset.reset"] = given.Value("reset-policy")
	properties["session.timeout.ms"] = given.Value("session-timeout")
	properties["partition.assignment.strategy"] = given.Value("assignment-strategy")
	return properties, nil
}

// pollRecords is max.poll.records.
func pollRecords(properties map[string]string) int {
	if number, err := strconv.Atoi(properties["max.poll.records"]); err == nil && number > 0 {
		return number
	}
	return 500
}

type verifiableConsumer struct {
	events      eventWriter
	stderr      io.Writer
	client      *kgo.Client
	topic       string
	maxMessages int64
	consumed    int64
	pollRecords int
	verbose     bool
	autoCommit  bool
	closing     atomic.Bool
}

func (c *verifiableConsumer) open(properties map[string]string) error {
	options, err := command.ConsumerOptions(properties)
	if err != nil {
		return err
	}
	options = append(options, kgo.ConsumeTopics(c.topic),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
			c.events.print(partitionsEvent{event("partitions_assigned"), partitionNames(assigned)})
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
			if len(revoked) > 0 || !c.closing.Load() {
				c.events.print(partitionsEvent{event("partitions_revoked"), partitionNames(revoked)})
			}
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			if len(lost) > 0 {
				c.events.print(partitionsEvent{event("partitions_revoked"), partitionNames(lost)})
			}
		}))
	if properties["auto.offset.reset"] == "none" {
		options = append(options, kgo.OnOffsetsFetched(needOffsets))
	}
	c.client, err = command.NewClient(command.Consumer, properties, options...)
	return err
}

// needOffsets fails when a partition has no committed offset, as a consumer without
// a reset policy does.
func needOffsets(_ context.Context, _ *kgo.Client, response *kmsg.OffsetFetchResponse) error {
	var undefined []partitionName
	add := func(name string, partition int32, code int16, offset int64) {
		if code == 0 && offset < 0 {
			undefined = append(undefined, partitionName{name, partition})
		}
	}
	for _, found := range response.Topics {
		for _, row := range found.Partitions {
			add(found.Topic, row.Partition, row.ErrorCode, row.Offset)
		}
	}
	if len(response.Topics) > 0 {
		response.Groups = nil // the library fills both
	}
	for _, group := range response.Groups {
		for _, found := range group.Topics {
			for _, row := range found.Partitions {
				add(found.Topic, row.Partition, row.ErrorCode, row.Offset)
			}
		}
	}
	if len(undefined) == 0 {
		return nil
	}
	var names []string
	for _, name := range jvm.SetOrder(undefined, partitionName.hash) {
		names = append(names, topic.Partition{Topic: name.Topic, Partition: name.Partition}.String())
	}
	return command.Throw("org.apache.kafka.clients.consumer.NoOffsetForPartitionException",
		"Undefined offset with no reset policy for partitions: [%s]", strings.Join(names, ", "))
}

// run reads until it has enough, ctx ends or an error stops it; then it leaves the
// group.
func (c *verifiableConsumer) run(ctx context.Context) {
	c.events.print(event("startup_complete"))
	if err := c.consume(ctx); err != nil {
		logging.For("org.apache.kafka.tools.VerifiableConsumer").Error("Error during processing, terminating consumer process: ")
		fmt.Fprintln(c.stderr, command.ExceptionText(err))
	}
	c.closing.Store(true)
	c.client.CloseAllowingRebalance()
	c.events.print(event("shutdown_complete"))
}

func (c *verifiableConsumer) finished() bool {
	return c.maxMessages >= 0 && c.consumed >= c.maxMessages
}

func (c *verifiableConsumer) consume(ctx context.Context) error {
	for !c.finished() {
		fetches := c.client.PollRecords(ctx, c.pollRecords)
		if ctx.Err() != nil {
			return nil
		}
		if err := command.FatalFetchError(fetches); err != nil {
			return err
		}
		if fetches.NumRecords() > 0 {
			offsets := c.received(fetches)
			if !c.autoCommit {
				if err := c.commit(offsets); err != nil {
					return err
				}
			}
		}
		c.client.AllowRebalance()
	}
	return nil
}

// nextOffset is where a partition is read on.
type nextOffset struct {
	partitionName
	offset kgo.EpochOffset
}

// received prints the records of a poll, up to the limit, and returns what is to be
// committed.
func (c *verifiableConsumer) received(fetches kgo.Fetches) []nextOffset {
	var polled []kgo.FetchTopicPartition
	fetches.EachPartition(func(partition kgo.FetchTopicPartition) {
		if len(partition.Records) > 0 {
			polled = append(polled, partition)
		}
	})
	nameOf := func(partition kgo.FetchTopicPartition) partitionName {
		return partitionName{partition.Topic, partition.Partition}
	}
	polled = jvm.MapOrder(polled, func(partition kgo.FetchTopicPartition) int32 { return nameOf(partition).hash() })
	summaries := []partitionSummary{}
	var offsets []nextOffset
	for _, partition := range polled {
		records := partition.Records
		if left := c.maxMessages - c.consumed; c.maxMessages >= 0 && int64(len(records)) > left {
			records = records[:left]
		}
		if len(records) == 0 {
			continue
		}
		first, last := records[0], records[len(records)-1]
		name := nameOf(partition)
		offsets = append(offsets, nextOffset{name, kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}})
		summaries = append(summaries, partitionSummary{name, len(records), first.Offset, last.Offset})
		for _, record := range records {
			if c.verbose {
				c.events.print(recordData{event("record_data"), stringPointer(record.Key), stringPointer(record.Value), record.Topic, record.Partition, record.Offset})
			}
		}
		c.consumed += int64(len(records))
		if c.finished() {
			break
		}
	}
	c.events.print(recordsConsumed{event("records_consumed"), fetches.NumRecords(), summaries})
	return offsets
}

// commit waits for the answer, also when the process is to end. Only a fenced
// member's error is returned; others are an event.
func (c *verifiableConsumer) commit(offsets []nextOffset) error {
	wanted := map[string]map[int32]kgo.EpochOffset{}
	committed := []committedOffset{}
	for _, next := range offsets {
		if wanted[next.Topic] == nil {
			wanted[next.Topic] = map[int32]kgo.EpochOffset{}
		}
		wanted[next.Topic][next.Partition] = next.offset
		committed = append(committed, committedOffset{next.partitionName, next.offset.Offset})
	}
	var failure error
	c.client.CommitOffsetsSync(context.Background(), wanted, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		failure = commitError(response, err)
	})
	if errors.Is(failure, kerr.FencedInstanceID) {
		return failure
	}
	result := offsetsCommitted{event("offsets_committed"), committed, nil, failure == nil}
	if failure != nil {
		message := failure.Error()
		result.Error = &message
	}
	c.events.print(result)
	return nil
}

// What the Java consumer says of a commit by a member that is not in the group.
const (
	commitOutsideGroup = "Offset commit cannot be completed since the consumer is not part of an active group for auto partition assignment; it is likely that the consumer was kicked out of the group."
	commitInRebalance  = "Offset commit cannot be completed since the consumer is undergoing a rebalance for auto partition assignment. You can try completing the rebalance by calling poll() and then retry the operation."
)

func commitError(response *kmsg.OffsetCommitResponse, err error) error {
	if err != nil || response == nil {
		if errors.Is(err, context.Canceled) {
			return errors.New(commitInRebalance)
		}
		return err
	}
	for _, answered := range response.Topics {
		at := slices.IndexFunc(answered.Partitions, func(row kmsg.OffsetCommitResponseTopicPartition) bool { return row.ErrorCode != 0 })
		if at < 0 {
			continue
		}
		switch failure := command.ErrorOf(answered.Partitions[at].ErrorCode, nil); {
		case errors.Is(failure, kerr.RebalanceInProgress):
			return errors.New(commitInRebalance)
		case errors.Is(failure, kerr.UnknownMemberID), errors.Is(failure, kerr.IllegalGeneration):
			return errors.New(commitOutsideGroup)
		default:
			return failure
		}
	}
	return nil
}
