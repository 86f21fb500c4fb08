package replica

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// When the controller is told of ISR changes, as IsrChangePropagationConfig:
// once none came for isrLinger, or the last time is isrMaxDelay ago.
const (
	isrCheckInterval = 2500 * time.Millisecond
	isrLinger        = 5 * time.Second
	isrMaxDelay      = time.Minute
)

// IsrZkClient is what ZkIsrManager needs of zkutil.KafkaZkClient.
type IsrZkClient interface {
	// UpdateLeaderAndIsrAsLeader writes a partition's state at the version it
	// has; updated is false when the node has another version.
	UpdateLeaderAndIsrAsLeader(tp topic.Partition, state zkdata.LeaderAndIsr, controllerEpoch int32) (updated bool, version int32, err error)
	// PropagateIsrChanges leaves a notification for the controller.
	PropagateIsrChanges(partitions []topic.Partition) error
}

// ZkIsrManager writes ISR changes to ZooKeeper itself, as kafka.server.ZkIsrManager:
// inter-broker protocols below 2.7-IV2 have no AlterIsr. It implements
// cluster.AlterIsrManager.
type ZkIsrManager struct {
	zk      IsrZkClient
	log     *logrus.Entry
	workers sync.WaitGroup
	stop    chan struct{}

	mu             sync.Mutex // protects the following
	changed        map[topic.Partition]bool
	lastChange     time.Time
	lastPropagated time.Time
	closed         bool
}

// NewZkIsrManager returns a manager that is not started.
func NewZkIsrManager(zk IsrZkClient) *ZkIsrManager {
	now := time.Now()
	return &ZkIsrManager{
		zk: zk, log: logging.For("kafka.server.ZkIsrManager"), stop: make(chan struct{}), changed: map[topic.Partition]bool{},
		lastChange: now, lastPropagated: now,
	}
}

// Start begins to tell the controller of changes.
func (m *ZkIsrManager) Start() {
	m.workers.Go(func() {
		ticker := time.NewTicker(isrCheckInterval)
		defer ticker.Stop()
		for {
			select {
			case <-m.stop:
				return
			case now := <-ticker.C:
				m.maybePropagate(now)
			}
		}
	})
}

// Submit writes the change in the background.
func (m *ZkIsrManager) Submit(tp topic.Partition, proposed cluster.LeaderAndIsr, controllerEpoch int32, done func(cluster.LeaderAndIsr, error)) {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		done(cluster.LeaderAndIsr{}, kerr.OperationNotAttempted)
		return
	}
	m.workers.Add(1)
	m.mu.Unlock()
	go func() {
		defer m.workers.Done()
		done(m.write(tp, proposed, controllerEpoch))
	}()
}

func (m *ZkIsrManager) write(tp topic.Partition, proposed cluster.LeaderAndIsr, controllerEpoch int32) (cluster.LeaderAndIsr, error) {
	state := zkdata.LeaderAndIsr{Leader: proposed.Leader, LeaderEpoch: proposed.LeaderEpoch, Isr: slices.Clone(proposed.ISR), ZkVersion: proposed.ZKVersion}
	updated, version, err := m.zk.UpdateLeaderAndIsrAsLeader(tp, state, controllerEpoch)
	if err != nil {
		m.log.WithError(err).Warnf("Writing the ISR of %s failed", tp)
	}
	if err != nil || !updated {
		return cluster.LeaderAndIsr{}, fmt.Errorf("ISR update %s for partition %s with controller epoch %d failed with an invalid version error: %w",
			proposed, tp, controllerEpoch, kerr.InvalidUpdateVersion)
	}
	m.mu.Lock()
	m.changed[tp] = true
	m.lastChange = time.Now()
	m.mu.Unlock()
	proposed.ZKVersion = version
	return proposed, nil
}

func (m *ZkIsrManager) maybePropagate(now time.Time) {
	m.mu.Lock()
	if len(m.changed) == 0 || now.Sub(m.lastChange) <= isrLinger && now.Sub(m.lastPropagated) <= isrMaxDelay {
		m.mu.Unlock()
		return
	}
	partitions := make([]topic.Partition, 0, len(m.changed))
	for tp := range m.changed {
		partitions = append(partitions, tp)
	}
	clear(m.changed)
	m.lastPropagated = now
	m.mu.Unlock()
	if err := m.zk.PropagateIsrChanges(partitions); err != nil {
		m.log.WithError(err).Warnf("Cannot tell the controller of %d ISR changes; they are told with the next", len(partitions))
		m.mu.Lock()
		for _, tp := range partitions {
			m.changed[tp] = true
		}
		m.mu.Unlock()
	}
}

// Close takes no more changes and waits for those under way.
func (m *ZkIsrManager) Close() {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.stop)
	}
	m.mu.Unlock()
	m.workers.Wait()
}
