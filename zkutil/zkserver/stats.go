package zkserver

import (
	"sync"
	"sync/atomic"
	"time"
)

// serverStats counts what the four-letter words report.
type serverStats struct {
	received, sent, outstanding atomic.Int64
	fsyncThresholdExceeded      atomic.Int64
	rejected                    atomic.Int64
	authFailed                  atomic.Int64

	mu      sync.Mutex
	latency latencyStats
}

// latencyStats sums request latencies in milliseconds.
type latencyStats struct {
	count, total, least, most int64
}

func (l *latencyStats) add(ms int64) {
	if l.count == 0 || ms < l.least {
		l.least = ms
	}
	l.most = max(l.most, ms)
	l.total += ms
	l.count++
}

func (l *latencyStats) average() float64 {
	if l.count == 0 {
		return 0
	}
	return float64(l.total) / float64(l.count)
}

// answered counts a reply leaving the queue.
func (s *serverStats) answered(latencyMs int64) {
	s.outstanding.Add(-1)
	s.mu.Lock()
	s.latency.add(latencyMs)
	s.mu.Unlock()
}

func (s *serverStats) latencies() latencyStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latency
}

// reset is the four-letter word srst.
func (s *serverStats) reset() {
	s.received.Store(0)
	s.sent.Store(0)
	s.mu.Lock()
	s.latency = latencyStats{}
	s.mu.Unlock()
}

// connectionStats is what cons reports of a connection.
type connectionStats struct {
	received, sent     int64
	lastOp             string
	lastCxid, lastZxid int64
	lastResponse       time.Time
	lastLatency        int64
	latency            latencyStats
}

func (s *connectionStats) answered(now time.Time, zxid, latencyMs int64) {
	s.lastResponse = now
	s.lastZxid = zxid
	s.lastLatency = latencyMs
	s.latency.add(latencyMs)
}

// opNames are the abbreviations that cons prints.
var opNames = map[int32]string{
	opCreate: "CREA", opCreate2: "CREA", opCreateContainer: "CREA", opCreateTTL: "CREA",
	opDelete: "DELE", opExists: "EXIS", opGetData: "GETD", opSetData: "SETD",
	opGetACL: "GETA", opSetACL: "SETA", opGetChildren: "GETC", opGetChildren2: "GETC",
	opSync: "SYNC", opPing: "PING", opCheck: "CHEC", opMulti: "MULT", opMultiRead: "MLTR",
	opReconfig: "RECO", opCheckWatches: "CHKW", opRemoveWatches: "REMW",
	opCreateSession: "SESS", opCloseSession: "CLOS", opSetWatches: "SETW", opSetWatches2: "STW2",
	opAddWatch: "ADDW", opGetEphemerals: "GETE", opGetAllChildrenNumber: "GETACN", opWhoAmI: "HOMI",
}
