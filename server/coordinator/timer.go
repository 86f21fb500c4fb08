package coordinator

import "time"

// Timer runs an event of a shard some time later. Its methods may be called
// only by events of the shard (or before the shard is loaded); once stopped or
// restarted, an earlier expiry has no effect even if it has already happened.
type Timer struct {
	shard    *Shard
	fire     func()
	timer    *time.Timer
	deadline time.Time
	armed    bool
}

// NewTimer returns a timer, not started yet, that runs fire in the shard.
func (s *Shard) NewTimer(fire func()) *Timer { return &Timer{shard: s, fire: fire} }

// Start lets the timer expire after that duration, counted from now on.
func (t *Timer) Start(after time.Duration) {
	t.deadline = time.Now().Add(after)
	t.armed = true
	if t.timer == nil {
		t.timer = time.AfterFunc(after, func() { t.shard.queue.push(t.expire) })
		return
	}
	t.timer.Reset(after)
}

// Stop disarms the timer; it may be started again. A nil timer is stopped.
func (t *Timer) Stop() {
	if t == nil || !t.armed {
		return
	}
	t.armed = false
	t.timer.Stop()
}

func (t *Timer) expire() {
	if !t.armed || t.shard.closed || time.Now().Before(t.deadline) {
		return
	}
	t.armed = false
	t.fire()
}
