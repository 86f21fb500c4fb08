package dump

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/log/record"
)

// parseClusterMetadata shows a record of a metadata log, as upstream's brokers
// without ZooKeeper keep it; they have no keys.
func parseClusterMetadata(item *record.Record) (key, payload *string, err error) {
	json, err := metadataJSON(item.Value)
	if err != nil {
		return nil, text("Error at %d, skipping. %s", item.Offset, err), nil
	}
	return nil, text("%s", json), nil
}

// metadataFrame is the version of what is around a record.
const metadataFrame = 1

// metadataJSON is MetadataRecordSerde and MetadataJsonConverters.
func metadataJSON(data []byte) ([]byte, error) {
	input := &metadataReader{data: data}
	var header [3]uint64
	for i, what := range []string{"frame version", "type", "version"} {
		if header[i] = input.uvarint(); input.failed {
			return nil, fmt.Errorf("Error while reading %s", what) //nolint:staticcheck // Kafka's sentence
		}
		if header[i] > math.MaxInt16 {
			return nil, fmt.Errorf("Value for %s was too large.", what) //nolint:staticcheck // Kafka's sentence
		}
		if i == 0 && header[0] != metadataFrame {
			return nil, wrongFrame(header[0])
		}
	}
	kind, version := header[1], header[2]
	schema, ok := metadataRecords[kind]
	if !ok {
		return nil, fmt.Errorf("org.apache.kafka.common.errors.UnsupportedVersionException: Unknown metadata id %d", kind)
	}
	json := input.structure(nil, schema.fields)
	if input.failed {
		return nil, fmt.Errorf("Failed to deserialize record with type %d", kind) //nolint:staticcheck // Kafka's sentence
	}
	if left := len(input.data); left > 0 {
		return nil, fmt.Errorf("Found %d byte(s) of garbage after %d", left, kind) //nolint:staticcheck // Kafka's sentence
	}
	return fmt.Appendf(nil, `{"type":"%s","version":%d,"data":%s}`, schema.name, version, json), nil
}

func wrongFrame(version uint64) error {
	if version == 0 {
		return errors.New("Could not deserialize metadata record with frame version 0. Note that upgrades from the preview release of KRaft in 2.8 to newer versions are not supported.") //nolint:staticcheck // Kafka's sentence
	}
	return fmt.Errorf("Could not deserialize metadata record due to unknown frame version %d(only frame version 1 is supported)", version) //nolint:staticcheck // Kafka's sentence
}

// metadataReader reads the fields of a record and writes them as JSON.
type metadataReader struct {
	data   []byte
	failed bool
}

func (r *metadataReader) take(n uint64) []byte {
	if n > uint64(len(r.data)) {
		r.failed, r.data = true, nil
		return nil
	}
	taken := r.data[:n]
	r.data = r.data[n:]
	return taken
}

func (r *metadataReader) uvarint() uint64 {
	value, n := binary.Uvarint(r.data)
	if n <= 0 || value > math.MaxUint32 {
		r.failed, r.data = true, nil
		return 0
	}
	r.data = r.data[n:]
	return value
}

func (r *metadataReader) integer(size uint64) uint64 {
	value := uint64(0)
	for _, b := range r.take(size) {
		value = value<<8 | uint64(b)
	}
	return value
}

// structure reads fields and, behind them, those that are tagged.
func (r *metadataReader) structure(json []byte, fields []metadataField) []byte {
	json = append(json, '{')
	var tagged []metadataField
	for _, field := range fields {
		if field.tagged {
			tagged = append(tagged, field)
			continue
		}
		json = r.named(json, field.name, r.value(nil, field))
	}
	for range r.uvarint() {
		tag := r.uvarint()
		inner := &metadataReader{data: r.take(r.uvarint())}
		if r.failed {
			break
		}
		if tag < uint64(len(tagged)) {
			json = r.named(json, tagged[tag].name, inner.value(nil, tagged[tag]))
			r.failed = r.failed || inner.failed
		}
	}
	return append(json, '}')
}

func (r *metadataReader) named(json []byte, name string, value []byte) []byte {
	if json[len(json)-1] != '{' {
		json = append(json, ',')
	}
	return append(append(append(append(json, '"'), name...), `":`...), value...)
}

func (r *metadataReader) value(json []byte, field metadataField) []byte {
	if field.list {
		return r.array(json, field)
	}
	switch field.kind {
	case kindBool:
		return fmt.Appendf(json, "%t", r.integer(1) != 0)
	case kindInt8:
		return fmt.Appendf(json, "%d", int8(r.integer(1)))
	case kindInt16:
		return fmt.Appendf(json, "%d", int16(r.integer(2)))
	case kindUint16:
		return fmt.Appendf(json, "%d", r.integer(2))
	case kindInt32:
		return fmt.Appendf(json, "%d", int32(r.integer(4)))
	case kindInt64:
		return fmt.Appendf(json, "%d", int64(r.integer(8)))
	case kindFloat64:
		return append(json, jvm.Double(math.Float64frombits(r.integer(8)), 64)...)
	case kindUUID:
		return fmt.Appendf(json, `"%s"`, base64.RawURLEncoding.EncodeToString(r.take(16)))
	case kindStruct:
		return r.structure(json, field.fields)
	}
	return r.sized(json, field.kind)
}

// sized reads a string or bytes, which may be null.
func (r *metadataReader) sized(json []byte, kind metadataKind) []byte {
	size := r.uvarint()
	if size == 0 {
		return append(json, "null"...)
	}
	content := r.take(size - 1)
	if kind == kindBytes {
		return fmt.Appendf(json, `"%s"`, base64.StdEncoding.EncodeToString(content))
	}
	return jvm.AppendJSONString(json, javaText(content))
}

func (r *metadataReader) array(json []byte, field metadataField) []byte {
	count := r.uvarint()
	if count == 0 {
		return append(json, "null"...)
	}
	field.list = false
	json = append(json, '[')
	for i := range count - 1 {
		if r.failed {
			break
		}
		if i > 0 {
			json = append(json, ',')
		}
		json = r.value(json, field)
	}
	return append(json, ']')
}
