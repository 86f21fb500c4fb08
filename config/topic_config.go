package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// TopicConfig is an immutable snapshot of a topic's settings: its own
// overrides over the broker's settings, as kafka.log.LogConfig.
type TopicConfig struct{ *Values }

// NewTopicConfig resolves a topic's overrides over the broker's settings, as
// LogConfig.fromProps. Keys that are no topic setting are kept aside, so that
// what a newer broker stored does not stop this one; [ValidateTopicConfig]
// refuses them.
func NewTopicConfig(broker *BrokerConfig, overrides map[string]string) (*TopicConfig, error) {
	values, err := TopicDef.resolve(maps.Clone(overrides), func(row *Row) (any, error) {
		value, err := broker.topicDefault(row)
		if err != nil {
			return nil, err
		}
		return value, row.validate(value)
	})
	if err != nil {
		return nil, err
	}
	return &TopicConfig{values}, nil
}

// topicDefault is the value a topic setting has without an override, as
// LogConfig.extractLogConfigMap.
func (c *BrokerConfig) topicDefault(row *Row) (any, error) {
	if row == TopicMessageFormatVersion.Row {
		return c.messageFormat.String(), nil
	}
	server := BrokerDef.Row(row.ServerDefault)
	if server == nil || c.effective[server.index] == nil {
		return row.defaultValue()
	}
	return c.effective[server.index], nil
}

// ValidateTopicConfig checks the overrides that a request gives a topic, as
// LogConfig.validate: names, values, and values against each other over the
// built-in defaults.
func ValidateTopicConfig(overrides map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		if TopicDef.Row(name) == nil {
			return fmt.Errorf("Unknown topic config name: %s", name) //nolint:staticcheck // Kafka's sentence
		}
	}
	values, err := TopicDef.resolve(overrides, (*Row).defaultValue)
	if err != nil {
		return err
	}
	minimum, maximum := TopicMinCompactionLagMs.Get(values), TopicMaxCompactionLagMs.Get(values)
	if minimum > maximum {
		return fmt.Errorf("conflict topic config setting %s (%d) > %s (%d)",
			TopicMinCompactionLagMs.Name, minimum, TopicMaxCompactionLagMs.Name, maximum)
	}
	return nil
}

// Compact reports whether cleanup.policy names compaction.
func (c *TopicConfig) Compact() bool { return c.hasPolicy("compact") }

// Delete reports whether cleanup.policy names deletion.
func (c *TopicConfig) Delete() bool { return c.hasPolicy("delete") }

func (c *TopicConfig) hasPolicy(policy string) bool {
	return slices.ContainsFunc(TopicCleanupPolicy.Get(c), func(given string) bool {
		return strings.EqualFold(given, policy)
	})
}

// MessageFormatVersion returns the parsed message.format.version.
func (c *TopicConfig) MessageFormatVersion() ApiVersion {
	version, err := ParseApiVersion(TopicMessageFormatVersion.Get(c))
	if err != nil {
		return LatestApiVersion
	}
	return version
}

// MaxSegmentMs is the time after which a segment rolls: segment.ms, or
// max.compaction.lag.ms when that is shorter and the topic is compacted.
func (c *TopicConfig) MaxSegmentMs() int64 {
	if lag := TopicMaxCompactionLagMs.Get(c); c.Compact() && lag > 0 {
		return min(lag, TopicSegmentMs.Get(c))
	}
	return TopicSegmentMs.Get(c)
}
