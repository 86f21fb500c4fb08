package command

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Defaults of the Java producer of Kafka 3.1.
const (
	defaultBatchSize      = 16384
	defaultBufferMemory   = 32 << 20
	defaultMaxRequestSize = 1 << 20
	batchOverhead         = 61
	maxRecordOverhead     = 21
)

// RecordProducer sends records with the settings, defaults and errors of the Java
// producer. Send is for one goroutine.
type RecordProducer struct {
	*kgo.Client
	maxRequestSize int
	maxBlock       time.Duration
	retryPause     time.Duration
	delivery       time.Duration
	unacknowledged bool
	ownTimes       bool
	found          map[string]bool
	prefix         string
	correlation    int
}

// RecordProducerOptions are what a producer needs to know beside its properties.
type RecordProducerOptions struct {
	// Largest is the size of the largest record: Java's batch.size does not bound
	// a single record, the library's does.
	Largest int
	// OwnTimes tells that records come with times, which then do not tell when
	// they were sent.
	OwnTimes bool
	Hooks    []kgo.Hook
}

// NewRecordProducer makes a producer of the properties.
func NewRecordProducer(properties map[string]string, o RecordProducerOptions) (*RecordProducer, error) {
	s := &settings{properties: properties}
	p := &RecordProducer{
		maxRequestSize: int(s.int("max.request.size", defaultMaxRequestSize)), maxBlock: s.milliseconds("max.block.ms", 60000),
		retryPause: s.milliseconds("retry.backoff.ms", 100), delivery: s.milliseconds("delivery.timeout.ms", 120000), found: map[string]bool{},
		unacknowledged: s.text("acks", "all") == "0", ownTimes: o.OwnTimes, prefix: LogPrefix(Producer, properties),
	}
	batch := max(s.int("batch.size", defaultBatchSize), int32(min(o.Largest+batchOverhead+maxRecordOverhead, 1<<30)), 1024)
	options := []kgo.Opt{
		kgo.ProducerBatchMaxBytes(batch), kgo.BrokerMaxWriteBytes(max(batch*2, 100<<20)),
		kgo.ProducerLinger(s.milliseconds("linger.ms", 0)),
		kgo.MaxBufferedBytes(int(max(s.long("buffer.memory", defaultBufferMemory), int64(batch)))),
		kgo.MaxBufferedRecords(1 << 30),
		kgo.ProduceRequestTimeout(max(s.milliseconds("request.timeout.ms", 30000), 100*time.Millisecond)),
		kgo.MetadataMaxAge(max(s.milliseconds("metadata.max.age.ms", 300000), time.Second)), kgo.MetadataMinAge(10 * time.Millisecond),
		kgo.RetryBackoffFn(func(int) time.Duration { return p.retryPause }),
		kgo.RecordPartitioner(producerPartitioner(s)), kgo.AllowAutoTopicCreation(), kgo.WithHooks(o.Hooks...),
	}
	if !o.OwnTimes {
		options = append(options, kgo.RecordDeliveryTimeout(max(p.delivery, time.Second)))
	}
	if retries := s.int("retries", 1<<31-1); retries < 1<<31-1 {
		options = append(options, kgo.RecordRetries(int(retries)))
	}
	options = append(options, acknowledgements(s)...)
	if s.err != nil {
		return nil, asConstructed(Producer, s.err)
	}
	client, err := NewClient(Producer, properties, options...)
	p.Client = client
	return p, err
}

func producerPartitioner(s *settings) kgo.Partitioner {
	const clients = "org.apache.kafka.clients.producer."
	switch class := s.text("partitioner.class", clients+"internals.DefaultPartitioner"); class {
	case clients + "internals.DefaultPartitioner":
		return kgo.StickyKeyPartitioner(nil)
	case clients + "RoundRobinPartitioner":
		return kgo.RoundRobinPartitioner()
	case clients + "UniformStickyPartitioner":
		return kgo.StickyPartitioner()
	default:
		s.fail("Invalid value %s for configuration partitioner.class: Class %s could not be found.", class, class)
		return nil
	}
}

var compressions = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

// acknowledgements are acks, idempotence, transactions and compression. As in
// 3.1.0, a producer is idempotent only when it is told to.
func acknowledgements(s *settings) []kgo.Opt {
	transactional := s.text("transactional.id", "")
	idempotent := s.boolean("enable.idempotence", transactional != "")
	codec, known := compressions[s.text("compression.type", "none")]
	if !known {
		s.err = Throw(IllegalArgument, "Unknown compression name: %s", s.properties["compression.type"])
	}
	options := []kgo.Opt{kgo.ProducerBatchCompression(codec)}
	acks := s.text("acks", "all")
	switch {
	case acks != "all" && acks != "-1" && acks != "0" && acks != "1":
		s.fail("Invalid value %s for configuration acks: String must be one of: all, -1, 0, 1", acks)
	case idempotent && (acks == "0" || acks == "1"):
		s.fail("Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence.")
	case acks == "0":
		options = append(options, kgo.RequiredAcks(kgo.NoAck()))
	case acks == "1":
		options = append(options, kgo.RequiredAcks(kgo.LeaderAck()))
	default:
		options = append(options, kgo.RequiredAcks(kgo.AllISRAcks()))
	}
	inFlight := s.int("max.in.flight.requests.per.connection", 5)
	switch {
	case transactional != "" && !idempotent:
		s.fail("Cannot set a transactional.id without also enabling idempotence.")
	case transactional != "":
		options = append(options, kgo.TransactionalID(transactional), kgo.TransactionTimeout(s.milliseconds("transaction.timeout.ms", 60000)))
	case !idempotent:
		options = append(options, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(int(max(inFlight, 1))))
	}
	return options
}

// Send hands a record over, waiting for its topic and for room as max.block.ms
// says, and calls done with the answer.
func (p *RecordProducer) Send(ctx context.Context, record *kgo.Record, done func(*kgo.Record, error)) {
	if err := p.awaitTopic(ctx, record.Topic); err != nil {
		done(record, err)
		return
	}
	if size := recordSize(record); size > p.maxRequestSize {
		done(record, ErrorWith(kerr.MessageTooLarge, "The message is %d bytes when serialized which is larger than %d, which is the value of the max.request.size configuration.", size, p.maxRequestSize))
		return
	}
	delivery, cancel := context.Background(), context.CancelFunc(func() {})
	if p.ownTimes {
		delivery, cancel = context.WithTimeout(delivery, p.delivery)
	}
	p.Produce(delivery, record, func(record *kgo.Record, err error) {
		cancel()
		done(record, p.javaError(record, err))
	})
}

// Unacknowledged tells whether the brokers are not asked for answers, so that no
// offsets are known.
func (p *RecordProducer) Unacknowledged() bool { return p.unacknowledged }

// ErrorWith makes the Java exception of a code with another message.
func ErrorWith(code *kerr.Error, format string, args ...any) error {
	return &ServerError{code, fmt.Sprintf(format, args...)}
}

func (p *RecordProducer) javaError(record *kgo.Record, err error) error {
	var known *kerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return ErrorOf(known.Code, nil)
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, context.DeadlineExceeded):
		return &TimeoutError{fmt.Sprintf("Expiring 1 record(s) for %s-%d:%d ms has passed since batch creation", record.Topic, record.Partition, p.delivery.Milliseconds())}
	case errors.Is(err, kgo.ErrRecordRetries):
		return ErrorWith(kerr.NetworkException, "The server disconnected before a response was received.")
	}
	return err
}

// awaitTopic asks for the topic's metadata, which may create it, until it is there
// or max.block.ms have passed.
func (p *RecordProducer) awaitTopic(ctx context.Context, name string) error {
	if p.found[name] {
		return nil
	}
	sender := ctx
	ctx, cancel := context.WithTimeout(sender, p.maxBlock)
	defer cancel()
	for {
		found, err := p.findTopic(ctx, name)
		if found || err != nil {
			p.found[name] = found
			return err
		}
		select {
		case <-ctx.Done():
			if sender.Err() != nil {
				return Throw("org.apache.kafka.common.KafkaException", "Producer closed while send in progress")
			}
			return &TimeoutError{fmt.Sprintf("Topic %s not present in metadata after %d ms.", name, p.maxBlock.Milliseconds())}
		case <-time.After(max(p.retryPause, 10*time.Millisecond)):
		}
	}
}

func (p *RecordProducer) findTopic(ctx context.Context, name string) (bool, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = true
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, p.Client)
	if err != nil || len(response.Topics) == 0 {
		return false, nil
	}
	p.correlation++
	if code := response.Topics[0].ErrorCode; code != 0 {
		WarnOfMetadata(p.prefix, p.correlation, name, code)
	}
	switch code := response.Topics[0].ErrorCode; code {
	case kerr.InvalidTopicException.Code:
		return false, ErrorWith(kerr.InvalidTopicException, "Invalid topics: [%s]", name)
	case kerr.TopicAuthorizationFailed.Code:
		return false, ErrorWith(kerr.TopicAuthorizationFailed, "Not authorized to access topics: [%s]", name)
	default:
		return code == 0 && len(response.Topics[0].Partitions) > 0, nil
	}
}

// recordSize is AbstractRecords.estimateSizeInBytesUpperBound: the record alone in
// a batch.
func recordSize(record *kgo.Record) int {
	size := batchOverhead + maxRecordOverhead + fieldSize(record.Key) + fieldSize(record.Value) + varintSize(len(record.Headers))
	for _, header := range record.Headers {
		size += varintSize(len(header.Key)) + len(header.Key) + fieldSize(header.Value)
	}
	return size
}

func fieldSize(field []byte) int {
	if field == nil {
		return 1
	}
	return varintSize(len(field)) + len(field)
}

func varintSize(number int) int {
	return len(binary.AppendVarint(nil, int64(number)))
}
