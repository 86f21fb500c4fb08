package coordinator

import (
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
)

// Options make a [Runtime].
type Options[M Machine] struct {
	// Topic is the internal topic whose partitions are the shards.
	Topic   string
	Storage Storage
	// LoadBufferSize is how much of the log is read at once.
	LoadBufferSize int
	// NewMachine makes the state machine of a shard that is about to load.
	NewMachine func(shard *Shard) M
	// Subject is what the log lines say is loaded, such as "offsets and group
	// metadata".
	Subject string
	// LogPrefix precedes each log line, such as "[GroupMetadataManager
	// brokerId=0] ".
	LogPrefix string
	Logger    *logrus.Entry
}

// Runtime holds the shards of one coordinator. All methods may be called from
// any goroutine.
type Runtime[M Machine] struct {
	options Options[M]
	workers workers
	loads   chan struct{}

	// mu protects the following fields. No event runs with it held.
	mu     sync.Mutex
	active bool
	closed bool
	// epochs are the highest leader epochs seen; they outlive the shards.
	epochs map[int32]int32
	shards map[int32]*handle[M]
}

// handle is a shard with what the runtime knows of it.
type handle[M Machine] struct {
	shard   *Shard
	machine M
	// loaded and waiting are guarded by the runtime's mutex; waiting are the
	// events that are to run once it is loaded.
	loaded    bool
	waiting   []func(machine M, err error)
	cancelled atomic.Bool
}

// maxConcurrentLoads bounds the memory of load buffers.
const maxConcurrentLoads = 4

// NewRuntime returns a runtime without shards, which answers
// COORDINATOR_NOT_AVAILABLE until it is started.
func NewRuntime[M Machine](options Options[M]) *Runtime[M] {
	return &Runtime[M]{
		options: options,
		loads:   make(chan struct{}, maxConcurrentLoads),
		epochs:  map[int32]int32{},
		shards:  map[int32]*handle[M]{},
	}
}

// Start lets requests in.
func (r *Runtime[M]) Start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = !r.closed
}

// Active reports whether requests are let in.
func (r *Runtime[M]) Active() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active
}

// Close unloads all shards and waits until no event, load or timer of theirs
// runs.
func (r *Runtime[M]) Close() {
	r.mu.Lock()
	r.active, r.closed = false, true
	open := r.shards
	r.shards = map[int32]*handle[M]{}
	for _, h := range open {
		r.releaseLocked(h)
	}
	r.mu.Unlock()
	r.workers.close()
}

// Submit runs the event in the shard of that partition. When there is no such
// shard the event gets the reason instead, on the caller's goroutine:
// COORDINATOR_NOT_AVAILABLE (not started), COORDINATOR_LOAD_IN_PROGRESS or
// NOT_COORDINATOR. The event is called exactly once.
func (r *Runtime[M]) Submit(partition int32, event func(machine M, err error)) {
	h, err := r.lookUp(partition)
	if err != nil {
		var none M
		event(none, err)
		return
	}
	h.shard.queue.push(func() { h.run(event) })
}

// SubmitLoaded is [Runtime.Submit], except that an event for a shard that is
// loading waits for the load.
func (r *Runtime[M]) SubmitLoaded(partition int32, event func(machine M, err error)) {
	r.mu.Lock()
	if h := r.shards[partition]; h != nil && !h.loaded {
		h.waiting = append(h.waiting, event)
		r.mu.Unlock()
		return
	}
	r.mu.Unlock()
	r.Submit(partition, event)
}

// pushLocked makes what waited for the load events of the shard; the shard is
// closed if the load did not end well.
func (h *handle[M]) pushLocked() {
	for _, event := range h.waiting {
		h.shard.queue.push(func() { h.run(event) })
	}
	h.waiting = nil
}

// run is an event of the shard.
func (h *handle[M]) run(event func(machine M, err error)) {
	if h.shard.closed {
		var none M
		event(none, kerr.NotCoordinator)
		return
	}
	event(h.machine, nil)
}

func (r *Runtime[M]) lookUp(partition int32) (*handle[M], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.shards[partition]
	switch {
	case !r.active:
		return nil, kerr.CoordinatorNotAvailable
	case h == nil:
		return nil, kerr.NotCoordinator
	case !h.loaded:
		return nil, kerr.CoordinatorLoadInProgress
	}
	return h, nil
}

// Status is the error that [Runtime.Submit] would give, or nil.
func (r *Runtime[M]) Status(partition int32) error {
	_, err := r.lookUp(partition)
	return err
}

// Each runs visit in every loaded shard, in no order and possibly at the same
// time, then done once.
func (r *Runtime[M]) Each(visit func(machine M), done func()) {
	r.mu.Lock()
	var loaded []*handle[M]
	for _, h := range r.shards {
		if h.loaded {
			loaded = append(loaded, h)
		}
	}
	r.mu.Unlock()
	if len(loaded) == 0 {
		done()
		return
	}
	var left atomic.Int32
	left.Store(int32(len(loaded)))
	for _, h := range loaded {
		h.shard.queue.push(func() {
			if !h.shard.closed {
				visit(h.machine)
			}
			if left.Add(-1) == 0 {
				done()
			}
		})
	}
}

// Loading reports whether any shard is loading.
func (r *Runtime[M]) Loading() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.shards {
		if !h.loaded {
			return true
		}
	}
	return false
}

func (r *Runtime[M]) partition(id int32) topic.Partition {
	return topic.Partition{Topic: r.options.Topic, Partition: id}
}
