package apis

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/replica"
)

// storedRegion puts batches into a log and reads them back, which gives what a
// fetch is answered with.
func storedRegion(t *testing.T, maxBytes int, batches ...[]byte) *log.FileRecords {
	t.Helper()
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181"})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.NewTopicConfig(broker, nil)
	if err != nil {
		t.Fatal(err)
	}
	scheduler := log.NewScheduler()
	t.Cleanup(scheduler.Close)
	opened, err := log.Open(log.OpenOptions{
		Dir: filepath.Join(t.TempDir(), "topic-0"), Config: log.NewConfig(settings), CleanShutdown: true, Scheduler: scheduler, ProducerIDExpirationMs: 1000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.CloseHandlers)
	for _, batch := range batches {
		if _, err := opened.AppendAsFollower(slices.Clone(batch)); err != nil {
			t.Fatal(err)
		}
	}
	info, err := opened.Read(0, maxBytes, log.FetchLogEnd, false)
	if err != nil {
		t.Fatal(err)
	}
	return info.Records
}

func batchAt(offset int64, codec record.Compression, values ...string) []byte {
	builder := record.NewBuilder(record.BuilderOptions{BaseOffset: offset, Compression: codec})
	for _, value := range values {
		builder.Append(1, nil, []byte(value))
	}
	return builder.Build()
}

func markerAt(offset int64) []byte {
	marker := record.BuildEndTransactionMarker(1, 0, 1, record.EndTransactionMarker{Type: record.ControlCommit})
	record.Batch(marker).SetBaseOffset(offset)
	return marker
}

// TestConvertedRecordsFillTheirSize checks the announced size, what is sent in
// it, and the fake message that fills the rest.
func TestConvertedRecordsFillTheirSize(t *testing.T) {
	large := string(make([]byte, 100<<10))
	plain := batchAt(0, record.None, "a", "b", "c")
	grows := 3*(record.LogOverhead+22+1) - len(plain) // three headers of v1 instead of one of v2
	for _, test := range []struct {
		name    string
		batches [][]byte
		max     int
		from    int64
		size    int // less the stored bytes
		offsets []int64
	}{
		{name: "first batch grows", batches: [][]byte{plain}, size: max(grows, 0), offsets: []int64{0, 1, 2}},
		{name: "below the fetch offset", batches: [][]byte{plain}, from: 2, offsets: []int64{2}},
		{name: "all below the fetch offset", batches: [][]byte{plain, batchAt(3, record.None, "d")}, from: 3, offsets: []int64{3}},
		{name: "markers first", batches: [][]byte{markerAt(0), markerAt(1), batchAt(2, record.None, "a"), batchAt(3, record.None, "b")}, offsets: []int64{2, 3}},
		{name: "markers only", batches: [][]byte{markerAt(0)}, size: overflowHeader - len(markerAt(0))},
		{name: "part of a batch", batches: [][]byte{plain}, max: 70, size: -70},
		{name: "zstd later", batches: [][]byte{plain, batchAt(3, record.Zstd, "d")}, offsets: []int64{0, 1, 2}},
		{name: "several chunks", batches: [][]byte{batchAt(0, record.None, large), batchAt(1, record.None, large), batchAt(2, record.None, large)}, offsets: []int64{0, 1, 2}},
		{name: "a rest of several chunks", batches: [][]byte{plain, batchAt(3, record.Zstd, "d"), batchAt(4, record.None, large), batchAt(5, record.None, large)}, offsets: []int64{0, 1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.max == 0 {
				test.max = 1 << 20
			}
			source := storedRegion(t, test.max, test.batches...)
			stats := &replica.BrokerTopicStats{}
			converted, err := newConvertedRecords(source, record.MagicV1, test.from, stats.Topic("topic"))
			if err != nil {
				t.Fatal(err)
			}
			defer source.Release()
			if want := source.Size() + test.size; converted.Size() != want {
				t.Fatalf("size %d, want %d", converted.Size(), want)
			}
			var sent bytes.Buffer
			if err := converted.convertTo(&sent); err != nil || sent.Len() != converted.Size() {
				t.Fatalf("%d bytes of %d sent: %v", sent.Len(), converted.Size(), err)
			}
			if got := offsetsIn(t, sent.Bytes()); !slices.Equal(got, test.offsets) {
				t.Fatalf("offsets %v, want %v", got, test.offsets)
			}
		})
	}
}

// offsetsIn reads as an old consumer does: up to a message that does not fit.
func offsetsIn(t *testing.T, data []byte) (offsets []int64) {
	t.Helper()
	for len(data) >= record.LogOverhead {
		if size := int(binary.BigEndian.Uint32(data[8:])); size > len(data)-record.LogOverhead {
			return offsets
		}
		batch, rest, err := record.Next(data)
		if err != nil || batch.EnsureValid() != nil {
			t.Fatalf("% x: %v", data[:min(len(data), 40)], err)
		}
		offsets, data = append(offsets, batch.BaseOffset()), rest
	}
	return offsets
}

func TestFirstBatchOfZstd(t *testing.T) {
	source := storedRegion(t, 1<<20, batchAt(0, record.Zstd, "a"))
	defer source.Release()
	if _, err := newConvertedRecords(source, record.MagicV1, 0, nil); !errors.Is(err, kerr.UnsupportedCompressionType) {
		t.Fatal(err)
	}
}

func TestOverflowMessage(t *testing.T) {
	for remaining, want := range map[int][2]int{1: {12, 61}, 11: {12, 61}, 30: {31, 61}, 100: {101, 101}, 1 << 20: {conversionChunk, 1<<20 + 1}} {
		message := overflowMessage(remaining)
		if size := int(binary.BigEndian.Uint32(message[8:])); len(message) != want[0] || size != want[1] || int64(binary.BigEndian.Uint64(message)) != -1 {
			t.Fatalf("for %d: %d bytes that announce %d", remaining, len(message), size)
		}
	}
}

func TestDownConversionMagic(t *testing.T) {
	for _, test := range []struct {
		stored  int8
		version int16
		want    string
	}{
		{2, 0, "0 true"}, {2, 1, "0 true"}, {2, 2, "1 true"}, {2, 3, "1 true"}, {2, 4, "2 false"},
		{1, 1, "0 true"}, {1, 2, "1 false"}, {1, 4, "1 false"}, {0, 0, "0 false"}, {0, 3, "0 false"},
	} {
		magic, needed := downConversionMagic(test.stored, test.version)
		if got := fmt.Sprint(magic, needed); got != test.want {
			t.Errorf("stored %d, version %d: %s, want %s", test.stored, test.version, got, test.want)
		}
	}
}
