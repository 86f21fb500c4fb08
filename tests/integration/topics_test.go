package integration

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

func TestTopicIsNotCreatedWhereThatIsOff(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, map[string]string{"auto.create.topics.enable": "false"})
	connected := connect(t, c.Bootstrap(), kgo.UnknownTopicRetries(1), kgo.AllowAutoTopicCreation())
	defer connected.Close()
	err := connected.ProduceSync(t.Context(), &kgo.Record{Topic: "nowhere", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("got %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
	if code := describeTopic(t, c.Bootstrap(), "nowhere").ErrorCode; kerr.ErrorForCode(code) != kerr.UnknownTopicOrPartition {
		t.Errorf("the topic was created: code %d", code)
	}
}

// TestDeletedTopicBeginsAnew deletes a topic with records and creates it again.
func TestDeletedTopicBeginsAnew(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		topic := "again-" + one.name()
		ids := map[[16]byte]bool{}
		for round := range 3 {
			// The broker says that a topic is gone before the last of it is.
			framework.Until(t, patience, "the topic is created", func() bool {
				code := ask(t, c.Bootstrap(), createRequest(topic, 2, 1, nil)).Topics[0].ErrorCode
				return code != kerr.TopicAlreadyExists.Code && !t.Failed()
			})
			framework.Until(t, patience, "the topic has leaders", func() bool {
				described := describeTopic(t, c.Bootstrap(), topic)
				return described.ErrorCode == 0 && len(described.Partitions) == 2
			})
			ids[describeTopic(t, c.Bootstrap(), topic).TopicID] = true
			if end := listOffset(t, c.Bootstrap(), topic, 0, latest); end != 0 {
				t.Errorf("round %d: the new topic ends at %d", round, end)
			}
			prefix := fmt.Sprintf("round-%d-", round)
			produceEvenly(t, c.Bootstrap(), topic, 2, values(numbered(topic, prefix, 20)))
			for _, r := range readAll(t, one, c.Bootstrap(), topic, 1, position{}, 10) {
				if r.value[:len(prefix)] != prefix {
					t.Errorf("round %d: got %s", round, r.value)
				}
			}
			deleteTopic(t, c.Bootstrap(), topic)
			framework.Until(t, patience, "the topic is gone", func() bool {
				return kerr.ErrorForCode(describeTopic(t, c.Bootstrap(), topic).ErrorCode) == kerr.UnknownTopicOrPartition
			})
		}
		if len(ids) != 3 {
			t.Errorf("%d ids for 3 topics", len(ids))
		}
	})
}

// alterConfigs sets settings of a topic or, by the name "", of all brokers.
func alterConfigs(t testing.TB, bootstrap string, kind kmsg.ConfigResourceType, name string, settings map[string]string) kmsg.IncrementalAlterConfigsResponseResource {
	t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kind, name
	for key, value := range settings {
		config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		config.Name, config.Value, config.Op = key, &value, kmsg.IncrementalAlterConfigOpSet
		resource.Configs = append(resource.Configs, config)
	}
	request.Resources = append(request.Resources, resource)
	return ask(t, bootstrap, request).Resources[0]
}

// TestRetentionChangesWhileRunning lowers a topic's retention: its old segments go,
// what is left keeps its offsets. It takes the 30 seconds after which a broker
// begins to look for old segments.
func TestRetentionChangesWhileRunning(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, map[string]string{"log.retention.check.interval.ms": "100"})
	createTopic(t, c.Bootstrap(), "short", 1, nil)
	sendSingly := func(prefix string) {
		for i := range 20 {
			franzClient{}.send(t, c.Bootstrap(), []record{{topic: "short", value: fmt.Sprintf("%s%0200d", prefix, i)}}, delivery{})
		}
	}
	sendSingly("one-segment")
	succeed(t, "smaller segments", alterConfigs(t, c.Bootstrap(), kmsg.ConfigResourceTypeTopic, "short", map[string]string{"segment.bytes": "1000"}).ErrorCode)
	sendSingly("many-segments")
	if start := listOffset(t, c.Bootstrap(), "short", 0, earliest); start != 0 {
		t.Fatalf("the log starts at %d before retention was lowered", start)
	}
	succeed(t, "less retention", alterConfigs(t, c.Bootstrap(), kmsg.ConfigResourceTypeTopic, "short", map[string]string{"retention.bytes": "2000"}).ErrorCode)
	framework.Until(t, patience, "old segments are deleted", func() bool {
		return listOffset(t, c.Bootstrap(), "short", 0, earliest) > 20
	})
	start := listOffset(t, c.Bootstrap(), "short", 0, earliest)
	got := readAll(t, franzClient{}, c.Bootstrap(), "short", 0, position{}, int(40-start))
	if got[0].offset != start || got[len(got)-1].offset != 39 {
		t.Errorf("the rest is %d to %d, want %d to 39", got[0].offset, got[len(got)-1].offset, start)
	}
}

// TestBrokerSettingChangesWhileRunning sets a cluster-wide dynamic default.
func TestBrokerSettingChangesWhileRunning(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "limited", 1, nil)
	connected := connect(t, c.Bootstrap(), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerBatchMaxBytes(4<<20))
	defer connected.Close()
	big := func() error {
		return connected.ProduceSync(t.Context(), &kgo.Record{Topic: "limited", Value: make([]byte, 2<<20)}).FirstErr()
	}
	if err := big(); !errors.Is(err, kerr.MessageTooLarge) {
		t.Fatalf("before: %v, want %v", err, kerr.MessageTooLarge)
	}
	succeed(t, "a higher limit", alterConfigs(t, c.Bootstrap(), kmsg.ConfigResourceTypeBroker, "", map[string]string{"message.max.bytes": "3000000"}).ErrorCode)
	framework.Until(t, patience, "the limit holds", func() bool { return big() == nil })
}

// TestDeleteRecordsMovesTheStart deletes records up to an offset.
func TestDeleteRecordsMovesTheStart(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		topic := "cut-" + one.name()
		createTopic(t, c.Bootstrap(), topic, 1, nil)
		one.send(t, c.Bootstrap(), numbered(topic, "value-", 30), delivery{})
		for _, test := range []struct {
			to, low int64
			want    error
		}{{10, 10, nil}, {5, 10, nil}, {31, -1, kerr.OffsetOutOfRange}, {-1, 30, nil}} {
			low, err := deleteRecords(t, c.Bootstrap(), topic, test.to)
			if low != test.low || err != test.want {
				t.Errorf("to %d: got %d, %v; want %d, %v", test.to, low, err, test.low, test.want)
			}
			if test.to == 10 {
				if got := readAll(t, one, c.Bootstrap(), topic, 0, position{}, 5); got[0].offset != 10 {
					t.Errorf("reading begins at %d, want 10", got[0].offset)
				}
			}
		}
		if start := listOffset(t, c.Bootstrap(), topic, 0, earliest); start != 30 {
			t.Errorf("the log starts at %d, want 30", start)
		}
	})
}

func deleteRecords(t testing.TB, bootstrap, name string, to int64) (int64, error) {
	t.Helper()
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = name
	partition := kmsg.NewDeleteRecordsRequestTopicPartition()
	partition.Offset = to
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	answer := ask(t, bootstrap, request).Topics[0].Partitions[0]
	return answer.LowWatermark, kerr.ErrorForCode(answer.ErrorCode)
}
