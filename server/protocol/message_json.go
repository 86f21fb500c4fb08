package protocol

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

var (
	describedRequests  = &layouts{texts: requestLayouts}
	describedResponses = &layouts{texts: responseLayouts}
)

// AppendRequestJSON appends the body of a request as JSON with Kafka's names, in
// the order of its message definitions, as RequestConvertToJson.request. Of
// records only the size is told (KIP-673).
func AppendRequestJSON(dst []byte, key, version int16, body []byte) ([]byte, error) {
	return appendMessageJSON(dst, describedRequests, key, version, body, false)
}

// AppendResponseJSON does so for a response. With withoutRecords, the bytes of
// records do not follow their lengths in the body.
func AppendResponseJSON(dst []byte, key, version int16, body []byte, withoutRecords bool) ([]byte, error) {
	return appendMessageJSON(dst, describedResponses, key, version, body, withoutRecords)
}

func appendMessageJSON(dst []byte, from *layouts, key, version int16, body []byte, withoutRecords bool) ([]byte, error) {
	layout, ok := from.of(key, version)
	if !ok {
		return dst, errVersion
	}
	api, _ := APIForKey(key)
	w := jsonWriter{walker{src: body, version: version, flexible: api.IsFlexible(version)}, withoutRecords}
	dst = w.structure(dst, layout.fields)
	return dst, w.err
}

// AppendHeaderJSON appends a request's header as requestHeaderNode does.
func AppendHeaderJSON(dst []byte, header RequestHeader) []byte {
	dst = fmt.Appendf(dst, `{"requestApiKey":%d,"requestApiVersion":%d,"correlationId":%d`, header.APIKey, header.APIVersion, header.CorrelationID)
	if header.APIKey != KeyControlledShutdown || header.APIVersion > 0 {
		dst = jvm.AppendJSONString(append(dst, `,"clientId":`...), header.ClientID)
	}
	return fmt.Appendf(dst, `,"requestApiKeyName":"%s"}`, constantName(APIName(header.APIKey)))
}

// constantName is the name of a constant of ApiKeys: FIND_COORDINATOR.
func constantName(name string) string {
	var constant strings.Builder
	for i, letter := range name {
		if i > 0 && letter >= 'A' && letter <= 'Z' {
			constant.WriteByte('_')
		}
		constant.WriteRune(letter)
	}
	return strings.ToUpper(constant.String())
}

// jsonWriter writes the fields it walks over.
type jsonWriter struct {
	walker
	withoutRecords bool
}

// structure writes the fields in their order, although tagged ones lie behind
// the others. Those that are not there have their default and are left out.
func (w *jsonWriter) structure(dst []byte, fields []field) []byte {
	members := make([][]byte, len(fields))
	for i := range fields {
		if fields[i].tag < 0 {
			members[i] = w.member(&fields[i])
		}
	}
	if w.flexible {
		w.taggedMembers(fields, members)
	}
	dst = append(dst, '{')
	for _, member := range members {
		if member == nil {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(dst, member...)
	}
	return append(dst, '}')
}

func (w *jsonWriter) taggedMembers(fields []field, members [][]byte) {
	for count := w.uvarint(); count > 0 && w.err == nil; count-- {
		tag := int(w.uvarint())
		value := w.take(int(w.uvarint()))
		for i := range fields {
			if fields[i].tag == tag && w.err == nil {
				within := *w
				within.src = value
				members[i] = within.member(&fields[i])
				w.err = within.err
			}
		}
	}
}

// member writes a field with its name.
func (w *jsonWriter) member(f *field) []byte {
	name := strings.ToLower(f.name[:1]) + f.name[1:]
	if f.value != recordsType {
		return w.value(append(jvm.AppendJSONString(nil, name), ':'), f)
	}
	size := w.length(f.kind)
	if size < 0 {
		return fmt.Appendf(nil, `"%s":null`, name)
	}
	if !w.withoutRecords {
		w.skip(size)
	}
	return fmt.Appendf(nil, `"%sSizeInBytes":%d`, name, size)
}

func (w *jsonWriter) value(dst []byte, f *field) []byte {
	switch f.kind {
	case fixedKind:
		return w.fixed(dst, f)
	case structKind:
		return w.structure(dst, f.elements)
	}
	n := w.length(f.kind)
	switch {
	case n < 0 || w.err != nil:
		return append(dst, "null"...)
	case f.kind == stringKind:
		return jvm.AppendJSONString(dst, string(w.take(n)))
	case f.kind == bytesKind:
		return append(base64.StdEncoding.AppendEncode(append(dst, '"'), w.take(n)), '"')
	}
	if n > len(w.src) { // an element has at least one byte
		w.fail(errLength)
	}
	dst = append(dst, '[')
	for i := 0; i < n && w.err == nil; i++ {
		if i > 0 {
			dst = append(dst, ',')
		}
		if f.simple {
			dst = w.value(dst, &f.elements[0])
		} else {
			dst = w.structure(dst, f.elements)
		}
	}
	return append(dst, ']')
}

func (w *jsonWriter) fixed(dst []byte, f *field) []byte {
	value := w.take(f.size)
	if w.err != nil {
		return append(dst, "null"...)
	}
	switch f.value {
	case "bool":
		return strconv.AppendBool(dst, value[0] != 0)
	case "uuid":
		return jvm.AppendJSONString(dst, topic.ID(value).String())
	case "float64":
		return appendDouble(dst, math.Float64frombits(binary.BigEndian.Uint64(value)))
	case "uint16":
		return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(value)), 10)
	}
	number := int64(int8(value[0]))
	for _, octet := range value[1:] {
		number = number<<8 | int64(octet)
	}
	return strconv.AppendInt(dst, number, 10)
}

// appendDouble quotes what is no number in JSON, as Jackson does.
func appendDouble(dst []byte, number float64) []byte {
	text := jvm.Double(number, 64)
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return jvm.AppendJSONString(dst, text)
	}
	return append(dst, text...)
}

// take returns the next n bytes.
func (w *jsonWriter) take(n int) []byte {
	value := w.src
	w.skip(n)
	if w.err != nil {
		return nil
	}
	return value[:n]
}
