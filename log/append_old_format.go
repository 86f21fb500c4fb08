package log

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/record"
)

// Topics store v0 or v1 messages when the inter-broker protocol is below 3.0 and
// message.format.version is an old one. This file is the append to such a topic;
// what clients send in other formats is converted.

// appendOldFormat is AppendAsLeader for a topic of an old format. All of it
// happens under the lock, as compressed v0 sets carry offsets inside.
func (l *UnifiedLog) appendOldFormat(info *AppendInfo, records []byte, origin AppendOrigin, config *Config) error {
	if err := l.local.checkRoom(); err != nil {
		return err
	}
	if err := l.flushDueFiles(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.local.checkOnline(); err != nil {
		return err
	}
	if err := l.local.checkOpen(); err != nil {
		return err
	}
	set := oldFormatSet{
		validation: validation{
			partition: l.local.partition, records: records, origin: origin,
			source: info.SourceCompression, target: info.TargetCompression, config: config, nowMs: time.Now().UnixMilli(),
		},
		firstOffset: l.LogEndOffset(), nextOffset: l.LogEndOffset(), inPlace: true,
		maxTimestamp: record.NoTimestamp, offsetOfMaxTimestamp: -1,
	}
	if err := set.assign(); err != nil {
		return err
	}
	info.FirstOffset, info.FirstOffsetKnown = set.firstOffset, true
	info.LastOffset = set.nextOffset - 1
	info.LastOffsetOfFirstBatch = info.LastOffset
	info.MaxTimestamp, info.OffsetOfMaxTimestamp = set.maxTimestamp, set.offsetOfMaxTimestamp
	if config.TimestampType == record.LogAppendTime {
		info.LogAppendTime = set.nowMs
	}
	if err := l.appendLocked(info, set.records, origin); err != nil {
		return l.local.handleIO(err, "Error while appending records to %s in dir %s", l.local.partition, l.local.parentDir)
	}
	return nil
}

// oldFormatSet is a set of batches on its way into an old format.
type oldFormatSet struct {
	validation
	firstOffset, nextOffset int64
	// found are the records; their bytes stay valid.
	found   []record.Record
	inPlace bool

	maxTimestamp         int64
	offsetOfMaxTimestamp int64
}

// assign checks the batches and gives records their offsets, in place where
// format and codec allow it.
func (s *oldFormatSet) assign() error {
	first, rest, err := record.Next(s.records)
	switch {
	case err != nil:
		return fmt.Errorf("%w: Record batch has no batches at all", kerr.InvalidRecord)
	case len(rest) > 0 && (first.Magic() >= record.MagicV2 || s.source != record.None):
		return fmt.Errorf("%w: Compressed outer record has more than one batch", kerr.InvalidRecord)
	}
	if err := s.checkZstd(); err != nil {
		return err
	}
	compressed := s.source != record.None || s.target != record.None
	s.inPlace = first.Magic() == s.config.RecordVersion && s.source == s.target && (!compressed || first.Magic() > record.MagicV0)
	for batch, err := range record.Batches(s.records) {
		if err != nil {
			return err
		}
		if err := s.takeIn(first, batch, compressed); err != nil {
			return err
		}
	}
	switch {
	case !s.inPlace:
		return s.rebuild()
	case compressed:
		s.assignWrapper(first)
	default:
		s.assignEach()
	}
	return nil
}

// takeIn checks one batch and its records.
func (s *oldFormatSet) takeIn(first, batch record.Batch, compressed bool) error {
	if err := s.checkBatch(first, batch); err != nil {
		return err
	}
	switch {
	case batch.IsTransactional():
		return fmt.Errorf("%w: Transactional records cannot be used with magic version %d", kerr.UnsupportedForMessageFormat, s.config.RecordVersion)
	case batch.HasProducerID():
		return fmt.Errorf("%w: Idempotent records cannot be used with magic version %d", kerr.UnsupportedForMessageFormat, s.config.RecordVersion)
	}
	var errors recordErrors
	index := 0
	for current, err := range record.Records(batch) {
		if err != nil {
			return fmt.Errorf("partition %s: %w", s.partition, err)
		}
		s.checkRecord(batch, &current, index, &errors)
		if compressed && current.Offset != int64(len(s.found)) {
			s.inPlace = false
		}
		if batch.Magic() >= record.MagicV2 && batch.Compression() != record.None {
			// The reader's window moves on.
			current.Key, current.Value = cloneField(current.Key), cloneField(current.Value)
		}
		s.found = append(s.found, current)
		index++
	}
	return errors.result()
}

// cloneField keeps null apart from empty.
func cloneField(field []byte) []byte {
	if field == nil {
		return nil
	}
	return append([]byte{}, field...)
}

// assignEach gives the offsets to uncompressed messages.
func (s *oldFormatSet) assignEach() {
	for message := range record.Batches(s.records) {
		message.SetBaseOffset(s.nextOffset)
		if message.Magic() > record.MagicV0 {
			timestamp := message.MaxTimestamp()
			if s.config.TimestampType == record.LogAppendTime {
				timestamp = s.nowMs
			}
			message.SetMaxTimestamp(s.config.TimestampType, timestamp)
			if timestamp > s.maxTimestamp {
				s.maxTimestamp, s.offsetOfMaxTimestamp = timestamp, s.nextOffset
			}
		}
		s.nextOffset++
	}
	if s.config.TimestampType == record.LogAppendTime {
		s.maxTimestamp, s.offsetOfMaxTimestamp = s.nowMs, s.firstOffset
	}
}

// assignWrapper gives a compressed v1 set the offset of its last message; those
// inside are relative to it.
func (s *oldFormatSet) assignWrapper(wrapper record.Batch) {
	for i := range s.found {
		s.maxTimestamp = max(s.maxTimestamp, s.found[i].Timestamp)
	}
	if s.config.TimestampType == record.LogAppendTime {
		s.maxTimestamp = s.nowMs
	}
	s.nextOffset += int64(len(s.found))
	s.offsetOfMaxTimestamp = s.nextOffset - 1
	wrapper.SetLastOffset(s.nextOffset - 1)
	wrapper.SetMaxTimestamp(s.config.TimestampType, s.maxTimestamp)
}

// rebuild writes the records anew in the topic's format and codec.
func (s *oldFormatSet) rebuild() error {
	if s.target == record.Zstd {
		return fmt.Errorf("%w: ZStandard compression is not supported for magic %d", kerr.UnknownServerError, s.config.RecordVersion)
	}
	builder, err := record.NewLegacyBuilder(nil, record.LegacyOptions{
		Magic: s.config.RecordVersion, Compression: s.target, TimestampType: s.config.TimestampType, LogAppendTime: s.nowMs,
	})
	if err != nil {
		return err
	}
	defer builder.Close()
	for i := range s.found {
		current := &s.found[i]
		if current.HeaderCount > 0 {
			return fmt.Errorf("%w: Magic v%d does not support record headers", kerr.UnknownServerError, s.config.RecordVersion)
		}
		current.Offset = s.nextOffset
		s.nextOffset++
		if err := builder.Append(current); err != nil {
			return err
		}
	}
	if s.records, err = builder.Finish(); err != nil {
		return err
	}
	s.maxTimestamp, s.offsetOfMaxTimestamp = builder.Info()
	for batch := range record.Batches(s.records) {
		if batch.SizeInBytes() > s.config.MaxMessageBytes {
			return s.tooLarge(batch.SizeInBytes())
		}
	}
	return nil
}
