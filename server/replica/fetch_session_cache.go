package replica

import (
	"cmp"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
)

// sessionEvictionAge is how long a session must be idle, or a privileged one
// exist, before others may take its slot (KafkaServer.MinIncrementalFetchSessionEvictionMs).
const sessionEvictionAge = 120 * time.Second

// fetchSessionCache holds the incremental sessions in a bounded number of
// slots, as kafka.server.FetchSessionCache.
type fetchSessionCache struct {
	maxEntries int
	evictions  *metrics.Meter
	group      *metrics.Group

	mu         sync.Mutex // taken before a session's; protects the following
	sessions   map[int32]*fetchSession
	partitions int
	// leastUsed begins a ring of the sessions in order of last use.
	leastUsed fetchSession
}

// NewFetchSessionManager returns a manager with as many sessions as
// max.incremental.fetch.session.cache.slots allows.
func NewFetchSessionManager(cfg *config.BrokerConfig, cache *metadata.Cache, registry *metrics.Registry) *FetchSessionManager {
	sessions := newFetchSessionCache(config.MaxIncrementalFetchSessionCacheSlots.Get(cfg), registry)
	return &FetchSessionManager{cache: sessions, topicName: cache.TopicName}
}

func newFetchSessionCache(maxEntries int, registry *metrics.Registry) *fetchSessionCache {
	c := &fetchSessionCache{maxEntries: maxEntries, sessions: map[int32]*fetchSession{}}
	c.leastUsed.older, c.leastUsed.newer = &c.leastUsed, &c.leastUsed
	c.group = registry.Group("kafka.server", "FetchSessionCache")
	c.evictions = c.group.Meter("IncrementalFetchSessionEvictionsPerSec", nil)
	c.group.Gauge("NumIncrementalFetchSessions", nil, func() float64 { return float64(c.size()) })
	c.group.Gauge("NumIncrementalFetchPartitionsCached", nil, func() float64 { return float64(c.totalPartitions()) })
	return c
}

// Close takes the cache's metrics away.
func (m *FetchSessionManager) Close() { m.cache.group.Close() }

func (c *fetchSessionCache) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sessions)
}

func (c *fetchSessionCache) totalPartitions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.partitions
}

// maybeCreate makes a session if there is a slot for it or one it may take,
// and returns its id, or noSessionID.
func (c *fetchSessionCache) maybeCreate(now time.Time, privileged, usesTopicIDs bool, size int, fill func(*fetchSession)) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sessions) >= c.maxEntries && !c.tryEvictLocked(privileged, size, now) {
		return noSessionID
	}
	session := newFetchSession(c.newIDLocked(), privileged, usesTopicIDs, now, size)
	fill(session)
	c.sessions[session.id] = session
	c.touchLocked(session, now, len(session.partitions))
	return session.id
}

// newIDLocked draws an unused id from 1 to 2^31-2.
func (c *fetchSessionCache) newIDLocked() int32 {
	for {
		id := rand.Int32N(math.MaxInt32-1) + 1
		if _, taken := c.sessions[id]; !taken {
			return id
		}
	}
}

// tryEvictLocked makes room for a session: the least recently used one goes
// when it is idle for long, else the smallest of those that a session of this
// kind and size may displace. Followers may displace any consumer's session.
func (c *fetchSessionCache) tryEvictLocked(privileged bool, size int, now time.Time) bool {
	oldest := c.leastUsed.newer
	if oldest == &c.leastUsed {
		return false
	}
	if now.Sub(oldest.lastUsed) > sessionEvictionAge {
		c.evictLocked(oldest)
		return true
	}
	var smallest *fetchSession
	for session := oldest; session != &c.leastUsed; session = session.newer {
		old := session.lastUsed.Sub(session.created) > sessionEvictionAge
		if (old || privileged && !session.privileged) && (smallest == nil || session.compare(smallest.privileged, smallest.cachedSize, smallest.id) < 0) {
			smallest = session
		}
	}
	if smallest == nil || smallest.compare(privileged, size, 0) > 0 {
		return false
	}
	c.evictLocked(smallest)
	return true
}

// compare orders sessions by how easily they are displaced (EvictableKey).
func (s *fetchSession) compare(privileged bool, size int, id int32) int {
	if s.privileged != privileged {
		if s.privileged {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(s.cachedSize, size), cmp.Compare(s.id, id))
}

func (c *fetchSessionCache) evictLocked(session *fetchSession) {
	c.removeLocked(session)
	c.evictions.Mark(1)
}

func (c *fetchSessionCache) remove(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if session := c.sessions[id]; session != nil {
		c.removeLocked(session)
	}
}

func (c *fetchSessionCache) removeLocked(session *fetchSession) {
	delete(c.sessions, session.id)
	c.partitions -= session.cachedSize
	session.unlink()
}

func (s *fetchSession) unlink() {
	if s.older != nil {
		s.older.newer, s.newer.older = s.newer, s.older
		s.older, s.newer = nil, nil
	}
}

// touchLocked makes a session the last used one.
func (c *fetchSessionCache) touchLocked(session *fetchSession, now time.Time, size int) {
	c.partitions += size - session.cachedSize
	session.cachedSize, session.lastUsed = size, now
	session.unlink()
	last := c.leastUsed.older
	session.older, session.newer = last, &c.leastUsed
	last.newer, c.leastUsed.older = session, session
}
