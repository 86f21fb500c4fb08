package record

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
)

// limitedBuffer collects up to a limit.
type limitedBuffer struct {
	data  []byte
	limit int
}

func (b *limitedBuffer) Write(data []byte) (int, error) {
	if len(data) > b.limit-len(b.data) {
		return 0, fmt.Errorf("%w: the rewritten batch exceeds %d bytes", kerr.MessageTooLarge, b.limit)
	}
	b.data = append(b.data, data...)
	return len(data), nil
}

// Recompress gives a v2 batch whose records are the same in another codec. The
// records are streamed from one codec to the other, not decoded. A result larger
// than the limit is a MESSAGE_TOO_LARGE error.
func Recompress(batch Batch, target Compression, limit int) (Batch, error) {
	buffer := &limitedBuffer{data: make([]byte, HeaderSize, min(len(batch)+HeaderSize, max(limit, HeaderSize))), limit: max(limit, HeaderSize)}
	copy(buffer.data, batch[:HeaderSize])
	if err := transcode(batch, target, buffer); err != nil {
		return nil, err
	}
	result := Batch(buffer.data)
	binary.BigEndian.PutUint32(result[lengthAt:], uint32(len(result)-LogOverhead))
	attributes := uint16(batch.int16At(attributesAt))&^compressionMask | uint16(target)
	binary.BigEndian.PutUint16(result[attributesAt:], attributes)
	result.UpdateChecksum()
	return result, nil
}

func transcode(batch Batch, target Compression, to io.Writer) error {
	sink := io.WriteCloser(plainWriter{to})
	if target != None {
		compressor, err := newCompressor(target, to)
		if err != nil {
			return err
		}
		sink = compressor
	}
	if err := copyRecords(batch, sink); err != nil {
		// The compressor must go back to its pool in any case.
		_ = sink.Close()
		return err
	}
	return sink.Close()
}

func copyRecords(batch Batch, to io.Writer) error {
	if batch.Compression() == None {
		_, err := to.Write(batch[HeaderSize:])
		return err
	}
	source, err := newDecompressor(batch.Compression(), batch.Magic(), batch[HeaderSize:])
	if err != nil {
		return err
	}
	defer source.release()
	window := windows.Get().(*[]byte)
	defer windows.Put(window)
	for {
		n, readErr := source.Read(*window)
		if _, err := to.Write((*window)[:n]); err != nil {
			return err
		}
		if readErr == io.EOF {
			return nil
		}
		if readErr != nil {
			return decompressionError(readErr)
		}
	}
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }
