package apis

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/network"
)

// The requests that the group coordinator answers alone.

func (a *APIs) joinGroup(request *network.Request, body *kmsg.JoinGroupRequest) {
	a.Groups.JoinGroup(&request.Context, body, respondWith[*kmsg.JoinGroupResponse](request))
}

func (a *APIs) syncGroup(request *network.Request, body *kmsg.SyncGroupRequest) {
	a.Groups.SyncGroup(&request.Context, body, respondWith[*kmsg.SyncGroupResponse](request))
}

func (a *APIs) heartbeat(request *network.Request, body *kmsg.HeartbeatRequest) {
	a.Groups.Heartbeat(&request.Context, body, respondWith[*kmsg.HeartbeatResponse](request))
}

func (a *APIs) leaveGroup(request *network.Request, body *kmsg.LeaveGroupRequest) {
	a.Groups.LeaveGroup(&request.Context, body, respondWith[*kmsg.LeaveGroupResponse](request))
}

func (a *APIs) listGroups(request *network.Request, body *kmsg.ListGroupsRequest) {
	a.Groups.ListGroups(&request.Context, body, respondWith[*kmsg.ListGroupsResponse](request))
}

func (a *APIs) deleteGroups(request *network.Request, body *kmsg.DeleteGroupsRequest) {
	a.Groups.DeleteGroups(&request.Context, body, respondWith[*kmsg.DeleteGroupsResponse](request))
}

// describeGroups adds the operations that are allowed on a group.
func (a *APIs) describeGroups(request *network.Request, body *kmsg.DescribeGroupsRequest) {
	a.Groups.DescribeGroups(&request.Context, body, func(response *kmsg.DescribeGroupsResponse) {
		for i := range response.Groups {
			response.Groups[i].AuthorizedOperations = notAsked
			if body.IncludeAuthorizedOperations && response.Groups[i].ErrorCode == 0 {
				response.Groups[i].AuthorizedOperations = groupOperations
			}
		}
		request.Respond(response)
	})
}
