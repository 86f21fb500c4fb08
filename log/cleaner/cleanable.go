package cleaner

import (
	"fmt"
	"math"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// logToClean is a log with what cleaning it would be worth, as kafka.log.LogToClean.
type logToClean struct {
	partition topic.Partition
	log       *log.UnifiedLog
	// firstDirty to firstUncleanable is what is to be cleaned.
	firstDirty       int64
	firstUncleanable int64
	cleanBytes       int64
	cleanableBytes   int64
	// delayMs is for how long the log has been due by its maximum compaction
	// lag, 0 if it is not.
	delayMs int64
}

func (l *logToClean) ratio() float64 {
	if l.cleanBytes+l.cleanableBytes == 0 {
		return 0
	}
	return float64(l.cleanableBytes) / float64(l.cleanBytes+l.cleanableBytes)
}

// isCleanable reports whether the log is dirty enough, or due.
func (l *logToClean) isCleanable() bool {
	return l.delayMs > 0 && l.cleanableBytes > 0 || l.ratio() > l.log.Config().MinCleanableDirtyRatio
}

// offsetsToClean is what part of a log may be cleaned.
type offsetsToClean struct {
	firstDirty, firstUncleanable int64
	// reset says that the checkpoint cannot be right, warning why if that is
	// worth a line in the log.
	reset   bool
	warning string
}

// cleanableOffsets bounds what may be cleaned: from the checkpointed offset, if it
// can be right, to the first segment that is active, not yet stable, or too young.
func cleanableOffsets(unified *log.UnifiedLog, checkpointed int64, known bool, nowMs int64) (offsetsToClean, error) {
	start, end := unified.LogStartOffset(), unified.LogEndOffset()
	offsets := offsetsToClean{firstDirty: checkpointed}
	switch {
	case !known:
		offsets.firstDirty = start
	case checkpointed < start:
		offsets.firstDirty, offsets.reset = start, true
		if !unified.Config().Delete {
			offsets.warning = fmt.Sprintf("Resetting first dirty offset of %s to log start offset %d since the checkpointed offset %d is invalid.",
				unified.TopicPartition(), start, checkpointed)
		}
	case checkpointed > end:
		offsets.firstDirty, offsets.reset = start, true
		offsets.warning = fmt.Sprintf("The last checkpoint dirty offset for partition %s is %d, which is larger than the log end offset %d. Resetting to the log start offset %d.",
			unified.TopicPartition(), checkpointed, end, start)
	}
	// The last stable offset is never above the high watermark (KAFKA-13194).
	offsets.firstUncleanable = min(unified.LastStableOffset(), unified.ActiveSegmentBaseOffset())
	if lag := unified.Config().MinCompactionLagMs; lag > 0 {
		for _, segment := range unified.NonActiveSegmentsFrom(offsets.firstDirty) {
			largest, err := segment.LargestTimestamp()
			if err != nil {
				return offsets, err
			}
			if largest > nowMs-lag {
				offsets.firstUncleanable = min(offsets.firstUncleanable, segment.BaseOffset)
				break
			}
		}
	}
	offsets.firstUncleanable = max(offsets.firstUncleanable, offsets.firstDirty)
	return offsets, nil
}

// cleanableBytes gives the base of the segment with the first uncleanable offset,
// as segments are cleaned whole, and the size of what is before it and dirty.
func cleanableBytes(unified *log.UnifiedLog, firstDirty, uncleanable int64) (firstUncleanable, bytes int64) {
	firstUncleanable = unified.ActiveSegmentBaseOffset()
	if segments := unified.NonActiveSegmentsFrom(uncleanable); len(segments) > 0 {
		firstUncleanable = segments[0].BaseOffset
	}
	return firstUncleanable, sizeOf(unified.SegmentsBetween(min(firstDirty, firstUncleanable), firstUncleanable))
}

func sizeOf(segments []*log.LogSegment) int64 {
	size := int64(0)
	for _, segment := range segments {
		size += int64(segment.Size())
	}
	return size
}

// compactionDelay is for how long a log has been due by its maximum compaction
// lag.
func compactionDelay(unified *log.UnifiedLog, firstDirty, nowMs int64) (int64, error) {
	lag := max(unified.Config().MaxCompactionLagMs, 0)
	if lag == math.MaxInt64 {
		return 0, nil
	}
	earliest := int64(math.MaxInt64)
	for _, segment := range unified.NonActiveSegmentsFrom(firstDirty) {
		first, err := segment.FirstBatchTimestamp()
		if err != nil {
			return 0, err
		}
		if first > 0 {
			earliest = min(earliest, first)
		}
	}
	if cleanUntil := nowMs - lag; earliest < cleanUntil {
		return cleanUntil - earliest, nil
	}
	return 0, nil
}

// newLogToClean looks at what cleaning a log would be worth.
func newLogToClean(unified *log.UnifiedLog, offsets offsetsToClean, nowMs int64) (*logToClean, error) {
	delay, err := compactionDelay(unified, offsets.firstDirty, nowMs)
	if err != nil {
		return nil, err
	}
	firstUncleanable, dirty := cleanableBytes(unified, offsets.firstDirty, offsets.firstUncleanable)
	return &logToClean{
		partition: unified.TopicPartition(), log: unified, firstDirty: offsets.firstDirty, firstUncleanable: firstUncleanable,
		cleanBytes: sizeOf(unified.SegmentsBetween(-1, offsets.firstDirty)), cleanableBytes: dirty, delayMs: delay,
	}, nil
}
