package integration

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// clusterKind is a broker with one kind of ZooKeeper beneath it.
type clusterKind struct {
	name  string
	start func(t testing.TB, overrides map[string]string) broker
}

// broker is what tests of every kind of cluster need to know.
type broker interface{ Bootstrap() string }

// clusterKinds are those of this run.
func clusterKinds() []clusterKind {
	return append([]clusterKind{{string(framework.GregorInProcess), func(t testing.TB, overrides map[string]string) broker {
		return framework.StartInProcess(t, overrides)
	}}}, peerClusters...)
}

// ask sends one request of the protocol and gives the answer to it.
func ask[R kmsg.Response](t testing.TB, bootstrap string, request interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}) R {
	t.Helper()
	connected := connect(t, bootstrap)
	defer connected.Close()
	return askOn(t, connected, request)
}

func askOn[R kmsg.Response](t testing.TB, connected *kgo.Client, request interface {
	kmsg.Request
	RequestWith(context.Context, kmsg.Requestor) (R, error)
}) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	response, err := request.RequestWith(ctx, connected)
	if err != nil {
		t.Fatalf("%s: %v", kmsg.NameForKey(request.Key()), err)
	}
	return response
}

// succeed fails the test when a code is one of an error.
func succeed(t testing.TB, what string, code int16) {
	t.Helper()
	if err := kerr.ErrorForCode(code); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func createTopic(t testing.TB, bootstrap, name string, partitions int32, configs map[string]string) {
	t.Helper()
	response := ask(t, bootstrap, createRequest(name, partitions, 1, configs))
	succeed(t, "create "+name, response.Topics[0].ErrorCode)
}

func createRequest(name string, partitions int32, replicas int16, configs map[string]string) *kmsg.CreateTopicsRequest {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, partitions, replicas
	for key, value := range configs {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, &value
		topic.Configs = append(topic.Configs, config)
	}
	request.Topics = append(request.Topics, topic)
	return request
}

func deleteTopic(t testing.TB, bootstrap, name string) {
	t.Helper()
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	request.TopicNames = []string{name}
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	succeed(t, "delete "+name, ask(t, bootstrap, request).Topics[0].ErrorCode)
}

func describeTopic(t testing.TB, bootstrap, name string) kmsg.MetadataResponseTopic {
	t.Helper()
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = &name
	request.Topics = append(request.Topics, topic)
	return ask(t, bootstrap, request).Topics[0]
}

// timestamps of ListOffsets.
const latest, earliest = -1, -2

// listOffset asks for the offset at a timestamp, latest or earliest. A broker that
// was just started does not know its partitions yet.
func listOffset(t testing.TB, bootstrap, name string, partition int32, timestamp int64) int64 {
	t.Helper()
	request := kmsg.NewPtrListOffsetsRequest()
	asked := kmsg.ListOffsetsRequestTopicPartition{Partition: partition, Timestamp: timestamp, CurrentLeaderEpoch: -1}
	request.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: name, Partitions: []kmsg.ListOffsetsRequestTopicPartition{asked}}}
	connected := connect(t, bootstrap)
	defer connected.Close()
	offset := int64(-1)
	framework.Until(t, patience, "the broker tells the offsets of "+name, func() bool {
		response, err := request.RequestWith(t.Context(), connected)
		if err != nil {
			return false
		}
		answer := response.Topics[0].Partitions[0]
		offset = answer.Offset
		return answer.ErrorCode == 0
	})
	return offset
}

// produceEvenly sends the values to the partitions, each as many in a row.
func produceEvenly(t testing.TB, bootstrap, name string, partitions int32, values []string) {
	t.Helper()
	connected := connect(t, bootstrap, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer connected.Close()
	each := len(values) / int(partitions)
	for i, value := range values {
		sent := &kgo.Record{Topic: name, Partition: int32(i / each), Value: []byte(value)}
		connected.Produce(context.Background(), sent, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	flush(t, connected)
}
