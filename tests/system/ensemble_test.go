//go:build peers

package system

import (
	"slices"
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestAnEnsembleLosesMembers takes members of an ensemble of Apache ZooKeeper away
// under load: one that follows, the one that leads, one that only seems dead, and the
// majority. The brokers keep their sessions and the controller all the while.
func TestAnEnsembleLosesMembers(t *testing.T) {
	t.Parallel()
	c := framework.StartBrokers(t, framework.BrokersSpec{Kinds: framework.Same(3, framework.GregorProcesses), Ensemble: 3,
		Settings: map[string]string{"zookeeper.session.timeout.ms": "20000"}})
	a, l := loaded(t, c)
	registered := registrations(a, c)
	follower := func() *framework.Server {
		leader := framework.AwaitEnsembleLeader(t, c.Ensemble)
		return c.Ensemble[slices.IndexFunc(c.Ensemble, func(s *framework.Server) bool { return s != leader })]
	}
	work := func(topic string) {
		t.Helper()
		l.goOn()
		a.createTopic(topic, everywhere(2), keepTwo) // so ZooKeeper serves
		sendAll(t, c, topic, "taken")
	}

	one := follower()
	one.Kill()
	work("without-a-follower")
	one.Start()

	leader := framework.AwaitEnsembleLeader(t, c.Ensemble)
	leader.Kill()
	work("without-the-leader")
	leader.Start()

	paused := framework.AwaitEnsembleLeader(t, c.Ensemble)
	must(t, paused.Pause())
	work("while-the-leader-is-paused")
	must(t, paused.Resume())

	one, leader = follower(), framework.AwaitEnsembleLeader(t, c.Ensemble)
	one.Kill()
	leader.Kill()
	l.goOn() // without ZooKeeper
	one.Launch()
	leader.Start()
	one.AwaitReady()
	work("with-all-again")

	if now := registrations(a, c); !slices.Equal(now, registered) {
		t.Errorf("the brokers and the controller were registered in %v and are in %v", registered, now)
	}
	l.validate(c)
}
