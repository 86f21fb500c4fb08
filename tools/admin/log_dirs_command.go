package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const logDirsBlurb = "This tool helps to query log directory usage on the specified brokers."

var logDirsOptions = command.Options{
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "The server(s) to use for bootstrapping", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "command-config", Argument: command.Required, ArgName: "Admin client property file", Doc: "A properties file for the admin client."},
	{Name: "describe", Doc: "Show the log directories of the brokers. REQUIRED."},
	{Name: "topic-list", Argument: command.Required, ArgName: "Topic list", HasDefault: true, Doc: "The topics to show, as \"topic1,topic2,topic3\"; all without it."},
	{Name: "broker-list", Argument: command.Required, ArgName: "Broker list", Doc: "The brokers to ask, as \"0,1,2\"; all without it."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

// LogDirsCommand is kafka.admin.LogDirsCommand (kafka-log-dirs.sh): the partitions
// in each log directory and their sizes, as JSON.
func LogDirsCommand(args []string, stdout, stderr io.Writer) int {
	return logDirsOptions.Run(args, logDirsBlurb, stdout, stderr, describeLogDirs)
}

func describeLogDirs(set *command.Set, stdout io.Writer) error {
	if err := set.CheckRequired("bootstrap-server", "describe"); err != nil {
		return err
	}
	admin, err := newLogDirsAdmin(set)
	if err != nil {
		return err
	}
	defer admin.Close()
	topics, err := set.Value("topic-list")
	if err != nil {
		return err
	}
	existing, err := brokerIDs(admin)
	if err != nil {
		return err
	}
	asked, unknown, err := chooseBrokers(set, existing)
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		fmt.Fprintf(stdout, "ERROR: The given brokers do not exist from --broker-list: %s. Current existent brokers: %s\n", joinIDs(unknown), joinIDs(existing))
		return nil
	}
	fmt.Fprintln(stdout, "Querying brokers for log directories information")
	brokers := []brokerLogDirs{}
	for _, id := range sortedIDs(asked) {
		described, err := logDirsOf(admin, id, nonEmpty(topics))
		if err != nil {
			return command.Executed(err)
		}
		brokers = append(brokers, described)
	}
	fmt.Fprintf(stdout, "Received log directory information from brokers %s\n", joinIDs(asked))
	return writeLogDirs(stdout, brokers)
}

func newLogDirsAdmin(set *command.Set) (*command.Admin, error) {
	properties, err := commandConfig(set)
	if err != nil {
		return nil, err
	}
	if _, ok := properties["client.id"]; !ok {
		properties["client.id"] = "log-dirs-tool"
	}
	servers, err := set.Value("bootstrap-server")
	if err != nil {
		return nil, err
	}
	return command.NewAdmin(servers, properties)
}

// nonEmpty splits a list at its commas and leaves empty words out.
func nonEmpty(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(word string) bool { return word == "" })
}

// sortedIDs is the order of a hash map of small numbers.
func sortedIDs(ids []int32) []int32 { return slices.Sorted(slices.Values(ids)) }

func idSet(ids []int32) []int32 {
	return jvm.ScalaMapOrder(ids, func(id int32) int32 { return id })
}

func brokerIDs(admin *command.Admin) ([]int32, error) {
	response, err := command.Do[*kmsg.DescribeClusterResponse](admin, kmsg.NewPtrDescribeClusterRequest())
	if err == nil {
		err = command.ErrorOf(response.ErrorCode, response.ErrorMessage)
	}
	if err != nil {
		return nil, command.Executed(err)
	}
	var ids []int32
	for _, broker := range response.Brokers {
		ids = append(ids, broker.NodeID)
	}
	return idSet(ids), nil
}

func chooseBrokers(set *command.Set, existing []int32) (asked, unknown []int32, err error) {
	list, err := set.Value("broker-list")
	if err != nil || !set.Has("broker-list") {
		return existing, nil, err
	}
	for _, word := range nonEmpty(list) {
		id, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, nil, command.Throw("java.lang.NumberFormatException", "For input string: \"%s\"", word)
		}
		switch {
		case slices.Contains(asked, int32(id)) || slices.Contains(unknown, int32(id)):
		case slices.Contains(existing, int32(id)):
			asked = append(asked, int32(id))
		default:
			unknown = append(unknown, int32(id))
		}
	}
	return idSet(asked), idSet(unknown), nil
}

// The shape of the JSON that the tool prints.
type (
	logDirsJSON struct {
		Version int             `json:"version"`
		Brokers []brokerLogDirs `json:"brokers"`
	}
	brokerLogDirs struct {
		Broker  int32    `json:"broker"`
		LogDirs []logDir `json:"logDirs"`
	}
	logDir struct {
		LogDir     string       `json:"logDir"`
		Error      *string      `json:"error"`
		Partitions []replicaLog `json:"partitions"`
	}
	replicaLog struct {
		Partition string `json:"partition"`
		Size      int64  `json:"size"`
		OffsetLag int64  `json:"offsetLag"`
		IsFuture  bool   `json:"isFuture"`
	}
)

func writeLogDirs(out io.Writer, brokers []brokerLogDirs) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(logDirsJSON{1, brokers}); err != nil {
		return err
	}
	_, err := text.WriteTo(out)
	return err
}

func logDirsOf(admin *command.Admin, broker int32, topics []string) (brokerLogDirs, error) {
	described := brokerLogDirs{broker, []logDir{}}
	request := kmsg.NewPtrDescribeLogDirsRequest()
	request.Topics = nil
	response, err := command.DoAt[*kmsg.DescribeLogDirsResponse](admin, broker, request)
	if err != nil {
		return described, err
	}
	if len(response.Dirs) == 0 {
		return described, command.ErrorOf(kerr.ClusterAuthorizationFailed.Code, nil)
	}
	directories := jvm.SizedMapOrder(len(response.Dirs), response.Dirs, func(directory kmsg.DescribeLogDirsResponseDir) int32 {
		return jvm.StringHash(directory.Dir)
	})
	for _, directory := range directories {
		row := logDir{LogDir: directory.Dir, Partitions: replicaLogs(directory, topics)}
		if known := kerr.TypedErrorForCode(directory.ErrorCode); known != nil {
			name := (&command.ServerError{Code: known}).ExceptionName()
			row.Error = &name
		}
		described.LogDirs = append(described.LogDirs, row)
	}
	return described, nil
}

// replicaLogs are the partitions of a directory, those of the topics when there
// are any.
func replicaLogs(directory kmsg.DescribeLogDirsResponseDir, topics []string) []replicaLog {
	type entry struct {
		partition topic.Partition
		row       kmsg.DescribeLogDirsResponseDirTopicPartition
	}
	var entries []entry
	for _, held := range directory.Topics {
		if len(topics) > 0 && !slices.Contains(topics, held.Topic) {
			continue
		}
		for _, row := range held.Partitions {
			entries = append(entries, entry{topic.Partition{Topic: held.Topic, Partition: row.Partition}, row})
		}
	}
	hash := func(e entry) int32 { return command.PartitionHash(e.partition) }
	rows := []replicaLog{}
	for _, e := range jvm.ScalaMutableMapOrder(jvm.MapOrder(entries, hash), hash) {
		rows = append(rows, replicaLog{e.partition.String(), e.row.Size, e.row.OffsetLag, e.row.IsFuture})
	}
	return rows
}
