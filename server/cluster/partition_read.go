package cluster

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/log"
)

// ReadParams is what a fetch asks of one partition.
type ReadParams struct {
	FetchOffset int64
	// CurrentLeaderEpoch and LastFetchedEpoch are NoEpoch when not given.
	CurrentLeaderEpoch int32
	LastFetchedEpoch   int32
	MaxBytes           int
	Isolation          log.FetchIsolation
	OnlyFromLeader     bool
	MinOneMessage      bool
	// FollowerID is the replica that fetches, -1 for others.
	FollowerID int32
}

// ReadInfo is what a partition answers. The receiver owns Fetched.Records.
type ReadInfo struct {
	Fetched log.FetchDataInfo
	// Diverging is where the fetcher's last epoch ended here, if Diverged.
	Diverged         bool
	Diverging        log.OffsetAndEpoch
	HighWatermark    int64
	LogStartOffset   int64
	LogEndOffset     int64
	LastStableOffset int64
}

// ReadRecords reads what a fetch may see. The watermarks are taken before the
// read, so that the response never has records beyond them that it should not.
func (p *Partition) ReadRecords(params *ReadParams, info *ReadInfo) error {
	p.state.RLock()
	defer p.state.RUnlock()
	local, err := p.localLogChecked(params.CurrentLeaderEpoch, params.OnlyFromLeader)
	if err != nil {
		return err
	}
	if params.FollowerID >= 0 && p.Replica(params.FollowerID) == nil {
		return p.unknownFollowerError(params)
	}
	info.HighWatermark = local.HighWatermark()
	info.LogStartOffset = local.LogStartOffset()
	info.LogEndOffset = local.LogEndOffset()
	info.LastStableOffset = local.LastStableOffset()
	if params.LastFetchedEpoch != NoEpoch {
		if err := p.checkDivergence(local, params, info); err != nil || info.Diverged {
			return err
		}
	}
	if params.FollowerID >= 0 && params.FetchOffset == info.LogEndOffset {
		// Most of a follower's partitions have nothing for it most of the time.
		if end := local.LogEndOffsetMetadata(); end.MessageOffset == params.FetchOffset {
			info.Fetched = log.FetchDataInfo{FetchOffsetMetadata: end}
			return nil
		}
	}
	info.Fetched, err = local.Read(params.FetchOffset, params.MaxBytes, params.Isolation, params.MinOneMessage)
	return err
}

// unknownFollowerError answers a broker that is not in the assignment known
// here. Its epoch matches, so one of us lags behind in the assignment only; it
// shall ask again (KAFKA-13837, KAFKA-14078).
func (p *Partition) unknownFollowerError(params *ReadParams) error {
	err := kerr.NotLeaderForPartition
	if params.CurrentLeaderEpoch != NoEpoch {
		err = kerr.UnknownLeaderEpoch
	}
	return fmt.Errorf("Leader %d failed to record follower %d's position %d since the replica is not recognized to be one of the "+
		"assigned replicas %s for partition %s: %w", p.broker.ID, params.FollowerID, params.FetchOffset,
		jvm.Joined(p.assignment.Load().Replicas, ","), p.tp, err)
}

// checkDivergence compares the epoch of the fetcher's last record with our
// history (KIP-595's truncation on fetch).
func (p *Partition) checkDivergence(local *log.UnifiedLog, params *ReadParams, info *ReadInfo) error {
	end, ok := local.EndOffsetForEpoch(params.LastFetchedEpoch)
	if !ok || end.Offset == UnknownOffset || end.LeaderEpoch == NoEpoch {
		return fmt.Errorf("Could not determine the end offset of the last fetched epoch %d from the request: %w", params.LastFetchedEpoch, kerr.OffsetOutOfRange)
	}
	if params.FetchOffset < info.LogStartOffset {
		return fmt.Errorf("Received request for offset %d for partition %s, but we only have log segments in the range %d to %d: %w",
			params.FetchOffset, p.tp, info.LogStartOffset, info.LogEndOffset, kerr.OffsetOutOfRange)
	}
	if end.LeaderEpoch < params.LastFetchedEpoch || end.Offset < params.FetchOffset {
		info.Diverged, info.Diverging = true, end
		info.Fetched = log.FetchDataInfo{FetchOffsetMetadata: log.OffsetOnly(params.FetchOffset)}
	}
	return nil
}

// RestsAt reports whether the log still ends at a place and this broker leads in
// the given epoch. A follower that was found to agree with the log up to that place
// in that epoch has nothing to learn then. It looks without a lock, as a change that
// it misses is followed by another look.
func (p *Partition) RestsAt(end log.OffsetMetadata, leaderEpoch int32) bool {
	local := p.log.Load()
	return local != nil && p.IsLeader() && p.leaderEpoch.Load() == leaderEpoch && local.LogEndOffset() == end.MessageOffset &&
		local.LogEndOffsetMetadata() == end
}

// FetchOffsetSnapshot gives the offsets of the local log to a request of the
// given epoch.
func (p *Partition) FetchOffsetSnapshot(currentLeaderEpoch int32, onlyFromLeader bool) (log.OffsetSnapshot, error) {
	p.state.RLock()
	defer p.state.RUnlock()
	local, err := p.localLogChecked(currentLeaderEpoch, onlyFromLeader)
	if err != nil {
		return log.OffsetSnapshot{}, err
	}
	return local.FetchOffsetSnapshot()
}

// FetchOffsetForTimestamp answers ListOffsets. isolation is FetchLogEnd for
// replicas and debugging. found is false when no record is young enough.
//
// A new leader's high watermark may be below the start of its epoch until its
// followers fetch; consumers get OFFSET_NOT_AVAILABLE then, lest offsets go
// back (KIP-207).
func (p *Partition) FetchOffsetForTimestamp(timestamp int64, isolation log.FetchIsolation, currentLeaderEpoch int32, onlyFromLeader bool) (result log.TimestampAndOffset, found bool, err error) {
	p.state.RLock()
	defer p.state.RUnlock()
	local, err := p.localLogChecked(currentLeaderEpoch, onlyFromLeader)
	if err != nil {
		return result, false, err
	}
	lastFetchable := boundOf(local, isolation)
	var notAvailable error
	if highWatermark := local.HighWatermark(); isolation != log.FetchLogEnd && p.leaderEpochStartOffset > highWatermark {
		notAvailable = fmt.Errorf("Failed to fetch offsets for partition %s with leader epoch %d as this partition's high watermark (%d) "+
			"is lagging behind the start offset from the beginning of this epoch (%d): %w",
			p.tp, p.LeaderEpoch(), highWatermark, p.leaderEpochStartOffset, kerr.OffsetNotAvailable)
	}
	switch timestamp {
	case log.LatestTimestamp:
		return log.TimestampAndOffset{Timestamp: -1, Offset: lastFetchable, LeaderEpoch: p.LeaderEpoch()}, notAvailable == nil, notAvailable
	case log.EarliestTimestamp:
		return local.FetchOffsetByTimestamp(timestamp)
	default:
		result, found, err = local.FetchOffsetByTimestamp(timestamp)
		if err != nil || found && result.Offset < lastFetchable {
			return result, found, err
		}
		return log.TimestampAndOffset{}, false, notAvailable
	}
}

func boundOf(local *log.UnifiedLog, isolation log.FetchIsolation) int64 {
	switch isolation {
	case log.FetchTxnCommitted:
		return local.LastStableOffset()
	case log.FetchHighWatermark:
		return local.HighWatermark()
	default:
		return local.LogEndOffset()
	}
}

// LegacyFetchOffsetsForTimestamp answers ListOffsets v0: base offsets of
// segments, newest first.
func (p *Partition) LegacyFetchOffsetsForTimestamp(timestamp int64, maxOffsets int, isFromConsumer, onlyFromLeader bool) ([]int64, error) {
	p.state.RLock()
	defer p.state.RUnlock()
	local, err := p.localLogChecked(NoEpoch, onlyFromLeader)
	if err != nil {
		return nil, err
	}
	offsets, err := local.LegacyFetchOffsetsBefore(timestamp, maxOffsets)
	highWatermark := local.HighWatermark()
	if err != nil || !isFromConsumer || len(offsets) == 0 || offsets[0] <= highWatermark {
		return offsets, err
	}
	visible := []int64{highWatermark}
	for _, offset := range offsets {
		if offset <= highWatermark {
			visible = append(visible, offset)
		}
	}
	return visible, nil
}

// LastOffsetForLeaderEpoch answers OffsetForLeaderEpoch: where the greatest
// epoch not above the given one ends here; {-1, -1} when that is not known.
func (p *Partition) LastOffsetForLeaderEpoch(currentLeaderEpoch, leaderEpoch int32, onlyFromLeader bool) (log.OffsetAndEpoch, error) {
	p.state.RLock()
	defer p.state.RUnlock()
	local, err := p.localLogChecked(currentLeaderEpoch, onlyFromLeader)
	if err == nil {
		if end, ok := local.EndOffsetForEpoch(leaderEpoch); ok {
			return end, nil
		}
	}
	return log.OffsetAndEpoch{Offset: UnknownOffset, LeaderEpoch: NoEpoch}, err
}

// ActiveProducers answers DescribeProducers.
func (p *Partition) ActiveProducers() ([]log.ActiveProducer, error) {
	local, err := p.LocalLog()
	if err != nil {
		return nil, err
	}
	return local.ActiveProducers(), nil
}

// LogStartOffset gives the leader's log start offset, -1 when this broker does
// not lead.
func (p *Partition) LogStartOffset() int64 {
	if leaderLog := p.LeaderLog(); leaderLog != nil {
		return leaderLog.LogStartOffset()
	}
	return UnknownOffset
}

// FollowerIsInSync reports whether a fetching replica is in the committed ISR.
func (p *Partition) FollowerIsInSync(brokerID int32) bool { return p.isr.Load().Contains(brokerID) }
