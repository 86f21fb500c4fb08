package replica

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
)

// fetcherSession is our side of the fetch session with the leader, as
// org.apache.kafka.clients.FetchSessionHandler.
type fetcherSession struct {
	id    int32
	epoch int32
	// partitions are those the session has, withoutID how many of them have no
	// topic id: such a session cannot speak version 13.
	partitions map[topic.Partition]*partitionFetchState
	withoutID  int
	usesIDs    bool
	// topics are those of the partitions by their ids, as responses name them.
	topics map[topic.ID]sessionTopic
	// forgotten are partitions to leave the session with the next request.
	forgotten []forgottenPartition
}

// sessionTopic is a topic of which the session has partitions.
type sessionTopic struct {
	name       string
	partitions int
}

type forgottenPartition struct {
	tp topic.Partition
	id topic.ID
}

// forget takes a partition out of the session.
func (s *fetcherSession) forget(state *partitionFetchState) {
	if !state.sent.inSession {
		return
	}
	delete(s.partitions, state.tp)
	s.forgotten = append(s.forgotten, forgottenPartition{state.tp, state.sent.topicID})
	if state.sent.topicID.IsZero() {
		s.withoutID--
	}
	s.count(state.sent.topicID, state.tp.Topic, -1)
	state.sent = sentState{}
}

// add notes what a partition's part of the request is.
func (s *fetcherSession) add(state *partitionFetchState, next sentState) {
	if s.partitions == nil {
		s.partitions, s.topics = map[topic.Partition]*partitionFetchState{}, map[topic.ID]sessionTopic{}
	}
	if !state.sent.inSession {
		s.partitions[state.tp] = state
		if next.topicID.IsZero() {
			s.withoutID++
		}
		s.count(next.topicID, state.tp.Topic, 1)
	}
	next.inSession = true
	state.sent = next
}

// count notes that a topic has one more partition in the session, or one less.
func (s *fetcherSession) count(id topic.ID, name string, more int) {
	if count := s.topics[id].partitions + more; count > 0 {
		s.topics[id] = sessionTopic{name, count}
	} else {
		delete(s.topics, id)
	}
}

// restart makes the next request a full one. closing names the old session, so
// that the leader drops it.
func (s *fetcherSession) restart(closing bool) {
	if !closing {
		s.id = noSessionID
	}
	s.epoch = initialEpoch
}

// buildFetchLocked makes the next request, nil when there is nothing to fetch.
func (t *replicaFetcherThread) buildFetchLocked(now time.Time) *kmsg.FetchRequest {
	throttling := t.quota != nil && t.quota.IsQuotaExceeded()
	if t.session.epoch == initialEpoch || throttling || !now.Before(t.rescanAt) {
		t.rescanAt = now.Add(rescanInterval)
		for _, state := range t.states {
			t.changed[state.tp] = state
		}
	}
	send := t.selectChangedLocked(now, throttling)
	version := t.versions.fetch
	if version >= 13 && t.session.withoutID > 0 {
		version = 12
	}
	if usesIDs := version >= 13; usesIDs != t.session.usesIDs {
		t.session.usesIDs = usesIDs
		t.session.restart(true)
	}
	if len(t.session.partitions) == 0 && len(t.session.forgotten) == 0 {
		return nil
	}
	request := kmsg.NewPtrFetchRequest()
	request.Version = version
	request.ReplicaID = t.manager.brokerID
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = t.settings.maxWaitMillis, t.settings.minBytes, t.settings.maxBytes
	request.SessionID, request.SessionEpoch = t.session.id, t.session.epoch
	if t.session.epoch == initialEpoch {
		send = send[:0]
		for state := t.order.next; state != &t.order; state = state.next {
			if state.sent.inSession {
				send = append(send, state)
			}
		}
	} else {
		request.ForgottenTopics = t.session.forgottenTopics(version)
	}
	t.session.forgotten = nil
	request.Topics = t.fetchTopics(send)
	return request
}

// selectChangedLocked brings the session up to date with the partitions that
// changed, and returns those whose part of the request is new.
func (t *replicaFetcherThread) selectChangedLocked(now time.Time, throttling bool) []*partitionFetchState {
	var send []*partitionFetchState
	for tp, state := range t.changed {
		local := t.manager.LocalLog(tp)
		throttled := throttling && !state.inSync() && t.quota.IsThrottled(tp)
		if local == nil || throttled || !state.readyForFetch(now) {
			t.session.forget(state)
			continue // looked at again until it is ready
		}
		delete(t.changed, tp)
		next := sentState{
			inSession: true, topicID: state.topicID, fetchOffset: state.fetchOffset, logStartOffset: local.LogStartOffset(),
			currentLeaderEpoch: state.currentLeaderEpoch, lastFetchedEpoch: state.lastFetchedEpoch,
		}
		if state.sent == next {
			continue
		}
		if state.sent.inSession && state.sent.topicID != next.topicID {
			t.session.forget(state) // sessions know the partition by its id
		}
		t.session.add(state, next)
		send = append(send, state)
	}
	return send
}

func (s *fetcherSession) forgottenTopics(version int16) []kmsg.FetchRequestForgottenTopic {
	var topics []kmsg.FetchRequestForgottenTopic
	places := map[forgottenPartition]int{}
	for _, gone := range s.forgotten {
		if back := s.partitions[gone.tp]; back != nil && (version < 13 || back.sent.topicID == gone.id) {
			continue // taken up again since, under the same key
		}
		key := forgottenPartition{tp: topic.Partition{Topic: gone.tp.Topic}, id: gone.id}
		at, ok := places[key]
		if !ok {
			at = len(topics)
			places[key] = at
			topics = append(topics, kmsg.FetchRequestForgottenTopic{Topic: gone.tp.Topic, TopicID: gone.id})
		}
		topics[at].Partitions = append(topics[at].Partitions, gone.tp.Partition)
	}
	return topics
}

// fetchTopics groups neighbours of one topic.
func (t *replicaFetcherThread) fetchTopics(send []*partitionFetchState) []kmsg.FetchRequestTopic {
	var topics []kmsg.FetchRequestTopic
	places := map[string]int{}
	for _, state := range send {
		at, ok := places[state.tp.Topic]
		if !ok {
			at = len(topics)
			places[state.tp.Topic] = at
			topics = append(topics, kmsg.FetchRequestTopic{Topic: state.tp.Topic, TopicID: state.sent.topicID})
		}
		partition := kmsg.NewFetchRequestTopicPartition()
		partition.Partition, partition.FetchOffset, partition.LogStartOffset = state.tp.Partition, state.sent.fetchOffset, state.sent.logStartOffset
		partition.CurrentLeaderEpoch, partition.PartitionMaxBytes = state.sent.currentLeaderEpoch, t.settings.fetchSize
		if t.versions.truncationOnFetch {
			partition.LastFetchedEpoch = state.sent.lastFetchedEpoch
		}
		topics[at].Partitions = append(topics[at].Partitions, partition)
	}
	return topics
}

// handleResponse moves the session on and reports whether the response's
// partitions are to be processed.
func (s *fetcherSession) handleResponse(response *kmsg.FetchResponse) (usable bool, err error) {
	if response.Version < 7 {
		return true, nil
	}
	if response.ErrorCode != 0 {
		s.restart(response.ErrorCode != kerr.FetchSessionIDNotFound.Code)
		return false, kerr.ErrorForCode(response.ErrorCode)
	}
	full := s.epoch == initialEpoch
	switch {
	case full && len(response.Topics) == 0 && len(s.partitions) > 0 && response.ThrottleMillis > 0:
		s.restart(true)
		return false, nil
	case response.SessionID == noSessionID:
		s.restart(false)
	case full:
		s.id, s.epoch = response.SessionID, nextEpoch(initialEpoch)
	default:
		s.epoch = nextEpoch(s.epoch)
	}
	return true, nil
}
