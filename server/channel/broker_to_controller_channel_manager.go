package channel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/logging"
)

// controllerPoll is the pause between two looks for the controller.
const controllerPoll = 100 * time.Millisecond

// notControllerBackoff is the pause after a broker says that it is not the
// controller, which upstream's pause before reconnecting amounts to.
const notControllerBackoff = 50 * time.Millisecond

// BrokerToControllerConfig has the settings of a channel to the controller.
type BrokerToControllerConfig struct {
	// Name is the channel's name in messages, such as alterIsr.
	Name string
	// BrokerID is this broker.
	BrokerID int32
	// Controller tells who the controller is, when that is known.
	Controller func() (Node, bool)
	// RetryTimeout bounds how long a request is retried; 0 is without end.
	RetryTimeout time.Duration
	// Sender has the settings of the connection.
	Sender SenderConfig
}

// BrokerToControllerChannelManager sends requests to the controller one by
// one, and again when that fails or the controller is another by now, as
// kafka.server.BrokerToControllerChannelManager.
type BrokerToControllerChannelManager struct {
	config BrokerToControllerConfig
	sender *Sender
	logger *logrus.Entry
	prefix string

	closing context.Context
	close   context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	queue   []*controllerRequest
	started bool
	added   chan struct{} // tells the goroutine of a new request
}

type controllerRequest struct {
	request kmsg.Request
	done    func(kmsg.Response, error)
	created time.Time
}

// NewBrokerToControllerChannelManager returns a channel that is not started.
func NewBrokerToControllerChannelManager(config BrokerToControllerConfig) *BrokerToControllerChannelManager {
	m := &BrokerToControllerChannelManager{
		config: config,
		sender: NewSender(config.Sender),
		logger: logging.For("kafka.server.BrokerToControllerRequestThread"),
		prefix: fmt.Sprintf("[BrokerToControllerChannelManager broker=%d name=%s]: ", config.BrokerID, config.Name),
		added:  make(chan struct{}, 1),
	}
	m.closing, m.close = context.WithCancel(context.Background())
	return m
}

// Start begins to send.
func (m *BrokerToControllerChannelManager) Start() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.started || m.closing.Err() != nil {
		return
	}
	m.started = true
	m.logger.Infof("%sStarting", m.prefix)
	m.running.Go(m.run)
}

// SendRequest queues a request, whose version is set. done is called once, from
// the channel's goroutine, with a response that is not NOT_CONTROLLER, or with
// the error that the retry timeout is over (kerr.RequestTimedOut) or the
// channel closed ([ErrClosed]).
func (m *BrokerToControllerChannelManager) SendRequest(request kmsg.Request, done func(kmsg.Response, error)) {
	m.mu.Lock()
	if m.closing.Err() != nil {
		m.mu.Unlock()
		done(nil, ErrClosed)
		return
	}
	m.queue = append(m.queue, &controllerRequest{request, done, time.Now()})
	m.mu.Unlock()
	select {
	case m.added <- struct{}{}:
	default:
	}
}

// Send sends a request and waits for its response.
func (m *BrokerToControllerChannelManager) Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	type result struct {
		response kmsg.Response
		err      error
	}
	results := make(chan result, 1)
	m.SendRequest(request, func(response kmsg.Response, err error) { results <- result{response, err} })
	select {
	case r := <-results:
		return r.response, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close stops the channel. Requests that have no response get [ErrClosed].
func (m *BrokerToControllerChannelManager) Close() {
	m.close()
	m.sender.Close()
	m.running.Wait()
	m.mu.Lock()
	left := m.queue
	m.queue = nil
	m.mu.Unlock()
	for _, r := range left {
		r.done(nil, ErrClosed)
	}
}

func (m *BrokerToControllerChannelManager) run() {
	defer m.logger.Infof("%sStopped", m.prefix)
	var controller, recorded Node
	known := false
	for m.closing.Err() == nil {
		m.expire()
		next := m.peek()
		switch {
		case next == nil:
			m.wait(m.added, -1)
		case !known:
			if controller, known = m.config.Controller(); !known {
				m.logger.Debugf("%sNo controller defined in metadata cache, retrying after backoff", m.prefix)
				m.wait(nil, controllerPoll)
				continue
			}
			if controller != recorded {
				recorded = controller
				m.logger.Infof("%sRecorded new controller, from now on will use broker %s", m.prefix, controller)
			}
		default:
			known = m.sendTo(controller, next)
		}
	}
}

// sendTo sends the request at the head of the queue and reports whether the
// controller is still to be used. The request stays at the head unless it got
// an answer.
func (m *BrokerToControllerChannelManager) sendTo(controller Node, next *controllerRequest) bool {
	response, err := m.sender.Send(m.closing, controller, next.request)
	switch {
	case err != nil:
		if !errors.Is(err, ErrClosed) && m.closing.Err() == nil {
			m.logger.Debugf("%sDisconnected from the controller: %v", m.prefix, err)
		}
		return false
	case isNotController(response):
		m.sender.Disconnect(controller.ID)
		m.wait(nil, notControllerBackoff) // the metadata may take a while to tell
		return false
	}
	m.pop(next)
	next.done(response, nil)
	return true
}

// isNotController looks at the error code at the top of a response.
func isNotController(response kmsg.Response) bool {
	field := reflect.ValueOf(response).Elem().FieldByName("ErrorCode")
	return field.IsValid() && field.Kind() == reflect.Int16 && int16(field.Int()) == kerr.NotController.Code
}

func (m *BrokerToControllerChannelManager) peek() *controllerRequest {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		return nil
	}
	return m.queue[0]
}

func (m *BrokerToControllerChannelManager) pop(r *controllerRequest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) > 0 && m.queue[0] == r {
		m.queue[0] = nil
		m.queue = m.queue[1:]
	}
}

// expire gives up the requests whose time is over.
func (m *BrokerToControllerChannelManager) expire() {
	if m.config.RetryTimeout <= 0 {
		return
	}
	m.mu.Lock()
	over := 0
	for over < len(m.queue) && time.Since(m.queue[over].created) >= m.config.RetryTimeout {
		over++
	}
	expired := m.queue[:over:over]
	m.queue = m.queue[over:]
	m.mu.Unlock()
	for _, r := range expired {
		r.done(nil, fmt.Errorf("no controller has answered for %s: %w", m.config.RetryTimeout, kerr.RequestTimedOut))
	}
}

// wait pauses until something was added, the time is over (negative: never) or
// the channel closes.
func (m *BrokerToControllerChannelManager) wait(added <-chan struct{}, d time.Duration) {
	var over <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-added:
	case <-over:
	case <-m.closing.Done():
	}
}
