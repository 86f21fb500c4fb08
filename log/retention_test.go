package log

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

func deleteOld(t testing.TB, log *testLog) int {
	t.Helper()
	deleted, err := log.DeleteOldSegments()
	if err != nil {
		t.Fatal(err)
	}
	return deleted
}

func with(base map[string]string, pairs ...string) map[string]string {
	merged := map[string]string{}
	for key, value := range base {
		merged[key] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		merged[pairs[i]] = pairs[i+1]
	}
	return merged
}

func TestRetentionBySize(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", with(smallSegments, "retention.bytes", "1500"))
	fill(log, 40)
	sizes := log.Size()
	deleted := deleteOld(t, log)
	if deleted == 0 || log.Size() < 1500 || log.Size() >= 1500+700 {
		t.Fatalf("%d segments deleted, size went from %d to %d", deleted, sizes, log.Size())
	}
	if start := log.LogStartOffset(); start != log.Segments()[0].BaseOffset {
		t.Fatalf("log starts at %d", start)
	}
	if _, err := log.Read(0, 100, FetchLogEnd, true); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Fatalf("reading what was deleted: %v", err)
	}
	if len(log.values(log.LogStartOffset())) != int(80-log.LogStartOffset()) {
		t.Fatal("records are missing")
	}
	if deleteOld(t, log) != 0 {
		t.Fatal("deleted more at the second time")
	}
}

func TestRetentionByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memDir(t)
		log := openTestLog(t, fsys, "/logs", with(smallSegments, "retention.ms", "3600000", "file.delete.delay.ms", "60000"))
		fill(log, 20)
		time.Sleep(30 * time.Minute)
		fill(log, 20)
		if deleteOld(t, log) != 0 {
			t.Fatal("deleted too early")
		}
		time.Sleep(45 * time.Minute)
		if deleted := deleteOld(t, log); deleted == 0 || log.LogStartOffset() == 0 || log.LogStartOffset() > 40 {
			t.Fatalf("%d deleted, log starts at %d", deleted, log.LogStartOffset())
		}
		if n := count(t, fsys, log.Dir(), ".deleted"); n == 0 {
			t.Fatal("no file waits to be deleted")
		}
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if n := count(t, fsys, log.Dir(), ".deleted"); n != 0 {
			t.Fatalf("%d files still wait to be deleted", n)
		}
		// When all is old the log rolls first, and offsets go on.
		time.Sleep(2 * time.Hour)
		deleteOld(t, log)
		if log.NumberOfSegments() != 1 || log.Size() != 0 || log.LogStartOffset() != 80 || log.LogEndOffset() != 80 {
			t.Fatalf("%s", log)
		}
		if info := log.append(simpleBatch("x")); info.FirstOffset != 80 {
			t.Fatal(info.FirstOffset)
		}
	})
}

func count(t testing.TB, fsys vfs.FS, dir, suffix string) int {
	t.Helper()
	files, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		if strings.HasSuffix(file.Name(), suffix) {
			n++
		}
	}
	return n
}

func TestRetentionStaysBelowTheHighWatermark(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", with(smallSegments, "retention.bytes", "0"))
	fill(log, 20)
	log.UpdateHighWatermark(log.Segments()[2].BaseOffset + 1)
	if deleted := deleteOld(t, log); deleted != 2 {
		t.Fatalf("%d deleted", deleted)
	}
}

func TestCompactedTopicsAreNotDeleted(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", with(smallSegments, "retention.bytes", "0", "retention.ms", "0", "cleanup.policy", "compact"))
	fill(log, 20)
	if deleted := deleteOld(t, log); deleted != 0 {
		t.Fatalf("%d deleted", deleted)
	}
}

func TestDeleteRecords(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", with(smallSegments, "retention.ms", "-1"))
	want := fill(log, 20)
	log.UpdateHighWatermark(30)
	if _, err := log.MaybeIncrementLogStartOffset(31, ClientRecordDeletion); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Fatalf("above the high watermark: %v", err)
	}
	for _, offset := range []int64{23, 10} {
		raised, err := log.MaybeIncrementLogStartOffset(offset, ClientRecordDeletion)
		if err != nil || raised != (offset == 23) {
			t.Fatal(offset, raised, err)
		}
	}
	if log.LogStartOffset() != 23 || !slices.Equal(log.values(23), want[23:]) {
		t.Fatal(log.LogStartOffset())
	}
	if entries := log.EpochEntries(); len(entries) != 1 || entries[0].StartOffset != 23 {
		t.Fatalf("%+v", entries)
	}
	if deleted := deleteOld(t, log); deleted == 0 || log.Segments()[0].BaseOffset > 23 {
		t.Fatalf("%d deleted", deleted)
	}
	if err := errors.Join(log.Flush(), log.Close()); err != nil {
		t.Fatal(err)
	}
	reopened := openTestLog(t, fsys, "/logs", smallSegments, func(options *OpenOptions) { options.LogStartOffset = 23 })
	if reopened.LogStartOffset() != 23 || reopened.HighWatermark() != 23 {
		t.Fatalf("%s", reopened)
	}
}

func TestRolls(t *testing.T) {
	hour := time.Hour.Milliseconds()
	for _, test := range []struct {
		name  string
		topic map[string]string
		step  time.Duration // between appends
		time  func(i int, now int64) int64
		want  int // segments after 6 appends
	}{
		{name: "none", want: 1},
		{name: "size", topic: map[string]string{"segment.bytes": "200"}, want: 3},
		{name: "time of records", topic: map[string]string{"segment.ms": fmt.Sprint(hour)}, time: func(i int, _ int64) int64 { return int64(i) * hour * 2 / 3 }, want: 3},
		{name: "time without timestamps", topic: map[string]string{"segment.ms": fmt.Sprint(hour)}, step: 40 * time.Minute, time: func(int, int64) int64 { return -1 }, want: 3},
		{name: "index full", topic: map[string]string{"segment.index.bytes": "24", "index.interval.bytes": "0"}, want: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := openTestLog(t, memDir(t), "/logs", test.topic)
				for i := range 6 {
					timestamp := time.Now().UnixMilli()
					if test.time != nil {
						timestamp = test.time(i, timestamp)
					}
					log.append(batchOf(record.BuilderOptions{}, timestamp, "a"))
					time.Sleep(test.step)
				}
				if got := log.NumberOfSegments(); got != test.want {
					t.Fatalf("%d segments, want %d", got, test.want)
				}
				if got := log.values(0); len(got) != 6 {
					t.Fatal(got)
				}
			})
		})
	}
}

// TestRollByOffsetDistance: offsets in a segment are stored in 31 bits.
func TestRollByOffsetDistance(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	for _, offset := range []int64{0, 1 << 30, 1 << 31, 1<<31 + 5} {
		batch := record.Batch(simpleBatch("x"))
		batch.SetBaseOffset(offset)
		batch.SetPartitionLeaderEpoch(0)
		if _, err := log.AppendAsFollower(batch); err != nil {
			t.Fatal(err)
		}
	}
	if bases := log.local.segments.baseOffsets(); !slices.Equal(bases, []int64{0, 1 << 31}) {
		t.Fatal(bases)
	}
}

func TestRollFlushesInTheBackground(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", smallSegments)
	fill(log, 20)
	log.scheduler.Close() // waits
	if point := log.RecoveryPoint(); point != log.ActiveSegmentBaseOffset() {
		t.Fatalf("recovery point %d, active segment %d", point, log.ActiveSegmentBaseOffset())
	}
}
