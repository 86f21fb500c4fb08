package cleaner

import (
	"crypto/md5"
	"encoding/binary"
	"math"
)

// entrySize is what an entry of the map counts for in log.cleaner.dedupe.buffer.size.
const entrySize = md5.Size + 8

// linearFrom is the probe from which on the table is searched slot by slot.
const linearFrom = md5.Size - 4

// offsetMap keeps the offset of the last record of each key in bounded memory, as
// kafka.log.SkimpyOffsetMap: a key is represented by its MD5 hash, a table entry
// takes 24 bytes whatever the size of the key.
type offsetMap struct {
	table   []mapEntry
	entries int
	// latest is the offset up to which the log is reflected.
	latest int64
}

// mapEntry is all zero if it is free.
type mapEntry struct {
	high, low uint64
	offset    int64
}

// reset empties the map and gives it that many slots.
func (m *offsetMap) reset(slots int) {
	if cap(m.table) < slots {
		m.table = nil // two need not be there at once
		m.table = make([]mapEntry, slots)
	} else {
		m.table = m.table[:slots]
		clear(m.table)
	}
	m.entries, m.latest = 0, -1
}

// probe gives the slot to look at in an attempt: the integers that begin at the
// first bytes of the hash, then one slot after the other.
func (m *offsetMap) probe(hash *[md5.Size]byte, attempt int) *mapEntry {
	at := int32(binary.BigEndian.Uint32(hash[min(attempt, linearFrom):])) + int32(max(0, attempt-linearFrom))
	switch {
	case at == math.MinInt32:
		at = 0
	case at < 0:
		at = -at
	}
	return &m.table[uint32(at)%uint32(len(m.table))]
}

// put notes the offset of a key. There must be a free slot.
func (m *offsetMap) put(key []byte, offset int64) {
	hash := md5.Sum(key)
	high, low := binary.BigEndian.Uint64(hash[:]), binary.BigEndian.Uint64(hash[8:])
	m.latest = offset
	for attempt := 0; ; attempt++ {
		entry := m.probe(&hash, attempt)
		if entry.high == high && entry.low == low {
			entry.offset = offset
			return
		}
		if *entry == (mapEntry{}) {
			*entry = mapEntry{high, low, offset}
			m.entries++
			return
		}
	}
}

// get is the offset of a key, -1 if it is not in the map.
func (m *offsetMap) get(key []byte) int64 {
	hash := md5.Sum(key)
	high, low := binary.BigEndian.Uint64(hash[:]), binary.BigEndian.Uint64(hash[8:])
	for attempt := range len(m.table) + linearFrom {
		entry := m.probe(&hash, attempt)
		if *entry == (mapEntry{}) {
			return -1
		}
		if entry.high == high && entry.low == low {
			return entry.offset
		}
	}
	return -1
}
