package record

import "io"

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

// String gives Kafka's name of the codec.
func (c Compression) String() string {
	switch c {
	case None:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return "unknown"
}

func newCompressor(c Compression, to sliceWriter) (io.WriteCloser, error) { return nil, nil }
