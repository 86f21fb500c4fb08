package manager

import (
	"path"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/vfs"
)

// TestAReplacedLogThatCannotBeRenamed: the copy is the current log all the same. A
// disk without room is tried again, or the log would be found twice at the next start.
func TestAReplacedLogThatCannotBeRenamed(t *testing.T) {
	for _, test := range []struct {
		cause error
		// failures is how many renames fail.
		failures int32
		offline  bool
	}{{syscall.EIO, 1, true}, {syscall.ENOSPC, 1, false}} {
		t.Run(test.cause.Error(), func(t *testing.T) {
			fsys := newFS(t)
			var failing atomic.Int32
			given := options(t, &vfs.Errors{FS: fsys, Inject: func(op vfs.Op, name string) error {
				if op == vfs.OpRename && path.Base(name) == "topic-0" && failing.Add(-1) >= 0 {
					return &errorAt{name, test.cause}
				}
				return nil
			}}, "/a", "/b")
			m := start(t, given)
			source := create(t, m, "topic")
			produce(t, source, "x")
			target := "/b"
			if source.ParentDir() == "/b" {
				target = "/a"
			}
			m.MaybeUpdatePreferredLogDir(partition("topic"), target)
			future, err := m.GetOrCreateLog(partition("topic"), source.TopicID(), false, true)
			must(t, err)
			produce(t, future, "x")
			failing.Store(test.failures)
			must(t, m.ReplaceCurrentWithFutureLog(partition("topic")))
			if m.GetLog(partition("topic"), false) != future || m.GetLog(partition("topic"), true) != nil || future.Dir() != target+"/topic-0" {
				t.Error("the copy is not the current log")
			}
			if offline := m.FailureChannel().HasOfflineLogDir(source.ParentDir()); offline != test.offline {
				t.Errorf("offline: %t", offline)
			}
			if deleted := strings.HasSuffix(source.Dir(), log.DeleteDirSuffix); deleted == test.offline {
				t.Errorf("the old log is %s", source.Dir())
			}
		})
	}
}

// errorAt is an error of the disk.
type errorAt struct {
	name  string
	cause error
}

func (e *errorAt) Error() string { return e.name + ": " + e.cause.Error() }
func (e *errorAt) Unwrap() error { return e.cause }
