package controller

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

func (c *testCluster) deleteTopic(name string) {
	c.t.Helper()
	if err := c.admin.CreateDeleteTopicPath(name); err != nil {
		c.t.Fatal(err)
	}
}

func (c *testCluster) awaitDeleted(name string) {
	c.t.Helper()
	for _, path := range []string{zkdata.DeleteTopicPath(name), zkdata.TopicPath(name), zkdata.ConfigEntityPath("topics", name)} {
		c.eventually(path+" is gone", func() bool {
			exists, err := c.admin.PathExists(path)
			return err == nil && !exists
		})
	}
}

func TestDeletedTopicIsStoppedThenDeletedEverywhere(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1}, []int32{1, 0})
	c.sender.forget()
	c.deleteTopic("orders")
	c.awaitDeleted("orders")
	for _, id := range []int32{0, 1} {
		update := awaitRequest(c, id, "the deletion", func(r *kmsg.UpdateMetadataRequest) bool {
			_, ok := updateMetadataOf(r, tp("orders", 0))
			return ok
		})
		if state, _ := updateMetadataOf(update, tp("orders", 0)); state.Leader != zkdata.LeaderDuringDelete || state.LeaderEpoch != 0 {
			t.Fatalf("leader %d, epoch %d", state.Leader, state.LeaderEpoch)
		}
		for _, deleting := range []bool{false, true} {
			request := awaitRequest(c, id, "StopReplica", func(r *kmsg.StopReplicaRequest) bool {
				state, ok := stopReplicaOf(r, tp("orders", 1))
				return ok && state.Delete == deleting
			})
			if state, _ := stopReplicaOf(request, tp("orders", 1)); state.LeaderEpoch != zkdata.EpochDuringDelete || request.Version != 3 {
				t.Fatalf("StopReplica: %+v", request)
			}
		}
	}
	c.eventually("the controller forgot the topic", func() bool {
		return inspect(controller, func(context *controllerContext) bool {
			return len(context.allTopics)+len(context.assignments)+len(context.leadership)+len(context.partitionStates)+
				len(context.replicaStates)+len(context.partitionsByReplica)+len(context.partitionsByLeader)+
				len(context.topicsToBeDeleted)+len(context.topicsWithDeletionStarted)+len(context.topicIDs) == 0
		})
	})
	// The same name may come back at once, with another id.
	c.createAwaited("orders", []int32{1})
}

func TestDeletionWaitsForADeadBroker(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1})
	c.stopBroker(1)
	c.awaitState(tp("orders", 0), 0, 0)
	settle(controller)
	c.deleteTopic("orders")
	c.eventually("the topic is ineligible", func() bool {
		return inspect(controller, func(context *controllerContext) bool { return context.topicsIneligibleForDeletion.has("orders") })
	})
	if exists, err := c.admin.TopicExists("orders"); err != nil || !exists {
		t.Fatalf("topic exists %t, %v", exists, err)
	}
	c.startBroker(1)
	c.awaitDeleted("orders")
}

func TestDeletionIsTriedAgainAfterAnError(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1})
	c.sender.fail(tp("orders", 0), 1, kerr.KafkaStorageError.Code)
	c.deleteTopic("orders")
	c.eventually("the replica is ineligible", func() bool {
		return inspect(controller, func(context *controllerContext) bool {
			return context.topicsIneligibleForDeletion.has("orders")
		})
	})
	c.sender.fail(tp("orders", 0), 1, 0)
	c.stopBroker(1)
	c.startBroker(1)
	c.awaitDeleted("orders")
}

func TestDeletionOfUnknownOrProtectedTopicsIsDropped(t *testing.T) {
	c := newTestCluster(t, 0)
	c.startActive(0, map[string]string{"delete.topic.enable": "false"})
	c.createAwaited("orders", []int32{0})
	for _, name := range []string{"nonsense", "orders"} {
		c.deleteTopic(name)
		c.eventually("the mark is gone", func() bool {
			marked, err := c.admin.IsTopicMarkedForDeletion(name)
			return err == nil && !marked
		})
	}
	if exists, err := c.admin.TopicExists("orders"); err != nil || !exists {
		t.Fatalf("topic exists %t, %v", exists, err)
	}
}

func TestDeletionGoesOnUnderTheNextController(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 2})
	c.sender.setUnreachable(2, true)
	c.deleteTopic("orders")
	awaitRequest(c, 1, "StopReplica", func(r *kmsg.StopReplicaRequest) bool {
		state, ok := stopReplicaOf(r, tp("orders", 0))
		return ok && state.Delete
	})
	next := c.startController(1, nil)
	settle(next)
	c.stopBroker(0)
	c.eventually("the other broker is elected", next.IsActive)
	c.sender.setUnreachable(2, false)
	c.awaitDeleted("orders")
}

func TestPartitionsAreNotAddedToATopicOnItsWayOut(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	id := c.createAwaited("orders", []int32{0, 1})
	c.sender.setUnreachable(1, true)
	c.deleteTopic("orders")
	c.eventually("the topic is queued", func() bool {
		return inspect(controller, func(context *controllerContext) bool { return context.isTopicQueuedUpForDeletion("orders") })
	})
	err := c.admin.SetTopicAssignment("orders", id, map[topic.Partition]zkdata.ReplicaAssignment{
		tp("orders", 0): {Replicas: []int32{0, 1}}, tp("orders", 1): {Replicas: []int32{1}},
	}, zkdata.MatchAnyVersion)
	if err != nil {
		t.Fatal(err)
	}
	c.eventually("the old assignment is back", func() bool {
		count, found, err := c.admin.GetTopicPartitionCount("orders")
		return err == nil && found && count == 1
	})
	c.sender.setUnreachable(1, false)
	c.awaitDeleted("orders")
}
