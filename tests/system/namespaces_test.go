package system

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestPacketsAreLostOneWayAndBothWays gives each broker, and ZooKeeper, a network of
// its own, and loses the packets of one direction, and of both, under load: between
// followers and leaders, between a controller and ZooKeeper, and between clients and
// a broker.
func TestPacketsAreLostOneWayAndBothWays(t *testing.T) {
	framework.NeedNamespaces(t)
	t.Parallel()
	c := framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(3, framework.GregorProcesses), Namespaces: true})
	a := newAdmin(t, c)
	leader := c.AwaitController("there is one", func(int) bool { return true })
	follower, other := (leader+1)%3, (leader+2)%3
	a.createTopic("load", [][]int32{{int32(leader), int32(follower), int32(other)}}, keepTwo)
	l := startLoad(t, c, "load", 1, 2)
	without := func(id int) {
		t.Helper()
		a.await(fmt.Sprintf("broker %d leaves the ISR", id), "load", func(p kmsg.MetadataResponseTopicPartition) bool {
			return p.Leader >= 0 && p.Leader != int32(id) && len(p.ISR) == 2 && !slices.Contains(p.ISR, int32(id))
		})
		l.goOn()
	}
	heal := func() {
		t.Helper()
		c.Heal()
		a.awaitInSync("load")
		l.goOn()
	}

	c.Cut(follower, leader) // its fetches do not arrive
	without(follower)
	heal()
	c.Cut(leader, other) // the answers do not arrive
	without(other)
	heal()

	for _, cut := range []func(id int){
		func(id int) { c.Cut(id, framework.ZooKeeperNode) },
		func(id int) { c.Cut(framework.ZooKeeperNode, id) },
		func(id int) { c.Isolate(id); c.CutBoth(id, framework.ZooKeeperNode); c.CutBoth(id, framework.TestNode) },
	} {
		controller := c.AwaitController("there is one", func(int) bool { return true })
		cut(controller)
		c.AwaitController("another broker is the controller", func(id int) bool { return id != controller })
		l.goOn()
		heal()
	}

	l.goOn()
	c.Cut(framework.TestNode, a.leader("load", 0))
	if l.progress()(2*time.Second) == nil {
		t.Error("records are acknowledged although what clients send is lost")
	}
	heal()
	l.validate(c)
}
