package log

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/logtest"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// logModel is what a log should hold: the values by offset, its start and end.
type logModel struct {
	t      *testing.T
	random *rand.Rand
	fsys   *vfs.Mem
	log    *testLog
	// values are "offset=value" in order; sequence is that of the producer.
	values     []modelRecord
	start, end int64
	next       int
	epoch      int32
	trace      []byte
}

type modelRecord struct {
	offset int64
	value  string
}

var modelTopic = map[string]string{
	"segment.bytes": "600", "index.interval.bytes": "100", "segment.index.bytes": "240", "file.delete.delay.ms": "0", "retention.ms": "-1",
}

// The model tests do more with, for example, -steps 5000000, and other things with
// another -seed.
var (
	modelSteps = flag.Int("steps", 18_000, "how many steps the model test takes in all")
	modelSeed  = flag.Uint64("seed", 1, "seed of the model test's first run")
)

// modelClock is the time of the first record; producers are forgotten when it is old.
var modelClock = time.Now().UnixMilli()

// modelRun is how many steps are taken with one log.
const modelRun = 300

// TestModel does random things to a log, among them dying and losing power, and
// compares it with the model after each.
func TestModel(t *testing.T) {
	steps := *modelSteps
	if testing.Short() {
		steps /= 10
	}
	for run := range (steps + modelRun - 1) / modelRun {
		seed := *modelSeed + uint64(run)
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { runModel(t, seed) }) {
			return
		}
	}
}

func runModel(t *testing.T, seed uint64) {
	m := &logModel{t: t, random: rand.New(rand.NewPCG(seed, 1)), fsys: memDir(t)}
	m.log = openTestLog(t, m.fsys, "/logs", modelTopic)
	defer func() {
		if t.Failed() {
			t.Logf("-seed %d, steps:\n%s", seed, m.trace)
		}
		m.log.scheduler.Close()
		m.log.CloseHandlers()
	}()
	steps := []struct {
		name string
		do   func()
	}{
		{"append", m.append}, {"append", m.append}, {"append", m.append}, {"append", m.append}, {"append", m.append}, {"append", m.append},
		{"follow", m.follow}, {"flush", m.flush}, {"roll", m.roll}, {"truncate", m.truncate}, {"truncate fully", m.truncateFully},
		{"delete records", m.deleteRecords}, {"retention", m.retention}, {"retention by size", m.retentionBySize},
		{"restart", m.restart}, {"kill", m.kill}, {"lose power", m.losePower}, {"tear", m.tear},
	}
	for range modelRun {
		step := steps[m.random.IntN(len(steps))]
		m.trace = fmt.Appendf(m.trace, "%s at %s, recovery point %d\n", step.name, m.log, m.log.RecoveryPoint())
		step.do()
		m.log.scheduler.running.Wait() // so that a seed does the same again
		m.check()
	}
}

func (m *logModel) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *logModel) newValues() []string {
	values := make([]string, 1+m.random.IntN(4))
	for i := range values {
		m.next++
		values[i] = fmt.Sprint("v", m.next)
	}
	return values
}

func (m *logModel) took(first int64, values []string) {
	for i, value := range values {
		m.values = append(m.values, modelRecord{first + int64(i), value})
	}
	m.end = first + int64(len(values))
}

func (m *logModel) append() {
	values := m.newValues()
	options := record.BuilderOptions{Compression: record.Compression(m.random.IntN(5))}
	if m.random.IntN(2) == 0 {
		options.HasProducer, options.ProducerID = true, int64(m.next) // each a producer of its own
	}
	if m.random.IntN(5) == 0 {
		m.epoch++
	}
	info, err := m.log.AppendAsLeader(batchOf(options, modelClock+int64(m.next), values...), m.epoch, OriginClient)
	m.must(err)
	if info.FirstOffset != m.end {
		m.t.Fatalf("append at %d, the log ended at %d", info.FirstOffset, m.end)
	}
	m.took(m.end, values)
	m.log.UpdateHighWatermark(m.end)
}

// follow appends as a follower, with a gap as compaction leaves it.
func (m *logModel) follow() {
	values := m.newValues()
	first := m.end + m.random.Int64N(10)
	batch := record.Batch(batchOf(record.BuilderOptions{}, modelClock+int64(m.next), values...))
	batch.SetBaseOffset(first)
	batch.SetPartitionLeaderEpoch(m.epoch)
	_, err := m.log.AppendAsFollower(batch)
	m.must(err)
	m.took(first, values)
	m.log.UpdateHighWatermark(m.end)
}

func (m *logModel) flush() { m.must(m.log.Flush()) }

func (m *logModel) roll() { m.must(m.log.Roll()) }

func (m *logModel) truncate() {
	if m.end == m.start {
		return
	}
	// To the start of a record's batch; in the middle the whole batch goes.
	to := m.start + m.random.Int64N(m.end-m.start+1)
	if len(m.values) > 0 && m.random.IntN(2) == 0 {
		to = max(to, m.end-6) // most truncations are short
	}
	_, err := m.log.TruncateTo(to)
	m.must(err)
	m.adopt(min(to, m.end))
}

// adopt takes the end of a truncation over and expects a prefix to be left.
func (m *logModel) adopt(end int64) {
	left := m.read()
	if len(left) > len(m.values) || !slices.Equal(left, m.values[:len(left)]) {
		m.t.Fatalf("left: %v, had: %v", left, m.values)
	}
	for _, gone := range m.values[len(left):] {
		if gone.offset < end-4 {
			m.t.Fatalf("record %v is gone after truncating to %d", gone, end)
		}
	}
	m.values, m.end, m.start = left, end, min(m.start, end)
}

func (m *logModel) truncateFully() {
	if m.random.IntN(4) > 0 {
		return
	}
	to := m.random.Int64N(m.end + 10)
	m.must(m.log.TruncateFullyAndStartAt(to))
	m.values, m.start, m.end = nil, to, to
}

func (m *logModel) deleteRecords() {
	to := m.start + m.random.Int64N(m.end-m.start+1)
	_, err := m.log.MaybeIncrementLogStartOffset(to, ClientRecordDeletion)
	m.must(err)
	m.setStart(max(to, m.start))
}

func (m *logModel) setStart(start int64) {
	m.start = start
	m.values = slices.DeleteFunc(m.values, func(item modelRecord) bool { return item.offset < start })
}

func (m *logModel) retention() {
	_, err := m.log.DeleteOldSegments()
	m.must(err)
	if start := m.log.LogStartOffset(); start != m.start {
		m.t.Fatalf("log starts at %d instead of %d", start, m.start)
	}
}

// retentionBySize deletes as many of the oldest segments as leave no less than a
// limit.
func (m *logModel) retentionBySize() {
	m.retention() // what lies below the start goes in any case
	before := m.log.Size()
	limited := *m.log.Config()
	limited.RetentionBytes = before - m.random.Int64N(2000)
	before = min(before, max(limited.RetentionBytes, 0))
	unlimited := m.log.UpdateConfig(&limited)
	_, err := m.log.DeleteOldSegments()
	m.must(err)
	m.log.UpdateConfig(unlimited)
	if start := m.log.LogStartOffset(); start > m.end || m.log.Size() < before {
		m.t.Fatalf("retention left [%d, %d), %d bytes", start, m.end, m.log.Size())
	}
	m.setStart(max(m.log.LogStartOffset(), m.start))
}

func (m *logModel) reopen(fsys *vfs.Mem, change func(*OpenOptions)) {
	m.fsys = fsys
	m.log.scheduler.Close()
	m.log.CloseHandlers()
	start := m.start
	m.log = openTestLog(m.t, fsys, "/logs", modelTopic, change, func(options *OpenOptions) { options.LogStartOffset = start })
	m.log.UpdateHighWatermark(m.log.LogEndOffset())
}

func (m *logModel) restart() {
	m.retention() // of what lies below the start nothing was made sure
	m.log.scheduler.running.Wait()
	m.must(errors.Join(m.log.Flush(), m.log.Close()))
	m.log.scheduler.running.Wait()
	m.log.scheduler.Close()
	m.checkFiles()
	m.reopen(m.fsys, func(*OpenOptions) {})
	m.adoptEnd()
}

// checkFiles looks at what a clean stop left, now and then, as it costs more than all
// else. After a truncation into a batch the log's end is not where its last batch is.
func (m *logModel) checkFiles() {
	if m.random.IntN(4) > 0 || len(m.values) > 0 && m.values[len(m.values)-1].offset != m.end-1 || len(m.values) == 0 && m.end != m.log.ActiveSegmentBaseOffset() {
		return
	}
	checker := logtest.Checker{
		FS: m.fsys, Deep: true, Compacted: func(string) bool { return true },
		LogStartOffsets: map[topic.Partition]int64{lifePartition: m.start},
	}
	m.must(checker.Check("/logs").Err())
}

// kill ends the process; a checkpoint may be older than what was flushed.
func (m *logModel) kill() {
	point := m.log.RecoveryPoint()
	if m.random.IntN(2) == 0 {
		point = m.start + m.random.Int64N(max(point-m.start, 1))
	}
	m.reopen(m.fsys.KillClone(), unclean(point))
	m.adoptEnd()
}

// adoptEnd: the end of a truncation into a batch, or of one that emptied the log,
// is not on disk.
func (m *logModel) adoptEnd() {
	if end := m.log.LogEndOffset(); end < m.end {
		last := m.start
		if n := len(m.values); n > 0 {
			last = m.values[n-1].offset + 1
		}
		if end < last {
			m.t.Fatalf("log ends at %d instead of %d", end, m.end)
		}
		m.end = end
	}
}

// losePower keeps what was flushed; of the rest anything may be left, as long as
// it is in order.
func (m *logModel) losePower() {
	point := m.log.RecoveryPoint()
	m.must(m.log.Flush())
	m.reopen(m.fsys.CrashClone(), unclean(point))
	m.adoptEnd()
}

// tear loses power with all that was not flushed at stake: what is left of it may
// lack records in between, as segments were written out in any order.
func (m *logModel) tear() {
	point := m.log.RecoveryPoint()
	m.reopen(m.fsys.TornClone(rand.New(rand.NewPCG(m.random.Uint64(), 1))), unclean(point))
	left := m.read()
	want := slices.DeleteFunc(slices.Clone(m.values), func(item modelRecord) bool {
		_, found := slices.BinarySearchFunc(left, item, func(a, b modelRecord) int { return cmp.Compare(a.offset, b.offset) })
		return item.offset >= point && !found
	})
	if !slices.Equal(left, want) {
		m.t.Fatalf("flushed to %d; left: %v, had: %v", point, left, m.values)
	}
	end := m.log.LogEndOffset()
	if end > m.end || end < min(point, m.end) && end < m.start {
		m.t.Fatalf("log ends at %d instead of %d, flushed to %d", end, m.end, point)
	}
	m.values, m.end = left, end
}

func (m *logModel) read() []modelRecord { return readRecords(m.t, m.log) }

func (m *logModel) check() {
	m.t.Helper()
	if start, end := m.log.LogStartOffset(), m.log.LogEndOffset(); start != m.start || end != m.end {
		m.t.Fatalf("log is [%d, %d), want [%d, %d)", start, end, m.start, m.end)
	}
	if got := m.read(); !slices.Equal(got, m.values) {
		m.t.Fatalf("got  %v\nwant %v", got, m.values)
	}
	m.checkSegments()
}

// checkSegments checks what must always hold of the files.
func (m *logModel) checkSegments() {
	segments := m.log.segmentsFromStart()
	for i, segment := range segments {
		next, err := segment.readNextOffset()
		m.must(err)
		if i+1 < len(segments) && next > segments[i+1].BaseOffset {
			m.t.Fatalf("segment %d reaches to %d, beyond the base of the next, %d", segment.BaseOffset, next, segments[i+1].BaseOffset)
		}
	}
	entries := m.log.EpochEntries()
	for i := 1; i < len(entries); i++ {
		if entries[i].Epoch <= entries[i-1].Epoch || entries[i].StartOffset <= entries[i-1].StartOffset {
			m.t.Fatalf("leader epochs are out of order: %+v", entries)
		}
	}
}
