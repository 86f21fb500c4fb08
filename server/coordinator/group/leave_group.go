package group

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// LeaveGroup takes members out of the group at once: the caller, or since
// version 3 any that an administrator names.
func (c *Coordinator) LeaveGroup(_ *protocol.RequestContext, req *kmsg.LeaveGroupRequest, respond func(*kmsg.LeaveGroupResponse)) {
	leaving := req.Members
	if req.Version < 3 {
		leaving = []kmsg.LeaveGroupRequestMember{{MemberID: req.MemberID}}
	}
	c.submitNamed(req.Group, func(m *manager, err error) {
		response := req.ResponseKind().(*kmsg.LeaveGroupResponse)
		if err != nil {
			response.ErrorCode = protocol.ErrorCode(err)
			respond(response)
			return
		}
		left := m.leaveGroup(req.Group, leaving)
		if req.Version < 3 {
			response.ErrorCode = left[0].ErrorCode
		} else {
			response.Members = left
		}
		respond(response)
	})
}

func (m *manager) leaveGroup(groupID string, leaving []kmsg.LeaveGroupRequestMember) []kmsg.LeaveGroupResponseMember {
	g := m.groups[groupID]
	left := make([]kmsg.LeaveGroupResponseMember, 0, len(leaving))
	for _, asked := range leaving {
		var err error = kerr.UnknownMemberID
		if g != nil {
			err = m.leave(g, asked.MemberID, asked.InstanceID)
		}
		response := kmsg.NewLeaveGroupResponseMember()
		response.MemberID, response.InstanceID = asked.MemberID, asked.InstanceID
		response.ErrorCode = protocol.ErrorCode(err)
		left = append(left, response)
	}
	return left
}

func (m *manager) leave(g *group, memberID string, instanceID *string) error {
	switch {
	case memberID == "":
		if instanceID == nil || g.static[*instanceID] == nil {
			return kerr.UnknownMemberID
		}
		m.removeLeaving(g, g.static[*instanceID])
		return nil
	case g.isPending(memberID):
		m.removePending(g, memberID)
		m.info("Pending member with memberId=%s has left group %s through explicit `LeaveGroup` request", memberID, g.id)
		return nil
	}
	known, err := m.checkMember(g, memberID, instanceID, "leave-group")
	if err != nil {
		return err
	}
	m.removeLeaving(g, known)
	return nil
}

func (m *manager) removeLeaving(g *group, leaving *member) {
	m.removeMember(g, leaving.id, fmt.Sprintf("Removing member %s on LeaveGroup", leaving.id))
	m.info("Member %s has left group %s through explicit `LeaveGroup` request", leaving, g.id)
}
