package cleaner

import (
	"context"
	"sync"
	"time"
)

const (
	// throttleInterval is how often the rate is looked at.
	throttleInterval = 300 * time.Millisecond
	// maxThrottle bounds one pause, as the rate may be set to next to nothing.
	maxThrottle = time.Hour
)

// throttler keeps what all cleaner threads read and write together below a rate,
// as kafka.utils.Throttler.
type throttler struct {
	mu             sync.Mutex // guards what follows; not held while sleeping
	bytesPerSecond float64
	since          time.Time
	observed       float64
	// until is when the pause ends that all threads make.
	until time.Time
}

func newThrottler(bytesPerSecond float64) *throttler {
	return &throttler{bytesPerSecond: bytesPerSecond, since: time.Now()}
}

// setRate puts another rate in force; a pause that has begun goes on.
func (t *throttler) setRate(bytesPerSecond float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytesPerSecond = bytesPerSecond
}

// wait takes bytes into account and sleeps if there were too many, unless the
// context ends.
func (t *throttler) wait(ctx context.Context, bytes int) {
	if pause := t.observe(bytes); pause > 0 {
		sleep(ctx, pause)
	}
}

func (t *throttler) observe(bytes int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.observed += float64(bytes)
	elapsed := now.Sub(t.since)
	if elapsed > throttleInterval && t.observed > 0 {
		t.since, t.until = now, now
		if excess := t.observed/t.bytesPerSecond - elapsed.Seconds(); excess > 0 {
			t.until = now.Add(time.Duration(min(excess, maxThrottle.Seconds()) * float64(time.Second)))
			t.since = t.until
		}
		t.observed = 0
	}
	return t.until.Sub(now)
}

// sleep ends early with the context.
func sleep(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
