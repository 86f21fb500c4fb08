package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var codecs = []Compression{None, Gzip, Snappy, LZ4, Zstd}

// collect copies all records of a batch.
func collect(t testing.TB, batch Batch) []Record {
	t.Helper()
	var all []Record
	for item, err := range Records(batch) {
		if err != nil {
			t.Fatal(err)
		}
		item.Key, item.Value, item.RawHeaders = bytes.Clone(item.Key), bytes.Clone(item.Value), bytes.Clone(item.RawHeaders)
		all = append(all, item)
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			builder := NewBuilder(BuilderOptions{
				BaseOffset: 100, PartitionLeaderEpoch: 7, Compression: codec, Transactional: true,
				HasProducer: true, ProducerID: 9, ProducerEpoch: 3, BaseSequence: math.MaxInt32 - 1,
			})
			builder.Append(1000, []byte("k"), []byte("v"), Header{"h1", []byte("x")}, Header{"h2", nil})
			builder.Append(900, nil, nil)
			builder.Append(2000, []byte{}, large)
			batch := Batch(builder.Build())
			if got, rest, err := Next(append(bytes.Clone(batch), 1, 2, 3)); err != nil || len(rest) != 3 || !bytes.Equal(got, batch) {
				t.Fatalf("Next: %d bytes rest, %v", len(rest), err)
			}
			if err := batch.EnsureValid(); err != nil {
				t.Fatal(err)
			}
			if batch.LastOffset() != 102 || batch.MaxTimestamp() != 2000 || batch.BaseTimestamp() != 1000 || batch.Count() != 3 ||
				batch.PartitionLeaderEpoch() != 7 || batch.Compression() != codec || !batch.IsTransactional() || batch.IsControl() ||
				batch.ProducerID() != 9 || batch.ProducerEpoch() != 3 || batch.LastSequence() != 0 {
				t.Fatalf("header fields are wrong: % x", batch[:HeaderSize])
			}
			records := collect(t, batch)
			if len(records) != 3 {
				t.Fatalf("%d records", len(records))
			}
			want := []Header{{"h1", []byte("x")}, {"h2", nil}}
			if diff := cmp.Diff(want, records[0].Headers()); diff != "" {
				t.Fatal(diff)
			}
			if records[1].Key != nil || records[1].Value != nil || records[1].Timestamp != 900 || records[1].Offset != 101 || records[1].Sequence != math.MaxInt32 {
				t.Fatalf("second record %+v", records[1])
			}
			if records[2].Key == nil || !bytes.Equal(records[2].Value, large) || records[2].Sequence != 0 {
				t.Fatal("third record differs")
			}
		})
	}
}

// TestAgreesWithKmsg reads a built batch with another implementation.
func TestAgreesWithKmsg(t *testing.T) {
	builder := NewBuilder(BuilderOptions{BaseOffset: 5})
	builder.Append(10, []byte("key"), []byte("value"), Header{"h", []byte("1")})
	var batch kmsg.RecordBatch
	if err := batch.ReadFrom(builder.Build()); err != nil {
		t.Fatal(err)
	}
	var item kmsg.Record
	if err := item.ReadFrom(batch.Records); err != nil {
		t.Fatal(err)
	}
	if batch.FirstOffset != 5 || string(item.Key) != "key" || string(item.Value) != "value" || item.Headers[0].Key != "h" {
		t.Fatalf("%+v %+v", batch, item)
	}
}

func TestPartialReadSkipsLargeRecords(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 5*windowSize)
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			builder := NewBuilder(BuilderOptions{Compression: codec})
			builder.Append(1, large, large, Header{strings.Repeat("h", 3*windowSize), large})
			builder.Append(2, nil, large)
			reader, err := NewReader(builder.Build())
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			window := len(reader.window)
			var item Record
			for i, hasKey := range []bool{true, false} {
				ok, err := reader.NextPartial(&item)
				if err != nil || !ok || item.Offset != int64(i) || item.Timestamp != int64(i+1) || (item.Key != nil) != hasKey {
					t.Fatalf("record %d: %v %v %d %d", i, ok, err, item.Offset, item.Timestamp)
				}
			}
			if codec != None && len(reader.window) != window {
				t.Fatalf("the window grew to %d", len(reader.window))
			}
			if ok, err := reader.NextPartial(&item); ok || err != nil {
				t.Fatalf("at the end: %v %v", ok, err)
			}
		})
	}
}

// TestDecompressionBombs checks that a small batch of a huge content is walked
// in little memory.
func TestDecompressionBombs(t *testing.T) {
	zeros := make([]byte, 64<<20)
	for _, codec := range []Compression{Gzip, Zstd, LZ4, Snappy} {
		t.Run(codec.String(), func(t *testing.T) {
			builder := NewBuilder(BuilderOptions{Compression: codec})
			builder.Append(1, nil, zeros)
			bomb := Batch(builder.Build())
			builder = nil
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			reader, err := NewReader(bomb)
			if err != nil {
				t.Fatal(err)
			}
			var item Record
			if ok, err := reader.NextPartial(&item); !ok || err != nil {
				t.Fatal(ok, err)
			}
			reader.Close()
			if _, err := Recompress(bomb, None, 1<<20); !errors.Is(err, kerr.MessageTooLarge) {
				t.Fatalf("recompressing gave %v", err)
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 24<<20 {
				t.Fatalf("allocated %d bytes", grown)
			}
		})
	}
}

func TestRecompress(t *testing.T) {
	for _, from := range codecs {
		for _, to := range codecs {
			t.Run(from.String()+"-"+to.String(), func(t *testing.T) {
				builder := NewBuilder(BuilderOptions{Compression: from, BaseOffset: 7})
				for i := range 1000 {
					builder.Append(int64(i), []byte{byte(i)}, []byte(fmt.Sprint("value", i)))
				}
				batch := Batch(builder.Build())
				result, err := Recompress(batch, to, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				if err := result.EnsureValid(); err != nil || result.Compression() != to {
					t.Fatal(err, result.Compression())
				}
				if diff := cmp.Diff(collect(t, batch), collect(t, result)); diff != "" {
					t.Fatal(diff)
				}
			})
		}
	}
}

func TestCorruptBatches(t *testing.T) {
	good := func() Batch {
		builder := NewBuilder(BuilderOptions{})
		builder.Append(1, []byte("key"), []byte("value"))
		builder.Append(2, []byte("key"), []byte("value"))
		return builder.Build()
	}
	for _, test := range []struct {
		name   string
		damage func(Batch) []byte
		want   error
	}{
		{"length negative", func(b Batch) []byte { binary.BigEndian.PutUint32(b[lengthAt:], 1<<31); return b }, kerr.CorruptMessage},
		{"length zero", func(b Batch) []byte { binary.BigEndian.PutUint32(b[lengthAt:], 0); return b }, kerr.CorruptMessage},
		{"length huge", func(b Batch) []byte { binary.BigEndian.PutUint32(b[lengthAt:], math.MaxInt32); return b }, ErrIncomplete},
		{"length too small for the format", func(b Batch) []byte { binary.BigEndian.PutUint32(b[lengthAt:], 40); return b }, kerr.CorruptMessage},
		{"magic unknown", func(b Batch) []byte { b[magicAt] = 3; return b }, kerr.CorruptMessage},
		{"magic negative", func(b Batch) []byte { b[magicAt] = 0xff; return b }, kerr.CorruptMessage},
		{"cut in the header", func(b Batch) []byte { return b[:11] }, ErrIncomplete},
		{"cut in the records", func(b Batch) []byte { return b[:len(b)-1] }, ErrIncomplete},
		{"checksum", func(b Batch) []byte { b[len(b)-1] ^= 1; return b }, kerr.CorruptMessage},
		{"count too high", func(b Batch) []byte { binary.BigEndian.PutUint32(b[countAt:], 3); b.UpdateChecksum(); return b }, kerr.InvalidRecord},
		{"count too low", func(b Batch) []byte { binary.BigEndian.PutUint32(b[countAt:], 1); b.UpdateChecksum(); return b }, kerr.InvalidRecord},
		{"count negative", func(b Batch) []byte { binary.BigEndian.PutUint32(b[countAt:], 1<<31); b.UpdateChecksum(); return b }, kerr.InvalidRecord},
		{"record size", func(b Batch) []byte { b[HeaderSize] = 0x7e; b.UpdateChecksum(); return b }, kerr.InvalidRecord},
		{"record size negative", func(b Batch) []byte { b[HeaderSize] = 0x01; b.UpdateChecksum(); return b }, kerr.InvalidRecord},
		{"key size", func(b Batch) []byte { b[HeaderSize+4] = 0x7e; b.UpdateChecksum(); return b }, kerr.InvalidRecord},
		{"not gzip", func(b Batch) []byte { b[attributesAt+1] |= byte(Gzip); b.UpdateChecksum(); return b }, kerr.UnknownServerError},
		{"codec unknown", func(b Batch) []byte { b[attributesAt+1] |= 7; b.UpdateChecksum(); return b }, kerr.UnknownServerError},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := walkAll(test.damage(good())); !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
		})
	}
}

// walkAll looks at everything in some bytes, in both ways of reading.
func walkAll(data []byte) error {
	for len(data) > 0 {
		batch, rest, err := Next(data)
		if err != nil {
			return err
		}
		if err := batch.EnsureValid(); err != nil {
			return err
		}
		if err := walkBatch(batch); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

func walkBatch(batch Batch) error {
	var walkErr error
	var offsets []int64
	for item, err := range Records(batch) {
		if err != nil {
			walkErr = err
			break
		}
		item.Headers()
		offsets = append(offsets, item.Offset)
	}
	if batch.Magic() < MagicV2 {
		return walkErr
	}
	reader, err := NewReader(batch)
	if err != nil {
		return err
	}
	defer reader.Close()
	var item Record
	for i := 0; ; i++ {
		ok, err := reader.NextPartial(&item)
		if (err != nil) != (walkErr != nil && i == len(offsets)) {
			return fmt.Errorf("the ways of reading disagree at record %d: %v, %v", i, err, walkErr)
		}
		if err != nil || !ok {
			return err
		}
		if i >= len(offsets) || item.Offset != offsets[i] {
			return fmt.Errorf("the ways of reading disagree at record %d", i)
		}
	}
}

// legacyMessage encodes a v0 or v1 message.
func legacyMessage(magic int8, codec Compression, offset, timestamp int64, key, value []byte) []byte {
	body := []byte{byte(magic), byte(codec)}
	if magic == MagicV1 {
		body = binary.BigEndian.AppendUint64(body, uint64(timestamp))
	}
	for _, field := range [][]byte{key, value} {
		if field == nil {
			body = binary.BigEndian.AppendUint32(body, math.MaxUint32)
		} else {
			body = append(binary.BigEndian.AppendUint32(body, uint32(len(field))), field...)
		}
	}
	message := binary.BigEndian.AppendUint64(nil, uint64(offset))
	message = binary.BigEndian.AppendUint32(message, uint32(len(body)+4))
	message = binary.BigEndian.AppendUint32(message, crc32.ChecksumIEEE(body))
	return append(message, body...)
}

func compress(t testing.TB, codec Compression, data []byte) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer, err := newCompressor(codec, &buffer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func TestLegacyMessages(t *testing.T) {
	for _, magic := range []int8{MagicV0, MagicV1} {
		for _, codec := range []Compression{None, Gzip, Snappy, LZ4} {
			t.Run(fmt.Sprintf("v%d-%s", magic, codec), func(t *testing.T) {
				base := int64(40)
				if magic == MagicV1 && codec != None {
					base = 0 // relative
				}
				set := legacyMessage(magic, None, base, 5, []byte("k"), []byte("v0"))
				set = append(set, legacyMessage(magic, None, base+1, 6, nil, nil)...)
				if codec != None {
					set = legacyMessage(magic, codec, 41, 6, nil, compress(t, codec, set))
				}
				var got []Record
				for batch, err := range Batches(set) {
					if err != nil {
						t.Fatal(err)
					}
					if err := batch.EnsureValid(); err != nil {
						t.Fatal(err)
					}
					got = append(got, collect(t, batch)...)
				}
				timestamps := []int64{NoTimestamp, NoTimestamp}
				if magic == MagicV1 {
					timestamps = []int64{5, 6}
				}
				want := []Record{
					{Offset: 40, Timestamp: timestamps[0], Sequence: NoSequence, Key: []byte("k"), Value: []byte("v0")},
					{Offset: 41, Timestamp: timestamps[1], Sequence: NoSequence},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
			})
		}
	}
}

func TestLegacyCorruption(t *testing.T) {
	inner := legacyMessage(MagicV1, None, 0, 5, nil, []byte("v"))
	damaged := bytes.Clone(inner)
	damaged[len(damaged)-1] ^= 1
	nested := legacyMessage(MagicV1, Gzip, 0, 5, nil, compress(t, Gzip, inner))
	for name, value := range map[string][]byte{
		"inner checksum":     compress(t, Gzip, damaged),
		"inner cut":          compress(t, Gzip, inner[:len(inner)-1]),
		"inner magic":        compress(t, Gzip, legacyMessage(MagicV0, None, 0, 5, nil, []byte("v"))),
		"inner compressed":   compress(t, Gzip, nested),
		"inner empty":        compress(t, Gzip, nil),
		"value null":         nil,
		"value not gzip":     []byte("no gzip at all"),
		"inner of huge size": compress(t, Gzip, append(binary.BigEndian.AppendUint32(make([]byte, 8), math.MaxInt32), make([]byte, 20)...)),
	} {
		t.Run(name, func(t *testing.T) {
			message := Batch(legacyMessage(MagicV1, Gzip, 0, 5, nil, value))
			err := walkBatch(message)
			if _, isKafka := err, errors.As(err, new(*kerr.Error)); err == nil || !isKafka {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestControlRecords(t *testing.T) {
	marker := EndTransactionMarker{Type: ControlAbort, CoordinatorEpoch: 12}
	batch := Batch(BuildEndTransactionMarker(4, 5, 99, marker))
	if !batch.IsControl() || !batch.IsTransactional() || batch.ProducerID() != 4 || batch.ProducerEpoch() != 5 || batch.BaseSequence() != NoSequence {
		t.Fatalf("% x", batch)
	}
	records := collect(t, batch)
	got, err := ParseEndTransactionMarker(records[0].Key, records[0].Value)
	if err != nil || got != marker {
		t.Fatal(got, err)
	}
	for _, key := range [][]byte{nil, {0}, {0xff, 0xff, 0, 0}, {0, 0, 0, 9}} {
		if _, err := ParseEndTransactionMarker(key, records[0].Value); !errors.Is(err, kerr.InvalidRecord) {
			t.Fatalf("key % x: %v", key, err)
		}
	}
}

func TestSequenceWrap(t *testing.T) {
	if got := IncrementSequence(math.MaxInt32, 1); got != 0 {
		t.Fatal(got)
	}
	if got := IncrementSequence(math.MaxInt32-1, 3); got != 1 {
		t.Fatal(got)
	}
	if got := DecrementSequence(0, 1); got != math.MaxInt32 {
		t.Fatal(got)
	}
}

func TestSnappyOfOtherLibraries(t *testing.T) {
	builder := NewBuilder(BuilderOptions{})
	builder.Append(1, []byte("k"), bytes.Repeat([]byte("v"), 1000))
	plain := Batch(builder.Build())
	// librdkafka sends one bare block.
	bare := append(bytes.Clone(plain[:HeaderSize]), encodeSnappyBlock(plain[HeaderSize:])...)
	binary.BigEndian.PutUint32(bare[lengthAt:], uint32(len(bare)-LogOverhead))
	bare[attributesAt+1] = byte(Snappy)
	if diff := cmp.Diff(collect(t, plain), collect(t, bare)); diff != "" {
		t.Fatal(diff)
	}
}

// FuzzQuickParse compares the quick way through a batch with the one that tells
// what is wrong.
func FuzzQuickParse(f *testing.F) {
	for _, size := range []int{0, 1, 63, 64, 8191, 8192} {
		builder := NewBuilder(BuilderOptions{})
		builder.Append(1_700_000_000_000, []byte("key"), make([]byte, size))
		builder.Append(1_700_000_000_100, nil, nil)
		f.Add(builder.Build()[HeaderSize:], uint16(2))
	}
	f.Fuzz(func(t *testing.T, records []byte, count uint16) {
		quick := Reader{window: records, end: len(records), count: int32(count)}
		slow := Reader{window: records, end: len(records), count: int32(count)}
		for range count {
			var got, want Record
			before := quick.start
			if !quick.quickNext(&got) {
				if quick.start != before {
					t.Fatal("it moved without a record")
				}
				return
			}
			size, err := slow.readSize()
			if err == nil {
				err = slow.readRecord(size, &want)
			}
			if err != nil {
				t.Fatalf("taken, but %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			if quick.start != slow.start {
				t.Fatalf("at %d instead of %d", quick.start, slow.start)
			}
		}
	})
}
