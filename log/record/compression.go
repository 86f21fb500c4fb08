package record

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Compression is a codec, as CompressionType; its value is that of the
// attribute bits.
type Compression int8

// The codecs of Kafka.
const (
	None   Compression = 0
	Gzip   Compression = 1
	Snappy Compression = 2
	LZ4    Compression = 3
	Zstd   Compression = 4
)

var compressionNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// String gives Kafka's name of the codec.
func (c Compression) String() string {
	if c < None || c > Zstd {
		return "unknown"
	}
	return compressionNames[c]
}

// CompressionByName reads a value of compression.type that names a codec;
// "uncompressed" is None.
func CompressionByName(name string) (Compression, bool) {
	if name == "uncompressed" {
		return None, true
	}
	for i, candidate := range compressionNames {
		if candidate == name {
			return Compression(i), true
		}
	}
	return None, false
}

// decompressor streams the content of a compressed batch; release gives its
// buffers back.
type decompressor interface {
	io.Reader
	release()
}

// decompressionError is what Kafka answers when compressed data is broken.
func decompressionError(err error) error {
	return fmt.Errorf("%w: failed to decompress record stream: %v", kerr.UnknownServerError, err)
}

func newDecompressor(codec Compression, magic int8, data []byte) (decompressor, error) {
	switch codec {
	case Gzip:
		return newGzipSource(data)
	case Snappy:
		return newSnappySource(data), nil
	case LZ4:
		return newLZ4Source(data, magic == MagicV0)
	case Zstd:
		return newZstdSource(data)
	}
	return nil, fmt.Errorf("%w: unknown compression type id: %d", kerr.UnknownServerError, int8(codec))
}

type gzipSource struct {
	reader gzip.Reader
	input  bytes.Reader
}

var gzipSources = sync.Pool{New: func() any { return &gzipSource{} }}

func newGzipSource(data []byte) (decompressor, error) {
	source := gzipSources.Get().(*gzipSource)
	source.input.Reset(data)
	if err := source.reader.Reset(&source.input); err != nil {
		source.release()
		return nil, decompressionError(err)
	}
	return source, nil
}

func (s *gzipSource) Read(to []byte) (int, error) { return s.reader.Read(to) }

func (s *gzipSource) release() {
	s.input.Reset(nil)
	gzipSources.Put(s)
}

// Frames of zstd name the window they need. Up to usualZstdWindow, which is
// what all usual levels take, decoders come from a pool; up to maxZstdWindow,
// Java's limit, only a few may work at a time, so that hostile headers cannot
// make memory grow with the number of connections.
const (
	usualZstdWindow  = 8 << 20
	maxZstdWindow    = 128 << 20
	largeZstdSources = 2
)

type zstdSource struct {
	reader *zstd.Decoder
	input  bytes.Reader
	large  bool
}

var (
	zstdSources    = sync.Pool{New: func() any { return &zstdSource{reader: newZstdDecoder(usualZstdWindow)} }}
	largeZstdSlots = make(chan struct{}, largeZstdSources)
)

func newZstdDecoder(window uint64) *zstd.Decoder {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		panic(err) // the options are constant
	}
	return decoder
}

func newZstdSource(data []byte) (decompressor, error) {
	var header zstd.Header
	var source *zstdSource
	if err := header.Decode(data); err == nil && max(header.WindowSize, header.FrameContentSize) > usualZstdWindow {
		largeZstdSlots <- struct{}{}
		source = &zstdSource{reader: newZstdDecoder(maxZstdWindow), large: true}
	} else {
		source = zstdSources.Get().(*zstdSource)
	}
	source.input.Reset(data)
	if err := source.reader.Reset(&source.input); err != nil {
		source.release()
		return nil, decompressionError(err)
	}
	return source, nil
}

func (s *zstdSource) Read(to []byte) (int, error) { return s.reader.Read(to) }

func (s *zstdSource) release() {
	s.input.Reset(nil)
	if s.large {
		s.reader.Close()
		<-largeZstdSlots
		return
	}
	if s.reader.Reset(nil) == nil {
		zstdSources.Put(s)
	}
}

// newCompressor writes with the settings of Kafka's own producers, so that any
// client can read the result.
func newCompressor(codec Compression, to io.Writer) (io.WriteCloser, error) {
	switch codec {
	case Gzip:
		writer := gzipWriters.Get().(*gzip.Writer)
		writer.Reset(to)
		return &pooledWriter[*gzip.Writer]{writer: writer, pool: &gzipWriters}, nil
	case Snappy:
		return newSnappyWriter(to), nil
	case LZ4:
		writer := lz4Writers.Get().(*lz4.Writer)
		writer.Reset(to)
		return &pooledWriter[*lz4.Writer]{writer: writer, pool: &lz4Writers}, nil
	case Zstd:
		writer := zstdWriters.Get().(*zstd.Encoder)
		writer.Reset(to)
		return &pooledWriter[*zstd.Encoder]{writer: writer, pool: &zstdWriters}, nil
	}
	return nil, fmt.Errorf("%w: unknown compression type id: %d", kerr.UnknownServerError, int8(codec))
}

var (
	gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}
	lz4Writers  = sync.Pool{New: func() any {
		writer := lz4.NewWriter(nil)
		if err := writer.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false), lz4.ConcurrencyOption(1)); err != nil {
			panic(err) // the options are constant
		}
		return writer
	}}
	zstdWriters = sync.Pool{New: func() any {
		writer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // the options are constant
		}
		return writer
	}}
)

// pooledWriter gives a compressor back to its pool when it is closed.
type pooledWriter[W io.WriteCloser] struct {
	writer W
	pool   *sync.Pool
	closed bool
}

func (p *pooledWriter[W]) Write(data []byte) (int, error) { return p.writer.Write(data) }

func (p *pooledWriter[W]) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	err := p.writer.Close()
	p.pool.Put(p.writer)
	return err
}
