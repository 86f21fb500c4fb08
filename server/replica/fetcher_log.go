package replica

import (
	"errors"
	"fmt"
	"sync"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
)

// fetcherLog is where a fetcher writes its log lines.
type fetcherLog struct {
	log    *logrus.Entry
	prefix string
}

// fetchError tells of a partition's error in a fetch response.
func (l fetcherLog) fetchError(tp topic.Partition, currentLeaderEpoch int32, fetchOffset int64, err error) {
	transient := func(name string) {
		l.log.Warnf("%sReceived %s from the leader for partition %s. This error may be returned transiently when the "+
			"partition is being created or deleted, but it is not expected to persist.", l.prefix, name, tp)
	}
	switch {
	case errors.Is(err, kerr.UnknownLeaderEpoch):
		l.log.Debugf("%sRemote broker has a smaller leader epoch for partition %s than this replica's current leader epoch of %d.",
			l.prefix, tp, currentLeaderEpoch)
	case errors.Is(err, kerr.NotLeaderForPartition):
		l.log.Debugf("%sRemote broker is not the leader for partition %s, which could indicate that leadership is moving", l.prefix, tp)
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		transient("UNKNOWN_TOPIC_OR_PARTITION")
	case errors.Is(err, kerr.UnknownTopicID):
		transient("UNKNOWN_TOPIC_ID")
	case errors.Is(err, kerr.InconsistentTopicID):
		transient("INCONSISTENT_TOPIC_ID")
	default:
		l.log.WithError(err).Errorf("%sError for partition %s at offset %d", l.prefix, tp, fetchOffset)
	}
}

// fetcherStats count what a fetcher does, as kafka.server.FetcherStats.
type fetcherStats struct {
	group           *metrics.Group
	requests, bytes *metrics.Meter
}

func newFetcherStats(registry *metrics.Registry, clientID string, source metadata.Node) *fetcherStats {
	group := registry.Group("kafka.server", "FetcherStats")
	labels := metrics.Labels{
		{Name: "clientId", Value: clientID}, {Name: "brokerHost", Value: source.Host}, {Name: "brokerPort", Value: fmt.Sprint(source.Port)},
	}
	return &fetcherStats{group, group.Meter("RequestsPerSec", labels), group.Meter("BytesPerSec", labels)}
}

func (s *fetcherStats) close() { s.group.Close() }

// failedPartitions are those that fetchers gave up until the next LeaderAndIsr, as
// kafka.server.FailedPartitions.
type failedPartitions struct {
	mu  sync.Mutex // a leaf; protects set
	set map[topic.Partition]bool
}

func (f *failedPartitions) add(tp topic.Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set == nil {
		f.set = map[topic.Partition]bool{}
	}
	f.set[tp] = true
}

func (f *failedPartitions) remove(tp topic.Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.set, tp)
}

func (f *failedPartitions) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.set)
}
