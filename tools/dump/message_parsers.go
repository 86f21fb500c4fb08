package dump

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tools/command"
)

// messageParser gives the texts of a record's key and value, nil for what is not
// to be shown.
type messageParser func(item *record.Record) (key, payload *string, err error)

// decoder is a kafka.serializer.Decoder.
type decoder func(data []byte) (string, error)

var decoders = map[string]decoder{
	stringDecoder:                     func(data []byte) (string, error) { return javaText(data), nil },
	"kafka.serializer.DefaultDecoder": func([]byte) (string, error) { return "[B@0", nil }, // an array's address
	"kafka.serializer.LongDecoder": func(data []byte) (string, error) {
		if len(data) < 8 {
			return "", command.Throw("java.nio.BufferUnderflowException", "")
		}
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(data)), 10), nil
	},
	"kafka.serializer.IntegerDecoder": func(data []byte) (string, error) {
		if len(data) < 4 {
			return "", command.Throw("java.nio.BufferUnderflowException", "")
		}
		return strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(data))), 10), nil
	},
}

func newMessageParser(set *command.Set) (messageParser, error) {
	switch {
	case set.Has("offsets-decoder"):
		return parseOffsetsMessage, nil
	case set.Has("transaction-log-decoder"):
		return parseTransactionMessage, nil
	case set.Has("cluster-metadata-decoder"):
		return parseClusterMetadata, nil
	}
	var chosen [2]decoder
	for i, name := range []string{"value-decoder-class", "key-decoder-class"} {
		class, err := set.Value(name)
		if err != nil {
			return nil, err
		}
		if chosen[i] = decoders[class]; chosen[i] == nil {
			return nil, command.Throw("java.lang.ClassNotFoundException", "%s", class)
		}
	}
	return decodeWith(chosen[1], chosen[0]), nil
}

func decodeWith(keys, values decoder) messageParser {
	field := func(decode decoder, data []byte) (*string, error) {
		if data == nil {
			return nil, nil
		}
		text, err := decode(data)
		return &text, err
	}
	return func(item *record.Record) (key, payload *string, err error) {
		if key, err = field(keys, item.Key); err == nil {
			payload, err = field(values, item.Value)
		}
		return key, payload, err
	}
}

// javaText decodes UTF-8 as Java's String does: as much of a sequence as could
// have begun a character is one replacement character.
func javaText(data []byte) string {
	if utf8.Valid(data) {
		return string(data)
	}
	var text strings.Builder
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			size = malformedLength(data)
		}
		text.WriteRune(r)
		data = data[size:]
	}
	return text.String()
}

// malformedLength is how many bytes one replacement character stands for.
func malformedLength(data []byte) int {
	low, high, length := byte(0x80), byte(0xbf), 1
	switch first := data[0]; {
	case first >= 0xc2 && first <= 0xdf:
		length = 2
	case first == 0xe0:
		low, length = 0xa0, 3
	case first >= 0xe1 && first <= 0xef:
		length = 3 // surrogates are three bytes to Java, too
	case first == 0xf0:
		low, length = 0x90, 4
	case first >= 0xf1 && first <= 0xf3:
		length = 4
	case first == 0xf4:
		high, length = 0x8f, 4
	}
	for i := 1; i < length; i++ {
		if i >= len(data) || data[i] < low || data[i] > high {
			return i
		}
		low, high = 0x80, 0xbf
	}
	return length
}

func text(format string, args ...any) *string {
	formatted := fmt.Sprintf(format, args...)
	return &formatted
}
