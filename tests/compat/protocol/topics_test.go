//go:build peers

package protocol

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// newTopic asks for a topic; replicas are those of its partitions in turn.
func newTopic(name string, partitions int32, factor int16, replicas ...[]int32) kmsg.CreateTopicsRequestTopic {
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, factor
	for i := range replicas {
		row := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		row.Partition, row.Replicas = int32(i), replicas[i]
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, row)
	}
	return topic
}

func configured(topic kmsg.CreateTopicsRequestTopic, key string, value *string) kmsg.CreateTopicsRequestTopic {
	config := kmsg.NewCreateTopicsRequestTopicConfig()
	config.Name, config.Value = key, value
	topic.Configs = append(topic.Configs, config)
	return topic
}

func createTopics(topics ...kmsg.CreateTopicsRequestTopic) *kmsg.CreateTopicsRequest {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis, request.Topics = int32(patience.Milliseconds()), topics
	return request
}

func text(value string) *string { return &value }

var topicScenarios = []scenario{
	{kmsg.CreateTopics, "created and refused", nil, func(s *session) {
		n := s.name
		gap := newTopic(n("gap"), -1, -1, []int32{0}, []int32{0})
		gap.ReplicaAssignment[1].Partition = 2
		twicePartition := newTopic(n("twice-partition"), -1, -1, []int32{0}, []int32{0})
		twicePartition.ReplicaAssignment[1].Partition = 0
		negative := newTopic(n("negative-partition"), -1, -1, []int32{0})
		negative.ReplicaAssignment[0].Partition = -1
		for _, row := range []struct {
			name   string
			topics []kmsg.CreateTopicsRequestTopic
		}{
			{"none", nil},
			{"plain", []kmsg.CreateTopicsRequestTopic{newTopic(n("plain"), 3, 1)}},
			{"existing", []kmsg.CreateTopicsRequestTopic{newTopic(n("plain"), 3, 1)}},
			{"two", []kmsg.CreateTopicsRequestTopic{newTopic(n("one"), 1, 1), newTopic(n("two"), 2, 1)}},
			{"twice", []kmsg.CreateTopicsRequestTopic{newTopic(n("same"), 1, 1), newTopic(n("same"), 2, 1), newTopic(n("other"), 1, 1)}},
			{"defaults", []kmsg.CreateTopicsRequestTopic{newTopic(n("defaults"), -1, -1)}},
			{"default partitions", []kmsg.CreateTopicsRequestTopic{newTopic(n("default-partitions"), -1, 1)}},
			{"no partitions", []kmsg.CreateTopicsRequestTopic{newTopic(n("none"), 0, 1)}},
			{"negative partitions", []kmsg.CreateTopicsRequestTopic{newTopic(n("negative"), -2, 1)}},
			{"no replicas", []kmsg.CreateTopicsRequestTopic{newTopic(n("none"), 1, 0)}},
			{"negative replicas", []kmsg.CreateTopicsRequestTopic{newTopic(n("negative"), 1, -2)}},
			{"too many replicas", []kmsg.CreateTopicsRequestTopic{newTopic(n("many"), 1, 2)}},
			{"assigned", []kmsg.CreateTopicsRequestTopic{newTopic(n("assigned"), -1, -1, []int32{0}, []int32{0})}},
			{"assigned and counted", []kmsg.CreateTopicsRequestTopic{newTopic(n("counted"), 1, -1, []int32{0})}},
			{"assigned and replicated", []kmsg.CreateTopicsRequestTopic{newTopic(n("replicated"), -1, 1, []int32{0})}},
			{"assigned to an unknown broker", []kmsg.CreateTopicsRequestTopic{newTopic(n("unknown"), -1, -1, []int32{7})}},
			{"assigned to one broker twice", []kmsg.CreateTopicsRequestTopic{newTopic(n("twice"), -1, -1, []int32{0, 0})}},
			// A partition assigned to nobody is left out: Kafka 3.1.0 never answers.
			{"assigned unevenly", []kmsg.CreateTopicsRequestTopic{newTopic(n("uneven"), -1, -1, []int32{0}, []int32{0, 1})}},
			{"assigned with a gap", []kmsg.CreateTopicsRequestTopic{gap}},
			{"assigned a partition twice", []kmsg.CreateTopicsRequestTopic{twicePartition}},
			{"assigned a negative partition", []kmsg.CreateTopicsRequestTopic{negative}},
			{"no name", []kmsg.CreateTopicsRequestTopic{newTopic("", 1, 1)}},
			{"bad names", []kmsg.CreateTopicsRequestTopic{newTopic("a b", 1, 1), newTopic(".", 1, 1), newTopic("..", 1, 1), newTopic(strings.Repeat("x", 250), 1, 1), newTopic("ü", 1, 1)}},
			{"with a dot", []kmsg.CreateTopicsRequestTopic{newTopic(n("a.b"), 1, 1)}},
			{"colliding", []kmsg.CreateTopicsRequestTopic{newTopic(n("a_b"), 1, 1)}},
			{"with settings", []kmsg.CreateTopicsRequestTopic{configured(configured(newTopic(n("set"), 1, 1), "retention.ms", text("1000")), "cleanup.policy", text("compact,delete"))}},
			{"unknown setting", []kmsg.CreateTopicsRequestTopic{configured(newTopic(n("bad"), 1, 1), "no.such", text("1"))}},
			{"bad values", []kmsg.CreateTopicsRequestTopic{
				configured(newTopic(n("bad-1"), 1, 1), "retention.ms", text("x")), configured(newTopic(n("bad-2"), 1, 1), "cleanup.policy", text("x")),
				configured(newTopic(n("bad-3"), 1, 1), "segment.bytes", text("1")), configured(newTopic(n("bad-4"), 1, 1), "compression.type", text("rar")),
				configured(newTopic(n("bad-5"), 1, 1), "preallocate", text("maybe")), configured(newTopic(n("bad-6"), 1, 1), "min.cleanable.dirty.ratio", text("2")),
				configured(newTopic(n("bad-7"), 1, 1), "message.timestamp.type", text("x")), configured(newTopic(n("bad-8"), 1, 1), "message.format.version", text("9.9")),
				configured(newTopic(n("bad-9"), 1, 1), "max.message.bytes", text("-1")), configured(newTopic(n("bad-10"), 1, 1), "retention.ms", text("9223372036854775808")),
				configured(newTopic(n("bad-11"), 1, 1), "leader.replication.throttled.replicas", text("x")), configured(newTopic(n("bad-12"), 1, 1), "min.insync.replicas", text("0")),
				configured(newTopic(n("bad-13"), 1, 1), "cleanup.policy", text("")), configured(newTopic(n("bad-14"), 1, 1), "retention.ms", text("")),
				configured(configured(newTopic(n("bad-15"), 1, 1), "min.compaction.lag.ms", text("9")), "max.compaction.lag.ms", text("5")),
			}},
			{"null value", []kmsg.CreateTopicsRequestTopic{configured(newTopic(n("null"), 1, 1), "retention.ms", nil)}},
			{"internal", []kmsg.CreateTopicsRequestTopic{newTopic("__consumer_offsets", 1, 1)}},
		} {
			request := createTopics(row.topics...)
			request.TimeoutMillis = 3000 // a partition on an unknown broker never has a leader
			s.ask(row.name, request)
		}
		checked := createTopics(newTopic(n("checked"), 2, 1), newTopic(n("plain"), 1, 1), newTopic(n("refused"), 1, 9))
		checked.ValidateOnly = true
		s.ask("only checked", checked)
		for _, millis := range []int32{0, -1} {
			at := createTopics(newTopic(n(fmt.Sprintf("in-%d", millis)), 1, 1))
			at.TimeoutMillis = millis
			s.ask(fmt.Sprintf("in %d ms", millis), at)
		}
		s.ask("described", metadataOf(n("plain"), n("two"), n("defaults"), n("assigned"), n("checked")))
	}},
	{kmsg.CreatePartitions, "added and refused", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		more := func(name string, count int32, replicas ...[]int32) *kmsg.CreatePartitionsRequest {
			request := kmsg.NewPtrCreatePartitionsRequest()
			request.TimeoutMillis = int32(patience.Milliseconds())
			row := kmsg.NewCreatePartitionsRequestTopic()
			row.Topic, row.Count = name, count
			for _, ids := range replicas {
				assignment := kmsg.NewCreatePartitionsRequestTopicAssignment()
				assignment.Replicas = ids
				row.Assignment = append(row.Assignment, assignment)
			}
			request.Topics = append(request.Topics, row)
			return request
		}
		for _, row := range []struct {
			name    string
			request *kmsg.CreatePartitionsRequest
		}{
			{"none", changed(more(topic, 3), func(r *kmsg.CreatePartitionsRequest) { r.Topics = nil })},
			{"the same count", more(topic, 2)},
			{"fewer", more(topic, 1)},
			{"none at all", more(topic, 0)},
			{"negative", more(topic, -1)},
			{"missing topic", more(s.name("missing"), 3)},
			{"only checked", changed(more(topic, 3), func(r *kmsg.CreatePartitionsRequest) { r.ValidateOnly = true })},
			{"more", more(topic, 3)},
			{"assigned", more(topic, 4, []int32{0})},
			{"assigned too many", more(topic, 5, []int32{0}, []int32{0})},
			{"assigned too few", more(topic, 6, []int32{0})},
			{"assigned to an unknown broker", more(topic, 5, []int32{9})},
			{"assigned twice", more(topic, 5, []int32{0, 0})},
			{"assigned to nobody", more(topic, 5, []int32{})},
			{"assigned unevenly", more(topic, 6, []int32{0}, []int32{0, 1})},
			{"twice", changed(more(topic, 7), func(r *kmsg.CreatePartitionsRequest) { r.Topics = append(r.Topics, more(topic, 8).Topics...) })},
			{"bad name", more("a b", 3)},
			{"no name", more("", 3)},
			{"in no time", changed(more(topic, 5), func(r *kmsg.CreatePartitionsRequest) { r.TimeoutMillis = 0 })},
		} {
			s.ask(row.name, row.request)
		}
		settled := func(r *kmsg.MetadataResponse) bool {
			return len(r.Topics[0].Partitions) == 5 && !slices.ContainsFunc(r.Topics[0].Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 })
		}
		eventually(s, metadataOf(topic), settled)
		s.ask("described", metadataOf(topic))
	}},
}

var deletionScenarios = []scenario{
	{kmsg.DeleteTopics, "deleted and refused", nil, func(s *session) {
		delete := func(names ...string) *kmsg.DeleteTopicsRequest {
			request := kmsg.NewPtrDeleteTopicsRequest()
			request.TimeoutMillis, request.TopicNames = int32(patience.Milliseconds()), names
			for _, name := range names {
				row := kmsg.NewDeleteTopicsRequestTopic()
				row.Topic = &name
				request.Topics = append(request.Topics, row)
			}
			return request
		}
		one, two := s.createTopic("one", 2), s.createTopic("two", 1)
		s.ask("none", delete())
		s.ask("one and a missing one", delete(one, s.name("missing")))
		s.ask("again", delete(one))
		s.ask("twice", delete(two, two))
		s.ask("bad names", delete("", "a b"))
		for _, millis := range []int32{0, -1} {
			name := s.createTopic(fmt.Sprintf("in-%d", millis), 1)
			at := delete(name)
			at.TimeoutMillis = millis
			s.ask(fmt.Sprintf("in %d ms", millis), at)
		}
		if s.version < 6 {
			return
		}
		name := s.createTopic("by-id", 1)
		id := s.topicID(name)
		byID := func(name *string, ids ...[16]byte) *kmsg.DeleteTopicsRequest {
			request := delete()
			for _, id := range ids {
				row := kmsg.NewDeleteTopicsRequestTopic()
				row.Topic, row.TopicID = name, id
				request.Topics = append(request.Topics, row)
			}
			return request
		}
		s.ask("by name and id", byID(&name, id))
		s.ask("by no name and no id", byID(nil, [16]byte{}))
		s.ask("by an unknown id", byID(nil, [16]byte{3}))
		both := byID(nil, id)
		both.Topics = append(both.Topics, delete(name).Topics...)
		s.ask("by id and by name", both)
		// The controller forgets the id a little after the topic is gone.
		eventually(s, byID(nil, id), func(r *kmsg.DeleteTopicsResponse) bool { return r.Topics[0].ErrorCode == 100 })
		s.ask("by id twice", byID(nil, id, id))
		other := s.topicID(s.createTopic("other", 1))
		s.ask("by id", byID(nil, other))
	}},
}
