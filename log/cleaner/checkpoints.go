package cleaner

import (
	"maps"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/checkpoint"
)

// allCheckpointsLocked is how far each log is cleaned.
func (m *cleanerManager) allCheckpointsLocked() map[topic.Partition]int64 {
	all := map[topic.Partition]int64{}
	for dir := range m.checkpoints {
		if offsets, ok := m.readCheckpointLocked(dir); ok {
			maps.Copy(all, offsets)
		}
	}
	return all
}

func (m *cleanerManager) readCheckpointLocked(dir string) (map[topic.Partition]int64, bool) {
	file := m.checkpoints[dir]
	if file == nil {
		return nil, false
	}
	offsets, err := file.Read()
	if err != nil {
		m.checkpointFailedLocked(dir, "reading", err)
		return nil, false
	}
	return offsets, true
}

func (m *cleanerManager) checkpointFailedLocked(dir, doing string, err error) {
	m.failures.MaybeAddOfflineLogDir(dir, "Error while "+doing+" checkpoint file "+dir+"/"+checkpoint.CleanerOffsetFile, err)
	m.logger.WithError(err).Errorf("Failed to access checkpoint file %s in dir %s", checkpoint.CleanerOffsetFile, dir)
}

// updateCheckpointLocked changes what is noted of the logs of a directory; those
// of partitions that are gone are dropped.
func (m *cleanerManager) updateCheckpointLocked(dir string, change func(map[topic.Partition]int64)) {
	offsets, ok := m.readCheckpointLocked(dir)
	if !ok {
		return
	}
	before := maps.Clone(offsets)
	maps.DeleteFunc(offsets, func(partition topic.Partition, _ int64) bool { return m.logs.GetLog(partition, false) == nil })
	change(offsets)
	if maps.Equal(before, offsets) {
		return
	}
	lines := make([]checkpoint.PartitionOffset, 0, len(offsets))
	for partition, offset := range offsets {
		lines = append(lines, checkpoint.PartitionOffset{Partition: partition, Offset: offset})
	}
	if err := m.checkpoints[dir].Write(lines); err != nil {
		m.checkpointFailedLocked(dir, "writing", err)
	}
}

// updateCheckpoint changes what is noted of the logs of a directory.
func (m *cleanerManager) updateCheckpoint(dir string, change func(map[topic.Partition]int64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updateCheckpointLocked(dir, change)
}

// truncateCheckpoint lowers what is noted of a log that was truncated.
func (m *cleanerManager) truncateCheckpoint(dir string, partition topic.Partition, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	offsets, ok := m.readCheckpointLocked(dir)
	if ok && offsets[partition] > offset {
		m.updateCheckpointLocked(dir, func(to map[topic.Partition]int64) { to[partition] = offset })
	}
}

// moveCheckpoint takes what is noted of a log to another directory.
func (m *cleanerManager) moveCheckpoint(partition topic.Partition, from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	offsets, _ := m.readCheckpointLocked(from)
	if offset, ok := offsets[partition]; ok {
		m.updateCheckpointLocked(from, func(offsets map[topic.Partition]int64) { delete(offsets, partition) })
		m.updateCheckpointLocked(to, func(offsets map[topic.Partition]int64) { offsets[partition] = offset })
	}
	if m.uncleanable[from][partition] {
		delete(m.uncleanable[from], partition)
		m.markUncleanableLocked(to, partition)
	}
}

// handleLogDirFailure forgets the checkpoints of a directory.
func (m *cleanerManager) handleLogDirFailure(dir string) {
	m.logger.Warnf("Stopping cleaning logs in dir %s", dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.checkpoints, dir)
}
