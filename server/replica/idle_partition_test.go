package replica

import (
	"testing"

	"github.com/gregor-broker/gregor/config/topic"
)

// TestAnIdlePartitionIsInSync gives a follower of a partition without records the
// answer that it has all: it must not count as one that lags, or a throttle that
// others have used up would hold back the first record (KAFKA-15080).
func TestAnIdlePartitionIsInSync(t *testing.T) {
	id := topic.NewID()
	net := newNetwork()
	leader, follower := newNode(t, net, 1, nil, nil), newNode(t, net, 2, nil, nil)
	quota := &usedUp{}
	follower.options.Quotas.Follower = quota
	elect([]*node{leader, follower}, "t", id, state(0, 1, 0, 1, 2))
	eventually(t, "the leader has answered once", func() bool {
		follower.fetchers.mu.Lock()
		defer follower.fetchers.mu.Unlock()
		for _, thread := range follower.fetchers.threads {
			thread.mu.Lock()
			defer thread.mu.Unlock()
			for _, state := range thread.states {
				return state.inSync()
			}
		}
		return false
	})
	quota.exceeded.Store(true)
	leader.append(0, 1)
	wantCopies(t, leader, follower, 1)
}
