//go:build peers

package protocol

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// normaliser turns answers into fields that can be compared: what each broker
// chooses for itself becomes a word that is the same for both.
type normaliser struct {
	topicIDs map[[16]byte]string
	port     string
	// started is when the tests began; later times are a broker's clock.
	started int64
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// clocks are times in messages.
var clocks = regexp.MustCompile(`\b1[0-9]{12}\b`)

var logDirs = regexp.MustCompile(`/[^ "]*/kafka-logs(-0)?\b`)

// chosen are the fields whose numbers are a broker's own choice or its clock's.
// Zero and negative values have a meaning and stay.
var chosen = map[string]string{
	"ProducerID": "<producer id>", "SessionID": "<session>", "LogAppendTime": "<clock>", "LastTimestamp": "<clock>",
	"BrokerEpoch": "<epoch>", "Port": "<port>", "ProducerIDStart": "<producer id>",
}

// identities are the fields that name an element of an array. Arrays are compared by
// these, since Kafka's order is often that of a hash map.
var identities = []string{
	"Topic", "Name", "ResourceType", "ResourceName", "ConfigName", "Partition", "Group", "MemberID", "InstanceID", "Key", "CoordinatorKey",
	"NodeID", "ApiKey", "Dir", "BrokerID", "TopicID",
}

// fields adds the fields of a response by their paths.
func (n *normaliser) fields(fields map[string]string, response kmsg.Response) {
	if versions, ok := response.(*kmsg.ApiVersionsResponse); ok {
		versions.ApiKeys = slices.DeleteFunc(versions.ApiKeys, func(row kmsg.ApiVersionsResponseApiKey) bool {
			_, left := notServed[kmsg.Key(row.ApiKey)]
			return left
		})
	}
	n.walk(fields, "", reflect.ValueOf(response).Elem())
}

func (n *normaliser) walk(fields map[string]string, path string, value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			fields[path] = "null"
			return
		}
		n.walk(fields, path, value.Elem())
	case reflect.Struct:
		for i := range value.NumField() {
			field := value.Type().Field(i)
			switch {
			case !field.IsExported() || field.Name == "Version":
			case field.Name == "UnknownTags":
				tags := value.Field(i).Addr().Interface().(*kmsg.Tags)
				tags.Each(func(tag uint32, content []byte) {
					fields[fmt.Sprintf("%s.tag%d", path, tag)] = fmt.Sprintf("%x", content)
				})
			default:
				n.walk(fields, strings.TrimPrefix(path+"."+field.Name, "."), value.Field(i))
			}
		}
	case reflect.Slice:
		n.slice(fields, path, value)
	default:
		fields[path] = n.scalar(path, value)
	}
}

func (n *normaliser) slice(fields map[string]string, path string, value reflect.Value) {
	if content, ok := value.Interface().([]byte); ok {
		n.bytes(fields, path, content)
		return
	}
	if value.IsNil() {
		fields[path] = "null"
		return
	}
	fields[path+".length"] = fmt.Sprint(value.Len())
	type element struct {
		name, text string
		fields     map[string]string
	}
	elements := make([]element, value.Len())
	for i := range elements {
		part := map[string]string{}
		n.walk(part, "", value.Index(i))
		elements[i] = element{identity(part), fmt.Sprint(slices.Sorted(maps.Keys(part)), part), part}
		if value.Type().Elem().Kind() != reflect.Struct {
			elements[i].name, elements[i].text = fmt.Sprint(i), fmt.Sprintf("%06d", i)
		}
	}
	slices.SortStableFunc(elements, func(a, b element) int { return strings.Compare(a.name+"\x00"+a.text, b.name+"\x00"+b.text) })
	seen := map[string]int{}
	for _, e := range elements {
		name := e.name
		if seen[name]++; seen[name] > 1 {
			name += fmt.Sprintf("#%d", seen[name])
		}
		for key, field := range e.fields {
			fields[strings.TrimSuffix(fmt.Sprintf("%s[%s].%s", path, name, key), ".")] = field
		}
	}
}

func identity(fields map[string]string) string {
	var parts []string
	for _, name := range identities {
		if value, ok := fields[name]; ok {
			parts = append(parts, value)
		}
	}
	return strings.Join(parts, " ")
}

func (n *normaliser) bytes(fields map[string]string, path string, content []byte) {
	switch {
	case content == nil:
		fields[path] = "null"
	case strings.HasSuffix(path, "RecordBatches"):
		describeRecords(fields, path, content)
	default:
		fields[path] = fmt.Sprintf("%q", content)
	}
}

func (n *normaliser) scalar(path string, value reflect.Value) string {
	name := path[strings.LastIndex(path, ".")+1:]
	switch value.Kind() {
	case reflect.Array:
		id, ok := value.Interface().([16]byte)
		switch {
		case !ok:
			return fmt.Sprint(value)
		case id == [16]byte{}:
			return "zero"
		case n.topicIDs[id] != "":
			return "id of " + n.topicIDs[id]
		}
		return "an id"
	case reflect.String:
		text := uuids.ReplaceAllString(value.String(), "<uuid>")
		text = clocks.ReplaceAllString(text, "<clock>")
		text = logDirs.ReplaceAllString(text, "<log dir>")
		if name == "ClusterID" && text != "" {
			return "<cluster>"
		}
		return strings.ReplaceAll(text, n.port, "<port>")
	case reflect.Int16, reflect.Int32, reflect.Int64:
		if name == "Timestamp" && value.Int() > n.started {
			return "<clock>"
		}
		if word := chosen[name]; word != "" && value.Int() > 0 {
			return word
		}
	}
	return fmt.Sprint(value)
}

// mismatch is one field that the two brokers answer differently.
type mismatch struct{ label, path, kafka, gregor string }

func (m mismatch) String() string {
	return fmt.Sprintf("%s: %s: Kafka %s, Gregor %s", m.label, m.path, m.kafka, m.gregor)
}

const absent = "<absent>"

// compare lists the fields in which two transcripts differ.
func compare(kafka, gregor []entry) []mismatch {
	var found []mismatch
	for i := range max(len(kafka), len(gregor)) {
		k, g := entryAt(kafka, i), entryAt(gregor, i)
		if k.label != g.label {
			return append(found, mismatch{"the scenario went other ways", fmt.Sprintf("step %d", i), k.describe(), g.describe()})
		}
		paths := maps.Clone(k.fields)
		maps.Copy(paths, g.fields)
		missing := missingElements(k.fields, g.fields)
		for _, path := range slices.Sorted(maps.Keys(paths)) {
			kafkaValue, gregorValue := valueAt(k.fields, path), valueAt(g.fields, path)
			if array, ok := strings.CutSuffix(path, ".length"); ok && kafkaValue != gregorValue {
				kafkaValue += only(k.fields, g.fields, array)
				gregorValue += only(g.fields, k.fields, array)
			}
			if kafkaValue != gregorValue && !withinMissing(path, kafkaValue, gregorValue, missing) {
				found = append(found, mismatch{k.label, path, kafkaValue, gregorValue})
			}
		}
	}
	return found
}

func (e entry) describe() string {
	if value, ok := e.fields["value"]; ok {
		return e.label + ": " + value
	}
	return e.label
}

func entryAt(transcript []entry, i int) entry {
	if i < len(transcript) {
		return transcript[i]
	}
	return entry{label: absent}
}

func valueAt(fields map[string]string, path string) string {
	if value, ok := fields[path]; ok {
		return value
	}
	return absent
}

// missingElements are the paths of arrays that differ in length, or of what is null
// on one side: what lies in them is not listed one by one.
func missingElements(kafka, gregor map[string]string) []string {
	var missing []string
	for _, pair := range [][2]map[string]string{{kafka, gregor}, {gregor, kafka}} {
		for path, value := range pair[0] {
			array, isLength := strings.CutSuffix(path, ".length")
			if other, ok := pair[1][path]; (isLength || value == "null") && (!ok || other != value) {
				missing = append(missing, array)
			}
		}
	}
	return missing
}

// withinMissing reports whether a field that one side lacks lies in a longer array,
// beside the first of its fields.
func withinMissing(path, kafka, gregor string, missing []string) bool {
	if kafka != absent && gregor != absent {
		return false
	}
	return slices.ContainsFunc(missing, func(array string) bool {
		rest, ok := strings.CutPrefix(path, array)
		return ok && strings.HasPrefix(rest, "[") && strings.Contains(rest, "].")
	})
}

// only names the elements of an array that just the first side has.
func only(fields, other map[string]string, array string) string {
	names := map[string]bool{}
	for path := range fields {
		if rest, ok := strings.CutPrefix(path, array+"["); ok && valueAt(other, path) == absent {
			if name, _, ok := strings.Cut(rest, "]."); ok && !slices.ContainsFunc(slices.Collect(maps.Keys(other)), func(path string) bool {
				return strings.HasPrefix(path, array+"["+name+"].")
			}) {
				names[name] = true
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" with %q", slices.Sorted(maps.Keys(names)))
}
