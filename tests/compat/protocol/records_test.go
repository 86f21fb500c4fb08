//go:build peers

package protocol

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kv is a record to send; empty means null.
type kv struct{ key, value string }

// batch is a record batch of format 2 that can be wrong in any field.
type batch struct {
	records    []kv
	codec      kgo.CompressionCodec
	timestamp  int64
	producerID int64
	epoch      int16
	sequence   int32
	attributes int16
	change     func(*kmsg.RecordBatch)
	// after changes the encoded bytes, the CRC being right before.
	after func([]byte) []byte
}

// newBatch is a plain batch without a producer id.
func newBatch(timestamp int64, values ...string) batch {
	b := batch{timestamp: timestamp, producerID: -1, epoch: -1, sequence: -1}
	for i, value := range values {
		b.records = append(b.records, kv{fmt.Sprintf("key %d", i), value})
	}
	return b
}

func orNull(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(text)
}

func (b batch) encode() []byte {
	var records []byte
	for i, r := range b.records {
		row := kmsg.NewRecord()
		row.OffsetDelta, row.TimestampDelta64 = int32(i), int64(i)
		row.Key, row.Value = orNull(r.key), orNull(r.value)
		row.Length = int32(len(row.AppendTo(nil)) - 1) // a length below 64 takes one byte
		for int(row.Length) != len(row.AppendTo(nil))-uvarintLength(row.Length) {
			row.Length = int32(len(row.AppendTo(nil)) - uvarintLength(row.Length))
		}
		records = row.AppendTo(records)
	}
	rb := kmsg.NewRecordBatch()
	rb.Magic, rb.Attributes, rb.PartitionLeaderEpoch = 2, b.attributes, -1
	rb.FirstTimestamp, rb.MaxTimestamp = b.timestamp, b.timestamp+int64(max(0, len(b.records)-1))
	rb.LastOffsetDelta, rb.NumRecords = int32(len(b.records)-1), int32(len(b.records))
	rb.ProducerID, rb.ProducerEpoch, rb.FirstSequence = b.producerID, b.epoch, b.sequence
	rb.Records = compressed(b.codec, records, &rb.Attributes)
	if b.change != nil {
		b.change(&rb)
	}
	encoded := rb.AppendTo(nil)
	binary.BigEndian.PutUint32(encoded[8:], uint32(len(encoded)-12))
	binary.BigEndian.PutUint32(encoded[17:], crc32.Checksum(encoded[21:], crc32.MakeTable(crc32.Castagnoli)))
	if b.after != nil {
		return b.after(encoded)
	}
	return encoded
}

func uvarintLength(length int32) int { return len(binary.AppendVarint(nil, int64(length))) }

var codecNumbers = map[string]int16{"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

func codecNamed(name string) kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[name]
}

func compressed(codec kgo.CompressionCodec, content []byte, attributes *int16) []byte {
	if codec == (kgo.CompressionCodec{}) || codec == kgo.NoCompression() {
		return content
	}
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		panic(err)
	}
	var buffer bytes.Buffer
	out, used := compressor.Compress(&buffer, content)
	*attributes |= int16(used)
	return bytes.Clone(out)
}

// message encodes a message of format 0 or 1 with its offset before it.
func message(magic, attributes byte, offset, timestamp int64, key, value []byte) []byte {
	body := []byte{magic, attributes}
	if magic == 1 {
		body = binary.BigEndian.AppendUint64(body, uint64(timestamp))
	}
	body = kbin.AppendNullableBytes(kbin.AppendNullableBytes(body, key), value)
	encoded := binary.BigEndian.AppendUint64(nil, uint64(offset))
	encoded = binary.BigEndian.AppendUint32(encoded, uint32(len(body)+4))
	encoded = binary.BigEndian.AppendUint32(encoded, crc32.ChecksumIEEE(body))
	return append(encoded, body...)
}

// messages are two messages of an old format, one after the other.
func messages(magic byte, timestamp int64, offsets ...int64) []byte {
	var set []byte
	for i, offset := range offsets {
		set = append(set, message(magic, 0, offset, timestamp+int64(i), []byte("k"), fmt.Appendf(nil, "value %d", i))...)
	}
	return set
}

// wrapped is a set of messages of an old format, compressed into one.
func wrapped(magic byte, codec string, timestamp int64, set []byte) []byte {
	var attributes int16
	return message(magic, byte(codecNumbers[codec]), 0, timestamp, nil, compressed(codecNamed(codec), set, &attributes))
}

// describeRecords adds the batches or messages in the records of a Fetch response.
// Compressed bytes depend on the compressor; what they hold does not.
func describeRecords(fields map[string]string, path string, content []byte) {
	fields[path+".null"] = "false"
	for i := 0; len(content) > 0; i++ {
		at := fmt.Sprintf("%s[%d]", path, i)
		if i > 0 && fields[fmt.Sprintf("%s[%d].magic", path, i-1)] != "" && (len(content) < 17 || 12+int(int32(binary.BigEndian.Uint32(content[8:]))) > len(content)) {
			return // converted messages are filled up to the size of what was stored
		}
		if len(content) < 17 {
			fields[at] = fmt.Sprintf("%d bytes left", len(content))
			return
		}
		length := 12 + int(int32(binary.BigEndian.Uint32(content[8:])))
		if length > len(content) {
			fields[at] = fmt.Sprintf("%d of %d bytes", len(content), length)
			return
		}
		if content[16] < 2 {
			describeMessage(fields, at, content[:length])
		} else {
			describeBatch(fields, at, content[:length])
		}
		content = content[length:]
	}
}

func describeMessage(fields map[string]string, at string, content []byte) {
	magic, attributes := content[16], content[17]
	fields[at+".offset"] = fmt.Sprint(binary.BigEndian.Uint64(content))
	fields[at+".magic"], fields[at+".attributes"] = fmt.Sprint(magic), fmt.Sprint(attributes)
	fields[at+".crc is right"] = fmt.Sprint(crc32.ChecksumIEEE(content[16:]) == binary.BigEndian.Uint32(content[12:]))
	rest := content[18:]
	if magic == 1 {
		fields[at+".timestamp"] = fmt.Sprint(binary.BigEndian.Uint64(rest))
		if attributes&8 != 0 {
			fields[at+".timestamp"] = "<clock>"
		}
		rest = rest[8:]
	}
	var value []byte
	for _, name := range []string{".key", ".value"} {
		length := int32(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		value = nil
		if fields[at+name] = "null"; length >= 0 {
			value, rest = rest[:length], rest[length:]
			fields[at+name] = fmt.Sprintf("%q", value)
		}
	}
	if codec := attributes & 7; codec != 0 {
		delete(fields, at+".value")
		inner, err := kgo.DefaultDecompressor().Decompress(value, kgo.CompressionCodecType(codec))
		fields[at+".error"] = fmt.Sprint(err)
		describeRecords(fields, at, inner)
	}
}

func describeBatch(fields map[string]string, at string, content []byte) {
	rb := kmsg.NewRecordBatch()
	if err := rb.ReadFrom(content); err != nil {
		fields[at] = err.Error()
		return
	}
	fields[at+".crc is right"] = fmt.Sprint(int32(crc32.Checksum(content[21:], crc32.MakeTable(crc32.Castagnoli))) == rb.CRC)
	fields[at+".header"] = fmt.Sprintf("offset %d epoch %d magic %d attributes %d last %d producer %d/%d sequence %d records %d",
		rb.FirstOffset, rb.PartitionLeaderEpoch, rb.Magic, rb.Attributes, rb.LastOffsetDelta, min(rb.ProducerID, 1), rb.ProducerEpoch, rb.FirstSequence, rb.NumRecords)
	if rb.Attributes&8 == 0 {
		fields[at+".timestamps"] = fmt.Sprint(rb.FirstTimestamp, rb.MaxTimestamp)
	} else {
		fields[at+".timestamps"] = fmt.Sprint(rb.FirstTimestamp, " to append time ", rb.MaxTimestamp-rb.FirstTimestamp < 600_000)
	}
	records := rb.Records
	if codec := rb.Attributes & 7; codec != 0 {
		inner, err := kgo.DefaultDecompressor().Decompress(records, kgo.CompressionCodecType(codec))
		if err != nil {
			fields[at+".error"] = err.Error()
		}
		records = inner
	}
	fields[at+".records"] = fmt.Sprintf("%q", records)
}
