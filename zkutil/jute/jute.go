// Package jute is the encoding of ZooKeeper's records, on the wire and on disk: big
// endian, fields in order, no tags.
package jute

import (
	"encoding/binary"
	"errors"
)

// ErrShort says that a record ends before its fields do, or that a length in it
// cannot be true.
var ErrShort = errors.New("jute: record is truncated or malformed")

// Decoder reads jute's binary encoding. The first error
// sticks; every read after it gives the zero value.
type Decoder struct {
	// Buf is what has not been read yet.
	Buf []byte
	Err error
}

// Take reads n bytes as they are, without copying them.
func (d *Decoder) Take(n int) []byte {
	if d.Err != nil || n < 0 || n > len(d.Buf) {
		d.fail()
		return nil
	}
	taken := d.Buf[:n]
	d.Buf = d.Buf[n:]
	return taken
}

func (d *Decoder) fail() {
	if d.Err == nil {
		d.Err = ErrShort
	}
	d.Buf = nil
}

// Boolean reads one byte; all but 0 is true.
func (d *Decoder) Boolean() bool {
	b := d.Take(1)
	return len(b) == 1 && b[0] != 0
}

// Int32 reads an int.
func (d *Decoder) Int32() int32 {
	if b := d.Take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// Int64 reads a long.
func (d *Decoder) Int64() int64 {
	if b := d.Take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Bytes reads a buffer without copying it; nil stands for null, an empty slice
// for an empty buffer.
func (d *Decoder) Bytes() []byte {
	n := d.Int32()
	if d.Err != nil || n == -1 {
		return nil
	}
	b := d.Take(int(n))
	if d.Err == nil && b == nil {
		return []byte{}
	}
	return b
}

// Buffer reads a buffer into memory of its own.
func (d *Decoder) Buffer() []byte {
	b := d.Bytes()
	if b == nil {
		return nil
	}
	owned := make([]byte, len(b))
	copy(owned, b)
	return owned
}

// Text reads a string; null reads as "".
func (d *Decoder) Text() string {
	return string(d.Bytes())
}

// Path reads a string that must not be null.
func (d *Decoder) Path() string {
	b := d.Bytes()
	if b == nil {
		d.fail()
	}
	return string(b)
}

// Count reads the length of a vector whose items take at least minSize bytes.
// Null reads as 0.
func (d *Decoder) Count(minSize int) int {
	n := d.Int32()
	if d.Err != nil || n == -1 {
		return 0
	}
	if n < 0 || int(n) > len(d.Buf)/minSize {
		d.fail()
		return 0
	}
	return int(n)
}

// Strings reads a vector of strings.
func (d *Decoder) Strings() []string {
	n := d.Count(4)
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, d.Path())
	}
	return list
}

// Encoder appends jute's binary encoding to Buf.
type Encoder struct {
	Buf []byte
}

// Boolean writes one byte.
func (e *Encoder) Boolean(v bool) {
	if v {
		e.Buf = append(e.Buf, 1)
	} else {
		e.Buf = append(e.Buf, 0)
	}
}

// Int32 writes an int.
func (e *Encoder) Int32(v int32) {
	e.Buf = binary.BigEndian.AppendUint32(e.Buf, uint32(v))
}

// Int64 writes a long.
func (e *Encoder) Int64(v int64) {
	e.Buf = binary.BigEndian.AppendUint64(e.Buf, uint64(v))
}

// Buffer writes bytes behind their length; nil is written as null.
func (e *Encoder) Buffer(v []byte) {
	if v == nil {
		e.Int32(-1)
		return
	}
	e.Int32(int32(len(v)))
	e.Buf = append(e.Buf, v...)
}

// Text writes a string.
func (e *Encoder) Text(v string) {
	e.Int32(int32(len(v)))
	e.Buf = append(e.Buf, v...)
}

// Strings writes a vector of strings.
func (e *Encoder) Strings(list []string) {
	e.Int32(int32(len(list)))
	for _, v := range list {
		e.Text(v)
	}
}
