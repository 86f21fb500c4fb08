package replica

import (
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
)

// alterIsrRetryBackoff is how long a request that failed as a whole waits
// before its items are sent again.
const alterIsrRetryBackoff = 50 * time.Millisecond

// ControllerChannel sends requests to the controller, wherever it is, as
// BrokerToControllerChannelManager. done is called once, on another goroutine;
// an error means that the request may or may not have been carried out.
type ControllerChannel interface {
	SendRequest(request kmsg.Request, done func(kmsg.Response, error))
}

// AlterIsrManager asks the controller for ISR changes, one request at a time
// with all partitions that changed meanwhile, as DefaultAlterIsrManager. It
// implements cluster.AlterIsrManager.
type AlterIsrManager struct {
	brokerID    int32
	brokerEpoch func() int64
	channel     ControllerChannel
	log         *logrus.Entry
	workers     sync.WaitGroup

	mu       sync.Mutex // protects the following
	unsent   map[topic.Partition]*alterIsrItem
	inflight bool
	retry    *time.Timer
	closed   bool
}

type alterIsrItem struct {
	tp       topic.Partition
	proposed cluster.LeaderAndIsr
	done     func(cluster.LeaderAndIsr, error)
}

// NewAlterIsrManager returns a manager for inter-broker protocols from
// 2.7-IV2 on. brokerEpoch gives the epoch of the broker's registration.
func NewAlterIsrManager(brokerID int32, brokerEpoch func() int64, channel ControllerChannel) *AlterIsrManager {
	return &AlterIsrManager{
		brokerID: brokerID, brokerEpoch: brokerEpoch, channel: channel, unsent: map[topic.Partition]*alterIsrItem{},
		log: logging.For("kafka.server.DefaultAlterIsrManager"),
	}
}

// Submit queues a change. A partition whose last change is not answered yet
// gets OPERATION_NOT_ATTEMPTED.
func (m *AlterIsrManager) Submit(tp topic.Partition, proposed cluster.LeaderAndIsr, controllerEpoch int32, done func(cluster.LeaderAndIsr, error)) {
	m.mu.Lock()
	_, busy := m.unsent[tp]
	if !busy && !m.closed {
		m.unsent[tp] = &alterIsrItem{tp: tp, proposed: proposed, done: done}
	}
	refused := busy || m.closed
	m.mu.Unlock()
	if refused {
		done(cluster.LeaderAndIsr{}, fmt.Errorf("Failed to enqueue ISR change state %s for partition %s: %w", proposed, tp, kerr.OperationNotAttempted))
		return
	}
	m.propagate()
}

// propagate sends what is queued unless a request is on its way.
func (m *AlterIsrManager) propagate() {
	m.mu.Lock()
	if m.inflight || m.closed || len(m.unsent) == 0 {
		m.mu.Unlock()
		return
	}
	m.inflight = true
	items := make([]*alterIsrItem, 0, len(m.unsent))
	for _, item := range m.unsent {
		items = append(items, item)
	}
	m.workers.Add(1)
	m.mu.Unlock()
	request := m.buildRequest(items)
	m.channel.SendRequest(request, func(response kmsg.Response, err error) {
		defer m.workers.Done()
		m.handleResponse(request.BrokerEpoch, items, response, err)
	})
}

func (m *AlterIsrManager) buildRequest(items []*alterIsrItem) *kmsg.AlterPartitionRequest {
	request := kmsg.NewPtrAlterPartitionRequest()
	request.Version = 0 // AlterIsr, as 3.1 calls it
	request.BrokerID, request.BrokerEpoch = m.brokerID, m.brokerEpoch()
	places := map[string]int{}
	for _, item := range items {
		at, ok := places[item.tp.Topic]
		if !ok {
			at = len(request.Topics)
			places[item.tp.Topic] = at
			request.Topics = append(request.Topics, kmsg.AlterPartitionRequestTopic{Topic: item.tp.Topic})
		}
		request.Topics[at].Partitions = append(request.Topics[at].Partitions, kmsg.AlterPartitionRequestTopicPartition{
			Partition: item.tp.Partition, LeaderEpoch: item.proposed.LeaderEpoch,
			NewISR: item.proposed.ISR, PartitionEpoch: item.proposed.ZKVersion,
		})
	}
	return request
}

// handleResponse answers the items the controller decided on. All others stay
// queued; a failure of the whole request is retried after a pause.
func (m *AlterIsrManager) handleResponse(sentEpoch int64, items []*alterIsrItem, response kmsg.Response, err error) {
	answer, ok := response.(*kmsg.AlterPartitionResponse)
	if err == nil && !ok {
		err = fmt.Errorf("unexpected response %T: %w", response, kerr.UnknownServerError)
	}
	if err == nil {
		err = kerr.ErrorForCode(answer.ErrorCode)
	}
	complete := false
	switch {
	case err == nil:
		complete = m.answer(items, answer)
	case err == kerr.StaleBrokerEpoch:
		m.log.Warnf("Broker had a stale broker epoch (%d), retrying.", sentEpoch)
	case err == kerr.ClusterAuthorizationFailed:
		m.log.Error("Broker is not authorized to send AlterIsr to controller")
	default:
		m.log.WithError(err).Warn("Controller returned an unexpected top-level error when handling AlterIsr request")
	}
	m.mu.Lock()
	m.inflight = false
	if !complete && !m.closed {
		m.retry = time.AfterFunc(alterIsrRetryBackoff, m.propagate)
	}
	m.mu.Unlock()
	if complete {
		m.propagate()
	}
}

// answer reports whether the response had all items.
func (m *AlterIsrManager) answer(items []*alterIsrItem, response *kmsg.AlterPartitionResponse) (complete bool) {
	complete = true
	decided := map[topic.Partition]*kmsg.AlterPartitionResponseTopicPartition{}
	for i := range response.Topics {
		for j := range response.Topics[i].Partitions {
			partition := &response.Topics[i].Partitions[j]
			decided[topic.Partition{Topic: response.Topics[i].Topic, Partition: partition.Partition}] = partition
		}
	}
	for _, item := range items {
		partition := decided[item.tp]
		if partition == nil {
			m.log.Warnf("Partition %s was sent but not included in the response", item.tp)
			complete = false
			continue
		}
		// The partition may propose again from within done.
		m.mu.Lock()
		delete(m.unsent, item.tp)
		m.mu.Unlock()
		item.done(cluster.LeaderAndIsr{
			Leader: partition.LeaderID, LeaderEpoch: partition.LeaderEpoch, ISR: partition.ISR, ZKVersion: partition.PartitionEpoch,
		}, kerr.ErrorForCode(partition.ErrorCode))
	}
	return complete
}

// Close sends nothing more and waits for the request on its way; the channel
// must be closed first.
func (m *AlterIsrManager) Close() {
	m.mu.Lock()
	m.closed = true
	if m.retry != nil {
		m.retry.Stop()
	}
	m.mu.Unlock()
	m.workers.Wait()
}
