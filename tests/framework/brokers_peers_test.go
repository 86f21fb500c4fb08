//go:build peers

package framework

import (
	"testing"
)

// TestAClusterOfFiveBrokersOfBothPrograms has brokers of Gregor and of Kafka know
// each other, and one of each stop and come back.
func TestAClusterOfFiveBrokersOfBothPrograms(t *testing.T) {
	c := StartBrokers(t, BrokersSpec{
		Kinds:    []Kind{GregorProcesses, KafkaOnGregor, GregorProcesses, KafkaOnGregor, GregorInProcess},
		Settings: map[string]string{"zookeeper.session.timeout.ms": "9000"},
	})
	known := func(count int, by []*Broker) {
		t.Helper()
		for _, b := range by {
			Until(t, startTimeout, "all brokers are known everywhere", func() bool { return registered(t, b) == count })
		}
	}
	known(5, c.Brokers)
	for _, b := range c.Brokers[2:4] {
		b.Stop()
		known(4, c.Brokers[:2])
		b.Start()
		known(5, c.Brokers)
	}
}
