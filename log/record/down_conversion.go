package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
)

// DownConverter turns the batches of a region into v0 or v1 messages for old
// consumers, some batches at a time, so that its memory is that of one chunk
// whatever the size of the region (KIP-283). It does the work of
// LazyDownConversionRecords and RecordsUtil.downConvert.
type DownConverter struct {
	source      io.ReaderAt
	size        int64
	toMagic     int8
	firstOffset int64

	position  int64
	chunk     []byte
	converted int
}

// NewDownConverter starts at the first batch of the region. Uncompressed
// records below firstOffset are left out, as old consumers know only messages.
func NewDownConverter(source io.ReaderAt, size int, toMagic int8, firstOffset int64) *DownConverter {
	return &DownConverter{source: source, size: int64(size), toMagic: toMagic, firstOffset: firstOffset}
}

// Next appends the messages of the next batches, of up to maxSource bytes but at
// least one batch; it goes on when nothing was left of them. It returns io.EOF
// after the last whole batch and UNSUPPORTED_COMPRESSION_TYPE at zstd, which old
// formats do not have; then nothing of the chunk is used.
func (c *DownConverter) Next(to []byte, maxSource int) ([]byte, error) {
	start := len(to)
	for {
		chunk, err := c.read(maxSource)
		if err != nil {
			return nil, err
		}
		for len(chunk) > 0 {
			var batch Batch
			if batch, chunk, err = Next(chunk); err != nil {
				return nil, err
			}
			var records int
			if to, records, err = appendDownConverted(to, batch, c.toMagic, c.firstOffset); err != nil {
				return nil, err
			}
			c.converted += records
		}
		if len(to) > start {
			return to, nil
		}
	}
}

// HasBatches reports whether any whole batch was come across so far.
func (c *DownConverter) HasBatches() bool { return c.position > 0 }

// Converted is the number of records that were converted so far.
func (c *DownConverter) Converted() int { return c.converted }

// read gives the next whole batches.
func (c *DownConverter) read(maxSource int) ([]byte, error) {
	remaining := c.size - c.position
	if err := c.fill(0, int(min(remaining, int64(max(maxSource, HeaderSizeUpToMagic))))); err != nil {
		return nil, err
	}
	size, err := SizeOf(c.chunk)
	switch {
	case errors.Is(err, ErrIncomplete) || int64(size) > remaining:
		return nil, io.EOF
	case err != nil:
		return nil, err
	case size > len(c.chunk):
		if err := c.fill(len(c.chunk), size); err != nil {
			return nil, err
		}
	}
	end := size
	for end < maxSource {
		size, err := SizeOf(c.chunk[end:])
		if err != nil || size > len(c.chunk)-end {
			break // for the next chunk to find
		}
		end += size
	}
	c.position += int64(end)
	return c.chunk[:end], nil
}

// fill makes the chunk hold so many bytes, of which some are there.
func (c *DownConverter) fill(have, want int) error {
	if cap(c.chunk) < want {
		grown := make([]byte, want)
		copy(grown, c.chunk[:have])
		c.chunk = grown
	}
	c.chunk = c.chunk[:want]
	if n, err := c.source.ReadAt(c.chunk[have:], c.position+int64(have)); n < want-have {
		return errors.Join(io.ErrUnexpectedEOF, err)
	}
	return nil
}

// appendDownConverted appends a batch in an older format and tells how many
// records it converted. Of control batches nothing remains.
func appendDownConverted(to []byte, batch Batch, toMagic int8, firstOffset int64) ([]byte, int, error) {
	switch {
	case batch.IsControl():
		return to, 0, nil
	case batch.Compression() == Zstd:
		return nil, 0, fmt.Errorf("%w: Down-conversion of zstandard-compressed batches is not supported", kerr.UnsupportedCompressionType)
	case batch.Magic() <= toMagic:
		return append(to, batch...), 0, nil
	}
	options := LegacyOptions{
		Magic: toMagic, Compression: batch.Compression(), TimestampType: batch.TimestampType(), LogAppendTime: batch.MaxTimestamp(),
	}
	builder, err := NewLegacyBuilder(to, options)
	if err != nil {
		return nil, 0, err
	}
	if err := copyToLegacy(builder, batch, firstOffset); err != nil {
		builder.Close()
		return nil, 0, err
	}
	to, err = builder.Finish()
	return to, builder.Count(), err
}

// copyToLegacy streams the records of a batch; one record is held at a time,
// unless the batch is of v1 already, whose messages are decompressed together.
func copyToLegacy(builder *LegacyBuilder, batch Batch, firstOffset int64) error {
	compressed := batch.Compression() != None
	add := func(record *Record) error {
		if !compressed && record.Offset < firstOffset {
			return nil
		}
		return builder.Append(record)
	}
	if batch.Magic() < MagicV2 {
		for record, err := range Records(batch) {
			if err == nil {
				err = add(&record)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	reader, err := NewReader(batch)
	if err != nil {
		return err
	}
	defer reader.Close()
	reader.maxRecord = maxInnerMessage
	for {
		record, ok, err := reader.Next()
		if err != nil || !ok {
			return err
		}
		if err := add(&record); err != nil {
			return err
		}
	}
}
