package index

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gregor-broker/gregor/log/vfs"
)

// OffsetEntrySize is the size of an entry of an offset index: the offset less
// the segment's base, and the position in the segment, 4 bytes each.
const OffsetEntrySize = 8

// OffsetPosition says that all records up to an offset lie at or before the
// batch at a position.
type OffsetPosition struct {
	Offset   int64
	Position int
}

// OffsetIndex maps offsets to positions in the segment, as
// kafka.log.OffsetIndex. It is safe for concurrent use.
type OffsetIndex struct {
	table
	baseOffset int64
	// last caches the last entry; lastKnown says it is right.
	last      OffsetPosition
	lastKnown bool
}

// NewOffsetIndex opens the index in a file, which is not looked at yet.
func NewOffsetIndex(fsys vfs.FS, path string, baseOffset int64, maxSize int) *OffsetIndex {
	return &OffsetIndex{table: newTable(fsys, path, OffsetEntrySize, maxSize), baseOffset: baseOffset}
}

func (x *OffsetIndex) parse(entry []byte) OffsetPosition {
	return OffsetPosition{
		Offset:   x.baseOffset + int64(int32(binary.BigEndian.Uint32(entry))),
		Position: int(int32(binary.BigEndian.Uint32(entry[4:]))),
	}
}

// Append adds an entry, whose offset must be above the last one's.
func (x *OffsetIndex) Append(offset int64, position int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLastLocked(); err != nil {
		return err
	}
	relative := offset - x.baseOffset
	if relative < 0 || relative > math.MaxInt32 {
		return fmt.Errorf("integer overflow for offset: %d (%s)", offset, x.path)
	}
	if x.entriesLocked() >= x.maxEntriesLocked() {
		return fmt.Errorf("attempt to append to a full index (%s, size = %d): %w", x.path, x.entriesLocked(), ErrFull)
	}
	if x.entriesLocked() > 0 && offset <= x.last.Offset {
		return fmt.Errorf("attempt to append an offset (%d) to position %d no larger than the last offset appended (%d) to %s",
			offset, x.entriesLocked(), x.last.Offset, x.path)
	}
	var entry [OffsetEntrySize]byte
	binary.BigEndian.PutUint32(entry[:], uint32(relative))
	binary.BigEndian.PutUint32(entry[4:], uint32(position))
	x.last = OffsetPosition{offset, position}
	return x.appendLocked(entry[:])
}

func (x *OffsetIndex) loadLastLocked() error {
	if x.lastKnown {
		return nil
	}
	if err := x.loadLocked(); err != nil {
		return err
	}
	x.last = OffsetPosition{Offset: x.baseOffset}
	if n := x.entriesLocked(); n > 0 {
		var entry [OffsetEntrySize]byte
		if err := x.entryLocked(n-1, entry[:]); err != nil {
			return err
		}
		x.last = x.parse(entry[:])
	}
	x.lastKnown = true
	return nil
}

// Lookup finds the last entry at or below an offset; without one it is the
// start of the segment.
func (x *OffsetIndex) Lookup(target int64) (found OffsetPosition, err error) {
	found = OffsetPosition{Offset: x.baseOffset}
	err = x.read(func() error {
		var entry [OffsetEntrySize]byte
		slot, err := x.searchLocked(func(entry []byte) bool { return x.parse(entry).Offset <= target }, entry[:])
		if err == nil && slot >= 0 {
			found = x.parse(entry[:])
		}
		return err
	})
	if found.Position < 0 { // of no use; a read there would pass for a fault of the disk
		found = OffsetPosition{Offset: x.baseOffset}
	}
	return found, err
}

// UpperBound finds the first entry at or after the end of a fetch, which is an
// offset that no record of the fetch lies above.
func (x *OffsetIndex) UpperBound(fetch OffsetPosition, fetchSize int) (found OffsetPosition, ok bool, err error) {
	err = x.read(func() error {
		end := fetch.Position + fetchSize
		var entry [OffsetEntrySize]byte
		slot, err := x.searchLocked(func(entry []byte) bool { return x.parse(entry).Position < end }, entry[:])
		if err != nil || slot+1 >= x.entriesLocked() {
			return err
		}
		if err := x.entryLocked(slot+1, entry[:]); err != nil {
			return err
		}
		found, ok = x.parse(entry[:]), true
		return nil
	})
	return found, ok, err
}

// IsFull reports whether there is no room for another entry.
func (x *OffsetIndex) IsFull() (full bool, err error) {
	err = x.read(func() error { full = x.entriesLocked() >= x.maxEntriesLocked(); return nil })
	return full, err
}

// TruncateTo drops all entries at or above an offset.
func (x *OffsetIndex) TruncateTo(offset int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return err
	}
	var entry [OffsetEntrySize]byte
	slot, err := x.searchLocked(func(entry []byte) bool { return x.parse(entry).Offset < offset }, entry[:])
	if err != nil {
		return err
	}
	x.lastKnown = false
	return x.keepLocked(slot + 1)
}

// Reset drops all entries.
func (x *OffsetIndex) Reset() error {
	x.mu.Lock()
	x.lastKnown = false
	x.mu.Unlock()
	return x.table.Reset()
}
