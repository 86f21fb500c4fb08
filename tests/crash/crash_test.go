package crash

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/tests/framework"
)

var (
	kills = flag.Int("kills", 200, "how often the broker is killed; ZooKeeper is a tenth of that")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the moments at which servers are killed")
)

// start starts ZooKeeper and a broker whose session is short, so that a killed one
// does not keep its successor waiting. What the broker does in the background it
// does all the time.
func start(t *testing.T) (zooKeeper, broker *framework.Server, dir string) {
	dir = t.TempDir()
	zooKeeper = framework.StartZooKeeper(t, dir, map[string]string{"tickTime": "100"})
	logs := filepath.Join(dir, "logs")
	broker = framework.StartBroker(t, dir, 0, zooKeeper, map[string]string{
		"zookeeper.session.timeout.ms": "600", "log.segment.bytes": "262144", "log.dirs": logs,
		"log.cleaner.backoff.ms": "20", "log.cleaner.dedupe.buffer.size": "2097152", "log.cleaner.io.buffer.size": "65536",
		"log.index.interval.bytes": "1024", "log.index.size.max.bytes": "65536", "log.segment.delete.delay.ms": "100",
	})
	createTopics(t, broker.Address())
	return zooKeeper, broker, logs
}

// startAgain starts a killed server. A broker waits for its old session's end: as
// Kafka it does not start while another is registered with its id.
func startAgain(t *testing.T, victim, zooKeeper *framework.Server) {
	t.Helper()
	if victim != zooKeeper {
		connected := connectTo(t, zooKeeper)
		defer connected.Close()
		framework.Until(t, patience, "the killed broker's session ends", func() bool {
			exists, _, err := connected.Exists("/brokers/ids/0")
			return err == nil && !exists
		})
	}
	victim.Start()
}

func connectTo(t *testing.T, zooKeeper *framework.Server) *zk.Conn {
	t.Helper()
	connected, _, err := zk.Connect([]string{zooKeeper.Address()}, 10*time.Second, zk.WithLogInfo(false), zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	return connected
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestZooKeeperAwayIsRiddenOut leaves the broker without ZooKeeper for longer than
// its session: it goes on serving and registers again.
func TestZooKeeperAwayIsRiddenOut(t *testing.T) {
	zooKeeper, broker, _ := start(t)
	traffic := startLoad(t, broker.Address(), 2)
	for range 3 {
		zooKeeper.Kill()
		before := traffic.count()
		away := time.Now()
		framework.Until(t, patience, "records are acknowledged without ZooKeeper", func() bool {
			return traffic.count() > before+1000 && time.Since(away) > 2*time.Second
		})
		zooKeeper.Start()
		before = traffic.count()
		framework.Until(t, patience, "records are acknowledged", func() bool { return traffic.count() > before+1000 })
	}
	select {
	case <-broker.Exited():
		t.Fatalf("the broker ended with code %d", broker.ExitCode())
	default:
	}
	traffic.end()
	traffic.validate(t, broker.Address())
}

// TestCleanStopNeedsNoRecovery compares the start after a clean stop with that
// after a crash.
func TestCleanStopNeedsNoRecovery(t *testing.T) {
	zooKeeper, broker, _ := start(t)
	traffic := startLoad(t, broker.Address(), 2)
	framework.Until(t, patience, "records are acknowledged", func() bool { return traffic.count() > 2000 })
	traffic.end()
	broker.Restart()
	const recovering = "Recovering unflushed segment"
	if strings.Contains(broker.Output(), recovering) {
		t.Error("the broker recovered segments after a clean stop")
	}
	broker.Kill()
	startAgain(t, broker, zooKeeper)
	if !strings.Contains(broker.Output(), recovering) {
		t.Error("the broker recovered no segment after a crash")
	}
	traffic.validate(t, broker.Address())
}
