package group

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/protocol"
)

// TxnOffsetCommit stores offsets of a group as part of a transaction (KIP-98):
// they count once the transaction is committed. The caller has checked that
// the partitions exist.
func (c *Coordinator) TxnOffsetCommit(_ *protocol.RequestContext, req *kmsg.TxnOffsetCommitRequest, respond func(*kmsg.TxnOffsetCommitResponse)) {
	commit := newTxnOffsetCommit(req)
	commit.answer = func(errs []error) { respond(txnOffsetCommitResponse(req, errs)) }
	c.submitNamed(req.Group, func(m *manager, err error) {
		if err != nil {
			commit.answerAll(err)
			return
		}
		m.commitTransactionalOffsets(commit)
	})
}

func newTxnOffsetCommit(req *kmsg.TxnOffsetCommitRequest) *offsetCommit {
	commit := &offsetCommit{
		groupID:    req.Group,
		memberID:   req.MemberID,
		instanceID: req.InstanceID,
		generation: req.Generation,
		from:       producer{id: req.ProducerID, epoch: req.ProducerEpoch},
	}
	if req.Version < 3 {
		commit.generation = noGeneration
	}
	at := now()
	for i := range req.Topics {
		t := &req.Topics[i]
		name := strings.Clone(t.Topic)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			offset := commit.add(topic.Partition{Topic: name, Partition: p.Partition}, p.Offset, p.LeaderEpoch, p.Metadata, at)
			if req.Version < 2 {
				offset.leaderEpoch = record.NoPartitionLeaderEpoch
			}
		}
	}
	return commit
}

// txnOffsetCommitResponse spares producers before version 2 an error that
// could crash them (KAFKA-7296).
func txnOffsetCommitResponse(req *kmsg.TxnOffsetCommitRequest, errs []error) *kmsg.TxnOffsetCommitResponse {
	response := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
	for i := range req.Topics {
		t := kmsg.NewTxnOffsetCommitResponseTopic()
		t.Topic = req.Topics[i].Topic
		for j := range req.Topics[i].Partitions {
			err := errs[0]
			errs = errs[1:]
			if req.Version < 2 && err == kerr.CoordinatorLoadInProgress {
				err = kerr.CoordinatorNotAvailable
			}
			p := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			p.Partition = req.Topics[i].Partitions[j].Partition
			p.ErrorCode = protocol.ErrorCode(err)
			t.Partitions = append(t.Partitions, p)
		}
		response.Topics = append(response.Topics, t)
	}
	return response
}

// commitTransactionalOffsets checks and stores a commit of a transaction; any
// state of the group will do.
func (m *manager) commitTransactionalOffsets(commit *offsetCommit) {
	g := m.groups[commit.groupID]
	if g == nil {
		g = m.addGroup(strings.Clone(commit.groupID))
	}
	if _, err := m.checkCommit(g, commit); err != nil {
		commit.answerAll(err)
		return
	}
	m.storeOffsets(g, commit)
}

// OnTransactionCompleted makes the offsets visible, or drops them, that the
// producer's transaction committed to groups of these partitions of
// __consumer_offsets. It is called when the transaction's marker has been
// written there. A partition that is loading may or may not have read the
// marker, so it is told once it is loaded.
func (c *Coordinator) OnTransactionCompleted(producerID int64, partitions []int32, commit bool) {
	for _, partition := range partitions {
		c.runtime.SubmitLoaded(partition, func(m *manager, err error) {
			if err != nil {
				// The next leader of the partition reads the marker.
				c.managerLog.Infof("%sPartition %d has moved away after transaction marker of producer %d was written but before the cache was updated: %v",
					c.managerPrefix, partition, producerID, err)
				return
			}
			m.completeTransaction(producerID, commit)
		})
	}
}
