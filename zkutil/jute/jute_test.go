package jute

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	var e Encoder
	e.Boolean(true)
	e.Int32(-2)
	e.Int64(1 << 40)
	e.Buffer(nil)
	e.Buffer([]byte{})
	e.Text("name")
	e.Strings([]string{"/a", ""})
	d := Decoder{Buf: e.Buf}
	if !d.Boolean() || d.Int32() != -2 || d.Int64() != 1<<40 {
		t.Error("numbers differ")
	}
	if null, empty := d.Buffer(), d.Buffer(); null != nil || empty == nil || len(empty) > 0 {
		t.Errorf("null read as %v, an empty buffer as %v", null, empty)
	}
	if d.Path() != "name" || !reflect.DeepEqual(d.Strings(), []string{"/a", ""}) || d.Err != nil || len(d.Buf) > 0 {
		t.Errorf("%v, %d bytes left", d.Err, len(d.Buf))
	}
}

func TestLengthsThatCannotBeTrue(t *testing.T) {
	for _, record := range [][]byte{{}, {0, 0, 0}, {0, 0, 0, 2, 'a'}, {0xff, 0xff, 0xff, 0xfe}, {0x7f, 0xff, 0xff, 0xff}} {
		d := Decoder{Buf: record}
		d.Bytes()
		if !errors.Is(d.Err, ErrShort) {
			t.Errorf("buffer %v: %v", record, d.Err)
		}
		d = Decoder{Buf: record}
		d.Strings()
		if !errors.Is(d.Err, ErrShort) {
			t.Errorf("vector %v: %v", record, d.Err)
		}
	}
	if d := (Decoder{Buf: bytes.Repeat([]byte{0xff}, 4)}); d.Path() != "" || d.Err == nil {
		t.Error("a path may be null")
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 0, 0, 0, 1, 'a', 0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, record []byte) {
		list := Decoder{Buf: record}
		size := 0
		for _, text := range list.Strings() {
			size += 4 + len(text)
		}
		if size > len(record) {
			t.Errorf("%d bytes read of %d", size, len(record))
		}
		if list.Err != nil && len(list.Buf) > 0 {
			t.Error("reading may go on behind an error")
		}
	})
}
