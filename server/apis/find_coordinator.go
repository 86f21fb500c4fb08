package apis

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

const (
	groupCoordinatorType       int8 = 0
	transactionCoordinatorType int8 = 1
)

// findCoordinator answers for one key, or from version 4 on for each of a list
// (KIP-699). A coordinator's topic that does not exist yet is created.
func (a *APIs) findCoordinator(request *network.Request, body *kmsg.FindCoordinatorRequest) {
	response := body.ResponseKind().(*kmsg.FindCoordinatorResponse)
	if body.Version < 4 {
		node, err := a.coordinatorOf(body.CoordinatorType, body.CoordinatorKey, request.Context.ListenerName)
		response.NodeID, response.Host, response.Port = node.ID, node.Host, node.Port
		response.ErrorCode = protocol.ErrorCode(err)
		if response.ErrorMessage = protocol.ErrorMessage(err); err == nil {
			none := protocol.ErrorName(0)
			response.ErrorMessage = &none
		}
		request.Respond(response)
		return
	}
	response.Coordinators = []kmsg.FindCoordinatorResponseCoordinator{}
	for _, key := range body.CoordinatorKeys {
		node, err := a.coordinatorOf(body.CoordinatorType, key, request.Context.ListenerName)
		row := kmsg.NewFindCoordinatorResponseCoordinator()
		row.Key, row.NodeID, row.Host, row.Port = key, node.ID, node.Host, node.Port
		row.ErrorCode, row.ErrorMessage = protocol.ErrorCode(err), orEmpty(protocol.ErrorMessage(err))
		response.Coordinators = append(response.Coordinators, row)
	}
	request.Respond(response)
}

var noNode = metadata.Node{ID: -1, Port: -1}

func (a *APIs) coordinatorOf(coordinatorType int8, key, listener string) (metadata.Node, error) {
	switch coordinatorType {
	case groupCoordinatorType:
	case transactionCoordinatorType:
		return noNode, kerr.CoordinatorNotAvailable // no broker of this kind coordinates transactions
	default:
		return noNode, kerr.InvalidRequest
	}
	if _, ok := a.Metadata.NumPartitions(topic.ConsumerOffsets); !ok {
		a.Creation.Create(topic.ConsumerOffsets)
		return noNode, kerr.CoordinatorNotAvailable
	}
	partition := topic.Partition{Topic: topic.ConsumerOffsets, Partition: a.Groups.PartitionFor(key)}
	node, known := a.Metadata.PartitionLeaderEndpoint(partition, listener)
	if !known || node.Host == "" {
		return noNode, kerr.CoordinatorNotAvailable
	}
	return node, nil
}
