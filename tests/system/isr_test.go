package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// sendOnce sends one record with acks=all and does not try again.
func sendOnce(t *testing.T, c *framework.Brokers, topic, value string) error {
	t.Helper()
	client := connect(t, addresses(c), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr()
}

// sendAll sends records until they are acknowledged.
func sendAll(t *testing.T, c *framework.Brokers, topic string, values ...string) {
	t.Helper()
	client := connect(t, addresses(c), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, value := range values {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheIsrFollowsWhoKeepsUp cuts followers off from their leader one after the
// other: records are taken while enough replicas keep up, and refused when not.
func TestTheIsrFollowsWhoKeepsUp(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{"by the controller": "3.1", "through ZooKeeper": "2.6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := threeInProcess(t, map[string]string{"inter.broker.protocol.version": version})
			a := newAdmin(t, c)
			// A controller among the cut brokers could not be asked.
			leader := c.AwaitController("there is one", func(int) bool { return true })
			first, second := (leader+1)%3, (leader+2)%3
			a.createTopic("load", [][]int32{{int32(leader), int32(first), int32(second)}}, keepTwo)
			l := startLoad(t, c, "load", 1, 1)
			inSync := func(want ...int) {
				t.Helper()
				a.await("the ISR is as it should be", "load", func(p kmsg.MetadataResponseTopicPartition) bool {
					return len(p.ISR) == len(want) && !slices.ContainsFunc(want, func(id int) bool { return !slices.Contains(p.ISR, int32(id)) })
				})
			}
			inSync(leader, first, second)
			c.CutBoth(leader, first)
			inSync(leader, second)
			l.goOn()
			c.CutBoth(leader, second)
			inSync(leader)
			if err := sendOnce(t, c, "load", "refused"); !errors.Is(err, kerr.NotEnoughReplicas) {
				t.Errorf("with one replica in sync: %v", err)
			}
			l.history.Rejected("refused")
			c.Heal()
			inSync(leader, first, second)
			l.goOn()
			l.validate(c)
		})
	}
}

// TestALostAnswerOfTheControllerDoesNotFenceALeader has the controller carry an ISR
// change out of which the leader hears nothing; it must not take the leader's next
// request for one of the past (KAFKA-14144).
func TestALostAnswerOfTheControllerDoesNotFenceALeader(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, map[string]string{"request.timeout.ms": "500"})
	a := newAdmin(t, c)
	controller := c.AwaitController("there is one", func(int) bool { return true })
	leader, other := (controller+1)%3, (controller+2)%3
	a.createTopic("load", [][]int32{{int32(leader), int32(other), int32(controller)}}, keepTwo)
	l := startLoad(t, c, "load", 1, 1)
	c.Cut(controller, leader)
	c.CutBoth(leader, other)
	a.until("the controller carries the change out", func() error {
		state, _ := c.Znode("/brokers/topics/load/partitions/0/state")
		if strings.Contains(state, fmt.Sprintf(`"isr":[%d]`, leader)) || strings.Contains(state, fmt.Sprintf(`"isr":[%d,%d]`, leader, controller)) {
			return nil
		}
		return fmt.Errorf("the state is %s", state)
	})
	c.Heal()
	a.awaitInSync("load")
	l.goOn()
	l.validate(c)
}

// TestARecordThatLostItsFollowersIsNotAcknowledged has the follower vanish between
// the append and the acknowledgement.
func TestARecordThatLostItsFollowersIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, nil)
	a := newAdmin(t, c)
	leader := c.AwaitController("there is one", func(int) bool { return true })
	follower := (leader + 1) % 3
	a.createTopic("pair", [][]int32{{int32(leader), int32(follower)}}, keepTwo)
	sendAll(t, c, "pair", "kept")
	c.CutBoth(leader, follower)
	if err := sendOnce(t, c, "pair", "in doubt"); err == nil {
		t.Error("a record is acknowledged that one replica has")
	}
	c.Heal()
	a.awaitInSync("pair")
	sendAll(t, c, "pair", "kept too")
}

// TestAReplacedDiskIsFilledAgain takes everything a broker had from it, twice for
// each way to end.
func TestAReplacedDiskIsFilledAgain(t *testing.T) {
	t.Parallel()
	c := threeProcesses(t)
	a, l := loaded(t, c)
	for i, end := range []func(*framework.Broker){(*framework.Broker).Stop, (*framework.Broker).Kill, (*framework.Broker).Stop} {
		b := c.Brokers[i]
		end(b)
		b.Wipe()
		l.goOn()
		b.Start()
		a.awaitInSync("load")
	}
	l.validate(c)
}

// fetchCounter tells which broker answered each fetch with records.
type fetchCounter struct{ fetches chan int32 }

func (h fetchCounter) OnBrokerRead(meta kgo.BrokerMetadata, key int16, bytesRead int, _, _ time.Duration, err error) {
	if key == int16(kmsg.Fetch) && err == nil && bytesRead > 200 {
		select {
		case h.fetches <- meta.NodeID:
		default:
		}
	}
}

// TestConsumersReadFromTheReplicaOfTheirRack lets three consumers name racks.
func TestConsumersReadFromTheReplicaOfTheirRack(t *testing.T) {
	t.Parallel()
	racks := []string{"a", "b", "c"}
	c := framework.StartBrokers(t, framework.BrokersSpec{
		Kinds:    framework.Same(3, framework.GregorInProcess),
		Settings: map[string]string{"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"},
		SettingsOf: func(id int) map[string]string {
			return map[string]string{"broker.rack": racks[id]}
		},
	})
	a := newAdmin(t, c)
	a.createTopic("load", [][]int32{{0, 1, 2}}, keepTwo)
	l := startLoad(t, c, "load", 1, 1)
	for id, rack := range append(racks, "elsewhere") {
		want := int32(id % 3) // a rack without broker is served by the leader
		counter := fetchCounter{make(chan int32)}
		client := connect(t, addresses(c), kgo.ConsumeTopics("load"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
			kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.Rack(rack), kgo.WithHooks(counter))
		l.names = append(l.names, "rack "+rack)
		l.readers.Go(func() { l.read(client, "rack "+rack) })
		row, deadline := 0, time.After(patience)
		for row < 5 { // answers with records, one after the other
			select {
			case from := <-counter.fetches:
				if row++; from != want {
					row = 0
				}
			case <-deadline:
				t.Fatalf("rack %s is not served by broker %d", rack, want)
			}
		}
	}
	l.validate(c)
}
