package replica

import (
	"os"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/server/metadata"
)

var _ LogManager = (*manager.LogManager)(nil)

// realBroker is a replica manager over the real log manager and a directory.
func realBroker(t *testing.T, dir string) (n *node, stop func()) {
	t.Helper()
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost", "broker.id": "1", "log.dirs": dir})
	if err != nil {
		t.Fatal(err)
	}
	current := config.NewCurrent(cfg)
	failures := manager.NewLogDirFailureChannel(1)
	logManager, err := manager.New(manager.Options{Config: current, FailureChannel: failures, OnAllDirsFailed: func() { t.Error("all directories failed") }})
	if err != nil {
		t.Fatal(err)
	}
	if err := logManager.Startup([]string{"t"}); err != nil {
		t.Fatal(err)
	}
	n = &node{t: t, cache: metadata.NewCache(1)}
	n.ReplicaManager = New(Options{
		Config: current, LogManager: logManager, MetadataCache: n.cache, LogDirFailures: failures, AlterIsr: &grantIsr{}, Leaders: newNetwork(),
	})
	n.Startup()
	return n, func() {
		n.Shutdown(true)
		if err := logManager.Shutdown(); err != nil {
			t.Error(err)
		}
	}
}

func TestRecordsAndHighWatermarksSurviveARestart(t *testing.T) {
	dir, id := t.TempDir(), topic.NewID()
	n, stop := realBroker(t, dir)
	elect([]*node{n}, "t", id, state(0, 1, 0, 1))
	n.append(0, 3)
	dirs := n.DescribeLogDirs(nil)
	if len(dirs) != 1 || dirs[0].ErrorCode != 0 || len(dirs[0].Topics) != 1 || dirs[0].Topics[0].Partitions[0].Size == 0 {
		t.Errorf("%+v", dirs)
	}
	stop()

	n, stop = realBroker(t, dir)
	elect([]*node{n}, "t", id, state(0, 1, 1, 1))
	if got := n.LocalLog(tpOf(0)).HighWatermark(); got != 3 {
		t.Errorf("high watermark %d", got)
	}
	results := n.fetch(FetchParams{ReplicaID: -1, MinBytes: 1}, readAt(0, 0)).now()
	if results[0].RecordsSize() == 0 {
		t.Errorf("%+v", results)
	}
	releaseAll(results)
	if found, ok, err := n.FetchOffsetForTimestamp(tpOf(0), log.LatestTimestamp, log.FetchHighWatermark, -1, true); err != nil || !ok || found.Offset != 3 {
		t.Errorf("%+v %t %v", found, ok, err)
	}
	n.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 0))
	if n.LocalLog(tpOf(0)) != nil {
		t.Error("the log is still there")
	}
	if _, err := os.Stat(dir + "/t-0"); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	stop()
}

func TestADeletedPartitionMayBeBeingRead(t *testing.T) {
	n, stop := realBroker(t, t.TempDir())
	defer stop()
	elect([]*node{n}, "t", topic.NewID(), state(0, 1, 0, 1))
	n.append(0, 3)
	result := n.fetch(FetchParams{ReplicaID: -1, MaxWait: time.Second, MinBytes: 1}, readAt(0, 0)).now()[0]
	n.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 0))
	buffer := make([]byte, result.RecordsSize())
	if _, err := result.Records.ReadAt(buffer, 0); err != nil {
		t.Error(err)
	}
	result.ReleaseRecords()
}
