package command

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ConsumerOptions are the client options of the properties of a Java consumer,
// with its defaults of Kafka 3.1. A consumer of a group does not commit by itself
// unless enable.auto.commit is left at true.
func ConsumerOptions(properties map[string]string) ([]kgo.Opt, error) {
	s := &settings{properties: properties}
	partitionBytes := max(s.int("max.partition.fetch.bytes", 1<<20), 1)
	options := []kgo.Opt{
		kgo.FetchMaxWait(max(s.milliseconds("fetch.max.wait.ms", 500), 10*time.Millisecond)), kgo.FetchMinBytes(s.int("fetch.min.bytes", 1)),
		kgo.FetchMaxBytes(max(s.int("fetch.max.bytes", 50<<20), partitionBytes)), kgo.FetchMaxPartitionBytes(partitionBytes),
		kgo.MetadataMaxAge(max(s.milliseconds("metadata.max.age.ms", 300000), time.Second)), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.Rack(s.text("client.rack", "")), kgo.ConsumeResetOffset(resetOffset(s)),
	}
	if s.boolean("allow.auto.create.topics", true) {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	if !s.boolean("check.crcs", true) {
		options = append(options, kgo.DisableFetchCRCValidation())
	}
	switch level := s.text("isolation.level", "read_uncommitted"); level {
	case "read_committed":
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	case "read_uncommitted":
	default:
		s.fail("Invalid value %s for configuration isolation.level: String must be one of: read_committed, read_uncommitted", level)
	}
	if s.text("group.id", "") != "" {
		options = append(options, groupOptions(s)...)
	}
	return options, s.err
}

func resetOffset(s *settings) kgo.Offset {
	switch policy := s.text("auto.offset.reset", "latest"); policy {
	case "earliest":
		return kgo.NewOffset().AtStart()
	case "latest":
		return kgo.NewOffset().AtEnd()
	case "none":
		return kgo.NoResetOffset()
	default:
		s.fail("Invalid value %s for configuration auto.offset.reset: String must be one of: latest, earliest, none", policy)
		return kgo.NoResetOffset()
	}
}

func groupOptions(s *settings) []kgo.Opt {
	options := []kgo.Opt{
		kgo.ConsumerGroup(s.text("group.id", "")), kgo.Balancers(balancers(s)...),
		kgo.SessionTimeout(s.milliseconds("session.timeout.ms", 45000)), kgo.HeartbeatInterval(s.milliseconds("heartbeat.interval.ms", 3000)),
		kgo.RebalanceTimeout(s.milliseconds("max.poll.interval.ms", 300000)), kgo.BlockRebalanceOnPoll(),
	}
	if id := s.text("group.instance.id", ""); id != "" {
		options = append(options, kgo.InstanceID(id))
	}
	if s.boolean("enable.auto.commit", true) {
		return append(options, kgo.AutoCommitInterval(max(s.milliseconds("auto.commit.interval.ms", 5000), 100*time.Millisecond)))
	}
	return append(options, kgo.DisableAutoCommit())
}

// assignors are the Java consumer's classes of partition.assignment.strategy.
var assignors = map[string]func() kgo.GroupBalancer{
	"RangeAssignor": kgo.RangeBalancer, "RoundRobinAssignor": kgo.RoundRobinBalancer,
	"StickyAssignor": kgo.StickyBalancer, "CooperativeStickyAssignor": kgo.CooperativeStickyBalancer,
}

func balancers(s *settings) []kgo.GroupBalancer {
	const clients = "org.apache.kafka.clients.consumer."
	var chosen []kgo.GroupBalancer
	for _, class := range strings.Split(s.text("partition.assignment.strategy", clients+"RangeAssignor"), ",") {
		balancer := assignors[strings.TrimPrefix(strings.TrimSpace(class), clients)]
		if balancer == nil {
			s.err = Throw("org.apache.kafka.common.KafkaException", "%s ClassNotFoundException exception occurred", class)
			return nil
		}
		chosen = append(chosen, balancer())
	}
	return chosen
}
