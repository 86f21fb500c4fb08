package replica

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/protocol"
)

func codeOf(err error) int16 { return protocol.ErrorCode(err) }

func TestOneReplicaAnswersEveryAcksAtOnce(t *testing.T) {
	n := single(t, 2, nil)
	for i, acks := range []int16{0, 1, -1} {
		results := n.produce(acks, time.Second, ProducePartition{tpOf(0), batchOf(2, 10)}, ProducePartition{tpOf(1), batchOf(1, 10)}).now()
		for partition, result := range results {
			if result.ErrorCode != 0 || result.Partition != tpOf(int32(partition)) || result.BaseOffset != int64(i*(2-partition)) || result.LogAppendTime != -1 {
				t.Errorf("acks=%d: %+v", acks, result)
			}
		}
	}
	if n.delayedProduce.Delayed() != 0 {
		t.Error("something was parked")
	}
}

func TestRefusedAppends(t *testing.T) {
	n := single(t, 1, map[string]string{"max.message.bytes": "1000"})
	tell([]*node{n}, "elsewhere", topic.ID{}, state(0, 2, 0, 2))
	broken := batchOf(1, 10)
	broken[len(broken)-1]++
	tests := []struct {
		name  string
		acks  int16
		entry ProducePartition
		want  *kerr.Error
	}{
		{"acks of two", 2, ProducePartition{tpOf(0), batchOf(1, 1)}, kerr.InvalidRequiredAcks},
		{"acks of minus two", -2, ProducePartition{tpOf(0), batchOf(1, 1)}, kerr.InvalidRequiredAcks},
		{"an unknown topic", -1, ProducePartition{topic.Partition{Topic: "no"}, batchOf(1, 1)}, kerr.UnknownTopicOrPartition},
		{"another broker's topic", -1, ProducePartition{topic.Partition{Topic: "elsewhere"}, batchOf(1, 1)}, kerr.NotLeaderForPartition},
		{"an internal topic", -1, ProducePartition{topic.Partition{Topic: topic.ConsumerOffsets}, batchOf(1, 1)}, kerr.InvalidTopicException},
		{"a large batch", -1, ProducePartition{tpOf(0), batchOf(1, 2000)}, kerr.MessageTooLarge},
		{"a broken batch", -1, ProducePartition{tpOf(0), broken}, kerr.CorruptMessage},
	}
	for _, test := range tests {
		result := n.produce(test.acks, time.Second, test.entry).now()[0]
		if result.ErrorCode != test.want.Code || result.BaseOffset != -1 || result.LogStartOffset != -1 || result.LogAppendTime != -1 {
			t.Errorf("%s: %+v, want %v", test.name, result, test.want)
		}
	}
	if end := n.LocalLog(tpOf(0)).LogEndOffset(); end != 0 {
		t.Errorf("%d records were appended", end)
	}
}

func TestOneFailingPartitionDoesNotHoldTheOthers(t *testing.T) {
	n := single(t, 1, nil)
	results := n.produce(-1, time.Second, ProducePartition{tpOf(0), batchOf(1, 1)}, ProducePartition{tpOf(9), batchOf(1, 1)}).now()
	if results[0].ErrorCode != 0 || results[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", results)
	}
}

// replicated is a node that leads t-0 with a second replica, which tests play.
func replicated(t *testing.T, topicSettings map[string]string) *node {
	n := newNode(t, newNetwork(), 1, nil, topicSettings)
	elect([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1, 2))
	return n
}

func TestAcksAllWaitsForTheFollower(t *testing.T) {
	n := replicated(t, nil)
	n.follow(2, 0, 0)
	box := n.produce(-1, time.Minute, ProducePartition{tpOf(0), batchOf(3, 10)})
	box.none()
	n.follow(2, 0, 0)
	box.none()
	n.follow(2, 0, 3)
	if result := box.now()[0]; result.ErrorCode != 0 || result.BaseOffset != 0 {
		t.Errorf("%+v", result)
	}
}

func TestAcksAllTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := replicated(t, nil)
		n.follow(2, 0, 0)
		box := n.produce(-1, 3*time.Second, ProducePartition{tpOf(0), batchOf(3, 10)}, ProducePartition{tpOf(9), batchOf(1, 1)})
		time.Sleep(2999 * time.Millisecond)
		synctest.Wait()
		box.none()
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		results := box.now()
		if results[0].ErrorCode != kerr.RequestTimedOut.Code || results[0].BaseOffset != 0 || results[1].ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("%+v", results)
		}
		n.follow(2, 0, 3) // must not answer again
		if n.metrics.produceExpires.Count() != 1 {
			t.Errorf("%d expirations", n.metrics.produceExpires.Count())
		}
	})
}

func TestAcksAllFailsWhenLeadershipIsLost(t *testing.T) {
	n := replicated(t, nil)
	n.follow(2, 0, 0)
	box := n.produce(-1, time.Minute, ProducePartition{tpOf(0), batchOf(3, 10)})
	box.none()
	elect([]*node{n}, "t", topic.ID{}, state(0, 3, 1, 1, 2, 3))
	if result := box.now()[0]; result.ErrorCode != kerr.NotLeaderForPartition.Code {
		t.Errorf("%+v", result)
	}
}

func TestAcksAllFailsWhenThePartitionIsDeleted(t *testing.T) {
	n := replicated(t, nil)
	n.follow(2, 0, 0)
	box := n.produce(-1, time.Minute, ProducePartition{tpOf(0), batchOf(3, 10)})
	tell([]*node{n}, "t", topic.ID{}, state(0, metadataDeleted, 1, 1, 2))
	n.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 0))
	if result := box.now()[0]; result.ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("%+v", result)
	}
}

const metadataDeleted int32 = -2

func stopRequest(version int16, epoch int32, deletes bool, partitions ...int32) *kmsg.StopReplicaRequest {
	request := &kmsg.StopReplicaRequest{Version: version, ControllerEpoch: 1, DeletePartitions: deletes, Topics: []kmsg.StopReplicaRequestTopic{{Topic: "t"}}}
	for _, partition := range partitions {
		of := &request.Topics[0]
		of.Partition = partition
		of.Partitions = append(of.Partitions, partition)
		of.PartitionStates = append(of.PartitionStates, kmsg.StopReplicaRequestTopicPartitionState{Partition: partition, LeaderEpoch: epoch, Delete: deletes})
	}
	return request
}

func TestNotEnoughReplicas(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, map[string]string{"min.insync.replicas": "2"})
	elect([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1))
	if result := n.produce(-1, time.Minute, ProducePartition{tpOf(0), batchOf(1, 1)}).now()[0]; result.ErrorCode != kerr.NotEnoughReplicas.Code {
		t.Errorf("%+v", result)
	}
}

// TestProduceIsAnsweredExactlyOnce races replication, expiry and elections.
func TestProduceIsAnsweredExactlyOnce(t *testing.T) {
	n := replicated(t, nil)
	n.follow(2, 0, 0)
	var answers atomic.Int32
	var work sync.WaitGroup
	const producers, requests = 4, 25
	for range producers {
		work.Go(func() {
			for range requests {
				n.AppendRecords(&ProduceParams{Timeout: time.Millisecond, RequiredAcks: -1, Origin: log.OriginClient},
					[]ProducePartition{{tpOf(0), batchOf(1, 10)}}, func([]ProducePartitionResult) { answers.Add(1) })
			}
		})
	}
	work.Go(func() {
		for range 100 {
			n.follow(2, 0, n.LocalLog(tpOf(0)).LogEndOffset())
		}
	})
	work.Go(func() {
		for epoch := range int32(10) {
			n.BecomeLeaderOrFollower(0, leaderAndIsr("t", topic.ID{}, state(0, 1, epoch+1, 1, 2)), func(_, _ []*cluster.Partition) {})
		}
	})
	work.Wait()
	eventually(t, "every request is answered", func() bool { return answers.Load() == producers*requests })
	if n.delayedProduce.Delayed() != 0 {
		t.Errorf("%d still wait", n.delayedProduce.Delayed())
	}
}

func TestDeferredCompletionsRunElsewhere(t *testing.T) {
	n := single(t, 1, nil)
	consumer := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1}, readAt(0, 0))
	var locked sync.Mutex
	answered := make(chan struct{})
	locked.Lock()
	box := newAnswerBox[[]ProducePartitionResult](t)
	// The consumer's respond wants a lock that the producer holds.
	second := newAnswerBox[[]FetchPartitionResult](t)
	n.FetchMessages(&FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1, MaxBytes: 1000}, []FetchPartition{readAt(0, 0)}, func(results []FetchPartitionResult) {
		locked.Lock()
		defer locked.Unlock()
		second.respond(results)
		close(answered)
	})
	n.AppendRecords(&ProduceParams{RequiredAcks: -1, Origin: log.OriginCoordinator, DeferCompletions: true, Timeout: time.Second},
		[]ProducePartition{{tpOf(0), batchOf(1, 1)}}, box.respond)
	box.now()
	locked.Unlock()
	<-answered
	releaseAll(second.now())
	releaseAll(consumer.wait())
}

func TestCoordinatorStorageWritesAndReadsBack(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, nil)
	elect([]*node{n}, topic.ConsumerOffsets, topic.ID{}, state(3, 1, 0, 1))
	storage, tp := n.CoordinatorStorage(), topic.Partition{Topic: topic.ConsumerOffsets, Partition: 3}
	for want := range int64(3) {
		storage.Append(tp, batchOf(1, 10), -1, time.Second, func(offset int64, err error) {
			if err != nil || offset != want {
				t.Errorf("offset %d %v, want %d", offset, err, want)
			}
		})
	}
	chunk, err := storage.Read(tp, 1, 1, nil)
	if err != nil || chunk.LogEndOffset != 3 || len(chunk.Batches) == 0 {
		t.Errorf("%+v %v", chunk, err)
	}
	if chunk, err = storage.Read(tp, 3, 1<<20, chunk.Batches); err != nil || len(chunk.Batches) != 0 {
		t.Errorf("at the end: %+v %v", chunk, err)
	}
	for name, tp := range map[string]topic.Partition{"unknown": {Topic: "no"}} {
		if _, err := storage.Read(tp, 0, 1, nil); codeOf(err) != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("%s: %v", name, err)
		}
	}
	elect([]*node{n}, topic.ConsumerOffsets, topic.ID{}, state(3, 2, 1, 1, 2))
	if _, err := storage.Read(tp, 0, 1, nil); codeOf(err) != kerr.NotLeaderForPartition.Code {
		t.Errorf("after the leader moved: %v", err)
	}
	storage.Append(tp, batchOf(1, 1), -1, time.Second, func(_ int64, err error) {
		if codeOf(err) != kerr.NotLeaderForPartition.Code {
			t.Errorf("append after the leader moved: %v", err)
		}
	})
}
