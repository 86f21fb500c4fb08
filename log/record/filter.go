package record

import "encoding/binary"

// Filter writes batches of which some records were taken out, as
// MemoryRecords.filterTo. It keeps its buffers between batches; the zero value
// is ready. It is not safe for concurrent use.
type Filter struct{ scratch []byte }

// Filtered is what a filtered batch says of itself to the indexes of a segment.
type Filtered struct {
	// MaxOffset is the offset of the last record that is left.
	MaxOffset int64
	// MaxTimestamp is the largest timestamp that is left, ShallowOffset the
	// offset a time index has for it.
	MaxTimestamp  int64
	ShallowOffset int64
}

// Append appends a batch with those records only for which keep is true; there
// must be one. Codec, offsets, producer and attributes stay; so does the last
// offset of a v2 batch, which the producer's last sequence number depends on. A
// horizon that is not NoTimestamp becomes the delete horizon of a v2 batch
// (KIP-534).
func (f *Filter) Append(to []byte, batch Batch, keep func(index int) bool, deleteHorizonMs int64) ([]byte, Filtered, error) {
	if batch.Magic() < MagicV2 {
		return f.appendLegacy(to, batch, keep)
	}
	if horizon, ok := batch.DeleteHorizon(); ok && deleteHorizonMs == NoTimestamp {
		deleteHorizonMs = horizon
	}
	builder := &Builder{options: optionsOf(batch), buffer: append(f.scratch[:0], make([]byte, HeaderSize)...)}
	builder.start(deleteHorizonMs)
	filtered := Filtered{MaxOffset: NoOffset}
	index := 0
	for record, err := range Records(batch) {
		if err != nil {
			builder.abandon()
			return to, filtered, err
		}
		if keep(index) {
			filtered.MaxOffset = record.Offset
			builder.AppendRecord(&record)
		}
		index++
	}
	builder.lastOffset = batch.LastOffset()
	result, err := builder.Finish()
	if err != nil {
		return to, filtered, err
	}
	f.scratch = result[:0]
	filtered.MaxTimestamp, filtered.ShallowOffset = result.MaxTimestamp(), result.LastOffset()
	return append(to, result...), filtered, nil
}

// optionsOf are those that build a batch like the given one.
func optionsOf(batch Batch) BuilderOptions {
	return BuilderOptions{
		BaseOffset:           batch.BaseOffset(),
		PartitionLeaderEpoch: batch.PartitionLeaderEpoch(),
		Compression:          batch.Compression(),
		TimestampType:        batch.TimestampType(),
		LogAppendTime:        batch.MaxTimestamp(),
		Transactional:        batch.IsTransactional(),
		Control:              batch.IsControl(),
		HasProducer:          true,
		ProducerID:           batch.ProducerID(),
		ProducerEpoch:        batch.ProducerEpoch(),
		BaseSequence:         batch.BaseSequence(),
	}
}

func (f *Filter) appendLegacy(to []byte, batch Batch, keep func(index int) bool) ([]byte, Filtered, error) {
	builder, err := NewLegacyBuilder(to, LegacyOptions{
		Magic: batch.Magic(), Compression: batch.Compression(), TimestampType: batch.TimestampType(), LogAppendTime: batch.MaxTimestamp(),
	})
	if err != nil {
		return to, Filtered{}, err
	}
	defer builder.Close()
	filtered := Filtered{MaxOffset: NoOffset}
	index := 0
	for record, err := range Records(batch) {
		if err != nil {
			return to, filtered, err
		}
		if keep(index) {
			filtered.MaxOffset = record.Offset
			if err := builder.Append(&record); err != nil {
				return to, filtered, err
			}
		}
		index++
	}
	result, err := builder.Finish()
	filtered.MaxTimestamp, filtered.ShallowOffset = builder.Info()
	return result, filtered, err
}

// AppendEmpty appends the header of a v2 batch without its records, which keeps
// what is known of its producer and where the log ends, as
// DefaultRecordBatch.writeEmptyHeader.
func AppendEmpty(to []byte, batch Batch) []byte {
	start := len(to)
	to = append(to, batch[:HeaderSize]...)
	empty := Batch(to[start:])
	binary.BigEndian.PutUint32(empty[lengthAt:], HeaderSize-LogOverhead)
	attributes := uint16(batch.attributes()) & (timestampTypeMask | transactionalMask | controlMask)
	binary.BigEndian.PutUint16(empty[attributesAt:], attributes)
	noTimestamp := NoTimestamp
	binary.BigEndian.PutUint64(empty[baseTimestampAt:], uint64(noTimestamp))
	binary.BigEndian.PutUint32(empty[countAt:], 0)
	empty.UpdateChecksum()
	return to
}
