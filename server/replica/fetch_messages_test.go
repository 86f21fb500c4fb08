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
)

func TestAFetchWithEnoughBytesIsAnsweredAtOnce(t *testing.T) {
	n := single(t, 1, nil)
	n.append(0, 3)
	result := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1}, readAt(0, 0)).now()[0]
	defer result.ReleaseRecords()
	if result.ErrorCode != 0 || result.RecordsSize() == 0 || result.HighWatermark != 3 || result.LastStableOffset != 3 || result.LogStartOffset != 0 ||
		result.PreferredReadReplica != -1 || result.AbortedTransactions != nil {
		t.Errorf("%+v", result)
	}
}

func TestAFetchWaitsForMinBytes(t *testing.T) {
	n := single(t, 2, nil)
	size := len(batchOf(1, 10))
	box := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 2 * size}, readAt(0, 0), readAt(1, 0))
	box.none()
	n.append(0, 1)
	box.none()
	n.append(1, 1)
	results := box.now()
	if results[0].RecordsSize() != size || results[1].RecordsSize() != size {
		t.Errorf("%+v", results)
	}
	releaseAll(results)
	if n.delayedFetch.Delayed() != 0 {
		t.Error("the fetch still waits")
	}
}

func TestAFetchIsAnsweredWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := single(t, 1, nil)
		box := n.fetch(FetchParams{ReplicaID: -1, MaxWait: 500 * time.Millisecond, MinBytes: 1}, readAt(0, 0))
		time.Sleep(499 * time.Millisecond)
		synctest.Wait()
		box.none()
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if result := box.now()[0]; result.ErrorCode != 0 || result.Records != nil {
			t.Errorf("%+v", result)
		}
		if n.metrics.consumerFetchExpires.Count() != 1 {
			t.Error("the expiry is not counted")
		}
		n.append(0, 1)
	})
}

func TestFetchLimits(t *testing.T) {
	n := single(t, 3, nil)
	for partition := range int32(3) {
		n.append(partition, 1)
		n.append(partition, 1)
	}
	size := len(batchOf(1, 10))
	limited := func(partition int32, bytes int) FetchPartition {
		request := readAt(partition, 0)
		request.MaxBytes = int32(bytes)
		return request
	}
	tests := []struct {
		name       string
		maxBytes   int
		hard       bool
		partitions []FetchPartition
		want       []int
	}{
		{"all fits", 100 * size, false, []FetchPartition{readAt(0, 0), readAt(1, 0)}, []int{2 * size, 2 * size}},
		{"the request's limit", 3 * size, false, []FetchPartition{readAt(0, 0), readAt(1, 0), readAt(2, 0)}, []int{2 * size, size, 0}},
		{"the partition's limit", 100 * size, false, []FetchPartition{limited(0, size), limited(1, 2*size)}, []int{size, 2 * size}},
		{"one batch comes whole", 1, false, []FetchPartition{limited(0, 1), limited(1, size)}, []int{size, 0}},
		{"the first with data may", 100 * size, false, []FetchPartition{readAt(0, 2), limited(1, 1), limited(2, 1)}, []int{0, size, 0}},
		{"a hard limit cuts", 100 * size, true, []FetchPartition{limited(0, size-1), limited(1, size)}, []int{size - 1, size}},
	}
	for _, test := range tests {
		results := n.fetch(FetchParams{ReplicaID: -1, MinBytes: 1, MaxBytes: test.maxBytes, HardMaxBytesLimit: test.hard}, test.partitions...).now()
		for i, want := range test.want {
			if got := results[i].RecordsSize(); got != want {
				t.Errorf("%s: partition %d gives %d bytes, want %d", test.name, i, got, want)
			}
		}
		releaseAll(results)
	}
}

func TestFetchErrorsAreAnsweredWithoutDelay(t *testing.T) {
	n := single(t, 1, nil)
	id := topic.NewID()
	elect([]*node{n}, "named", id, state(0, 1, 5, 1))
	tell([]*node{n}, "elsewhere", topic.ID{}, state(0, 2, 0, 2))
	of := func(name string, change func(*FetchPartition)) FetchPartition {
		request := FetchPartition{Partition: topic.Partition{Topic: name}, MaxBytes: 1000, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1}
		change(&request)
		return request
	}
	none := func(*FetchPartition) {}
	tests := []struct {
		name    string
		request FetchPartition
		want    *kerr.Error
	}{
		{"unknown", of("no", none), kerr.UnknownTopicOrPartition},
		{"elsewhere", of("elsewhere", none), kerr.NotLeaderForPartition},
		{"beyond the end", of("t", func(p *FetchPartition) { p.FetchOffset = 1 }), kerr.OffsetOutOfRange},
		{"old epoch", of("named", func(p *FetchPartition) { p.CurrentLeaderEpoch = 4 }), kerr.FencedLeaderEpoch},
		{"new epoch", of("named", func(p *FetchPartition) { p.CurrentLeaderEpoch = 6 }), kerr.UnknownLeaderEpoch},
		{"another topic's id", of("named", func(p *FetchPartition) { p.TopicID = topic.NewID() }), kerr.InconsistentTopicID},
	}
	for _, test := range tests {
		results := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1}, readAt(0, 0), test.request).now()
		if got := results[1]; got.ErrorCode != test.want.Code || got.HighWatermark != -1 || got.LastStableOffset != -1 || got.LogStartOffset != -1 || got.PreferredReadReplica != -1 {
			t.Errorf("%s: %+v, want %v", test.name, got, test.want)
		}
	}
	right := of("named", func(p *FetchPartition) { p.TopicID, p.CurrentLeaderEpoch = id, 5 })
	if result := n.fetch(FetchParams{ReplicaID: -1, MinBytes: 1}, right).now()[0]; result.ErrorCode != 0 || result.TopicID != id {
		t.Errorf("%+v", result)
	}
}

func TestConsumersReadToTheHighWatermarkAndFollowersToTheEnd(t *testing.T) {
	n := replicated(t, nil)
	n.follow(2, 0, 0)
	n.append(0, 2)
	if result := n.fetch(FetchParams{ReplicaID: -1, MinBytes: 1}, readAt(0, 0)).now()[0]; result.RecordsSize() != 0 || result.HighWatermark != 0 {
		t.Errorf("a consumer sees %d bytes that are not replicated", result.RecordsSize())
	}
	results := n.fetch(FetchParams{ReplicaID: 2, MinBytes: 1}, readAt(0, 0)).now()
	if results[0].RecordsSize() == 0 {
		t.Error("a follower does not get what it has to copy")
	}
	releaseAll(results)
}

func TestAWaitingFollowerWakesOnAppendAndAConsumerOnReplication(t *testing.T) {
	n := replicated(t, nil)
	consumer := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1}, readAt(0, 0))
	follower := n.fetch(FetchParams{ReplicaID: 2, MaxWait: time.Minute, MinBytes: 1}, readAt(0, 0))
	consumer.none()
	follower.none()
	n.append(0, 1)
	releaseAll(follower.now())
	consumer.none()
	n.follow(2, 0, 1)
	releaseAll(consumer.now())
}

func TestWaitingFetchesEndWithLeadership(t *testing.T) {
	n := replicated(t, nil)
	consumer := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1}, readAt(0, 0))
	consumer.none()
	elect([]*node{n}, "t", topic.ID{}, state(0, 3, 1, 1, 2, 3))
	if result := consumer.now()[0]; result.ErrorCode != kerr.NotLeaderForPartition.Code {
		t.Errorf("%+v", result)
	}
	// Newer consumers read from followers.
	modern := n.fetch(FetchParams{ReplicaID: -1, MinBytes: 1, Client: &ClientMetadata{Listener: listener}}, readAt(0, 0)).now()[0]
	if modern.ErrorCode != 0 {
		t.Errorf("%+v", modern)
	}
}

func TestAFetchByNoReplicaIsRefused(t *testing.T) {
	n := replicated(t, nil)
	n.append(0, 1)
	request := readAt(0, 0)
	request.CurrentLeaderEpoch = 0
	if result := n.fetch(FetchParams{ReplicaID: 9, MinBytes: 1}, request).now()[0]; result.ErrorCode != kerr.UnknownLeaderEpoch.Code || result.Records != nil {
		t.Errorf("%+v", result)
	}
}

func TestDivergenceEndsAWait(t *testing.T) {
	n := replicated(t, nil)
	n.append(0, 2)
	n.follow(2, 0, 2)
	elect([]*node{n}, "t", topic.ID{}, state(0, 1, 4, 1, 2))
	request := readAt(0, 2)
	request.LastFetchedEpoch, request.CurrentLeaderEpoch = 2, 4
	result := n.fetch(FetchParams{ReplicaID: 2, MaxWait: time.Minute, MinBytes: 1}, request).now()[0]
	if !result.Diverged || result.Diverging.LeaderEpoch != 0 || result.Diverging.Offset != 2 || result.HighWatermark != 2 {
		t.Errorf("%+v", result)
	}
}

func TestPreferredReadReplica(t *testing.T) {
	n := newNode(t, newNetwork(), 1, map[string]string{"replica.selector.class": rackAwareSelector}, nil)
	elect([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1, 2, 3))
	n.append(0, 2)
	n.follow(2, 0, 2)
	n.follow(3, 0, 0)
	client := func(rack string) FetchParams {
		return FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1, Client: &ClientMetadata{Rack: rack, Listener: listener}}
	}
	if result := n.fetch(client("rack2"), readAt(0, 1)).now()[0]; result.PreferredReadReplica != 2 || result.Records != nil || result.ErrorCode != 0 {
		t.Errorf("rack of an in-sync replica: %+v", result)
	}
	for _, rack := range []string{"", "rack1", "rack7"} {
		params := client(rack)
		params.MaxWait = 0
		if result := n.fetch(params, readAt(0, 0)).now()[0]; result.PreferredReadReplica != -1 {
			t.Errorf("rack %q: %+v", rack, result)
		}
	}
	late := client("rack3")
	late.MaxWait = 0
	if result := n.fetch(late, readAt(0, 1)).now()[0]; result.PreferredReadReplica != -1 {
		t.Errorf("a replica without the offset is offered: %+v", result)
	}
	// Broker 2 leaves the ISR and is no longer offered (KAFKA-14372).
	shrunk := state(0, 1, 1, 1, 2, 3)
	shrunk.ISR = []int32{1, 3}
	elect([]*node{n}, "t", topic.ID{}, shrunk)
	outside := client("rack2")
	outside.MaxWait = 0
	if result := n.fetch(outside, readAt(0, 0)).now()[0]; result.PreferredReadReplica != -1 {
		t.Errorf("a replica outside the ISR is offered: %+v", result)
	}
}

// usedUp is a quota that throttles everything.
type usedUp struct {
	exceeded atomic.Bool
	recorded atomic.Int64
}

func (q *usedUp) IsThrottled(topic.Partition) bool { return true }
func (q *usedUp) IsQuotaExceeded() bool            { return q.exceeded.Load() }
func (q *usedUp) Record(bytes int64)               { q.recorded.Add(bytes) }

func TestLeaderThrottlesReplicasThatAreNotInSync(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, nil)
	out := state(0, 1, 0, 1, 2, 3)
	out.ISR = []int32{1, 2}
	elect([]*node{n}, "t", topic.ID{}, out)
	n.append(0, 2)
	out.LeaderEpoch++ // starts behind the records, so that a replica without them may not join
	elect([]*node{n}, "t", topic.ID{}, out)
	quota := &usedUp{}
	quota.exceeded.Store(true)
	n.options.Quotas.Leader = quota
	for follower, throttled := range map[int32]bool{2: false, 3: true} {
		results := n.fetch(FetchParams{ReplicaID: follower, MinBytes: 1}, readAt(0, 0)).now()
		if got := results[0].RecordsSize() == 0; got != throttled {
			t.Errorf("replica %d throttled: %t", follower, got)
		}
		releaseAll(results)
	}
	box := n.fetch(FetchParams{ReplicaID: 3, MinBytes: 1, MaxWait: time.Minute}, readAt(0, 0))
	n.append(0, 1)
	box.none()
	quota.exceeded.Store(false)
	n.append(0, 1)
	releaseAll(box.now())
	if quota.recorded.Load() == 0 {
		t.Error("throttled bytes are not recorded")
	}
}

func TestIncrementalSessionsServeRealRecords(t *testing.T) {
	n := single(t, 3, nil)
	context := n.sessions.NewContext(fetchRequest(12, 0, 0, 0, 1, 2))
	read := func(context FetchContext) FetchResponse {
		results := n.fetch(FetchParams{ReplicaID: -1, MinBytes: 1}, context.AppendPartitions(nil)...).now()
		return context.UpdateAndGenerateResponse(results)
	}
	id := read(context).SessionID
	n.append(0, 1)
	context = n.sessions.NewContext(fetchRequest(12, id, 1))
	response := read(context)
	if len(response.Partitions) != 1 || response.Partitions[0].RecordsSize() == 0 {
		t.Fatalf("%+v", response)
	}
	releaseAll(response.Partitions)
	// The partition that was served now stands behind the others.
	next := n.sessions.NewContext(fetchRequest(12, id, 2)).AppendPartitions(nil)
	if next[0].Partition != tpOf(1) || next[1].Partition != tpOf(2) || next[2].Partition != tpOf(0) {
		t.Errorf("order %+v", next)
	}
}

// TestFetchIsAnsweredExactlyOnce races appends, expiry and elections.
func TestFetchIsAnsweredExactlyOnce(t *testing.T) {
	n := single(t, 2, nil)
	var answers atomic.Int32
	var work sync.WaitGroup
	const consumers, requests = 4, 50
	for range consumers {
		work.Go(func() {
			for range requests {
				end := n.LocalLog(tpOf(0)).HighWatermark()
				n.FetchMessages(&FetchParams{ReplicaID: -1, MaxWait: time.Millisecond, MinBytes: 1, MaxBytes: 1000},
					[]FetchPartition{readAt(0, end), readAt(1, 0)}, func(results []FetchPartitionResult) {
						releaseAll(results)
						answers.Add(1)
					})
			}
		})
	}
	work.Go(func() {
		for range 100 {
			n.produce(1, 0, ProducePartition{tpOf(0), batchOf(1, 10)})
		}
	})
	work.Go(func() {
		for epoch := range int32(20) {
			n.BecomeLeaderOrFollower(0, leaderAndIsr("t", topic.ID{}, state(0, 1, epoch+1, 1)), func(_, _ []*cluster.Partition) {})
		}
	})
	work.Wait()
	eventually(t, "every fetch is answered", func() bool { return answers.Load() == consumers*requests })
}

func BenchmarkAppendRecords(b *testing.B) {
	for name, acks := range map[string]int16{"acks=1": 1, "acks=all": -1} {
		b.Run(name, func(b *testing.B) {
			n := newNode(b, newNetwork(), 1, map[string]string{"log.dirs": b.TempDir()}, nil)
			elect([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1))
			batch := batchOf(100, 1000)
			records := make([]byte, len(batch))
			params := &ProduceParams{Timeout: time.Second, RequiredAcks: acks, Origin: 2}
			entries := []ProducePartition{{tpOf(0), records}}
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				copy(records, batch)
				n.AppendRecords(params, entries, func(results []ProducePartitionResult) {
					if results[0].ErrorCode != 0 {
						b.Fatal(results)
					}
				})
			}
		})
	}
}

func BenchmarkFetchMessages(b *testing.B) {
	n := newNode(b, newNetwork(), 1, map[string]string{"log.dirs": b.TempDir()}, nil)
	elect([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1))
	for range 100 {
		n.produce(1, 0, ProducePartition{tpOf(0), batchOf(10, 1000)})
	}
	params := &FetchParams{ReplicaID: -1, MinBytes: 1, MaxBytes: 1 << 20}
	for name, offset := range map[string]int64{"data": 500, "at the end": 1000} {
		b.Run(name, func(b *testing.B) {
			partitions := []FetchPartition{readAt(0, offset)}
			b.ReportAllocs()
			for b.Loop() {
				n.FetchMessages(params, partitions, releaseAll)
			}
		})
	}
}

// BenchmarkSessionOfManyPartitions is a round of a follower that has nothing
// new in any of its partitions, and one in which it waits.
func BenchmarkSessionOfManyPartitions(b *testing.B) {
	const count = 2000
	n := newNode(b, newNetwork(), 1, map[string]string{"log.dirs": b.TempDir()}, nil)
	var states []kmsg.LeaderAndISRRequestTopicPartition
	for partition := range int32(count) {
		states = append(states, state(partition, 1, 0, 1))
	}
	elect([]*node{n}, "t", topic.ID{}, states...)
	var partitions []FetchPartition
	for partition := range int32(count) {
		partitions = append(partitions, readAt(partition, 0))
	}
	b.Run("without data", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.FetchMessages(&FetchParams{ReplicaID: -1, MinBytes: 1, MaxBytes: 1000}, partitions, releaseAll)
		}
	})
	b.Run("woken by the last", func(b *testing.B) {
		b.ReportAllocs()
		records := batchOf(1, 10)
		for b.Loop() {
			partitions[count-1].FetchOffset = n.LocalLog(tpOf(count - 1)).HighWatermark()
			answered := false
			n.FetchMessages(&FetchParams{ReplicaID: -1, MaxWait: time.Minute, MinBytes: 1, MaxBytes: 1000}, partitions, func(results []FetchPartitionResult) {
				releaseAll(results)
				answered = true
			})
			n.AppendRecords(&ProduceParams{RequiredAcks: 1, Origin: log.OriginClient}, []ProducePartition{{tpOf(count - 1), append([]byte(nil), records...)}}, func([]ProducePartitionResult) {})
			if !answered {
				b.Fatal("not woken")
			}
		}
	})
}
