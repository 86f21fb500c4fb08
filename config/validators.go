package config

import (
	"fmt"
	"strings"
)

// Validator checks a parsed value; its error is the sentence that follows
// "Invalid value V for configuration K: " in Kafka's message.
type Validator interface {
	Validate(value any) error
	String() string
}

type rangeValidator struct{ low, high *float64 }

func atLeast(low float64) Validator { return rangeValidator{low: &low} }

func between(low, high float64) Validator { return rangeValidator{low: &low, high: &high} }

func (r rangeValidator) Validate(value any) error {
	number, ok := asFloat(value)
	if !ok {
		return nil
	}
	if r.low != nil && number < *r.low {
		return fmt.Errorf("Value must be at least %v", *r.low) //nolint:staticcheck // Kafka's sentence
	}
	if r.high != nil && number > *r.high {
		return fmt.Errorf("Value must be no more than %v", *r.high) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

func (r rangeValidator) String() string {
	if r.high == nil {
		return fmt.Sprintf("[%v,...]", *r.low)
	}
	return fmt.Sprintf("[%v,...,%v]", *r.low, *r.high)
}

func asFloat(value any) (float64, bool) {
	switch number := value.(type) {
	case int:
		return float64(number), true
	case int16:
		return float64(number), true
	case int64:
		return float64(number), true
	case float64:
		return number, true
	}
	return 0, false
}

type oneOfValidator []string

func oneOf(allowed ...string) Validator { return oneOfValidator(allowed) }

func (o oneOfValidator) Validate(value any) error {
	text, _ := value.(string)
	for _, allowed := range o {
		if text == allowed {
			return nil
		}
	}
	return fmt.Errorf("String must be one of: %s", strings.Join(o, ", ")) //nolint:staticcheck // Kafka's sentence
}

func (o oneOfValidator) String() string { return "[" + strings.Join(o, ", ") + "]" }

type subsetValidator []string

func subsetOf(allowed ...string) Validator { return subsetValidator(allowed) }

func (s subsetValidator) Validate(value any) error {
	list, _ := value.([]string)
	for _, item := range list {
		if err := oneOfValidator(s).Validate(item); err != nil {
			return err
		}
	}
	return nil
}

func (s subsetValidator) String() string { return "[" + strings.Join(s, ", ") + "]" }

type funcValidator struct {
	check func(value any) error
	text  string
}

func (f funcValidator) Validate(value any) error { return f.check(value) }
func (f funcValidator) String() string           { return f.text }

var knownVersion Validator = funcValidator{func(any) error { return nil }, "[0.8.0, ..., 3.1-IV0]"}

var throttledReplicas Validator = funcValidator{func(any) error { return nil }, "[partitionId]:[brokerId],[partitionId]:[brokerId],..."}
