package apis

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/network"
)

func (a *APIs) describeCluster(request *network.Request, body *kmsg.DescribeClusterRequest) {
	response := body.ResponseKind().(*kmsg.DescribeClusterResponse)
	response.ClusterID, response.ControllerID = a.ClusterID, a.Metadata.ControllerID()
	response.ClusterAuthorizedOperations = notAsked
	if body.IncludeClusterAuthorizedOperations {
		response.ClusterAuthorizedOperations = clusterOperations
	}
	response.Brokers = []kmsg.DescribeClusterResponseBroker{}
	for _, node := range a.Metadata.AliveBrokerNodes(request.Context.ListenerName) {
		broker := kmsg.NewDescribeClusterResponseBroker()
		broker.NodeID, broker.Host, broker.Port = node.ID, node.Host, node.Port
		if node.Rack != "" {
			broker.Rack = &node.Rack
		}
		response.Brokers = append(response.Brokers, broker)
	}
	request.Respond(response)
}
