package integration

import (
	"context"
	"fmt"
	"testing"

	godiff "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tests/framework"
)

// cleaningOften makes the cleaner look for work all the time.
var cleaningOften = map[string]string{
	"log.cleaner.backoff.ms": "50", "offsets.topic.segment.bytes": "1000", "offsets.topic.num.partitions": "1", "log.cleaner.min.cleanable.ratio": "0.01",
}

// TestCompactedTopicKeepsLastValues: a consumer sees the last value of each key
// only, while the broker runs and after it was started again.
func TestCompactedTopicKeepsLastValues(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"none", "gzip", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			c := framework.StartInProcess(t, cleaningOften)
			want := produceDuplicates(t, c.Bootstrap(), "compacted", codec)
			framework.Until(t, patience, "the topic is compacted", func() bool { return len(values(consumeAll(t, c.Bootstrap(), "compacted"))) == len(want) })
			check := func() {
				t.Helper()
				if diff := godiff.Diff(want, byKey(consumeAll(t, c.Bootstrap(), "compacted"))); diff != "" {
					t.Fatal(diff)
				}
			}
			check()
			c.Restart()
			check()
		})
	}
}

// produceDuplicates fills many small segments with the same keys and ends with a
// segment of its own, as the last one is not compacted. It gives the last values.
func produceDuplicates(t testing.TB, bootstrap, name, codec string) map[string]string {
	t.Helper()
	createTopic(t, bootstrap, name, 1, map[string]string{
		"cleanup.policy": "compact", "segment.bytes": "2000", "file.delete.delay.ms": "100", "min.cleanable.dirty.ratio": "0.01",
	})
	connected := connect(t, bootstrap, kgo.ProducerBatchCompression(franzCodecs[codec]))
	defer connected.Close()
	last := map[string]string{}
	send := func(key, value string) *kgo.Record {
		last[key] = value
		return &kgo.Record{Topic: name, Key: []byte(key), Value: []byte(value)}
	}
	for round := range 40 {
		var records []*kgo.Record
		for key := range 10 {
			records = append(records, send(fmt.Sprint("key-", key), fmt.Sprintf("value %d of key %d", round, key)))
		}
		if err := connected.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	// These two do not fit into one segment.
	for i := range 2 {
		if err := connected.ProduceSync(context.Background(), send(fmt.Sprint("end-", i), randomText(1500))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return last
}

// randomText is what no codec makes small.
func randomText(size int) string {
	text := make([]byte, 0, size)
	for state := uint64(size); len(text) < size; {
		state = state*6364136223846793005 + 1442695040888963407
		text = append(text, byte(' '+state>>57%95))
	}
	return string(text)
}

func byKey(records []record) map[string]string {
	last := map[string]string{}
	for _, r := range records {
		last[r.key] = r.value
	}
	return last
}

// consumeAll reads the first partition to its end.
func consumeAll(t testing.TB, bootstrap, name string) []record {
	t.Helper()
	end := listOffset(t, bootstrap, name, 0, latest)
	start := map[string]map[int32]kgo.Offset{name: {0: kgo.NewOffset().AtStart()}}
	connected := connect(t, bootstrap, kgo.ConsumePartitions(start))
	defer connected.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var all []record
	for next := int64(0); next < end; {
		fetches := connected.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("read %d of %d: %v", next, end, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			all = append(all, record{topic: r.Topic, key: string(r.Key), value: string(r.Value)})
			next = r.Offset + 1
		})
	}
	return all
}

// TestOffsetsTopicIsCompacted: thousands of commits of a group take little room,
// and the last one is in force after a restart.
func TestOffsetsTopicIsCompacted(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, cleaningOften)
	createTopic(t, c.Bootstrap(), "consumed", 1, nil)
	connected := connect(t, c.Bootstrap())
	defer connected.Close()
	commit := func(offset int64) {
		request := kmsg.NewPtrOffsetCommitRequest()
		request.Group, request.Generation = "committing", -1
		committed := kmsg.NewOffsetCommitRequestTopic()
		committed.Topic = "consumed"
		partition := kmsg.NewOffsetCommitRequestTopicPartition()
		partition.Offset = offset
		committed.Partitions = append(committed.Partitions, partition)
		request.Topics = append(request.Topics, committed)
		framework.Until(t, patience, "the offset is committed", func() bool {
			answer, err := request.RequestWith(t.Context(), connected)
			return err == nil && answer.Topics[0].Partitions[0].ErrorCode == 0
		})
	}
	const commits = 200
	for offset := range int64(commits) {
		commit(offset)
	}
	framework.Until(t, patience, "the offsets topic is compacted", func() bool {
		return topicSize(t, c.Bootstrap(), topic.ConsumerOffsets) < 3000
	})
	c.Restart()
	framework.Until(t, patience, "the last commit is in force", func() bool {
		request := kmsg.NewPtrOffsetFetchRequest()
		request.Group = "committing"
		request.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "consumed", Partitions: []int32{0}}}
		answer, err := request.RequestWith(t.Context(), connected)
		return err == nil && answer.ErrorCode == 0 && answer.Topics[0].Partitions[0].Offset == commits-1
	})
}
