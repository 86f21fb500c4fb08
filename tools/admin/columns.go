package admin

import (
	"strings"
	"unicode/utf16"
)

// missing stands for a value that there is not.
const missing = "-"

// pad fills text up with spaces as Java's %-<width>s.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-javaLength(text), 0))
}

// javaLength is String.length.
func javaLength(text string) int { return len(utf16.Encode([]rune(text))) }

// row pads each cell but gives those without a width as they are.
func row(widths []int, cells ...string) string {
	for i, width := range widths {
		cells[i] = pad(cells[i], width)
	}
	return strings.Join(cells, " ")
}
