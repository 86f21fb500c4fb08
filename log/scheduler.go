package log

import (
	"sync"
	"time"
)

// Scheduler runs what logs do later: flushing a rolled segment, deleting files
// after their delay. One serves all logs of a broker.
type Scheduler struct {
	mu      sync.Mutex
	timers  map[*time.Timer]struct{}
	closed  bool
	running sync.WaitGroup
}

// NewScheduler is ready at once; it has no goroutine while there is nothing to
// do.
func NewScheduler() *Scheduler { return &Scheduler{timers: map[*time.Timer]struct{}{}} }

// Schedule runs a function once after a delay, unless the scheduler is closed
// before.
func (s *Scheduler) Schedule(delay time.Duration, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if delay <= 0 {
		s.running.Go(do)
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(delay, func() {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		delete(s.timers, timer)
		s.running.Add(1)
		s.mu.Unlock()
		defer s.running.Done()
		do()
	})
	s.timers[timer] = struct{}{}
}

// Close drops what has not begun and waits for what has. Files that were to be
// deleted are deleted when the log is next loaded.
func (s *Scheduler) Close() {
	s.mu.Lock()
	s.closed = true
	for timer := range s.timers {
		timer.Stop()
	}
	clear(s.timers)
	s.mu.Unlock()
	s.running.Wait()
}
