package group

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// SyncGroup gives the caller its assignment as soon as the leader's call has
// brought it.
func (c *Coordinator) SyncGroup(_ *protocol.RequestContext, req *kmsg.SyncGroupRequest, respond func(*kmsg.SyncGroupResponse)) {
	answer := func(result syncResult) {
		response := req.ResponseKind().(*kmsg.SyncGroupResponse)
		response.ErrorCode = protocol.ErrorCode(result.err)
		response.ProtocolType, response.Protocol = result.protocolType, result.protocolName
		response.MemberAssignment = result.assignment
		if response.MemberAssignment == nil {
			response.MemberAssignment = []byte{}
		}
		respond(response)
	}
	switch {
	case c.staticMembersRefused(req.InstanceID):
		answer(syncResult{err: kerr.UnsupportedVersion})
		return
	case req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil):
		answer(syncResult{err: kerr.InconsistentGroupProtocol})
		return
	}
	c.submitNamed(req.Group, func(m *manager, err error) {
		switch {
		case err == kerr.CoordinatorLoadInProgress:
			// The rebalance was lost with the state; old clients do not expect
			// to hear of loading here.
			answer(syncResult{err: kerr.RebalanceInProgress})
		case err != nil:
			answer(syncResult{err: err})
		default:
			m.syncGroup(req, answer)
		}
	})
}

func (m *manager) syncGroup(req *kmsg.SyncGroupRequest, answer func(syncResult)) {
	g := m.groups[req.Group]
	if g == nil {
		answer(syncResult{err: kerr.UnknownMemberID})
		return
	}
	syncing, err := m.checkSync(g, req)
	if err != nil {
		answer(syncResult{err: err})
		return
	}
	switch g.state {
	case preparingRebalance:
		answer(syncResult{err: kerr.RebalanceInProgress})
	case completingRebalance:
		syncing.answerSync(syncResult{err: kerr.RebalanceInProgress}) // an older call, its connection being gone
		syncing.awaitingSync = answer
		m.syncReceived(g, syncing)
		if g.isLeader(syncing.id) {
			m.assign(g, syncing.id, req.GroupAssignment)
		}
	case stable:
		m.syncReceived(g, syncing)
		answer(syncResult{
			protocolType: nonEmpty(g.protocolType),
			protocolName: g.protocolName,
			assignment:   syncing.assignment,
		})
		m.heartbeat(g, syncing)
	}
}

func (m *manager) checkSync(g *group, req *kmsg.SyncGroupRequest) (*member, error) {
	syncing, err := m.checkMember(g, req.MemberID, req.InstanceID, "sync-group")
	switch {
	case err != nil:
		return nil, err
	case req.Generation != g.generation:
		return nil, kerr.IllegalGeneration
	case req.ProtocolType != nil && *req.ProtocolType != g.protocolType:
		return nil, kerr.InconsistentGroupProtocol
	case req.Protocol != nil && (g.protocolName == nil || *req.Protocol != *g.protocolName):
		return nil, kerr.InconsistentGroupProtocol
	}
	return syncing, nil
}

// assign stores what the leader decided and then gives it to the members.
func (m *manager) assign(g *group, leader string, assigned []kmsg.SyncGroupRequestGroupAssignment) {
	static := len(g.static)
	m.info("Assignment received from leader %s for group %s for generation %d. The group has %d members, %d of which are static.",
		leader, g.id, g.generation, len(g.members), static)
	assignments := make(map[string][]byte, len(g.order))
	for _, a := range assigned {
		if g.has(a.MemberID) {
			assignments[g.members[a.MemberID].id] = bytes.Clone(a.MemberAssignment)
		}
	}
	if missing := len(g.members) - len(assignments); missing > 0 {
		m.logger.Warnf("%sSetting empty assignments for %d members of %s for generation %d", m.prefix, missing, g.id, g.generation)
	}
	generation := g.generation
	m.storeGroup(g, assignments, func(err error) {
		// Another rebalance may have begun meanwhile; it has answered everyone.
		if g.state != completingRebalance || g.generation != generation {
			return
		}
		if err != nil {
			m.failAssignment(g, err)
			m.maybePrepareRebalance(g, fmt.Sprintf("Error when storing group assignment during SyncGroup (member: %s)", leader))
			return
		}
		m.setAssignment(g, assignments)
		g.transitionTo(stable)
	})
}
