package integration

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

type saramaClient struct{}

func (saramaClient) name() string { return "sarama" }

func saramaConfig() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V3_1_0_0
	cfg.Producer.Return.Successes = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Retry.Max = 100
	cfg.Producer.MaxMessageBytes = 16 << 20
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Group.Session.Timeout = sessionTimeout
	cfg.Consumer.Group.Heartbeat.Interval = heartbeatInterval
	cfg.Consumer.Group.Rebalance.Retry.Backoff = 50 * time.Millisecond
	cfg.Consumer.Offsets.AutoCommit.Interval = commitInterval
	cfg.Consumer.MaxWaitTime = 100 * time.Millisecond
	cfg.Metadata.Retry.Backoff = 50 * time.Millisecond
	cfg.Metadata.Retry.Max = 100
	return cfg
}

var saramaCodecs = map[string]sarama.CompressionCodec{
	"": sarama.CompressionNone, "none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP,
	"snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

func (saramaClient) send(t testing.TB, bootstrap string, records []record, how delivery) {
	t.Helper()
	cfg := saramaConfig()
	cfg.Producer.Compression = saramaCodecs[how.compression]
	// Sarama keeps the order through a retry with one request at a time only.
	cfg.Producer.Idempotent, cfg.Net.MaxOpenRequests = how.idempotent, 1
	if how.inSmall {
		cfg.Producer.Flush.MaxMessages = 20
	}
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, cfg)
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
	stop    context.CancelFunc
	network *wire
	group   sarama.ConsumerGroup
	done    sync.WaitGroup
	got     func(record)
}

func (saramaClient) consume(t testing.TB, bootstrap, group, topic string, got func(record)) member {
	t.Helper()
	m := &saramaMember{network: &wire{}, got: got}
	cfg := saramaConfig()
	cfg.Metadata.Retry.Max = 5 // consuming tries again itself, and a crash is not to take long
	cfg.Net.Proxy.Enable, cfg.Net.Proxy.Dialer = true, m.network
	joined, err := sarama.NewConsumerGroup([]string{bootstrap}, group, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.group, m.stop = joined, stop
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

func (m *saramaMember) crash() {
	m.network.cut()
	m.leave()
}

func (saramaClient) read(t testing.TB, bootstrap, topic string, partition int32, from position, got func(record)) func() {
	t.Helper()
	connected, err := sarama.NewClient([]string{bootstrap}, saramaConfig())
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := sarama.NewConsumerFromClient(connected)
	if err != nil {
		t.Fatal(err)
	}
	start := map[positionKind]int64{atStart: sarama.OffsetOldest, atEnd: sarama.OffsetNewest, atOffset: from.offset}[from.kind]
	if from.kind == atTimestamp {
		if start, err = connected.GetOffset(topic, partition, from.offset); err != nil {
			t.Fatal(err)
		}
	}
	reading, err := consumer.ConsumePartition(topic, partition, start)
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		for message := range reading.Messages() {
			got(record{message.Topic, message.Partition, message.Offset, string(message.Key), string(message.Value)})
		}
	})
	return func() {
		_ = reading.Close()
		done.Wait()
		_ = consumer.Close()
		_ = connected.Close()
	}
}
