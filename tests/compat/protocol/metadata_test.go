//go:build peers

package protocol

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

var apiVersionsScenarios = []scenario{
	{kmsg.ApiVersions, "table", nil, func(s *session) {
		for _, client := range [][2]string{{"tests", "1.0"}, {"", ""}, {"-bad", "1"}, {"good", "1.0-"}, {"a", "b"}, {"ünï", "1"}} {
			request := kmsg.NewPtrApiVersionsRequest()
			request.ClientSoftwareName, request.ClientSoftwareVersion = client[0], client[1]
			s.ask("client "+client[0]+" "+client[1], request)
		}
	}},
	{kmsg.ApiVersions, "unknown versions", []int16{4, 99, -1}, func(s *session) {
		frame := append(header(18, s.version, 1, s.clientID, s.version >= 3), []byte("whatever")...)
		s.connection().correlation = 1
		s.raw("unknown version", frame, kmsg.NewPtrApiVersionsResponse())
		request := kmsg.NewPtrMetadataRequest()
		request.Topics = []kmsg.MetadataRequestTopic{}
		s.ask("the connection stays", request)
	}},
	{kmsg.ApiVersions, "headers", []int16{0}, func(s *session) {
		versions := func() kmsg.Response { return kmsg.NewPtrApiVersionsResponse() }
		for _, row := range []struct {
			name  string
			frame []byte
		}{
			{"null client id", header(18, 0, 42, nil, false)},
			{"empty client id", header(18, 0, 42, kmsg.StringPtr(""), false)},
			{"long client id", header(18, 0, 42, kmsg.StringPtr(strings.Repeat("x", 30000)), false)},
			{"tags in the header", append(header(18, 3, 42, s.clientID, false), 1, 77, 2, 1, 2, 2, 'a', 2, 'b', 0)},
			{"tags in the body", append(header(18, 3, 42, s.clientID, true), 2, 'a', 2, 'b', 1, 9, 1, 7)},
			{"bytes after the body", append(header(18, 3, 42, s.clientID, true), 2, 'a', 2, 'b', 0, 1, 2, 3)},
			{"negative correlation id", header(18, 0, -5, s.clientID, false)},
			{"empty frame", nil},
			{"half a header", []byte{0, 18, 0}},
			{"header without client id", []byte{0, 18, 0, 0, 0, 0, 0, 1}},
			{"client id longer than the frame", []byte{0, 18, 0, 0, 0, 0, 0, 1, 0, 9, 'a'}},
			{"client id of length -2", []byte{0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xfe}},
			{"unknown api", header(999, 0, 42, s.clientID, false)},
			{"negative api", header(-1, 0, 42, s.clientID, false)},
			{"api of the quorum", header(52, 0, 42, s.clientID, true)},
			{"unknown version of Metadata", header(3, 13, 42, s.clientID, true)},
			{"negative version of Metadata", header(3, -1, 42, s.clientID, true)},
			{"body cut short", header(3, 1, 42, s.clientID, false)},
			{"body with an endless array", append(header(3, 1, 42, s.clientID, false), 0x7f, 0xff, 0xff, 0xff)},
			{"null where none may be", append(header(3, 0, 42, s.clientID, false), 0xff, 0xff, 0xff, 0xff)},
			{"null name where none may be", append(header(3, 1, 42, s.clientID, false), 0, 0, 0, 1, 0xff, 0xff)},
			{"tags of an endless number", append(header(18, 3, 42, s.clientID, true), 2, 'a', 2, 'b', 0xff, 0xff, 0xff, 0xff, 0x0f)},
		} {
			s.main = s.open()
			s.main.correlation = 42
			if row.name == "negative correlation id" {
				s.main.correlation = -5
			}
			var response kmsg.Response = versions()
			if len(row.frame) > 3 && row.frame[1] == 18 {
				response.SetVersion(int16(row.frame[3]))
			}
			s.raw(row.name, row.frame, response)
		}
	}},
}

func metadataOf(names ...string) *kmsg.MetadataRequest {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	return request
}

var metadataScenarios = []scenario{
	{kmsg.Metadata, "topics", nil, func(s *session) {
		topic := s.createTopic("topic", 3)
		if s.version > 0 {
			s.ask("none", metadataOf()) // in version 0 it is all, which other scenarios change
		}
		s.ask("one", metadataOf(topic))
		s.ask("twice", metadataOf(topic, topic))
		if s.version < 4 {
			return // what is missing is created, which is another scenario
		}
		s.ask("missing and not created", metadataOf(topic, s.name("missing")))
		s.ask("bad names not created", metadataOf("", "a b", ".", "..", strings.Repeat("x", 250), "ü"))
		with := metadataOf(topic)
		with.IncludeTopicAuthorizedOperations, with.IncludeClusterAuthorizedOperations = true, true
		s.ask("operations", with)
		s.ask("internal", metadataOf("__consumer_offsets"))
	}},
	{kmsg.Metadata, "created", nil, func(s *session) {
		metadataOf := func(names ...string) *kmsg.MetadataRequest {
			return changed(metadataOf(names...), func(r *kmsg.MetadataRequest) { r.AllowAutoTopicCreation = true })
		}
		s.ask("bad names", metadataOf("a b", ".", "..", strings.Repeat("x", 250), "ü", ""))
		s.ask("new", metadataOf(s.name("new")))
		eventually(s, metadataOf(s.name("new")), func(r *kmsg.MetadataResponse) bool {
			return r.Topics[0].ErrorCode == 0 && r.Topics[0].Partitions[0].ErrorCode == 0
		})
		s.ask("created", metadataOf(s.name("new")))
		s.ask("colliding", metadataOf(s.name("a.b")))
		s.ask("colliding again", metadataOf(s.name("a_b")))
	}},
	{kmsg.Metadata, "ids", []int16{9, 10, 11, 12}, func(s *session) {
		name := s.createTopic("topic", 1)
		id := s.topicID(name)
		byID := func(id [16]byte, name *string) *kmsg.MetadataRequest {
			request := metadataOf("")
			request.Topics[0].Topic, request.Topics[0].TopicID = name, id
			return request
		}
		if s.version >= 10 {
			s.ask("by id", byID(id, nil))
			s.ask("by id and name", byID(id, &name))
			s.ask("by id and another name", byID(id, kmsg.StringPtr("other")))
			s.ask("by an unknown id", byID([16]byte{1}, nil))
			s.ask("by an unknown id and a name", byID([16]byte{1}, &name))
			s.ask("by no id and no name", byID([16]byte{}, nil))
			twice := byID(id, nil)
			twice.Topics = append(twice.Topics, metadataOf(name).Topics...)
			s.ask("by id and by name", twice)
		}
	}},
}
