package producerstate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/log/vfs"
)

// SnapshotSuffix ends the name of a snapshot file, DeletedSuffix that of a file
// that is about to be deleted.
const (
	SnapshotSuffix = ".snapshot"
	DeletedSuffix  = ".deleted"
)

const (
	snapshotVersion    = 1
	snapshotHeaderSize = 10
	snapshotEntrySize  = 46
	snapshotCRCAt      = 2
	snapshotCountAt    = 6
)

// ErrCorruptSnapshot says that a snapshot file cannot be used.
var ErrCorruptSnapshot = errors.New("producer snapshot is corrupt")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SnapshotName is the name of the snapshot file at an offset.
func SnapshotName(offset int64) string { return fmt.Sprintf("%020d", offset) + SnapshotSuffix }

// ParseSnapshotName is the offset in the name of a snapshot file.
func ParseSnapshotName(name string) (offset int64, ok bool) {
	text, ok := strings.CutSuffix(name, SnapshotSuffix)
	if !ok {
		return 0, false
	}
	offset, err := strconv.ParseInt(text, 10, 64)
	return offset, err == nil && offset >= 0
}

func (m *Manager) snapshotPath(offset int64) string { return path.Join(m.dir, SnapshotName(offset)) }

// encodeSnapshot writes the format that Kafka reads: version, checksum of what
// follows it, and the producers.
func encodeSnapshot(producers map[int64]*Entry) []byte {
	data := make([]byte, snapshotHeaderSize, snapshotHeaderSize+len(producers)*snapshotEntrySize)
	binary.BigEndian.PutUint16(data, snapshotVersion)
	binary.BigEndian.PutUint32(data[snapshotCountAt:], uint32(len(producers)))
	for _, entry := range producers {
		data = binary.BigEndian.AppendUint64(data, uint64(entry.ProducerID))
		data = binary.BigEndian.AppendUint16(data, uint16(entry.ProducerEpoch))
		data = binary.BigEndian.AppendUint32(data, uint32(entry.LastSequence()))
		data = binary.BigEndian.AppendUint64(data, uint64(entry.LastDataOffset()))
		data = binary.BigEndian.AppendUint32(data, uint32(entry.lastOffsetDelta()))
		data = binary.BigEndian.AppendUint64(data, uint64(entry.LastTimestamp))
		data = binary.BigEndian.AppendUint32(data, uint32(entry.CoordinatorEpoch))
		data = binary.BigEndian.AppendUint64(data, uint64(entry.CurrentTxnFirstOffset))
	}
	binary.BigEndian.PutUint32(data[snapshotCRCAt:], crc32.Checksum(data[snapshotCountAt:], castagnoli))
	return data
}

// DecodeSnapshot reads the content of a snapshot file.
func DecodeSnapshot(data []byte) ([]Entry, error) {
	if len(data) < snapshotHeaderSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorruptSnapshot, len(data))
	}
	if version := binary.BigEndian.Uint16(data); version != snapshotVersion {
		return nil, fmt.Errorf("%w: Snapshot contained an unknown file version %d", ErrCorruptSnapshot, version)
	}
	stored, computed := binary.BigEndian.Uint32(data[snapshotCRCAt:]), crc32.Checksum(data[snapshotCountAt:], castagnoli)
	if stored != computed {
		return nil, fmt.Errorf("%w: Snapshot is corrupt (CRC is no longer valid). Stored crc: %d. Computed crc: %d", ErrCorruptSnapshot, stored, computed)
	}
	count := int32(binary.BigEndian.Uint32(data[snapshotCountAt:]))
	data = data[snapshotHeaderSize:]
	if count < 0 || int64(count)*snapshotEntrySize > int64(len(data)) {
		return nil, fmt.Errorf("%w: %d producers in %d bytes", ErrCorruptSnapshot, count, len(data))
	}
	entries := make([]Entry, count)
	for i := range entries {
		entries[i] = decodeEntry(data[i*snapshotEntrySize:])
	}
	return entries, nil
}

func decodeEntry(data []byte) Entry {
	entry := emptyEntry(int64(binary.BigEndian.Uint64(data)))
	entry.ProducerEpoch = int16(binary.BigEndian.Uint16(data[8:]))
	batch := Batch{
		LastSequence: int32(binary.BigEndian.Uint32(data[10:])),
		LastOffset:   int64(binary.BigEndian.Uint64(data[14:])),
		OffsetDelta:  int32(binary.BigEndian.Uint32(data[22:])),
		Timestamp:    int64(binary.BigEndian.Uint64(data[26:])),
	}
	entry.LastTimestamp = batch.Timestamp
	entry.CoordinatorEpoch = int32(binary.BigEndian.Uint32(data[34:]))
	entry.CurrentTxnFirstOffset = max(int64(binary.BigEndian.Uint64(data[38:])), -1)
	if batch.LastOffset >= 0 {
		entry.addBatch(batch)
	}
	return entry
}

// LoadSnapshots finds the snapshot files in the directory.
func (m *Manager) LoadSnapshots() error {
	files, err := m.fs.ReadDir(m.dir)
	if err != nil {
		return err
	}
	m.snapshots = nil
	for _, file := range files {
		if offset, ok := ParseSnapshotName(file.Name()); ok && !file.IsDir() {
			m.snapshots = append(m.snapshots, offset)
		}
	}
	slices.Sort(m.snapshots)
	return nil
}

// RemoveStraySnapshots deletes the snapshots that belong to no segment, but
// keeps the largest if it lies above all segments' bases: a clean shutdown left
// it at the log's end.
func (m *Manager) RemoveStraySnapshots(baseOffsets []int64) error {
	if err := m.LoadSnapshots(); err != nil {
		return err
	}
	maxBase := int64(-1)
	bases := make(map[int64]bool, len(baseOffsets))
	for _, base := range baseOffsets {
		bases[base] = true
		maxBase = max(maxBase, base)
	}
	latest := int64(-1)
	for _, snapshot := range m.snapshots {
		if !bases[snapshot] {
			latest = snapshot
		}
	}
	for _, snapshot := range slices.Clone(m.snapshots) {
		if bases[snapshot] || snapshot == latest && snapshot >= maxBase {
			continue
		}
		if err := m.deleteSnapshot(snapshot); err != nil {
			return err
		}
	}
	return nil
}

// LatestSnapshotOffset is the offset of the newest snapshot.
func (m *Manager) LatestSnapshotOffset() (offset int64, ok bool) {
	if len(m.snapshots) == 0 {
		return 0, false
	}
	return m.snapshots[len(m.snapshots)-1], true
}

// SnapshotOffsets are the offsets of all snapshots, ascending.
func (m *Manager) SnapshotOffsets() []int64 { return slices.Clone(m.snapshots) }

// TakeSnapshot saves the state unless it was saved at this offset. Without sync
// the file is written but not durable; see SyncSnapshot.
func (m *Manager) TakeSnapshot(sync bool) error {
	if m.mapEndOffset <= m.snapEndOffset {
		return nil
	}
	offset := m.mapEndOffset
	if err := m.writeSnapshot(offset, sync); err != nil {
		return err
	}
	if len(m.producers) > 0 {
		m.logger.Infof("%sWrote producer snapshot at offset %d with %d producer ids.", m.prefix, offset, len(m.producers))
	}
	if at, found := slices.BinarySearch(m.snapshots, offset); !found {
		m.snapshots = slices.Insert(m.snapshots, at, offset)
	}
	m.snapEndOffset = offset
	return nil
}

func (m *Manager) writeSnapshot(offset int64, sync bool) error {
	data := encodeSnapshot(m.producers)
	if sync {
		return vfs.WriteFile(m.fs, m.snapshotPath(offset), data)
	}
	file, err := m.fs.OpenFile(m.snapshotPath(offset), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = vfs.WriteFull(file, data, 0)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// SyncSnapshot makes the snapshot file at an offset durable, if there is one.
// Unlike all else here it may be called without the log's lock; the directory is
// therefore passed in.
func SyncSnapshot(fsys vfs.FS, dir string, offset int64) error {
	file, err := fsys.OpenFile(path.Join(dir, SnapshotName(offset)), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = file.Sync()
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// loadFromSnapshot takes the newest snapshot that can be read.
func (m *Manager) loadFromSnapshot(logStartOffset, nowMs int64) error {
	for {
		offset, ok := m.LatestSnapshotOffset()
		if !ok {
			m.snapEndOffset, m.mapEndOffset = logStartOffset, logStartOffset
			return nil
		}
		data, err := vfs.ReadFile(m.fs, m.snapshotPath(offset))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		entries, err := DecodeSnapshot(data)
		if err == nil {
			m.loadEntries(entries, nowMs)
			m.snapEndOffset, m.mapEndOffset = offset, offset
			return nil
		}
		m.logger.Warnf("%sFailed to load producer snapshot from '%s': %v", m.prefix, m.snapshotPath(offset), err)
		if err := m.deleteSnapshot(offset); err != nil {
			return err
		}
	}
}

func (m *Manager) loadEntries(entries []Entry, nowMs int64) {
	for i := range entries {
		entry := entries[i]
		if m.isExpired(nowMs, &entry) {
			continue
		}
		if m.producers == nil {
			m.producers = make(map[int64]*Entry, len(entries))
		}
		m.producers[entry.ProducerID] = &entry
		if entry.CurrentTxnFirstOffset >= 0 {
			m.ongoing = insert(m.ongoing, transaction{
				producerID: entry.ProducerID,
				first:      Position{Offset: entry.CurrentTxnFirstOffset, SegmentBase: -1, Relative: -1},
				lastOffset: -1,
			})
		}
	}
}

func (m *Manager) forget(offset int64) bool {
	at, found := slices.BinarySearch(m.snapshots, offset)
	if found {
		m.snapshots = slices.Delete(m.snapshots, at, at+1)
	}
	return found
}

func (m *Manager) deleteSnapshot(offset int64) error {
	if !m.forget(offset) {
		return nil
	}
	return vfs.RemoveIfExists(m.fs, m.snapshotPath(offset))
}

// MarkSnapshotForDeletion renames the snapshot at an offset and returns the
// path to delete later; empty if there is none.
func (m *Manager) MarkSnapshotForDeletion(offset int64) (marked string, err error) {
	if !m.forget(offset) {
		return "", nil
	}
	name := m.snapshotPath(offset)
	if err := m.fs.Rename(name, name+DeletedSuffix); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return name + DeletedSuffix, nil
}
