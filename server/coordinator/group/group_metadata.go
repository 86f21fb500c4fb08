package group

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/coordinator"
)

const (
	// consumerProtocol is the protocol type of consumer groups.
	consumerProtocol = "consumer"
	noGeneration     = int32(-1)
	noTimestamp      = int64(-1)
	// maxString bounds strings that go into records, whose lengths have 16 bits.
	maxString = 1<<15 - 1
)

// group is one group, as kafka.coordinator.group.GroupMetadata. The manager of
// its shard owns it.
type group struct {
	id    string
	state state
	// stateTimestamp is when the state was entered, noTimestamp if unknown.
	stateTimestamp int64
	generation     int32
	// protocolType is "" until the first member joins; an empty group keeps it.
	protocolType string
	protocolName *string
	// leader is a member's id or "".
	leader string

	members map[string]*member
	// order has the members by age, so that choices do not depend on chance.
	order []*member
	// static maps instance ids to members.
	static map[string]*member
	// pending has the ids that were handed out but have not joined (KIP-394).
	pending map[string]*coordinator.Timer
	// supported counts the members that support a protocol.
	supported map[string]int
	// awaitingJoin and pendingSyncs count members.
	awaitingJoin, pendingSyncs int
	// newMemberAdded since the initial rebalance delay was last extended.
	newMemberAdded bool
	rebalance      rebalance
	syncTimer      *coordinator.Timer

	// subscribed has the topics of a consumer group; nil if they are unknown.
	subscribed map[string]bool

	// recorded: a group record was loaded. It matters while loading only.
	recorded bool

	offsets groupOffsets
}

func newGroup(id string) *group {
	g := &group{id: id, state: empty, stateTimestamp: now()}
	g.clearMembers()
	return g
}

func now() int64 { return time.Now().UnixMilli() }

// clearMembers forgets all of the membership, as for a group that only stores
// offsets.
func (g *group) clearMembers() {
	g.members, g.order = map[string]*member{}, nil
	g.static, g.pending, g.supported = map[string]*member{}, map[string]*coordinator.Timer{}, map[string]int{}
	g.awaitingJoin, g.pendingSyncs = 0, 0
	g.generation, g.protocolType, g.protocolName, g.leader, g.subscribed = 0, "", nil, "", nil
}

func (g *group) transitionTo(next state) {
	g.state = next
	g.stateTimestamp = now()
}

func (g *group) has(memberID string) bool { return g.members[memberID] != nil }

func (g *group) isLeader(memberID string) bool { return g.leader != "" && g.leader == memberID }

func (g *group) isPending(memberID string) bool {
	_, pending := g.pending[memberID]
	return pending
}

// add makes a member part of the group; the first sets the protocol type and
// leads.
func (g *group) add(m *member, protocolType string) {
	if len(g.members) == 0 {
		g.protocolType = protocolType
	}
	if g.leader == "" {
		g.leader = m.id
	}
	if m.instanceID != nil {
		g.static[*m.instanceID] = m
	}
	g.members[m.id] = m
	g.order = append(g.order, m)
	g.support(m, 1)
	g.removePending(m.id)
}

// remove takes a member, or an id still pending, out of the group. What the
// member waits for is answered with UNKNOWN_MEMBER_ID, so that it joins again
// if it still lives.
func (g *group) remove(memberID string) {
	g.removePending(memberID)
	m := g.members[memberID]
	if m == nil {
		return
	}
	g.answerJoin(m, joinError("", kerr.UnknownMemberID))
	m.answerSync(syncResult{err: kerr.UnknownMemberID})
	m.session.Stop()
	g.setPendingSync(m, false)
	g.support(m, -1)
	delete(g.members, memberID)
	g.order = slices.DeleteFunc(g.order, func(other *member) bool { return other == m })
	if m.instanceID != nil && g.static[*m.instanceID] == m {
		delete(g.static, *m.instanceID)
	}
	if g.leader == memberID {
		g.leader = ""
		if len(g.order) > 0 {
			g.leader = g.order[0].id
		}
	}
}

func (g *group) removePending(memberID string) {
	if timer, pending := g.pending[memberID]; pending {
		timer.Stop()
		delete(g.pending, memberID)
	}
}

func (g *group) support(m *member, by int) {
	for _, p := range m.protocols {
		if g.supported[p.name] += by; g.supported[p.name] == 0 {
			delete(g.supported, p.name)
		}
	}
}

// update takes over what a member that joins again says of itself, its
// timeouts included (KAFKA-14009).
func (g *group) update(m *member, protocols []protocolMetadata, rebalanceTimeoutMs, sessionTimeoutMs int32) {
	g.support(m, -1)
	m.protocols = protocols
	g.support(m, 1)
	m.rebalanceTimeoutMs, m.sessionTimeoutMs = rebalanceTimeoutMs, sessionTimeoutMs
}

// replaceStatic gives a static member a new id in place; who waits under the
// old one is fenced.
func (g *group) replaceStatic(m *member, newID string) {
	g.answerJoin(m, joinError(m.id, kerr.FencedInstanceID))
	m.answerSync(syncResult{err: kerr.FencedInstanceID})
	delete(g.members, m.id)
	if g.leader == m.id {
		g.leader = newID
	}
	m.id = newID
	g.members[newID] = m
}

// awaitJoin parks the answer to a member's JoinGroup. An older one, whose
// connection must be gone, is told to try again.
func (g *group) awaitJoin(m *member, answer func(joinResult)) {
	g.answerJoin(m, joinError(m.id, kerr.RebalanceInProgress))
	m.awaitingJoin = answer
	g.awaitingJoin++
}

// answerJoin answers a waiting JoinGroup, if there is one.
func (g *group) answerJoin(m *member, result joinResult) {
	answer := m.awaitingJoin
	if answer == nil {
		return
	}
	m.awaitingJoin = nil
	g.awaitingJoin--
	answer(result)
}

func (g *group) setPendingSync(m *member, pending bool) {
	switch {
	case pending && !m.pendingSync:
		g.pendingSyncs++
	case !pending && m.pendingSync:
		g.pendingSyncs--
	}
	m.pendingSync = pending
}

func (g *group) clearPendingSyncs() {
	for _, m := range g.order {
		g.setPendingSync(m, false)
	}
}

func (g *group) allMembersJoined() bool {
	return len(g.members) == g.awaitingJoin && len(g.pending) == 0
}

// electJoinedLeader keeps the leader if it has joined, else makes the oldest
// joined member the leader. It reports whether there is one.
func (g *group) electJoinedLeader() bool {
	leader := g.members[g.leader]
	if leader == nil {
		return false
	}
	if leader.awaitingJoin != nil {
		return true
	}
	for _, m := range g.order {
		if m.awaitingJoin != nil {
			g.leader = m.id
			return true
		}
	}
	return false
}

// rebalanceTimeout is the longest among the members.
func (g *group) rebalanceTimeout() time.Duration {
	var longest int32
	for _, m := range g.order {
		longest = max(longest, m.rebalanceTimeoutMs)
	}
	return time.Duration(longest) * time.Millisecond
}

// supportsProtocols reports whether a member with these protocols can be part
// of the group.
func (g *group) supportsProtocols(protocolType string, protocols []protocolMetadata) bool {
	if g.state == empty {
		return protocolType != "" && len(protocols) > 0
	}
	return g.protocolType == protocolType &&
		slices.ContainsFunc(protocols, func(p protocolMetadata) bool { return g.isCandidate(p.name) })
}

// isCandidate reports whether all members support the protocol.
func (g *group) isCandidate(name string) bool { return g.supported[name] == len(g.members) }

// selectProtocol counts the members' votes. Of protocols with as many votes
// the first by name wins.
func (g *group) selectProtocol() string {
	votes := map[string]int{}
	for _, m := range g.order {
		if name, ok := m.vote(g.isCandidate); ok {
			votes[name]++
		}
	}
	selected, most := "", 0
	for name, count := range votes {
		if count > most || count == most && name < selected {
			selected, most = name, count
		}
	}
	return selected
}

// nextGeneration closes the membership: with the members that are left the
// group completes its rebalance, without any it is empty.
func (g *group) nextGeneration() {
	g.generation++
	if len(g.members) > 0 {
		selected := g.selectProtocol()
		g.protocolName = &selected
		g.transitionTo(completingRebalance)
	} else {
		g.protocolName = nil
		g.transitionTo(empty)
	}
	g.subscribed = g.subscribedTopics()
	g.offsets.startGeneration()
	g.clearPendingSyncs()
}

// subscribedTopics reads the members' subscriptions, nil if that is not
// possible.
func (g *group) subscribedTopics() map[string]bool {
	topics := map[string]bool{}
	if g.protocolType != consumerProtocol {
		return nil
	}
	if len(g.members) == 0 {
		return topics
	}
	if g.protocolName == nil {
		return nil
	}
	for _, m := range g.order {
		subscription, err := parseSubscription(m.metadata(*g.protocolName))
		if err != nil {
			return nil
		}
		for _, name := range subscription {
			topics[name] = true
		}
	}
	return topics
}

// isSubscribedTo reports whether members may be consuming the topic.
func (g *group) isSubscribedTo(name string) bool { return g.subscribed == nil || g.subscribed[name] }

func (g *group) isConsumerGroup() bool { return g.protocolType == consumerProtocol }

// joined is the answer to a member that is part of the current generation.
func (g *group) joined(memberID, leader string, withMembers bool) joinResult {
	result := joinResult{
		memberID:     memberID,
		generation:   g.generation,
		protocolType: nonEmpty(g.protocolType),
		protocolName: g.protocolName,
		leader:       leader,
	}
	if withMembers && g.protocolName != nil {
		for _, m := range g.order {
			listed := kmsg.NewJoinGroupResponseMember()
			listed.MemberID, listed.InstanceID, listed.ProtocolMetadata = m.id, m.instanceID, m.metadata(*g.protocolName)
			result.members = append(result.members, listed)
		}
	}
	return result
}

func nonEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
