//go:build peers

package zookeeper

import (
	"context"
	"fmt"
	"maps"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/gregor-broker/gregor/tests/framework"
)

// clusterKind is a broker with the ZooKeeper beneath it.
type clusterKind struct {
	name        string
	zooKeeper   server
	startBroker func(t testing.TB, dir string, zooKeeper *framework.Server, overrides map[string]string) *framework.Server
}

// clusterKinds begin with what the others are compared with.
var clusterKinds = []clusterKind{
	{"Kafka on Apache", apache, startKafka},
	{"Kafka on embedded", embedded, startKafka},
	{"Gregor on Apache", apache, startGregor},
	{"Gregor on embedded", embedded, startGregor},
}

func startKafka(t testing.TB, dir string, zooKeeper *framework.Server, overrides map[string]string) *framework.Server {
	return framework.StartRealKafka(t, dir, 0, zooKeeper.Address(), overrides)
}

func startGregor(t testing.TB, dir string, zooKeeper *framework.Server, overrides map[string]string) *framework.Server {
	return framework.StartBroker(t, dir, 0, zooKeeper, overrides)
}

// cluster is one broker on its ZooKeeper, with a client of each.
type cluster struct {
	zooKeeper *client
	broker    *framework.Server
	kafka     *kgo.Client
	port      string
}

func startCluster(t *testing.T, kind clusterKind) *cluster {
	t.Helper()
	dir := t.TempDir()
	zooKeeper := kind.zooKeeper.start(t, dir)
	c := &cluster{zooKeeper: connect(t, zooKeeper.Address())}
	c.broker = kind.startBroker(t, dir, zooKeeper, map[string]string{
		"offsets.topic.num.partitions": "2", "transaction.state.log.num.partitions": "2",
	})
	_, c.port, _ = net.SplitHostPort(c.broker.Address())
	c.kafka = newKafkaClient(t, c)
	return c
}

func newKafkaClient(t testing.TB, c *cluster, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	made, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(c.broker.Address()), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

// ask sends one request of the protocol and gives the answer to it.
func ask[R kmsg.Response](t testing.TB, c *cluster, request interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := request.RequestWith(ctx, c.kafka)
	if err != nil {
		t.Fatalf("%s: %v", kmsg.NameForKey(request.Key()), err)
	}
	return response
}

// expect fails the test when a code is not the one of an error, or of none.
func expect(t testing.TB, what string, code int16, want *kerr.Error) {
	t.Helper()
	wanted := int16(0)
	if want != nil {
		wanted = want.Code
	}
	if code != wanted {
		t.Fatalf("%s: %v, not %v", what, kerr.ErrorForCode(code), kerr.ErrorForCode(wanted))
	}
}

// produceAndConsume sends a record to a partition and reads it as a group that starts
// from its committed offset.
func (c *cluster) produceAndConsume(t testing.TB, topic, group, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.kafka.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	consumer := newKafkaClient(t, c, kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer consumer.Close()
	fetches := consumer.PollFetches(ctx)
	records := fetches.Records()
	if err := fetches.Err(); err != nil || len(records) != 1 || string(records[0].Value) != value {
		t.Fatalf("%d records, %v; want one, %q", len(records), err, value)
	}
	if err := consumer.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
}

// createTopic creates a topic with replicas on the only broker.
func (c *cluster) createTopic(t testing.TB, name string, partitions int32, configs map[string]string) {
	t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, 1
	for key, value := range maps.All(configs) {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	request.Topics = append(request.Topics, topic)
	expect(t, "create "+name, ask[*kmsg.CreateTopicsResponse](t, c, request).Topics[0].ErrorCode, nil)
}

// alterConfig sets one key of a resource.
func (c *cluster) alterConfig(t testing.TB, kind kmsg.ConfigResourceType, name, key, value string) {
	t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, name
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value, config.Op = key, &value, kmsg.IncrementalAlterConfigOpSet
	resource.Configs = append(resource.Configs, config)
	request.Resources = append(request.Resources, resource)
	expect(t, fmt.Sprintf("%s of %v %q", key, kind, name), ask[*kmsg.IncrementalAlterConfigsResponse](t, c, request).Resources[0].ErrorCode, nil)
}

// reassign asks for other replicas of a partition; none at all cancels.
func (c *cluster) reassign(t testing.TB, topic string, replicas []int32, want *kerr.Error) {
	t.Helper()
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	asked := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	partition := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	asked.Topic, partition.Replicas = topic, replicas
	asked.Partitions = append(asked.Partitions, partition)
	request.Topics = append(request.Topics, asked)
	response := ask[*kmsg.AlterPartitionAssignmentsResponse](t, c, request)
	expect(t, fmt.Sprintf("reassign %s to %v", topic, replicas), response.ErrorCode, nil)
	expect(t, fmt.Sprintf("reassign %s to %v", topic, replicas), response.Topics[0].Partitions[0].ErrorCode, want)
}

// pinned is a client that speaks one request at one version.
func pinned(t testing.TB, c *cluster, key kmsg.Key, version int16) *kgo.Client {
	t.Helper()
	versions := kversion.V3_1_0()
	versions.SetMaxKeyVersion(key.Int16(), version)
	return newKafkaClient(t, c, kgo.MaxVersions(versions))
}
