package replica

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/protocol"
)

// Replica ids of fetchers that are no brokers, as kafka.api.Request.
const (
	ConsumerReplicaID    int32 = -1
	DebuggingReplicaID   int32 = -2
	FutureLocalReplicaID int32 = -3
)

const (
	noPreferredReplica int32 = -1
	unknownOffset            = cluster.UnknownOffset
)

// ReplicaQuota limits replication traffic, as kafka.server.ReplicaQuota.
type ReplicaQuota interface {
	// IsThrottled reports whether the partition's traffic counts.
	IsThrottled(tp topic.Partition) bool
	IsQuotaExceeded() bool
	Record(bytes int64)
}

// ClientMetadata is what is known of a consumer that may be sent to a nearer
// replica (KIP-392).
type ClientMetadata struct {
	Rack     string
	Listener string
}

// FetchParams is what a fetch asks of all its partitions.
type FetchParams struct {
	// ReplicaID is the follower's broker id, or one of the negative ids.
	ReplicaID int32
	MaxWait   time.Duration
	MinBytes  int
	MaxBytes  int
	// HardMaxBytesLimit is for fetch versions up to 2: no batch may exceed its
	// partition's limit, not even the first.
	HardMaxBytesLimit bool
	// ReadCommitted bounds consumers by the last stable offset.
	ReadCommitted bool
	// Client is given by fetch versions from 11 on, which may read from any
	// replica; nil restricts consumers to the leader.
	Client *ClientMetadata
}

// IsFromFollower reports whether a broker fetches.
func (p *FetchParams) IsFromFollower() bool { return p.ReplicaID >= 0 }

func (p *FetchParams) isolation() log.FetchIsolation {
	switch {
	case p.IsFromFollower() || p.ReplicaID == FutureLocalReplicaID:
		return log.FetchLogEnd
	case p.ReadCommitted:
		return log.FetchTxnCommitted
	default:
		return log.FetchHighWatermark
	}
}

func (p *FetchParams) onlyFromLeader() bool {
	return p.IsFromFollower() || p.ReplicaID != FutureLocalReplicaID && p.Client == nil
}

// FetchPartition is what a fetch asks of one partition.
type FetchPartition struct {
	// Partition has an empty topic when TopicID is not known here.
	Partition   topic.Partition
	TopicID     topic.ID // zero in fetch versions below 13
	FetchOffset int64
	// LogStartOffset is the follower's own.
	LogStartOffset int64
	MaxBytes       int32
	// CurrentLeaderEpoch and LastFetchedEpoch are -1 when not given.
	CurrentLeaderEpoch int32
	LastFetchedEpoch   int32

	cached *cachedPartition // of an incremental session
}

// FetchPartitionResult is the answer for one partition, in the terms of a
// Fetch response. Who receives it owns Records and must release them.
type FetchPartitionResult struct {
	Partition        topic.Partition
	TopicID          topic.ID
	ErrorCode        int16
	HighWatermark    int64
	LastStableOffset int64
	LogStartOffset   int64
	// Diverging is where the fetcher's last epoch ended here, if Diverged.
	Diverged            bool
	Diverging           log.OffsetAndEpoch
	AbortedTransactions []log.AbortedTransaction
	// PreferredReadReplica is -1 unless the consumer shall go elsewhere.
	PreferredReadReplica int32
	// Records is nil when there are none.
	Records             *log.FileRecords
	IsReassignmentFetch bool

	cached *cachedPartition
}

// RecordsSize is the number of bytes of the records.
func (r *FetchPartitionResult) RecordsSize() int {
	if r.Records == nil {
		return 0
	}
	return r.Records.Size()
}

// ReleaseRecords gives the records back, if there are any.
func (r *FetchPartitionResult) ReleaseRecords() {
	if r.Records != nil {
		r.Records.Release()
		r.Records = nil
	}
}

// ErrorResult is the answer to a partition that must not or cannot be read.
func (p *FetchPartition) ErrorResult(err error) FetchPartitionResult {
	return FetchPartitionResult{
		Partition: p.Partition, TopicID: p.TopicID, ErrorCode: protocol.ErrorCode(err),
		HighWatermark: unknownOffset, LastStableOffset: unknownOffset, LogStartOffset: unknownOffset,
		PreferredReadReplica: noPreferredReplica, cached: p.cached,
	}
}

// fetchProgress is what a read tells besides its result.
type fetchProgress struct {
	at           log.OffsetMetadata // where the read began; unknown after an error
	leaderLogEnd int64
}

// FetchMessages reads the partitions in order until the limits are reached and
// answers at once when there is enough, an error or nothing to wait for;
// otherwise when enough has come or MaxWait is over. respond is called exactly
// once, perhaps before FetchMessages returns; the partitions may be used until
// then.
func (m *ReplicaManager) FetchMessages(params *FetchParams, partitions []FetchPartition, respond func([]FetchPartitionResult)) {
	results := make([]FetchPartitionResult, len(partitions))
	var few [8]fetchProgress // on the stack: most fetches need it for this call only
	progress := few[:]
	if len(partitions) > len(few) {
		progress = make([]fetchProgress, len(partitions))
	}
	now := time.Now()
	bytes, decided := m.readFromLocalLog(params, partitions, results, progress)
	if params.IsFromFollower() {
		m.updateFollowerFetchState(params.ReplicaID, now, partitions, results, progress)
	}
	if params.MaxWait <= 0 || len(partitions) == 0 || bytes >= params.MinBytes || decided {
		m.answerFetch(params, results, respond)
		return
	}
	releaseAll(results)
	m.parkFetch(params, partitions, slices.Clone(progress[:len(partitions)]), respond)
}

// answerFetch counts what followers get of throttled partitions, and answers.
func (m *ReplicaManager) answerFetch(params *FetchParams, results []FetchPartitionResult, respond func([]FetchPartitionResult)) {
	if quota := m.options.Quotas.Leader; quota != nil && params.IsFromFollower() {
		var throttled int64
		for i := range results {
			if size := results[i].RecordsSize(); size > 0 && quota.IsThrottled(results[i].Partition) {
				throttled += int64(size)
			}
		}
		if throttled > 0 {
			quota.Record(throttled)
		}
	}
	respond(results)
}

func releaseAll(results []FetchPartitionResult) {
	for i := range results {
		results[i].ReleaseRecords()
	}
}

// readFromLocalLog reads the partitions. The first one with data may exceed
// the limits to give one batch. decided is true when an error, a divergence or
// another replica
// must be told without delay. progress may be nil.
func (m *ReplicaManager) readFromLocalLog(params *FetchParams, partitions []FetchPartition, results []FetchPartitionResult, progress []fetchProgress) (bytes int, decided bool) {
	limit := params.MaxBytes
	minOneMessage := !params.HardMaxBytesLimit
	var ignored fetchProgress
	for i := range partitions {
		into := &ignored
		if progress != nil {
			into = &progress[i]
		}
		m.readPartition(params, &partitions[i], readLimits{limit, minOneMessage, progress == nil}, &results[i], into)
		size := results[i].RecordsSize()
		if size > 0 {
			minOneMessage = false
		}
		limit = max(0, limit-size)
		bytes += size
		decided = decided || results[i].ErrorCode != 0 || results[i].Diverged || results[i].PreferredReadReplica != noPreferredReplica
	}
	return bytes, decided
}

// readLimits is what one partition may give.
type readLimits struct {
	bytes         int
	minOneMessage bool
	again         bool // the request was read before and is counted already
}

func (m *ReplicaManager) readPartition(params *FetchParams, request *FetchPartition, limits readLimits, result *FetchPartitionResult, progress *fetchProgress) {
	hosted := m.hostedOf(request)
	if !limits.again {
		m.statsOf(hosted).Mark(TotalFetchRequests, 1)
	}
	partition, err := m.onlineOrError(request.Partition, hosted)
	if err == nil {
		err = checkTopicID(partition, request.TopicID)
	}
	if err == nil {
		if preferred, ok := m.preferredReadReplica(params, partition, request.FetchOffset); ok {
			err = redirect(partition, request, preferred, result, progress)
		} else {
			err = m.readRecords(params, partition, request, limits, result, progress)
		}
	}
	if err != nil {
		m.readFailed(params, request, m.statsOf(hosted), err)
		*result = request.ErrorResult(err)
		progress.at = log.UnknownOffsetMetadata
	}
}

// hostedOf looks a partition up; those of sessions once, until any is added here
// or goes.
func (m *ReplicaManager) hostedOf(request *FetchPartition) hosted {
	if request.cached == nil {
		return m.partitions.get(request.Partition)
	}
	return m.partitions.getCached(request.Partition, &request.cached.hosted)
}

func checkTopicID(partition *cluster.Partition, requested topic.ID) error {
	if requested.IsZero() {
		return nil
	}
	if id := partition.TopicID(); !id.IsZero() && id != requested {
		return kerr.InconsistentTopicID
	}
	return nil
}

// redirect sends a consumer to another replica.
func redirect(partition *cluster.Partition, request *FetchPartition, preferred int32, result *FetchPartitionResult, progress *fetchProgress) error {
	snapshot, err := partition.FetchOffsetSnapshot(request.CurrentLeaderEpoch, false)
	if err != nil {
		return err
	}
	*result = FetchPartitionResult{
		Partition: request.Partition, TopicID: request.TopicID, HighWatermark: snapshot.HighWatermark.MessageOffset,
		LastStableOffset: snapshot.LastStableOffset.MessageOffset, LogStartOffset: snapshot.LogStartOffset,
		PreferredReadReplica: preferred, cached: request.cached,
	}
	progress.at = log.UnknownOffsetMetadata
	return nil
}

func (m *ReplicaManager) readRecords(params *FetchParams, partition *cluster.Partition, request *FetchPartition, limits readLimits, result *FetchPartitionResult, progress *fetchProgress) error {
	read := cluster.ReadParams{
		FetchOffset: request.FetchOffset, CurrentLeaderEpoch: request.CurrentLeaderEpoch, LastFetchedEpoch: request.LastFetchedEpoch,
		MaxBytes: min(int(request.MaxBytes), limits.bytes), Isolation: params.isolation(), OnlyFromLeader: params.onlyFromLeader(),
		MinOneMessage: limits.minOneMessage, FollowerID: max(params.ReplicaID, -1),
	}
	if read.MaxBytes < 0 {
		return fmt.Errorf("Invalid max size %d for log read: %w", read.MaxBytes, kerr.UnknownServerError) //nolint:staticcheck // Kafka's sentence
	}
	var info cluster.ReadInfo
	if err := partition.ReadRecords(&read, &info); err != nil {
		return err
	}
	*result = FetchPartitionResult{
		Partition: request.Partition, TopicID: request.TopicID, HighWatermark: info.HighWatermark,
		LastStableOffset: info.LastStableOffset, LogStartOffset: info.LogStartOffset,
		Diverged: info.Diverged, Diverging: info.Diverging, AbortedTransactions: info.Fetched.AbortedTransactions,
		PreferredReadReplica: noPreferredReplica, Records: info.Fetched.Records, cached: request.cached,
	}
	progress.at, progress.leaderLogEnd = info.Fetched.FetchOffsetMetadata, info.LogEndOffset
	if result.Records == nil {
		return nil
	}
	result.IsReassignmentFetch = params.IsFromFollower() && partition.IsAddingReplica(params.ReplicaID)
	// A first batch that did not fit is of no use to clients that may get a
	// larger one in their next fetch.
	if !params.HardMaxBytesLimit && info.Fetched.FirstEntryIncomplete || m.shouldLeaderThrottle(params, partition) {
		result.ReleaseRecords()
		result.AbortedTransactions = nil
	}
	return nil
}

// shouldLeaderThrottle reports whether a follower that is not in sync has to
// wait because the replication quota is used up.
func (m *ReplicaManager) shouldLeaderThrottle(params *FetchParams, partition *cluster.Partition) bool {
	quota := m.options.Quotas.Leader
	if quota == nil || !params.IsFromFollower() || partition.FollowerIsInSync(params.ReplicaID) {
		return false
	}
	return quota.IsThrottled(partition.TopicPartition()) && quota.IsQuotaExceeded()
}

// readFailed logs what no client or change of leadership explains.
func (m *ReplicaManager) readFailed(params *FetchParams, request *FetchPartition, stats *TopicStats, err error) {
	switch protocol.ErrorCode(err) {
	case kerr.UnknownTopicOrPartition.Code, kerr.NotLeaderForPartition.Code, kerr.UnknownLeaderEpoch.Code, kerr.FencedLeaderEpoch.Code,
		kerr.ReplicaNotAvailable.Code, kerr.KafkaStorageError.Code, kerr.OffsetOutOfRange.Code, kerr.InconsistentTopicID.Code:
		return
	}
	stats.Mark(FailedFetchRequests, 1)
	m.log.WithError(err).Errorf("%sError processing fetch with max size %d from replica %d on partition %s", m.prefix,
		request.MaxBytes, params.ReplicaID, request.Partition)
}

// updateFollowerFetchState tells the partitions how far the follower is.
func (m *ReplicaManager) updateFollowerFetchState(followerID int32, now time.Time, partitions []FetchPartition, results []FetchPartitionResult, progress []fetchProgress) {
	for i := range partitions {
		if results[i].ErrorCode != 0 || results[i].Diverged {
			continue
		}
		entry := m.hostedOf(&partitions[i])
		if entry.partition == nil {
			continue // stopped since it was read
		}
		if entry.partition.UpdateFollowerFetchState(followerID, progress[i].at, partitions[i].LogStartOffset, now, progress[i].leaderLogEnd) {
			continue
		}
		m.log.Warnf("%sLeader %d failed to record follower %d's position %d, and last sent HW since the replica is not recognized to be one "+
			"of the assigned replicas for partition %s. Empty records will be returned for this partition.", m.prefix, m.brokerID,
			followerID, progress[i].at.MessageOffset, partitions[i].Partition)
		results[i].ReleaseRecords()
		progress[i].at = log.UnknownOffsetMetadata
	}
}
