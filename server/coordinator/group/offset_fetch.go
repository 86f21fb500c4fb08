package group

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/protocol"
)

// invalidOffset says that a group has no offset for a partition.
const invalidOffset = int64(-1)

// fetchedTopic are the offsets a group has for one topic.
type fetchedTopic struct {
	name       string
	partitions []kmsg.OffsetFetchResponseGroupTopicPartition
}

// OffsetFetch reads committed offsets: of one group, or since version 8 of
// several. Nil topics mean all the group has offsets for. The caller keeps
// version 0, which is about ZooKeeper, to itself, and removes what the client
// may not see.
func (c *Coordinator) OffsetFetch(_ *protocol.RequestContext, req *kmsg.OffsetFetchRequest, respond func(*kmsg.OffsetFetchResponse)) {
	if req.Version >= 8 {
		c.fetchGroups(req, respond)
		return
	}
	c.fetchGroup(req.Group, req.Topics, req.RequireStable, func(topics []fetchedTopic, err error) {
		respond(offsetFetchResponse(req, topics, err))
	})
}

func (c *Coordinator) fetchGroups(req *kmsg.OffsetFetchRequest, respond func(*kmsg.OffsetFetchResponse)) {
	response := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	response.Groups = make([]kmsg.OffsetFetchResponseGroup, len(req.Groups))
	parts := newGather(len(req.Groups), func() { respond(response) })
	for i := range req.Groups {
		asked, answered := &req.Groups[i], &response.Groups[i]
		var topics []kmsg.OffsetFetchRequestTopic
		if asked.Topics != nil {
			topics = make([]kmsg.OffsetFetchRequestTopic, 0, len(asked.Topics))
		}
		for _, t := range asked.Topics {
			topics = append(topics, kmsg.OffsetFetchRequestTopic{Topic: t.Topic, Partitions: t.Partitions})
		}
		c.fetchGroup(asked.Group, topics, req.RequireStable, func(fetched []fetchedTopic, err error) {
			answered.Default()
			answered.Group, answered.ErrorCode = asked.Group, protocol.ErrorCode(err)
			for _, t := range fetched {
				listed := kmsg.NewOffsetFetchResponseGroupTopic()
				listed.Topic, listed.Partitions = t.name, t.partitions
				answered.Topics = append(answered.Topics, listed)
			}
			parts.part()
		})
	}
}

// offsetFetchResponse is the answer before version 8. Version 1 has no place
// for the error of the group but the partitions.
func offsetFetchResponse(req *kmsg.OffsetFetchRequest, fetched []fetchedTopic, err error) *kmsg.OffsetFetchResponse {
	response := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	response.ErrorCode = protocol.ErrorCode(err)
	if err != nil && req.Version < 2 {
		fetched = fetchTopics(req.Topics, func(topic.Partition) kmsg.OffsetFetchResponseGroupTopicPartition {
			return noOffset(err)
		})
	}
	for _, t := range fetched {
		listed := kmsg.NewOffsetFetchResponseTopic()
		listed.Topic = t.name
		for _, p := range t.partitions {
			partition := kmsg.NewOffsetFetchResponseTopicPartition()
			partition.Partition, partition.Offset, partition.LeaderEpoch = p.Partition, p.Offset, p.LeaderEpoch
			partition.Metadata, partition.ErrorCode = p.Metadata, p.ErrorCode
			listed.Partitions = append(listed.Partitions, partition)
		}
		response.Topics = append(response.Topics, listed)
	}
	return response
}

func (c *Coordinator) fetchGroup(groupID string, topics []kmsg.OffsetFetchRequestTopic, requireStable bool, answer func([]fetchedTopic, error)) {
	c.submit(groupID, func(m *manager, err error) {
		if err != nil {
			answer(nil, err)
			return
		}
		answer(m.fetchOffsets(groupID, topics, requireStable), nil)
	})
}

// fetchOffsets reads offsets whatever the state of the group: it may use Kafka
// for its offsets only.
func (m *manager) fetchOffsets(groupID string, topics []kmsg.OffsetFetchRequestTopic, requireStable bool) []fetchedTopic {
	g := m.groups[groupID]
	if g == nil {
		g = &group{} // has no offsets
	}
	if topics == nil {
		topics = g.offsets.topics()
	}
	return fetchTopics(topics, func(tp topic.Partition) kmsg.OffsetFetchResponseGroupTopicPartition {
		if requireStable && g.offsets.isPending(tp) {
			return noOffset(kerr.UnstableOffsetCommit)
		}
		committed, ok := g.offsets.committed[tp]
		if !ok {
			return noOffset(nil)
		}
		fetched := noOffset(nil)
		fetched.Offset, fetched.LeaderEpoch = committed.offset, committed.leaderEpoch
		*fetched.Metadata = committed.metadata
		return fetched
	})
}

func fetchTopics(topics []kmsg.OffsetFetchRequestTopic, fetch func(topic.Partition) kmsg.OffsetFetchResponseGroupTopicPartition) []fetchedTopic {
	fetched := make([]fetchedTopic, 0, len(topics))
	for _, t := range topics {
		answered := fetchedTopic{name: t.Topic}
		for _, id := range t.Partitions {
			p := fetch(topic.Partition{Topic: t.Topic, Partition: id})
			p.Partition = id
			answered.partitions = append(answered.partitions, p)
		}
		fetched = append(fetched, answered)
	}
	return fetched
}

func noOffset(err error) kmsg.OffsetFetchResponseGroupTopicPartition {
	p := kmsg.NewOffsetFetchResponseGroupTopicPartition()
	p.Offset, p.LeaderEpoch, p.Metadata = invalidOffset, record.NoPartitionLeaderEpoch, new(string)
	p.ErrorCode = protocol.ErrorCode(err)
	return p
}

// topics lists what there are visible offsets for, in order.
func (o *groupOffsets) topics() []kmsg.OffsetFetchRequestTopic {
	byName := map[string][]int32{}
	for tp := range o.committed {
		byName[tp.Topic] = append(byName[tp.Topic], tp.Partition)
	}
	topics := make([]kmsg.OffsetFetchRequestTopic, 0, len(byName))
	for name, partitions := range byName {
		slices.Sort(partitions)
		topics = append(topics, kmsg.OffsetFetchRequestTopic{Topic: name, Partitions: partitions})
	}
	slices.SortFunc(topics, func(a, b kmsg.OffsetFetchRequestTopic) int { return cmp.Compare(a.Topic, b.Topic) })
	return topics
}
