package console

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/tools/command"
)

// deserializer gives the text of a field, as a Java deserializer's toString.
type deserializer func(field []byte) ([]byte, error)

const serializationPackage = "org.apache.kafka.common.serialization."

// deserializers are those of the Java client that have a plain text.
var deserializers = map[string]deserializer{
	"StringDeserializer": raw,
	"LongDeserializer": fixed("LongDeserializer", 8, func(field []byte) string {
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(field)), 10)
	}),
	"IntegerDeserializer": fixed("IntegerDeserializer", 4, func(field []byte) string {
		return strconv.FormatInt(int64(int32(binary.BigEndian.Uint32(field))), 10)
	}),
	"ShortDeserializer": fixed("ShortDeserializer", 2, func(field []byte) string {
		return strconv.FormatInt(int64(int16(binary.BigEndian.Uint16(field))), 10)
	}),
	"DoubleDeserializer": fixed("Deserializer", 8, func(field []byte) string {
		return jvm.Double(math.Float64frombits(binary.BigEndian.Uint64(field)), 64)
	}),
	"FloatDeserializer": fixed("Deserializer", 4, func(field []byte) string {
		return jvm.Double(float64(math.Float32frombits(binary.BigEndian.Uint32(field))), 32)
	}),
	"UUIDDeserializer": func(field []byte) ([]byte, error) {
		id, err := uuid.ParseBytes(field)
		if err != nil {
			return nil, command.Throw("org.apache.kafka.common.errors.SerializationException", "Error parsing data into UUID")
		}
		return []byte(id.String()), nil
	},
}

func newDeserializer(class string) (deserializer, error) {
	if class == "" {
		return raw, nil
	}
	if found := deserializers[strings.TrimPrefix(class, serializationPackage)]; found != nil {
		return found, nil
	}
	return nil, command.Throw(classNotFound, "%s", class)
}

func raw(field []byte) ([]byte, error) { return field, nil }

func fixed(name string, size int, text func([]byte) string) deserializer {
	return func(field []byte) ([]byte, error) {
		if len(field) != size {
			return nil, command.Throw("org.apache.kafka.common.errors.SerializationException", "Size of data received by %s is not %d", name, size)
		}
		return []byte(text(field)), nil
	}
}
