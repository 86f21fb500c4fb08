package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Values that stand for "none" in a batch header.
const (
	NoOffset               = int64(-1)
	NoTimestamp            = int64(-1)
	NoProducerID           = int64(-1)
	NoProducerEpoch        = int16(-1)
	NoSequence             = int32(-1)
	NoPartitionLeaderEpoch = int32(-1)
)

// The magic values of the three formats.
const (
	MagicV0 = int8(0)
	MagicV1 = int8(1)
	MagicV2 = int8(2)
)

// Where the fields of a v2 batch lie, and its sizes.
const (
	// LogOverhead is what precedes the counted bytes of a batch or message:
	// base offset and length.
	LogOverhead = 12
	// HeaderSize is the size of a v2 batch without records.
	HeaderSize = 61
	// HeaderSizeUpToMagic is what must be there to tell the format.
	HeaderSizeUpToMagic = 17

	baseOffsetAt      = 0
	lengthAt          = 8
	leaderEpochAt     = 12
	magicAt           = 16
	crcAt             = 17
	attributesAt      = 21
	lastOffsetDeltaAt = 23
	baseTimestampAt   = 27
	maxTimestampAt    = 35
	producerIDAt      = 43
	producerEpochAt   = 51
	baseSequenceAt    = 53
	countAt           = 57
)

const (
	compressionMask   = 0x07
	timestampTypeMask = 0x08
	transactionalMask = 0x10
	controlMask       = 0x20
	deleteHorizonMask = 0x40
)

// TimestampType tells who set the timestamps of a batch.
type TimestampType int8

// The timestamp types of Kafka.
const (
	NoTimestampType TimestampType = -1
	CreateTime      TimestampType = 0
	LogAppendTime   TimestampType = 1
)

// String gives Kafka's name of the type.
func (t TimestampType) String() string {
	switch t {
	case CreateTime:
		return "CreateTime"
	case LogAppendTime:
		return "LogAppendTime"
	}
	return "NoTimestampType"
}

// ErrIncomplete says that bytes end before the batch that begins in them.
var ErrIncomplete = errors.New("record batch is incomplete")

// ErrHeaderIncomplete says that a batch announces fewer bytes than its own header has.
var ErrHeaderIncomplete = fmt.Errorf("header of a record batch is incomplete: %w", kerr.CorruptMessage)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is the bytes of exactly one batch (v2) or one outer message (v0, v1),
// header included. Get one from [Next] or [Batches], which check the size; the
// accessors do no further checks.
type Batch []byte

// Next cuts the first batch off the bytes. It returns ErrIncomplete when the
// bytes end within it and a CORRUPT_MESSAGE error when its size is impossible
// or its magic unknown.
func Next(data []byte) (batch Batch, rest []byte, err error) {
	size, err := SizeOf(data)
	if err != nil {
		return nil, data, err
	}
	if len(data) < size {
		return nil, data, ErrIncomplete
	}
	return Batch(data[:size:size]), data[size:], nil
}

// SizeOf returns the whole size of the batch that begins at the start of data,
// of which at least HeaderSizeUpToMagic bytes must be there.
func SizeOf(data []byte) (int, error) {
	if len(data) < LogOverhead {
		return 0, ErrIncomplete
	}
	length := int32(binary.BigEndian.Uint32(data[lengthAt:]))
	if length < minMessageSizeV0 {
		return 0, fmt.Errorf("%w: Record size %d is less than the minimum record overhead (%d)",
			kerr.CorruptMessage, length, minMessageSizeV0)
	}
	if len(data) < HeaderSizeUpToMagic {
		return 0, ErrIncomplete
	}
	magic := int8(data[magicAt])
	if magic < MagicV0 || magic > MagicV2 {
		return 0, fmt.Errorf("%w: Invalid magic found in record: %d", kerr.CorruptMessage, magic)
	}
	size := int(length) + LogOverhead
	if magic == MagicV2 && size < HeaderSize || magic == MagicV1 && length < minMessageSizeV1 {
		return 0, fmt.Errorf("record size %d is smaller than the minimum of magic %d: %w", length, magic, ErrHeaderIncomplete)
	}
	return size, nil
}

// Batches walks the batches in data. It ends without an error at a trailing
// partial batch, as a fetch may have one, and with an error at a corrupt size.
func Batches(data []byte) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for len(data) > 0 {
			batch, rest, err := Next(data)
			if errors.Is(err, ErrIncomplete) {
				return
			}
			if !yield(batch, err) || err != nil {
				return
			}
			data = rest
		}
	}
}

func (b Batch) int16At(at int) int16 { return int16(binary.BigEndian.Uint16(b[at:])) }
func (b Batch) int32At(at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }
func (b Batch) int64At(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }

// Magic is the format: 0, 1 or 2.
func (b Batch) Magic() int8 { return int8(b[magicAt]) }

// SizeInBytes is the size of the batch, header included.
func (b Batch) SizeInBytes() int { return len(b) }

// BaseOffset is the offset of the first record; for a v0 or v1 message the
// offset in its header, which for a compressed one is that of its last record.
func (b Batch) BaseOffset() int64 { return b.int64At(baseOffsetAt) }

// LastOffset is the offset of the last record.
func (b Batch) LastOffset() int64 {
	if b.Magic() < MagicV2 {
		return b.BaseOffset()
	}
	return b.BaseOffset() + int64(b.LastOffsetDelta())
}

// NextOffset is the offset after the last record.
func (b Batch) NextOffset() int64 { return b.LastOffset() + 1 }

// LastOffsetDelta is the offset of the last record less the base offset.
func (b Batch) LastOffsetDelta() int32 {
	if b.Magic() < MagicV2 {
		return 0
	}
	return b.int32At(lastOffsetDeltaAt)
}

// PartitionLeaderEpoch is the epoch of the leader that appended the batch.
func (b Batch) PartitionLeaderEpoch() int32 {
	if b.Magic() < MagicV2 {
		return NoPartitionLeaderEpoch
	}
	return b.int32At(leaderEpochAt)
}

func (b Batch) attributes() int16 {
	if b.Magic() < MagicV2 {
		return int16(b[legacyAttributesAt])
	}
	return b.int16At(attributesAt)
}

// Compression is the codec of the records.
func (b Batch) Compression() Compression { return Compression(b.attributes() & compressionMask) }

// TimestampType tells who set the timestamps.
func (b Batch) TimestampType() TimestampType {
	if b.Magic() == MagicV0 {
		return NoTimestampType
	}
	return TimestampType(b.attributes() & timestampTypeMask >> 3)
}

// IsTransactional reports whether the batch is part of a transaction.
func (b Batch) IsTransactional() bool {
	return b.Magic() >= MagicV2 && b.attributes()&transactionalMask != 0
}

// IsControl reports whether the batch holds a control record.
func (b Batch) IsControl() bool { return b.Magic() >= MagicV2 && b.attributes()&controlMask != 0 }

// DeleteHorizon is the time from which tombstones of the batch may go, if the
// cleaner has set one.
func (b Batch) DeleteHorizon() (ms int64, ok bool) {
	if b.Magic() < MagicV2 || b.attributes()&deleteHorizonMask == 0 {
		return 0, false
	}
	return b.int64At(baseTimestampAt), true
}

// BaseTimestamp is what the timestamp deltas of a v2 batch are relative to.
func (b Batch) BaseTimestamp() int64 {
	if b.Magic() < MagicV2 {
		return b.MaxTimestamp()
	}
	return b.int64At(baseTimestampAt)
}

// MaxTimestamp is the largest timestamp of the records.
func (b Batch) MaxTimestamp() int64 {
	switch b.Magic() {
	case MagicV0:
		return NoTimestamp
	case MagicV1:
		return b.int64At(legacyTimestampAt)
	}
	return b.int64At(maxTimestampAt)
}

// ProducerID is the id of an idempotent producer, or NoProducerID.
func (b Batch) ProducerID() int64 {
	if b.Magic() < MagicV2 {
		return NoProducerID
	}
	return b.int64At(producerIDAt)
}

// HasProducerID reports whether an idempotent producer, or a coordinator in its
// name, wrote the batch.
func (b Batch) HasProducerID() bool { return b.ProducerID() > NoProducerID }

// ProducerEpoch is the epoch of the producer, or NoProducerEpoch.
func (b Batch) ProducerEpoch() int16 {
	if b.Magic() < MagicV2 {
		return NoProducerEpoch
	}
	return b.int16At(producerEpochAt)
}

// BaseSequence is the sequence number of the first record, or NoSequence.
func (b Batch) BaseSequence() int32 {
	if b.Magic() < MagicV2 {
		return NoSequence
	}
	return b.int32At(baseSequenceAt)
}

// LastSequence is the sequence number of the last record, or NoSequence.
func (b Batch) LastSequence() int32 {
	base := b.BaseSequence()
	if base == NoSequence {
		return NoSequence
	}
	return IncrementSequence(base, b.LastOffsetDelta())
}

// Count is the number of records a v2 header announces; 1 for an uncompressed
// message, -1 for a compressed one, whose records must be counted.
func (b Batch) Count() int32 {
	if b.Magic() >= MagicV2 {
		return b.int32At(countAt)
	}
	if b.Compression() == None {
		return 1
	}
	return -1
}

// Checksum is the stored checksum.
func (b Batch) Checksum() uint32 {
	if b.Magic() < MagicV2 {
		return binary.BigEndian.Uint32(b[legacyCRCAt:])
	}
	return binary.BigEndian.Uint32(b[crcAt:])
}

func (b Batch) computeChecksum() uint32 {
	if b.Magic() < MagicV2 {
		return crc32.ChecksumIEEE(b[magicAt:])
	}
	return crc32.Checksum(b[attributesAt:], castagnoli)
}

// EnsureValid returns a CORRUPT_MESSAGE error when the checksum does not match.
func (b Batch) EnsureValid() error {
	if computed := b.computeChecksum(); computed != b.Checksum() {
		return fmt.Errorf("%w: record is corrupt (stored crc = %d, computed crc = %d)", kerr.CorruptMessage, b.Checksum(), computed)
	}
	return nil
}

// The setters below change a batch in place. Those of fields under the
// checksum leave it stale until UpdateChecksum.

// SetBaseOffset sets the offset of the first record.
func (b Batch) SetBaseOffset(offset int64) {
	binary.BigEndian.PutUint64(b[baseOffsetAt:], uint64(offset))
}

// SetLastOffset moves the batch so that its last record has that offset.
func (b Batch) SetLastOffset(offset int64) { b.SetBaseOffset(offset - int64(b.LastOffsetDelta())) }

// SetPartitionLeaderEpoch stamps a v2 batch with the leader's epoch.
func (b Batch) SetPartitionLeaderEpoch(epoch int32) {
	binary.BigEndian.PutUint32(b[leaderEpochAt:], uint32(epoch))
}

// SetMaxTimestamp sets the largest timestamp and who gave it. The checksum is
// rewritten only when something changed.
func (b Batch) SetMaxTimestamp(kind TimestampType, ms int64) {
	if b.Magic() == MagicV0 || b.TimestampType() == kind && b.MaxTimestamp() == ms {
		return
	}
	low, timestamp := attributesAt+1, maxTimestampAt
	if b.Magic() == MagicV1 {
		low, timestamp = legacyAttributesAt, legacyTimestampAt
	}
	b[low] = b[low]&^timestampTypeMask | byte(kind)<<3
	binary.BigEndian.PutUint64(b[timestamp:], uint64(ms))
	b.UpdateChecksum()
}

// UpdateChecksum computes and stores the checksum.
func (b Batch) UpdateChecksum() {
	at := crcAt
	if b.Magic() < MagicV2 {
		at = legacyCRCAt
	}
	binary.BigEndian.PutUint32(b[at:], b.computeChecksum())
}

// IncrementSequence adds to a sequence number, which goes from 2^31-1 to 0.
func IncrementSequence(sequence, by int32) int32 {
	return int32((int64(sequence) + int64(by)) & (1<<31 - 1))
}

// DecrementSequence subtracts from a sequence number, which goes from 0 to
// 2^31-1.
func DecrementSequence(sequence, by int32) int32 {
	return int32((int64(sequence) - int64(by)) & (1<<31 - 1))
}
