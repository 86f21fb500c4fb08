package record

// InnerMessages gives the messages in a v0 or v1 message, which is itself if it is
// not compressed. Their offsets and timestamps are those that count; their
// checksums are as stored, and were right.
func InnerMessages(outer Batch) ([]Batch, error) {
	if outer.Compression() == None {
		return []Batch{outer}, nil
	}
	return readInnerMessages(outer)
}

// MessageRecord is the record that a message is which is not compressed.
func MessageRecord(message Batch) (Record, error) { return legacyRecord(message) }
