package controller

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// controllerState is what the controller is busy with; the number is the
// ControllerState metric.
type controllerState int32

const (
	stateIdle controllerState = iota
	stateControllerChange
	stateBrokerChange
	stateTopicChange
	stateTopicDeletion
	stateAlterPartitionReassignment
	stateAutoLeaderBalance
	stateManualLeaderBalance
	stateControlledShutdown
	stateIsrChange
	stateLeaderAndIsrResponseReceived
	stateLogDirChange
	stateControllerShutdown
	stateUncleanLeaderElectionEnable
	stateTopicUncleanLeaderElectionEnable
	stateListPartitionReassignment
	stateUpdateMetadataResponseReceived
	stateUpdateFeatures
)

// event is one thing for the controller to do. Every change of its state is
// one, so that nothing in the controller needs a lock.
type event struct {
	name    string
	state   controllerState
	process func() error
	preempt func() // answers the requester when the event is dropped; nil when nobody waits

	enqueued time.Time
	started  chan struct{} // closed when processing starts or the event is dropped
}

// eventManager is the controller's queue and the one goroutine that works it
// off in order, as Kafka's ControllerEventManager.
type eventManager struct {
	processed func(event, error) // runs on the event goroutine after each event
	metrics   *controllerMetrics
	log       logger

	current atomic.Int32
	wake    chan struct{}
	running sync.WaitGroup

	mu     sync.Mutex // protects the following fields
	queue  []event
	closed bool
}

func newEventManager(metrics *controllerMetrics, log logger, processed func(event, error)) *eventManager {
	return &eventManager{processed: processed, metrics: metrics, log: log, wake: make(chan struct{}, 1)}
}

func (m *eventManager) start() { m.running.Go(m.run) }

// state is what the goroutine works on now.
func (m *eventManager) state() controllerState { return controllerState(m.current.Load()) }

func (m *eventManager) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue)
}

// put appends an event. After close it is preempted at once.
func (m *eventManager) put(e event) { m.enqueue(e, false) }

// clearAndPut drops whatever waits and enqueues e instead. The channel closes
// when e is being processed, hence everything before it is over, or when the
// manager is closed.
func (m *eventManager) clearAndPut(e event) <-chan struct{} { return m.enqueue(e, true) }

func (m *eventManager) enqueue(e event, clearing bool) <-chan struct{} {
	e.enqueued = time.Now()
	e.started = make(chan struct{})
	m.mu.Lock()
	var dropped []event
	switch {
	case m.closed:
		dropped = []event{e}
	case clearing:
		dropped, m.queue = m.queue, []event{e}
	default:
		m.queue = append(m.queue, e)
	}
	m.mu.Unlock()
	preemptAll(dropped)
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return e.started
}

func preemptAll(dropped []event) {
	for _, e := range dropped {
		close(e.started)
		if e.preempt != nil {
			e.preempt()
		}
	}
}

// close drops what waits, lets the event under way finish and ends the goroutine.
func (m *eventManager) close() {
	m.mu.Lock()
	dropped := m.queue
	m.queue, m.closed = nil, true
	m.mu.Unlock()
	preemptAll(dropped)
	select {
	case m.wake <- struct{}{}:
	default:
	}
	m.running.Wait()
}

func (m *eventManager) run() {
	m.log.infof("Starting")
	defer m.log.infof("Stopped")
	for {
		e, ok, closed := m.next()
		if closed {
			return
		}
		if !ok {
			<-m.wake
			continue
		}
		m.handle(e)
	}
}

func (m *eventManager) next() (e event, ok, closed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return event{}, false, m.closed
	}
	e = m.queue[0]
	m.queue[0] = event{}
	m.queue = m.queue[1:]
	return e, true, false
}

func (m *eventManager) handle(e event) {
	start := time.Now()
	m.current.Store(int32(e.state))
	m.metrics.observeQueueTime(start.Sub(e.enqueued))
	close(e.started)
	err := e.process()
	m.metrics.observeState(e.state, time.Since(start))
	if err != nil && !errors.Is(err, errControllerMoved) {
		m.log.withError(err).errorf("Error processing event %s", e.name)
	}
	m.processed(e, err)
	m.current.Store(int32(stateIdle))
}
