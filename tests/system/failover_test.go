package system

import (
	"testing"

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

// TestLeadersAreKilledUnderLoad kills the leader of a partition five times.
func TestLeadersAreKilledUnderLoad(t *testing.T) {
	c := framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(3, framework.GregorProcesses)})
	a := newAdmin(t, c)
	a.createTopic("load", everywhere(3), keepTwo)
	l := startLoad(t, c, "load", 3, 2)
	for range 5 {
		leader := c.Brokers[a.leader("load", 0)]
		leader.Kill()
		if err := l.progress()(patience); err != nil {
			t.Fatal(err)
		}
		leader.Start()
		a.awaitInSync("load")
	}
	l.validate(c)
}
