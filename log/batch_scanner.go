package log

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/record"
)

// The window of a scan: small for a look-up, which ends within the index
// interval, large for a recovery, which reads everything.
const (
	scanWindow     = 8 << 10
	recoveryWindow = 1 << 20
)

var scanWindows = sync.Pool{New: func() any { window := make([]byte, scanWindow); return &window }}

// batchScanner walks the batches of a segment file by their headers, of which
// it reads several at a time where batches are small.
type batchScanner struct {
	file     *segmentFile
	position int64
	end      int64
	pooled   *[]byte
	window   []byte
	windowAt int64
	body     []byte
}

func scanBatches(file *segmentFile, position, end int64) *batchScanner {
	pooled := scanWindows.Get().(*[]byte)
	return &batchScanner{file: file, position: position, end: end, pooled: pooled}
}

// scanAll is for walking whole segments, bodies included.
func scanAll(file *segmentFile, position, end int64) *batchScanner {
	window := make([]byte, min(recoveryWindow, max(int(end-position), scanWindow)))
	return &batchScanner{file: file, position: position, end: end, pooled: &window}
}

func (s *batchScanner) close() {
	if len(*s.pooled) == scanWindow {
		scanWindows.Put(s.pooled)
	}
}

// next gives the header of the next batch, which answers all but what needs
// records, its position and its size. ok is false at the end and at a partial
// batch; an impossible header is a CORRUPT_MESSAGE error.
func (s *batchScanner) next() (header record.Batch, position int64, size int, ok bool, err error) {
	available := int(min(s.end-s.position, record.HeaderSize))
	if available < record.HeaderSizeUpToMagic {
		return nil, s.position, 0, false, nil
	}
	if s.position < s.windowAt || s.position+int64(available) > s.windowAt+int64(len(s.window)) {
		if err := s.fill(); err != nil {
			return nil, s.position, 0, false, err
		}
		available = min(available, len(s.window))
	}
	raw := s.window[s.position-s.windowAt:]
	size, err = record.SizeOf(raw)
	if err != nil {
		if errors.Is(err, record.ErrIncomplete) {
			return nil, s.position, 0, false, nil
		}
		return nil, s.position, 0, false, fmt.Errorf("%s at position %d: %w", s.file.file.Name(), s.position, err)
	}
	if int64(size) > s.end-s.position {
		return nil, s.position, size, false, nil
	}
	position = s.position
	s.position += int64(size)
	return record.Batch(raw[:min(available, size)]), position, size, true, nil
}

func (s *batchScanner) fill() error {
	want := (*s.pooled)[:min(int64(len(*s.pooled)), s.end-s.position)]
	n, err := s.file.file.ReadAt(want, s.position)
	s.window, s.windowAt = want[:n], s.position
	if n < len(want) && err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n < record.HeaderSizeUpToMagic {
		return fmt.Errorf("%w: %s ends at position %d", kerr.CorruptMessage, s.file.file.Name(), s.position+int64(n))
	}
	return nil
}

// read gives a whole batch, valid until the next call.
func (s *batchScanner) read(position int64, size int) (record.Batch, error) {
	if at := position - s.windowAt; at >= 0 && at+int64(size) <= int64(len(s.window)) {
		return record.Batch(s.window[at : at+int64(size)]), nil
	}
	if cap(s.body) < size {
		s.body = make([]byte, max(size, 2*cap(s.body)))
	}
	body := s.body[:size]
	if n, err := s.file.file.ReadAt(body, position); n < size {
		return nil, fmt.Errorf("%s: read %d of %d bytes at %d: %w", s.file.file.Name(), n, size, position, err)
	}
	return record.Batch(body), nil
}
