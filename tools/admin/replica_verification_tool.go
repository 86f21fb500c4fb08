package admin

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

const (
	replicaVerificationBlurb  = "Validate that all replicas for a set of topics have the same data."
	replicaVerificationLogger = "kafka.tools.ReplicaVerificationTool$"
)

var replicaVerificationOptions = command.Options{
	{Name: "broker-list", Argument: command.Required, ArgName: "hostname:port,...,hostname:port", Doc: "REQUIRED: the brokers to begin with, each with its port."},
	{Name: "fetch-size", Argument: command.Required, Type: command.Integer, ArgName: "bytes", Default: "1048576", HasDefault: true, Doc: "How much is fetched of a partition at a time."},
	{Name: "max-wait-ms", Argument: command.Required, Type: command.Integer, ArgName: "ms", Default: "1000", HasDefault: true, Doc: "How long a broker may wait for records."},
	{Name: "topic-white-list", Argument: command.Required, ArgName: "Java regex (String)", Default: ".*", HasDefault: true, Doc: "DEPRECATED, use --topics-include instead, which wins when both are given: the topics whose replicas are compared."},
	{Name: "topics-include", Argument: command.Required, ArgName: "Java regex (String)", Default: ".*", HasDefault: true, Doc: "The topics whose replicas are compared."},
	{Name: "time", Argument: command.Required, Type: command.Long, ArgName: "timestamp/-1(latest)/-2(earliest)", Default: "-1", HasDefault: true, Doc: "The time whose offsets are the first to be compared."},
	{Name: "report-interval-ms", Argument: command.Required, Type: command.Long, ArgName: "ms", Default: "30000", HasDefault: true, Doc: "How often to report."},
	{Name: "help", Help: true, Doc: "Print usage information."},
	{Name: "version", Help: true, Doc: "Print version information and exit."},
}

// ReplicaVerificationTool is kafka.tools.ReplicaVerificationTool
// (kafka-replica-verification.sh): it fetches partitions from all their replicas,
// compares what they have up to the high watermark, and reports how far behind the
// comparison is, until it is ended.
func ReplicaVerificationTool(args []string, stdout, stderr io.Writer) int {
	set, err := replicaVerificationOptions.Parse(args)
	if err != nil {
		return command.DieOfParse(err, stderr)
	}
	if code, done := replicaVerificationOptions.HelpOrVersion(set, args, replicaVerificationBlurb, stdout, stderr); done {
		return code
	}
	code, err := verifyReplicas(set, stdout)
	if err != nil {
		return replicaVerificationOptions.End(err, stderr)
	}
	return code
}

// verificationSettings are the options of a command line.
type verificationSettings struct {
	servers            string
	topics             func(string) bool
	fetchSize, maxWait int32
	initialTime        int64
	reportInterval     time.Duration
}

func readVerificationSettings(set *command.Set) (v verificationSettings, err error) {
	if err := set.CheckRequired("broker-list"); err != nil {
		return v, err
	}
	option := "topics-include"
	if !set.Has(option) {
		option = "topic-white-list"
	}
	pattern, err := set.Value(option)
	if err != nil {
		return v, err
	}
	if v.topics, err = includeList(pattern, true); err != nil {
		return v, err
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return v, command.Throw("java.lang.RuntimeException", "%s is an invalid regex.", pattern)
	}
	var numbers [4]int64
	for i, name := range []string{"fetch-size", "max-wait-ms", "time", "report-interval-ms"} {
		if numbers[i], err = set.Int(name); err != nil {
			return v, err
		}
	}
	v.fetchSize, v.maxWait, v.initialTime = int32(numbers[0]), int32(numbers[1]), numbers[2]
	v.reportInterval = time.Duration(numbers[3]) * time.Millisecond
	if v.servers, err = set.Value("broker-list"); err != nil {
		return v, err
	}
	return v, command.CheckHostPorts(v.servers)
}

func verifyReplicas(set *command.Set, stdout io.Writer) (code int, err error) {
	settings, err := readVerificationSettings(set)
	if err != nil {
		return 1, err
	}
	admin, err := command.NewAdmin(settings.servers, map[string]string{"client.id": "replicaVerificationTool"})
	if err != nil {
		return 1, err
	}
	defer admin.Close()
	metadata, err := admin.Topics(nil)
	if err != nil {
		return 1, command.Executed(err)
	}
	partitions := replicasToCompare(metadata, settings.topics)
	if len(partitions) == 0 {
		logging.For(replicaVerificationLogger).Error("No topics found. [topics-include] if specified, is either filtering out all topics or there is no topic.")
		return 1, nil
	}
	for _, partition := range partitions {
		for _, id := range partition.replicas {
			if !slices.ContainsFunc(metadata.Brokers, func(live kmsg.MetadataResponseBroker) bool { return live.NodeID == id }) {
				return 1, command.Throw("java.util.NoSuchElementException", "key not found: %d", id)
			}
		}
	}
	if err := findFirstOffsets(admin, partitions, settings.initialTime); err != nil {
		return 1, err
	}
	v := newReplicaVerifier(admin, partitions, settings, stdout)
	v.println("verification process is started.")
	return v.run(context.Background()), nil
}

// comparedPartition is a partition whose replicas are compared.
type comparedPartition struct {
	topic.Partition
	topicID  [16]byte
	replicas []int32
	// offset is the first that is not compared yet.
	offset int64
}

func replicasToCompare(metadata *kmsg.MetadataResponse, wanted func(string) bool) []*comparedPartition {
	var partitions []*comparedPartition
	for _, found := range metadata.Topics {
		if !wanted(*found.Topic) {
			continue
		}
		for _, row := range found.Partitions {
			partitions = append(partitions, &comparedPartition{
				Partition: topic.Partition{Topic: *found.Topic, Partition: row.Partition},
				topicID:   found.TopicID, replicas: slices.Sorted(slices.Values(row.Replicas)),
			})
		}
	}
	return partitions
}

// findFirstOffsets asks for the offsets to begin with; a partition without a record
// that young begins at its end.
func findFirstOffsets(admin *command.Admin, partitions []*comparedPartition, timestamp int64) error {
	service := &groupService{admin: admin}
	wanted := make([]topic.Partition, len(partitions))
	for i, partition := range partitions {
		wanted[i] = partition.Partition
	}
	for _, asked := range []int64{timestamp, latestTimestamp} {
		offsets, err := service.logOffsets(wanted, asked)
		if err != nil {
			return err
		}
		wanted = nil
		for _, partition := range partitions {
			if offset, ok := offsets[partition.Partition]; ok && offset >= 0 {
				partition.offset = offset
			} else if ok {
				wanted = append(wanted, partition.Partition)
			}
		}
		if len(wanted) == 0 {
			return nil
		}
	}
	return nil
}

// println prints a line with the time.
func (v *replicaVerifier) println(format string, args ...any) {
	fmt.Fprintf(v.stdout, "%s: %s\n", time.Now().Format("2006-01-02 15:04:05,000"), fmt.Sprintf(format, args...))
}
