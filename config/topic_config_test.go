package config

import (
	"strings"
	"testing"
)

func TestTopicOverridesAreChecked(t *testing.T) {
	for _, test := range []struct{ pairs, want string }{
		{"retention.ms=-1 cleanup.policy=compact,delete min.cleanable.dirty.ratio=1", ""},
		{"leader.replication.throttled.replicas=0:1,1:2 follower.replication.throttled.replicas=*", ""},
		{"leader.replication.throttled.replicas=", ""},
		{"message.format.version=2.8", ""},
		{"min.compaction.lag.ms=5 max.compaction.lag.ms=5", ""},
		{"no.such.key=1 retention.ms=x", "Unknown topic config name: no.such.key"},
		{"retention.ms=x", "Invalid value x for configuration retention.ms: Not a number of type LONG"},
		{"segment.bytes=x", "Invalid value x for configuration segment.bytes: Not a number of type INT"},
		{"segment.bytes=13", "Invalid value 13 for configuration segment.bytes: Value must be at least 14"},
		{"retention.ms=-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
		{"min.cleanable.dirty.ratio=1.5", "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"},
		{"min.cleanable.dirty.ratio=-0.5", "Invalid value -0.5 for configuration min.cleanable.dirty.ratio: Value must be at least 0"},
		{"cleanup.policy=compacted", "Invalid value compacted for configuration cleanup.policy: String must be one of: compact, delete"},
		{"cleanup.policy=delete,", "Invalid value  for configuration cleanup.policy: String must be one of: compact, delete"},
		{"compression.type=GZIP", "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"},
		{"message.format.version=4", "Invalid value 4 for configuration message.format.version: Version `4` is not a valid version"},
		{"preallocate=1", "Invalid value 1 for configuration preallocate: Expected value to be either true or false"},
		{"leader.replication.throttled.replicas=1:2,x", "Invalid value [1:2, x] for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."},
		{"min.compaction.lag.ms=6 max.compaction.lag.ms=5", "conflict topic config setting min.compaction.lag.ms (6) > max.compaction.lag.ms (5)"},
	} {
		got := ""
		if err := ValidateTopicConfig(ParseOverrides(strings.Fields(test.pairs))); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.pairs, got, test.want)
		}
	}
}

func TestTopicDefaultsComeFromTheBroker(t *testing.T) {
	broker := brokerWith(t, "log.segment.bytes=1000", "log.cleanup.policy=compact", "min.insync.replicas=2", "unclean.leader.election.enable=true",
		"log.cleaner.max.compaction.lag.ms=500", "log.flush.scheduler.interval.ms=9")
	topic, err := NewTopicConfig(broker, map[string]string{"min.insync.replicas": "1"})
	if err != nil {
		t.Fatal(err)
	}
	if TopicSegmentBytes.Get(topic) != 1000 || TopicMinInsyncReplicas.Get(topic) != 1 || !TopicUncleanLeaderElectionEnable.Get(topic) ||
		!topic.Compact() || topic.Delete() || topic.MaxSegmentMs() != 500 || TopicFlushMs.Get(topic) != 9 {
		t.Errorf("segment.bytes %d, max segment time %d, flush.ms %d", TopicSegmentBytes.Get(topic), topic.MaxSegmentMs(), TopicFlushMs.Get(topic))
	}
}

func TestTopicOfANewerBrokerIsRead(t *testing.T) {
	topic, err := NewTopicConfig(brokerWith(t), map[string]string{"key.of.the.future": "1", "retention.ms": "5"})
	if err != nil || TopicRetentionMs.Get(topic) != 5 {
		t.Errorf("%v", err)
	}
	if _, err := NewTopicConfig(brokerWith(t), map[string]string{"retention.ms": "x"}); err == nil {
		t.Error("a bad value is accepted")
	}
}

func TestBadBrokerDefaultOfTopicsIsRefused(t *testing.T) {
	_, err := NewTopicConfig(brokerWith(t, "log.cleaner.min.compaction.lag.ms=-1"), nil)
	if want := "Invalid value -1 for configuration min.compaction.lag.ms: Value must be at least 0"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
