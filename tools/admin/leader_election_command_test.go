package admin

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
	"github.com/gregor-broker/gregor/tools/command/commandtest"
)

func TestLeaderElectionArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, "kafka.admin.LeaderElectionCommand", log4j, "testdata/leader_election_command_arguments.txt")
}

func TestElectionReport(t *testing.T) {
	partition := func(number int32) topic.Partition { return topic.Partition{Topic: "foo", Partition: number} }
	for _, test := range []struct {
		results        map[topic.Partition]error
		stdout, failed string
	}{
		{nil, "", ""},
		{map[topic.Partition]error{partition(0): nil, partition(1): nil, partition(2): command.ErrorOf(kerr.ElectionNotNeeded.Code, nil)},
			"Successfully completed leader election (UNCLEAN) for partitions foo-0, foo-1\nValid replica already elected for partitions foo-2\n", ""},
		{map[topic.Partition]error{partition(0): command.ErrorOf(kerr.PreferredLeaderNotAvailable.Code, nil)},
			"Error completing leader election (UNCLEAN) for partition: foo-0: org.apache.kafka.common.errors.PreferredLeaderNotAvailableException: The preferred leader was not available.\n",
			"kafka.common.AdminCommandFailedException: 1 replica(s) could not be elected\n\tSuppressed: org.apache.kafka.common.errors.PreferredLeaderNotAvailableException: The preferred leader was not available."},
	} {
		var out bytes.Buffer
		err := reportElection(uncleanElection, test.results, &out)
		failed := ""
		if err != nil {
			failed = command.Thrown(err).Error()
		}
		if diff := cmp.Diff([]string{test.stdout, test.failed}, []string{out.String(), failed}); diff != "" {
			t.Error(diff)
		}
	}
}

func TestFailedElectionRequests(t *testing.T) {
	for _, test := range []struct {
		cause          error
		stdout, thrown string
	}{
		{&command.TimeoutError{Message: "late"}, "Timeout waiting for election results\n", "kafka.common.AdminCommandFailedException: Timeout waiting for election results\nCaused by: org.apache.kafka.common.errors.TimeoutException: late"},
		{command.ErrorOf(kerr.ClusterAuthorizationFailed.Code, nil), "Not authorized to perform leader election\n", "kafka.common.AdminCommandFailedException: Not authorized to perform leader election\nCaused by: org.apache.kafka.common.errors.ClusterAuthorizationException: Cluster authorization failed."},
		{command.ErrorOf(kerr.UnknownServerError.Code, nil), "", "java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.UnknownServerException: The server experienced an unexpected error when processing the request."},
	} {
		var out bytes.Buffer
		err := electionFailure(test.cause, &out)
		if diff := cmp.Diff([]string{test.stdout, test.thrown}, []string{out.String(), command.Thrown(err).Error()}); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzParseElectionData(f *testing.F) {
	f.Add([]byte(`{"partitions":[{"topic":"foo","partition":1}]}`))
	f.Add([]byte(`{"partitions":[{"topic":"foo","partition":1},{"topic":"foo","partition":1}]}`))
	f.Add([]byte("[null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if partitions, err := parseElectionData(text); err != nil && partitions != nil {
			t.Error("partitions beside an error")
		}
	})
}
