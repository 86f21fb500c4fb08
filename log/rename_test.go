package log

import (
	"strings"
	"sync"
	"sync/atomic"
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
