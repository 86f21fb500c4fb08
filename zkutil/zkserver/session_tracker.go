package zkserver

import (
	"crypto/subtle"
	"encoding/binary"
	"sync/atomic"
	"time"
)

// session is a client's session. It outlives the connections it is used over.
type session struct {
	id int64
	// deadlineMs is when the session ends unless something is heard of it, in
	// milliseconds on the server's clock. Touching needs no lock.
	deadlineMs atomic.Int64

	// Server.mu guards what follows.
	timeoutMs int32
	closing   bool
	conn      *connection
}

// sessionTracker holds the sessions; Server.mu guards it.
type sessionTracker struct {
	byID   map[int64]*session
	nextID int64
	tickMs int64
	start  time.Time
}

// standaloneServerID is the top byte of every session id.
const standaloneServerID = 1

func newSessionTracker(tickMs int64) *sessionTracker {
	now := time.Now()
	return &sessionTracker{
		byID:   map[int64]*session{},
		tickMs: tickMs,
		start:  now,
		nextID: standaloneServerID<<56 | int64(uint64(now.UnixMilli())<<24>>8),
	}
}

// nowMs is monotonic: a step of the wall clock ends no session.
func (t *sessionTracker) nowMs() int64 {
	return time.Since(t.start).Milliseconds()
}

// newSessionID gives an id that no session has.
func (t *sessionTracker) newSessionID() int64 {
	for {
		id := t.nextID
		t.nextID++
		if _, taken := t.byID[id]; !taken {
			return id
		}
	}
}

// add makes a session known, or changes the timeout of a known one.
func (t *sessionTracker) add(id int64, timeoutMs int32) *session {
	s := t.byID[id]
	if s == nil {
		s = &session{id: id}
		t.byID[id] = s
	}
	s.timeoutMs = timeoutMs
	t.touch(s)
	return s
}

// touch moves a session's end to a timeout from now, rounded up to the next tick.
func (t *sessionTracker) touch(s *session) {
	end := t.nowMs() + int64(s.timeoutMs)
	s.deadlineMs.Store((end/t.tickMs + 1) * t.tickMs)
}

// expired lists the sessions whose end has come.
func (t *sessionTracker) expired() []*session {
	now := t.nowMs()
	var ended []*session
	for _, s := range t.byID {
		if !s.closing && s.deadlineMs.Load() <= now {
			ended = append(ended, s)
		}
	}
	return ended
}

// passwordSecret is what Apache ZooKeeper mixes into its session passwords; with
// the same one a session survives the change from one server to the other.
const passwordSecret = 0xB3415C00

// sessionPassword computes the 16 bytes a client shows to take its session up
// again: java.util.Random's first ones, seeded by the id.
func sessionPassword(id int64) []byte {
	const multiplier, addend, mask = 0x5DEECE66D, 0xB, 1<<48 - 1
	seed := (uint64(id) ^ passwordSecret ^ multiplier) & mask
	password := make([]byte, 0, 16)
	for len(password) < 16 {
		seed = (seed*multiplier + addend) & mask
		password = binary.LittleEndian.AppendUint32(password, uint32(seed>>16))
	}
	return password
}

func passwordMatches(id int64, shown []byte) bool {
	return subtle.ConstantTimeCompare(sessionPassword(id), shown) == 1
}
