package log

import (
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

// maxRecordErrors bounds how many bad records of a batch are told of.
const maxRecordErrors = 1000

// validation is the input of validateRecords.
type validation struct {
	partition topic.Partition
	records   []byte
	origin    AppendOrigin
	source    record.Compression
	target    record.Compression
	config    *Config
	nowMs     int64
}

// validated is what is to be stored: always one v2 batch, the sent one or a new
// one, whose offsets begin at 0 until assignOffsets.
type validated struct {
	records          record.Batch
	maxTimestamp     int64
	maxTimestampAt   int32 // offset delta
	sizeMaybeChanged bool
	timestampType    record.TimestampType
}

// validateRecords checks batches that are to be appended by a leader, as
// LogValidator. A batch is kept as it was sent, its records looked at without
// being copied, unless its format, its codec or its inner offsets demand a
// rewrite.
func validateRecords(v validation) (validated, error) {
	first, rest, err := record.Next(v.records)
	if err != nil {
		return validated{}, fmt.Errorf("%w: Record batch has no batches at all", kerr.InvalidRecord)
	}
	if len(rest) > 0 && (first.Magic() >= record.MagicV2 || v.source != record.None) {
		return validated{}, fmt.Errorf("%w: Compressed outer record has more than one batch", kerr.InvalidRecord)
	}
	if err := v.checkZstd(); err != nil {
		return validated{}, err
	}
	if first.Magic() < record.MagicV2 {
		return v.convertLegacy()
	}
	if err := v.checkBatch(first, first); err != nil {
		return validated{}, err
	}
	return v.checkRecords(first)
}

// checkZstd refuses a codec that older brokers of the cluster cannot read.
func (v *validation) checkZstd() error {
	if v.target == record.Zstd && v.config.InterBrokerProtocol < config.IBP_2_1_IV0 {
		return fmt.Errorf("%w: Produce requests to inter.broker.protocol.version < 2.1 broker are not allowed to use ZStandard compression",
			kerr.UnsupportedCompressionType)
	}
	return nil
}

// checkBatch checks the header of a batch.
func (v *validation) checkBatch(first, batch record.Batch) error {
	if first.Magic() != batch.Magic() {
		return fmt.Errorf("%w: Batch magic %d is not the same as the first batch's magic byte %d in topic partition %s",
			kerr.InvalidRecord, batch.Magic(), first.Magic(), v.partition)
	}
	if batch.Magic() < record.MagicV2 {
		return nil
	}
	count, fromOffsets := batch.Count(), int64(batch.LastOffsetDelta())+1
	if v.origin == OriginClient {
		switch {
		case fromOffsets <= 0:
			return fmt.Errorf("%w: Batch has an invalid offset range: [%d, %d] in topic partition %s",
				kerr.InvalidRecord, batch.BaseOffset(), batch.LastOffset(), v.partition)
		case count <= 0:
			return fmt.Errorf("%w: Invalid reported count for record batch: %d in topic partition %s", kerr.InvalidRecord, count, v.partition)
		case batch.IsControl():
			return fmt.Errorf("%w: Clients are not allowed to write control records in topic partition %s", kerr.InvalidRecord, v.partition)
		case batch.HasProducerID() && batch.BaseSequence() < 0:
			return fmt.Errorf("%w: Invalid sequence number %d in record batch with producerId %d in topic partition %s",
				kerr.InvalidRecord, batch.BaseSequence(), batch.ProducerID(), v.partition)
		}
	}
	if fromOffsets != int64(count) || count <= 0 {
		return fmt.Errorf("%w: Inconsistent batch offset range [%d, %d] and count of records %d in topic partition %s",
			kerr.InvalidRecord, batch.BaseOffset(), batch.LastOffset(), count, v.partition)
	}
	return nil
}

// recordSummary is what a walk over the records of a batch finds.
type recordSummary struct {
	maxTimestamp   int64
	maxTimestampAt int32
	// consecutive says that the offset deltas are 0, 1, 2 and so on.
	consecutive bool
	errors      recordErrors
}

// checkRecords walks the records of a v2 batch, of which key, value and headers
// of a compressed one are skipped, not copied.
func (v *validation) checkRecords(batch record.Batch) (validated, error) {
	summary, err := v.walk(batch)
	if err != nil {
		return validated{}, err
	}
	if err := summary.errors.result(); err != nil {
		return validated{}, err
	}
	result := validated{
		records: batch, maxTimestamp: summary.maxTimestamp, maxTimestampAt: summary.maxTimestampAt,
		timestampType: v.config.TimestampType,
	}
	keepCodec := v.source == v.target || v.source == record.None && batch.IsControl()
	switch {
	case !summary.consecutive:
		// Some old clients number inner records wrongly; their batches are
		// written anew rather than refused.
		if result.records, err = v.rebuild(batch); err != nil {
			return validated{}, err
		}
		result.sizeMaybeChanged = true
	case !keepCodec:
		if result.records, err = record.Recompress(batch, v.target, v.config.MaxMessageBytes); err != nil {
			return validated{}, fmt.Errorf("partition %s: %w", v.partition, err)
		}
		result.sizeMaybeChanged = true
	}
	if result.records.Compression() != record.None {
		result.maxTimestampAt = result.records.LastOffsetDelta()
	}
	if v.config.TimestampType == record.CreateTime {
		result.records.SetMaxTimestamp(record.CreateTime, summary.maxTimestamp)
	}
	return result, nil
}

func (v *validation) walk(batch record.Batch) (recordSummary, error) {
	summary := recordSummary{maxTimestamp: record.NoTimestamp, maxTimestampAt: -1, consecutive: true}
	reader, err := record.NewReader(batch)
	if err != nil {
		return summary, fmt.Errorf("partition %s: %w", v.partition, err)
	}
	defer reader.Close()
	base, checked := batch.BaseOffset(), v.checksRecords(batch)
	var current record.Record
	for index := int32(0); ; index++ {
		ok, err := reader.NextPartial(&current)
		if err != nil {
			return summary, fmt.Errorf("partition %s: %w", v.partition, err)
		}
		if !ok {
			return summary, nil
		}
		if checked {
			v.checkRecord(batch, &current, int(index), &summary.errors)
		}
		if current.Offset != base+int64(index) {
			summary.consecutive = false
		}
		if current.Timestamp > summary.maxTimestamp {
			summary.maxTimestamp, summary.maxTimestampAt = current.Timestamp, index
		}
	}
}

// recordErrors collects what is wrong with the records of a batch.
type recordErrors struct {
	list             []RecordError
	invalidTimestamp bool
}

func (e *recordErrors) add(index int, format string, args ...any) {
	if len(e.list) < maxRecordErrors {
		e.list = append(e.list, RecordError{BatchIndex: index, Message: fmt.Sprintf(format, args...)})
	}
}

func (e *recordErrors) result() error {
	if len(e.list) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: One or more records have been rejected", kerr.InvalidRecord)
	if e.invalidTimestamp {
		err = fmt.Errorf("%w: One or more records have been rejected due to invalid timestamp", kerr.InvalidTimestamp)
	}
	return &RecordValidationError{Err: err, RecordErrors: e.list}
}

// checksRecords reports whether a record of the batch can fail checkRecord, which
// with default settings none can.
func (v *validation) checksRecords(batch record.Batch) bool {
	return v.config.Compact || batch.TimestampType() == record.LogAppendTime ||
		v.config.TimestampType == record.CreateTime && v.config.TimestampDifferenceMaxMs != math.MaxInt64
}

// checkRecord checks one record against the topic's settings.
func (v *validation) checkRecord(batch record.Batch, current *record.Record, index int, errors *recordErrors) {
	switch {
	case v.config.Compact && current.Key == nil:
		errors.add(index, "Compacted topic cannot accept message without key in topic partition %s.", v.partition)
	case v.config.TimestampType == record.CreateTime && current.Timestamp != record.NoTimestamp && v.outOfRange(current.Timestamp):
		errors.invalidTimestamp = true
		errors.add(index, "Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
			current.Timestamp, current.Offset, v.nowMs-v.config.TimestampDifferenceMaxMs, v.nowMs+v.config.TimestampDifferenceMaxMs)
	case batch.TimestampType() == record.LogAppendTime:
		errors.invalidTimestamp = true
		errors.add(index, "Invalid timestamp type in message DefaultRecord(offset=%d, timestamp=%d, key=%d bytes, value=%d bytes). "+
			"Producer should not set timestamp type to LogAppendTime.", current.Offset, current.Timestamp, len(current.Key), len(current.Value))
	}
}

func (v *validation) outOfRange(timestamp int64) bool {
	if v.config.TimestampDifferenceMaxMs == math.MaxInt64 {
		return false
	}
	difference := uint64(timestamp) - uint64(v.nowMs)
	if timestamp < v.nowMs {
		difference = -difference
	}
	return difference > uint64(v.config.TimestampDifferenceMaxMs)
}

// rebuild writes the records of a batch into a new one with offsets from 0.
func (v *validation) rebuild(batch record.Batch) (record.Batch, error) {
	builder := record.NewBuilder(record.BuilderOptions{
		Compression:   v.target,
		Transactional: batch.IsTransactional(),
		Control:       batch.IsControl(),
		HasProducer:   batch.HasProducerID(),
		ProducerID:    batch.ProducerID(),
		ProducerEpoch: batch.ProducerEpoch(),
		BaseSequence:  batch.BaseSequence(),
	})
	for current, err := range record.Records(batch) {
		if err != nil {
			return nil, fmt.Errorf("partition %s: %w", v.partition, err)
		}
		if err := v.addTo(builder, current); err != nil {
			return nil, err
		}
	}
	return v.finish(builder)
}

func (v *validation) addTo(builder *record.Builder, current record.Record) error {
	current.Offset = builder.LastOffset() + 1
	builder.AppendRecord(&current)
	if builder.SizeInBytes() > v.config.MaxMessageBytes {
		return v.tooLarge(builder.SizeInBytes())
	}
	return nil
}

func (v *validation) finish(builder *record.Builder) (record.Batch, error) {
	built, err := builder.Finish()
	if err != nil {
		return nil, fmt.Errorf("partition %s: %w", v.partition, err)
	}
	return built, nil
}

func (v *validation) tooLarge(size int) error {
	return fmt.Errorf("%w: Message batch size is %d bytes in append to partition %s which exceeds the maximum configured size of %d",
		kerr.MessageTooLarge, size, v.partition, v.config.MaxMessageBytes)
}

// convertLegacy writes v0 or v1 messages, many or one with many inside, into one
// v2 batch.
func (v *validation) convertLegacy() (validated, error) {
	builder := record.NewBuilder(record.BuilderOptions{Compression: v.target})
	first := record.Batch(v.records)
	for message, err := range record.Batches(v.records) {
		if err != nil {
			return validated{}, err
		}
		if err := v.checkBatch(first, message); err != nil {
			return validated{}, err
		}
		var errors recordErrors
		index := 0
		for current, err := range record.Records(message) {
			if err != nil {
				return validated{}, fmt.Errorf("partition %s: %w", v.partition, err)
			}
			v.checkRecord(message, &current, index, &errors)
			index++
			if err := v.addTo(builder, current); err != nil {
				return validated{}, err
			}
		}
		if err := errors.result(); err != nil {
			return validated{}, err
		}
	}
	maxTimestamp := builder.MaxTimestamp()
	built, err := v.finish(builder)
	if err != nil {
		return validated{}, err
	}
	return validated{
		records: built, maxTimestamp: maxTimestamp, maxTimestampAt: built.LastOffsetDelta(), sizeMaybeChanged: true,
		timestampType: v.config.TimestampType,
	}, nil
}

// assignOffsets gives the batch its place in the log: base offset and epoch lie
// outside its checksum. The time of LogAppendTime is taken here, under the log's
// lock, so that it never goes back within a log.
func (r *validated) assignOffsets(info *AppendInfo, nextOffset int64, leaderEpoch int32) {
	r.records.SetBaseOffset(nextOffset)
	r.records.SetPartitionLeaderEpoch(leaderEpoch)
	info.FirstOffset, info.FirstOffsetKnown = nextOffset, true
	info.LastOffset = r.records.LastOffset()
	info.LastOffsetOfFirstBatch = info.LastOffset
	info.LastLeaderEpoch = leaderEpoch
	info.MaxTimestamp, info.OffsetOfMaxTimestamp = r.maxTimestamp, nextOffset+int64(r.maxTimestampAt)
	if r.timestampType == record.LogAppendTime {
		now := time.Now().UnixMilli()
		r.records.SetMaxTimestamp(record.LogAppendTime, now)
		info.LogAppendTime, info.MaxTimestamp, info.OffsetOfMaxTimestamp = now, now, info.LastOffset
	}
}
