package cleaner

import (
	"cmp"
	"slices"

	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/record"
)

// cleanedTransactions follows the transactions of a log while it is walked from
// its start, as CleanedTransactionMetadata: it tells which records belong to
// aborted transactions and which markers are not needed any more.
type cleanedTransactions struct {
	// committed are the producers with records of transactions not known to be
	// aborted.
	committed map[int64]bool
	// aborted are the aborted transactions the walk is in; true says that
	// batches of theirs are still there.
	aborted map[int64]*abortedTransaction
	// upcoming are the aborted transactions ahead, in order of first offsets.
	upcoming []index.AbortedTxn
	// retain notes an aborted transaction whose marker stays; nil while only
	// the map is built.
	retain func(index.AbortedTxn) error
}

type abortedTransaction struct {
	index.AbortedTxn
	// seen says that the walk met a batch of it.
	seen bool
}

func newCleanedTransactions() *cleanedTransactions {
	return &cleanedTransactions{committed: map[int64]bool{}, aborted: map[int64]*abortedTransaction{}}
}

func (t *cleanedTransactions) add(aborted []index.AbortedTxn) {
	t.upcoming = append(t.upcoming, aborted...)
	slices.SortStableFunc(t.upcoming, func(a, b index.AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
}

// advance enters the transactions that begin at or below an offset.
func (t *cleanedTransactions) advance(offset int64) {
	for len(t.upcoming) > 0 && t.upcoming[0].FirstOffset <= offset {
		next := t.upcoming[0]
		t.upcoming = t.upcoming[1:]
		if t.aborted[next.ProducerID] == nil {
			t.aborted[next.ProducerID] = &abortedTransaction{AbortedTxn: next}
		}
	}
}

// onBatch tells whether a batch of records is of an aborted transaction.
func (t *cleanedTransactions) onBatch(batch record.Batch) (discard bool) {
	t.advance(batch.LastOffset())
	if !batch.IsTransactional() {
		return false
	}
	if aborted := t.aborted[batch.ProducerID()]; aborted != nil {
		aborted.seen = true
		return true
	}
	t.committed[batch.ProducerID()] = true
	return false
}

// onControlBatch tells whether a marker may go since its transaction has no
// batches left.
func (t *cleanedTransactions) onControlBatch(batch record.Batch) (discard bool, err error) {
	t.advance(batch.LastOffset())
	producer := batch.ProducerID()
	for control, err := range record.Records(batch) {
		if err != nil {
			return false, err
		}
		kind, err := record.ParseControlKey(control.Key)
		if err != nil {
			return false, err
		}
		switch kind {
		case record.ControlAbort:
			aborted := t.aborted[producer]
			delete(t.aborted, producer)
			if aborted == nil || !aborted.seen {
				return true, nil
			}
			if t.retain != nil {
				err = t.retain(aborted.AbortedTxn)
			}
			return false, err
		case record.ControlCommit:
			open := t.committed[producer]
			delete(t.committed, producer)
			return !open, nil
		}
		return false, nil
	}
	return true, nil // emptied by an earlier compaction
}
