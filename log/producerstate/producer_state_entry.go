// Package producerstate remembers what each idempotent or transactional
// producer last wrote to a partition, so that duplicates are recognised, gaps
// refused, and open transactions known (KIP-98). The memory is saved in
// snapshot files from which it is rebuilt after a restart.
//
// It mirrors kafka.log.ProducerStateManager. Nothing here is safe for
// concurrent use; the log's lock guards it.
package producerstate

import "github.com/gregor-broker/gregor/log/record"

// batchesToRetain is how many batches of a producer are remembered, which is as
// many as a producer may have in flight.
const batchesToRetain = 5

// Batch is what is remembered of one batch.
type Batch struct {
	LastSequence int32
	OffsetDelta  int32
	LastOffset   int64
	Timestamp    int64
}

// FirstSequence is the sequence number of the first record.
func (b *Batch) FirstSequence() int32 { return record.DecrementSequence(b.LastSequence, b.OffsetDelta) }

// FirstOffset is the offset of the first record.
func (b *Batch) FirstOffset() int64 { return b.LastOffset - int64(b.OffsetDelta) }

// Entry is the state of one producer, as ProducerStateEntry.
type Entry struct {
	ProducerID       int64
	LastTimestamp    int64
	CoordinatorEpoch int32
	ProducerEpoch    int16
	count            int8
	// CurrentTxnFirstOffset is where the open transaction begins, -1 if there
	// is none.
	CurrentTxnFirstOffset int64
	// batches are the last ones, oldest first; count says how many.
	batches [batchesToRetain]Batch
}

func emptyEntry(producerID int64) Entry {
	return Entry{
		ProducerID:            producerID,
		LastTimestamp:         record.NoTimestamp,
		CoordinatorEpoch:      -1,
		ProducerEpoch:         record.NoProducerEpoch,
		CurrentTxnFirstOffset: -1,
	}
}

func (e *Entry) isEmpty() bool { return e.count == 0 }

func (e *Entry) last() *Batch { return &e.batches[e.count-1] }

// LastBatch is the last batch, nil if none is remembered.
func (e *Entry) LastBatch() *Batch {
	if e.isEmpty() {
		return nil
	}
	return e.last()
}

// LastSequence is the sequence number of the last record, NoSequence if none.
func (e *Entry) LastSequence() int32 {
	if e.isEmpty() {
		return record.NoSequence
	}
	return e.last().LastSequence
}

// LastDataOffset is the offset of the last record, -1 if none.
func (e *Entry) LastDataOffset() int64 {
	if e.isEmpty() {
		return -1
	}
	return e.last().LastOffset
}

func (e *Entry) lastOffsetDelta() int32 {
	if e.isEmpty() {
		return 0
	}
	return e.last().OffsetDelta
}

func (e *Entry) addBatch(batch Batch) {
	if e.count == batchesToRetain {
		copy(e.batches[:], e.batches[1:])
		e.count--
	}
	e.batches[e.count] = batch
	e.count++
}

// maybeUpdateEpoch forgets the batches of another epoch.
func (e *Entry) maybeUpdateEpoch(epoch int16) {
	if e.ProducerEpoch != epoch {
		e.count = 0
		e.ProducerEpoch = epoch
	}
}

// update takes over what an append changed.
func (e *Entry) update(next *Entry) {
	e.maybeUpdateEpoch(next.ProducerEpoch)
	for i := range next.count {
		e.addBatch(next.batches[i])
	}
	e.CoordinatorEpoch = next.CoordinatorEpoch
	e.CurrentTxnFirstOffset = next.CurrentTxnFirstOffset
	e.LastTimestamp = next.LastTimestamp
}

// FindDuplicate finds the remembered batch with the same sequence numbers.
func (e *Entry) FindDuplicate(batch record.Batch) *Batch {
	if batch.ProducerEpoch() != e.ProducerEpoch {
		return nil
	}
	first, last := batch.BaseSequence(), batch.LastSequence()
	for i := range e.batches[:e.count] {
		if candidate := &e.batches[i]; candidate.LastSequence == last && candidate.FirstSequence() == first {
			return candidate
		}
	}
	return nil
}
