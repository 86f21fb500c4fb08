package system

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// everywhere assigns a number of partitions to all of three brokers, with other
// preferred leaders each.
func everywhere(partitions int) [][]int32 {
	replicas := make([][]int32, partitions)
	for i := range replicas {
		first := int32(i % 3)
		replicas[i] = []int32{first, (first + 1) % 3, (first + 2) % 3}
	}
	return replicas
}

// keepTwo is the setting under which an acknowledged record survives one broker.
var keepTwo = map[string]string{"min.insync.replicas": "2"}

func threeProcesses(t *testing.T) *framework.Brokers {
	t.Helper()
	return framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(3, framework.GregorProcesses)})
}

func threeInProcess(t *testing.T, settings map[string]string) *framework.Brokers {
	t.Helper()
	return inProcess(t, 3, settings)
}

// inProcess starts brokers that end in an orderly way only: their sessions may be
// long, and so outlast a machine's busiest seconds.
func inProcess(t *testing.T, count int, settings map[string]string) *framework.Brokers {
	t.Helper()
	all := map[string]string{"zookeeper.session.timeout.ms": "9000"}
	maps.Copy(all, settings)
	return framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(count, framework.GregorInProcess), Settings: all})
}

// loaded makes the topic "load" on a cluster, with three partitions and load.
func loaded(t *testing.T, c *framework.Brokers) (*admin, *load) {
	t.Helper()
	a := newAdmin(t, c)
	a.createTopic("load", everywhere(3), keepTwo)
	return a, startLoad(t, c, "load", 3, 2)
}

// goOn fails the test when records are not acknowledged any more.
func (l *load) goOn() {
	l.t.Helper()
	if err := l.progress()(patience); err != nil {
		l.t.Fatal(err)
	}
}

// TestBouncesUnderLoad ends the leader of a partition, or the controller, five times
// in each of two ways, and goes after the next one each time.
func TestBouncesUnderLoad(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"leader", "controller"} {
		for name, end := range map[string]func(*framework.Broker){"clean": (*framework.Broker).Stop, "hard": (*framework.Broker).Kill} {
			t.Run(role+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := threeProcesses(t)
				a, l := loaded(t, c)
				for range 5 {
					id := a.leader("load", 0)
					if role == "controller" {
						id = c.AwaitController("there is one", func(int) bool { return true })
					}
					end(c.Brokers[id])
					l.goOn()
					c.Brokers[id].Start()
					a.awaitInSync("load")
				}
				l.validate(c)
			})
		}
	}
}

// TestARollingRestartSparesClients restarts each broker cleanly, twice over. That no
// client sees an error that it does not retry is part of the load's validation.
func TestARollingRestartSparesClients(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, nil)
	a, l := loaded(t, c)
	for range 2 {
		for _, b := range c.Brokers {
			b.Restart()
			a.awaitInSync("load")
			l.goOn()
		}
	}
	l.validate(c)
}

// TestEachControllerHasAHigherEpoch has controllers die one after another; each
// successor can administer.
func TestEachControllerHasAHigherEpoch(t *testing.T) {
	t.Parallel()
	c := threeProcesses(t)
	a := newAdmin(t, c)
	epoch := func() (epoch int) {
		t.Helper()
		a.until("the controller's epoch is known", func() error {
			data, _ := c.Znode("/controller_epoch")
			_, err := fmt.Sscan(data, &epoch)
			return err
		})
		return epoch
	}
	for round := range 4 {
		controller := c.AwaitController("there is one", func(int) bool { return true })
		before := epoch()
		c.Brokers[controller].Kill()
		c.AwaitController("another broker is the controller", func(id int) bool { return id != controller })
		if after := epoch(); after <= before {
			t.Errorf("epoch %d follows %d", after, before)
		}
		a.createTopic(fmt.Sprint("made-", round), [][]int32{{int32((controller + 1) % 3)}}, nil)
		c.Brokers[controller].Start()
	}
}

// TestAZombieControllerIsFenced holds back what a controller sends until another was
// elected: brokers refuse it then.
func TestAZombieControllerIsFenced(t *testing.T) {
	t.Parallel()
	c := threeProcesses(t)
	a, l := loaded(t, c)
	zombie := c.AwaitController("there is one", func(int) bool { return true })
	for id := range c.Brokers {
		if id != zombie {
			c.Cut(zombie, id)
		}
	}
	// The zombie's orders for this are held back.
	leader := int32((zombie + 1) % 3)
	a.requestTopic("late", [][]int32{{leader, int32((zombie + 2) % 3)}})
	a.until("the zombie has made the partition", func() error {
		if _, ok := c.Znode("/brokers/topics/late/partitions/0/state"); !ok {
			return fmt.Errorf("there is no state yet")
		}
		return nil
	})
	c.CutBoth(zombie, framework.ZooKeeperNode)
	c.AwaitController("another broker is the controller", func(id int) bool { return id != zombie })
	others := slices.DeleteFunc(slices.Clone(c.Brokers), func(b *framework.Broker) bool { return b.ID == zombie })
	a.awaitAgreement(others, "late") // by the new controller's orders
	c.Heal()
	a.until("a broker refuses an order of the zombie", func() error {
		for _, b := range c.Brokers {
			for line := range strings.Lines(b.StateChanges()) {
				if strings.Contains(line, fmt.Sprintf("from controller %d ", zombie)) && strings.Contains(line, "is old. Latest known controller epoch is") {
					return nil
				}
			}
		}
		return fmt.Errorf("none did yet")
	})
	if id, _ := c.Controller(); id == zombie {
		t.Error("the zombie is the controller")
	}
	a.awaitInSync("load")
	a.awaitAgreement(c.Brokers, "load", "late")
	l.validate(c)
}

// makeController has the controller restart while no broker but the wanted one hears
// from ZooKeeper.
func makeController(t *testing.T, c *framework.Brokers, a *admin, wanted int) {
	t.Helper()
	id := c.AwaitController("there is one", func(int) bool { return true })
	if id == wanted {
		return
	}
	for _, b := range c.Brokers {
		if b.ID != id && b.ID != wanted {
			c.Cut(framework.ZooKeeperNode, b.ID)
		}
	}
	c.Brokers[id].Stop()
	c.AwaitController("the wanted broker is the controller", func(id int) bool { return id == wanted })
	c.Heal()
	c.Brokers[id].Start()
	a.awaitInSync("load")
}

// TestOrdersForAnEarlierLifeOfABrokerAreRefused sends a broker what a controller
// meant for it before it registered last (KIP-380).
func TestOrdersForAnEarlierLifeOfABrokerAreRefused(t *testing.T) {
	t.Parallel()
	c := inProcess(t, 1, nil)
	a := newAdmin(t, c)
	registered := registrations(a, c)[1]
	order, stop, update := kmsg.NewPtrLeaderAndISRRequest(), kmsg.NewPtrStopReplicaRequest(), kmsg.NewPtrUpdateMetadataRequest()
	for _, epoch := range []struct {
		of   int64
		want int16
	}{{registered - 1, kerr.StaleBrokerEpoch.Code}, {registered, kerr.StaleControllerEpoch.Code}} {
		order.BrokerEpoch, stop.BrokerEpoch, update.BrokerEpoch = epoch.of, epoch.of, epoch.of
		for _, sent := range []kmsg.Request{order, stop, update} { // of controller epoch 0
			response, err := a.client.Broker(0).Request(t.Context(), sent)
			must(t, err)
			var code int16
			switch response := response.(type) {
			case *kmsg.LeaderAndISRResponse:
				code = response.ErrorCode
			case *kmsg.StopReplicaResponse:
				code = response.ErrorCode
			case *kmsg.UpdateMetadataResponse:
				code = response.ErrorCode
			}
			if code != epoch.want {
				t.Errorf("%T for broker epoch %d, registered with %d: %v", response, epoch.of, registered, kerr.ErrorForCode(code))
			}
		}
	}
}
