package cluster

import (
	"sync"
	"time"

	"github.com/gregor-broker/gregor/log"
)

// UnknownOffset stands for an offset that a replica has not told yet.
const UnknownOffset int64 = -1

// Replica is what a leader knows of one remote replica, as kafka.cluster.Replica.
type Replica struct {
	BrokerID int32

	mu    sync.Mutex // guards state; held for a few instructions only
	state ReplicaState
}

// ReplicaState is the progress of a remote replica.
type ReplicaState struct {
	// LogEndOffset is the offset of the replica's last fetch, as place in the
	// leader's log.
	LogEndOffset log.OffsetMetadata
	// LogStartOffset is the replica's own, -1 until it fetched.
	LogStartOffset int64
	// LastFetchTime and LastFetchLeaderEndOffset are the time of the last
	// fetch and the leader's log end offset then.
	LastFetchTime            time.Time
	LastFetchLeaderEndOffset int64
	// LastCaughtUpTime is the last time the replica had all the leader had;
	// zero when it never did. It carries a monotonic reading, so that a step of
	// the clock changes no ISR.
	LastCaughtUpTime time.Time
}

func newReplica(brokerID int32) *Replica {
	return &Replica{BrokerID: brokerID, state: ReplicaState{LogEndOffset: log.UnknownOffsetMetadata, LogStartOffset: UnknownOffset}}
}

// State gives the replica's progress.
func (r *Replica) State() ReplicaState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// LogEndOffset gives the message offset of the replica's log end, -1 when
// unknown.
func (r *Replica) LogEndOffset() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.LogEndOffset.MessageOffset
}

// recordFetch notes a fetch at the given place and returns the log end offset
// known before.
//
// A fetch from the leader's log end catches up now. A fetch from what was the
// log end at the fetch before caught up then: a follower that fetches steadily
// behind a busy leader is in sync although it never reaches the moving end.
func (r *Replica) recordFetch(at log.OffsetMetadata, logStartOffset int64, fetchTime time.Time, leaderEndOffset int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.MessageOffset >= leaderEndOffset {
		r.caughtUpLocked(fetchTime)
	} else if at.MessageOffset >= r.state.LastFetchLeaderEndOffset {
		r.caughtUpLocked(r.state.LastFetchTime)
	}
	previous := r.state.LogEndOffset.MessageOffset
	r.state.LogStartOffset = logStartOffset
	r.state.LogEndOffset = at
	r.state.LastFetchLeaderEndOffset = leaderEndOffset
	r.state.LastFetchTime = fetchTime
	return previous
}

func (r *Replica) caughtUpLocked(at time.Time) {
	if at.After(r.state.LastCaughtUpTime) {
		r.state.LastCaughtUpTime = at
	}
}

// leaderStarted resets the clocks of the replica at the start of a leader
// epoch, and what is known of its log when the leader is new.
func (r *Replica) leaderStarted(leaderEndOffset int64, now, caughtUp time.Time, forget bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.LastFetchLeaderEndOffset = leaderEndOffset
	r.state.LastFetchTime = now
	r.state.LastCaughtUpTime = caughtUp
	if forget {
		r.state.LogEndOffset = log.UnknownOffsetMetadata
		r.state.LogStartOffset = UnknownOffset
		r.state.LastFetchLeaderEndOffset = UnknownOffset
		r.state.LastFetchTime = time.Time{}
	}
}
