package replica

import (
	"math"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
)

// lateOrders is for how long an order of the controller may still come after it was
// given up: its request has timed out by then, and its connection is closed.
const lateOrders = time.Minute

// deletedReplicas remembers for a while which replicas StopReplica deleted. A
// LeaderAndIsr that was given up by the controller, and waited here behind other
// changes, must not make one of them again: nobody would delete it a second time,
// and its directory would be in the way of the next topic of that name.
type deletedReplicas map[topic.Partition]deletedReplica

type deletedReplica struct {
	topicID topic.ID
	// below is the first leader epoch that is news.
	below int32
	at    time.Time
}

// add remembers a replica that is deleted. A topic without an id may be made again
// with any epoch, and is not remembered.
func (d deletedReplicas) add(state *stopState, topicID topic.ID, leaderEpoch int32) {
	now := time.Now()
	for tp, deleted := range d {
		if now.Sub(deleted.at) > lateOrders {
			delete(d, tp)
		}
	}
	if topicID.IsZero() {
		return
	}
	below := max(state.leaderEpoch, leaderEpoch+1)
	if state.leaderEpoch == epochDuringDelete {
		below = math.MaxInt32
	}
	d[state.tp] = deletedReplica{topicID: topicID, below: below, at: now}
}

// has says that an order is of before the deletion.
func (d deletedReplicas) has(change *partitionChange) bool {
	deleted, ok := d[change.tp]
	return ok && deleted.topicID == change.topicID && change.state.LeaderEpoch < deleted.below && time.Since(deleted.at) <= lateOrders
}
