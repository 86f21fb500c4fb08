package crash

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// compactedTopic gets few keys again and again.
	compactedTopic = "compacted"
	compactedKeys  = 100
	// boundedTopic keeps only its last records.
	boundedTopic = "bounded"
	boundedBytes = 200_000
)

// keyedLoad is an idempotent producer to each of the topics that lose records by
// compaction and by retention. Values are numbers that count up.
type keyedLoad struct {
	stop      context.CancelFunc
	producers sync.WaitGroup

	mu sync.Mutex
	// acknowledged has the numbers by topic and offset.
	acknowledged map[string]map[int64]int
	clashes      []string
}

func startKeyedLoad(t testing.TB, address string) *keyedLoad {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &keyedLoad{stop: stop, acknowledged: map[string]map[int64]int{compactedTopic: {}, boundedTopic: {}}}
	for name := range l.acknowledged {
		connected := newClient(t, address, kgo.ManualFlushing(), kgo.DefaultProduceTopic(name))
		l.producers.Go(func() { l.produce(ctx, connected, name) })
	}
	return l
}

// keyOf is the key of a number.
func keyOf(name string, number int) string {
	if name == compactedTopic {
		number %= compactedKeys
	}
	return fmt.Sprint("k", number)
}

func valueOf(number int) string { return fmt.Sprintf("%d %s", number, strings.Repeat("v", 100)) }

func (l *keyedLoad) produce(ctx context.Context, connected *kgo.Client, name string) {
	defer connected.Close()
	for number := 0; ctx.Err() == nil; number++ {
		if number%batchSize == 0 {
			_ = connected.Flush(ctx)
			breathe(ctx)
		}
		record := &kgo.Record{Key: []byte(keyOf(name, number)), Value: []byte(valueOf(number))}
		connected.Produce(ctx, record, func(r *kgo.Record, err error) {
			if err == nil {
				l.add(r, number)
			}
		})
	}
}

func (l *keyedLoad) add(r *kgo.Record, number int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before, taken := l.acknowledged[r.Topic][r.Offset]; taken && before != number {
		l.clashes = append(l.clashes, fmt.Sprintf("offset %d of %s was given to %d and to %d", r.Offset, r.Topic, before, number))
	}
	l.acknowledged[r.Topic][r.Offset] = number
}

func (l *keyedLoad) end() {
	l.stop()
	l.producers.Wait()
}

// validate reads both topics. Of what was acknowledged only that may be missing
// which has a later record of its key, or lies below the log's start.
func (l *keyedLoad) validate(t testing.TB, address string) {
	t.Helper()
	for _, name := range []string{compactedTopic, boundedTopic} {
		kept, start, end := l.read(t, address, name)
		l.mu.Lock()
		for offset, number := range l.acknowledged[name] {
			found, ok := kept[offset]
			switch {
			case ok && found != number:
				t.Errorf("%s, offset %d: acknowledged %d, kept %d", name, offset, number, found)
			case !ok && name == boundedTopic && offset >= start:
				t.Errorf("%s, offset %d: %d is lost, the log is [%d, %d)", name, offset, number, start, end)
			case !ok && offset >= end:
				t.Errorf("%s, offset %d: %d is lost, the log ends at %d", name, offset, number, end)
			}
		}
		if name == compactedTopic {
			l.validateLatest(t, kept)
		}
		t.Logf("%s: %d records acknowledged, %d kept of [%d, %d)", name, len(l.acknowledged[name]), len(kept), start, end)
		if start == 0 && name == boundedTopic && end*100 > 2*boundedBytes {
			t.Errorf("retention took nothing of %d records", end)
		}
		if len(kept) >= len(l.acknowledged[name]) && end > 10*compactedKeys {
			t.Errorf("nothing went of %d records of %s", len(l.acknowledged[name]), name)
		}
		l.mu.Unlock()
	}
	for _, clash := range l.clashes {
		t.Errorf("an offset was used twice: %s", clash)
	}
}

// read reads a topic, whose numbers must count up: none twice, none in between that
// comes late.
func (l *keyedLoad) read(t testing.TB, address, name string) (kept map[int64]int, start, end int64) {
	t.Helper()
	kept, start = map[int64]int{}, -1
	last := -1
	end = readTopic(t, address, name, 1, func(r *kgo.Record) {
		var number int
		if _, err := fmt.Sscanf(string(r.Value), "%d", &number); err != nil || string(r.Value) != valueOf(number) || string(r.Key) != keyOf(name, number) {
			t.Fatalf("%s, offset %d: %s=%s is no record of the load", name, r.Offset, r.Key, r.Value)
		}
		if number <= last {
			t.Errorf("%s, offset %d: %d is behind %d", name, r.Offset, number, last)
		}
		if start < 0 {
			start = r.Offset
		}
		kept[r.Offset], last = number, number
	})[0]
	return kept, start, end
}

// validateLatest: of each key the last acknowledged record or a later one is kept.
func (l *keyedLoad) validateLatest(t testing.TB, kept map[int64]int) {
	t.Helper()
	latest := map[string]int{}
	for _, number := range kept {
		key := keyOf(compactedTopic, number)
		latest[key] = max(latest[key], number)
	}
	for offset, number := range l.acknowledged[compactedTopic] {
		if key := keyOf(compactedTopic, number); latest[key] < number {
			t.Errorf("%s: the last record of %s is %d, but %d was acknowledged at %d", compactedTopic, key, latest[key], number, offset)
		}
	}
}
