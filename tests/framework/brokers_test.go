package framework

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// registered gives the brokers that one of them knows.
func registered(t *testing.T, b *Broker) int {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Address()), kgo.RetryTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(context.Background(), client)
	if err != nil {
		return 0
	}
	return len(response.Brokers)
}

func TestClustersOfOneThreeAndFiveBrokers(t *testing.T) {
	for _, kind := range []Kind{GregorInProcess, GregorProcesses} {
		for _, count := range []int{1, 3, 5} {
			t.Run(fmt.Sprintf("%s/%d", kind, count), func(t *testing.T) {
				c := StartBrokers(t, BrokersSpec{Kinds: Same(count, kind)})
				for _, b := range c.Brokers {
					Until(t, startTimeout, "all brokers are known everywhere", func() bool { return registered(t, b) == count })
				}
				last := c.Brokers[count-1]
				last.Stop()
				if last.Running() {
					t.Error("a stopped broker runs")
				}
				last.Start()
				Until(t, startTimeout, "the broker is back", func() bool { return registered(t, last) == count })
			})
		}
	}
}

func TestBrokersArePausedAndKilled(t *testing.T) {
	c := StartBrokers(t, BrokersSpec{Kinds: Same(2, GregorProcesses)})
	victim, other := c.Brokers[0], c.Brokers[1]
	for _, fault := range []struct{ begin, end func() }{{victim.Pause, victim.Resume}, {victim.Kill, victim.Start}} {
		fault.begin()
		Until(t, startTimeout, "the broker's session ends", func() bool { return registered(t, other) == 1 })
		fault.end()
		Until(t, startTimeout, "the broker is back", func() bool { return registered(t, other) == 2 })
	}
}

func TestABrokerWithoutItsLinkToZooKeeperIsGivenUp(t *testing.T) {
	c := StartBrokers(t, BrokersSpec{Kinds: Same(2, GregorInProcess)})
	c.CutBoth(0, ZooKeeperNode)
	Until(t, startTimeout, "broker 0 is given up", func() bool { return registered(t, c.Brokers[1]) == 1 })
	c.AwaitController("broker 1 is the controller", func(id int) bool { return id == 1 })
	c.Heal()
	Until(t, startTimeout, "broker 0 registers again", func() bool { return registered(t, c.Brokers[1]) == 2 })
}
