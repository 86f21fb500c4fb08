package log

import (
	"errors"
	"fmt"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/epoch"
	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/record"
)

// recover checks all batches of a segment after a crash, rebuilds its indexes
// and cuts it before the first batch that is not whole, after a call of beforeCut.
// It returns how many bytes went.
func (s *LogSegment) recover(producers *producerstate.Manager, epochs *epoch.LeaderEpochFileCache, logger *logrus.Entry, beforeCut func() error) (int, error) {
	if err := errors.Join(s.offsetIndex.Reset(), s.timeIndex.Reset(), s.txnIndex.Reset()); err != nil {
		return 0, err
	}
	s.largest, s.largestKnown = index.TimestampOffset{Timestamp: record.NoTimestamp, Offset: s.BaseOffset}, true
	recovery := segmentRecovery{segment: s, producers: producers, epochs: epochs}
	scanner := scanAll(s.file, 0, s.file.size.Load())
	defer scanner.close()
	for {
		_, position, size, ok, err := scanner.next()
		if err == nil && ok {
			err = recovery.takeIn(scanner, position, size)
		}
		if errors.Is(err, kerr.CorruptMessage) || errors.Is(err, kerr.InvalidRecord) {
			logger.Warnf("Found invalid messages in log segment %s at byte offset %d: %v.", s.path, recovery.validBytes, err)
			break
		}
		if err != nil {
			return 0, err
		}
		if !ok {
			break
		}
	}
	truncated := s.Size() - int(recovery.validBytes)
	if truncated > 0 {
		if err := beforeCut(); err != nil {
			return 0, err
		}
		// Durable, or a power loss could bring back whole batches of what was cut
		// off behind new ones.
		if err := errors.Join(s.file.truncate(recovery.validBytes), s.file.file.Sync()); err != nil {
			return 0, err
		}
	}
	s.bytesSinceLastIndexEntry = int(recovery.validBytes - recovery.lastIndexEntry)
	if err := s.addFinalTimeEntry(); err != nil && !errors.Is(err, index.ErrFull) {
		return 0, err
	}
	return truncated, errors.Join(s.offsetIndex.Trim(), s.timeIndex.Trim())
}

// segmentRecovery is the state of a recovery between batches.
type segmentRecovery struct {
	segment        *LogSegment
	producers      *producerstate.Manager
	epochs         *epoch.LeaderEpochFileCache
	validBytes     int64
	lastIndexEntry int64
}

func (r *segmentRecovery) takeIn(scanner *batchScanner, position int64, size int) error {
	batch, err := scanner.read(position, size)
	if err != nil {
		return err
	}
	if err := batch.EnsureValid(); err != nil {
		return err
	}
	s := r.segment
	if batch.LastOffset() < s.BaseOffset {
		return fmt.Errorf("%w: offset %d lies below the base of the segment", kerr.CorruptMessage, batch.LastOffset())
	}
	if !s.canConvertToRelativeOffset(batch.LastOffset()) {
		return &segmentOverflowError{segment: s, offset: batch.LastOffset()}
	}
	if batch.MaxTimestamp() > s.largest.Timestamp {
		s.largest = index.TimestampOffset{Timestamp: batch.MaxTimestamp(), Offset: batch.LastOffset()}
	}
	if r.validBytes-r.lastIndexEntry > int64(s.indexIntervalBytes) {
		if err := r.addIndexEntries(batch.LastOffset()); err != nil {
			return err
		}
		r.lastIndexEntry = r.validBytes
	}
	r.validBytes += int64(size)
	if batch.Magic() < record.MagicV2 {
		return nil
	}
	if err := r.assignEpoch(batch); err != nil {
		return err
	}
	return s.updateProducerState(r.producers, batch)
}

// addIndexEntries indexes a batch. Indexes that are full, as their size may be
// set lower than when the segment was written, only make look-ups slower.
func (r *segmentRecovery) addIndexEntries(lastOffset int64) error {
	s := r.segment
	if err := s.offsetIndex.Append(lastOffset, int(r.validBytes)); err != nil && !errors.Is(err, index.ErrFull) {
		return &invalidOffsetError{err}
	}
	if err := s.timeIndex.MaybeAppend(s.largest.Timestamp, s.largest.Offset, false); err != nil && !errors.Is(err, index.ErrFull) {
		return &invalidOffsetError{err}
	}
	return nil
}

func (r *segmentRecovery) assignEpoch(batch record.Batch) error {
	if r.epochs == nil || batch.PartitionLeaderEpoch() < 0 {
		return nil
	}
	if latest, ok := r.epochs.Latest(); ok && batch.PartitionLeaderEpoch() <= latest.Epoch {
		return nil
	}
	return r.epochs.Assign(batch.PartitionLeaderEpoch(), batch.BaseOffset())
}

// invalidOffsetError says that offsets of a segment do not increase, so that it
// cannot be indexed.
type invalidOffsetError struct{ cause error }

func (e *invalidOffsetError) Error() string { return e.cause.Error() }
func (e *invalidOffsetError) Unwrap() error { return e.cause }

// updateProducerState replays one batch.
func (s *LogSegment) updateProducerState(producers *producerstate.Manager, batch record.Batch) error {
	if batch.HasProducerID() {
		info := producers.PrepareUpdate(batch.ProducerID(), producerstate.Replication)
		completed, ended, err := info.Append(batch, producerstate.Position{Offset: batch.BaseOffset(), SegmentBase: -1, Relative: -1})
		if err != nil {
			return err
		}
		producers.Update(&info)
		if ended {
			if err := s.completeTxn(producers, completed); err != nil {
				return err
			}
		}
	}
	producers.UpdateMapEndOffset(batch.NextOffset())
	return nil
}

// completeTxn notes an ended transaction, in the index if it was aborted.
func (s *LogSegment) completeTxn(producers *producerstate.Manager, completed producerstate.CompletedTxn) error {
	if completed.Aborted {
		aborted := index.AbortedTxn{
			ProducerID:       completed.ProducerID,
			FirstOffset:      completed.FirstOffset,
			LastOffset:       completed.LastOffset,
			LastStableOffset: producers.LastStableOffset(completed),
		}
		if err := s.txnIndex.Append(aborted); err != nil {
			return err
		}
	}
	return producers.CompleteTxn(completed)
}

// replayBatch takes a batch into the producers' state without writing to the
// transaction index.
func replayBatch(producers *producerstate.Manager, batch record.Batch) error {
	info := producers.PrepareUpdate(batch.ProducerID(), producerstate.Replication)
	completed, ended, err := info.Append(batch, producerstate.Position{Offset: batch.BaseOffset(), SegmentBase: -1, Relative: UnknownFilePosition})
	if err != nil {
		return err
	}
	producers.Update(&info)
	if ended {
		return producers.CompleteTxn(completed)
	}
	return nil
}
