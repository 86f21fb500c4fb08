package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	// lz4FrameHeader is the frame header that the LZ4 compressor writes, its
	// checksum the last byte.
	lz4FrameHeader = 7
)

// LegacyOptions say what a LegacyBuilder writes.
type LegacyOptions struct {
	// Magic is MagicV0 or MagicV1.
	Magic         int8
	Compression   Compression
	TimestampType TimestampType
	// LogAppendTime is the timestamp of all records if TimestampType is
	// LogAppendTime.
	LogAppendTime int64
}

// LegacyBuilder writes v0 or v1 messages: one for each record, or with a codec
// one around all of them. Headers and sequence numbers of the records are lost.
// It is what MemoryRecordsBuilder is for the old formats.
type LegacyBuilder struct {
	options LegacyOptions
	buffer  []byte
	start   int // of what this builder adds to the buffer
	sink    io.WriteCloser
	scratch []byte

	count                int
	baseOffset           int64
	lastOffset           int64
	maxTimestamp         int64
	offsetOfMaxTimestamp int64
}

// NewLegacyBuilder starts a set behind the bytes that are in the buffer. There
// is no zstd in the old formats.
func NewLegacyBuilder(buffer []byte, options LegacyOptions) (*LegacyBuilder, error) {
	if options.Compression == Zstd {
		return nil, fmt.Errorf("%w: ZStandard compression is not supported for magic %d", kerr.UnsupportedCompressionType, options.Magic)
	}
	builder := &LegacyBuilder{
		options: options, buffer: buffer, start: len(buffer),
		baseOffset: NoOffset, lastOffset: NoOffset, maxTimestamp: NoTimestamp, offsetOfMaxTimestamp: NoOffset,
	}
	if options.Compression == None {
		return builder, nil
	}
	builder.buffer = append(builder.buffer, make([]byte, LogOverhead+legacyOverhead(options.Magic))...)
	var err error
	builder.sink, err = newCompressor(options.Compression, sliceWriter{&builder.buffer})
	return builder, err
}

// legacyOverhead is the size of a message without key and value.
func legacyOverhead(magic int8) int {
	if magic == MagicV0 {
		return minMessageSizeV0
	}
	return minMessageSizeV1
}

// Append adds a record at its offset.
func (b *LegacyBuilder) Append(record *Record) error {
	timestamp := record.Timestamp
	if b.options.TimestampType == LogAppendTime {
		timestamp = b.options.LogAppendTime
	}
	if b.count == 0 {
		b.baseOffset = record.Offset
	}
	b.count++
	b.lastOffset = record.Offset
	// v0 has no timestamps; only the time of the append is known.
	if timestamp > b.maxTimestamp && (b.options.Magic > MagicV0 || b.options.TimestampType == LogAppendTime) {
		b.maxTimestamp, b.offsetOfMaxTimestamp = timestamp, record.Offset
	}
	if b.sink == nil {
		b.buffer = b.appendMessage(b.buffer, record.Offset, timestamp, record)
		return nil
	}
	offset := record.Offset
	if b.options.Magic > MagicV0 {
		offset -= b.baseOffset
	}
	b.scratch = b.appendMessage(b.scratch[:0], offset, timestamp, record)
	_, err := b.sink.Write(b.scratch)
	return err
}

func (b *LegacyBuilder) appendMessage(to []byte, offset, timestamp int64, record *Record) []byte {
	start := len(to)
	size := legacyOverhead(b.options.Magic) + len(record.Key) + len(record.Value)
	to = b.appendHeader(to, offset, size, None, timestamp)
	to = appendLegacyBytes(to, record.Key)
	to = appendLegacyBytes(to, record.Value)
	binary.BigEndian.PutUint32(to[start+legacyCRCAt:], crc32.ChecksumIEEE(to[start+magicAt:]))
	return to
}

// appendHeader writes what precedes the key; the checksum is still missing.
func (b *LegacyBuilder) appendHeader(to []byte, offset int64, size int, codec Compression, timestamp int64) []byte {
	to = binary.BigEndian.AppendUint64(to, uint64(offset))
	to = binary.BigEndian.AppendUint32(to, uint32(size))
	attributes := byte(codec)
	if b.options.Magic > MagicV0 && b.options.TimestampType == LogAppendTime {
		attributes |= timestampTypeMask
	}
	to = append(to, 0, 0, 0, 0, byte(b.options.Magic), attributes)
	if b.options.Magic > MagicV0 {
		to = binary.BigEndian.AppendUint64(to, uint64(timestamp))
	}
	return to
}

func appendLegacyBytes(to, value []byte) []byte {
	if value == nil {
		return append(to, 0xff, 0xff, 0xff, 0xff)
	}
	return append(binary.BigEndian.AppendUint32(to, uint32(len(value))), value...)
}

// Count is the number of records so far.
func (b *LegacyBuilder) Count() int { return b.count }

// Info gives the largest timestamp and the offset that a time index has for it:
// that of the record, or the last one if a codec hides the record. With
// LogAppendTime all records have the same; the first one counts then.
func (b *LegacyBuilder) Info() (maxTimestamp, offset int64) {
	switch {
	case b.options.Compression != None || b.maxTimestamp == NoTimestamp:
		return b.maxTimestamp, b.lastOffset
	case b.options.TimestampType == LogAppendTime:
		return b.maxTimestamp, b.baseOffset
	}
	return b.maxTimestamp, b.offsetOfMaxTimestamp
}

// Close gives the compressor back when the set is not wanted after all.
func (b *LegacyBuilder) Close() {
	if b.sink != nil {
		// What the compressor would still say is thrown away with the set.
		_ = b.sink.Close()
		b.sink = nil
	}
}

// Finish gives the buffer with the set behind what was in it. A set without
// records is empty.
func (b *LegacyBuilder) Finish() ([]byte, error) {
	if b.sink == nil {
		return b.buffer, nil
	}
	err := b.sink.Close()
	b.sink = nil
	if err != nil {
		return nil, err
	}
	if b.count == 0 {
		return b.buffer[:b.start], nil
	}
	b.writeWrapper(b.buffer[b.start:])
	return b.buffer, nil
}

// writeWrapper fills in the header of the message around the others.
func (b *LegacyBuilder) writeWrapper(message []byte) {
	value := message[LogOverhead+legacyOverhead(b.options.Magic):]
	if b.options.Magic == MagicV0 && b.options.Compression == LZ4 {
		breakLZ4Checksum(value)
	}
	header := b.appendHeader(message[:0], b.lastOffset, len(message)-LogOverhead, b.options.Compression, b.maxTimestamp)
	header = appendLegacyBytes(header, nil)
	binary.BigEndian.AppendUint32(header, uint32(len(value)))
	Batch(message).UpdateChecksum()
}

// breakLZ4Checksum makes the header checksum what clients of the v0 format
// expect: they take the magic number of the frame into it.
func breakLZ4Checksum(frame []byte) {
	if len(frame) >= lz4FrameHeader {
		frame[lz4FrameHeader-1] = byte(xxhash32(frame[:lz4FrameHeader-1]) >> 8)
	}
}
