package log

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// LogStartOffsetIncrementReason tells why a log start offset was raised.
type LogStartOffsetIncrementReason string

// The reasons, as they are logged.
const (
	ClientRecordDeletion    LogStartOffsetIncrementReason = "client delete records request"
	LeaderOffsetIncremented LogStartOffsetIncrementReason = "leader offset increment"
	SegmentDeletion         LogStartOffsetIncrementReason = "segment deletion"
)

// MaybeIncrementLogStartOffset raises the log start offset, never lowers it. It
// must not pass the high watermark.
func (l *UnifiedLog) MaybeIncrementLogStartOffset(offset int64, reason LogStartOffsetIncrementReason) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.maybeIncrementLogStartOffsetLocked(offset, reason)
}

func (l *UnifiedLog) maybeIncrementLogStartOffsetLocked(offset int64, reason LogStartOffsetIncrementReason) (bool, error) {
	if hw := l.HighWatermark(); offset > hw {
		return false, fmt.Errorf("%w: Cannot increment the log start offset to %d of partition %s since it is larger than the high watermark %d",
			kerr.OffsetOutOfRange, offset, l.local.partition, hw)
	}
	if err := l.local.checkOpen(); err != nil {
		return false, err
	}
	if offset <= l.LogStartOffset() {
		return false, nil
	}
	l.updateLogStartOffset(offset)
	l.logger.Infof("%sIncremented log start offset to %d due to %s", l.prefix(), offset, reason)
	err := l.epochs.TruncateFromStart(offset)
	if err == nil {
		l.producers.OnLogStartOffsetIncremented(offset)
		err = l.maybeIncrementFirstUnstableOffset()
	}
	return true, l.local.handleIO(err, "Exception while increasing log start offset for %s to %d in dir %s", l.local.partition, offset, l.local.parentDir)
}

// updateLogStartOffset keeps start <= high watermark and start <= recovery
// point.
func (l *UnifiedLog) updateLogStartOffset(offset int64) {
	l.logStartOffset.Store(offset)
	if l.HighWatermark() < offset {
		l.logIfFails(l.updateHighWatermarkLocked(OffsetOnly(offset)))
	}
	if l.RecoveryPoint() < offset {
		l.local.recoveryPoint.Store(offset)
	}
}

// DeleteOldSegments deletes the segments below the log start offset and, if the
// cleanup policy has delete, those that retention by size and time lets go. It
// returns their number. Only segments below the high watermark go.
func (l *UnifiedLog) DeleteOldSegments() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.local.checkOpen(); err != nil {
		return 0, err
	}
	total, err := l.deleteOldSegmentsLocked()
	return total, l.local.handleIO(err, "Error while deleting segments for %s in dir %s", l.local.partition, l.local.parentDir)
}

func (l *UnifiedLog) deleteOldSegmentsLocked() (int, error) {
	total, err := l.deleteWhile(l.belowLogStart(), "log start offset breach")
	if err != nil || !l.Config().Delete {
		return total, err
	}
	for _, rule := range []struct {
		condition deletionCondition
		reason    string
	}{
		{l.breachesRetentionBytes(), fmt.Sprintf("retention size %d breach", l.Config().RetentionBytes)},
		{l.breachesRetentionMs(), fmt.Sprintf("retention time %dms breach", l.Config().RetentionMs)},
	} {
		deleted, err := l.deleteWhile(rule.condition, rule.reason)
		total += deleted
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// deletionCondition tells whether a segment, of which next is the successor if
// there is one, may go.
type deletionCondition func(segment, next *LogSegment) (bool, error)

func (l *UnifiedLog) belowLogStart() deletionCondition {
	start := l.LogStartOffset()
	return func(_, next *LogSegment) (bool, error) { return next != nil && next.BaseOffset <= start, nil }
}

func (l *UnifiedLog) breachesRetentionBytes() deletionCondition {
	limit, size := l.Config().RetentionBytes, l.Size()
	if limit < 0 || size < limit {
		return nil
	}
	excess := size - limit
	return func(segment, _ *LogSegment) (bool, error) {
		if excess < int64(segment.Size()) {
			return false, nil
		}
		excess -= int64(segment.Size())
		return true, nil
	}
}

func (l *UnifiedLog) breachesRetentionMs() deletionCondition {
	limit := l.Config().RetentionMs
	if limit < 0 {
		return nil
	}
	now := time.Now().UnixMilli()
	return func(segment, _ *LogSegment) (bool, error) {
		largest, _, err := segment.largestTimestamp()
		return now-largest > limit, err
	}
}

// deleteWhile deletes the oldest segments for which a condition holds; nil never
// holds.
func (l *UnifiedLog) deleteWhile(condition deletionCondition, reason string) (int, error) {
	if condition == nil {
		return 0, nil
	}
	deletable, err := l.local.deletable(func(segment, next *LogSegment) (bool, error) {
		end := l.LogEndOffset()
		if next != nil {
			end = next.BaseOffset
		}
		if l.HighWatermark() < end {
			return false, nil
		}
		return condition(segment, next)
	})
	if err != nil || len(deletable) == 0 {
		return 0, err
	}
	// There is always one segment.
	if len(deletable) == l.NumberOfSegments() {
		if _, err := l.rollLocked(0); err != nil {
			return 0, err
		}
	}
	if err := l.local.removeAndDelete(deletable, true, reason); err != nil {
		return 0, err
	}
	if err := l.deleteProducerSnapshots(deletable); err != nil {
		return 0, err
	}
	_, err = l.maybeIncrementLogStartOffsetLocked(l.local.segments.values()[0].BaseOffset, SegmentDeletion)
	return len(deletable), err
}
