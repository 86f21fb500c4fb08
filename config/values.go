package config

import (
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
)

// Values are the parsed values of one table; a [BrokerConfig] and a
// [TopicConfig] carry them. They never change.
type Values struct {
	def *Def
	// parsed holds what was given or the default; effective also what the
	// fallbacks give, in the unit of the setting.
	parsed, effective []any
	originals         map[string]string
}

type carrier interface{ valuesOf() *Values }

func (v *Values) valuesOf() *Values { return v }

// Get returns the value in force of the setting: given, by fallback (hours
// become milliseconds and so on) or by default; the zero value when it is null.
func (k Key[T]) Get(from carrier) T {
	value, _ := from.valuesOf().effective[k.index].(T)
	return value
}

// IsSet reports whether the setting has a value: given, by fallback or by
// default.
func (k Key[T]) IsSet(from carrier) bool {
	return from.valuesOf().effective[k.index] != nil
}

// Originals returns the texts that were given, by key, unknown keys included.
// The caller must not change the map.
func (v *Values) Originals() map[string]string { return v.originals }

// Given returns the text given for a key and whether one was given.
func (v *Values) Given(name string) (string, bool) {
	text, ok := v.originals[name]
	return text, ok
}

// Text returns the setting's own value, without fallbacks, as
// ConfigDef.convertToString renders it, and false for null.
func (v *Values) Text(row *Row) (string, bool) {
	value := v.parsed[row.index]
	return formatValue(value), value != nil
}

// resolve parses what was given over the defaults of a table; defaults gives
// the value of a row that was not given, nil for null.
func (d *Def) resolve(originals map[string]string, defaults func(*Row) (any, error)) (*Values, error) {
	values := &Values{def: d, parsed: make([]any, len(d.rows)), originals: originals}
	for _, row := range d.rows {
		text, given := originals[row.Name]
		var err error
		if given {
			values.parsed[row.index], err = row.Parse(text)
		} else {
			values.parsed[row.index], err = defaults(row)
		}
		if err != nil {
			return nil, err
		}
	}
	values.resolveFallbacks()
	return values, nil
}

func (v *Values) resolveFallbacks() {
	v.effective = make([]any, len(v.parsed))
	copy(v.effective, v.parsed)
	for _, row := range v.def.rows {
		for _, name := range row.Fallbacks {
			if v.effective[row.index] != nil {
				break
			}
			fallback := v.def.Row(name)
			v.effective[row.index] = convertUnit(v.parsed[fallback.index], fallback, row)
		}
	}
}

// unitMillis gives the milliseconds in the unit that a key's name ends in, 0
// when it names no unit of time.
func unitMillis(name string) int64 {
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "ms":
		return 1
	case "minutes":
		return 60 * 1000
	case "hours":
		return 60 * 60 * 1000
	}
	return 0
}

// convertUnit turns the value of one setting into the type and unit of time
// of another.
func convertUnit(value any, from, to *Row) any {
	unit, wanted := unitMillis(from.Name), unitMillis(to.Name)
	if value == nil || unit == 0 || wanted == 0 {
		return value
	}
	converted := asInt64(value) * unit / wanted
	if to.Type == Int {
		return int(converted)
	}
	return converted
}

func asInt64(value any) int64 {
	switch number := value.(type) {
	case int:
		return int64(number)
	case int16:
		return int64(number)
	case int64:
		return number
	}
	return 0
}

// formatValue is ConfigDef.convertToString.
func formatValue(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case bool:
		return strconv.FormatBool(value)
	case float64:
		return jvm.Double(value, 64)
	case []string:
		return strings.Join(value, ",")
	case string:
		return value
	default:
		return strconv.FormatInt(asInt64(value), 10)
	}
}
