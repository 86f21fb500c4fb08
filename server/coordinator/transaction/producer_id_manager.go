// Package transaction coordinates transactions and gives out producer ids. It
// mirrors kafka.coordinator.transaction.
package transaction

import (
	"fmt"
	"sync"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/logging"
)

// prefetchShare is the share of a block after which the next one is asked for.
const prefetchShare = 0.90

// maxWaiting bounds the producers that wait for a block.
const maxWaiting = 1000

// ControllerChannel sends a request to the controller; done is called once.
type ControllerChannel interface {
	SendRequest(request kmsg.Request, done func(kmsg.Response, error))
}

// ProducerIDManager gives out producer ids from blocks that the controller
// allocates to this broker; the next block is asked for before the present one is
// used up. It mirrors kafka.coordinator.transaction.RPCProducerIdManager (KIP-730).
type ProducerIDManager struct {
	brokerID    int32
	brokerEpoch func() int64
	channel     ControllerChannel
	log         *logrus.Entry
	prefix      string

	mu        sync.Mutex // guards all below; never held while a callback runs
	current   idBlock
	next      idBlock
	requested bool
	waiting   []func(int64, error)
}

// idBlock is the ids from next on to end, which is not in it.
type idBlock struct{ next, end, size int64 }

func (b *idBlock) empty() bool { return b.next >= b.end }

// NewProducerIDManager asks through the channel; it starts nothing.
func NewProducerIDManager(brokerID int32, brokerEpoch func() int64, channel ControllerChannel) *ProducerIDManager {
	return &ProducerIDManager{
		brokerID: brokerID, brokerEpoch: brokerEpoch, channel: channel,
		log:    logging.For("kafka.coordinator.transaction.RPCProducerIdManager"),
		prefix: fmt.Sprintf("[RPC ProducerId Manager %d]: ", brokerID),
	}
}

// Generate calls done once with an id that nobody else gets, perhaps before it
// returns; with REQUEST_TIMED_OUT if the controller did not answer.
func (m *ProducerIDManager) Generate(done func(producerID int64, err error)) {
	m.mu.Lock()
	if id, ok := m.takeLocked(); ok {
		ask := m.shouldAskLocked()
		m.mu.Unlock()
		m.askIf(ask)
		done(id, nil)
		return
	}
	if len(m.waiting) >= maxWaiting {
		m.mu.Unlock()
		done(-1, kerr.RequestTimedOut)
		return
	}
	m.waiting = append(m.waiting, done)
	ask := m.shouldAskLocked()
	m.mu.Unlock()
	m.askIf(ask)
}

func (m *ProducerIDManager) takeLocked() (int64, bool) {
	if m.current.empty() {
		m.current, m.next = m.next, idBlock{}
	}
	if m.current.empty() {
		return 0, false
	}
	id := m.current.next
	m.current.next++
	return id, true
}

// shouldAskLocked reports, and notes, that a block is to be asked for now.
func (m *ProducerIDManager) shouldAskLocked() bool {
	used := m.current.size - (m.current.end - m.current.next)
	if m.requested || !m.next.empty() || !m.current.empty() && float64(used) < prefetchShare*float64(m.current.size) {
		return false
	}
	m.requested = true
	return true
}

func (m *ProducerIDManager) askIf(ask bool) {
	if !ask {
		return
	}
	request := kmsg.NewPtrAllocateProducerIDsRequest()
	request.BrokerID, request.BrokerEpoch = m.brokerID, m.brokerEpoch()
	m.channel.SendRequest(request, m.answered)
}

func (m *ProducerIDManager) answered(response kmsg.Response, err error) {
	allocated, _ := response.(*kmsg.AllocateProducerIDsResponse)
	if err == nil && allocated == nil {
		err = kerr.UnknownServerError
	}
	if err == nil {
		err = kerr.ErrorForCode(allocated.ErrorCode)
	}
	if err == nil && (allocated.ProducerIDLen <= 0 || allocated.ProducerIDStart < 0) {
		err = kerr.UnknownServerError
	}
	m.mu.Lock()
	m.requested = false
	waiting := m.waiting
	m.waiting = nil
	if err != nil {
		m.mu.Unlock()
		m.log.Errorf("%sHad an error while allocating a block of producer ids: %v", m.prefix, err)
		for _, done := range waiting {
			done(-1, kerr.RequestTimedOut)
		}
		return
	}
	m.next = idBlock{allocated.ProducerIDStart, allocated.ProducerIDStart + int64(allocated.ProducerIDLen), int64(allocated.ProducerIDLen)}
	m.mu.Unlock()
	for _, done := range waiting {
		m.Generate(done)
	}
}
