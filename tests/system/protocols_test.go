package system

import (
	"fmt"
	"testing"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestBrokersOfSeveralProtocols makes each of three brokers the controller that speak
// protocols with topic ids and without, and takes all of them up to 3.1 and back one
// after the other, under load.
func TestBrokersOfSeveralProtocols(t *testing.T) {
	t.Parallel()
	const protocol = "inter.broker.protocol.version"
	versions := []string{"2.7", "2.8", "3.1"}
	c := framework.StartBrokers(t, framework.BrokersSpec{
		Kinds:      framework.Same(3, framework.GregorInProcess),
		Settings:   map[string]string{"zookeeper.session.timeout.ms": "9000"},
		SettingsOf: func(id int) map[string]string { return map[string]string{protocol: versions[id]} },
	})
	a, l := loaded(t, c)
	work := func(name string) {
		t.Helper()
		a.createTopic(name, everywhere(1), keepTwo)
		sendAll(t, c, name, "taken")
		a.awaitInSync(name)
		l.goOn()
	}
	for id, version := range versions {
		makeController(t, c, a, id)
		work("by-" + version)
	}
	for _, version := range []string{"3.1", "2.7"} {
		for _, b := range c.Brokers {
			b.Stop()
			b.Configure(map[string]string{protocol: version})
			b.Start()
			a.awaitInSync("load")
			work(fmt.Sprintf("with-%d-at-%s", b.ID, version))
		}
	}
	a.awaitAgreement(c.Brokers, "load")
	l.validate(c)
}
