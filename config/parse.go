package config

import (
	"fmt"
	"strconv"
	"strings"
)

// InvalidValueError is Kafka's ConfigException for one key and value.
type InvalidValueError struct {
	Name, Value, Reason string
}

func (e *InvalidValueError) Error() string {
	message := fmt.Sprintf("Invalid value %s for configuration %s", e.Value, e.Name)
	if e.Reason != "" {
		message += ": " + e.Reason
	}
	return message
}

// Parse gives the value of the row's type that a text stands for.
func (r *Row) Parse(text string) (any, error) {
	trimmed := strings.TrimSpace(text)
	value, reason := r.Type.parse(trimmed)
	if reason != "" {
		return nil, &InvalidValueError{r.Name, trimmed, reason}
	}
	if r.Validator != nil {
		if err := r.Validator.Validate(value); err != nil {
			return nil, &InvalidValueError{r.Name, trimmed, err.Error()}
		}
	}
	return value, nil
}

func (t Type) parse(text string) (value any, reason string) {
	switch t {
	case Boolean:
		switch strings.ToLower(text) {
		case "true":
			return true, ""
		case "false":
			return false, ""
		}
		return nil, "Expected value to be either true or false"
	case Int:
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, "Not a number of type INT"
		}
		return int(number), ""
	case Short:
		number, err := strconv.ParseInt(text, 10, 16)
		if err != nil {
			return nil, "Not a number of type SHORT"
		}
		return int16(number), ""
	case Long:
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, "Not a number of type LONG"
		}
		return number, ""
	case Double:
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, "Not a number of type DOUBLE"
		}
		return number, ""
	case List:
		if text == "" {
			return []string{}, ""
		}
		parts := strings.Split(text, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		return parts, ""
	default:
		return text, ""
	}
}

// resolve parses what was given over the defaults of a table; defaults gives
// the text of a row that was not given, and false for null.
func (d *Def) resolve(originals map[string]string, defaults func(*Row) (string, bool)) (*Values, error) {
	values := &Values{def: d, parsed: make([]any, len(d.rows)), originals: originals}
	for _, row := range d.rows {
		text, ok := originals[row.Name]
		if !ok {
			text, ok = defaults(row)
		}
		if !ok {
			continue
		}
		value, err := row.Parse(text)
		if err != nil {
			return nil, err
		}
		values.parsed[row.index] = value
	}
	return values, nil
}
