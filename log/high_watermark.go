package log

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// HighWatermark is the offset below which all is replicated.
func (l *UnifiedLog) HighWatermark() int64 { return l.highWatermark.Load() }

// LastStableOffset is the offset below which all is replicated and all
// transactions are decided.
func (l *UnifiedLog) LastStableOffset() int64 {
	l.offsetsMu.Lock()
	defer l.offsetsMu.Unlock()
	if l.hasUnstable && l.unstable.MessageOffset < l.hw.MessageOffset {
		return l.unstable.MessageOffset
	}
	return l.hw.MessageOffset
}

// LastStableOffsetLag is the number of offsets between last stable offset and
// high watermark.
func (l *UnifiedLog) LastStableOffsetLag() int64 { return l.HighWatermark() - l.LastStableOffset() }

// HighWatermarkMetadata is the high watermark and its place, which is looked up
// if it is not known.
func (l *UnifiedLog) HighWatermarkMetadata() (OffsetMetadata, error) {
	l.offsetsMu.Lock()
	metadata := l.hw
	l.offsetsMu.Unlock()
	if !metadata.MessageOffsetOnly() {
		return metadata, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.highWatermarkMetadataLocked()
}

func (l *UnifiedLog) highWatermarkMetadataLocked() (OffsetMetadata, error) {
	if err := l.local.checkOpen(); err != nil {
		return OffsetMetadata{}, err
	}
	l.offsetsMu.Lock()
	metadata := l.hw
	l.offsetsMu.Unlock()
	if !metadata.MessageOffsetOnly() {
		return metadata, nil
	}
	full, err := l.offsetMetadata(metadata.MessageOffset)
	if err != nil {
		return OffsetMetadata{}, err
	}
	return full, l.updateHighWatermarkLocked(full)
}

// offsetMetadata looks up where an offset lies, which must be within the log.
func (l *UnifiedLog) offsetMetadata(offset int64) (OffsetMetadata, error) {
	if err := l.checkLogStartOffset(offset); err != nil {
		return OffsetMetadata{}, err
	}
	return l.local.offsetMetadata(offset)
}

func (l *UnifiedLog) checkLogStartOffset(offset int64) error {
	if start := l.LogStartOffset(); offset < start {
		return fmt.Errorf("%w: Received request for offset %d for partition %s, but we only have log segments starting from offset: %d",
			kerr.OffsetOutOfRange, offset, l.local.partition, start)
	}
	return nil
}

// LastStableOffsetMetadata is the last stable offset and its place, which is
// looked up if it is not known.
func (l *UnifiedLog) LastStableOffsetMetadata() (OffsetMetadata, error) {
	// The high watermark is read first, so that it cannot be overtaken.
	hw, err := l.HighWatermarkMetadata()
	if err != nil {
		return OffsetMetadata{}, err
	}
	l.offsetsMu.Lock()
	unstable, ok := l.unstable, l.hasUnstable
	l.offsetsMu.Unlock()
	if !ok || unstable.MessageOffset >= hw.MessageOffset {
		return hw, nil
	}
	if !unstable.MessageOffsetOnly() {
		return unstable, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	full, err := l.offsetMetadata(unstable.MessageOffset)
	if err != nil {
		return OffsetMetadata{}, err
	}
	l.offsetsMu.Lock()
	defer l.offsetsMu.Unlock()
	if l.hasUnstable && l.unstable == unstable {
		l.unstable = full
	}
	return full, nil
}

// FetchOffsetSnapshot is the offsets of the log, places included.
func (l *UnifiedLog) FetchOffsetSnapshot() (OffsetSnapshot, error) {
	lastStable, err := l.LastStableOffsetMetadata()
	if err != nil {
		return OffsetSnapshot{}, err
	}
	hw, err := l.HighWatermarkMetadata()
	if err != nil {
		return OffsetSnapshot{}, err
	}
	return OffsetSnapshot{
		LogStartOffset:   l.LogStartOffset(),
		LogEndOffset:     l.LogEndOffsetMetadata(),
		HighWatermark:    hw,
		LastStableOffset: lastStable,
	}, nil
}

// UpdateHighWatermark sets the high watermark, bounded by the log's start and
// end, and returns it. It is for followers and for the start; a leader uses
// MaybeIncrementHighWatermark.
func (l *UnifiedLog) UpdateHighWatermark(offset int64) int64 {
	return l.UpdateHighWatermarkMetadata(OffsetOnly(offset))
}

// UpdateHighWatermarkMetadata is UpdateHighWatermark with a known place.
func (l *UnifiedLog) UpdateHighWatermarkMetadata(offset OffsetMetadata) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.LogEndOffsetMetadata()
	switch {
	case offset.MessageOffset < l.LogStartOffset():
		offset = OffsetOnly(l.LogStartOffset())
	case offset.MessageOffset >= end.MessageOffset:
		offset = end
	}
	l.logIfFails(l.updateHighWatermarkLocked(offset))
	return offset.MessageOffset
}

// logIfFails is for places that keep transactions' places up to date, where the
// high watermark counts and has been set already.
func (l *UnifiedLog) logIfFails(err error) {
	if err != nil {
		l.logger.WithError(err).Warnf("%sLooking up the first unstable offset failed", l.prefix())
	}
}

// MaybeIncrementHighWatermark raises the high watermark, or moves it to a newer
// segment, but never lowers it; for leaders. It returns the old one if it
// changed.
func (l *UnifiedLog) MaybeIncrementHighWatermark(offset OffsetMetadata) (old OffsetMetadata, incremented bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset.MessageOffset > l.LogEndOffset() {
		l.logger.Errorf("%sHigh watermark %s update exceeds current log end offset %s", l.prefix(), offset, l.LogEndOffsetMetadata())
		return OffsetMetadata{}, false
	}
	old, err := l.highWatermarkMetadataLocked()
	if err != nil {
		l.logIfFails(err)
		return OffsetMetadata{}, false
	}
	if old.MessageOffset < offset.MessageOffset || old.MessageOffset == offset.MessageOffset && old.OnOlderSegment(offset) {
		l.logIfFails(l.updateHighWatermarkLocked(offset))
		return old, true
	}
	return OffsetMetadata{}, false
}

// setHighWatermark stores the high watermark for readers.
func (l *UnifiedLog) setHighWatermark(offset OffsetMetadata) {
	l.offsetsMu.Lock()
	l.hw = offset
	l.offsetsMu.Unlock()
	l.highWatermark.Store(offset.MessageOffset)
}

func (l *UnifiedLog) updateHighWatermarkLocked(offset OffsetMetadata) error {
	if old := l.HighWatermark(); offset.MessageOffset < old {
		l.logger.Warnf("%sNon-monotonic update of high watermark from %d to %s", l.prefix(), old, offset)
	}
	l.setHighWatermark(offset)
	l.producers.OnHighWatermarkUpdated(offset.MessageOffset)
	return l.maybeIncrementFirstUnstableOffset()
}

// updateHighWatermarkWithEndLocked follows a truncation below the high
// watermark, and gives it its new place after a roll.
func (l *UnifiedLog) updateHighWatermarkWithEndLocked() {
	if end := l.LogEndOffsetMetadata(); l.HighWatermark() >= end.MessageOffset {
		l.logIfFails(l.updateHighWatermarkLocked(end))
	}
}

// maybeIncrementFirstUnstableOffset takes over where the first undecided
// transaction begins. The caller holds mu.
func (l *UnifiedLog) maybeIncrementFirstUnstableOffset() error {
	first, ok := l.producers.FirstUnstableOffset()
	if !ok {
		l.offsetsMu.Lock()
		l.hasUnstable = false
		l.offsetsMu.Unlock()
		return nil
	}
	metadata := OffsetMetadata{MessageOffset: first.Offset, SegmentBaseOffset: first.SegmentBase, RelativePositionInSegment: first.Relative}
	var err error
	if metadata.MessageOffsetOnly() || first.Offset < l.LogStartOffset() {
		// Of a transaction whose first records were deleted, the log's start
		// stands for its beginning.
		offset := max(first.Offset, l.LogStartOffset())
		if metadata, err = l.offsetMetadata(offset); err != nil {
			metadata = OffsetOnly(offset)
		}
	}
	l.offsetsMu.Lock()
	defer l.offsetsMu.Unlock()
	l.unstable, l.hasUnstable = metadata, true
	return err
}
