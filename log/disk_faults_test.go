package log

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gregor-broker/gregor/log/epoch"
	"github.com/gregor-broker/gregor/log/vfs"
)

// shortWrites is a file system that writes at most a few bytes at once.
type shortWrites struct{ vfs.FS }

func (s shortWrites) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	file, err := s.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return shortWriter{file}, nil
}

type shortWriter struct{ vfs.File }

func (s shortWriter) WriteAt(data []byte, at int64) (int, error) {
	n, err := s.File.WriteAt(data[:min(len(data), 7)], at)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return n, err
}

// TestShortWritesAreCompleted is KAFKA-17181: all of a batch is written, or what is
// there is not taken for one.
func TestShortWritesAreCompleted(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, shortWrites{fsys}, "/logs", smallSegments)
	want := fill(log, 20)
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := log.values(0); !slices.Equal(got, want) {
		t.Fatal(got)
	}
	reopened := openTestLog(t, fsys.CrashClone(), "/logs", smallSegments, unclean(0))
	if got := reopened.values(0); !slices.Equal(got, want) {
		t.Fatal(got)
	}
}

// TestAFailedSyncVouchesForNothing: the kernel forgets the pages that it could not
// write, so that a second fsync that succeeds says nothing of them. The recovery
// point stays, and nothing more is taken.
func TestAFailedSyncVouchesForNothing(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		var failing atomic.Bool
		failures := &testFailures{}
		fsys := &vfs.Errors{FS: memDir(t), Inject: func(op vfs.Op, name string) error {
			if failing.Load() && op == vfs.OpSync && strings.HasSuffix(name, LogFileSuffix) {
				return &os.PathError{Op: "sync", Path: name, Err: cause}
			}
			return nil
		}}
		log := openTestLog(t, fsys, "/logs", nil, func(options *OpenOptions) { options.Failures = failures })
		log.append(simpleBatch("x"))
		failing.Store(true)
		if err := log.Flush(); !isStorageError(err) || failures.offline("/logs") == nil {
			t.Fatalf("%v: flush gave %v, offline %v", cause, err, failures.offline("/logs"))
		}
		failing.Store(false)
		if point := log.RecoveryPoint(); point != 0 {
			t.Fatalf("%v: the recovery point is %d", cause, point)
		}
		if _, err := log.AppendAsLeader(simpleBatch("y"), 0, OriginClient); !isStorageError(err) {
			t.Fatalf("%v: an append gave %v", cause, err)
		}
	}
}

// TestAnUnreadableSegmentTakesItsDirectoryOffline: looking up an offset meets EIO.
func TestAnUnreadableSegmentTakesItsDirectoryOffline(t *testing.T) {
	var failing atomic.Bool
	failures := &testFailures{}
	fsys := &vfs.Errors{FS: memDir(t), Inject: func(op vfs.Op, name string) error {
		if failing.Load() && op == vfs.OpRead {
			return &os.PathError{Op: "read", Path: name, Err: syscall.EIO}
		}
		return nil
	}}
	log := openTestLog(t, fsys, "/logs", smallSegments, func(options *OpenOptions) { options.Failures = failures })
	fill(log, 20)
	failing.Store(true)
	if _, err := log.Read(3, 1<<20, FetchLogEnd, true); !isStorageError(err) || failures.offline("/logs") == nil {
		t.Fatalf("a read gave %v, offline %v", err, failures.offline("/logs"))
	}
}

// TestForeignFilesAreLeftAlone: what is no file of a log is neither read nor
// removed.
func TestForeignFilesAreLeftAlone(t *testing.T) {
	fsys := memDir(t)
	want := fill(openTestLog(t, fsys, "/logs", smallSegments), 20)
	foreign := []string{"notes.txt", ".DS_Store", "lost+found", "index", "00000000000000000000.bak"}
	for _, name := range foreign {
		if err := vfs.WriteFile(fsys, "/logs/topic-0/"+name, []byte("foreign")); err != nil {
			t.Fatal(err)
		}
	}
	for _, clean := range []bool{true, false} {
		clone := fsys.KillClone()
		reopened := openTestLog(t, clone, "/logs", smallSegments, func(options *OpenOptions) { options.CleanShutdown = clean })
		if got := reopened.values(0); !slices.Equal(got, want) {
			t.Fatal(got)
		}
		for _, name := range foreign {
			if content, err := vfs.ReadFile(clone, "/logs/topic-0/"+name); err != nil || string(content) != "foreign" {
				t.Errorf("%s: %q, %v", name, content, err)
			}
		}
	}
}

// TestAnEpochCheckpointIsWholeAfterAPowerLoss is KAFKA-16541: whenever the power is
// lost, the file has the epochs of before a change or those of after it.
func TestAnEpochCheckpointIsWholeAfterAPowerLoss(t *testing.T) {
	memory := memDir(t)
	var crashes []*vfs.Mem
	var watched atomic.Bool
	fsys := &vfs.Errors{FS: memory, Inject: func(vfs.Op, string) error {
		if watched.Load() {
			crashes = append(crashes, memory.CrashClone())
		}
		return nil
	}}
	log := openTestLog(t, fsys, "/logs", smallSegments)
	for leader := range int32(4) {
		if _, err := log.AppendAsLeader(simpleBatch("x", "y"), leader, OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	log.UpdateHighWatermark(8)
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	log.scheduler.Close()
	watched.Store(true)
	if _, err := log.TruncateTo(5); err != nil {
		t.Fatal(err)
	}
	if _, err := log.MaybeIncrementLogStartOffset(3, ClientRecordDeletion); err != nil {
		t.Fatal(err)
	}
	if err := log.flushDueFiles(); err != nil {
		t.Fatal(err)
	}
	watched.Store(false)
	crashes = append(crashes, memory.CrashClone())
	for i, crash := range crashes {
		reopened := openTestLog(t, crash, "/logs", smallSegments, unclean(0))
		for at, entry := range reopened.EpochEntries() {
			if want := (epoch.Entry{Epoch: int32(at), StartOffset: int64(2 * at)}); entry != want && entry.StartOffset != 3 && entry != (epoch.Entry{Epoch: int32(at + 1), StartOffset: int64(2*at + 2)}) {
				t.Fatalf("after call %d: %v", i, reopened.EpochEntries())
			}
		}
		if end := reopened.LogEndOffset(); end != 8 && end != 5 && end != 4 {
			t.Fatalf("after call %d the log ends at %d", i, end)
		}
	}
}

// TestThereIsAlwaysAnActiveSegment is KAFKA-12875: whoever looks while the log rolls
// or is emptied finds one.
func TestThereIsAlwaysAnActiveSegment(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", smallSegments)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if len(log.Segments()) == 0 || log.ActiveSegmentBaseOffset() < 0 {
					t.Error("the log is without a segment")
					return
				}
			}
		})
	}
	for i := range 100 {
		log.append(simpleBatch("x"))
		if err := log.Roll(); err != nil {
			t.Error(err)
		}
		if err := log.Roll(); err != nil { // of an empty segment
			t.Error(err)
		}
		if i%10 == 9 {
			if err := log.TruncateFullyAndStartAt(int64(10 * i)); err != nil {
				t.Error(err)
			}
		}
	}
	close(stop)
	readers.Wait()
}
