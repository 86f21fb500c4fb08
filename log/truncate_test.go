package log

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/log/epoch"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

func TestTruncateTo(t *testing.T) {
	for _, to := range []int64{41, 40, 39, 38, 25, 24, 1, 0} {
		eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
			log := openTestLog(t, fsys, dir, smallSegments)
			want := fill(log, 20)
			truncated, err := log.TruncateTo(to)
			if err != nil || truncated != (to < 40) {
				t.Fatal(truncated, err)
			}
			// The batch that holds the offset goes as a whole, the offset stays.
			end := min(to, 40)
			kept := end - end%2
			if log.LogEndOffset() != end || log.HighWatermark() != end {
				t.Fatalf("ends at %d, high watermark %d", log.LogEndOffset(), log.HighWatermark())
			}
			if got := log.values(0); !slices.Equal(got, want[:kept]) {
				t.Fatalf("truncated to %d: %v", to, got)
			}
			if info := log.append(simpleBatch("new")); info.FirstOffset != end {
				t.Fatal(info.FirstOffset)
			}
			point := min(log.RecoveryPoint(), end)
			if err := errors.Join(log.Flush(), log.Close()); err != nil {
				t.Fatal(err)
			}
			log.scheduler.Close()
			reopened := openTestLog(t, fsys, dir, smallSegments, unclean(point))
			if reopened.LogEndOffset() != end+1 || len(reopened.values(0)) != int(kept)+1 {
				t.Fatalf("after reload: ends at %d, %v", reopened.LogEndOffset(), reopened.values(0))
			}
		})
	}
}

func TestTruncateFully(t *testing.T) {
	for _, to := range []int64{0, 7, 1000} {
		fsys := memDir(t)
		log := openTestLog(t, fsys, "/logs", smallSegments)
		fill(log, 20)
		if err := log.TruncateFullyAndStartAt(to); err != nil {
			t.Fatal(err)
		}
		if log.LogStartOffset() != to || log.LogEndOffset() != to || log.HighWatermark() != to || log.Size() != 0 || len(log.EpochEntries()) != 0 {
			t.Fatalf("%s", log)
		}
		if info := log.append(simpleBatch("x")); info.FirstOffset != to {
			t.Fatal(info.FirstOffset)
		}
		if got := openTestLog(t, fsys.KillClone(), "/logs", smallSegments, unclean(0)); got.LogStartOffset() != to || got.LogEndOffset() != to+1 {
			t.Fatalf("%s", got)
		}
	}
}

// TestTruncationForgetsProducers: what a leader wrote that was never replicated
// must not make its producers' batches look like duplicates.
func TestTruncationForgetsProducers(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", smallSegments)
	log.append(produced(1, 0, 0, false, "a", "b"))
	log.append(produced(1, 0, 2, false, "c", "d"))
	log.append(produced(9, 0, 0, true, "e"))
	if _, err := log.TruncateTo(2); err != nil {
		t.Fatal(err)
	}
	if log.LastStableOffset() != 2 {
		t.Fatalf("last stable offset %d", log.LastStableOffset())
	}
	if info := log.append(produced(1, 0, 2, false, "c", "d")); info.Duplicate || info.FirstOffset != 2 {
		t.Fatalf("%+v", info)
	}
}

func TestLeaderEpochs(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	for _, leaderEpoch := range []int32{0, 0, 2, 5} {
		if _, err := log.AppendAsLeader(simpleBatch("a", "b"), leaderEpoch, OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	for requested, want := range map[int32]OffsetAndEpoch{0: {4, 0}, 1: {4, 0}, 2: {6, 2}, 4: {6, 2}, 5: {8, 5}, 6: {-1, -1}, -1: {-1, -1}} {
		if got, ok := log.EndOffsetForEpoch(requested); got != want || ok != (want.Offset >= 0) {
			t.Fatalf("epoch %d ends at %+v, want %+v", requested, got, want)
		}
	}
	if _, err := log.TruncateTo(5); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]epoch.Entry{{Epoch: 0, StartOffset: 0}, {Epoch: 2, StartOffset: 4}}, log.EpochEntries()); diff != "" {
		t.Fatal(diff)
	}
}

// TestRegionsOutliveTheirFiles deletes segments while they are being sent.
func TestRegionsOutliveTheirFiles(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		log := openTestLog(t, fsys, dir, with(smallSegments, "retention.bytes", "0", "file.delete.delay.ms", "0"))
		fill(log, 20)
		info, err := log.Read(0, 1<<20, FetchLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		want := readAll(t, &info)
		if deleteOld(t, log) == 0 {
			t.Fatal("nothing was deleted")
		}
		log.scheduler.Close()
		log.CloseHandlers()
		var got bytes.Buffer
		if _, err := info.Records.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%v, %d of %d bytes", err, got.Len(), len(want))
		}
		file := info.Records.file
		info.Release()
		info.Release()
		if file.references.Load() != 0 {
			t.Fatalf("%d references are left", file.references.Load())
		}
	})
}

func TestRegionsAreCutByTruncation(t *testing.T) {
	log := openTestLog(t, vfs.OS, t.TempDir(), nil)
	fill(log, 10)
	read := func(from int64, max int) FetchDataInfo {
		info, err := log.Read(from, max, FetchLogEnd, true)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	whole, below := read(0, 1<<20), read(0, 1)
	if _, err := log.TruncateTo(10); err != nil {
		t.Fatal(err)
	}
	fill(log, 10) // other records where the old ones were
	_, server := tcpPair(t)
	if _, err := whole.Records.SendTo(server); !errors.Is(err, ErrTruncated) {
		t.Fatalf("sending records that are gone: %v", err)
	}
	if _, err := whole.ReadAll(nil); !errors.Is(err, ErrTruncated) {
		t.Fatalf("reading records that are gone: %v", err)
	}
	if data := readAll(t, &below); record.Batch(data).EnsureValid() != nil {
		t.Fatal("a region below the cut is damaged")
	}
	after := read(0, 1<<20)
	if _, err := after.Records.SendTo(server); err != nil {
		t.Fatal(err)
	}
	for _, info := range []*FetchDataInfo{&whole, &below, &after} {
		info.Release()
	}
}

// TestSendTo sends regions larger than the socket's buffers to a slow reader.
func TestSendTo(t *testing.T) {
	log := openTestLog(t, vfs.OS, t.TempDir(), nil)
	for range 8 {
		log.append(benchmarkBatch(record.None, 900<<10))
	}
	info, err := log.Read(0, 6<<20, FetchLogEnd, true)
	if err != nil {
		t.Fatal(err)
	}
	defer info.Release()
	want := readAll(t, &info)
	client, server := tcpPair(t)
	received := make(chan []byte)
	go func() {
		data := make([]byte, len(want))
		n, _ := io.ReadFull(client, data)
		received <- data[:n]
	}()
	if n, err := info.Records.SendTo(server); err != nil || n != int64(len(want)) {
		t.Fatal(n, err)
	}
	if !bytes.Equal(<-received, want) {
		t.Fatal("other bytes arrived")
	}
	// A reader that does not read runs into the write deadline.
	if err := server.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = info.Records.SendTo(server)
	}
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); !ok || !timeout.Timeout() {
		t.Fatalf("got %v, want a timeout", err)
	}
}

func TestOffsetsByTime(t *testing.T) {
	for _, codec := range []record.Compression{record.None, record.LZ4} {
		log := openTestLog(t, memDir(t), "/logs", smallSegments)
		for i := range int64(20) {
			builder := record.NewBuilder(record.BuilderOptions{Compression: codec})
			for j := range int64(3) {
				builder.Append(1000*i+10*j, []byte("k"), []byte("vvvvvvvv"))
			}
			log.append(builder.Build())
		}
		for timestamp, want := range map[int64]int64{0: 0, 1: 1, 10: 1, 20: 2, 21: 3, 5000: 15, 5011: 17, 18_999: 57, 19_020: 59} {
			found, ok, err := log.FetchOffsetByTimestamp(timestamp)
			if err != nil || !ok || found.Offset != want || found.Timestamp < timestamp {
				t.Fatalf("%s: at %d found %+v %v %v, want %d", codec, timestamp, found, ok, err, want)
			}
		}
		if _, ok, err := log.FetchOffsetByTimestamp(19_021); ok || err != nil {
			t.Fatal("found something after the last record", err)
		}
		// The largest timestamp lies in the middle of a batch.
		builder := record.NewBuilder(record.BuilderOptions{Compression: codec})
		for _, timestamp := range []int64{5, 99_999, 7} {
			builder.Append(timestamp, []byte("k"), []byte("v"))
		}
		log.append(builder.Build())
		if found, ok, err := log.FetchOffsetByTimestamp(MaxTimestamp); err != nil || !ok || found.Offset != 61 || found.Timestamp != 99_999 {
			t.Fatalf("%s: largest timestamp %+v %v %v", codec, found, ok, err)
		}
		if _, err := log.MaybeIncrementLogStartOffset(5, ClientRecordDeletion); err != nil {
			t.Fatal(err)
		}
		if found, _, _ := log.FetchOffsetByTimestamp(0); found.Offset != 5 {
			t.Fatalf("found %d below the log start", found.Offset)
		}
		if found, _, _ := log.FetchOffsetByTimestamp(EarliestTimestamp); found != (TimestampAndOffset{-1, 5, 0}) {
			t.Fatalf("earliest %+v", found)
		}
		if found, _, _ := log.FetchOffsetByTimestamp(LatestTimestamp); found != (TimestampAndOffset{-1, 63, 0}) {
			t.Fatalf("latest %+v", found)
		}
		if offsets, err := log.LegacyFetchOffsetsBefore(LatestTimestamp, 3); err != nil || len(offsets) != 3 || offsets[0] != 63 {
			t.Fatal(offsets, err)
		}
		if offsets, err := log.LegacyFetchOffsetsBefore(EarliestTimestamp, 3); err != nil || !slices.Equal(offsets, []int64{5}) {
			t.Fatal(offsets, err)
		}
	}
}

// TestTruncationIntoABatchForgetsItsTime: the time index names its first record, which
// lies below the offset, but goes with it.
func TestTruncationIntoABatchForgetsItsTime(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	now := time.Now().UnixMilli()
	log.append(batchOf(record.BuilderOptions{}, now-1000, "old"))
	log.append(batchOf(record.BuilderOptions{}, now, "a", "b", "c"))
	if err := log.Roll(); err != nil { // which notes the largest time
		t.Fatal(err)
	}
	if _, err := log.TruncateTo(2); err != nil {
		t.Fatal(err)
	}
	log.append(batchOf(record.BuilderOptions{}, now-500, "x"))
	if largest, err := log.Segments()[0].LargestTimestamp(); err != nil || largest != now-500 {
		t.Fatalf("the largest time is %d, not %d: %v", largest, now-500, err)
	}
}
