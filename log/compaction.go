package log

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/vfs"
)

// This file is what package log/cleaner needs of a log: its segments, what must
// survive of producers and transactions, and the exchange of segments.

// LastRecord is the last that an active producer wrote, as kafka.log.LastRecord.
type LastRecord struct {
	// DataOffset is the offset of its last record, -1 if that is a marker.
	DataOffset    int64
	ProducerEpoch int16
}

// LastRecordsOfActiveProducers are the last records by producer.
func (l *UnifiedLog) LastRecordsOfActiveProducers() map[int64]LastRecord {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := map[int64]LastRecord{}
	l.producers.Producers(func(entry *producerstate.Entry) {
		last[entry.ProducerID] = LastRecord{DataOffset: entry.LastDataOffset(), ProducerEpoch: entry.ProducerEpoch}
	})
	return last
}

// SegmentsBetween are the segments that may hold offsets in [from, to).
func (l *UnifiedLog) SegmentsBetween(from, to int64) []*LogSegment {
	if from >= to {
		return nil
	}
	return l.local.segments.between(from, to)
}

// NonActiveSegmentsFrom are the segments but the active one that may hold an
// offset or one above it.
func (l *UnifiedLog) NonActiveSegmentsFrom(from int64) []*LogSegment {
	list := l.local.segments.values()
	first := max(floor(list, from), 0)
	if first >= len(list)-1 {
		return nil
	}
	return list[first : len(list)-1]
}

// CollectAbortedTransactions are the aborted transactions that touch offsets in
// [from, to).
func (l *UnifiedLog) CollectAbortedTransactions(from, to int64) ([]index.AbortedTxn, error) {
	var aborted []index.AbortedTxn
	list := l.local.segments.values()
	err := l.collectAborted(list[max(floor(list, from), 0):], from, to, func(txn index.AbortedTxn) { aborted = append(aborted, txn) })
	return aborted, err
}

// Records is the whole segment, which stays readable until it is released. It is
// nil when the segment was closed.
func (s *LogSegment) Records() *FileRecords {
	seen := s.file.truncationCount.Load()
	return newFileRecords(s.file, 0, s.Size(), seen)
}

// LargestTimestamp is the largest timestamp of the records in milliseconds; of
// a segment without any, the time of its last write.
func (s *LogSegment) LargestTimestamp() (int64, error) {
	ms, _, err := s.largestTimestamp()
	return ms, err
}

// FirstBatchTimestamp is the largest timestamp of the first batch, -1 if there is
// none.
func (s *LogSegment) FirstBatchTimestamp() (int64, error) { return s.firstBatchTimestamp() }

// ReadNextOffset is the offset after the last record.
func (s *LogSegment) ReadNextOffset() (int64, error) { return s.readNextOffset() }

// PositionBefore is a position at or before the batch with an offset.
func (s *LogSegment) PositionBefore(offset int64) (int, error) {
	found, err := s.offsetIndex.Lookup(offset)
	return found.Position, err
}

// IndexSizes are the sizes of the entries of the offset and the time index.
func (s *LogSegment) IndexSizes() (offsets, times int, err error) {
	offsets, err = s.offsetIndex.SizeInBytes()
	if err == nil {
		times, err = s.timeIndex.SizeInBytes()
	}
	return offsets, times, err
}

// CleanedSegment is a segment that is being written to take the place of others.
type CleanedSegment struct {
	*LogSegment
	log *UnifiedLog
}

// NewCleanedSegment begins a segment that is no part of the log yet. A file left
// over from a compaction that did not finish is replaced.
func (l *UnifiedLog) NewCleanedSegment(baseOffset int64) (*CleanedSegment, error) {
	local := &l.local
	dir := l.Dir()
	for _, kind := range []string{LogFileSuffix, IndexFileSuffix, TimeIndexFileSuffix, TxnIndexFileSuffix} {
		if err := vfs.RemoveIfExists(local.fs, segmentPath(dir, baseOffset, kind, CleanedFileSuffix)); err != nil {
			return nil, err
		}
	}
	segment, err := openSegment(segmentOptions{
		fs: local.fs, dir: dir, baseOffset: baseOffset, config: l.Config(), suffix: CleanedFileSuffix, create: true,
	})
	if err != nil {
		return nil, err
	}
	return &CleanedSegment{LogSegment: segment, log: l}, nil
}

// Append adds batches. An index without room for another entry only makes
// look-ups slower. Offsets too far from the base are an error for which
// IsSegmentOverflow holds.
func (c *CleanedSegment) Append(lastOffset, maxTimestamp, offsetOfMaxTimestamp int64, records []byte) error {
	err := c.append(lastOffset, maxTimestamp, offsetOfMaxTimestamp, records)
	if errors.Is(err, index.ErrFull) {
		return nil
	}
	return err
}

// AppendAborted notes an aborted transaction of which records are left.
func (c *CleanedSegment) AppendAborted(aborted index.AbortedTxn) error {
	return c.txnIndex.Append(aborted)
}

// Finish makes the segment durable; it counts as written when its sources were.
func (c *CleanedSegment) Finish(modified time.Time) error {
	if err := c.becomeInactive(); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	dir := c.log.Dir()
	for _, kind := range []string{LogFileSuffix, IndexFileSuffix, TimeIndexFileSuffix} {
		if err := c.fs.SetModified(segmentPath(dir, c.BaseOffset, kind, CleanedFileSuffix), modified); err != nil {
			return err
		}
	}
	return nil
}

// Discard removes a segment that is not wanted after all.
func (c *CleanedSegment) Discard() error { return c.delete() }

// IsSegmentOverflow reports whether an error is that of an offset which does not
// fit into its segment.
func IsSegmentOverflow(err error) bool {
	var overflow *segmentOverflowError
	return errors.As(err, &overflow)
}

// ErrSegmentGone says that a segment that was to be replaced is not in the log any
// more.
var ErrSegmentGone = errors.New("segment is not part of the log any more")

// ReplaceSegments puts finished segments in the place of others. Readers see the
// old ones or the new ones; what is being sent from an old file goes on. A crash
// at any moment leaves the old segments or the new ones too: the new ones are
// complete once they are called .swap, and loading the log goes on from there.
func (l *UnifiedLog) ReplaceSegments(replacements []*CleanedSegment, old []*LogSegment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.local.checkOpen(); err != nil {
		return err
	}
	err := l.replaceSegmentsLocked(replacements, old)
	return l.local.handleIO(halfDone(err), "Error while replacing segments of %s in dir %s", l.local.partition, l.local.parentDir)
}

func (l *UnifiedLog) replaceSegmentsLocked(replacements []*CleanedSegment, old []*LogSegment) error {
	local, dir := &l.local, l.Dir()
	list := local.segments.values()
	for _, segment := range old {
		if !slices.Contains(list, segment) || segment == local.segments.active() {
			return fmt.Errorf("%w: %s", ErrSegmentGone, segment)
		}
	}
	// The last one first: as long as one is still .cleaned, the .swap files at or
	// above it do not count.
	for _, segment := range slices.Backward(replacements) {
		if err := segment.changeSuffix(dir, SwapFileSuffix); err != nil {
			return err
		}
	}
	if err := local.fs.SyncDir(dir); err != nil {
		return err
	}
	list = slices.DeleteFunc(slices.Clone(list), func(segment *LogSegment) bool { return slices.Contains(old, segment) })
	vanished := slices.Clone(old)
	for _, segment := range replacements {
		at, _ := find(list, segment.BaseOffset)
		list = slices.Insert(list, at, segment.LogSegment)
		vanished = slices.DeleteFunc(vanished, func(gone *LogSegment) bool { return gone.BaseOffset == segment.BaseOffset })
	}
	local.segments.set(list)
	if err := deleteSegmentFiles(local, dir, old, true); err != nil {
		return err
	}
	for _, segment := range replacements {
		if err := segment.changeSuffix(dir, ""); err != nil {
			return err
		}
	}
	if err := local.fs.SyncDir(dir); err != nil {
		return err
	}
	return l.deleteProducerSnapshots(vanished)
}
