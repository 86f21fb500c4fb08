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

var typeNames = []string{"BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

// String gives the name of the type in ConfigDef.
func (t Type) String() string { return typeNames[t] }

// Parse gives the value of the row's type that a text stands for, as
// ConfigDef.parseValue.
func (r *Row) Parse(text string) (any, error) {
	value, reason := r.Type.parse(trim(text))
	if reason != "" {
		return nil, &InvalidValueError{r.Name, text, reason}
	}
	return value, r.validate(value)
}

func (r *Row) validate(value any) error {
	if r.Validator == nil || value == nil {
		return nil
	}
	return r.Validator.Validate(r.Name, value)
}

// defaultValue is the parsed default, nil for null.
func (r *Row) defaultValue() (any, error) {
	if !r.HasDefault {
		return nil, nil
	}
	return r.Parse(r.Default)
}

// trim is Java's String.trim, which takes every control character for space.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return r <= ' ' })
}

// parse gives the value of a trimmed text, or Kafka's reason against it.
func (t Type) parse(text string) (value any, reason string) {
	switch t {
	case Boolean:
		return parseBoolean(text)
	case Int:
		if number, err := strconv.ParseInt(text, 10, 32); err == nil {
			return int(number), ""
		}
	case Short:
		if number, err := strconv.ParseInt(text, 10, 16); err == nil {
			return int16(number), ""
		}
	case Long:
		if number, err := strconv.ParseInt(text, 10, 64); err == nil {
			return number, ""
		}
	case Double:
		if number, ok := parseDouble(text); ok {
			return number, ""
		}
	case List:
		return parseList(text), ""
	case Class:
		if !knownClasses[text] {
			return nil, "Class " + text + " could not be found."
		}
		return text, ""
	default:
		return text, ""
	}
	return nil, "Not a number of type " + t.String()
}

func parseBoolean(text string) (value any, reason string) {
	switch strings.ToLower(text) {
	case "true":
		return true, ""
	case "false":
		return false, ""
	}
	return nil, "Expected value to be either true or false"
}

func parseList(text string) []string {
	if text == "" {
		return []string{}
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// parseDouble is Java's Double.parseDouble: a type suffix is allowed, the
// words are NaN and Infinity, and digits have no separators.
func parseDouble(text string) (float64, bool) {
	digits := strings.TrimLeft(text, "+-")
	if digits == "NaN" || digits == "Infinity" {
		number, err := strconv.ParseFloat(text, 64)
		return number, err == nil
	}
	text = strings.TrimRight(text, "dDfF")
	if strings.ContainsAny(text, "_nNiIxX") {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil && number == 0 {
		return 0, false
	}
	return number, true
}

// knownClasses are the classes of Kafka whose work this broker does; any other
// name is refused, as a JVM refuses a class that is not on its class path.
var knownClasses = map[string]bool{
	"org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder":                                   true,
	"org.apache.kafka.common.security.authenticator.DefaultLogin":                                                   true,
	"org.apache.kafka.common.security.authenticator.SaslClientCallbackHandler":                                      true,
	"org.apache.kafka.common.security.kerberos.KerberosLogin":                                                       true,
	"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule":                                           true,
	"org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerRefreshingLogin":                             true,
	"org.apache.kafka.common.security.oauthbearer.internals.OAuthBearerSaslClientCallbackHandler":                   true,
	"org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredLoginCallbackHandler":     true,
	"org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler": true,
	"org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler":                          true,
	"org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerValidatorCallbackHandler":                      true,
	"org.apache.kafka.common.security.plain.internals.PlainServerCallbackHandler":                                   true,
	"org.apache.kafka.common.security.scram.internals.ScramServerCallbackHandler":                                   true,
	"org.apache.kafka.common.security.ssl.DefaultSslEngineFactory":                                                  true,
}
