package system

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
	"github.com/gregor-broker/gregor/tests/system/history"
)

// hosts lists the brokers that have a partition on their disks.
func hosts(c *framework.Brokers, topic string, partition int) []int {
	var found []int
	for _, b := range c.Brokers {
		if _, err := os.Stat(filepath.Join(b.LogDir(), fmt.Sprintf("%s-%d", topic, partition))); err == nil {
			found = append(found, b.ID)
		}
	}
	return found
}

// awaitHosts waits until just these brokers have a partition on their disks.
func (a *admin) awaitHosts(c *framework.Brokers, topic string, partition int, want ...int) {
	a.t.Helper()
	a.until(fmt.Sprintf("%s-%d is on the disks of %v", topic, partition, want), func() error {
		if found := hosts(c, topic, partition); !slices.Equal(found, want) {
			return fmt.Errorf("it is on those of %v", found)
		}
		return nil
	})
}

func fourInProcess(t *testing.T, settings map[string]string) *framework.Brokers {
	t.Helper()
	return inProcess(t, 4, settings)
}

// TestReplicasAreMovedUnderLoad moves every partition to other brokers, by the
// controller's ISR and by that of ZooKeeper.
func TestReplicasAreMovedUnderLoad(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"3.1", "2.6"} {
		t.Run("protocol "+version, func(t *testing.T) {
			t.Parallel()
			c := fourInProcess(t, map[string]string{"inter.broker.protocol.version": version})
			a, l := loaded(t, c)
			for partition, replicas := range [][]int32{{3, 1, 0}, {3, 2, 1}, {2, 0}} {
				a.reassign("load", int32(partition), replicas)
				a.awaitReassigned()
				a.until("the replicas are as asked", func() error {
					partitions, err := a.partitions("load")
					if err == nil && !slices.Equal(partitions[partition].Replicas, replicas) {
						err = fmt.Errorf("they are %d", partitions[partition].Replicas)
					}
					return err
				})
				var want []int
				for _, id := range slices.Sorted(slices.Values(replicas)) {
					want = append(want, int(id))
				}
				a.awaitHosts(c, "load", partition, want...)
				l.goOn()
			}
			l.validate(c)
		})
	}
}

// TestReplicasAreMovedWhileBrokersRestart shuffles all partitions again and again
// while every other broker is bounced.
func TestReplicasAreMovedWhileBrokersRestart(t *testing.T) {
	t.Parallel()
	c := framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(4, framework.GregorProcesses)})
	a, l := loaded(t, c)
	for round := range 4 {
		for partition := range 3 {
			first := int32(round + partition)
			a.reassign("load", int32(partition), []int32{first % 4, (first + 1) % 4, (first + 3) % 4})
		}
		b := c.Brokers[(round*2+1)%4]
		if round%2 == 0 {
			b.Stop()
		} else {
			b.Kill()
		}
		b.Start()
		a.awaitReassigned()
		a.awaitInSync("load")
		l.goOn()
	}
	l.validate(c)
}

// TestACancelledReassignmentLeavesNothingBehind cancels the move to a broker that
// cannot fetch; what that broker made must be gone, or it clashes with a topic of the
// same name later (KAFKA-13972).
func TestACancelledReassignmentLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	c := fourInProcess(t, nil)
	controller := c.AwaitController("there is one", func(int) bool { return true })
	one, other, third := (controller+1)%4, (controller+2)%4, (controller+3)%4
	replicas := []int32{int32(one), int32(other)}
	a := newAdmin(t, c)
	a.createTopic("moved", [][]int32{replicas}, keepTwo)
	sendAll(t, c, "moved", "first")
	c.CutBoth(third, one)
	c.CutBoth(third, other)
	a.reassign("moved", 0, []int32{int32(third), int32(one)})
	partition := history.Partition{Topic: "moved"}
	a.until("the reassignment is listed", func() error {
		moving, err := a.reassignments()
		if err == nil && !slices.Equal(moving, []history.Partition{partition}) {
			err = fmt.Errorf("%v are listed", moving)
		}
		return err
	})
	a.awaitHosts(c, "moved", 0, slices.Sorted(slices.Values([]int{one, other, third}))...)
	sendAll(t, c, "moved", "meanwhile")
	a.reassign("moved", 0, nil)
	a.awaitReassigned()
	a.await("the replicas are those before", "moved", func(p kmsg.MetadataResponseTopicPartition) bool {
		return slices.Equal(p.Replicas, replicas) && len(p.ISR) == 2
	})
	a.awaitHosts(c, "moved", 0, slices.Sorted(slices.Values([]int{one, other}))...)
	c.Heal()
	a.deleteTopic("moved")
	a.awaitHosts(c, "moved", 0)
	a.createTopic("moved", [][]int32{{int32(third), int32(one)}}, keepTwo)
	a.awaitInSync("moved")
	sendAll(t, c, "moved", "second")
	if values := a.values("moved"); !slices.Equal(values, []string{"second"}) {
		t.Errorf("the new topic has %q", values)
	}
}

// TestAReassignmentWaitsForItsBroker asks for a broker that is down.
func TestAReassignmentWaitsForItsBroker(t *testing.T) {
	t.Parallel()
	c := fourInProcess(t, nil)
	a, l := loaded(t, c)
	a.reassign("load", 0, []int32{3, 1, 2})
	a.awaitReassigned()
	c.Brokers[0].Stop()
	a.reassign("load", 1, []int32{1, 2, 3}) // away from the one that is down
	a.awaitReassigned()
	c.Brokers[3].Stop()
	a.reassign("load", 2, []int32{1, 2, 0}) // as it is, but in another order
	c.Brokers[0].Start()
	c.Brokers[3].Start()
	a.awaitReassigned()
	a.await("the replicas are as asked", "load", func(p kmsg.MetadataResponseTopicPartition) bool {
		return slices.Equal(p.Replicas, [][]int32{{3, 1, 2}, {1, 2, 3}, {1, 2, 0}}[p.Partition])
	})
	l.validate(c)
}

// TestATopicIsDeletedAlthoughABrokerIsDown deletes a topic of which a stopped broker
// has a replica, and makes one of the same name.
func TestATopicIsDeletedAlthoughABrokerIsDown(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, nil)
	a := newAdmin(t, c)
	a.createTopic("old", everywhere(2), nil)
	a.createTopic("other", everywhere(1), nil)
	sendAll(t, c, "old", "old")
	sendAll(t, c, "other", "other")
	before, _ := c.Znode("/brokers/topics/old")
	c.Brokers[2].Stop()
	a.deleteTopic("old")
	a.awaitHosts(c, "old", 0, 2)
	c.Brokers[2].Start()
	a.awaitHosts(c, "old", 0)
	a.awaitHosts(c, "old", 1)
	a.createTopic("old", everywhere(2), nil)
	a.awaitInSync("old")
	if after, _ := c.Znode("/brokers/topics/old"); after == before {
		t.Error("a topic's name came back with its id")
	}
	sendAll(t, c, "old", "new")
	if values := a.values("old"); !slices.Equal(values, []string{"new"}) {
		t.Errorf("the new topic has %q", values)
	}
	if values := a.values("other"); !slices.Equal(values, []string{"other"}) {
		t.Errorf("the other topic has %q", values)
	}
}

// TestADeletedTopicIsMadeAgain deletes and makes a topic that was just written to.
func TestADeletedTopicIsMadeAgain(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, nil)
	a := newAdmin(t, c)
	for round := range 3 {
		a.createTopic("again", everywhere(2), keepTwo)
		sendAll(t, c, "again", fmt.Sprint(round))
		a.deleteTopic("again")
	}
}
