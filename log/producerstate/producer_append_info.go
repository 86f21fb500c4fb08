package producerstate

import (
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/record"
)

// Origin tells how strictly appended batches are checked.
type Origin int

// What a follower copies is taken as it is; a coordinator's batches are checked
// for epochs, a client's for sequence numbers too.
const (
	Replication Origin = iota
	Coordinator
	Client
)

// Position is an offset and where it lies on disk; SegmentBase is -1 if that is
// not known.
type Position struct {
	Offset      int64
	SegmentBase int64
	Relative    int
}

// CompletedTxn is a transaction whose marker was appended.
type CompletedTxn struct {
	ProducerID  int64
	FirstOffset int64
	// LastOffset is that of the marker.
	LastOffset int64
	Aborted    bool
}

// AppendInfo checks the batches of one producer in one append and collects what
// they change, which takes effect by Manager.Update, as ProducerAppendInfo.
type AppendInfo struct {
	manager *Manager
	origin  Origin
	// current is the state before, updated what comes after it.
	current Entry
	updated Entry
	started []transaction
}

// ProducerID is the producer this is about.
func (a *AppendInfo) ProducerID() int64 { return a.updated.ProducerID }

// Append checks a batch and takes it in. completed is set when it is the marker
// that ends a transaction.
func (a *AppendInfo) Append(batch record.Batch, first Position) (completed CompletedTxn, ended bool, err error) {
	if !batch.IsControl() {
		return CompletedTxn{}, false, a.appendData(batch, first)
	}
	for control, err := range record.Records(batch) {
		if err != nil {
			return CompletedTxn{}, false, err
		}
		marker, err := record.ParseEndTransactionMarker(control.Key, control.Value)
		if err != nil {
			return CompletedTxn{}, false, err
		}
		return a.appendMarker(marker, batch.ProducerEpoch(), batch.BaseOffset(), control.Timestamp)
	}
	// An empty control batch is what compaction leaves of a transaction that is
	// gone altogether.
	return CompletedTxn{}, false, nil
}

func (a *AppendInfo) appendData(batch record.Batch, first Position) error {
	if err := a.checkEpoch(batch.ProducerEpoch(), first.Offset); err != nil {
		return err
	}
	if a.origin == Client {
		if err := a.checkSequence(batch.ProducerEpoch(), batch.BaseSequence(), first.Offset); err != nil {
			return err
		}
	}
	a.updated.maybeUpdateEpoch(batch.ProducerEpoch())
	a.updated.addBatch(Batch{
		LastSequence: batch.LastSequence(),
		OffsetDelta:  int32(batch.LastOffset() - first.Offset),
		LastOffset:   batch.LastOffset(),
		Timestamp:    batch.MaxTimestamp(),
	})
	a.updated.LastTimestamp = batch.MaxTimestamp()
	open := a.updated.CurrentTxnFirstOffset >= 0
	switch {
	case open && !batch.IsTransactional():
		return fmt.Errorf("%w: Expected transactional write from producer %d at offset %d in partition %s",
			kerr.InvalidTxnState, a.ProducerID(), first.Offset, a.manager.partition)
	case !open && batch.IsTransactional():
		a.updated.CurrentTxnFirstOffset = first.Offset
		a.started = append(a.started, transaction{producerID: a.ProducerID(), first: first, lastOffset: -1})
	}
	return nil
}

func (a *AppendInfo) checkEpoch(epoch int16, offset int64) error {
	if epoch >= a.updated.ProducerEpoch {
		return nil
	}
	message := fmt.Sprintf("Epoch of producer %d at offset %d in %s is %d, which is smaller than the last seen epoch %d",
		a.ProducerID(), offset, a.manager.partition, epoch, a.updated.ProducerEpoch)
	if a.origin == Replication {
		a.manager.logger.Warn(a.manager.prefix + message)
		return nil
	}
	return fmt.Errorf("%w: %s", kerr.InvalidProducerEpoch, message)
}

func (a *AppendInfo) checkSequence(epoch int16, first int32, offset int64) error {
	if epoch != a.updated.ProducerEpoch {
		if first != 0 && a.updated.ProducerEpoch != record.NoProducerEpoch {
			return fmt.Errorf("%w: Invalid sequence number for new epoch of producer %d at offset %d in partition %s: %d (request epoch), %d (seq. number), %d (current producer epoch)",
				kerr.OutOfOrderSequenceNumber, a.ProducerID(), offset, a.manager.partition, epoch, first, a.updated.ProducerEpoch)
		}
		return nil
	}
	last := record.NoSequence
	if !a.updated.isEmpty() {
		last = a.updated.LastSequence()
	} else if epoch == a.current.ProducerEpoch {
		last = a.current.LastSequence()
	}
	// Of a producer that is not known, perhaps because retention took all its
	// records, any sequence number is accepted.
	if a.current.ProducerEpoch == record.NoProducerEpoch || inSequence(last, first) {
		return nil
	}
	return fmt.Errorf("%w: Out of order sequence number for producer %d at offset %d in partition %s: %d (incoming seq. number), %d (current end sequence number)",
		kerr.OutOfOrderSequenceNumber, a.ProducerID(), offset, a.manager.partition, first, last)
}

func inSequence(last, next int32) bool {
	return int64(next) == int64(last)+1 || next == 0 && last == math.MaxInt32
}

func (a *AppendInfo) appendMarker(marker record.EndTransactionMarker, epoch int16, offset, timestamp int64) (completed CompletedTxn, ended bool, err error) {
	if err := a.checkEpoch(epoch, offset); err != nil {
		return completed, false, err
	}
	if err := a.checkCoordinatorEpoch(marker, offset); err != nil {
		return completed, false, err
	}
	// A marker without an open transaction changes nothing that anyone waits for.
	if a.updated.CurrentTxnFirstOffset >= 0 {
		ended = true
		completed = CompletedTxn{
			ProducerID:  a.ProducerID(),
			FirstOffset: a.updated.CurrentTxnFirstOffset,
			LastOffset:  offset,
			Aborted:     marker.Type == record.ControlAbort,
		}
	}
	a.updated.maybeUpdateEpoch(epoch)
	a.updated.CurrentTxnFirstOffset = -1
	a.updated.CoordinatorEpoch = marker.CoordinatorEpoch
	a.updated.LastTimestamp = timestamp
	return completed, ended, nil
}

func (a *AppendInfo) checkCoordinatorEpoch(marker record.EndTransactionMarker, offset int64) error {
	if a.updated.CoordinatorEpoch <= marker.CoordinatorEpoch {
		return nil
	}
	if a.origin == Replication {
		a.manager.logger.Infof("%sDetected invalid coordinator epoch for producerId %d at offset %d in partition %s: %d is older than previously known coordinator epoch %d",
			a.manager.prefix, a.ProducerID(), offset, a.manager.partition, marker.CoordinatorEpoch, a.updated.CoordinatorEpoch)
		return nil
	}
	return fmt.Errorf("%w: Invalid coordinator epoch for producerId %d at offset %d in partition %s: %d (zombie), %d (current)",
		kerr.TransactionCoordinatorFenced, a.ProducerID(), offset, a.manager.partition, marker.CoordinatorEpoch, a.updated.CoordinatorEpoch)
}
