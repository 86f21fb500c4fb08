package framework

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// TestADiskIsSlowForATime measures how long the embedded ZooKeeper takes to sync.
func TestADiskIsSlowForATime(t *testing.T) {
	zooKeeper := startZooKeeperOn(t, t.TempDir(), Installation(t), nil)
	session, _, err := zk.Connect([]string{zooKeeper.Address()}, 20*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	made := 0
	create := func() time.Duration {
		t.Helper()
		made++
		started := time.Now()
		if _, err := session.Create(fmt.Sprint("/node-", made), nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
		return time.Since(started)
	}
	create()
	const sync = 300 * time.Millisecond
	end, err := zooKeeper.SlowDisk(t, 0, sync)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("disks cannot be slow here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if took := create(); took < sync {
		t.Errorf("a sync took %v", took)
	}
	end()
	Until(t, startTimeout, "the disk is fast again", func() bool { return create() < sync })
}
