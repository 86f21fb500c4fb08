package log

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

func memDir(t testing.TB) *vfs.Mem {
	t.Helper()
	fsys := vfs.NewMem()
	if err := errors.Join(fsys.MkdirAll("/logs", 0o755), fsys.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return fsys
}

var smallSegments = map[string]string{"segment.bytes": "700", "index.interval.bytes": "50", "segment.index.bytes": "600"}

// fill appends batches of two records each and gives the values they have.
func fill(log *testLog, batches int) []string {
	var want []string
	for i := range batches {
		info := log.append(simpleBatch(fmt.Sprint("a", i), fmt.Sprint("b", i)))
		want = append(want, fmt.Sprintf("%d=a%d", info.FirstOffset, i), fmt.Sprintf("%d=b%d", info.LastOffset, i))
	}
	return want
}

func resize(t testing.TB, fsys vfs.FS, name string, change func(vfs.File, int64) error) {
	t.Helper()
	file, err := fsys.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := change(file, info.Size()); err != nil {
		t.Fatal(err)
	}
}

// TestRecoveryAtEveryByte cuts the last segment at each byte, as a crash may,
// and expects all batches that are whole and nothing else.
func TestRecoveryAtEveryByte(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	want := fill(log, 20)
	last := log.Segments()[log.NumberOfSegments()-1]
	for cut := range last.Size() + 1 {
		survivor := fsys.KillClone()
		resize(t, survivor, last.path, func(file vfs.File, _ int64) error { return file.Truncate(int64(cut)) })
		reopened := openTestLog(t, survivor, "/logs", smallSegments, unclean(0))
		end := reopened.LogEndOffset()
		if got := reopened.values(0); !slices.Equal(got, want[:end]) {
			t.Fatalf("cut at %d: %v", cut, got)
		}
		if whole := cut / (last.Size() / int(40-last.BaseOffset) * 2); end > 40 || end < last.BaseOffset || end < last.BaseOffset+2*int64(whole)-2 {
			t.Fatalf("cut at %d: log ends at %d, last segment begins at %d", cut, end, last.BaseOffset)
		}
		if info := reopened.append(simpleBatch("after")); info.FirstOffset != end {
			t.Fatalf("cut at %d: append at %d, log ended at %d", cut, info.FirstOffset, end)
		}
		if got := reopened.values(end); !slices.Equal(got, []string{fmt.Sprintf("%d=after", end)}) {
			t.Fatalf("cut at %d: read %v", cut, got)
		}
	}
}

// TestRecoveryOfDamage flips a byte in each segment: what lies before the batch
// with it stays, all after it goes.
func TestRecoveryOfDamage(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	want := fill(log, 20)
	for _, segment := range log.Segments() {
		for _, at := range []int64{0, 8, 16, 17, 70, int64(segment.Size()) - 1} {
			damaged := fsys.KillClone()
			resize(t, damaged, segment.path, func(file vfs.File, _ int64) error {
				var b [1]byte
				if _, err := file.ReadAt(b[:], at); err != nil {
					return err
				}
				b[0] ^= 0xff
				_, err := file.WriteAt(b[:], at)
				return err
			})
			reopened := openTestLog(t, damaged, "/logs", smallSegments, unclean(0))
			end := reopened.LogEndOffset()
			if at == 0 && end > segment.BaseOffset+40 {
				continue // base offset lies outside the checksum; the offset itself changed
			}
			if got := reopened.values(0); !slices.Equal(got, want[:end]) && at > 8 {
				t.Fatalf("segment %d byte %d: %v", segment.BaseOffset, at, got)
			}
			if at >= 16 && end >= segment.BaseOffset+int64(segment.Size()) {
				t.Fatalf("segment %d byte %d: log ends at %d", segment.BaseOffset, at, end)
			}
		}
	}
}

func TestPowerLossKeepsWhatWasFlushed(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	want := fill(log, 20)
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	// The name of the partition's own directory is durable with that, too.
	fill(log, 3)
	point := log.RecoveryPoint()
	if point != 40 {
		t.Fatalf("recovery point %d", point)
	}
	reopened := openTestLog(t, fsys.CrashClone(), "/logs", smallSegments, unclean(point))
	if end := reopened.LogEndOffset(); end < 40 || !slices.Equal(reopened.values(0)[:40], want) {
		t.Fatalf("log ends at %d", end)
	}
}

func TestRecoveryTouchesOnlyTheUnflushedTail(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	fill(log, 40)
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	log.scheduler.Close()
	point := log.RecoveryPoint()
	first := log.Segments()[0].path
	var reads atomic.Int32
	watched := &vfs.Errors{FS: fsys.KillClone(), Inject: func(op vfs.Op, name string) error {
		if op == vfs.OpRead && name == first {
			reads.Add(1)
		}
		return nil
	}}
	reopened := openTestLog(t, watched, "/logs", smallSegments, unclean(point))
	if reads.Load() != 0 {
		t.Fatalf("the first segment was read %d times", reads.Load())
	}
	if reopened.LogEndOffset() != 80 {
		t.Fatalf("log ends at %d", reopened.LogEndOffset())
	}
}

func TestMissingFilesAreRebuilt(t *testing.T) {
	for _, suffix := range []string{".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint"} {
		t.Run(suffix, func(t *testing.T) {
			fsys := memDir(t)
			log := openTestLog(t, fsys, "/logs", smallSegments)
			want := fill(log, 20)
			if err := errors.Join(log.Flush(), log.Close()); err != nil {
				t.Fatal(err)
			}
			log.scheduler.Close()
			removeMatching(t, fsys, log.Dir(), suffix)
			reopened := openTestLog(t, fsys, "/logs", smallSegments)
			if got := reopened.values(0); !slices.Equal(got, want) {
				t.Fatal(got)
			}
			reopened.append(simpleBatch("more"))
			entries := 0
			for _, segment := range reopened.Segments() {
				n, err := segment.offsetIndex.Entries()
				if err != nil {
					t.Fatal(err)
				}
				entries += n
			}
			if entries < 10 {
				t.Fatalf("%d index entries", entries)
			}
		})
	}
}

func removeMatching(t testing.TB, fsys vfs.FS, dir, suffix string) {
	t.Helper()
	files, err := fsys.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	removed := 0
	for _, file := range files {
		if strings.HasSuffix(file.Name(), suffix) {
			if err := fsys.Remove(path.Join(dir, file.Name())); err != nil {
				t.Fatal(err)
			}
			removed++
		}
	}
	if removed == 0 {
		t.Fatalf("no %s in %s", suffix, dir)
	}
}

func TestInterruptedSwap(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	want := fill(log, 20)
	if err := errors.Join(log.Flush(), log.Close()); err != nil {
		t.Fatal(err)
	}
	log.scheduler.Close()
	dir := log.Dir()
	second := log.Segments()[1].BaseOffset
	rename := func(from, to string) {
		if err := fsys.Rename(path.Join(dir, from), path.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range []string{".log", ".index", ".timeindex"} {
		name := path.Base(segmentPath("", second, kind, ""))
		rename(name, name+".swap")
	}
	for _, name := range []string{"00000000000000000099.log.cleaned", "00000000000000000098.log.deleted"} {
		if err := vfs.WriteFile(fsys, path.Join(dir, name), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	reopened := openTestLog(t, fsys, "/logs", smallSegments)
	if got := reopened.values(0); !slices.Equal(got, want) {
		t.Fatal(got)
	}
	files, _ := fsys.ReadDir(dir)
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".swap") || strings.HasSuffix(file.Name(), ".cleaned") || strings.HasSuffix(file.Name(), ".deleted") {
			t.Fatalf("%s is still there", file.Name())
		}
	}
}

// TestEmptySegmentWithoutIndex is KAFKA-13603: nothing is recovered.
func TestEmptySegmentWithoutIndex(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", nil)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	removeMatching(t, fsys, log.Dir(), ".index")
	reopened := openTestLog(t, fsys, "/logs", nil)
	reopened.append(simpleBatch("x"))
	if reopened.LogEndOffset() != 1 {
		t.Fatal(reopened.LogEndOffset())
	}
}

// TestLogStartAboveEnd is a log whose files vanished: it goes on where it is
// known to have begun, so that no offset is used twice.
func TestLogStartAboveEnd(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	fill(log, 3)
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	reopened := openTestLog(t, fsys, "/logs", smallSegments, func(options *OpenOptions) { options.LogStartOffset = 100 })
	if reopened.LogStartOffset() != 100 || reopened.LogEndOffset() != 100 || len(reopened.EpochEntries()) != 0 {
		t.Fatalf("start %d, end %d", reopened.LogStartOffset(), reopened.LogEndOffset())
	}
	reopened.append(simpleBatch("x"))
}

func TestDiskErrorsTakeTheDirectoryOffline(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync} {
		t.Run(string(op), func(t *testing.T) {
			var failing atomic.Bool
			fsys := &vfs.Errors{FS: memDir(t), Inject: func(called vfs.Op, name string) error {
				if failing.Load() && called == op {
					return &os.PathError{Op: string(op), Path: name, Err: errors.New("the disk is gone")}
				}
				return nil
			}}
			failures := &testFailures{}
			log := openTestLog(t, fsys, "/logs", map[string]string{"flush.messages": "1"}, func(options *OpenOptions) { options.Failures = failures })
			log.append(simpleBatch("x"))
			failing.Store(true)
			_, err := log.AppendAsLeader(simpleBatch("y"), 0, OriginClient)
			if !isStorageError(err) || failures.offline("/logs") == nil {
				t.Fatalf("append gave %v, offline %v", err, failures.offline("/logs"))
			}
			failing.Store(false)
			if _, err = log.AppendAsLeader(simpleBatch("z"), 0, OriginClient); !isStorageError(err) {
				t.Fatalf("append to an offline directory gave %v", err)
			}
			if _, err = log.Read(0, 100, FetchLogEnd, true); !isStorageError(err) {
				t.Fatalf("read of an offline directory gave %v", err)
			}
		})
	}
}

func TestRecoveryFindsLeaderEpochs(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", nil)
	batch := record.Batch(simpleBatch("x"))
	batch.SetPartitionLeaderEpoch(3)
	if _, err := log.AppendAsFollower(batch); err != nil {
		t.Fatal(err)
	}
	reopened := openTestLog(t, fsys.KillClone(), "/logs", nil, unclean(0))
	if latest, ok := reopened.LatestEpoch(); !ok || latest != 3 {
		t.Fatalf("latest epoch %d %v", latest, ok)
	}
}

// TestSplitOfOverflowedSegment loads a segment with offsets that do not fit its
// base, as versions before 2.0 could write it.
func TestSplitOfOverflowedSegment(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", nil)
	want := fill(log, 3)
	segment := log.Segments()[0]
	resize(t, fsys, segment.path, func(file vfs.File, size int64) error {
		for _, offset := range []int64{1 << 31, 1<<31 + 1, 1 << 33} {
			batch := record.Batch(simpleBatch("far"))
			batch.SetBaseOffset(offset)
			if err := vfs.WriteFull(file, batch, size); err != nil {
				return err
			}
			size += int64(len(batch))
			want = append(want, fmt.Sprintf("%d=far", offset))
		}
		return nil
	})
	reopened := openTestLog(t, fsys.KillClone(), "/logs", nil, unclean(0))
	if got := reopened.values(0); !slices.Equal(got, want) {
		t.Fatal(got)
	}
	if bases := reopened.local.segments.baseOffsets(); !slices.Equal(bases, []int64{0, 1 << 31, 1 << 33}) {
		t.Fatal(bases)
	}
	reopened.append(simpleBatch("x"))
}
