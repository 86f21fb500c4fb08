//go:build peers

package protocol

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// oldFormats are versions of the message format that a topic may have while the
// protocol between brokers is older than 3.0.
var oldFormats = []string{"0.9.0", "0.10.0", "2.8"}

// sendEvery produces records of every format to a topic.
func (s *session) sendEvery(topic string) {
	for magic := range byte(2) {
		s.ask(fmt.Sprintf("%s: messages of format %d", topic, magic), produceTo(topic, 0, messages(magic, s.now(), 0, 1)))
		s.ask(fmt.Sprintf("%s: compressed messages of format %d", topic, magic), produceTo(topic, 0, wrapped(magic, "gzip", s.now(), messages(magic, s.now(), 0, 1))))
	}
	packed := newBatch(s.now(), "one", "two")
	packed.codec = codecNamed("gzip")
	s.ask(topic+": a batch", produceTo(topic, 0, newBatch(s.now(), "one", "two").encode()))
	s.ask(topic+": a compressed batch", produceTo(topic, 0, packed.encode()))
	idempotent := newBatch(s.now(), "one")
	idempotent.producerID, idempotent.epoch, idempotent.sequence = 12345, 0, 0
	s.ask(topic+": an idempotent batch", produceTo(topic, 0, idempotent.encode()))
}

var otherSettingsScenarios = []scenario{
	{kmsg.ApiVersions, "table", nil, func(s *session) {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "tests", "1.0"
		s.ask("an older protocol between brokers", request)
	}},
	{kmsg.Metadata, "no creation", nil, func(s *session) {
		request := metadataOf(s.name("missing"), "a b", "")
		request.AllowAutoTopicCreation = true
		s.ask("missing", request)
		s.ask("created", metadataOf(s.createTopic("topic", 1)))
	}},
	{kmsg.DeleteTopics, "disabled", nil, func(s *session) {
		name := s.createTopic("topic", 1)
		request := kmsg.NewPtrDeleteTopicsRequest()
		request.TimeoutMillis, request.TopicNames = 2000, []string{name, "missing"}
		for _, name := range request.TopicNames {
			row := kmsg.NewDeleteTopicsRequestTopic()
			row.Topic = &name
			request.Topics = append(request.Topics, row)
		}
		s.ask("disabled", request)
	}},
	{kmsg.Produce, "old topics", nil, func(s *session) {
		for i, format := range oldFormats {
			topic := s.createTopic(fmt.Sprintf("topic-%d", i), 1, "message.format.version="+format)
			s.sendEvery(topic)
			s.readAll(topic, 0)
			stamped := s.createTopic(fmt.Sprintf("stamped-%d", i), 1, "message.format.version="+format, "message.timestamp.type=LogAppendTime")
			s.ask("stamped in "+format, produceTo(stamped, 0, newBatch(s.now(), "one").encode()))
			s.readAll(stamped, 0)
		}
	}},
	{kmsg.Fetch, "old topics", nil, func(s *session) {
		for i, format := range oldFormats {
			topic := s.createTopic(fmt.Sprintf("topic-%d", i), 1, "message.format.version="+format)
			s.newestFor(func() { s.fill(topic, 0, "one", "two", "three") })
			for _, offset := range []int64{0, 1, 3, 4} {
				s.fetch(fmt.Sprintf("%s from %d", format, offset), fetchOf(topic, 0, offset))
			}
			kept := s.createTopic(fmt.Sprintf("kept-%d", i), 1, "message.format.version="+format, "message.downconversion.enable=false")
			s.newestFor(func() { s.fill(kept, 0, "one") })
			s.fetch(format+" not converted", fetchOf(kept, 0, 0))
		}
	}},
	{kmsg.ListOffsets, "old topics", nil, func(s *session) {
		for i, format := range oldFormats {
			topic := s.createTopic(fmt.Sprintf("topic-%d", i), 1, "message.format.version="+format)
			s.fill(topic, 0, "one", "two", "three")
			for _, timestamp := range []int64{-1, -2, -3, 0, s.now() + 500} {
				s.ask(fmt.Sprintf("%s at %d", format, min(timestamp, 1)), listOffset(topic, 0, timestamp))
			}
		}
	}},
	{kmsg.OffsetForLeaderEpoch, "old topics", nil, func(s *session) {
		for i, format := range oldFormats {
			topic := s.createTopic(fmt.Sprintf("topic-%d", i), 1, "message.format.version="+format)
			s.fill(topic, 0, "one", "two")
			s.ask(format, endOfEpoch(topic, 0, -1, 0))
		}
	}},
	{kmsg.DescribeConfigs, "old topics", nil, func(s *session) {
		s.ask("topic", describeConfigs(ofTopic, s.createTopic("topic", 1, "message.format.version=0.9.0")))
	}},
}
