package logtest

import (
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/record"
)

// trail is what batches say of epochs, producers and transactions when they are
// followed from the log's start.
type trail struct {
	epochs      []checkpoint.EpochEntry
	latestEpoch int32
	// producers has the batches of each producer, in order.
	producers map[int64][]produced
	// open has the first offset of each open transaction.
	open map[int64]int64
	// aborted are the transactions whose end was seen, markers all aborts by the
	// marker's offset.
	aborted []ended
	markers map[int64]int64
}

// produced is a data batch of a producer.
type produced struct {
	offset       int64 // its last
	lastSequence int32
	epoch        int16
}

// ended is a transaction that was aborted.
type ended struct{ producerID, first, last int64 }

func newTrail() trail {
	return trail{latestEpoch: -1, producers: map[int64][]produced{}, open: map[int64]int64{}, markers: map[int64]int64{}}
}

// follow takes a batch in and gives what contradicts those before it.
func (t *trail) follow(batch record.Batch, compacted, settled bool) (faults []string) {
	if batch.Magic() < record.MagicV2 {
		return nil
	}
	if fault := t.followEpoch(batch, settled); fault != "" {
		faults = append(faults, fault)
	}
	if !batch.HasProducerID() {
		return faults
	}
	if batch.IsControl() {
		t.followMarker(batch)
		return faults
	}
	if fault := t.followSequence(batch, compacted); fault != "" {
		faults = append(faults, fault)
	}
	if _, ok := t.open[batch.ProducerID()]; batch.IsTransactional() && !ok {
		t.open[batch.ProducerID()] = batch.BaseOffset()
	}
	return faults
}

func (t *trail) followEpoch(batch record.Batch, settled bool) string {
	epoch := batch.PartitionLeaderEpoch()
	if epoch < 0 {
		return ""
	}
	if epoch < t.latestEpoch {
		return fmt.Sprintf("leader epoch %d after %d", epoch, t.latestEpoch)
	}
	t.latestEpoch = epoch
	at := len(t.epochs) - 1
	for at >= 0 && t.epochs[at].StartOffset > batch.BaseOffset() {
		at--
	}
	switch {
	case at >= 0 && t.epochs[at].Epoch != epoch:
		return fmt.Sprintf("leader epoch %d, but %s says %v", epoch, checkpoint.LeaderEpochFile, t.epochs[at])
	case settled && len(t.epochs) == 0:
		return fmt.Sprintf("leader epoch %d, but %s has none", epoch, checkpoint.LeaderEpochFile)
	}
	return ""
}

// followSequence: a producer's batches follow each other, none twice.
func (t *trail) followSequence(batch record.Batch, compacted bool) (fault string) {
	id := batch.ProducerID()
	if batch.BaseSequence() < 0 {
		return ""
	}
	if n := len(t.producers[id]); n > 0 {
		last := t.producers[id][n-1]
		expected := int32(0)
		if batch.ProducerEpoch() == last.epoch {
			expected = record.IncrementSequence(last.lastSequence, 1)
		}
		// Compaction takes batches out; a sequence that went back would be far
		// ahead of the last one.
		ahead := record.DecrementSequence(batch.BaseSequence(), expected)
		switch {
		case batch.ProducerEpoch() < last.epoch:
			fault = fmt.Sprintf("producer %d went back from epoch %d to %d", id, last.epoch, batch.ProducerEpoch())
		case ahead != 0 && (!compacted || ahead > 1<<30):
			fault = fmt.Sprintf("producer %d, epoch %d: sequence %d where %d is next", id, batch.ProducerEpoch(), batch.BaseSequence(), expected)
		}
	}
	t.producers[id] = append(t.producers[id], produced{batch.LastOffset(), batch.LastSequence(), batch.ProducerEpoch()})
	return fault
}

func (t *trail) followMarker(batch record.Batch) {
	kind, err := markerOf(batch)
	if err != nil {
		return
	}
	id := batch.ProducerID()
	first, ok := t.open[id]
	delete(t.open, id)
	if kind != record.ControlAbort {
		return
	}
	t.markers[batch.LastOffset()] = id
	if ok {
		t.aborted = append(t.aborted, ended{id, first, batch.LastOffset()})
	}
}

// hasAbort tells whether a producer has the marker of an abort at an offset.
func (t *trail) hasAbort(producerID, offset int64) bool {
	id, ok := t.markers[offset]
	return ok && id == producerID
}

// before is the last batch of a producer below an offset.
func (t *trail) before(id, offset int64) (produced, bool) {
	list := t.producers[id]
	at, _ := slices.BinarySearchFunc(list, offset, func(p produced, target int64) int {
		if p.offset < target {
			return -1
		}
		return 1
	})
	if at == 0 {
		return produced{}, false
	}
	return list[at-1], true
}
