package admin

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tools/command"
)

const apiVersionsBlurb = "This tool helps to retrieve broker version information."

var apiVersionsOptions = command.Options{
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server(s) to use for bootstrapping", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "command-config", Argument: command.Required, ArgName: "command config property file", Doc: "A properties file for the admin client."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

// knownAPI is a request that Kafka 3.1.0 has: its name, its latest version, and
// whether a broker that runs on ZooKeeper serves it.
type knownAPI struct {
	name     string
	latest   int16
	zkBroker bool
}

// knownAPIs are those of org.apache.kafka.common.protocol.ApiKeys. All begin with
// version 0.
var knownAPIs = map[int16]knownAPI{
	0: {"Produce", 9, true}, 1: {"Fetch", 13, true}, 2: {"ListOffsets", 7, true}, 3: {"Metadata", 12, true},
	4: {"LeaderAndIsr", 5, true}, 5: {"StopReplica", 3, true}, 6: {"UpdateMetadata", 7, true}, 7: {"ControlledShutdown", 3, true},
	8: {"OffsetCommit", 8, true}, 9: {"OffsetFetch", 8, true}, 10: {"FindCoordinator", 4, true}, 11: {"JoinGroup", 7, true},
	12: {"Heartbeat", 4, true}, 13: {"LeaveGroup", 4, true}, 14: {"SyncGroup", 5, true}, 15: {"DescribeGroups", 5, true},
	16: {"ListGroups", 4, true}, 17: {"SaslHandshake", 1, true}, 18: {"ApiVersions", 3, true}, 19: {"CreateTopics", 7, true},
	20: {"DeleteTopics", 6, true}, 21: {"DeleteRecords", 2, true}, 22: {"InitProducerId", 4, true},
	23: {"OffsetForLeaderEpoch", 4, true}, 24: {"AddPartitionsToTxn", 3, true}, 25: {"AddOffsetsToTxn", 3, true},
	26: {"EndTxn", 3, true}, 27: {"WriteTxnMarkers", 1, true}, 28: {"TxnOffsetCommit", 3, true}, 29: {"DescribeAcls", 2, true},
	30: {"CreateAcls", 2, true}, 31: {"DeleteAcls", 2, true}, 32: {"DescribeConfigs", 4, true}, 33: {"AlterConfigs", 2, true},
	34: {"AlterReplicaLogDirs", 2, true}, 35: {"DescribeLogDirs", 2, true}, 36: {"SaslAuthenticate", 2, true},
	37: {"CreatePartitions", 3, true}, 38: {"CreateDelegationToken", 2, true}, 39: {"RenewDelegationToken", 2, true},
	40: {"ExpireDelegationToken", 2, true}, 41: {"DescribeDelegationToken", 2, true}, 42: {"DeleteGroups", 2, true},
	43: {"ElectLeaders", 2, true}, 44: {"IncrementalAlterConfigs", 1, true}, 45: {"AlterPartitionReassignments", 0, true},
	46: {"ListPartitionReassignments", 0, true}, 47: {"OffsetDelete", 0, true}, 48: {"DescribeClientQuotas", 1, true},
	49: {"AlterClientQuotas", 1, true}, 50: {"DescribeUserScramCredentials", 0, true}, 51: {"AlterUserScramCredentials", 0, true},
	52: {"Vote", 0, false}, 53: {"BeginQuorumEpoch", 0, false}, 54: {"EndQuorumEpoch", 0, false}, 55: {"DescribeQuorum", 0, false},
	56: {"AlterIsr", 0, true}, 57: {"UpdateFeatures", 0, true}, 58: {"Envelope", 0, false}, 59: {"FetchSnapshot", 0, false},
	60: {"DescribeCluster", 0, true}, 61: {"DescribeProducers", 0, true}, 62: {"BrokerRegistration", 0, false},
	63: {"BrokerHeartbeat", 0, false}, 64: {"UnregisterBroker", 0, false}, 65: {"DescribeTransactions", 0, true},
	66: {"ListTransactions", 0, true}, 67: {"AllocateProducerIds", 0, true},
}

// BrokerAPIVersionsCommand is kafka.admin.BrokerApiVersionsCommand
// (kafka-broker-api-versions.sh): which requests each broker takes.
func BrokerAPIVersionsCommand(args []string, stdout, stderr io.Writer) int {
	return apiVersionsOptions.Run(args, apiVersionsBlurb, stdout, stderr, printAPIVersions)
}

func printAPIVersions(set *command.Set, stdout io.Writer) error {
	if err := set.CheckRequired("bootstrap-server"); err != nil {
		return err
	}
	properties, err := commandConfig(set)
	if err != nil {
		return err
	}
	servers, err := set.Value("bootstrap-server")
	if err != nil {
		return err
	}
	client, brokers, err := findBrokers(servers, properties)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, broker := range brokers {
		fmt.Fprintf(stdout, "%s -> %s\n", brokerText(broker), apiVersionsOf(client, broker.NodeID))
	}
	return nil
}

// commandConfig reads the file of --command-config.
func commandConfig(set *command.Set) (map[string]string, error) {
	path, err := set.Value("command-config")
	if err != nil {
		return nil, err
	}
	return command.LoadProperties(path)
}

func brokerText(broker kmsg.MetadataResponseBroker) string {
	rack := "null"
	if broker.Rack != nil {
		rack = *broker.Rack
	}
	return fmt.Sprintf("%s:%d (id: %d rack: %s)", broker.Host, broker.Port, broker.NodeID, rack)
}

// apiVersionsTimeout is request.timeout.ms of this tool.
const apiVersionsTimeout = 5 * time.Second

// findBrokers asks the servers one after the other for the brokers there are and
// keeps the client of the first that answered.
func findBrokers(servers string, properties map[string]string) (*kgo.Client, []kmsg.MetadataResponseBroker, error) {
	var tried []string
	if properties["request.timeout.ms"] == "" {
		properties["request.timeout.ms"] = fmt.Sprint(apiVersionsTimeout.Milliseconds())
	}
	for i, server := range strings.Split(servers, ",") {
		properties["bootstrap.servers"] = strings.TrimSpace(server)
		client, err := command.NewClient(command.AdminClient, properties, kgo.RequestRetries(0))
		if err != nil {
			return nil, nil, err
		}
		brokers, err := awaitBrokers(client)
		if err == nil {
			return client, brokers, nil
		}
		client.Close()
		tried = append(tried, fmt.Sprintf("%s (id: %d rack: null)", properties["bootstrap.servers"], -1-i))
	}
	return nil, nil, command.Throw("java.lang.RuntimeException", "Request METADATA failed on brokers List(%s)", strings.Join(tried, ", "))
}

func awaitBrokers(client *kgo.Client) ([]kmsg.MetadataResponseBroker, error) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), apiVersionsTimeout)
		response, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		cancel()
		if err != nil {
			return nil, err
		}
		if brokers := response.Brokers; len(brokers) > 0 {
			slices.SortFunc(brokers, func(a, b kmsg.MetadataResponseBroker) int { return int(a.NodeID) - int(b.NodeID) })
			return brokers, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func apiVersionsOf(client *kgo.Client, broker int32) string {
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "gregor-tools", command.Version
	ctx, cancel := context.WithTimeout(context.Background(), apiVersionsTimeout)
	defer cancel()
	response, err := client.Broker(int(broker)).Request(ctx, request)
	if err != nil {
		return "ERROR: org.apache.kafka.common.errors.DisconnectException"
	}
	versions := response.(*kmsg.ApiVersionsResponse)
	if err := command.ErrorOf(versions.ErrorCode, nil); err != nil {
		return "ERROR: " + command.ExceptionText(err)
	}
	return apiVersionsText(versions.ApiKeys)
}

// apiVersionsText is NodeApiVersions.toString with line breaks.
func apiVersionsText(supported []kmsg.ApiVersionsResponseApiKey) string {
	texts := map[int16]string{}
	for _, api := range supported {
		texts[api.ApiKey] = apiVersionText(api)
	}
	for key, api := range knownAPIs {
		if _, ok := texts[key]; !ok && api.zkBroker {
			texts[key] = fmt.Sprintf("%s(%d): UNSUPPORTED", api.name, key)
		}
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		lines = append(lines, texts[key])
	}
	return "(\n\t" + strings.Join(lines, ",\n\t") + "\n)"
}

func apiVersionText(api kmsg.ApiVersionsResponseApiKey) string {
	known, ok := knownAPIs[api.ApiKey]
	if !ok {
		known.name = "UNKNOWN"
	}
	text := fmt.Sprintf("%s(%d): %d", known.name, api.ApiKey, api.MinVersion)
	if api.MaxVersion != api.MinVersion {
		text += fmt.Sprintf(" to %d", api.MaxVersion)
	}
	switch {
	case !ok:
		return text
	case known.latest < api.MinVersion:
		return text + " [unusable: node too new]"
	case api.MaxVersion < 0:
		return text + " [unusable: node too old]"
	}
	return text + fmt.Sprintf(" [usable: %d]", min(known.latest, api.MaxVersion))
}
