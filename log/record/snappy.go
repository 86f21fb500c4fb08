package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/snappy"
)

// snappyHeader begins the stream of the Java library (xerial): magic, version 1
// and lowest compatible version 1. Blocks follow, each behind its length.
var snappyHeader = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}

const (
	snappyMagicSize = 8
	// snappyBlockSize is how much the Java library compresses at a time.
	snappyBlockSize = 32 << 10
	// snappyMaxRatio bounds what a block can expand to: the densest element is
	// a copy of 64 bytes coded in 3.
	snappyMaxRatio = 22
)

var errSnappy = errors.New("snappy: corrupt input")

// snappySource reads a stream of the Java library, or, as that library does,
// one bare snappy block.
type snappySource struct {
	input  []byte
	bare   bool
	block  []byte
	unread []byte
}

var snappySources = sync.Pool{New: func() any { return &snappySource{} }}

func newSnappySource(data []byte) decompressor {
	source := snappySources.Get().(*snappySource)
	source.input, source.unread, source.bare = data, nil, true
	if bytes.HasPrefix(data, snappyHeader[:snappyMagicSize]) && len(data) >= len(snappyHeader) {
		source.input, source.bare = data[len(snappyHeader):], false
	}
	return source
}

func (s *snappySource) Read(to []byte) (int, error) {
	for len(s.unread) == 0 {
		if len(s.input) == 0 {
			return 0, io.EOF
		}
		if err := s.nextBlock(); err != nil {
			return 0, err
		}
	}
	n := copy(to, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

func (s *snappySource) nextBlock() error {
	compressed := s.input
	if s.bare {
		s.input = nil
	} else {
		if len(s.input) < 4 {
			return errSnappy
		}
		// Streams may be concatenated, each with its header.
		if bytes.HasPrefix(s.input, snappyHeader) {
			s.input = s.input[len(snappyHeader):]
			return nil
		}
		size := binary.BigEndian.Uint32(s.input)
		if uint64(size) > uint64(len(s.input)-4) {
			return errSnappy
		}
		compressed, s.input = s.input[4:4+size], s.input[4+size:]
	}
	length, err := snappy.DecodedLen(compressed)
	if err != nil {
		return err
	}
	if length > snappyMaxRatio*len(compressed) {
		return errSnappy
	}
	if length > cap(s.block) {
		s.block = make([]byte, length)
	}
	s.unread, err = snappy.Decode(s.block[:cap(s.block)], compressed)
	return err
}

func (s *snappySource) release() {
	s.input, s.unread = nil, nil
	if cap(s.block) > keptWindow {
		s.block = nil
	}
	snappySources.Put(s)
}

// snappyWriter writes a stream of the Java library.
type snappyWriter struct {
	to         io.Writer
	pending    []byte
	compressed []byte
	begun      bool
}

func newSnappyWriter(to io.Writer) *snappyWriter {
	return &snappyWriter{to: to, pending: make([]byte, 0, snappyBlockSize)}
}

func (w *snappyWriter) Write(data []byte) (int, error) {
	written := len(data)
	for len(data) > 0 {
		n := min(len(data), snappyBlockSize-len(w.pending))
		w.pending = append(w.pending, data[:n]...)
		data = data[n:]
		if len(w.pending) == snappyBlockSize {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

func (w *snappyWriter) flush() error {
	if !w.begun {
		w.begun = true
		if _, err := w.to.Write(snappyHeader); err != nil {
			return err
		}
	}
	if len(w.pending) == 0 {
		return nil
	}
	if w.compressed == nil {
		w.compressed = make([]byte, 4+snappy.MaxEncodedLen(snappyBlockSize))
	}
	block := snappy.Encode(w.compressed[4:], w.pending)
	binary.BigEndian.PutUint32(w.compressed, uint32(len(block)))
	w.pending = w.pending[:0]
	_, err := w.to.Write(w.compressed[:4+len(block)])
	return err
}

func (w *snappyWriter) Close() error { return w.flush() }
