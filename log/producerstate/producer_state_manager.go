package producerstate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/vfs"
)

// transaction is a transaction that is open, or whose marker is not replicated
// yet; lastOffset is that of its marker, -1 while it is open.
type transaction struct {
	producerID int64
	first      Position
	lastOffset int64
}

// Manager holds the producers of one partition.
type Manager struct {
	fs        vfs.FS
	dir       string
	partition topic.Partition
	// expirationMs is after how long a producer without an open transaction is
	// forgotten.
	expirationMs int64
	logger       *logrus.Entry
	prefix       string

	producers map[int64]*Entry
	// ongoing and unreplicated transactions are in order of first offsets.
	ongoing      []transaction
	unreplicated []transaction
	// mapEndOffset is the offset up to which the log is reflected here,
	// snapEndOffset that of the last snapshot.
	mapEndOffset  int64
	snapEndOffset int64
	// snapshots are the offsets of the snapshot files, ascending.
	snapshots []int64
}

// New holds no producer and knows of no snapshot; see LoadSnapshots.
func New(fsys vfs.FS, dir string, partition topic.Partition, expirationMs int64, logger *logrus.Entry) *Manager {
	return &Manager{
		fs: fsys, dir: dir, partition: partition, expirationMs: expirationMs,
		logger: logger,
		prefix: fmt.Sprintf("[ProducerStateManager partition=%s] ", partition),
	}
}

// MapEndOffset is the offset up to which the log is reflected.
func (m *Manager) MapEndOffset() int64 { return m.mapEndOffset }

// UpdateMapEndOffset tells that the log is reflected up to an offset.
func (m *Manager) UpdateMapEndOffset(offset int64) { m.mapEndOffset = offset }

// IsEmpty reports whether there is nothing to remember.
func (m *Manager) IsEmpty() bool { return len(m.producers) == 0 && len(m.unreplicated) == 0 }

// Producers calls a function with each producer.
func (m *Manager) Producers(visit func(*Entry)) {
	for _, entry := range m.producers {
		visit(entry)
	}
}

// Last is the state of a producer, or nil.
func (m *Manager) Last(producerID int64) *Entry { return m.producers[producerID] }

// PrepareUpdate begins an append of a producer.
func (m *Manager) PrepareUpdate(producerID int64, origin Origin) AppendInfo {
	current := emptyEntry(producerID)
	if entry := m.producers[producerID]; entry != nil {
		current = *entry
	}
	updated := current
	updated.count = 0
	return AppendInfo{manager: m, origin: origin, current: current, updated: updated}
}

// Update makes an append take effect.
func (m *Manager) Update(info *AppendInfo) {
	if entry := m.producers[info.ProducerID()]; entry != nil {
		entry.update(&info.updated)
	} else {
		if m.producers == nil {
			m.producers = map[int64]*Entry{}
		}
		added := info.updated
		m.producers[info.ProducerID()] = &added
	}
	for _, started := range info.started {
		m.ongoing = insert(m.ongoing, started)
	}
}

// insert keeps the order of first offsets; one transaction per offset.
func insert(transactions []transaction, added transaction) []transaction {
	at, found := search(transactions, added.first.Offset)
	if found {
		transactions[at] = added
		return transactions
	}
	return slices.Insert(transactions, at, added)
}

func search(transactions []transaction, firstOffset int64) (int, bool) {
	return slices.BinarySearchFunc(transactions, firstOffset, func(t transaction, offset int64) int {
		switch {
		case t.first.Offset < offset:
			return -1
		case t.first.Offset > offset:
			return 1
		}
		return 0
	})
}

// CompleteTxn moves an ended transaction to those that wait for replication.
func (m *Manager) CompleteTxn(completed CompletedTxn) error {
	at, found := search(m.ongoing, completed.FirstOffset)
	if !found {
		return fmt.Errorf("attempted to complete transaction %+v on partition %s which was not started", completed, m.partition)
	}
	ended := m.ongoing[at]
	ended.lastOffset = completed.LastOffset
	m.ongoing = slices.Delete(m.ongoing, at, at+1)
	m.unreplicated = insert(m.unreplicated, ended)
	return nil
}

// LastStableOffset is the last stable offset once a transaction is completed.
func (m *Manager) LastStableOffset(completed CompletedTxn) int64 {
	for _, ongoing := range m.ongoing {
		if ongoing.producerID != completed.ProducerID {
			return ongoing.first.Offset
		}
	}
	return completed.LastOffset + 1
}

// FirstUnstableOffset is where the first transaction begins that is open or not
// replicated.
func (m *Manager) FirstUnstableOffset() (first Position, ok bool) {
	if len(m.ongoing) > 0 {
		first, ok = m.ongoing[0].first, true
	}
	if len(m.unreplicated) > 0 && (!ok || m.unreplicated[0].first.Offset < first.Offset) {
		first, ok = m.unreplicated[0].first, true
	}
	return first, ok
}

// FirstUndecidedOffset is where the first open transaction begins.
func (m *Manager) FirstUndecidedOffset() (offset int64, ok bool) {
	if len(m.ongoing) == 0 {
		return 0, false
	}
	return m.ongoing[0].first.Offset, true
}

// OnHighWatermarkUpdated forgets the transactions that are replicated.
func (m *Manager) OnHighWatermarkUpdated(highWatermark int64) {
	if len(m.unreplicated) == 0 {
		return
	}
	m.unreplicated = slices.DeleteFunc(m.unreplicated, func(t transaction) bool {
		return t.lastOffset >= 0 && t.lastOffset < highWatermark
	})
}

// OnLogStartOffsetIncremented tells that records were deleted.
func (m *Manager) OnLogStartOffsetIncremented(logStartOffset int64) {
	m.OnHighWatermarkUpdated(logStartOffset)
	m.mapEndOffset = max(m.mapEndOffset, logStartOffset)
	m.snapEndOffset = logStartOffset
	if latest, ok := m.LatestSnapshotOffset(); ok {
		m.snapEndOffset = latest
	}
}

func (m *Manager) isExpired(nowMs int64, entry *Entry) bool {
	return entry.CurrentTxnFirstOffset < 0 && nowMs-entry.LastTimestamp >= m.expirationMs
}

// RemoveExpired forgets the producers that were silent for too long.
func (m *Manager) RemoveExpired(nowMs int64) {
	for id, entry := range m.producers {
		if m.isExpired(nowMs, entry) {
			delete(m.producers, id)
		}
	}
}

func (m *Manager) clear() { m.producers, m.ongoing, m.unreplicated = nil, nil, nil }

// TruncateFullyAndStartAt forgets everything.
func (m *Manager) TruncateFullyAndStartAt(offset int64) error {
	m.clear()
	var errs error
	for _, snapshot := range slices.Clone(m.snapshots) {
		errs = errors.Join(errs, m.deleteSnapshot(snapshot))
	}
	m.snapEndOffset, m.mapEndOffset = 0, offset
	return errs
}

// TruncateAndReload goes back to the newest snapshot within the given bounds;
// the caller replays the log from MapEndOffset on.
func (m *Manager) TruncateAndReload(logStartOffset, logEndOffset, nowMs int64) error {
	for _, snapshot := range slices.Clone(m.snapshots) {
		if snapshot > logEndOffset || snapshot <= logStartOffset {
			if err := m.deleteSnapshot(snapshot); err != nil {
				return err
			}
		}
	}
	if logEndOffset == m.mapEndOffset {
		m.OnLogStartOffsetIncremented(logStartOffset)
		return nil
	}
	// What is truncated lies above the high watermark, so transactions that
	// wait for replication may be forgotten.
	m.clear()
	return m.loadFromSnapshot(logStartOffset, nowMs)
}

// SetDir tells that the directory of the partition was renamed.
func (m *Manager) SetDir(dir string) { m.dir = dir }
