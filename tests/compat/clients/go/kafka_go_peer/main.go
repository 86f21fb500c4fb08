// The program of segmentio/kafka-go. It has neither idempotent producers nor static
// or cooperative members.
package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

type client struct{ bootstrap string }

func main() {
	Main(func(bootstrap string) Client { return &client{bootstrap} })
}

// ask gives a client of its own to each call, since clients keep what they know of
// topics for seconds.
func (c *client) ask() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(c.bootstrap), Timeout: Patience, Transport: transport()}
}

func transport() *kafka.Transport {
	return &kafka.Transport{ClientID: "describer", DialTimeout: Patience}
}

func (c *client) Create(topic string, partitions int32) {
	config := kafka.TopicConfig{Topic: topic, NumPartitions: int(partitions), ReplicationFactor: 1}
	Check(Checked(c.ask().CreateTopics(Patient(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{config}})).Errors[topic])
}

func (c *client) Partitions(topic string) int { return len(c.topic(topic).Partitions) }

func (c *client) topic(name string) kafka.Topic {
	return Checked(c.ask().Metadata(Patient(), &kafka.MetadataRequest{Topics: []string{name}})).Topics[0]
}

var codecs = map[string]kafka.Compression{"": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}

func (c *client) Send(topic string, settings Settings, records ...Record) {
	if settings.Idempotent {
		NotInClient()
	}
	told := map[*byte]int32{} // partitions by the messages' values; a balancer gets copies of the messages
	messages := make([]kafka.Message, len(records))
	for i, r := range records {
		messages[i] = kafka.Message{Key: r.Key, Value: r.Value}
		if r.Timestamp != 0 {
			messages[i].Time = time.UnixMilli(r.Timestamp)
		}
		for _, header := range r.Headers {
			messages[i].Headers = append(messages[i].Headers, kafka.Header{Key: header.Key, Value: header.Value})
		}
		if r.Partition > 0 && len(r.Value) > 0 {
			told[&r.Value[0]] = r.Partition
		}
	}
	byKey := &kafka.Hash{}
	balancer := kafka.BalancerFunc(func(m kafka.Message, partitions ...int) int {
		if len(m.Value) > 0 && told[&m.Value[0]] > 0 {
			return int(told[&m.Value[0]])
		}
		if m.Key == nil {
			return partitions[0]
		}
		return byKey.Balance(m, partitions...)
	})
	writer := &kafka.Writer{
		Addr: kafka.TCP(c.bootstrap), Topic: topic, Balancer: balancer, BatchTimeout: 5 * time.Millisecond, RequiredAcks: kafka.RequireAll,
		Compression: codecs[settings.Codec], Transport: transport(),
	}
	if settings.Large {
		writer.BatchBytes = 4 << 20
	}
	if settings.Hurried {
		writer.MaxAttempts = 2
	}
	defer writer.Close()
	err := writer.WriteMessages(Patient(), messages...)
	var several kafka.WriteErrors
	if errors.As(err, &several) {
		err = several[0]
	}
	Check(err)
}

func (c *client) reader(topic string, partition int32) *kafka.Reader {
	return kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.bootstrap}, Topic: topic, Partition: int(partition), MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 100 * time.Millisecond,
	})
}

func (c *client) Read(topic string, partitions int32, count int, from Position, then func()) (records []Record) {
	ctx, cancel := context.WithCancel(Patient())
	defer cancel()
	messages, failures := make(chan kafka.Message), make(chan error, partitions)
	for p := range partitions {
		reader := c.reader(topic, p)
		defer reader.Close()
		c.seek(reader, from, topic)
		go func() {
			for {
				m, err := reader.ReadMessage(ctx)
				if err != nil {
					failures <- err
					return
				}
				select {
				case messages <- m:
				case <-ctx.Done():
				}
			}
		}()
	}
	if then != nil {
		then()
	}
	for len(records) < count {
		select {
		case m := <-messages:
			records = append(records, record(m))
		case err := <-failures:
			Check(err)
		}
	}
	return records
}

func (c *client) seek(reader *kafka.Reader, from Position, topic string) {
	switch from.Kind {
	case Start:
		Check(reader.SetOffset(kafka.FirstOffset))
	case End: // it looks for the end when it reads first
		found := Checked(c.ask().ListOffsets(Patient(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {kafka.LastOffsetOf(0)}}}))
		Check(reader.SetOffset(found.Topics[topic][0].LastOffset))
	case Offset:
		Check(reader.SetOffset(from.At))
	case Timestamp:
		Check(reader.SetOffsetAt(Patient(), time.UnixMilli(from.At)))
	}
}

func record(m kafka.Message) Record {
	r := Record{Key: m.Key, Value: m.Value, Partition: int32(m.Partition), Timestamp: m.Time.UnixMilli(), Offset: m.Offset}
	for _, header := range m.Headers {
		r.Headers = append(r.Headers, Header{Key: header.Key, Value: header.Value})
	}
	return r
}

// ConsumeAndCommit goes by a Reader with a group, as most users do.
func (c *client) ConsumeAndCommit(topic string, count int) (records []Record) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{c.bootstrap}, GroupID: topic, GroupTopics: []string{topic}, MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 100 * time.Millisecond,
		StartOffset: kafka.FirstOffset, SessionTimeout: 3 * time.Second, HeartbeatInterval: 200 * time.Millisecond, JoinGroupBackoff: 200 * time.Millisecond,
	})
	defer reader.Close()
	for len(records) < count {
		m := Checked(reader.FetchMessage(Patient()))
		records = append(records, record(m))
		Check(reader.CommitMessages(Patient(), m))
	}
	return records
}

// Join goes by a ConsumerGroup, which tells its assignments, and a Reader for each
// partition.
func (c *client) Join(topic string, how Membership, member *Member) func() {
	if how.Cooperative || how.Instance != "" {
		NotInClient()
	}
	group := Checked(kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: topic, Brokers: []string{c.bootstrap}, Topics: []string{topic}, StartOffset: kafka.FirstOffset, Dialer: &kafka.Dialer{ClientID: "describer", Timeout: 10 * time.Second},
		GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}}, SessionTimeout: 3 * time.Second, HeartbeatInterval: 200 * time.Millisecond, JoinGroupBackoff: 200 * time.Millisecond,
	}))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			generation, err := group.Next(ctx)
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, kafka.RebalanceInProgress) && !errors.Is(err, kafka.UnknownMemberId) {
					member.Failed(err)
				}
				continue
			}
			c.take(generation, topic, member)
		}
	}()
	return func() {
		stop()
		_ = group.Close()
		<-ended
	}
}

// take reads what the generation assigns, while it lasts.
func (c *client) take(generation *kafka.Generation, topic string, member *Member) {
	var assigned []int32
	for _, one := range generation.Assignments[topic] {
		partition := int32(one.ID)
		assigned = append(assigned, partition)
		generation.Start(func(ctx context.Context) {
			reader := c.reader(topic, partition)
			defer reader.Close()
			Check(reader.SetOffset(one.Offset))
			for ctx.Err() == nil {
				if m, err := reader.ReadMessage(ctx); err == nil {
					member.Got(m.Value)
				}
			}
		})
	}
	member.Assigned(assigned)
}

func (c *client) UnknownTopicConsume(topic string) string {
	reader := c.reader(topic, 0)
	defer reader.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := reader.ReadMessage(ctx)
	Require(err != nil, "no error")
	return c.Text(err)
}

func (c *client) Text(err error) string { return strings.TrimSpace(err.Error()) }
