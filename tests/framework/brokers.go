package framework

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// Brokers is a cluster of several brokers on one ZooKeeper, whose links can be cut.
type Brokers struct {
	t     testing.TB
	links *links

	// ZooKeeper is nil where it runs in the test's process.
	ZooKeeper *Server
	// Brokers have the ids 0, 1, 2 and so on.
	Brokers []*Broker
	znodes  *zk.Conn
}

// BrokersSpec says what a cluster is made of.
type BrokersSpec struct {
	// Kinds has what each broker is: GregorInProcess, GregorProcesses, KafkaOnGregor
	// or KafkaOnApache; the first that names Apache ZooKeeper decides on it.
	Kinds []Kind
	// Settings win over those that suit tests, and SettingsOf over these.
	Settings   map[string]string
	SettingsOf func(id int) map[string]string
}

// Same repeats a kind.
func Same(count int, kind Kind) []Kind {
	kinds := make([]Kind, count)
	for i := range kinds {
		kinds[i] = kind
	}
	return kinds
}

// clusterSettings let a cluster notice a death within a second or two, and keep
// three replicas of what it writes for itself.
var clusterSettings = map[string]string{
	"zookeeper.session.timeout.ms": "2000", "zookeeper.connection.timeout.ms": "30000",
	"replica.lag.time.max.ms": "1500", "replica.fetch.wait.max.ms": "200", "replica.fetch.backoff.ms": "50",
	"replica.socket.timeout.ms": "1000", "controller.socket.timeout.ms": "1000", "request.timeout.ms": "1500", "controlled.shutdown.retry.backoff.ms": "200",
	"offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0", "auto.leader.rebalance.enable": "false",
	"auto.create.topics.enable": "false",
}

// StartBrokers starts a cluster that ends with the test.
func StartBrokers(t testing.TB, spec BrokersSpec) *Brokers {
	t.Helper()
	dir := t.TempDir()
	c := &Brokers{t: t, ZooKeeper: startZooKeeperOf(t, spec.Kinds, dir), links: newLinks(t)}
	session, _, err := zk.Connect([]string{c.ZooKeeper.Address()}, 20*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	c.znodes = session
	for id, kind := range spec.Kinds {
		c.Brokers = append(c.Brokers, c.newBroker(dir, id, kind, spec))
	}
	for _, b := range c.Brokers {
		b.Launch()
	}
	c.AwaitAll()
	t.Cleanup(c.Heal) // or the brokers' stops wait for it
	return c
}

func startZooKeeperOf(t testing.TB, kinds []Kind, dir string) *Server {
	t.Helper()
	settings := map[string]string{"tickTime": "100", "maxSessionTimeout": "60000"}
	for _, kind := range kinds {
		if kind == KafkaOnApache {
			return startApacheZooKeeper(t, dir, settings)
		}
	}
	return startZooKeeperOn(t, dir, Installation(t), settings)
}

func (c *Brokers) newBroker(dir string, id int, kind Kind, spec BrokersSpec) *Broker {
	b := &Broker{
		ID: id, cluster: c, dir: dir, port: FreePort(c.t), kind: kind,
		zooKeeper: c.links.expose(c.t, ZooKeeperNode, c.ZooKeeper.Address(), always(id)),
	}
	inner := fmt.Sprintf("127.0.0.1:%d", FreePort(c.t))
	client := fmt.Sprintf("127.0.0.1:%d", b.port)
	replication := fmt.Sprint(min(3, len(spec.Kinds)))
	b.settings = map[string]string{
		"broker.id": fmt.Sprint(id), "zookeeper.connect": b.zooKeeper, "log.dirs": filepath.Join(dir, fmt.Sprintf("kafka-logs-%d", id)),
		"listeners":                      fmt.Sprintf("PLAINTEXT://%s,INTERNAL://%s", client, inner),
		"advertised.listeners":           fmt.Sprintf("PLAINTEXT://%s,INTERNAL://%s", client, c.links.expose(c.t, id, inner, byClientID)),
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT", "inter.broker.listener.name": "INTERNAL",
		"default.replication.factor": replication, "offsets.topic.replication.factor": replication,
		"transaction.state.log.replication.factor": replication,
	}
	maps.Copy(b.settings, clusterSettings)
	maps.Copy(b.settings, spec.Settings)
	if spec.SettingsOf != nil {
		maps.Copy(b.settings, spec.SettingsOf(id))
	}
	b.Become(kind)
	c.t.Cleanup(b.end)
	return b
}

// Bootstrap lists the brokers as clients begin with them.
func (c *Brokers) Bootstrap() string {
	addresses := make([]string, len(c.Brokers))
	for i, b := range c.Brokers {
		addresses[i] = b.Address()
	}
	return strings.Join(addresses, ",")
}

// AwaitAll waits until every broker answers and is registered.
func (c *Brokers) AwaitAll() {
	c.t.Helper()
	for _, b := range c.Brokers {
		b.AwaitReady()
	}
}

// Cut holds back what one node sends to another, ZooKeeperNode among them.
func (c *Brokers) Cut(from, to int) { c.links.set(from, to, true) }

// CutBoth holds back what two nodes send to each other.
func (c *Brokers) CutBoth(one, other int) {
	c.Cut(one, other)
	c.Cut(other, one)
}

// Isolate cuts a broker from all other brokers, and leaves it ZooKeeper.
func (c *Brokers) Isolate(id int) {
	for other := range c.Brokers {
		if other != id {
			c.CutBoth(id, other)
		}
	}
}

// Heal heals all links.
func (c *Brokers) Heal() { c.links.heal() }

// Znode is the content of a znode, false when there is none or no answer.
func (c *Brokers) Znode(path string) (string, bool) {
	data, _, err := c.znodes.Get(path)
	return string(data), err == nil
}

// Controller is the id of the controller, false when there is none.
func (c *Brokers) Controller() (id int, ok bool) {
	data, ok := c.Znode("/controller")
	if !ok {
		return -1, false
	}
	_, rest, _ := strings.Cut(data, `"brokerid":`)
	_, err := fmt.Sscanf(rest, "%d", &id)
	return id, err == nil
}

// AwaitController waits for a controller that the condition holds for.
func (c *Brokers) AwaitController(what string, holds func(id int) bool) int {
	c.t.Helper()
	var controller int
	Until(c.t, startTimeout, what, func() bool {
		id, ok := c.Controller()
		controller = id
		return ok && holds(id)
	})
	return controller
}

type silent struct{}

func (silent) Printf(string, ...any) {}
