package apis

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/network"
)

// The operations that a client may do without an authorizer: all that the kind of
// resource has (KIP-430).
const (
	topicOperations   int32 = 0xDF8
	groupOperations   int32 = 0x148
	clusterOperations int32 = 0x1FA0
	notAsked          int32 = -1 << 31
)

func (a *APIs) metadata(request *network.Request, body *kmsg.MetadataRequest) {
	if code := checkTopicNames(body); code != 0 {
		request.Respond(failedMetadata(body, code))
		return
	}
	response := body.ResponseKind().(*kmsg.MetadataResponse)
	listener := request.Context.ListenerName
	response.Brokers = []kmsg.MetadataResponseBroker{}
	for _, node := range a.Metadata.AliveBrokerNodes(listener) {
		broker := kmsg.NewMetadataResponseBroker()
		broker.NodeID, broker.Host, broker.Port = node.ID, node.Host, node.Port
		if node.Rack != "" {
			broker.Rack = &node.Rack
		}
		response.Brokers = append(response.Brokers, broker)
	}
	response.ClusterID, response.ControllerID = &a.ClusterID, a.Metadata.ControllerID()
	response.AuthorizedOperations = notAsked
	if body.IncludeClusterAuthorizedOperations {
		response.AuthorizedOperations = clusterOperations
	}
	response.Topics = a.topicMetadata(body, listener)
	if body.IncludeTopicAuthorizedOperations {
		for i := range response.Topics {
			if response.Topics[i].ErrorCode == 0 {
				response.Topics[i].AuthorizedOperations = topicOperations
			}
		}
	}
	request.Respond(response)
}

// topicMetadata describes the topics asked for: all when the list is null (v0:
// empty).
func (a *APIs) topicMetadata(body *kmsg.MetadataRequest, listener string) []kmsg.MetadataResponseTopic {
	if body.Topics == nil || body.Version == 0 && len(body.Topics) == 0 {
		return a.describeTopics(body, a.Metadata.AllTopics(), listener)
	}
	names, byID, unknown := a.namesOf(body.Topics)
	found := a.describeTopics(body, names, listener)
	known := make(map[string]bool, len(found))
	for i := range found {
		known[*found[i].Topic] = true
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return known[name] })
	return slices.Concat(found, a.missingTopics(body, missing, byID), unknown)
}

func (a *APIs) describeTopics(body *kmsg.MetadataRequest, names []string, listener string) []kmsg.MetadataResponseTopic {
	return a.Metadata.GetTopicMetadata(names, listener, body.Version == 0, body.Version >= 6)
}

// checkTopicNames refuses requests that name a topic in a way their version does not
// have, or in none.
func checkTopicNames(body *kmsg.MetadataRequest) int16 {
	for i := range body.Topics {
		named, identified := body.Topics[i].Topic != nil, !topic.ID(body.Topics[i].TopicID).IsZero()
		switch {
		case body.Version < 12 && (!named || identified):
			return kerr.InvalidRequest.Code
		case !named && !identified:
			return kerr.UnknownServerError.Code
		}
	}
	return 0
}

// failedMetadata has the error at every topic, and nothing of the cluster.
func failedMetadata(body *kmsg.MetadataRequest, code int16) *kmsg.MetadataResponse {
	response := body.ResponseKind().(*kmsg.MetadataResponse)
	response.ControllerID, response.AuthorizedOperations = -1, notAsked
	for _, asked := range body.Topics {
		name := ""
		if asked.Topic != nil {
			name = *asked.Topic
		}
		row := failedTopic(&name, code)
		row.TopicID, row.IsInternal = asked.TopicID, false
		response.Topics = append(response.Topics, row)
	}
	return response
}

func failedTopic(name *string, code int16) kmsg.MetadataResponseTopic {
	row := kmsg.NewMetadataResponseTopic()
	row.Topic, row.ErrorCode = name, code
	row.IsInternal = name != nil && topic.IsInternal(*name)
	row.AuthorizedOperations = notAsked
	row.Partitions = []kmsg.MetadataResponseTopicPartition{}
	return row
}

// namesOf gives the names asked for, those found by id among them (byID), and an
// answer for each id that is not known. A name that was asked for twice is
// answered once.
func (a *APIs) namesOf(topics []kmsg.MetadataRequestTopic) (names []string, byID map[string]bool, unknown []kmsg.MetadataResponseTopic) {
	asked := make(map[string]bool, len(topics))
	byID = map[string]bool{}
	for i := range topics {
		name, id := "", topic.ID(topics[i].TopicID)
		switch {
		case !id.IsZero():
			found, ok := a.Metadata.TopicName(id)
			if !ok {
				row := failedTopic(nil, kerr.UnknownTopicID.Code)
				row.TopicID = id
				unknown = append(unknown, row)
				continue
			}
			name, byID[found] = found, true
		case topics[i].Topic != nil:
			name = *topics[i].Topic
		}
		if !asked[name] {
			asked[name] = true
			names = append(names, name)
		}
	}
	return names, byID, unknown
}

// missingTopics answers for topics that do not exist, creating them when client
// and configuration allow it.
func (a *APIs) missingTopics(body *kmsg.MetadataRequest, names []string, byID map[string]bool) []kmsg.MetadataResponseTopic {
	allowed := (body.AllowAutoTopicCreation || body.Version < 4) && config.AutoCreateTopicsEnable.Get(a.Config.Load())
	var answers []kmsg.MetadataResponseTopic
	for _, name := range names {
		code := kerr.UnknownTopicOrPartition.Code
		switch {
		case byID[name]:
			code = kerr.UnknownTopicID.Code
		case allowed:
			code = a.Creation.Create(name)
		case topic.Validate(name) != nil:
			code = kerr.InvalidTopicException.Code
		}
		answers = append(answers, failedTopic(&name, code))
	}
	return answers
}
