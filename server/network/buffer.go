package network

import (
	"math/bits"
	"sync"
)

const (
	minBufferBits = 10 // 1 KiB
	maxBufferBits = 22 // 4 MiB; greater buffers are left to the collector
)

// buffers has the free buffers of each power of two.
var buffers [maxBufferBits - minBufferBits + 1]sync.Pool

// buffer is a byte slice whose memory is used again.
type buffer struct {
	bytes []byte
	// reserved is what the buffer takes of a memory pool.
	reserved int
	pool     *memoryPool
	// kept means that the bytes stay in use after the buffer is released.
	kept bool
}

// newBuffer returns a buffer of at least the given capacity and no content.
func newBuffer(capacity int) *buffer {
	class := max(bits.Len(uint(max(capacity-1, 0))), minBufferBits) - minBufferBits
	if class >= len(buffers) {
		return &buffer{bytes: make([]byte, 0, capacity)}
	}
	if pooled, ok := buffers[class].Get().(*buffer); ok {
		return pooled
	}
	return &buffer{bytes: make([]byte, 0, 1<<(class+minBufferBits))}
}

// grow moves the content to a buffer of the given capacity.
func (b *buffer) grow(capacity int) *buffer {
	grown := newBuffer(capacity)
	grown.bytes = append(grown.bytes, b.bytes...)
	grown.reserved, grown.pool = b.reserved, b.pool
	b.reserved, b.pool = 0, nil
	b.release()
	return grown
}

// release gives the buffer back; nil is none.
func (b *buffer) release() {
	if b == nil {
		return
	}
	if b.pool != nil {
		b.pool.release(b.reserved)
	}
	b.reserved, b.pool = 0, nil
	size := cap(b.bytes)
	if b.kept || size < 1<<minBufferBits || size > 1<<maxBufferBits {
		return
	}
	b.bytes = b.bytes[:0]
	buffers[bits.Len(uint(size))-1-minBufferBits].Put(b)
}

// memoryPool bounds the memory of received requests by
// queued.max.request.bytes, as SimpleMemoryPool that is not strict: a request
// is let in while anything is left. A nil pool has no bound.
type memoryPool struct {
	mu        sync.Mutex
	changed   sync.Cond
	size      int64
	available int64
}

func newMemoryPool(size int64) *memoryPool {
	if size <= 0 {
		return nil
	}
	pool := &memoryPool{size: size, available: size}
	pool.changed.L = &pool.mu
	return pool
}

// reserve waits until something is left, and takes n. It reports false when
// given up, which is asked again after every wake.
func (p *memoryPool) reserve(n int, givenUp func() bool) bool {
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.available <= 0 {
		if givenUp() {
			return false
		}
		p.changed.Wait()
	}
	p.available -= int64(n)
	return true
}

func (p *memoryPool) release(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.available += int64(n)
	p.changed.Broadcast()
}

// wake makes those who wait ask whether they were given up.
func (p *memoryPool) wake() {
	if p != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.changed.Broadcast()
	}
}

// used returns how much of the pool is taken.
func (p *memoryPool) used() int64 {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size - p.available
}

// left returns how much of the pool is free; without a bound there is no end
// to it, which is Long.MAX_VALUE upstream.
func (p *memoryPool) left() int64 {
	if p == nil {
		return 1<<63 - 1
	}
	return p.size - p.used()
}
