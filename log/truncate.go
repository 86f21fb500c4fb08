package log

import (
	"fmt"
	"time"

	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/vfs"
)

// TruncateTo cuts the log so that it ends at the offset, or before it if that
// lies within a batch. It tells whether anything went.
func (l *UnifiedLog) TruncateTo(offset int64) (truncated bool, err error) {
	if offset < 0 {
		return false, fmt.Errorf("Cannot truncate partition %s to a negative offset (%d)", l.local.partition, offset) //nolint:staticcheck // Kafka's sentence
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.local.checkOpen(); err != nil {
		return false, err
	}
	if offset >= l.LogEndOffset() {
		l.logger.Infof("%sTruncating to %d has no effect as the largest offset in the log is %d", l.prefix(), offset, l.LogEndOffset()-1)
		// A leader that wrote nothing left an epoch at the end; the next
		// leader's may contradict it.
		err = l.epochs.TruncateFromEnd(l.LogEndOffset())
	} else {
		l.logger.Infof("%sTruncating to offset %d", l.prefix(), offset)
		truncated = true
		err = l.truncateLocked(offset)
	}
	return truncated, l.local.handleIO(halfDone(err), "Error while truncating log to offset %d for %s in dir %s", offset, l.local.partition, l.local.parentDir)
}

func (l *UnifiedLog) truncateLocked(offset int64) error {
	if l.local.segments.values()[0].BaseOffset > offset {
		return l.truncateFullyLocked(offset)
	}
	deleted, err := l.local.truncateTo(offset)
	if err != nil {
		return err
	}
	if err := l.deleteProducerSnapshots(deleted); err != nil {
		return err
	}
	if err := l.epochs.TruncateFromEnd(offset); err != nil {
		return err
	}
	l.logStartOffset.Store(min(offset, l.LogStartOffset()))
	if err := l.rebuildProducerStateLocked(offset); err != nil {
		return err
	}
	l.updateHighWatermarkWithEndLocked()
	return l.maybeIncrementFirstUnstableOffset()
}

// TruncateFullyAndStartAt deletes all records and starts at the offset.
func (l *UnifiedLog) TruncateFullyAndStartAt(offset int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.local.checkOpen(); err != nil {
		return err
	}
	err := l.truncateFullyLocked(offset)
	return l.local.handleIO(halfDone(err), "Error while truncating the entire log for %s in dir %s", l.local.partition, l.local.parentDir)
}

func (l *UnifiedLog) truncateFullyLocked(offset int64) error {
	if _, err := l.local.truncateFullyAndStartAt(offset); err != nil {
		return err
	}
	if err := l.epochs.ClearAndFlush(); err != nil {
		return err
	}
	if err := l.producers.TruncateFullyAndStartAt(offset); err != nil {
		return err
	}
	l.logStartOffset.Store(offset)
	if err := l.rebuildProducerStateLocked(offset); err != nil {
		return err
	}
	return l.updateHighWatermarkLocked(l.LogEndOffsetMetadata())
}

// deleteProducerSnapshots removes the snapshots at the bases of deleted
// segments, after the delay of files.
func (l *UnifiedLog) deleteProducerSnapshots(segments []*LogSegment) error {
	for _, segment := range segments {
		marked, err := l.producers.MarkSnapshotForDeletion(segment.BaseOffset)
		if err != nil {
			return err
		}
		if marked == "" {
			continue
		}
		l.local.scheduler.Schedule(time.Duration(l.Config().FileDeleteDelayMs)*time.Millisecond, func() {
			err := vfs.RemoveIfExists(l.local.fs, marked)
			if err = l.local.handleIO(err, "Error while deleting producer state snapshots for %s in dir %s", l.local.partition, l.local.parentDir); err != nil {
				l.logger.WithError(err).Errorf("%sDeleting producer state snapshot %s failed", l.prefix(), marked)
			}
		})
	}
	return nil
}

func (l *UnifiedLog) rebuildProducerStateLocked(lastOffset int64) error {
	return rebuildProducerState(l.producers, &l.local.segments, l.LogStartOffset(), lastOffset, false)
}

// rebuildProducerState brings the producers' state to an offset: from the newest
// snapshot below and the batches after it.
func rebuildProducerState(producers *producerstate.Manager, segments *logSegments, logStartOffset, lastOffset int64, cleanShutdown bool) error {
	snapshotAt := offsetsToSnapshot(segments, lastOffset)
	if _, ok := producers.LatestSnapshotOffset(); !ok && cleanShutdown {
		// No snapshot after a clean shutdown: nothing wrote one yet, as after
		// an upgrade from before idempotence. Empty ones save reading the log.
		for _, offset := range snapshotAt {
			producers.UpdateMapEndOffset(offset)
			if err := producers.TakeSnapshot(true); err != nil {
				return err
			}
		}
		return nil
	}
	emptyBefore := producers.IsEmpty() && producers.MapEndOffset() >= lastOffset
	if err := producers.TruncateAndReload(logStartOffset, lastOffset, time.Now().UnixMilli()); err != nil {
		return err
	}
	if lastOffset > producers.MapEndOffset() && !emptyBefore {
		if err := replaySegments(producers, segments, logStartOffset, lastOffset, snapshotAt); err != nil {
			return err
		}
	}
	producers.UpdateMapEndOffset(lastOffset)
	return producers.TakeSnapshot(true)
}

// offsetsToSnapshot are the bases of the last two segments and the end, where a
// snapshot saves work when the log is truncated or loaded again.
func offsetsToSnapshot(segments *logSegments, lastOffset int64) []int64 {
	var offsets []int64
	list := segments.values()
	for _, segment := range list[max(len(list)-2, 0):] {
		offsets = append(offsets, segment.BaseOffset)
	}
	return append(offsets, lastOffset)
}

func replaySegments(producers *producerstate.Manager, segments *logSegments, logStartOffset, lastOffset int64, snapshotAt []int64) error {
	for _, segment := range segments.between(producers.MapEndOffset(), lastOffset) {
		start := max(segment.BaseOffset, producers.MapEndOffset(), logStartOffset)
		producers.UpdateMapEndOffset(start)
		for _, offset := range snapshotAt {
			if offset == segment.BaseOffset {
				if err := producers.TakeSnapshot(true); err != nil {
					return err
				}
			}
		}
		if err := replaySegment(producers, segment, start, lastOffset); err != nil {
			return err
		}
	}
	return nil
}

// replaySegment takes the batches of a segment in [start, end) into the state.
// The transaction index has them already.
func replaySegment(producers *producerstate.Manager, segment *LogSegment, start, end int64) error {
	from, ok, err := segment.translateOffset(start)
	if err != nil || !ok {
		return err
	}
	scanner := scanAll(segment.file, from.position, segment.file.size.Load())
	defer scanner.close()
	for {
		header, position, size, ok, err := scanner.next()
		if err != nil || !ok || header.BaseOffset() >= end {
			return err
		}
		if !header.HasProducerID() {
			continue
		}
		batch, err := scanner.read(position, size)
		if err != nil {
			return err
		}
		if err := replayBatch(producers, batch); err != nil {
			return err
		}
	}
}
