//go:build peers

package log

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tests/framework"
)

// observation is what a broker serves.
type observation struct {
	// Topics has their ids and partitions; internal ones too.
	Topics    map[string]string
	Committed int64
	Logs      map[string]*logView
}

// logView is what a broker serves of one partition.
type logView struct {
	// Uncommitted and Committed have a line for each batch, with a sum over all
	// its bytes, as the isolation levels show them; Aborted are the transactions
	// that a reader of the latter is told of.
	Uncommitted, Committed, Aborted []string
	// Offsets are the answers to ListOffsets.
	Offsets []string
	// Epoch is the latest one at the first observation, EndOfEpoch its end.
	Epoch      int32
	EndOfEpoch int64
	// EpochFile is the checkpoint up to that epoch.
	EpochFile []string
}

// observe looks at all that the broker serves. Epochs asked for are those of an
// earlier observation, if there is one.
func (g *golden) observe(earlier *observation) *observation {
	g.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if earlier == nil { // after a roll there is more to clean
		framework.Until(g, patience, "the compacted topic is clean up to its active segment", g.compacted)
	}
	client := g.client()
	defer client.Close()
	seen := &observation{Topics: map[string]string{}, Logs: map[string]*logView{}}
	epochs := map[string]int32{}
	framework.Until(g, patience, "the broker leads all partitions", func() bool {
		metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		g.must(err)
		led := 0
		for _, topic := range metadata.Topics {
			seen.Topics[*topic.Topic] = fmt.Sprintf("%x with %d partitions, error %d", topic.TopicID, len(topic.Partitions), topic.ErrorCode)
			g.ids[*topic.Topic], epochs[*topic.Topic] = topic.TopicID, topic.Partitions[0].LeaderEpoch
			if goldenTopics[*topic.Topic] != nil && topic.ErrorCode == 0 && topic.Partitions[0].ErrorCode == 0 {
				led++
			}
		}
		return led == len(goldenTopics)
	})
	committed := kmsg.NewPtrOffsetFetchRequest()
	committed.Group, committed.Topics = "readers", []kmsg.OffsetFetchRequestTopic{{Topic: "plain", Partitions: []int32{0}}}
	committed.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "readers", Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "plain", Partitions: []int32{0}}}}}
	framework.Until(g, patience, "the group's coordinator answers", func() bool {
		offsets, err := committed.RequestWith(ctx, client)
		if err != nil || offsets.ErrorCode != 0 {
			return false
		}
		if len(offsets.Groups) > 0 {
			seen.Committed = offsets.Groups[0].Topics[0].Partitions[0].Offset
			return offsets.Groups[0].ErrorCode == 0
		}
		seen.Committed = offsets.Topics[0].Partitions[0].Offset
		return true
	})
	for _, topic := range slices.Sorted(maps.Keys(goldenTopics)) {
		view := &logView{}
		seen.Logs[topic] = view
		view.Epoch = epochs[topic]
		if earlier != nil {
			view.Epoch = earlier.Logs[topic].Epoch
		}
		view.Uncommitted, _ = g.batches(ctx, client, topic, 0)
		view.Committed, view.Aborted = g.batches(ctx, client, topic, 1)
		for _, timestamp := range []int64{-1, -2, -3, 0, g.middle.UnixMilli(), g.middle.Add(24 * time.Hour).UnixMilli()} {
			if timestamp == -3 && topic == "append-time" || timestamp == 0 && topic == "trimmed" {
				// Kafka 3.1.0 is wrong here: the first record with the time that all of
				// a batch have is not its last (KAFKA-16342), and records below the
				// start of the log hide those above it.
				continue
			}
			view.Offsets = append(view.Offsets, g.listOffset(ctx, client, topic, timestamp))
		}
		view.EndOfEpoch = g.endOfEpoch(ctx, client, topic, view.Epoch)
		view.EpochFile = g.epochFile(topic, view.Epoch)
	}
	return seen
}

func request[R kmsg.Response](g *golden, ctx context.Context, client *kgo.Client, request kmsg.Request) R {
	g.Helper()
	response, err := client.Broker(g.broker.ID).Request(ctx, request)
	g.must(err)
	return response.(R)
}

// batches reads a partition from its start to its end. All that is below the end
// is committed.
func (g *golden) batches(ctx context.Context, client *kgo.Client, topic string, isolation int8) (lines, aborted []string) {
	g.Helper()
	next := int64(0)
	if topic == "trimmed" {
		next = trimmedTo
	}
	for end := next + 1; next < end; {
		fetch := kmsg.NewPtrFetchRequest()
		fetch.ReplicaID, fetch.MaxWaitMillis, fetch.MinBytes, fetch.MaxBytes = -1, 100, 1, 1<<20
		fetch.IsolationLevel, fetch.SessionEpoch = isolation, -1
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.FetchOffset, partition.PartitionMaxBytes = next, 1<<20
		asked := kmsg.NewFetchRequestTopic()
		asked.Topic, asked.Partitions = topic, []kmsg.FetchRequestTopicPartition{partition}
		asked.TopicID = g.ids[topic]
		fetch.Topics = []kmsg.FetchRequestTopic{asked}
		answer := request[*kmsg.FetchResponse](g, ctx, client, fetch)
		if len(answer.Topics) != 1 {
			g.Fatalf("fetching %s: %+v", topic, answer)
		}
		data := answer.Topics[0].Partitions[0]
		if data.ErrorCode != 0 {
			g.Fatalf("fetching %s at %d: %v", topic, next, kerr.ErrorForCode(data.ErrorCode))
		}
		for _, txn := range data.AbortedTransactions {
			aborted = append(aborted, fmt.Sprintf("fetch at %d: producer %d from %d", next, txn.ProducerID, txn.FirstOffset))
		}
		before := next
		end = data.LastStableOffset
		for batch, err := range record.Batches(data.RecordBatches) {
			g.must(err)
			g.must(batch.EnsureValid())
			lines = append(lines, fmt.Sprintf("%d-%d magic %d epoch %d size %d sum %x",
				batch.BaseOffset(), batch.LastOffset(), batch.Magic(), batch.PartitionLeaderEpoch(), batch.SizeInBytes(), sha256.Sum256(batch)))
			next = batch.NextOffset()
		}
		if next <= before {
			g.Fatalf("%s has nothing at %d, but ends at %d", topic, before, end)
		}
	}
	return lines, aborted
}

func (g *golden) listOffset(ctx context.Context, client *kgo.Client, topic string, timestamp int64) string {
	g.Helper()
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID = -1
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp, partition.CurrentLeaderEpoch = timestamp, -1
	asked := kmsg.NewListOffsetsRequestTopic()
	asked.Topic, asked.Partitions = topic, []kmsg.ListOffsetsRequestTopicPartition{partition}
	list.Topics = []kmsg.ListOffsetsRequestTopic{asked}
	data := request[*kmsg.ListOffsetsResponse](g, ctx, client, list).Topics[0].Partitions[0]
	epoch := data.LeaderEpoch
	if timestamp == -1 {
		epoch = 0 // that of the leader of the moment
	}
	return fmt.Sprintf("%d at %d, epoch %d, error %d", data.Offset, data.Timestamp, epoch, data.ErrorCode)
}

func (g *golden) endOfEpoch(ctx context.Context, client *kgo.Client, topic string, epoch int32) int64 {
	g.Helper()
	ends := kmsg.NewPtrOffsetForLeaderEpochRequest()
	ends.ReplicaID = -1
	partition := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	partition.LeaderEpoch, partition.CurrentLeaderEpoch = epoch, -1
	asked := kmsg.NewOffsetForLeaderEpochRequestTopic()
	asked.Topic, asked.Partitions = topic, []kmsg.OffsetForLeaderEpochRequestTopicPartition{partition}
	ends.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{asked}
	data := request[*kmsg.OffsetForLeaderEpochResponse](g, ctx, client, ends).Topics[0].Partitions[0]
	if data.ErrorCode != 0 {
		g.Fatalf("end of epoch %d of %s: %v", epoch, topic, kerr.ErrorForCode(data.ErrorCode))
	}
	return data.EndOffset
}

// epochFile is what the checkpoint says of epochs up to one.
func (g *golden) epochFile(topic string, upTo int32) []string {
	content, err := os.ReadFile(filepath.Join(g.broker.LogDir(), topic+"-0", "leader-epoch-checkpoint"))
	if os.IsNotExist(err) {
		return nil
	}
	g.must(err)
	var lines []string
	for i, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var epoch int32
		var start int64
		if _, err := fmt.Sscanf(line, "%d %d", &epoch, &start); i > 1 && err == nil && epoch <= upTo {
			lines = append(lines, line)
		}
	}
	return lines
}
