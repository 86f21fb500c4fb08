package log

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gregor-broker/gregor/log/vfs"
)

const deletedName = "topic-0.0123456789abcdef0123456789abcdef-delete"

// A flush in the background goes by the directory's name. It must find it while
// the partition is deleted or takes the place of another, or the whole log
// directory would go offline.
func TestAFlushDuringARenameFindsTheDirectory(t *testing.T) {
	var renaming atomic.Bool
	var renamed, synced sync.Once
	var flushing sync.WaitGroup
	var flush func()
	flushes := make(chan struct{})
	log := openTestLog(t, &vfs.Errors{FS: memDir(t), Inject: func(op vfs.Op, name string) error {
		switch {
		case !renaming.Load() || op != vfs.OpSyncDir:
		case name == "/logs": // the directory has its new name, which is made durable
			renamed.Do(func() {
				flushing.Go(flush)
				<-flushes
			})
		default:
			synced.Do(func() { close(flushes) })
		}
		return nil
	}}, "/logs", nil)
	log.append(simpleBatch("x"))
	var failed error
	flush = func() { failed = log.local.flush(log.LogEndOffset()) }
	renaming.Store(true)
	if err := log.RenameDir(deletedName); err != nil {
		t.Fatal(err)
	}
	flushing.Wait()
	if failed != nil {
		t.Error(failed)
	}
}

// Segments that wait for their deletion are found although the directory has
// another name by then.
func TestSegmentsAreDeletedAfterARename(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := memDir(t)
		log := openTestLog(t, fsys, "/logs", nil)
		log.append(simpleBatch("x"))
		if err := log.TruncateFullyAndStartAt(7); err != nil {
			t.Fatal(err)
		}
		if err := log.RenameDir(deletedName); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		entries, err := fsys.ReadDir(log.Dir())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), DeletedFileSuffix) {
				t.Errorf("%s is still there", entry.Name())
			}
		}
	})
}

// refilled is a file system where a directory has a file again just before it is
// removed for the first time.
type refilled struct {
	vfs.FS
	tries int
}

func (r *refilled) RemoveAll(name string) error {
	if r.tries++; r.tries == 1 {
		return &os.PathError{Op: "unlinkat", Path: name, Err: syscall.ENOTEMPTY}
	}
	return r.FS.RemoveAll(name)
}

// A flush that began before a log is deleted may make a file in its directory while
// that is removed. That is no fault of the disk.
func TestAFlushDuringADeletionIsNoFaultOfTheDisk(t *testing.T) {
	fsys := &refilled{FS: memDir(t)}
	log := openTestLog(t, fsys, "/logs", nil)
	log.append(simpleBatch("x"))
	if err := log.RenameDir(deletedName); err != nil {
		t.Fatal(err)
	}
	if err := log.Delete(); err != nil {
		t.Fatal(err)
	}
	if exists, err := vfs.Exists(fsys, log.Dir()); exists || err != nil || fsys.tries != 2 || log.options.Failures.HasOfflineLogDir("/logs") {
		t.Error(exists, err, fsys.tries)
	}
}
