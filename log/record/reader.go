package record

// Reader walks the records of one v2 batch.
type Reader struct{}

// NewReader starts at the first record.
func NewReader(batch Batch) (*Reader, error) { return &Reader{}, nil }

// Next gives the next record; ok is false after the last.
func (r *Reader) Next() (record Record, ok bool, err error) { return }

// Close gives the reader's buffers back.
func (r *Reader) Close() {}

func takeBytes(raw []byte) (value, rest []byte, err error) { return nil, nil, nil }

func legacyRecords(batch Batch, yield func(Record, error) bool) {}
