package log

import (
	"net"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/vfs"
)

// UnifiedLog is the log of one partition, as kafka.log.UnifiedLog.
type UnifiedLog struct{}

// LogStartOffsetIncrementReason tells why a log start offset was raised.
type LogStartOffsetIncrementReason string

// The reasons, as they are logged.
const (
	ClientRecordDeletion    LogStartOffsetIncrementReason = "client delete records request"
	LeaderOffsetIncremented LogStartOffsetIncrementReason = "leader offset increment"
	SegmentDeletion         LogStartOffsetIncrementReason = "segment deletion"
)

// DirFailureHandler is told of disk errors, which take the log directory
// offline; manager.LogDirFailureChannel is one.
type DirFailureHandler interface {
	MaybeAddOfflineLogDir(dir, message string, cause error)
}

// FileRecords is a region of a segment file. It keeps the file open until it
// is released, whatever happens to the log meanwhile.
type FileRecords struct{}

// Size is the number of bytes of the region.
func (r *FileRecords) Size() int { return 0 }

// ReadAt reads from the region; it implements io.ReaderAt.
func (r *FileRecords) ReadAt(to []byte, at int64) (int, error) { return 0, nil }

// SendTo writes the region to the connection, by sendfile where it can.
func (r *FileRecords) SendTo(conn net.Conn) (int64, error) { return 0, nil }

// Release gives the region back; it must be called exactly once.
func (r *FileRecords) Release() {}

// TopicPartition is the partition this is the log of.
func (l *UnifiedLog) TopicPartition() topic.Partition { return topic.Partition{} }

// Dir is the directory of the partition, ParentDir the log directory it is in.
func (l *UnifiedLog) Dir() string { return "" }

// ParentDir is the log directory the partition is in.
func (l *UnifiedLog) ParentDir() string { return "" }

// IsFuture reports whether the log is on its way to another log directory.
func (l *UnifiedLog) IsFuture() bool { return false }

// Config is the settings in force.
func (l *UnifiedLog) Config() *Config { return nil }

// UpdateConfig puts new settings in force and returns the old ones.
func (l *UnifiedLog) UpdateConfig(config *Config) *Config { return nil }

// TopicID is the id of the topic, zero if it has none.
func (l *UnifiedLog) TopicID() topic.ID { return topic.ID{} }

// AssignTopicID gives a log without an id one; a different id is an
// INCONSISTENT_TOPIC_ID error.
func (l *UnifiedLog) AssignTopicID(id topic.ID) error { return nil }

// LogStartOffset is the first offset that may be read.
func (l *UnifiedLog) LogStartOffset() int64 { return 0 }

// LogEndOffset is the offset of the next record.
func (l *UnifiedLog) LogEndOffset() int64 { return 0 }

// HighWatermark is the offset below which all is replicated.
func (l *UnifiedLog) HighWatermark() int64 { return 0 }

// LastStableOffset is the offset below which all transactions are decided.
func (l *UnifiedLog) LastStableOffset() int64 { return 0 }

// LogEndOffsetMetadata is the log end offset and its place.
func (l *UnifiedLog) LogEndOffsetMetadata() OffsetMetadata { return OffsetMetadata{} }

// HighWatermarkMetadata is the high watermark and its place.
func (l *UnifiedLog) HighWatermarkMetadata() (OffsetMetadata, error) { return OffsetMetadata{}, nil }

// LastStableOffsetMetadata is the last stable offset and its place.
func (l *UnifiedLog) LastStableOffsetMetadata() (OffsetMetadata, error) { return OffsetMetadata{}, nil }

// FetchOffsetSnapshot is the offsets of the log, places included.
func (l *UnifiedLog) FetchOffsetSnapshot() (OffsetSnapshot, error) { return OffsetSnapshot{}, nil }

// UpdateHighWatermark sets the high watermark, bounded by the log's start and
// end, and returns it; for followers and at start.
func (l *UnifiedLog) UpdateHighWatermark(offset int64) int64 { return 0 }

// UpdateHighWatermarkMetadata is UpdateHighWatermark with a known place.
func (l *UnifiedLog) UpdateHighWatermarkMetadata(offset OffsetMetadata) int64 { return 0 }

// MaybeIncrementHighWatermark raises the high watermark, never lowers it; for
// leaders. It returns the old one if it changed.
func (l *UnifiedLog) MaybeIncrementHighWatermark(offset OffsetMetadata) (old OffsetMetadata, incremented bool) {
	return
}

// AppendAsLeader checks the batches, gives them offsets and the leader's epoch
// in place, and appends them. The records are changed and must not be used
// afterwards, but are not kept.
func (l *UnifiedLog) AppendAsLeader(records []byte, leaderEpoch int32, origin AppendOrigin) (AppendInfo, error) {
	return AppendInfo{}, nil
}

// AppendAsFollower appends what the leader sent, as it is.
func (l *UnifiedLog) AppendAsFollower(records []byte) (AppendInfo, error) { return AppendInfo{}, nil }

// Read gives the records from an offset on.
func (l *UnifiedLog) Read(startOffset int64, maxLength int, isolation FetchIsolation, minOneMessage bool) (FetchDataInfo, error) {
	return FetchDataInfo{}, nil
}

// FetchOffsetByTimestamp finds the first record at or after a time, or the
// offset of LatestTimestamp, EarliestTimestamp or MaxTimestamp.
func (l *UnifiedLog) FetchOffsetByTimestamp(timestamp int64) (found TimestampAndOffset, ok bool, err error) {
	return
}

// LegacyFetchOffsetsBefore is the answer to version 0 of ListOffsets.
func (l *UnifiedLog) LegacyFetchOffsetsBefore(timestamp int64, maxOffsets int) []int64 { return nil }

// LatestEpoch is the epoch of the last batch.
func (l *UnifiedLog) LatestEpoch() (epoch int32, ok bool) { return }

// EndOffsetForEpoch is where an epoch ends in this log.
func (l *UnifiedLog) EndOffsetForEpoch(epoch int32) (end OffsetAndEpoch, ok bool) { return }

// MaybeAssignEpochStartOffset records that an epoch begins at an offset.
func (l *UnifiedLog) MaybeAssignEpochStartOffset(epoch int32, startOffset int64) error { return nil }

// MaybeIncrementLogStartOffset raises the log start offset.
func (l *UnifiedLog) MaybeIncrementLogStartOffset(offset int64, reason LogStartOffsetIncrementReason) (bool, error) {
	return false, nil
}

// TruncateTo cuts the log so that it ends below the offset.
func (l *UnifiedLog) TruncateTo(offset int64) (truncated bool, err error) { return }

// TruncateFullyAndStartAt deletes all records and starts at the offset.
func (l *UnifiedLog) TruncateFullyAndStartAt(offset int64) error { return nil }

// DeleteOldSegments applies retention and returns how many segments went.
func (l *UnifiedLog) DeleteOldSegments() (int, error) { return 0, nil }

// Roll starts a new active segment.
func (l *UnifiedLog) Roll() error { return nil }

// Flush makes all records durable.
func (l *UnifiedLog) Flush() error { return nil }

// RecoveryPoint is the offset below which all is known to be durable.
func (l *UnifiedLog) RecoveryPoint() int64 { return 0 }

// Size is the size of the segments in bytes.
func (l *UnifiedLog) Size() int64 { return 0 }

// NumberOfSegments is the number of segments.
func (l *UnifiedLog) NumberOfSegments() int { return 0 }

// ActiveProducers is the state of all producers, as DescribeProducers shows it.
func (l *UnifiedLog) ActiveProducers() []ActiveProducer { return nil }

// RenameDir renames the directory of the partition.
func (l *UnifiedLog) RenameDir(name string) error { return nil }

// Close flushes nothing but leaves the files as a clean shutdown needs them.
func (l *UnifiedLog) Close() error { return nil }

// Delete removes the partition's directory.
func (l *UnifiedLog) Delete() error { return nil }

var _ vfs.FS
