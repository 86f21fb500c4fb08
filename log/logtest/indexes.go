package logtest

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/log/index"
)

// checkIndexes holds the offset and the time index of a segment against it.
func (p *partitionCheck) checkIndexes(s *segment, active bool) {
	if p.State == PowerLost && p.isRecovered(s.base) {
		return
	}
	p.checkOffsetIndex(s, active)
	p.checkTimeIndex(s, active)
}

// entries are those of an index file; presized tells that zeros follow, as in one
// that is appended to.
func (p *partitionCheck) entries(name string, size int) (entries [][]byte, presized bool) {
	data := p.read(name)
	if len(data)%size != 0 {
		p.problem(name, "has %d bytes, which is no multiple of %d", len(data), size)
	}
	end := len(data)
	for end > 0 && data[end-1] == 0 {
		end--
	}
	presized = len(data)-end >= size
	for at := 0; at < end && at+size <= len(data); at += size {
		entries = append(entries, data[at:at+size])
	}
	return entries, presized
}

func (p *partitionCheck) checkOffsetIndex(s *segment, active bool) {
	name := fmt.Sprintf("%020d.index", s.base)
	if _, ok := p.files[name]; !ok && len(s.batches) > 0 && p.State == Settled {
		p.problem(name, "is missing")
	}
	entries, presized := p.entries(name, index.OffsetEntrySize)
	if presized && !active && p.State == Settled {
		p.problem(name, "was not trimmed")
	}
	lastOffset, lastPosition := s.base-1, -1
	for i, entry := range entries {
		offset := s.base + int64(int32(binary.BigEndian.Uint32(entry)))
		position := int(int32(binary.BigEndian.Uint32(entry[4:])))
		at, found := slices.BinarySearchFunc(s.batches, position, func(b place, target int) int { return b.position - target })
		switch {
		case offset <= lastOffset || position <= lastPosition:
			p.problem(name, "entry %d, offset %d at %d, follows offset %d at %d", i, offset, position, lastOffset, lastPosition)
		case !found:
			p.problem(name, "entry %d: no batch begins at %d", i, position)
		case offset < s.batches[at].last || !s.hasLast(offset):
			p.problem(name, "entry %d: no append at %d ends with offset %d", i, position, offset)
		case at > 0 && s.batches[at-1].last >= offset:
			p.problem(name, "entry %d: offset %d lies before position %d", i, offset, position)
		}
		lastOffset, lastPosition = offset, position
	}
}

// hasLast tells whether an offset is the last one of a batch.
func (s *segment) hasLast(offset int64) bool {
	_, found := slices.BinarySearchFunc(s.batches, offset, func(b place, target int64) int {
		switch {
		case b.last < target:
			return -1
		case b.last > target:
			return 1
		}
		return 0
	})
	return found
}

func (p *partitionCheck) checkTimeIndex(s *segment, active bool) {
	name := fmt.Sprintf("%020d.timeindex", s.base)
	entries, presized := p.entries(name, index.TimeEntrySize)
	if presized && !active && p.State == Settled {
		p.problem(name, "was not trimmed")
	}
	lastTimestamp, lastOffset := int64(-1), s.base-1
	at, reached := 0, int64(-1) // the largest time of the batches before an entry's
	for i, entry := range entries {
		timestamp := int64(binary.BigEndian.Uint64(entry))
		offset := s.base + int64(int32(binary.BigEndian.Uint32(entry[8:])))
		if timestamp <= lastTimestamp || offset < lastOffset {
			p.problem(name, "entry %d, time %d at %d, follows time %d at %d", i, timestamp, offset, lastTimestamp, lastOffset)
		}
		for at < len(s.batches) && s.batches[at].last < offset {
			reached = max(reached, s.batches[at].maxTimestamp)
			at++
		}
		switch {
		case at == len(s.batches):
			p.problem(name, "entry %d: offset %d lies behind the end %d", i, offset, s.next())
		case reached > timestamp || s.batches[at].maxTimestamp != timestamp:
			p.problem(name, "entry %d: time %d at %d, where a batch has %d, those before it up to %d", i, timestamp, offset, s.batches[at].maxTimestamp, reached)
		}
		lastTimestamp, lastOffset = timestamp, offset
	}
	if largest := s.maxTimestamp(); !active && lastTimestamp < largest && p.complete(s.base) {
		p.problem(name, "ends with time %d, the segment [%d, %d) reaches %d; the recovery point is %d, the file has %d bytes",
			lastTimestamp, s.base, s.next(), largest, p.recoveryPoint, len(p.read(name)))
	}
}

// checkAborted holds the transaction indexes against the markers.
func (p *partitionCheck) checkAborted() {
	type key struct{ producerID, last int64 }
	noted := map[key]int64{}
	for i, s := range p.segments {
		active := i+1 == len(p.segments)
		if p.State == PowerLost && p.isRecovered(s.base) {
			return
		}
		name := fmt.Sprintf("%020d.txnindex", s.base)
		data := p.read(name)
		if len(data)%index.AbortedTxnSize != 0 && !(active && p.State != Settled) {
			p.problem(name, "has %d bytes", len(data))
		}
		previous := s.base - 1
		for ; len(data) >= index.AbortedTxnSize; data = data[index.AbortedTxnSize:] {
			number := func(at int) int64 { return int64(binary.BigEndian.Uint64(data[at:])) }
			id, first, last, stable := number(2), number(10), number(18), number(26)
			switch {
			case binary.BigEndian.Uint16(data) != 0:
				p.problem(name, "has an entry of version %d", binary.BigEndian.Uint16(data))
			case last <= previous || last >= s.next() || first > last || stable < 0 || stable > last+1:
				p.problem(name, "has the transaction %d to %d, stable offset %d, after %d; the segment is [%d, %d)", first, last, stable, previous, s.base, s.next())
			case !p.compacted && !p.trail.hasAbort(id, last):
				p.problem(name, "has a transaction of producer %d that ends at %d, where it has no marker", id, last)
			}
			noted[key{id, last}] = first
			previous = last
		}
	}
	if p.compacted {
		return
	}
	for _, aborted := range p.trail.aborted {
		first, ok := noted[key{aborted.producerID, aborted.last}]
		if !ok && !p.complete(p.baseBelow(aborted.last)) || !ok && p.State == Running && aborted.last+1 == p.found.End {
			continue // the marker was written, its entry was not
		}
		if !ok || first > aborted.first {
			p.problem("", "the aborted transaction %+v is not in the index (%v, %d)", aborted, ok, first)
		}
	}
}

// baseBelow is the base offset of the segment with an offset.
func (p *partitionCheck) baseBelow(offset int64) int64 {
	at, found := slices.BinarySearch(p.bases, offset)
	if !found {
		at--
	}
	return p.bases[max(at, 0)]
}
