package replica

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// isrNodes is a ZooKeeper that has one version of every partition's state.
type isrNodes struct {
	mu         sync.Mutex
	version    int32
	propagated [][]topic.Partition
	failure    error
}

func (z *isrNodes) UpdateLeaderAndIsrAsLeader(_ topic.Partition, state zkdata.LeaderAndIsr, _ int32) (bool, int32, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	return state.ZkVersion == z.version, z.version + 1, nil
}

func (z *isrNodes) PropagateIsrChanges(partitions []topic.Partition) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.propagated = append(z.propagated, partitions)
	return z.failure
}

func (z *isrNodes) told() [][]topic.Partition {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.propagated
}

func TestIsrChangesThroughZooKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zk := &isrNodes{version: 7, failure: errors.New("connection loss")}
		manager := NewZkIsrManager(zk)
		manager.Start()
		submit := func(partition, version int32) (cluster.LeaderAndIsr, error) {
			var decided cluster.LeaderAndIsr
			var err error
			manager.Submit(tpOf(partition), cluster.LeaderAndIsr{Leader: 1, ISR: []int32{1, 2}, ZKVersion: version}, 1, func(d cluster.LeaderAndIsr, e error) { decided, err = d, e })
			synctest.Wait()
			return decided, err
		}
		if decided, err := submit(0, 7); err != nil || decided.ZKVersion != 8 {
			t.Errorf("%+v %v", decided, err)
		}
		if _, err := submit(1, 6); !errors.Is(err, kerr.InvalidUpdateVersion) {
			t.Errorf("an outdated version: %v", err)
		}
		time.Sleep(4 * time.Second)
		submit(2, 7)
		synctest.Wait()
		if len(zk.told()) != 0 {
			t.Error("the controller was told before the changes came to rest")
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if told := zk.told(); len(told) != 1 || len(told[0]) != 2 {
			t.Errorf("told %v", told)
		}
		zk.mu.Lock()
		zk.failure = nil
		zk.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if told := zk.told(); len(told) != 2 || len(told[1]) != 2 {
			t.Errorf("a notification that failed is repeated once: %v", told)
		}
		manager.Close()
		manager.Close()
		if _, err := submit(0, 7); !errors.Is(err, kerr.OperationNotAttempted) {
			t.Errorf("after Close: %v", err)
		}
	})
}
