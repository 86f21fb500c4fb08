package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
)

// The v0 and v1 messages: offset, size, checksum, magic, attributes, timestamp
// (v1 only), key and value. The value of a compressed message is a set of
// messages.
const (
	// minMessageSizeV0 and V1 are the smallest sizes a message may announce.
	minMessageSizeV0 = 14
	minMessageSizeV1 = 22

	legacyCRCAt        = 12
	legacyAttributesAt = 17
	legacyTimestampAt  = 18
	legacyKeyAtV0      = 18
	legacyKeyAtV1      = 26

	// maxInnerMessage bounds an inner message; what is larger cannot have come
	// from a client that keeps to max.message.bytes.
	maxInnerMessage = 64 << 20
)

// legacyFields cuts key and value of a message out of it.
func legacyFields(message Batch) (key, value []byte, err error) {
	at := legacyKeyAtV0
	if message.Magic() == MagicV1 {
		at = legacyKeyAtV1
	}
	key, rest, err := takeLegacyBytes(message[at:])
	if err != nil {
		return nil, nil, err
	}
	value, rest, err = takeLegacyBytes(rest)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%w: %d bytes follow the value of a message", kerr.CorruptMessage, len(rest))
	}
	return key, value, err
}

func takeLegacyBytes(raw []byte) (value, rest []byte, err error) {
	if len(raw) < 4 {
		return nil, nil, fmt.Errorf("%w: message ends within a length", kerr.CorruptMessage)
	}
	size := int32(binary.BigEndian.Uint32(raw))
	raw = raw[4:]
	if size < 0 {
		return nil, raw, nil
	}
	if int(size) > len(raw) {
		return nil, nil, fmt.Errorf("%w: field of %d bytes in the last %d of a message", kerr.CorruptMessage, size, len(raw))
	}
	return raw[:size:size], raw[size:], nil
}

func legacyRecord(message Batch) (Record, error) {
	key, value, err := legacyFields(message)
	return Record{Offset: message.BaseOffset(), Timestamp: message.MaxTimestamp(), Sequence: NoSequence, Key: key, Value: value}, err
}

// legacyRecords walks the records of a message, which if compressed holds many.
func legacyRecords(outer Batch, yield func(Record, error) bool) {
	if outer.Compression() == None {
		yield(legacyRecord(outer))
		return
	}
	inner, err := readInnerMessages(outer)
	if err != nil {
		yield(Record{}, err)
		return
	}
	for _, message := range inner {
		if !yield(legacyRecord(message)) {
			return
		}
	}
}

// readInnerMessages decompresses a message set whole, as its absolute offsets
// are known only from its last message. Offsets and timestamps of the result
// are those that count, as the deep iterator of AbstractLegacyRecordBatch.
func readInnerMessages(outer Batch) ([]Batch, error) {
	_, value, err := legacyFields(outer)
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, fmt.Errorf("%w: found invalid compressed record set with null value (magic = %d)", kerr.InvalidRecord, outer.Magic())
	}
	if outer.Compression() == Zstd {
		return nil, invalidRecord("Invalid wrapper compressionType found in legacy deep record iterator %d", outer.Magic())
	}
	source, err := newDecompressor(outer.Compression(), outer.Magic(), value)
	if err != nil {
		return nil, err
	}
	reader := innerReader{source: source, budget: maxInnerMessage}
	defer source.release()
	var messages []Batch
	for {
		message, err := reader.next()
		if err != nil {
			return nil, err
		}
		if message == nil {
			break
		}
		if message.Magic() != outer.Magic() {
			return nil, fmt.Errorf("%w: compressed message magic %d does not match wrapper magic %d", kerr.InvalidRecord, message.Magic(), outer.Magic())
		}
		if err := message.EnsureValid(); err != nil {
			return nil, err
		}
		if message.Compression() != None {
			return nil, invalidRecord("Inner record %d has compression type %s although the outer has it", len(messages), message.Compression())
		}
		messages = append(messages, message)
	}
	if len(messages) == 0 {
		return nil, fmt.Errorf("%w: found invalid compressed record set with no inner records (magic = %d)", kerr.InvalidRecord, outer.Magic())
	}
	return messages, resolveInner(outer, messages)
}

// resolveInner makes the relative offsets of v1 absolute and gives messages
// their wrapper's time when the broker set it.
func resolveInner(outer Batch, messages []Batch) error {
	if outer.Magic() != MagicV1 {
		return nil
	}
	base, last := int64(0), messages[len(messages)-1].BaseOffset()
	// Some versions of librdkafka send wrappers with offset 0.
	if wrapper := outer.BaseOffset(); wrapper != 0 {
		if base = wrapper - last; base < 0 {
			return invalidRecord("Found invalid wrapper offset in compressed v1 message set, "+
				"wrapper offset '%d' is less than the last inner message offset '%d' and it is not zero.", wrapper, last)
		}
	}
	for _, message := range messages {
		message.SetBaseOffset(base + message.BaseOffset())
		if outer.TimestampType() == LogAppendTime {
			binary.BigEndian.PutUint64(message[legacyTimestampAt:], uint64(outer.MaxTimestamp()))
		}
	}
	return nil
}

// innerReader reads messages from a decompressor, no more than its budget.
type innerReader struct {
	source decompressor
	budget int
}

// next gives nil at the end, and at a message that is cut short.
func (r *innerReader) next() (Batch, error) {
	var header [HeaderSizeUpToMagic]byte
	n, err := readFull(r.source, header[:])
	if err != nil || n < LogOverhead {
		return nil, err
	}
	size, err := SizeOf(header[:n])
	if errors.Is(err, ErrIncomplete) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("inner message: %w", err)
	}
	if size-LogOverhead > maxInnerMessage {
		return nil, fmt.Errorf("%w: Record size exceeds the largest allowable message size (%d).", kerr.CorruptMessage, maxInnerMessage)
	}
	if r.budget -= size; r.budget < 0 {
		return nil, fmt.Errorf("%w: compressed message set expands to more than %d bytes", kerr.MessageTooLarge, maxInnerMessage)
	}
	message := append(make([]byte, 0, min(size, windowSize)), header[:n]...)
	for len(message) < size {
		chunk := min(size-len(message), max(len(message), windowSize))
		message = append(message, make([]byte, chunk)...)
		read, err := readFull(r.source, message[len(message)-chunk:])
		if err != nil || read < chunk {
			return nil, err
		}
	}
	return Batch(message), nil
}

func readFull(from decompressor, to []byte) (int, error) {
	read := 0
	for read < len(to) {
		n, err := from.Read(to[read:])
		read += n
		if err != nil {
			if errors.Is(err, io.EOF) {
				return read, nil
			}
			return read, decompressionError(err)
		}
	}
	return read, nil
}
