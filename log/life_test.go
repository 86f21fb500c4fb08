package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/logtest"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// life is a log that does once all that logs do, with a copy of its disk for each
// call to the file system.
type life struct {
	t       *testing.T
	fsys    *vfs.Mem
	log     *testLog
	topicID topic.ID
	clock   int64
	// sequences are those of the producers.
	sequences map[int64]int32
	values    int
	// compacted says that the log has gaps from now on.
	compacted bool

	// states are what the log held before the first step and after each.
	states []lifeState
	steps  []string

	mu      sync.Mutex // the scheduler's threads call too
	crashes []crash
}

// lifeState is what a log holds.
type lifeState struct {
	start, end int64
	records    []modelRecord
	point      int64
}

// crash is the disk at one moment, during the step after the state of that number.
type crash struct {
	kind      string
	call      string
	step      int
	disk      *vfs.Mem
	compacted bool
}

// torn are crashes that may keep a segment, but not all that was appended to the one
// before it and not synced; as Kafka, a recovery does not see that something is
// missing between them.
const torn = "torn"

const lifeDir = "/logs/topic-0"

var lifeSettings = map[string]string{
	"segment.bytes": "600", "index.interval.bytes": "100", "segment.index.bytes": "240", "file.delete.delay.ms": "0",
	"retention.ms": "-1", "retention.bytes": "-1",
}

// TestCrashAtEveryCallOfALife lets the process die and the power fail at each call to
// the file system in the life of a log, with several ways of losing what was not
// synced. The log that is loaded then is that of before or after the step that was
// under way, or such of it as was not durable yet is missing at the end; all of its
// files are as they must be, and it goes on from there.
func TestCrashAtEveryCallOfALife(t *testing.T) {
	l := newLife(t)
	l.live()
	if len(l.crashes) < 1000 {
		t.Errorf("only %d crashes", len(l.crashes))
	}
	t.Logf("%d crashes in %d steps", len(l.crashes), len(l.steps))
	for i := range l.crashes {
		l.survive(&l.crashes[i], i)
		if t.Failed() {
			return
		}
	}
}

func newLife(t *testing.T) *life {
	l := &life{t: t, fsys: memDir(t), topicID: topic.NewID(), clock: time.Now().UnixMilli(), sequences: map[int64]int32{}}
	l.open()
	return l
}

func (l *life) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// open opens the log on a disk that is copied at each call that changes something.
func (l *life) open() {
	random := rand.New(rand.NewPCG(1, 1)) // guarded by mu
	watched := &vfs.Errors{FS: l.fsys, Inject: func(op vfs.Op, name string) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.states) > 0 && op != vfs.OpOpen && op != vfs.OpRead && op != vfs.OpReadDir {
			l.crash(fmt.Sprintf("%s %s", op, path.Base(name)), random)
		}
		return nil
	}}
	l.log = openTestLog(l.t, watched, "/logs", lifeSettings, func(options *OpenOptions) {
		options.TopicID = l.topicID
		if n := len(l.states); n > 0 {
			options.LogStartOffset = l.states[n-1].start
		}
	})
	l.log.UpdateHighWatermark(l.log.LogEndOffset())
}

func (l *life) crash(call string, random *rand.Rand) {
	for kind, disk := range map[string]*vfs.Mem{
		"killed": l.fsys.KillClone(), "power lost": l.fsys.CrashClone(), torn: l.fsys.TornClone(random),
	} {
		l.crashes = append(l.crashes, crash{kind, call, len(l.states) - 1, disk, l.compacted})
	}
}

// step does one thing and waits for what it began in the background.
func (l *life) step(name string, do func()) {
	l.t.Helper()
	if len(l.states) == 0 {
		l.note()
	}
	do()
	l.log.scheduler.running.Wait()
	l.mu.Lock()
	l.steps = append(l.steps, name)
	l.mu.Unlock()
	l.note()
}

func (l *life) note() {
	state := lifeState{l.log.LogStartOffset(), l.log.LogEndOffset(), readRecords(l.t, l.log), l.log.RecoveryPoint()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states = append(l.states, state)
}

func readRecords(t testing.TB, log *testLog) []modelRecord {
	var read []modelRecord
	for _, text := range log.values(log.LogStartOffset()) {
		offset, value, _ := strings.Cut(text, "=")
		number, err := strconv.ParseInt(offset, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, modelRecord{number, value})
	}
	return read
}

// append appends a batch of two records; producer 0 is none.
func (l *life) append(producer int64, transactional bool, epoch int32) {
	l.t.Helper()
	l.clock++
	l.values += 2
	options := record.BuilderOptions{HasProducer: producer != 0, ProducerID: producer, BaseSequence: l.sequences[producer], Transactional: transactional}
	batch := batchOf(options, l.clock, fmt.Sprint("v", l.values-1), fmt.Sprint("v", l.values))
	_, err := l.log.AppendAsLeader(batch, epoch, OriginClient)
	l.must(err)
	l.sequences[producer] += 2
	l.log.UpdateHighWatermark(l.log.LogEndOffset())
}

func (l *life) appends(count int, epoch int32) {
	l.t.Helper()
	for i := range count {
		l.step(fmt.Sprint("append in epoch ", epoch), func() { l.append(int64(i%3), false, epoch) })
	}
}

func (l *life) mark(producer int64, kind record.ControlType, epoch int32) {
	marker := record.BuildEndTransactionMarker(producer, 0, l.clock, record.EndTransactionMarker{Type: kind})
	_, err := l.log.AppendAsLeader(marker, epoch, OriginCoordinator)
	l.must(err)
	l.log.UpdateHighWatermark(l.log.LogEndOffset())
}

// truncate forgets the last batches, as a follower does. What producers sent next is
// known from those that are left.
func (l *life) truncate(to int64) {
	_, err := l.log.TruncateTo(to)
	l.must(err)
	for id := range l.sequences {
		l.sequences[id] = 0
	}
	for _, producer := range l.log.ActiveProducers() {
		l.sequences[producer.ProducerID] = producer.LastSequence + 1
	}
}

func (l *life) live() {
	l.appends(4, 0)
	l.step("flush", func() { l.must(l.log.Flush()) })
	l.appends(8, 0)
	l.step("begin a transaction", func() { l.append(7, true, 0) })
	l.step("abort", func() { l.mark(7, record.ControlAbort, 0) })
	l.step("begin a transaction", func() { l.append(7, true, 0) })
	l.step("roll", func() { l.must(l.log.Roll()) })
	l.step("commit", func() { l.mark(7, record.ControlCommit, 0) })
	l.step("begin a transaction", func() { l.append(8, true, 0) })
	l.step("announce epoch 1", func() { l.must(l.log.MaybeAssignEpochStartOffset(1, l.log.LogEndOffset())) })
	l.appends(6, 1)
	l.step("truncate within a segment", func() { l.truncate(l.log.LogEndOffset() - 2) })
	l.appends(2, 2)
	l.step("flush", func() { l.must(l.log.Flush()) })
	l.appends(9, 3)
	l.step("truncate over segments", func() { l.truncate(l.log.LogEndOffset() - 16) })
	l.appends(5, 4)
	l.step("abort", func() { l.mark(8, record.ControlAbort, 4) })
	l.step("roll", func() { l.must(l.log.Roll()) })
	l.step("delete records", func() {
		_, err := l.log.MaybeIncrementLogStartOffset(15, ClientRecordDeletion)
		l.must(err)
	})
	l.step("delete segments", l.deleteSegments)
	l.step("retention by size", func() {
		settings := map[string]string{"retention.bytes": fmt.Sprint(l.log.Size() - 1000)}
		for key, value := range lifeSettings {
			if _, ok := settings[key]; !ok {
				settings[key] = value
			}
		}
		l.log.UpdateConfig(testConfig(l.t, settings))
		l.deleteSegments()
		l.log.UpdateConfig(testConfig(l.t, lifeSettings))
	})
	l.appends(12, 5)
	l.step("flush", func() { l.must(l.log.Flush()) })
	l.step("clean", l.clean)
	l.step("split", l.split)
	l.appends(3, 5)
	l.step("stop and start", func() {
		l.must(errors.Join(l.log.Flush(), l.log.Close()))
		l.log.scheduler.Close()
		l.open()
	})
	l.appends(4, 6)
	l.step("truncate fully", func() { l.must(l.log.TruncateFullyAndStartAt(500)) })
	l.compacted, l.sequences = false, map[int64]int32{}
	l.appends(6, 7)
	l.step("flush", func() { l.must(l.log.Flush()) })
	l.step("rename", func() { l.must(l.log.RenameDir(DeleteDirName(l.log.TopicPartition()))) })
}

func (l *life) deleteSegments() {
	if n, err := l.log.DeleteOldSegments(); err != nil || n == 0 {
		l.t.Fatalf("%d segments were deleted: %v", n, err)
	}
}

// clean puts the second and third segment together without every second batch, but
// for the last of each producer.
func (l *life) clean() {
	l.mu.Lock()
	l.compacted = true
	l.mu.Unlock()
	old := l.log.Segments()[1:3]
	last := l.log.LastRecordsOfActiveProducers()
	cleaned, err := l.log.NewCleanedSegment(old[0].BaseOffset)
	l.must(err)
	i := 0
	for _, segment := range old {
		for batch := range batchesOf(l.t, segment) {
			if i++; i%2 == 0 && !batch.IsControl() && !batch.IsTransactional() && last[batch.ProducerID()].DataOffset != batch.LastOffset() {
				continue
			}
			l.must(cleaned.Append(batch.LastOffset(), batch.MaxTimestamp(), batch.LastOffset(), batch))
		}
		aborted, err := segment.txnIndex.All()
		l.must(err)
		for _, txn := range aborted {
			l.must(cleaned.AppendAborted(txn))
		}
	}
	modified, err := old[1].LastModified()
	l.must(err)
	l.must(cleaned.Finish(modified))
	l.must(l.log.ReplaceSegments([]*CleanedSegment{cleaned}, old))
}

// split puts several segments in the place of one.
func (l *life) split() {
	source := l.log.Segments()[1]
	var parts []*CleanedSegment
	for batch := range batchesOf(l.t, source) {
		base := source.BaseOffset
		if len(parts) > 0 {
			base = batch.BaseOffset()
		}
		part, err := l.log.NewCleanedSegment(base)
		l.must(err)
		l.must(part.Append(batch.LastOffset(), batch.MaxTimestamp(), batch.LastOffset(), batch))
		aborted, err := source.txnIndex.All()
		l.must(err)
		for _, txn := range aborted {
			if txn.LastOffset >= batch.BaseOffset() && txn.LastOffset <= batch.LastOffset() {
				l.must(part.AppendAborted(txn))
			}
		}
		parts = append(parts, part)
	}
	modified, err := source.LastModified()
	l.must(err)
	for _, part := range parts {
		l.must(part.Finish(modified))
	}
	l.must(l.log.ReplaceSegments(parts, []*LogSegment{source}))
}

func batchesOf(t testing.TB, segment *LogSegment) func(func(record.Batch) bool) {
	records := segment.Records()
	defer records.Release()
	data := make([]byte, records.Size())
	if _, err := records.ReadAt(data, 0); err != nil && len(data) > 0 {
		t.Fatal(err)
	}
	return func(yield func(record.Batch) bool) {
		for batch, err := range record.Batches(data) {
			if err != nil {
				t.Fatal(err)
			}
			if !yield(batch) {
				return
			}
		}
	}
}

var lifePartition = topic.Partition{Topic: "topic"}

// survive loads what a crash left.
func (l *life) survive(c *crash, number int) {
	t := l.t
	before, after := &l.states[c.step], &l.states[min(c.step+1, len(l.states)-1)]
	name := fmt.Sprintf("crash %d, %s at %s in step %d, %s", number, c.kind, c.call, c.step, l.steps[min(c.step, len(l.steps)-1)])
	defer func() {
		if t.Failed() {
			t.Logf("%s: before [%d, %d), flushed to %d; after [%d, %d), flushed to %d", name, before.start, before.end, before.point, after.start, after.end, after.point)
		}
	}()
	point := min(before.point, after.point)
	if exists, err := vfs.Exists(c.disk, lifeDir); err != nil || !exists {
		l.surviveRename(c, name, err)
		return
	}
	state := logtest.PowerLost
	if c.kind == "killed" {
		state = logtest.Killed
	}
	l.inspect(c, c.disk, name+", as it was left", state, point)
	log := openTestLog(t, c.disk, "/logs", lifeSettings, unclean(point), func(options *OpenOptions) {
		options.TopicID, options.LogStartOffset = l.topicID, before.start
	})
	log.UpdateHighWatermark(log.LogEndOffset())
	l.compare(log, before, after, point, c, name)
	l.goOn(log, c, name)
}

// surviveRename: what is left is a directory that is about to be deleted.
func (l *life) surviveRename(c *crash, name string, err error) {
	entries, listErr := c.disk.ReadDir("/logs")
	l.must(errors.Join(err, listErr))
	if renaming := l.steps[c.step] == "rename"; !renaming && c.step > 6 || renaming && len(entries) == 0 {
		l.t.Fatalf("%s: the directory is gone", name)
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), DeleteDirSuffix) {
			continue
		}
		scheduler := NewScheduler()
		opened, err := Open(OpenOptions{
			Dir: "/logs/" + entry.Name(), Config: testConfig(l.t, lifeSettings), FS: c.disk, Scheduler: scheduler, ProducerIDExpirationMs: time.Hour.Milliseconds(),
		})
		if err != nil {
			l.t.Fatalf("%s: %v", name, err)
		}
		l.must(opened.Delete())
		scheduler.Close()
	}
}

func (l *life) inspect(c *crash, disk *vfs.Mem, name string, state logtest.State, point int64) {
	l.t.Helper()
	checker := logtest.Checker{
		FS: disk, State: state, Deep: true, RecoveryPoints: map[topic.Partition]int64{lifePartition: point},
		Compacted: func(string) bool { return c.compacted || c.kind == torn },
	}
	if err := checker.Check("/logs").Err(); err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
}

// compare holds what was loaded against the states before and after the step.
func (l *life) compare(log *testLog, before, after *lifeState, point int64, c *crash, name string) {
	l.t.Helper()
	got := readRecords(l.t, log)
	start, end := log.LogStartOffset(), log.LogEndOffset()
	for _, entry := range []*lifeState{before, after} {
		want := slices.Clone(entry.records)
		want = slices.DeleteFunc(want, func(item modelRecord) bool { return item.offset < start })
		if c.kind == torn {
			want = slices.DeleteFunc(want, func(item modelRecord) bool { return item.offset >= point && !slices.Contains(got, item) })
		}
		if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			continue
		}
		if start < min(before.start, after.start) || start > max(before.start, after.start) {
			l.t.Fatalf("%s: the log starts at %d", name, start)
		}
		// A truncation makes no more durable than what it leaves.
		keep := min(point, before.end, after.end)
		if c.kind == "killed" {
			keep = min(before.end, after.end)
		}
		if l.steps[c.step] == "truncate fully" {
			keep = 0
		}
		if end < keep {
			l.t.Fatalf("%s: the log ends at %d, %d were to stay", name, end, keep)
		}
		return
	}
	l.t.Fatalf("%s: got [%d, %d) %v\nbefore %v\nafter %v", name, start, end, got, before.records, after.records)
}

// goOn appends to a recovered log what its producers sent last, which is known, and
// what they send next, and stops it.
func (l *life) goOn(log *testLog, c *crash, name string) {
	t := l.t
	t.Helper()
	last := map[int64]record.Batch{}
	for _, segment := range log.Segments() {
		for batch := range batchesOf(t, segment) {
			if batch.HasProducerID() && !batch.IsControl() {
				last[batch.ProducerID()] = slices.Clone(batch)
			}
		}
	}
	known := map[int64]int32{}
	for _, producer := range log.ActiveProducers() {
		known[producer.ProducerID] = producer.LastSequence
	}
	for id, batch := range last {
		if known[id] != batch.LastSequence() {
			t.Fatalf("%s: producer %d is at sequence %d, its last batch at %d", name, id, known[id], batch.LastSequence())
		}
		offset := batch.BaseOffset()
		again := slices.Clone(batch)
		again.SetBaseOffset(0)
		info, err := log.AppendAsLeader(again, 100, OriginClient)
		if err != nil || !info.Duplicate || info.FirstOffset != offset {
			t.Fatalf("%s: the last batch of producer %d sent again: %+v, %v", name, id, info, err)
		}
		if batch.IsTransactional() {
			continue
		}
		next := batchOf(record.BuilderOptions{HasProducer: true, ProducerID: id, BaseSequence: batch.LastSequence() + 1}, l.clock, "next")
		if info, err = log.AppendAsLeader(next, 100, OriginClient); err != nil || info.Duplicate {
			t.Fatalf("%s: the next batch of producer %d: %+v, %v", name, id, info, err)
		}
	}
	_, err := log.AppendAsLeader(simpleBatch("after"), 100, OriginClient)
	l.must(err)
	want := readRecords(t, log)
	l.must(errors.Join(log.Flush()))
	log.scheduler.running.Wait()
	l.must(log.Close())
	log.scheduler.Close()
	l.inspect(c, c.disk, name+", closed", logtest.Settled, log.LogEndOffset())
	again := openTestLog(t, c.disk, "/logs", lifeSettings, func(options *OpenOptions) { options.LogStartOffset = log.LogStartOffset() })
	if got := readRecords(t, again); !slices.Equal(got, want) {
		t.Fatalf("%s: after a restart %v, before %v", name, got, want)
	}
	again.scheduler.Close()
	again.CloseHandlers()
}

// TestCrashesWhileRecovering lets a recovery that cuts the log in the middle die at
// each call: what lay behind the cut does not come back behind a gap.
func TestCrashesWhileRecovering(t *testing.T) {
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	want := fill(log, 30)
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	log.scheduler.running.Wait()
	if log.NumberOfSegments() < 4 {
		t.Fatalf("%d segments", log.NumberOfSegments())
	}
	second := log.Segments()[1]
	for first := range batchesOf(t, second) {
		flipBit(t, fsys, second.path, 8*(len(first)+70)) // in a record of the next one
		break
	}
	damaged := fsys.KillClone()
	var mu sync.Mutex
	var clones []*vfs.Mem
	recovered := openTestLog(t, &vfs.Errors{FS: damaged, Inject: func(vfs.Op, string) error {
		mu.Lock()
		defer mu.Unlock()
		clones = append(clones, damaged.KillClone(), damaged.CrashClone())
		return nil
	}}, "/logs", smallSegments, unclean(0))
	recovered.scheduler.Close()
	end := recovered.LogEndOffset()
	if end <= second.BaseOffset || end >= log.Segments()[2].BaseOffset || len(clones) < 50 {
		t.Fatalf("the log ends at %d, %d crashes", end, len(clones))
	}
	for i, clone := range clones {
		again := openTestLog(t, clone, "/logs", smallSegments, unclean(0))
		if got := again.values(0); !slices.Equal(got, want[:end]) && len(got) > 0 {
			t.Fatalf("crash %d: got %v, want %v", i, got, want[:end])
		}
		again.scheduler.Close()
		again.CloseHandlers()
	}
}
