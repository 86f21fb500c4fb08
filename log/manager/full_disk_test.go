package manager

import (
	"errors"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// fullDisk is a disk that can be full: nothing can be written then, but files
// other than segments while the reserve is given up.
type fullDisk struct {
	*vfs.Errors
	full atomic.Bool
	// exhausted says that the reserve is used up, too.
	exhausted atomic.Bool
}

func newFullDisk(disk vfs.FS) *fullDisk {
	d := &fullDisk{}
	d.Errors = &vfs.Errors{FS: disk, Inject: func(op vfs.Op, name string) error {
		if op != vfs.OpWrite || !d.full.Load() {
			return nil
		}
		base := path.Base(name)
		reserved, err := vfs.Exists(disk, "/a/"+vfs.ReserveFile)
		if err == nil && !d.exhausted.Load() && base != vfs.ReserveFile && !strings.HasSuffix(base, log.LogFileSuffix) && !reserved {
			return nil
		}
		return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
	}}
	return d
}

func ended(t testing.TB, unified *log.UnifiedLog, want int64) {
	t.Helper()
	if end := unified.LogEndOffset(); end != want {
		t.Fatalf("the log ends at %d, not %d", end, want)
	}
	info, err := unified.Read(0, 1<<20, log.FetchLogEnd, true)
	must(t, err)
	defer info.Release()
	data, err := info.ReadAll(nil)
	must(t, err)
	next := int64(0)
	for batch, err := range record.Batches(data) {
		must(t, err)
		must(t, batch.EnsureValid())
		if batch.BaseOffset() != next {
			t.Fatalf("batch at %d, not %d", batch.BaseOffset(), next)
		}
		next = batch.NextOffset()
	}
	if next != want {
		t.Fatalf("records up to %d are read, not %d", next, want)
	}
}

// TestAFullDiskIsRiddenOut: appends are refused, all else goes on, and appends
// are taken again by themselves when there is room.
func TestAFullDiskIsRiddenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFullDisk(newFS(t))
		given := options(t, disk, "/a")
		given.OnAllDirsFailed = func() { t.Error("the broker was stopped") }
		given.TopicConfig = func(name string) map[string]string {
			return map[string]string{"retention.bytes": "0", "segment.bytes": "100", "file.delete.delay.ms": "0"}
		}
		m := start(t, given)
		kept, old := create(t, m, "kept"), create(t, m, "old")
		produce(t, kept, "x")
		for range 5 {
			produce(t, old, "y")
		}
		disk.full.Store(true)
		for range 3 {
			if _, err := kept.AppendAsLeader(simple(), 0, log.OriginClient); !errors.Is(err, kerr.KafkaStorageError) || !errors.Is(err, log.ErrDiskFull) {
				t.Fatal(err)
			}
		}
		ended(t, kept, 1)
		must(t, kept.Flush())
		m.CheckpointLogRecoveryOffsets()
		m.CheckpointLogStartOffsets()
		must(t, m.WriteHighWatermarks("/a", map[topic.Partition]int64{partition("kept"): 1}))
		if points, err := m.checkpointsOf("/a").recoveryPoints.Read(); err != nil || points[partition("kept")] != 1 {
			t.Fatal(points, err)
		}
		if deleted, err := old.DeleteOldSegments(); deleted == 0 || err != nil {
			t.Fatal(deleted, err)
		}
		create(t, m, "new") // a few bytes
		time.Sleep(5 * refillPeriod)
		if _, err := kept.AppendAsLeader(simple(), 0, log.OriginClient); !errors.Is(err, log.ErrDiskFull) {
			t.Fatalf("the disk is still full, but an append gave %v", err)
		}
		disk.full.Store(false)
		time.Sleep(2 * refillPeriod)
		synctest.Wait()
		_, err := kept.AppendAsLeader(simple(), 0, log.OriginClient)
		must(t, err)
		if m.failures.HasOfflineLogDir("/a") || len(m.LiveLogDirs()) != 1 {
			t.Fatal("the directory is offline")
		}
		must(t, m.Shutdown())
		again := start(t, given)
		if restarted := again.GetLog(partition("kept"), false); restarted.LogEndOffset() != 2 {
			t.Fatalf("after a restart: %s", restarted)
		}
		must(t, again.Shutdown())
	})
}

// TestAUsedUpReserveCostsNothingAcknowledged: even small files find no room, and
// still no directory goes offline and nothing is lost.
func TestAUsedUpReserveCostsNothingAcknowledged(t *testing.T) {
	disk := newFullDisk(newFS(t))
	m := start(t, options(t, disk, "/a"))
	unified := create(t, m, "topic")
	produce(t, unified, "x")
	disk.full.Store(true)
	disk.exhausted.Store(true)
	m.CheckpointLogRecoveryOffsets()
	if _, err := unified.AppendAsLeader(simple(), 0, log.OriginClient); !errors.Is(err, log.ErrDiskFull) {
		t.Fatal(err)
	}
	if m.failures.HasOfflineLogDir("/a") {
		t.Fatal("the directory is offline")
	}
	// As it could not be closed, the directory must not look as if it was.
	if err := m.Shutdown(); err == nil {
		t.Fatal("the shutdown wrote files on a full disk")
	}
	if exists, err := vfs.Exists(disk, "/a/"+log.CleanShutdownFile); exists || err != nil {
		t.Fatal(exists, err)
	}
	disk.full.Store(false)
	again := start(t, options(t, disk, "/a"))
	ended(t, again.GetLog(partition("topic"), false), 1)
}

// TestAFullDiskWhileLoadingLeavesNoMarker is KAFKA-13773 and KAFKA-15375: a log
// that could not be recovered for want of room must be recovered next time.
func TestAFullDiskWhileLoadingLeavesNoMarker(t *testing.T) {
	memory := newFS(t)
	m := start(t, options(t, memory, "/a", "/b"))
	produce(t, create(t, m, "topic"), "x")
	unified := create(t, m, "other")
	produce(t, unified, "x")
	killed := memory.KillClone()
	must(t, m.Shutdown())

	var failing atomic.Bool
	failing.Store(true)
	disk := &vfs.Errors{FS: killed, Inject: func(op vfs.Op, name string) error {
		if failing.Load() && (op == vfs.OpWrite || op == vfs.OpTruncate) && strings.HasPrefix(name, "/a/") && !strings.HasSuffix(name, vfs.ReserveFile) {
			return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}}
	broken := start(t, options(t, disk, "/a", "/b"))
	broken.HandleLogDirFailure(<-broken.FailureChannel().Next())
	must(t, broken.Shutdown())
	if exists, err := vfs.Exists(killed, "/a/"+log.CleanShutdownFile); exists || err != nil {
		t.Fatalf("a marker in the directory that was not loaded: %v, %v", exists, err)
	}
	if exists, err := vfs.Exists(killed, "/b/"+log.CleanShutdownFile); !exists || err != nil {
		t.Fatalf("no marker in the directory that was loaded: %v", err)
	}
	failing.Store(false)
	again := start(t, options(t, disk, "/a", "/b"))
	for _, name := range []string{"topic", "other"} {
		ended(t, again.GetLog(partition(name), false), 1)
	}
}

// TestNothingIsCompactedOnAFullDisk: the copies that compaction makes would take the
// room that is kept for what must go on.
func TestNothingIsCompactedOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newFullDisk(newFS(t))
		m := start(t, compacted(t, disk, nil, "/a"))
		unified := create(t, m, "topic")
		time.Sleep(time.Second) // the cleaner has looked, and does so again after its backoff
		segmentsOf(t, unified, 3)
		disk.full.Store(true)
		if _, err := unified.AppendAsLeader(simple(), 0, log.OriginClient); !errors.Is(err, log.ErrDiskFull) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if unified.NumberOfSegments() != 4 {
			t.Fatalf("compacted on a full disk: %v", unified.Segments())
		}
		disk.full.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if unified.NumberOfSegments() != 2 {
			t.Fatalf("not compacted when there was room again: %v", unified.Segments())
		}
		must(t, m.Shutdown())
	})
}

// TestCompactionThatFindsNoRoomLeavesItToRecords: a compaction can need more room
// than there is, and gives back what it took. Records are taken all the while.
func TestCompactionThatFindsNoRoomLeavesItToRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tight, givenUp atomic.Bool
		var tries atomic.Int32
		disk := &vfs.Errors{FS: newFS(t), Inject: func(op vfs.Op, name string) error {
			if op == vfs.OpRemove && strings.HasSuffix(name, vfs.ReserveFile) {
				givenUp.Store(true)
			}
			if op == vfs.OpWrite && tight.Load() && strings.HasSuffix(name, log.LogFileSuffix+log.CleanedFileSuffix) {
				tries.Add(1)
				return &os.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
			}
			return nil
		}}
		m := start(t, compacted(t, disk, nil, "/a"))
		unified := create(t, m, "topic")
		tight.Store(true)
		time.Sleep(time.Second)
		segmentsOf(t, unified, 3)
		for range 120 {
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			produce(t, unified, "x")
		}
		if givenUp.Load() {
			t.Fatal("the reserve was given up for a compaction")
		}
		if tries.Load() == 0 || unified.NumberOfSegments() != 4 {
			t.Fatal(tries.Load(), unified.Segments())
		}
		tight.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if unified.NumberOfSegments() != 2 {
			t.Fatalf("not compacted when there was room: %v", unified.Segments())
		}
		must(t, m.Shutdown())
	})
}
