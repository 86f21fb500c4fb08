package group

import (
	"sync"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/coordinator"
)

// memoryLog is __consumer_offsets in memory.
type memoryLog struct {
	mu      sync.Mutex
	batches map[topic.Partition][]record.Batch
	ends    map[topic.Partition]int64
	acks    []int16
	// fail is the answer to appends if set, which then leave nothing behind
	// unless failAfter is set.
	fail      error
	failAfter bool
	// hold parks what completes appends in held.
	hold bool
	held []func()
	// readGate, if set, is received from before each read.
	readGate chan struct{}
}

func newMemoryLog() *memoryLog {
	return &memoryLog{batches: map[topic.Partition][]record.Batch{}, ends: map[topic.Partition]int64{}}
}

func (l *memoryLog) Append(tp topic.Partition, batch []byte, acks int16, _ time.Duration, done func(int64, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks = append(l.acks, acks)
	base, err := l.ends[tp], l.fail
	if err == nil || l.failAfter {
		l.appendLocked(tp, batch)
	}
	complete := func() { done(base, err) }
	if l.hold {
		l.held = append(l.held, complete)
		return
	}
	complete()
}

// add appends a batch as another broker would have.
func (l *memoryLog) add(tp topic.Partition, batch []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appendLocked(tp, batch)
}

func (l *memoryLog) appendLocked(tp topic.Partition, data []byte) {
	batch := record.Batch(data)
	batch.SetBaseOffset(l.ends[tp])
	l.ends[tp] = batch.NextOffset()
	l.batches[tp] = append(l.batches[tp], batch)
}

// release completes the appends that are held, in order or backwards.
func (l *memoryLog) release(backwards bool) {
	l.mu.Lock()
	l.hold = false
	held := l.held
	l.held = nil
	l.mu.Unlock()
	for i := range held {
		if backwards {
			i = len(held) - 1 - i
		}
		held[i]()
	}
}

func (l *memoryLog) Read(tp topic.Partition, from int64, maxBytes int, buffer []byte) (coordinator.LogChunk, error) {
	l.mu.Lock()
	gate := l.readGate
	l.mu.Unlock()
	if gate != nil {
		<-gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := buffer[:0]
	for _, batch := range l.batches[tp] {
		if batch.LastOffset() < from {
			continue
		}
		if len(out) > 0 && len(out)+len(batch) > maxBytes {
			break
		}
		out = append(out, batch...)
	}
	return coordinator.LogChunk{Batches: out, LogEndOffset: l.ends[tp]}, nil
}
