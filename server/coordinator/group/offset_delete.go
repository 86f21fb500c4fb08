package group

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
)

// OffsetDelete deletes offsets of partitions that no member of the group is
// subscribed to (KIP-496). The caller has checked that the partitions exist.
func (c *Coordinator) OffsetDelete(_ *protocol.RequestContext, req *kmsg.OffsetDeleteRequest, respond func(*kmsg.OffsetDeleteResponse)) {
	c.submitNamed(req.Group, func(m *manager, err error) {
		response := req.ResponseKind().(*kmsg.OffsetDeleteResponse)
		if err == nil {
			err = m.deleteOffsets(req, response)
		}
		response.ErrorCode = protocol.ErrorCode(err)
		respond(response)
	})
}

func (m *manager) deleteOffsets(req *kmsg.OffsetDeleteRequest, response *kmsg.OffsetDeleteResponse) error {
	g := m.groups[req.Group]
	switch {
	case g == nil:
		return kerr.GroupIDNotFound
	case g.state != empty && !g.isConsumerGroup():
		return kerr.NonEmptyGroup
	}
	var partitions []topic.Partition
	for _, asked := range req.Topics {
		subscribed := g.state != empty && g.isSubscribedTo(asked.Topic)
		answered := kmsg.NewOffsetDeleteResponseTopic()
		answered.Topic = asked.Topic
		for _, p := range asked.Partitions {
			deleted := kmsg.NewOffsetDeleteResponseTopicPartition()
			deleted.Partition = p.Partition
			if subscribed {
				deleted.ErrorCode = kerr.GroupSubscribedToTopic.Code
			} else {
				partitions = append(partitions, topic.Partition{Topic: strings.Clone(asked.Topic), Partition: p.Partition})
			}
			answered.Partitions = append(answered.Partitions, deleted)
		}
		response.Topics = append(response.Topics, answered)
	}
	if len(partitions) > 0 {
		removed := m.cleanUp(g, partitions)
		m.info("The following offsets of the group %s were deleted: %s. A total of %d offsets were removed.", g.id, jvm.Joined(partitions, ", "), removed)
	}
	return nil
}
