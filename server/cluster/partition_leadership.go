package cluster

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// MakeLeader makes this broker the leader as a LeaderAndIsr request says:
// the log exists, the leader epoch begins at its end, and the progress of the
// other replicas is watched from now. It reports whether the broker did not
// lead before.
func (p *Partition) MakeLeader(state *kmsg.LeaderAndISRRequestTopicPartition, checkpoints OffsetCheckpoints, topicID topic.ID) (isNewLeader bool, err error) {
	isNewLeader, incremented, err := p.makeLeader(state, checkpoints, topicID)
	if incremented {
		p.broker.Delayed.CheckAndCompleteAll(p.tp)
	}
	return isNewLeader, err
}

func (p *Partition) makeLeader(state *kmsg.LeaderAndISRRequestTopicPartition, checkpoints OffsetCheckpoints, topicID topic.ID) (isNewLeader, incremented bool, err error) {
	p.state.Lock()
	defer p.state.Unlock()
	p.controllerEpoch = state.ControllerEpoch
	p.setAssignmentLocked(state, slices.Clone(state.ISR))
	if err := p.createLogLocked(state.IsNew, false, checkpoints, topicID); err != nil {
		return false, false, err
	}
	leaderLog := p.log.Load()
	startOffset := leaderLog.LogEndOffset()
	p.broker.StateChange.Infof("[Broker id=%d] Leader %s starts at leader epoch %d from offset %d with high watermark %d "+
		"ISR [%s] addingReplicas [%s] removingReplicas [%s]. Previous leader epoch was %d.", p.broker.ID, p.tp, state.LeaderEpoch, startOffset,
		leaderLog.HighWatermark(), jvm.Joined(state.ISR, ","), jvm.Joined(state.AddingReplicas, ","), jvm.Joined(state.RemovingReplicas, ","), p.LeaderEpoch())

	p.leaderEpoch.Store(state.LeaderEpoch)
	p.leaderEpochStartOffset = startOffset
	p.zkVersion = state.ZKVersion
	// The epoch is entered now, not with the first append: a follower may ask
	// for its end before anything is written in it.
	if err := leaderLog.MaybeAssignEpochStartOffset(state.LeaderEpoch, startOffset); err != nil {
		return false, false, fmt.Errorf("begin leader epoch %d of %s: %w", state.LeaderEpoch, p.tp, err)
	}
	isNewLeader = !p.IsLeader()
	now := time.Now()
	for _, replica := range *p.remotes.Load() {
		var caughtUp time.Time
		if p.isr.Load().Contains(replica.BrokerID) {
			caughtUp = now
		}
		replica.leaderStarted(startOffset, now, caughtUp, isNewLeader)
	}
	p.leader.Store(p.broker.ID)
	return isNewLeader, p.maybeIncrementLeaderHW(leaderLog, now), nil
}

// MakeFollower makes this broker a follower as a LeaderAndIsr request says. It
// reports whether leader or leader epoch changed.
func (p *Partition) MakeFollower(state *kmsg.LeaderAndISRRequestTopicPartition, checkpoints OffsetCheckpoints, topicID topic.ID) (changed bool, err error) {
	p.state.Lock()
	defer p.state.Unlock()
	p.controllerEpoch = state.ControllerEpoch
	p.setAssignmentLocked(state, nil)
	if err := p.createLogLocked(state.IsNew, false, checkpoints, topicID); err != nil {
		return false, err
	}
	local := p.log.Load()
	p.broker.StateChange.Infof("[Broker id=%d] Follower %s starts at leader epoch %d from offset %d with high watermark %d. "+
		"Previous leader epoch was %d.", p.broker.ID, p.tp, state.LeaderEpoch, local.LogEndOffset(), local.HighWatermark(), p.LeaderEpoch())

	changed = p.Leader() != state.Leader || p.LeaderEpoch() != state.LeaderEpoch
	p.leaderEpoch.Store(state.LeaderEpoch)
	p.leaderEpochStartOffset = UnknownOffset
	p.zkVersion = state.ZKVersion
	p.leader.Store(state.Leader)
	return changed, nil
}

func (p *Partition) setAssignmentLocked(state *kmsg.LeaderAndISRRequestTopicPartition, isr []int32) {
	p.setRemotesLocked(state.Replicas)
	p.assignment.Store(&Assignment{
		Replicas: slices.Clone(state.Replicas), Adding: slices.Clone(state.AddingReplicas), Removing: slices.Clone(state.RemovingReplicas),
	})
	p.isr.Store(&IsrState{Isr: isr})
}

// CreateLogIfNotExists opens or makes the log of a partition that has no
// leader this broker could follow.
func (p *Partition) CreateLogIfNotExists(isNew, isFuture bool, checkpoints OffsetCheckpoints, topicID topic.ID) error {
	p.state.Lock()
	defer p.state.Unlock()
	return p.createLogLocked(isNew, isFuture, checkpoints, topicID)
}

func (p *Partition) createLogLocked(isNew, isFuture bool, checkpoints OffsetCheckpoints, topicID topic.ID) error {
	slot := &p.log
	if isFuture {
		slot = &p.futureLog
	}
	if existing := slot.Load(); existing != nil {
		return assignTopicID(existing, topicID)
	}
	p.broker.LogManager.InitializingLog(p.tp)
	created, err := p.broker.LogManager.GetOrCreateLog(p.tp, topicID, isNew, isFuture)
	p.broker.LogManager.FinishedInitializingLog(p.tp, created)
	if err != nil {
		return fmt.Errorf("open the log of %s: %w", p.tp, err)
	}
	checkpoint, ok := checkpoints.Fetch(created.ParentDir(), p.tp)
	if !ok {
		p.broker.Log.Infof("[Partition %s broker=%d] No checkpointed highwatermark is found for partition %s", p.tp, p.broker.ID, p.tp)
	}
	initial := created.UpdateHighWatermark(checkpoint)
	p.broker.Log.Infof("[Partition %s broker=%d] Log loaded for partition %s with initial high watermark %d", p.tp, p.broker.ID, p.tp, initial)
	slot.Store(created)
	return nil
}

func assignTopicID(existing *log.UnifiedLog, topicID topic.ID) error {
	if topicID.IsZero() || !existing.TopicID().IsZero() {
		return nil
	}
	return existing.AssignTopicID(topicID)
}

// TopicID gives the id the local log carries, also of a partition whose log
// was loaded but not used yet; zero when there is none.
func (p *Partition) TopicID() topic.ID {
	local := p.log.Load()
	if local == nil {
		local = p.broker.LogManager.GetLog(p.tp, false)
	}
	if local == nil {
		return topic.ID{}
	}
	return local.TopicID()
}
