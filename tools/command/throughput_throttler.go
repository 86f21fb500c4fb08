package command

import (
	"context"
	"time"
)

// ThroughputThrottler holds a sender back to a number of messages a second, as
// org.apache.kafka.tools.ThroughputThrottler. A negative target does not.
type ThroughputThrottler struct {
	target  int64
	start   time.Time
	deficit time.Duration
}

// NewThroughputThrottler begins to count at start.
func NewThroughputThrottler(target int64, start time.Time) *ThroughputThrottler {
	return &ThroughputThrottler{target: target, start: start}
}

// smallestSleep is how much must have gathered before it sleeps.
const smallestSleep = 2 * time.Millisecond

// Throttle sleeps when more was sent up to now than the target allows. A target of
// zero waits for the end of ctx.
func (t *ThroughputThrottler) Throttle(ctx context.Context, sent int64, now time.Time) {
	elapsed := now.Sub(t.start).Truncate(time.Millisecond).Seconds()
	if t.target < 0 || elapsed <= 0 || float64(sent)/elapsed <= float64(t.target) {
		return
	}
	if t.target == 0 {
		<-ctx.Done()
		return
	}
	t.deficit += time.Second / time.Duration(t.target)
	if t.deficit < smallestSleep {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(t.deficit):
	}
	t.deficit = 0
}
