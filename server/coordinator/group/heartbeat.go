package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// Heartbeat keeps the caller's session alive and tells it of a rebalance.
func (c *Coordinator) Heartbeat(_ *protocol.RequestContext, req *kmsg.HeartbeatRequest, respond func(*kmsg.HeartbeatResponse)) {
	answer := func(err error) {
		response := req.ResponseKind().(*kmsg.HeartbeatResponse)
		response.ErrorCode = protocol.ErrorCode(err)
		respond(response)
	}
	if c.staticMembersRefused(req.InstanceID) {
		answer(kerr.UnsupportedVersion)
		return
	}
	c.submitNamed(req.Group, func(m *manager, err error) {
		switch {
		case err == kerr.CoordinatorLoadInProgress:
			answer(nil) // the member is to stay; its session starts with the load
		case err != nil:
			answer(err)
		default:
			answer(m.handleHeartbeat(req))
		}
	})
}

func (m *manager) handleHeartbeat(req *kmsg.HeartbeatRequest) error {
	g := m.groups[req.Group]
	if g == nil {
		return kerr.UnknownMemberID
	}
	beating, err := m.checkMember(g, req.MemberID, req.InstanceID, "heartbeat")
	if err != nil {
		return err
	}
	if req.Generation != g.generation {
		return kerr.IllegalGeneration
	}
	m.heartbeat(g, beating)
	if g.state == preparingRebalance {
		return kerr.RebalanceInProgress
	}
	return nil
}
