package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// maybeTruncate lets partitions that may differ from the leader cut what the
// leader does not have: by leader epoch (KIP-101, KIP-279), or to the high
// watermark where no epoch is known.
func (t *replicaFetcherThread) maybeTruncate() {
	epochs := t.truncateWithoutEpochs()
	if len(epochs) == 0 {
		return
	}
	ends, err := t.fetchEpochEndOffsets(epochs)
	t.mu.Lock()
	defer t.mu.Unlock()
	for tp, asked := range epochs {
		state := t.states[tp]
		if state == nil || !state.truncating || state.currentLeaderEpoch != asked.CurrentLeaderEpoch {
			continue
		}
		end, answered := ends[tp]
		failure := err
		if answered {
			failure = kerr.ErrorForCode(end.ErrorCode)
		}
		switch {
		case failure == nil && answered:
			t.truncateToEpochEndLocked(state, log.OffsetAndEpoch{Offset: end.EndOffset, LeaderEpoch: end.LeaderEpoch})
		case errors.Is(failure, kerr.FencedLeaderEpoch):
			t.fencedLocked(state, asked.CurrentLeaderEpoch)
		default:
			t.log.Infof("%sRetrying leaderEpoch request for partition %s as the leader reported an error: %v", t.prefix, tp, failure)
			t.delayLocked(state)
		}
	}
}

// truncateWithoutEpochs cuts partitions without epochs to their high watermark
// and returns what to ask the leader for the others.
func (t *replicaFetcherThread) truncateWithoutEpochs() map[topic.Partition]kmsg.OffsetForLeaderEpochRequestTopicPartition {
	t.mu.Lock()
	defer t.mu.Unlock()
	var epochs map[topic.Partition]kmsg.OffsetForLeaderEpochRequestTopicPartition
	now := time.Now()
	for tp, state := range t.changed { // states to be truncated stay among the changed ones
		if !state.truncating || state.delayed(now) {
			continue
		}
		epoch, ok := t.latestEpoch(tp)
		if !ok || !t.versions.epochsSupported {
			t.log.Infof("%sTruncating partition %s to offset %d due to local high watermark", t.prefix, tp, state.fetchOffset)
			t.truncateLocked(state, state.fetchOffset, true)
			continue
		}
		if epochs == nil {
			epochs = map[topic.Partition]kmsg.OffsetForLeaderEpochRequestTopicPartition{}
		}
		epochs[tp] = kmsg.OffsetForLeaderEpochRequestTopicPartition{
			Partition: tp.Partition, CurrentLeaderEpoch: state.currentLeaderEpoch, LeaderEpoch: epoch,
		}
	}
	return epochs
}

// truncateToEpochEndLocked cuts a partition where the leader says that an
// epoch ended.
func (t *replicaFetcherThread) truncateToEpochEndLocked(state *partitionFetchState, leader log.OffsetAndEpoch) {
	local := t.manager.LocalLog(state.tp)
	if local == nil {
		t.failLocked(state)
		return
	}
	offset, complete := t.truncationOffset(state.tp, local, leader, state.fetchOffset)
	t.truncateLocked(state, offset, complete)
}

// truncationOffset is where a log is to be cut when its leader says that an epoch
// ended there (getOffsetTruncationState upstream). When the leader's epoch is
// unknown here, the cut is only an intermediate one and the leader must be asked
// again with the epoch then latest.
func (l fetcherLog) truncationOffset(tp topic.Partition, local *log.UnifiedLog, leader log.OffsetAndEpoch, fetchOffset int64) (offset int64, complete bool) {
	end := local.LogEndOffset()
	offset, complete = min(leader.Offset, end), true
	switch {
	case leader.Offset == unknownOffset:
		l.log.Warnf("%sBased on replica's leader epoch, leader replied with an unknown offset in %s. The initial fetch offset %d will be used for truncation.",
			l.prefix, tp, fetchOffset)
		offset = fetchOffset
	case leader.LeaderEpoch == noEpoch:
		l.log.Warnf("%sLeader or replica is on protocol version where leader epoch is not considered in the OffsetsForLeaderEpoch response. "+
			"The leader's offset %d will be used for truncation in %s.", l.prefix, leader.Offset, tp)
	default:
		if own, ok := local.EndOffsetForEpoch(leader.LeaderEpoch); ok {
			if complete = own.LeaderEpoch == leader.LeaderEpoch; complete {
				offset = min(own.Offset, offset)
			} else {
				offset = min(own.Offset, end)
			}
		} else {
			l.log.Warnf("%sBased on replica's leader epoch, leader replied with epoch %d below any replica's tracked epochs for %s. "+
				"The leader's offset only %d will be used for truncation.", l.prefix, leader.LeaderEpoch, tp, leader.Offset)
		}
	}
	l.log.Infof("%sTruncating partition %s to offset %d (completed: %t) due to leader epoch %d and offset %d", l.prefix, tp, offset,
		complete, leader.LeaderEpoch, leader.Offset)
	return offset, complete
}

// truncateLocked cuts the log and lets the partition fetch on from there.
func (t *replicaFetcherThread) truncateLocked(state *partitionFetchState, offset int64, complete bool) {
	partition, err := t.partition(state.tp)
	if err == nil {
		if local := partition.Log(); local != nil && offset < local.HighWatermark() {
			t.log.Warnf("%sTruncating %s to offset %d below high watermark %d", t.prefix, state.tp, offset, local.HighWatermark())
		}
		err = partition.TruncateTo(offset, false)
	}
	if err != nil {
		t.log.WithError(err).Errorf("%sFailed to truncate %s at offset %d", t.prefix, state.tp, offset)
		t.failLocked(state)
		return
	}
	if complete {
		t.manager.movers.markPartitionForTruncation(state.tp, offset)
	}
	t.fetchFromLocked(state, offset)
	state.truncating = !complete && !t.versions.truncationOnFetch
}

// fetchFromLocked lets a partition fetch from an offset.
func (t *replicaFetcherThread) fetchFromLocked(state *partitionFetchState, offset int64) {
	state.fetchOffset, state.truncating, state.outOfRange = offset, false, false
	state.lastFetchedEpoch = noEpoch
	if epoch, ok := t.latestEpoch(state.tp); ok && t.versions.truncationOnFetch {
		state.lastFetchedEpoch = epoch
	}
	t.moveToEndLocked(state)
}

func (t *replicaFetcherThread) fetchEpochEndOffsets(epochs map[topic.Partition]kmsg.OffsetForLeaderEpochRequestTopicPartition) (map[topic.Partition]*kmsg.OffsetForLeaderEpochResponseTopicPartition, error) {
	request := kmsg.NewPtrOffsetForLeaderEpochRequest()
	request.Version, request.ReplicaID = t.versions.offsetForEpoch, t.manager.brokerID
	places := map[string]int{}
	for tp, partition := range epochs {
		at, ok := places[tp.Topic]
		if !ok {
			at = len(request.Topics)
			places[tp.Topic] = at
			request.Topics = append(request.Topics, kmsg.OffsetForLeaderEpochRequestTopic{Topic: tp.Topic})
		}
		request.Topics[at].Partitions = append(request.Topics[at].Partitions, partition)
	}
	answer, err := t.connection.Send(t.context, request)
	response, ok := answer.(*kmsg.OffsetForLeaderEpochResponse)
	if err == nil && !ok {
		err = fmt.Errorf("unexpected response %T", answer)
	}
	if err != nil {
		if t.context.Err() == nil {
			t.log.WithError(err).Warnf("%sError when sending leader epoch request for %d partitions", t.prefix, len(epochs))
		}
		return nil, err
	}
	ends := make(map[topic.Partition]*kmsg.OffsetForLeaderEpochResponseTopicPartition, len(epochs))
	for i := range response.Topics {
		for j := range response.Topics[i].Partitions {
			end := &response.Topics[i].Partitions[j]
			ends[topic.Partition{Topic: response.Topics[i].Topic, Partition: end.Partition}] = end
		}
	}
	return ends, nil
}

// resolveOutOfRange finds where partitions are to fetch whose offset the
// leader does not have.
func (t *replicaFetcherThread) resolveOutOfRange() {
	t.mu.Lock()
	var lost []partitionFetchState
	now := time.Now()
	for _, state := range t.changed {
		if state.outOfRange && !state.delayed(now) {
			lost = append(lost, *state)
		}
	}
	t.mu.Unlock()
	for i := range lost {
		t.resetOffset(&lost[i])
	}
}

// resetOffset asks the leader for its bounds. A follower that is ahead of the
// leader's end was cut off by an unclean election and drops its surplus; one
// that is behind the leader's start begins anew there.
func (t *replicaFetcherThread) resetOffset(lost *partitionFetchState) {
	latest, err := t.fetchOffset(lost, log.LatestTimestamp)
	var earliest int64
	if err == nil {
		earliest, err = t.fetchOffset(lost, log.EarliestTimestamp)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	state := t.states[lost.tp]
	if state == nil || !state.outOfRange || state.currentLeaderEpoch != lost.currentLeaderEpoch {
		return
	}
	if err == nil {
		err = t.applyBoundsLocked(state, earliest, latest)
	}
	switch {
	case err == nil:
	case errors.Is(err, kerr.FencedLeaderEpoch):
		t.fencedLocked(state, lost.currentLeaderEpoch)
	default:
		t.log.WithError(err).Infof("%sCould not fetch offset for %s", t.prefix, state.tp)
		t.delayLocked(state)
	}
}

func (t *replicaFetcherThread) applyBoundsLocked(state *partitionFetchState, earliest, latest int64) error {
	partition, err := t.partition(state.tp)
	if err != nil {
		return err
	}
	local, err := partition.LocalLog()
	if err != nil {
		return err
	}
	end, previous := local.LogEndOffset(), state.fetchOffset
	if latest < end {
		t.log.Warnf("%sReset fetch offset for partition %s from %d to current leader's latest offset %d", t.prefix, state.tp, end, latest)
		t.truncateLocked(state, latest, true)
		state.lag = 0
		return nil
	}
	t.log.Warnf("%sReset fetch offset for partition %s from %d to current leader's start offset %d", t.prefix, state.tp, end, earliest)
	if earliest > end {
		if err := partition.TruncateFullyAndStartAt(earliest, false); err != nil {
			return err
		}
	}
	t.fetchFromLocked(state, max(earliest, end))
	state.lag = max(0, latest-state.fetchOffset)
	t.log.Infof("%sCurrent offset %d for partition %s is out of range, which typically implies a leader change. Reset fetch offset to %d",
		t.prefix, previous, state.tp, state.fetchOffset)
	return nil
}

// fetchOffset asks the leader for its first or last offset.
func (t *replicaFetcherThread) fetchOffset(state *partitionFetchState, timestamp int64) (int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.Version, request.ReplicaID = t.versions.listOffsets, t.manager.brokerID
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Partition, partition.CurrentLeaderEpoch, partition.Timestamp, partition.MaxNumOffsets = state.tp.Partition, state.currentLeaderEpoch, timestamp, 1
	request.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: state.tp.Topic, Partitions: []kmsg.ListOffsetsRequestTopicPartition{partition}}}
	answer, err := t.connection.Send(t.context, request)
	if err != nil {
		return 0, err
	}
	response, ok := answer.(*kmsg.ListOffsetsResponse)
	if !ok || len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("the leader's ListOffsets response does not have partition %s", state.tp)
	}
	found := &response.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(found.ErrorCode); err != nil {
		return 0, err
	}
	if t.versions.listOffsets > 0 {
		return found.Offset, nil
	}
	if len(found.OldStyleOffsets) == 0 {
		return 0, fmt.Errorf("the leader's ListOffsets response has no offset of %s", state.tp)
	}
	return found.OldStyleOffsets[0], nil
}
