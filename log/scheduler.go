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
	// queue has what is to run one after the other; draining says that a
	// goroutine does that.
	queue    []func()
	draining bool
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

// Queue runs a function soon, after those that were queued before. It is for what
// comes of many logs at once and may block: each would else hold a thread.
func (s *Scheduler) Queue(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.queue = append(s.queue, do)
	if !s.draining {
		s.draining = true
		s.running.Go(s.drain)
	}
}

func (s *Scheduler) drain() {
	for {
		s.mu.Lock()
		if len(s.queue) == 0 || s.closed {
			s.queue, s.draining = nil, false
			s.mu.Unlock()
			return
		}
		next := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.mu.Unlock()
		next()
	}
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
