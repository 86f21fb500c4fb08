package cleaner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// modelRetention is how long tombstones of the model's log stay.
const modelRetention = time.Minute

// written is a record as it was appended.
type written struct {
	key, value string // "-" is a tombstone
	at         time.Time
	// producer is that of a transaction, 0 if there is none.
	producer int64
	// decided and aborted tell what became of the transaction.
	decided, aborted bool
}

// cleanerModel is what a compacted log was given.
type cleanerModel struct {
	t      *testing.T
	random *rand.Rand
	fsys   *vfs.Mem
	log    *testLog
	// inject is called before each call to the file system, also those of
	// deletions in the background.
	injectMu  sync.Mutex
	inject    func()
	records   map[int64]*written
	end       int64
	sequences map[int64]int
	open      map[int64]bool
	next      int
	trace     []byte
}

// The model test does more with, for example, -steps 2000000, and other things with
// another -seed.
var (
	modelSteps = flag.Int("steps", 6000, "how many steps the model test takes in all")
	modelSeed  = flag.Uint64("seed", 1, "seed of the model test's first run")
)

// modelRun is how many steps are taken with one log.
const modelRun = 250

// TestModel does random things to a compacted log, among them cleaning all or part
// of it and dying meanwhile, and holds what a consumer sees against the model.
func TestModel(t *testing.T) {
	steps := *modelSteps
	if testing.Short() {
		steps /= 5
	}
	for run := range (steps + modelRun - 1) / modelRun {
		synctest.Test(t, func(t *testing.T) { runModel(t, *modelSeed+uint64(run), modelRun) })
		if t.Failed() {
			return
		}
	}
}

func runModel(t *testing.T, seed uint64, count int) {
	m := &cleanerModel{
		t: t, random: rand.New(rand.NewPCG(seed, 2)), fsys: newMem(t),
		records: map[int64]*written{}, sequences: map[int64]int{}, open: map[int64]bool{},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("-seed %d, steps:\n%s", seed, m.trace)
		}
	})
	m.log = openLog(t, m.wrap(), "segment.bytes", "1500", "index.interval.bytes", "200", "delete.retention.ms", fmt.Sprint(modelRetention.Milliseconds()))
	steps := []struct {
		name string
		do   func()
	}{
		{"append", m.append}, {"append", m.append}, {"append", m.append}, {"append", m.append}, {"append", m.append},
		{"transact", m.transact}, {"transact", m.transact}, {"transact", m.transact}, {"end", m.endTransaction}, {"end", m.endTransaction},
		{"old format", m.appendLegacy}, {"roll", func() { must(t, m.log.Roll()) }}, {"wait", m.wait},
		{"clean", m.clean}, {"clean", m.clean}, {"clean", m.clean}, {"clean again", m.cleanAgain},
		{"restart", m.restart}, {"kill", m.kill}, {"lose power", m.losePower}, {"die cleaning", m.dieCleaning}, {"die cleaning", m.dieCleaning},
	}
	for range count {
		step := steps[m.random.IntN(len(steps))]
		m.trace = fmt.Appendf(m.trace, "%s at %d, dirty from %d\n", step.name, m.end, m.log.dirty)
		step.do()
		m.check()
	}
}

func (m *cleanerModel) wrap() vfs.FS {
	return &vfs.Errors{FS: m.fsys, Inject: func(vfs.Op, string) error {
		m.injectMu.Lock()
		defer m.injectMu.Unlock()
		if m.inject != nil {
			m.inject()
		}
		return nil
	}}
}

func (m *cleanerModel) setInject(inject func()) {
	m.injectMu.Lock()
	defer m.injectMu.Unlock()
	m.inject = inject
}

// batchOf makes one to four records of few keys.
func (m *cleanerModel) batchOf(producer int64) []item {
	var list []item
	for range 1 + m.random.IntN(4) {
		m.next++
		value := fmt.Sprint("v", m.next)
		if m.random.IntN(6) == 0 {
			value = "-"
		}
		list = append(list, item{fmt.Sprint("k", m.random.IntN(12)), value})
	}
	for i, item := range list {
		m.records[m.end+int64(i)] = &written{key: item.key, value: item.value, at: time.Now(), producer: producer, decided: producer == 0}
	}
	return list
}

func (m *cleanerModel) send(options record.BuilderOptions, list []item) {
	// The decoders of zstd have channels, which do not pass from one bubble of
	// virtual time to another.
	options.Compression = record.Compression(m.random.IntN(int(record.Zstd)))
	info, err := m.log.AppendAsLeader(batch(options, time.Now().UnixMilli(), list), 0, log.OriginClient)
	must(m.t, err)
	if info.FirstOffset != m.end || info.Duplicate {
		m.t.Fatalf("appended at %d instead of %d", info.FirstOffset, m.end)
	}
	m.grown(len(list))
}

func (m *cleanerModel) grown(count int) {
	m.end += int64(count)
	m.log.UpdateHighWatermark(m.end)
}

func (m *cleanerModel) append() {
	options := record.BuilderOptions{}
	if id := m.random.Int64N(3); id > 0 {
		options = m.of(10+id, false)
	}
	list := m.batchOf(0)
	if options.HasProducer {
		m.sequences[options.ProducerID] += len(list)
	}
	m.send(options, list)
}

func (m *cleanerModel) of(id int64, transactional bool) record.BuilderOptions {
	return producer(id, m.sequences[id], transactional)
}

func (m *cleanerModel) transact() {
	id := 1 + m.random.Int64N(3)
	options := m.of(id, true)
	list := m.batchOf(id)
	m.sequences[id] += len(list)
	m.open[id] = true
	m.send(options, list)
}

func (m *cleanerModel) endTransaction() {
	id := 1 + m.random.Int64N(3)
	if !m.open[id] && m.random.IntN(3) > 0 {
		return
	}
	kind := record.ControlType(m.random.IntN(2))
	marker := record.BuildEndTransactionMarker(id, 0, time.Now().UnixMilli(), record.EndTransactionMarker{Type: kind})
	_, err := m.log.AppendAsLeader(marker, 0, log.OriginCoordinator)
	must(m.t, err)
	for _, r := range m.records {
		if r.producer == id && !r.decided {
			r.decided, r.aborted = true, kind == record.ControlAbort
		}
	}
	delete(m.open, id)
	m.grown(1)
}

func (m *cleanerModel) appendLegacy() {
	list := m.batchOf(0)
	builder, err := record.NewLegacyBuilder(nil, record.LegacyOptions{Magic: record.MagicV1, Compression: record.Compression(m.random.IntN(int(record.Zstd))), TimestampType: record.CreateTime})
	must(m.t, err)
	for i, item := range list {
		must(m.t, builder.Append(&record.Record{Offset: m.end + int64(i), Timestamp: time.Now().UnixMilli(), Key: nullable(item.key), Value: nullable(item.value)}))
	}
	data, err := builder.Finish()
	must(m.t, err)
	_, err = m.log.AppendAsFollower(data)
	must(m.t, err)
	m.grown(len(list))
}

func (m *cleanerModel) wait() { time.Sleep(time.Duration(m.random.Int64N(int64(modelRetention)))) }

// settings of a cleaner with small buffers and a map that may hold few keys.
func (m *cleanerModel) settings() Config {
	settings := testConfiguration()
	settings.IOBufferSize = 2 * (minIOBuffer + m.random.IntN(2000))
	m.log.maxKeys = 0
	if m.random.IntN(2) == 0 {
		m.log.maxKeys = 1 + m.random.IntN(6)
	}
	return settings
}

func (m *cleanerModel) clean() {
	if m.log.dirty >= m.log.ActiveSegmentBaseOffset() || m.log.dirty >= m.log.LastStableOffset() {
		return // nothing to clean
	}
	_, err := m.log.tryClean(context.Background(), m.settings())
	must(m.t, err)
}

// cleanAgain is a cleaning from the start, as after the checkpoint was lost.
func (m *cleanerModel) cleanAgain() {
	m.log.dirty = 0
	m.clean()
}

func (m *cleanerModel) reopen(fsys *vfs.Mem, change func(*log.OpenOptions)) {
	dirty := m.log.dirty
	m.fsys = fsys
	m.log.abandon()
	m.log = reopen(m.t, m.wrap(), m.log.overrides, change)
	m.log.dirty = dirty
	m.log.UpdateHighWatermark(m.log.LogEndOffset())
}

func (m *cleanerModel) restart() {
	must(m.t, errors.Join(m.log.Flush(), m.log.Close()))
	m.reopen(m.fsys, func(*log.OpenOptions) {})
}

// unclean is for a start after the process died. It is asked before the disk is
// looked at: the recovery point is never ahead of what was flushed.
func (m *cleanerModel) unclean() func(*log.OpenOptions) {
	point := m.log.RecoveryPoint()
	if m.random.IntN(3) == 0 {
		point = 0
	}
	return func(options *log.OpenOptions) { options.CleanShutdown, options.RecoveryPoint = false, point }
}

func (m *cleanerModel) kill() {
	change := m.unclean()
	m.reopen(m.fsys.KillClone(), change)
}

func (m *cleanerModel) losePower() {
	must(m.t, m.log.Flush())
	change := m.unclean()
	m.reopen(m.fsys.CrashClone(), change)
}

// dieCleaning takes a copy of the disk at a random moment of a cleaning and goes on
// with that. How far the log is clean is not noted then.
func (m *cleanerModel) dieCleaning() {
	if m.random.IntN(2) == 0 {
		must(m.t, m.log.Flush())
	}
	lost := m.log.RecoveryPoint() == m.end && m.random.IntN(2) == 0
	change, dirty := m.unclean(), m.log.dirty
	var clone *vfs.Mem
	left := m.random.IntN(120)
	disk := m.fsys
	m.setInject(func() {
		if left--; left != 0 || clone != nil {
			return
		}
		if lost {
			clone = disk.CrashClone()
		} else {
			clone = disk.KillClone()
		}
	})
	m.clean()
	m.setInject(nil)
	if clone != nil {
		m.log.dirty = dirty
		m.reopen(clone, change)
	}
}

// committed is what a consumer with read_committed sees.
func (m *cleanerModel) committed() map[int64]item {
	seen := map[int64]item{}
	must(m.t, m.log.readCommitted(m.random, func(offset int64, got item) error {
		seen[offset] = got
		return nil
	}))
	return seen
}

func (m *cleanerModel) check() {
	m.t.Helper()
	if end := m.log.LogEndOffset(); end != m.end {
		m.t.Fatalf("the log ends at %d instead of %d", end, m.end)
	}
	stable := m.log.LastStableOffset()
	for offset, r := range m.records {
		if !r.decided && offset < stable {
			m.t.Fatalf("the last stable offset is %d, but the transaction of %d is open", stable, offset)
		}
	}
	if len(m.open) == 0 && stable != m.end {
		m.t.Fatalf("the last stable offset is %d of %d, but no transaction is open", stable, m.end)
	}
	seen := m.committed()
	latest := map[string]int64{}
	for offset := range stable {
		r := m.records[offset]
		got, ok := seen[offset]
		switch {
		case r == nil && ok:
			m.t.Fatalf("a marker at %d is seen as %v", offset, got)
		case r == nil:
		case ok && r.aborted:
			m.t.Fatalf("record %d of an aborted transaction is seen", offset)
		case ok && (got != item{r.key, r.value}):
			m.t.Fatalf("record %d is %v instead of %+v", offset, got, r)
		case !r.aborted:
			latest[r.key] = offset
		}
	}
	for key, offset := range latest {
		r := m.records[offset]
		if _, ok := seen[offset]; !ok && (r.value != "-" || time.Since(r.at) < modelRetention) {
			m.t.Fatalf("the last record of %s, %d, is gone: %+v", key, offset, r)
		}
		for other, got := range seen {
			if other > offset && got.key == key {
				m.t.Fatalf("%v at %d follows the last record of its key at %d", got, other, offset)
			}
		}
	}
}
