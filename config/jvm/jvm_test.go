package jvm

import "testing"

func TestStringHash(t *testing.T) {
	// String.hashCode in Java; the third has the smallest integer.
	for text, want := range map[string]int32{
		"": 0, "a": 97, "polygenelubricants": -1 << 31, "console-consumer-12345": 158455506, "grüppe-😀": 1039948164,
	} {
		if got := Abs(StringHash(text)); got != max(want, 0) {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
