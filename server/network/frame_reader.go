package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// readAheadSize is what an idle connection holds for reading. Most
	// requests fit, so that one read gets length and frame.
	readAheadSize = 1 << 10
	// firstBuffer is how much of a frame is given memory before any of it was
	// received on a connection that is yet unknown.
	firstBuffer = 16 << 10
)

// errInvalidReceive is a frame length that cannot be, Kafka's
// InvalidReceiveException.
var errInvalidReceive = errors.New("Invalid receive") //nolint:staticcheck // Kafka's words

// frameReader cuts a connection's bytes into frames.
type frameReader struct {
	source   io.Reader
	maxBytes int
	memory   *memoryPool
	givenUp  func() bool

	ahead      [readAheadSize]byte
	start, end int // of what is in ahead
	// trusted is about the length of the frames received so far: that much
	// is given memory at once, so that large frames are not copied while
	// they grow. A peer has to send as much before it can hold as much.
	trusted int
}

// next reads one frame, without its length, into a pooled buffer. It returns
// io.EOF only between frames.
func (f *frameReader) next() (*buffer, error) {
	length, err := f.length()
	if err != nil {
		return nil, err
	}
	if !f.memory.reserve(length, f.givenUp) {
		return nil, io.ErrClosedPipe
	}
	frame := newBuffer(min(length, max(firstBuffer, 2*f.trusted)))
	if f.memory != nil {
		frame.reserved, frame.pool = length, f.memory
	}
	taken := min(length, f.end-f.start)
	frame.bytes = append(frame.bytes, f.ahead[f.start:f.start+taken]...)
	f.start += taken
	frame, err = f.fill(frame, length)
	if err != nil {
		frame.release()
		return nil, err
	}
	f.trusted += (length - f.trusted) / 4
	if length > f.trusted {
		f.trusted = length
	}
	return frame, nil
}

func (f *frameReader) length() (int, error) {
	for f.end-f.start < 4 {
		if f.start > 0 {
			copy(f.ahead[:], f.ahead[f.start:f.end])
			f.end -= f.start
			f.start = 0
		}
		n, err := f.source.Read(f.ahead[f.end:])
		f.end += n
		if n == 0 && err != nil {
			if err == io.EOF && f.end > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
	}
	length := int(int32(binary.BigEndian.Uint32(f.ahead[f.start:])))
	f.start += 4
	switch {
	case length < 0:
		return 0, fmt.Errorf("%w (size = %d)", errInvalidReceive, length)
	case length > f.maxBytes:
		return 0, fmt.Errorf("%w (size = %d larger than %d)", errInvalidReceive, length, f.maxBytes)
	}
	return length, nil
}

// fill reads until the frame has its length. The buffer grows by doubling when
// all of it was received.
func (f *frameReader) fill(frame *buffer, length int) (*buffer, error) {
	for len(frame.bytes) < length {
		if len(frame.bytes) == cap(frame.bytes) {
			frame = frame.grow(min(length, 2*cap(frame.bytes)))
		}
		n, err := f.source.Read(frame.bytes[len(frame.bytes):min(cap(frame.bytes), length)])
		frame.bytes = frame.bytes[:len(frame.bytes)+n]
		if n == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return frame, err
		}
	}
	return frame, nil
}
