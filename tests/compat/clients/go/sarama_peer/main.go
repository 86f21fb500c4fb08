// The program of sarama.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

type client struct {
	bootstrap string
	admin     sarama.ClusterAdmin
	wire      sarama.Client
}

func main() {
	Main(func(bootstrap string) Client {
		c := &client{bootstrap: bootstrap}
		c.wire = Checked(sarama.NewClient([]string{bootstrap}, settings()))
		c.admin = Checked(sarama.NewClusterAdminFromClient(c.wire))
		return c
	})
}

func settings() *sarama.Config {
	s := sarama.NewConfig()
	s.Version = sarama.V3_1_0_0
	s.ClientID = "describer"
	s.Producer.Return.Successes = true
	s.Producer.RequiredAcks = sarama.WaitForAll
	s.Consumer.MaxWaitTime = 100 * time.Millisecond
	s.Consumer.Offsets.Initial = sarama.OffsetOldest
	s.Consumer.Offsets.AutoCommit.Enable = false
	s.Consumer.Group.Session.Timeout = 3 * time.Second
	s.Consumer.Group.Heartbeat.Interval = 200 * time.Millisecond
	s.Metadata.Retry.Backoff = 50 * time.Millisecond
	s.Metadata.Retry.Max = 100
	return s
}

func (c *client) Create(topic string, partitions int32) {
	Check(c.admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false))
}

func (c *client) Partitions(topic string) int {
	return len(Checked(c.admin.DescribeTopics([]string{topic}))[0].Partitions)
}

var codecs = map[string]sarama.CompressionCodec{
	"": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

// asTold takes the partition that a message brings along, and otherwise hashes.
type asTold struct{ sarama.Partitioner }

func (p asTold) Partition(message *sarama.ProducerMessage, count int32) (int32, error) {
	if told := message.Metadata.(int32); told >= 0 {
		return told, nil
	}
	return p.Partitioner.Partition(message, count)
}

func (c *client) Send(topic string, how Settings, records ...Record) {
	s := settings()
	s.Producer.Compression = codecs[how.Codec]
	s.Producer.Partitioner = func(topic string) sarama.Partitioner { return asTold{sarama.NewHashPartitioner(topic)} }
	if how.Idempotent {
		s.Producer.Idempotent, s.Net.MaxOpenRequests = true, 1
	}
	if how.Large {
		s.Producer.MaxMessageBytes = 4 << 20
	}
	if how.Hurried {
		s.Metadata.Retry.Max, s.Producer.Retry.Max = 1, 1
	}
	producer := Checked(sarama.NewSyncProducer([]string{c.bootstrap}, s))
	defer producer.Close()
	messages := make([]*sarama.ProducerMessage, len(records))
	for i, r := range records {
		messages[i] = message(topic, r)
	}
	err := producer.SendMessages(messages)
	var several sarama.ProducerErrors
	if errors.As(err, &several) {
		err = several[0].Err
	}
	Check(err)
}

func message(topic string, r Record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: topic, Metadata: r.Partition}
	if r.Key != nil {
		m.Key = sarama.ByteEncoder(r.Key)
	}
	if r.Value != nil {
		m.Value = sarama.ByteEncoder(r.Value)
	}
	if r.Timestamp != 0 {
		m.Timestamp = time.UnixMilli(r.Timestamp)
	}
	for _, header := range r.Headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(header.Key), Value: header.Value})
	}
	return m
}

func (c *client) Read(topic string, partitions int32, count int, from Position, then func()) []Record {
	consumer := Checked(sarama.NewConsumer([]string{c.bootstrap}, settings()))
	defer consumer.Close()
	messages := make(chan *sarama.ConsumerMessage)
	stop := make(chan struct{})
	defer close(stop)
	for p := range partitions {
		reading := Checked(consumer.ConsumePartition(topic, p, c.offset(topic, p, from)))
		defer reading.Close()
		go hand(reading.Messages(), messages, stop)
	}
	if then != nil {
		then()
	}
	return take(messages, count)
}

func (c *client) offset(topic string, partition int32, from Position) int64 {
	switch from.Kind {
	case Start:
		return sarama.OffsetOldest
	case End:
		return sarama.OffsetNewest
	case Timestamp:
		return Checked(c.wire.GetOffset(topic, partition, from.At))
	}
	return from.At
}

func hand(from <-chan *sarama.ConsumerMessage, to chan<- *sarama.ConsumerMessage, stop <-chan struct{}) {
	for {
		select {
		case m, ok := <-from:
			if !ok {
				return
			}
			select {
			case to <- m:
			case <-stop:
				return
			}
		case <-stop:
			return
		}
	}
}

func take(messages <-chan *sarama.ConsumerMessage, count int) (records []Record) {
	late := time.After(Patience)
	for len(records) < count {
		select {
		case m := <-messages:
			r := Record{Key: m.Key, Value: m.Value, Partition: m.Partition, Timestamp: m.Timestamp.UnixMilli(), Offset: m.Offset}
			for _, header := range m.Headers {
				r.Headers = append(r.Headers, Header{Key: string(header.Key), Value: header.Value})
			}
			records = append(records, r)
		case <-late:
			Fail("%d records of %d", len(records), count)
		}
	}
	return records
}

func (c *client) UnknownTopicConsume(topic string) string {
	s := settings()
	s.Metadata.Retry.Max = 1
	consumer := Checked(sarama.NewConsumer([]string{c.bootstrap}, s))
	defer consumer.Close()
	_, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	Require(err != nil, "no error")
	return c.Text(err)
}

func (c *client) Text(err error) string { return err.Error() }

// handler hands on what a session's claims give.
type handler struct {
	setup, cleanup func(sarama.ConsumerGroupSession)
	claim          func(sarama.ConsumerGroupSession, sarama.ConsumerGroupClaim)
}

func (h handler) Setup(s sarama.ConsumerGroupSession) error   { h.setup(s); return nil }
func (h handler) Cleanup(s sarama.ConsumerGroupSession) error { h.cleanup(s); return nil }

func (h handler) ConsumeClaim(s sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	h.claim(s, c)
	return nil
}

func nothing(sarama.ConsumerGroupSession) {}

// consume keeps a member in its group until the function it returns is called.
func (c *client) consume(topic string, s *sarama.Config, h handler, failed func(error)) (leave func()) {
	group := Checked(sarama.NewConsumerGroup([]string{c.bootstrap}, topic, s))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{topic}, h); err != nil && ctx.Err() == nil {
				failed(err)
				return
			}
		}
	}()
	return func() {
		stop()
		<-ended
		_ = group.Close()
	}
}

func (c *client) ConsumeAndCommit(topic string, count int) []Record {
	messages, stop, failures := make(chan *sarama.ConsumerMessage), make(chan struct{}), make(chan error, 1)
	sessions := make(chan sarama.ConsumerGroupSession, 1)
	h := handler{setup: func(s sarama.ConsumerGroupSession) { sessions <- s }, cleanup: nothing, claim: func(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) {
		hand(claim.Messages(), messages, stop)
		<-s.Context().Done()
	}}
	leave := c.consume(topic, settings(), h, func(err error) { failures <- err })
	defer leave()
	records := take(messages, count)
	close(stop)
	select {
	case session := <-sessions:
		last := records[len(records)-1]
		session.MarkOffset(topic, last.Partition, last.Offset+1, "")
		session.Commit()
	case err := <-failures:
		Check(err)
	}
	return records
}

func (c *client) Join(topic string, how Membership, member *Member) func() {
	s := settings()
	s.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyRange()}
	if how.Instance != "" {
		s.Consumer.Group.InstanceId, s.Consumer.Group.Session.Timeout = how.Instance, 15*time.Second
	}
	got := func(claim sarama.ConsumerGroupClaim) {
		for m := range claim.Messages() {
			member.Got(m.Value)
		}
	}
	h := handler{
		setup:   func(s sarama.ConsumerGroupSession) { member.Assigned(s.Claims()[topic]) },
		cleanup: func(sarama.ConsumerGroupSession) { member.Assigned(nil) },
		claim:   func(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) { got(claim) },
	}
	if how.Cooperative { // one session, whose claims come and go
		s.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategyCooperativeSticky()}
		h = handler{setup: nothing, cleanup: nothing, claim: func(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) {
			member.Gained([]int32{claim.Partition()})
			got(claim)
			member.Lost([]int32{claim.Partition()})
		}}
	}
	return c.consume(topic, s, h, member.Failed)
}
