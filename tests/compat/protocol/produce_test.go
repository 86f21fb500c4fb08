//go:build peers

package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func produceTo(topic string, partition int32, records []byte) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.Acks, request.TimeoutMillis = -1, 5000
	return alsoTo(request, topic, partition, records)
}

func alsoTo(request *kmsg.ProduceRequest, topic string, partition int32, records []byte) *kmsg.ProduceRequest {
	row := kmsg.NewProduceRequestTopicPartition()
	row.Partition, row.Records = partition, records
	for i := range request.Topics {
		if request.Topics[i].Topic == topic {
			request.Topics[i].Partitions = append(request.Topics[i].Partitions, row)
			return request
		}
	}
	rows := kmsg.NewProduceRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.ProduceRequestTopicPartition{row}
	request.Topics = append(request.Topics, rows)
	return request
}

func withAcks(acks int16, request *kmsg.ProduceRequest) *kmsg.ProduceRequest {
	request.Acks = acks
	return request
}

// now is what records are stamped with: not quite the present, so that it can be told
// from a broker's clock.
func (s *session) now() int64 { return s.start.UnixMilli() - 3_600_000 }

func (b batch) with(change func(*batch)) batch {
	change(&b)
	return b
}

// readAll records what the partition holds.
func (s *session) readAll(topic string, partition int32) {
	request := fetchOf(topic, partition, 0)
	if s.newest[1] >= 13 {
		request.Topics[0].TopicID = s.topicID(topic)
	}
	s.ask("what is in the log", request)
}

var produceScenarios = []scenario{
	{kmsg.Produce, "plain", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		plain := newBatch(s.now(), "one", "two").encode()
		s.ask("plain", produceTo(topic, 0, plain))
		s.ask("two partitions", alsoTo(produceTo(topic, 0, plain), topic, 1, plain))
		s.ask("two topics", alsoTo(produceTo(topic, 0, plain), s.createTopic("other", 1), 0, plain))
		s.ask("acks 1", withAcks(1, produceTo(topic, 0, plain)))
		s.ask("acks 2", withAcks(2, produceTo(topic, 0, plain)))
		s.ask("acks -2", withAcks(-2, produceTo(topic, 0, plain)))
		s.ask("unknown topic", produceTo(s.name("missing"), 0, plain))
		s.ask("unknown partition", alsoTo(produceTo(topic, 7, plain), topic, 0, plain))
		s.ask("negative partition", produceTo(topic, -1, plain))
		s.ask("internal topic", produceTo("__consumer_offsets", 0, plain))
		s.ask("null value", produceTo(topic, 0, batch{records: []kv{{"k", ""}, {"", "v"}, {"", ""}}, timestamp: s.now(), producerID: -1, epoch: -1, sequence: -1}.encode()))
		none := kmsg.NewPtrProduceRequest()
		none.Acks = -1
		s.ask("nothing", none)
		s.ask("no partitions", func() kmsg.Request { r := produceTo(topic, 0, plain); r.Topics[0].Partitions = nil; return r }())
		negative := produceTo(topic, 0, plain)
		negative.TimeoutMillis = -1
		s.ask("negative time-out", negative)
		s.ask("the same partition twice", alsoTo(produceTo(topic, 1, plain), topic, 1, newBatch(s.now(), "second").encode()))
		s.readAll(topic, 0)
	}},
	{kmsg.Produce, "wrong batches", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		good := newBatch(s.now(), "one", "two")
		// Null records are left out: Kafka 3.1.0 answers them twice or not at all.
		rows := []struct {
			name    string
			records []byte
		}{
			{"no records", []byte{}},
			{"one byte", []byte{1}},
			{"sixteen bytes", make([]byte, 16)},
			{"zeros", make([]byte, 100)},
			{"two batches", append(good.encode(), good.encode()...)},
			{"half a batch more", append(good.encode(), good.encode()[:30]...)},
			{"cut short", good.encode()[:40]},
			{"wrong crc", good.with(func(b *batch) { b.after = func(e []byte) []byte { e[20]++; return e } }).encode()},
			{"magic 3", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.Magic = 3 } }).encode()},
			{"magic -1", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.Magic = -1 } }).encode()},
			{"count too high", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.NumRecords = 3 } }).encode()},
			{"count too low", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.NumRecords = 1 } }).encode()},
			{"count and delta too high", good.with(func(b *batch) {
				b.change = func(r *kmsg.RecordBatch) { r.NumRecords, r.LastOffsetDelta = 3, 2 }
			}).encode()},
			{"count and delta too low", good.with(func(b *batch) {
				b.change = func(r *kmsg.RecordBatch) { r.NumRecords, r.LastOffsetDelta = 1, 0 }
			}).encode()},
			{"count zero", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.NumRecords = 0 } }).encode()},
			{"count negative", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.NumRecords, r.LastOffsetDelta = -1, -2 } }).encode()},
			{"an empty batch", newBatch(s.now()).encode()},
			{"base offset 5", good.with(func(b *batch) { b.after = func(e []byte) []byte { e[7] = 5; return e } }).encode()},
			{"leader epoch 9", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.PartitionLeaderEpoch = 9 } }).encode()},
			{"control batch", good.with(func(b *batch) { b.attributes = 0x20 }).encode()},
			{"transactional batch without an id", good.with(func(b *batch) { b.attributes = 0x10 }).encode()},
			{"log append time", good.with(func(b *batch) { b.attributes = 8 }).encode()},
			{"unknown codec", good.with(func(b *batch) { b.attributes = 5 }).encode()},
			{"unused attribute bits", good.with(func(b *batch) { b.attributes = 0x40 }).encode()},
			{"delete horizon bit", good.with(func(b *batch) { b.attributes = 0x240 }).encode()},
			{"gzip that is not", good.with(func(b *batch) { b.attributes = 1 }).encode()},
			{"zstd that is not", good.with(func(b *batch) { b.attributes = 4 }).encode()},
			{"offset deltas with a hole", good.with(func(b *batch) {
				b.change = func(r *kmsg.RecordBatch) { r.Records = withDeltas(0, 2); r.LastOffsetDelta = 1 }
			}).encode()},
			{"bytes after the records", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.Records = append(r.Records, 1, 2, 3) } }).encode()},
			{"a record cut short", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.Records = r.Records[:len(r.Records)-2] } }).encode()},
			{"producer id without a sequence", good.with(func(b *batch) { b.producerID, b.epoch = 4711, 0 }).encode()},
			{"sequence without a producer id", good.with(func(b *batch) { b.sequence = 3 }).encode()},
			{"max timestamp wrong", good.with(func(b *batch) { b.change = func(r *kmsg.RecordBatch) { r.MaxTimestamp = 5 } }).encode()},
			{"no timestamp", newBatch(-1, "one").encode()},
			{"negative timestamp", newBatch(-2, "one").encode()},
			{"length negative", good.with(func(b *batch) {
				b.after = func(e []byte) []byte { binary.BigEndian.PutUint32(e[8:], 0xfffffff0); return e }
			}).encode()},
			{"length too small", good.with(func(b *batch) {
				b.after = func(e []byte) []byte { binary.BigEndian.PutUint32(e[8:], 20); return e }
			}).encode()},
			{"length too large", good.with(func(b *batch) {
				b.after = func(e []byte) []byte { binary.BigEndian.PutUint32(e[8:], 5000); return e }
			}).encode()},
		}
		for _, row := range rows {
			s.ask(row.name, produceTo(topic, 0, row.records))
		}
		s.readAll(topic, 0)
	}},
	{kmsg.Produce, "old formats", nil, func(s *session) {
		topic, stamped, compacted := s.createTopic("topic", 2), s.createTopic("stamped", 1, "message.timestamp.type=LogAppendTime"), s.createTopic("compacted", 1, "cleanup.policy=compact")
		zipped := s.createTopic("zipped", 1, "compression.type=gzip")
		for _, magic := range []byte{0, 1} {
			plain := messages(magic, s.now(), 0, 1)
			wrongCRC := bytes.Clone(plain)
			wrongCRC[12]++
			for _, row := range []struct {
				name    string
				records []byte
			}{
				{"plain", plain},
				{"offsets that are wrong", messages(magic, s.now(), 7, 3)},
				{"null key and value", message(magic, 0, 0, s.now(), nil, nil)},
				{"wrong crc", wrongCRC},
				{"half a message more", append(bytes.Clone(plain), plain[:20]...)},
				{"gzip", wrapped(magic, "gzip", s.now(), messages(magic, s.now(), 0, 1, 2))},
				{"snappy", wrapped(magic, "snappy", s.now(), messages(magic, s.now(), 0, 1))},
				{"zstd", wrapped(magic, "zstd", s.now(), messages(magic, s.now(), 0, 1))},
				{"gzip with absolute offsets", wrapped(magic, "gzip", s.now(), messages(magic, s.now(), 5, 6))},
				{"two compressed", append(wrapped(magic, "gzip", s.now(), messages(magic, s.now(), 0)), wrapped(magic, "gzip", s.now(), messages(magic, s.now(), 0))...)},
				{"nothing compressed", wrapped(magic, "gzip", s.now(), nil)},
				{"gzip that is not", message(magic, 1, 0, s.now(), nil, []byte("nothing"))},
				{"another format inside", wrapped(magic, "gzip", s.now(), messages(1-magic, s.now(), 0))},
				{"formats mixed", append(bytes.Clone(plain), messages(1-magic, s.now(), 0)...)},
				{"a new batch after it", append(bytes.Clone(plain), newBatch(s.now(), "v").encode()...)},
				{"size too small", func() []byte { b := bytes.Clone(plain); b[11] = 13; return b }()},
			} {
				label := fmt.Sprintf("format %d: %s", magic, row.name)
				s.ask(label, produceTo(topic, int32(magic), row.records))
				if s.version < 3 {
					s.ask(label+" stamped by the log", produceTo(stamped, 0, row.records))
					s.ask(label+" compacted", produceTo(compacted, 0, row.records))
					s.ask(label+" kept as gzip", produceTo(zipped, 0, row.records))
				}
			}
		}
		s.readAll(topic, 0)
		s.readAll(topic, 1)
		s.readAll(stamped, 0)
		s.readAll(zipped, 0)
	}},
	{kmsg.Produce, "codecs", nil, func(s *session) {
		for _, kept := range []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"} {
			topic := s.createTopic(kept, 1, "compression.type="+kept)
			for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
				b := newBatch(s.now(), "one", string(bytes.Repeat([]byte("two "), 100)))
				b.codec = codecNamed(codec)
				s.ask(codec+" kept as "+kept, produceTo(topic, 0, b.encode()))
			}
			s.readAll(topic, 0)
		}
	}},
	{kmsg.Produce, "topic settings", nil, func(s *session) {
		small := s.createTopic("small", 1, "max.message.bytes=200")
		s.ask("fits", produceTo(small, 0, newBatch(s.now(), "fits").encode()))
		s.ask("too large", produceTo(small, 0, newBatch(s.now(), string(bytes.Repeat([]byte("x"), 300))).encode()))
		zipped := newBatch(s.now(), string(bytes.Repeat([]byte("x"), 3000)))
		zipped.codec = codecNamed("gzip")
		s.ask("fits when compressed", produceTo(small, 0, zipped.encode()))
		segment := s.createTopic("segment", 1, "segment.bytes=300")
		s.ask("larger than a segment", produceTo(segment, 0, newBatch(s.now(), string(bytes.Repeat([]byte("x"), 400))).encode()))
		compacted := s.createTopic("compacted", 1, "cleanup.policy=compact")
		s.ask("without key", produceTo(compacted, 0, batch{records: []kv{{"k", "v"}, {"", "v"}, {"k", "v"}, {"", "v"}}, timestamp: s.now(), producerID: -1, epoch: -1, sequence: -1}.encode()))
		s.ask("with key", produceTo(compacted, 0, newBatch(s.now(), "v").encode()))
		stamped := s.createTopic("stamped", 1, "message.timestamp.type=LogAppendTime")
		s.ask("stamped by the log", produceTo(stamped, 0, newBatch(s.now(), "v", "w").encode()))
		s.ask("stamped and compressed", produceTo(stamped, 0, zipped.encode()))
		s.readAll(stamped, 0)
		timed := s.createTopic("timed", 1, "message.timestamp.difference.max.ms=7200000")
		s.ask("in time", produceTo(timed, 0, newBatch(s.now(), "v").encode()))
		s.ask("too old", produceTo(timed, 0, newBatch(1000, "v", "w").encode()))
		s.ask("too new", produceTo(timed, 0, newBatch(s.now()+14_400_000, "v").encode()))
		s.ask("too few replicas", produceTo(s.createTopic("replicas", 1, "min.insync.replicas=2"), 0, newBatch(s.now(), "v").encode()))
		s.ask("too few replicas, acks 1", withAcks(1, produceTo(s.name("replicas"), 0, newBatch(s.now(), "v").encode())))
		old := s.createTopic("old", 1, "message.format.version=0.10.0")
		s.ask("old format", produceTo(old, 0, newBatch(s.now(), "v").encode()))
		s.readAll(old, 0)
	}},
	{kmsg.Produce, "idempotent", []int16{3, 5, 7, 8, 9}, func(s *session) {
		topic := s.createTopic("topic", 1)
		id := ask[*kmsg.InitProducerIDResponse](s, "an id", initProducer(nil, -1, -1)).ProducerID
		send := func(label string, epoch int16, sequence int32, values ...string) {
			b := newBatch(s.now(), values...)
			b.producerID, b.epoch, b.sequence = id, epoch, sequence
			s.ask(label, produceTo(topic, 0, b.encode()))
		}
		send("first not at 0", 0, 5, "x")
		send("first", 0, 6, "a", "b")
		send("again", 0, 6, "a", "b")
		send("gap", 0, 12, "c")
		send("next", 0, 8, "c")
		for i := range int32(6) {
			send(fmt.Sprintf("next %d", i), 0, 9+i, "d")
		}
		send("older than what is remembered", 0, 6, "a", "b")
		send("remembered", 0, 10, "d")
		send("overlapping", 0, 14, "d", "e")
		send("newer epoch not at 0", 1, 3, "f")
		send("newer epoch", 1, 0, "f")
		send("older epoch", 0, 15, "g")
		send("negative epoch", -1, 0, "g")
		id += 1000000
		send("an id nobody gave out", 0, 0, "h")
		s.readAll(topic, 0)
	}},
	{kmsg.Produce, "no acks", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		c := s.connection()
		_ = c.send(c.encode(s.at(withAcks(0, produceTo(topic, 0, newBatch(s.now(), "v").encode()))), s.clientID))
		s.ask("the answer of the request after it", produceTo(topic, 0, newBatch(s.now(), "w").encode()))
		s.begin(s.connection(), "to an unknown topic", withAcks(0, produceTo(s.name("missing"), 0, newBatch(s.now(), "v").encode()))).end()
		s.begin(s.connection(), "wrong crc", withAcks(0, produceTo(topic, 0, newBatch(s.now(), "v").with(func(b *batch) {
			b.after = func(e []byte) []byte { e[20]++; return e }
		}).encode()))).end()
	}},
}

func withDeltas(deltas ...int32) []byte {
	var records []byte
	for _, delta := range deltas {
		row := kmsg.NewRecord()
		row.OffsetDelta, row.Key, row.Value = delta, []byte("k"), []byte("v")
		row.Length = int32(len(row.AppendTo(nil)) - 1)
		records = row.AppendTo(records)
	}
	return records
}

func initProducer(id *string, producerID int64, epoch int16) *kmsg.InitProducerIDRequest {
	request := kmsg.NewPtrInitProducerIDRequest()
	request.TransactionalID, request.ProducerID, request.ProducerEpoch = id, producerID, epoch
	request.TransactionTimeoutMillis = 60000
	return request
}
