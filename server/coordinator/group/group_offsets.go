package group

import (
	"slices"
	"time"

	"github.com/gregor-broker/gregor/config/topic"
)

// offsetAndMetadata is what a member commits for a partition, as
// kafka.common.OffsetAndMetadata.
type offsetAndMetadata struct {
	offset          int64
	leaderEpoch     int32
	metadata        string
	commitTimestamp int64
	// expireTimestamp is noTimestamp unless the client asked for its own
	// retention time.
	expireTimestamp int64
}

// committedOffset is an offset that counts. recordOffset is that of the batch
// it lies in: of several commits the last in the log counts, whatever order
// their appends or transactions complete in.
type committedOffset struct {
	recordOffset int64
	offsetAndMetadata
}

// transactionalOffset is an offset committed in a transaction that is open.
type transactionalOffset struct {
	offsetAndMetadata
	// recordOffset is noRecord until the append has completed.
	recordOffset int64
	// resolved: the transaction was committed before the append completed.
	resolved bool
}

const noRecord = int64(-1)

// groupOffsets are the offsets of one group.
type groupOffsets struct {
	committed map[topic.Partition]committedOffset
	// pending has the commits whose append has not completed, the last of each
	// partition.
	pending map[topic.Partition]*offsetAndMetadata
	// transactional has the commits of open transactions by producer id.
	transactional map[int64]map[topic.Partition]*transactionalOffset
	// plain and inTransactions: such commits were seen in this generation.
	plain, inTransactions bool
}

func (o *groupOffsets) startGeneration() { o.plain, o.inTransactions = false, false }

// mixed reports whether both consumers and transactional producers commit.
func (o *groupOffsets) mixed() bool { return o.plain && o.inTransactions }

// any reports whether there is any offset, also one not yet visible.
func (o *groupOffsets) any() bool {
	return len(o.committed) > 0 || len(o.pending) > 0 || len(o.transactional) > 0
}

// isPending reports whether a commit of the partition is under way.
func (o *groupOffsets) isPending(tp topic.Partition) bool {
	if o.pending[tp] != nil {
		return true
	}
	for _, offsets := range o.transactional {
		if offsets[tp] != nil {
			return true
		}
	}
	return false
}

// set makes a committed offset visible unless a later one is.
func (o *groupOffsets) set(tp topic.Partition, offset offsetAndMetadata, recordOffset int64) {
	if current, ok := o.committed[tp]; ok && current.recordOffset >= recordOffset {
		return
	}
	if o.committed == nil {
		o.committed = map[topic.Partition]committedOffset{}
	}
	o.committed[tp] = committedOffset{recordOffset: recordOffset, offsetAndMetadata: offset}
}

// prepare notes a commit that is being appended.
func (o *groupOffsets) prepare(tp topic.Partition, offset *offsetAndMetadata) {
	if o.pending == nil {
		o.pending = map[topic.Partition]*offsetAndMetadata{}
	}
	o.plain = true
	o.pending[tp] = offset
}

// appended makes a prepared commit visible. Nothing is pending if the topic
// was deleted meanwhile.
func (o *groupOffsets) appended(tp topic.Partition, offset *offsetAndMetadata, recordOffset int64) {
	if o.pending[tp] == nil {
		return
	}
	o.set(tp, *offset, recordOffset)
	o.failed(tp, offset)
}

// failed forgets a prepared commit.
func (o *groupOffsets) failed(tp topic.Partition, offset *offsetAndMetadata) {
	if o.pending[tp] == offset {
		delete(o.pending, tp)
	}
}

// prepareTransactional notes a commit of a transaction.
func (o *groupOffsets) prepareTransactional(producerID int64, tp topic.Partition, offset *transactionalOffset) {
	if o.transactional == nil {
		o.transactional = map[int64]map[topic.Partition]*transactionalOffset{}
	}
	if o.transactional[producerID] == nil {
		o.transactional[producerID] = map[topic.Partition]*transactionalOffset{}
	}
	o.inTransactions = true
	o.transactional[producerID][tp] = offset
}

// appendedTransactional notes that a commit of a transaction is in the log;
// it becomes visible if the transaction has been committed meanwhile.
func (o *groupOffsets) appendedTransactional(tp topic.Partition, offset *transactionalOffset, recordOffset int64) {
	offset.recordOffset = recordOffset
	if offset.resolved {
		o.set(tp, offset.offsetAndMetadata, recordOffset)
	}
}

// failedTransactional forgets a commit of a transaction that is not in the log.
func (o *groupOffsets) failedTransactional(producerID int64, tp topic.Partition, offset *transactionalOffset) {
	if o.transactional[producerID][tp] == offset {
		o.removeTransactional(producerID, tp)
	}
}

func (o *groupOffsets) removeTransactional(producerID int64, tp topic.Partition) {
	delete(o.transactional[producerID], tp)
	if len(o.transactional[producerID]) == 0 {
		delete(o.transactional, producerID)
	}
}

// complete ends a producer's transaction: its commits become visible or go.
func (o *groupOffsets) complete(producerID int64, commit bool) {
	offsets := o.transactional[producerID]
	delete(o.transactional, producerID)
	if !commit {
		return
	}
	for tp, offset := range offsets {
		if offset.recordOffset == noRecord {
			offset.resolved = true
			continue
		}
		o.set(tp, offset.offsetAndMetadata, offset.recordOffset)
	}
}

// remove forgets all commits of the partition and reports whether a visible
// one was among them.
func (o *groupOffsets) remove(tp topic.Partition) bool {
	delete(o.pending, tp)
	for producerID := range o.transactional {
		o.removeTransactional(producerID, tp)
	}
	_, visible := o.committed[tp]
	delete(o.committed, tp)
	return visible
}

// expired gives the partitions whose offsets are past their retention.
func (g *group) expired(at int64, retention time.Duration) []topic.Partition {
	since, known := g.expiryBase()
	if !known {
		return nil
	}
	var partitions []topic.Partition
	for tp, offset := range g.offsets.committed {
		if g.state == stable && g.subscribed[tp.Topic] || g.offsets.isPending(tp) {
			continue
		}
		if offset.expireTimestamp != noTimestamp {
			if at >= offset.expireTimestamp {
				partitions = append(partitions, tp)
			}
			continue
		}
		if at-since(offset) >= retention.Milliseconds() {
			partitions = append(partitions, tp)
		}
	}
	slices.SortFunc(partitions, comparePartitions)
	return partitions
}

// expiryBase tells from when the retention of an offset counts. A group in a
// rebalance keeps all (KAFKA-13636), as does one whose members' topics are not
// known.
func (g *group) expiryBase() (since func(committedOffset) int64, known bool) {
	commit := func(offset committedOffset) int64 { return offset.commitTimestamp }
	switch {
	case g.protocolType == "":
		return commit, true
	case g.state == empty:
		if g.stateTimestamp == noTimestamp {
			return commit, true
		}
		return func(committedOffset) int64 { return g.stateTimestamp }, true
	case g.isConsumerGroup() && g.state == stable && g.subscribed != nil:
		return commit, true
	}
	return nil, false
}
