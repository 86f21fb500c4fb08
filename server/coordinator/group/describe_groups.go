package group

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// DescribeGroups tells the state and the members of groups. The caller fills in
// the authorized operations.
func (c *Coordinator) DescribeGroups(_ *protocol.RequestContext, req *kmsg.DescribeGroupsRequest, respond func(*kmsg.DescribeGroupsResponse)) {
	response := req.ResponseKind().(*kmsg.DescribeGroupsResponse)
	response.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	parts := newGather(len(req.Groups), func() { respond(response) })
	for i, id := range req.Groups {
		described := &response.Groups[i]
		c.submit(id, func(m *manager, err error) {
			described.Default()
			described.Group = id
			if err != nil {
				described.ErrorCode = protocol.ErrorCode(err)
			} else {
				m.describe(described)
			}
			parts.part()
		})
	}
}

func (m *manager) describe(to *kmsg.DescribeGroupsResponseGroup) {
	g := m.groups[to.Group]
	if g == nil {
		to.State = dead.String()
		return
	}
	to.State, to.ProtocolType = g.state.String(), g.protocolType
	if g.state == stable && g.protocolName != nil {
		to.Protocol = *g.protocolName
	}
	for _, described := range g.order {
		listed := kmsg.NewDescribeGroupsResponseGroupMember()
		listed.MemberID, listed.InstanceID = described.id, described.instanceID
		listed.ClientID, listed.ClientHost = described.clientID, described.clientHost
		listed.ProtocolMetadata, listed.MemberAssignment = []byte{}, []byte{}
		if g.state == stable {
			listed.ProtocolMetadata = append(listed.ProtocolMetadata, described.metadata(to.Protocol)...)
			listed.MemberAssignment = append(listed.MemberAssignment, described.assignment...)
		}
		to.Members = append(to.Members, listed)
	}
}
