package zkserver

import (
	"encoding/binary"
	"errors"
)

// errShort says that a record ends before its fields do, or that a length in it
// cannot be true.
var errShort = errors.New("jute: record is truncated or malformed")

// decoder reads jute's binary encoding (big endian, no tags). The first error
// sticks; every read after it gives the zero value.
type decoder struct {
	buf []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.buf) {
		d.fail()
		return nil
	}
	taken := d.buf[:n]
	d.buf = d.buf[n:]
	return taken
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errShort
	}
	d.buf = nil
}

func (d *decoder) boolean() bool {
	b := d.take(1)
	return len(b) == 1 && b[0] != 0
}

func (d *decoder) int32() int32 {
	if b := d.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) int64() int64 {
	if b := d.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// bytes reads a buffer without copying it; nil stands for null, an empty slice
// for an empty buffer.
func (d *decoder) bytes() []byte {
	n := d.int32()
	if d.err != nil || n == -1 {
		return nil
	}
	b := d.take(int(n))
	if d.err == nil && b == nil {
		return []byte{}
	}
	return b
}

// buffer reads a buffer into memory of its own.
func (d *decoder) buffer() []byte {
	b := d.bytes()
	if b == nil {
		return nil
	}
	owned := make([]byte, len(b))
	copy(owned, b)
	return owned
}

// text reads a string; null reads as "".
func (d *decoder) text() string {
	return string(d.bytes())
}

// path reads a string that must not be null.
func (d *decoder) path() string {
	b := d.bytes()
	if b == nil {
		d.fail()
	}
	return string(b)
}

// count reads the length of a vector whose items take at least minSize bytes.
// Null reads as 0.
func (d *decoder) count(minSize int) int {
	n := d.int32()
	if d.err != nil || n == -1 {
		return 0
	}
	if n < 0 || int(n) > len(d.buf)/minSize {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) strings() []string {
	n := d.count(4)
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, d.path())
	}
	return list
}

// encoder appends jute's binary encoding to buf.
type encoder struct {
	buf []byte
}

func (e *encoder) boolean(v bool) {
	if v {
		e.buf = append(e.buf, 1)
	} else {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) int32(v int32) {
	e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(v))
}

func (e *encoder) int64(v int64) {
	e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(v))
}

func (e *encoder) buffer(v []byte) {
	if v == nil {
		e.int32(-1)
		return
	}
	e.int32(int32(len(v)))
	e.buf = append(e.buf, v...)
}

func (e *encoder) text(v string) {
	e.int32(int32(len(v)))
	e.buf = append(e.buf, v...)
}

func (e *encoder) strings(list []string) {
	e.int32(int32(len(list)))
	for _, v := range list {
		e.text(v)
	}
}
