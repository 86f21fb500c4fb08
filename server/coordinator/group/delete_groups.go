package group

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// DeleteGroups deletes groups without members, their offsets included.
func (c *Coordinator) DeleteGroups(_ *protocol.RequestContext, req *kmsg.DeleteGroupsRequest, respond func(*kmsg.DeleteGroupsResponse)) {
	response := req.ResponseKind().(*kmsg.DeleteGroupsResponse)
	seen := map[string]bool{}
	for _, id := range req.Groups {
		if seen[id] {
			continue
		}
		seen[id] = true
		deleted := kmsg.NewDeleteGroupsResponseGroup()
		deleted.Group = id
		response.Groups = append(response.Groups, deleted)
	}
	parts := newGather(len(response.Groups), func() { respond(response) })
	for i := range response.Groups {
		deleted := &response.Groups[i]
		c.submit(deleted.Group, func(m *manager, err error) {
			if err == nil {
				err = m.deleteGroup(deleted.Group)
			}
			deleted.ErrorCode = protocol.ErrorCode(err)
			parts.part()
		})
	}
}

func (m *manager) deleteGroup(groupID string) error {
	g := m.groups[groupID]
	switch {
	case g == nil:
		return kerr.GroupIDNotFound
	case g.state != empty:
		return kerr.NonEmptyGroup
	}
	m.retire(g)
	removed := m.cleanUp(g, g.offsets.partitions())
	m.info("The following groups were deleted: %s. A total of %d offsets were removed.", g.id, removed)
	return nil
}
