package integration

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type franzClient struct{}

func (franzClient) name() string { return "franz-go" }

// connect makes a client with settings that suit tests.
func connect(t testing.TB, bootstrap string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	connected, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.MetadataMinAge(20 * time.Millisecond), kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.RetryTimeout(patience), kgo.RecordDeliveryTimeout(patience), kgo.UnknownTopicRetries(100),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return connected
}

var franzCodecs = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func (franzClient) send(t testing.TB, bootstrap string, records []record, how delivery) {
	t.Helper()
	options := []kgo.Opt{kgo.ProducerBatchCompression(franzCodecs[how.compression]), kgo.ProducerBatchMaxBytes(16 << 20)}
	if !how.idempotent {
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	if how.creating {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	if how.inSmall {
		options = append(options, kgo.ManualFlushing())
	}
	connected := connect(t, bootstrap, options...)
	defer connected.Close()
	for i, r := range records {
		if how.inSmall && i%20 == 0 {
			flush(t, connected)
		}
		sent := &kgo.Record{Topic: r.topic, Value: []byte(r.value)}
		if r.key != "" {
			sent.Key = []byte(r.key)
		}
		connected.Produce(context.Background(), sent, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("franz-go: %v", err)
			}
		})
	}
	flush(t, connected)
}

func flush(t testing.TB, connected *kgo.Client) {
	t.Helper()
	if err := connected.Flush(context.Background()); err != nil {
		t.Error(err)
	}
}

type franzMember struct {
	*kgo.Client
	network *wire
	stop    context.CancelFunc
	done    sync.WaitGroup
}

func (franzClient) consume(t testing.TB, bootstrap, group, topic string, got func(record)) member {
	t.Helper()
	m := &franzMember{network: &wire{}}
	m.Client = connect(t, bootstrap, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.Dialer(m.network.DialContext),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(heartbeatInterval), kgo.AutoCommitInterval(commitInterval),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.BlockRebalanceOnPoll(), kgo.AutoCommitMarks())
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.done.Go(func() {
		for ctx.Err() == nil {
			m.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				got(fromFranz(r))
				m.MarkCommitRecords(r)
			})
			m.AllowRebalance()
		}
	})
	return m
}

func fromFranz(r *kgo.Record) record {
	return record{r.Topic, r.Partition, r.Offset, string(r.Key), string(r.Value)}
}

func (m *franzMember) leave() {
	m.stop()
	m.done.Wait()
	m.CloseAllowingRebalance()
}

func (m *franzMember) crash() {
	m.network.cut()
	m.stop()
	m.done.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // without waiting for an answer that cannot come
	_ = m.LeaveGroupContext(ctx)
	m.CloseAllowingRebalance()
}

func (franzClient) read(t testing.TB, bootstrap, topic string, partition int32, from position, got func(record)) func() {
	t.Helper()
	start := map[positionKind]kgo.Offset{
		atStart: kgo.NewOffset().AtStart(), atEnd: kgo.NewOffset().AtEnd(),
		atOffset: kgo.NewOffset().At(from.offset), atTimestamp: kgo.NewOffset().AfterMilli(from.offset),
	}[from.kind]
	connected := connect(t, bootstrap, kgo.FetchMaxBytes(1<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.BrokerMaxReadBytes(100<<20),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: start}}))
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			connected.PollFetches(ctx).EachRecord(func(r *kgo.Record) { got(fromFranz(r)) })
		}
	})
	return func() {
		stop()
		done.Wait()
		connected.Close()
	}
}
