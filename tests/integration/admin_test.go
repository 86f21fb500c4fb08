package integration

import (
	"maps"
	"slices"
	"testing"

	"github.com/IBM/sarama"
	godiff "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

func saramaAdmin(t testing.TB, c *framework.InProcess) sarama.ClusterAdmin {
	t.Helper()
	admin, err := sarama.NewClusterAdmin([]string{c.Bootstrap()}, saramaConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return admin
}

func must[T any](t testing.TB) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := godiff.Diff(want, got); diff != "" {
		t.Errorf("%s:\n%s", what, diff)
	}
}

// TestSaramaAdministersTopics goes through the calls of sarama's ClusterAdmin that
// concern topics.
func TestSaramaAdministersTopics(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	admin := saramaAdmin(t, c)
	retention := "3600000"
	check(t, admin.CreateTopic("managed", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &retention}}, false))
	check(t, admin.CreateTopic("dry", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, true))
	listed := must[map[string]sarama.TopicDetail](t)(admin.ListTopics())
	equal(t, "topics", []string{"managed"}, slices.Collect(maps.Keys(listed)))
	equal(t, "its setting", retention, *listed["managed"].ConfigEntries["retention.ms"])
	check(t, admin.CreatePartitions("managed", 5, nil, false))
	framework.Until(t, patience, "the topic has 5 partitions", func() bool {
		return len(must[[]*sarama.TopicMetadata](t)(admin.DescribeTopics([]string{"managed"}))[0].Partitions) == 5
	})
	compact := "compact"
	check(t, admin.IncrementalAlterConfig(sarama.TopicResource, "managed", map[string]sarama.IncrementalAlterConfigsEntry{
		"cleanup.policy": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &compact},
	}, false))
	equal(t, "settings", map[string]string{"retention.ms": retention, "cleanup.policy": compact}, overridesOf(t, admin, "managed"))
	check(t, admin.AlterConfig(sarama.TopicResource, "managed", map[string]*string{"cleanup.policy": &compact}, false))
	equal(t, "settings", map[string]string{"cleanup.policy": compact}, overridesOf(t, admin, "managed"))
	check(t, admin.DeleteTopic("managed"))
	framework.Until(t, patience, "the topic is gone", func() bool {
		return len(must[map[string]sarama.TopicDetail](t)(admin.ListTopics())) == 0
	})
}

// overridesOf are the settings of a topic that are its own.
func overridesOf(t testing.TB, admin sarama.ClusterAdmin, name string) map[string]string {
	t.Helper()
	own := map[string]string{}
	for _, entry := range must[[]sarama.ConfigEntry](t)(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: name})) {
		if entry.Source == sarama.SourceTopic {
			own[entry.Name] = entry.Value
		}
	}
	return own
}

// TestSaramaAdministersGroups goes through the calls that concern groups.
func TestSaramaAdministersGroups(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	admin := saramaAdmin(t, c)
	createTopic(t, c.Bootstrap(), "read", 1, nil)
	saramaClient{}.send(t, c.Bootstrap(), numbered("read", "value-", 10), delivery{})
	var box inbox
	joined := saramaClient{}.consume(t, c.Bootstrap(), "readers", "read", box.add)
	box.await(t, 10)
	described := must[[]*sarama.GroupDescription](t)(admin.DescribeConsumerGroups([]string{"readers"}))[0]
	if described.State != "Stable" || len(described.Members) != 1 {
		t.Errorf("the group is %s with %d members", described.State, len(described.Members))
	}
	if err := admin.DeleteConsumerGroup("readers"); err != sarama.ErrNonEmptyGroup {
		t.Errorf("deleting a group with members: %v", err)
	}
	joined.leave()
	equal(t, "groups", map[string]string{"readers": "consumer"}, must[map[string]string](t)(admin.ListConsumerGroups()))
	offsets := must[*sarama.OffsetFetchResponse](t)(admin.ListConsumerGroupOffsets("readers", map[string][]int32{"read": {0}}))
	equal(t, "its commit", 10, offsets.GetBlock("read", 0).Offset)
	check(t, admin.DeleteConsumerGroupOffset("readers", "read", 0))
	offsets = must[*sarama.OffsetFetchResponse](t)(admin.ListConsumerGroupOffsets("readers", map[string][]int32{"read": {0}}))
	equal(t, "its commit after it was deleted", -1, offsets.GetBlock("read", 0).Offset)
	commitOffset(t, c.Bootstrap(), "readers", "read", 3)
	check(t, admin.DeleteConsumerGroup("readers"))
	equal(t, "groups", map[string]string{}, must[map[string]string](t)(admin.ListConsumerGroups()))
}

// TestSaramaDescribesTheCluster asks for brokers, controller and log directories.
func TestSaramaDescribesTheCluster(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	admin := saramaAdmin(t, c)
	createTopic(t, c.Bootstrap(), "somewhere", 3, nil)
	brokers, controller, err := admin.DescribeCluster()
	check(t, err)
	if len(brokers) != 1 || controller != 0 || brokers[0].Addr() != c.Bootstrap() {
		t.Errorf("brokers %v, controller %d", brokers, controller)
	}
	dirs := must[map[int32][]sarama.DescribeLogDirsResponseDirMetadata](t)(admin.DescribeLogDirs([]int32{0}))
	if len(dirs[0]) != 1 || len(dirs[0][0].Topics) != 1 || len(dirs[0][0].Topics[0].Partitions) != 3 {
		t.Errorf("log directories %+v", dirs)
	}
	entries := must[[]sarama.ConfigEntry](t)(admin.DescribeConfig(sarama.ConfigResource{Type: sarama.BrokerResource, Name: "0", ConfigNames: []string{"broker.id"}}))
	if len(entries) != 1 || entries[0].Value != "0" || !entries[0].ReadOnly {
		t.Errorf("broker.id is described as %+v", entries)
	}
}

// TestFranzAdministers goes through requests that sarama has no call for.
func TestFranzAdministers(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "by-id", 1, nil)
	cluster := ask(t, c.Bootstrap(), kmsg.NewPtrDescribeClusterRequest())
	if cluster.ClusterID == "" || cluster.ControllerID != 0 || len(cluster.Brokers) != 1 {
		t.Errorf("the cluster is described as %+v", cluster)
	}
	franzClient{}.send(t, c.Bootstrap(), numbered("by-id", "value-", 10), delivery{idempotent: true})
	producers := kmsg.NewPtrDescribeProducersRequest()
	producers.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "by-id", Partitions: []int32{0}}}
	active := ask(t, c.Bootstrap(), producers).Topics[0].Partitions[0].ActiveProducers
	if len(active) != 1 || active[0].LastSequence != 9 {
		t.Errorf("active producers %+v", active)
	}
	epochs := kmsg.NewPtrOffsetForLeaderEpochRequest()
	epochs.ReplicaID = -1
	epochs.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "by-id", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{CurrentLeaderEpoch: -1}}}}
	equal(t, "end of epoch 0", 10, ask(t, c.Bootstrap(), epochs).Topics[0].Partitions[0].EndOffset)
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	request.Topics = []kmsg.DeleteTopicsRequestTopic{{TopicID: describeTopic(t, c.Bootstrap(), "by-id").TopicID}, {TopicID: [16]byte{1}}}
	deleted := ask(t, c.Bootstrap(), request).Topics
	succeed(t, "delete by id", deleted[0].ErrorCode)
	if err := kerr.ErrorForCode(deleted[1].ErrorCode); err != kerr.UnknownTopicID {
		t.Errorf("deleting an unknown id: %v", err)
	}
}
