package log

import (
	"fmt"

	"github.com/gregor-broker/gregor/log/record"
)

// AppendOrigin tells who appends, which decides how strictly the batches are
// checked, as kafka.log.AppendOrigin.
type AppendOrigin int

// The origins of an append.
const (
	// OriginReplication is a follower that copies what its leader has.
	OriginReplication AppendOrigin = iota
	// OriginCoordinator is a coordinator of this broker.
	OriginCoordinator
	// OriginClient is a produce request.
	OriginClient
)

// LeaderHWChange tells what an append did to the high watermark, so that
// waiting requests are completed only when it moved.
type LeaderHWChange int

// The possible changes; HWNone is an append that did not get that far.
const (
	HWNone LeaderHWChange = iota
	HWSame
	HWIncreased
)

// AppendInfo is the outcome of an append, as LogAppendInfo. Offsets are -1 when
// nothing was appended.
type AppendInfo struct {
	// FirstOffset is the offset of the first record, or for v0 and v1 batches
	// that a follower appends, whose first offset is unknown, the last offset
	// of the first batch.
	FirstOffset int64
	LastOffset  int64
	// LastLeaderEpoch is the epoch of the last batch, or -1.
	LastLeaderEpoch        int32
	MaxTimestamp           int64
	OffsetOfMaxTimestamp   int64
	LogAppendTime          int64
	LogStartOffset         int64
	SourceCompression      record.Compression
	TargetCompression      record.Compression
	ShallowCount           int
	ValidBytes             int
	OffsetsMonotonic       bool
	LastOffsetOfFirstBatch int64
	// FirstOffsetKnown is false for v0 and v1 batches until offsets are assigned.
	FirstOffsetKnown bool
	// Duplicate says that an idempotent producer sent this before; the offsets
	// are those of the first time.
	Duplicate bool
	// LeaderHWChange is filled in by the partition.
	LeaderHWChange LeaderHWChange
	// RecordErrors and ErrorMessage go into the produce response.
	RecordErrors []RecordError
	ErrorMessage string
}

// UnknownAppendInfo is the outcome of an append that failed, as
// LogAppendInfo.unknownLogAppendInfoWithLogStartOffset.
func UnknownAppendInfo(logStartOffset int64) AppendInfo {
	return AppendInfo{
		FirstOffset: -1, LastOffset: -1, LastLeaderEpoch: record.NoPartitionLeaderEpoch,
		MaxTimestamp: record.NoTimestamp, OffsetOfMaxTimestamp: -1, LogAppendTime: record.NoTimestamp,
		LogStartOffset: logStartOffset, OffsetsMonotonic: true, LastOffsetOfFirstBatch: -1,
	}
}

// NumMessages is the number of offsets the append took.
func (i *AppendInfo) NumMessages() int64 {
	if i.FirstOffset < 0 || i.LastOffset < 0 {
		return 0
	}
	return i.LastOffset - i.FirstOffset + 1
}

// RecordError is what is wrong with one record of a rejected batch.
type RecordError struct {
	BatchIndex int
	Message    string
}

// RecordValidationError rejects a batch because of some of its records. It
// unwraps to the Kafka error of the partition.
type RecordValidationError struct {
	Err          error
	RecordErrors []RecordError
}

// Error gives the message of the wrapped error.
func (e *RecordValidationError) Error() string { return e.Err.Error() }

// Unwrap gives the Kafka error.
func (e *RecordValidationError) Unwrap() error { return e.Err }

// UnexpectedAppendOffsetError says that a follower was given records below its
// log end offset. The first fetch of a new follower may legitimately begin
// within a batch, which the replica handles.
type UnexpectedAppendOffsetError struct {
	FirstOffset int64
	LastOffset  int64
	Message     string
}

// Error gives Kafka's sentence.
func (e *UnexpectedAppendOffsetError) Error() string { return e.Message }

// OffsetsOutOfOrderError says that records to copy are not in order of offsets.
type OffsetsOutOfOrderError struct{ Partition fmt.Stringer }

// Error gives Kafka's sentence.
func (e *OffsetsOutOfOrderError) Error() string {
	return fmt.Sprintf("Out of order offsets found in append to %s", e.Partition)
}
