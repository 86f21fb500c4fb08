package purgatory

import (
	"container/heap"
	"sync"
	"sync/atomic"
	"time"
)

// maxCancelled is how many cancelled expiries stay in the heap however few there
// are of others.
const maxCancelled = 64

// expiries are the moments at which the operations of a purgatory run out, with
// one timer for the first of them. Most operations complete in time: to cancel
// an expiry only marks it, and the timer is not set back.
type expiries struct {
	cancelled atomic.Int64 // marked and still in the heap

	mu     sync.Mutex // protects the following; innermost
	closed bool
	heap   expiryHeap
	timer  *time.Timer
	armed  time.Time // when the timer fires; zero when it does not

	// running counts the timer while it is armed, and what it has started.
	running sync.WaitGroup
}

// expiry is the moment at which one operation runs out. It knows the operation
// no more once that is over, which lets go of what the operation holds.
type expiry struct {
	deadline  time.Time
	operation atomic.Pointer[DelayedOperation]
	in        *expiries
}

func (e *expiry) cancel() {
	if e.operation.Swap(nil) != nil {
		e.in.cancelled.Add(1)
	}
}

// add has the operation expire in its time, unless it is over already.
func (x *expiries) add(d *DelayedOperation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || d.completed.Load() {
		return
	}
	e := &expiry{deadline: time.Now().Add(d.delay), in: x}
	e.operation.Store(d)
	d.expiry.Store(e)
	if cancelled := x.cancelled.Load(); cancelled > maxCancelled && cancelled > int64(len(x.heap)/2) {
		x.dropCancelledLocked()
	}
	heap.Push(&x.heap, e)
	if x.armed.IsZero() || e.deadline.Before(x.armed) {
		x.armLocked(e.deadline, d.delay)
	}
}

// dropCancelledLocked frees the heap of the cancelled. As it is called when they
// are more than the others, it costs each but a few steps.
func (x *expiries) dropCancelledLocked() {
	kept := x.heap[:0]
	for _, e := range x.heap {
		if e.operation.Load() != nil {
			kept = append(kept, e)
		}
	}
	x.cancelled.Add(int64(len(kept) - len(x.heap)))
	clear(x.heap[len(kept):])
	x.heap = kept
	heap.Init(&x.heap)
}

func (x *expiries) armLocked(at time.Time, in time.Duration) {
	x.armed = at
	if x.timer == nil || !x.timer.Stop() {
		x.running.Add(1)
	}
	if x.timer == nil {
		x.timer = time.AfterFunc(in, x.fire)
	} else {
		x.timer.Reset(in)
	}
}

// fire expires the operations that are due, none of which waits for another.
func (x *expiries) fire() {
	defer x.running.Done()
	due := x.due()
	for i, operation := range due {
		if i < len(due)-1 {
			x.running.Go(operation.expire)
		} else {
			operation.expire()
		}
	}
}

// due takes the operations that are due, and arms the timer for the next.
func (x *expiries) due() (due []*DelayedOperation) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil
	}
	x.armed = time.Time{}
	now := time.Now()
	for len(x.heap) > 0 {
		first := x.heap[0]
		if first.deadline.After(now) && first.operation.Load() != nil {
			x.armLocked(first.deadline, first.deadline.Sub(now))
			return due
		}
		heap.Pop(&x.heap)
		if operation := first.operation.Swap(nil); operation != nil {
			due = append(due, operation)
		} else {
			x.cancelled.Add(-1)
		}
	}
	return due
}

// close forgets all expiries and reports whether this call was the first.
func (x *expiries) close() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return false
	}
	x.closed = true
	x.heap = nil
	if x.timer != nil && x.timer.Stop() {
		x.running.Done()
	}
	return true
}

// expiryHeap has the first to come at its top.
type expiryHeap []*expiry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].deadline.Before(h[j].deadline) }
func (h expiryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface's.
func (h *expiryHeap) Push(e any) { *h = append(*h, e.(*expiry)) }

// Pop is heap.Interface's.
func (h *expiryHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
