package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
)

// convertAll converts a region in chunks of that many source bytes.
func convertAll(data []byte, magic int8, firstOffset int64, maxSource int) ([]byte, error) {
	converter := NewDownConverter(bytes.NewReader(data), len(data), magic, firstOffset)
	var all []byte
	for {
		chunk, err := converter.Next(nil, maxSource)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, chunk...)
	}
}

// collectAll gives the records of all batches, which must be sound.
func collectAll(t testing.TB, data []byte, magic int8) []Record {
	t.Helper()
	var records []Record
	read := 0
	for batch, err := range Batches(data) {
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.EnsureValid(); err != nil {
			t.Fatal(err)
		}
		if batch.Magic() != magic {
			t.Fatalf("a batch of magic %d among those of %d", batch.Magic(), magic)
		}
		for record, err := range Records(batch) {
			if err != nil {
				t.Fatal(err)
			}
			record.Key, record.Value = bytes.Clone(record.Key), bytes.Clone(record.Value)
			record.RawHeaders, record.HeaderCount, record.Sequence = nil, 0, NoSequence
			records = append(records, record)
		}
		read += batch.SizeInBytes()
	}
	if read != len(data) {
		t.Fatalf("%d of %d bytes are whole batches", read, len(data))
	}
	return records
}

func randomBytes(random *rand.Rand) []byte {
	switch random.IntN(5) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	value := make([]byte, random.IntN(200))
	for i := range value {
		value[i] = byte(random.IntN(4))
	}
	return value
}

// randomBatches are v2 batches with gaps between offsets, and what an old
// consumer may expect of them.
func randomBatches(random *rand.Rand) (data []byte, records []Record) {
	offset := random.Int64N(1000)
	for range 1 + random.IntN(8) {
		options := BuilderOptions{BaseOffset: offset, Compression: []Compression{None, None, Gzip, Snappy, LZ4}[random.IntN(5)], PartitionLeaderEpoch: 3}
		if random.IntN(3) == 0 {
			options.HasProducer, options.ProducerID, options.BaseSequence = true, 7, 0
		}
		if random.IntN(4) == 0 {
			options.TimestampType, options.LogAppendTime = LogAppendTime, 1_700_000_000_000
		}
		if random.IntN(6) == 0 {
			data = append(data, BuildEndTransactionMarker(7, 0, offset, EndTransactionMarker{Type: ControlCommit})...)
			offset++
			continue
		}
		builder := NewBuilder(options)
		for range 1 + random.IntN(20) {
			record := Record{Offset: offset, Timestamp: random.Int64N(1 << 40), Sequence: NoSequence, Key: randomBytes(random), Value: randomBytes(random)}
			builder.AppendAt(record.Offset, record.Timestamp, record.Key, record.Value, Header{Key: "h", Value: []byte("lost")})
			if options.TimestampType == LogAppendTime {
				record.Timestamp = options.LogAppendTime
			}
			records = append(records, record)
			offset += 1 + random.Int64N(2)
		}
		data = append(data, builder.Build()...)
		offset += random.Int64N(3)
	}
	return data, records
}

// sameRecords asks cmp only for the difference, as it is slow.
func sameRecords(want, got []Record) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

func withoutTimestamps(records []Record) []Record {
	records = slices.Clone(records)
	for i := range records {
		records[i].Timestamp = NoTimestamp
	}
	return records
}

// upConvert writes records into one v2 batch as a leader would, offsets kept.
func upConvert(records []Record) []byte {
	builder := NewBuilder(BuilderOptions{BaseOffset: records[0].Offset})
	for i := range records {
		builder.AppendRecord(&records[i])
	}
	return builder.Build()
}

// TestDownConversionKeepsRecords converts random batches to v1 and v0, in chunks
// of every kind, and back.
func TestDownConversionKeepsRecords(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		data, want := randomBatches(random)
		for _, magic := range []int8{MagicV0, MagicV1} {
			maxSource := []int{0, 300, 128 << 10}[random.IntN(3)]
			converted, err := convertAll(data, magic, 0, maxSource)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			expected := want
			if magic == MagicV0 {
				expected = withoutTimestamps(want)
			}
			got := collectAll(t, converted, magic)
			if diff := sameRecords(expected, got); diff != "" {
				t.Fatalf("seed %d, magic %d: %s", seed, magic, diff)
			}
			if magic == MagicV1 {
				converted, err = convertAll(converted, MagicV0, 0, maxSource)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if diff := sameRecords(withoutTimestamps(want), collectAll(t, converted, MagicV0)); diff != "" {
					t.Fatalf("seed %d, v1 to v0: %s", seed, diff)
				}
			}
			if len(got) > 0 {
				if diff := sameRecords(expected, collectAll(t, upConvert(got), MagicV2)); diff != "" {
					t.Fatalf("seed %d, up again: %s", seed, diff)
				}
			}
		}
	}
}

// TestDownConversionLayout compares with bytes that were put together by hand.
func TestDownConversionLayout(t *testing.T) {
	builder := NewBuilder(BuilderOptions{BaseOffset: 10})
	builder.Append(77, []byte("k"), []byte("v"))
	builder.Append(78, nil, []byte{})
	data := builder.Build()
	for _, magic := range []int8{MagicV0, MagicV1} {
		want := append(legacyMessage(magic, None, 10, 77, []byte("k"), []byte("v")), legacyMessage(magic, None, 11, 78, nil, []byte{})...)
		got, err := convertAll(data, magic, 0, 0)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("magic %d: %v\n% x\n% x", magic, err, got, want)
		}
	}
	got, err := convertAll(data, MagicV1, 11, 0)
	if err != nil || !bytes.Equal(got, legacyMessage(MagicV1, None, 11, 78, nil, []byte{})) {
		t.Fatalf("from offset 11: %v % x", err, got)
	}
}

// TestCompressedDownConversion checks the message around others: offset of the
// last, relative offsets in v1, absolute ones in v0, records below the fetch
// offset still there.
func TestCompressedDownConversion(t *testing.T) {
	for _, codec := range []Compression{Gzip, Snappy, LZ4} {
		for _, magic := range []int8{MagicV0, MagicV1} {
			t.Run(fmt.Sprintf("v%d-%s", magic, codec), func(t *testing.T) {
				builder := NewBuilder(BuilderOptions{BaseOffset: 10, Compression: codec})
				builder.AppendAt(12, 90, nil, []byte("a"))
				builder.AppendAt(15, 80, nil, []byte("b"))
				converted, err := convertAll(builder.Build(), magic, 15, 0)
				if err != nil {
					t.Fatal(err)
				}
				outer := Batch(converted)
				timestamp := NoTimestamp
				if magic == MagicV1 {
					timestamp = 90
				}
				if outer.Compression() != codec || outer.BaseOffset() != 15 || outer.MaxTimestamp() != timestamp {
					t.Fatalf("%v %d %d", outer.Compression(), outer.BaseOffset(), outer.MaxTimestamp())
				}
				want := []int64{12, 15}
				if magic == MagicV1 {
					want = []int64{0, 3}
				}
				if got := innerOffsets(t, outer); !slices.Equal(got, want) {
					t.Fatalf("inner offsets %v, want %v", got, want)
				}
			})
		}
	}
}

func innerOffsets(t *testing.T, outer Batch) (offsets []int64) {
	t.Helper()
	_, value, err := legacyFields(outer)
	if err != nil {
		t.Fatal(err)
	}
	source, err := newDecompressor(outer.Compression(), outer.Magic(), value)
	if err != nil {
		t.Fatal(err)
	}
	defer source.release()
	inner, err := io.ReadAll(source)
	if err != nil {
		t.Fatal(err)
	}
	for message := range Batches(inner) {
		offsets = append(offsets, message.BaseOffset())
	}
	return offsets
}

// TestLZ4ChecksumOfV0 checks the checksum of the frame's header, into which v0
// takes the frame's magic number.
func TestLZ4ChecksumOfV0(t *testing.T) {
	builder := NewBuilder(BuilderOptions{Compression: LZ4})
	builder.Append(1, nil, []byte("value"))
	for magic, from := range map[int8]int{MagicV0: 0, MagicV1: 4} {
		converted, err := convertAll(builder.Build(), magic, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, frame, err := legacyFields(Batch(converted))
		if err != nil {
			t.Fatal(err)
		}
		if want := byte(xxhash32(frame[from:6]) >> 8); frame[6] != want {
			t.Fatalf("magic %d: checksum %x, want %x", magic, frame[6], want)
		}
	}
}

func TestDownConversionEnds(t *testing.T) {
	plain, zstd := NewBuilder(BuilderOptions{}), NewBuilder(BuilderOptions{BaseOffset: 1, Compression: Zstd})
	plain.Append(1, nil, []byte("a"))
	zstd.Append(1, nil, []byte("b"))
	first, second := plain.Build(), zstd.Build()
	marker := BuildEndTransactionMarker(1, 0, 0, EndTransactionMarker{})
	for _, test := range []struct {
		name    string
		data    []byte
		source  int
		records int
		err     error
	}{
		{name: "nothing"},
		{name: "part of a header", data: first[:10]},
		{name: "part of a batch", data: first[:len(first)-1]},
		{name: "a batch and a part", data: slices.Concat(first, first[:30]), records: 1},
		{name: "control only", data: slices.Concat(marker, marker)},
		{name: "zstd", data: second, err: kerr.UnsupportedCompressionType},
		{name: "zstd in a later chunk", data: slices.Concat(first, second), records: 1, err: kerr.UnsupportedCompressionType},
		{name: "zstd in the same chunk", data: slices.Concat(first, second), source: 1000, err: kerr.UnsupportedCompressionType},
		{name: "impossible size", data: slices.Concat(first, make([]byte, 40)), records: 1, err: kerr.CorruptMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			converted, err := convertAll(test.data, MagicV1, 0, test.source)
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if got := len(collectAll(t, converted, MagicV1)); got != test.records {
				t.Fatalf("%d records, want %d", got, test.records)
			}
		})
	}
}

// TestDownConversionMemory checks that chunks of a large region stay small.
func TestDownConversionMemory(t *testing.T) {
	builder := NewBuilder(BuilderOptions{})
	builder.Append(1, nil, make([]byte, 10<<10))
	data := bytes.Repeat(builder.Build(), 2000)
	converter := NewDownConverter(bytes.NewReader(data), len(data), MagicV1, 0)
	var buffer []byte
	for total := 0; ; {
		chunk, err := converter.Next(buffer[:0], 128<<10)
		if errors.Is(err, io.EOF) {
			if total < len(data)-100*2000 || converter.Converted() != 2000 {
				t.Fatalf("%d bytes and %d records came out", total, converter.Converted())
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		buffer, total = chunk, total+len(chunk)
		if len(chunk) > 160<<10 || cap(converter.chunk) > 128<<10 {
			t.Fatalf("a chunk of %d bytes, %d held", len(chunk), cap(converter.chunk))
		}
	}
}

// TestWrapperOffsets checks how the absolute offsets of v1 are found.
func TestWrapperOffsets(t *testing.T) {
	inner := slices.Concat(legacyMessage(MagicV1, None, 0, 5, nil, []byte("a")), legacyMessage(MagicV1, None, 1, 5, nil, []byte("b")))
	for wrapper, want := range map[int64]int64{0: 0, 1: 0, 41: 40} {
		message := Batch(legacyMessage(MagicV1, Gzip, wrapper, 5, nil, compress(t, Gzip, inner)))
		if got := collect(t, message); got[0].Offset != want || got[1].Offset != want+1 {
			t.Fatalf("wrapper offset %d: %+v", wrapper, got)
		}
	}
	late := legacyMessage(MagicV1, None, 9, 5, nil, []byte("a"))
	if err := walkBatch(legacyMessage(MagicV1, Gzip, 3, 5, nil, compress(t, Gzip, late))); !errors.Is(err, kerr.InvalidRecord) {
		t.Fatal(err)
	}
	// What is cut short behind whole messages is not looked at.
	cut := append(slices.Clone(inner), inner[:20]...)
	if got := collect(t, legacyMessage(MagicV1, Gzip, 1, 5, nil, compress(t, Gzip, cut))); len(got) != 2 {
		t.Fatalf("%+v", got)
	}
}

// FuzzDownConversion checks that whatever the disk holds, conversion ends, fails
// only with errors that clients know, and gives batches that can be read.
func FuzzDownConversion(f *testing.F) {
	for seed := range uint64(10) {
		data, _ := randomBatches(rand.New(rand.NewPCG(seed, 2)))
		f.Add(data, int8(seed%2), int64(0), uint16(400))
	}
	message := legacyMessage(MagicV1, None, 0, 1, []byte("k"), []byte("v"))
	f.Add(legacyMessage(MagicV1, Gzip, 0, 1, nil, compress(f, Gzip, message)), MagicV0, int64(1), uint16(0))
	f.Fuzz(func(t *testing.T, data []byte, magic int8, firstOffset int64, maxSource uint16) {
		magic &= 1
		converted, err := convertAll(data, magic, firstOffset, int(maxSource))
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				checkError(t, err)
			}
			return
		}
		for len(converted) > 0 {
			batch, rest, err := Next(converted)
			if err != nil || batch.Magic() > magic {
				t.Fatalf("magic %d: %v", magic, err)
			}
			converted = rest
		}
	})
}

// BenchmarkDownConversion converts 1 MiB of uncompressed records of 100 bytes.
func BenchmarkDownConversion(b *testing.B) {
	var data []byte
	for len(data) < 1<<20 {
		builder := NewBuilder(BuilderOptions{BaseOffset: int64(len(data))})
		for range 100 {
			builder.Append(1, nil, binary.BigEndian.AppendUint64(make([]byte, 92), uint64(len(data))))
		}
		data = append(data, builder.Build()...)
	}
	b.SetBytes(int64(len(data)))
	var buffer []byte
	for b.Loop() {
		converter := NewDownConverter(bytes.NewReader(data), len(data), MagicV1, 0)
		for {
			chunk, err := converter.Next(buffer[:0], 128<<10)
			if err != nil {
				break
			}
			buffer = chunk
		}
	}
}
