package log

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/epoch"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// The files that are due are written in the background, but never after a record
// that needs them: here the background does not get to it.
func TestEpochAndTopicIDAreDurableBeforeTheFirstRecord(t *testing.T) {
	fsys, id := memDir(t), topic.NewID()
	log := openTestLog(t, fsys, "/logs", nil, func(options *OpenOptions) {
		options.TopicID = id
		options.Scheduler.Close()
	})
	if err := log.MaybeAssignEpochStartOffset(3, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := log.AppendAsLeader(batchOf(record.BuilderOptions{}, 1, "value"), 3, OriginClient); err != nil {
		t.Fatal(err)
	}
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	reopened := openTestLog(t, fsys.CrashClone(), "/logs", nil, unclean(log.LogEndOffset()))
	if reopened.TopicID() != id {
		t.Errorf("the id is %v instead of %v", reopened.TopicID(), id)
	}
	if diff := cmp.Diff([]epoch.Entry{{Epoch: 3, StartOffset: 0}}, reopened.EpochEntries()); diff != "" {
		t.Error(diff)
	}
	if reopened.LogEndOffset() != 1 {
		t.Errorf("the log ends at %d: what was flushed is gone with the directory", reopened.LogEndOffset())
	}
}

func TestDueFilesAreWrittenWithoutAnAppend(t *testing.T) {
	fsys, id := memDir(t), topic.NewID()
	log := openTestLog(t, fsys, "/logs", nil, func(options *OpenOptions) { options.TopicID = id })
	if err := log.MaybeAssignEpochStartOffset(3, 0); err != nil {
		t.Fatal(err)
	}
	written := make(chan struct{})
	log.scheduler.Queue(func() { close(written) })
	<-written
	for _, name := range []string{"partition.metadata", "leader-epoch-checkpoint"} {
		if exists, err := vfs.Exists(fsys, "/logs/topic-0/"+name); err != nil || !exists {
			t.Errorf("%s: %v, %v", name, exists, err)
		}
	}
}

func TestQueuedWorkRunsOneAfterTheOther(t *testing.T) {
	scheduler := NewScheduler()
	var running sync.Mutex
	var order []int
	done := make(chan struct{})
	for i := range 100 {
		scheduler.Queue(func() {
			if !running.TryLock() {
				t.Error("two run at once")
				return
			}
			defer running.Unlock()
			if order = append(order, i); len(order) == 100 {
				close(done)
			}
		})
	}
	<-done
	for i := range order {
		if order[i] != i {
			t.Fatalf("the order was %v", order)
		}
	}
	scheduler.Close()
	scheduler.Queue(func() { t.Error("it runs after the scheduler was closed") })
}
