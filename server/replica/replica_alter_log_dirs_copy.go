package replica

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
)

// maybeTruncate cuts future logs that may have what the current ones have not: by
// leader epoch, or to the offset to begin at where no epoch is known.
func (t *replicaAlterLogDirsThread) maybeTruncate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, state := range t.states {
		if state.truncating && !state.delayed(now) {
			t.truncateLocked(state)
		}
	}
}

func (t *replicaAlterLogDirsThread) truncateLocked(state *moveState) {
	partition, future, err := t.future(state.tp)
	if err != nil {
		t.writeFailedLocked(state, err)
		return
	}
	offset, complete := state.fetchOffset, true
	if epoch, ok := future.LatestEpoch(); ok {
		end, err := partition.LastOffsetForLeaderEpoch(state.currentLeaderEpoch, epoch, false)
		switch {
		case errors.Is(err, kerr.FencedLeaderEpoch):
			t.fencedLocked(state)
			return
		case err != nil:
			t.log.Infof("%sRetrying leaderEpoch request for partition %s as the leader reported an error: %v", t.prefix, state.tp, err)
			t.delayLocked(state)
			return
		}
		offset, complete = t.truncationOffset(state.tp, future, end, state.fetchOffset)
	} else {
		t.log.Infof("%sTruncating partition %s to offset %d due to local high watermark", t.prefix, state.tp, offset)
	}
	t.truncateToLocked(state, offset, complete)
}

// truncateToLocked cuts a future log, which may end before the offset.
func (t *replicaAlterLogDirsThread) truncateToLocked(state *moveState, offset int64, complete bool) {
	partition, future, err := t.future(state.tp)
	if err == nil {
		err = partition.TruncateTo(offset, true)
	}
	if err != nil {
		t.log.WithError(err).Errorf("%sFailed to truncate %s at offset %d", t.prefix, state.tp, offset)
		t.writeFailedLocked(state, err)
		return
	}
	state.fetchOffset, state.truncating = future.LogEndOffset(), !complete
}

// copyRequest is one read of a current log.
type copyRequest struct {
	state *moveState
	fetch FetchPartition
	// end is where the current log ended before it was read.
	end int64
}

// maybeCopy copies some records of one partition, or waits when none is ready or
// the quota is used up.
func (t *replicaAlterLogDirsThread) maybeCopy() {
	request, wait := t.nextCopy()
	if request == nil {
		t.backOff(wait)
		return
	}
	result := t.read(request)
	records, err := t.load(&result)
	result.ReleaseRecords()
	if t.process(request, &result, records, err) {
		t.promote(request)
	}
	t.mu.Lock()
	t.busy = false
	t.mu.Unlock()
}

// nextCopy chooses what to read, or tells how long to wait.
func (t *replicaAlterLogDirsThread) nextCopy() (*copyRequest, time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.quota != nil && t.quota.IsQuotaExceeded() {
		return nil, t.backoff
	}
	state := t.selectLocked(now)
	if state == nil {
		return nil, t.waitLocked(now)
	}
	partition, future, err := t.future(state.tp)
	local := t.manager.LocalLog(state.tp)
	if err != nil || local == nil {
		t.log.WithError(err).Debugf("%sFailed to build fetch for %s", t.prefix, state.tp)
		t.delayLocked(state)
		return nil, t.backoff
	}
	t.busy = true
	return &copyRequest{state: state, end: local.LogEndOffset(), fetch: FetchPartition{
		Partition: partition.TopicPartition(), TopicID: state.topicID, FetchOffset: state.fetchOffset, LogStartOffset: future.LogStartOffset(),
		MaxBytes: int32(t.fetchSize), CurrentLeaderEpoch: state.currentLeaderEpoch, LastFetchedEpoch: noEpoch,
	}}, 0
}

// selectLocked gives the partition to copy. A partition is copied until it is
// done: so each takes the least time, which is the time it needs twice the room.
func (t *replicaAlterLogDirsThread) selectLocked(now time.Time) *moveState {
	if t.inProgress != nil && t.inProgress.readyForFetch(now) {
		return t.inProgress
	}
	t.inProgress = nil
	for _, state := range t.states {
		if state.readyForFetch(now) && (t.inProgress == nil || state.before(t.inProgress)) {
			t.inProgress = state
		}
	}
	if t.inProgress != nil {
		t.log.Infof("%sBeginning/resuming copy of partition %s from offset %d. Including this partition, there are %d remaining partitions to copy by this thread.",
			t.prefix, t.inProgress.tp, t.inProgress.fetchOffset, len(t.states))
	}
	return t.inProgress
}

// waitLocked is how long there is nothing to do: until the first delay is over, at
// most the backoff.
func (t *replicaAlterLogDirsThread) waitLocked(now time.Time) time.Duration {
	wait := t.backoff
	for _, state := range t.states {
		switch {
		case state.delayed(now):
			wait = min(wait, state.delayedUntil.Sub(now))
		case state.truncating:
			wait = 0
		}
	}
	return wait
}

func (t *replicaAlterLogDirsThread) read(request *copyRequest) (result FetchPartitionResult) {
	params := FetchParams{ReplicaID: FutureLocalReplicaID, MaxBytes: t.maxBytes}
	t.manager.FetchMessages(&params, []FetchPartition{request.fetch}, func(results []FetchPartitionResult) { result = results[0] })
	t.stats.requests.Mark(1)
	return result
}

// load brings records that were read into memory.
func (t *replicaAlterLogDirsThread) load(result *FetchPartitionResult) ([]byte, error) {
	size := result.RecordsSize()
	if size == 0 {
		return nil, nil
	}
	if cap(t.buffer) < size {
		t.buffer = make([]byte, size)
	}
	n, err := result.Records.ReadAt(t.buffer[:size], 0)
	if errors.Is(err, io.EOF) && n == size {
		err = nil
	}
	return t.buffer[:n], err
}

// process appends what was read and acts on errors. It reports whether the future
// log has all that the current one had when it was read.
func (t *replicaAlterLogDirsThread) process(request *copyRequest, result *FetchPartitionResult, records []byte, readError error) (level bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	state := request.state
	if t.states[state.tp] != state || state.fetchOffset != request.fetch.FetchOffset || !state.readyForFetch(time.Now()) {
		return false // taken away or to be truncated since
	}
	err := kerr.ErrorForCode(result.ErrorCode)
	if err == nil {
		err = readError
	}
	switch {
	case err == nil:
		return t.appendLocked(request, result, records)
	case errors.Is(err, kerr.OffsetOutOfRange):
		t.resetOffsetLocked(state)
	case errors.Is(err, kerr.FencedLeaderEpoch):
		t.fencedLocked(state)
	default:
		t.fetchError(state.tp, state.currentLeaderEpoch, state.fetchOffset, err)
		t.delayLocked(state)
	}
	return false
}

func (t *replicaAlterLogDirsThread) appendLocked(request *copyRequest, result *FetchPartitionResult, records []byte) (level bool) {
	state := request.state
	partition, future, err := t.future(state.tp)
	var info log.AppendInfo
	if err == nil {
		info, err = appendToFuture(partition, future, state, result, records)
	}
	if err != nil {
		t.writeFailedLocked(state, err)
		return false
	}
	if t.quota != nil {
		t.quota.Record(int64(len(records)))
	}
	t.stats.bytes.Mark(int64(info.ValidBytes))
	state.fetchOffset = future.LogEndOffset()
	state.lag = max(0, result.HighWatermark-state.fetchOffset)
	if level = state.fetchOffset >= request.end; !level && info.ValidBytes == 0 {
		t.delayLocked(state) // nothing came although there is more
	}
	return level
}

// appendToFuture appends what was read and takes over the watermarks.
func appendToFuture(partition *cluster.Partition, future *log.UnifiedLog, state *moveState, result *FetchPartitionResult, records []byte) (info log.AppendInfo, err error) {
	if end := future.LogEndOffset(); state.fetchOffset != end {
		return info, fmt.Errorf("Offset mismatch for the future replica %s: fetched offset = %d, log end offset = %d.", state.tp, state.fetchOffset, end) //nolint:staticcheck // Kafka's sentence
	}
	if len(records) > 0 {
		if info, _, err = partition.AppendRecordsToFollower(records, true); err != nil {
			return info, err
		}
	}
	future.UpdateHighWatermark(result.HighWatermark)
	_, err = future.MaybeIncrementLogStartOffset(result.LogStartOffset, log.LeaderOffsetIncremented)
	return info, err
}

// promote puts a future log in the place of the current one. If more was appended
// to that than one read can copy, the next read goes on.
func (t *replicaAlterLogDirsThread) promote(request *copyRequest) {
	state := request.state
	_, future, err := t.future(state.tp)
	if err == nil {
		err = future.Flush() // what follows holds up the partition
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.states[state.tp] != state || state.truncating {
		return
	}
	partition, future, missing := t.future(state.tp)
	if err = errors.Join(err, missing); err != nil {
		t.writeFailedLocked(state, err)
		return
	}
	replaced, err := partition.MaybeReplaceCurrentWithFutureReplica(t.fetchSize)
	switch {
	case err != nil:
		t.writeFailedLocked(state, err)
	case replaced:
		t.removeLocked(state)
	}
	state.fetchOffset = future.LogEndOffset()
}

// resetOffsetLocked finds where to go on when the current log does not have the
// offset: it was cut below it, or retention has gone beyond it.
func (t *replicaAlterLogDirsThread) resetOffsetLocked(state *moveState) {
	partition, future, err := t.future(state.tp)
	current := t.manager.LocalLog(state.tp)
	if err != nil || current == nil {
		t.log.WithError(err).Infof("%sCould not fetch offset for %s", t.prefix, state.tp)
		t.delayLocked(state)
		return
	}
	previous, end := state.fetchOffset, future.LogEndOffset()
	if latest := current.LogEndOffset(); latest < end {
		t.log.Warnf("%sReset fetch offset for partition %s from %d to current leader's latest offset %d", t.prefix, state.tp, end, latest)
		t.truncateToLocked(state, latest, true)
	} else {
		start := current.LogStartOffset()
		t.log.Warnf("%sReset fetch offset for partition %s from %d to current leader's start offset %d", t.prefix, state.tp, end, start)
		if start > end {
			if err := partition.TruncateFullyAndStartAt(start, true); err != nil {
				t.writeFailedLocked(state, err)
				return
			}
		}
		state.fetchOffset = max(start, end)
		state.lag = latest - state.fetchOffset
	}
	t.log.Infof("%sCurrent offset %d for partition %s is out of range, which typically implies a leader change. Reset fetch offset to %d",
		t.prefix, previous, state.tp, state.fetchOffset)
}
