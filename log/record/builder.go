package record

import (
	"encoding/binary"
)

// BuilderOptions say what goes into the header of a built batch. The zero value
// builds an uncompressed batch of CreateTime without a producer.
type BuilderOptions struct {
	BaseOffset           int64
	PartitionLeaderEpoch int32
	Compression          Compression
	TimestampType        TimestampType
	// LogAppendTime is the timestamp of all records if TimestampType is
	// LogAppendTime.
	LogAppendTime int64
	Transactional bool
	Control       bool
	// HasProducer makes the three producer fields count.
	HasProducer   bool
	ProducerID    int64
	ProducerEpoch int16
	BaseSequence  int32
}

// Builder writes one v2 batch, as MemoryRecordsBuilder.
type Builder struct {
	options       BuilderOptions
	buffer        []byte
	count         int32
	lastOffset    int64
	baseTimestamp int64
	maxTimestamp  int64
	// hasHorizon says that the base timestamp is a delete horizon.
	hasHorizon bool
	writer     recordWriter
	err        error
}

// NewBuilder starts a batch.
func NewBuilder(options BuilderOptions) *Builder {
	builder := &Builder{options: options, buffer: make([]byte, HeaderSize, 512)}
	builder.start(NoTimestamp)
	return builder
}

// start makes the builder ready; a time from which tombstones may go is put in
// the place of the base timestamp.
func (b *Builder) start(deleteHorizonMs int64) {
	b.lastOffset = b.options.BaseOffset - 1
	b.baseTimestamp, b.maxTimestamp = deleteHorizonMs, NoTimestamp
	b.hasHorizon = deleteHorizonMs != NoTimestamp
	b.writer, b.err = newRecordWriter(b.options.Compression, &b.buffer)
}

// abandon gives the compressor back when the batch is not wanted after all.
func (b *Builder) abandon() {
	// What the compressor would still say is thrown away with the batch.
	_ = b.writer.close()
}

// Append adds a record at the next offset. A nil key or value is null.
func (b *Builder) Append(timestamp int64, key, value []byte, headers ...Header) {
	b.AppendAt(b.lastOffset+1, timestamp, key, value, headers...)
}

// AppendAt adds a record at a given offset, which must be above the last one.
func (b *Builder) AppendAt(offset, timestamp int64, key, value []byte, headers ...Header) {
	var raw []byte
	for _, header := range headers {
		raw = appendVarint(raw, int64(len(header.Key)))
		raw = append(raw, header.Key...)
		raw = appendNullable(raw, header.Value)
	}
	b.AppendRecord(&Record{Offset: offset, Timestamp: timestamp, Key: key, Value: value, RawHeaders: raw, HeaderCount: len(headers)})
}

// AppendRecord adds a record read from elsewhere at its offset, its headers as
// they are.
func (b *Builder) AppendRecord(record *Record) {
	if b.err != nil {
		return
	}
	if b.options.TimestampType == LogAppendTime {
		record.Timestamp = b.options.LogAppendTime
	}
	if b.count == 0 && !b.hasHorizon {
		b.baseTimestamp = record.Timestamp
	}
	b.maxTimestamp = max(b.maxTimestamp, record.Timestamp)
	b.err = b.writer.write(record, record.Offset-b.options.BaseOffset, record.Timestamp-b.baseTimestamp)
	b.lastOffset = record.Offset
	b.count++
}

// MaxTimestamp is the largest timestamp so far.
func (b *Builder) MaxTimestamp() int64 { return b.maxTimestamp }

// LastOffset is the offset of the last record so far.
func (b *Builder) LastOffset() int64 { return b.lastOffset }

// SizeInBytes is the size so far; of a compressed batch what has left the
// compressor.
func (b *Builder) SizeInBytes() int { return len(b.buffer) }

// Build finishes the batch. It gives nil where Finish gives an error, which is
// only for a codec that does not exist.
func (b *Builder) Build() []byte {
	batch, err := b.Finish()
	if err != nil {
		return nil
	}
	return batch
}

// Finish finishes the batch.
func (b *Builder) Finish() (Batch, error) {
	if b.err != nil {
		return nil, b.err
	}
	if err := b.writer.close(); err != nil {
		return nil, err
	}
	header := Batch(b.buffer)
	header.SetBaseOffset(b.options.BaseOffset)
	binary.BigEndian.PutUint32(header[lengthAt:], uint32(len(header)-LogOverhead))
	header.SetPartitionLeaderEpoch(b.options.PartitionLeaderEpoch)
	header[magicAt] = byte(MagicV2)
	binary.BigEndian.PutUint16(header[attributesAt:], b.attributes())
	binary.BigEndian.PutUint32(header[lastOffsetDeltaAt:], uint32(b.lastOffset-b.options.BaseOffset))
	binary.BigEndian.PutUint64(header[baseTimestampAt:], uint64(b.baseTimestamp))
	binary.BigEndian.PutUint64(header[maxTimestampAt:], uint64(b.maxTimestamp))
	producerID, epoch, sequence := NoProducerID, NoProducerEpoch, NoSequence
	if b.options.HasProducer {
		producerID, epoch, sequence = b.options.ProducerID, b.options.ProducerEpoch, b.options.BaseSequence
	}
	binary.BigEndian.PutUint64(header[producerIDAt:], uint64(producerID))
	binary.BigEndian.PutUint16(header[producerEpochAt:], uint16(epoch))
	binary.BigEndian.PutUint32(header[baseSequenceAt:], uint32(sequence))
	binary.BigEndian.PutUint32(header[countAt:], uint32(b.count))
	header.UpdateChecksum()
	return header, nil
}

func (b *Builder) attributes() uint16 {
	attributes := uint16(b.options.Compression)
	if b.options.TimestampType == LogAppendTime {
		attributes |= timestampTypeMask
	}
	if b.options.Transactional {
		attributes |= transactionalMask
	}
	if b.options.Control {
		attributes |= controlMask
	}
	if b.hasHorizon {
		attributes |= deleteHorizonMask
	}
	return attributes
}
