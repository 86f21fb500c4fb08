package group

import (
	"cmp"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

// ListGroups lists the groups coordinated here, since version 4 only those in
// the states named. While partitions are loading the list is not complete,
// which its error says. The caller removes what the client may not see.
func (c *Coordinator) ListGroups(_ *protocol.RequestContext, req *kmsg.ListGroupsRequest, respond func(*kmsg.ListGroupsResponse)) {
	response := req.ResponseKind().(*kmsg.ListGroupsResponse)
	if !c.runtime.Active() {
		response.ErrorCode = kerr.CoordinatorNotAvailable.Code
		respond(response)
		return
	}
	if c.runtime.Loading() {
		response.ErrorCode = kerr.CoordinatorLoadInProgress.Code
	}
	var mu sync.Mutex // protects response.Groups
	c.runtime.Each(func(m *manager) {
		listed := m.list(req.StatesFilter)
		mu.Lock()
		defer mu.Unlock()
		response.Groups = append(response.Groups, listed...)
	}, func() {
		slices.SortFunc(response.Groups, func(a, b kmsg.ListGroupsResponseGroup) int { return cmp.Compare(a.Group, b.Group) })
		respond(response)
	})
}

func (m *manager) list(states []string) []kmsg.ListGroupsResponseGroup {
	var listed []kmsg.ListGroupsResponseGroup
	for _, g := range m.groups {
		if len(states) > 0 && !slices.Contains(states, g.state.String()) {
			continue
		}
		entry := kmsg.NewListGroupsResponseGroup()
		entry.Group, entry.ProtocolType, entry.GroupState = g.id, g.protocolType, g.state.String()
		listed = append(listed, entry)
	}
	return listed
}
