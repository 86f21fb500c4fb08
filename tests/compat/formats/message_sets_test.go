//go:build peers

package formats

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/gregor-broker/gregor/log/record"
)

// firstTimestamp is the time of the first record of each set.
const firstTimestamp = int64(1_600_000_000_000)

// message encodes a v0 or v1 message by hand.
func message(magic int8, attributes byte, offset, timestamp int64, key, value []byte) []byte {
	body := []byte{byte(magic), attributes}
	if magic == record.MagicV1 {
		body = binary.BigEndian.AppendUint64(body, uint64(timestamp))
	}
	for _, field := range [][]byte{key, value} {
		if field == nil {
			body = binary.BigEndian.AppendUint32(body, ^uint32(0))
			continue
		}
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(field))), field...)
	}
	raw := binary.BigEndian.AppendUint64(nil, uint64(offset))
	raw = binary.BigEndian.AppendUint32(raw, uint32(len(body)+4))
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(body))
	return append(raw, body...)
}

// messages are n of them with keys, a null key and a null value.
func messages(magic int8, n int) (set []byte) {
	for i := range int64(n) {
		key, value := []byte(fmt.Sprintf("key-%d", i)), bytes.Repeat([]byte{byte('a' + i%20)}, int(i*7%90))
		switch i {
		case 1:
			key = nil
		case 2:
			value = nil
		}
		set = append(set, message(magic, 0, i, firstTimestamp+i*10-i*i, key, value)...)
	}
	return set
}

// wrapped compresses n messages as a client does.
func wrapped(t *testing.T, magic int8, codec record.Compression, n int) []byte {
	t.Helper()
	builder, err := record.NewLegacyBuilder(nil, record.LegacyOptions{Magic: magic, Compression: codec})
	if err != nil {
		t.Fatal(err)
	}
	for batch := range record.Batches(messages(magic, n)) {
		for item := range record.Records(batch) {
			if err := builder.Append(&item); err != nil {
				t.Fatal(err)
			}
		}
	}
	set, err := builder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// gzipped puts any bytes into a message.
func gzipped(magic int8, offset int64, inner []byte) []byte {
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	writer.Write(inner)
	writer.Close()
	return message(magic, byte(record.Gzip), offset, firstTimestamp, nil, buffer.Bytes())
}

// batch is a v2 batch of n records.
func batch(codec record.Compression, n int, headers ...record.Header) []byte {
	builder := record.NewBuilder(record.BuilderOptions{Compression: codec})
	for i := range int64(n) {
		builder.Append(firstTimestamp+i, []byte(fmt.Sprintf("key-%d", i)), bytes.Repeat([]byte("v"), int(i*13%70)), headers...)
	}
	return builder.Build()
}

// idempotent is a v2 batch of an idempotent producer.
func idempotent(transactional bool) []byte {
	builder := record.NewBuilder(record.BuilderOptions{HasProducer: true, ProducerID: 5, Transactional: transactional})
	builder.Append(firstTimestamp, []byte("key"), []byte("value"))
	return builder.Build()
}

// damaged has a flipped bit in its last byte.
func damaged(set []byte) []byte {
	set = bytes.Clone(set)
	set[len(set)-1] ^= 1
	return set
}

// correctLZ4 gives a v0 set the header checksum that LZ4 asks for and old
// clients did not write.
func correctLZ4(set record.Batch, checksum byte) []byte {
	set = bytes.Clone(set)
	at := bytes.Index(set, []byte{0x04, 0x22, 0x4d, 0x18})
	set[at+6] = checksum
	set.UpdateChecksum()
	return set
}

// set is something to produce.
type set struct {
	name    string
	version int16
	records []byte
}

func sets(t *testing.T) []set {
	v1LZ4 := wrapped(t, record.MagicV1, record.LZ4, 5)
	standard := v1LZ4[bytes.Index(v1LZ4, []byte{0x04, 0x22, 0x4d, 0x18})+6]
	list := []set{
		{"nothing", 2, []byte{}},
		{"v0 among v1", 2, append(messages(1, 1), messages(0, 1)...)},
		{"v1 among v0", 2, append(messages(0, 1), messages(1, 1)...)},
		{"v2", 2, batch(record.None, 3)},
		{"v2 by produce v0", 0, batch(record.None, 2)},
		{"v2 gzip", 2, batch(record.Gzip, 40)},
		{"two of v2", 2, slices.Concat(batch(record.None, 1), batch(record.None, 1))},
		{"v2 by produce v3", 3, batch(record.None, 12)},
		{"v2 with headers", 3, batch(record.None, 2, record.Header{Key: "h", Value: []byte("x")})},
		{"v2 snappy with headers", 3, batch(record.Snappy, 20, record.Header{Key: "h"})},
		{"v2 lz4", 3, batch(record.LZ4, 30)},
		{"v2 zstd", 7, batch(record.Zstd, 30)},
		{"v2 zstd by produce v6", 6, batch(record.Zstd, 3)},
		{"v2 idempotent", 3, idempotent(false)},
		{"v1 by produce v3", 3, messages(1, 1)},
		{"time set by the producer", 2, message(1, 8, 0, firstTimestamp, []byte("k"), []byte("v"))},
		{"cut", 2, messages(1, 3)[:100]},
		{"cut in the first", 2, messages(1, 1)[:20]},
		{"size too small", 2, append(make([]byte, 12), messages(1, 1)...)},
		{"v0 lz4 with the right checksum", 0, correctLZ4(wrapped(t, 0, record.LZ4, 5), standard)},
		{"v0 lz4 with a wrong checksum", 0, correctLZ4(wrapped(t, 0, record.LZ4, 5), standard+1)},
		{"v1 lz4 with a wrong checksum", 2, correctLZ4(v1LZ4, standard+1)},
		{"v1 without null keys", 2, message(1, 0, 0, firstTimestamp, []byte("k"), nil)},
	}
	for _, magic := range []int8{0, 1} {
		version := int16(magic) * 2
		name := func(what string) string { return fmt.Sprintf("v%d %s", magic, what) }
		list = append(list,
			set{name("one"), version, messages(magic, 1)},
			set{name("many"), version, messages(magic, 25)},
			set{name("many by produce v1"), 1, messages(magic, 5)},
			set{name("damaged"), version, damaged(messages(magic, 2))},
			set{name("wrapper damaged"), version, damaged(wrapped(t, magic, record.Gzip, 3))},
			set{name("two wrappers"), version, slices.Concat(wrapped(t, magic, record.Gzip, 2), wrapped(t, magic, record.Gzip, 2))},
			set{name("wrapper and message"), version, slices.Concat(wrapped(t, magic, record.Gzip, 2), messages(magic, 1))},
			set{name("inner damaged"), version, gzipped(magic, 1, damaged(messages(magic, 2)))},
			set{name("inner magic"), version, gzipped(magic, 1, messages(1-magic, 2))},
			set{name("inner compressed"), version, gzipped(magic, 1, gzipped(magic, 1, messages(magic, 2)))},
			set{name("inner empty"), version, gzipped(magic, 1, nil)},
			set{name("inner cut"), version, gzipped(magic, 1, append(messages(magic, 2), messages(magic, 1)[:30]...))},
			set{name("wrapper offset 0"), version, gzipped(magic, 0, messages(magic, 6))},
			set{name("wrapper offset too low"), version, gzipped(magic, 2, messages(magic, 6))},
			set{name("inner offsets from 3"), version, gzipped(magic, 5, messages(magic, 6)[len(messages(magic, 3)):])},
			set{name("value null"), version, message(magic, byte(record.Gzip), 0, firstTimestamp, nil, nil)},
			set{name("not gzip"), version, message(magic, byte(record.Gzip), 0, firstTimestamp, nil, []byte("plain"))},
			set{name("codec 4"), version, message(magic, 4, 0, firstTimestamp, nil, []byte("plain"))},
			set{name("codec 6"), version, message(magic, 6, 0, firstTimestamp, nil, []byte("plain"))},
		)
		for _, codec := range []record.Compression{record.Gzip, record.Snappy, record.LZ4} {
			list = append(list, set{name(codec.String()), version, wrapped(t, magic, codec, 30)})
		}
	}
	return list
}
