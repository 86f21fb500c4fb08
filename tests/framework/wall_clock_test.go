package framework

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// TestTheWallClockOfAProcessIsSet asks the embedded ZooKeeper for its time, which it
// notes with each znode, while its clock is set to and fro; the session that asks
// does not mind.
func TestTheWallClockOfAProcessIsSet(t *testing.T) {
	zooKeeper := startZooKeeperOn(t, t.TempDir(), Installation(t), nil)
	session, events, err := zk.Connect([]string{zooKeeper.Address()}, 20*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for event := range events {
		if event.State == zk.StateHasSession {
			break
		}
	}
	first := session.SessionID()
	for i, offset := range []time.Duration{0, 3 * time.Hour, -50 * time.Hour, 0} {
		if err := zooKeeper.SetWallClock(offset); errors.Is(err, errors.ErrUnsupported) {
			t.Skipf("clocks cannot be set here: %v", err)
		} else if err != nil {
			t.Fatal(err)
		}
		path := fmt.Sprint("/at-", i)
		if _, err := session.Create(path, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
		_, stat, err := session.Exists(path)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := time.Until(time.UnixMilli(stat.Ctime).Add(-offset)); wrong.Abs() > time.Minute {
			t.Errorf("set by %v, the clock is wrong by %v", offset, wrong)
		}
	}
	if session.SessionID() != first {
		t.Error("the session was lost")
	}
}
