package jvm

import (
	"math"
	"strconv"
	"strings"
)

// Double is Double.toString, or Float.toString with 32 bits: scientific from
// 1e7 up and below 1e-3, always with a fraction.
func Double(number float64, bits int) string {
	switch {
	case math.IsNaN(number):
		return "NaN"
	case math.IsInf(number, 1):
		return "Infinity"
	case math.IsInf(number, -1):
		return "-Infinity"
	}
	size := math.Abs(number)
	if size != 0 && (size >= 1e7 || size < 1e-3) {
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(number, 'E', -1, bits), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		power, _ := strconv.Atoi(exponent)
		return mantissa + "E" + strconv.Itoa(power)
	}
	text := strconv.FormatFloat(number, 'f', -1, bits)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
