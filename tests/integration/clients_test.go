package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

// record is what a test sends and what it gets.
type record struct {
	topic      string
	partition  int32
	offset     int64
	key, value string
}

// position is where reading a partition begins.
type position struct {
	// offset is a number, or sarama's OffsetOldest or OffsetNewest.
	offset int64
}

// client is one client library as the tests use it.
type client interface {
	name() string
	// send sends the records in order and returns when all are acknowledged.
	send(t testing.TB, bootstrap string, records []record)
	// consume joins a group and calls got for each record, from the start of the
	// topic where the group has no commit. It commits what it got.
	consume(t testing.TB, bootstrap, group, topic string, got func(record)) member
}

// member is a consumer in a group.
type member interface {
	// leave commits and leaves the group.
	leave()
	// crash ends without a word.
	crash()
}

const sessionTimeout = 6 * time.Second

type saramaClient struct{}

func (saramaClient) name() string { return "sarama" }

func saramaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_1_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Group.Session.Timeout = sessionTimeout
	cfg.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	cfg.Consumer.Offsets.AutoCommit.Interval = 100 * time.Millisecond
	cfg.Metadata.Retry.Backoff = 50 * time.Millisecond
	cfg.Metadata.Retry.Max = 100
	return cfg
}

func (saramaClient) send(t testing.TB, bootstrap string, records []record) {
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, saramaConfig())
	if err != nil {
		t.Error(err)
		return
	}
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, len(records))
	for i, r := range records {
		messages[i] = &sarama.ProducerMessage{Topic: r.topic, Value: sarama.StringEncoder(r.value)}
		if r.key != "" {
			messages[i].Key = sarama.StringEncoder(r.key)
		}
	}
	if err := producer.SendMessages(messages); err != nil {
		t.Errorf("sarama: %v", err)
	}
}

type saramaMember struct {
	stop  context.CancelFunc
	group sarama.ConsumerGroup
	dead  chan struct{}
	done  sync.WaitGroup
	got   func(record)
}

func (saramaClient) consume(t testing.TB, bootstrap, group, topic string, got func(record)) member {
	joined, err := sarama.NewConsumerGroup([]string{bootstrap}, group, saramaConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &saramaMember{stop: stop, group: joined, got: got, dead: make(chan struct{})}
	m.done.Go(func() {
		for ctx.Err() == nil {
			if err := joined.Consume(ctx, []string{topic}, m); errors.Is(err, sarama.ErrClosedConsumerGroup) {
				return
			}
		}
	})
	return m
}

func (m *saramaMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (m *saramaMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *saramaMember) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			m.got(record{message.Topic, message.Partition, message.Offset, string(message.Key), string(message.Value)})
			session.MarkMessage(message, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

func (m *saramaMember) leave() {
	m.stop()
	_ = m.group.Close()
	m.done.Wait()
}

// crash leaves as sarama offers no end without leaving.
func (m *saramaMember) crash() { m.leave() }

type franzClient struct{}

func (franzClient) name() string { return "franz-go" }

func (franzClient) send(t testing.TB, bootstrap string, records []record) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordDeliveryTimeout(time.Minute), kgo.MetadataMinAge(50*time.Millisecond))
	if err != nil {
		t.Error(err)
		return
	}
	defer client.Close()
	for _, r := range records {
		sent := &kgo.Record{Topic: r.topic, Value: []byte(r.value)}
		if r.key != "" {
			sent.Key = []byte(r.key)
		}
		client.Produce(context.Background(), sent, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Errorf("franz-go: %v", err)
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		t.Error(err)
	}
}

type franzMember struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   sync.WaitGroup
}

func (franzClient) consume(t testing.TB, bootstrap, group, topic string, got func(record)) member {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.SessionTimeout(sessionTimeout), kgo.HeartbeatInterval(200*time.Millisecond), kgo.AutoCommitInterval(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.MetadataMinAge(50*time.Millisecond), kgo.BlockRebalanceOnPoll(), kgo.AutoCommitMarks())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &franzMember{client: client, stop: stop}
	m.done.Go(func() {
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			fetches.EachRecord(func(r *kgo.Record) {
				got(record{r.Topic, r.Partition, r.Offset, string(r.Key), string(r.Value)})
				client.MarkCommitRecords(r)
			})
			client.AllowRebalance()
		}
	})
	return m
}

func (m *franzMember) leave() {
	m.stop()
	m.done.Wait()
	_ = m.client.CommitMarkedOffsets(context.Background())
	m.client.AllowRebalance()
	m.client.Close()
}

func (m *franzMember) crash() {
	m.stop()
	m.done.Wait()
	m.client.AllowRebalance()
	go m.client.Close() // it would leave the group, but its requests fail once the dialer is gone
}

// inbox collects what consumers get.
type inbox struct {
	mu      sync.Mutex
	records []record
	twice   []string
	seen    map[string]bool
}

func newInbox() *inbox { return &inbox{seen: map[string]bool{}} }

func (b *inbox) add(r record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := fmt.Sprintf("%s-%d@%d", r.topic, r.partition, r.offset)
	if b.seen[id] {
		b.twice = append(b.twice, id)
		return
	}
	b.seen[id] = true
	b.records = append(b.records, r)
}

func (b *inbox) all() []record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]record(nil), b.records...)
}

func (b *inbox) count() int { return len(b.all()) }
