package purgatory

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/server/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// operation completes once allowed.
type operation struct {
	DelayedOperation
	allowed   atomic.Bool
	tried     atomic.Int32
	completed atomic.Int32
	expired   atomic.Int32
	inTry     atomic.Int32
	overlaps  atomic.Int32
	onTry     func()
}

func newOperation(delay time.Duration) *operation {
	o := &operation{}
	o.Init(o, delay)
	return o
}

func (o *operation) TryComplete() bool {
	if o.inTry.Add(1) > 1 {
		o.overlaps.Add(1)
	}
	defer o.inTry.Add(-1)
	o.tried.Add(1)
	if o.onTry != nil {
		o.onTry()
	}
	return o.allowed.Load() && o.ForceComplete()
}

func (o *operation) OnComplete()   { o.completed.Add(1) }
func (o *operation) OnExpiration() { o.expired.Add(1) }

func (o *operation) expect(t *testing.T, completed, expired int32) {
	t.Helper()
	if o.completed.Load() != completed || o.expired.Load() != expired {
		t.Errorf("completed %d times and expired %d times, want %d and %d", o.completed.Load(), o.expired.Load(), completed, expired)
	}
}

func TestCompletesAtOnce(t *testing.T) {
	p := New[string]("Test", nil)
	defer p.Close()
	o := newOperation(time.Hour)
	o.allowed.Store(true)
	if !p.TryCompleteElseWatch(o, "a") {
		t.Error("the operation was not completed")
	}
	o.expect(t, 1, 0)
	if p.Watched() != 0 || p.Delayed() != 0 {
		t.Errorf("%d watched, %d delayed", p.Watched(), p.Delayed())
	}
}

func TestCompletesByAnyKeyOnce(t *testing.T) {
	p := New[string]("Test", nil)
	defer p.Close()
	first, second := newOperation(time.Hour), newOperation(time.Hour)
	p.TryCompleteElseWatch(first, "a", "b")
	p.TryCompleteElseWatch(second, "b")
	if p.Watched() != 3 || p.Delayed() != 2 {
		t.Errorf("%d watched, %d delayed", p.Watched(), p.Delayed())
	}
	if n := p.CheckAndComplete("a") + p.CheckAndComplete("nothing"); n != 0 {
		t.Errorf("%d completed too early", n)
	}
	first.allowed.Store(true)
	if n := p.CheckAndComplete("b"); n != 1 {
		t.Errorf("%d completed", n)
	}
	second.allowed.Store(true)
	if n := p.CheckAndComplete("a") + p.CheckAndComplete("b"); n != 1 {
		t.Errorf("%d completed", n)
	}
	first.expect(t, 1, 0)
	second.expect(t, 1, 0)
	if p.Watched() != 0 || p.Delayed() != 0 {
		t.Errorf("%d watched, %d delayed", p.Watched(), p.Delayed())
	}
}

func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]("Test", nil)
		defer p.Close()
		started := time.Now()
		o := newOperation(30 * time.Second)
		p.TryCompleteElseWatch(o, "a")
		never := newOperation(time.Minute)
		p.TryCompleteElseWatch(never, "b")
		time.Sleep(29 * time.Second)
		o.expect(t, 0, 0)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		o.expect(t, 1, 1)
		if p.Delayed() != 1 {
			t.Errorf("%d delayed at %s", p.Delayed(), time.Since(started))
		}
		o.allowed.Store(true)
		if n := p.CheckAndComplete("a"); n != 0 || o.completed.Load() != 1 {
			t.Errorf("an expired operation was completed again")
		}
		never.allowed.Store(true)
		p.CheckAndComplete("b")
		time.Sleep(time.Hour)
		never.expect(t, 1, 0)
	})
}

func TestZeroDelayExpiresAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]("Test", nil)
		defer p.Close()
		o := newOperation(0)
		p.TryCompleteElseWatch(o, "a")
		synctest.Wait()
		o.expect(t, 1, 1)
	})
}

func TestCancelForKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]("Test", nil)
		defer p.Close()
		o := newOperation(time.Second)
		p.TryCompleteElseWatch(o, "a")
		if cancelled := p.CancelForKey("a"); len(cancelled) != 1 || cancelled[0] != Operation(o) {
			t.Errorf("cancelled %v", cancelled)
		}
		time.Sleep(time.Minute)
		o.expect(t, 0, 0)
		if p.Watched() != 0 || p.Delayed() != 0 {
			t.Errorf("%d watched, %d delayed", p.Watched(), p.Delayed())
		}
	})
}

func TestCloseForgetsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New[string]("Test", nil)
		o := newOperation(time.Second)
		p.TryCompleteElseWatch(o, "a")
		p.Close()
		p.Close()
		late := newOperation(time.Second)
		p.TryCompleteElseWatch(late, "a")
		time.Sleep(time.Minute)
		o.expect(t, 0, 0)
		late.expect(t, 0, 0)
	})
}

// TestPurgesCompletedOperations: an operation completed by one key does not
// stay under its others for ever.
func TestPurgesCompletedOperations(t *testing.T) {
	p := New[string]("Test", nil)
	defer p.Close()
	for i := range 3 * purgeInterval {
		o := newOperation(time.Hour)
		p.TryCompleteElseWatch(o, "hot", fmt.Sprint("cold", i))
		o.allowed.Store(true)
		p.CheckAndComplete("hot")
	}
	if watched := p.Watched(); watched > purgeInterval+2 {
		t.Errorf("%d completed operations are still watched", watched)
	}
}

// TestNoChangeGoesUnnoticed: many goroutines change what operations wait for
// and check; each operation completes exactly once and TryComplete never
// overlaps itself.
func TestNoChangeGoesUnnoticed(t *testing.T) {
	p := New[int]("Test", nil)
	defer p.Close()
	const operations, workers = 300, 8
	all := make([]*operation, operations)
	var work sync.WaitGroup
	for i := range all {
		all[i] = newOperation(time.Hour)
	}
	for range workers {
		work.Go(func() {
			for i, o := range all {
				o.allowed.Store(true)
				p.CheckAndComplete(i % 7)
			}
		})
	}
	work.Go(func() {
		for i, o := range all {
			p.TryCompleteElseWatch(o, i%7, 7)
		}
	})
	work.Wait()
	for i, o := range all {
		o.expect(t, 1, 0)
		if o.overlaps.Load() > 0 {
			t.Errorf("TryComplete of operation %d overlapped", i)
		}
	}
	if p.Delayed() != 0 {
		t.Errorf("%d delayed", p.Delayed())
	}
}

// TestTriesAgainForWhoCameWhileTrying: a change during TryComplete makes the
// goroutine that is in it look again.
func TestTriesAgainForWhoCameWhileTrying(t *testing.T) {
	p := New[string]("Test", nil)
	defer p.Close()
	o := newOperation(time.Hour)
	p.TryCompleteElseWatch(o, "a")
	once := sync.OnceFunc(func() {
		// This attempt has looked already; another goroutine changes things now.
		var other sync.WaitGroup
		other.Go(func() {
			if p.CheckAndComplete("a") != 0 {
				t.Error("two goroutines are in TryComplete")
			}
		})
		other.Wait()
	})
	looked := false
	o.onTry = func() {
		if !looked {
			looked = true
			once()
			return
		}
		o.allowed.Store(true)
	}
	if n := p.CheckAndComplete("a"); n != 1 {
		t.Errorf("%d completed", n)
	}
}

func TestPublishesSizes(t *testing.T) {
	registry := metrics.NewRegistry()
	p := New[string]("Fetch", registry)
	p.TryCompleteElseWatch(newOperation(time.Hour), "a", "b")
	values := map[string]float64{}
	registry.Visit(func(s metrics.Sample) { values[s.Name+s.Labels[0].Value] = s.Value })
	if values["kafka_server_delayedoperationpurgatory_purgatorysizeFetch"] != 2 ||
		values["kafka_server_delayedoperationpurgatory_numdelayedoperationsFetch"] != 1 {
		t.Errorf("published are %v", values)
	}
	p.Close()
	registry.Visit(func(s metrics.Sample) { t.Errorf("%s is left", s.Name) })
}

func BenchmarkWatchAndComplete(b *testing.B) {
	p := New[int]("Test", nil)
	defer p.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		o := newOperation(time.Hour)
		p.TryCompleteElseWatch(o, i%100)
		o.allowed.Store(true)
		p.CheckAndComplete(i % 100)
	}
}
