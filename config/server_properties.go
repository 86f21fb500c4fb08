package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ParseOverrides splits arguments of the form key=value, as the tools do: the
// first = separates, and a missing value is empty.
func ParseOverrides(arguments []string) map[string]string {
	values := make(map[string]string, len(arguments))
	for _, argument := range arguments {
		key, value, _ := strings.Cut(argument, "=")
		values[key] = value
	}
	return values
}

// LoadServerProperties reads the server.properties file at path with the
// --override arguments over it, and returns the checked settings and the keys
// that no part of the broker knows, sorted.
func LoadServerProperties(path string, overrides []string) (*BrokerConfig, []string, error) {
	properties, err := ReadPropertiesFile(path)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(properties, ParseOverrides(overrides))
	if properties, err = ResolveVariables(properties); err != nil {
		return nil, nil, err
	}
	unknown := unknownKeys(properties)
	// A file cannot give what only a running broker is told.
	maps.DeleteFunc(properties, func(key, _ string) bool {
		row := BrokerDef.Row(key)
		return row != nil && row.DynamicOnly
	})
	broker, err := NewBrokerConfig(properties)
	if err != nil {
		return nil, nil, err
	}
	if err := broker.Validate(); err != nil {
		return nil, nil, err
	}
	return broker, unknown, nil
}

// unknownKeys returns the keys that are no setting of a broker, sorted; keys
// under listener.name. count by the setting they override.
func unknownKeys(properties map[string]string) []string {
	var unknown []string
	for key := range properties {
		if brokerRow(key) == nil && !isProviderKey(key) {
			unknown = append(unknown, key)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// UnknownKeyWarning is Kafka's line about a key that is no setting.
func UnknownKeyWarning(key string) string {
	return fmt.Sprintf("The configuration '%s' was supplied but isn't a known config.", key)
}
