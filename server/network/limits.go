package network

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// decodingUnchecked is the memory up to which requests are decoded freely.
	decodingUnchecked = 1 << 20
	// decodingAllowance is the memory that decoded requests above that may
	// take together while they are handled. No honest request comes near it: a
	// hundred thousand partitions in one request take a tenth.
	decodingAllowance = 256 << 20
)

// decodingLimit bounds what decoded requests take: some bytes of a frame
// become tens of bytes in memory.
type decodingLimit struct {
	allowance *semaphore.Weighted
}

func newDecodingLimit() decodingLimit {
	return decodingLimit{semaphore.NewWeighted(decodingAllowance)}
}

// admit waits for its turn to decode a request that takes that much memory and
// returns what is to be given to leave.
func (l decodingLimit) admit(memory int) (int, error) {
	if memory <= decodingUnchecked {
		return 0, nil
	}
	if memory > decodingAllowance {
		return 0, fmt.Errorf("the request would take %d bytes of memory, more than the %d allowed", memory, decodingAllowance)
	}
	return memory, l.allowance.Acquire(context.Background(), int64(memory))
}

func (l decodingLimit) leave(admitted int) {
	if admitted > 0 {
		l.allowance.Release(int64(admitted))
	}
}

// admission bounds how many requests are in their handler at a time by
// queued.max.requests; readers beyond that wait, and their clients with them.
type admission struct {
	slots   chan struct{}
	waiting atomic.Int64
}

func newAdmission(limit int) *admission { return &admission{slots: make(chan struct{}, limit)} }

func (a *admission) enter() {
	select {
	case a.slots <- struct{}{}:
	default:
		a.waiting.Add(1)
		a.slots <- struct{}{}
		a.waiting.Add(-1)
	}
}

func (a *admission) leave() { <-a.slots }

var processStart = time.Now()

// now is the monotonic time in nanoseconds.
func now() int64 { return int64(time.Since(processStart)) }
