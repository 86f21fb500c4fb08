package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Validator checks a parsed value that is not null; its error is Kafka's
// sentence naming value and key.
type Validator interface {
	Validate(name string, value any) error
	// String is the text that documentation gives for the valid values.
	String() string
}

func invalid(name string, value any, reason string) error {
	return &InvalidValueError{name, renderValue(value), reason}
}

// renderValue is Java's rendering of a value within a message.
func renderValue(value any) string {
	if list, ok := value.([]string); ok {
		return "[" + strings.Join(list, ", ") + "]"
	}
	return formatValue(value)
}

// rangeValidator is ConfigDef.Range; an open upper bound has no high.
type rangeValidator struct {
	low  float64
	high *float64
}

func atLeast(low float64) Validator { return rangeValidator{low: low} }

func between(low, high float64) Validator { return rangeValidator{low: low, high: &high} }

func (r rangeValidator) Validate(name string, value any) error {
	number, ok := value.(float64)
	if !ok {
		number = float64(asInt64(value))
	}
	if number < r.low {
		return invalid(name, value, "Value must be at least "+bound(r.low))
	}
	if r.high != nil && number > *r.high {
		return invalid(name, value, "Value must be no more than "+bound(*r.high))
	}
	return nil
}

func (r rangeValidator) String() string {
	if r.high == nil {
		return "[" + bound(r.low) + ",...]"
	}
	return "[" + bound(r.low) + ",...," + bound(*r.high) + "]"
}

func bound(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }

// oneOfValidator is ConfigDef.ValidString.
type oneOfValidator []string

func oneOf(allowed ...string) Validator { return oneOfValidator(allowed) }

func (o oneOfValidator) Validate(name string, value any) error {
	if text, _ := value.(string); slices.Contains(o, text) {
		return nil
	}
	return invalid(name, value, "String must be one of: "+strings.Join(o, ", "))
}

func (o oneOfValidator) String() string { return "[" + strings.Join(o, ", ") + "]" }

// subsetValidator is ConfigDef.ValidList.
type subsetValidator []string

func subsetOf(allowed ...string) Validator { return subsetValidator(allowed) }

func (s subsetValidator) Validate(name string, value any) error {
	list, _ := value.([]string)
	for _, item := range list {
		if err := oneOfValidator(s).Validate(name, item); err != nil {
			return err
		}
	}
	return nil
}

func (s subsetValidator) String() string { return oneOfValidator(s).String() }

type funcValidator struct {
	check func(name string, value any) error
	text  string
}

func (f funcValidator) Validate(name string, value any) error { return f.check(name, value) }
func (f funcValidator) String() string                        { return f.text }

// knownVersion is kafka.api.ApiVersionValidator.
var knownVersion Validator = funcValidator{func(name string, value any) error {
	if _, err := ParseApiVersion(value.(string)); err != nil {
		return invalid(name, value, err.Error())
	}
	return nil
}, "[" + strings.Join(apiVersionNames, ", ") + "]"}

const replicaListForm = "[partitionId]:[brokerId],[partitionId]:[brokerId],..."

var replicaPattern = regexp.MustCompile(`^([0-9]+:[0-9]+)?$`)

// throttledReplicas is kafka.server.ThrottledReplicaListValidator.
var throttledReplicas Validator = funcValidator{func(name string, value any) error {
	list := value.([]string)
	if strings.TrimSpace(strings.Join(list, "")) == "*" {
		return nil
	}
	for _, replica := range list {
		if !replicaPattern.MatchString(replica) {
			return invalid(name, value, name+" must be the literal '*' or a list of replicas in the following format: "+replicaListForm)
		}
	}
	return nil
}, replicaListForm}

var hostAndPort = regexp.MustCompile(`^.*?\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$`)

// quorumVoters is RaftConfig.ControllerQuorumVotersValidator.
var quorumVoters Validator = funcValidator{func(name string, value any) error {
	const form = "Each entry should be in the form `{id}@{host}:{port}`."
	for _, entry := range value.([]string) {
		id, address, _ := strings.Cut(entry, "@")
		if address == "" || strings.Contains(address, "@") {
			return fmt.Errorf("Invalid configuration value for %s. %s", name, form) //nolint:staticcheck // Kafka's sentence
		}
		if _, err := strconv.ParseInt(id, 10, 32); err != nil {
			return fmt.Errorf("Failed to parse voter ID as an integer from %s", id) //nolint:staticcheck // Kafka's sentence
		}
		if !hostAndPort.MatchString(address) {
			return fmt.Errorf("Failed to parse host name from entry %s for the configuration %s. %s", entry, name, form) //nolint:staticcheck // Kafka's sentence
		}
	}
	return nil
}, "non-empty list"}
