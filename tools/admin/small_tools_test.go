package admin

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

func readGolden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The file is what BrokerApiVersionsCommand printed of a broker of Kafka 3.1.0.
func TestAPIVersionsText(t *testing.T) {
	var supported []kmsg.ApiVersionsResponseApiKey
	for key, api := range knownAPIs {
		if api.zkBroker {
			supported = append(supported, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: api.latest})
		}
	}
	broker := kmsg.MetadataResponseBroker{NodeID: 0, Host: "127.0.0.1", Port: 9092}
	got := brokerText(broker) + " -> " + apiVersionsText(supported) + "\n"
	if diff := cmp.Diff(readGolden(t, "api_versions.txt"), got); diff != "" {
		t.Error(diff)
	}
}

func TestAPIVersionsOfOtherReleases(t *testing.T) {
	text := apiVersionsText([]kmsg.ApiVersionsResponseApiKey{
		{ApiKey: 0, MinVersion: 3, MaxVersion: 11}, {ApiKey: 1, MinVersion: 14, MaxVersion: 17}, {ApiKey: 2, MaxVersion: 5},
		{ApiKey: 68, MaxVersion: 1}, {ApiKey: 52, MaxVersion: 0}, {ApiKey: 3, MinVersion: -3, MaxVersion: -1},
	})
	for _, want := range []string{
		"\tProduce(0): 3 to 11 [usable: 9],\n", "\tFetch(1): 14 to 17 [unusable: node too new],\n", "\tListOffsets(2): 0 to 5 [usable: 5],\n",
		"\tMetadata(3): -3 to -1 [unusable: node too old],\n", "\tVote(52): 0 [usable: 0],\n", "\tUNKNOWN(68): 0 to 1\n)", "\tListTransactions(66): UNSUPPORTED,\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if strings.Contains(text, "Envelope") {
		t.Error("a broker on ZooKeeper is expected to serve Envelope")
	}
}

// The file is what LogDirsCommand printed of a broker; the partitions are given
// here in the order of their names.
func TestLogDirsJSON(t *testing.T) {
	var want logDirsJSON
	if err := json.Unmarshal([]byte(readGolden(t, "log_dirs.json")), &want); err != nil {
		t.Fatal(err)
	}
	directory := kmsg.DescribeLogDirsResponseDir{Dir: want.Brokers[0].LogDirs[0].LogDir}
	rows := map[string]*kmsg.DescribeLogDirsResponseDirTopic{}
	for _, row := range want.Brokers[0].LogDirs[0].Partitions {
		name, number, _ := strings.Cut(row.Partition, "-")
		if rows[name] == nil {
			rows[name] = &kmsg.DescribeLogDirsResponseDirTopic{Topic: name}
		}
		rows[name].Partitions = append(rows[name].Partitions, kmsg.DescribeLogDirsResponseDirTopicPartition{Partition: int32(number[0] - '0'), Size: row.Size})
	}
	for _, name := range []string{"__consumer_offsets", "__transaction_state", "bar", "c3", "e2e", "foo"} {
		directory.Topics = append(directory.Topics, *rows[name])
	}
	for _, test := range []struct {
		topics []string
		want   string
	}{
		{nil, readGolden(t, "log_dirs.json")},
		{[]string{"foo", "nope"}, `{"version":1,"brokers":[{"broker":0,"logDirs":[{"logDir":"/tmp/kafka-logs","error":null,"partitions":[{"partition":"foo-2","size":480,"offsetLag":0,"isFuture":false},{"partition":"foo-0","size":170,"offsetLag":0,"isFuture":false},{"partition":"foo-1","size":0,"offsetLag":0,"isFuture":false}]}]}]}` + "\n"},
		{[]string{"nope"}, `{"version":1,"brokers":[{"broker":0,"logDirs":[{"logDir":"/tmp/kafka-logs","error":null,"partitions":[]}]}]}` + "\n"},
	} {
		var out bytes.Buffer
		row := logDir{LogDir: directory.Dir, Partitions: replicaLogs(directory, test.topics)}
		if err := writeLogDirs(&out, []brokerLogDirs{{0, []logDir{row}}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, out.String()); diff != "" {
			t.Errorf("%v: %s", test.topics, diff)
		}
	}
}

func TestLogDirsBrokers(t *testing.T) {
	for _, test := range []struct {
		list, asked, unknown, failure string
	}{
		{"", "0,1,2", "", ""}, {"--broker-list=0", "0", "", ""}, {"--broker-list=7,0,8,7,,0", "0", "7,8", ""},
		{"--broker-list=x", "", "", `For input string: "x"`},
	} {
		set, err := logDirsOptions.Parse(strings.Fields(test.list))
		if err != nil {
			t.Fatal(err)
		}
		asked, unknown, err := chooseBrokers(set, []int32{0, 1, 2})
		failure := ""
		if err != nil {
			failure = err.Error()
		}
		if joinIDs(asked) != test.asked || joinIDs(unknown) != test.unknown || failure != test.failure {
			t.Errorf("%s: %v, %v, %v", test.list, asked, unknown, err)
		}
	}
}

// The errors were printed by DeleteRecordsCommand.
func TestParseOffsets(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`{"partitions":[{"topic":"foo","partition":0,"offset":0},{"topic":"foo","partition":1,"offset":-1}],"version":1} x`, ""},
		{`{"partitions":[]}`, ""},
		{`{"partitions":[{"topic":"foo","partition":0,"offset":0},{"topic":"foo","partition":0,"offset":1}]}`, "kafka.common.AdminCommandFailedException: Offset json file contains duplicate topic partitions: foo-0"},
		{`{"partitions":[],"version":2}`, "kafka.admin.AdminOperationException: Not supported version field value 2"},
		{`{"version":1}`, "kafka.admin.AdminOperationException: Missing partitions field"},
		{`{"version":`, "kafka.admin.AdminOperationException: The input string is not a valid JSON"},
		{`{"partitions":[{"topic":"foo","partition":0}]}`, "com.fasterxml.jackson.databind.JsonMappingException: No such field exists: `offset`"},
		{`{"partitions":[{"topic":"foo","partition":"0","offset":1}]}`, "com.fasterxml.jackson.databind.JsonMappingException: Expected `Int` value, received \"0\""},
		{`{"partitions":[{"topic":"foo","partition":3000000000,"offset":1}]}`, "com.fasterxml.jackson.databind.JsonMappingException: Expected `Int` value, received 3000000000"},
		{`{"partitions":[{"topic":7,"partition":0,"offset":1}]}`, "com.fasterxml.jackson.databind.JsonMappingException: Expected `String` value, received 7"},
		{`{"partitions":{"a": 1}}`, "com.fasterxml.jackson.databind.JsonMappingException: Expected JSON array, received {\"a\":1}"},
		{`[1]`, "com.fasterxml.jackson.databind.JsonMappingException: Expected JSON object, received [1]"},
		{`{"partitions":[],"version":"x"}`, "com.fasterxml.jackson.databind.JsonMappingException: Expected `Int` value, received \"x\""},
	} {
		rows, err := parseOffsets([]byte(test.text))
		if err == nil {
			_, err = withoutDuplicates(rows)
		}
		got := ""
		if err != nil {
			got = command.ExceptionText(err)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.text, got, test.want)
		}
	}
}

func FuzzParseOffsets(f *testing.F) {
	f.Add([]byte(`{"partitions":[{"topic":"foo","partition":0,"offset":0}],"version":1}`))
	f.Add([]byte(`[null]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, err := parseOffsets(text)
		if err != nil && rows != nil {
			t.Error("rows beside an error")
		}
	})
}

// The order is that in which DeleteRecordsCommand printed the same file.
func TestDeletedPartitionsOrder(t *testing.T) {
	rows, err := withoutDuplicates([]partitionOffset{
		{topic.Partition{Topic: "foo", Partition: 0}, 0}, {topic.Partition{Topic: "foo", Partition: 1}, -1}, {topic.Partition{Topic: "c3", Partition: 1}, 999},
		{topic.Partition{Topic: "nope", Partition: 1}, 1}, {topic.Partition{Topic: "c3", Partition: 7}, 1}, {topic.Partition{Topic: "bar", Partition: 0}, 5},
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, row := range rows {
		names = append(names, row.partition.String())
	}
	if diff := cmp.Diff([]string{"c3-1", "bar-0", "nope-1", "foo-0", "foo-1", "c3-7"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestPartitionLeaders(t *testing.T) {
	partition := topic.Partition{Topic: "t", Partition: 1}
	leaders := &partitionLeaders{map[topic.Partition]int32{partition: 3, {Topic: "t", Partition: 2}: -1}, map[string]error{"gone": command.ErrorOf(kerr.UnknownTopicOrPartition.Code, nil)}}
	for _, test := range []struct {
		partition topic.Partition
		broker    int32
		failure   string
	}{
		{partition, 3, ""},
		{topic.Partition{Topic: "t", Partition: 2}, -1, "java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.LeaderNotAvailableException: There is no leader for this topic-partition as we are in the middle of a leadership election."},
		{topic.Partition{Topic: "gone", Partition: 2}, -1, "java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition."},
	} {
		broker, err := leaders.of(test.partition)
		failure := ""
		if err != nil {
			failure = command.ExceptionText(command.Executed(err))
		}
		if broker != test.broker || failure != test.failure {
			t.Errorf("%v: %d, %q", test.partition, broker, failure)
		}
	}
}

func TestPartitionFilter(t *testing.T) {
	partitions := []topic.Partition{
		{Topic: "__consumer_offsets", Partition: 0}, {Topic: "bar", Partition: 0}, {Topic: "c3", Partition: 0}, {Topic: "c3", Partition: 1}, {Topic: "c3", Partition: 2},
		{Topic: "foo", Partition: 0}, {Topic: "foo", Partition: 1}, {Topic: "foo", Partition: 2},
	}
	for _, test := range []struct{ args, want string }{
		{"", "__consumer_offsets-0 bar-0 c3-0 c3-1 c3-2 foo-0 foo-1 foo-2"},
		{"--exclude-internal-topics", "bar-0 c3-0 c3-1 c3-2 foo-0 foo-1 foo-2"},
		{"--topic foo,bar --partitions 0,2", "bar-0 foo-0 foo-2"},
		{"--topic '.o.'", "foo-0 foo-1 foo-2"},
		{"--topic-partitions foo:1,:0,c3:1-,fo.:-1", "__consumer_offsets-0 bar-0 c3-0 c3-1 c3-2 foo-0 foo-1"},
		{"--topic-partitions c3:1-2,foo --exclude-internal-topics", "c3-1 foo-0 foo-1 foo-2"},
		{"--topic-partitions foo:x", "Invalid rule specification: foo:x"},
		{"--topic-partitions foo:99999999999", `For input string: "99999999999"`},
		{"--partitions a,b", "--partitions expects a comma separated list of numeric partition ids, but received: a,b"},
		{"--topic [", "[ is an invalid regex."},
		{"--topic a --topic b", "Found multiple arguments for option topic, but you asked for only one"},
	} {
		set, err := getOffsetsOptions.Parse(strings.Fields(test.args))
		if err != nil {
			t.Fatal(err)
		}
		filter, err := newPartitionFilter(set)
		var names []string
		if err != nil {
			names = append(names, err.Error())
		}
		for _, partition := range partitions {
			if err == nil && filter(partition) {
				names = append(names, partition.String())
			}
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.args, got, test.want)
		}
	}
}

// The texts were printed by the Java tools.
func TestSmallCommandLines(t *testing.T) {
	const unknown = "Exception in thread \"main\" joptsimple.UnrecognizedOptionException: nope is not a recognized option\n"
	offsets := filepath.Join(t.TempDir(), "none.json")
	for _, test := range []struct {
		run            func([]string, io.Writer, io.Writer) int
		args           string
		stdout, stderr string
		code           int
	}{
		{BrokerAPIVersionsCommand, "", "", apiVersionsBlurb + "\nOption ", 1},
		{BrokerAPIVersionsCommand, "--nope", "", unknown, 1},
		{BrokerAPIVersionsCommand, "--version", "3.1.0 (Commit:gregor)\n", "", 0},
		{BrokerAPIVersionsCommand, "--command-config x", "", "Missing required argument \"[bootstrap-server]\"\nOption ", 1},
		{BrokerAPIVersionsCommand, "--bootstrap-server 127.0.0.1:1", "", "Exception in thread \"main\" java.lang.RuntimeException: Request METADATA failed on brokers List(127.0.0.1:1 (id: -1 rack: null))\n", 1},
		{LogDirsCommand, "--nope", "", unknown, 1},
		{LogDirsCommand, "--bootstrap-server 127.0.0.1:1", "", "Missing required argument \"[describe]\"\nOption ", 1},
		{DeleteRecordsCommand, "--nope", "", unknown, 1},
		{DeleteRecordsCommand, "--bootstrap-server 127.0.0.1:1", "", "Missing required argument \"[offset-json-file]\"\nOption ", 1},
		{DeleteRecordsCommand, "--bootstrap-server 127.0.0.1:1 --offset-json-file " + offsets, "", "Exception in thread \"main\" java.io.IOException: Unable to read file " + offsets + "\n", 1},
		{GetOffsetShell, "", "", getOffsetsBlurb + "\nOption ", 1},
		{GetOffsetShell, "--help", "Error occurred: help is not a recognized option\n", "", 1},
		{GetOffsetShell, "--topic foo", "Error occurred: Missing required option(s) [bootstrap-server]\n", "", 1},
		{GetOffsetShell, "--broker-list localhost", "", "Please provide valid host:port like host1:9091,host2:9092\n \nOption ", 1},
		{GetOffsetShell, "--broker-list a:1 --time x", "Error occurred: Cannot parse argument 'x' of option time\n", "", 1},
		{GetOffsetShell, "--broker-list a:1 --partitions 1 --topic-partitions foo", "Error occurred: --topic-partitions cannot be used with --topic or --partitions\n", "", 1},
		{GetOffsetShell, "--broker-list a:1 --command-config /nope", "Error occurred: /nope\n", "", 1},
	} {
		var stdout, stderr bytes.Buffer
		code := test.run(strings.Fields(test.args), &stdout, &stderr)
		if code != test.code || stdout.String() != test.stdout || !strings.HasPrefix(stderr.String(), test.stderr) || test.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%s: %d\n%s%s", test.args, code, stdout.String(), stderr.String())
		}
	}
}
