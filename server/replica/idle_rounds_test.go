package replica

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// roundOf has a follower fetch in its session once, and wait for records until
// meanwhile returns, if there is nothing at once.
func (n *node) roundOf(request *kmsg.FetchRequest, meanwhile func()) FetchResponse {
	context := n.sessions.NewContext(request)
	var response FetchResponse
	answered := false
	n.FetchMessages(&FetchParams{ReplicaID: request.ReplicaID, MaxWait: time.Minute, MinBytes: 1, MaxBytes: 1 << 20},
		context.AppendPartitions(nil), func(results []FetchPartitionResult) {
			response = context.UpdateAndGenerateResponse(results)
			answered = true
		})
	if !answered {
		meanwhile()
	}
	if !answered {
		n.t.Fatal("the follower still waits")
	}
	request.SessionID, request.SessionEpoch = response.SessionID, nextEpoch(request.SessionEpoch)
	request.Topics = nil
	return response
}

// followed is a leader of partitions of topic t, and the request with which replica
// 2 begins a session over them.
func followed(t testing.TB, count int32, settings map[string]string) (*node, *kmsg.FetchRequest) {
	n := newNode(t, newNetwork(), 1, settings, nil)
	var states []kmsg.LeaderAndISRRequestTopicPartition
	var asked []kmsg.FetchRequestTopicPartition
	for partition := range count {
		states = append(states, state(partition, 1, 0, 1, 2))
		asked = append(asked, askedOf(partition, 0))
	}
	elect([]*node{n}, "t", topic.ID{}, states...)
	request := fetchRequest(12, 0, 0)
	request.ReplicaID = 2
	request.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: asked}}
	return n, request
}

func askedOf(partition int32, offset int64) kmsg.FetchRequestTopicPartition {
	asked := kmsg.NewFetchRequestTopicPartition()
	asked.Partition, asked.PartitionMaxBytes, asked.CurrentLeaderEpoch, asked.FetchOffset = partition, 1000, 0, offset
	return asked
}

// TestAWaitingSessionIsToldOfAnyChange: whatever is remembered of the partitions
// of a session, that have nothing new round after round, a change of one of them
// ends the wait and is answered as to a request without a session.
func TestAWaitingSessionIsToldOfAnyChange(t *testing.T) {
	const count = 20
	for name, change := range map[string]struct {
		make func(n *node)
		code int16
	}{
		"records": {func(n *node) { n.append(7, 1) }, 0},
		"a new epoch": {func(n *node) {
			elect([]*node{n}, "t", topic.ID{}, state(7, 1, 1, 1, 2))
			n.CheckAndCompleteAll(tpOf(7)) // as the next record would
		}, kerr.FencedLeaderEpoch.Code},
		"a new leader": {func(n *node) { elect([]*node{n}, "t", topic.ID{}, state(7, 2, 1, 1, 2)) }, kerr.FencedLeaderEpoch.Code},
		"its deletion": {func(n *node) { n.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 7)) }, kerr.NotLeaderForPartition.Code},
		"a failed disk": {func(n *node) {
			n.stateChangeMu.Lock()
			n.markOfflineLocked(tpOf(7))
			n.stateChangeMu.Unlock()
			n.CheckAndCompleteAll(tpOf(7))
		}, kerr.KafkaStorageError.Code},
	} {
		t.Run(name, func(t *testing.T) {
			n, request := followed(t, count, nil)
			for round := range 4 { // the first tells all, the others have news of one
				response := n.roundOf(request, func() { n.append(1, 1) })
				if told := len(response.Partitions); round == 0 && told != count || round > 0 && told != 1 {
					t.Fatalf("round %d told of %d partitions", round, told)
				}
				releaseAll(response.Partitions)
				request.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: []kmsg.FetchRequestTopicPartition{askedOf(1, n.LocalLog(tpOf(1)).LogEndOffset())}}}
			}
			response := n.roundOf(request, func() { change.make(n) })
			defer releaseAll(response.Partitions)
			told := map[topic.Partition]int16{}
			for _, partition := range response.Partitions {
				told[partition.Partition] = partition.ErrorCode
			}
			if code, ok := told[tpOf(7)]; !ok || code != change.code {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// TestASessionFindsPartitionsThatComeBack: what was remembered of a partition goes
// when it goes.
func TestASessionFindsPartitionsThatComeBack(t *testing.T) {
	n, request := followed(t, 3, nil)
	round := func() map[topic.Partition]int16 {
		response := n.roundOf(request, func() { n.append(2, 1) })
		defer releaseAll(response.Partitions)
		request.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: []kmsg.FetchRequestTopicPartition{askedOf(2, n.LocalLog(tpOf(2)).LogEndOffset())}}}
		told := map[topic.Partition]int16{}
		for _, partition := range response.Partitions {
			told[partition.Partition] = partition.ErrorCode
		}
		return told
	}
	round()
	n.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 0))
	if told := round(); told[tpOf(0)] != kerr.NotLeaderForPartition.Code {
		t.Errorf("deleted: %v", told)
	}
	elect([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1, 2))
	if told := round(); told[tpOf(0)] != 0 || len(told) == 0 {
		t.Errorf("back: %v", told)
	}
}

// BenchmarkFollowerOfManyPartitionsWaits is a round of a follower that waits for
// one record in one of its partitions.
func BenchmarkFollowerOfManyPartitionsWaits(b *testing.B) {
	const count = 2000
	n, request := followed(b, count, map[string]string{"log.dirs": b.TempDir()})
	records := batchOf(1, 10)
	appendLast := func() {
		n.AppendRecords(&ProduceParams{RequiredAcks: 1, Origin: log.OriginClient}, []ProducePartition{{tpOf(count - 1), append([]byte(nil), records...)}}, func([]ProducePartitionResult) {})
	}
	n.roundOf(request, appendLast)
	b.ReportAllocs()
	for offset := int64(0); b.Loop(); offset++ {
		request.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: []kmsg.FetchRequestTopicPartition{askedOf(count-1, offset)}}}
		response := n.roundOf(request, appendLast)
		releaseAll(response.Partitions)
	}
}
