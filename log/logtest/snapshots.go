package logtest

import (
	"github.com/gregor-broker/gregor/log/producerstate"
)

// checkSnapshots holds the snapshots of producers against their batches.
func (p *partitionCheck) checkSnapshots() {
	if p.State == PowerLost {
		return // those that are not whole are not used
	}
	newest := int64(-1)
	for name := range p.files {
		if offset, ok := producerstate.ParseSnapshotName(name); ok {
			newest = max(newest, offset)
		}
	}
	for name := range p.files {
		offset, ok := producerstate.ParseSnapshotName(name)
		if !ok {
			continue
		}
		entries, err := producerstate.DecodeSnapshot(p.read(name))
		if err != nil {
			if p.complete(p.baseBelow(offset)) && (p.State == Settled || offset != newest) {
				p.problem(name, "%v", err)
			}
			continue
		}
		if offset > p.found.End { // a truncation may have been under way
			if p.State != Killed {
				p.problem(name, "lies behind the end %d", p.found.End)
			}
			continue
		}
		p.checkSnapshot(name, offset, entries)
	}
}

func (p *partitionCheck) checkSnapshot(name string, offset int64, entries []producerstate.Entry) {
	known := map[int64]bool{}
	for i := range entries {
		entry := &entries[i]
		known[entry.ProducerID] = true
		last, ok := p.trail.before(entry.ProducerID, offset)
		switch {
		case entry.LastDataOffset() >= offset:
			p.problem(name, "producer %d has offset %d", entry.ProducerID, entry.LastDataOffset())
		case !ok || entry.LastDataOffset() < p.found.Start:
			// Its batches are gone; what was known of it stays.
		case p.compacted && last.offset != entry.LastDataOffset():
			// Compaction keeps only the last batch of all.
		case entry.LastDataOffset() >= 0 && (last.offset != entry.LastDataOffset() || last.lastSequence != entry.LastSequence()):
			p.problem(name, "producer %d has sequence %d at %d, its last batch sequence %d at %d",
				entry.ProducerID, entry.LastSequence(), entry.LastDataOffset(), last.lastSequence, last.offset)
		}
	}
	for id := range p.trail.producers {
		if last, ok := p.trail.before(id, offset); ok && !known[id] && last.offset >= p.LogStartOffsets[p.partition] {
			p.problem(name, "producer %d is missing, whose last batch ends at %d", id, last.offset)
		}
	}
}
