package jvm

import (
	"unicode"
	"unicode/utf16"
)

// StringHash is String.hashCode.
func StringHash(text string) int32 {
	var hash int32
	for _, char := range text {
		if high, low := utf16.EncodeRune(char); high != unicode.ReplacementChar {
			hash = 31*(31*hash+high) + low
			continue
		}
		hash = 31*hash + char
	}
	return hash
}

// Abs is org.apache.kafka.common.utils.Utils.abs: the absolute value, and 0 for the
// smallest integer, which has none.
func Abs(n int32) int32 {
	if n < 0 {
		n = -n
	}
	return max(n, 0)
}
