package crash

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

const (
	topic      = "load"
	partitions = 3
	batchSize  = 50
	patience   = time.Minute
)

// place is where a record lies.
type place struct {
	partition int32
	offset    int64
}

// ledger has what the broker acknowledged: no place twice, none lost.
type ledger struct {
	mu           sync.Mutex
	acknowledged map[place]string
	clashes      []string
}

func (l *ledger) add(r *kgo.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := place{r.Partition, r.Offset}
	if before, taken := l.acknowledged[at]; taken && before != string(r.Value) {
		l.clashes = append(l.clashes, fmt.Sprintf("%v was given to %s and to %s", at, before, r.Value))
	}
	l.acknowledged[at] = string(r.Value)
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// load is producers that send without end, half of them idempotent ones.
type load struct {
	ledger
	stop      context.CancelFunc
	producers sync.WaitGroup
}

func newClient(t testing.TB, address string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	connected, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(address), kgo.MetadataMinAge(20 * time.Millisecond), kgo.RetryTimeout(patience),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }),
		kgo.RecordRetries(1 << 30), kgo.UnknownTopicRetries(-1), kgo.FetchMaxWait(100 * time.Millisecond),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return connected
}

func startLoad(t testing.TB, address string, producers int) *load {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &load{ledger: ledger{acknowledged: map[place]string{}}, stop: stop}
	for producer := range producers {
		options := []kgo.Opt{kgo.ManualFlushing()}
		if !idempotent(producer) {
			options = append(options, kgo.DisableIdempotentWrite())
		}
		l.producers.Go(func() { l.produce(ctx, newClient(t, address, options...), producer) })
	}
	return l
}

// produce sends until the context ends, one batch at a time: a snapshot of producers
// has their last batch only, as Kafka's, so that of more the first may be taken for
// lost when they are sent again.
func (l *load) produce(ctx context.Context, connected *kgo.Client, producer int) {
	defer connected.Close()
	for i := 0; ctx.Err() == nil; i++ {
		if i%batchSize == 0 {
			_ = connected.Flush(ctx)
			breathe(ctx)
		}
		value := fmt.Appendf(nil, "%d-%d", producer, i)
		connected.Produce(ctx, &kgo.Record{Topic: topic, Value: value}, func(r *kgo.Record, err error) {
			if err == nil {
				l.add(r)
			}
		})
	}
}

// breathe lets other producers have their turn.
func breathe(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(2 * time.Millisecond):
	}
}

func (l *load) end() {
	l.stop()
	l.producers.Wait()
}

// topics are those of the tests with what they are for.
var topics = []struct {
	name       string
	partitions int32
	settings   map[string]string
}{
	{topic, partitions, nil},
	{compactedTopic, 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "65536", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"}},
	// The cleaner's threads see to retention of compacted topics, at once after a
	// start; others wait for half a minute first.
	{boundedTopic, 1, map[string]string{"cleanup.policy": "compact,delete", "segment.bytes": "65536", "min.cleanable.dirty.ratio": "0.5", "retention.bytes": fmt.Sprint(boundedBytes)}},
}

func createTopics(t testing.TB, address string) {
	t.Helper()
	connected := newClient(t, address)
	defer connected.Close()
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	for _, created := range topics {
		asked := kmsg.CreateTopicsRequestTopic{Topic: created.name, NumPartitions: created.partitions, ReplicationFactor: 1}
		for key, value := range created.settings {
			asked.Configs = append(asked.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: key, Value: &value})
		}
		request.Topics = append(request.Topics, asked)
	}
	response, err := request.RequestWith(t.Context(), connected)
	if err != nil {
		t.Fatal(err)
	}
	for _, created := range response.Topics {
		if created.ErrorCode != 0 {
			t.Fatalf("create %s: %+v", created.Topic, created)
		}
	}
}

// validate reads the whole topic and compares it with what was acknowledged.
func (l *load) validate(t testing.TB, address string) {
	t.Helper()
	kept := readAll(t, address)
	l.mu.Lock() // a client's last callbacks may come after it is closed
	defer l.mu.Unlock()
	for _, clash := range l.clashes {
		t.Errorf("an offset was used twice: %s", clash)
	}
	lost := 0
	for at, value := range l.acknowledged {
		if kept[at] != value {
			if lost++; lost <= 5 {
				t.Errorf("%v: acknowledged %q, kept %q", at, value, kept[at])
			}
		}
	}
	l.validateOrder(t, kept)
	t.Logf("%d records acknowledged, %d kept, %d lost", len(l.acknowledged), len(kept), lost)
}

// validateOrder holds idempotent producers to what they are for: in a partition
// their records are in the order of sending, none twice.
func (l *load) validateOrder(t testing.TB, kept map[place]string) {
	t.Helper()
	places := slices.SortedFunc(maps.Keys(kept), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	type lane struct {
		partition int32
		producer  int
	}
	last := map[lane]int{}
	for _, at := range places {
		var producer, number int
		if _, err := fmt.Sscanf(kept[at], "%d-%d", &producer, &number); err != nil {
			t.Fatalf("%v: %q is no record of the load", at, kept[at])
		}
		in := lane{at.partition, producer}
		if before, ok := last[in]; ok && number <= before && idempotent(producer) {
			t.Errorf("%v: record %d of producer %d is behind its record %d", at, number, producer, before)
			return
		}
		last[in] = number
	}
}

// idempotent tells which producers are.
func idempotent(producer int) bool { return producer%2 == 0 }

// readAll reads what the topic holds and checks that offsets leave nothing out.
func readAll(t testing.TB, address string) map[place]string {
	t.Helper()
	kept, next := map[place]string{}, map[int32]int64{}
	readTopic(t, address, topic, partitions, func(r *kgo.Record) {
		if r.Offset != next[r.Partition] {
			t.Errorf("partition %d: offset %d where %d is next", r.Partition, r.Offset, next[r.Partition])
		}
		next[r.Partition] = r.Offset + 1
		kept[place{r.Partition, r.Offset}] = string(r.Value)
	})
	return kept
}

// readTopic reads a topic from its start to the end that it has now, which it gives.
func readTopic(t testing.TB, address, name string, count int32, visit func(*kgo.Record)) (ends []int64) {
	t.Helper()
	connected := newClient(t, address, kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer connected.Close()
	ends = endOffsets(t, connected, name, count)
	missing := slices.Clone(ends)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for slices.Max(missing) > 0 && ctx.Err() == nil {
		connected.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			visit(r)
			missing[r.Partition] = ends[r.Partition] - r.Offset - 1
		})
	}
	if ctx.Err() != nil {
		t.Errorf("%s cannot be read to its end: %v records are missing", name, missing)
	}
	return ends
}

func endOffsets(t testing.TB, connected *kgo.Client, name string, count int32) []int64 {
	t.Helper()
	request := kmsg.NewPtrListOffsetsRequest()
	asked := kmsg.ListOffsetsRequestTopic{Topic: name}
	for partition := range count {
		asked.Partitions = append(asked.Partitions, kmsg.ListOffsetsRequestTopicPartition{Partition: partition, Timestamp: -1, CurrentLeaderEpoch: -1})
	}
	request.Topics = append(request.Topics, asked)
	ends := make([]int64, count)
	framework.Until(t, patience, "the ends of the partitions are known", func() bool {
		response, err := request.RequestWith(t.Context(), connected)
		if err != nil {
			return false
		}
		for _, answer := range response.Topics[0].Partitions {
			if answer.ErrorCode != 0 {
				return false
			}
			ends[answer.Partition] = answer.Offset
		}
		return true
	})
	return ends
}
