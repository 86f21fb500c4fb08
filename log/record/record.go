package record

import (
	"fmt"
	"iter"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record, whatever the format it was stored in. Its bytes are
// valid until the walk goes on to the next record of a compressed batch; copy
// what is to stay.
type Record struct {
	Offset    int64
	Timestamp int64
	Sequence  int32
	// Key and Value are nil when null.
	Key, Value []byte
	// RawHeaders are the encoded headers; see Headers.
	RawHeaders []byte
	// HeaderCount is the number of headers.
	HeaderCount int
}

// Headers decodes the headers of the record.
func (r *Record) Headers() []Header {
	if r.HeaderCount == 0 {
		return nil
	}
	headers := make([]Header, 0, min(r.HeaderCount, len(r.RawHeaders)/2))
	raw := r.RawHeaders
	for range r.HeaderCount {
		key, rest, err := takeBytes(raw)
		if err != nil {
			return headers
		}
		value, rest, err := takeBytes(rest)
		if err != nil {
			return headers
		}
		headers = append(headers, Header{Key: string(key), Value: value})
		raw = rest
	}
	return headers
}

// Records walks the records of a batch, decompressing as it goes. The walk
// ends after the first error, which is an INVALID_RECORD or CORRUPT_MESSAGE.
func Records(batch Batch) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		if batch.Magic() < MagicV2 {
			legacyRecords(batch, yield)
			return
		}
		reader, err := NewReader(batch)
		if err != nil {
			yield(Record{}, err)
			return
		}
		defer reader.Close()
		for {
			record, ok, err := reader.Next()
			if err != nil {
				yield(Record{}, err)
				return
			}
			if !ok || !yield(record, nil) {
				return
			}
		}
	}
}

func invalidRecord(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{kerr.InvalidRecord}, args...)...)
}
