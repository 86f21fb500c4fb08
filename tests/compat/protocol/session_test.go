//go:build peers

package protocol

import (
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// scenario is a sequence of requests about one API. It is run on each broker at
// every version of that API, or just at those that versions names; other APIs that
// it uses are asked at their newest version.
type scenario struct {
	subject  kmsg.Key
	name     string
	versions []int16
	run      func(s *session)
}

// session is one run of a scenario on one broker, with what the broker answered.
type session struct {
	address string
	names   string // what names of topics and groups begin with
	subject kmsg.Key
	version int16
	newest  map[int16]int16
	// start is the same for both brokers.
	start time.Time

	clientID   *string
	main       *connection
	opened     []*connection
	transcript []entry
	learned    normaliser
}

// entry is what a broker answered to one request.
type entry struct {
	label  string
	fields map[string]string
}

// stop is panicked when a scenario cannot go on without an answer it did not get.
type stop struct{ reason string }

// name makes a name of a topic or a group the scenario's own.
func (s *session) name(name string) string { return s.names + "-" + name }

// open makes another connection.
func (s *session) open() *connection {
	c, err := dial(s.address)
	if err != nil {
		panic(stop{err.Error()})
	}
	s.opened = append(s.opened, c)
	return c
}

// connection is the scenario's main connection, opened again after it was closed.
func (s *session) connection() *connection {
	if s.main == nil {
		s.main = s.open()
	}
	return s.main
}

func (s *session) closeAll() {
	for _, c := range s.opened {
		_ = c.Close()
	}
}

// at sets the version of a request: that of the scenario for its subject.
func (s *session) at(request kmsg.Request) kmsg.Request {
	version, known := s.newest[request.Key()]
	if !known {
		version = request.MaxVersion()
	}
	if request.Key() == s.subject.Int16() {
		version = s.version
	}
	request.SetVersion(version)
	return request
}

// pending is a request whose answer is still to be read.
type pending struct {
	s        *session
	label    string
	c        *connection
	response kmsg.Response
}

// begin sends a request on a connection and does not wait.
func (s *session) begin(c *connection, label string, request kmsg.Request) *pending {
	s.at(request)
	_ = c.send(c.encode(request, s.clientID)) // a connection that is closed shows when reading
	return &pending{s, label, c, request.ResponseKind()}
}

// end reads the answer and records it under the label; without one it is set-up.
func (p *pending) end() answer { return p.within(patience) }

func (p *pending) within(patience time.Duration) answer {
	got := p.c.receive(p.response, patience)
	if got.response == nil && p.c == p.s.main {
		p.s.main = nil
	}
	if p.label != "" {
		p.s.record(p.label, got)
	}
	return got
}

func (s *session) record(label string, got answer) {
	fields := map[string]string{}
	if got.ending != "" {
		fields["ending"] = got.ending
	}
	if got.response != nil {
		s.learned.fields(fields, got.response)
	}
	s.transcript = append(s.transcript, entry{label, fields})
}

// note records something that is not an answer.
func (s *session) note(label string, value any) {
	s.transcript = append(s.transcript, entry{label, map[string]string{"value": fmt.Sprint(value)}})
}

// ask sends a request on the main connection and records the answer.
func (s *session) ask(label string, request kmsg.Request) answer {
	return s.begin(s.connection(), label, request).end()
}

// raw sends a frame as it is; the answer, if one comes, is read as the response.
func (s *session) raw(label string, frame []byte, response kmsg.Response) answer {
	c := s.connection()
	_ = c.send(frame)
	return (&pending{s, label, c, response}).end()
}

// of takes the response of an answer, without which the scenario cannot go on.
func of[R kmsg.Response](got answer) R {
	response, ok := got.response.(R)
	if !ok {
		panic(stop{"no answer to go on with: " + got.ending})
	}
	return response
}

// ask sends a request and gives its typed response.
func ask[R kmsg.Response](s *session, label string, request kmsg.Request) R {
	return of[R](s.ask(label, request))
}

// eventually asks, unrecorded, until the answer will do.
func eventually[R kmsg.Response](s *session, request kmsg.Request, will func(R) bool) R {
	deadline := time.Now().Add(patience)
	for {
		response := ask[R](s, "", request)
		if will(response) {
			return response
		}
		if time.Now().After(deadline) {
			panic(stop{fmt.Sprintf("%T did not come to what it should: %+v", response, response)})
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// play runs a scenario on the session's broker.
func (s *session) play(run func(s *session)) {
	defer s.closeAll()
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case stop:
			s.note("the scenario stopped", reason.reason)
		default:
			panic(reason)
		}
	}()
	run(s)
}

// createTopic creates a topic of the scenario as set-up; settings are name=value.
func (s *session) createTopic(name string, partitions int32, settings ...string) string {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = s.name(name), partitions, 1
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	request.Topics = append(request.Topics, topic)
	subject := s.subject
	s.subject = -1 // as set-up it is asked at the newest version
	defer func() { s.subject = subject }()
	response := ask[*kmsg.CreateTopicsResponse](s, "", request)
	if code := response.Topics[0].ErrorCode; code != 0 {
		panic(stop{fmt.Sprintf("topic %s was not created: code %d", topic.Topic, code)})
	}
	s.learned.topicIDs[response.Topics[0].TopicID] = topic.Topic
	return topic.Topic
}

// topicID gives the id of a topic that createTopic made.
func (s *session) topicID(name string) [16]byte {
	for id, known := range s.learned.topicIDs {
		if known == name {
			return id
		}
	}
	panic(stop{"no id of " + name})
}
