package coordinator

import (
	"time"

	"github.com/gregor-broker/gregor/config/topic"
)

// PartitionWriter appends to the partitions this broker leads. The replica
// manager implements it.
type PartitionWriter interface {
	// Append writes one v2 batch with the coordinator as its origin, as
	// ReplicaManager.appendRecords with AppendOrigin.Coordinator. It takes the
	// bytes over. done is called exactly once: with the offset given to the
	// first record as soon as requiredAcks is met, or with an error that wraps
	// one of kerr's (NOT_LEADER_OR_FOLLOWER, NOT_ENOUGH_REPLICAS,
	// REQUEST_TIMED_OUT after timeout, ...). It may be called from any
	// goroutine, also before Append returns, and never blocks.
	Append(partition topic.Partition, batch []byte, requiredAcks int16, timeout time.Duration,
		done func(baseOffset int64, err error))
}

// PartitionReader reads the partitions this broker leads, for loading. The
// replica manager implements it.
type PartitionReader interface {
	// Read copies batches from the log up to its end (not its high
	// watermark), beginning with the batch that holds fromOffset, or the first
	// one when fromOffset lies below the log start offset. It gives at least
	// one whole batch if there is one, even a larger one than maxBytes; a
	// partial batch at the end is allowed. buffer's memory may be used for the
	// result when it is large enough. The error is
	// NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_OR_PARTITION or
	// KAFKA_STORAGE_ERROR when the partition is not, or no longer, led here.
	Read(partition topic.Partition, fromOffset int64, maxBytes int, buffer []byte) (LogChunk, error)
}

// LogChunk is a piece of a partition's log.
type LogChunk struct {
	// Batches are the bytes of the batches.
	Batches []byte
	// LogStartOffset and LogEndOffset are the bounds of the log as they were
	// at the read.
	LogStartOffset, LogEndOffset int64
}

// Storage is the partitions of a coordinator's topic.
type Storage interface {
	PartitionWriter
	PartitionReader
}
