package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// LogSegment is one segment of a log: a file of batches and its indexes, as
// kafka.log.LogSegment. Appending, truncating and deleting need the log's lock;
// reading does not.
type LogSegment struct {
	BaseOffset  int64
	fs          vfs.FS
	file        *segmentFile
	offsetIndex *index.OffsetIndex
	timeIndex   *index.TimeIndex
	txnIndex    *index.TransactionIndex

	indexIntervalBytes int
	rollJitterMs       int64
	// bytesSinceLastIndexEntry belongs to the appender.
	bytesSinceLastIndexEntry int

	mu sync.Mutex // guards what follows
	// path is that of the log file.
	path    string
	created time.Time
	// firstTimestamp is the max timestamp of the first batch, which the roll by
	// time counts from.
	firstTimestamp      int64
	firstTimestampKnown bool
	// largest is the largest timestamp so far and the offset of its batch or
	// record.
	largest      index.TimestampOffset
	largestKnown bool
}

// segmentOptions are what opening a segment needs.
type segmentOptions struct {
	fs         vfs.FS
	dir        string
	baseOffset int64
	config     *Config
	suffix     string
	// create makes new files, presized for appending.
	create bool
}

// openSegment opens or creates a segment. Of an existing one only the log file
// is looked at.
func openSegment(options segmentOptions) (*LogSegment, error) {
	path := segmentPath(options.dir, options.baseOffset, LogFileSuffix, options.suffix)
	flag := os.O_RDWR
	if options.create {
		flag |= os.O_CREATE
	}
	file, err := options.fs.OpenFile(path, flag, 0o644)
	if err != nil {
		return nil, err
	}
	segment := newSegment(options, path)
	if options.create {
		err = segment.initialize(file, options.config)
	} else {
		err = segment.adopt(file)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return segment, nil
}

func newSegment(options segmentOptions, path string) *LogSegment {
	config := options.config
	indexPath := func(kind string) string {
		return segmentPath(options.dir, options.baseOffset, kind, options.suffix)
	}
	segment := &LogSegment{
		BaseOffset:         options.baseOffset,
		fs:                 options.fs,
		offsetIndex:        index.NewOffsetIndex(options.fs, indexPath(IndexFileSuffix), options.baseOffset, config.SegmentIndexBytes),
		timeIndex:          index.NewTimeIndex(options.fs, indexPath(TimeIndexFileSuffix), options.baseOffset, config.SegmentIndexBytes),
		txnIndex:           index.NewTransactionIndex(options.fs, indexPath(TxnIndexFileSuffix), options.baseOffset),
		indexIntervalBytes: config.IndexIntervalBytes,
		path:               path,
		created:            time.Now(),
	}
	if jitter := min(config.SegmentJitterMs, config.SegmentMs); jitter > 0 {
		segment.rollJitterMs = rand.Int64N(jitter)
	}
	return segment
}

func (s *LogSegment) initialize(file vfs.File, config *Config) error {
	if config.Preallocate {
		if err := file.Truncate(int64(config.SegmentBytes)); err != nil {
			return err
		}
	}
	s.file = newSegmentFile(file, 0)
	s.largest = index.TimestampOffset{Timestamp: record.NoTimestamp, Offset: s.BaseOffset}
	s.largestKnown = true
	return errors.Join(s.offsetIndex.Reset(), s.timeIndex.Reset())
}

func (s *LogSegment) adopt(file vfs.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > math.MaxInt32 {
		return fmt.Errorf("the size of segment %s (%d) is larger than the maximum allowed segment size of %d", s.path, info.Size(), math.MaxInt32)
	}
	s.file = newSegmentFile(file, info.Size())
	return nil
}

// Size is the number of bytes of batches.
func (s *LogSegment) Size() int { return int(s.file.size.Load()) }

// canConvertToRelativeOffset reports whether an offset can be indexed.
func (s *LogSegment) canConvertToRelativeOffset(offset int64) bool {
	relative := offset - s.BaseOffset
	return relative >= 0 && relative <= math.MaxInt32
}

// rollParams are what decides whether a segment is full for the next append.
type rollParams struct {
	maxSegmentMs           int64
	maxSegmentBytes        int
	maxTimestampInMessages int64
	maxOffsetInMessages    int64
	messagesSize           int
	nowMs                  int64
}

func (s *LogSegment) shouldRoll(params rollParams) (bool, error) {
	size := s.Size()
	if size > params.maxSegmentBytes-params.messagesSize || !s.canConvertToRelativeOffset(params.maxOffsetInMessages) {
		return true, nil
	}
	if size > 0 {
		waited, err := s.timeWaitedForRoll(params.nowMs, params.maxTimestampInMessages)
		if err != nil || waited > params.maxSegmentMs-s.rollJitterMs {
			return true, err
		}
	}
	full, err := s.offsetIndex.IsFull()
	if err != nil || full {
		return true, err
	}
	return s.timeIndex.IsFull()
}

// timeWaitedForRoll is measured in time of records if the first batch has one.
func (s *LogSegment) timeWaitedForRoll(nowMs, messageTimestamp int64) (int64, error) {
	first, err := s.firstBatchTimestamp()
	if err != nil {
		return 0, err
	}
	if first >= 0 {
		return messageTimestamp - first, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return nowMs - s.created.UnixMilli(), nil
}

// firstBatchTimestamp is the max timestamp of the first batch, -1 if there is
// none.
func (s *LogSegment) firstBatchTimestamp() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.firstTimestampKnown || s.Size() == 0 {
		if s.firstTimestampKnown {
			return s.firstTimestamp, nil
		}
		return record.NoTimestamp, nil
	}
	if !s.file.acquire() {
		return 0, errSegmentClosed(s.path)
	}
	defer s.file.release()
	scanner := scanBatches(s.file, 0, s.file.size.Load())
	defer scanner.close()
	header, _, _, ok, err := scanner.next()
	if err != nil || !ok {
		return record.NoTimestamp, err
	}
	s.firstTimestamp, s.firstTimestampKnown = header.MaxTimestamp(), true
	return s.firstTimestamp, nil
}

func errSegmentClosed(path string) error {
	return fmt.Errorf("%w: segment %s is closed", kerr.KafkaStorageError, path)
}

// maxTimestampSoFar is the largest timestamp and the offset of its batch, from
// the time index if the segment was not appended to since it was opened.
func (s *LogSegment) maxTimestampSoFar() (index.TimestampOffset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxTimestampLocked()
}

func (s *LogSegment) maxTimestampLocked() (index.TimestampOffset, error) {
	if s.largestKnown {
		return s.largest, nil
	}
	largest, err := s.timeIndex.LastEntry()
	if err == nil {
		s.largest, s.largestKnown = largest, true
	}
	return largest, err
}

// append writes batches at the end in one write and indexes them by the rule of
// LogSegment.append: an entry when enough bytes were appended since the last.
func (s *LogSegment) append(largestOffset, largestTimestamp, offsetOfMaxTimestamp int64, records []byte) error {
	position := s.Size()
	if !s.canConvertToRelativeOffset(largestOffset) {
		return &segmentOverflowError{segment: s, offset: largestOffset}
	}
	if err := vfs.WriteFull(s.file.file, records, int64(position)); err != nil {
		if vfs.IsNoSpace(err) { // what found room must not be taken for a batch
			err = errors.Join(err, s.file.file.Truncate(int64(position)))
		}
		return err
	}
	s.file.size.Store(int64(position + len(records)))
	return halfDone(s.indexAppended(position, largestOffset, largestTimestamp, offsetOfMaxTimestamp, len(records)))
}

// indexAppended takes an append into the indexes.
func (s *LogSegment) indexAppended(position int, largestOffset, largestTimestamp, offsetOfMaxTimestamp int64, size int) error {
	largest, err := s.noteAppended(position, largestTimestamp, offsetOfMaxTimestamp)
	if err != nil {
		return err
	}
	if s.bytesSinceLastIndexEntry > s.indexIntervalBytes {
		if err := s.offsetIndex.Append(largestOffset, position); err != nil {
			return err
		}
		if err := s.timeIndex.MaybeAppend(largest.Timestamp, largest.Offset, false); err != nil {
			return err
		}
		s.bytesSinceLastIndexEntry = 0
	}
	s.bytesSinceLastIndexEntry += size
	return nil
}

func (s *LogSegment) noteAppended(position int, timestamp, offset int64) (index.TimestampOffset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if position == 0 {
		s.firstTimestamp, s.firstTimestampKnown = timestamp, true
	}
	largest, err := s.maxTimestampLocked()
	if err != nil {
		return largest, err
	}
	if timestamp > largest.Timestamp {
		s.largest = index.TimestampOffset{Timestamp: timestamp, Offset: offset}
	}
	return s.largest, nil
}

// segmentOverflowError says that a batch lies too far from the base offset of
// its segment, as old versions may have left it.
type segmentOverflowError struct {
	segment *LogSegment
	offset  int64
}

func (e *segmentOverflowError) Error() string {
	return fmt.Sprintf("detected offset overflow at offset %d in segment %s", e.offset, e.segment)
}

// LastModified is when the log file was last written.
func (s *LogSegment) LastModified() (time.Time, error) {
	if !s.file.acquire() {
		return time.Time{}, errSegmentClosed(s.path)
	}
	defer s.file.release()
	info, err := s.file.file.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// largestTimestamp is the largest timestamp of the records, else the time of
// the last write.
func (s *LogSegment) largestTimestamp() (ms int64, ofRecord bool, err error) {
	largest, err := s.maxTimestampSoFar()
	if err != nil {
		return 0, false, err
	}
	if largest.Timestamp >= 0 {
		return largest.Timestamp, true, nil
	}
	modified, err := s.LastModified()
	return modified.UnixMilli(), false, err
}

// String gives the form of Kafka's log messages.
func (s *LogSegment) String() string {
	modified, _ := s.LastModified()
	largest, _ := s.maxTimestampSoFar()
	return fmt.Sprintf("LogSegment(baseOffset=%d, size=%d, lastModifiedTime=%d, largestRecordTimestamp=%d)",
		s.BaseOffset, s.Size(), modified.UnixMilli(), largest.Timestamp)
}

// presizeIndexes makes room for the entries of an active segment.
func (s *LogSegment) presizeIndexes(maxSize int) error {
	return errors.Join(s.offsetIndex.Presize(maxSize), s.timeIndex.Presize(maxSize))
}

// becomeInactive finishes the segment when another takes over: the last time
// entry is written and all files are cut to what they hold.
func (s *LogSegment) becomeInactive() error {
	if err := s.addFinalTimeEntry(); err != nil {
		return err
	}
	if err := errors.Join(s.offsetIndex.Trim(), s.timeIndex.Trim()); err != nil {
		return err
	}
	return s.trimFile()
}

// indexesAreFinished tells whether the indexes' files end with their entries, as those
// of a segment that became inactive, and have none of records that were truncated.
func (s *LogSegment) indexesAreFinished(end int64) (bool, error) {
	offsetsTrimmed, err := s.offsetIndex.IsTrimmed()
	if err != nil || !offsetsTrimmed {
		return false, err
	}
	timesTrimmed, err := s.timeIndex.IsTrimmed()
	if err != nil || !timesTrimmed {
		return false, err
	}
	last, err := s.offsetIndex.Lookup(math.MaxInt64)
	if err != nil || last.Offset >= end {
		return false, err
	}
	largest, err := s.timeIndex.LastEntry()
	return largest.Offset < end, err
}

func (s *LogSegment) addFinalTimeEntry() error {
	largest, err := s.maxTimestampSoFar()
	if err != nil {
		return err
	}
	return s.timeIndex.MaybeAppend(largest.Timestamp, largest.Offset, true)
}

// trimFile takes back what was preallocated.
func (s *LogSegment) trimFile() error {
	info, err := s.file.file.Stat()
	if err != nil || info.Size() == s.file.size.Load() {
		return err
	}
	return s.file.file.Truncate(s.file.size.Load())
}

// flush makes the segment durable.
func (s *LogSegment) flush() error {
	if !s.file.acquire() {
		return nil // deleted meanwhile
	}
	defer s.file.release()
	if err := s.file.file.Sync(); err != nil {
		return err
	}
	for _, flush := range []func() error{s.offsetIndex.Flush, s.timeIndex.Flush, s.txnIndex.Flush} {
		if err := flush(); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// setDir tells that the directory of the partition was renamed.
func (s *LogSegment) setDir(dir, suffix string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.path = segmentPath(dir, s.BaseOffset, LogFileSuffix, suffix)
	s.offsetIndex.SetPath(segmentPath(dir, s.BaseOffset, IndexFileSuffix, suffix))
	s.timeIndex.SetPath(segmentPath(dir, s.BaseOffset, TimeIndexFileSuffix, suffix))
	s.txnIndex.SetPath(segmentPath(dir, s.BaseOffset, TxnIndexFileSuffix, suffix))
}

// changeSuffix renames all files of the segment.
func (s *LogSegment) changeSuffix(dir, suffix string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := segmentPath(dir, s.BaseOffset, LogFileSuffix, suffix)
	if err := s.fs.Rename(s.path, path); err != nil {
		return err
	}
	s.path = path
	return errors.Join(
		s.offsetIndex.Rename(segmentPath(dir, s.BaseOffset, IndexFileSuffix, suffix)),
		s.timeIndex.Rename(segmentPath(dir, s.BaseOffset, TimeIndexFileSuffix, suffix)),
		s.txnIndex.Rename(segmentPath(dir, s.BaseOffset, TxnIndexFileSuffix, suffix)))
}

// close leaves the files as a clean shutdown needs them.
func (s *LogSegment) close() error {
	s.mu.Lock()
	known := s.largestKnown
	s.mu.Unlock()
	var err error
	if known {
		err = s.addFinalTimeEntry()
	}
	return errors.Join(err, s.offsetIndex.Trim(), s.timeIndex.Trim(), s.trimFile(), s.file.release())
}

// closeHandlers lets go of the file without writing anything.
func (s *LogSegment) closeHandlers() error { return s.file.release() }

// delete removes the files and lets go of the log file.
func (s *LogSegment) delete() error {
	s.mu.Lock()
	path := s.path
	s.mu.Unlock()
	return errors.Join(
		vfs.RemoveIfExists(s.fs, path), s.offsetIndex.Delete(), s.timeIndex.Delete(), s.txnIndex.Delete(), s.file.release())
}
