package manager

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// compacted is for a manager whose topics are compacted.
func compacted(t testing.TB, fsys vfs.FS, settings map[string]string, dirs ...string) Options {
	t.Helper()
	given := options(t, fsys, dirs...)
	all := map[string]string{"zookeeper.connect": "localhost:2181"}
	maps.Copy(all, settings)
	broker, err := config.NewBrokerConfig(all)
	must(t, err)
	given.Config = config.NewCurrent(broker)
	given.TopicConfig = func(string) map[string]string {
		return map[string]string{"cleanup.policy": "compact", "file.delete.delay.ms": "0"}
	}
	return given
}

// segmentsOf appends that many segments, each with the same two keys.
func segmentsOf(t testing.TB, unified *log.UnifiedLog, count int) {
	t.Helper()
	for i := range count {
		builder := record.NewBuilder(record.BuilderOptions{})
		for _, key := range []string{"a", "b"} {
			builder.Append(time.Now().UnixMilli(), []byte(key), []byte(fmt.Sprint(i)))
		}
		_, err := unified.AppendAsLeader(builder.Build(), 0, log.OriginClient)
		must(t, err)
		unified.UpdateHighWatermark(unified.LogEndOffset())
		must(t, unified.Roll())
	}
}

func cleanedTo(t testing.TB, fsys vfs.FS, dir string, want map[topic.Partition]int64) {
	t.Helper()
	got, err := checkpoint.NewOffsetCheckpoint(fsys, dir, checkpoint.CleanerOffsetFile).Read()
	if err != nil || !maps.Equal(got, want) {
		t.Fatal(got, err)
	}
}

func TestCompactedTopicsAreCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFS(t)
		m := start(t, compacted(t, fsys, nil, "/a"))
		unified := create(t, m, "topic")
		segmentsOf(t, unified, 3)
		time.Sleep(16 * time.Second)
		synctest.Wait()
		if unified.NumberOfSegments() != 2 {
			t.Fatal(unified.Segments())
		}
		cleanedTo(t, fsys, "/a", map[topic.Partition]int64{partition("topic"): 6})
		segmentsOf(t, unified, 1)
		// What is appended after a truncation is dirty.
		must(t, m.TruncateTo(map[topic.Partition]int64{partition("topic"): 5}, false))
		cleanedTo(t, fsys, "/a", map[topic.Partition]int64{partition("topic"): 0})
		segmentsOf(t, unified, 2)
		time.Sleep(16 * time.Second)
		synctest.Wait()
		cleanedTo(t, fsys, "/a", map[topic.Partition]int64{partition("topic"): unified.LogEndOffset()})
		must(t, m.TruncateFullyAndStartAt(partition("topic"), 20, false))
		must(t, m.AsyncDelete(partition("topic"), false))
		cleanedTo(t, fsys, "/a", map[topic.Partition]int64{})
		must(t, m.Shutdown())
	})
}

func TestNothingIsCleanedWithoutTheCleaner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := start(t, compacted(t, newFS(t), map[string]string{"log.cleaner.enable": "false", "log.retention.ms": "1"}, "/a"))
		unified := create(t, m, "topic")
		segmentsOf(t, unified, 3)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if unified.NumberOfSegments() != 4 || m.Cleaner() != nil {
			t.Fatal(unified.Segments())
		}
		must(t, m.Shutdown())
	})
}

// TestMovingLogsAreNotCleaned: the log that is being copied must not change, and
// how far it is clean goes with it.
func TestMovingLogsAreNotCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFS(t)
		m := start(t, compacted(t, fsys, nil, "/a", "/b"))
		unified := create(t, m, "topic")
		segmentsOf(t, unified, 3)
		time.Sleep(16 * time.Second)
		synctest.Wait()
		from, to := unified.ParentDir(), "/b"
		if from == to {
			to = "/a"
		}
		m.MaybeUpdatePreferredLogDir(partition("topic"), to)
		future, err := m.GetOrCreateLog(partition("topic"), unified.TopicID(), false, true)
		must(t, err)
		segmentsOf(t, unified, 5)
		time.Sleep(time.Minute)
		synctest.Wait()
		if unified.NumberOfSegments() != 7 {
			t.Fatal(unified.Segments())
		}
		segmentsOf(t, future, 8)
		must(t, m.ReplaceCurrentWithFutureLog(partition("topic")))
		cleanedTo(t, fsys, from, map[topic.Partition]int64{})
		cleanedTo(t, fsys, to, map[topic.Partition]int64{partition("topic"): 6})
		time.Sleep(time.Minute)
		synctest.Wait()
		cleanedTo(t, fsys, to, map[topic.Partition]int64{partition("topic"): 16})
		must(t, m.Shutdown())
	})
}

func TestCleanerFollowsDynamicSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		given := compacted(t, newFS(t), map[string]string{"log.cleaner.backoff.ms": "3600000"}, "/a")
		m := start(t, given)
		unified := create(t, m, "topic")
		synctest.Wait()
		segmentsOf(t, unified, 3)
		time.Sleep(time.Minute)
		changed, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181", "log.cleaner.threads": "2"})
		must(t, err)
		given.Config.Store(changed)
		must(t, m.ReconfigureDefaults())
		synctest.Wait()
		if unified.NumberOfSegments() != 2 {
			t.Fatal(unified.Segments())
		}
		must(t, m.Shutdown())
	})
}
