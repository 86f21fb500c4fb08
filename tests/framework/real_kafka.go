package framework

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// NeedPeers makes sure that Apache Kafka 3.1.0 can be run here. Without Java or
// Maven the test is skipped, and fails where CI=true: there nothing may be left
// out unnoticed.
func NeedPeers(t testing.TB) {
	t.Helper()
	missing := func(what string) {
		t.Helper()
		if os.Getenv("CI") == "true" {
			t.Fatalf("real Kafka is needed and cannot run: %s", what)
		}
		t.Skipf("without real Kafka: %s", what)
	}
	if _, err := exec.LookPath("java"); err != nil {
		missing("java is not installed")
	}
	output, err := exec.Command(filepath.Join(Root(), "tests", "peers", "install-kafka.sh")).CombinedOutput()
	if err != nil {
		missing(fmt.Sprintf("%v: %s", err, output))
	}
}

// StartRealKafka starts an Apache Kafka 3.1.0 broker with its data under dir, on
// the ZooKeeper at that address. Settings are those of StartBroker.
func StartRealKafka(t testing.TB, dir string, id int, zooKeeper string, overrides map[string]string) *Server {
	t.Helper()
	NeedPeers(t)
	port := FreePort(t)
	properties := brokerProperties(dir, id, port, zooKeeper)
	maps.Copy(properties, overrides)
	return startServer(t, dir, fmt.Sprintf("kafka-%d", id), realKafkaCommand(), properties, port, serves)
}

func realKafkaCommand() []string {
	return []string{filepath.Join(Root(), "tests", "peers", "kafka-server-start.sh")}
}

func brokerProperties(dir string, id, port int, zooKeeper string) map[string]string {
	return map[string]string{
		"broker.id": fmt.Sprint(id), "listeners": fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", port),
		"log.dirs": filepath.Join(dir, fmt.Sprintf("kafka-logs-%d", id)), "zookeeper.connect": zooKeeper,
		"offsets.topic.replication.factor": "1", "transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr": "1", "group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "5",
	}
}

// shared are the clusters that live as long as the test binary.
var shared struct {
	mu       sync.Mutex
	clusters map[string]Cluster
	cleanups []func()
}

// SharedCluster starts a cluster on first use and gives the same one to every test
// after it; a JVM takes seconds to start. The binary's TestMain ends them by Main.
// Tests that share it keep to topics and groups of their own.
func SharedCluster(t testing.TB, kind Kind, overrides map[string]string) Cluster {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	key := fmt.Sprint(kind, overrides)
	if shared.clusters[key] == nil {
		cluster := StartCluster(binaryScope{t}, kind, overrides)
		if shared.clusters == nil {
			shared.clusters = map[string]Cluster{}
		}
		shared.clusters[key] = cluster
	}
	return shared.clusters[key]
}

// Main runs the tests of a binary and ends the clusters that they shared.
func Main(m *testing.M) int {
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for i := len(shared.cleanups) - 1; i >= 0; i-- {
		shared.cleanups[i]()
	}
	return code
}

// binaryScope has what a test registers live as long as the test binary. Failures
// while it is used are those of the test that came first.
type binaryScope struct{ testing.TB }

func (binaryScope) Cleanup(cleanup func()) { shared.cleanups = append(shared.cleanups, cleanup) }

func (s binaryScope) TempDir() string {
	dir, err := os.MkdirTemp("", "gregor-tests")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Logf comes after the test has ended, where the test's own panics.
func (binaryScope) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
