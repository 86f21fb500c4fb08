package group

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/coordinator"
)

// manager is the machine of one shard: the groups of one partition of
// __consumer_offsets, as kafka.coordinator.group.GroupMetadataManager. Only
// events of the shard touch it.
type manager struct {
	settings *settings
	shard    *coordinator.Shard
	groups   map[string]*group
	// openGroups has the groups that the open transaction of a producer
	// commits offsets to.
	openGroups map[int64]map[*group]bool

	// logger writes as GroupCoordinator, managerLog as GroupMetadataManager.
	logger, managerLog       *logrus.Entry
	prefix, managerLogPrefix string
}

func newManager(settings *settings, shard *coordinator.Shard, logger *logrus.Entry, prefix string,
	managerLog *logrus.Entry, managerLogPrefix string) *manager {
	return &manager{
		settings:         settings,
		shard:            shard,
		groups:           map[string]*group{},
		openGroups:       map[int64]map[*group]bool{},
		logger:           logger,
		prefix:           prefix,
		managerLog:       managerLog,
		managerLogPrefix: managerLogPrefix,
	}
}

func (m *manager) info(format string, args ...any) {
	m.logger.Infof("%s%s", m.prefix, fmt.Sprintf(format, args...))
}

// Replay applies one batch of the partition while it is loaded.
func (m *manager) Replay(batch record.Batch) error {
	if batch.IsControl() {
		return m.replayMarker(batch)
	}
	recordOffset := noRecord
	for r, err := range record.Records(batch) {
		if err != nil {
			return err
		}
		if recordOffset == noRecord {
			recordOffset = r.Offset
		}
		if err := m.replayRecord(batch, &r, recordOffset); err != nil {
			return fmt.Errorf("record at offset %d: %w", r.Offset, err)
		}
	}
	return nil
}

func (m *manager) replayMarker(batch record.Batch) error {
	for r, err := range record.Records(batch) {
		if err != nil {
			return err
		}
		kind, err := record.ParseControlKey(r.Key)
		if err != nil {
			return err
		}
		m.completeTransaction(batch.ProducerID(), kind == record.ControlCommit)
		break
	}
	return nil
}

func (m *manager) replayRecord(batch record.Batch, r *record.Record, recordOffset int64) error {
	key, err := decodeKey(r.Key)
	if err != nil {
		return err
	}
	g := m.groups[key.group]
	if g == nil {
		g = m.addGroup(key.group)
	}
	switch {
	case key.isOffset:
		return m.replayOffset(g, key.partition, batch, r.Value, recordOffset)
	case r.Value == nil:
		g.clearMembers()
		g.state, g.stateTimestamp, g.recorded = empty, now(), false
		return nil
	}
	g.recorded = true
	return g.restore(r.Value)
}

func (m *manager) replayOffset(g *group, tp topic.Partition, batch record.Batch, value []byte, recordOffset int64) error {
	producerID := batch.ProducerID()
	if value == nil {
		if batch.IsTransactional() {
			g.offsets.removeTransactional(producerID, tp)
		} else {
			delete(g.offsets.committed, tp)
		}
		return nil
	}
	offset, err := decodeOffsetValue(value)
	if err != nil {
		return err
	}
	if !batch.IsTransactional() {
		delete(g.offsets.committed, tp)
		g.offsets.set(tp, offset, recordOffset)
		return nil
	}
	g.offsets.prepareTransactional(producerID, tp, &transactionalOffset{offsetAndMetadata: offset, recordOffset: recordOffset})
	m.openGroup(producerID, g)
	return nil
}

// Loaded puts the groups that were replayed to work.
func (m *manager) Loaded() {
	for id, g := range m.groups {
		g.offsets.startGeneration()
		if !g.recorded && !g.offsets.any() {
			delete(m.groups, id)
			continue
		}
		m.info("Loading group metadata for %s with generation %d", id, g.generation)
		if len(g.members) > m.settings.maxSize {
			m.prepareRebalance(g, fmt.Sprintf("Freshly-loaded group is over capacity (%d). "+
				"Rebalancing in order to give a chance for consumers to commit offsets", m.settings.maxSize))
		}
		for _, member := range g.order {
			m.heartbeat(g, member)
		}
	}
}

// Unloaded answers whoever waits with NOT_COORDINATOR and stops all timers.
func (m *manager) Unloaded() {
	offsets := 0
	for _, g := range m.groups {
		offsets += len(g.offsets.committed)
		m.info("Unloading group metadata for %s with generation %d", g.id, g.generation)
		for _, member := range g.order {
			g.answerJoin(member, joinError(member.id, kerr.NotCoordinator))
			member.answerSync(syncResult{err: kerr.NotCoordinator})
		}
		m.retire(g)
	}
	m.managerLog.Infof("%sFinished unloading %s for coordinator epoch %d. Removed %d cached offsets and %d cached groups.",
		m.managerLogPrefix, m.shard.Partition(), m.shard.Epoch(), offsets, len(m.groups))
	m.groups, m.openGroups = map[string]*group{}, map[int64]map[*group]bool{}
}

// retire makes a group dead, whatever its members wait for having been
// answered.
func (m *manager) retire(g *group) {
	g.transitionTo(dead)
	for _, member := range g.order {
		member.session.Stop()
	}
	for _, timer := range g.pending {
		timer.Stop()
	}
	g.rebalance.timer.Stop()
	g.syncTimer.Stop()
}

func (m *manager) addGroup(id string) *group {
	g := newGroup(id)
	m.groups[id] = g
	return g
}

func (m *manager) openGroup(producerID int64, g *group) {
	if m.openGroups[producerID] == nil {
		m.openGroups[producerID] = map[*group]bool{}
	}
	m.openGroups[producerID][g] = true
}

// completeTransaction makes the offsets that a producer's transaction
// committed visible, or drops them.
func (m *manager) completeTransaction(producerID int64, commit bool) {
	for g := range m.openGroups[producerID] {
		g.offsets.complete(producerID, commit)
	}
	delete(m.openGroups, producerID)
}

// storeGroup writes the group with these assignments, by member id. done gets
// the error that clients are to see.
func (m *manager) storeGroup(g *group, assignments map[string][]byte, done func(err error)) {
	generation := g.generation
	entries := []entry{{groupMetadataKey(g.id), groupMetadataValue(g, assignments, m.settings.interBroker)}}
	batch := buildBatch(m.settings.compression, noProducer, record.NoSequence, entries)
	m.append(batch, m.settings.commitRequiredAcks, func(_ int64, err error) {
		if err != nil {
			m.managerLog.Debugf("%sMetadata from group %s with generation %d failed when appending to log due to %v",
				m.managerLogPrefix, g.id, generation, err)
		}
		done(groupStoreError(err))
	})
}

func (m *manager) append(batch []byte, requiredAcks int16, done func(recordOffset int64, err error)) {
	m.shard.Append(batch, requiredAcks, m.settings.commitTimeout, done)
}

// groupStoreError translates the error of an append of group metadata.
func groupStoreError(err error) error {
	switch {
	case errors.Is(err, kerr.RequestTimedOut):
		return kerr.RebalanceInProgress
	case tooLarge(err):
		return kerr.UnknownServerError
	}
	return appendError(err)
}

// commitStoreError translates the error of an append of offsets.
func commitStoreError(err error) error {
	if tooLarge(err) {
		return kerr.InvalidCommitOffsetSize
	}
	return appendError(err)
}

func tooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) || errors.Is(err, kerr.InvalidFetchSize)
}

func appendError(err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.NotEnoughReplicas),
		errors.Is(err, kerr.NotEnoughReplicasAfterAppend):
		return kerr.CoordinatorNotAvailable
	case errors.Is(err, kerr.NotLeaderForPartition), errors.Is(err, kerr.KafkaStorageError):
		return kerr.NotCoordinator
	}
	return err
}

// maxTombstones bounds the records of one batch of tombstones, which must stay
// below the topic's max.message.bytes.
const maxTombstones = 1000

// cleanUp removes offsets of the group, and the group itself once it is empty
// and has none left, and writes tombstones. Nobody waits for those: a lost one
// is written again by the next clean-up. It returns the number of offsets that
// were removed.
func (m *manager) cleanUp(g *group, partitions []topic.Partition) int {
	var tombstones []entry
	for _, tp := range partitions {
		if g.offsets.remove(tp) {
			tombstones = append(tombstones, entry{key: offsetKey(g.id, tp)})
		}
	}
	removed := len(tombstones)
	if g.state == empty && !g.offsets.any() {
		m.managerLog.Infof("%sGroup %s transitioned to Dead in generation %d", m.managerLogPrefix, g.id, g.generation)
		m.retire(g)
	}
	if g.state == dead {
		m.forget(g)
		// A group that only stored offsets has no record.
		if g.generation > 0 {
			tombstones = append(tombstones, entry{key: groupMetadataKey(g.id)})
		}
	}
	for chunk := range slices.Chunk(tombstones, maxTombstones) {
		m.writeTombstones(g, chunk)
	}
	return removed
}

func (m *manager) forget(g *group) {
	delete(m.groups, g.id)
	for producerID := range m.openGroups {
		m.closeGroup(producerID, g)
	}
}

func (m *manager) writeTombstones(g *group, tombstones []entry) {
	batch := buildBatch(m.settings.compression, noProducer, record.NoSequence, tombstones)
	m.append(batch, 0, func(_ int64, err error) {
		if err != nil {
			m.managerLog.Errorf("%sFailed to append %d tombstones to %s for expired/deleted offsets and/or metadata for group %s. %v",
				m.managerLogPrefix, len(tombstones), m.shard.Partition(), g.id, err)
		}
	})
}
