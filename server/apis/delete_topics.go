package apis

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

// deleteTopics deletes topics by name, or from version 6 on by id, on the
// controller.
func (a *APIs) deleteTopics(request *network.Request, body *kmsg.DeleteTopicsRequest) {
	response := body.ResponseKind().(*kmsg.DeleteTopicsResponse)
	response.Topics = []kmsg.DeleteTopicsResponseTopic{}
	var names []string
	ambiguous := a.Controller.IsActive() && config.DeleteTopicEnable.Get(a.Config.Load()) && hasAmbiguousTopic(body)
	for _, asked := range askedForDeletion(body) {
		row := kmsg.NewDeleteTopicsResponseTopic()
		row.Topic, row.TopicID = asked.Topic, asked.TopicID
		if ambiguous {
			row.ErrorCode = kerr.InvalidRequest.Code
		} else {
			row.ErrorCode = a.checkDeletion(body.Version, &row)
		}
		if row.ErrorCode == 0 {
			names = append(names, *row.Topic)
		}
		response.Topics = append(response.Topics, row)
	}
	a.Topics.DeleteTopics(milliseconds(body.TimeoutMillis), names, func(results map[string]error) {
		for i := range response.Topics {
			row := &response.Topics[i]
			if row.ErrorCode == 0 && row.Topic != nil {
				row.ErrorCode = protocol.ErrorCode(results[*row.Topic])
			}
		}
		request.Respond(response)
	})
}

func askedForDeletion(body *kmsg.DeleteTopicsRequest) []kmsg.DeleteTopicsRequestTopic {
	if body.Version >= 6 {
		return body.Topics
	}
	asked := make([]kmsg.DeleteTopicsRequestTopic, len(body.TopicNames))
	for i := range body.TopicNames {
		asked[i].Topic = &body.TopicNames[i]
	}
	return asked
}

// checkDeletion finds the name of a topic asked for by its id, and refuses what
// cannot be deleted.
func (a *APIs) checkDeletion(version int16, row *kmsg.DeleteTopicsResponseTopic) int16 {
	id := topic.ID(row.TopicID)
	switch {
	case !a.Controller.IsActive():
		return kerr.NotController.Code
	case !config.DeleteTopicEnable.Get(a.Config.Load()):
		if version < 3 {
			return kerr.InvalidRequest.Code
		}
		return kerr.TopicDeletionDisabled.Code
	case row.Topic == nil && id.IsZero():
		return kerr.TopicAuthorizationFailed.Code // nobody may delete what has no name
	case row.Topic == nil:
		name, known := a.Metadata.TopicName(id)
		if !known {
			return kerr.UnknownTopicID.Code
		}
		row.Topic = &name
	}
	if !a.Metadata.ContainsTopic(*row.Topic) {
		return kerr.UnknownTopicOrPartition.Code
	}
	return 0
}

// hasAmbiguousTopic reports whether a topic has both a name and an id, which fails
// the whole request.
func hasAmbiguousTopic(body *kmsg.DeleteTopicsRequest) bool {
	return slices.ContainsFunc(body.Topics, func(asked kmsg.DeleteTopicsRequestTopic) bool {
		return asked.Topic != nil && !topic.ID(asked.TopicID).IsZero()
	})
}
