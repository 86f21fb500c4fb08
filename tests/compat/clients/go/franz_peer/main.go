// The program of franz-go, its kadm included.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

type client struct {
	bootstrap string
	admin     *kadm.Client
}

func main() {
	Main(func(bootstrap string) Client { return newClient(bootstrap) })
}

func newClient(bootstrap string) *client {
	c := &client{bootstrap: bootstrap}
	c.admin = kadm.NewClient(c.connect())
	return c
}

func (c *client) connect(options ...kgo.Opt) *kgo.Client {
	return Checked(kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.bootstrap), kgo.MetadataMinAge(20 * time.Millisecond), kgo.FetchMaxWait(100 * time.Millisecond), kgo.RetryTimeout(Patience),
	}, options...)...))
}

func (c *client) Create(topic string, partitions int32) {
	Checked(c.admin.CreateTopic(Patient(), partitions, 1, nil, topic))
}

func (c *client) Partitions(topic string) int {
	return len(Checked(c.admin.ListTopics(Patient(), topic))[topic].Partitions)
}

var codecs = map[string]kgo.CompressionCodec{
	"": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func (c *client) Send(topic string, settings Settings, records ...Record) {
	options := []kgo.Opt{kgo.ProducerBatchCompression(codecs[settings.Codec]), kgo.ProducerLinger(5 * time.Millisecond), kgo.RecordPartitioner(asTold{kgo.StickyKeyPartitioner(nil)})}
	if !settings.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if settings.Large {
		options = append(options, kgo.ProducerBatchMaxBytes(4<<20))
	}
	if settings.Hurried {
		options = append(options, kgo.UnknownTopicRetries(2))
	}
	producer := c.connect(options...)
	defer producer.Close()
	sent := make([]*kgo.Record, len(records))
	for i, r := range records {
		sent[i] = &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value, Partition: r.Partition}
		if r.Timestamp != 0 {
			sent[i].Timestamp = time.UnixMilli(r.Timestamp)
		}
		for _, header := range r.Headers {
			sent[i].Headers = append(sent[i].Headers, kgo.RecordHeader{Key: header.Key, Value: header.Value})
		}
	}
	Check(producer.ProduceSync(Patient(), sent...).FirstErr())
}

// asTold takes a record's own partition where it has one.
type asTold struct{ kgo.Partitioner }

type asToldTopic struct{ kgo.TopicPartitioner }

func (p asTold) ForTopic(topic string) kgo.TopicPartitioner {
	return asToldTopic{p.Partitioner.ForTopic(topic)}
}

func (p asToldTopic) Partition(r *kgo.Record, count int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return p.TopicPartitioner.Partition(r, count)
}

func (c *client) Read(topic string, partitions int32, count int, from Position, then func()) []Record {
	start := map[PositionKind]kgo.Offset{
		Start: kgo.NewOffset().AtStart(), End: kgo.NewOffset().AtEnd(), Offset: kgo.NewOffset().At(from.At), Timestamp: kgo.NewOffset().AfterMilli(from.At),
	}[from.Kind]
	if then != nil { // it says nowhere when it has found the end
		start = kgo.NewOffset().At(Checked(c.admin.ListEndOffsets(Patient(), topic))[topic][0].Offset)
		then()
	}
	offsets := map[int32]kgo.Offset{}
	for p := range partitions {
		offsets[p] = start
	}
	consumer := c.connect(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}))
	defer consumer.Close()
	return poll(consumer, count)
}

func poll(consumer *kgo.Client, count int) (records []Record) {
	ctx := Patient()
	for len(records) < count {
		fetches := consumer.PollRecords(ctx, count-len(records))
		Check(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			record := Record{Key: r.Key, Value: r.Value, Partition: r.Partition, Timestamp: r.Timestamp.UnixMilli(), Offset: r.Offset}
			for _, header := range r.Headers {
				record.Headers = append(record.Headers, Header{Key: header.Key, Value: header.Value})
			}
			records = append(records, record)
		})
	}
	return records
}

func (c *client) group(topic string, options ...kgo.Opt) *kgo.Client {
	return c.connect(append([]kgo.Opt{
		kgo.ConsumerGroup(topic), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.ClientID("describer"),
		kgo.Balancers(kgo.RangeBalancer()), kgo.SessionTimeout(3 * time.Second), kgo.HeartbeatInterval(200 * time.Millisecond),
	}, options...)...)
}

func (c *client) ConsumeAndCommit(topic string, count int) []Record {
	consumer := c.group(topic)
	defer consumer.Close()
	records := poll(consumer, count)
	last := records[len(records)-1]
	Check(consumer.CommitRecords(Patient(), &kgo.Record{Topic: topic, Partition: last.Partition, Offset: last.Offset, LeaderEpoch: -1}))
	return records
}

func (c *client) Join(topic string, how Membership, member *Member) func() {
	options := []kgo.Opt{
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, gained map[string][]int32) { member.Gained(gained[topic]) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { member.Lost(lost[topic]) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) { member.Lost(lost[topic]) }),
	}
	if how.Cooperative {
		options = append(options, kgo.Balancers(kgo.CooperativeStickyBalancer()))
	}
	if how.Instance != "" {
		options = append(options, kgo.InstanceID(how.Instance), kgo.SessionTimeout(15*time.Second))
	}
	consumer := c.group(topic, options...)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			fetches := consumer.PollFetches(ctx)
			if err := fetches.Err(); err != nil && !errors.Is(err, context.Canceled) {
				member.Failed(err)
			}
			fetches.EachRecord(func(r *kgo.Record) { member.Got(r.Value) })
		}
	}()
	return func() {
		stop()
		<-ended
		consumer.Close()
	}
}

// UnknownTopicConsume finds that the client waits for the topic.
func (c *client) UnknownTopicConsume(topic string) string {
	consumer := c.connect(kgo.ConsumeTopics(topic))
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return c.Text(consumer.PollFetches(ctx).Err())
}

// Text is the error of the protocol where there is one; how often it was tried is
// not said.
func (c *client) Text(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}
