package admin

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/tools/command"
	"github.com/gregor-broker/gregor/tools/command/commandtest"
)

func TestReassignArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, "kafka.admin.ReassignPartitionsCommand", log4j, "testdata/reassign_partitions_command_arguments.txt")
}

func foo(partition int32, replicas ...int32) partitionReplicas {
	return partitionReplicas{topic.Partition{Topic: "foo", Partition: partition}, replicas}
}

// What --execute prints for a way back is read again as it is.
func TestReassignmentJSONIsReadBack(t *testing.T) {
	rows := []partitionReplicas{foo(0, 1, 2), foo(1, 2), {topic.Partition{Topic: "b", Partition: 7}, []int32{3, 1, 2}}}
	text := reassignmentJSON(rows)
	want := `{"version":1,"partitions":[{"topic":"foo","partition":0,"replicas":[1,2],"log_dirs":["any","any"]},` +
		`{"topic":"foo","partition":1,"replicas":[2],"log_dirs":["any"]},{"topic":"b","partition":7,"replicas":[3,1,2],"log_dirs":["any","any","any"]}]}`
	if diff := cmp.Diff(want, text); diff != "" {
		t.Fatal(diff)
	}
	again, dirs, err := parseReassignment([]byte(text))
	if err != nil || len(dirs) > 0 {
		t.Fatalf("%v, directories %v", err, dirs)
	}
	if diff := cmp.Diff(reassignmentJSON(rows), reassignmentJSON(again)); diff != "" {
		t.Error(diff)
	}
}

func TestLogDirsOfAReassignment(t *testing.T) {
	_, dirs, err := parseReassignment([]byte(`{"partitions":[{"topic":"foo","partition":1,"replicas":[4,5],"log_dirs":["any","/d"]}]}`))
	replica := partitionReplica{topic.Partition{Topic: "foo", Partition: 1}, 5}
	if err != nil || len(dirs) != 1 || dirs[replica] != "/d" || replica.String() != "foo-1-5" {
		t.Errorf("%v, %v", dirs, err)
	}
}

func FuzzParseReassignment(f *testing.F) {
	f.Add([]byte(`{"version":1,"partitions":[{"topic":"foo","partition":0,"replicas":[1,2,3],"log_dirs":["any","/d","any"]}]}`))
	f.Add([]byte(`{"topics":[{"topic":"foo"},{"topic":"bar"}]}`))
	f.Add([]byte("{\"partitions\":\n[{\"topic\":\"foo\"}"))
	f.Add([]byte(`{"a":1,}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if rows, dirs, err := parseExecution(text); err != nil && (rows != nil || dirs != nil) {
			t.Error("rows beside an error")
		}
		if names, err := parseTopicsToMove(text); err != nil && names != nil {
			t.Error("topics beside an error")
		}
	})
}

// The places are Jackson's.
func TestWrongJSONIsPlaced(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "The input string shouldn't be empty\n at [Source: UNKNOWN; line: -1, column: -1]",
		"{\"a\":1,}\n":                           "Unexpected character ('}' (code 125))\n at [Source: (String)\"{\"a\":1,}\n\"; line: 1, column: 9]",
		"{\"partitions\":[1 2]}\n":               "Unexpected character ('2' (code 50))\n at [Source: (String)\"{\"partitions\":[1 2]}\n\"; line: 1, column: 19]",
		"{\"partitions\":\n[{\"topic\":\"foo\"}": "Unexpected end-of-input\n at [Source: (String)\"{\"partitions\":\n[{\"topic\":\"foo\"}\"; line: 2, column: 17]",
	} {
		if _, err := parseJSON([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestProposedReplicas(t *testing.T) {
	current := []partitionReplicas{foo(0, 1, 2), foo(1, 2, 1)}
	brokers := []placement.Broker{{ID: 4}, {ID: 5}}
	proposed, err := proposeReplicas(current, brokers)
	if err != nil || len(proposed) != 2 {
		t.Fatalf("%v, %v", proposed, err)
	}
	for i, row := range proposed {
		if row.partition != current[i].partition || len(row.replicas) != 2 || row.replicas[0]+row.replicas[1] != 9 {
			t.Errorf("%v has %v", row.partition, row.replicas)
		}
	}
	_, err = proposeReplicas(current, brokers[:1])
	if want := "org.apache.kafka.common.errors.InvalidReplicationFactorException: Replication factor: 2 larger than available brokers: 1."; err == nil || command.ExceptionText(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestReplicasOfAPartition(t *testing.T) {
	found := kmsg.MetadataResponseTopic{Partitions: []kmsg.MetadataResponseTopicPartition{{Replicas: []int32{3, 4}}}}
	for _, test := range []struct {
		partition int32
		failed    error
		want      string
	}{
		{0, nil, "There is no active reassignment of partition foo-0, but replica set is 3,4 rather than 1,2."},
		{2, nil, "There is no active reassignment of partition foo-2, but replica set is  rather than 1,2."},
		{0, command.ErrorOf(kerr.UnknownTopicOrPartition.Code, nil), "There is no active reassignment of partition foo-0, but replica set is  rather than 1,2."},
		{1, nil, "Index 1 out of bounds for length 1"},
		{-1, nil, "Index -1 out of bounds for length 1"},
		{0, command.ErrorOf(kerr.InvalidTopicException.Code, nil), "org.apache.kafka.common.errors.InvalidTopicException: The request attempted to perform an operation on an invalid topic."},
	} {
		wanted := foo(test.partition, 1, 2)
		current, err := replicasOf(wanted.partition, found, test.failed)
		got := settledState(wanted, current)
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%d, %v: %s, want %s", test.partition, test.failed, got, test.want)
		}
	}
	if got := settledState(foo(0, 3, 4), []int32{3, 4}); got != "Reassignment of partition foo-0 is complete." {
		t.Error(got)
	}
}

func TestThrottledReplicas(t *testing.T) {
	running := map[topic.Partition]runningReassignment{
		{Topic: "foo", Partition: 1}:  {Replicas: []int32{1, 2, 3}, AddingReplicas: []int32{3}, RemovingReplicas: []int32{1}},
		{Topic: "bar", Partition: 10}: {Replicas: []int32{4, 5}, AddingReplicas: []int32{5}},
	}
	moves, err := proposedMoves(running, []partitionReplicas{foo(1, 2, 7), foo(2, 1, 11)}, []partitionReplicas{foo(1, 1, 2, 3), foo(2, 9, 1)})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, change := range topicThrottles(moves) {
		for _, setting := range change.settings {
			got[change.name+" "+setting.name] = *setting.value
		}
	}
	want := map[string]string{
		"foo " + leaderReplicas: "1:1,1:2,2:1,2:9", "foo " + followerReplicas: "1:7,2:11",
		"bar " + leaderReplicas: "10:4", "bar " + followerReplicas: "10:5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := proposedMoves(nil, []partitionReplicas{foo(3, 1)}, nil); err == nil || err.Error() != "Trying to reassign a topic partition foo-3 with 0 replicas" {
		t.Errorf("a partition that there is not: %v", err)
	}
}

func TestMovesBetweenLogDirs(t *testing.T) {
	replica := partitionReplica{topic.Partition{Topic: "foo", Partition: 0}, 1}
	for _, test := range []struct {
		dirs replicaLogDirs
		line string
		runs bool
	}{
		{replicaLogDirs{}, "Partition foo-0 is not found in any live log dir on broker 1. There is likely an offline log directory on the broker.", true},
		{replicaLogDirs{"/a", "/b"}, "Reassignment of replica foo-0-1 is still in progress.", true},
		{replicaLogDirs{"/a", "/c"}, "Partition foo-0 on broker 1 is being moved to log dir /c instead of /b.", true},
		{replicaLogDirs{"/a", ""}, "Partition foo-0 on broker 1 is not being moved from log dir /a to /b.", false},
		{replicaLogDirs{"/b", ""}, "Reassignment of replica foo-0-1 completed successfully.", false},
	} {
		if line, runs := moveState(replica, "/b", test.dirs); line != test.line || runs != test.runs {
			t.Errorf("%v: %s, %v", test.dirs, line, runs)
		}
	}
}

func TestMovesThatAreNotAccepted(t *testing.T) {
	replica := func(broker int32) partitionReplica {
		return partitionReplica{topic.Partition{Topic: "foo", Partition: 0}, broker}
	}
	begun, err := begunMoves(map[partitionReplica]error{replica(2): nil, replica(1): nil, replica(0): command.ErrorOf(kerr.ReplicaNotAvailable.Code, nil)})
	if err != nil || joinPartitions(begun) != "foo-0-1,foo-0-2" {
		t.Errorf("%v, %v", begun, err)
	}
	_, err = begunMoves(map[partitionReplica]error{replica(2): nil, replica(1): command.ErrorOf(kerr.LogDirNotFound.Code, nil)})
	if err == nil || err.Error() != "Failed to alter dir for foo-0-1" {
		t.Errorf("a directory that there is not: %v", err)
	}
}
