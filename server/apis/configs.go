package apis

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

func (a *APIs) describeConfigs(request *network.Request, body *kmsg.DescribeConfigsRequest) {
	request.Respond(a.Configs.Describe(body))
}

func (a *APIs) alterConfigs(request *network.Request, body *kmsg.AlterConfigsRequest) {
	refused := refusedAlteration(body.Resources, func(asked kmsg.AlterConfigsRequestResource) (kmsg.ConfigResourceType, bool) {
		return asked.ResourceType, slices.ContainsFunc(asked.Configs, func(setting kmsg.AlterConfigsRequestResourceConfig) bool { return setting.Value == nil })
	})
	response := body.ResponseKind().(*kmsg.AlterConfigsResponse)
	response.Resources = []kmsg.AlterConfigsResponseResource{}
	for i := range body.Resources {
		asked, err := &body.Resources[i], refused
		if err == nil {
			settings := make([]admin.ConfigOp, len(asked.Configs))
			for j := range asked.Configs {
				settings[j] = admin.ConfigOp{Name: asked.Configs[j].Name, Value: asked.Configs[j].Value}
			}
			err = a.Topics.AlterConfigs(admin.ConfigResource{Type: asked.ResourceType, Name: asked.ResourceName}, settings, body.ValidateOnly)
		}
		row := kmsg.NewAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName = asked.ResourceType, asked.ResourceName
		row.ErrorCode, row.ErrorMessage = protocol.ErrorCode(err), protocol.CustomMessage(err)
		response.Resources = append(response.Resources, row)
	}
	request.Respond(response)
}

// refusedAlteration gives the error that fails a request to alter settings as a
// whole: for a value that is null, or a type of resource that has none to alter.
func refusedAlteration[R any](resources []R, describe func(R) (kind kmsg.ConfigResourceType, hasNull bool)) error {
	var refused error
	for i := range resources {
		kind, hasNull := describe(resources[i])
		switch {
		case hasNull:
			return kerr.UnknownServerError
		case refused != nil || kind == kmsg.ConfigResourceTypeTopic || kind == kmsg.ConfigResourceTypeBroker:
		case kind == kmsg.ConfigResourceTypeBrokerLogger:
			refused = protocol.WithMessage(kerr.InvalidRequest, "AlterConfigs is deprecated and does not support the resource type BROKER_LOGGER")
		default:
			refused = unexpectedResourceType
		}
	}
	return refused
}

// unexpectedResourceType is what Kafka says of a type it does not know.
var unexpectedResourceType = protocol.WithMessage(kerr.InvalidRequest, "Unexpected resource type UNKNOWN")

// refusedIncrement is refusedAlteration for IncrementalAlterConfigs, which has loggers,
// and operations that may be unknown.
func refusedIncrement(body *kmsg.IncrementalAlterConfigsRequest) error {
	var refused error
	for i := range body.Resources {
		for _, config := range body.Resources[i].Configs {
			if config.Op < kmsg.IncrementalAlterConfigOpSet || config.Op > kmsg.IncrementalAlterConfigOpSubtract {
				return kerr.UnknownServerError
			}
		}
		switch body.Resources[i].ResourceType {
		case kmsg.ConfigResourceTypeTopic, kmsg.ConfigResourceTypeBroker, kmsg.ConfigResourceTypeBrokerLogger:
		default:
			refused = unexpectedResourceType
		}
	}
	return refused
}

func (a *APIs) incrementalAlterConfigs(request *network.Request, body *kmsg.IncrementalAlterConfigsRequest) {
	refused := refusedIncrement(body)
	response := body.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	response.Resources = []kmsg.IncrementalAlterConfigsResponseResource{}
	for i := range body.Resources {
		asked, err := &body.Resources[i], refused
		if err == nil {
			ops := make([]admin.ConfigOp, len(asked.Configs))
			for j := range asked.Configs {
				ops[j] = admin.ConfigOp{Op: asked.Configs[j].Op, Name: asked.Configs[j].Name, Value: asked.Configs[j].Value}
			}
			err = a.Topics.IncrementalAlterConfigs(admin.ConfigResource{Type: asked.ResourceType, Name: asked.ResourceName}, ops, body.ValidateOnly)
		}
		row := kmsg.NewIncrementalAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName = asked.ResourceType, asked.ResourceName
		row.ErrorCode, row.ErrorMessage = protocol.ErrorCode(err), protocol.CustomMessage(err)
		response.Resources = append(response.Resources, row)
	}
	request.Respond(response)
}
