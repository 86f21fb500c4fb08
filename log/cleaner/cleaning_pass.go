package cleaner

import (
	"context"
	"errors"
	"fmt"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
)

// cleaningPass is the copying of what stays of a log into new segments.
type cleaningPass struct {
	cleaner         *cleaner
	log             *log.UnifiedLog
	nowMs           int64
	legacyHorizonMs int64
	// upperBound is the first offset that is not looked at; the batch before it
	// stays, if need be empty, as it tells where the log ends (KAFKA-17076).
	upperBound   int64
	transactions *cleanedTransactions
	stats        *cleanerStats

	lastRecords map[int64]log.LastRecord
	// retainLegacyDeletes keeps tombstones of v0 and v1 messages of the segment.
	retainLegacyDeletes bool
}

// cleanSegments replaces a group of segments by one.
func (p *cleaningPass) cleanSegments(ctx context.Context, group []*log.LogSegment) error {
	cleaned, err := p.log.NewCleanedSegment(group[0].BaseOffset)
	if err != nil {
		return err
	}
	p.transactions.retain = cleaned.AppendAborted
	p.lastRecords = p.log.LastRecordsOfActiveProducers()
	err = p.copyGroup(ctx, group, cleaned)
	if err == nil {
		p.cleaner.logger.Infof("%sSwapping in cleaned segment %s for segment(s) %s in log %s", p.cleaner.prefix, cleaned, joined(group), p.log)
		return p.log.ReplaceSegments([]*log.CleanedSegment{cleaned}, group)
	}
	return errors.Join(err, cleaned.Discard())
}

func joined(segments []*log.LogSegment) string {
	text := "List("
	for i, segment := range segments {
		if i > 0 {
			text += ", "
		}
		text += segment.String()
	}
	return text + ")"
}

func (p *cleaningPass) copyGroup(ctx context.Context, group []*log.LogSegment, cleaned *log.CleanedSegment) error {
	for i, source := range group {
		modified, err := source.LastModified()
		if err != nil {
			return err
		}
		// All transactions of the segment count, also those above what the map
		// reflects: the index of the new segment is made of them (KAFKA-13727).
		var upper int64
		if i+1 < len(group) {
			upper = group[i+1].BaseOffset
		} else if upper, err = source.ReadNextOffset(); err != nil {
			return err
		}
		aborted, err := p.log.CollectAbortedTransactions(source.BaseOffset, upper)
		if err != nil {
			return err
		}
		p.transactions.add(aborted)
		p.retainLegacyDeletes = modified.UnixMilli() > p.legacyHorizonMs
		what := "discarding"
		if p.retainLegacyDeletes {
			what = "retaining"
		}
		p.cleaner.logger.Infof("%sCleaning %s in log %s into %d with an upper bound deletion horizon %d computed from the segment last modified time of %d,%s deletes.",
			p.cleaner.prefix, source, p.log.TopicPartition(), cleaned.BaseOffset, p.legacyHorizonMs, modified.UnixMilli(), what)
		if err := p.cleanInto(ctx, source, cleaned); err != nil {
			if log.IsSegmentOverflow(err) {
				p.cleaner.logger.Infof("%sCaught segment overflow error during cleaning: %v", p.cleaner.prefix, err)
				return errors.Join(errAborted, p.log.SplitOverflowedSegment(source))
			}
			return err
		}
	}
	modified, err := group[len(group)-1].LastModified()
	if err != nil {
		return err
	}
	return cleaned.Finish(modified)
}

// cleanInto copies what stays of a segment.
func (p *cleaningPass) cleanInto(ctx context.Context, source *log.LogSegment, cleaned *log.CleanedSegment) error {
	c := p.cleaner
	return c.walk(ctx, source, 0, p.log.Config().MaxMessageBytes, func(chunk []byte) (int, error) {
		out := chunkOutput{bytes: c.written[:0], maxOffset: -1, maxTimestamp: record.NoTimestamp, offsetOfMaxTimestamp: -1}
		consumed := 0
		// More than the buffer is written only by a batch that grew; then what
		// there is goes to the segment first.
		for consumed < len(chunk) && len(out.bytes) <= len(c.read) {
			batch, _, err := record.Next(chunk[consumed:])
			if errors.Is(err, record.ErrIncomplete) {
				break
			}
			if err != nil {
				return consumed, err
			}
			if err := p.copyBatch(batch, &out); err != nil {
				return consumed, err
			}
			consumed += len(batch)
		}
		p.stats.bytesRead += int64(consumed)
		c.written = out.bytes
		if len(out.bytes) == 0 {
			return consumed, nil
		}
		p.stats.bytesWritten += int64(len(out.bytes))
		if err := cleaned.Append(out.maxOffset, out.maxTimestamp, out.offsetOfMaxTimestamp, out.bytes); err != nil {
			return consumed, err
		}
		c.throttler.wait(ctx, len(out.bytes))
		return consumed, nil
	})
}

// chunkOutput is what stays of a chunk and what the indexes note of it.
type chunkOutput struct {
	bytes                []byte
	maxOffset            int64
	maxTimestamp         int64
	offsetOfMaxTimestamp int64
}

func (o *chunkOutput) note(maxTimestamp, shallowOffset, maxOffset int64) {
	if maxTimestamp > o.maxTimestamp {
		o.maxTimestamp, o.offsetOfMaxTimestamp = maxTimestamp, shallowOffset
	}
	o.maxOffset = max(o.maxOffset, maxOffset)
}

// copyBatch copies what stays of a batch, as MemoryRecords.filterTo.
func (p *cleaningPass) copyBatch(batch record.Batch, out *chunkOutput) error {
	discardable, err := p.isDiscardable(batch)
	if err != nil {
		return err
	}
	drop := discardable
	if batch.IsControl() {
		horizon, ok := batch.DeleteHorizon()
		drop = discardable && ok && horizon <= p.nowMs
	}
	retainEmpty := batch.HasProducerID() && p.isLastOfProducer(batch) || batch.NextOffset() == p.upperBound
	if drop && !retainEmpty {
		return nil
	}
	kept, tombstones, err := p.selectRecords(batch, drop)
	if err != nil {
		return err
	}
	if kept == 0 {
		p.copyEmpty(batch, retainEmpty, out)
		return nil
	}
	_, hasHorizon := batch.DeleteHorizon()
	setHorizon := batch.Magic() >= record.MagicV2 && !hasHorizon && (tombstones || discardable && batch.IsControl())
	p.stats.messagesWritten += int64(kept)
	if kept == len(p.cleaner.retained) && !setHorizon {
		out.bytes = append(out.bytes, batch...)
		out.note(batch.MaxTimestamp(), batch.LastOffset(), batch.LastOffset())
		return nil
	}
	return p.rewrite(batch, setHorizon, out)
}

func (p *cleaningPass) isDiscardable(batch record.Batch) (bool, error) {
	if batch.IsControl() {
		return p.transactions.onControlBatch(batch)
	}
	return p.transactions.onBatch(batch), nil
}

// isLastOfProducer reports whether what is known of an active producer rests on
// the batch: its last sequence number, or if it only wrote markers, its epoch.
func (p *cleaningPass) isLastOfProducer(batch record.Batch) bool {
	last, ok := p.lastRecords[batch.ProducerID()]
	if !ok {
		return false
	}
	if last.DataOffset >= 0 {
		return batch.LastOffset() == last.DataOffset
	}
	return batch.IsControl() && batch.ProducerEpoch() == last.ProducerEpoch
}

// selectRecords decides which records of a batch stay, into cleaner.retained.
func (p *cleaningPass) selectRecords(batch record.Batch, drop bool) (kept int, tombstones bool, err error) {
	retained := p.cleaner.retained[:0]
	for item, err := range record.Records(batch) {
		if err != nil {
			return 0, false, err
		}
		p.stats.messagesRead++
		// A marker is not compacted by its key, which a user's may equal
		// (KAFKA-14055).
		keep := !drop && (batch.IsControl() || p.shouldRetain(batch, &item))
		retained = append(retained, keep)
		if keep {
			kept++
			tombstones = tombstones || item.Value == nil
		}
	}
	p.cleaner.retained = retained
	return kept, tombstones, nil
}

func (p *cleaningPass) shouldRetain(batch record.Batch, item *record.Record) bool {
	offsets := &p.cleaner.offsets
	if item.Offset > offsets.latest {
		return true
	}
	if item.Key == nil {
		p.stats.invalidMessages++
		return false
	}
	if item.Offset < offsets.get(item.Key) {
		return false
	}
	return item.Value != nil || p.retainsTombstones(batch)
}

func (p *cleaningPass) retainsTombstones(batch record.Batch) bool {
	if batch.Magic() < record.MagicV2 {
		return p.retainLegacyDeletes
	}
	horizon, ok := batch.DeleteHorizon()
	return !ok || p.nowMs < horizon
}

// copyEmpty leaves what must stay of a batch without records. The old formats
// know no empty batch, so there the message stays.
func (p *cleaningPass) copyEmpty(batch record.Batch, retainEmpty bool, out *chunkOutput) {
	switch {
	case !retainEmpty:
		return
	case batch.Magic() < record.MagicV2:
		out.bytes = append(out.bytes, batch...)
		p.stats.messagesWritten += int64(len(p.cleaner.retained))
	default:
		out.bytes = record.AppendEmpty(out.bytes, batch)
	}
	out.note(batch.MaxTimestamp(), batch.LastOffset(), batch.LastOffset())
}

func (p *cleaningPass) rewrite(batch record.Batch, setHorizon bool, out *chunkOutput) error {
	// Written anew, damaged records would get a good checksum.
	if err := batch.EnsureValid(); err != nil {
		return err
	}
	config, horizon := p.log.Config(), record.NoTimestamp
	if setHorizon {
		horizon = p.nowMs + config.DeleteRetentionMs
	}
	before := len(out.bytes)
	bytes, filtered, err := p.cleaner.filter.Append(out.bytes, batch, func(index int) bool { return p.cleaner.retained[index] }, horizon)
	if err != nil {
		return fmt.Errorf("filtering the batch at offset %d: %w", batch.BaseOffset(), err)
	}
	out.bytes = bytes
	if size := len(bytes) - before; size > len(batch) && size > config.MaxMessageBytes {
		p.cleaner.logger.Warnf("Record batch from %s with last offset %d exceeded max record batch size %d after cleaning (new size is %d). Consumers with version earlier than 0.10.1.0 may need to increase their fetch sizes.",
			p.log.TopicPartition(), batch.LastOffset(), config.MaxMessageBytes, size)
	}
	out.note(filtered.MaxTimestamp, filtered.ShallowOffset, filtered.MaxOffset)
	return nil
}
