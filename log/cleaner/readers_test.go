package cleaner

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
)

// TestReadersDuringCompaction: consumers read all the time while segments are
// replaced and the old files deleted at once. None gets an error, or sees a record
// of an aborted transaction.
func TestReadersDuringCompaction(t *testing.T) {
	l := openLog(t, newMem(t), "segment.bytes", "600", "index.interval.bytes", "100")
	var done atomic.Bool
	var readers sync.WaitGroup
	for seed := range uint64(3) {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(seed, 3))
			for !done.Load() {
				err := l.readCommitted(random, func(offset int64, got item) error {
					if got.value == "aborted" {
						return fmt.Errorf("record %d of an aborted transaction is seen", offset)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	sequences := [4]int{}
	for round := range 150 {
		id := int64(round%3 + 1)
		aborted := round%2 == 0
		value := "committed"
		if aborted {
			value = "aborted"
		}
		l.append(producer(id, sequences[id], true), fmt.Sprint("k", round%7), value, fmt.Sprint("k", round%5), value)
		sequences[id] += 2
		l.put(fmt.Sprint("k", round%4), "committed")
		kind := record.ControlCommit
		if aborted {
			kind = record.ControlAbort
		}
		l.end(id, kind)
		if round%5 == 4 && l.dirty < l.ActiveSegmentBaseOffset() {
			l.clean()
		}
	}
	done.Store(true)
	readers.Wait()
}

// readCommitted reads the log once as a consumer with read_committed does, in
// answers of random sizes.
func (l *testLog) readCommitted(random *rand.Rand, see func(int64, item) error) error {
	for from := l.LogStartOffset(); from < l.LastStableOffset(); {
		info, err := l.Read(from, 100+random.IntN(1500), log.FetchTxnCommitted, true)
		if err != nil {
			return fmt.Errorf("read at %d: %w", from, err)
		}
		if info.Records == nil {
			return nil
		}
		data := make([]byte, info.Records.Size())
		_, err = info.Records.ReadAt(data, 0)
		info.Release()
		if err != nil {
			return err
		}
		next, err := consume(data, info.AbortedTransactions, from, see)
		if err == nil && next == from {
			err = fmt.Errorf("no progress at %d", from)
		}
		if err != nil {
			return err
		}
		from = next
	}
	return nil
}

// consume shows the records of an answer that are not of aborted transactions.
func consume(data []byte, aborted []log.AbortedTransaction, from int64, see func(int64, item) error) (next int64, err error) {
	slices.SortFunc(aborted, func(a, b log.AbortedTransaction) int { return int(a.FirstOffset - b.FirstOffset) })
	skip := map[int64]bool{}
	next = from
	for batch, err := range record.Batches(data) {
		if err := errors.Join(err, batch.EnsureValid()); err != nil {
			return next, err
		}
		for len(aborted) > 0 && aborted[0].FirstOffset <= batch.LastOffset() {
			skip[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		for r, err := range record.Records(batch) {
			switch {
			case err != nil:
			case batch.IsControl():
				if kind, _ := record.ParseControlKey(r.Key); kind == record.ControlAbort {
					delete(skip, batch.ProducerID())
				}
			case r.Offset >= from && !(batch.IsTransactional() && skip[batch.ProducerID()]):
				value := "-"
				if r.Value != nil {
					value = string(r.Value)
				}
				err = see(r.Offset, item{string(r.Key), value})
			}
			if err != nil {
				return next, err
			}
		}
		next = batch.NextOffset()
	}
	return next, nil
}
