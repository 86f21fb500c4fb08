package log

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/record"
)

// batchPosition is where a batch lies in its segment.
type batchPosition struct {
	position   int64
	size       int
	baseOffset int64
}

// translateOffset finds the first batch whose last offset is not below the
// given one.
func (s *LogSegment) translateOffset(offset int64) (found batchPosition, ok bool, err error) {
	mapping, err := s.offsetIndex.Lookup(offset)
	if err != nil {
		return found, false, err
	}
	scanner := scanBatches(s.file, int64(mapping.Position), s.file.size.Load())
	defer scanner.close()
	for {
		header, position, size, more, err := scanner.next()
		if err != nil || !more {
			return found, false, err
		}
		if header.LastOffset() >= offset {
			return batchPosition{position, size, header.BaseOffset()}, true, nil
		}
	}
}

// read gives the region from the batch with the start offset on; ok is false if
// all batches lie below it. maxPosition bounds the region.
func (s *LogSegment) read(startOffset int64, maxSize int, maxPosition int64, minOneMessage bool) (info FetchDataInfo, ok bool, err error) {
	if !s.file.acquire() {
		return info, false, errSegmentClosed(s.path)
	}
	defer s.file.release()
	seen := s.file.truncationCount.Load()
	start, ok, err := s.translateOffset(startOffset)
	if err != nil || !ok {
		return info, false, err
	}
	info.FetchOffsetMetadata = OffsetMetadata{
		MessageOffset: startOffset, SegmentBaseOffset: s.BaseOffset, RelativePositionInSegment: int(start.position),
	}
	if minOneMessage {
		maxSize = max(maxSize, start.size)
	}
	if maxSize == 0 {
		return info, true, nil
	}
	// The bound may be a place in a segment that compaction replaced meanwhile.
	maxPosition = min(maxPosition, s.file.size.Load())
	fetchSize := int(min(maxPosition-start.position, int64(maxSize)))
	info.FirstEntryIncomplete = maxSize < start.size
	if fetchSize > 0 {
		info.Records = newFileRecords(s.file, start.position, fetchSize, seen)
	}
	return info, true, nil
}

// readNextOffset is the offset after the last record.
func (s *LogSegment) readNextOffset() (int64, error) {
	last, err := s.offsetIndex.Lookup(int64(1)<<62 - 1)
	if err != nil {
		return 0, err
	}
	if int64(last.Position) > s.file.size.Load() {
		last.Position = 0 // the index is of another file; scan everything
	}
	next := s.BaseOffset
	scanner := scanBatches(s.file, int64(last.Position), s.file.size.Load())
	defer scanner.close()
	for {
		header, _, _, ok, err := scanner.next()
		if err != nil || !ok {
			return next, err
		}
		next = header.NextOffset()
	}
}

// findOffsetByTimestamp finds the first record at or after a time and offset.
func (s *LogSegment) findOffsetByTimestamp(timestamp, startingOffset int64) (found TimestampAndOffset, ok bool, err error) {
	if !s.file.acquire() {
		return found, false, errSegmentClosed(s.path)
	}
	defer s.file.release()
	floor, err := s.timeIndex.Lookup(timestamp)
	if err != nil {
		return found, false, err
	}
	mapping, err := s.offsetIndex.Lookup(max(floor.Offset, startingOffset))
	if err != nil {
		return found, false, err
	}
	return s.searchTimestamp(int64(mapping.Position), func(header record.Batch) bool {
		return header.MaxTimestamp() >= timestamp && header.LastOffset() >= startingOffset
	}, func(candidate *record.Record) bool {
		return candidate.Timestamp >= timestamp && candidate.Offset >= startingOffset
	})
}

// findMaxTimestamp finds the first record with the largest timestamp. The time
// index knows its batch only; Kafka 3.1 answers with that batch's last offset
// (KAFKA-16310).
func (s *LogSegment) findMaxTimestamp() (found TimestampAndOffset, ok bool, err error) {
	largest, err := s.maxTimestampSoFar()
	if err != nil || largest.Timestamp < 0 {
		return found, false, err
	}
	if !s.file.acquire() {
		return found, false, errSegmentClosed(s.path)
	}
	defer s.file.release()
	start, ok, err := s.translateOffset(largest.Offset)
	if err != nil || !ok {
		return found, false, err
	}
	return s.searchTimestamp(start.position, func(header record.Batch) bool {
		return header.MaxTimestamp() >= largest.Timestamp
	}, func(candidate *record.Record) bool { return candidate.Timestamp >= largest.Timestamp })
}

// searchTimestamp looks for a record in the batches from a position on.
func (s *LogSegment) searchTimestamp(position int64, batchMatches func(record.Batch) bool, recordMatches func(*record.Record) bool) (found TimestampAndOffset, ok bool, err error) {
	scanner := scanBatches(s.file, position, s.file.size.Load())
	defer scanner.close()
	for {
		header, at, size, more, err := scanner.next()
		if err != nil || !more {
			return found, false, err
		}
		if !batchMatches(header) {
			continue
		}
		batch, err := scanner.read(at, size)
		if err != nil {
			return found, false, err
		}
		for candidate, err := range record.Records(batch) {
			if err != nil {
				return found, false, err
			}
			if recordMatches(&candidate) {
				return TimestampAndOffset{candidate.Timestamp, candidate.Offset, batch.PartitionLeaderEpoch()}, true, nil
			}
		}
	}
}

// fetchUpperBoundOffset is an offset that no record of a region lies above, if
// the index knows one.
func (s *LogSegment) fetchUpperBoundOffset(start OffsetMetadata, fetchSize int) (offset int64, ok bool, err error) {
	bound, ok, err := s.offsetIndex.UpperBound(index.OffsetPosition{Offset: start.MessageOffset, Position: start.RelativePositionInSegment}, fetchSize)
	return bound.Offset, ok, err
}

// truncateTo cuts the segment before the batch with an offset and returns how
// many bytes went.
func (s *LogSegment) truncateTo(offset int64, maxIndexSize int) (int, error) {
	cut, ok, err := s.translateOffset(offset)
	if err != nil && !errors.Is(err, kerr.CorruptMessage) {
		return 0, err
	}
	// An entry of the time index may name the first record of a batch that goes as
	// the offset lies within it.
	timesEnd := offset
	if ok {
		timesEnd = min(offset, cut.baseOffset)
	}
	if err := errors.Join(s.offsetIndex.TruncateTo(offset), s.timeIndex.TruncateTo(timesEnd), s.txnIndex.TruncateTo(offset)); err != nil {
		return 0, err
	}
	if err := s.presizeIndexes(maxIndexSize); err != nil {
		return 0, err
	}
	truncated := 0
	if ok {
		truncated = s.Size() - int(cut.position)
		if err := s.file.truncate(cut.position); err != nil {
			return 0, err
		}
	}
	s.bytesSinceLastIndexEntry = 0
	return truncated, s.reloadTimestamps()
}

// reloadTimestamps finds the largest timestamp of what is left after a cut.
func (s *LogSegment) reloadTimestamps() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Size() == 0 {
		s.firstTimestampKnown = false
	}
	largest, err := s.timeIndex.LastEntry()
	if err != nil {
		return err
	}
	mapping, err := s.offsetIndex.Lookup(largest.Offset)
	if err != nil {
		return err
	}
	scanner := scanBatches(s.file, int64(mapping.Position), s.file.size.Load())
	defer scanner.close()
	for {
		header, _, _, ok, err := scanner.next()
		if err != nil {
			return fmt.Errorf("largest timestamp of %s: %w", s.path, err)
		}
		if !ok {
			break
		}
		if header.MaxTimestamp() > largest.Timestamp {
			largest = index.TimestampOffset{Timestamp: header.MaxTimestamp(), Offset: header.LastOffset()}
		}
	}
	s.largest, s.largestKnown = largest, true
	return nil
}
