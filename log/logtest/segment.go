package logtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// segment is the content of a log file.
type segment struct {
	base    int64
	data    []byte
	batches []place
	// end is where the whole batches end, flaw what is wrong there.
	end  int
	flaw string
}

// place is where a batch lies and what its header says of offsets and times.
type place struct {
	position     int
	base, last   int64
	maxTimestamp int64
}

func (s *segment) next() int64 {
	if n := len(s.batches); n > 0 {
		return s.batches[n-1].last + 1
	}
	return s.base
}

func (s *segment) name() string { return fmt.Sprintf("%020d.log", s.base) }

func (s *segment) maxTimestamp() int64 {
	largest := record.NoTimestamp
	for _, batch := range s.batches {
		largest = max(largest, batch.maxTimestamp)
	}
	return largest
}

// batch is the batch at a place.
func (s *segment) batch(i int) record.Batch {
	end := s.end
	if i+1 < len(s.batches) {
		end = s.batches[i+1].position
	}
	return record.Batch(s.data[s.batches[i].position:end])
}

// readSegment reads a log file up to the first batch that is not whole.
func readSegment(fsys vfs.FS, name string, base int64) (*segment, error) {
	s := &segment{base: base}
	var err error
	if s.data, err = vfs.ReadFile(fsys, name); err != nil {
		return s, err
	}
	for s.end < len(s.data) {
		batch, _, err := record.Next(s.data[s.end:])
		if err == nil {
			err = batch.EnsureValid()
		}
		if err == nil && (batch.LastOffset() < batch.BaseOffset() || batch.LastOffset() < base) {
			err = fmt.Errorf("offsets %d to %d", batch.BaseOffset(), batch.LastOffset())
		}
		if err != nil {
			s.flaw = fmt.Sprintf("position %d of %d: %v", s.end, len(s.data), err)
			break
		}
		s.batches = append(s.batches, place{s.end, batch.BaseOffset(), batch.LastOffset(), batch.MaxTimestamp()})
		s.end += len(batch)
	}
	return s, nil
}

// walk reads all segments in order. It goes no further than to what is not whole
// and need not be.
func (p *partitionCheck) walk() {
	for name := range p.files {
		if base, ok := baseOf(name); ok && name[20:] == ".log" {
			p.bases = append(p.bases, base)
		}
	}
	slices.Sort(p.bases)
	if len(p.bases) == 0 {
		if p.State == Settled {
			p.problem("", "has no segment")
		}
		return
	}
	p.found.Start, p.found.End = p.bases[0], p.bases[0]
	for i, base := range p.bases {
		name := fmt.Sprintf("%020d.log", base)
		s, err := readSegment(p.FS, p.files[name], base)
		if err != nil {
			p.problem(name, "%v", err)
			return
		}
		if base < p.found.End || base > p.found.End && !p.compacted && p.durable(base) {
			p.problem(name, "follows the end %d of the last segment", p.found.End)
		}
		p.segments = append(p.segments, s)
		p.takeIn(s)
		if s.flaw != "" {
			p.found.Garbage = int64(len(s.data) - s.end)
			if last := i+1 == len(p.bases); p.State == Settled || p.State == Running || s.next() < p.recoveryPoint || p.State == Killed && !last {
				p.problem(name, "%s; the recovery point is %d", s.flaw, p.recoveryPoint)
			}
			return
		}
		p.found.End = max(p.found.End, base)
	}
}

// takeIn follows the batches of a segment.
func (p *partitionCheck) takeIn(s *segment) {
	p.found.Segments++
	p.found.Bytes += int64(s.end)
	expected := p.found.End
	if len(p.segments) == 1 || p.compacted {
		expected = s.base
	}
	for i, at := range s.batches {
		batch := s.batch(i)
		first := batch.BaseOffset()
		switch {
		case batch.Magic() < record.MagicV2:
			first = expected // is known only by the records
		case first < expected || first > expected && !p.compacted:
			p.problem(s.name(), "position %d: offsets %d to %d where %d is next", at.position, first, at.last, expected)
		}
		if p.Deep {
			p.checkRecords(s, batch, at.position)
		}
		for _, fault := range p.trail.follow(batch, p.compacted, p.State == Settled && at.last >= p.LogStartOffsets[p.partition]) {
			p.problem(s.name(), "position %d, offset %d: %s", at.position, first, fault)
		}
		if p.Visit != nil {
			p.Visit(p.partition, batch)
		}
		expected = at.last + 1
		p.found.Batches++
	}
	p.found.End = max(p.found.End, expected)
}

// checkRecords reads each record of a batch.
func (p *partitionCheck) checkRecords(s *segment, batch record.Batch, position int) {
	previous, count := batch.BaseOffset()-1, int32(0)
	for item, err := range record.Records(batch) {
		if err != nil {
			p.problem(s.name(), "position %d: %v", position, err)
			return
		}
		if batch.Magic() >= record.MagicV2 && item.Offset <= previous || item.Offset > batch.LastOffset() {
			p.problem(s.name(), "position %d: offset %d follows %d", position, item.Offset, previous)
		}
		if _, ok := batch.DeleteHorizon(); item.Timestamp > batch.MaxTimestamp() && batch.Magic() >= record.MagicV1 && !ok {
			p.problem(s.name(), "position %d: offset %d has time %d, its batch %d", position, item.Offset, item.Timestamp, batch.MaxTimestamp())
		}
		previous = item.Offset
		count++
	}
	if batch.Magic() >= record.MagicV2 && count != batch.Count() {
		p.problem(s.name(), "position %d: %d records of %d", position, count, batch.Count())
	}
}

var errNoMarker = errors.New("not a marker")

// markerOf is what a control batch says of its transaction.
func markerOf(batch record.Batch) (record.ControlType, error) {
	for item, err := range record.Records(batch) {
		if err != nil {
			return 0, err
		}
		return record.ParseControlKey(item.Key)
	}
	return 0, errNoMarker // compaction left its header only
}
