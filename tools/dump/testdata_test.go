//go:build peers

package dump

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/record"
)

// start is the time of the first record.
const start = int64(1642000000000)

// dataLog writes a log of testdata.
type dataLog struct {
	t *testing.T
	*log.UnifiedLog
	scheduler *log.Scheduler
	now       int64
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newLog(t *testing.T, name string, overrides map[string]string) *dataLog {
	t.Helper()
	must(t, os.RemoveAll(name))
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181"})
	must(t, err)
	settings := map[string]string{"index.interval.bytes": "200", "segment.index.bytes": "600", "retention.ms": "-1", "message.timestamp.difference.max.ms": "9223372036854775807"}
	for key, value := range overrides {
		settings[key] = value
	}
	topicConfig, err := config.NewTopicConfig(broker, settings)
	must(t, err)
	scheduler := log.NewScheduler()
	dir, err := filepath.Abs(name)
	must(t, err)
	opened, err := log.Open(log.OpenOptions{Dir: dir, Config: log.NewConfig(topicConfig), CleanShutdown: true, ProducerIDExpirationMs: 1 << 60, Scheduler: scheduler})
	must(t, err)
	return &dataLog{t, opened, scheduler, start}
}

func (l *dataLog) append(data []byte, origin log.AppendOrigin) {
	l.t.Helper()
	_, err := l.AppendAsLeader(data, 7, origin)
	must(l.t, err)
	l.UpdateHighWatermark(l.LogEndOffset())
}

func (l *dataLog) follow(data []byte) {
	l.t.Helper()
	_, err := l.AppendAsFollower(data)
	must(l.t, err)
}

// close leaves of the directory what a segment and its indexes are.
func (l *dataLog) close(keep ...string) {
	l.t.Helper()
	must(l.t, l.Flush())
	must(l.t, l.Close())
	l.scheduler.Close()
	files, err := os.ReadDir(l.Dir())
	must(l.t, err)
	for _, file := range files {
		kept := strings.HasPrefix(file.Name(), segment0) && !strings.HasSuffix(file.Name(), ".snapshot")
		if !kept && !slices.Contains(keep, file.Name()) {
			must(l.t, os.Remove(filepath.Join(l.Dir(), file.Name())))
		}
	}
}

func (l *dataLog) build(options record.BuilderOptions, pairs ...[]byte) []byte {
	builder := record.NewBuilder(options)
	for i := 0; i < len(pairs); i += 2 {
		l.now += 7
		var headers []record.Header
		if i%4 == 0 {
			headers = []record.Header{{Key: "h1", Value: []byte("x")}, {Key: "häder", Value: nil}}
		}
		builder.Append(l.now, pairs[i], pairs[i+1], headers...)
	}
	return builder.Build()
}

func b(text string) []byte { return []byte(text) }

func writeTestdata(t *testing.T) {
	must(t, os.MkdirAll("expected", 0o755))
	writeTopic(t)
	writeOld(t)
	writeSmall(t)
	writeBroken(t)
	writeOffsets(t)
	writeTransactions(t)
	writeMetadata(t)
}

func writeTopic(t *testing.T) {
	l := newLog(t, "topic-0", nil)
	l.append(l.build(record.BuilderOptions{}, b("k1"), b("first"), nil, b("no key"), b("k2"), nil, b(""), b("")), log.OriginClient)
	for codec := record.None; codec <= record.Zstd; codec++ {
		l.append(l.build(record.BuilderOptions{Compression: codec}, b("key"), b(strings.Repeat(codec.String()+" ", 20)), b("kéy"), b("välue ☃ 😀")), log.OriginClient)
	}
	for i := range int32(4) {
		l.append(l.build(record.BuilderOptions{HasProducer: true, ProducerID: 1000, ProducerEpoch: 3, BaseSequence: 2 * i}, b("p"), b("a"), b("p"), b("b")), log.OriginClient)
		transactional := record.BuilderOptions{HasProducer: true, ProducerID: 2000 + int64(i), Transactional: true}
		l.append(l.build(transactional, b("t"), b("in transaction")), log.OriginClient)
		if i == 3 {
			break // this one stays open
		}
		marker := record.EndTransactionMarker{Type: record.ControlType(i % 2), CoordinatorEpoch: 12}
		l.append(record.BuildEndTransactionMarker(2000+int64(i), 0, l.now, marker), log.OriginCoordinator)
	}
	l.append(l.build(record.BuilderOptions{TimestampType: record.CreateTime}, b("bad \xff\xfe utf \xe2\x82 \xed\xa0\x80 \xf0\x9f"), b("\xc3")), log.OriginClient)
	end := l.LogEndOffset()
	l.close(producerstate.SnapshotName(end))
	must(t, os.Rename(filepath.Join(l.Dir(), producerstate.SnapshotName(end)), filepath.Join(l.Dir(), "00000000000000000034.snapshot")))
}

func writeOld(t *testing.T) {
	l := newLog(t, "old-0", nil)
	for _, options := range []record.LegacyOptions{
		{Magic: record.MagicV0}, {Magic: record.MagicV0, Compression: record.Gzip}, {Magic: record.MagicV1, TimestampType: record.CreateTime},
		{Magic: record.MagicV1, TimestampType: record.CreateTime, Compression: record.Snappy},
		{Magic: record.MagicV1, TimestampType: record.LogAppendTime, LogAppendTime: start + 99, Compression: record.LZ4},
		{Magic: record.MagicV1, TimestampType: record.LogAppendTime, LogAppendTime: start + 999},
	} {
		builder, err := record.NewLegacyBuilder(nil, options)
		must(t, err)
		for i := range int64(3) {
			l.now++
			value := b("value " + options.Compression.String())
			if i == 1 {
				value = nil
			}
			must(t, builder.Append(&record.Record{Offset: l.LogEndOffset() + i, Timestamp: l.now, Key: b("k"), Value: value}))
		}
		data, err := builder.Finish()
		must(t, err)
		l.follow(data)
	}
	l.close()
}

func writeSmall(t *testing.T) {
	l := newLog(t, "compacted-0", nil)
	for i := range int64(8) {
		batch := record.Batch(l.build(record.BuilderOptions{HasProducer: true, ProducerID: 5, BaseSequence: int32(i)}, b("k"), b(strings.Repeat("v", 80))))
		if i == 3 {
			batch = record.AppendEmpty(nil, batch)
		}
		batch.SetBaseOffset(10*i + 3)
		batch.SetPartitionLeaderEpoch(1)
		l.follow(batch)
	}
	l.close()
	l = newLog(t, "numbers-0", nil)
	number := binary.BigEndian.AppendUint64(nil, uint64(1<<40+5))
	l.append(l.build(record.BuilderOptions{}, []byte{0xff, 0xff, 0xff, 0xfe}, number, nil, number), log.OriginClient)
	l.close()
	l = newLog(t, "empty-0", nil)
	l.close()
}

// writeBroken writes files that do not fit together, and indexes as a broker that
// runs has them.
func writeBroken(t *testing.T) {
	for _, name := range []string{"broken-0", "open-0"} {
		l := newLog(t, name, nil)
		for range 12 {
			l.append(l.build(record.BuilderOptions{}, b("key"), b(strings.Repeat("x", 100))), log.OriginClient)
		}
		l.close()
	}
	change := func(name string, do func([]byte) []byte) {
		t.Helper()
		data, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(name, do(data), 0o644))
	}
	for _, kind := range []string{".index", ".timeindex"} {
		change("open-0/"+segment0+kind, func(data []byte) []byte { return append(data, make([]byte, 600-len(data))...) })
	}
	change("broken-0/"+segment0+".log", func(data []byte) []byte {
		data[len(data)-300] ^= 1 // a checksum does not match
		return append(data, "partial"...)
	})
	change("broken-0/"+segment0+".index", func(data []byte) []byte {
		data[8+3]++
		return data
	})
	change("broken-0/"+segment0+".timeindex", func(data []byte) []byte {
		data[12+7] = 0            // another time
		data[24+11]++             // an offset within no batch's end
		data[36+11] = 0x40        // an offset above the end
		copy(data[48:], data[:8]) // a time before the last
		return data
	})
	must(t, os.WriteFile("broken-0/00000000000000000001.index", make([]byte, 12), 0o644))
	must(t, os.WriteFile("broken-0/00000000000000000001.log", nil, 0o644))
	snapshot, err := os.ReadFile("topic-0/00000000000000000034.snapshot")
	must(t, err)
	snapshot[10] ^= 1
	must(t, os.WriteFile("broken-0/"+segment0+".snapshot", snapshot, 0o644))
	snapshot[1] = 9
	must(t, os.WriteFile("broken-0/00000000000000000001.snapshot", snapshot, 0o644))
}

func writeOffsets(t *testing.T) {
	l := newLog(t, "__consumer_offsets-0", nil)
	key := kmsg.OffsetCommitKey{Version: 1, Group: "group", Topic: "foo", Partition: 3}
	value := kmsg.OffsetCommitValue{Version: 3, Offset: 42, LeaderEpoch: 5, CommitTimestamp: start}
	withMetadata := kmsg.OffsetCommitValue{Version: 1, Offset: 43, Metadata: "some \"metadata\"", CommitTimestamp: start, ExpireTimestamp: start}
	l.append(l.build(record.BuilderOptions{}, key.AppendTo(nil), value.AppendTo(nil), key.AppendTo(nil), withMetadata.AppendTo(nil), key.AppendTo(nil), nil), log.OriginCoordinator)
	group := kmsg.GroupMetadataKey{Version: 2, Group: "group"}
	protocol := "range"
	metadata := kmsg.GroupMetadataValue{Version: 3, ProtocolType: "consumer", Generation: 7, Protocol: &protocol, CurrentStateTimestamp: start}
	for i, id := range []string{"consumer-1-a0b1", "consumer-2-c2d3", "consumer-3-e4f5", "z", "a"} {
		assignment := kmsg.ConsumerMemberAssignment{Version: 1, Topics: []kmsg.ConsumerMemberAssignmentTopic{{Topic: "foo", Partitions: []int32{int32(i), int32(i + 10)}}, {Topic: "bar", Partitions: []int32{0}}}}
		if i == 2 {
			assignment.UserData = []byte{0, 10, 255}
		}
		subscription := kmsg.ConsumerMemberMetadata{Topics: []string{"foo", "bar"}}
		metadata.Members = append(metadata.Members, kmsg.GroupMetadataValueMember{MemberID: id, ClientID: "c", ClientHost: "/127.0.0.1", Subscription: subscription.AppendTo(nil), Assignment: assignment.AppendTo(nil)})
	}
	other := kmsg.GroupMetadataValue{Version: 2, ProtocolType: "connect", Generation: 1, Protocol: &protocol,
		Members: []kmsg.GroupMetadataValueMember{{MemberID: "m", Assignment: []byte{1, 2, 0xab}}, {MemberID: "n"}}}
	empty := kmsg.GroupMetadataValue{Version: 3, Generation: 9}
	l.append(l.build(record.BuilderOptions{}, group.AppendTo(nil), metadata.AppendTo(nil), group.AppendTo(nil), other.AppendTo(nil),
		group.AppendTo(nil), empty.AppendTo(nil), group.AppendTo(nil), nil), log.OriginCoordinator)
	l.close()
}

func writeTransactions(t *testing.T) {
	l := newLog(t, "__transaction_state-0", nil)
	key := kmsg.TxnMetadataKey{TransactionalID: "transactional"}
	for state := range int8(8) {
		value := kmsg.TxnMetadataValue{ProducerID: 1000, ProducerEpoch: 2, TimeoutMillis: 60000, LastUpdateTimestamp: start, StartTimestamp: start, State: kmsg.TransactionState(state), Topics: []kmsg.TxnMetadataValueTopic{}}
		topics := []string{"foo", "bar", "a-longer-name", "x"}[:state%5]
		for _, name := range topics {
			value.Topics = append(value.Topics, kmsg.TxnMetadataValueTopic{Topic: name, Partitions: []int32{0, 1, 2, 17}})
		}
		l.append(l.build(record.BuilderOptions{}, key.AppendTo(nil), value.AppendTo(nil)), log.OriginCoordinator)
	}
	l.append(l.build(record.BuilderOptions{}, key.AppendTo(nil), nil), log.OriginCoordinator)
	l.close()
}

func writeMetadata(t *testing.T) {
	l := newLog(t, "__cluster_metadata-0", nil)
	id := slices.Repeat([]byte{0xab, 1}, 8)
	int32s := func(numbers ...int32) []byte {
		list := []byte{byte(len(numbers) + 1)}
		for _, n := range numbers {
			list = binary.BigEndian.AppendUint32(list, uint32(n))
		}
		return list
	}
	text := func(s string) []byte { return append([]byte{byte(len(s) + 1)}, s...) }
	long := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	int32Of := func(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
	tagged := func(tag byte, content []byte) []byte { return append([]byte{tag, byte(len(content))}, content...) }
	for _, fields := range [][][]byte{
		{{1, 0, 0}, int32Of(3), id, long(77), {2}, text("PLAINTEXT"), text("localhost"), {0x23, 0x84, 0, 0, 0}, {2}, text("f"), {0, 1, 0, 2, 0}, {0}, {1, 0}},
		{{1, 1, 0}, int32Of(3), long(77), {0}},
		{{1, 2, 0}, text("topic"), id, {0}},
		{{1, 3, 0}, int32Of(0), id, int32s(1, 2, 3), int32s(1, 2), int32s(), int32s(), int32Of(1), int32Of(4), int32Of(5), {0}},
		{{1, 4, 0}, {2}, text("topic"), text("retention.ms"), text("\"5\""), {0}},
		{{1, 4, 0}, {2}, text("topic"), text("retention.ms"), {0}, {0}},
		{{1, 5, 0}, int32Of(0), id, {0}},
		{{1, 5, 0}, int32Of(0), id, {3}, tagged(0, int32s(2, 3)), tagged(1, int32Of(2)), tagged(4, int32s(9))},
		{{1, 6, 0}, {2}, text("*"), {3}, text("User:alice"), text("*"), {4, 3, 0}},
		{{1, 7, 0}, int32Of(3), long(77), {0}},
		{{1, 8, 0}, int32Of(3), long(77), {0}},
		{{1, 9, 0}, id, {0}},
		{{1, 10, 0}, text("owner"), {3}, text("a"), text("b"), long(1), long(2), long(3), text("id"), {0}},
		{{1, 11, 0}, text("alice"), {2, 1}, text("salt"), text("password"), int32Of(4096), {0}, {0}},
		{{1, 12, 0}, text("feature"), {0, 1, 0, 5}, {0}},
		{{1, 14, 0}, {3}, text("user"), text("alice"), {0}, text("client-id"), {0}, {0}, text("producer_byte_rate"), {0x40, 0x90, 0, 0, 0, 0, 0, 0}, {0, 0}},
		{{1, 15, 0}, int32Of(3), long(77), long(1000), {0}},
		{{1, 16, 0}, text("feature"), {0}},
		{{1, 17, 0}, int32Of(3), long(77), {1}, tagged(0, []byte{1})},
		{{1, 99, 0}},
		{{0, 2, 0}},
		{{2, 2, 0}},
		{{1, 2, 0}, text("topic"), id, {0}, {1, 2, 3}},
		{{1, 2, 0}, text("topic"), id[:5]},
		{{1}},
	} {
		l.append(l.build(record.BuilderOptions{}, nil, slices.Concat(fields...)), log.OriginCoordinator)
	}
	key := []byte{0, 0, 0, 2}
	l.append(l.build(record.BuilderOptions{Control: true}, key, []byte{0, 0, 0, 1}), log.OriginCoordinator)
	l.close()
}
