package zkutil

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// TestManyFencedWritesShareTransactions: the writes that follow the death of a
// broker with many partitions cost the server far fewer transactions.
func TestManyFencedWritesShareTransactions(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	const writes = 1000
	creates, sets := make([]zkclient.Op, writes), make([]zkclient.Op, writes)
	for i := range creates {
		path := fmt.Sprintf("/many-%d", i)
		creates[i] = zkclient.CreateRequest{Path: path, ACL: k.DefaultAcls(path)}
		sets[i] = zkclient.SetDataRequest{Path: path, Data: []byte("data"), Version: 0}
	}
	for i, response := range ok(k.fencedRequests(creates, version))(t) {
		check(t, response.Err)
		if want := fmt.Sprintf("/many-%d", i); response.Name != want {
			t.Errorf("%q was created as number %d", response.Name, i)
		}
	}
	transactions := map[int64]bool{}
	for _, response := range ok(k.fencedRequests(sets, version))(t) {
		check(t, response.Err)
		if response.Stat.Version != 1 {
			t.Errorf("version %d", response.Stat.Version)
		}
		transactions[response.Stat.Mzxid] = true
	}
	if len(transactions) > 2*writes/maxGroupWrites {
		t.Errorf("%d writes took %d transactions", writes, len(transactions))
	}
}

// TestAFailedFencedWriteFailsAlone: those that shared its transaction are done.
func TestAFailedFencedWriteFailsAlone(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	states := map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{}
	for partition := range int32(300) {
		states[tp("t", partition)] = zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: zkdata.NewLeaderAndIsr(1, []int32{1, 2}), ControllerEpoch: 1}
	}
	check(t, k.CreateTopicAssignment("t", topic.ID{}, nil))
	for _, response := range ok(k.CreateTopicPartitionStatesRaw(states, version))(t) {
		check(t, response.Err)
	}
	updates := map[topic.Partition]zkdata.LeaderAndIsr{}
	outdated, absent := tp("t", 77), tp("t", 300)
	for partition, state := range states {
		updates[partition] = state.NewLeader(2)
	}
	updates[outdated] = updates[outdated].WithZkVersion(9)
	updates[absent] = updates[tp("t", 0)]
	result := ok(k.UpdateLeaderAndIsr(updates, 1, version))(t)
	if len(result.PartitionsToRetry) != 1 || result.PartitionsToRetry[0] != outdated {
		t.Errorf("to retry: %v", result.PartitionsToRetry)
	}
	expect(t, result.FinishedPartitions[absent].Err, ErrNoNode)
	delete(result.FinishedPartitions, absent)
	if len(result.FinishedPartitions) != 299 {
		t.Errorf("%d partitions are done", len(result.FinishedPartitions))
	}
	for partition, finished := range result.FinishedPartitions {
		if finished.Err != nil || finished.ZkVersion != 1 {
			t.Errorf("%s: %+v", partition, finished)
		}
	}
	var all []topic.Partition
	for partition := range states {
		all = append(all, partition)
	}
	for partition, state := range ok(k.GetTopicPartitionStates(all))(t) {
		if want := int32(2); partition != outdated && state.Leader != want || partition == outdated && state.Leader != 1 {
			t.Errorf("%s has leader %d", partition, state.Leader)
		}
	}
	// One that a later controller forbids does nothing at all.
	check(t, k.DeleteController(version))
	elect(t, k, 2, 2)
	for partition := range updates {
		updates[partition] = updates[partition].WithZkVersion(1)
	}
	if _, err := k.UpdateLeaderAndIsr(updates, 1, version); !errors.Is(err, ErrControllerMoved) {
		t.Errorf("got %v", err)
	}
	for partition, state := range ok(k.GetTopicPartitionStates(all))(t) {
		if state.ZkVersion > 1 {
			t.Errorf("%s was written", partition)
		}
	}
}

func TestGroupsOfWrites(t *testing.T) {
	large := zkclient.SetDataRequest{Path: "/large", Data: make([]byte, maxGroupBytes)}
	small := zkclient.DeleteRequest{Path: "/small"}
	for _, c := range []struct {
		writes []zkclient.Op
		size   int
		want   []int
	}{
		{nil, 5, nil},
		{[]zkclient.Op{small, small, small}, 1, []int{1, 1, 1}},
		{[]zkclient.Op{small, small, small}, 2, []int{2, 1}},
		{[]zkclient.Op{large, large, small}, 5, []int{1, 1, 1}},
		{[]zkclient.Op{small, large, large}, 5, []int{1, 1, 1}},
	} {
		var got []int
		for _, group := range groupsOf(c.writes, c.size) {
			got = append(got, len(group))
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("groups of %v, want %v", got, c.want)
		}
	}
}
