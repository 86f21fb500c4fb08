//go:build peers

package protocol

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member is a member of a group as a client plays it.
type member struct {
	s          *session
	c          *connection
	group      string
	clientID   string
	id         string
	instance   *string
	generation int32
	protocols  []string
	kind       string
	topics     []string
	session    int32
}

func (s *session) member(group, clientID string) *member {
	return &member{s: s, c: s.open(), group: group, clientID: clientID, generation: -1, protocols: []string{"range"}, kind: "consumer", session: 30000}
}

func subscription(topics []string) []byte {
	b := kbin.AppendInt16(nil, 0)
	b = kbin.AppendArrayLen(b, len(topics))
	for _, topic := range topics {
		b = kbin.AppendString(b, topic)
	}
	return kbin.AppendInt32(b, -1)
}

func (m *member) joinRequest() *kmsg.JoinGroupRequest {
	request := kmsg.NewPtrJoinGroupRequest()
	request.Group, request.MemberID, request.InstanceID, request.ProtocolType = m.group, m.id, m.instance, m.kind
	request.SessionTimeoutMillis, request.RebalanceTimeoutMillis = m.session, 10000
	for _, name := range m.protocols {
		protocol := kmsg.NewJoinGroupRequestProtocol()
		protocol.Name, protocol.Metadata = name, subscription(m.topics)
		request.Protocols = append(request.Protocols, protocol)
	}
	return request
}

func (m *member) begin(label string, request kmsg.Request) *pending {
	clientID := m.s.clientID
	m.s.clientID = &m.clientID
	defer func() { m.s.clientID = clientID }()
	return m.s.begin(m.c, label, request)
}

// join asks to join and remembers the id that the broker gave, if it wants the
// member to come again with it.
func (m *member) join(label string) *pending {
	if m.id == "" && m.instance == nil && m.s.atLeastForIDs() {
		m.id = of[*kmsg.JoinGroupResponse](m.begin(label+": an id", m.joinRequest()).end()).MemberID
	}
	return m.begin(label, m.joinRequest())
}

// atLeastForIDs tells whether JoinGroup is asked at a version that has the broker
// choose ids first (KIP-394).
func (s *session) atLeastForIDs() bool { return s.subject != kmsg.JoinGroup || s.version >= 4 }

// joined takes over what the answer says.
func (m *member) joined(got answer) *kmsg.JoinGroupResponse {
	response := of[*kmsg.JoinGroupResponse](got)
	m.id, m.generation = response.MemberID, response.Generation
	return response
}

func (m *member) syncRequest(assignments ...*member) *kmsg.SyncGroupRequest {
	request := kmsg.NewPtrSyncGroupRequest()
	request.Group, request.MemberID, request.InstanceID, request.Generation = m.group, m.id, m.instance, m.generation
	request.ProtocolType, request.Protocol = kmsg.StringPtr(m.kind), kmsg.StringPtr(m.protocols[0])
	for _, of := range assignments {
		row := kmsg.NewSyncGroupRequestGroupAssignment()
		row.MemberID, row.MemberAssignment = of.id, []byte("for "+of.clientID)
		request.GroupAssignment = append(request.GroupAssignment, row)
	}
	return request
}

// stable makes the member the only one of a stable group.
func (m *member) stable(label string) *member {
	quietly := func(name string) string {
		if label == "" {
			return ""
		}
		return label + ": " + name
	}
	if m.id == "" && m.instance == nil && m.s.atLeastForIDs() {
		m.id = of[*kmsg.JoinGroupResponse](m.begin("", m.joinRequest()).end()).MemberID
	}
	joined := m.joined(m.begin(quietly("join"), m.joinRequest()).end())
	synced := of[*kmsg.SyncGroupResponse](m.begin(quietly("sync"), m.syncRequest(m)).end())
	if joined.ErrorCode != 0 || synced.ErrorCode != 0 {
		panic(stop{fmt.Sprintf("group %s is not stable: %d to join, %d to sync", m.group, joined.ErrorCode, synced.ErrorCode)})
	}
	return m
}

func (m *member) heartbeat() *kmsg.HeartbeatRequest {
	request := kmsg.NewPtrHeartbeatRequest()
	request.Group, request.MemberID, request.InstanceID, request.Generation = m.group, m.id, m.instance, m.generation
	return request
}

// leaveRequest names the members in the form of its version.
func leaveRequest(group string, members ...*member) *kmsg.LeaveGroupRequest {
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group = group
	for _, m := range members {
		row := kmsg.NewLeaveGroupRequestMember()
		row.MemberID, row.InstanceID = m.id, m.instance
		request.Members = append(request.Members, row)
		request.MemberID = m.id
	}
	return request
}

func (m *member) describe() *kmsg.DescribeGroupsRequest { return describeGroups(m.group) }

func describeGroups(groups ...string) *kmsg.DescribeGroupsRequest {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = groups
	return request
}

func (m *member) commit(topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	request := commitTo(m.group, topic, partition, offset)
	request.MemberID, request.InstanceID, request.Generation = m.id, m.instance, m.generation
	return request
}

func commitTo(group, topic string, partition int32, offset int64) *kmsg.OffsetCommitRequest {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation, request.RetentionTimeMillis = group, -1, -1
	row := kmsg.NewOffsetCommitRequestTopicPartition()
	row.Partition, row.Offset, row.LeaderEpoch, row.Timestamp, row.Metadata = partition, offset, -1, -1, kmsg.StringPtr("note")
	rows := kmsg.NewOffsetCommitRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.OffsetCommitRequestTopicPartition{row}
	request.Topics = []kmsg.OffsetCommitRequestTopic{rows}
	return request
}

// committed asks for offsets, of all topics when there are no partitions.
func committed(group, topic string, partitions ...int32) *kmsg.OffsetFetchRequest {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = group
	ofGroup := kmsg.NewOffsetFetchRequestGroup()
	ofGroup.Group = group
	if partitions != nil {
		rows := kmsg.NewOffsetFetchRequestTopic()
		rows.Topic, rows.Partitions = topic, partitions
		request.Topics = []kmsg.OffsetFetchRequestTopic{rows}
		inGroup := kmsg.NewOffsetFetchRequestGroupTopic()
		inGroup.Topic, inGroup.Partitions = topic, partitions
		ofGroup.Topics = []kmsg.OffsetFetchRequestGroupTopic{inGroup}
	}
	request.Groups = []kmsg.OffsetFetchRequestGroup{ofGroup}
	return request
}

// groupIn gives a member of a group in each state; the group is the scenario's.
var groupStates = []struct {
	name string
	make func(s *session, group string) *member
}{
	{"missing", func(s *session, group string) *member { return s.member(group, "a") }},
	{"empty", func(s *session, group string) *member {
		m := s.member(group, "a").stable("")
		s.begin(s.connection(), "", leaveNewest(s, m)).end()
		return m
	}},
	{"of offsets only", func(s *session, group string) *member {
		s.askNewest(commitTo(group, s.createTopic("of-"+group, 1), 0, 7))
		return s.member(group, "a")
	}},
	{"stable", func(s *session, group string) *member { return s.member(group, "a").stable("") }},
	{"completing", func(s *session, group string) *member {
		m := s.member(group, "a")
		if m.s.atLeastForIDs() {
			m.id = of[*kmsg.JoinGroupResponse](m.begin("", m.joinRequest()).end()).MemberID
		}
		m.joined(m.begin("", m.joinRequest()).end())
		return m
	}},
	{"preparing", func(s *session, group string) *member {
		m := s.member(group, "a").stable("")
		other := s.member(group, "b")
		if m.s.atLeastForIDs() {
			other.id = of[*kmsg.JoinGroupResponse](other.begin("", other.joinRequest()).end()).MemberID
		}
		other.begin("", other.joinRequest())
		s.untilState(group, "PreparingRebalance")
		return m
	}},
	{"pending", func(s *session, group string) *member {
		m := s.member(group, "a")
		s.newestFor(func() { m.id = of[*kmsg.JoinGroupResponse](m.begin("", m.joinRequest()).end()).MemberID })
		return m
	}},
}

// newestFor runs set-up that asks the scenario's own API at its newest version.
func (s *session) newestFor(setUp func()) {
	subject := s.subject
	s.subject = -1
	defer func() { s.subject = subject }()
	setUp()
}

func (s *session) askNewest(request kmsg.Request) (got answer) {
	s.newestFor(func() { got = s.ask("", request) })
	return got
}

func leaveNewest(s *session, m *member) kmsg.Request { return leaveRequest(m.group, m) }

func (s *session) untilState(group, state string) {
	s.newestFor(func() {
		eventually(s, describeGroups(group), func(r *kmsg.DescribeGroupsResponse) bool { return r.Groups[0].State == state })
	})
}

// inEveryState sends requests to a group in each state, with the member's own ids
// and with wrong ones.
func inEveryState(request func(m *member) kmsg.Request) func(s *session) {
	return func(s *session) {
		for _, state := range groupStates {
			group := s.name(strings.ReplaceAll(state.name, " ", "-"))
			var m *member
			s.newestFor(func() { m = state.make(s, group) })
			wrong := func(label string, change func(*member)) {
				other := *m
				other.c = s.open()
				change(&other)
				other.begin(state.name+": "+label, request(&other)).end()
			}
			wrong("unknown member", func(m *member) { m.id = "nobody" })
			wrong("unknown member and instance", func(m *member) { m.id, m.instance = "nobody", kmsg.StringPtr("nothing") })
			wrong("no member", func(m *member) { m.id = "" })
			wrong("older generation", func(m *member) { m.generation-- })
			wrong("newer generation", func(m *member) { m.generation += 5 })
			wrong("no generation", func(m *member) { m.generation = -1 })
			m.begin(state.name+": right", request(m)).within(patience)
			s.askNewestAs(state.name+": then", m.describe())
		}
		if s.subject != kmsg.OffsetCommit { // which would create a group that all others see
			m := s.member("", "a")
			m.begin("no group id", request(m)).end()
		}
	}
}

func (s *session) askNewestAs(label string, request kmsg.Request) {
	s.newestFor(func() { s.ask(label, request) })
}

// ofNoGroup is about the group without a name, which all scenarios share.
var ofNoGroup = []scenario{
	{kmsg.OffsetCommit, "no group id", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		s.ask("commit", commitTo("", topic, 0, 5))
		s.ask("described", describeGroups(""))
		s.ask("fetched", committed("", topic))
		deleted := kmsg.NewPtrDeleteGroupsRequest()
		deleted.Groups = []string{""}
		s.ask("deleted", deleted)
	}},
}

var groupScenarios = []scenario{
	{kmsg.FindCoordinator, "groups", nil, func(s *session) {
		for _, kind := range []int8{0, 2, -1} {
			for _, keys := range [][]string{{"group"}, {""}, {"a", "b", "a"}, {}, {strings.Repeat("x", 30000)}} {
				request := kmsg.NewPtrFindCoordinatorRequest()
				request.CoordinatorType, request.CoordinatorKeys = kind, keys
				if len(keys) > 0 {
					request.CoordinatorKey = keys[0]
				}
				s.ask(fmt.Sprintf("type %d, %d keys of %.10s", kind, len(keys), request.CoordinatorKey), request)
			}
		}
	}},
	{kmsg.JoinGroup, "one member", nil, func(s *session) {
		m := s.member(s.name("group"), "a")
		m.protocols = []string{"range", "roundrobin"}
		m.joined(m.join("first").end())
		m.begin("again while completing", m.joinRequest()).end()
		m.protocols = []string{"roundrobin"}
		m.joined(m.begin("other protocols while completing", m.joinRequest()).end())
		s.ask("completing", m.describe())
		m.begin("sync", m.syncRequest(m)).end()
		s.ask("stable", m.describe())
		m.joined(m.begin("the leader again", m.joinRequest()).end())
		m.begin("sync again", m.syncRequest(m)).end()
		m.kind = "other"
		m.begin("another type", m.joinRequest()).end()
		m.kind, m.protocols = "consumer", nil
		m.begin("no protocols", m.joinRequest()).end()
		m.protocols = []string{"unknown"}
		stranger := s.member(m.group, "b")
		stranger.protocols = []string{"other"}
		stranger.begin("a stranger without a common protocol", stranger.joinRequest()).end()
		stranger.kind = "connect"
		stranger.begin("a stranger of another type", stranger.joinRequest()).end()
		stranger.id = "made-up"
		stranger.begin("a made-up id", stranger.joinRequest()).end()
		s.ask("at last", m.describe())
	}},
	{kmsg.JoinGroup, "refused", nil, func(s *session) {
		refused := func(label string, change func(r *kmsg.JoinGroupRequest)) {
			m := s.member(s.name(strings.ReplaceAll(label, " ", "-")), "a")
			request := m.joinRequest()
			change(request)
			m.begin(label, request).end()
			s.ask(label+": then", describeGroups(request.Group))
		}
		refused("no group id", func(r *kmsg.JoinGroupRequest) { r.Group = "" })
		refused("session too short", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 99 })
		refused("session too long", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 1800001 })
		refused("session negative", func(r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = -1 })
		refused("no type", func(r *kmsg.JoinGroupRequest) { r.ProtocolType = "" })
		refused("no protocols", func(r *kmsg.JoinGroupRequest) { r.Protocols = nil })
		refused("unknown member", func(r *kmsg.JoinGroupRequest) { r.MemberID = "nobody" })
		refused("bad instance", func(r *kmsg.JoinGroupRequest) { r.InstanceID = kmsg.StringPtr("a b") })
		refused("empty instance", func(r *kmsg.JoinGroupRequest) { r.InstanceID = kmsg.StringPtr("") })
		refused("dots for an instance", func(r *kmsg.JoinGroupRequest) { r.InstanceID = kmsg.StringPtr("..") })
		refused("long instance", func(r *kmsg.JoinGroupRequest) { r.InstanceID = kmsg.StringPtr(strings.Repeat("x", 250)) })
		refused("instance and unknown member", func(r *kmsg.JoinGroupRequest) { r.MemberID, r.InstanceID = "nobody", kmsg.StringPtr("i") })
		refused("no client id", func(r *kmsg.JoinGroupRequest) {})
	}},
	{kmsg.JoinGroup, "two members", nil, func(s *session) {
		a, b := s.member(s.name("group"), "a"), s.member(s.name("group"), "b")
		a.protocols, b.protocols = []string{"range", "sticky"}, []string{"sticky", "range", "other"}
		a.joined(a.join("a").end())
		a.begin("sync of a", a.syncRequest(a)).end()
		joining := b.join("b")
		s.untilState(a.group, "PreparingRebalance")
		s.ask("preparing", a.describe())
		a.begin("heartbeat meanwhile", a.heartbeat()).end()
		again := a.join("a again")
		a.joined(again.end())
		b.joined(joining.end())
		waiting := b.begin("sync of b", b.syncRequest())
		a.begin("sync of a for both", a.syncRequest(a, b)).end()
		waiting.end()
		s.ask("both", a.describe())
		s.ask("a leaves", leaveRequest(a.group, a))
		b.joined(b.join("b alone").end())
		b.begin("sync without assignments", b.syncRequest()).end()
		s.ask("alone", b.describe())
	}},
	{kmsg.JoinGroup, "too many members", nil, func(s *session) {
		group := s.name("group")
		members := []*member{s.member(group, "a"), s.member(group, "b"), s.member(group, "c"), s.member(group, "d")}
		members[0].stable("")
		var joining []*pending
		for _, m := range members[1:3] {
			joining = append(joining, m.join("member "+m.clientID))
			s.newestFor(func() {
				eventually(s, describeGroups(group), func(r *kmsg.DescribeGroupsResponse) bool { return len(r.Groups[0].Members) == len(joining)+1 })
			})
		}
		joining = append(joining, members[0].join("member a"))
		for _, p := range joining {
			p.end()
		}
		d := members[3]
		d.begin("one too many", d.joinRequest()).end()
	}},
	{kmsg.JoinGroup, "static members", []int16{5, 6, 7}, func(s *session) {
		a, b := s.member(s.name("group"), "a"), s.member(s.name("group"), "b")
		a.instance, b.instance = kmsg.StringPtr("one"), kmsg.StringPtr("two")
		a.joined(a.join("a").end())
		a.begin("sync of a", a.syncRequest(a)).end()
		joining := b.join("b")
		s.untilState(a.group, "PreparingRebalance")
		a.joined(a.join("a again").end())
		b.joined(joining.end())
		waiting := b.begin("sync of b", b.syncRequest())
		a.begin("sync of a for both", a.syncRequest(a, b)).end()
		waiting.end()
		restarted := *b
		restarted.id, restarted.c = "", s.open()
		restarted.joined(restarted.begin("b restarted", restarted.joinRequest()).end())
		restarted.begin("sync of b restarted", restarted.syncRequest()).end()
		b.begin("fenced heartbeat", b.heartbeat()).end()
		b.begin("fenced join", b.joinRequest()).end()
		b.begin("fenced sync", b.syncRequest()).end()
		s.ask("fenced commit", b.commit("topic", 0, 1))
		s.ask("fenced leave", leaveRequest(b.group, b))
		leader := *a
		leader.id, leader.c = "", s.open()
		leader.joined(leader.begin("the leader restarted", leader.joinRequest()).end())
		leader.begin("sync of the leader restarted", leader.syncRequest()).end()
		s.ask("described", a.describe())
		byInstance := restarted
		byInstance.id = ""
		nobody := restarted
		nobody.id, nobody.instance = "", kmsg.StringPtr("nobody")
		s.ask("leaving by instance", leaveRequest(b.group, &byInstance, &nobody))
		s.ask("left", a.describe())
	}},
	{kmsg.SyncGroup, "states", nil, inEveryState(func(m *member) kmsg.Request { return m.syncRequest(m) })},
	{kmsg.SyncGroup, "protocols", nil, func(s *session) {
		m := s.member(s.name("group"), "a").stable("")
		for _, names := range [][2]*string{{nil, nil}, {kmsg.StringPtr("consumer"), nil}, {nil, kmsg.StringPtr("range")}, {kmsg.StringPtr("other"), kmsg.StringPtr("range")}, {kmsg.StringPtr("consumer"), kmsg.StringPtr("other")}} {
			request := m.syncRequest(m)
			request.ProtocolType, request.Protocol = names[0], names[1]
			s.ask(fmt.Sprintf("%t %t", names[0] == nil, names[1] == nil), request)
		}
		unknown := *m
		unknown.id = "unknown"
		s.ask("assignment for an unknown member", m.syncRequest(m, &unknown))
	}},
	{kmsg.Heartbeat, "states", nil, inEveryState(func(m *member) kmsg.Request { return m.heartbeat() })},
	{kmsg.LeaveGroup, "states", nil, inEveryState(func(m *member) kmsg.Request { return leaveRequest(m.group, m) })},
	{kmsg.LeaveGroup, "several", []int16{3, 4}, func(s *session) {
		m := s.member(s.name("group"), "a").stable("")
		nobody := *m
		nobody.id = "nobody"
		s.ask("none", leaveRequest(m.group))
		s.ask("two", leaveRequest(m.group, &nobody, m))
		s.ask("twice", leaveRequest(m.group, m, m))
	}},
	{kmsg.DescribeGroups, "states", nil, inEveryState(func(m *member) kmsg.Request {
		request := m.describe()
		request.IncludeAuthorizedOperations = true
		return request
	})},
	{kmsg.DescribeGroups, "several", nil, func(s *session) {
		s.ask("none", describeGroups())
		s.ask("several", describeGroups("missing one", "missing two", ""))
		s.ask("twice", describeGroups("missing", "missing"))
		m := s.member(s.name("expiring"), "a")
		m.session = 100
		m.stable("")
		s.untilState(m.group, "Empty")
		s.ask("after the session's end", m.describe())
	}},
	{kmsg.ListGroups, "states", nil, func(s *session) {
		s.member(s.name("group"), "a").stable("")
		s.member(s.name("completing"), "a").begin("", s.member(s.name("completing"), "a").joinRequest()).end()
		for _, states := range [][]string{{}, {"Stable"}, {"Empty"}, {"stable"}, {"nonsense"}, {"Dead"}, {"Stable", "Empty"}, {""}} {
			request := kmsg.NewPtrListGroupsRequest()
			request.StatesFilter = states
			got := of[*kmsg.ListGroupsResponse](s.ask("", request))
			var own []kmsg.ListGroupsResponseGroup
			for _, group := range got.Groups {
				if strings.HasPrefix(group.Group, s.names+"-") {
					own = append(own, group)
				}
			}
			got.Groups = own // other scenarios have groups, too
			s.record(fmt.Sprint(states), answer{response: got})
		}
	}},
	{kmsg.DeleteGroups, "states", nil, inEveryState(func(m *member) kmsg.Request {
		request := kmsg.NewPtrDeleteGroupsRequest()
		request.Groups = []string{m.group, m.group + "-missing"}
		return request
	})},
	{kmsg.DeleteGroups, "several", nil, func(s *session) {
		for _, groups := range [][]string{{}, {""}, {"a", "a"}} {
			request := kmsg.NewPtrDeleteGroupsRequest()
			request.Groups = groups
			s.ask(fmt.Sprint(groups), request)
		}
	}},
	{kmsg.OffsetCommit, "states", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		inEveryState(func(m *member) kmsg.Request { return m.commit(topic, 1, 5) })(s)
	}},
	{kmsg.OffsetCommit, "partitions", nil, func(s *session) {
		topic, group := s.createTopic("topic", 2), s.name("group")
		s.ask("plain", commitTo(group, topic, 0, 5))
		s.ask("again", commitTo(group, topic, 0, 3))
		s.ask("negative", commitTo(group, topic, 0, -1))
		s.ask("very negative", commitTo(group, topic, 1, -7))
		s.ask("missing topic", commitTo(group, s.name("missing"), 0, 5))
		s.ask("missing partition", commitTo(group, topic, 2, 5))
		s.ask("null metadata", changed(commitTo(group, topic, 1, 5), func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Metadata = nil }))
		s.ask("empty metadata", changed(commitTo(group, topic, 1, 6), func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Metadata = kmsg.StringPtr("") }))
		for _, length := range []int{4096, 4097} {
			s.ask(fmt.Sprintf("metadata of %d", length), changed(commitTo(group, topic, 1, 7), func(r *kmsg.OffsetCommitRequest) {
				r.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(strings.Repeat("x", length))
			}))
		}
		s.ask("metadata of many bytes", changed(commitTo(group, topic, 1, 7), func(r *kmsg.OffsetCommitRequest) {
			r.Topics[0].Partitions[0].Metadata = kmsg.StringPtr(strings.Repeat("ü", 4096))
		}))
		s.ask("leader epoch", changed(commitTo(group, topic, 0, 8), func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].LeaderEpoch = 3 }))
		s.ask("retention", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) { r.RetentionTimeMillis = 1000000 }))
		s.ask("timestamp", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].Timestamp = s.now() }))
		s.ask("twice", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
			r.Topics[0].Partitions[1].Offset = 10
		}))
		s.ask("several", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) {
			r.Topics = append(r.Topics, commitTo(group, s.name("missing"), 0, 5).Topics...)
			r.Topics = append(r.Topics, commitTo(group, topic, 7, 5).Topics...)
		}))
		s.ask("none", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) { r.Topics = nil }))
		s.ask("no partitions", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions = nil }))
		s.ask("internal topic", commitTo(group, "__consumer_offsets", 0, 5))
		s.ask("generation of an empty group", changed(commitTo(group, topic, 0, 9), func(r *kmsg.OffsetCommitRequest) { r.Generation = 1 }))
		s.ask("what is there", committed(group, topic, 0, 1, 2))
	}},
	{kmsg.OffsetFetch, "partitions", nil, func(s *session) {
		topic, group := s.createTopic("topic", 3), s.name("group")
		s.ask("missing group", committed(group, topic, 0, 1))
		s.ask("missing group, all", committed(group, topic))
		s.ask("no group id", committed("", topic, 0))
		commit := changed(commitTo(group, topic, 0, 5), func(r *kmsg.OffsetCommitRequest) { r.Topics[0].Partitions[0].LeaderEpoch = 2 })
		s.ask("", commit)
		zk := commitTo(group, topic, 1, 8)
		s.newest[8] = 0
		s.ask("", zk)
		s.newest[8] = 8
		s.ask("some", committed(group, topic, 0, 1, 2, 7))
		s.ask("all", committed(group, topic))
		s.ask("twice", committed(group, topic, 0, 0))
		s.ask("missing topic", committed(group, s.name("missing"), 0))
		s.ask("no partitions", committed(group, topic, []int32{}...))
		s.ask("empty list", changed(committed(group, topic), func(r *kmsg.OffsetFetchRequest) {
			r.Topics = []kmsg.OffsetFetchRequestTopic{}
			r.Groups[0].Topics = []kmsg.OffsetFetchRequestGroupTopic{}
		}))
		s.ask("stable", changed(committed(group, topic, 0), func(r *kmsg.OffsetFetchRequest) { r.RequireStable = true }))
		s.ask("several groups", changed(committed(group, topic, 0), func(r *kmsg.OffsetFetchRequest) {
			r.Groups = append(r.Groups, committed(s.name("missing"), topic, 1).Groups...)
			r.Groups = append(r.Groups, committed("", topic, 1).Groups...)
			r.Groups = append(r.Groups, committed(group, topic).Groups...)
		}))
		// No groups at all are left out: Kafka 3.1.0 does not answer version 8.
	}},
	{kmsg.OffsetDelete, "states", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		inEveryState(func(m *member) kmsg.Request { return offsetDelete(m.group, topic, 0) })(s)
	}},
	{kmsg.OffsetDelete, "partitions", nil, func(s *session) {
		topic, other, group := s.createTopic("topic", 2), s.createTopic("other", 1), s.name("group")
		for partition := range int32(2) {
			s.ask("", commitTo(group, topic, partition, 5))
		}
		s.ask("none", offsetDelete(group, topic))
		s.ask("some", offsetDelete(group, topic, 0, 7))
		s.ask("not committed", offsetDelete(group, other, 0))
		s.ask("missing topic", offsetDelete(group, s.name("missing"), 0))
		s.ask("what is left", committed(group, topic, 0, 1))
		m := s.member(s.name("subscribed"), "a")
		m.topics = []string{topic}
		m.stable("")
		s.ask("", m.commit(topic, 0, 5))
		s.ask("", m.commit(other, 0, 5))
		both := offsetDelete(m.group, topic, 0)
		both.Topics = append(both.Topics, offsetDelete(m.group, other, 0).Topics...)
		s.ask("subscribed and not", both)
		s.ask("what is left there", committed(m.group, topic))
		worker := s.member(s.name("worker"), "a")
		worker.kind = "connect"
		worker.stable("")
		s.ask("another type", offsetDelete(worker.group, topic, 0))
	}},
}

func offsetDelete(group, topic string, partitions ...int32) *kmsg.OffsetDeleteRequest {
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = group
	rows := kmsg.NewOffsetDeleteRequestTopic()
	rows.Topic = topic
	for _, partition := range partitions {
		row := kmsg.NewOffsetDeleteRequestTopicPartition()
		row.Partition = partition
		rows.Partitions = append(rows.Partitions, row)
	}
	request.Topics = []kmsg.OffsetDeleteRequestTopic{rows}
	return request
}
