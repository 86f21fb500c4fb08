package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// TestRequestBatch runs scripts of what a round of state changes tells the
// brokers; "send" prints what reached them. The protocol decides the versions,
// and so the layout.
func TestRequestBatch(t *testing.T) {
	datadriven.Walk(t, "testdata/requests", func(t *testing.T, path string) {
		var b *batchUnderTest
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "protocol" {
				b = newBatchUnderTest(t, d)
				return ""
			}
			return b.run(t, d)
		})
	})
}

type batchUnderTest struct {
	batch  *requestBatch
	answer strings.Builder
}

func newBatchUnderTest(t *testing.T, d *datadriven.TestData) *batchUnderTest {
	protocol, err := config.ParseApiVersion(d.CmdArgs[0].Key)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	b := &batchUnderTest{}
	context := newControllerContext()
	context.epoch = 9
	rack := "r1"
	for _, id := range []int32{1, 2} {
		context.addLiveBroker(zkdata.Broker{ID: id, Epoch: int64(id) * 100, Rack: &rack, Endpoints: brokerInfo(id).Endpoints})
	}
	b.batch = &requestBatch{
		brokerID: 1, versions: requestVersionsOf(protocol), interBrokerListener: "PLAINTEXT", context: context,
		stateChanges: newStateChangeLogger(1), log: prefixed("test", ""),
		answers: answerHandlers{
			leaderAndIsr:   func(_, _ int32, _ *kmsg.LeaderAndISRResponse) {},
			updateMetadata: func(_, _ int32, _ *kmsg.UpdateMetadataResponse) {},
			stopReplica: func(epoch, id int32, _ *kmsg.StopReplicaResponse, deleted set[topic.Partition]) {
				fmt.Fprintf(&b.answer, "answer %d of broker %d about deleting %s\n", epoch, id, joined(sortedPartitions(deleted)))
			},
		},
	}
	b.batch.clear()
	return b
}

func (b *batchUnderTest) run(t *testing.T, d *datadriven.TestData) string {
	if d.Cmd == "send" {
		return b.send(t)
	}
	var partition topic.Partition
	partition.Topic = d.CmdArgs[0].Key
	d.MaybeScanArgs(t, "partition", &partition.Partition)
	switch d.Cmd {
	case "topic":
		b.batch.context.topicIDs[partition.Topic] = topic.ID{15: 7}
		b.batch.context.updateAssignment(partition, zkdata.ReplicaAssignment{Replicas: []int32{1, 2}})
		b.batch.context.putLeadership(partition, zkdata.LeaderIsrAndControllerEpoch{
			LeaderAndIsr: zkdata.LeaderAndIsr{Leader: 1, LeaderEpoch: 4, Isr: []int32{1, 2}, ZkVersion: 3}, ControllerEpoch: 8})
	case "delete-topic":
		b.batch.context.queueTopicDeletion([]string{partition.Topic})
	case "leader-and-isr":
		b.batch.addLeaderAndIsr(ids(t, d, "to"), partition, b.batch.context.leadership[partition],
			b.batch.context.fullAssignment(partition), d.HasArg("new"))
	case "update-metadata":
		b.batch.addUpdateMetadata(ids(t, d, "to"), partition)
	case "stop-replica":
		b.batch.addStopReplica(ids(t, d, "to"), partition, d.HasArg("delete"))
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	return ""
}

func (b *batchUnderTest) send(t *testing.T) string {
	sender := newRecordingSender()
	synctest.Test(t, func(t *testing.T) {
		b.batch.channels = newChannelManager(1, "PLAINTEXT", sender, time.Minute, newControllerMetrics(nil))
		for _, broker := range b.batch.context.liveBrokers {
			b.batch.channels.addBroker(broker)
		}
		b.batch.send()
		synctest.Wait()
		b.batch.channels.shutdown()
	})
	slices.SortStableFunc(sender.requests, func(x, y sentRequest) int { return int(x.broker - y.broker) })
	var out strings.Builder
	for _, sent := range sender.requests {
		fmt.Fprintf(&out, "to %d: ", sent.broker)
		describeRequest(&out, sent.request)
	}
	out.WriteString(b.answer.String())
	b.answer.Reset()
	return out.String()
}

func describeRequest(out *strings.Builder, request kmsg.Request) {
	switch r := request.(type) {
	case *kmsg.LeaderAndISRRequest:
		fmt.Fprintf(out, "LeaderAndIsr v%d controller %d epoch %d broker epoch %d leaders %s\n", r.Version, r.ControllerID, r.ControllerEpoch,
			r.BrokerEpoch, describeLeaders(r.LiveLeaders))
		for _, state := range r.PartitionStates {
			describeLeaderState(out, state.Topic, state)
		}
		for _, ofTopic := range r.TopicStates {
			for _, state := range ofTopic.PartitionStates {
				describeLeaderState(out, fmt.Sprintf("%s/%d", ofTopic.Topic, ofTopic.TopicID[15]), state)
			}
		}
	case *kmsg.UpdateMetadataRequest:
		fmt.Fprintf(out, "UpdateMetadata v%d controller %d epoch %d broker epoch %d\n", r.Version, r.ControllerID, r.ControllerEpoch, r.BrokerEpoch)
		for _, broker := range r.LiveBrokers {
			rack := "-"
			if broker.Rack != nil {
				rack = *broker.Rack
			}
			fmt.Fprintf(out, "  broker %d at %q:%d rack %s %+v\n", broker.ID, broker.Host, broker.Port, rack, endpointsOf(broker))
		}
		for _, state := range r.PartitionStates {
			describeMetadataState(out, state.Topic, state)
		}
		for _, ofTopic := range r.TopicStates {
			for _, state := range ofTopic.PartitionStates {
				describeMetadataState(out, fmt.Sprintf("%s/%d", ofTopic.Topic, ofTopic.TopicID[15]), state)
			}
		}
	case *kmsg.StopReplicaRequest:
		fmt.Fprintf(out, "StopReplica v%d controller %d epoch %d broker epoch %d delete %t\n", r.Version, r.ControllerID, r.ControllerEpoch,
			r.BrokerEpoch, r.DeletePartitions)
		for _, ofTopic := range r.Topics {
			switch {
			case r.Version == 0:
				fmt.Fprintf(out, "  %s-%d\n", ofTopic.Topic, ofTopic.Partition)
			case r.Version < 3:
				fmt.Fprintf(out, "  %s %v\n", ofTopic.Topic, ofTopic.Partitions)
			}
			for _, state := range ofTopic.PartitionStates {
				fmt.Fprintf(out, "  %s-%d epoch %d delete %t\n", ofTopic.Topic, state.Partition, state.LeaderEpoch, state.Delete)
			}
		}
	}
}

func describeLeaders(leaders []kmsg.LeaderAndISRRequestLiveLeader) string {
	var texts []string
	for _, leader := range leaders {
		texts = append(texts, fmt.Sprintf("%d@%s:%d", leader.BrokerID, leader.Host, leader.Port))
	}
	return strings.Join(texts, ",")
}

func describeLeaderState(out *strings.Builder, name string, s kmsg.LeaderAndISRRequestTopicPartition) {
	fmt.Fprintf(out, "  %s-%d of controller %d leader %d epoch %d isr %v version %d replicas %v new %t\n",
		name, s.Partition, s.ControllerEpoch, s.Leader, s.LeaderEpoch, s.ISR, s.ZKVersion, s.Replicas, s.IsNew)
}

func describeMetadataState(out *strings.Builder, name string, s kmsg.UpdateMetadataRequestTopicPartition) {
	fmt.Fprintf(out, "  %s-%d of controller %d leader %d epoch %d isr %v version %d replicas %v offline %v\n",
		name, s.Partition, s.ControllerEpoch, s.Leader, s.LeaderEpoch, s.ISR, s.ZKVersion, s.Replicas, s.OfflineReplicas)
}

func endpointsOf(broker kmsg.UpdateMetadataRequestLiveBroker) []string {
	var texts []string
	for _, endpoint := range broker.Endpoints {
		texts = append(texts, fmt.Sprintf("%s(%d)://%s:%d", endpoint.ListenerName, endpoint.SecurityProtocol, endpoint.Host, endpoint.Port))
	}
	return texts
}
