package jvm

import (
	"math"
	"testing"
)

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

func TestDouble(t *testing.T) {
	for want, number := range map[string]float64{
		"1024.0": 1024, "2.097152E7": 20971520, "0.5": .5, "1.0E-4": .0001, "0.001": .001, "0.0": 0, "9999999.0": 9999999, "1.0E7": 1e7,
		"-2.5": -2.5, "1.7976931348623157E308": 1.7976931348623157e308, "Infinity": math.Inf(1), "-Infinity": math.Inf(-1), "NaN": math.NaN(),
	} {
		if got := Double(number, 64); got != want {
			t.Errorf("%g: %s, want %s", number, got, want)
		}
	}
	if got := Double(float64(float32(.1)), 32); got != "0.1" {
		t.Errorf("a float reads %s", got)
	}
}

func TestJSONString(t *testing.T) {
	if got := string(AppendJSONString(nil, "a\"\\/\n\t\r\b\f\x01\x1f<é\u2028")); got != `"a\"\\/\n\t\r\b\f\u0001\u001F<é`+"\u2028\"" {
		t.Errorf("%s", got)
	}
}

func TestCollections(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{Joined([]int32{1, 2}, ","), "1,2"},
		{Collection("Set", []string{"a", "b"}), "Set(a, b)"},
		{Collection("HashSet", []int32(nil)), "HashSet()"},
		{Map("HashMap", map[int32]int64{2: 30, 0: 25}), "HashMap(0 -> 25, 2 -> 30)"},
	} {
		if test.got != test.want {
			t.Errorf("%s, want %s", test.got, test.want)
		}
	}
}
