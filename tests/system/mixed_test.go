//go:build peers

package system

import (
	"fmt"
	"maps"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// jvmSettings let a Java broker keep its session while another one starts.
var jvmSettings = map[string]string{
	"zookeeper.session.timeout.ms": "6000", "replica.lag.time.max.ms": "5000",
	"replica.socket.timeout.ms": "5000", "controller.socket.timeout.ms": "10000", "request.timeout.ms": "10000",
}

func startMixed(t *testing.T, settings map[string]string, kinds ...framework.Kind) *framework.Brokers {
	t.Helper()
	all := maps.Clone(jvmSettings)
	maps.Copy(all, settings)
	return framework.StartBrokers(t, framework.BrokersSpec{Kinds: kinds, Settings: all})
}

// TestGregorAndKafkaMakeOneCluster has leaders, followers and controllers of both
// programs, each administering and each ending once; broker 2 is down while it loses
// replicas to a controller of the other program.
func TestGregorAndKafkaMakeOneCluster(t *testing.T) {
	t.Parallel()
	const gregor = framework.GregorProcesses
	for _, test := range []struct {
		name, protocol string
		kinds          []framework.Kind
	}{
		{"two Gregors and one Kafka on the embedded ZooKeeper", "3.1", []framework.Kind{gregor, framework.KafkaOnGregor, gregor}},
		{"one Gregor and two Kafkas on Apache ZooKeeper", "2.8", []framework.Kind{framework.KafkaOnApache, gregor, framework.KafkaOnApache}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startMixed(t, map[string]string{"inter.broker.protocol.version": test.protocol}, test.kinds...)
			a, l := loaded(t, c)
			for round, wanted := range []int{1, 0} { // one of each program
				makeController(t, c, a, wanted)
				administer(t, c, a, l, fmt.Sprint("made-", round))
			}
			for i, end := range []func(*framework.Broker){(*framework.Broker).Kill, (*framework.Broker).Stop, (*framework.Broker).Kill} {
				end(c.Brokers[i])
				l.goOn()
				c.Brokers[i].Start()
				a.awaitInSync("load")
			}
			makeController(t, c, a, 1)
			missDeletion(t, c, a)
			missReassignment(t, c, a)
			a.awaitAgreement(c.Brokers, "load")
			l.validate(c)
		})
	}
}

// administer does what a controller is for.
func administer(t *testing.T, c *framework.Brokers, a *admin, l *load, topic string) {
	t.Helper()
	a.createTopic(topic, [][]int32{{0, 1}, {1, 2}, {2, 0}}, keepTwo)
	sendAll(t, c, topic, "first")
	for partition := range int32(3) {
		a.reassign(topic, partition, []int32{(partition + 2) % 3, partition})
	}
	a.awaitReassigned()
	a.awaitInSync(topic)
	sendAll(t, c, topic, "second")
	if values := a.values(topic); fmt.Sprint(values) != "[first second]" {
		t.Errorf("%s has %q", topic, values)
	}
	for partition := range int32(3) {
		_ = a.electLeaders(preferredElection, topic, partition)
		_ = a.electLeaders(preferredElection, "load", partition)
	}
	preferred := func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader == p.Replicas[0] }
	a.await("preferred leaders lead", topic, preferred)
	a.await("preferred leaders lead", "load", preferred)
	a.awaitAgreement(c.Brokers, "load", topic)
	a.deleteTopic(topic)
	for partition := range 3 {
		a.awaitHosts(c, topic, partition)
	}
	l.goOn()
}

// TestARollingSwap has Gregor take over the directory and the id of each of three
// Kafka brokers under load, and Kafka take them back.
func TestARollingSwap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, protocol string
		kafka          framework.Kind
	}{
		{"protocol 3.1 on Apache ZooKeeper", "3.1", framework.KafkaOnApache},
		{"protocol 2.8 on the embedded ZooKeeper", "2.8", framework.KafkaOnGregor},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startMixed(t, map[string]string{"inter.broker.protocol.version": test.protocol}, framework.Same(3, test.kafka)...)
			a, l := loaded(t, c)
			id := topicID(a, "load")
			reader := join(t, c, "readers")
			for _, kind := range []framework.Kind{framework.GregorProcesses, test.kafka} {
				for _, b := range c.Brokers {
					b.Stop()
					b.Become(kind)
					b.Start()
					a.awaitInSync("load")
					l.goOn()
					a.awaitCommitted("readers", reader)
				}
			}
			if topicID(a, "load") != id {
				t.Error("the topic has another id")
			}
			l.validate(c)
		})
	}
}
