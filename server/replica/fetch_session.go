package replica

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

// Session ids and epochs of fetch requests (KIP-227), as FetchMetadata.
const (
	noSessionID  int32 = 0
	initialEpoch int32 = 0
	finalEpoch   int32 = -1
)

// nextEpoch counts 1, 2, … and leaves 0 out when it wraps.
func nextEpoch(epoch int32) int32 {
	switch {
	case epoch < 0:
		return finalEpoch
	case epoch == 1<<31-1:
		return 1
	default:
		return epoch + 1
	}
}

// sessionKey names a partition in a session: by topic id from fetch version 13
// on, by name before.
type sessionKey struct {
	id        topic.ID
	topic     string
	partition int32
}

func sessionKeyOf(p *FetchPartition) sessionKey {
	if p.TopicID.IsZero() {
		return sessionKey{topic: p.Partition.Topic, partition: p.Partition.Partition}
	}
	return sessionKey{id: p.TopicID, partition: p.Partition.Partition}
}

// cachedPartition is what a session keeps of one partition: the request, and
// of the last answer what decides whether there is news, as CachedPartition.
type cachedPartition struct {
	request        FetchPartition
	highWatermark  int64
	logStartOffset int64
	prev, next     *cachedPartition // order of the session

	// hosted is the partition as the last request found it here.
	hosted atomic.Pointer[hostedAt]
}

// news reports whether a result has to be in an incremental answer; with
// update it is remembered as told.
func (c *cachedPartition) news(result *FetchPartitionResult, update bool) bool {
	news := result.RecordsSize() > 0 || result.PreferredReadReplica != noPreferredReplica || result.Diverged ||
		c.highWatermark != result.HighWatermark || c.logStartOffset != result.LogStartOffset || result.ErrorCode != 0
	if update {
		c.highWatermark, c.logStartOffset = result.HighWatermark, result.LogStartOffset
		if result.ErrorCode != 0 {
			c.highWatermark = unknownOffset // the next answer tells that the error is over
		}
	}
	return news
}

// fetchSession is the state of one incremental fetch session.
type fetchSession struct {
	id           int32
	privileged   bool // of a follower
	usesTopicIDs bool
	created      time.Time

	// The following belong to the cache and are guarded by its mutex.
	lastUsed     time.Time
	cachedSize   int
	older, newer *fetchSession

	mu         sync.Mutex // protects the following; taken after the cache's
	epoch      int32
	partitions map[sessionKey]*cachedPartition
	order      cachedPartition // sentinel of the ring
}

func newFetchSession(id int32, privileged, usesTopicIDs bool, now time.Time, size int) *fetchSession {
	s := &fetchSession{
		id: id, privileged: privileged, usesTopicIDs: usesTopicIDs, created: now, lastUsed: now,
		epoch: nextEpoch(initialEpoch), partitions: make(map[sessionKey]*cachedPartition, size),
	}
	s.order.prev, s.order.next = &s.order, &s.order
	return s
}

// addLocked puts a partition at the end of the order. It keeps no memory of
// the request.
func (s *fetchSession) addLocked(request *FetchPartition, highWatermark, logStartOffset int64) {
	cached := &cachedPartition{request: *request, highWatermark: highWatermark, logStartOffset: logStartOffset}
	cached.request.Partition.Topic = strings.Clone(request.Partition.Topic)
	cached.request.cached = cached
	s.partitions[sessionKeyOf(&cached.request)] = cached
	s.appendLocked(cached)
}

func (s *fetchSession) appendLocked(cached *cachedPartition) {
	last := s.order.prev
	cached.prev, cached.next = last, &s.order
	last.next, s.order.prev = cached, cached
}

func (c *cachedPartition) unlink() {
	c.prev.next, c.next.prev = c.next, c.prev
}

// updateLocked applies an incremental request.
func (s *fetchSession) updateLocked(partitions []FetchPartition, forgotten []sessionKey) {
	for i := range partitions {
		request := &partitions[i]
		cached := s.partitions[sessionKeyOf(request)]
		if cached == nil {
			s.addLocked(request, unknownOffset, unknownOffset)
			continue
		}
		cached.request.FetchOffset, cached.request.LogStartOffset = request.FetchOffset, request.LogStartOffset
		cached.request.MaxBytes = request.MaxBytes
		cached.request.CurrentLeaderEpoch, cached.request.LastFetchedEpoch = request.CurrentLeaderEpoch, request.LastFetchedEpoch
	}
	for _, key := range forgotten {
		if cached := s.partitions[key]; cached != nil {
			cached.unlink()
			delete(s.partitions, key)
		}
	}
}

// FetchResponse is the session's part of a Fetch response. Who receives it
// owns the records of Partitions.
type FetchResponse struct {
	ErrorCode  int16
	SessionID  int32
	Partitions []FetchPartitionResult
}

// FetchContext is one fetch request within its session, if it has one.
type FetchContext interface {
	// AppendPartitions appends the partitions to read, in order.
	AppendPartitions(to []FetchPartition) []FetchPartition
	// WouldRespond reports whether the result of a partition would be in the
	// response; it changes nothing.
	WouldRespond(result *FetchPartitionResult) bool
	// UpdateAndGenerateResponse notes what is answered and leaves out what is
	// no news. It owns the results from then on, and their records.
	UpdateAndGenerateResponse(results []FetchPartitionResult) FetchResponse
	// ThrottledResponse is the empty answer to a throttled client.
	ThrottledResponse() FetchResponse
}

// errorContext answers a request that fits no session.
type errorContext struct{ code int16 }

func (c errorContext) AppendPartitions(to []FetchPartition) []FetchPartition { return to }
func (c errorContext) WouldRespond(*FetchPartitionResult) bool               { return false }
func (c errorContext) ThrottledResponse() FetchResponse                      { return FetchResponse{} }

func (c errorContext) UpdateAndGenerateResponse(results []FetchPartitionResult) FetchResponse {
	releaseAll(results)
	return FetchResponse{ErrorCode: c.code}
}

// sessionlessContext is a full request that wants no session.
type sessionlessContext struct{ partitions []FetchPartition }

func (c *sessionlessContext) AppendPartitions(to []FetchPartition) []FetchPartition {
	return append(to, c.partitions...)
}
func (c *sessionlessContext) WouldRespond(*FetchPartitionResult) bool { return true }
func (c *sessionlessContext) ThrottledResponse() FetchResponse        { return FetchResponse{} }

func (c *sessionlessContext) UpdateAndGenerateResponse(results []FetchPartitionResult) FetchResponse {
	return FetchResponse{Partitions: results}
}

// fullContext is a full request that wants a session for the next ones.
type fullContext struct {
	sessionlessContext
	cache        *fetchSessionCache
	usesTopicIDs bool
	isFollower   bool
}

func (c *fullContext) UpdateAndGenerateResponse(results []FetchPartitionResult) FetchResponse {
	id := c.cache.maybeCreate(time.Now(), c.isFollower, c.usesTopicIDs, len(results), func(session *fetchSession) {
		requests := make(map[sessionKey]*FetchPartition, len(c.partitions))
		for i := range c.partitions {
			requests[sessionKeyOf(&c.partitions[i])] = &c.partitions[i]
		}
		for i := range results {
			key := sessionKeyOf(&FetchPartition{Partition: results[i].Partition, TopicID: results[i].TopicID})
			if request := requests[key]; request != nil && session.partitions[key] == nil {
				session.addLocked(request, results[i].HighWatermark, results[i].LogStartOffset)
			}
		}
	})
	return FetchResponse{SessionID: id, Partitions: results}
}

// incrementalContext is a request that tells only what changed since the last.
type incrementalContext struct {
	session      *fetchSession
	requestEpoch int32
	topicName    func(topic.ID) (string, bool)
}

// AppendPartitions also resolves topic ids that were unknown so far.
func (c *incrementalContext) AppendPartitions(to []FetchPartition) []FetchPartition {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	for cached := c.session.order.next; cached != &c.session.order; cached = cached.next {
		if cached.request.Partition.Topic == "" {
			cached.request.Partition.Topic, _ = c.topicName(cached.request.TopicID)
		}
		to = append(to, cached.request)
	}
	return to
}

// currentLocked reports whether this is still the session's newest request.
// Only then are the results' cached partitions the session's.
func (c *incrementalContext) currentLocked() bool {
	return c.session.epoch == nextEpoch(c.requestEpoch)
}

func (c *incrementalContext) WouldRespond(result *FetchPartitionResult) bool {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	return c.currentLocked() && result.cached != nil && result.cached.news(result, false)
}

func (c *incrementalContext) UpdateAndGenerateResponse(results []FetchPartitionResult) FetchResponse {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if !c.currentLocked() {
		releaseAll(results)
		return FetchResponse{ErrorCode: kerr.InvalidFetchSessionEpoch.Code, SessionID: c.session.id}
	}
	kept := results[:0]
	for i := range results {
		cached := results[i].cached
		if cached == nil || !cached.news(&results[i], true) {
			results[i].ReleaseRecords()
			continue
		}
		if results[i].RecordsSize() > 0 {
			// Partitions that got their share stand in line behind the others.
			cached.unlink()
			c.session.appendLocked(cached)
		}
		kept = append(kept, results[i])
	}
	clear(results[len(kept):])
	return FetchResponse{SessionID: c.session.id, Partitions: kept}
}

func (c *incrementalContext) ThrottledResponse() FetchResponse {
	c.session.mu.Lock()
	defer c.session.mu.Unlock()
	if !c.currentLocked() {
		return FetchResponse{ErrorCode: kerr.InvalidFetchSessionEpoch.Code, SessionID: c.session.id}
	}
	return FetchResponse{SessionID: c.session.id}
}

// FetchSessionManager turns fetch requests into contexts, as
// kafka.server.FetchManager.
type FetchSessionManager struct {
	cache     *fetchSessionCache
	topicName func(topic.ID) (string, bool)
}

// NewContext takes a fetch request of any version. The request is not used
// afterwards.
func (m *FetchSessionManager) NewContext(req *kmsg.FetchRequest) FetchContext {
	partitions, forgotten := m.partitionsOf(req), forgottenOf(req)
	if req.SessionEpoch == initialEpoch || req.SessionEpoch == finalEpoch || req.Version < 7 {
		if req.SessionID != noSessionID {
			m.cache.remove(req.SessionID)
		}
		full := sessionlessContext{deduplicate(partitions)}
		if req.SessionEpoch == finalEpoch || req.Version < 7 {
			return &full
		}
		return &fullContext{sessionlessContext: full, cache: m.cache, usesTopicIDs: req.Version >= 13, isFollower: req.ReplicaID >= 0}
	}
	return m.incremental(req, partitions, forgotten)
}

func (m *FetchSessionManager) incremental(req *kmsg.FetchRequest, partitions []FetchPartition, forgotten []sessionKey) FetchContext {
	m.cache.mu.Lock()
	defer m.cache.mu.Unlock()
	session := m.cache.sessions[req.SessionID]
	if session == nil {
		return errorContext{kerr.FetchSessionIDNotFound.Code}
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	switch {
	case session.epoch != req.SessionEpoch:
		return errorContext{kerr.InvalidFetchSessionEpoch.Code}
	case session.usesTopicIDs != (req.Version >= 13):
		return errorContext{kerr.FetchSessionTopicIDError.Code}
	}
	session.updateLocked(partitions, forgotten)
	if len(session.partitions) == 0 {
		m.cache.removeLocked(session)
		return &sessionlessContext{partitions}
	}
	m.cache.touchLocked(session, time.Now(), len(session.partitions))
	session.epoch = nextEpoch(session.epoch)
	return &incrementalContext{session: session, requestEpoch: req.SessionEpoch, topicName: m.topicName}
}

func (m *FetchSessionManager) partitionsOf(req *kmsg.FetchRequest) []FetchPartition {
	count := 0
	for i := range req.Topics {
		count += len(req.Topics[i].Partitions)
	}
	partitions := make([]FetchPartition, 0, count)
	for i := range req.Topics {
		name, id := req.Topics[i].Topic, topic.ID(req.Topics[i].TopicID)
		if req.Version >= 13 {
			name, _ = m.topicName(id)
		}
		for j := range req.Topics[i].Partitions {
			from := &req.Topics[i].Partitions[j]
			partitions = append(partitions, FetchPartition{
				Partition: topic.Partition{Topic: name, Partition: from.Partition}, TopicID: id, FetchOffset: from.FetchOffset,
				LogStartOffset: from.LogStartOffset, MaxBytes: from.PartitionMaxBytes,
				CurrentLeaderEpoch: from.CurrentLeaderEpoch, LastFetchedEpoch: from.LastFetchedEpoch,
			})
		}
	}
	return partitions
}

func forgottenOf(req *kmsg.FetchRequest) []sessionKey {
	var keys []sessionKey
	for i := range req.ForgottenTopics {
		of := &req.ForgottenTopics[i]
		for _, partition := range of.Partitions {
			key := sessionKey{id: of.TopicID, partition: partition}
			if key.id.IsZero() {
				key.topic = of.Topic
			}
			keys = append(keys, key)
		}
	}
	return keys
}

// deduplicate keeps a partition named twice at its first place with its last
// parameters, as the map of Kafka's request does.
func deduplicate(partitions []FetchPartition) []FetchPartition {
	if len(partitions) < 2 {
		return partitions
	}
	places := make(map[sessionKey]int, len(partitions))
	kept := partitions[:0]
	for i := range partitions {
		key := sessionKeyOf(&partitions[i])
		if at, ok := places[key]; ok {
			kept[at] = partitions[i]
			continue
		}
		places[key] = len(kept)
		kept = append(kept, partitions[i])
	}
	return kept
}
