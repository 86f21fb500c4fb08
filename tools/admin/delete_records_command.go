package admin

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const deleteRecordsBlurb = "This tool helps to delete records of the given partitions down to the specified offset."

var deleteRecordsOptions = command.Options{
	{Name: "bootstrap-server", Argument: command.Required, ArgName: "server(s) to use for bootstrapping", Doc: "REQUIRED: the brokers to begin with."},
	{Name: "offset-json-file", Argument: command.Required, ArgName: "Offset json file path", Doc: "REQUIRED: a JSON file that says up to which offset each partition is emptied, such as:\n{\"partitions\":\n  [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}],\n \"version\":1\n}"},
	{Name: "command-config", Argument: command.Required, ArgName: "command config property file path", Doc: "A properties file for the admin client."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Display Kafka version."},
}

// DeleteRecordsCommand is kafka.admin.DeleteRecordsCommand
// (kafka-delete-records.sh): it deletes records from the beginning of partitions.
func DeleteRecordsCommand(args []string, stdout, stderr io.Writer) int {
	return deleteRecordsOptions.Run(args, deleteRecordsBlurb, stdout, stderr, deleteRecords)
}

func deleteRecords(set *command.Set, stdout io.Writer) error {
	if err := set.CheckRequired("bootstrap-server", "offset-json-file"); err != nil {
		return err
	}
	admin, err := newAdmin(set)
	if err != nil {
		return err
	}
	defer admin.Close()
	path, err := set.Value("offset-json-file")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return command.Throw("java.io.IOException", "Unable to read file %s", path)
	}
	wanted, err := parseOffsets(text)
	if err != nil {
		return err
	}
	offsets, err := withoutDuplicates(wanted)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "Executing records delete operation")
	results := deleteBefore(admin, offsets)
	fmt.Fprintln(stdout, "Records delete operation completed:")
	for _, result := range results {
		if result.err != nil {
			fmt.Fprintf(stdout, "partition: %s\terror: %s\n", result.partition, command.Executed(result.err))
		} else {
			fmt.Fprintf(stdout, "partition: %s\tlow_watermark: %d\n", result.partition, result.lowWatermark)
		}
	}
	return nil
}

// newAdmin connects with --bootstrap-server and --command-config.
func newAdmin(set *command.Set) (*command.Admin, error) {
	properties, err := commandConfig(set)
	if err != nil {
		return nil, err
	}
	servers, err := set.Value("bootstrap-server")
	if err != nil {
		return nil, err
	}
	return command.NewAdmin(servers, properties)
}

type partitionOffset struct {
	partition topic.Partition
	offset    int64
}

// withoutDuplicates gives the rows in the order of the Java client's map of results,
// a copy of the one it makes for the request.
func withoutDuplicates(wanted []partitionOffset) ([]partitionOffset, error) {
	seen := map[topic.Partition]int{}
	var duplicates []string
	for _, row := range wanted {
		seen[row.partition]++
		if seen[row.partition] == 2 {
			duplicates = append(duplicates, row.partition.String())
		}
	}
	if len(duplicates) > 0 {
		return nil, command.Throw("kafka.common.AdminCommandFailedException", "Offset json file contains duplicate topic partitions: %s", strings.Join(duplicates, ","))
	}
	hash := func(row partitionOffset) int32 { return command.PartitionHash(row.partition) }
	futures := jvm.SizedMapOrder(len(wanted), jvm.ScalaMapOrder(wanted, hash), hash)
	return jvm.SizedMapOrder(int(float32(len(wanted))/.75+1), futures, hash), nil
}

type deletion struct {
	partition    topic.Partition
	lowWatermark int64
	err          error
}

// deletions collects the answers for each partition.
type deletions struct {
	results []deletion
	at      map[topic.Partition]int
}

func (d *deletions) set(partition topic.Partition, lowWatermark int64, err error) {
	if i, ok := d.at[partition]; ok {
		d.results[i].lowWatermark, d.results[i].err = lowWatermark, err
	}
}

// deleteBefore asks the leaders to delete; the results come in the order of the
// rows.
func deleteBefore(admin *command.Admin, rows []partitionOffset) []deletion {
	d := &deletions{make([]deletion, len(rows)), map[topic.Partition]int{}}
	var names []string
	for i, row := range rows {
		d.results[i].partition = row.partition
		d.at[row.partition] = i
		if !slices.Contains(names, row.partition.Topic) {
			names = append(names, row.partition.Topic)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	leaders, err := leadersFor(admin, names)
	requests := map[int32]*kmsg.DeleteRecordsRequest{}
	for _, row := range rows {
		broker, reason := leaders.of(row.partition)
		if err != nil {
			reason = err
		}
		if reason != nil {
			d.set(row.partition, 0, reason)
			continue
		}
		addDeletion(requests, broker, row)
	}
	for broker, request := range requests {
		d.send(admin, broker, request)
	}
	return d.results
}

func (d *deletions) send(admin *command.Admin, broker int32, request *kmsg.DeleteRecordsRequest) {
	request.TimeoutMillis = int32(admin.Timeout().Milliseconds())
	response, err := command.DoAt[*kmsg.DeleteRecordsResponse](admin, broker, request)
	if err != nil {
		for _, rows := range request.Topics {
			for _, row := range rows.Partitions {
				d.set(topic.Partition{Topic: rows.Topic, Partition: row.Partition}, 0, err)
			}
		}
		return
	}
	for _, answered := range response.Topics {
		for _, row := range answered.Partitions {
			d.set(topic.Partition{Topic: answered.Topic, Partition: row.Partition}, row.LowWatermark, command.ErrorOf(row.ErrorCode, nil))
		}
	}
}

func addDeletion(requests map[int32]*kmsg.DeleteRecordsRequest, broker int32, row partitionOffset) {
	request := requests[broker]
	if request == nil {
		request = kmsg.NewPtrDeleteRecordsRequest()
		requests[broker] = request
	}
	wanted := kmsg.NewDeleteRecordsRequestTopicPartition()
	wanted.Partition, wanted.Offset = row.partition.Partition, row.offset
	for i := range request.Topics {
		if request.Topics[i].Topic == row.partition.Topic {
			request.Topics[i].Partitions = append(request.Topics[i].Partitions, wanted)
			return
		}
	}
	rows := kmsg.NewDeleteRecordsRequestTopic()
	rows.Topic, rows.Partitions = row.partition.Topic, []kmsg.DeleteRecordsRequestTopicPartition{wanted}
	request.Topics = append(request.Topics, rows)
}

// partitionLeaders are the brokers that lead partitions, and the topics for which
// there is an error instead.
type partitionLeaders struct {
	brokers map[topic.Partition]int32
	errors  map[string]error
}

func (l *partitionLeaders) of(partition topic.Partition) (int32, error) {
	if l == nil {
		return -1, nil
	}
	if err := l.errors[partition.Topic]; err != nil {
		return -1, err
	}
	if broker, ok := l.brokers[partition]; ok && broker >= 0 {
		return broker, nil
	}
	return -1, command.ErrorOf(kerr.LeaderNotAvailable.Code, nil)
}

func leadersFor(admin *command.Admin, names []string) (*partitionLeaders, error) {
	metadata, err := admin.Calling("deleteRecords").Topics(names)
	if err != nil {
		return nil, err
	}
	leaders := &partitionLeaders{map[topic.Partition]int32{}, map[string]error{}}
	for _, found := range metadata.Topics {
		leaders.errors[*found.Topic] = command.ErrorOf(found.ErrorCode, nil)
		for _, row := range found.Partitions {
			leaders.brokers[topic.Partition{Topic: *found.Topic, Partition: row.Partition}] = row.Leader
		}
	}
	return leaders, nil
}
