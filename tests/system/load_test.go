package system

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tests/framework"
	"github.com/gregor-broker/gregor/tests/system/history"
)

// The kinds of producers; their values begin with these.
const (
	idempotentKind = "idempotent"
	retryingKind   = "retrying"
	onceKind       = "once" // sends each record a single time
)

// batchSize is how many records a producer sends to each partition at a time.
const batchSize = 4

// load is producers and readers of one topic that note what they see. All records
// are sent with acks=all.
type load struct {
	t          testing.TB
	topic      string
	partitions int32
	bootstrap  []string
	history    *history.History

	stopping  context.Context // ends producers after what they sent is answered
	stop      context.CancelFunc
	producers sync.WaitGroup
	closing   context.Context // ends readers, and producers that get no answer
	close     context.CancelFunc
	readers   sync.WaitGroup
	names     []string // of the readers
	// acknowledged has how many records of each partition were.
	acknowledged []atomic.Int64

	mu       sync.Mutex
	problems []string // what a client that retries was not spared
}

// startLoad starts a producer of each kind and readers, and waits until the first
// records are acknowledged.
func startLoad(t testing.TB, c *framework.Brokers, topic string, partitions int32, readers int) *load {
	t.Helper()
	l := &load{
		t: t, topic: topic, partitions: partitions, bootstrap: addresses(c), acknowledged: make([]atomic.Int64, partitions),
		history: history.New(func(value string) bool { return strings.HasPrefix(value, idempotentKind) }),
	}
	l.stopping, l.stop = context.WithCancel(context.Background())
	l.closing, l.close = context.WithCancel(context.Background())
	for kind, options := range map[string][]kgo.Opt{
		idempotentKind: nil, retryingKind: {kgo.DisableIdempotentWrite()}, onceKind: {kgo.DisableIdempotentWrite(), kgo.RecordRetries(0)},
	} {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ManualFlushing(), kgo.MaxProduceRequestsInflightPerBroker(1))
		client := connect(t, l.bootstrap, options...)
		l.producers.Go(func() { l.produce(client, kind) })
	}
	for i := range readers {
		client, name := connect(t, l.bootstrap, kgo.ConsumeTopics(topic),
			kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset())), fmt.Sprint("reader-", i)
		l.names = append(l.names, name)
		l.readers.Go(func() { l.read(client, name) })
	}
	t.Cleanup(l.abandon)
	if err := l.progress()(patience); err != nil {
		t.Fatal(err)
	}
	return l
}

// produce sends until the load ends, one batch a partition at a time: a broker that
// comes back has the last batch of an idempotent producer only, as Kafka's, so that
// of more the first may be taken for new when they are sent again.
func (l *load) produce(client *kgo.Client, kind string) {
	defer client.Close()
	for i := 0; l.stopping.Err() == nil; i++ {
		for partition := range l.partitions {
			for n := range batchSize {
				value := fmt.Sprintf("%s-%d-%d-%d", kind, partition, i, n)
				record := &kgo.Record{Topic: l.topic, Partition: partition, Value: []byte(value)}
				client.Produce(l.closing, record, func(r *kgo.Record, err error) { l.produced(kind, value, r, err) })
			}
		}
		_ = client.Flush(l.closing)
		pause(l.stopping, 10*time.Millisecond)
	}
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}

func (l *load) produced(kind, value string, r *kgo.Record, err error) {
	switch {
	case err == nil:
		l.history.Acknowledged(history.Place{Partition: history.Partition{Topic: l.topic, Index: r.Partition}, Offset: r.Offset}, value)
		l.acknowledged[r.Partition].Add(1)
	case errors.Is(err, kerr.NotEnoughReplicas):
		l.history.Rejected(value) // refused before it was written
	case kind != onceKind && l.closing.Err() == nil:
		l.problem("producer %s: %v", kind, err)
	}
}

func (l *load) problem(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *load) read(client *kgo.Client, name string) {
	defer client.Close()
	for l.closing.Err() == nil {
		fetches := client.PollFetches(l.closing)
		// A partition below zero stands for the client's metadata: a broker that has just
		// started may know some of a topic's partitions first.
		fetches.EachError(func(topic string, partition int32, err error) {
			if l.closing.Err() == nil && partition >= 0 && !passes(err) {
				l.problem("%s: %s-%d: %v", name, topic, partition, err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) { l.history.Read(name, placeOf(r), string(r.Value)) })
	}
}

// passes tells whether a reader is to try again where it is. A leader that was paused
// and does not know of its successor yet tells a client that believes it of offsets
// it has not heard of; what a reader never gets is found when the load ends.
func passes(err error) bool { return kerr.IsRetriable(err) || errors.Is(err, kerr.OffsetOutOfRange) }

func placeOf(r *kgo.Record) history.Place {
	return history.Place{Partition: history.Partition{Topic: r.Topic, Index: r.Partition}, Offset: r.Offset}
}

// progress returns a wait until something sent from now on is acknowledged in every
// partition; it tells where it is not.
func (l *load) progress() (wait func(time.Duration) error) {
	before := make([]int64, l.partitions)
	for i := range before {
		// What is under way may have been sent before.
		before[i] = l.acknowledged[i].Load() + 3*batchSize
	}
	return func(timeout time.Duration) error {
		deadline := time.Now().Add(timeout)
		for i := range before {
			for l.acknowledged[i].Load() <= before[i] {
				if time.Now().After(deadline) {
					return fmt.Errorf("%s-%d acknowledges nothing for %v", l.topic, i, timeout)
				}
				time.Sleep(5 * time.Millisecond)
			}
		}
		return nil
	}
}

// endProducers stops the producers once all they sent is answered.
func (l *load) endProducers() {
	l.stop()
	impatience := time.AfterFunc(patience, l.close)
	defer impatience.Stop()
	l.producers.Wait()
}

// endReaders stops the readers once they have read to the ends.
func (l *load) endReaders(ends map[history.Partition]int64) {
	l.t.Helper()
	for _, name := range l.names {
		for partition, end := range ends {
			framework.Until(l.t, patience, fmt.Sprintf("%s reads %s to its end", name, partition), func() bool {
				return l.history.Next(name, partition) >= end
			})
		}
	}
	l.close()
	l.readers.Wait()
}

// abandon stops all clients at once.
func (l *load) abandon() {
	l.stop()
	l.close()
	l.producers.Wait()
	l.readers.Wait()
}
