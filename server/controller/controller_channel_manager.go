package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// Sender sends one request to a broker over the listener that controllers use
// and waits for the answer; a broken connection is made anew by the next call.
// It must not write into the request, whose parts several brokers' requests
// share. The controller sends to its own broker in the same way.
type Sender interface {
	Send(ctx context.Context, broker zkdata.Broker, request kmsg.Request) (kmsg.Response, error)
}

// sendBackoff is the pause between two attempts to reach a broker.
const sendBackoff = 100 * time.Millisecond

// channelManager holds one queue and one goroutine a broker, as Kafka's
// ControllerChannelManager. Requests reach each broker strictly in order, one
// at a time, and are retried until the broker is removed.
type channelManager struct {
	brokerID int32
	listener string // the brokers' listener that the sender uses, for the log
	sender   Sender
	timeout  time.Duration
	metrics  *controllerMetrics
	log      logger

	mu       sync.Mutex // protects the following field against the metrics
	channels map[int32]*brokerChannel
}

func newChannelManager(brokerID int32, listener string, sender Sender, timeout time.Duration, metrics *controllerMetrics) *channelManager {
	return &channelManager{
		brokerID: brokerID, listener: listener, sender: sender, timeout: timeout, metrics: metrics,
		log:      prefixed("kafka.controller.RequestSendThread", "[RequestSendThread controllerId=%d] ", brokerID),
		channels: map[int32]*brokerChannel{},
	}
}

// addBroker starts a broker's queue; one that is there already stays.
func (m *channelManager) addBroker(broker zkdata.Broker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.channels[broker.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	channel := &brokerChannel{manager: m, broker: broker, cancel: cancel, wake: make(chan struct{}, 1)}
	m.channels[broker.ID] = channel
	channel.queueTime = m.metrics.addBroker(broker.ID, channel.size)
	channel.running.Go(func() { channel.run(ctx) })
}

// removeBroker drops a broker's queue and waits for its goroutine.
func (m *channelManager) removeBroker(id int32) {
	m.mu.Lock()
	channel := m.channels[id]
	delete(m.channels, id)
	m.mu.Unlock()
	if channel != nil {
		channel.cancel()
		channel.running.Wait()
		m.metrics.removeBroker(id)
	}
}

// shutdown removes all brokers.
func (m *channelManager) shutdown() {
	m.mu.Lock()
	for _, channel := range m.channels {
		channel.cancel()
	}
	ids := sortedKeys(m.channels)
	m.mu.Unlock()
	for _, id := range ids {
		m.removeBroker(id)
	}
}

// send queues a request; answered runs on the broker's goroutine.
func (m *channelManager) send(id int32, request kmsg.Request, answered func(kmsg.Response)) {
	m.mu.Lock()
	channel := m.channels[id]
	m.mu.Unlock()
	if channel == nil {
		m.log.warnf("Not sending request %s to broker %d, since it is offline.", kmsg.NameForKey(request.Key()), id)
		return
	}
	channel.put(queuedRequest{request, answered, time.Now()})
}

func (m *channelManager) totalQueueSize() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for _, channel := range m.channels {
		total += channel.size()
	}
	return total
}

type queuedRequest struct {
	request  kmsg.Request
	answered func(kmsg.Response)
	enqueued time.Time
}

// brokerChannel is the queue to one broker, as Kafka's RequestSendThread.
type brokerChannel struct {
	manager   *channelManager
	broker    zkdata.Broker
	queueTime *metrics.Histogram
	cancel    context.CancelFunc
	running   sync.WaitGroup
	wake      chan struct{}

	// Outcome of the attempt before; only the goroutine's.
	connected, failing bool

	mu    sync.Mutex // protects the following field
	queue []queuedRequest
}

func (c *brokerChannel) put(item queuedRequest) {
	c.mu.Lock()
	c.queue = append(c.queue, item)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *brokerChannel) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}

func (c *brokerChannel) next() (queuedRequest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return queuedRequest{}, false
	}
	item := c.queue[0]
	c.queue[0] = queuedRequest{}
	c.queue = c.queue[1:]
	return item, true
}

func (c *brokerChannel) run(ctx context.Context) {
	c.manager.log.infof("Starting")
	defer c.manager.log.infof("Stopped")
	for ctx.Err() == nil {
		item, ok := c.next()
		if !ok {
			select {
			case <-c.wake:
			case <-ctx.Done():
			}
			continue
		}
		c.queueTime.UpdateDuration(time.Since(item.enqueued))
		if response, ok := c.sendUntilAnswered(ctx, item.request); ok && item.answered != nil {
			item.answered(response)
		}
	}
}

// sendUntilAnswered retries for as long as the broker counts as registered.
func (c *brokerChannel) sendUntilAnswered(ctx context.Context, request kmsg.Request) (kmsg.Response, bool) {
	for {
		response, err := c.attempt(ctx, request)
		if err == nil {
			return response, true
		}
		select {
		case <-time.After(sendBackoff):
		case <-ctx.Done():
			return nil, false
		}
	}
}

func (c *brokerChannel) attempt(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	attempt, cancel := context.WithTimeout(ctx, c.manager.timeout)
	defer cancel()
	response, err := c.manager.sender.Send(attempt, c.broker, request)
	if ctx.Err() == nil {
		c.logOutcome(request, err)
	}
	return response, err
}

// logOutcome says when the broker becomes reachable or unreachable, not at
// every attempt.
func (c *brokerChannel) logOutcome(request kmsg.Request, err error) {
	log, self := c.manager.log, c.manager.brokerID
	switch {
	case err == nil && !c.connected:
		log.infof("Controller %d connected to %s for sending state change requests", self, c.node())
	case err != nil && !c.failing:
		log.withError(err).warnf("Controller %d fails to send request %s to broker %s. Reconnecting to broker.",
			self, kmsg.NameForKey(request.Key()), c.node())
	}
	c.connected, c.failing = err == nil, err != nil
}

// node prints the broker as org.apache.kafka.common.Node.
func (c *brokerChannel) node() string {
	endpoint, _ := c.broker.Endpoint(c.manager.listener)
	rack := "null"
	if c.broker.Rack != nil {
		rack = *c.broker.Rack
	}
	return fmt.Sprintf("%s:%d (id: %d rack: %s)", endpoint.Host, endpoint.Port, c.broker.ID, rack)
}
