package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/log"
)

func minInsyncReplicas(leaderLog *log.UnifiedLog) int {
	return config.TopicMinInsyncReplicas.Get(leaderLog.Config().Topic)
}

// UpdateFollowerFetchState notes that a follower fetched at a place: the
// replica may now be in sync and the high watermark may rise. It reports
// whether the follower is one of the partition's replicas.
func (p *Partition) UpdateFollowerFetchState(followerID int32, at log.OffsetMetadata, followerLogStart int64, fetchTime time.Time, leaderEndOffset int64) bool {
	replica := p.Replica(followerID)
	if replica == nil {
		return false
	}
	watchLow := p.broker.Delayed.NumDelayedDelete() > 0
	oldLow := p.lowWatermarkIfWatched(watchLow)
	previousEnd := replica.recordFetch(at, followerLogStart, fetchTime, leaderEndOffset)
	complete := p.lowWatermarkIfWatched(watchLow) > oldLow

	p.maybeExpandIsr(replica)
	if previousEnd != at.MessageOffset {
		complete = p.tryIncrementLeaderHW(fetchTime) || complete
	}
	if complete {
		p.broker.Delayed.CheckAndCompleteAll(p.tp)
	}
	return true
}

func (p *Partition) lowWatermarkIfWatched(watched bool) int64 {
	if !watched {
		return UnknownOffset
	}
	low, err := p.LowWatermarkIfLeader()
	if err != nil {
		return UnknownOffset
	}
	return low
}

// maybeExpandIsr proposes to add a follower that reached the high watermark
// and the start of the leader epoch: below that start its log may yet diverge
// (KAFKA-7128).
func (p *Partition) maybeExpandIsr(replica *Replica) {
	if !p.canJoinIsr(replica.BrokerID) {
		return
	}
	p.state.Lock()
	var proposed *IsrState
	if p.canJoinIsr(replica.BrokerID) && p.reachedHighWatermarkLocked(replica) {
		proposed = p.prepareExpandLocked(replica.BrokerID)
	}
	controllerEpoch := p.controllerEpoch
	p.state.Unlock()
	p.submit(proposed, controllerEpoch)
}

// canJoinIsr also keeps a broker out that is known to be dead, so that a fetch
// still under way from it does not bring it back (KAFKA-14140).
func (p *Partition) canJoinIsr(replica int32) bool {
	isr := p.isr.Load()
	return !isr.Inflight() && !isr.Contains(replica) && p.broker.AliveBrokers.HasAliveBroker(replica)
}

func (p *Partition) reachedHighWatermarkLocked(replica *Replica) bool {
	leaderLog := p.LeaderLog()
	if leaderLog == nil || p.leaderEpochStartOffset == UnknownOffset || p.Replica(replica.BrokerID) != replica {
		return false
	}
	end := replica.LogEndOffset()
	return end >= leaderLog.HighWatermark() && end >= p.leaderEpochStartOffset
}

func (p *Partition) prepareExpandLocked(replica int32) *IsrState {
	isr := p.isr.Load().Isr
	proposed := &IsrState{
		Kind: PendingExpandIsr, Isr: isr, NewInSyncReplica: replica,
		Sent: p.proposalLocked(append(slices.Clone(isr), replica)),
	}
	p.isr.Store(proposed)
	return proposed
}

func (p *Partition) proposalLocked(isr []int32) LeaderAndIsr {
	return LeaderAndIsr{Leader: p.broker.ID, LeaderEpoch: p.LeaderEpoch(), ISR: isr, ZKVersion: p.zkVersion}
}

// MaybeShrinkIsr proposes to take out the followers that fell behind. It is
// called every half of replica.lag.time.max.ms.
func (p *Partition) MaybeShrinkIsr() {
	if p.isr.Load().Inflight() || len(p.isr.Load().Isr) <= 1 || len(p.OutOfSyncReplicas(p.broker.ReplicaLagTimeMax)) == 0 {
		return
	}
	p.state.Lock()
	var proposed *IsrState
	if leaderLog := p.LeaderLog(); leaderLog != nil {
		if out := p.OutOfSyncReplicas(p.broker.ReplicaLagTimeMax); len(out) > 0 {
			proposed = p.prepareShrinkLocked(leaderLog, out)
		}
	}
	controllerEpoch := p.controllerEpoch
	p.state.Unlock()
	p.submit(proposed, controllerEpoch)
}

func (p *Partition) prepareShrinkLocked(leaderLog *log.UnifiedLog, out []int32) *IsrState {
	isr := p.isr.Load().Isr
	remaining := slices.DeleteFunc(slices.Clone(isr), func(id int32) bool { return slices.Contains(out, id) })
	p.broker.Log.Infof("[Partition %s broker=%d] Shrinking ISR from %s to %s. Leader: (highWatermark: %d, endOffset: %d). Out of sync replicas: %s.",
		p.tp, p.broker.ID, jvm.Joined(isr, ","), jvm.Joined(remaining, ","), leaderLog.HighWatermark(), leaderLog.LogEndOffset(), p.describeEnds(out))
	proposed := &IsrState{Kind: PendingShrinkIsr, Isr: isr, OutOfSyncReplicas: out, Sent: p.proposalLocked(remaining)}
	p.isr.Store(proposed)
	return proposed
}

func (p *Partition) describeEnds(replicas []int32) string {
	ends := make([]string, len(replicas))
	for i, id := range replicas {
		end := "unknown"
		if replica := p.Replica(id); replica != nil {
			end = fmt.Sprint(replica.LogEndOffset())
		}
		ends[i] = fmt.Sprintf("(brokerId: %d, endOffset: %s)", id, end)
	}
	return strings.Join(ends, " ")
}

// OutOfSyncReplicas gives the members of the ISR that are not at the leader's
// log end and were not for longer than maxLag, provided no change is in
// flight and this broker leads.
func (p *Partition) OutOfSyncReplicas(maxLag time.Duration) []int32 {
	isr := p.isr.Load()
	leaderLog := p.LeaderLog()
	if isr.Inflight() || leaderLog == nil {
		return nil
	}
	var out []int32
	now, leaderEnd := time.Now(), leaderLog.LogEndOffset()
	for _, id := range isr.Isr {
		if id != p.broker.ID && p.outOfSync(id, leaderEnd, now, maxLag) {
			out = append(out, id)
		}
	}
	return out
}

func (p *Partition) outOfSync(id int32, leaderEnd int64, now time.Time, maxLag time.Duration) bool {
	replica := p.Replica(id)
	if replica == nil {
		return true
	}
	state := replica.State()
	return state.LogEndOffset.MessageOffset != leaderEnd && now.Sub(state.LastCaughtUpTime) > maxLag
}

// submit sends a prepared change, if there is one.
func (p *Partition) submit(proposed *IsrState, controllerEpoch int32) {
	if proposed == nil {
		return
	}
	p.broker.Log.Debugf("[Partition %s broker=%d] Submitting ISR state change %s", p.tp, p.broker.ID, proposed)
	p.broker.AlterIsr.Submit(p.tp, proposed.Sent, controllerEpoch, func(decided LeaderAndIsr, err error) {
		incremented, retry := p.completeIsrChange(proposed, decided, err)
		if incremented {
			p.broker.Delayed.CheckAndCompleteAll(p.tp)
		}
		if retry {
			p.submit(proposed, controllerEpoch)
		}
	})
}

func (p *Partition) completeIsrChange(proposed *IsrState, decided LeaderAndIsr, err error) (incremented, retry bool) {
	p.state.Lock()
	defer p.state.Unlock()
	if p.isr.Load() != proposed {
		p.broker.Log.Debugf("[Partition %s broker=%d] Ignoring failed ISR update to %s since we have already updated state to %s",
			p.tp, p.broker.ID, proposed, p.isr.Load())
		return false, false
	}
	if err != nil {
		return false, p.isrChangeFailedLocked(proposed, err)
	}
	return p.isrChangedLocked(proposed, decided), false
}

// isrChangeFailedLocked reports whether the change is to be sent again. After
// an error that says our view is stale, the change stays pending until the
// next LeaderAndIsr: the controller may or may not have made it.
func (p *Partition) isrChangeFailedLocked(proposed *IsrState, err error) (retry bool) {
	p.broker.IsrChanges.MarkFailed()
	switch {
	case errors.Is(err, kerr.OperationNotAttempted):
		p.isr.Store(&IsrState{Isr: proposed.Isr})
		return false
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.FencedLeaderEpoch), errors.Is(err, kerr.InvalidUpdateVersion):
		p.broker.Log.Debugf("[Partition %s broker=%d] Failed to update ISR to %s: %v. Giving up.", p.tp, p.broker.ID, proposed, err)
		return false
	default:
		p.broker.Log.Warnf("[Partition %s broker=%d] Failed to update ISR to %s due to unexpected %v. Retrying.", p.tp, p.broker.ID, proposed, err)
		return true
	}
}

func (p *Partition) isrChangedLocked(proposed *IsrState, decided LeaderAndIsr) (incremented bool) {
	if decided.LeaderEpoch != p.LeaderEpoch() || decided.ZKVersion < p.zkVersion {
		p.broker.Log.Debugf("[Partition %s broker=%d] Ignoring new ISR %s since we have leader epoch %d and version %d.",
			p.tp, p.broker.ID, decided, p.LeaderEpoch(), p.zkVersion)
		p.broker.IsrChanges.MarkFailed()
		return false
	}
	p.isr.Store(&IsrState{Isr: slices.Clone(decided.ISR)})
	p.zkVersion = decided.ZKVersion
	p.broker.Log.Infof("[Partition %s broker=%d] ISR updated to %s and version updated to %d", p.tp, p.broker.ID, jvm.Joined(decided.ISR, ","), decided.ZKVersion)
	if proposed.Kind == PendingExpandIsr {
		p.broker.IsrChanges.MarkExpand()
	} else {
		p.broker.IsrChanges.MarkShrink()
	}
	leaderLog := p.LeaderLog()
	if leaderLog == nil {
		return false
	}
	return p.maybeIncrementLeaderHW(leaderLog, time.Now())
}

func (p *Partition) tryIncrementLeaderHW(now time.Time) bool {
	p.state.RLock()
	defer p.state.RUnlock()
	leaderLog := p.LeaderLog()
	if leaderLog == nil {
		return false
	}
	return p.maybeIncrementLeaderHW(leaderLog, now)
}

// maybeIncrementLeaderHW raises the high watermark to the least log end offset
// of this broker, of the maximal ISR, and of replicas that were caught up
// lately: waiting for these too lets them into the ISR. The caller holds state.
//
// It stays while fewer replicas are in sync than min.insync.replicas (as far
// as the partition has so many): what is then read could be lost with one
// broker (KAFKA-15583).
func (p *Partition) maybeIncrementLeaderHW(leaderLog *log.UnifiedLog, now time.Time) bool {
	candidate := leaderLog.LogEndOffsetMetadata()
	remotes := *p.remotes.Load()
	if len(remotes) > 0 {
		isr := p.isr.Load()
		if len(isr.Isr) < min(minInsyncReplicas(leaderLog), len(remotes)+1) {
			return false
		}
		for _, replica := range remotes {
			state := replica.State()
			if state.LogEndOffset.MessageOffset < candidate.MessageOffset &&
				(now.Sub(state.LastCaughtUpTime) <= p.broker.ReplicaLagTimeMax || isr.InMaximal(replica.BrokerID)) {
				candidate = state.LogEndOffset
				if p.moved.Load() {
					candidate = log.OffsetOnly(candidate.MessageOffset)
				}
			}
		}
	}
	if candidate.MessageOffset < 0 {
		return false
	}
	_, incremented := leaderLog.MaybeIncrementHighWatermark(candidate)
	return incremented
}

// CheckEnoughReplicasReachOffset tells a parked produce request whether all
// in-sync replicas have everything below the offset, or why it must fail.
func (p *Partition) CheckEnoughReplicasReachOffset(requiredOffset int64) (reached bool, err error) {
	leaderLog := p.LeaderLog()
	switch {
	case leaderLog == nil:
		return false, kerr.NotLeaderForPartition
	case leaderLog.HighWatermark() < requiredOffset:
		return false, nil
	case p.isr.Load().MaximalSize() < minInsyncReplicas(leaderLog):
		return true, kerr.NotEnoughReplicasAfterAppend
	default:
		return true, nil
	}
}

// LowWatermarkIfLeader gives the least log start offset of the partition's
// live replicas; a replica that did not fetch yet counts as -1.
func (p *Partition) LowWatermarkIfLeader() (int64, error) {
	leaderLog := p.LeaderLog()
	if leaderLog == nil {
		return UnknownOffset, fmt.Errorf("Leader not local for partition %s on broker %d: %w", p.tp, p.broker.ID, kerr.NotLeaderForPartition)
	}
	low := leaderLog.LogStartOffset()
	for _, replica := range *p.remotes.Load() {
		if p.broker.AliveBrokers.HasAliveBroker(replica.BrokerID) {
			low = min(low, replica.State().LogStartOffset)
		}
	}
	if future := p.futureLog.Load(); future != nil {
		low = min(low, future.LogStartOffset())
	}
	return low, nil
}
