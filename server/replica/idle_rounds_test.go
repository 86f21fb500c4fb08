package replica

import (
	"testing"
	"time"

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

// BenchmarkFollowerOfManyPartitionsWaits is a round of a follower that waits for
// one record in one of its partitions.
func BenchmarkFollowerOfManyPartitionsWaits(b *testing.B) {
	const count = 2000
	n := newNode(b, newNetwork(), 1, map[string]string{"log.dirs": b.TempDir()}, nil)
	var states []kmsg.LeaderAndISRRequestTopicPartition
	request := fetchRequest(12, 0, 0)
	request.ReplicaID = 2
	all := kmsg.FetchRequestTopic{Topic: "t"}
	for partition := range int32(count) {
		states = append(states, state(partition, 1, 0, 1, 2))
		one := kmsg.NewFetchRequestTopicPartition()
		one.Partition, one.PartitionMaxBytes, one.CurrentLeaderEpoch = partition, 1000, 0
		all.Partitions = append(all.Partitions, one)
	}
	elect([]*node{n}, "t", topic.ID{}, states...)
	request.Topics = []kmsg.FetchRequestTopic{all}
	records := batchOf(1, 10)
	appendLast := func() {
		n.AppendRecords(&ProduceParams{RequiredAcks: 1, Origin: log.OriginClient}, []ProducePartition{{tpOf(count - 1), append([]byte(nil), records...)}}, func([]ProducePartitionResult) {})
	}
	n.roundOf(request, appendLast)
	b.ReportAllocs()
	for offset := int64(0); b.Loop(); offset++ {
		one := kmsg.NewFetchRequestTopicPartition()
		one.Partition, one.PartitionMaxBytes, one.CurrentLeaderEpoch, one.FetchOffset = count-1, 1000, 0, offset
		request.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: []kmsg.FetchRequestTopicPartition{one}}}
		response := n.roundOf(request, appendLast)
		releaseAll(response.Partitions)
	}
}
