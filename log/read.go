package log

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/record"
)

// Read gives the records from the batch with an offset on, up to the bound of
// the isolation and a number of bytes. With minOneMessage the first batch comes
// whole even if it is larger.
func (l *UnifiedLog) Read(startOffset int64, maxLength int, isolation FetchIsolation, minOneMessage bool) (FetchDataInfo, error) {
	if err := l.checkLogStartOffset(startOffset); err != nil {
		return FetchDataInfo{}, err
	}
	if err := l.local.checkOnline(); err != nil {
		return FetchDataInfo{}, err
	}
	info, err := l.readUpTo(startOffset, max(maxLength, 0), isolation, minOneMessage)
	if err == nil {
		return info, nil
	}
	return info, l.local.handleIO(err, "Exception while reading from %s in dir %s", l.local.partition, l.local.parentDir)
}

func (l *UnifiedLog) readUpTo(startOffset int64, maxLength int, isolation FetchIsolation, minOneMessage bool) (FetchDataInfo, error) {
	var bound OffsetMetadata
	var err error
	switch isolation {
	case FetchHighWatermark:
		bound, err = l.HighWatermarkMetadata()
	case FetchTxnCommitted:
		bound, err = l.LastStableOffsetMetadata()
	default:
		bound = l.LogEndOffsetMetadata()
	}
	if err != nil {
		return FetchDataInfo{}, err
	}
	var info FetchDataInfo
	err = l.undisturbed(func() error {
		info.Release()
		info, err = l.readWithin(startOffset, maxLength, isolation, minOneMessage, bound)
		return err
	})
	return info, err
}

// undisturbed repeats a look at segments when these changed meanwhile: a
// compaction may replace them, and delete the old ones, at any moment, and what
// was read of a file and of its indexes must be of the same segment.
func (l *UnifiedLog) undisturbed(look func() error) error {
	for {
		segments := l.local.segments.list.Load()
		err := look()
		if segments == l.local.segments.list.Load() {
			return err
		}
	}
}

func (l *UnifiedLog) readWithin(startOffset int64, maxLength int, isolation FetchIsolation, minOneMessage bool, bound OffsetMetadata) (FetchDataInfo, error) {
	info, segment, err := l.local.read(startOffset, maxLength, minOneMessage, bound)
	if err != nil || isolation != FetchTxnCommitted {
		return info, err
	}
	info.AbortedTransactions = []AbortedTransaction{}
	if segment == nil {
		return info, nil
	}
	if err := l.addAbortedTransactions(&info, startOffset, segment); err != nil {
		info.Release()
		return FetchDataInfo{}, err
	}
	return info, nil
}

// addAbortedTransactions finds the aborted transactions that the region may
// hold records of.
func (l *UnifiedLog) addAbortedTransactions(info *FetchDataInfo, startOffset int64, segment *LogSegment) error {
	upperBound, ok, err := segment.fetchUpperBoundOffset(info.FetchOffsetMetadata, info.Size())
	if err != nil {
		return err
	}
	list := l.local.segments.values()
	at, _ := find(list, segment.BaseOffset)
	if !ok {
		upperBound = l.LogEndOffset()
		if at+1 < len(list) {
			upperBound = list[at+1].BaseOffset
		}
	}
	return l.collectAborted(list[min(at, len(list)):], startOffset, upperBound, func(aborted index.AbortedTxn) {
		info.AbortedTransactions = append(info.AbortedTransactions, AbortedTransaction{aborted.ProducerID, aborted.FirstOffset})
	})
}

func (l *UnifiedLog) collectAborted(segments []*LogSegment, startOffset, upperBound int64, add func(index.AbortedTxn)) error {
	for _, segment := range segments {
		complete, err := segment.txnIndex.Collect(startOffset, upperBound, add)
		if err != nil || complete {
			return err
		}
	}
	return nil
}

// FetchOffsetByTimestamp finds the first record at or after a time, or the
// offset of LatestTimestamp, EarliestTimestamp or MaxTimestamp. ok is false if
// there is no such record.
func (l *UnifiedLog) FetchOffsetByTimestamp(timestamp int64) (found TimestampAndOffset, ok bool, err error) {
	if l.Config().RecordVersion < record.MagicV1 && timestamp != EarliestTimestamp && timestamp != LatestTimestamp {
		return found, false, fmt.Errorf("%w: Cannot search offsets based on timestamp because message format version for partition %s is %s which is earlier than the minimum required version %s",
			kerr.UnsupportedForMessageFormat, l.local.partition, l.Config().Topic.MessageFormatVersion(), config.IBP_0_10_0_IV0)
	}
	switch timestamp {
	case EarliestTimestamp:
		found = TimestampAndOffset{Timestamp: record.NoTimestamp, Offset: l.LogStartOffset(), LeaderEpoch: record.NoPartitionLeaderEpoch}
		if entry, ok := l.epochs.Earliest(); ok && entry.StartOffset <= found.Offset {
			found.LeaderEpoch = entry.Epoch
		}
		return found, true, nil
	case LatestTimestamp:
		latest, _ := l.LatestEpoch()
		return TimestampAndOffset{Timestamp: record.NoTimestamp, Offset: l.LogEndOffset(), LeaderEpoch: latest}, true, nil
	case MaxTimestamp:
		err = l.undisturbed(func() (err error) { found, ok, err = l.offsetOfMaxTimestamp(); return err })
	default:
		err = l.undisturbed(func() (err error) { found, ok, err = l.offsetAtOrAfter(timestamp); return err })
	}
	return found, ok, l.local.handleIO(err, "Error while fetching offset by timestamp for %s in dir %s", l.local.partition, l.local.parentDir)
}

// segmentsFromStart are the segments that hold something at or above the log
// start offset. What is left of others is about to be deleted, and may be damaged
// after a crash, as the recovery point is never below the log start.
func (l *UnifiedLog) segmentsFromStart() []*LogSegment {
	list := l.local.segments.values()
	return list[max(floor(list, l.LogStartOffset()), 0):]
}

func (l *UnifiedLog) offsetAtOrAfter(timestamp int64) (found TimestampAndOffset, ok bool, err error) {
	for _, segment := range l.segmentsFromStart() {
		largest, _, err := segment.largestTimestamp()
		if err != nil {
			return found, false, err
		}
		if largest >= timestamp {
			return segment.findOffsetByTimestamp(timestamp, l.LogStartOffset())
		}
	}
	return found, false, nil
}

func (l *UnifiedLog) offsetOfMaxTimestamp() (found TimestampAndOffset, ok bool, err error) {
	var latest *LogSegment
	largest := record.NoTimestamp
	for _, segment := range l.segmentsFromStart() {
		so, err := segment.maxTimestampSoFar()
		if err != nil {
			return found, false, err
		}
		if latest == nil || so.Timestamp > largest {
			latest, largest = segment, so.Timestamp
		}
	}
	found, ok, err = latest.findMaxTimestamp()
	if err == nil && !ok {
		// As upstream: an empty log answers with what its time index says.
		found, ok = TimestampAndOffset{Timestamp: record.NoTimestamp, Offset: latest.BaseOffset}, true
	}
	found.LeaderEpoch, _ = l.LatestEpoch()
	return found, ok, err
}

// LegacyFetchOffsetsBefore is the answer to version 0 of ListOffsets: the starts
// of segments last written before a time, newest first.
func (l *UnifiedLog) LegacyFetchOffsetsBefore(timestamp int64, maxOffsets int) ([]int64, error) {
	var candidates []offsetTime
	err := l.undisturbed(func() (err error) { candidates, err = l.segmentTimes(); return err })
	if err != nil {
		return nil, l.local.handleIO(err, "Error while reading the time of segments of %s in dir %s", l.local.partition, l.local.parentDir)
	}
	start := len(candidates) - 1
	switch timestamp {
	case LatestTimestamp:
	case EarliestTimestamp:
		start = 0
	default:
		for start >= 0 && candidates[start].ms > timestamp {
			start--
		}
	}
	offsets := []int64{}
	for ; start >= 0 && len(offsets) < maxOffsets; start-- {
		offsets = append(offsets, candidates[start].offset)
	}
	return offsets, nil
}

type offsetTime struct{ offset, ms int64 }

// segmentTimes are the starts of segments with the times of their last writes.
func (l *UnifiedLog) segmentTimes() ([]offsetTime, error) {
	segments := l.local.segments.values()
	candidates := make([]offsetTime, 0, len(segments)+1)
	for _, segment := range segments {
		modified, err := segment.LastModified()
		if err != nil {
			return nil, err
		}
		candidates = append(candidates, offsetTime{max(segment.BaseOffset, l.LogStartOffset()), modified.UnixMilli()})
	}
	if segments[len(segments)-1].Size() > 0 {
		candidates = append(candidates, offsetTime{l.LogEndOffset(), time.Now().UnixMilli()})
	}
	return candidates, nil
}
