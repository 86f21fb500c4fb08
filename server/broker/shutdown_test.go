package broker

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// A broker whose logs take long to close stays registered meanwhile: if its session
// ended first, another could take its place in the cluster while it still writes.
func TestZooKeeperIsNotClosedUnderLogsThatTakeLongToClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		disk := &vfs.Errors{FS: vfs.NewMem(), Inject: func(op vfs.Op, name string) error {
			if op == vfs.OpSync && slow.Load() && strings.HasSuffix(name, log.LogFileSuffix) {
				time.Sleep(4 * zooKeeperGrace)
			}
			return nil
		}}
		server := New(settingsOf(t), nil)
		server.logs = logsWithARecord(t, server.current, disk)
		slow.Store(true)
		var given atomic.Bool
		began := time.Now()
		server.stopInOrder(func() { given.Store(true) })
		if took := time.Since(began); took < 4*zooKeeperGrace {
			t.Fatalf("the logs were closed within %v", took)
		}
		if given.Load() {
			t.Fatal("ZooKeeper was closed while the logs were")
		}
		if exists, err := vfs.Exists(disk, "/logs/"+log.CleanShutdownFile); !exists || err != nil {
			t.Fatalf("the logs were not closed: %v", err)
		}
	})
}

// What waits for a ZooKeeper that went away is not waited for without end.
func TestStepsThatWaitForZooKeeperAreGivenUp(t *testing.T) {
	for _, test := range []struct {
		name  string
		takes time.Duration // each of two
		given bool
	}{{"short", zooKeeperGrace / 3, false}, {"long together", 2 * zooKeeperGrace / 3, true}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var given atomic.Bool
				step := func() { time.Sleep(test.takes) }
				withinGrace(func() { given.Store(true) }, step, step)
				time.Sleep(2 * zooKeeperGrace)
				if given.Load() != test.given {
					t.Errorf("given up: %t", given.Load())
				}
			})
		})
	}
}

func settingsOf(t *testing.T) *config.BrokerConfig {
	t.Helper()
	settings, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181", "log.cleaner.enable": "false"})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func logsWithARecord(t *testing.T, current *config.Current, disk vfs.FS) *manager.LogManager {
	t.Helper()
	logs, err := manager.New(manager.Options{Config: current, LogDirs: []string{"/logs"}, FS: disk})
	if err == nil {
		err = logs.Startup(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	unified, err := logs.GetOrCreateLog(topic.Partition{Topic: "topic"}, topic.NewID(), true, false)
	if err != nil {
		t.Fatal(err)
	}
	batch := record.NewBuilder(record.BuilderOptions{})
	batch.Append(time.Now().UnixMilli(), nil, []byte("x"))
	if _, err := unified.AppendAsLeader(batch.Build(), 0, log.OriginClient); err != nil {
		t.Fatal(err)
	}
	return logs
}
