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

func TestElectionOfTheFirstController(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	first := c.startActive(0, nil)
	second := c.startController(1, nil)
	settle(second)
	if second.IsActive() || first.Epoch() != 1 || second.Epoch() != 0 {
		t.Fatalf("epochs %d and %d, second active %t", first.Epoch(), second.Epoch(), second.IsActive())
	}
	request := awaitRequest(c, 1, "the live brokers", func(r *kmsg.UpdateMetadataRequest) bool { return len(r.LiveBrokers) == 2 })
	if request.Version != 7 || request.ControllerID != 0 || request.ControllerEpoch != 1 || len(request.TopicStates) != 0 {
		t.Fatalf("first UpdateMetadata: %+v", request)
	}
	broker, _, _ := c.admin.GetBroker(1)
	if request.BrokerEpoch != broker.Epoch {
		t.Fatalf("broker epoch %d, registered with %d", request.BrokerEpoch, broker.Epoch)
	}
	node, _, found, err := c.admin.GetFeatureZNode()
	if err != nil || !found || node.Status != zkdata.FeatureEnabled || len(node.Features) != 0 {
		t.Fatalf("/feature: %+v, %t, %v", node, found, err)
	}
}

func TestNewTopicIsToldToItsBrokersAndAll(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	id := c.createAwaited("orders", []int32{1, 2}, []int32{0})
	if state := c.state(tp("orders", 0)); state.LeaderEpoch != 0 || state.ZkVersion != 0 || state.ControllerEpoch != 1 {
		t.Fatalf("first state: %+v", state)
	}
	request := awaitRequest(c, 1, "LeaderAndIsr", func(r *kmsg.LeaderAndISRRequest) bool {
		_, ok := leaderAndIsrOf(r, tp("orders", 0))
		return ok
	})
	want := &kmsg.LeaderAndISRRequest{
		Version: 5, ControllerID: 0, ControllerEpoch: 1, BrokerEpoch: request.BrokerEpoch,
		TopicStates: []kmsg.LeaderAndISRRequestTopicState{{Topic: "orders", TopicID: id,
			PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{{
				Partition: 0, ControllerEpoch: 1, Leader: 1, ISR: []int32{1, 2}, Replicas: []int32{1, 2}, IsNew: true,
			}}}},
		LiveLeaders: []kmsg.LeaderAndISRRequestLiveLeader{{BrokerID: 1, Host: "localhost", Port: 9093}},
	}
	if diff := cmp.Diff(want, request, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(kmsg.Tags{})); diff != "" {
		t.Fatal(diff)
	}
	for _, broker := range []int32{0, 1, 2} {
		update := awaitRequest(c, broker, "UpdateMetadata", func(r *kmsg.UpdateMetadataRequest) bool {
			_, ok := updateMetadataOf(r, tp("orders", 1))
			return ok
		})
		if update.TopicStates[0].TopicID != id {
			t.Fatalf("topic id %v", update.TopicStates[0].TopicID)
		}
	}
	if _, ok := find(c.sender, 0, func(r *kmsg.LeaderAndISRRequest) bool {
		_, ok := leaderAndIsrOf(r, tp("orders", 0))
		return ok
	}); ok {
		t.Fatal("broker 0 hosts no replica of orders-0")
	}
	settle(controller)
	if gauges := &controller.metrics.gauges; gauges.topics.Load() != 1 || gauges.partitions.Load() != 2 || gauges.activeBrokers.Load() != 3 {
		t.Fatal("gauges do not count the topic")
	}
}

func TestTopicWithoutAnIDGetsOne(t *testing.T) {
	c := newTestCluster(t, 0)
	c.startActive(0, nil)
	if err := c.admin.CreateTopicAssignment("old", topic.ID{}, map[topic.Partition][]int32{tp("old", 0): {0}}); err != nil {
		t.Fatal(err)
	}
	c.awaitState(tp("old", 0), 0, 0)
	ids, err := c.admin.GetTopicIdsForTopics([]string{"old"})
	if err != nil || ids["old"].IsZero() {
		t.Fatalf("ids %v, %v", ids, err)
	}
	t.Run("and keeps it when a tool from before 2.8 rewrites the node", func(t *testing.T) {
		err := c.admin.SetTopicAssignment("old", topic.ID{}, map[topic.Partition]zkdata.ReplicaAssignment{
			tp("old", 0): {Replicas: []int32{0}}, tp("old", 1): {Replicas: []int32{0}},
		}, zkdata.MatchAnyVersion)
		if err != nil {
			t.Fatal(err)
		}
		c.awaitState(tp("old", 1), 0, 0)
		again, err := c.admin.GetTopicIdsForTopics([]string{"old"})
		if err != nil || again["old"] != ids["old"] {
			t.Fatalf("id %v, was %v, %v", again["old"], ids["old"], err)
		}
	})
}

func TestAddedPartitionsComeOnline(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	c.startActive(0, nil)
	id := c.createAwaited("orders", []int32{0, 1})
	err := c.admin.SetTopicAssignment("orders", id, map[topic.Partition]zkdata.ReplicaAssignment{
		tp("orders", 0): {Replicas: []int32{0, 1}}, tp("orders", 1): {Replicas: []int32{1, 0}},
	}, zkdata.MatchAnyVersion)
	if err != nil {
		t.Fatal(err)
	}
	c.awaitState(tp("orders", 1), 1, 1, 0)
}

func TestPartitionWhoseStateIsThereAlreadyComesOnline(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	release := hold(controller)
	c.createTopic("orders", []int32{1, 0}, []int32{7, 1})
	// As after a write whose answer was lost.
	_, err := c.admin.CreateTopicPartitionStatesRaw(map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{
		tp("orders", 0): {LeaderAndIsr: zkdata.NewLeaderAndIsr(1, []int32{1, 0}), ControllerEpoch: 1},
		tp("orders", 1): {LeaderAndIsr: zkdata.NewLeaderAndIsr(7, []int32{7, 1}), ControllerEpoch: 1},
	}, zkdata.MatchAnyVersion)
	if err != nil {
		t.Fatal(err)
	}
	release()
	awaitRequest(c, 1, "LeaderAndIsr", func(r *kmsg.LeaderAndISRRequest) bool {
		state, ok := leaderAndIsrOf(r, tp("orders", 0))
		return ok && state.IsNew && state.Leader == 1
	})
	c.startBroker(2) // leaders are looked for again
	c.awaitState(tp("orders", 1), 1, 1)
}

func TestBrokerDeathMovesLeaders(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0, 2}, []int32{1})
	c.sender.forget()
	c.stopBroker(1)
	state := c.awaitState(tp("orders", 0), 0, 0, 2)
	if state.LeaderEpoch != 1 {
		t.Fatalf("leader epoch %d: a replica that the election left out of the ISR takes no epoch of its own", state.LeaderEpoch)
	}
	if state := c.awaitState(tp("orders", 1), zkdata.NoLeader, 1); state.LeaderEpoch != 1 {
		t.Fatalf("leader epoch %d of the partition without a leader", state.LeaderEpoch)
	}
	for _, id := range []int32{0, 2} {
		awaitRequest(c, id, "the new leader", func(r *kmsg.LeaderAndISRRequest) bool {
			state, ok := leaderAndIsrOf(r, tp("orders", 0))
			return ok && state.Leader == 0 && !state.IsNew && slices.Equal(state.Replicas, []int32{1, 0, 2})
		})
		awaitRequest(c, id, "offline replicas", func(r *kmsg.UpdateMetadataRequest) bool {
			state, ok := updateMetadataOf(r, tp("orders", 1))
			return ok && state.Leader == zkdata.NoLeader && slices.Equal(state.OfflineReplicas, []int32{1}) && len(r.LiveBrokers) == 2
		})
	}
	t.Run("and its return brings it back online", func(t *testing.T) {
		epoch := c.startBroker(1)
		c.awaitState(tp("orders", 1), 1, 1)
		request := awaitRequest(c, 1, "all it hosts", func(r *kmsg.LeaderAndISRRequest) bool {
			_, first := leaderAndIsrOf(r, tp("orders", 0))
			return first
		})
		if request.BrokerEpoch != epoch {
			t.Fatalf("broker epoch %d, registered with %d", request.BrokerEpoch, epoch)
		}
	})
}

// A leader that is not told of its new epoch has its ISR changes refused for good.
func TestAnIsrThatShrankInAWriteWhoseAnswerWasLostIsTold(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1, 2})
	before := c.state(tp("orders", 0))
	release := hold(controller)
	c.stopBroker(2)
	before.Isr, before.LeaderEpoch = []int32{0, 1}, before.LeaderEpoch+1
	if _, err := c.admin.SetTopicPartitionStatesRaw(map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{
		tp("orders", 0): before,
	}, zkdata.MatchAnyVersion); err != nil {
		t.Fatal(err)
	}
	release()
	for _, id := range []int32{0, 1} {
		awaitRequest(c, id, "the new leader epoch", func(r *kmsg.LeaderAndISRRequest) bool {
			state, ok := leaderAndIsrOf(r, tp("orders", 0))
			return ok && state.LeaderEpoch == before.LeaderEpoch && slices.Equal(state.ISR, []int32{0, 1})
		})
	}
}

// A fetch that a broker sent before it died must not bring it into the ISR after its
// restart (KAFKA-15221): the epoch in which it was sent, and the version of the state
// that the leader knows, are over.
func TestAReplicaThatDiedBehindIsNotTakenIntoTheIsrByWhatItSentBefore(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	controller := c.startActive(0, nil)
	partition := tp("orders", 0)
	c.createAwaited("orders", []int32{1, 0, 2})
	if shrunk := c.alterIsr(controller, 1, partition, 1, 0); shrunk.ErrorCode != 0 {
		t.Fatalf("shrink: %+v", shrunk)
	}
	c.sender.forget()
	c.stopBroker(2)
	c.eventually("there is a new epoch", func() bool { return c.state(partition).LeaderEpoch == 1 })
	c.startBroker(2)
	settle(controller)
	for _, id := range []int32{0, 1} {
		awaitRequest(c, id, "the new leader epoch", func(r *kmsg.LeaderAndISRRequest) bool {
			state, ok := leaderAndIsrOf(r, partition)
			return ok && state.LeaderEpoch == 1 && slices.Equal(state.ISR, []int32{1, 0})
		})
	}
	awaitRequest(c, 2, "its replica", func(r *kmsg.LeaderAndISRRequest) bool {
		_, ok := leaderAndIsrOf(r, partition)
		return ok
	})
	if stale := c.alterIsrAt(controller, 1, partition, 0, 1, 1, 0, 2); stale.ErrorCode != kerr.FencedLeaderEpoch.Code {
		t.Errorf("an expansion of the time before: %+v", stale)
	}
	if caughtUp := c.alterIsr(controller, 1, partition, 1, 0, 2); caughtUp.ErrorCode != 0 {
		t.Errorf("an expansion of now: %+v", caughtUp)
	}
	c.awaitState(partition, 1, 1, 0, 2)
}

func TestBounceBetweenTwoLooksIsSeenByTheEpoch(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0})
	release := hold(controller)
	c.stopBroker(1)
	epoch := c.startBroker(1)
	c.sender.forget()
	release()
	state := c.awaitState(tp("orders", 0), 0, 0)
	if state.LeaderEpoch == 0 {
		t.Fatal("the bounced broker must lose its leadership")
	}
	request := awaitRequest(c, 1, "LeaderAndIsr", func(r *kmsg.LeaderAndISRRequest) bool {
		_, ok := leaderAndIsrOf(r, tp("orders", 0))
		return ok
	})
	if request.BrokerEpoch != epoch {
		t.Fatalf("broker epoch %d, registered with %d", request.BrokerEpoch, epoch)
	}
}

func TestFailoverTellsOfTopicsAsAWhole(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	c.startActive(0, nil)
	c.createAwaited("orders", []int32{1, 0}, []int32{2}, []int32{0, 1})
	next := c.startController(1, nil)
	settle(next)
	c.stopBroker(2)
	c.awaitState(tp("orders", 1), zkdata.NoLeader, 2)
	c.sender.forget()
	c.stopBroker(0)
	c.eventually("the next controller is active", next.IsActive)
	settle(next)
	told := map[int32]bool{} // what a broker that knew nothing knows
	c.sender.mu.Lock()
	defer c.sender.mu.Unlock()
	for _, sent := range c.sender.requests {
		update, ok := sent.request.(*kmsg.UpdateMetadataRequest)
		if !ok || sent.broker != 1 || update.ControllerID != 1 {
			continue
		}
		for partition := range int32(3) {
			if _, ok := updateMetadataOf(update, tp("orders", partition)); ok {
				told[partition] = true
			}
		}
		if len(told) > 0 {
			break
		}
	}
	if len(told) != 3 {
		t.Errorf("partitions %v of 3 are told first", told)
	}
}

// hold keeps the event goroutine busy until release is called.
func hold(controller *KafkaController) (release func()) {
	held := make(chan struct{})
	started := make(chan struct{})
	controller.events.put(event{name: "hold", process: func() error { close(started); <-held; return nil }})
	<-started
	return func() { close(held) }
}

func TestFailoverTakesOverWhatIsInZooKeeper(t *testing.T) {
	c := newTestCluster(t, 0, 1, 2)
	c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1}, []int32{1, 2})
	next := c.startController(1, nil)
	settle(next)
	c.stopBroker(0)
	c.eventually("the other broker is elected", next.IsActive)
	if state := c.awaitState(tp("orders", 0), 1, 1); state.ControllerEpoch != 2 {
		t.Fatalf("controller epoch %d", state.ControllerEpoch)
	}
	awaitRequest(c, 2, "all it hosts", func(r *kmsg.LeaderAndISRRequest) bool {
		_, ok := leaderAndIsrOf(r, tp("orders", 1))
		return ok && r.ControllerEpoch == 2
	})
}

func TestZombieControllerChangesNothing(t *testing.T) {
	c := newTestCluster(t, 0, 1)
	zombie := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0, 1})
	next := c.startController(1, nil)
	settle(next)
	// While the first controller does not get to look, another one is elected.
	release := hold(zombie)
	if err := c.admin.DeleteController(zkdata.MatchAnyVersion); err != nil {
		t.Fatal(err)
	}
	c.eventually("the other broker is elected", next.IsActive)
	settle(next)
	before := c.state(tp("orders", 0))
	answered := make(chan *kmsg.AlterPartitionResponse, 1)
	request := kmsg.NewPtrAlterPartitionRequest()
	request.BrokerID, request.BrokerEpoch = 0, zombie.BrokerEpoch()
	request.Topics = []kmsg.AlterPartitionRequestTopic{{Topic: "orders", Partitions: []kmsg.AlterPartitionRequestTopicPartition{{
		Partition: 0, LeaderEpoch: before.LeaderEpoch, NewISR: []int32{0}, PartitionEpoch: before.ZkVersion,
	}}}}
	// Behind the events of the election, so ask the step itself.
	moved := make(chan error, 1)
	zombie.events.mu.Lock()
	zombie.events.queue = slices.Insert(zombie.events.queue, 0, event{name: "zombie's write", started: make(chan struct{}), process: func() error {
		_, err := zombie.alterIsrs(wantedIsrs(request))
		moved <- err
		return err
	}})
	zombie.events.mu.Unlock()
	release()
	if err := <-moved; err == nil {
		t.Fatal("the write of a controller that is none any more went through")
	}
	c.eventually("the zombie resigns", func() bool { return !zombie.IsActive() })
	if after := c.state(tp("orders", 0)); !after.EqualsIgnoreZkVersion(before.LeaderAndIsr) || after.ZkVersion != before.ZkVersion {
		t.Fatalf("state %+v, was %+v", after, before)
	}
	zombie.AlterIsr(request, func(r *kmsg.AlterPartitionResponse) { answered <- r })
	if response := <-answered; response.ErrorCode != 41 {
		t.Fatalf("error code %d, want NOT_CONTROLLER", response.ErrorCode)
	}
}

func TestSessionExpiryResignsAndComesBack(t *testing.T) {
	c := newTestCluster(t, 0)
	controller := c.startActive(0, nil)
	c.createAwaited("orders", []int32{0})
	epoch := controller.BrokerEpoch()
	owner := func() int64 {
		_, stat, found, err := c.admin.GetDataAndStat(zkdata.BrokerIDPath(0))
		if err != nil || !found {
			return 0
		}
		return stat.EphemeralOwner
	}
	if !c.server.ExpireSession(owner()) {
		t.Fatal("no such session")
	}
	c.eventually("the broker is registered and the controller again", func() bool {
		return controller.IsActive() && controller.Epoch() == 2 && controller.BrokerEpoch() > epoch
	})
	c.createAwaited("payments", []int32{0})
}

func TestShutdownAnswersWhatWaits(t *testing.T) {
	c := newTestCluster(t, 0)
	controller := c.startActive(0, nil)
	release := hold(controller)
	codes := make(chan int16, 2)
	controller.AllocateProducerIds(kmsg.NewPtrAllocateProducerIDsRequest(), func(r *kmsg.AllocateProducerIDsResponse) { codes <- r.ErrorCode })
	stopped := make(chan struct{})
	go func() { defer close(stopped); controller.Shutdown() }()
	if code := <-codes; code != 41 {
		t.Fatalf("error code %d, want NOT_CONTROLLER", code)
	}
	release()
	<-stopped
	controller.AllocateProducerIds(kmsg.NewPtrAllocateProducerIDsRequest(), func(r *kmsg.AllocateProducerIDsResponse) { codes <- r.ErrorCode })
	if code := <-codes; code != 41 {
		t.Fatalf("error code %d after shutdown", code)
	}
}
