package admin

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
	"github.com/gregor-broker/gregor/tools/command/commandtest"
)

const log4j = "../../config/tools-log4j.properties"

func TestMain(m *testing.M) {
	withoutInput := func(run func([]string, io.Writer, io.Writer) int) commandtest.Tool {
		return func(args []string, _ io.Reader, stdout, stderr io.Writer) int { return run(args, stdout, stderr) }
	}
	commandtest.Main(m, map[string]commandtest.Tool{
		"kafka.admin.TopicCommand":              withoutInput(TopicCommand),
		"kafka.admin.ConfigCommand":             withoutInput(ConfigCommand),
		"kafka.admin.ConsumerGroupCommand":      withoutInput(ConsumerGroupCommand),
		"kafka.admin.LeaderElectionCommand":     withoutInput(LeaderElectionCommand),
		"kafka.admin.ReassignPartitionsCommand": withoutInput(ReassignPartitionsCommand),
		"kafka.tools.ReplicaVerificationTool":   withoutInput(ReplicaVerificationTool),
	})
}

func TestConsumerGroupArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, "kafka.admin.ConsumerGroupCommand", log4j, "testdata/consumer_group_command_arguments.txt")
}

func TestTopicArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, "kafka.admin.TopicCommand", log4j, "testdata/topic_command_arguments.txt")
}

func TestConfigArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, "kafka.admin.ConfigCommand", log4j, "testdata/config_command_arguments.txt")
}

// newTestService has options and outputs and no broker.
func newTestService(t *testing.T, arguments string) (service *groupService, stdout, stderr *strings.Builder) {
	t.Helper()
	set, err := groupOptions.Parse(strings.Fields(arguments))
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr = &strings.Builder{}, &strings.Builder{}
	return &groupService{set: set, stdout: stdout, stderr: stderr}, stdout, stderr
}

// partitionsOfText reads t-0 t-1.
func partitionsOfText(t *testing.T, text string) []topic.Partition {
	t.Helper()
	var partitions []topic.Partition
	for _, word := range strings.Fields(text) {
		name, number, _ := strings.Cut(word, "/")
		found, err := parseTopicPartitions(name + ":" + number)
		if err != nil {
			t.Fatal(err)
		}
		partitions = append(partitions, found...)
	}
	return partitions
}

// The layout was compared with that of Kafka's tool byte for byte; run with
// UPDATE_GOLDEN=1 to write the tables anew.
func TestGroupTables(t *testing.T) {
	member := func(id, instance, client string, partitions string) groupMember {
		return groupMember{id: id, instance: instance, host: "/127.0.0.1", client: client, partitions: partitionsOfText(t, partitions)}
	}
	group := groupDescription{name: "live", state: "Stable", assignor: "range", members: []groupMember{
		member("client-with-a-long-name-8a7a6a52-a7a5-4f0a-ac3a-5b4f6f1b9b1f", "", "client-with-a-long-name", "t7/4,5,6 a/1"),
		member("c1-5b7a1f6e-45c1-4d63-ae3c-7a4c0a9c2a51", "", "c1", ""),
	}}
	static := groupDescription{name: "static", state: "Stable", members: []groupMember{member("inst1-5b7a1f6e", "inst1", "console-consumer", "t1/0")}}
	rows := []offsetRow{
		{partition: topic.Partition{Topic: "t1", Partition: 1}, offset: "9", end: "10", lag: "1", member: missing, host: missing, client: missing},
		{partition: topic.Partition{Topic: "a-rather-long-topic-name-here", Partition: 0}, offset: missing, end: "5", lag: missing, member: "m", host: "/10.0.0.1", client: "c"},
	}
	for _, test := range []struct {
		name, options string
		print         func(*groupService) error
	}{
		{"offsets", "--describe", func(s *groupService) error { return s.printOffsets(group, rows) }},
		{"members", "--describe --members", func(s *groupService) error { return s.printMembers(group) }},
		{"members_verbose", "--describe --members --verbose", func(s *groupService) error { return s.printMembers(group) }},
		{"members_static", "--describe --members", func(s *groupService) error { return s.printMembers(static) }},
		{"reset", "--reset-offsets", func(s *groupService) error {
			plan := newResetPlan(partitionsOfText(t, "t7/1 t1/0"), func(topic.Partition) int64 { return 7 })
			s.printPlans([]string{"g"}, map[string]*resetPlan{"g": plan})
			return nil
		}},
		{"delete_offsets", "--delete-offsets", func(s *groupService) error {
			missingTopic := command.Executed(command.ErrorOf(3, nil))
			s.printDeleted(map[topic.Partition]error{{Topic: "t1", Partition: 1}: nil, {Topic: "nosuch", Partition: unknownPartition}: missingTopic})
			return nil
		}},
	} {
		service, stdout, _ := newTestService(t, test.options)
		if err := test.print(service); err != nil {
			t.Fatal(err)
		}
		golden := "testdata/groups_" + test.name + ".txt"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(golden, []byte(stdout.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), stdout.String()); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func TestGroupStatesAreAnnounced(t *testing.T) {
	for _, test := range []struct {
		state          string
		rows           int
		table          bool
		stdout, stderr string
	}{
		{"Dead", 1, false, "\nError: Consumer group 'g' does not exist.\n", ""},
		{"Empty", 1, true, "", "\nConsumer group 'g' has no active members.\n"},
		{"PreparingRebalance", 0, false, "", "\nWarning: Consumer group 'g' is rebalancing.\n"},
		{"CompletingRebalance", 2, true, "", "\nWarning: Consumer group 'g' is rebalancing.\n"},
		{"Stable", 2, true, "", ""},
	} {
		service, stdout, stderr := newTestService(t, "--describe")
		table, err := service.announce(groupDescription{name: "g", state: test.state}, test.rows)
		if err != nil || table != test.table || stdout.String() != test.stdout || stderr.String() != test.stderr {
			t.Errorf("%s: table %t, %q, %q, %v", test.state, table, stdout, stderr, err)
		}
	}
}

func TestResetPlanFiles(t *testing.T) {
	for _, test := range []struct {
		content, groups, want, failure string
	}{
		{"t7,1,3\nt7,0,1\n", "g", "g:t7-1=3,t7-0=1", ""},
		{"g,t7,1,3\n\"h,i\",\"t\"\"7\",0,1", "g h,i", "g:t7-1=3 h,i:t\"7-0=1", ""},
		{"g,t7,1,3", "g", "g:t7-1=3", ""},
		{"t7,0", "g", "g:t7-0=0", ""},
		{"t7,0,3,4,567", "g", "", "Too many entries: expected at most 4 (value #4 (3 chars) \"567\")\n at [Source: UNKNOWN; line: 1, column: 10]"},
		{"gnew,t7,xx,567", "gnew", "", "Cannot deserialize value of type `int` from String \"xx\": not a valid `int` value\n at [Source: (StringReader); line: 1, column: 9] (through reference chain: kafka.admin.ConsumerGroupCommand$CsvRecordWithGroup[\"partition\"])"},
		{"", "g", "", "No content to map due to end-of-input\n at [Source: UNKNOWN; line: -1, column: -1]"},
		{"g,\"t,1,2", "g", "", "Missing closing quote for value"},
	} {
		groups := strings.Fields(test.groups)
		plans, err := parseResetPlans(test.content, groups)
		if test.failure != "" {
			if err == nil || err.Error() != test.failure {
				t.Errorf("%q: %v, want %q", test.content, err, test.failure)
			}
			continue
		}
		var got []string
		for _, group := range groups {
			var offsets []string
			for _, partition := range plans[group].partitions {
				offsets = append(offsets, partition.String()+"="+string(rune('0'+plans[group].offsets[partition])))
			}
			got = append(got, group+":"+strings.Join(offsets, ","))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q: %q, want %q", test.content, got, test.want)
		}
	}
}

func FuzzResetPlan(f *testing.F) {
	for _, seed := range []string{"t7,1,3\nt7,0,1\n", "g,\"t\"\"7\",0,1", "", ",", "\"", "a,b,c,d,e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		plans, err := parseResetPlans(content, []string{"g"})
		if err != nil {
			return
		}
		for group, plan := range plans {
			if len(plan.partitions) != len(plan.offsets) {
				t.Errorf("group %q: %d partitions, %d offsets", group, len(plan.partitions), len(plan.offsets))
			}
		}
	})
}

func TestExportQuotesAsJackson(t *testing.T) {
	for text, want := range map[string]string{
		"t1": "t1", "d,q x": `"d,q x"`, "a-rather-long-topic-name-here": `"a-rather-long-topic-name-here"`, `a"b`: `"a""b"`, "exactly-twenty-four-chars": `"exactly-twenty-four-chars"`,
	} {
		if got := csvCell(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestDatetimes(t *testing.T) {
	for text, want := range map[string]string{
		"2020-01-01T00:00:00.000":       "2020-01-01T00:00:00Z",
		"2020-01-01T00:00:00.000Z":      "2020-01-01T00:00:00Z",
		"2020-01-01T00:00:00.500+02:00": "2019-12-31T22:00:00.5Z",
		"2020-01-01T00:00:00.5-03":      "2020-01-01T03:00:00.005Z",
		"2020-2-9T1:2:3.4":              "2020-02-09T01:02:03.004Z",
		"2020-01-01T00:00:00":           `Unparseable date: "2020-01-01T00:00:00Z"`,
		"2020-13-01T00:00:00.000":       `Unparseable date: "2020-13-01T00:00:00.000Z"`,
		"2021-02-29T00:00:00.000":       `Unparseable date: "2021-02-29T00:00:00.000Z"`,
		"2020-01-01T00:00:00.000+24":    `Unparseable date: "2020-01-01T00:00:00.000+24"`,
		"2020-01-01":                    "Error parsing timestamp. It does not contain a 'T' according to ISO8601 format",
	} {
		milliseconds, err := parseDatetime(text)
		got := time.UnixMilli(milliseconds).UTC().Format(time.RFC3339Nano)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"P1D": 24 * time.Hour, "PT1H30M": 90 * time.Minute, "pt1.5s": 1500 * time.Millisecond, "P1DT2H3M4S": 26*time.Hour + 3*time.Minute + 4*time.Second,
		"-PT1M": -time.Minute, "PT-1M": -time.Minute, "PT0S": 0, "PT-1.5S": -1500 * time.Millisecond,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "P", "PT", "1D", "P1DT", "P1H", "xx", "P1.5D"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%s: %v, want an error", text, got)
		}
	}
}
