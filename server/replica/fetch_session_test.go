package replica

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// sessions is a manager whose topics' ids are known as far as names has them.
func sessions(slots int, names map[topic.ID]string) *FetchSessionManager {
	return &FetchSessionManager{cache: newFetchSessionCache(slots, nil), topicName: func(id topic.ID) (string, bool) {
		name, ok := names[id]
		return name, ok
	}}
}

// fetchRequest asks for partitions 0 to n-1 of topic t.
func fetchRequest(version int16, sessionID, epoch int32, partitions ...int32) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.ReplicaID, request.SessionID, request.SessionEpoch = version, -1, sessionID, epoch
	if len(partitions) > 0 {
		of := kmsg.FetchRequestTopic{Topic: "t"}
		for _, partition := range partitions {
			asked := kmsg.NewFetchRequestTopicPartition()
			asked.Partition, asked.PartitionMaxBytes = partition, 1000
			of.Partitions = append(of.Partitions, asked)
		}
		request.Topics = []kmsg.FetchRequestTopic{of}
	}
	return request
}

// answers gives a result with that high watermark for all that is to be read.
func answers(context FetchContext, highWatermark int64) []FetchPartitionResult {
	var results []FetchPartitionResult
	for _, partition := range context.AppendPartitions(nil) {
		results = append(results, FetchPartitionResult{
			Partition: partition.Partition, TopicID: partition.TopicID, HighWatermark: highWatermark, PreferredReadReplica: -1, cached: partition.cached,
		})
	}
	return results
}

func partitionNumbers(results []FetchPartitionResult) []int32 {
	numbers := []int32{}
	for _, result := range results {
		numbers = append(numbers, result.Partition.Partition)
	}
	return numbers
}

// newSession makes a session of the given partitions and returns its id.
func newSession(t *testing.T, manager *FetchSessionManager, replicaID int32, partitions ...int32) int32 {
	t.Helper()
	request := fetchRequest(12, 0, 0, partitions...)
	request.ReplicaID = replicaID
	context := manager.NewContext(request)
	response := context.UpdateAndGenerateResponse(answers(context, 0))
	if response.ErrorCode != 0 || len(response.Partitions) != len(partitions) {
		t.Fatalf("full response: %+v", response)
	}
	return response.SessionID
}

func TestNextEpochNeverGivesTheInitialOneAgain(t *testing.T) {
	for epoch, want := range map[int32]int32{0: 1, 1: 2, math.MaxInt32 - 1: math.MaxInt32, math.MaxInt32: 1, -1: -1} {
		if got := nextEpoch(epoch); got != want {
			t.Errorf("after %d comes %d, want %d", epoch, got, want)
		}
	}
}

func TestIncrementalResponsesHaveNewsOnly(t *testing.T) {
	manager := sessions(10, nil)
	id := newSession(t, manager, -1, 0, 1, 2)
	if id == 0 {
		t.Fatal("no session")
	}
	epoch := int32(1)
	next := func(change func([]FetchPartitionResult)) []int32 {
		t.Helper()
		context := manager.NewContext(fetchRequest(12, id, epoch))
		epoch++
		results := answers(context, 0)
		change(results)
		response := context.UpdateAndGenerateResponse(results)
		if response.ErrorCode != 0 || response.SessionID != id {
			t.Fatalf("%+v", response)
		}
		return partitionNumbers(response.Partitions)
	}
	steps := []struct {
		name   string
		change func([]FetchPartitionResult)
		want   []int32
	}{
		{"nothing happened", func([]FetchPartitionResult) {}, []int32{}},
		{"a high watermark moved", func(r []FetchPartitionResult) { r[1].HighWatermark = 5 }, []int32{1}},
		{"it moved back, which is news too", func([]FetchPartitionResult) {}, []int32{1}},
		{"a log start moved", func(r []FetchPartitionResult) { r[0].LogStartOffset = 3 }, []int32{0}},
		{"and is back", func([]FetchPartitionResult) {}, []int32{0}},
		{"a divergence", func(r []FetchPartitionResult) { r[2].Diverged = true }, []int32{2}},
		{"another replica", func(r []FetchPartitionResult) { r[2].PreferredReadReplica = 4 }, []int32{2}},
		{"an error", func(r []FetchPartitionResult) { r[0].ErrorCode = kerr.KafkaStorageError.Code }, []int32{0}},
		{"the end of an error", func([]FetchPartitionResult) {}, []int32{0}},
		{"nothing happened again", func([]FetchPartitionResult) {}, []int32{}},
	}
	for _, step := range steps {
		if got := next(step.change); !slices.Equal(got, step.want) {
			t.Errorf("%s: partitions %v, want %v", step.name, got, step.want)
		}
	}
}

func TestIncrementalRequestsAddUpdateAndForget(t *testing.T) {
	manager := sessions(10, nil)
	id := newSession(t, manager, -1, 0, 1)

	request := fetchRequest(12, id, 1, 1, 2)
	request.Topics[0].Partitions[0].FetchOffset = 77
	request.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "t", Partitions: []int32{0, 9}}}
	partitions := manager.NewContext(request).AppendPartitions(nil)
	if len(partitions) != 2 || partitions[0].Partition.Partition != 1 || partitions[0].FetchOffset != 77 || partitions[1].Partition.Partition != 2 {
		t.Errorf("session has %+v", partitions)
	}
	if manager.cache.totalPartitions() != 2 {
		t.Errorf("%d partitions counted", manager.cache.totalPartitions())
	}

	request = fetchRequest(12, id, 2)
	request.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "t", Partitions: []int32{1, 2}}}
	response := manager.NewContext(request).UpdateAndGenerateResponse(nil)
	if response.ErrorCode != 0 || response.SessionID != 0 || manager.cache.size() != 0 || manager.cache.totalPartitions() != 0 {
		t.Errorf("an empty session is not closed: %+v", response)
	}
}

func TestSessionErrors(t *testing.T) {
	manager := sessions(10, nil)
	id := newSession(t, manager, -1, 0)
	tests := []struct {
		name    string
		request *kmsg.FetchRequest
		want    *kerr.Error
	}{
		{"unknown id", fetchRequest(12, id+1, 1, 0), kerr.FetchSessionIDNotFound},
		{"epoch ahead", fetchRequest(12, id, 2, 0), kerr.InvalidFetchSessionEpoch},
		{"topic ids in a session of names", fetchRequest(13, id, 1), kerr.FetchSessionTopicIDError},
	}
	for _, test := range tests {
		context := manager.NewContext(test.request)
		if partitions := context.AppendPartitions(nil); len(partitions) != 0 {
			t.Errorf("%s: reads %v", test.name, partitions)
		}
		if response := context.UpdateAndGenerateResponse(nil); response.ErrorCode != test.want.Code || response.SessionID != 0 {
			t.Errorf("%s: %+v, want %v", test.name, response, test.want)
		}
	}
}

func TestADuplicateRequestInvalidatesTheOneBefore(t *testing.T) {
	manager := sessions(10, nil)
	id := newSession(t, manager, -1, 0)
	first := manager.NewContext(fetchRequest(12, id, 1))
	results := answers(first, 3)
	manager.NewContext(fetchRequest(12, id, 2))
	if first.WouldRespond(&results[0]) {
		t.Error("an outdated response counts")
	}
	for _, response := range []FetchResponse{first.ThrottledResponse(), first.UpdateAndGenerateResponse(results)} {
		if response.ErrorCode != kerr.InvalidFetchSessionEpoch.Code || response.SessionID != id {
			t.Errorf("%+v", response)
		}
	}
}

func TestFullRequestsReplaceTheirSession(t *testing.T) {
	manager := sessions(10, nil)
	id := newSession(t, manager, -1, 0)
	for _, epoch := range []int32{-1, 0} {
		context := manager.NewContext(fetchRequest(12, id, epoch, 0, 1))
		if manager.cache.size() != 0 {
			t.Fatal("the old session is still there")
		}
		response := context.UpdateAndGenerateResponse(answers(context, 0))
		if epoch == -1 && response.SessionID != 0 || epoch == 0 && response.SessionID == 0 {
			t.Errorf("epoch %d gave session %d", epoch, response.SessionID)
		}
		id = response.SessionID
	}
}

func TestOldVersionsHaveNoSession(t *testing.T) {
	manager := sessions(10, nil)
	context := manager.NewContext(fetchRequest(6, 0, -1, 0))
	if response := context.UpdateAndGenerateResponse(answers(context, 0)); response.SessionID != 0 || len(response.Partitions) != 1 {
		t.Errorf("%+v", response)
	}
}

func TestAPartitionNamedTwiceIsReadOnce(t *testing.T) {
	request := fetchRequest(12, 0, 0, 0, 1, 0)
	request.Topics[0].Partitions[2].FetchOffset = 9
	partitions := sessions(10, nil).NewContext(request).AppendPartitions(nil)
	if len(partitions) != 2 || partitions[0].FetchOffset != 9 || partitions[1].Partition.Partition != 1 {
		t.Errorf("%+v", partitions)
	}
}

func TestUnknownTopicIDsAreResolvedWhenTheTopicAppears(t *testing.T) {
	names, id := map[topic.ID]string{}, topic.NewID()
	manager := sessions(10, names)
	request := fetchRequest(13, 0, 0, 0)
	request.Topics[0].Topic, request.Topics[0].TopicID = "", id
	context := manager.NewContext(request)
	partitions := context.AppendPartitions(nil)
	if len(partitions) != 1 || partitions[0].Partition.Topic != "" {
		t.Fatalf("%+v", partitions)
	}
	unknown := partitions[0].ErrorResult(kerr.UnknownTopicID)
	response := context.UpdateAndGenerateResponse([]FetchPartitionResult{unknown})
	names[id] = "t"
	context = manager.NewContext(fetchRequest(13, response.SessionID, 1))
	if partitions = context.AppendPartitions(nil); len(partitions) != 1 || partitions[0].Partition.Topic != "t" {
		t.Errorf("%+v", partitions)
	}
	if response = context.UpdateAndGenerateResponse(answers(context, 0)); len(response.Partitions) != 1 {
		t.Errorf("the end of UNKNOWN_TOPIC_ID is no news: %+v", response)
	}
}

func TestDivergingResultKeepsItsPlace(t *testing.T) {
	result := FetchPartitionResult{Diverged: true, Diverging: log.OffsetAndEpoch{Offset: 3, LeaderEpoch: 1}, PreferredReadReplica: -1}
	if cached := (&cachedPartition{}); !cached.news(&result, true) || !cached.news(&result, true) {
		t.Error("a divergence is told until the follower truncates")
	}
}

// TestSessionSlots walks through the rules of eviction: name, what is done, and
// which of the named sessions exist afterwards.
func TestSessionSlots(t *testing.T) {
	const consumer, follower = false, true
	type create struct {
		name       string
		privileged bool
		size       int
		after      time.Duration // since the step before
		touch      []string      // sessions used at that time, before
	}
	tests := []struct {
		name  string
		slots int
		steps []create
		want  []string
	}{
		{"room for all", 2, []create{{"a", consumer, 1, 0, nil}, {"b", consumer, 1, 0, nil}}, []string{"a", "b"}},
		{"no slots at all", 0, []create{{"a", follower, 1, 0, nil}}, nil},
		{"young sessions of consumers stay", 1, []create{{"a", consumer, 1, 0, nil}, {"b", consumer, 9, 119 * time.Second, nil}}, []string{"a"}},
		{"an idle one goes", 2, []create{{"a", consumer, 9, 0, nil}, {"b", consumer, 9, 0, nil}, {"c", consumer, 1, 121 * time.Second, []string{"b"}}}, []string{"b", "c"}},
		{"an idle follower's too", 1, []create{{"a", follower, 9, 0, nil}, {"b", consumer, 1, 121 * time.Second, nil}}, []string{"b"}},
		{"an old one in use makes room for a larger", 1, []create{{"a", consumer, 2, 0, nil}, {"b", consumer, 3, 121 * time.Second, []string{"a"}}}, []string{"b"}},
		{"but not for a smaller", 1, []create{{"a", consumer, 2, 0, nil}, {"b", consumer, 1, 121 * time.Second, []string{"a"}}}, []string{"a"}},
		{"a follower displaces a young consumer", 1, []create{{"a", consumer, 9, 0, nil}, {"b", follower, 1, time.Second, nil}}, []string{"b"}},
		{"the smallest of them", 2, []create{{"a", consumer, 9, 0, nil}, {"b", consumer, 4, 0, nil}, {"c", follower, 1, time.Second, nil}}, []string{"a", "c"}},
		{"but not a young follower", 1, []create{{"a", follower, 1, 0, nil}, {"b", follower, 9, time.Second, nil}}, []string{"a"}},
		{"an old follower makes room for a larger one", 1, []create{{"a", follower, 1, 0, nil}, {"b", follower, 9, 121 * time.Second, []string{"a"}}}, []string{"b"}},
		{"and never for a consumer", 1, []create{{"a", follower, 1, 0, nil}, {"b", consumer, 9, 121 * time.Second, []string{"a"}}}, []string{"a"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cache := newFetchSessionCache(test.slots, nil)
			ids := map[string]int32{}
			now := time.Now()
			for _, step := range test.steps {
				now = now.Add(step.after)
				for _, name := range step.touch {
					session := cache.sessions[ids[name]]
					cache.touchLocked(session, now, session.cachedSize)
				}
				ids[step.name] = cache.maybeCreate(now, step.privileged, false, step.size, func(session *fetchSession) {
					for i := range step.size {
						session.addLocked(&FetchPartition{Partition: topic.Partition{Topic: "t", Partition: int32(i)}}, 0, 0)
					}
				})
			}
			var left []string
			partitions := 0
			for _, step := range test.steps {
				if session := cache.sessions[ids[step.name]]; session != nil {
					left = append(left, step.name)
					partitions += session.cachedSize
				}
			}
			if !slices.Equal(left, test.want) || cache.totalPartitions() != partitions {
				t.Errorf("%v are left with %d partitions, want %v with %d", left, cache.totalPartitions(), test.want, partitions)
			}
		})
	}
}

func TestSessionsAreUsedByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := sessions(2, nil)
		first, second := newSession(t, manager, -1, 0), newSession(t, manager, -1, 0)
		time.Sleep(100 * time.Second)
		manager.NewContext(fetchRequest(12, first, 1))
		time.Sleep(100 * time.Second)
		if third := newSession(t, manager, -1, 0); third == 0 {
			t.Error("no slot was freed")
		}
		if manager.cache.sessions[first] == nil || manager.cache.sessions[second] != nil {
			t.Error("the wrong session was evicted")
		}
	})
}

func BenchmarkIncrementalFetchWithoutNews(b *testing.B) {
	for _, count := range []int{1, 1000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			manager := sessions(10, nil)
			partitions := make([]int32, count)
			for i := range partitions {
				partitions[i] = int32(i)
			}
			context := manager.NewContext(fetchRequest(12, 0, 0, partitions...))
			id := context.UpdateAndGenerateResponse(answers(context, 0)).SessionID
			request := fetchRequest(12, id, 1)
			var buffer []FetchPartition
			results := make([]FetchPartitionResult, count)
			b.ReportAllocs()
			for b.Loop() {
				context := manager.NewContext(request)
				buffer = context.AppendPartitions(buffer[:0])
				for i := range buffer {
					results[i] = FetchPartitionResult{Partition: buffer[i].Partition, PreferredReadReplica: -1, cached: buffer[i].cached}
				}
				if response := context.UpdateAndGenerateResponse(results); len(response.Partitions) != 0 {
					b.Fatal("news")
				}
				request.SessionEpoch = nextEpoch(request.SessionEpoch)
			}
		})
	}
}
