package replica

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/protocol"
)

// maybeFetch sends one fetch request and processes its response, or waits when
// no partition is ready.
func (t *replicaFetcherThread) maybeFetch() {
	t.mu.Lock()
	now := time.Now()
	request := t.buildFetchLocked(now)
	wait := t.waitLocked(now)
	t.mu.Unlock()
	if request == nil {
		t.backOff(wait)
		return
	}
	response, err := t.connection.Send(t.context, request)
	t.stats.requests.Mark(1)
	fetched, ok := response.(*kmsg.FetchResponse)
	if err == nil && !ok {
		err = fmt.Errorf("unexpected response %T", response)
	}
	if err != nil {
		if t.context.Err() == nil {
			t.log.WithError(err).Warnf("%sError in response for fetch request (%d topics)", t.prefix, len(request.Topics))
			t.mu.Lock()
			t.session.restart(true)
			t.mu.Unlock()
			t.delayAll()
		}
		return
	}
	t.processResponse(fetched)
}

// waitLocked is how long there is nothing to do: until the first delay is
// over, at most the backoff.
func (t *replicaFetcherThread) waitLocked(now time.Time) time.Duration {
	wait := max(t.settings.backoff, time.Millisecond)
	for _, state := range t.changed {
		if state.delayed(now) {
			wait = min(wait, state.delayedUntil.Sub(now))
		}
	}
	return wait
}

// processResponse appends what came and acts on errors and divergence.
func (t *replicaFetcherThread) processResponse(response *kmsg.FetchResponse) {
	t.mu.Lock()
	var woken []topic.Partition
	usable, err := t.session.handleResponse(response)
	if err != nil {
		t.log.Infof("%sNode %d was unable to process the fetch request with (sessionId=%d, epoch=%d): %v.", t.prefix, t.leader.ID,
			t.session.id, t.session.epoch, err)
	}
	if usable {
		now := time.Now()
		for i := range response.Topics {
			name := response.Topics[i].Topic
			if response.Version >= 13 {
				name = t.session.topics[response.Topics[i].TopicID].name
			}
			for j := range response.Topics[i].Partitions {
				data := &response.Topics[i].Partitions[j]
				state := t.session.partitions[topic.Partition{Topic: name, Partition: data.Partition}]
				if state != nil && state.sent.fetchOffset == state.fetchOffset && state.readyForFetch(now) && t.processPartitionLocked(state, data) {
					woken = append(woken, state.tp)
				}
			}
		}
	}
	t.mu.Unlock()
	if errors.Is(err, kerr.FetchSessionTopicIDError) {
		t.delayAll()
	}
	for _, tp := range woken { // consumers of this follower (KAFKA-14334)
		t.manager.delayedFetch.CheckAndComplete(tp)
	}
}

// processPartitionLocked acts on one partition's part of a response. It
// reports whether consumers that read here may see more than before.
func (t *replicaFetcherThread) processPartitionLocked(state *partitionFetchState, data *kmsg.FetchResponseTopicPartition) bool {
	switch err := kerr.ErrorForCode(data.ErrorCode); {
	case err == nil:
	case errors.Is(err, kerr.OffsetOutOfRange):
		state.outOfRange = true
		t.moveToEndLocked(state)
		return false
	case errors.Is(err, kerr.FencedLeaderEpoch):
		t.fencedLocked(state, state.sent.currentLeaderEpoch)
		return false
	default:
		t.fetchError(state.tp, state.currentLeaderEpoch, state.fetchOffset, err)
		t.delayLocked(state)
		return false
	}
	if t.versions.truncationOnFetch && data.DivergingEpoch.Epoch >= 0 {
		// Neither records nor high watermark count before the log agrees with
		// the leader's (KAFKA-14704).
		t.truncateToEpochEndLocked(state, log.OffsetAndEpoch{Offset: data.DivergingEpoch.EndOffset, LeaderEpoch: data.DivergingEpoch.Epoch})
		return false
	}
	woken, err := t.appendLocked(state, data)
	if errors.Is(err, log.ErrDiskFull) { // there may be room later
		t.log.WithError(err).Warnf("%sNo room for partition %s at offset %d", t.prefix, state.tp, state.fetchOffset)
		t.delayLocked(state)
		return false
	}
	switch protocol.ErrorCode(err) {
	case 0:
		return woken
	case kerr.CorruptMessage.Code, kerr.InvalidRecord.Code:
		t.log.WithError(err).Errorf("%sFound invalid messages during fetch for partition %s offset %d", t.prefix, state.tp, state.fetchOffset)
		t.delayLocked(state)
	default:
		t.log.WithError(err).Errorf("%sError while processing data for partition %s at offset %d", t.prefix, state.tp, state.fetchOffset)
		t.failLocked(state)
	}
	return false
}

// appendLocked appends a partition's records and takes over the leader's
// watermarks.
func (t *replicaFetcherThread) appendLocked(state *partitionFetchState, data *kmsg.FetchResponseTopicPartition) (woken bool, err error) {
	partition, err := t.partition(state.tp)
	if err != nil {
		return false, err
	}
	local, err := partition.LocalLog()
	if err != nil {
		return false, err
	}
	if end := local.LogEndOffset(); state.fetchOffset != end {
		return false, fmt.Errorf("Offset mismatch for partition %s: fetched offset = %d, log end offset = %d.", state.tp, state.fetchOffset, end)
	}
	var info log.AppendInfo
	if len(data.RecordBatches) > 0 {
		if info, _, err = partition.AppendRecordsToFollower(data.RecordBatches, false); err != nil {
			return false, err
		}
	}
	if woken, err = partition.FollowLeaderOffsets(data.HighWatermark, data.LogStartOffset); err != nil {
		return woken, err
	}
	t.count(partition.IsReassigning() && partition.IsAddingReplica(t.manager.brokerID), state.tp, int64(len(data.RecordBatches)))
	if info.ValidBytes > 0 {
		state.fetchOffset = info.LastOffset + 1
		if info.LastLeaderEpoch != noEpoch {
			state.lastFetchedEpoch = info.LastLeaderEpoch
		}
		t.stats.bytes.Mark(int64(info.ValidBytes))
		t.moveToEndLocked(state)
	}
	state.lag = max(0, data.HighWatermark-state.fetchOffset)
	return woken, nil
}

func (t *replicaFetcherThread) count(reassigning bool, tp topic.Partition, size int64) {
	if size == 0 {
		return
	}
	if t.quota != nil && t.quota.IsThrottled(tp) {
		t.quota.Record(size)
	}
	if reassigning {
		t.manager.topicStats.Mark(ReassignmentBytesIn, size)
	}
	t.manager.topicStats.Mark(ReplicationBytesIn, size)
}
