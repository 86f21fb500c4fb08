package cluster

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// NoLeader is the leader of a partition before the first LeaderAndIsr.
const NoLeader int32 = -1

// NoEpoch is the leader epoch of a request that names none, and of a partition
// before the first LeaderAndIsr.
const NoEpoch int32 = -1

// LogManager is what a partition needs of the log manager.
type LogManager interface {
	// GetLog gives the current or future log, nil when there is none.
	GetLog(tp topic.Partition, isFuture bool) *log.UnifiedLog
	// GetOrCreateLog opens the log, made in the preferred or least loaded
	// directory when it does not exist.
	GetOrCreateLog(tp topic.Partition, topicID topic.ID, isNew, isFuture bool) (*log.UnifiedLog, error)
	// InitializingLog and FinishedInitializingLog enclose the creation, so
	// that a change of configuration meanwhile is not missed.
	InitializingLog(tp topic.Partition)
	FinishedInitializingLog(tp topic.Partition, created *log.UnifiedLog)
	// TruncateTo cuts logs and writes their recovery points down.
	TruncateTo(offsets map[topic.Partition]int64, isFuture bool) error
	// TruncateFullyAndStartAt empties a log.
	TruncateFullyAndStartAt(tp topic.Partition, offset int64, isFuture bool) error
	// AsyncDelete renames a log's directory and deletes it later.
	AsyncDelete(tp topic.Partition, isFuture bool) error
	// ReplaceCurrentWithFutureLog makes the future log the current one.
	ReplaceCurrentWithFutureLog(tp topic.Partition) error
}

// AlterIsrManager asks the controller for ISR changes, as
// kafka.server.AlterIsrManager.
type AlterIsrManager interface {
	// Submit proposes a change. done is called once, perhaps before Submit
	// returns, with what the controller decided.
	Submit(tp topic.Partition, proposed LeaderAndIsr, controllerEpoch int32, done func(LeaderAndIsr, error))
}

// IsrChangeListener counts ISR changes.
type IsrChangeListener interface {
	MarkExpand()
	MarkShrink()
	MarkFailed()
}

// DelayedOperations are the requests parked on partitions.
type DelayedOperations interface {
	// CheckAndCompleteAll completes what may be complete now that the
	// partition's high or low watermark moved.
	CheckAndCompleteAll(tp topic.Partition)
	// NumDelayedDelete is the number of parked DeleteRecords requests.
	NumDelayedDelete() int
}

// AliveBrokers tells which brokers live.
type AliveBrokers interface {
	HasAliveBroker(id int32) bool
}

// OffsetCheckpoints gives the high watermark a log directory's checkpoint file
// has for a partition.
type OffsetCheckpoints interface {
	Fetch(logDir string, tp topic.Partition) (int64, bool)
}

// Broker is what all partitions of a broker share.
type Broker struct {
	ID                int32
	ReplicaLagTimeMax time.Duration
	LogManager        LogManager
	AliveBrokers      AliveBrokers
	AlterIsr          AlterIsrManager
	IsrChanges        IsrChangeListener
	Delayed           DelayedOperations
	Log               *logrus.Entry // kafka.cluster.Partition
	StateChange       *logrus.Entry // state.change.logger
}

// Partition is one partition of which this broker has, or is to have, a
// replica.
//
// The atomic fields are written with state held exclusively; they are atomic
// so that purgatories, gauges and the high watermark can read them without it.
type Partition struct {
	tp     topic.Partition
	broker *Broker

	leader      atomic.Int32
	leaderEpoch atomic.Int32
	isr         atomic.Pointer[IsrState]
	assignment  atomic.Pointer[Assignment]
	remotes     atomic.Pointer[[]*Replica]
	log         atomic.Pointer[log.UnifiedLog]
	futureLog   atomic.Pointer[log.UnifiedLog]
	// moved says that the log took the place of another, whose segments were
	// others: places in the log that followers told before are void.
	moved atomic.Bool

	state sync.RWMutex // see the package comment; protects the following
	// leaderEpochStartOffset is the log end offset at the start of this
	// broker's leader epoch, -1 when it does not lead.
	leaderEpochStartOffset int64
	zkVersion              int32
	controllerEpoch        int32

	// futureLogMu keeps follower appends apart from the moment the future log
	// takes the current one's place. It is taken before state.
	futureLogMu sync.Mutex
}

// NewPartition returns a partition that has neither leader nor log yet.
func NewPartition(tp topic.Partition, broker *Broker) *Partition {
	p := &Partition{tp: tp, broker: broker, leaderEpochStartOffset: UnknownOffset}
	p.leader.Store(NoLeader)
	p.leaderEpoch.Store(NoEpoch)
	p.isr.Store(&IsrState{})
	p.assignment.Store(&Assignment{})
	p.remotes.Store(&[]*Replica{})
	return p
}

// TopicPartition gives the partition's name.
func (p *Partition) TopicPartition() topic.Partition { return p.tp }

// Topic gives the topic's name.
func (p *Partition) Topic() string { return p.tp.Topic }

// Leader gives the leader's broker id, NoLeader when it is unknown.
func (p *Partition) Leader() int32 { return p.leader.Load() }

// LeaderEpoch gives the leader epoch, NoEpoch before the first LeaderAndIsr.
func (p *Partition) LeaderEpoch() int32 { return p.leaderEpoch.Load() }

// IsLeader reports whether this broker leads the partition.
func (p *Partition) IsLeader() bool { return p.leader.Load() == p.broker.ID }

// IsrState gives the in-sync replicas; it must not be changed.
func (p *Partition) IsrState() *IsrState { return p.isr.Load() }

// Assignment gives the partition's replicas; it must not be changed.
func (p *Partition) Assignment() *Assignment { return p.assignment.Load() }

// Log gives the current local log, nil when there is none.
func (p *Partition) Log() *log.UnifiedLog { return p.log.Load() }

// FutureLog gives the log that is being moved to another directory, nil when
// there is none.
func (p *Partition) FutureLog() *log.UnifiedLog { return p.futureLog.Load() }

// LeaderLog gives the local log if this broker leads the partition, else nil.
func (p *Partition) LeaderLog() *log.UnifiedLog {
	if !p.IsLeader() {
		return nil
	}
	return p.log.Load()
}

// LocalLog gives the local log or NOT_LEADER_OR_FOLLOWER.
func (p *Partition) LocalLog() (*log.UnifiedLog, error) {
	if local := p.log.Load(); local != nil {
		return local, nil
	}
	return nil, fmt.Errorf("Log for partition %s is not available on broker %d: %w", p.tp, p.broker.ID, kerr.NotLeaderForPartition)
}

// Replica gives what is known of a remote replica, nil for an unknown one.
func (p *Partition) Replica(brokerID int32) *Replica {
	for _, replica := range *p.remotes.Load() {
		if replica.BrokerID == brokerID {
			return replica
		}
	}
	return nil
}

// RemoteReplicas gives the remote replicas in order of assignment. The slice
// must not be changed.
func (p *Partition) RemoteReplicas() []*Replica { return *p.remotes.Load() }

// ZKVersion gives the version of the partition's state in ZooKeeper.
func (p *Partition) ZKVersion() int32 {
	p.state.RLock()
	defer p.state.RUnlock()
	return p.zkVersion
}

// IsUnderReplicated reports whether this broker leads the partition and
// replicas are out of sync.
func (p *Partition) IsUnderReplicated() bool {
	return p.IsLeader() && p.assignment.Load().ReplicationFactor() > len(p.isr.Load().Isr)
}

// IsUnderMinIsr reports whether this broker leads the partition and fewer
// replicas are in sync than min.insync.replicas.
func (p *Partition) IsUnderMinIsr() bool {
	leaderLog := p.LeaderLog()
	return leaderLog != nil && len(p.isr.Load().Isr) < minInsyncReplicas(leaderLog)
}

// IsAtMinIsr reports whether this broker leads the partition and just
// min.insync.replicas are in sync.
func (p *Partition) IsAtMinIsr() bool {
	leaderLog := p.LeaderLog()
	return leaderLog != nil && len(p.isr.Load().Isr) == minInsyncReplicas(leaderLog)
}

// IsReassigning reports whether the partition's replicas are being changed.
func (p *Partition) IsReassigning() bool { return p.assignment.Load().IsReassigning() }

// IsAddingReplica reports whether a reassignment adds the replica.
func (p *Partition) IsAddingReplica(brokerID int32) bool {
	return p.assignment.Load().IsAdding(brokerID)
}

// Delete forgets everything: the partition is no longer hosted. Its log is
// left to the caller.
func (p *Partition) Delete() {
	p.state.Lock()
	defer p.state.Unlock()
	p.remotes.Store(&[]*Replica{})
	p.assignment.Store(&Assignment{})
	p.log.Store(nil)
	p.futureLog.Store(nil)
	p.isr.Store(&IsrState{})
	p.leader.Store(NoLeader)
	p.leaderEpochStartOffset = UnknownOffset
}

// checkLeaderEpoch fences a request made in another leader epoch (KIP-320);
// NoEpoch passes.
func (p *Partition) checkLeaderEpoch(requested int32) error {
	local := p.leaderEpoch.Load()
	switch {
	case requested == NoEpoch || requested == local:
		return nil
	case requested < local:
		return kerr.FencedLeaderEpoch
	default:
		return kerr.UnknownLeaderEpoch
	}
}

// localLogChecked gives the local log to a request of the given epoch.
func (p *Partition) localLogChecked(currentLeaderEpoch int32, onlyFromLeader bool) (*log.UnifiedLog, error) {
	err := p.checkLeaderEpoch(currentLeaderEpoch)
	local := p.log.Load()
	if err == nil && (local == nil || onlyFromLeader && !p.IsLeader()) {
		err = kerr.NotLeaderForPartition
	}
	if err == nil {
		return local, nil
	}
	role := ""
	if onlyFromLeader {
		role = "leader "
	}
	return nil, fmt.Errorf("Failed to find %slog for partition %s with leader epoch %d. The current leader is %d and the current epoch %d: %w",
		role, p.tp, currentLeaderEpoch, p.Leader(), p.LeaderEpoch(), err)
}

// setRemotesLocked keeps the known replicas of the new assignment, drops the
// others and adds the new ones.
func (p *Partition) setRemotesLocked(assignment []int32) {
	remotes := make([]*Replica, 0, max(len(assignment)-1, 0))
	for _, id := range assignment {
		if id == p.broker.ID || slices.ContainsFunc(remotes, func(r *Replica) bool { return r.BrokerID == id }) {
			continue
		}
		replica := p.Replica(id)
		if replica == nil {
			replica = newReplica(id)
		}
		remotes = append(remotes, replica)
	}
	p.remotes.Store(&remotes)
}

// String shows the partition as Kafka's logs do.
func (p *Partition) String() string {
	assignment := p.assignment.Load()
	text := fmt.Sprintf("Topic: %s; Partition: %d; Leader: %d; Replicas: %s; ISR: %s", p.tp.Topic, p.tp.Partition,
		p.Leader(), jvm.Joined(assignment.Replicas, ","), jvm.Joined(p.isr.Load().Isr, ","))
	if assignment.IsReassigning() {
		text += fmt.Sprintf("; AddingReplicas: %s; RemovingReplicas: %s", jvm.Joined(assignment.Adding, ","), jvm.Joined(assignment.Removing, ","))
	}
	return text
}
