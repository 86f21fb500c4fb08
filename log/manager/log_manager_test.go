package manager

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

func TestMain(m *testing.M) {
	logging.SetLevel(logging.Root, "OFF")
	os.Exit(m.Run())
}

func partition(name string) topic.Partition { return topic.Partition{Topic: name} }

func newFS(t testing.TB) *vfs.Mem {
	t.Helper()
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("/a", 0o755))
	must(t, fsys.MkdirAll("/b", 0o755))
	must(t, fsys.SyncDir("/"))
	return fsys
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options(t testing.TB, fsys vfs.FS, dirs ...string) Options {
	t.Helper()
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181"})
	must(t, err)
	return Options{Config: config.NewCurrent(broker), LogDirs: dirs, FS: fsys}
}

func start(t testing.TB, given Options) *LogManager {
	t.Helper()
	m, err := New(given)
	must(t, err)
	must(t, m.Startup(nil))
	t.Cleanup(func() { _ = m.Shutdown() }) // most tests have done so
	return m
}

func produce(t testing.TB, unified *log.UnifiedLog, values ...string) {
	t.Helper()
	builder := record.NewBuilder(record.BuilderOptions{})
	for _, value := range values {
		builder.Append(time.Now().UnixMilli(), []byte("k"), []byte(value))
	}
	_, err := unified.AppendAsLeader(builder.Build(), 0, log.OriginClient)
	must(t, err)
	unified.UpdateHighWatermark(unified.LogEndOffset())
}

func create(t testing.TB, m *LogManager, name string) *log.UnifiedLog {
	t.Helper()
	unified, err := m.GetOrCreateLog(partition(name), topic.NewID(), true, false)
	must(t, err)
	return unified
}

func TestRestart(t *testing.T) {
	for _, clean := range []bool{true, false} {
		fsys := newFS(t)
		m := start(t, options(t, fsys, "/a", "/b"))
		id := topic.NewID()
		for _, name := range []string{"one", "two-with-dash"} {
			unified, err := m.GetOrCreateLog(partition(name), id, true, false)
			must(t, err)
			produce(t, unified, "x", "y")
		}
		_, err := m.GetLog(partition("one"), false).MaybeIncrementLogStartOffset(1, log.ClientRecordDeletion)
		must(t, err)
		if m.GetLog(partition("one"), false).ParentDir() == m.GetLog(partition("two-with-dash"), false).ParentDir() {
			t.Fatal("both logs are in one directory")
		}
		m.CheckpointLogStartOffsets()
		survivor := fsys.KillClone()
		must(t, m.Shutdown())
		must(t, m.Shutdown())
		if clean {
			survivor = fsys
		}
		if exists, _ := vfs.Exists(survivor, "/a/"+log.CleanShutdownFile); exists != clean {
			t.Fatalf("clean-shutdown marker: %v", exists)
		}
		again := start(t, options(t, survivor, "/a", "/b"))
		if exists, _ := vfs.Exists(survivor, "/a/"+log.CleanShutdownFile); exists {
			t.Fatal("the marker is still there after the start")
		}
		one, two := again.GetLog(partition("one"), false), again.GetLog(partition("two-with-dash"), false)
		if one == nil || two == nil || one.LogStartOffset() != 1 || one.LogEndOffset() != 2 || two.LogEndOffset() != 2 || one.TopicID() != id {
			t.Fatalf("%v %v", one, two)
		}
		if clean && one.RecoveryPoint() != 2 {
			t.Fatalf("recovery point %d", one.RecoveryPoint())
		}
		must(t, again.Shutdown())
	}
}

func TestLock(t *testing.T) {
	fsys := newFS(t)
	m := start(t, options(t, fsys, "/a"))
	if _, err := New(options(t, fsys, "/a")); err == nil || !strings.Contains(err.Error(), "Failed to acquire lock on file .lock in /a. A Kafka instance in another process or thread is using this directory.") {
		t.Fatal(err)
	}
	must(t, m.Shutdown())
	again, err := New(options(t, fsys, "/a"))
	must(t, err)
	must(t, again.Shutdown())
}

func TestUnusableDirectories(t *testing.T) {
	fsys := newFS(t)
	if _, err := New(options(t, fsys, "/a", "/b/../a")); err == nil || !strings.Contains(err.Error(), "Duplicate log directory found") {
		t.Fatal(err)
	}
	broken := &vfs.Errors{FS: fsys, Inject: func(op vfs.Op, name string) error {
		if strings.HasPrefix(name, "/b") {
			return &os.PathError{Op: string(op), Path: name, Err: errors.New("broken")}
		}
		return nil
	}}
	if _, err := New(options(t, broken, "/b")); err == nil || !strings.Contains(err.Error(), "none of the specified log dirs from /b can be created or validated") {
		t.Fatal(err)
	}
	m := start(t, options(t, broken, "/a", "/b"))
	if diff := cmp.Diff([]string{"/a"}, m.LiveLogDirs()); diff != "" {
		t.Fatal(diff)
	}
	if _, err := m.GetOrCreateLog(partition("old"), topic.ID{}, false, false); !errors.Is(err, kerr.KafkaStorageError) {
		t.Fatalf("a log that may lie in the offline directory was created: %v", err)
	}
	create(t, m, "new")
}

func TestForeignDirectoriesStopTheStart(t *testing.T) {
	for _, name := range []string{"nodash", "topic-x", "topic-", "-1", "topic-0-delete"} {
		fsys := newFS(t)
		must(t, fsys.MkdirAll("/a/"+name, 0o755))
		m, err := New(options(t, fsys, "/a"))
		must(t, err)
		if err := m.Startup(nil); err == nil || !strings.Contains(err.Error(), "Kafka's log directories (and children) should only contain Kafka topic data.") {
			t.Fatalf("%s: %v", name, err)
		}
		must(t, m.Shutdown())
		// A start that failed must not look like a clean shutdown.
		if exists, _ := vfs.Exists(fsys, "/a/"+log.CleanShutdownFile); exists {
			t.Fatalf("%s: there is a clean-shutdown marker", name)
		}
	}
}

func TestSamePartitionInTwoDirectories(t *testing.T) {
	fsys := newFS(t)
	must(t, fsys.MkdirAll("/a/topic-0", 0o755))
	must(t, fsys.MkdirAll("/b/topic-0", 0o755))
	m, err := New(options(t, fsys, "/a", "/b"))
	must(t, err)
	defer m.Shutdown()
	if err := m.Startup(nil); err == nil || !strings.Contains(err.Error(), "Duplicate log directories for topic-0 are found in both") {
		t.Fatal(err)
	}
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFS(t)
		m := start(t, options(t, fsys, "/a"))
		unified := create(t, m, strings.Repeat("t", 249))
		produce(t, unified, "x")
		must(t, m.AsyncDelete(unified.TopicPartition(), false))
		if m.GetLog(unified.TopicPartition(), false) != nil {
			t.Fatal("the log is still there")
		}
		if name := path.Base(unified.Dir()); len(name) != 255 || !strings.HasSuffix(name, log.DeleteDirSuffix) {
			t.Fatal(name)
		}
		created := create(t, m, strings.Repeat("t", 249))
		if created.LogEndOffset() != 0 {
			t.Fatal("the new log has old records")
		}
		// Deletion goes on after a restart.
		must(t, m.Shutdown())
		again := start(t, options(t, fsys, "/a"))
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if exists, err := vfs.Exists(fsys, unified.Dir()); exists || err != nil {
			t.Fatal(exists, err)
		}
		must(t, again.Shutdown())
	})
}

func TestDirectoryFailure(t *testing.T) {
	var failing atomic.Bool
	fsys := &vfs.Errors{FS: newFS(t), Inject: func(op vfs.Op, name string) error {
		if failing.Load() && strings.HasPrefix(name, "/b") && op == vfs.OpWrite {
			return &os.PathError{Op: string(op), Path: name, Err: errors.New("the disk is gone")}
		}
		return nil
	}}
	allFailed := false
	given := options(t, fsys, "/a", "/b")
	given.OnAllDirsFailed = func() { allFailed = true }
	m := start(t, given)
	logs := map[string]*log.UnifiedLog{}
	for _, name := range []string{"one", "two"} {
		unified := create(t, m, name)
		logs[unified.ParentDir()] = unified
	}
	failing.Store(true)
	if _, err := logs["/b"].AppendAsLeader(simple(), 0, log.OriginClient); !errors.Is(err, kerr.KafkaStorageError) {
		t.Fatal(err)
	}
	dir := <-m.FailureChannel().Next()
	m.HandleLogDirFailure(dir)
	if dir != "/b" || allFailed || m.GetLog(logs["/b"].TopicPartition(), false) != nil || len(m.AllLogs()) != 1 {
		t.Fatalf("%s failed; %d logs are left", dir, len(m.AllLogs()))
	}
	if online, err := m.IsLogDirOnline("/b"); online || err != nil {
		t.Fatal(online, err)
	}
	if _, err := m.IsLogDirOnline("/c"); !errors.Is(err, kerr.LogDirNotFound) {
		t.Fatal(err)
	}
	produce(t, logs["/a"], "still works")
	m.HandleLogDirFailure("/a")
	if !allFailed {
		t.Fatal("nobody was told that all directories failed")
	}
}

func simple() []byte {
	builder := record.NewBuilder(record.BuilderOptions{})
	builder.Append(1, []byte("k"), []byte("v"))
	return builder.Build()
}

func TestTopicConfig(t *testing.T) {
	given := options(t, newFS(t), "/a")
	overrides := map[string]map[string]string{"one": {"retention.ms": "5"}}
	given.TopicConfig = func(name string) map[string]string { return overrides[name] }
	m := start(t, given)
	one, two := create(t, m, "one"), create(t, m, "two")
	if one.Config().RetentionMs != 5 || two.Config().RetentionMs != 604_800_000 {
		t.Fatal(one.Config().RetentionMs, two.Config().RetentionMs)
	}
	must(t, m.UpdateTopicConfig("one", map[string]string{"retention.ms": "6"}))
	if one.Config().RetentionMs != 6 {
		t.Fatal(one.Config().RetentionMs)
	}
	// A change while a log is being created is not lost.
	m.InitializingLog(partition("three"))
	three := create(t, m, "three")
	overrides["three"] = map[string]string{"retention.ms": "7"}
	m.noteConfigChange(func(p topic.Partition) bool { return p.Topic == "three" })
	m.FinishedInitializingLog(partition("three"), three)
	if three.Config().RetentionMs != 7 {
		t.Fatal(three.Config().RetentionMs)
	}
	changed, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181", "log.retention.ms": "8"})
	must(t, err)
	given.Config.Store(changed)
	must(t, m.ReconfigureDefaults())
	if two.Config().RetentionMs != 8 || one.Config().RetentionMs != 5 {
		t.Fatal(one.Config().RetentionMs, two.Config().RetentionMs)
	}
}

func TestPeriodicWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := options(t, newFS(t), "/a")
		given.TopicConfig = func(string) map[string]string { return map[string]string{"retention.ms": "1000", "flush.ms": "1"} }
		m := start(t, given)
		unified := create(t, m, "topic")
		produce(t, unified, "x")
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if unified.LogStartOffset() != 1 {
			t.Fatalf("retention was not applied: %s", unified)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		points, err := m.checkpointsOf("/a").recoveryPoints.Read()
		if err != nil || points[partition("topic")] != 1 {
			t.Fatal(points, err)
		}
		must(t, m.Shutdown())
	})
}

// TestTheFlusherRestsUnlessItIsConfigured: its default period means never, not
// a number that has become negative, which had it look at all logs every
// millisecond.
func TestTheFlusherRestsUnlessItIsConfigured(t *testing.T) {
	for _, configured := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			given := options(t, newFS(t), "/a")
			given.TopicConfig = func(string) map[string]string { return map[string]string{"flush.ms": "1"} }
			if configured {
				broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181", "log.flush.scheduler.interval.ms": "1000"})
				must(t, err)
				given.Config = config.NewCurrent(broker)
			}
			m := start(t, given)
			unified := create(t, m, "topic")
			time.Sleep(initialTaskDelay + time.Second) // it looks once after the start, as Kafka's does
			synctest.Wait()
			produce(t, unified, "x")
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if flushed := unified.RecoveryPoint() == 1; flushed != configured {
				t.Errorf("configured: %t, flushed: %t", configured, flushed)
			}
			must(t, m.Shutdown())
		})
	}
}

func TestTruncateAndMove(t *testing.T) {
	m := start(t, options(t, newFS(t), "/a", "/b"))
	unified := create(t, m, "topic")
	produce(t, unified, "x")
	produce(t, unified, "y")
	must(t, unified.Flush())
	must(t, m.TruncateTo(map[topic.Partition]int64{partition("topic"): 1, partition("other"): 1}, false))
	points, err := m.checkpointsOf(unified.ParentDir()).recoveryPoints.Read()
	if err != nil || points[partition("topic")] != 1 || unified.LogEndOffset() != 1 {
		t.Fatal(points, err)
	}
	target := "/b"
	if unified.ParentDir() == "/b" {
		target = "/a"
	}
	m.MaybeUpdatePreferredLogDir(partition("topic"), target)
	future, err := m.GetOrCreateLog(partition("topic"), unified.TopicID(), false, true)
	must(t, err)
	if !future.IsFuture() || future.ParentDir() != target {
		t.Fatal(future.Dir())
	}
	produce(t, future, "x")
	must(t, m.ReplaceCurrentWithFutureLog(partition("topic")))
	if current := m.GetLog(partition("topic"), false); current != future || current.IsFuture() || current.Dir() != target+"/topic-0" {
		t.Fatal(current.Dir())
	}
	must(t, m.TruncateFullyAndStartAt(partition("topic"), 9, false))
	if future.LogStartOffset() != 9 {
		t.Fatal(future.LogStartOffset())
	}
	must(t, m.WriteHighWatermarks(target, map[topic.Partition]int64{partition("topic"): 9}))
	if got, err := m.ReadHighWatermarks(target); err != nil || got[partition("topic")] != 9 {
		t.Fatal(got, err)
	}
}

// TestLogsAreClosedTogether: a clean stop with thousands of logs does not wait for one
// fsync after the other.
func TestLogsAreClosedTogether(t *testing.T) {
	const together = 4
	var stopping atomic.Bool
	var syncing atomic.Int32
	met := make(chan struct{})
	disk := &vfs.Errors{FS: newFS(t), Inject: func(op vfs.Op, name string) error {
		if op != vfs.OpSync || !stopping.Load() || !strings.HasSuffix(name, log.LogFileSuffix) {
			return nil
		}
		if syncing.Add(1) == together {
			close(met)
		}
		select {
		case <-met:
		case <-time.After(20 * time.Second):
			t.Errorf("%s was synced alone", name)
		}
		return nil
	}}
	m := start(t, options(t, disk, "/a"))
	for i := range together {
		produce(t, create(t, m, fmt.Sprint("topic", i)), "x")
	}
	stopping.Store(true)
	must(t, m.Shutdown())
	again := start(t, options(t, disk, "/a"))
	for i := range together {
		if end := again.GetLog(partition(fmt.Sprint("topic", i)), false).LogEndOffset(); end != 1 {
			t.Fatalf("the log ends at %d", end)
		}
	}
}
