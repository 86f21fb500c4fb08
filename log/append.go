package log

import (
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/record"
)

// AppendAsLeader checks the batches, gives them offsets and the leader's epoch
// in place, and appends them. The records are changed and must not be used
// afterwards, but are not kept.
func (l *UnifiedLog) AppendAsLeader(records []byte, leaderEpoch int32, origin AppendOrigin) (AppendInfo, error) {
	info, err := l.analyzeAndValidateRecords(records, origin)
	if err != nil || info.ShallowCount == 0 {
		return info, err
	}
	// All that does not depend on the offset is done before the lock is taken.
	config := l.Config()
	if config.RecordVersion < record.MagicV2 {
		err = l.appendOldFormat(&info, records[:info.ValidBytes], origin, config)
		return info, err
	}
	validated, err := validateRecords(validation{
		partition: l.local.partition,
		records:   records[:info.ValidBytes],
		origin:    origin,
		source:    info.SourceCompression,
		target:    info.TargetCompression,
		config:    config,
		nowMs:     time.Now().UnixMilli(),
	})
	if err != nil {
		return info, err
	}
	if validated.sizeMaybeChanged && len(validated.records) > config.MaxMessageBytes {
		return info, fmt.Errorf("%w: Message batch size is %d bytes in append to partition %s which exceeds the maximum configured size of %d",
			kerr.MessageTooLarge, len(validated.records), l.local.partition, config.MaxMessageBytes)
	}
	err = l.append(&info, validated.records, origin, &validated, leaderEpoch)
	return info, err
}

// AppendAsFollower appends what the leader sent, as it is: no offsets are given
// and no sizes limited, but batches must be whole and in order.
func (l *UnifiedLog) AppendAsFollower(records []byte) (AppendInfo, error) {
	info, err := l.analyzeAndValidateRecords(records, OriginReplication)
	if err != nil || info.ShallowCount == 0 {
		return info, err
	}
	err = l.append(&info, records[:info.ValidBytes], OriginReplication, nil, record.NoPartitionLeaderEpoch)
	return info, err
}

// checkGivenOffsets checks that records to copy follow the log's end.
func (l *UnifiedLog) checkGivenOffsets(info *AppendInfo, records []byte) error {
	if !info.OffsetsMonotonic {
		return &OffsetsOutOfOrderError{Partition: l.local.partition}
	}
	first, which := info.LastOffsetOfFirstBatch, "Last offset of the first batch"
	if info.FirstOffsetKnown {
		first, which = info.FirstOffset, "First offset"
	}
	if first >= l.LogEndOffset() {
		return nil
	}
	return &UnexpectedAppendOffsetError{
		FirstOffset: record.Batch(records).BaseOffset(),
		LastOffset:  info.LastOffset,
		Message: fmt.Sprintf("Unexpected offset in append to %s. %s %d is less than the next offset %d. Last offset in append: %d. Log start offset = %d",
			l.local.partition, which, first, l.LogEndOffset(), info.LastOffset, l.LogStartOffset()),
	}
}

// append is the part of an append that happens under the lock. Records of a
// leader get their offsets here; those of a follower, for which validated is
// nil, have them.
func (l *UnifiedLog) append(info *AppendInfo, records []byte, origin AppendOrigin, validated *validated, leaderEpoch int32) error {
	if err := l.local.checkRoom(); err != nil {
		return err
	}
	// Records must not be there without the id of their topic.
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
	if validated != nil {
		validated.assignOffsets(info, l.LogEndOffset(), leaderEpoch)
	} else if err := l.checkGivenOffsets(info, records); err != nil {
		return err
	}
	if err := l.appendLocked(info, records, origin); err != nil {
		return l.local.handleIO(err, "Error while appending records to %s in dir %s", l.local.partition, l.local.parentDir)
	}
	return nil
}

func (l *UnifiedLog) appendLocked(info *AppendInfo, records []byte, origin AppendOrigin) error {
	if err := l.assignEpochs(records); err != nil {
		return err
	}
	config := l.Config()
	if len(records) > config.SegmentBytes {
		return fmt.Errorf("%w: Message batch size is %d bytes in append to partition %s, which exceeds the maximum configured segment size of %d",
			kerr.RecordListTooLarge, len(records), l.local.partition, config.SegmentBytes)
	}
	segment, err := l.maybeRollLocked(len(records), info)
	if err != nil {
		return err
	}
	changes := pooledChanges.Get().(*producerChanges)
	defer changes.release()
	duplicate, err := l.analyzeProducerState(changes, segment, records, origin)
	if err != nil {
		return err
	}
	info.LogStartOffset = l.LogStartOffset()
	if duplicate != nil {
		info.Duplicate, info.FirstOffsetKnown = true, true
		info.FirstOffset, info.LastOffset = duplicate.FirstOffset(), duplicate.LastOffset
		info.LogAppendTime = duplicate.Timestamp
		return nil
	}
	if err := l.local.append(info, records); err != nil {
		return err
	}
	return halfDone(l.afterAppend(info, segment, changes))
}

// afterAppend takes records into account that are in the segment.
func (l *UnifiedLog) afterAppend(info *AppendInfo, segment *LogSegment, changes *producerChanges) error {
	l.updateHighWatermarkWithEndLocked()
	if err := l.applyProducerChanges(segment, changes); err != nil {
		return err
	}
	// Also without any producer, so that a snapshot is of the current offset.
	l.producers.UpdateMapEndOffset(info.LastOffset + 1)
	if err := l.maybeIncrementFirstUnstableOffset(); err != nil {
		return err
	}
	if l.LogEndOffset()-l.RecoveryPoint() >= l.Config().FlushMessages {
		return l.flushLocked()
	}
	return nil
}

// assignEpochs takes the epoch of each batch into the epoch cache.
func (l *UnifiedLog) assignEpochs(records []byte) error {
	for len(records) > 0 {
		batch, rest, err := record.Next(records)
		if err != nil {
			return err
		}
		records = rest
		if !l.keepsEpochs() {
			continue
		}
		if batch.Magic() < record.MagicV2 {
			// A leader of an old format knows no epochs; the next election must
			// then fall back to the high watermark.
			if _, ok := l.epochs.Latest(); ok {
				l.logger.Warnf("%sClearing leader epoch cache after unexpected append with message format v%d", l.prefix(), batch.Magic())
				if err := l.epochs.ClearAndFlush(); err != nil {
					return err
				}
			}
		} else if err := l.epochs.Assign(batch.PartitionLeaderEpoch(), batch.BaseOffset()); err != nil {
			return err
		}
	}
	return nil
}

// maybeRollLocked gives the segment to append to.
func (l *UnifiedLog) maybeRollLocked(size int, info *AppendInfo) (*LogSegment, error) {
	config := l.Config()
	segment := l.local.segments.active()
	full, err := segment.shouldRoll(rollParams{
		maxSegmentMs:           config.Topic.MaxSegmentMs(),
		maxSegmentBytes:        config.SegmentBytes,
		maxTimestampInMessages: info.MaxTimestamp,
		maxOffsetInMessages:    info.LastOffset,
		messagesSize:           size,
		nowMs:                  time.Now().UnixMilli(),
	})
	if err != nil || !full {
		return segment, err
	}
	// The first offset of v0 and v1 batches of a follower is known only after
	// decompression. It is at most 2^31-1 below the last one.
	rollOffset := info.FirstOffset
	if !info.FirstOffsetKnown {
		rollOffset = info.LastOffset - (1<<31 - 1)
	}
	return l.rollLocked(rollOffset)
}

// producerChanges is what an append changes of the producers' state.
type producerChanges struct {
	producers []producerstate.AppendInfo
	completed []producerstate.CompletedTxn
}

// pooledChanges are of appends that are over.
var pooledChanges = sync.Pool{New: func() any { return new(producerChanges) }}

func (c *producerChanges) release() {
	clear(c.producers) // they know their logs
	c.producers, c.completed = c.producers[:0], c.completed[:0]
	pooledChanges.Put(c)
}

var producerOrigins = [...]producerstate.Origin{
	OriginReplication: producerstate.Replication,
	OriginCoordinator: producerstate.Coordinator,
	OriginClient:      producerstate.Client,
}

// analyzeProducerState checks sequence numbers and epochs, and collects the changes.
// It gives the earlier batch if a client sends one again. Without idempotent producers it costs a
// look at each batch header.
func (l *UnifiedLog) analyzeProducerState(changes *producerChanges, segment *LogSegment, records []byte, origin AppendOrigin) (duplicate *producerstate.Batch, err error) {
	position := segment.Size()
	for len(records) > 0 {
		batch, rest, err := record.Next(records)
		if err != nil {
			return nil, err
		}
		records = rest
		if batch.HasProducerID() {
			if origin == OriginClient {
				if last := l.producers.Last(batch.ProducerID()); last != nil {
					if duplicate := last.FindDuplicate(batch); duplicate != nil {
						return duplicate, nil
					}
				}
			}
			if err := changes.add(l.producers, batch, producerOrigins[origin], segment.BaseOffset, position); err != nil {
				return nil, err
			}
		}
		position += batch.SizeInBytes()
	}
	return nil, nil
}

func (c *producerChanges) add(producers *producerstate.Manager, batch record.Batch, origin producerstate.Origin, segmentBase int64, position int) error {
	at := -1
	for i := range c.producers {
		if c.producers[i].ProducerID() == batch.ProducerID() {
			at = i
		}
	}
	if at < 0 {
		c.producers = append(c.producers, producers.PrepareUpdate(batch.ProducerID(), origin))
		at = len(c.producers) - 1
	}
	first := producerstate.Position{Offset: batch.BaseOffset(), SegmentBase: -1, Relative: UnknownFilePosition}
	if batch.IsTransactional() {
		first.SegmentBase, first.Relative = segmentBase, position
	}
	completed, ended, err := c.producers[at].Append(batch, first)
	if ended {
		c.completed = append(c.completed, completed)
	}
	return err
}

func (l *UnifiedLog) applyProducerChanges(segment *LogSegment, changes *producerChanges) error {
	for i := range changes.producers {
		l.producers.Update(&changes.producers[i])
	}
	for _, completed := range changes.completed {
		if err := segment.completeTxn(l.producers, completed); err != nil {
			return err
		}
		if completed.Aborted { // the first one makes the file of the index
			l.local.newNames.Store(true)
		}
	}
	return nil
}

// analyzeAndValidateRecords looks at the batches of an append without
// decompressing them. A trailing partial batch is left out of ValidBytes.
func (l *UnifiedLog) analyzeAndValidateRecords(records []byte, origin AppendOrigin) (AppendInfo, error) {
	config := l.Config()
	info := UnknownAppendInfo(l.LogStartOffset())
	for batch, err := range record.Batches(records) {
		if err != nil {
			return info, fmt.Errorf("partition %s: %w", l.local.partition, err)
		}
		if origin == OriginClient && batch.Magic() >= record.MagicV2 && batch.BaseOffset() != 0 {
			return info, fmt.Errorf("%w: The baseOffset of the record batch in the append to %s should be 0, but it is %d",
				kerr.InvalidRecord, l.local.partition, batch.BaseOffset())
		}
		if origin != OriginReplication && batch.SizeInBytes() > config.MaxMessageBytes {
			return info, fmt.Errorf("%w: The record batch size in the append to %s is %d bytes which exceeds the maximum configured value of %d",
				kerr.MessageTooLarge, l.local.partition, batch.SizeInBytes(), config.MaxMessageBytes)
		}
		if err := batch.EnsureValid(); err != nil {
			return info, fmt.Errorf("%w in topic partition %s", err, l.local.partition)
		}
		info.note(batch)
	}
	info.TargetCompression = config.targetCompression(info.SourceCompression)
	return info, nil
}

// note takes one batch into the analysis.
func (i *AppendInfo) note(batch record.Batch) {
	last := batch.LastOffset()
	if i.ShallowCount == 0 {
		if batch.Magic() >= record.MagicV2 {
			i.FirstOffset, i.FirstOffsetKnown = batch.BaseOffset(), true
		} else {
			i.FirstOffset = last
		}
		i.LastOffsetOfFirstBatch = last
	}
	if i.LastOffset >= last {
		i.OffsetsMonotonic = false
	}
	i.LastOffset = last
	i.LastLeaderEpoch = batch.PartitionLeaderEpoch()
	if batch.MaxTimestamp() > i.MaxTimestamp {
		i.MaxTimestamp, i.OffsetOfMaxTimestamp = batch.MaxTimestamp(), last
	}
	i.ShallowCount++
	i.ValidBytes += batch.SizeInBytes()
	if batch.Compression() != record.None {
		i.SourceCompression = batch.Compression()
	}
}
