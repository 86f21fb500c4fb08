package controller

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// overTheWire gives a request as a broker decodes it: null and empty lists differ.
func overTheWire[R kmsg.Request](request R) R {
	received := kmsg.RequestForKey(request.Key()).(R)
	received.SetVersion(request.GetVersion())
	if err := received.ReadFrom(request.AppendTo(nil)); err != nil {
		panic(err)
	}
	return received
}

// reassign asks for a new replica list of one partition; nil cancels.
func reassign(controller *KafkaController, partition topic.Partition, replicas []int32) kmsg.AlterPartitionAssignmentsResponseTopicPartition {
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{Topic: partition.Topic,
		Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{{Partition: partition.Partition, Replicas: replicas}}}}
	answers := make(chan *kmsg.AlterPartitionAssignmentsResponse, 1)
	controller.AlterPartitionReassignments(overTheWire(request), func(r *kmsg.AlterPartitionAssignmentsResponse) { answers <- r })
	return (<-answers).Topics[0].Partitions[0]
}

func listReassignments(controller *KafkaController) []kmsg.ListPartitionReassignmentsResponseTopic {
	answers := make(chan *kmsg.ListPartitionReassignmentsResponse, 1)
	controller.ListPartitionReassignments(overTheWire(kmsg.NewPtrListPartitionReassignmentsRequest()),
		func(r *kmsg.ListPartitionReassignmentsResponse) { answers <- r })
	return (<-answers).Topics
}

// alterIsr asks for an ISR as a partition's leader does.
func (c *testCluster) alterIsr(controller *KafkaController, leader int32, partition topic.Partition, isr ...int32) kmsg.AlterPartitionResponseTopicPartition {
	c.t.Helper()
	state := c.state(partition)
	return c.alterIsrAt(controller, leader, partition, state.LeaderEpoch, state.ZkVersion, isr...)
}

func (c *testCluster) alterIsrAt(controller *KafkaController, leader int32, partition topic.Partition, leaderEpoch, version int32, isr ...int32) kmsg.AlterPartitionResponseTopicPartition {
	c.t.Helper()
	broker, _, err := c.admin.GetBroker(leader)
	if err != nil {
		c.t.Fatal(err)
	}
	request := kmsg.NewPtrAlterPartitionRequest()
	request.BrokerID, request.BrokerEpoch = leader, broker.Epoch
	request.Topics = []kmsg.AlterPartitionRequestTopic{{Topic: partition.Topic, Partitions: []kmsg.AlterPartitionRequestTopicPartition{{
		Partition: partition.Partition, LeaderEpoch: leaderEpoch, NewISR: isr, PartitionEpoch: version,
	}}}}
	answers := make(chan *kmsg.AlterPartitionResponse, 1)
	controller.AlterIsr(request, func(r *kmsg.AlterPartitionResponse) { answers <- r })
	answer := <-answers
	if answer.ErrorCode != 0 {
		return kmsg.AlterPartitionResponseTopicPartition{ErrorCode: answer.ErrorCode}
	}
	return answer.Topics[0].Partitions[0]
}

func (c *testCluster) assignment(partition topic.Partition) zkdata.ReplicaAssignment {
	c.t.Helper()
	assignments, err := c.admin.GetFullReplicaAssignmentForTopics([]string{partition.Topic})
	if err != nil {
		c.t.Fatal(err)
	}
	return assignments[partition]
}

func (c *testCluster) awaitAssignment(partition topic.Partition, want zkdata.ReplicaAssignment) {
	c.t.Helper()
	c.eventually("the assignment is written", func() bool { return c.assignment(partition).Equal(want) })
}

func TestReassignmentAddsThenRemovesReplicas(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2, 3)
	controller := c.startActive(0, nil)
	id := c.createAwaited("orders", []int32{0, 1})
	c.sender.forget()
	if result := reassign(controller, tp("orders", 0), []int32{2, 3}); result.ErrorCode != 0 || result.ErrorMessage != nil {
		t.Fatalf("%+v", result)
	}
	during := zkdata.ReplicaAssignment{Replicas: []int32{2, 3, 0, 1}, AddingReplicas: []int32{2, 3}, RemovingReplicas: []int32{0, 1}}
	c.awaitAssignment(tp("orders", 0), during)
	if ids, _ := c.admin.GetTopicIdsForTopics([]string{"orders"}); ids["orders"] != id {
		t.Fatalf("topic id %v, was %v", ids["orders"], id)
	}
	for broker, isNew := range map[int32]bool{0: false, 1: false, 2: true, 3: true} {
		awaitRequest(c, broker, "the long replica list", func(r *kmsg.LeaderAndISRRequest) bool {
			state, ok := leaderAndIsrOf(r, tp("orders", 0))
			return ok && state.IsNew == isNew && state.LeaderEpoch == 1 && state.Leader == 0 && slices.Equal(state.Replicas, during.Replicas) &&
				slices.Equal(state.AddingReplicas, during.AddingReplicas) && slices.Equal(state.RemovingReplicas, during.RemovingReplicas)
		})
	}
	want := []kmsg.ListPartitionReassignmentsResponseTopic{{Topic: "orders", Partitions: []kmsg.ListPartitionReassignmentsResponseTopicPartition{
		{Partition: 0, Replicas: during.Replicas, AddingReplicas: during.AddingReplicas, RemovingReplicas: during.RemovingReplicas}}}}
	if diff := cmp.Diff(want, listReassignments(controller), cmpopts.IgnoreUnexported(kmsg.Tags{})); diff != "" {
		t.Fatal(diff)
	}

	if answer := c.alterIsr(controller, 0, tp("orders", 0), 0, 1, 2, 3); answer.ErrorCode != 0 || answer.PartitionEpoch == 0 {
		t.Fatalf("%+v", answer)
	}
	c.awaitState(tp("orders", 0), 2, 2, 3)
	c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{2, 3}})
	for _, removed := range []int32{0, 1} {
		awaitRequest(c, removed, "StopReplica", func(r *kmsg.StopReplicaRequest) bool {
			state, ok := stopReplicaOf(r, tp("orders", 0))
			return ok && state.Delete
		})
	}
	settle(controller)
	if left := listReassignments(controller); len(left) != 0 {
		t.Fatalf("still under way: %+v", left)
	}
}

func TestReassignmentCancelled(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1})
	if result := reassign(controller, tp("orders", 0), nil); result.ErrorCode != kerr.NoReassignmentInProgress.Code {
		t.Fatalf("%+v", result)
	}
	reassign(controller, tp("orders", 0), []int32{0, 2})
	added := awaitRequest(c, 2, "the new replica", func(r *kmsg.LeaderAndISRRequest) bool {
		_, ok := leaderAndIsrOf(r, tp("orders", 0))
		return ok
	})
	known, _ := leaderAndIsrOf(added, tp("orders", 0))
	if result := reassign(controller, tp("orders", 0), nil); result.ErrorCode != 0 {
		t.Fatalf("%+v", result)
	}
	c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{0, 1}})
	stop := awaitRequest(c, 2, "StopReplica", func(r *kmsg.StopReplicaRequest) bool {
		state, ok := stopReplicaOf(r, tp("orders", 0))
		return ok && state.Delete
	})
	// KAFKA-13972: brokers of 3.1 ignore StopReplica with the epoch they know.
	if state, _ := stopReplicaOf(stop, tp("orders", 0)); state.LeaderEpoch <= known.LeaderEpoch {
		t.Fatalf("leader epoch %d, the replica knows %d", state.LeaderEpoch, known.LeaderEpoch)
	}
	if state := c.state(tp("orders", 0)); state.Leader != 0 || !slices.Equal(state.Isr, []int32{0, 1}) {
		t.Fatalf("%+v", state)
	}
}

func TestReassignmentIsRefused(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0})
	for name, test := range map[string]struct {
		partition topic.Partition
		replicas  []int32
		code      int16
		message   string
	}{
		"empty list":        {tp("orders", 0), []int32{}, 39, "Empty replica list specified in partition reassignment."},
		"duplicates":        {tp("orders", 0), []int32{1, 1}, 39, "Duplicate replica ids in partition reassignment replica list: ArrayBuffer(1, 1)"},
		"negative id":       {tp("orders", 0), []int32{-1}, 39, "Invalid broker id in replica list: ArrayBuffer(-1)"},
		"dead broker":       {tp("orders", 0), []int32{7}, 39, "Replica assignment has brokers that are not alive. Replica list: ArrayBuffer(7), live broker list: Set(0, 1)"},
		"no such topic":     {tp("nonsense", 0), []int32{1}, 3, "The partition does not exist."},
		"nothing to cancel": {tp("orders", 0), nil, 85, "No partition reassignment is in progress."},
	} {
		t.Run(name, func(t *testing.T) {
			result := reassign(controller, test.partition, test.replicas)
			if result.ErrorCode != test.code || result.ErrorMessage == nil || *result.ErrorMessage != test.message {
				t.Fatalf("code %d, message %v", result.ErrorCode, result.ErrorMessage)
			}
		})
	}
}

func TestReassignmentByZnode(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0})
	ask := func(target map[topic.Partition][]int32) {
		if err := c.admin.CreatePartitionReassignment(target); err != nil {
			t.Fatal(err)
		}
	}
	done := func() bool {
		inProgress, err := c.admin.ReassignPartitionsInProgress()
		return err == nil && !inProgress
	}
	c.createAwaited("payments", []int32{0})
	ask(map[topic.Partition][]int32{tp("orders", 0): {1}, tp("nonsense", 0): {1}, tp("payments", 0): {}})
	c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{1, 0}, AddingReplicas: []int32{1}, RemovingReplicas: []int32{0}})
	c.eventually("what failed is taken out", func() bool {
		left, err := c.admin.GetPartitionReassignment()
		return err == nil && len(left) == 1
	})
	c.alterIsr(controller, 0, tp("orders", 0), 0, 1)
	c.awaitState(tp("orders", 0), 1, 1)
	c.eventually("the node is gone", done)
	t.Run("and again", func(t *testing.T) {
		ask(map[topic.Partition][]int32{tp("orders", 0): {2}})
		c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{2, 1}, AddingReplicas: []int32{2}, RemovingReplicas: []int32{1}})
		// The API takes precedence over the node.
		if result := reassign(controller, tp("orders", 0), []int32{1}); result.ErrorCode != 0 {
			t.Fatalf("%+v", result)
		}
		c.eventually("the node is gone", done)
		c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{1}})
	})
}

func TestReassignmentGoesOnUnderTheNextController(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	first := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1})
	reassign(first, tp("orders", 0), []int32{2})
	next := c.startController(1, nil)
	settle(next)
	c.stopBroker(0)
	c.eventually("the other broker is elected", next.IsActive)
	settle(next)
	c.alterIsr(next, 1, tp("orders", 0), 1, 2)
	c.awaitState(tp("orders", 0), 2, 2)
	c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{2}})
}

func TestReassignmentWithAnOldProtocolFollowsTheStateNode(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, map[string]string{"inter.broker.protocol.version": "2.6"})
	c.createAwaited("orders", []int32{0})
	reassign(controller, tp("orders", 0), []int32{1})
	state := c.state(tp("orders", 0))
	updated, _, err := c.admin.UpdateLeaderAndIsrAsLeader(tp("orders", 0), zkdata.LeaderAndIsr{
		Leader: 0, LeaderEpoch: state.LeaderEpoch, Isr: []int32{0, 1}, ZkVersion: state.ZkVersion}, state.ControllerEpoch)
	if err != nil || !updated {
		t.Fatal(updated, err)
	}
	c.awaitState(tp("orders", 0), 1, 1)
	c.awaitAssignment(tp("orders", 0), zkdata.ReplicaAssignment{Replicas: []int32{1}})
}

func TestReassignmentHoldsDeletionUp(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0})
	reassign(controller, tp("orders", 0), []int32{1})
	c.deleteTopic("orders")
	c.eventually("the topic is ineligible", func() bool {
		return inspect(controller, func(context *controllerContext) bool { return context.topicsIneligibleForDeletion.has("orders") })
	})
	c.alterIsr(controller, 0, tp("orders", 0), 0, 1)
	c.awaitDeleted("orders")
}
