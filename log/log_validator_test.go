package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/record"
)

// edit changes a field of a v2 header and repairs the checksum.
func edit(batch record.Batch, at, size int, value uint64) record.Batch {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], value)
	copy(batch[at:at+size], raw[8-size:])
	batch.UpdateChecksum()
	return batch
}

func TestRefusedBatches(t *testing.T) {
	now := time.Now().UnixMilli()
	one := func() record.Batch { return simpleBatch("a", "b") }
	null := func() record.Batch {
		builder := record.NewBuilder(record.BuilderOptions{})
		builder.Append(now, nil, []byte("v"))
		return builder.Build()
	}
	for _, test := range []struct {
		name    string
		topic   map[string]string
		records []byte
		want    error
	}{
		{name: "checksum", records: append(one()[:60], 9), want: nil},
		{name: "flipped byte", records: func() []byte { b := one(); b[70] ^= 1; return b }(), want: kerr.CorruptMessage},
		{name: "base offset", records: func() []byte { b := one(); b.SetBaseOffset(5); return b }(), want: kerr.InvalidRecord},
		{name: "two batches", records: slices.Concat(one(), one()), want: kerr.InvalidRecord},
		{name: "count above offsets", records: edit(one(), 57, 4, 3), want: kerr.InvalidRecord},
		{name: "count and offsets above records", records: edit(edit(one(), 57, 4, 3), 23, 4, 2), want: kerr.InvalidRecord},
		{name: "count and offsets below records", records: edit(edit(one(), 57, 4, 1), 23, 4, 0), want: kerr.InvalidRecord},
		{name: "count zero", records: edit(edit(one(), 57, 4, 0), 23, 4, math.MaxUint32), want: kerr.InvalidRecord},
		{name: "count of 2^31-1", records: edit(edit(one(), 57, 4, math.MaxInt32), 23, 4, math.MaxInt32-1), want: kerr.InvalidRecord},
		{name: "control", records: marker(1, 0, record.ControlCommit, 0), want: kerr.InvalidRecord},
		{name: "producer without sequence", records: produced(1, 0, -1, false, "a"), want: kerr.InvalidRecord},
		{name: "codec unknown", records: edit(one(), 21, 2, 5), want: kerr.UnknownServerError},
		{name: "not compressed", records: edit(one(), 21, 2, 4), want: kerr.UnknownServerError},
		{name: "too large", topic: map[string]string{"max.message.bytes": "70"}, records: one(), want: kerr.MessageTooLarge},
		{name: "larger than a segment", topic: map[string]string{"segment.bytes": "70"}, records: one(), want: kerr.RecordListTooLarge},
		{name: "no key", topic: map[string]string{"cleanup.policy": "compact"}, records: null(), want: kerr.InvalidRecord},
		{name: "too old", topic: map[string]string{"message.timestamp.difference.max.ms": "1000"}, records: batchOf(record.BuilderOptions{}, now-5000, "a"), want: kerr.InvalidTimestamp},
		{name: "far future", topic: map[string]string{"message.timestamp.difference.max.ms": "1000"}, records: batchOf(record.BuilderOptions{}, math.MaxInt64, "a"), want: kerr.InvalidTimestamp},
		{name: "far past", topic: map[string]string{"message.timestamp.difference.max.ms": "1000"}, records: batchOf(record.BuilderOptions{}, math.MinInt64, "a"), want: kerr.InvalidTimestamp},
		{name: "time set by the broker", records: batchOf(record.BuilderOptions{TimestampType: record.LogAppendTime, LogAppendTime: now}, now, "a"), want: kerr.InvalidTimestamp},
		{name: "negative size", records: binary.BigEndian.AppendUint32(make([]byte, 8), math.MaxUint32), want: kerr.CorruptMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := openTestLog(t, memDir(t), "/logs", test.topic)
			info, err := log.AppendAsLeader(test.records, 0, OriginClient)
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.want == nil && info.ShallowCount != 0 {
				t.Fatalf("a partial batch was taken: %+v", info)
			}
			if log.LogEndOffset() != 0 || log.Size() != 0 {
				t.Fatal("something was appended")
			}
		})
	}
}

func TestRecordErrorsNameTheRecords(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", map[string]string{"cleanup.policy": "compact"})
	builder := record.NewBuilder(record.BuilderOptions{})
	for i := range 5 {
		var key []byte
		if i%2 == 0 {
			key = []byte("k")
		}
		builder.Append(1, key, nil)
	}
	_, err := log.AppendAsLeader(builder.Build(), 0, OriginClient)
	var validation *RecordValidationError
	if !errors.As(err, &validation) || len(validation.RecordErrors) != 2 ||
		validation.RecordErrors[0].BatchIndex != 1 || validation.RecordErrors[1].BatchIndex != 3 {
		t.Fatalf("%v %+v", err, validation)
	}
}

func TestCompressionOfTheTopic(t *testing.T) {
	for _, topic := range []string{"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"} {
		for _, sent := range []record.Compression{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
			t.Run(topic+"-"+sent.String(), func(t *testing.T) {
				log := openTestLog(t, memDir(t), "/logs", map[string]string{"compression.type": topic})
				batch := batchOf(record.BuilderOptions{Compression: sent, HasProducer: true, ProducerID: 4}, 123, strings.Repeat("v", 1000), "w")
				sentRecords := slices.Clone(batch[record.HeaderSize:])
				if _, err := log.AppendAsLeader(batch, 6, OriginClient); err != nil {
					t.Fatal(err)
				}
				info, err := log.Read(0, 1<<20, FetchLogEnd, true)
				if err != nil {
					t.Fatal(err)
				}
				stored := record.Batch(readAll(t, &info))
				info.Release()
				want, ok := record.CompressionByName(topic)
				if !ok {
					want = sent
				}
				if stored.Compression() != want || stored.ProducerID() != 4 || stored.PartitionLeaderEpoch() != 6 || stored.MaxTimestamp() != 123 {
					t.Fatalf("stored as %s, producer %d, epoch %d, time %d", stored.Compression(), stored.ProducerID(), stored.PartitionLeaderEpoch(), stored.MaxTimestamp())
				}
				if want == sent && !slices.Equal(stored[record.HeaderSize:], sentRecords) {
					t.Fatal("records were changed without need")
				}
				if got := log.values(0); len(got) != 2 || got[1] != "1=w" {
					t.Fatal(got)
				}
			})
		}
	}
}

func TestLogAppendTime(t *testing.T) {
	for _, codec := range []record.Compression{record.None, record.Zstd} {
		log := openTestLog(t, memDir(t), "/logs", map[string]string{"message.timestamp.type": "LogAppendTime"})
		before := time.Now().UnixMilli()
		info := log.append(batchOf(record.BuilderOptions{Compression: codec}, 5, "a", "b"))
		if info.LogAppendTime < before || info.MaxTimestamp != info.LogAppendTime {
			t.Fatalf("%+v", info)
		}
		read, err := log.Read(0, 1<<20, FetchLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		stored := record.Batch(readAll(t, &read))
		read.Release()
		if stored.EnsureValid() != nil || stored.TimestampType() != record.LogAppendTime {
			t.Fatal("not stamped")
		}
		for item := range record.Records(stored) {
			if item.Timestamp != info.LogAppendTime {
				t.Fatalf("record at %d", item.Timestamp)
			}
		}
	}
}

// TestWrongMaxTimestampIsCorrected: clients may send any value in the header.
func TestWrongMaxTimestampIsCorrected(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	info := log.append(edit(batchOf(record.BuilderOptions{}, 50, "a"), 35, 8, 999_999))
	if info.MaxTimestamp != 50 {
		t.Fatalf("max timestamp %d", info.MaxTimestamp)
	}
	if got := log.values(0); len(got) != 1 {
		t.Fatal(got)
	}
}

// TestWronglyNumberedRecords: deltas that do not count up are renumbered.
func TestWronglyNumberedRecords(t *testing.T) {
	for _, codec := range []record.Compression{record.None, record.Gzip} {
		builder := record.NewBuilder(record.BuilderOptions{Compression: codec})
		for _, delta := range []int64{5, 5, 2} {
			builder.AppendAt(delta, 9, []byte("k"), []byte(fmt.Sprint(delta)))
		}
		log := openTestLog(t, memDir(t), "/logs", nil)
		log.append(edit(builder.Build(), 23, 4, 2))
		if got := log.values(0); !slices.Equal(got, []string{"0=5", "1=5", "2=2"}) {
			t.Fatal(got)
		}
	}
}

// oldMessage encodes a v1 message.
func oldMessage(offset, timestamp int64, value string) []byte {
	body := []byte{1, 0}
	body = binary.BigEndian.AppendUint64(body, uint64(timestamp))
	body = binary.BigEndian.AppendUint32(body, math.MaxUint32)
	body = append(binary.BigEndian.AppendUint32(body, uint32(len(value))), value...)
	message := binary.BigEndian.AppendUint64(nil, uint64(offset))
	message = binary.BigEndian.AppendUint32(message, uint32(len(body)+4))
	message = binary.BigEndian.AppendUint32(message, crc32.ChecksumIEEE(body))
	return append(message, body...)
}

func TestOldMessagesAreStoredAsOneBatch(t *testing.T) {
	for _, compression := range []string{"producer", "zstd"} {
		log := openTestLog(t, memDir(t), "/logs", map[string]string{"compression.type": compression})
		log.append(batchOf(record.BuilderOptions{}, 5, "x"))
		info := log.append(slices.Concat(oldMessage(0, 10, "a"), oldMessage(1, 30, "b"), oldMessage(2, 20, "c")))
		if info.FirstOffset != 1 || info.LastOffset != 3 || info.MaxTimestamp != 30 {
			t.Fatalf("%+v", info)
		}
		if got := log.values(0); !slices.Equal(got, []string{"0=x", "1=a", "2=b", "3=c"}) {
			t.Fatal(got)
		}
		if found, ok, err := log.FetchOffsetByTimestamp(25); err != nil || !ok || found.Offset != 2 {
			t.Fatalf("%+v %v %v", found, ok, err)
		}
	}
}

// FuzzAppend appends any bytes; what the log took must be there and whole.
func FuzzAppend(f *testing.F) {
	f.Add([]byte(simpleBatch("a", "b")), true)
	f.Add([]byte(batchOf(record.BuilderOptions{Compression: record.Snappy}, 1, "a")), true)
	f.Add(produced(1, 0, 0, true, "a"), true)
	f.Add(oldMessage(0, 1, "a"), true)
	f.Add([]byte(simpleBatch("a", "b")), false)
	f.Fuzz(func(t *testing.T, data []byte, leader bool) {
		log := openTestLog(t, memDir(t), "/logs", map[string]string{"segment.index.bytes": "1000"})
		if len(data) > record.HeaderSize && data[16] == 2 {
			record.Batch(data).UpdateChecksum() // else nothing gets past it
		}
		var err error
		if leader {
			_, err = log.AppendAsLeader(slices.Clone(data), 0, OriginClient)
		} else {
			_, err = log.AppendAsFollower(slices.Clone(data))
		}
		if err != nil || !leader {
			return
		}
		if end := log.LogEndOffset(); int64(len(log.values(0))) != end {
			t.Fatalf("%d records, but the log ends at %d", len(log.values(0)), end)
		}
	})
}
