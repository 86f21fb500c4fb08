package replica

import (
	"sync"
	"sync/atomic"

	"github.com/gregor-broker/gregor/server/metrics"
)

// TopicMeter names a meter of BrokerTopicMetrics.
type TopicMeter int

// The meters of a topic and, from ReplicationBytesIn on, of the broker only.
const (
	MessagesIn TopicMeter = iota
	BytesIn
	BytesOut
	BytesRejected
	FailedProduceRequests
	FailedFetchRequests
	TotalProduceRequests
	TotalFetchRequests
	FetchMessageConversions
	ProduceMessageConversions
	ReplicationBytesIn
	ReplicationBytesOut
	ReassignmentBytesIn
	ReassignmentBytesOut
	topicMeterCount
)

var topicMeterNames = [topicMeterCount]string{
	"MessagesInPerSec", "BytesInPerSec", "BytesOutPerSec", "BytesRejectedPerSec", "FailedProduceRequestsPerSec",
	"FailedFetchRequestsPerSec", "TotalProduceRequestsPerSec", "TotalFetchRequestsPerSec", "FetchMessageConversionsPerSec",
	"ProduceMessageConversionsPerSec", "ReplicationBytesInPerSec", "ReplicationBytesOutPerSec", "ReassignmentBytesInPerSec",
	"ReassignmentBytesOutPerSec",
}

// BrokerTopicStats counts traffic of all topics and of each topic hosted here,
// as kafka.server.BrokerTopicStats. A topic's meter is made when it first
// counts, so that idle topics cost nothing.
type BrokerTopicStats struct {
	group *metrics.Group
	all   [topicMeterCount]*metrics.Meter
	// elsewhere counts what concerns topics that are not hosted here.
	elsewhere *TopicStats

	mu     sync.RWMutex // protects topics
	topics map[string]*TopicStats
}

// TopicStats counts traffic of one topic.
type TopicStats struct {
	broker *BrokerTopicStats
	topic  string
	meters [ReplicationBytesIn]atomic.Pointer[metrics.Meter]

	partitions int // hosted here; guarded by broker.mu
}

func newBrokerTopicStats(registry *metrics.Registry) *BrokerTopicStats {
	stats := &BrokerTopicStats{group: registry.Group("kafka.server", "BrokerTopicMetrics"), topics: map[string]*TopicStats{}}
	stats.elsewhere = &TopicStats{broker: stats}
	for meter, name := range topicMeterNames {
		stats.all[meter] = stats.group.Meter(name, nil)
	}
	return stats
}

// Mark counts for the broker alone.
func (s *BrokerTopicStats) Mark(meter TopicMeter, n int64) { s.all[meter].Mark(n) }

// Topic gives the counters of a topic; those of a topic that is not hosted
// here count for the broker alone.
func (s *BrokerTopicStats) Topic(name string) *TopicStats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if stats := s.topics[name]; stats != nil {
		return stats
	}
	return s.elsewhere
}

// host notes that one more partition of a topic is hosted.
func (s *BrokerTopicStats) host(name string) *TopicStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.topics[name]
	if stats == nil {
		stats = &TopicStats{broker: s, topic: name}
		s.topics[name] = stats
	}
	stats.partitions++
	return stats
}

// release notes that one partition less is hosted; the topic's meters go with
// the last one.
func (s *BrokerTopicStats) release(stats *TopicStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stats.partitions--; stats.partitions == 0 {
		delete(s.topics, stats.topic)
		s.group.Remove(stats.labels())
	}
}

func (t *TopicStats) labels() metrics.Labels { return metrics.Labels{{Name: "topic", Value: t.topic}} }

// Mark counts for the topic and for the broker.
func (t *TopicStats) Mark(meter TopicMeter, n int64) {
	t.broker.all[meter].Mark(n)
	if t.topic == "" || meter >= ReplicationBytesIn {
		return
	}
	counter := t.meters[meter].Load()
	if counter == nil {
		counter = t.create(meter)
	}
	counter.Mark(n)
}

func (t *TopicStats) create(meter TopicMeter) *metrics.Meter {
	t.broker.mu.Lock()
	defer t.broker.mu.Unlock()
	if counter := t.meters[meter].Load(); counter != nil {
		return counter
	}
	counter := &metrics.Meter{}
	if t.partitions > 0 { // not after the last partition left
		counter = t.broker.group.Meter(topicMeterNames[meter], t.labels())
	}
	t.meters[meter].Store(counter)
	return counter
}

func (s *BrokerTopicStats) close() { s.group.Close() }
