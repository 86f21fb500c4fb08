package group

import "fmt"

// replaceStaticMember lets a static member that has restarted take its place
// again under a new id. If nothing else changes the group does not rebalance:
// the new id is stored with the assignment as it is.
func (m *manager) replaceStaticMember(g *group, j *joinRequest, known *member, newID string) {
	before := *known
	leader := g.leader
	g.replaceStatic(known, newID)
	g.update(known, j.protocols, j.rebalanceTimeoutMs, j.sessionTimeoutMs)
	g.awaitJoin(known, j.answer)
	m.heartbeat(g, known)
	switch g.state {
	case stable:
		if g.protocolName != nil && *g.protocolName == g.selectProtocol() {
			m.storeReplacedMember(g, known, before, leader)
			return
		}
		m.maybePrepareRebalance(g, fmt.Sprintf("Group's selectedProtocol will change because static member %s with instance id %s joined with change of protocol",
			known.id, *known.instanceID))
	case completingRebalance:
		// The leader may be assigning partitions to the old id.
		m.prepareRebalance(g, fmt.Sprintf("Updating metadata for static member %s with instance id %s", known.id, *known.instanceID))
	}
}

// storeReplacedMember stores the group with the member's new id, then answers
// the member with the leader as it was and without members: a leader that
// restarted then sees an id that is not its own and does not assign, which no
// member of a stable group would ever hear of.
func (m *manager) storeReplacedMember(g *group, known *member, before member, leader string) {
	m.info("Static member which joins during Stable stage and doesn't affect selectProtocol will not trigger rebalance.")
	newID := known.id
	m.storeGroup(g, g.assignments(), func(err error) {
		if g.members[newID] != known {
			return // removed or replaced meanwhile, and answered then
		}
		if err == nil {
			g.answerJoin(known, g.joined(newID, leader, false))
			return
		}
		m.logger.Warnf("%sFailed to persist metadata for group %s: %v", m.prefix, g.id, err)
		failed := g.joined("", leader, false)
		failed.err = err
		g.answerJoin(known, failed)
		g.replaceStatic(known, before.id)
		g.update(known, before.protocols, before.rebalanceTimeoutMs, before.sessionTimeoutMs)
		m.heartbeat(g, known)
	})
}

// assignments are those the members have, by member id.
func (g *group) assignments() map[string][]byte {
	current := make(map[string][]byte, len(g.order))
	for _, m := range g.order {
		current[m.id] = m.assignment
	}
	return current
}
