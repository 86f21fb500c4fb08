package config

import (
	"maps"
	"sync/atomic"
)

// BrokerConfig is an immutable snapshot of a broker's settings, as KafkaConfig.
type BrokerConfig struct{ *Values }

// NewBrokerConfig resolves the given properties over the defaults. Its error
// is Kafka's sentence naming key and value.
func NewBrokerConfig(properties map[string]string) (*BrokerConfig, error) {
	values, err := BrokerDef.resolve(maps.Clone(properties), func(row *Row) (string, bool) {
		for _, fallback := range row.Fallbacks {
			if text, ok := properties[fallback]; ok {
				return text, true
			}
		}
		return row.Default, row.HasDefault
	})
	if err != nil {
		return nil, err
	}
	return &BrokerConfig{values}, nil
}

// Current holds the snapshot in force of a running broker.
type Current struct{ snapshot atomic.Pointer[BrokerConfig] }

// NewCurrent starts with the given snapshot.
func NewCurrent(snapshot *BrokerConfig) *Current {
	current := &Current{}
	current.snapshot.Store(snapshot)
	return current
}

// Load returns the snapshot in force.
func (c *Current) Load() *BrokerConfig { return c.snapshot.Load() }

// Store puts a new snapshot in force.
func (c *Current) Store(snapshot *BrokerConfig) { c.snapshot.Store(snapshot) }

// textOf gives the text in force of a broker setting: what was given for it,
// for one of its fallbacks, or its default.
func (c *BrokerConfig) textOf(name string) (string, bool) {
	row := BrokerDef.Row(name)
	if row == nil {
		return "", false
	}
	for _, candidate := range append([]string{name}, row.Fallbacks...) {
		if text, ok := c.originals[candidate]; ok {
			return text, true
		}
	}
	return row.Default, row.HasDefault
}
