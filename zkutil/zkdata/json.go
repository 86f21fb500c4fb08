package zkdata

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/gregor-broker/gregor/config/jvm"
)

// ErrMalformed is wrapped by every error of a decoder.
var ErrMalformed = errors.New("malformed znode data")

// errNotJSON marks bytes that are no JSON; several families read them as absent.
var errNotJSON = fmt.Errorf("%w: not JSON", ErrMalformed)

// member is one key of a JSON object and its value.
type member struct {
	key   string
	value any
}

// object is a JSON object whose keys keep their order.
type object []member

// encode writes the object as Jackson does: no blanks, UTF-8 kept as it is.
func (o object) encode() []byte { return appendValue(nil, o) }

func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return jvm.AppendJSONString(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int16:
		return strconv.AppendInt(dst, int64(v), 10)
	case int32:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case []int32:
		return appendList(dst, v)
	case []string:
		return appendList(dst, v)
	case []object:
		return appendList(dst, v)
	case object:
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(jvm.AppendJSONString(dst, m.key), ':')
			dst = appendValue(dst, m.value)
		}
		return append(dst, '}')
	}
	panic(fmt.Sprintf("zkdata: no JSON encoding for %T", value))
}

func appendList[T any](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, v)
	}
	return append(dst, ']')
}

// fields is a JSON object that was read, each value still as text.
type fields map[string]json.RawMessage

// parseObject reads the first JSON value of data, which must be an object.
func parseObject(data []byte) (fields, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrMalformed)
	}
	var raw json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&raw); err != nil {
		return nil, fmt.Errorf("%w: %v", errNotJSON, err)
	}
	return objectOf(raw)
}

func objectOf(raw json.RawMessage) (fields, error) {
	var f fields
	if err := json.Unmarshal(raw, &f); err != nil || f == nil {
		return nil, fmt.Errorf("%w: expected JSON object, received %s", ErrMalformed, clip(raw))
	}
	return f, nil
}

// has reports whether the key is there with a value other than null.
func (f fields) has(key string) bool {
	raw, ok := f[key]
	return ok && string(raw) != "null"
}

func (f fields) require(key string) (json.RawMessage, error) {
	raw, ok := f[key]
	if !ok {
		return nil, fmt.Errorf("%w: no such field exists: `%s`", ErrMalformed, key)
	}
	return raw, nil
}

func (f fields) int32(key string) (int32, error) {
	raw, err := f.require(key)
	if err != nil {
		return 0, err
	}
	return int32Of(raw)
}

func (f fields) int64(key string) (int64, error) {
	raw, err := f.require(key)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: expected `Long` value, received %s", ErrMalformed, clip(raw))
	}
	return n, nil
}

func (f fields) text(key string) (string, error) {
	raw, err := f.require(key)
	if err != nil {
		return "", err
	}
	return textOf(raw)
}

func (f fields) object(key string) (fields, error) {
	raw, err := f.require(key)
	if err != nil {
		return nil, err
	}
	return objectOf(raw)
}

func int32Of(raw json.RawMessage) (int32, error) {
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: expected `Int` value, received %s", ErrMalformed, clip(raw))
	}
	return int32(n), nil
}

func textOf(raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("%w: expected `String` value, received %s", ErrMalformed, clip(raw))
	}
	return s, nil
}

// list reads a JSON array with one function for each element.
func list[T any](f fields, key string, element func(json.RawMessage) (T, error)) ([]T, error) {
	raw, err := f.require(key)
	if err != nil {
		return nil, err
	}
	return listOf(raw, element)
}

func listOf[T any](raw json.RawMessage, element func(json.RawMessage) (T, error)) ([]T, error) {
	var raws []json.RawMessage
	if err := json.Unmarshal(raw, &raws); err != nil || raws == nil {
		return nil, fmt.Errorf("%w: expected JSON array, received %s", ErrMalformed, clip(raw))
	}
	values := make([]T, 0, len(raws))
	for _, r := range raws {
		v, err := element(r)
		if err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, nil
}

// clip keeps a quoted value short enough for a log line.
func clip(raw []byte) string {
	const most = 200
	if len(raw) > most {
		return string(raw[:most]) + "..."
	}
	return string(raw)
}
