package index

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/gregor-broker/gregor/log/vfs"
)

// TimeEntrySize is the size of an entry of a time index: a timestamp of 8 bytes
// and the offset less the segment's base in 4.
const TimeEntrySize = 12

// TimestampOffset says that no record up to an offset is younger than a
// timestamp.
type TimestampOffset struct {
	Timestamp int64
	Offset    int64
}

// TimeIndex maps timestamps to offsets, as kafka.log.TimeIndex. It is safe for
// concurrent use.
type TimeIndex struct {
	table
	baseOffset int64
	// last caches the last entry; lastKnown says it is right.
	last      TimestampOffset
	lastKnown bool
}

// NewTimeIndex opens the index in a file, which is not looked at yet.
func NewTimeIndex(fsys vfs.FS, path string, baseOffset int64, maxSize int) *TimeIndex {
	return &TimeIndex{table: newTable(fsys, path, TimeEntrySize, maxSize), baseOffset: baseOffset}
}

func (x *TimeIndex) parse(entry []byte) TimestampOffset {
	return TimestampOffset{
		Timestamp: int64(binary.BigEndian.Uint64(entry)),
		Offset:    x.baseOffset + int64(int32(binary.BigEndian.Uint32(entry[8:]))),
	}
}

// MaybeAppend adds an entry if its timestamp is above the last one's. One slot
// is kept for the entry that a roll adds, which passes final.
func (x *TimeIndex) MaybeAppend(timestamp, offset int64, final bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLastLocked(); err != nil {
		return err
	}
	n := x.entriesLocked()
	relative := offset - x.baseOffset
	switch {
	case relative < 0 || relative > math.MaxInt32:
		return fmt.Errorf("integer overflow for offset: %d (%s)", offset, x.path)
	case n > 0 && offset < x.last.Offset:
		return fmt.Errorf("attempt to append an offset (%d) to slot %d no larger than the last offset appended (%d) to %s",
			offset, n, x.last.Offset, x.path)
	case n > 0 && timestamp < x.last.Timestamp:
		return fmt.Errorf("attempt to append a timestamp (%d) to slot %d no larger than the last timestamp appended (%d) to %s",
			timestamp, n, x.last.Timestamp, x.path)
	case timestamp <= x.last.Timestamp:
		return nil
	case !final && n >= x.maxEntriesLocked()-1, n >= x.maxEntriesLocked():
		return fmt.Errorf("attempt to append to a full time index (%s, size = %d): %w", x.path, n, ErrFull)
	}
	var entry [TimeEntrySize]byte
	binary.BigEndian.PutUint64(entry[:], uint64(timestamp))
	binary.BigEndian.PutUint32(entry[8:], uint32(relative))
	x.last = TimestampOffset{timestamp, offset}
	return x.appendLocked(entry[:])
}

func (x *TimeIndex) loadLastLocked() error {
	if x.lastKnown {
		return nil
	}
	if err := x.loadLocked(); err != nil {
		return err
	}
	x.last = TimestampOffset{Timestamp: -1, Offset: x.baseOffset}
	if n := x.entriesLocked(); n > 0 {
		var entry [TimeEntrySize]byte
		if err := x.entryLocked(n-1, entry[:]); err != nil {
			return err
		}
		x.last = x.parse(entry[:])
	}
	x.lastKnown = true
	return nil
}

// LastEntry is the last entry, or timestamp -1 at the base offset.
func (x *TimeIndex) LastEntry() (TimestampOffset, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.loadLastLocked()
	return x.last, err
}

// Lookup finds the last entry at or below a timestamp; without one it is
// timestamp -1 at the base offset.
func (x *TimeIndex) Lookup(target int64) (found TimestampOffset, err error) {
	found = TimestampOffset{Timestamp: -1, Offset: x.baseOffset}
	err = x.read(func() error {
		var entry [TimeEntrySize]byte
		slot, err := x.searchLocked(func(entry []byte) bool { return x.parse(entry).Timestamp <= target }, entry[:])
		if err == nil && slot >= 0 {
			found = x.parse(entry[:])
		}
		return err
	})
	return found, err
}

// IsFull reports whether only the slot of the roll's entry is left.
func (x *TimeIndex) IsFull() (full bool, err error) {
	err = x.read(func() error { full = x.entriesLocked() >= x.maxEntriesLocked()-1; return nil })
	return full, err
}

// TruncateTo drops all entries at or above an offset.
func (x *TimeIndex) TruncateTo(offset int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return err
	}
	var entry [TimeEntrySize]byte
	slot, err := x.searchLocked(func(entry []byte) bool { return x.parse(entry).Offset < offset }, entry[:])
	if err != nil {
		return err
	}
	x.lastKnown = false
	return x.keepLocked(slot + 1)
}

// Reset drops all entries.
func (x *TimeIndex) Reset() error {
	x.mu.Lock()
	x.lastKnown = false
	x.mu.Unlock()
	return x.table.Reset()
}
