package command

import (
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/kafkaerror"
	"github.com/gregor-broker/gregor/config/topic"
)

// The orders were printed by kafka-consumer-groups.sh and kafka-configs.sh of
// Apache Kafka 3.1.0.
func TestMapOrders(t *testing.T) {
	var partitions []topic.Partition
	for i := range int32(7) {
		partitions = append(partitions, topic.Partition{Topic: "t7", Partition: i})
		if i < 3 {
			partitions = append(partitions, topic.Partition{Topic: "t1", Partition: i})
		}
		if i < 2 {
			partitions = append(partitions, topic.Partition{Topic: "a-rather-long-topic-name-here", Partition: i})
		}
	}
	var got []string
	for _, partition := range jvm.ScalaMapOrder(partitions, PartitionHash) {
		got = append(got, partition.String())
	}
	const want = "t1-1 t7-6 t7-1 a-rather-long-topic-name-here-1 t1-2 t7-4 t7-0 a-rather-long-topic-name-here-0 t1-0 t7-3 t7-2 t7-5"
	if strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	for _, test := range []struct {
		order func([]string, func(string) int32) []string
		hash  func(string) int32
		want  string
	}{
		{jvm.ScalaMapOrder[string], jvm.StringHash, "e a b SCRAM-SHA-256 c d"},
		{jvm.ScalaMapOrder[string], OptionHash, "by-duration to-offset from-file to-datetime to-earliest to-current shift-by to-latest"},
		{jvm.MapOrder[string], jvm.StringHash, "a-rather-long-topic-name-here t7 t1 __consumer_offsets"},
		{func(keys []string, hash func(string) int32) []string { return jvm.SizedMapOrder(len(keys), keys, hash) }, jvm.StringHash, "a-rather-long-topic-name-here t1 t7"},
		{jvm.ScalaMapOrder[string], jvm.StringHash, "z y x w"},
	} {
		sorted := strings.Fields(test.want)
		if test.want != "z y x w" { // four keep their order; others are put into another first
			for i, j := 0, len(sorted)-1; i < j; i, j = i+1, j-1 {
				sorted[i], sorted[j] = sorted[j], sorted[i]
			}
		}
		if got := strings.Join(test.order(sorted, test.hash), " "); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestExceptionTexts(t *testing.T) {
	message := ""
	for _, test := range []struct {
		err  error
		want string
	}{
		{ErrorOf(68, nil), "org.apache.kafka.common.errors.GroupNotEmptyException: The group is not empty."},
		{ErrorOf(3, &message), "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: "},
		{ErrorOf(6, nil), "org.apache.kafka.common.errors.NotLeaderOrFollowerException: " + kafkaerror.Message(6)},
		{Executed(ErrorOf(69, nil)), "java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.GroupIdNotFoundException: The group id does not exist."},
		{Throw("java.util.concurrent.TimeoutException", ""), "java.util.concurrent.TimeoutException"},
		{unsupported(50), "org.apache.kafka.common.errors.UnsupportedVersionException: The broker does not support DESCRIBE_USER_SCRAM_CREDENTIALS"},
		{unsupported(48), "org.apache.kafka.common.errors.UnsupportedVersionException: The broker does not support DESCRIBE_CLIENT_QUOTAS"},
	} {
		if got := ExceptionText(test.err); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
