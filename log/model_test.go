package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

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

// TestModel does random things to a log, among them dying and losing power, and
// compares it with the model after each.
func TestModel(t *testing.T) {
	seeds := 25
	if testing.Short() {
		seeds = 5
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &logModel{t: t, random: rand.New(rand.NewPCG(uint64(seed), 1)), fsys: memDir(t)}
			m.log = openTestLog(t, m.fsys, "/logs", modelTopic)
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("steps:\n%s", m.trace)
				}
			})
			steps := []func(){
				m.append, m.append, m.append, m.append, m.append, m.append, m.follow, m.flush, m.roll,
				m.truncate, m.truncateFully, m.deleteRecords, m.retention, m.restart, m.kill, m.losePower,
			}
			for range 300 {
				step := m.random.IntN(len(steps))
				m.trace = fmt.Appendf(m.trace, "%d at %s, recovery point %d\n", step, m.log, m.log.RecoveryPoint())
				steps[step]()
				m.check()
			}
		})
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
	info, err := m.log.AppendAsLeader(batchOf(options, int64(m.next), values...), m.epoch, OriginClient)
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
	batch := record.Batch(batchOf(record.BuilderOptions{}, int64(m.next), values...))
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

func (m *logModel) reopen(fsys *vfs.Mem, change func(*OpenOptions)) {
	m.fsys = fsys
	m.log.scheduler.Close()
	m.log.CloseHandlers()
	start := m.start
	m.log = openTestLog(m.t, fsys, "/logs", modelTopic, change, func(options *OpenOptions) { options.LogStartOffset = start })
	m.log.UpdateHighWatermark(m.log.LogEndOffset())
}

func (m *logModel) restart() {
	m.must(errors.Join(m.log.Flush(), m.log.Close()))
	m.reopen(m.fsys, func(*OpenOptions) {})
	m.adoptEnd()
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

func (m *logModel) read() []modelRecord {
	var read []modelRecord
	for _, text := range m.log.values(m.log.LogStartOffset()) {
		var item modelRecord
		if _, err := fmt.Sscanf(text, "%d=%s", &item.offset, &item.value); err != nil {
			m.t.Fatal(err)
		}
		read = append(read, item)
	}
	return read
}

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
