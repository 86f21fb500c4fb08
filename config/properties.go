package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf16"
)

// Property is one key and value of a properties file.
type Property struct{ Key, Value string }

// ReadProperties reads Java's .properties syntax as java.util.Properties does
// from a stream: ISO-8859-1 with \uXXXX escapes, comments by # or !, the
// separators =, : and white space, continuation lines. A later key wins.
func ReadProperties(reader io.Reader) (map[string]string, error) {
	properties, err := ReadOrderedProperties(reader)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(properties))
	for _, property := range properties {
		values[property.Key] = property.Value
	}
	return values, nil
}

// ReadPropertiesFile reads the properties file at path.
func ReadPropertiesFile(path string) (map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	values, err := ReadProperties(bufio.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// ReadOrderedProperties reads as [ReadProperties] and keeps the order of the
// lines, repeated keys included.
func ReadOrderedProperties(reader io.Reader) ([]Property, error) {
	text, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	var properties []Property
	lines := lineReader{text: text}
	for {
		line, ok := lines.next()
		if !ok {
			return properties, nil
		}
		property, err := parseProperty(line)
		if err != nil {
			return nil, err
		}
		properties = append(properties, property)
	}
}

// lineReader gives logical lines: comments and blank lines left out, leading
// white space removed, continuation lines joined. Escapes stay as they are.
type lineReader struct {
	text []byte
	at   int
}

func (l *lineReader) next() ([]byte, bool) {
	for l.at < len(l.text) {
		l.skipBlank()
		if line, ok := l.logical(); ok {
			return line, true
		}
	}
	return nil, false
}

// logical returns a line with those it continues on, and false for one that
// is blank or a comment. As in Java, a comment may follow a line that held
// nothing but the mark of continuation.
func (l *lineReader) logical() ([]byte, bool) {
	var line []byte
	for {
		if len(line) == 0 && l.at < len(l.text) && isCommentMark(l.text[l.at]) {
			l.natural()
			return nil, false
		}
		line = append(line, l.natural()...)
		if !endsInEscape(line) {
			return line, len(line) > 0
		}
		line = line[:len(line)-1]
		if l.at >= len(l.text) {
			return line, len(line) > 0
		}
		l.skipBlank()
	}
}

// natural returns the rest of the line and moves past its terminator, which
// is a line feed, a carriage return, or both.
func (l *lineReader) natural() []byte {
	start := l.at
	for l.at < len(l.text) && l.text[l.at] != '\n' && l.text[l.at] != '\r' {
		l.at++
	}
	line := l.text[start:l.at]
	if l.at < len(l.text) {
		l.at++
		if l.text[l.at-1] == '\r' && l.at < len(l.text) && l.text[l.at] == '\n' {
			l.at++
		}
	}
	return line
}

func (l *lineReader) skipBlank() {
	for l.at < len(l.text) && isBlank(l.text[l.at]) {
		l.at++
	}
}

func endsInEscape(line []byte) bool {
	count := 0
	for count < len(line) && line[len(line)-1-count] == '\\' {
		count++
	}
	return count%2 == 1
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\f' }

func isCommentMark(c byte) bool { return c == '#' || c == '!' }

func isSeparator(c byte) bool { return c == '=' || c == ':' }

func parseProperty(line []byte) (Property, error) {
	end, escaped := 0, false
	for end < len(line) && (escaped || !isSeparator(line[end]) && !isBlank(line[end])) {
		escaped = line[end] == '\\' && !escaped
		end++
	}
	start, separated := end, false
	for start < len(line) {
		if isSeparator(line[start]) && !separated {
			separated = true
		} else if !isBlank(line[start]) {
			break
		}
		start++
	}
	key, err := unescape(line[:end])
	if err != nil {
		return Property{}, err
	}
	value, err := unescape(line[start:])
	return Property{key, value}, err
}

// errMalformedUnicode is Java's sentence.
var errMalformedUnicode = errors.New("Malformed \\uxxxx encoding.") //nolint:staticcheck // Java's sentence

var escapes = map[byte]uint16{'t': '\t', 'r': '\r', 'n': '\n', 'f': '\f'}

// unescape works on UTF-16 units as Java does, so that two escapes may give
// one character outside the basic plane.
func unescape(text []byte) (string, error) {
	units := make([]uint16, 0, len(text))
	for at := 0; at < len(text); at++ {
		c := text[at]
		if c != '\\' || at+1 == len(text) {
			units = append(units, uint16(c))
			continue
		}
		at++
		if text[at] == 'u' {
			unit, ok := hexUnit(text[at+1:])
			if !ok {
				return "", errMalformedUnicode
			}
			units = append(units, unit)
			at += 4
		} else if unit, ok := escapes[text[at]]; ok {
			units = append(units, unit)
		} else {
			units = append(units, uint16(text[at]))
		}
	}
	return string(utf16.Decode(units)), nil
}

func hexUnit(digits []byte) (uint16, bool) {
	if len(digits) < 4 {
		return 0, false
	}
	var unit uint16
	for _, digit := range digits[:4] {
		value := strings.IndexByte("0123456789abcdefABCDEF", digit)
		if value < 0 {
			return 0, false
		}
		if value > 15 {
			value -= 6
		}
		unit = unit<<4 | uint16(value)
	}
	return unit, true
}
