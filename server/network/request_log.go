package network

import (
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/server/protocol"
)

// logsRequests tells whether the next requests are to be logged, as
// RequestChannel.isRequestLoggingEnabled.
func (s *SocketServer) logsRequests() bool {
	return s.requestLogger.Logger.IsLevelEnabled(logrus.DebugLevel)
}

// describe gives the body of a request as JSON, before its handling may change
// it and its frame is given back.
func describe(request kmsg.Request, encoded protocol.EncodedRequest) []byte {
	body := encoded.Body
	switch request := request.(type) {
	case *kmsg.AlterConfigsRequest:
		body = withoutSecrets(request)
	case *kmsg.IncrementalAlterConfigsRequest:
		body = withoutIncrementalSecrets(request)
	}
	return orFailure(protocol.AppendRequestJSON(nil, encoded.Header.APIKey, encoded.Header.APIVersion, body))
}

// withoutSecrets is Request.loggableRequest: passwords, and the values of what
// may be one, are hidden.
func withoutSecrets(request *kmsg.AlterConfigsRequest) []byte {
	shown := *request
	shown.Resources = slices.Clone(shown.Resources)
	for i := range shown.Resources {
		resource := &shown.Resources[i]
		resource.Configs = loggable(resource.Configs, resource.ResourceType,
			func(c *kmsg.AlterConfigsRequestResourceConfig) (string, **string) { return c.Name, &c.Value })
	}
	return shown.AppendTo(nil)
}

func withoutIncrementalSecrets(request *kmsg.IncrementalAlterConfigsRequest) []byte {
	shown := *request
	shown.Resources = slices.Clone(shown.Resources)
	for i := range shown.Resources {
		resource := &shown.Resources[i]
		resource.Configs = loggable(resource.Configs, resource.ResourceType,
			func(c *kmsg.IncrementalAlterConfigsRequestResourceConfig) (string, **string) { return c.Name, &c.Value })
	}
	return shown.AppendTo(nil)
}

func loggable[C any](settings []C, resource kmsg.ConfigResourceType, parts func(*C) (name string, value **string)) []C {
	settings = slices.Clone(settings)
	for i := range settings {
		name, value := parts(&settings[i])
		*value = loggableValue(resource, name, *value)
	}
	return settings
}

// loggableValue is KafkaConfig.loggableValue.
func loggableValue(resource kmsg.ConfigResourceType, name string, value *string) *string {
	sensitive := true
	switch resource {
	case kmsg.ConfigResourceTypeBroker:
		sensitive = config.IsSensitive(name)
	case kmsg.ConfigResourceTypeTopic:
		sensitive = config.TopicDef.Row(name) == nil
	case kmsg.ConfigResourceTypeBrokerLogger:
		sensitive = false
	}
	if sensitive {
		return kmsg.StringPtr(config.HiddenPassword)
	}
	return value
}

// logCompleted writes the line of a request whose response was sent, as
// RequestConvertToJson.requestDescMetrics.
func (s *SocketServer) logCompleted(request *Request, took phases) {
	context := &request.Context
	line := append([]byte(nil), `Completed request:{"isForwarded":false,"requestHeader":`...)
	line = protocol.AppendHeaderJSON(line, context.Header)
	line = fmt.Appendf(line, `,"request":%s,"response":%s,"connection":`, request.description, request.describeResponse())
	line = jvm.AppendJSONString(line, context.ConnectionID)
	line = fmt.Appendf(line, `,"totalTimeMs":%s,"requestQueueTimeMs":%s,"localTimeMs":%s,"remoteTimeMs":%s,"throttleTimeMs":%d`,
		milliseconds(took.total), milliseconds(took.queue), milliseconds(took.local), milliseconds(took.remote), request.throttle.Milliseconds())
	line = fmt.Appendf(line, `,"responseQueueTimeMs":%s,"sendTimeMs":%s,"securityProtocol":"%s","principal":`,
		milliseconds(took.responseQueue), milliseconds(took.send), context.SecurityProtocol)
	line = jvm.AppendJSONString(line, context.Principal.String())
	line = jvm.AppendJSONString(append(line, `,"listener":`...), context.ListenerName)
	line = fmt.Appendf(line, `,"clientInformation":{"softwareName":"%s","softwareVersion":"%s"}}`, context.ClientSoftwareName, context.ClientSoftwareVersion)
	s.requestLogger.Debug(string(line))
}

// describeResponse gives the response as JSON; that of a request which gets none
// is empty.
func (r *Request) describeResponse() []byte {
	if r.response != nil {
		return orFailure(protocol.AppendResponseJSON(nil, r.response.Key(), r.response.GetVersion(), r.response.AppendTo(nil), false))
	}
	if body, ok := r.send.(interface{ WithoutRecords() []byte }); ok {
		return orFailure(protocol.AppendResponseJSON(nil, r.Context.Header.APIKey, r.Context.Header.APIVersion, body.WithoutRecords(), true))
	}
	return []byte(`""`)
}

// orFailure gives the reason when there is no JSON.
func orFailure(text []byte, err error) []byte {
	if err != nil {
		return jvm.AppendJSONString(nil, err.Error())
	}
	return text
}

// milliseconds prints a duration as a double with the digits of its microseconds.
func milliseconds(d time.Duration) string {
	return jvm.Double(float64(max(d, 0).Microseconds())/1000, 64)
}
