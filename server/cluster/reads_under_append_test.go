package cluster

import (
	"fmt"
	"sync"
	"testing"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
)

// TestNothingAboveTheHighWatermarkIsReadWhileRecordsAreAppended has consumers read at
// the high watermark while records are appended, segments are rolled and followers
// fetch (KAFKA-9835).
func TestNothingAboveTheHighWatermarkIsReadWhileRecordsAreAppended(t *testing.T) {
	b := newBench(t, map[string]string{"segment.bytes": "700"})
	b.lead(0, []int32{1, 2}, 1, 2)
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	writers.Go(func() {
		for range 300 {
			if _, err := b.AppendRecordsToLeader(batchOf(2), log.OriginClient, 1); err != nil {
				t.Error(err)
			}
		}
	})
	writers.Go(func() { // a follower that is some records behind
		for !t.Failed() && b.Log().LogEndOffset() < 600 {
			if end := b.Log().LogEndOffset(); end >= 6 {
				b.fetch(2, (end-6)/2*2)
			}
		}
	})
	for range 2 {
		readers.Go(func() {
			for {
				if err := readToHighWatermark(b); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	b.fetch(2, 600)
	b.wantHighWatermark(600)
}

// readToHighWatermark reads what is just below the high watermark. That only grows
// here: what it is after the read is no less than what it was.
func readToHighWatermark(b *bench) error {
	params := ReadParams{
		FetchOffset: max(0, b.Log().HighWatermark()-4), CurrentLeaderEpoch: NoEpoch, LastFetchedEpoch: NoEpoch, MaxBytes: 1 << 20,
		Isolation: log.FetchHighWatermark, OnlyFromLeader: true, FollowerID: -1,
	}
	var info ReadInfo
	if err := b.ReadRecords(&params, &info); err != nil {
		return err
	}
	defer info.Fetched.Release()
	content, err := info.Fetched.ReadAll(nil)
	if err != nil {
		return err
	}
	committed := b.Log().HighWatermark()
	for batch, err := range record.Batches(content) {
		if err != nil {
			return err
		}
		if batch.LastOffset() >= committed {
			return fmt.Errorf("offset %d is read and the high watermark is %d", batch.LastOffset(), committed)
		}
	}
	return nil
}
