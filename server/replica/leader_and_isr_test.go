package replica

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metadata"
)

// become carries a request out and returns the partitions' error codes by
// number, and those that became leader and follower.
func (n *node) become(request *kmsg.LeaderAndISRRequest) (codes map[int32]int16, leaders, followers []int32, response *kmsg.LeaderAndISRResponse) {
	response = n.BecomeLeaderOrFollower(1, request, func(becomeLeader, becomeFollower []*cluster.Partition) {
		for _, partition := range becomeLeader {
			leaders = append(leaders, partition.TopicPartition().Partition)
		}
		for _, partition := range becomeFollower {
			followers = append(followers, partition.TopicPartition().Partition)
		}
	})
	codes = map[int32]int16{}
	for _, of := range response.Topics {
		for _, partition := range of.Partitions {
			codes[partition.Partition] = partition.ErrorCode
		}
	}
	for _, partition := range response.Partitions {
		codes[partition.Partition] = partition.ErrorCode
	}
	return codes, leaders, followers, response
}

func TestLeaderAndIsrOutcomes(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, nil)
	id := topic.NewID()
	tell([]*node{n}, "t", id)
	codes, leaders, followers, _ := n.become(leaderAndIsr("t", id, state(0, 1, 5, 1, 2), state(1, 2, 5, 1, 2), state(2, 2, 5, 2, 3), state(3, 9, 5, 1, 9)))
	if codes[0] != 0 || codes[1] != 0 || codes[2] != kerr.UnknownTopicOrPartition.Code || codes[3] != 0 {
		t.Errorf("codes %v", codes)
	}
	if !slices.Equal(leaders, []int32{0}) || !slices.Equal(followers, []int32{1}) {
		t.Errorf("leaders %v followers %v", leaders, followers)
	}
	if n.LocalLog(tpOf(3)) == nil || n.OnlinePartition(tpOf(3)).Leader() != cluster.NoLeader {
		t.Error("a partition whose leader is dead has a log but no leader")
	}

	codes, leaders, followers, _ = n.become(leaderAndIsr("t", id, state(0, 1, 6, 1), state(1, 2, 4, 1, 2)))
	if codes[0] != 0 || codes[1] != kerr.StaleControllerEpoch.Code || leaders != nil || followers != nil {
		t.Errorf("codes %v leaders %v followers %v", codes, leaders, followers)
	}
	if codes, _, _, _ = n.become(leaderAndIsr("t", id, state(0, 1, 6, 1))); codes[0] != kerr.StaleControllerEpoch.Code {
		t.Errorf("the same epoch again: %v", codes)
	}
	if codes, _, _, _ = n.become(leaderAndIsr("t", topic.NewID(), state(0, 1, 7, 1))); codes[0] != kerr.InconsistentTopicID.Code {
		t.Errorf("another topic's id: %v", codes)
	}
	if codes, _, _, _ = n.become(leaderAndIsr("..", topic.ID{}, state(0, 1, 7, 1))); codes[0] != kerr.InvalidTopicException.Code {
		t.Errorf("an illegal name: %v", codes)
	}
}

func TestAnOldControllerIsFenced(t *testing.T) {
	n := single(t, 1, nil)
	newer := leaderAndIsr("t", topic.ID{}, state(0, 1, 1, 1))
	newer.ControllerEpoch = 7
	n.become(newer)
	codes, leaders, _, response := n.become(leaderAndIsr("t", topic.ID{}, state(0, 1, 9, 1)))
	if response.ErrorCode != kerr.StaleControllerEpoch.Code || codes[0] != kerr.StaleControllerEpoch.Code || leaders != nil || n.OnlinePartition(tpOf(0)).LeaderEpoch() != 1 {
		t.Errorf("%+v", response)
	}
	if response := n.StopReplicas(0, stopRequest(3, -1, true, 0)); response.ErrorCode != kerr.StaleControllerEpoch.Code || n.OnlinePartition(tpOf(0)) == nil {
		t.Errorf("%+v", response)
	}
	if _, err := n.MaybeUpdateMetadataCache(0, &kmsg.UpdateMetadataRequest{ControllerEpoch: 6}); !errors.Is(err, kerr.StaleControllerEpoch) {
		t.Errorf("UpdateMetadata: %v", err)
	}
}

func TestLeaderAndIsrResponseByVersion(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, nil)
	old := &kmsg.LeaderAndISRRequest{Version: 1, ControllerEpoch: 1, PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{state(0, 1, 0, 1)}}
	old.PartitionStates[0].Topic = "old"
	if _, _, _, response := n.become(old); len(response.Partitions) != 1 || response.Partitions[0].Topic != "old" || response.Topics != nil {
		t.Errorf("v1: %+v", response)
	}
	id := topic.NewID()
	if _, _, _, response := n.become(leaderAndIsr("new", id, state(0, 1, 0, 1), state(1, 1, 0, 1))); len(response.Topics) != 1 || response.Topics[0].TopicID != id || len(response.Topics[0].Partitions) != 2 {
		t.Errorf("v5: %+v", response)
	}
}

func TestATopicIDMayComeLater(t *testing.T) {
	n := single(t, 1, nil)
	id := topic.NewID()
	codes, _, _, _ := n.become(leaderAndIsr("t", id, state(0, 1, 0, 1)))
	if codes[0] != 0 || n.LocalLog(tpOf(0)).TopicID() != id {
		t.Errorf("codes %v, id %v", codes, n.LocalLog(tpOf(0)).TopicID())
	}
}

func TestALogThatCannotBeOpenedTakesThePartitionOffline(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, nil)
	n.logs.createError = kerr.KafkaStorageError
	tell([]*node{n}, "t", topic.ID{}, state(0, 1, 0, 1))
	if codes, leaders, _, _ := n.become(leaderAndIsr("t", topic.ID{}, state(0, 1, 0, 1))); codes[0] != kerr.KafkaStorageError.Code || leaders != nil {
		t.Errorf("codes %v", codes)
	}
	n.logs.createError = nil
	if codes, _, _, _ := n.become(leaderAndIsr("t", topic.ID{}, state(0, 1, 1, 1))); codes[0] != kerr.KafkaStorageError.Code {
		t.Errorf("it comes back only with a restart: %v", codes)
	}
	if _, err := n.Partition(tpOf(0)); !errors.Is(err, kerr.KafkaStorageError) || n.OfflineReplicaCount() != 1 {
		t.Errorf("%v", err)
	}
	response := n.StopReplicas(0, stopRequest(3, 5, true, 0))
	if response.Partitions[0].ErrorCode != kerr.KafkaStorageError.Code {
		t.Errorf("%+v", response)
	}
}

func TestStopReplicaFencing(t *testing.T) {
	for version := range int16(4) {
		n := single(t, 2, nil)
		elect([]*node{n}, "t", topic.ID{}, state(0, 1, 5, 1))
		tests := []struct {
			epoch   int32
			deletes bool
			code    int16
			hosted  bool
		}{
			{4, true, kerr.FencedLeaderEpoch.Code, true},
			{5, true, kerr.FencedLeaderEpoch.Code, true},
			{6, false, 0, true},
			{6, true, 0, false},
			{6, true, 0, false}, // what is gone is stopped
		}
		if version < 3 { // no epochs
			tests = tests[2:]
		}
		for _, test := range tests {
			response := n.StopReplicas(0, stopRequest(version, test.epoch, test.deletes, 0))
			if len(response.Partitions) != 1 || response.Partitions[0].ErrorCode != test.code || response.Partitions[0].Topic != "t" {
				t.Errorf("v%d epoch %d: %+v", version, test.epoch, response)
			}
			if hosted := n.OnlinePartition(tpOf(0)) != nil; hosted != test.hosted || (n.logs.GetLog(tpOf(0), false) != nil) != test.hosted {
				t.Errorf("v%d epoch %d: hosted %t", version, test.epoch, hosted)
			}
		}
		if n.PartitionCount() != 1 || n.OnlinePartition(tpOf(1)) == nil {
			t.Errorf("v%d: another partition went too", version)
		}
	}
}

// TestALateOrderMakesNoDeletedReplicaAgain: a LeaderAndIsr that the controller gave
// up may be carried out after the StopReplica that came on its next connection.
func TestALateOrderMakesNoDeletedReplicaAgain(t *testing.T) {
	for name, test := range map[string]struct {
		stop, order int32
		after       time.Duration
		id          string
		made        bool
	}{
		"of a deleted topic":            {stop: epochDuringDelete, order: 9},
		"of a replica that was moved":   {stop: 6, order: 5},
		"for its return":                {stop: 6, order: 7, made: true},
		"for the next topic":            {stop: epochDuringDelete, order: 0, id: "another", made: true},
		"for a topic that is kept":      {stop: epochDuringDelete, order: 9, after: 2 * lateOrders, made: true},
		"without an epoch of the order": {stop: -1, order: 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNode(t, newNetwork(), 1, nil, nil)
				id := topic.NewID()
				elect([]*node{n}, "t", id, state(0, 1, 5, 1))
				n.append(0, 1)
				n.StopReplicas(0, stopRequest(3, test.stop, true, 0))
				time.Sleep(test.after)
				if test.id != "" {
					id = topic.NewID()
				}
				if err := n.logs.fs.RemoveAll("/logs/t-0"); err != nil {
					t.Fatal(err)
				}
				response := n.BecomeLeaderOrFollower(0, leaderAndIsr("t", id, state(0, 1, test.order, 1)), func(_, _ []*cluster.Partition) {})
				if code := response.Topics[0].Partitions[0].ErrorCode; (code == 0) != test.made {
					t.Errorf("answered %v", kerr.ErrorForCode(code))
				}
				if made := n.OnlinePartition(tpOf(0)) != nil && n.LocalLog(tpOf(0)) != nil; made != test.made {
					t.Errorf("made again: %t", made)
				}
				n.Shutdown(false)
			})
		})
	}
}

func TestADeletedTopicMayBeMadeAnew(t *testing.T) {
	n := newNode(t, newNetwork(), 1, nil, nil)
	first, second := topic.NewID(), topic.NewID()
	elect([]*node{n}, "t", first, state(0, 1, 5, 1))
	n.append(0, 3)
	n.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 0))
	if n.logs.fs.RemoveAll("/logs/t-0") != nil {
		t.Fatal("the directory is not gone")
	}
	elect([]*node{n}, "t", second, state(0, 1, 0, 1))
	if local := n.LocalLog(tpOf(0)); local.LogEndOffset() != 0 || local.TopicID() != second {
		t.Errorf("end %d, id %v", local.LogEndOffset(), local.TopicID())
	}
}

func TestDeletedTopicsForgetTheirSettings(t *testing.T) {
	n := single(t, 2, nil)
	n.options.TopicConfigs = metadata.NewConfigRepository(nil)
	n.options.TopicConfigs.SetTopicConfig("t", map[string]string{"retention.ms": "1"})
	tell([]*node{n}, "t", topic.ID{}, state(0, -2, 1, 1))
	if settings, _ := n.options.TopicConfigs.TopicConfig("t"); len(settings) != 1 {
		t.Error("settings went with the first partition")
	}
	tell([]*node{n}, "t", topic.ID{}, state(1, -2, 1, 1))
	if settings, _ := n.options.TopicConfigs.TopicConfig("t"); len(settings) != 0 {
		t.Error("settings stayed")
	}
}

func TestHighWatermarksAreCheckpointedAndTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := replicated(t, nil)
		n.append(0, 5)
		n.follow(2, 0, 0)
		n.follow(2, 0, 3)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if highWatermark, writes := n.logs.written(tpOf(0)); highWatermark != 3 || writes != 1 {
			t.Errorf("checkpoint %d after %d writes", highWatermark, writes)
		}
		time.Sleep(12 * time.Second)
		if _, writes := n.logs.written(tpOf(0)); writes != 1 {
			t.Errorf("%d writes although nothing moved", writes)
		}
		n.follow(2, 0, 4)
		n.Shutdown(true)
		if highWatermark, _ := n.logs.written(tpOf(0)); highWatermark != 4 {
			t.Errorf("checkpoint %d at shutdown", highWatermark)
		}
		again := newNode(t, newNetwork(), 1, nil, nil)
		again.logs.checkpoints, again.logs.all = n.logs.checkpoints, n.logs.all
		elect([]*node{again}, "t", topic.ID{}, state(0, 1, 1, 1, 2))
		if got := again.LocalLog(tpOf(0)).HighWatermark(); got != 4 {
			t.Errorf("high watermark %d", got)
		}
	})
}

func TestALogDirFailureTakesItsPartitionsOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := single(t, 2, nil)
		consumer := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Hour, MinBytes: 1}, readAt(0, 0))
		n.failures.MaybeAddOfflineLogDir("/logs", "disk broke", errors.New("input/output error"))
		synctest.Wait()
		if result := consumer.now()[0]; result.ErrorCode != kerr.KafkaStorageError.Code {
			t.Errorf("waiting fetch: %+v", result)
		}
		if result := n.produce(1, 0, ProducePartition{tpOf(1), batchOf(1, 1)}).now()[0]; result.ErrorCode != kerr.KafkaStorageError.Code {
			t.Errorf("produce: %+v", result)
		}
		if !slices.Equal(n.events, []int32{1}) || !n.logs.offline || n.OfflineReplicaCount() != 2 {
			t.Errorf("events %v, offline %t, %d replicas", n.events, n.logs.offline, n.OfflineReplicaCount())
		}
		dirs := n.DescribeLogDirs(nil)
		if len(dirs) != 1 || dirs[0].ErrorCode != kerr.KafkaStorageError.Code || len(dirs[0].Topics) != 0 {
			t.Errorf("%+v", dirs)
		}
	})
}

func TestDescribeLogDirs(t *testing.T) {
	n := single(t, 3, nil)
	n.append(1, 4)
	elect([]*node{n}, "other", topic.ID{}, state(0, 1, 0, 1))
	dirs := n.DescribeLogDirs(func(tp topic.Partition) bool { return tp == tpOf(1) || tp == tpOf(2) })
	if len(dirs) != 1 || dirs[0].Dir != "/logs" || len(dirs[0].Topics) != 1 || len(dirs[0].Topics[0].Partitions) != 2 {
		t.Fatalf("%+v", dirs)
	}
	for _, partition := range dirs[0].Topics[0].Partitions {
		if partition.OffsetLag != 0 || partition.IsFuture || (partition.Size > 0) != (partition.Partition == 1) {
			t.Errorf("%+v", partition)
		}
	}
}

func TestDeleteRecordsOfOneReplica(t *testing.T) {
	n := single(t, 1, nil)
	elect([]*node{n}, topic.ConsumerOffsets, topic.ID{}, state(0, 1, 0, 1))
	n.append(0, 5)
	box := newAnswerBox[[]DeleteRecordsResult](t)
	n.DeleteRecords(time.Minute, []DeleteRecordsPartition{
		{tpOf(0), 3}, {tpOf(9), 0}, {topic.Partition{Topic: topic.ConsumerOffsets}, 0},
	}, box.respond)
	results := box.now()
	want := []DeleteRecordsResult{
		{tpOf(0), 0, 3}, {tpOf(9), kerr.UnknownTopicOrPartition.Code, -1},
		{topic.Partition{Topic: topic.ConsumerOffsets}, kerr.InvalidTopicException.Code, -1},
	}
	if !slices.Equal(results, want) {
		t.Errorf("%+v, want %+v", results, want)
	}
	n.DeleteRecords(time.Minute, []DeleteRecordsPartition{{tpOf(0), 6}}, box.respond)
	if result := box.now()[0]; result.ErrorCode != kerr.OffsetOutOfRange.Code {
		t.Errorf("%+v", result)
	}
	if result := n.fetch(FetchParams{ReplicaID: -1}, readAt(0, 1)).now()[0]; result.ErrorCode != kerr.OffsetOutOfRange.Code {
		t.Errorf("a deleted record: %+v", result)
	}
}

func TestDeleteRecordsWaitsForTheFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := replicated(t, nil)
		n.append(0, 5)
		n.follow(2, 0, 0)
		n.follow(2, 0, 5)
		remove := func(offset int64) *answerBox[[]DeleteRecordsResult] {
			box := newAnswerBox[[]DeleteRecordsResult](t)
			n.DeleteRecords(time.Minute, []DeleteRecordsPartition{{tpOf(0), offset}}, box.respond)
			return box
		}
		box := remove(-1)
		box.none()
		request := readAt(0, 5)
		request.LogStartOffset = 5
		n.fetch(FetchParams{ReplicaID: 2, MinBytes: 1}, request).now()
		if result := box.now()[0]; result.ErrorCode != 0 || result.LowWatermark != 5 {
			t.Errorf("%+v", result)
		}
		n.append(0, 1)
		n.fetch(FetchParams{ReplicaID: 2, MinBytes: 1}, readAt(0, 6)).now()
		box = remove(6)
		time.Sleep(time.Minute)
		synctest.Wait()
		if result := box.now()[0]; result.ErrorCode != kerr.RequestTimedOut.Code {
			t.Errorf("%+v", result)
		}
	})
}

func TestActiveProducersAndEpochEnds(t *testing.T) {
	n := single(t, 1, nil)
	n.append(0, 2)
	if answer := n.ActiveProducerState(tpOf(0)); answer.ErrorCode != 0 || len(answer.ActiveProducers) != 0 {
		t.Errorf("%+v", answer)
	}
	if answer := n.ActiveProducerState(tpOf(4)); answer.ErrorCode != kerr.UnknownTopicOrPartition.Code || answer.Partition != 4 {
		t.Errorf("%+v", answer)
	}
	asked := kmsg.OffsetForLeaderEpochRequestTopicPartition{CurrentLeaderEpoch: -1, LeaderEpoch: 0}
	answers := n.LastOffsetForLeaderEpoch([]kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{asked, {Partition: 7}}}})
	first, second := answers[0].Partitions[0], answers[0].Partitions[1]
	if first.ErrorCode != 0 || first.LeaderEpoch != 0 || first.EndOffset != 2 || second.ErrorCode != kerr.UnknownTopicOrPartition.Code || second.EndOffset != -1 || second.LeaderEpoch != -1 {
		t.Errorf("%+v", answers)
	}
}
