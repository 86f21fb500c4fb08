package config

import (
	"fmt"
	"maps"
)

// TopicConfig is an immutable snapshot of a topic's settings: its own
// overrides over the broker's defaults, as LogConfig.
type TopicConfig struct{ *Values }

// NewTopicConfig resolves a topic's overrides over the broker's settings. An
// unknown key is an error, as LogConfig.validate.
func NewTopicConfig(broker *BrokerConfig, overrides map[string]string) (*TopicConfig, error) {
	for name := range overrides {
		if TopicDef.Row(name) == nil {
			return nil, fmt.Errorf("Unknown topic config name: %s", name) //nolint:staticcheck // Kafka's sentence
		}
	}
	values, err := TopicDef.resolve(maps.Clone(overrides), func(row *Row) (string, bool) {
		if text, ok := broker.textOf(row.ServerDefault); ok {
			return text, true
		}
		return row.Default, row.HasDefault
	})
	if err != nil {
		return nil, err
	}
	return &TopicConfig{values}, nil
}
