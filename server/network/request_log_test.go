package network

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/server/metrics"
)

// requestsLogged serves the requests and gives the lines of the request log,
// without their numbers.
func requestsLogged(t *testing.T, level logrus.Level, handler HandlerFunc, requests ...kmsg.Request) []string {
	t.Helper()
	server := prepare(t, metrics.NewRegistry())
	logger, hook := logtest.NewNullLogger()
	logger.SetLevel(level)
	server.requestLogger = logrus.NewEntry(logger)
	server.StartProcessingRequests(handler)
	client := dial(t, server)
	for i, request := range requests {
		client.request(int32(i), request)
		if produce, ok := request.(*kmsg.ProduceRequest); !ok || produce.Acks != 0 {
			client.expectCorrelation(int32(i))
		}
	}
	client.Close()
	server.Close()
	var lines []string
	for _, entry := range hook.AllEntries() {
		numbers := regexp.MustCompile(`(Ms":)\d+\.\d+(E-?\d+)?|127.0.0.1:\d+`)
		lines = append(lines, numbers.ReplaceAllString(entry.Message, "${1}0"))
	}
	return lines
}

// TestCompletedRequestsAreLogged compares lines with those of Kafka 3.1.0.
func TestCompletedRequestsAreLogged(t *testing.T) {
	configs := kmsg.NewPtrAlterConfigsRequest()
	configs.SetVersion(2)
	resource := kmsg.NewAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeBroker, "0"
	for _, name := range []string{"ssl.key.password", "log.retention.ms", "unknown"} {
		setting := kmsg.NewAlterConfigsRequestResourceConfig()
		setting.Name, setting.Value = name, kmsg.StringPtr("5")
		resource.Configs = append(resource.Configs, setting)
	}
	configs.Resources = append(configs.Resources, resource)
	unsupported := apiVersions()
	unsupported.SetVersion(99)
	handler := func(request *Request) {
		if body, ok := request.Body.(*kmsg.ProduceRequest); ok && body.Acks == 0 {
			request.NoResponse()
			return
		}
		response := request.Body.ResponseKind()
		if configs, ok := response.(*kmsg.AlterConfigsResponse); ok {
			configs.Resources = []kmsg.AlterConfigsResponseResource{{ResourceType: kmsg.ConfigResourceTypeBroker, ResourceName: "0"}}
		}
		request.Respond(response)
	}
	lines := requestsLogged(t, logrus.DebugLevel, handler, apiVersions(), unsupported, produce(0), configs)
	const rest = `,"connection":"0-0-0","totalTimeMs":0,"requestQueueTimeMs":0,"localTimeMs":0,"remoteTimeMs":0,"throttleTimeMs":0,` +
		`"responseQueueTimeMs":0,"sendTimeMs":0,"securityProtocol":"PLAINTEXT","principal":"User:ANONYMOUS","listener":"PLAINTEXT",` +
		`"clientInformation":{"softwareName":"gregor-test","softwareVersion":"1.0"}}`
	for i, want := range []string{
		`{"requestApiKey":18,"requestApiVersion":3,"correlationId":0,"clientId":"test","requestApiKeyName":"API_VERSIONS"},` +
			`"request":{"clientSoftwareName":"gregor-test","clientSoftwareVersion":"1.0"},"response":{"errorCode":0,"apiKeys":[],"throttleTimeMs":0}`,
		`{"requestApiKey":18,"requestApiVersion":99,"correlationId":1,"clientId":"test","requestApiKeyName":"API_VERSIONS"},` +
			`"request":{},"response":{"errorCode":35,"apiKeys":[{"apiKey":18,"minVersion":0,"maxVersion":3}]}`,
		`{"requestApiKey":0,"requestApiVersion":9,"correlationId":2,"clientId":"test","requestApiKeyName":"PRODUCE"},"request":{"transactionalId":null,` +
			`"acks":0,"timeoutMs":15000,"topicData":[{"name":"events","partitionData":[{"index":0,"recordsSizeInBytes":7}]}]},"response":""`,
		`{"requestApiKey":33,"requestApiVersion":2,"correlationId":3,"clientId":"test","requestApiKeyName":"ALTER_CONFIGS"},"request":{"resources":[` +
			`{"resourceType":4,"resourceName":"0","configs":[{"name":"ssl.key.password","value":"[hidden]"},{"name":"log.retention.ms","value":"5"},` +
			`{"name":"unknown","value":"[hidden]"}]}],"validateOnly":false},` +
			`"response":{"throttleTimeMs":0,"responses":[{"errorCode":0,"errorMessage":null,"resourceType":4,"resourceName":"0"}]}`,
	} {
		want = `Completed request:{"isForwarded":false,"requestHeader":` + want + rest
		if i >= len(lines) {
			t.Fatalf("%d lines", len(lines))
		}
		if lines[i] != want {
			t.Errorf("%s, want\n%s", lines[i], want)
		}
	}
}

func TestRequestsAreNotDescribedBelowDebug(t *testing.T) {
	handler := func(request *Request) {
		if request.description != nil {
			t.Error("a request is described that is not logged")
		}
		respond(request)
	}
	if lines := requestsLogged(t, logrus.InfoLevel, handler, apiVersions()); len(lines) > 0 {
		t.Errorf("logged: %q", lines)
	}
}

// TestRequestLogIsTurnedOnWhileRunning: kafka-configs --entity-type
// broker-loggers raises the level of the shipped configuration.
func TestRequestLogIsTurnedOnWhileRunning(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("KAFKA_LOG4J_OPTS", "-Dlog4j.configuration=file:../../config/log4j.properties -Dkafka.logs.dir="+directory)
	logging.ConfigureFromEnvironment()
	t.Cleanup(func() { logging.Close() })
	client := dial(t, start(t, HandlerFunc(respond)))
	logged := func() string {
		text, _ := os.ReadFile(filepath.Join(directory, "kafka-request.log"))
		return string(text)
	}
	client.request(1, apiVersions())
	client.expectCorrelation(1)
	if text := logged(); text != "" {
		t.Fatalf("logged on WARN: %s", text)
	}
	logging.SetLevel("kafka.request.logger", "DEBUG")
	client.request(2, apiVersions())
	client.expectCorrelation(2)
	eventually(t, "the request is logged", func() bool {
		return strings.Contains(logged(), `DEBUG Completed request:{"isForwarded":false,"requestHeader":{"requestApiKey":18,"requestApiVersion":3,"correlationId":2,`)
	})
}
