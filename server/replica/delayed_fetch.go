package replica

import (
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/purgatory"
)

// delayedFetch is a fetch that waits for more bytes, as
// kafka.server.DelayedFetch. On completion the log is read again.
type delayedFetch struct {
	purgatory.DelayedOperation
	manager    *ReplicaManager
	params     *FetchParams
	partitions []FetchPartition
	progress   []fetchProgress
	respond    func([]FetchPartitionResult)
}

// parkFetch lets a fetch wait on its partitions.
func (m *ReplicaManager) parkFetch(params *FetchParams, partitions []FetchPartition, progress []fetchProgress, respond func([]FetchPartitionResult)) {
	operation := &delayedFetch{manager: m, params: params, partitions: partitions, progress: progress, respond: respond}
	operation.Init(operation, params.MaxWait)
	keys := make([]topic.Partition, len(partitions))
	for i := range partitions {
		keys[i] = partitions[i].Partition
	}
	m.delayedFetch.TryCompleteElseWatch(operation, keys...)
}

// TryComplete completes the fetch when enough bytes have come, or when a
// partition has something to tell that is worth no wait.
func (d *delayedFetch) TryComplete() bool {
	available := 0
	for i := range d.partitions {
		bytes, tell := d.check(&d.partitions[i], d.progress[i].at)
		if available += bytes; tell || available >= d.params.MinBytes {
			return d.ForceComplete()
		}
	}
	return false
}

// check gives the bytes that came to a partition since it was read, and
// whether the fetch must be answered at once.
func (d *delayedFetch) check(request *FetchPartition, from log.OffsetMetadata) (bytes int, tell bool) {
	if from == log.UnknownOffsetMetadata {
		return 0, false
	}
	hosted := d.manager.hostedOf(request)
	if d.params.IsFromFollower() && hosted.partition != nil && hosted.partition.RestsAt(from, request.CurrentLeaderEpoch) {
		return 0, false
	}
	partition, err := d.manager.onlineOrError(request.Partition, hosted)
	if err != nil {
		return 0, true
	}
	snapshot, err := partition.FetchOffsetSnapshot(request.CurrentLeaderEpoch, d.params.onlyFromLeader())
	if err != nil {
		return 0, true
	}
	bytes, tell = d.available(partition, request, from, d.bound(&snapshot))
	return bytes, tell || diverged(partition, request)
}

func (d *delayedFetch) bound(snapshot *log.OffsetSnapshot) log.OffsetMetadata {
	switch d.params.isolation() {
	case log.FetchLogEnd:
		return snapshot.LogEndOffset
	case log.FetchTxnCommitted:
		return snapshot.LastStableOffset
	default:
		return snapshot.HighWatermark
	}
}

// available measures what lies between the fetch offset and the bound. When
// these are in different segments the log was truncated or has rolled.
func (d *delayedFetch) available(partition *cluster.Partition, request *FetchPartition, from, bound log.OffsetMetadata) (bytes int, tell bool) {
	switch {
	case bound.MessageOffset == from.MessageOffset:
		return 0, false
	case bound.OnOlderSegment(from):
		return 0, true
	case from.OnOlderSegment(bound):
		return 0, !d.manager.shouldLeaderThrottle(d.params, partition)
	case from.MessageOffset < bound.MessageOffset && !d.manager.shouldLeaderThrottle(d.params, partition):
		if !from.OnSameSegment(bound) {
			return 1, false // places unknown: there is something at least
		}
		if bytes = bound.PositionDiff(from); bytes < 0 {
			return 1, false // the log was moved meanwhile and has other segments
		}
		return min(bytes, int(request.MaxBytes)), false
	}
	return 0, false
}

// diverged reports whether the follower's last epoch ended before its offset.
func diverged(partition *cluster.Partition, request *FetchPartition) bool {
	if request.LastFetchedEpoch == cluster.NoEpoch {
		return false
	}
	end, err := partition.LastOffsetForLeaderEpoch(request.CurrentLeaderEpoch, request.LastFetchedEpoch, false)
	return err != nil || end.Offset == unknownOffset || end.LeaderEpoch == cluster.NoEpoch ||
		end.LeaderEpoch < request.LastFetchedEpoch || end.Offset < request.FetchOffset
}

// OnComplete reads again and answers. Follower progress was noted at the first
// read and is not again.
func (d *delayedFetch) OnComplete() {
	results := make([]FetchPartitionResult, len(d.partitions))
	d.manager.readFromLocalLog(d.params, d.partitions, results, nil)
	d.manager.answerFetch(d.params, results, d.respond)
}

// OnExpiration counts fetches whose time ran out.
func (d *delayedFetch) OnExpiration() {
	if d.params.IsFromFollower() {
		d.manager.metrics.followerFetchExpires.Mark(1)
	} else {
		d.manager.metrics.consumerFetchExpires.Mark(1)
	}
}
