package cleaner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// logPool is the logs of a broker.
type logPool struct {
	mu   sync.Mutex
	logs map[topic.Partition]*log.UnifiedLog
}

func (p *logPool) CurrentLogs() []*log.UnifiedLog {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*log.UnifiedLog
	for _, unified := range p.logs {
		all = append(all, unified)
	}
	return all
}

func (p *logPool) GetLog(partition topic.Partition, _ bool) *log.UnifiedLog {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs[partition]
}

func poolOf(logs ...*testLog) *logPool {
	pool := &logPool{logs: map[topic.Partition]*log.UnifiedLog{}}
	for _, l := range logs {
		pool.logs[l.TopicPartition()] = l.UnifiedLog
	}
	return pool
}

func newLogCleaner(t *testing.T, fsys vfs.FS, pool *logPool, settings map[string]string) *LogCleaner {
	t.Helper()
	made, err := New(Options{Config: brokerConfig(t, settings), LogDirs: []string{"/logs"}, Logs: pool, Failures: &failures{}, FS: fsys})
	must(t, err)
	t.Cleanup(made.Shutdown)
	return made
}

// startCleaner runs the threads within a synctest bubble.
func startCleaner(t *testing.T, l *testLog, settings map[string]string) *LogCleaner {
	t.Helper()
	made := newLogCleaner(t, l.fs, poolOf(l), settings)
	made.Startup()
	synctest.Wait()
	return made
}

// duplicates fills the log with segments of the same keys.
func (l *testLog) duplicates(segments int) {
	for i := range segments {
		l.put("a", fmt.Sprint(i), "b", fmt.Sprint(i))
		l.roll()
	}
}

func (l *testLog) open(partition string) func(*log.OpenOptions) {
	return func(options *log.OpenOptions) { options.Dir = "/logs/" + partition }
}

func TestDirtyLogsAreCleaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t))
		l.duplicates(3)
		c := startCleaner(t, l, nil)
		l.want("4..5 4:a=2 5:b=2")
		if diff := cmp.Diff(map[topic.Partition]int64{partition0(): 6}, c.CleanedOffsets()); diff != "" {
			t.Fatal(diff)
		}
		l.duplicates(1) // as much as is clean already: not more than half
		time.Sleep(time.Minute)
		synctest.Wait()
		l.want("4..5 4:a=2 5:b=2", "6..7 6:a=0 7:b=0")
		l.duplicates(1)
		time.Sleep(15 * time.Second)
		synctest.Wait()
		l.want("8..9 8:a=0 9:b=0")
	})
}

func TestTheDirtiestLogIsFirst(t *testing.T) {
	fsys := newMem(t)
	one := openLog(t, fsys)
	two := reopen(t, fsys, one.overrides, one.open("topic-1"))
	three := reopen(t, fsys, map[string]string{"cleanup.policy": "delete"}, one.open("topic-2"))
	one.duplicates(2)
	two.duplicates(3)
	three.duplicates(5)
	c := newLogCleaner(t, fsys, poolOf(one, two, three), nil)
	c.manager.updateCheckpoint("/logs", func(offsets map[topic.Partition]int64) {
		offsets[one.TopicPartition()], offsets[two.TopicPartition()] = 0, 2
	})
	var order []string
	for {
		cleanable, _, found, err := c.manager.grabFilthiest(context.Background())
		must(t, err)
		if cleanable == nil {
			break
		}
		order = append(order, fmt.Sprintf("%s %d..%d of %d", cleanable.partition, cleanable.firstDirty, cleanable.firstUncleanable, found.cleanable))
	}
	if diff := cmp.Diff([]string{"topic-0 0..4 of 2", "topic-1 2..6 of 1"}, order); diff != "" {
		t.Fatal(diff)
	}
}

func TestWhatMayBeCleaned(t *testing.T) {
	for _, test := range []struct {
		name       string
		overrides  []string
		checkpoint int64
		prepare    func(*testLog)
		want       string
	}{
		{name: "all but the active segment", want: "0..6 clean 0, dirty true"},
		{name: "from the checkpoint", checkpoint: 4, want: "4..6 clean 2, dirty false"},
		{name: "checkpoint in a segment", checkpoint: 3, want: "3..6 clean 2, dirty true"},
		{name: "checkpoint below the start", prepare: func(l *testLog) {
			_, err := l.MaybeIncrementLogStartOffset(3, log.ClientRecordDeletion)
			must(l.t, err)
		}, want: "3..6 clean 2, dirty true, reset"},
		{name: "checkpoint above the end", checkpoint: 100, want: "0..6 clean 0, dirty true, reset"},
		{name: "too young", overrides: []string{"min.compaction.lag.ms", "60000"}, prepare: func(*testLog) { time.Sleep(59 * time.Second) },
			want: "0..0 clean 0, dirty false"},
		{name: "partly too young", overrides: []string{"min.compaction.lag.ms", "60000"}, prepare: func(l *testLog) {
			time.Sleep(time.Minute + time.Second)
			l.clock = time.Now().UnixMilli()
			l.duplicates(1)
		}, want: "0..6 clean 0, dirty true"},
		{name: "old enough at last", overrides: []string{"min.compaction.lag.ms", "60000"}, prepare: func(*testLog) { time.Sleep(61 * time.Second) },
			want: "0..6 clean 0, dirty true"},
		{name: "clean enough but due", overrides: []string{"min.cleanable.dirty.ratio", "1", "max.compaction.lag.ms", "5000"}, checkpoint: 4,
			prepare: func(*testLog) { time.Sleep(6 * time.Second) }, want: "4..6 clean 2, dirty true, due"},
		{name: "not due yet", overrides: []string{"min.cleanable.dirty.ratio", "1", "max.compaction.lag.ms", "5000"}, checkpoint: 4,
			prepare: func(*testLog) { time.Sleep(4 * time.Second) }, want: "4..6 clean 2, dirty false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := openLog(t, newMem(t), append([]string{"min.cleanable.dirty.ratio", "0.4"}, test.overrides...)...)
				l.duplicates(3)
				if test.prepare != nil {
					test.prepare(l)
				}
				offsets, err := cleanableOffsets(l.UnifiedLog, test.checkpoint, true, time.Now().UnixMilli())
				must(t, err)
				cleanable, err := newLogToClean(l.UnifiedLog, offsets, time.Now().UnixMilli())
				must(t, err)
				segment := int64(l.Segments()[0].Size())
				got := fmt.Sprintf("%d..%d clean %d, dirty %v", cleanable.firstDirty, cleanable.firstUncleanable, cleanable.cleanBytes/segment, cleanable.isCleanable())
				if offsets.reset {
					got += ", reset"
				}
				if cleanable.delayMs > 0 {
					got += ", due"
				}
				if got != test.want {
					t.Fatalf("%s, want %s", got, test.want)
				}
			})
		})
	}
}

// TestUncleanablePartitionsAreSetAside: a log that cannot be cleaned is left alone,
// counted, and does not keep others from being cleaned.
func TestUncleanablePartitionsAreSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newMem(t)
		bad := openLog(t, fsys)
		good := reopen(t, fsys, bad.overrides, bad.open("topic-1"))
		bad.duplicates(5)
		good.duplicates(3)
		file, err := fsys.OpenFile(bad.Dir()+"/00000000000000000002.log", os.O_RDWR, 0)
		must(t, err)
		_, err = file.WriteAt([]byte{0xff}, record.HeaderSize+3)
		must(t, err)
		size := int64(0)
		for _, segment := range bad.Segments() {
			size += int64(segment.Size())
		}
		pool := poolOf(bad, good)
		c := newLogCleaner(t, fsys, pool, nil)
		c.Startup()
		time.Sleep(time.Minute)
		synctest.Wait()
		good.want("4..5 4:a=2 5:b=2")
		metrics := c.Metrics()
		if metrics.UncleanableCount["/logs"] != 1 || metrics.UncleanableBytes["/logs"] != size || bad.NumberOfSegments() != 6 {
			t.Fatalf("%+v, want %d bytes; %d segments", metrics, size, bad.NumberOfSegments())
		}
		pool.mu.Lock()
		delete(pool.logs, bad.TopicPartition())
		pool.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if count := c.Metrics().UncleanableCount["/logs"]; count != 0 {
			t.Fatalf("%d partitions count that are gone", count)
		}
	})
}

// slowly makes a cleaning take hours.
var slowly = map[string]string{"log.cleaner.io.max.bytes.per.second": "0.1"}

// slowCleaning is a cleaning that has begun and sleeps.
func slowCleaning(t *testing.T, l *testLog) *LogCleaner {
	t.Helper()
	c := newLogCleaner(t, l.fs, poolOf(l), slowly)
	time.Sleep(throttleInterval + time.Millisecond)
	c.Startup()
	synctest.Wait()
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	if state := c.manager.states[partition0()]; state == nil || !state.running {
		t.Fatal("the log is not being cleaned")
	}
	return c
}

func TestAbortEndsACleaning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t))
		l.duplicates(3)
		c := slowCleaning(t, l)
		start := time.Now()
		c.AbortAndPauseCleaning(partition0())
		if time.Since(start) > time.Second || len(l.files(".cleaned")) != 0 {
			t.Fatal(time.Since(start), l.files(".cleaned"))
		}
		if diff := cmp.Diff(map[topic.Partition]int64{}, c.CleanedOffsets()); diff != "" {
			t.Fatal(diff)
		}
		c.AbortAndPauseCleaning(partition0())
		c.ResumeCleaning(partition0())
		c.throttler.setRate(1e9)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if l.NumberOfSegments() != 4 {
			t.Fatal("a paused log was cleaned")
		}
		c.ResumeCleaning(partition0())
		time.Sleep(time.Hour)
		synctest.Wait()
		l.want("4..5 4:a=2 5:b=2")
	})
}

func TestShutdownEndsACleaning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t))
		l.duplicates(3)
		c := slowCleaning(t, l)
		start := time.Now()
		c.Shutdown()
		c.Shutdown()
		if time.Since(start) > time.Second || l.NumberOfSegments() != 4 || len(l.files(".cleaned")) != 0 {
			t.Fatal(time.Since(start), l.NumberOfSegments(), l.files(".cleaned"))
		}
	})
}

func TestReconfigurationAtRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t))
		l.duplicates(3)
		c := slowCleaning(t, l)
		must(t, c.Reconfigure(brokerConfig(t, map[string]string{"log.cleaner.threads": "2", "log.cleaner.backoff.ms": "1000"})))
		time.Sleep(2 * time.Hour) // the pause that had begun
		synctest.Wait()
		l.want("4..5 4:a=2 5:b=2")
		c.mu.Lock()
		threads := len(c.threads)
		c.mu.Unlock()
		if threads != 2 {
			t.Fatalf("%d threads", threads)
		}
		l.duplicates(3)
		time.Sleep(time.Second)
		synctest.Wait()
		l.want("10..11 10:a=2 11:b=2")
		must(t, c.Reconfigure(brokerConfig(t, map[string]string{"log.cleaner.io.buffer.load.factor": "0.5"})))
		if err := c.Reconfigure(brokerConfig(t, map[string]string{"log.cleaner.io.buffer.load.factor": "0"})); err == nil || !strings.Contains(err.Error(), "offset map is too small") {
			t.Fatal(err)
		}
	})
}

func TestThrottleKeepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttle := newThrottler(6000)
		start := time.Now()
		var threads sync.WaitGroup
		for range 2 {
			threads.Go(func() {
				for range 300 {
					time.Sleep(10 * time.Millisecond)
					throttle.wait(context.Background(), 100)
				}
			})
		}
		threads.Wait()
		if elapsed := time.Since(start).Seconds(); elapsed < 8.5 || elapsed > 11 {
			t.Fatalf("60000 bytes took %v s at 6000 bytes per second", elapsed)
		}
	})
}

// TestRetentionOfCompactedLogs: with compact and delete, old segments go too; with
// compact alone only what lies below the log start.
func TestRetentionOfCompactedLogs(t *testing.T) {
	for _, policy := range []string{"compact,delete", "compact"} {
		synctest.Test(t, func(t *testing.T) {
			l := openLog(t, newMem(t), "cleanup.policy", policy, "retention.ms", "60000", "min.cleanable.dirty.ratio", "1")
			l.put("a", "1")
			l.roll()
			l.put("b", "1")
			l.roll()
			_, err := l.MaybeIncrementLogStartOffset(1, log.ClientRecordDeletion)
			must(t, err)
			startCleaner(t, l, nil)
			l.want("1..1 1:b=1")
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if policy == "compact" {
				l.want("1..1 1:b=1")
			} else {
				l.want("")
			}
		})
	}
}

func TestNonCompactedLogsArePausedForRetention(t *testing.T) {
	fsys := newMem(t)
	compacted := openLog(t, fsys)
	plain := reopen(t, fsys, map[string]string{"cleanup.policy": "delete"}, compacted.open("topic-1"))
	c := newLogCleaner(t, fsys, poolOf(compacted, plain), nil)
	paused := c.PauseCleaningForNonCompactedPartitions()
	if len(paused) != 1 || paused[0] != plain.UnifiedLog {
		t.Fatal(paused)
	}
	// The policy changes while retention runs: the cleaner waits.
	topicConfig := compacted.Config()
	plain.UpdateConfig(topicConfig)
	plain.duplicates(2)
	if cleanable, _, _, err := c.manager.grabFilthiest(context.Background()); cleanable != nil || err != nil {
		t.Fatal(cleanable, err)
	}
	c.ResumeCleaning(plain.TopicPartition())
	if cleanable, _, _, err := c.manager.grabFilthiest(context.Background()); cleanable == nil || err != nil {
		t.Fatal(err)
	}
}

func TestCheckpointsFollowTheLogs(t *testing.T) {
	fsys := newMem(t)
	must(t, fsys.MkdirAll("/other", 0o755))
	l := openLog(t, fsys)
	pool := poolOf(l)
	failed := &failures{}
	c, err := New(Options{Config: brokerConfig(t, nil), LogDirs: []string{"/logs", "/other"}, Logs: pool, Failures: failed, FS: fsys})
	must(t, err)
	set := func(offset int64) {
		c.manager.updateCheckpoint("/logs", func(offsets map[topic.Partition]int64) { offsets[partition0()] = offset })
	}
	stored := func(dir string, want map[topic.Partition]int64) {
		t.Helper()
		got, err := checkpoint.NewOffsetCheckpoint(fsys, dir, checkpoint.CleanerOffsetFile).Read()
		if err != nil || !maps.Equal(got, want) {
			t.Fatal(got, err)
		}
	}
	set(10)
	stored("/logs", map[topic.Partition]int64{partition0(): 10})
	c.MaybeTruncateCheckpoint("/logs", partition0(), 12)
	stored("/logs", map[topic.Partition]int64{partition0(): 10})
	c.MaybeTruncateCheckpoint("/logs", partition0(), 7)
	stored("/logs", map[topic.Partition]int64{partition0(): 7})
	c.AlterCheckpointDir(partition0(), "/logs", "/other")
	stored("/logs", map[topic.Partition]int64{})
	stored("/other", map[topic.Partition]int64{partition0(): 7})
	clear(pool.logs)
	c.UpdateCheckpoints("/other")
	stored("/other", map[topic.Partition]int64{})
	c.HandleLogDirFailure("/other")
	c.UpdateCheckpoints("/other")
	must(t, vfs.WriteFile(fsys, "/logs/"+checkpoint.CleanerOffsetFile, []byte("0\n7\n")))
	if offsets := c.CleanedOffsets(); len(offsets) != 0 || failed.dirs["/logs"] == nil {
		t.Fatal(offsets, failed.dirs)
	}
}

func TestDiskErrorsTakeTheDirectoryOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failing atomic.Bool
		fsys := &vfs.Errors{FS: newMem(t), Inject: func(op vfs.Op, name string) error {
			if failing.Load() && op == vfs.OpWrite && strings.HasSuffix(name, ".cleaned") {
				return &os.PathError{Op: string(op), Path: name, Err: errors.New("the disk is gone")}
			}
			return nil
		}}
		l := openLog(t, fsys)
		l.duplicates(3)
		failing.Store(true)
		failed := &failures{}
		c, err := New(Options{Config: brokerConfig(t, nil), LogDirs: []string{"/logs"}, Logs: poolOf(l), Failures: failed, FS: fsys})
		must(t, err)
		c.Startup()
		synctest.Wait()
		c.Shutdown()
		if err := failed.dirs["/logs"]; err == nil || !strings.Contains(err.Error(), "Failed to clean up log for topic-0 in dir /logs due to IOException") {
			t.Fatal(err)
		}
		if c.Metrics().UncleanableCount["/logs"] != 0 {
			t.Fatal("a disk error counts against the log")
		}
	})
}

func TestReportHasKafkasWords(t *testing.T) {
	start := time.UnixMilli(0)
	stats := cleanerStats{
		start: start, mapDone: start.Add(500 * time.Millisecond), end: start.Add(2 * time.Second),
		bytesRead: 3 << 30, bytesWritten: 1 << 30, messagesRead: 1234567, messagesWritten: 1000,
		mapBytesRead: 3 << 29, mapMessagesRead: 600000, bufferUtilization: 0.123,
	}
	want := `
	Log cleaner thread 0 cleaned log topic-0 (dirty section = [0, 1234567])
	3,072.0 MB of log processed in 2.0 seconds (1,536.0 MB/sec).
	Indexed 1,536.0 MB in 0.5 seconds (3,072.0 Mb/sec, 25.0% of total time)
	Buffer utilization: 12.3%
	Cleaned 3,072.0 MB in 1.5 seconds (2,048.0 Mb/sec, 75.0% of total time)
	Start size: 3,072.0 MB (1,234,567 messages)
	End size: 1,024.0 MB (1,000 messages)
	66.7% size reduction (99.9% fewer messages)
`
	if diff := cmp.Diff(want, stats.report(0, "topic-0", 0, 1234567)); diff != "" {
		t.Fatal(diff)
	}
	if empty := (&cleanerStats{}).report(0, "t-0", 0, 0); !strings.Contains(empty, "NaN") {
		t.Fatal(empty)
	}
}

func TestOffsetMap(t *testing.T) {
	var m offsetMap
	for _, slots := range []int{1, 2, 10, 1000} {
		m.reset(slots)
		for i := range slots {
			m.put([]byte(fmt.Sprint(i)), int64(i))
			m.put([]byte(fmt.Sprint(i)), int64(i+1))
		}
		if m.entries != slots || m.latest != int64(slots) {
			t.Fatal(m.entries, m.latest)
		}
		for i := range slots {
			if got := m.get([]byte(fmt.Sprint(i))); got != int64(i+1) {
				t.Fatalf("key %d of %d: %d", i, slots, got)
			}
		}
		if got := m.get([]byte("none")); got != -1 {
			t.Fatal(got)
		}
	}
}
