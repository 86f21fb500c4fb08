package record

import (
	"errors"
	"testing"

	"github.com/klauspost/compress/snappy"
	"github.com/twmb/franz-go/pkg/kerr"
)

func encodeSnappyBlock(data []byte) []byte { return snappy.Encode(nil, data) }

// FuzzBatch checks that no bytes make reading a batch fail otherwise than with
// an error that clients know, and that both ways of reading agree.
func FuzzBatch(f *testing.F) {
	for _, codec := range codecs {
		builder := NewBuilder(BuilderOptions{Compression: codec})
		builder.Append(1, []byte("key"), []byte("value"), Header{"h", nil})
		builder.Append(2, nil, nil)
		f.Add(builder.Build())
	}
	for _, magic := range []int8{MagicV0, MagicV1} {
		message := legacyMessage(magic, None, 0, 1, []byte("k"), []byte("v"))
		f.Add(message)
		f.Add(legacyMessage(magic, Gzip, 0, 1, nil, compress(f, Gzip, message)))
		f.Add(legacyMessage(magic, LZ4, 0, 1, nil, compress(f, LZ4, message)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for len(data) > 0 {
			batch, rest, err := Next(data)
			if err != nil {
				checkError(t, err)
				return
			}
			// A checksum that does not match would hide everything behind it.
			if err := walkBatch(batch); err != nil {
				checkError(t, err)
			}
			data = rest
		}
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrIncomplete) && !errors.As(err, new(*kerr.Error)) {
		t.Fatal(err)
	}
}

// FuzzDecompressors checks each codec on bytes of any kind.
func FuzzDecompressors(f *testing.F) {
	for _, codec := range codecs[1:] {
		f.Add(int8(codec), compress(f, codec, []byte("some text that repeats, some text that repeats")))
	}
	f.Fuzz(func(t *testing.T, codec int8, data []byte) {
		source, err := newDecompressor(Compression(codec), MagicV2, data)
		if err != nil {
			checkError(t, err)
			return
		}
		defer source.release()
		window := make([]byte, 4096)
		for total := 0; total < 8<<20; {
			n, err := source.Read(window)
			total += n
			if err != nil {
				return
			}
		}
	})
}

// FuzzControlRecord checks the parser of control records.
func FuzzControlRecord(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1}, []byte{0, 0, 0, 0, 0, 5})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if _, err := ParseEndTransactionMarker(key, value); err != nil {
			checkError(t, err)
		}
	})
}
