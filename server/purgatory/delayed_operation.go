// Package purgatory holds operations that wait for something to happen or for
// their time to run out: a produce request for its replicas, a fetch for bytes.
// It mirrors kafka.server.DelayedOperation and DelayedOperationPurgatory;
// a heap and one of the runtime's timers take the place of the timing wheel.
//
// An operation is watched under keys. Whoever changes what an operation may
// wait for calls [Purgatory.CheckAndComplete] with the key, holding no lock
// that an operation's TryComplete or OnComplete takes.
package purgatory

import (
	"sync"
	"sync/atomic"
	"time"
)

// Operation is a delayed operation: a type that embeds [DelayedOperation],
// calls its Init, and has these methods of its own.
type Operation interface {
	// TryComplete checks whether the operation can complete, and if so calls
	// ForceComplete and returns its result. It is never called by two
	// goroutines at once.
	TryComplete() bool
	// OnComplete finishes the operation. It is called exactly once, by the
	// goroutine whose ForceComplete was the first.
	OnComplete()
	// OnExpiration is called after OnComplete when the time ran out.
	OnExpiration()

	delayed() *DelayedOperation
}

// DelayedOperation is the state that every operation embeds.
type DelayedOperation struct {
	self      Operation
	delay     time.Duration
	completed atomic.Bool

	mu sync.Mutex // serialises TryComplete
	// tryAgain asks the goroutine that is in TryComplete for another round:
	// what it looked at may have changed since.
	tryAgain atomic.Bool

	expiry atomic.Pointer[expiry]
	keys   int // under which it is watched
	onExit atomic.Pointer[exit]
}

// exit tells the purgatory once that an operation is over, and how many keys it
// was watched under.
type exit struct{ leave func(keys int) }

// Init sets the operation that embeds this state and how long it may wait.
func (d *DelayedOperation) Init(self Operation, delay time.Duration) {
	d.self, d.delay = self, delay
}

func (d *DelayedOperation) delayed() *DelayedOperation { return d }

// IsCompleted reports whether the operation was completed or has expired.
func (d *DelayedOperation) IsCompleted() bool { return d.completed.Load() }

// ForceComplete completes the operation unless it already is, and reports
// whether this call did.
func (d *DelayedOperation) ForceComplete() bool {
	if !d.completed.CompareAndSwap(false, true) {
		return false
	}
	d.stopTimer()
	d.leave()
	d.self.OnComplete()
	return true
}

// leave takes the operation out of the purgatory's count of those that wait.
func (d *DelayedOperation) leave() {
	if over := d.onExit.Swap(nil); over != nil {
		over.leave(d.keys)
	}
}

// startTimer has the operation expire in its time, unless it has completed
// meanwhile or the purgatory is closed.
func (d *DelayedOperation) startTimer(in *expiries) {
	in.add(d)
	if d.onExit.Load() == nil { // over before the expiry was stored
		d.stopTimer()
	}
}

func (d *DelayedOperation) stopTimer() {
	if expiry := d.expiry.Swap(nil); expiry != nil {
		expiry.cancel()
	}
}

func (d *DelayedOperation) expire() {
	if d.ForceComplete() {
		d.self.OnExpiration()
	}
}

// safeTryComplete calls TryComplete unless another goroutine is in it; that
// one is asked to check again, so that no change goes unnoticed and nobody
// waits. It reports whether this call completed the operation.
func (d *DelayedOperation) safeTryComplete() bool {
	for {
		if !d.mu.TryLock() {
			if d.tryAgain.Swap(true) {
				return false // the holder has yet to see an earlier wish
			}
			if !d.mu.TryLock() {
				return false
			}
		}
		d.tryAgain.Store(false)
		done := !d.completed.Load() && d.self.TryComplete()
		d.mu.Unlock()
		if done || d.completed.Load() || !d.tryAgain.Load() {
			return done
		}
	}
}
