package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

func TestAlterIsr(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0, 2})
	partition := tp("orders", 0)
	c.sender.forget()

	answer := c.alterIsr(controller, 1, partition, 1, 0)
	if answer.ErrorCode != 0 || answer.LeaderID != 1 || answer.LeaderEpoch != 0 || answer.PartitionEpoch != 1 || !slices.Equal(answer.ISR, []int32{1, 0}) {
		t.Fatalf("shrink: %+v", answer)
	}
	for _, id := range []int32{0, 1, 2} {
		awaitRequest(c, id, "the ISR", func(r *kmsg.UpdateMetadataRequest) bool {
			state, ok := updateMetadataOf(r, partition)
			return ok && slices.Equal(state.ISR, []int32{1, 0}) && state.ZKVersion == 1
		})
	}
	if again := c.alterIsrAt(controller, 1, partition, 0, 0, 1, 0); again.ErrorCode != 0 || again.PartitionEpoch != 1 {
		t.Fatalf("repeated: %+v", again)
	}
	if stale := c.alterIsrAt(controller, 1, partition, 0, 0, 1); stale.ErrorCode != kerr.InvalidUpdateVersion.Code {
		t.Fatalf("old version: %+v", stale)
	}
	lost := zkdata.LeaderAndIsr{Leader: 1, Isr: []int32{1}, ZkVersion: 1}
	if updated, _, err := c.admin.UpdateLeaderAndIsrAsLeader(partition, lost, 1); err != nil || !updated {
		t.Fatal(updated, err)
	}
	if found := c.alterIsrAt(controller, 1, partition, 0, 1, 1); found.ErrorCode != 0 || found.PartitionEpoch != 2 {
		t.Fatalf("a write whose answer was lost: %+v", found)
	}
	if back := c.alterIsrAt(controller, 1, partition, 0, 2, 1, 0); back.ErrorCode != 0 {
		t.Fatalf("%+v", back)
	}
	if unknown := c.alterIsrAt(controller, 1, tp("orders", 9), 0, 0, 1); unknown.ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Fatalf("unknown partition: %+v", unknown)
	}
	if offline := c.alterIsr(controller, 1, partition, 1, 0, 7); offline.ErrorCode != kerr.OperationNotAttempted.Code {
		t.Fatalf("offline replica joins (KAFKA-14140): %+v", offline)
	}
	c.stopBroker(1)
	c.awaitState(partition, 0, 0)
	if fenced := c.alterIsrAt(controller, 0, partition, 0, 3, 0, 2); fenced.ErrorCode != kerr.FencedLeaderEpoch.Code {
		t.Fatalf("old leader epoch: %+v", fenced)
	}
}

func TestAlterIsrIsFencedByTheBrokerEpoch(t *testing.T) {
	c := newTestCluster(t, 0)
	controller := c.startActive(0, nil)
	for name, test := range map[string]struct {
		broker int32
		epoch  int64
	}{"stale epoch": {0, controller.BrokerEpoch() - 1}, "later epoch": {0, controller.BrokerEpoch() + 1}, "unknown broker": {5, 1}} {
		t.Run(name, func(t *testing.T) {
			request := kmsg.NewPtrAlterPartitionRequest()
			request.BrokerID, request.BrokerEpoch = test.broker, test.epoch
			answers := make(chan *kmsg.AlterPartitionResponse, 1)
			controller.AlterIsr(request, func(r *kmsg.AlterPartitionResponse) { answers <- r })
			if answer := <-answers; answer.ErrorCode != kerr.StaleBrokerEpoch.Code {
				t.Fatalf("%+v", answer)
			}
		})
	}
}

func controlledShutdown(controller *KafkaController, id int32, epoch int64) *kmsg.ControlledShutdownResponse {
	request := kmsg.NewPtrControlledShutdownRequest()
	request.Version, request.BrokerID, request.BrokerEpoch = 3, id, epoch
	answers := make(chan *kmsg.ControlledShutdownResponse, 1)
	controller.ControlledShutdown(request, func(r *kmsg.ControlledShutdownResponse) { answers <- r })
	return <-answers
}

func TestControlledShutdown(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 2}, []int32{2, 1}, []int32{1})
	epoch := inspect(controller, func(context *controllerContext) int64 { return context.liveBrokerEpochs[1] })
	c.sender.forget()
	answer := controlledShutdown(controller, 1, epoch)
	if answer.ErrorCode != 0 || len(answer.PartitionsRemaining) != 0 {
		t.Fatalf("%+v", answer)
	}
	c.awaitState(tp("orders", 0), 2, 2)
	c.awaitState(tp("orders", 1), 2, 2)
	c.awaitState(tp("orders", 2), 1, 1) // nobody could take it
	awaitRequest(c, 1, "StopReplica for what it follows", func(r *kmsg.StopReplicaRequest) bool {
		state, ok := stopReplicaOf(r, tp("orders", 1))
		_, led := stopReplicaOf(r, tp("orders", 0))
		return ok && !state.Delete && !led
	})
	awaitRequest(c, 1, "the new leader of what it led", func(r *kmsg.LeaderAndISRRequest) bool {
		state, ok := leaderAndIsrOf(r, tp("orders", 0))
		return ok && state.Leader == 2
	})
	if offline := c.alterIsr(controller, 2, tp("orders", 0), 2, 1); offline.ErrorCode != kerr.OperationNotAttempted.Code {
		t.Fatalf("a replica that is shutting down joins (KAFKA-14140): %+v", offline)
	}
	if answer := controlledShutdown(controller, 2, 0); answer.ErrorCode != kerr.StaleBrokerEpoch.Code {
		t.Fatalf("stale epoch: %+v", answer)
	}
	if answer := controlledShutdown(controller, 2, unknownBrokerEpoch); answer.ErrorCode != 0 || len(answer.PartitionsRemaining) != 2 {
		t.Fatalf("the last in-sync replica keeps its partitions: %+v", answer)
	}
	if answer := controlledShutdown(controller, 9, unknownBrokerEpoch); answer.ErrorCode != kerr.BrokerNotAvailable.Code {
		t.Fatalf("unknown broker: %+v", answer)
	}
	follower := c.startController(2, nil)
	settle(follower)
	if answer := controlledShutdown(follower, 1, epoch); answer.ErrorCode != kerr.StaleControllerEpoch.Code {
		t.Fatalf("not the controller: %+v", answer)
	}
}

type electionAnswer struct {
	response *kmsg.ElectLeadersResponse
	elected  map[topic.Partition]int32
}

func electLeaders(controller *KafkaController, electionType int8, partitions ...topic.Partition) electionAnswer {
	request := kmsg.NewPtrElectLeadersRequest()
	request.Version, request.ElectionType = 2, electionType
	for _, partition := range partitions {
		request.Topics = append(request.Topics, kmsg.ElectLeadersRequestTopic{Topic: partition.Topic, Partitions: []int32{partition.Partition}})
	}
	answers := make(chan electionAnswer, 1)
	controller.ElectLeaders(overTheWire(request), func(r *kmsg.ElectLeadersResponse, elected map[topic.Partition]int32) {
		answers <- electionAnswer{r, elected}
	})
	return <-answers
}

func (a electionAnswer) code(partition topic.Partition) int16 {
	for _, ofTopic := range a.response.Topics {
		for _, result := range ofTopic.Partitions {
			if ofTopic.Topic == partition.Topic && result.Partition == partition.Partition {
				return result.ErrorCode
			}
		}
	}
	return -1
}

func TestElectPreferredLeaders(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0}, []int32{0, 1})
	first, second := tp("orders", 0), tp("orders", 1)
	c.stopBroker(1)
	c.awaitState(first, 0, 0)
	settle(controller)
	answer := electLeaders(controller, electPreferred, first, second, tp("nonsense", 0))
	if answer.code(first) != kerr.PreferredLeaderNotAvailable.Code || answer.code(second) != kerr.ElectionNotNeeded.Code ||
		answer.code(tp("nonsense", 0)) != kerr.UnknownTopicOrPartition.Code || len(answer.elected) != 0 {
		t.Fatalf("%+v", answer)
	}
	c.startBroker(1)
	c.eventually("broker 1 is live", func() bool {
		return inspect(controller, func(context *controllerContext) bool { return context.isLive(1) })
	})
	c.alterIsr(controller, 0, first, 0, 1)
	if all := electLeaders(controller, electPreferred); all.elected[first] != 1 || all.code(first) != 0 || all.code(second) != -1 {
		t.Fatalf("all partitions: %+v", all)
	}
	c.awaitState(first, 1, 0, 1)
}

func TestElectLeadersAtAnotherBroker(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0})
	other := c.startController(1, nil)
	settle(other)
	if answer := electLeaders(other, electPreferred, tp("orders", 0)); answer.code(tp("orders", 0)) != kerr.NotController.Code {
		t.Fatalf("%+v", answer.response)
	}
	if answer := electLeaders(other, electPreferred); answer.response.ErrorCode != kerr.NotController.Code {
		t.Fatalf("all partitions: %+v", answer.response)
	}
}

func TestElectLeadersUncleanly(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 2})
	partition := tp("orders", 0)
	c.alterIsr(controller, 1, partition, 1)
	c.stopBroker(1)
	c.awaitState(partition, zkdata.NoLeader, 1)
	settle(controller)
	if answer := electLeaders(controller, electPreferred, partition); answer.code(partition) != kerr.PreferredLeaderNotAvailable.Code {
		t.Fatalf("%+v", answer)
	}
	if answer := electLeaders(controller, electUnclean, partition); answer.elected[partition] != 2 {
		t.Fatalf("%+v", answer)
	}
	c.awaitState(partition, 2, 2)
	if controller.metrics.uncleanLeaderElections.Count() != 1 {
		t.Fatal("an unclean election is to be counted")
	}
	if answer := electLeaders(controller, electUnclean, partition); answer.code(partition) != kerr.ElectionNotNeeded.Code {
		t.Fatalf("%+v", answer)
	}
}

func TestUncleanElectionEnabledForATopic(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 2})
	c.alterIsr(controller, 1, tp("orders", 0), 1)
	c.stopBroker(1)
	c.awaitState(tp("orders", 0), zkdata.NoLeader, 1)
	if err := c.admin.SetOrCreateEntityConfigs("topics", "orders", map[string]string{"unclean.leader.election.enable": "true"}); err != nil {
		t.Fatal(err)
	}
	controller.EnableTopicUncleanLeaderElection("orders")
	c.awaitState(tp("orders", 0), 2, 2)
}

func TestPreferredElectionByZnode(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0})
	c.stopBroker(1)
	c.awaitState(tp("orders", 0), 0, 0)
	c.startBroker(1)
	c.eventually("broker 1 is live", func() bool {
		return inspect(controller, func(context *controllerContext) bool { return context.isLive(1) })
	})
	c.alterIsr(controller, 0, tp("orders", 0), 0, 1)
	for range 2 { // the watch is armed again
		if err := c.admin.CreatePreferredReplicaElection([]topic.Partition{tp("orders", 0), tp("nonsense", 1)}); err != nil {
			t.Fatal(err)
		}
		c.awaitState(tp("orders", 0), 1, 0, 1)
		c.eventually("the node is gone", func() bool {
			exists, err := c.admin.PathExists(zkdata.PreferredReplicaElectionPath)
			return err == nil && !exists
		})
	}
}

func TestAutoLeaderRebalance(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0}, []int32{0, 1})
	c.stopBroker(1)
	c.awaitState(tp("orders", 0), 0, 0)
	c.startBroker(1)
	c.eventually("broker 1 is live", func() bool {
		return inspect(controller, func(context *controllerContext) bool { return context.isLive(1) })
	})
	rebalance := func() {
		controller.put("rebalance", stateAutoLeaderBalance, controller.processAutoLeaderRebalance)
		settle(controller)
	}
	rebalance()
	if state := c.state(tp("orders", 0)); state.Leader != 0 {
		t.Fatal("a replica that is not in sync must not lead")
	}
	c.alterIsr(controller, 0, tp("orders", 0), 0, 1)
	rebalance()
	c.awaitState(tp("orders", 0), 1, 0, 1)
	if imbalance := controller.metrics.gauges.preferredReplicaImbalance.Load(); imbalance != 0 {
		t.Fatalf("imbalance %d", imbalance)
	}
}

func TestIsrChangeNotificationsOfOldBrokers(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0})
	if _, _, err := c.admin.UpdateLeaderAndIsrAsLeader(tp("orders", 0), zkdata.LeaderAndIsr{Leader: 1, Isr: []int32{1}}, 1); err != nil {
		t.Fatal(err)
	}
	if err := c.admin.PropagateIsrChanges([]topic.Partition{tp("orders", 0)}); err != nil {
		t.Fatal(err)
	}
	awaitRequest(c, 0, "the ISR", func(r *kmsg.UpdateMetadataRequest) bool {
		state, ok := updateMetadataOf(r, tp("orders", 0))
		return ok && slices.Equal(state.ISR, []int32{1})
	})
	c.eventually("the notification is deleted", func() bool {
		left, err := c.admin.GetChildren(zkdata.IsrChangeNotificationPath)
		return err == nil && len(left) == 0
	})
}

func TestFailedLogDirectoryTakesItsReplicasOffline(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0}, []int32{1, 0})
	c.sender.fail(tp("orders", 0), 1, kerr.KafkaStorageError.Code)
	if err := c.admin.PropagateLogDirEvent(1); err != nil {
		t.Fatal(err)
	}
	c.awaitState(tp("orders", 0), 0, 0)
	awaitRequest(c, 0, "the offline replica", func(r *kmsg.UpdateMetadataRequest) bool {
		state, ok := updateMetadataOf(r, tp("orders", 0))
		return ok && slices.Equal(state.OfflineReplicas, []int32{1})
	})
	c.eventually("the event is deleted", func() bool {
		left, err := c.admin.GetChildren(zkdata.LogDirEventNotificationPath)
		return err == nil && len(left) == 0
	})
	settle(controller)
	if state := c.state(tp("orders", 1)); state.Leader != 1 {
		t.Fatalf("the other directory's partition moved: %+v", state)
	}
}

func TestAllocateProducerIds(t *testing.T) {
	c := newTestCluster(t, 0)
	controller := c.startActive(0, nil)
	allocate := func(id int32, epoch int64) *kmsg.AllocateProducerIDsResponse {
		request := kmsg.NewPtrAllocateProducerIDsRequest()
		request.BrokerID, request.BrokerEpoch = id, epoch
		answers := make(chan *kmsg.AllocateProducerIDsResponse, 1)
		controller.AllocateProducerIds(request, func(r *kmsg.AllocateProducerIDsResponse) { answers <- r })
		return <-answers
	}
	for i := range int64(3) {
		if block := allocate(0, controller.BrokerEpoch()); block.ErrorCode != 0 || block.ProducerIDStart != 1000*i || block.ProducerIDLen != 1000 {
			t.Fatalf("block %d: %+v", i, block)
		}
	}
	if answer := allocate(0, controller.BrokerEpoch()-1); answer.ErrorCode != kerr.StaleBrokerEpoch.Code {
		t.Fatalf("stale epoch: %+v", answer)
	}
	if answer := allocate(3, 1); answer.ErrorCode != kerr.BrokerIDNotRegistered.Code {
		t.Fatalf("unknown broker: %+v", answer)
	}
}

func updateFeatures(controller *KafkaController, updates ...kmsg.UpdateFeaturesRequestFeatureUpdate) *kmsg.UpdateFeaturesResponse {
	request := kmsg.NewPtrUpdateFeaturesRequest()
	request.FeatureUpdates = updates
	answers := make(chan *kmsg.UpdateFeaturesResponse, 1)
	controller.UpdateFeatures(request, func(r *kmsg.UpdateFeaturesResponse) { answers <- r })
	return <-answers
}

func TestUpdateFeatures(t *testing.T) {
	c := newTestCluster(t, 0)
	if err := c.admin.CreateFeatureZNode(zkdata.FeatureNode{Status: zkdata.FeatureEnabled,
		Features: map[string]zkdata.FinalizedVersionRange{"known": {MinVersionLevel: 1, MaxVersionLevel: 3}}}); err != nil {
		t.Fatal(err)
	}
	controller := c.startController(0, nil)
	c.eventually("controller is active", controller.IsActive)
	type update = kmsg.UpdateFeaturesRequestFeatureUpdate
	for _, test := range []struct {
		update  update
		message string
	}{
		{update{Feature: "", MaxVersionLevel: 1}, "Feature name can not be empty."},
		{update{Feature: "other", MaxVersionLevel: 0, AllowDowngrade: true}, "Can not delete non-existing finalized feature."},
		{update{Feature: "other", MaxVersionLevel: 0}, "Can not provide maxVersionLevel: 0 less than 1 without setting the allowDowngrade flag to true in the request."},
		{update{Feature: "other", MaxVersionLevel: 1}, "Could not apply finalized feature update because the provided feature is not supported."},
		{update{Feature: "known", MaxVersionLevel: 3}, "Can not upgrade a finalized feature from existing maxVersionLevel:3 to the same value."},
		{update{Feature: "known", MaxVersionLevel: 2}, "Can not downgrade finalized feature from existing maxVersionLevel:3 to provided maxVersionLevel:2 without setting the allowDowngrade flag in the request."},
		{update{Feature: "known", MaxVersionLevel: 4, AllowDowngrade: true}, "When the allowDowngrade flag set in the request, the provided maxVersionLevel:4 can not be greater than existing maxVersionLevel:3."},
	} {
		answer := updateFeatures(controller, test.update)
		if result := answer.Results[0]; answer.ErrorCode != 0 || result.ErrorCode != kerr.InvalidRequest.Code || *result.ErrorMessage != test.message {
			t.Errorf("%+v: %+v %s", test.update, answer, *result.ErrorMessage)
		}
	}
	if answer := updateFeatures(controller, update{Feature: "known", AllowDowngrade: true}); answer.Results[0].ErrorCode != 0 {
		t.Fatalf("%+v", answer)
	}
	if node, _, _, err := c.admin.GetFeatureZNode(); err != nil || len(node.Features) != 0 || node.Status != zkdata.FeatureEnabled {
		t.Fatalf("%+v, %v", node, err)
	}
}

// lateFeatures is a view of /feature that waits at most for the time given.
type lateFeatures struct{ seen, asked int32 }

func (f *lateFeatures) WaitUntilEpoch(epoch int32, timeout time.Duration) error {
	if f.asked = epoch; epoch <= f.seen {
		return nil
	}
	return fmt.Errorf("not within %s", timeout)
}

func TestUpdateFeaturesWaitsForTheBrokersView(t *testing.T) {
	c := newTestCluster(t, 0)
	if err := c.admin.CreateFeatureZNode(zkdata.FeatureNode{Status: zkdata.FeatureDisabled}); err != nil {
		t.Fatal(err)
	}
	view := &lateFeatures{seen: 1}
	c.features = view
	controller := c.startActive(0, nil) // enables the node: version 1
	known := map[string]zkdata.FinalizedVersionRange{"known": {MinVersionLevel: 1, MaxVersionLevel: 3}}
	inspect(controller, func(*controllerContext) bool { controller.finalizedFeatures = known; return true })
	remove := kmsg.UpdateFeaturesRequestFeatureUpdate{Feature: "known", AllowDowngrade: true}
	if answer := updateFeatures(controller, remove); answer.Results[0].ErrorCode != kerr.FeatureUpdateFailed.Code {
		t.Fatalf("%+v", answer)
	}
	if view.asked != 2 {
		t.Fatalf("waited for version %d", view.asked)
	}
}

func TestFeaturesAreDisabledBelow27(t *testing.T) {
	c := newTestCluster(t, 0)
	controller := c.startActive(0, map[string]string{"inter.broker.protocol.version": "2.6"})
	if node, _, found, err := c.admin.GetFeatureZNode(); err != nil || !found || node.Status != zkdata.FeatureDisabled {
		t.Fatalf("%+v, %t, %v", node, found, err)
	}
	if answer := updateFeatures(controller); answer.ErrorCode != kerr.InvalidRequest.Code || *answer.ErrorMessage != "Feature versioning system is disabled." {
		t.Fatalf("%+v", answer)
	}
}

func TestChangedListenersAreToldToAll(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	c.startActive(0, nil)
	changed := brokerInfo(1)
	changed.Endpoints[0].Port = 1234
	if err := c.brokers[1].UpdateBrokerInfo(changed); err != nil {
		t.Fatal(err)
	}
	awaitRequest(c, 0, "the new port", func(r *kmsg.UpdateMetadataRequest) bool {
		return len(r.LiveBrokers) == 2 && r.LiveBrokers[1].Endpoints[0].Port == 1234
	})
}

func TestUnreachableBrokerGetsItsRequestsInOrderLater(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	c.startActive(0, nil)
	c.sender.setUnreachable(1, true)
	for _, name := range []string{"a", "b", "c"} {
		c.createAwaited(name, []int32{0, 1})
	}
	c.sender.setUnreachable(1, false)
	awaitRequest(c, 1, "the last topic", func(r *kmsg.LeaderAndISRRequest) bool { return r.TopicStates[0].Topic == "c" })
	var order []string
	c.sender.mu.Lock()
	defer c.sender.mu.Unlock()
	for _, sent := range c.sender.requests {
		if request, ok := sent.request.(*kmsg.LeaderAndISRRequest); ok && sent.broker == 1 {
			order = append(order, request.TopicStates[0].Topic)
		}
	}
	if !slices.Equal(order, []string{"a", "b", "c"}) {
		t.Fatalf("order %v", order)
	}
}
