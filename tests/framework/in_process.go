package framework

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/broker"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

// InProcess is a broker with its ZooKeeper in the test's process, where the race
// detector sees it.
type InProcess struct {
	t         testing.TB
	settings  map[string]string
	bootstrap string

	ZooKeeper *zktest.Server // nil on Apache ZooKeeper
	Server    *broker.KafkaServer
}

// StartInProcess starts a broker; overrides win over settings that suit tests. The
// first of the listeners is where clients begin.
func StartInProcess(t testing.TB, overrides map[string]string) *InProcess {
	t.Helper()
	zooKeeper := zktest.Start(t)
	c := startInProcess(t, zooKeeper.Addr(), overrides)
	c.ZooKeeper = zooKeeper
	return c
}

// StartInProcessOnApacheZooKeeper starts a broker in this process and Debian's
// ZooKeeper in its own, and gives the broker a chroot there.
func StartInProcessOnApacheZooKeeper(t testing.TB, overrides map[string]string) *InProcess {
	t.Helper()
	return startInProcess(t, StartApacheZooKeeper(t, t.TempDir()).Address()+"/kafka/one", overrides)
}

func startInProcess(t testing.TB, zooKeeper string, overrides map[string]string) *InProcess {
	t.Helper()
	c := &InProcess{t: t}
	c.settings = map[string]string{
		"broker.id": "0", "listeners": fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", FreePort(t)), "zookeeper.connect": zooKeeper,
		"log.dirs": filepath.Join(t.TempDir(), "kafka-logs"), "offsets.topic.replication.factor": "1",
		"offsets.topic.num.partitions": "4", "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "100",
	}
	maps.Copy(c.settings, overrides)
	first, _, _ := strings.Cut(c.settings["listeners"], ",")
	_, c.bootstrap, _ = strings.Cut(first, "://")
	c.start()
	t.Cleanup(func() { c.Server.Shutdown() })
	return c
}

func (c *InProcess) start() {
	c.t.Helper()
	settings, err := config.NewBrokerConfig(c.settings)
	if err == nil {
		err = settings.Validate()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.Server = broker.New(settings, func(status int) { c.t.Errorf("the broker halted with status %d", status) })
	if err := c.Server.Startup(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	Until(c.t, startTimeout, "the broker answers", func() bool { return brokerAnswers(c.bootstrap) == nil })
}

// Bootstrap is where clients begin.
func (c *InProcess) Bootstrap() string { return c.bootstrap }

// Restart stops the broker cleanly and starts it again on its data.
func (c *InProcess) Restart() {
	c.t.Helper()
	c.Server.Shutdown()
	c.start()
}
