package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The ways in which bytes fail to be the message they should be.
var (
	errShort   = errors.New("the bytes end within a field")
	errLength  = errors.New("a length is out of range")
	errNull    = errors.New("a field is null that cannot be")
	errVersion = errors.New("the version has no layout")
)

// tagMemory is about what one unknown tagged field costs in kmsg's map of them.
const tagMemory = 64

// walker steps through a message's bytes without decoding them. The first
// error sticks and empties src, so that every loop over announced numbers ends.
type walker struct {
	src      []byte
	version  int16
	flexible bool
	// memory is what decoding will allocate, about.
	memory int
	// hasBytes tells that the message has fields which kmsg decodes in place.
	hasBytes bool
	err      error
}

func (w *walker) fail(err error) {
	if w.err == nil {
		w.err = err
	}
	w.src = nil
}

func (w *walker) skip(n int) {
	if n > len(w.src) {
		w.fail(errShort)
		return
	}
	w.src = w.src[n:]
}

func (w *walker) uvarint() uint32 {
	var value uint64
	for i := 0; i < 5 && i < len(w.src); i++ {
		b := w.src[i]
		value |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			w.src = w.src[i+1:]
			if value > 1<<32-1 {
				w.fail(errLength)
				return 0
			}
			return uint32(value)
		}
	}
	w.fail(errShort)
	return 0
}

// compactLength reads a compact length; null is -1.
func (w *walker) compactLength() int {
	return int(w.uvarint()) - 1
}

func (w *walker) int16Length() int {
	if len(w.src) < 2 {
		w.fail(errShort)
		return 0
	}
	n := int(int16(binary.BigEndian.Uint16(w.src)))
	w.src = w.src[2:]
	return n
}

func (w *walker) int32Length() int {
	if len(w.src) < 4 {
		w.fail(errShort)
		return 0
	}
	n := int(int32(binary.BigEndian.Uint32(w.src)))
	w.src = w.src[4:]
	return n
}

// length reads the length in front of a string, bytes or an array.
func (w *walker) length(of kind) int {
	switch {
	case w.flexible:
		return w.compactLength()
	case of == stringKind:
		return w.int16Length()
	default:
		return w.int32Length()
	}
}

// clientID reads the header's client id, which keeps its plain form in
// flexible versions, as bytes of the frame.
func (w *walker) clientID() []byte {
	n := w.int16Length()
	if n < 0 || w.err != nil {
		return nil
	}
	if n > len(w.src) {
		w.fail(errShort)
		return nil
	}
	id := w.src[:n]
	w.src = w.src[n:]
	return id
}

// skipTags skips tagged fields that are all unknown.
func (w *walker) skipTags() { w.tags(nil) }

// tags walks the tagged fields at the end of a structure.
func (w *walker) tags(known []field) {
	for count := w.uvarint(); count > 0 && w.err == nil; count-- {
		tag := w.uvarint()
		size := int(w.uvarint())
		if size > len(w.src) {
			w.fail(errShort)
			return
		}
		w.memory += tagMemory
		for i := range known {
			if known[i].tag == int(tag) {
				w.taggedField(&known[i], w.src[:size])
			}
		}
		w.skip(size)
	}
}

func (w *walker) taggedField(f *field, value []byte) {
	within := *w
	within.src = value
	within.field(f)
	w.memory, w.hasBytes = within.memory, within.hasBytes
	if within.err != nil {
		w.fail(within.err)
	}
}

// structure walks the fields of one structure.
func (w *walker) structure(fields []field) {
	tagged := false
	for i := range fields {
		if fields[i].tag >= 0 {
			tagged = true
			continue
		}
		w.field(&fields[i])
		if w.err != nil {
			return
		}
	}
	if !w.flexible {
		return
	}
	if tagged {
		w.tags(fields)
	} else {
		w.tags(nil)
	}
}

func (w *walker) field(f *field) {
	switch f.kind {
	case fixedKind:
		w.skip(f.size)
	case structKind:
		w.structure(f.elements)
	case arrayKind:
		w.array(f)
	default:
		w.stringOrBytes(f)
	}
}

func (w *walker) stringOrBytes(f *field) {
	n := w.length(f.kind)
	if w.err != nil {
		return
	}
	switch {
	case n < 0 && !f.nullable.contains(w.version):
		w.fail(fmt.Errorf("%s: %w", f.name, errNull))
		return
	case n < 0:
		return
	case f.kind == stringKind && n > 1<<15-1:
		w.fail(fmt.Errorf("%s: %w", f.name, errLength))
		return
	case f.kind == stringKind:
		w.memory += n + 16
	default:
		w.hasBytes = true
	}
	w.skip(n)
}

func (w *walker) array(f *field) {
	n := w.length(f.kind)
	if w.err != nil {
		return
	}
	if n < 0 {
		if !f.nullable.contains(w.version) {
			w.fail(fmt.Errorf("%s: %w", f.name, errNull))
		}
		return
	}
	if n > len(w.src) { // an element has at least one byte
		w.fail(fmt.Errorf("%s: %w", f.name, errLength))
		return
	}
	w.memory += n * f.elementMemory
	if f.simple && f.elements[0].kind == fixedKind {
		w.skip(n * f.elements[0].size)
		return
	}
	for ; n > 0 && w.err == nil; n-- {
		if f.simple {
			w.field(&f.elements[0])
		} else {
			w.structure(f.elements)
		}
	}
}
