package purgatory

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/gregor-broker/gregor/server/metrics"
)

const (
	shardCount = 64
	// purgeInterval is how many entries of completed operations may linger under
	// keys nobody checks before all keys are searched for them. Kafka counts the
	// operations; a follower's fetch is watched under each of its partitions.
	purgeInterval = 1000
	// fewKeys is up to how many keys an operation is tried before it is watched
	// too. One of more is as dear to try as to watch.
	fewKeys = 8
)

// Purgatory watches operations under keys of type K.
type Purgatory[K comparable] struct {
	metrics *metrics.Group
	seed    maphash.Seed
	shards  [shardCount]shard[K]

	exit     exit         // of all operations
	delayed  atomic.Int64 // operations that have neither completed nor expired
	entries  atomic.Int64 // of all keys
	lingered atomic.Int64 // those of completed operations
	purging  atomic.Bool
	expiries expiries
}

// shard has the watchers of some keys. Its mutex is never held while an
// operation's method runs.
type shard[K comparable] struct {
	mu       sync.Mutex
	watchers map[K][]Operation
}

// New returns an empty purgatory whose sizes are published in the registry,
// which may be nil, under delayedOperation=name.
func New[K comparable](name string, registry *metrics.Registry) *Purgatory[K] {
	p := &Purgatory[K]{seed: maphash.MakeSeed()}
	p.exit.leave = p.operationOver
	for i := range p.shards {
		p.shards[i].watchers = map[K][]Operation{}
	}
	p.metrics = registry.Group("kafka.server", "DelayedOperationPurgatory")
	labels := metrics.Labels{{Name: "delayedOperation", Value: name}}
	p.metrics.Gauge("PurgatorySize", labels, func() float64 { return float64(p.Watched()) })
	p.metrics.Gauge("NumDelayedOperations", labels, func() float64 { return float64(p.Delayed()) })
	return p
}

func (p *Purgatory[K]) shardOf(key K) *shard[K] {
	return &p.shards[maphash.Comparable(p.seed, key)%shardCount]
}

// TryCompleteElseWatch completes the operation if that is possible now, and
// otherwise watches it under the keys until it completes or its time is over.
// It reports whether the operation completed meanwhile. There must be at least
// one key.
func (p *Purgatory[K]) TryCompleteElseWatch(operation Operation, keys ...K) bool {
	state := operation.delayed()
	state.mu.Lock()
	if state.completed.Load() || len(keys) <= fewKeys && operation.TryComplete() {
		state.mu.Unlock()
		return true
	}
	p.delayed.Add(1)
	p.entries.Add(int64(len(keys)))
	state.keys = len(keys)
	state.onExit.Store(&p.exit)
	for _, key := range keys {
		p.watch(key, operation)
	}
	// What happened before the operation was under all keys went unnoticed.
	done := state.completed.Load() || operation.TryComplete()
	state.mu.Unlock()
	if !done && state.tryAgain.Load() {
		done = state.safeTryComplete()
	}
	if !done {
		state.startTimer(&p.expiries)
	}
	p.purgeIfDue()
	return state.IsCompleted()
}

func (p *Purgatory[K]) operationOver(keys int) {
	p.delayed.Add(-1)
	p.lingered.Add(int64(keys))
}

func (p *Purgatory[K]) watch(key K, operation Operation) {
	s := p.shardOf(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[key] = append(s.watchers[key], operation)
}

// CheckAndComplete tries to complete the operations watched under the key and
// returns how many it completed.
func (p *Purgatory[K]) CheckAndComplete(key K) int {
	s := p.shardOf(key)
	s.mu.Lock()
	if len(s.watchers[key]) == 0 {
		s.mu.Unlock()
		return 0
	}
	var few [8]Operation
	watched := append(few[:0], s.watchers[key]...)
	s.mu.Unlock()

	completed := 0
	over := false
	for _, operation := range watched {
		state := operation.delayed()
		if !state.IsCompleted() && state.safeTryComplete() {
			completed++
		}
		over = over || state.IsCompleted()
	}
	if over {
		s.mu.Lock()
		p.purged(s.purgeLocked(key))
		s.mu.Unlock()
	}
	return completed
}

// purged notes that entries of completed operations are gone.
func (p *Purgatory[K]) purged(entries int) {
	p.entries.Add(-int64(entries))
	p.lingered.Add(-int64(entries))
}

// purgeLocked removes the completed operations under a key and tells how many
// there were.
func (s *shard[K]) purgeLocked(key K) int {
	watched := s.watchers[key]
	kept := watched[:0]
	for _, operation := range watched {
		if !operation.delayed().IsCompleted() {
			kept = append(kept, operation)
		}
	}
	clear(watched[len(kept):])
	if len(kept) == 0 {
		delete(s.watchers, key)
	} else {
		s.watchers[key] = kept
	}
	return len(watched) - len(kept)
}

// purgeIfDue removes completed operations under all keys when they linger in
// great number and are more than those that wait, so that the search costs each
// but a few steps.
func (p *Purgatory[K]) purgeIfDue() {
	lingered := p.lingered.Load()
	if lingered <= purgeInterval || lingered < p.entries.Load()/2 || !p.purging.CompareAndSwap(false, true) {
		return
	}
	defer p.purging.Store(false)
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		gone := 0
		for key := range s.watchers {
			gone += s.purgeLocked(key)
		}
		s.mu.Unlock()
		p.purged(gone)
	}
}

// CancelForKey stops watching the operations under the key without completing
// them and returns them. An operation under other keys too can still complete
// by those, but no longer expires.
func (p *Purgatory[K]) CancelForKey(key K) []Operation {
	s := p.shardOf(key)
	s.mu.Lock()
	cancelled := s.watchers[key]
	delete(s.watchers, key)
	s.mu.Unlock()
	for _, operation := range cancelled {
		operation.delayed().stopTimer()
		operation.delayed().leave()
	}
	p.purged(len(cancelled))
	return cancelled
}

// Watched returns how many entries all keys have; an operation counts once for
// each of its keys, and a completed one until it is purged.
func (p *Purgatory[K]) Watched() int {
	watched := 0
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		for _, operations := range s.watchers {
			watched += len(operations)
		}
		s.mu.Unlock()
	}
	return watched
}

// Delayed returns how many operations wait.
func (p *Purgatory[K]) Delayed() int { return int(p.delayed.Load()) }

// Close forgets all operations without completing them and waits for expiries
// that are under way.
func (p *Purgatory[K]) Close() {
	if !p.expiries.close() {
		return
	}
	for i := range p.shards {
		s := &p.shards[i]
		s.mu.Lock()
		for _, operations := range s.watchers {
			for _, operation := range operations {
				operation.delayed().stopTimer()
				operation.delayed().leave()
			}
		}
		clear(s.watchers)
		s.mu.Unlock()
	}
	p.expiries.running.Wait()
	p.metrics.Close()
}
