package apis

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/admin"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

func (a *APIs) describeConfigs(request *network.Request, body *kmsg.DescribeConfigsRequest) {
	request.Respond(a.Configs.Describe(body))
}

func (a *APIs) alterConfigs(request *network.Request, body *kmsg.AlterConfigsRequest) {
	response := body.ResponseKind().(*kmsg.AlterConfigsResponse)
	response.Resources = []kmsg.AlterConfigsResponseResource{}
	for i := range body.Resources {
		asked := &body.Resources[i]
		settings := make([]admin.ConfigOp, len(asked.Configs))
		for j := range asked.Configs {
			settings[j] = admin.ConfigOp{Name: asked.Configs[j].Name, Value: asked.Configs[j].Value}
		}
		err := a.Topics.AlterConfigs(admin.ConfigResource{Type: asked.ResourceType, Name: asked.ResourceName}, settings, body.ValidateOnly)
		row := kmsg.NewAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName = asked.ResourceType, asked.ResourceName
		row.ErrorCode, row.ErrorMessage = protocol.ErrorCode(err), errorMessage(err)
		response.Resources = append(response.Resources, row)
	}
	request.Respond(response)
}

func (a *APIs) incrementalAlterConfigs(request *network.Request, body *kmsg.IncrementalAlterConfigsRequest) {
	response := body.ResponseKind().(*kmsg.IncrementalAlterConfigsResponse)
	response.Resources = []kmsg.IncrementalAlterConfigsResponseResource{}
	for i := range body.Resources {
		asked := &body.Resources[i]
		ops := make([]admin.ConfigOp, len(asked.Configs))
		for j := range asked.Configs {
			ops[j] = admin.ConfigOp{Op: asked.Configs[j].Op, Name: asked.Configs[j].Name, Value: asked.Configs[j].Value}
		}
		err := a.Topics.IncrementalAlterConfigs(admin.ConfigResource{Type: asked.ResourceType, Name: asked.ResourceName}, ops, body.ValidateOnly)
		row := kmsg.NewIncrementalAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName = asked.ResourceType, asked.ResourceName
		row.ErrorCode, row.ErrorMessage = protocol.ErrorCode(err), errorMessage(err)
		response.Resources = append(response.Resources, row)
	}
	request.Respond(response)
}
