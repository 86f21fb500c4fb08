package framework

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// Brokers is a cluster of several brokers on one ZooKeeper, whose links can be cut.
type Brokers struct {
	t       testing.TB
	network network

	// ZooKeeper is nil where there is an ensemble.
	ZooKeeper *Server
	Ensemble  []*Server
	// Brokers have the ids 0, 1, 2 and so on.
	Brokers []*Broker
	znodes  *zk.Conn
}

// network is what lies between nodes.
type network interface {
	// host is where a node's servers listen.
	host(node int) string
	// command has a program run where a node is.
	command(node int, command []string) []string
	// toZooKeeper is the address at which a broker finds the ZooKeeper at that address,
	// and toBroker the one at which other brokers find one.
	toZooKeeper(t testing.TB, from int, address string) string
	toBroker(t testing.TB, to int, address string) string
	// set cuts or heals the link from one node to another.
	set(from, to int, cut bool)
	// heal heals all links.
	heal()
}

// BrokersSpec says what a cluster is made of.
type BrokersSpec struct {
	// Kinds has what each broker is: GregorInProcess, GregorProcesses, KafkaOnGregor
	// or KafkaOnApache; the first that names Apache ZooKeeper decides on it.
	Kinds []Kind
	// Settings win over those that suit tests, and SettingsOf over these.
	Settings   map[string]string
	SettingsOf func(id int) map[string]string
	// Ensemble is how many servers of Apache ZooKeeper there are, one of any kind if
	// it is zero.
	Ensemble int
	// Namespaces has every node in a network of its own. They must be processes, and
	// the test must need them.
	Namespaces bool
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
	c := &Brokers{t: t}
	if spec.Namespaces {
		c.network = newNamespaces(t, len(spec.Kinds))
	} else {
		c.network = newLinks(t)
	}
	c.startZooKeeper(spec, dir)
	session, _, err := zk.Connect(c.zooKeepers(), 20*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}))
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

func (c *Brokers) startZooKeeper(spec BrokersSpec, dir string) {
	c.t.Helper()
	settings := map[string]string{"tickTime": "100", "maxSessionTimeout": "60000"}
	switch {
	case spec.Ensemble > 0:
		c.Ensemble = startApacheEnsemble(c.t, dir, spec.Ensemble, settings)
	case slices.Contains(spec.Kinds, KafkaOnApache):
		c.ZooKeeper = startApacheZooKeeper(c.t, dir, settings)
	default:
		port := FreePort(c.t)
		c.ZooKeeper = newZooKeeper(c.t, dir, Installation(c.t), port, settings)
		c.ZooKeeper.command = c.network.command(ZooKeeperNode, c.ZooKeeper.command)
		c.ZooKeeper.address = fmt.Sprintf("%s:%d", c.network.host(ZooKeeperNode), port)
		c.ZooKeeper.Start()
	}
}

// zooKeepers are the servers of ZooKeeper.
func (c *Brokers) zooKeepers() (addresses []string) {
	if c.ZooKeeper != nil {
		return []string{c.ZooKeeper.Address()}
	}
	for _, s := range c.Ensemble {
		addresses = append(addresses, s.Address())
	}
	return addresses
}

// zooKeepersOf lists them as a broker finds them.
func (c *Brokers) zooKeepersOf(id int) string {
	addresses := c.zooKeepers()
	for i, address := range addresses {
		addresses[i] = c.network.toZooKeeper(c.t, id, address)
	}
	return strings.Join(addresses, ",")
}

func (c *Brokers) newBroker(dir string, id int, kind Kind, spec BrokersSpec) *Broker {
	b := &Broker{ID: id, cluster: c, dir: dir, port: FreePort(c.t), kind: kind}
	inner := fmt.Sprintf("%s:%d", c.network.host(id), FreePort(c.t))
	client := b.Address()
	replication := fmt.Sprint(min(3, len(spec.Kinds)))
	b.settings = map[string]string{
		"broker.id": fmt.Sprint(id), "zookeeper.connect": c.zooKeepersOf(id), "log.dirs": filepath.Join(dir, fmt.Sprintf("kafka-logs-%d", id)),
		"listeners":                      fmt.Sprintf("PLAINTEXT://%s,INTERNAL://%s", client, inner),
		"advertised.listeners":           fmt.Sprintf("PLAINTEXT://%s,INTERNAL://%s", client, c.network.toBroker(c.t, id, inner)),
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

// Cut holds back what one node sends to another, ZooKeeperNode among them, and
// loses it in namespaces.
func (c *Brokers) Cut(from, to int) { c.network.set(from, to, true) }

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
func (c *Brokers) Heal() { c.network.heal() }

// Znode is the content of a znode, false when there is none or no answer.
func (c *Brokers) Znode(path string) (string, bool) {
	data, _, err := c.znodes.Get(path)
	return string(data), err == nil
}

// CreatedBy is the transaction that made a znode, false when there is none or no
// answer.
func (c *Brokers) CreatedBy(path string) (transaction int64, ok bool) {
	exists, stat, err := c.znodes.Exists(path)
	if err != nil || !exists {
		return 0, false
	}
	return stat.Czxid, true
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
