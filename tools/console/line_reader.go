package console

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

// lineReader makes a record of a line, as ConsoleProducer.LineMessageReader.
type lineReader struct {
	parseKey, ignoreError bool
	keySeparator          string
	lineNumber            int
}

func newLineReader(set *command.Set) (*lineReader, error) {
	class, err := set.Value("line-reader")
	if err != nil {
		return nil, err
	}
	if class != lineReaderClass {
		return nil, command.Throw(classNotFound, "%s", class)
	}
	properties := map[string]string{"key.separator": "\t"}
	for _, word := range set.Values("property") {
		key, value, _ := strings.Cut(word, "=")
		properties[key] = value
	}
	return &lineReader{
		parseKey:     isTrue(properties["parse.key"]),
		ignoreError:  isTrue(properties["ignore.error"]),
		keySeparator: properties["key.separator"],
	}, nil
}

const classNotFound = "java.lang.ClassNotFoundException"

func isTrue(text string) bool { return strings.EqualFold(strings.TrimSpace(text), "true") }

func (r *lineReader) record(line []byte) (*kgo.Record, error) {
	r.lineNumber++
	if !r.parseKey {
		return &kgo.Record{Value: line}, nil
	}
	key, value, found := bytes.Cut(line, []byte(r.keySeparator))
	switch {
	case found:
		return &kgo.Record{Key: key, Value: value}, nil
	case r.ignoreError:
		return &kgo.Record{Value: line}, nil
	}
	return nil, command.Throw("org.apache.kafka.common.KafkaException", "No key found on line %d: %s", r.lineNumber, line)
}

// maxLineBytes bounds one line read from standard input.
const maxLineBytes = 1 << 30

// lines reads as a BufferedReader of UTF-8: a line ends with \n, \r, \r\n or the
// input, and what is no UTF-8 is replaced.
type lines struct {
	input       *bufio.Reader
	skipNewline bool
}

func (l *lines) next() ([]byte, error) {
	line := []byte{}
	for len(line) < maxLineBytes {
		next, err := l.input.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && len(line) > 0:
			return validText(line), nil
		case err != nil:
			return nil, err
		case next == '\n' && l.skipNewline:
			l.skipNewline = false
			continue
		}
		l.skipNewline = next == '\r'
		if next == '\n' || next == '\r' {
			return validText(line), nil
		}
		line = append(line, next)
	}
	return nil, command.Throw("java.lang.OutOfMemoryError", "Required array length too large")
}

func validText(line []byte) []byte {
	if utf8.Valid(line) {
		return line
	}
	return []byte(string([]rune(string(line))))
}
