package metadata

import (
	"maps"
	"sync"
)

// ConfigRepository holds the configuration overrides of topics, as Kafka's
// ConfigRepository. A topic that was not set is fetched once, so that a log
// created before the change notification arrives has the topic's settings.
type ConfigRepository struct {
	fetch func(topic string) (map[string]string, error)

	mu      sync.Mutex
	topics  map[string]map[string]string // maps in it are never changed
	changes uint64                       // counts sets and removals, so that a slow fetch does not undo one
}

// NewConfigRepository returns an empty repository. fetch reads a topic's
// overrides from where they are kept (ZooKeeper); nil means there are none
// but those set.
func NewConfigRepository(fetch func(topic string) (map[string]string, error)) *ConfigRepository {
	return &ConfigRepository{fetch: fetch, topics: map[string]map[string]string{}}
}

// SetTopicConfig replaces the overrides of a topic.
func (r *ConfigRepository) SetTopicConfig(topic string, overrides map[string]string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	r.topics[topic] = maps.Clone(overrides)
}

// RemoveTopicConfig forgets a deleted topic, so that a later one of the same
// name is fetched anew.
func (r *ConfigRepository) RemoveTopicConfig(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes++
	delete(r.topics, topic)
}

// TopicConfig gives the overrides of a topic; they must not be changed.
func (r *ConfigRepository) TopicConfig(topic string) (map[string]string, error) {
	r.mu.Lock()
	overrides, ok := r.topics[topic]
	changes := r.changes
	r.mu.Unlock()
	if ok || r.fetch == nil {
		return overrides, nil
	}
	fetched, err := r.fetch(topic)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if overrides, ok := r.topics[topic]; ok {
		return overrides, nil
	}
	if r.changes == changes {
		r.topics[topic] = maps.Clone(fetched)
	}
	return fetched, nil
}
