package apis

import "github.com/gregor-broker/gregor/config/topic"

// byTopic collects one row for each partition. Kafka takes many requests apart into
// maps: what a request names twice counts once, as it was named last, and a topic
// without partitions is not answered.
type byTopic[R any] struct {
	topics []topicRows[R]
	places map[string]int
	rows   map[topic.Partition]int
}

type topicRows[R any] struct {
	name string
	rows []R
}

func newByTopic[R any]() *byTopic[R] {
	return &byTopic[R]{places: map[string]int{}, rows: map[topic.Partition]int{}}
}

// put sets the row of a partition.
func (b *byTopic[R]) put(partition topic.Partition, row R) {
	at, ok := b.places[partition.Topic]
	if !ok {
		at = len(b.topics)
		b.places[partition.Topic] = at
		b.topics = append(b.topics, topicRows[R]{name: partition.Topic})
	}
	if place, twice := b.rows[partition]; twice {
		b.topics[at].rows[place] = row
		return
	}
	b.rows[partition] = len(b.topics[at].rows)
	b.topics[at].rows = append(b.topics[at].rows, row)
}
