package coordinator

import "sync"

// eventQueue runs events one after another in the order they were pushed. It
// has a goroutine only while there are events.
type eventQueue struct {
	workers *workers

	// mu protects the following fields.
	mu       sync.Mutex
	events   []func()
	draining bool
}

// push adds an event. It never blocks on events and may be called from within
// one, or with any lock held that no event takes.
func (q *eventQueue) push(event func()) {
	q.mu.Lock()
	q.events = append(q.events, event)
	start := !q.draining
	q.draining = true
	q.mu.Unlock()
	if start {
		q.workers.start(q.drain)
	}
}

func (q *eventQueue) drain() {
	var batch []func()
	for {
		q.mu.Lock()
		if len(q.events) == 0 {
			q.events, q.draining = nil, false
			q.mu.Unlock()
			return
		}
		batch, q.events = q.events, batch[:0]
		q.mu.Unlock()
		for i, event := range batch {
			batch[i] = nil
			event()
		}
	}
}

// workers starts the goroutines of a runtime, so that closing it can wait for
// them.
type workers struct {
	// mu orders start against close.
	mu      sync.RWMutex
	closed  bool
	running sync.WaitGroup
}

// start runs the work on a goroutine of its own or, once closed, on the
// caller's: what completes late still completes and nothing is left running.
func (w *workers) start(work func()) {
	w.mu.RLock()
	closed := w.closed
	if !closed {
		w.running.Go(work)
	}
	w.mu.RUnlock()
	if closed {
		work()
	}
}

// close waits for everything started so far.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.running.Wait()
}
