package record

import (
	"encoding/binary"
	"io"
)

// recordWriter encodes records of the v2 format behind a batch header, through
// a compressor if there is one.
type recordWriter struct {
	target  *[]byte
	sink    io.WriteCloser
	scratch []byte
}

// sliceWriter appends to a slice.
type sliceWriter struct{ target *[]byte }

func (s sliceWriter) Write(data []byte) (int, error) {
	*s.target = append(*s.target, data...)
	return len(data), nil
}

func newRecordWriter(compression Compression, target *[]byte) (recordWriter, error) {
	if compression == None {
		return recordWriter{target: target}, nil
	}
	sink, err := newCompressor(compression, sliceWriter{target})
	return recordWriter{target: target, sink: sink}, err
}

func (w *recordWriter) write(record *Record, offsetDelta, timestampDelta int64) error {
	size := bodySize(record, offsetDelta, timestampDelta)
	if w.sink == nil {
		*w.target = appendBody(appendVarint(*w.target, int64(size)), record, offsetDelta, timestampDelta)
		return nil
	}
	w.scratch = appendBody(appendVarint(w.scratch[:0], int64(size)), record, offsetDelta, timestampDelta)
	_, err := w.sink.Write(w.scratch)
	return err
}

func (w *recordWriter) close() error {
	if w.sink == nil {
		return nil
	}
	return w.sink.Close()
}

func appendBody(to []byte, record *Record, offsetDelta, timestampDelta int64) []byte {
	to = append(to, 0) // attributes of a record are unused
	to = appendVarint(to, timestampDelta)
	to = appendVarint(to, offsetDelta)
	to = appendNullable(to, record.Key)
	to = appendNullable(to, record.Value)
	to = appendVarint(to, int64(record.HeaderCount))
	return append(to, record.RawHeaders...)
}

func bodySize(record *Record, offsetDelta, timestampDelta int64) int {
	return 1 + varintSize(timestampDelta) + varintSize(offsetDelta) +
		nullableSize(record.Key) + nullableSize(record.Value) +
		varintSize(int64(record.HeaderCount)) + len(record.RawHeaders)
}

func appendVarint(to []byte, value int64) []byte { return binary.AppendVarint(to, value) }

func varintSize(value int64) int {
	zigzag := uint64(value<<1) ^ uint64(value>>63)
	size := 1
	for zigzag >= 0x80 {
		zigzag >>= 7
		size++
	}
	return size
}

func appendNullable(to, value []byte) []byte {
	if value == nil {
		return appendVarint(to, -1)
	}
	return append(appendVarint(to, int64(len(value))), value...)
}

func nullableSize(value []byte) int {
	if value == nil {
		return 1
	}
	return varintSize(int64(len(value))) + len(value)
}
