package group

import (
	"strings"
	"unicode/utf16"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/protocol"
)

// offsetCommit is an OffsetCommit or TxnOffsetCommit, in no version.
type offsetCommit struct {
	groupID, memberID string
	instanceID        *string
	generation        int32
	// from is noProducer outside of a transaction.
	from    producer
	offsets []partitionOffset
	// answer gets the error of each offset, in the order of offsets.
	answer func(errs []error)
}

type partitionOffset struct {
	partition topic.Partition
	offsetAndMetadata
}

func (o *offsetCommit) transactional() bool { return o.from != noProducer }

// add adds the offset of a partition; what its request has beyond that is set on
// the result, which is valid until the next is added.
func (o *offsetCommit) add(tp topic.Partition, offset int64, leaderEpoch int32, metadata *string, at int64) *partitionOffset {
	o.offsets = append(o.offsets, partitionOffset{tp, offsetAndMetadata{
		offset: offset, leaderEpoch: leaderEpoch, metadata: cloneOrEmpty(metadata), commitTimestamp: at, expireTimestamp: noTimestamp,
	}})
	return &o.offsets[len(o.offsets)-1]
}

// answerAll gives every offset the same error.
func (o *offsetCommit) answerAll(err error) {
	errs := make([]error, len(o.offsets))
	for i := range errs {
		errs[i] = err
	}
	o.answer(errs)
}

// OffsetCommit stores offsets of a group. The caller has checked that the
// partitions exist, and keeps version 0, which is about ZooKeeper, to itself.
func (c *Coordinator) OffsetCommit(_ *protocol.RequestContext, req *kmsg.OffsetCommitRequest, respond func(*kmsg.OffsetCommitResponse)) {
	commit := newOffsetCommit(req)
	commit.answer = func(errs []error) { respond(offsetCommitResponse(req, errs)) }
	if c.staticMembersRefused(req.InstanceID) {
		commit.answerAll(kerr.UnsupportedVersion)
		return
	}
	c.submit(req.Group, func(m *manager, err error) {
		if err != nil {
			commit.answerAll(err)
			return
		}
		m.commitOffsets(commit)
	})
}

func newOffsetCommit(req *kmsg.OffsetCommitRequest) *offsetCommit {
	commit := &offsetCommit{
		groupID:    req.Group,
		memberID:   req.MemberID,
		instanceID: req.InstanceID,
		generation: req.Generation,
		from:       noProducer,
	}
	at := now()
	for i := range req.Topics {
		t := &req.Topics[i]
		name := strings.Clone(t.Topic)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			offset := commit.add(topic.Partition{Topic: name, Partition: p.Partition}, p.Offset, p.LeaderEpoch, p.Metadata, at)
			if req.Version == 1 && p.Timestamp != noTimestamp {
				offset.commitTimestamp = p.Timestamp
			}
			if req.Version >= 2 && req.Version <= 4 && req.RetentionTimeMillis != noRetention {
				offset.expireTimestamp = at + req.RetentionTimeMillis
			}
			if req.Version < 6 {
				offset.leaderEpoch = record.NoPartitionLeaderEpoch
			}
		}
	}
	return commit
}

// noRetention leaves the retention to the broker.
const noRetention = int64(-1)

func cloneOrEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return strings.Clone(*text)
}

func offsetCommitResponse(req *kmsg.OffsetCommitRequest, errs []error) *kmsg.OffsetCommitResponse {
	response := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	for i := range req.Topics {
		t := kmsg.NewOffsetCommitResponseTopic()
		t.Topic = req.Topics[i].Topic
		for j := range req.Topics[i].Partitions {
			p := kmsg.NewOffsetCommitResponseTopicPartition()
			p.Partition = req.Topics[i].Partitions[j].Partition
			p.ErrorCode = protocol.ErrorCode(errs[0])
			errs = errs[1:]
			t.Partitions = append(t.Partitions, p)
		}
		response.Topics = append(response.Topics, t)
	}
	return response
}

// commitOffsets checks and stores a commit outside of a transaction.
func (m *manager) commitOffsets(commit *offsetCommit) {
	g := m.groups[commit.groupID]
	if g == nil {
		if commit.generation >= 0 {
			commit.answerAll(kerr.IllegalGeneration)
			return
		}
		g = m.addGroup(strings.Clone(commit.groupID))
	}
	member, err := m.checkCommit(g, commit)
	switch {
	case err != nil:
		commit.answerAll(err)
		return
	case g.state == completingRebalance:
		commit.answerAll(kerr.RebalanceInProgress)
		return
	case member != nil:
		m.heartbeat(g, member)
	}
	m.storeOffsets(g, commit)
}

// checkCommit decides whether the group takes the commit. Without any member
// fields it comes from a client that only stores offsets, which is fine while
// the group has no members, or from a transactional producer that is too old
// to tell.
func (m *manager) checkCommit(g *group, commit *offsetCommit) (*member, error) {
	if commit.generation < 0 && commit.memberID == "" && commit.instanceID == nil {
		if !commit.transactional() && g.state != empty {
			return nil, kerr.UnknownMemberID
		}
		return nil, nil
	}
	operation := "offset-commit"
	if commit.transactional() {
		operation = "txn-offset-commit"
	}
	member, err := m.checkMember(g, commit.memberID, commit.instanceID, operation)
	if err != nil {
		return nil, err
	}
	if commit.generation != g.generation {
		return nil, kerr.IllegalGeneration
	}
	return member, nil
}

// storeOffsets appends the offsets whose metadata is not too long, and answers
// when that is done.
func (m *manager) storeOffsets(g *group, commit *offsetCommit) {
	errs := make([]error, len(commit.offsets))
	pending := make([]int, 0, len(commit.offsets))
	for i := range commit.offsets {
		if m.metadataTooLong(commit.offsets[i].metadata) {
			errs[i] = kerr.OffsetMetadataTooLarge
			continue
		}
		pending = append(pending, i)
	}
	if len(pending) == 0 {
		commit.answer(errs)
		return
	}
	entries := make([]entry, 0, len(pending))
	for _, i := range pending {
		o := &commit.offsets[i]
		entries = append(entries, entry{offsetKey(g.id, o.partition), offsetValue(&o.offsetAndMetadata, m.settings.interBroker)})
	}
	batch := buildBatch(m.settings.compression, commit.from, 0, entries)
	inTransaction := m.prepareOffsets(g, commit, pending)
	m.append(batch, m.settings.commitRequiredAcks, func(recordOffset int64, err error) {
		if g.state != dead {
			m.settleOffsets(g, commit, pending, inTransaction, recordOffset, err)
		}
		if err != nil {
			m.managerLog.Debugf("%sOffset commit from group %s with generation %d failed when appending to log due to %v",
				m.managerLogPrefix, g.id, g.generation, err)
		}
		for _, i := range pending {
			errs[i] = commitStoreError(err)
		}
		commit.answer(errs)
	})
}

// prepareOffsets notes the offsets that are being appended, of which pending
// has the indexes. For a commit in a transaction it returns what was noted.
func (m *manager) prepareOffsets(g *group, commit *offsetCommit, pending []int) []*transactionalOffset {
	var inTransaction []*transactionalOffset
	for _, i := range pending {
		o := &commit.offsets[i]
		if !commit.transactional() {
			g.offsets.prepare(o.partition, &o.offsetAndMetadata)
			continue
		}
		noted := &transactionalOffset{offsetAndMetadata: o.offsetAndMetadata, recordOffset: noRecord}
		g.offsets.prepareTransactional(commit.from.id, o.partition, noted)
		inTransaction = append(inTransaction, noted)
	}
	if commit.transactional() {
		m.openGroup(commit.from.id, g)
	}
	if g.offsets.mixed() {
		m.managerLog.Warnf("%sgroup: %s with leader: %s has received offset commits from consumers as well as transactional producers. "+
			"Mixing both types of offset commits will generally result in surprises and should be avoided.", m.managerLogPrefix, g.id, g.leader)
	}
	return inTransaction
}

// settleOffsets notes how the append of the offsets has ended.
func (m *manager) settleOffsets(g *group, commit *offsetCommit, pending []int, inTransaction []*transactionalOffset, recordOffset int64, err error) {
	producerID := commit.from.id
	for n, i := range pending {
		o := &commit.offsets[i]
		switch {
		case commit.transactional() && err != nil:
			g.offsets.failedTransactional(producerID, o.partition, inTransaction[n])
		case commit.transactional():
			g.offsets.appendedTransactional(o.partition, inTransaction[n], recordOffset)
		case err != nil:
			g.offsets.failed(o.partition, &o.offsetAndMetadata)
		default:
			g.offsets.appended(o.partition, &o.offsetAndMetadata, recordOffset)
		}
	}
	if commit.transactional() && len(g.offsets.transactional[producerID]) == 0 {
		m.closeGroup(producerID, g)
	}
}

// metadataTooLong compares the length as Java counts it, in UTF-16 units. What
// does not fit into a record is too long in any case.
func (m *manager) metadataTooLong(metadata string) bool {
	if len(metadata) <= min(m.settings.maxMetadataSize, maxString) {
		return false
	}
	if len(metadata) > maxString {
		return true
	}
	units := 0
	for _, char := range metadata {
		units += max(1, utf16.RuneLen(char))
	}
	return units > m.settings.maxMetadataSize
}

// closeGroup notes that the producer's transaction has no offsets of the group.
func (m *manager) closeGroup(producerID int64, g *group) {
	groups := m.openGroups[producerID]
	if delete(groups, g); len(groups) == 0 {
		delete(m.openGroups, producerID)
	}
}
