package record

// quickNext decodes the next record of an uncompressed batch when it is as most
// are: whole and without headers. It reports whether it did; the slow way has the
// other records and tells what is wrong. Nothing is changed when it did not.
//
// Leaders look at every record they append, so this is most of what an append
// costs besides system calls.
func (r *Reader) quickNext(record *Record) bool {
	size, at := uvarintAt(r.window[:r.end], r.start)
	if at < 0 || size&1 != 0 || int(size>>1) > r.end-at || size>>1 < minRecordSize-1 {
		return false
	}
	body := r.window[at : at+int(size>>1)]
	timestamp, offsetAt := uvarintAt(body, 1)
	offset, keyAt := uvarintAt(body, offsetAt)
	key, valueAt := quickField(body, keyAt)
	value, headersAt := quickField(body, valueAt)
	if headersAt != len(body)-1 || body[headersAt] != 0 {
		return false
	}
	r.start = at + len(body)
	record.Timestamp, record.Offset = zigzag(timestamp), zigzag(offset)
	record.Key, record.Value = key, value
	record.RawHeaders, record.HeaderCount = body[len(body):], 0
	return true
}

// quickField cuts off a field that begins with its length; next is negative when
// that is not possible.
func quickField(body []byte, at int) (value []byte, next int) {
	size, at := uvarintAt(body, at)
	switch {
	case at < 0:
		return nil, -1
	case size&1 != 0:
		return nil, at
	case size>>1 > uint64(len(body)-at):
		return nil, -1
	}
	end := at + int(size>>1)
	return body[at:end:end], end
}

func zigzag(raw uint64) int64 { return int64(raw>>1) ^ -int64(raw&1) }

// uvarintAt decodes a varint of one or two bytes, which is what most are; next is
// negative for others, and for a negative position. It is small enough to be
// inlined: there are half a dozen in each record.
func uvarintAt(data []byte, at int) (raw uint64, next int) {
	switch {
	case at < 0 || at+1 >= len(data):
		return 0, -1
	case data[at] < 0x80:
		return uint64(data[at]), at + 1
	case data[at+1] < 0x80:
		return uint64(data[at]&0x7f) | uint64(data[at+1])<<7, at + 2
	}
	return 0, -1
}
