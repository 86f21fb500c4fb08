package zkclient

import "sync"

// eventQueue runs functions one after the other on a goroutine of its own; adding
// never blocks. It is the event thread of Java's client.
type eventQueue struct {
	mu      sync.Mutex
	cond    sync.Cond
	pending []func()
	closed  bool
}

func newEventQueue() *eventQueue {
	q := &eventQueue{}
	q.cond.L = &q.mu
	return q
}

func (q *eventQueue) add(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.pending = append(q.pending, f)
		q.cond.Signal()
	}
}

// close drops what has not run yet and makes run return.
func (q *eventQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.pending = nil
	q.cond.Signal()
}

func (q *eventQueue) run() {
	for {
		q.mu.Lock()
		for len(q.pending) == 0 && !q.closed {
			q.cond.Wait()
		}
		batch := q.pending
		q.pending = nil
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return
		}
		for _, f := range batch {
			f()
		}
	}
}
