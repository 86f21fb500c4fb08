package metadata

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

func liveBroker(id int32, listeners ...string) kmsg.UpdateMetadataRequestLiveBroker {
	rack := fmt.Sprintf("rack%d", id)
	broker := kmsg.UpdateMetadataRequestLiveBroker{ID: id, Rack: &rack}
	for i, listener := range listeners {
		broker.Endpoints = append(broker.Endpoints, kmsg.UpdateMetadataRequestLiveBrokerEndpoint{
			Host: fmt.Sprintf("host%d", id), Port: 9092 + int32(i), ListenerName: listener,
		})
	}
	return broker
}

func partitionState(partition, leader, epoch int32, replicas ...int32) kmsg.UpdateMetadataRequestTopicPartition {
	return kmsg.UpdateMetadataRequestTopicPartition{Partition: partition, Leader: leader, LeaderEpoch: epoch, ISR: replicas, Replicas: replicas}
}

func topicStateOf(name string, id topic.ID, partitions ...kmsg.UpdateMetadataRequestTopicPartition) kmsg.UpdateMetadataRequestTopicState {
	return kmsg.UpdateMetadataRequestTopicState{Topic: name, TopicID: id, PartitionStates: partitions}
}

func update(t testing.TB, cache *Cache, brokers []kmsg.UpdateMetadataRequestLiveBroker, topics ...kmsg.UpdateMetadataRequestTopicState) []topic.Partition {
	t.Helper()
	deleted, err := cache.UpdateMetadata(&kmsg.UpdateMetadataRequest{Version: 7, ControllerID: 1, LiveBrokers: brokers, TopicStates: topics})
	if err != nil {
		t.Fatal(err)
	}
	return deleted
}

func TestUpdateMetadataAddsChangesAndDeletesPartitions(t *testing.T) {
	cache := NewCache(0)
	brokers := []kmsg.UpdateMetadataRequestLiveBroker{liveBroker(0, "PLAINTEXT"), liveBroker(1, "PLAINTEXT")}
	id := topic.NewID()
	update(t, cache, brokers, topicStateOf("a", id, partitionState(1, 1, 3, 1, 0), partitionState(0, 0, 3, 0, 1)))
	update(t, cache, brokers, topicStateOf("a", id, partitionState(1, 0, 4, 1, 0)), topicStateOf("b", topic.ID{}, partitionState(0, 1, 0, 1)))

	if got := cache.AllTopics(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("topics %v", got)
	}
	if state, ok := cache.LeaderAndIsr(topic.Partition{Topic: "a", Partition: 1}); !ok || state.Leader != 0 || state.LeaderEpoch != 4 {
		t.Errorf("a-1 is %+v", state)
	}
	if name, ok := cache.TopicName(id); !ok || name != "a" || cache.TopicID("a") != id {
		t.Errorf("id %v is of %q", id, name)
	}
	if count, ok := cache.NumPartitions("a"); !ok || count != 2 {
		t.Errorf("a has %d partitions", count)
	}
	deleted := update(t, cache, brokers, topicStateOf("a", id, partitionState(0, LeaderDuringDelete, 5), partitionState(1, LeaderDuringDelete, 5)))
	if want := []topic.Partition{{Topic: "a", Partition: 0}, {Topic: "a", Partition: 1}}; !slices.Equal(deleted, want) {
		t.Errorf("deleted %v, want %v", deleted, want)
	}
	if _, ok := cache.TopicName(id); ok || cache.ContainsTopic("a") || cache.Contains(topic.Partition{Topic: "a"}) {
		t.Error("a is still known")
	}
	if got := cache.AllTopics(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("topics %v", got)
	}
}

func TestSnapshotsDoNotChangeUnderReaders(t *testing.T) {
	cache := NewCache(0)
	update(t, cache, nil, topicStateOf("a", topic.NewID(), partitionState(0, 0, 1, 0)))
	before := cache.current.Load()
	update(t, cache, nil, topicStateOf("a", topic.NewID(), partitionState(0, 0, 2, 0), partitionState(1, 0, 0, 0)))
	if state := before.topic("a"); len(state.partitions) != 1 || state.partitions[0].LeaderEpoch != 1 {
		t.Errorf("the old snapshot changed: %+v", state)
	}
}

func TestTopicIDFollowsRequests(t *testing.T) {
	cache := NewCache(0)
	first, second := topic.NewID(), topic.NewID()
	update(t, cache, nil, topicStateOf("a", first, partitionState(0, 0, 1, 0)))
	update(t, cache, nil, topicStateOf("a", second, partitionState(0, 0, 1, 0)))
	if _, ok := cache.TopicName(first); ok {
		t.Error("the id of the topic's former life is still known")
	}
	if cache.TopicID("a") != second {
		t.Errorf("id %v, want %v", cache.TopicID("a"), second)
	}
	update(t, cache, nil, topicStateOf("a", topic.ID{}, partitionState(0, 0, 1, 0)))
	if _, ok := cache.TopicName(second); ok || !cache.TopicID("a").IsZero() {
		t.Error("a request without id must take the id away")
	}
}

func TestUpdateMetadataRefusesNonsense(t *testing.T) {
	cache := NewCache(0)
	for name, state := range map[string]kmsg.UpdateMetadataRequestTopicState{
		"no topic":           topicStateOf("", topic.ID{}, partitionState(0, 0, 0, 0)),
		"negative partition": topicStateOf("a", topic.ID{}, partitionState(-1, 0, 0, 0)),
	} {
		_, err := cache.UpdateMetadata(&kmsg.UpdateMetadataRequest{TopicStates: []kmsg.UpdateMetadataRequestTopicState{state}})
		if !errors.Is(err, kerr.InvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldVersionsHaveNoListenerNames(t *testing.T) {
	cache := NewCache(0)
	_, err := cache.UpdateMetadata(&kmsg.UpdateMetadataRequest{
		Version:         1,
		PartitionStates: []kmsg.UpdateMetadataRequestTopicPartition{{Topic: "a", Partition: 0, Leader: 1, Replicas: []int32{1, 2}}},
		LiveBrokers: []kmsg.UpdateMetadataRequestLiveBroker{
			{ID: 1, Endpoints: []kmsg.UpdateMetadataRequestLiveBrokerEndpoint{{Host: "h", Port: 1, SecurityProtocol: 2}}},
			{ID: 2, Host: "g", Port: 2},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if node, ok := cache.AliveBrokerNode(1, "SASL_PLAINTEXT"); !ok || node.Host != "h" {
		t.Errorf("broker 1 at %+v", node)
	}
	if node, ok := cache.AliveBrokerNode(2, "PLAINTEXT"); !ok || node.Port != 2 {
		t.Errorf("broker 2 at %+v", node)
	}
	nodes := cache.PartitionReplicaEndpoints(topic.Partition{Topic: "a"}, "PLAINTEXT")
	if len(nodes) != 1 || nodes[2].Host != "g" {
		t.Errorf("replicas at %v", nodes)
	}
}

func TestGetTopicMetadataErrors(t *testing.T) {
	cache := NewCache(0)
	update(t, cache, []kmsg.UpdateMetadataRequestLiveBroker{liveBroker(0, "A", "B"), liveBroker(1, "A")},
		topicStateOf("t", topic.ID{}, partitionState(0, 0, 7, 0, 1), partitionState(1, 1, 7, 1, 0), partitionState(2, 5, 7, 5, 0), partitionState(3, 0, 7, 0, 5)))
	type answer struct {
		Error  int16
		Leader int32
		ISR    []int32
	}
	tests := []struct {
		name                 string
		listener             string
		endpoints, listeners bool
		want                 []answer
	}{
		{"modern client", "A", false, true, []answer{
			{0, 0, []int32{0, 1}}, {0, 1, []int32{1, 0}}, {kerr.LeaderNotAvailable.Code, -1, []int32{5, 0}}, {0, 0, []int32{0, 5}}}},
		{"listener missing on a leader", "B", false, true, []answer{
			{0, 0, []int32{0, 1}}, {kerr.ListenerNotFound.Code, -1, []int32{1, 0}}, {kerr.LeaderNotAvailable.Code, -1, []int32{5, 0}}, {0, 0, []int32{0, 5}}}},
		{"the same before v6", "B", false, false, []answer{
			{0, 0, []int32{0, 1}}, {kerr.LeaderNotAvailable.Code, -1, []int32{1, 0}}, {kerr.LeaderNotAvailable.Code, -1, []int32{5, 0}}, {0, 0, []int32{0, 5}}}},
		{"v0 leaves dead replicas out", "A", true, false, []answer{
			{0, 0, []int32{0, 1}}, {0, 1, []int32{1, 0}}, {kerr.LeaderNotAvailable.Code, -1, []int32{0}}, {kerr.ReplicaNotAvailable.Code, 0, []int32{0}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			topics := cache.GetTopicMetadata([]string{"unknown", "t"}, test.listener, test.endpoints, test.listeners)
			if len(topics) != 1 {
				t.Fatalf("%d topics", len(topics))
			}
			var got []answer
			for _, partition := range topics[0].Partitions {
				got = append(got, answer{partition.ErrorCode, partition.Leader, partition.ISR})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConfigRepositoryFetchesOnceAndForgetsRemovedTopics(t *testing.T) {
	fetches := 0
	repository := NewConfigRepository(func(string) (map[string]string, error) {
		fetches++
		return map[string]string{"fetch": fmt.Sprint(fetches)}, nil
	})
	for range 2 {
		if overrides, err := repository.TopicConfig("a"); err != nil || overrides["fetch"] != "1" {
			t.Fatalf("%v %v", overrides, err)
		}
	}
	repository.SetTopicConfig("a", map[string]string{"set": "yes"})
	if overrides, _ := repository.TopicConfig("a"); overrides["set"] != "yes" || len(overrides) != 1 {
		t.Errorf("%v", overrides)
	}
	repository.RemoveTopicConfig("a")
	if overrides, _ := repository.TopicConfig("a"); overrides["fetch"] != "2" {
		t.Errorf("%v", overrides)
	}
}

func TestConfigRepositoryKeepsAChangeThatOvertakesAFetch(t *testing.T) {
	var repository *ConfigRepository
	repository = NewConfigRepository(func(string) (map[string]string, error) {
		repository.SetTopicConfig("a", map[string]string{"value": "new"})
		return map[string]string{"value": "old"}, nil
	})
	if overrides, _ := repository.TopicConfig("a"); overrides["value"] != "new" {
		t.Errorf("%v", overrides)
	}
}

func BenchmarkUpdateOnePartitionAmongMany(b *testing.B) {
	cache := NewCache(0)
	for i := range 10_000 {
		update(b, cache, nil, topicStateOf(fmt.Sprintf("topic%d", i), topic.NewID(), partitionState(0, 0, 0, 0)))
	}
	one := topicStateOf("topic7", topic.NewID(), partitionState(0, 0, 1, 0))
	b.ReportAllocs()
	for b.Loop() {
		update(b, cache, nil, one)
	}
}
