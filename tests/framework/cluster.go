package framework

import (
	"os"
	"testing"
)

// Cluster is a broker with its ZooKeeper, whatever stands behind it, so that one
// test body runs on each kind.
type Cluster interface {
	// Kind tells what stands behind it.
	Kind() Kind
	// Bootstrap is where clients begin.
	Bootstrap() string
	// ZooKeeperAddress is host:port of the ZooKeeper that the broker uses.
	ZooKeeperAddress() string
	// Restart stops the broker cleanly and starts it again on its data.
	Restart()
}

// Kind is what stands behind a Cluster.
type Kind string

const (
	// GregorInProcess is a broker and an embedded ZooKeeper in the test's process.
	GregorInProcess Kind = "gregor-in-process"
	// GregorProcesses are the scripts of bin/.
	GregorProcesses Kind = "gregor-processes"
	// KafkaOnGregor is Apache Kafka 3.1.0 on the embedded ZooKeeper.
	KafkaOnGregor Kind = "kafka-3.1.0"
	// KafkaOnApache is Apache Kafka 3.1.0 on Apache ZooKeeper.
	KafkaOnApache Kind = "kafka-3.1.0-on-apache-zookeeper"
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{GregorInProcess, GregorProcesses, KafkaOnGregor, KafkaOnApache} }

// ClusterKindVariable names the environment variable that chooses Gregor's kind in
// tests that compare it with real Kafka.
const ClusterKindVariable = "GREGOR_CLUSTER"

// ChosenGregor is the kind that the environment asks for, in-process by default.
func ChosenGregor() Kind {
	if kind := Kind(os.Getenv(ClusterKindVariable)); kind != "" {
		return kind
	}
	return GregorInProcess
}

// StartCluster starts a cluster that ends with the test. Overrides win over
// settings that suit tests.
func StartCluster(t testing.TB, kind Kind, overrides map[string]string) Cluster {
	t.Helper()
	switch kind {
	case GregorInProcess:
		return inProcessCluster{StartInProcess(t, overrides)}
	case GregorProcesses:
		dir := t.TempDir()
		zooKeeper := StartZooKeeper(t, dir, longSessions)
		return &processCluster{StartBroker(t, dir, 0, zooKeeper, overrides), kind, zooKeeper.Address()}
	case KafkaOnGregor, KafkaOnApache:
		dir := t.TempDir()
		zooKeeper := startZooKeeperFor(t, kind, dir)
		return &processCluster{StartRealKafka(t, dir, 0, zooKeeper, overrides), kind, zooKeeper}
	}
	t.Fatalf("%s=%s: the kinds are %v", ClusterKindVariable, kind, Kinds())
	return nil
}

// longSessions lets brokers have sessions that outlast a machine's busiest seconds.
var longSessions = map[string]string{"maxSessionTimeout": "60000"}

func startZooKeeperFor(t testing.TB, kind Kind, dir string) string {
	t.Helper()
	if kind == KafkaOnApache {
		return StartApacheZooKeeper(t, dir).Address()
	}
	return StartZooKeeper(t, dir, longSessions).Address()
}

type inProcessCluster struct{ *InProcess }

func (inProcessCluster) Kind() Kind                 { return GregorInProcess }
func (c inProcessCluster) ZooKeeperAddress() string { return c.ZooKeeper.Addr() }

type processCluster struct {
	*Server
	kind      Kind
	zooKeeper string
}

func (c *processCluster) Kind() Kind               { return c.kind }
func (c *processCluster) Bootstrap() string        { return c.Address() }
func (c *processCluster) ZooKeeperAddress() string { return c.zooKeeper }
