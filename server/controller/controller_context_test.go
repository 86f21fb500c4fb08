package controller

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// checkIndexes compares what the context keeps up to date with what follows
// from the maps it is about.
func checkIndexes(t *testing.T, c *controllerContext) {
	t.Helper()
	byReplica, byLeader, leaderless := map[int32]set[topic.Partition]{}, map[int32]set[topic.Partition]{}, set[topic.Partition]{}
	imbalanced, offline := 0, 0
	for _, partition := range c.allPartitions() {
		for _, id := range c.replicas(partition) {
			addTo(byReplica, id, partition)
		}
		if !c.isTopicQueuedUpForDeletion(partition.Topic) && c.isImbalanced(partition) {
			imbalanced++
		}
	}
	for partition, info := range c.leadership {
		addTo(byLeader, info.Leader, partition)
	}
	for partition, state := range c.partitionStates {
		if state == newPartition || state == offlinePartition {
			leaderless.add(partition)
		}
		if state == offlinePartition && !c.topicsWithDeletionStarted.has(partition.Topic) {
			offline++
		}
	}
	for name, pair := range map[string][2]any{
		"by replica": {byReplica, c.partitionsByReplica}, "by leader": {byLeader, c.partitionsByLeader},
		"leaderless": {leaderless, c.leaderless}, "imbalanced": {imbalanced, c.preferredReplicaImbalanceCount},
		"offline": {offline, c.offlinePartitionCount},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
	}
}

// TestControllerContext runs scripts that change a context, of which every
// command prints how it stands.
func TestControllerContext(t *testing.T) {
	context := newControllerContext()
	datadriven.RunTest(t, "testdata/context", func(t *testing.T, d *datadriven.TestData) string {
		runContextCommand(t, d, context)
		checkIndexes(t, context)
		var out strings.Builder
		fmt.Fprintf(&out, "live=%s offline=%d imbalanced=%d\n", joined(context.liveBrokerIDs()), context.offlinePartitionCount, context.preferredReplicaImbalanceCount)
		fmt.Fprintf(&out, "with offline leader: %s\n", joined(context.partitionsWithOfflineLeader()))
		return out.String()
	})
}

func runContextCommand(t *testing.T, d *datadriven.TestData, context *controllerContext) {
	name := d.CmdArgs[0].Key
	partition := tp(name, 0)
	switch d.Cmd {
	case "brokers":
		for _, id := range ids(t, d, "up") {
			context.addLiveBroker(zkdata.Broker{ID: id, Epoch: 1})
		}
		for _, id := range ids(t, d, "down") {
			context.removeLiveBroker(id)
		}
		for _, id := range ids(t, d, "shutting-down") {
			context.shuttingDownBrokerIDs.add(id)
		}
	case "assign":
		context.allTopics.add(name)
		context.updateAssignment(partition, zkdata.ReplicaAssignment{
			Replicas: ids(t, d, "replicas"), AddingReplicas: ids(t, d, "adding"), RemovingReplicas: ids(t, d, "removing")})
	case "lead":
		info := zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: zkdata.NewLeaderAndIsr(0, ids(t, d, "isr"))}
		d.ScanArgs(t, "leader", &info.Leader)
		context.putLeadership(partition, info)
	case "offline":
		context.putPartitionState(partition, offlinePartition)
	case "online":
		context.putPartitionState(partition, onlinePartition)
	case "gone":
		context.putPartitionState(partition, nonExistentPartition)
	case "bad-dir":
		for _, id := range ids(t, d, "broker") {
			addTo(context.replicasOnOfflineDirs, id, partition)
		}
	case "queue-deletion":
		context.queueTopicDeletion([]string{name})
	case "begin-deletion":
		context.beginTopicDeletion([]string{name})
	case "remove":
		context.removeTopic(name)
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
}

// TestContextKeepsItsIndexes does a long random walk.
func TestContextKeepsItsIndexes(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	context := newControllerContext()
	replicas := func() []int32 {
		return []int32{int32(random.Intn(3)), int32(3 + random.Intn(3)), int32(6 + random.Intn(3))}[:1+random.Intn(3)]
	}
	for range 3000 {
		name := fmt.Sprintf("t%d", random.Intn(4))
		partition := tp(name, int32(random.Intn(3)))
		switch random.Intn(7) {
		case 0, 1:
			context.updateAssignment(partition, zkdata.ReplicaAssignment{Replicas: replicas()}.ReassignTo(replicas()))
		case 2:
			if context.hasPartition(partition) {
				isr := replicas()
				context.putLeadership(partition, zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: zkdata.NewLeaderAndIsr(isr[0], isr)})
			}
		case 3:
			if context.hasPartition(partition) {
				context.putPartitionState(partition, partitionState(random.Intn(4)))
			}
		case 4:
			context.queueTopicDeletion([]string{name})
		case 5:
			if random.Intn(4) == 0 {
				context.removeTopic(name)
			}
		case 6:
			id := int32(random.Intn(9))
			if context.isLive(id) {
				context.removeLiveBroker(id)
			} else {
				context.addLiveBroker(zkdata.Broker{ID: id})
			}
		}
		checkIndexes(t, context)
		for _, offline := range context.partitionsWithOfflineLeader() {
			if context.isReplicaOnline(context.leadership[offline].Leader, offline) {
				t.Fatalf("leader of %s is online", offline)
			}
		}
	}
}

func TestTopicIDsStayWithTheirTopics(t *testing.T) {
	context := newControllerContext()
	a, b := topic.NewID(), topic.NewID()
	for _, test := range []struct {
		name string
		id   topic.ID
		fine bool
	}{{"x", a, true}, {"x", a, true}, {"x", b, false}, {"y", a, false}, {"y", b, true}} {
		if err := context.addTopicID(test.name, test.id); (err == nil) != test.fine {
			t.Errorf("%s with %s: %v", test.name, test.id, err)
		}
	}
	if names := sortedKeys(context.topicIDs); !slices.Equal(names, []string{"x", "y"}) {
		t.Error(names)
	}
}
