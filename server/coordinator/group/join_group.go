package group

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// uuidLength is what a member id is longer than the client or instance id.
const uuidLength = len("-") + 36

// joinRequest is a JoinGroup with strings and bytes of its own, which outlive
// the request.
type joinRequest struct {
	groupID, memberID    string
	instanceID           *string
	clientID, clientHost string
	rebalanceTimeoutMs   int32
	sessionTimeoutMs     int32
	protocolType         string
	protocols            []protocolMetadata
	// requireMemberID: a new dynamic member must come back with the id it gets
	// (KIP-394).
	requireMemberID bool
	answer          func(joinResult)
}

// JoinGroup makes the caller a member of the group and answers when the
// group's next generation begins.
func (c *Coordinator) JoinGroup(ctx *protocol.RequestContext, req *kmsg.JoinGroupRequest, respond func(*kmsg.JoinGroupResponse)) {
	answer := func(result joinResult) { respond(joinResponse(req, result)) }
	if c.staticMembersRefused(req.InstanceID) {
		answer(joinError("", kerr.UnsupportedVersion))
		return
	}
	c.submitNamed(req.Group, func(m *manager, err error) {
		timeout := int(req.SessionTimeoutMillis)
		switch {
		case err != nil:
			answer(joinError(req.MemberID, err))
		case timeout < c.settings.minSessionTimeoutMs || timeout > c.settings.maxSessionTimeoutMs:
			answer(joinError(req.MemberID, kerr.InvalidSessionTimeout))
		case joinTooLong(ctx, req):
			answer(joinError(req.MemberID, kerr.InvalidRequest))
		default:
			m.joinGroup(newJoinRequest(ctx, req, answer))
		}
	})
}

// joinTooLong reports whether a string of the request does not fit into a
// group's record.
func joinTooLong(ctx *protocol.RequestContext, req *kmsg.JoinGroupRequest) bool {
	longest := max(len(req.MemberID), len(req.ProtocolType), len(ctx.Header.ClientID)+uuidLength)
	if req.InstanceID != nil {
		longest = max(longest, len(*req.InstanceID)+uuidLength)
	}
	for i := range req.Protocols {
		longest = max(longest, len(req.Protocols[i].Name))
	}
	return longest > maxString
}

func newJoinRequest(ctx *protocol.RequestContext, req *kmsg.JoinGroupRequest, answer func(joinResult)) *joinRequest {
	j := &joinRequest{
		groupID:            strings.Clone(req.Group),
		memberID:           strings.Clone(req.MemberID),
		clientID:           strings.Clone(ctx.Header.ClientID),
		clientHost:         ctx.ClientHost(),
		rebalanceTimeoutMs: req.RebalanceTimeoutMillis,
		sessionTimeoutMs:   req.SessionTimeoutMillis,
		protocolType:       strings.Clone(req.ProtocolType),
		requireMemberID:    req.Version >= 4 && req.InstanceID == nil,
		answer:             answer,
	}
	if req.Version == 0 {
		j.rebalanceTimeoutMs = req.SessionTimeoutMillis
	}
	if req.InstanceID != nil {
		instanceID := strings.Clone(*req.InstanceID)
		j.instanceID = &instanceID
	}
	named := map[string]bool{}
	for _, p := range req.Protocols {
		if !named[p.Name] {
			named[p.Name] = true
			j.protocols = append(j.protocols, protocolMetadata{strings.Clone(p.Name), bytes.Clone(p.Metadata)})
		}
	}
	return j
}

func joinResponse(req *kmsg.JoinGroupRequest, result joinResult) *kmsg.JoinGroupResponse {
	response := req.ResponseKind().(*kmsg.JoinGroupResponse)
	response.ErrorCode = protocol.ErrorCode(result.err)
	response.Generation = result.generation
	response.ProtocolType = result.protocolType
	response.Protocol = result.protocolName
	response.LeaderID = result.leader
	response.MemberID = result.memberID
	response.Members = result.members
	if req.Version < 7 && response.Protocol == nil {
		response.Protocol = new(string)
	}
	return response
}

func (m *manager) joinGroup(j *joinRequest) {
	g := m.groups[j.groupID]
	if g == nil {
		if j.memberID != "" {
			j.answer(joinError(j.memberID, kerr.UnknownMemberID))
			return
		}
		g = m.addGroup(j.groupID)
	}
	switch {
	case !m.accepts(g, j.memberID):
		g.remove(j.memberID)
		j.answer(joinError("", kerr.GroupMaxSizeReached))
	case j.memberID == "":
		m.joinNewMember(g, j)
	default:
		m.joinKnownMember(g, j)
	}
	m.tryCompleteJoin(g)
}

// accepts reports whether group.max.size leaves room for the member. During a
// rebalance those that have joined count, so that of a group that is too large
// the last to join are turned away.
func (m *manager) accepts(g *group, memberID string) bool {
	switch g.state {
	case preparingRebalance:
		member := g.members[memberID]
		return member != nil && member.awaitingJoin != nil || g.awaitingJoin < m.settings.maxSize
	case completingRebalance, stable:
		return g.has(memberID) || len(g.members) < m.settings.maxSize
	}
	return true
}

func (m *manager) joinNewMember(g *group, j *joinRequest) {
	if !g.supportsProtocols(j.protocolType, j.protocols) {
		j.answer(joinError("", kerr.InconsistentGroupProtocol))
		return
	}
	if j.instanceID != nil {
		m.joinStaticMember(g, j, *j.instanceID+"-"+uuid.NewString())
		return
	}
	memberID := j.clientID + "-" + uuid.NewString()
	if j.requireMemberID {
		m.info("Dynamic member with unknown member id joins group %s in %s state. Created a new member id %s and request the member to rejoin with this id.",
			g.id, g.state, memberID)
		m.addPending(g, memberID, j.sessionTimeoutMs)
		j.answer(joinError(memberID, kerr.MemberIDRequired))
		return
	}
	m.info("Dynamic Member with unknown member id joins group %s in %s state. Created a new member id %s for this member and add to the group.",
		g.id, g.state, memberID)
	m.addMember(g, j, memberID)
}

func (m *manager) joinStaticMember(g *group, j *joinRequest, memberID string) {
	if known := g.static[*j.instanceID]; known != nil {
		m.info("Static member with groupInstanceId=%s and unknown member id joins group %s in %s state. Replacing previously mapped member %s with this groupInstanceId.",
			*j.instanceID, g.id, g.state, known.id)
		m.replaceStaticMember(g, j, known, memberID)
		return
	}
	m.info("Static member with groupInstanceId=%s and unknown member id joins group %s in %s state. Created a new member id %s for this member and add to the group.",
		*j.instanceID, g.id, g.state, memberID)
	m.addMember(g, j, memberID)
}

// addMember adds a new member, which rebalances the group if it can.
func (m *manager) addMember(g *group, j *joinRequest, memberID string) {
	added := &member{
		id:                 memberID,
		instanceID:         j.instanceID,
		clientID:           j.clientID,
		clientHost:         j.clientHost,
		rebalanceTimeoutMs: j.rebalanceTimeoutMs,
		sessionTimeoutMs:   j.sessionTimeoutMs,
		protocols:          j.protocols,
		isNew:              true,
	}
	if g.state == preparingRebalance && g.generation == 0 {
		g.newMemberAdded = true
	}
	g.add(added, j.protocolType)
	g.awaitJoin(added, j.answer)
	m.startSession(g, added, newMemberJoinTimeout)
	m.maybePrepareRebalance(g, fmt.Sprintf("Adding new member %s with group instance id %s", memberID, option(j.instanceID)))
}

func (m *manager) joinKnownMember(g *group, j *joinRequest) {
	if !g.supportsProtocols(j.protocolType, j.protocols) {
		j.answer(joinError(j.memberID, kerr.InconsistentGroupProtocol))
		return
	}
	if g.isPending(j.memberID) {
		if j.instanceID != nil { // ids of static members are never pending
			j.answer(joinError(j.memberID, kerr.UnknownServerError))
			return
		}
		m.addMember(g, j, j.memberID)
		return
	}
	known, err := m.checkMember(g, j.memberID, j.instanceID, "join-group")
	if err != nil {
		j.answer(joinError(j.memberID, err))
		return
	}
	m.rejoin(g, j, known)
}

// rejoin handles the JoinGroup of a member. One that changes nothing gets the
// current generation again: it may have missed the first answer.
func (m *manager) rejoin(g *group, j *joinRequest, known *member) {
	matches := known.matches(j.protocols)
	leads := g.isLeader(known.id)
	switch {
	case g.state == preparingRebalance:
		m.updateMember(g, j, known, fmt.Sprintf("Member %s joining group during %s", known.id, g.state))
	case g.state == completingRebalance && matches:
		j.answer(g.joined(known.id, g.leader, leads))
	case g.state == stable && leads:
		// Lets the leader rebalance for reasons that no metadata shows, such as
		// new partitions of a topic.
		m.updateMember(g, j, known, fmt.Sprintf("Leader %s re-joining group during %s", known.id, g.state))
	case g.state == stable && matches:
		j.answer(g.joined(known.id, g.leader, false))
	default:
		m.updateMember(g, j, known, fmt.Sprintf("Updating metadata for member %s during %s", known.id, g.state))
	}
}

func (m *manager) updateMember(g *group, j *joinRequest, known *member, reason string) {
	g.update(known, j.protocols, j.rebalanceTimeoutMs, j.sessionTimeoutMs)
	g.awaitJoin(known, j.answer)
	m.maybePrepareRebalance(g, reason)
}

// checkMember finds the member that a request speaks for. An instance id must
// belong to the member id (KIP-345).
func (m *manager) checkMember(g *group, memberID string, instanceID *string, operation string) (*member, error) {
	if instanceID != nil {
		current := g.static[*instanceID]
		if current == nil {
			return nil, kerr.UnknownMemberID
		}
		if current.id != memberID {
			m.info("Request memberId=%s for static member with groupInstanceId=%s is fenced by current memberId=%s during operation %s",
				memberID, *instanceID, current.id, operation)
			return nil, kerr.FencedInstanceID
		}
	}
	known := g.members[memberID]
	if known == nil {
		return nil, kerr.UnknownMemberID
	}
	return known, nil
}
