package zkutil

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// elect makes the client's broker the controller and gives the fencing version.
func elect(t *testing.T, k *KafkaZkClient, id, wantEpoch int32) int32 {
	t.Helper()
	epoch, version, err := k.RegisterControllerAndIncrementControllerEpoch(id)
	check(t, err)
	if epoch != wantEpoch {
		t.Errorf("controller epoch %d, want %d", epoch, wantEpoch)
	}
	return version
}

func TestControllerElection(t *testing.T) {
	where := connectString(t)
	a, b := connectTo(t, where), connectTo(t, where)
	if _, found, err := a.GetControllerId(); found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
	gone := make(chan struct{}, 1)
	if ok(b.RegisterZNodeChangeHandlerAndCheckExistence(zkclient.NodeChangeHandler{Path: zkdata.ControllerPath, HandleCreation: func() { gone <- struct{}{} }}))(t) {
		t.Error("a controller exists")
	}
	version := elect(t, a, 1, 1)
	receive(t, gone, "creation of /controller")
	if epoch, found, ok, err := a.GetControllerEpoch(); epoch != 1 || found != version || !ok || err != nil {
		t.Errorf("%d, %d, %t, %v", epoch, found, ok, err)
	}
	_, _, err := b.RegisterControllerAndIncrementControllerEpoch(2)
	expect(t, err, ErrControllerMoved)
	expect(t, err, kerr.StaleControllerEpoch)
	if id, found, err := b.GetControllerId(); id != 1 || !found || err != nil {
		t.Errorf("%d, %t, %v", id, found, err)
	}
	if epoch, again, err := a.checkControllerAndEpoch(1, 1); epoch != 1 || again != version || err != nil {
		t.Errorf("an election whose answer was lost: %d, %d, %v", epoch, again, err)
	}
	expect(t, b.DeleteController(version+7), ErrControllerMoved)
	check(t, a.DeleteController(version))
	if elect(t, b, 2, 2) <= version {
		t.Error("the fencing version did not grow")
	}
}

func TestFencing(t *testing.T) {
	k := start(t)
	stale := elect(t, k, 1, 1)
	check(t, k.DeleteController(stale))
	version := elect(t, k, 2, 2)
	check(t, k.CreateTopicAssignment("t", topic.NewID(), map[topic.Partition][]int32{tp("t", 0): {1}}))
	states := map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{tp("t", 0): {LeaderAndIsr: zkdata.NewLeaderAndIsr(1, []int32{1}), ControllerEpoch: 1}}
	writes := map[string]func(version int32) error{
		"create states": func(v int32) error { _, err := k.CreateTopicPartitionStatesRaw(states, v); return err },
		"set states":    func(v int32) error { _, err := k.SetTopicPartitionStatesRaw(states, v); return err },
		"update leader": func(v int32) error {
			result, err := k.UpdateLeaderAndIsr(map[topic.Partition]zkdata.LeaderAndIsr{tp("t", 0): {}}, 1, v)
			return cmp.Or(err, result.FinishedPartitions[tp("t", 0)].Err)
		},
		"set assignment":   func(v int32) error { return k.SetTopicAssignment("t", topic.ID{}, nil, v) },
		"set topic ids":    func(v int32) error { _, err := k.SetTopicIds([]zkdata.TopicAssignment{{Topic: "t"}}, v); return err },
		"delete topic":     func(v int32) error { return k.DeleteTopicZNode("t", v) },
		"delete configs":   func(v int32) error { return k.DeleteTopicConfigs([]string{"t"}, v) },
		"delete deletions": func(v int32) error { return k.DeleteTopicDeletions([]string{"t"}, v) },
		"reassignment":     func(v int32) error { return k.SetOrCreatePartitionReassignment(nil, v) },
		"election":         func(v int32) error { return k.DeletePreferredReplicaElection(v) },
		"isr changes":      func(v int32) error { return k.DeleteIsrChangeNotifications([]string{"0"}, v) },
		"log dir events":   func(v int32) error { return k.DeleteLogDirEventNotifications([]string{"0"}, v) },
	}
	for name, write := range writes {
		err := write(stale)
		expect(t, err, ErrControllerMoved)
		if want := fmt.Sprintf("Controller epoch zkVersion check fails. Expected zkVersion = %d", stale); err != nil && err.Error()[len(err.Error())-len(want):] != want {
			t.Errorf("%s: message %q", name, err)
		}
		if err := write(-5); err == nil {
			t.Errorf("%s: a version that is none was taken", name)
		}
	}
	if !ok(k.TopicExists("t"))(t) {
		t.Error("a fenced write did something")
	}
	_, err := k.CreateTopicPartitionStatesRaw(states, version)
	check(t, err)
}

func TestPartitionStates(t *testing.T) {
	k := start(t)
	version := elect(t, k, 1, 1)
	p0, p1, absent := tp("t", 0), tp("t", 1), tp("u", 0)
	states := map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{
		p0: {LeaderAndIsr: zkdata.NewLeaderAndIsr(1, []int32{1, 2}), ControllerEpoch: 1},
		p1: {LeaderAndIsr: zkdata.NewLeaderAndIsr(2, []int32{2}), ControllerEpoch: 1},
	}
	check(t, k.CreateTopicAssignment("t", topic.ID{}, map[topic.Partition][]int32{p0: {1, 2}, p1: {2}}))
	for _, response := range ok(k.CreateTopicPartitionStatesRaw(states, version))(t) {
		check(t, response.Err)
	}
	for _, response := range ok(k.CreateTopicPartitionStatesRaw(states, version))(t) {
		expect(t, response.Err, ErrNodeExists)
	}
	if diff := gocmp.Diff(states, ok(k.GetTopicPartitionStates([]topic.Partition{p0, absent, p1}))(t)); diff != "" {
		t.Error(diff)
	}
	if partitions := ok(k.GetAllPartitions())(t); !slices.Equal(partitions, []topic.Partition{p0, p1}) {
		t.Errorf("partitions %v", partitions)
	}
	raw := ok(k.GetTopicPartitionStatesRaw([]topic.Partition{absent, p1}))(t)
	expect(t, raw[0].Err, ErrNoNode)
	if raw[1].Partition != p1 || raw[1].State.Leader != 2 {
		t.Errorf("%+v", raw[1])
	}
	newState := states[p0].NewLeader(2)
	old := states[p1].NewEpoch()
	old.ZkVersion = 9
	result := ok(k.UpdateLeaderAndIsr(map[topic.Partition]zkdata.LeaderAndIsr{p0: newState, p1: old, absent: newState}, 1, version))(t)
	if want := newState.WithZkVersion(1); !gocmp.Equal(result.FinishedPartitions[p0].LeaderAndIsr, want) || newState.LeaderEpoch != 1 {
		t.Errorf("%+v, want %+v", result.FinishedPartitions[p0], want)
	}
	if !slices.Equal(result.PartitionsToRetry, []topic.Partition{p1}) {
		t.Errorf("to retry: %v", result.PartitionsToRetry)
	}
	expect(t, result.FinishedPartitions[absent].Err, ErrNoNode)
}

func TestUpdateLeaderAndIsrAsLeader(t *testing.T) {
	k := start(t)
	p := tp("t", 0)
	state := zkdata.NewLeaderAndIsr(1, []int32{1, 2})
	check(t, k.CreateRecursive(zkdata.TopicPartitionStatePath(p), zkdata.EncodeTopicPartitionState(zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: state, ControllerEpoch: 3})))
	state.Isr = []int32{1}
	for range 2 { // the second write finds what the first wrote
		if updated, version, err := k.UpdateLeaderAndIsrAsLeader(p, state, 3); !updated || version != 1 || err != nil {
			t.Errorf("%t, %d, %v", updated, version, err)
		}
	}
	state.Isr = []int32{1, 3}
	if updated, _, err := k.UpdateLeaderAndIsrAsLeader(p, state, 3); updated || err != nil {
		t.Errorf("at an old version: %t, %v", updated, err)
	}
	if got, found, err := k.GetTopicPartitionState(p); !found || err != nil || !slices.Equal(got.Isr, []int32{1}) || got.ControllerEpoch != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}
