package protocol

import (
	"bytes"
	"testing"
)

// FuzzResponseHeader reads what another broker may send as a response: the body is
// the end of the frame, whatever stands before it.
func FuzzResponseHeader(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7}, int16(1), int16(12))
	f.Add([]byte{0, 0, 0, 7, 0, 1, 2}, int16(1), int16(12))
	f.Add([]byte{0, 0, 0, 7, 1, 0, 2, 'a', 'b', 9}, int16(3), int16(12))
	f.Add([]byte{0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0x0f}, int16(3), int16(12))
	f.Add([]byte{0, 0}, int16(18), int16(3))
	f.Fuzz(func(t *testing.T, frame []byte, key, version int16) {
		_, body, err := ParseResponseHeader(frame, key, version)
		if err == nil && !bytes.HasSuffix(frame[4:], body) {
			t.Errorf("the body % x is not the end of % x", body, frame)
		}
	})
}
