package purgatory

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestExpiresInOrderOfDeadlines: one timer serves all, whatever the order in
// which operations come and go.
func TestExpiresInOrderOfDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]("Test", nil)
		defer p.Close()
		delays := []time.Duration{5, 3, 9, 3, 1, 7, 2, 8}
		operations := make([]*operation, len(delays))
		for i, delay := range delays {
			operations[i] = newOperation(delay * time.Second)
			p.TryCompleteElseWatch(operations[i], "a")
		}
		operations[4].ForceComplete() // the one the timer is armed for
		operations[5].ForceComplete()
		for passed := time.Duration(1); passed <= 10; passed++ {
			time.Sleep(time.Second)
			synctest.Wait()
			for i, delay := range delays {
				completed, expired := int32(0), int32(0)
				if i == 4 || i == 5 {
					completed = 1
				} else if delay <= passed {
					completed, expired = 1, 1
				}
				operations[i].expect(t, completed, expired)
			}
		}
	})
}

// TestAnExpiryThatBlocksHoldsUpNoOther: neither of those that are due with it
// nor of later ones.
func TestAnExpiryThatBlocksHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]("Test", nil)
		release := make(chan struct{})
		stuck := make([]*blocking, 3)
		for i := range stuck {
			stuck[i] = &blocking{release: release}
			stuck[i].Init(stuck[i], time.Second)
			p.TryCompleteElseWatch(stuck[i], "a")
		}
		now, later := newOperation(time.Second), newOperation(2*time.Second)
		p.TryCompleteElseWatch(now, "a")
		p.TryCompleteElseWatch(later, "a")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		now.expect(t, 1, 1)
		later.expect(t, 1, 1)
		closed := make(chan struct{})
		go func() {
			p.Close()
			close(closed)
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close did not wait for what was under way")
		default:
		}
		close(release)
		<-closed
	})
}

// blocking is an operation whose completion waits.
type blocking struct {
	DelayedOperation
	release chan struct{}
}

func (b *blocking) TryComplete() bool { return false }
func (b *blocking) OnComplete()       { <-b.release }
func (b *blocking) OnExpiration()     {}

// TestCancelledExpiriesDoNotPileUp: operations that complete long before their
// time take no room until then.
func TestCancelledExpiriesDoNotPileUp(t *testing.T) {
	p := New[string]("Test", nil)
	defer p.Close()
	for range 100 * maxCancelled {
		o := newOperation(time.Hour)
		p.TryCompleteElseWatch(o, "a")
		o.allowed.Store(true)
		p.CheckAndComplete("a")
	}
	p.expiries.mu.Lock()
	defer p.expiries.mu.Unlock()
	if left := len(p.expiries.heap); left > maxCancelled+2 {
		t.Errorf("%d expiries of completed operations are kept", left)
	}
}

// TestOperationsOfManyKeysDoNotPileUp: what counts is how many entries linger,
// not how many operations.
func TestOperationsOfManyKeysDoNotPileUp(t *testing.T) {
	p := New[int]("Test", nil)
	defer p.Close()
	const keys = 500
	all := make([]int, keys)
	for key := range all {
		all[key] = key
	}
	for range 50 {
		o := newOperation(time.Hour)
		p.TryCompleteElseWatch(o, all...)
		o.ForceComplete()
	}
	if watched := p.Watched(); watched > purgeInterval+2*keys {
		t.Errorf("%d completed operations are still watched", watched)
	}
	p.CancelForKey(0)
	for key := range all {
		p.CheckAndComplete(key)
	}
	if left, lingering := p.entries.Load(), p.lingered.Load(); left != 0 || lingering != 0 || p.Watched() != 0 {
		t.Errorf("%d entries are counted, %d of them as lingering, but there are %d", left, lingering, p.Watched())
	}
}

// TestExpiryRacesWithCompletion: an operation whose time runs out just when it
// can complete does so once, and Close waits for either.
func TestExpiryRacesWithCompletion(t *testing.T) {
	p := New[int]("Test", nil)
	var racing sync.WaitGroup
	operations := make([]*operation, 500)
	for i := range operations {
		operations[i] = newOperation(time.Duration(i%50) * 20 * time.Microsecond)
	}
	for worker := range 4 {
		racing.Go(func() {
			for i := worker; i < len(operations); i += 4 {
				p.TryCompleteElseWatch(operations[i], i)
				operations[i].allowed.Store(true)
				p.CheckAndComplete(i)
			}
		})
	}
	racing.Wait()
	p.Close()
	for _, o := range operations {
		if n := o.completed.Load(); n != 1 || o.expired.Load() > 1 {
			t.Errorf("completed %d times and expired %d times", n, o.expired.Load())
		}
	}
}
