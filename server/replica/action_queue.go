package replica

import "sync"

// actionQueue runs completions away from their cause, as
// kafka.server.ActionQueue: a coordinator appends while it holds its own locks,
// and what its append wakes may want the same locks. A goroutine runs while
// there are actions.
type actionQueue struct {
	workers sync.WaitGroup

	mu      sync.Mutex // protects the following
	actions []func()
	running bool
	closed  bool
}

// add queues an action; after close it does nothing.
func (q *actionQueue) add(action func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.actions = append(q.actions, action)
	if !q.running {
		q.running = true
		q.workers.Go(q.run)
	}
}

func (q *actionQueue) run() {
	for {
		q.mu.Lock()
		actions := q.actions
		q.actions = nil
		if len(actions) == 0 {
			q.running = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		for _, action := range actions {
			action()
		}
	}
}

// close lets the queued actions finish and waits for them.
func (q *actionQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.workers.Wait()
}
