package record

const (
	maxVarintLen32 = 5
	maxVarintLen64 = 10
)

// parseRecord decodes what follows the length of a record. Offset and Timestamp
// are left as deltas.
func parseRecord(body []byte, record *Record) error {
	if len(body) < minRecordSize-1 {
		return invalidRecord("Found invalid record structure: record size %d", len(body))
	}
	rest := body[1:] // attributes of a record are unused
	timestampDelta, n := varint64(rest)
	if n <= 0 {
		return invalidRecord("Found invalid record structure")
	}
	rest = rest[n:]
	offsetDelta, n := varint32(rest)
	if n <= 0 {
		return invalidRecord("Found invalid record structure")
	}
	key, rest, err := takeBytes(rest[n:])
	if err != nil {
		return err
	}
	value, rest, err := takeBytes(rest)
	if err != nil {
		return err
	}
	headers, n := varint32(rest)
	if n <= 0 {
		return invalidRecord("Found invalid record structure")
	}
	raw := rest[n:]
	if headers != 0 || len(raw) != 0 {
		if err := checkHeaders(raw, headers); err != nil {
			return err
		}
	}
	record.Timestamp, record.Offset = timestampDelta, int64(offsetDelta)
	record.Key, record.Value = key, value
	record.RawHeaders, record.HeaderCount = raw, int(headers)
	return nil
}

func checkHeaders(raw []byte, count int32) error {
	if count < 0 || int(count) > len(raw) {
		return invalidRecord("Found invalid number of record headers %d", count)
	}
	for range count {
		key, rest, err := takeBytes(raw)
		if err != nil {
			return err
		}
		if key == nil {
			return invalidRecord("Invalid negative header key size -1")
		}
		if _, raw, err = takeBytes(rest); err != nil {
			return err
		}
	}
	if len(raw) != 0 {
		return invalidRecord("Invalid record size: %d bytes of the record remain", len(raw))
	}
	return nil
}

// takeBytes cuts a length-prefixed field off; a negative length is null.
func takeBytes(raw []byte) (value, rest []byte, err error) {
	size, n := varint32(raw)
	if n <= 0 {
		return nil, nil, invalidRecord("Found invalid record structure")
	}
	raw = raw[n:]
	if size < 0 {
		return nil, raw, nil
	}
	if int(size) > len(raw) {
		return nil, nil, invalidRecord("Found invalid record structure: field of %d bytes in the last %d of a record", size, len(raw))
	}
	return raw[:size:size], raw[size:], nil
}

// varint32 decodes a zig-zag varint of at most five bytes; n is 0 when the data
// ends within it and negative when it is too long.
func varint32(data []byte) (value int32, n int) {
	if len(data) > 0 && data[0] < 0x80 {
		return int32(data[0]>>1) ^ -int32(data[0]&1), 1
	}
	var raw uint32
	for i := range min(len(data), maxVarintLen32) {
		raw |= uint32(data[i]&0x7f) << (7 * i)
		if data[i] < 0x80 {
			return int32(raw>>1) ^ -int32(raw&1), i + 1
		}
	}
	if len(data) < maxVarintLen32 {
		return 0, 0
	}
	return 0, -1
}

// varint64 is varint32 for at most ten bytes.
func varint64(data []byte) (value int64, n int) {
	if len(data) > 0 && data[0] < 0x80 {
		return int64(data[0]>>1) ^ -int64(data[0]&1), 1
	}
	var raw uint64
	for i := range min(len(data), maxVarintLen64) {
		raw |= uint64(data[i]&0x7f) << (7 * i)
		if data[i] < 0x80 {
			return int64(raw>>1) ^ -int64(raw&1), i + 1
		}
	}
	if len(data) < maxVarintLen64 {
		return 0, 0
	}
	return 0, -1
}
