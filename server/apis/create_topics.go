package apis

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

func milliseconds(n int32) time.Duration { return time.Duration(n) * time.Millisecond }

// createTopics creates topics on the controller. A topic named twice is refused.
func (a *APIs) createTopics(request *network.Request, body *kmsg.CreateTopicsRequest) {
	response := body.ResponseKind().(*kmsg.CreateTopicsResponse)
	response.Topics = []kmsg.CreateTopicsResponseTopic{}
	counts := map[string]int{}
	for i := range body.Topics {
		counts[body.Topics[i].Topic]++
	}
	var toCreate []kmsg.CreateTopicsRequestTopic
	for i := range body.Topics {
		name := body.Topics[i].Topic
		switch {
		case !a.Controller.IsActive():
			response.Topics = append(response.Topics, createdTopic(&admin.CreatedTopic{Name: name, Err: kerr.NotController}))
		case counts[name] > 1:
			err := protocol.WithMessage(kerr.InvalidRequest, "Found multiple entries for this topic.")
			response.Topics = append(response.Topics, createdTopic(&admin.CreatedTopic{Name: name, Err: err}))
		default:
			toCreate = append(toCreate, body.Topics[i])
		}
	}
	a.Topics.CreateTopics(milliseconds(body.TimeoutMillis), body.ValidateOnly, toCreate, func(results []admin.CreatedTopic) {
		for i := range results {
			response.Topics = append(response.Topics, createdTopic(&results[i]))
		}
		request.Respond(response)
	})
}

func createdTopic(result *admin.CreatedTopic) kmsg.CreateTopicsResponseTopic {
	row := kmsg.NewCreateTopicsResponseTopic()
	row.Topic, row.TopicID, row.NumPartitions, row.ReplicationFactor = result.Name, result.ID, -1, -1
	row.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
	row.ErrorCode, row.ErrorMessage = protocol.ErrorCode(result.Err), protocol.CustomMessage(result.Err)
	if result.Err != nil {
		return row
	}
	row.NumPartitions, row.ReplicationFactor = result.NumPartitions, result.ReplicationFactor
	for i := range result.Configs {
		entry := &result.Configs[i]
		setting := kmsg.NewCreateTopicsResponseTopicConfig()
		setting.Name, setting.Value, setting.ReadOnly = entry.Name, entry.Value, entry.ReadOnly
		setting.Source, setting.IsSensitive = int8(entry.Source), entry.IsSensitive
		row.Configs = append(row.Configs, setting)
	}
	return row
}

// createPartitions adds partitions on the controller.
func (a *APIs) createPartitions(request *network.Request, body *kmsg.CreatePartitionsRequest) {
	response := body.ResponseKind().(*kmsg.CreatePartitionsResponse)
	response.Topics = []kmsg.CreatePartitionsResponseTopic{}
	answer := func(name string, err error) {
		row := kmsg.NewCreatePartitionsResponseTopic()
		row.Topic, row.ErrorCode, row.ErrorMessage = name, protocol.ErrorCode(err), protocol.CustomMessage(err)
		response.Topics = append(response.Topics, row)
	}
	counts := map[string]int{}
	for i := range body.Topics {
		counts[body.Topics[i].Topic]++
	}
	var toChange []kmsg.CreatePartitionsRequestTopic
	for i := range body.Topics {
		name := body.Topics[i].Topic
		switch {
		case counts[name] == 0: // answered already
		case !a.Controller.IsActive():
			answer(name, kerr.NotController)
			counts[name] = 0
		case counts[name] > 1:
			answer(name, protocol.WithMessage(kerr.InvalidRequest, "Duplicate topic in request."))
			counts[name] = 0
		default:
			toChange = append(toChange, body.Topics[i])
		}
	}
	a.Topics.CreatePartitions(milliseconds(body.TimeoutMillis), body.ValidateOnly, toChange, func(results map[string]error) {
		for i := range toChange {
			answer(toChange[i].Topic, results[toChange[i].Topic])
		}
		request.Respond(response)
	})
}
