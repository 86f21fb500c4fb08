package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	godiff "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	logrecord "github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tests/framework"
)

// TestEveryCodecEndToEnd sends with each codec and reads with every client; the
// broker keeps the records as small as they were sent.
func TestEveryCodecEndToEnd(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			topic := codec + "-" + one.name()
			createTopic(t, c.Bootstrap(), topic, 1, nil)
			sent := make([]record, 100)
			for i := range sent {
				sent[i] = record{topic: topic, key: fmt.Sprint(i), value: strings.Repeat(fmt.Sprintf("%s-%d ", codec, i), 100)}
			}
			one.send(t, c.Bootstrap(), sent, delivery{compression: codec})
			for _, reader := range clients() {
				got := readAll(t, reader, c.Bootstrap(), topic, 0, position{}, len(sent))
				if diff := godiff.Diff(values(sent), values(got)); diff != "" {
					t.Errorf("%s, read by %s:\n%s", codec, reader.name(), diff)
				}
			}
			raw := 0
			for _, r := range sent {
				raw += len(r.value)
			}
			if kept := topicSize(t, c.Bootstrap(), topic); (kept < int64(raw/2)) != (codec != "none") {
				t.Errorf("%s: %d bytes of values take %d in the log", codec, raw, kept)
			}
		}
	})
}

// topicSize is the size of a topic's first partition on disk.
func topicSize(t testing.TB, bootstrap, name string) int64 {
	t.Helper()
	for _, dir := range ask(t, bootstrap, kmsg.NewPtrDescribeLogDirsRequest()).Dirs {
		succeed(t, "describe log dirs", dir.ErrorCode)
		for _, topic := range dir.Topics {
			if topic.Topic == name {
				return topic.Partitions[0].Size
			}
		}
	}
	t.Fatalf("no log directory has %s", name)
	return 0
}

// TestBigRecords sends up to the limit of a topic, and over it.
func TestBigRecords(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		topic := "big-" + one.name()
		createTopic(t, c.Bootstrap(), topic, 1, map[string]string{"max.message.bytes": "6000000"})
		random := rand.New(rand.NewPCG(1, 2))
		var sent []record
		for _, size := range []int{10, 999_000, 5_900_000, 1, 4 << 20} {
			value := make([]byte, size)
			for i := range value {
				value[i] = byte('a' + random.IntN(26))
			}
			sent = append(sent, record{topic: topic, value: string(value)})
			one.send(t, c.Bootstrap(), sent[len(sent)-1:], delivery{})
		}
		for _, reader := range clients() {
			got := readAll(t, reader, c.Bootstrap(), topic, 0, position{}, len(sent))
			if !slices.Equal(values(sent), values(got)) {
				t.Errorf("read by %s: the big records differ", reader.name())
			}
		}
	})
}

func TestTooBigARecordIsRefused(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "small", 1, map[string]string{"max.message.bytes": "1000"})
	connected := connect(t, c.Bootstrap(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer connected.Close()
	for _, size := range []int{2000, 900_000} {
		err := connected.ProduceSync(t.Context(), &kgo.Record{Topic: "small", Value: make([]byte, size)}).FirstErr()
		if !errors.Is(err, kerr.MessageTooLarge) {
			t.Errorf("%d bytes: %v, want %v", size, err, kerr.MessageTooLarge)
		}
	}
	if err := connected.ProduceSync(t.Context(), &kgo.Record{Topic: "small", Value: make([]byte, 500)}).FirstErr(); err != nil {
		t.Error(err)
	}
}

// TestNoDuplicatesThroughRestarts restarts the broker under an idempotent producer.
func TestNoDuplicatesThroughRestarts(t *testing.T) {
	t.Parallel()
	for _, one := range libraries {
		t.Run(one.name(), func(t *testing.T) {
			c := framework.StartInProcess(t, nil)
			createTopic(t, c.Bootstrap(), "exact", 1, nil)
			sent := numbered("exact", "value-", 10_000)
			var sending sync.WaitGroup
			sending.Go(func() { one.send(t, c.Bootstrap(), sent, delivery{idempotent: true, inSmall: true}) })
			for range 2 {
				before := listOffset(t, c.Bootstrap(), "exact", 0, latest)
				framework.Until(t, patience, "more records arrive", func() bool {
					return listOffset(t, c.Bootstrap(), "exact", 0, latest) >= min(before+500, int64(len(sent)))
				})
				c.Restart()
			}
			sending.Wait()
			if end := listOffset(t, c.Bootstrap(), "exact", 0, latest); end != int64(len(sent)) {
				t.Fatalf("the log ends at %d, want %d", end, len(sent))
			}
			got := readAll(t, franzClient{}, c.Bootstrap(), "exact", 0, position{}, len(sent))
			if diff := godiff.Diff(values(sent), values(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// idempotentBatch is a batch as an idempotent producer sends it.
func idempotentBatch(producerID int64, epoch int16, sequence int32, count int) []byte {
	builder := logrecord.NewBuilder(logrecord.BuilderOptions{
		HasProducer: true, ProducerID: producerID, ProducerEpoch: epoch, BaseSequence: sequence, PartitionLeaderEpoch: -1,
	})
	for i := range count {
		builder.Append(time.Now().UnixMilli(), nil, fmt.Appendf(nil, "%d", int(sequence)+i))
	}
	return builder.Build()
}

// TestSequencesOfAProducer sends batches as a producer that tries again, leaves one
// out, or comes back as a zombie does.
func TestSequencesOfAProducer(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "sequences", 1, nil)
	given := ask(t, c.Bootstrap(), kmsg.NewPtrInitProducerIDRequest())
	succeed(t, "InitProducerId", given.ErrorCode)
	for _, step := range []struct {
		name     string
		epoch    int16
		sequence int32
		want     error
		offset   int64
	}{
		{"the first batch", 0, 0, nil, 0},
		{"the next", 0, 5, nil, 5},
		{"the first again", 0, 0, nil, 0},
		{"the second again", 0, 5, nil, 5},
		{"one left out", 0, 15, kerr.OutOfOrderSequenceNumber, -1},
		{"the one that was left out", 0, 10, nil, 10},
		{"a new epoch not beginning at 0", 1, 5, kerr.OutOfOrderSequenceNumber, -1},
		{"a new epoch", 1, 0, nil, 15},
		{"the old epoch", 0, 15, kerr.InvalidProducerEpoch, -1},
	} {
		answer := produceRaw(t, c.Bootstrap(), "sequences", idempotentBatch(given.ProducerID, step.epoch, step.sequence, 5))
		if got := kerr.ErrorForCode(answer.ErrorCode); got != step.want || answer.BaseOffset != step.offset {
			t.Errorf("%s: %v at offset %d, want %v at %d", step.name, got, answer.BaseOffset, step.want, step.offset)
		}
	}
}

// produceRaw sends bytes as the records of partition 0, with acks=all.
func produceRaw(t testing.TB, bootstrap, name string, records []byte) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	return ask(t, bootstrap, produceRequest(name, records)).Topics[0].Partitions[0]
}

func produceRequest(name string, records []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, int32(patience.Milliseconds())
	request.Topics = []kmsg.ProduceRequestTopic{{
		Topic: name, Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: 0, Records: records}},
	}}
	return request
}
