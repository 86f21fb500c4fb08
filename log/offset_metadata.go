package log

import "fmt"

// UnknownFilePosition stands for a position that was not looked up.
const UnknownFilePosition = -1

// OffsetMetadata is an offset and where it lies on disk, as LogOffsetMetadata.
type OffsetMetadata struct {
	MessageOffset             int64
	SegmentBaseOffset         int64
	RelativePositionInSegment int
}

// UnknownOffsetMetadata stands for an offset that is not known.
var UnknownOffsetMetadata = OffsetMetadata{MessageOffset: -1}

// OffsetOnly is an offset whose place on disk is not known.
func OffsetOnly(offset int64) OffsetMetadata {
	return OffsetMetadata{MessageOffset: offset, SegmentBaseOffset: -1, RelativePositionInSegment: UnknownFilePosition}
}

// MessageOffsetOnly reports whether the place on disk is unknown.
func (m OffsetMetadata) MessageOffsetOnly() bool {
	return m.SegmentBaseOffset == -1 && m.RelativePositionInSegment == UnknownFilePosition
}

// OnOlderSegment reports whether this offset lies in an earlier segment; false
// if either place is unknown.
func (m OffsetMetadata) OnOlderSegment(that OffsetMetadata) bool {
	return !m.MessageOffsetOnly() && !that.MessageOffsetOnly() && m.SegmentBaseOffset < that.SegmentBaseOffset
}

// OnSameSegment reports whether both lie in one segment; false if either place
// is unknown.
func (m OffsetMetadata) OnSameSegment(that OffsetMetadata) bool {
	return !m.MessageOffsetOnly() && !that.MessageOffsetOnly() && m.SegmentBaseOffset == that.SegmentBaseOffset
}

// PositionDiff is the number of bytes from that offset to this, which must lie
// in one segment.
func (m OffsetMetadata) PositionDiff(that OffsetMetadata) int {
	return m.RelativePositionInSegment - that.RelativePositionInSegment
}

// String gives the form of Kafka's log messages.
func (m OffsetMetadata) String() string {
	return fmt.Sprintf("(offset=%d segment=[%d:%d])", m.MessageOffset, m.SegmentBaseOffset, m.RelativePositionInSegment)
}

// OffsetSnapshot is the four offsets of a log at one moment, as
// LogOffsetSnapshot.
type OffsetSnapshot struct {
	LogStartOffset   int64
	LogEndOffset     OffsetMetadata
	HighWatermark    OffsetMetadata
	LastStableOffset OffsetMetadata
}
