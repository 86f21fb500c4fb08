package record

import (
	"fmt"
	"io"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// windowSize is how much decompressed data a reader holds at a time; only a
	// record that is wanted whole and larger makes the window grow.
	windowSize = 32 << 10
	// keptWindow is the largest window that goes back to the pool.
	keptWindow = 1 << 20
	// minRecordSize is the smallest record: length, attributes, two deltas, two
	// null lengths and no headers.
	minRecordSize = 7
)

// Reader walks the records of one v2 batch. A compressed batch is decompressed
// through a window of bounded size.
type Reader struct {
	batch      Batch
	source     decompressor
	window     []byte
	pooled     *[]byte // what the window of a compressed batch is of
	start, end int
	exhausted  bool
	index      int32
	count      int32
	// maxRecord bounds the size of a decompressed record if it is not 0.
	maxRecord int

	// What the header of the batch says of all its records.
	baseOffset, baseTimestamp int64
	baseSequence              int32
	logAppendTime             bool
}

var readers = sync.Pool{New: func() any { return &Reader{} }}
var windows = sync.Pool{New: func() any { window := make([]byte, windowSize); return &window }}

// NewReader starts at the first record of a v2 batch. Close it.
func NewReader(batch Batch) (*Reader, error) {
	if batch.Count() < 0 {
		return nil, invalidRecord("Found invalid record count %d in magic v%d batch", batch.Count(), batch.Magic())
	}
	reader := readers.Get().(*Reader)
	*reader = Reader{
		batch: batch, count: batch.Count(), baseOffset: batch.BaseOffset(), baseTimestamp: batch.BaseTimestamp(),
		baseSequence: batch.BaseSequence(), logAppendTime: batch.TimestampType() == LogAppendTime,
	}
	if batch.Compression() == None {
		reader.window, reader.end = batch[HeaderSize:], len(batch)-HeaderSize
		return reader, nil
	}
	source, err := newDecompressor(batch.Compression(), batch.Magic(), batch[HeaderSize:])
	if err != nil {
		reader.Close()
		return nil, err
	}
	reader.source = source
	reader.pooled = windows.Get().(*[]byte)
	reader.window = *reader.pooled
	return reader, nil
}

// Close gives the reader's buffers back. The reader must not be used again.
func (r *Reader) Close() {
	if r.source != nil {
		r.source.release()
		if len(r.window) <= keptWindow {
			*r.pooled = r.window
			windows.Put(r.pooled)
		}
	}
	*r = Reader{}
	readers.Put(r)
}

// Next gives the next record; ok is false after the last. The record's bytes
// are valid until the next call.
func (r *Reader) Next() (record Record, ok bool, err error) {
	ok, err = r.next(&record, false)
	return record, ok, err
}

// NextPartial fills in all of a record but key, value and headers, of which Key
// only tells whether there is one. Its memory is bounded whatever the size of
// the record.
func (r *Reader) NextPartial(record *Record) (ok bool, err error) { return r.next(record, true) }

func (r *Reader) next(record *Record, partial bool) (bool, error) {
	if r.index >= r.count {
		return false, r.checkNothingRemains()
	}
	if r.source == nil && r.quickNext(record) {
		r.finish(record)
		return true, nil
	}
	size, err := r.readSize()
	if err != nil {
		return false, err
	}
	if partial && size > len(r.window) {
		err = r.skipRecord(size, record)
	} else {
		err = r.readRecord(size, record)
	}
	if err != nil {
		return false, err
	}
	r.finish(record)
	return true, nil
}

// finish turns the deltas of the encoding into offset, timestamp and sequence, and
// counts the record.
func (r *Reader) finish(record *Record) {
	delta := record.Offset
	record.Offset = r.baseOffset + delta
	if r.logAppendTime {
		record.Timestamp = r.batch.MaxTimestamp()
	} else {
		record.Timestamp += r.baseTimestamp
	}
	record.Sequence = NoSequence
	if r.baseSequence >= 0 {
		record.Sequence = IncrementSequence(r.baseSequence, int32(delta))
	}
	r.index++
}

func (r *Reader) readSize() (int, error) {
	if r.end-r.start < maxVarintLen32 {
		if _, err := r.fill(maxVarintLen32); err != nil {
			return 0, err
		}
	}
	if r.end == r.start {
		return 0, invalidRecord("Incorrect declared batch size, premature EOF reached")
	}
	size, n := varint32(r.window[r.start:r.end])
	if n <= 0 {
		return 0, invalidRecord("Found invalid record structure")
	}
	r.start += n
	if size < minRecordSize-1 {
		return 0, invalidRecord("Found invalid record structure: record size %d", size)
	}
	if r.maxRecord > 0 && r.source != nil && int(size) > r.maxRecord {
		return 0, fmt.Errorf("%w: a compressed record has %d bytes", kerr.MessageTooLarge, size)
	}
	return int(size), nil
}

func (r *Reader) readRecord(size int, record *Record) error {
	if r.end-r.start < size {
		if ok, err := r.fill(size); err != nil {
			return err
		} else if !ok {
			return invalidRecord("Incorrect declared batch size, premature EOF reached")
		}
	}
	body := r.window[r.start : r.start+size : r.start+size]
	r.start += size
	return parseRecord(body, record)
}

// fill reads until n bytes are in the window and reports whether they are; it
// grows the window only as far as data arrives.
func (r *Reader) fill(n int) (bool, error) {
	for r.end-r.start < n {
		if r.source == nil || r.exhausted {
			return false, nil
		}
		if r.start > 0 {
			r.end = copy(r.window, r.window[r.start:r.end])
			r.start = 0
		}
		if r.end == len(r.window) {
			grown := make([]byte, min(2*len(r.window), max(n, windowSize)))
			copy(grown, r.window)
			r.window = grown
		}
		read, err := r.source.Read(r.window[r.end:])
		r.end += read
		if err == io.EOF {
			r.exhausted = true
		} else if err != nil {
			return false, decompressionError(err)
		}
	}
	return true, nil
}

func (r *Reader) checkNothingRemains() error {
	ok, err := r.fill(1)
	if err != nil {
		return err
	}
	if ok {
		return invalidRecord("Incorrect declared batch size, records still remaining in file")
	}
	return nil
}

// skipRecord walks a record larger than the window without holding it.
func (r *Reader) skipRecord(size int, record *Record) error {
	remaining := size
	take := func() (int64, error) {
		value, n, err := r.readVarint(remaining)
		remaining -= n
		return value, err
	}
	skip := func(n int64) error {
		if n > int64(remaining) {
			return invalidRecord("Found invalid record structure: field of %d bytes in the last %d of a record", n, remaining)
		}
		remaining -= int(max(n, 0))
		return r.discard(int(max(n, 0)))
	}
	return walkRecord(record, take, skip, func() int { return remaining })
}

// walkRecord is the grammar of a record over a source of varints and a skip.
func walkRecord(record *Record, take func() (int64, error), skip func(int64) error, remaining func() int) error {
	*record = Record{}
	if err := skip(1); err != nil {
		return err
	}
	var err error
	if record.Timestamp, err = take(); err != nil {
		return err
	}
	if record.Offset, err = take(); err != nil {
		return err
	}
	keySize, err := skipField(take, skip)
	if err != nil {
		return err
	}
	if keySize >= 0 {
		record.Key = []byte{}
	}
	if _, err = skipField(take, skip); err != nil {
		return err
	}
	count, err := take()
	if err != nil {
		return err
	}
	if count < 0 || count > int64(remaining()) {
		return invalidRecord("Found invalid number of record headers %d", count)
	}
	for range count {
		if size, err := skipField(take, skip); err != nil || size < 0 {
			return invalidRecord("Invalid negative header key size")
		}
		if _, err := skipField(take, skip); err != nil {
			return err
		}
	}
	if remaining() != 0 {
		return invalidRecord("Invalid record size: %d bytes of the record remain", remaining())
	}
	return nil
}

func skipField(take func() (int64, error), skip func(int64) error) (int64, error) {
	size, err := take()
	if err != nil {
		return 0, err
	}
	return size, skip(size)
}

// readVarint reads a varint that must end within the next limit bytes.
func (r *Reader) readVarint(limit int) (int64, int, error) {
	if _, err := r.fill(min(limit, maxVarintLen64)); err != nil {
		return 0, 0, err
	}
	value, n := varint64(r.window[r.start:min(r.end, r.start+limit)])
	if n <= 0 {
		return 0, 0, invalidRecord("Found invalid record structure")
	}
	r.start += n
	return value, n, nil
}

func (r *Reader) discard(n int) error {
	for n > 0 {
		if r.start == r.end {
			if ok, err := r.fill(1); err != nil {
				return err
			} else if !ok {
				return invalidRecord("Incorrect declared batch size, premature EOF reached")
			}
		}
		step := min(n, r.end-r.start)
		r.start += step
		n -= step
	}
	return nil
}
