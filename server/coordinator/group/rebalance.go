package group

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/server/coordinator"
)

// newMemberJoinTimeout is how long a new member may wait for the others before
// it must ask again; fixed in Kafka too. A client that gave up leaves a member
// behind that nobody will ever speak for.
const newMemberJoinTimeout = 5 * time.Minute

// minRebalanceRetry keeps a group whose members ask for no time to join, and do
// not, from spinning.
const minRebalanceRetry = time.Second

// rebalance is the wait for members to join, as DelayedJoin.
type rebalance struct {
	timer *coordinator.Timer
	// initial: the group was empty. It then waits for more members to show up,
	// as InitialDelayedJoin; delay and remaining are that of the current round
	// and of what may follow it.
	initial          bool
	delay, remaining time.Duration
}

func (m *manager) maybePrepareRebalance(g *group, reason string) {
	if g.state.canRebalance() {
		m.prepareRebalance(g, reason)
	}
}

// prepareRebalance makes all members join again.
func (m *manager) prepareRebalance(g *group, reason string) {
	if g.state == completingRebalance {
		m.failAssignment(g, kerr.RebalanceInProgress)
	}
	m.cancelPendingSync(g)
	initial := g.state == empty
	g.transitionTo(preparingRebalance)
	m.info("Preparing to rebalance group %s in state %s with old generation %d (%s) (reason: %s)",
		g.id, g.state, g.generation, m.shard.Partition(), reason)
	if initial {
		delay := m.settings.initialRebalanceDelay
		m.awaitInitialMembers(g, delay, max(g.rebalanceTimeout()-delay, 0))
		return
	}
	m.awaitMembers(g)
	m.tryCompleteJoin(g)
}

func (m *manager) awaitInitialMembers(g *group, delay, remaining time.Duration) {
	g.rebalance.initial, g.rebalance.delay, g.rebalance.remaining = true, delay, remaining
	m.startRebalanceTimer(g, delay)
}

func (m *manager) awaitMembers(g *group) {
	g.rebalance.initial = false
	m.startRebalanceTimer(g, g.rebalanceTimeout())
}

func (m *manager) startRebalanceTimer(g *group, after time.Duration) {
	if g.rebalance.timer == nil {
		g.rebalance.timer = m.shard.NewTimer(func() { m.onRebalanceTimer(g) })
	}
	g.rebalance.timer.Start(after)
}

func (m *manager) onRebalanceTimer(g *group) {
	r := &g.rebalance
	if r.initial && g.newMemberAdded && r.remaining != 0 {
		g.newMemberAdded = false
		m.awaitInitialMembers(g, min(m.settings.initialRebalanceDelay, r.remaining), max(r.remaining-r.delay, 0))
		return
	}
	m.completeJoin(g)
}

// tryCompleteJoin ends the wait if all members have joined.
func (m *manager) tryCompleteJoin(g *group) {
	if g.state == preparingRebalance && !g.rebalance.initial && g.allMembersJoined() {
		m.completeJoin(g)
	}
}

// completeJoin closes the membership of the next generation and answers the
// members that wait for it.
func (m *manager) completeJoin(g *group) {
	m.removeNotRejoined(g)
	if len(g.members) > 0 && !g.electJoinedLeader() {
		m.logger.Errorf("%sGroup %s could not complete rebalance because no members rejoined", m.prefix, g.id)
		g.rebalance.initial = false
		m.startRebalanceTimer(g, max(g.rebalanceTimeout(), minRebalanceRetry))
		return
	}
	g.rebalance.timer.Stop()
	g.nextGeneration()
	if g.state == empty {
		m.info("Group %s with generation %d is now empty (%s)", g.id, g.generation, m.shard.Partition())
		m.storeGroup(g, nil, func(err error) {
			if err != nil {
				m.logger.Warnf("%sFailed to write empty metadata for group %s: %v", m.prefix, g.id, err)
			}
		})
		return
	}
	m.info("Stabilized group %s generation %d (%s) with %d members", g.id, g.generation, m.shard.Partition(), len(g.members))
	for _, member := range g.order {
		m.heartbeat(g, member)
		member.isNew = false
		g.setPendingSync(member, true)
		g.answerJoin(member, g.joined(member.id, g.leader, g.isLeader(member.id)))
	}
	m.awaitPendingSync(g)
}

// removeNotRejoined removes the dynamic members that did not join in time. A
// static member keeps its place until its session ends.
func (m *manager) removeNotRejoined(g *group) {
	var late []string
	for _, member := range g.order {
		if member.awaitingJoin == nil && !member.isStatic() {
			late = append(late, member.id)
		}
	}
	if len(late) == 0 {
		return
	}
	m.info("Group %s removed dynamic members who haven't joined: %s", g.id, jvm.Collection("Set", late))
	for _, id := range late {
		g.remove(id)
	}
}

// awaitPendingSync gives the members their rebalance timeout to ask for their
// assignment, as DelayedSync.
func (m *manager) awaitPendingSync(g *group) {
	if g.syncTimer == nil {
		g.syncTimer = m.shard.NewTimer(func() { m.onPendingSyncExpired(g) })
	}
	g.syncTimer.Start(g.rebalanceTimeout())
}

func (m *manager) cancelPendingSync(g *group) {
	g.clearPendingSyncs()
	g.syncTimer.Stop()
}

func (m *manager) syncReceived(g *group, member *member) {
	g.setPendingSync(member, false)
	if g.pendingSyncs == 0 {
		g.syncTimer.Stop()
	}
}

func (m *manager) onPendingSyncExpired(g *group) {
	var late []string
	for _, member := range g.order {
		if member.pendingSync {
			late = append(late, member.id)
		}
	}
	if len(late) == 0 || !g.state.canRebalance() {
		return
	}
	for _, id := range late {
		g.remove(id)
	}
	names := jvm.Collection("HashSet", late)
	m.logger.Debugf("%sGroup %s removed members who haven't sent their sync request: %s", m.prefix, g.id, names)
	m.prepareRebalance(g, fmt.Sprintf("Removing %s on pending sync request expiration", names))
}

// heartbeat gives the member another session.
func (m *manager) heartbeat(g *group, member *member) {
	m.startSession(g, member, member.sessionTimeout())
}

func (m *manager) startSession(g *group, member *member, timeout time.Duration) {
	if member.session == nil {
		member.session = m.shard.NewTimer(func() { m.onSessionExpired(g, member) })
	}
	member.session.Start(timeout)
}

// onSessionExpired removes a member that was silent for too long. One that
// waits for its join or sync cannot send heartbeats; its session starts again
// with the answer.
func (m *manager) onSessionExpired(g *group, member *member) {
	if !member.isNew && (member.awaitingJoin != nil || member.awaitingSync != nil) {
		return
	}
	m.info("Member %s in group %s has failed, removing it from the group", member.id, g.id)
	m.removeMember(g, member.id, fmt.Sprintf("removing member %s on heartbeat expiration", member.id))
}

// removeMember removes a member and lets the others rebalance.
func (m *manager) removeMember(g *group, memberID, reason string) {
	g.remove(memberID)
	switch g.state {
	case stable, completingRebalance:
		m.prepareRebalance(g, reason)
	case preparingRebalance:
		m.tryCompleteJoin(g)
	}
}

// addPending hands out a member id that must be used within the session
// timeout (KIP-394).
func (m *manager) addPending(g *group, memberID string, sessionTimeoutMs int32) {
	timer := m.shard.NewTimer(func() {
		m.info("Pending member %s in group %s has been removed after session timeout expiration.", memberID, g.id)
		m.removePending(g, memberID)
	})
	g.pending[memberID] = timer
	timer.Start(time.Duration(sessionTimeoutMs) * time.Millisecond)
}

func (m *manager) removePending(g *group, memberID string) {
	g.remove(memberID)
	m.tryCompleteJoin(g)
}

// setAssignment gives every member its part and answers those that wait.
func (m *manager) setAssignment(g *group, assignments map[string][]byte) {
	for _, member := range g.order {
		member.assignment = assignments[member.id]
		m.propagate(g, member, syncResult{
			protocolType: nonEmpty(g.protocolType),
			protocolName: g.protocolName,
			assignment:   member.assignment,
		})
	}
}

// failAssignment takes the assignments back and tells those that wait why.
func (m *manager) failAssignment(g *group, err error) {
	for _, member := range g.order {
		member.assignment = nil
		m.propagate(g, member, syncResult{err: err})
	}
}

func (m *manager) propagate(g *group, member *member, result syncResult) {
	if len(result.assignment) == 0 && result.err == nil {
		m.logger.Warnf("%sSending empty assignment to member %s of %s for generation %d with no errors",
			m.prefix, member.id, g.id, g.generation)
	}
	// The session may have ended unnoticed during the wait, so it starts anew.
	if member.answerSync(result) {
		m.heartbeat(g, member)
	}
}
