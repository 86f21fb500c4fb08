package manager

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// scheduleDeletion deletes a log that has its -delete name after the delay of
// files.
func (m *LogManager) scheduleDeletion(unified *log.UnifiedLog) {
	delay := config.Milliseconds(config.LogSegmentDeleteDelayMs.Get(m.options.Config.Load()))
	m.scheduler.Schedule(delay, func() {
		if err := unified.Delete(); err != nil {
			m.logger.WithError(err).Errorf("Exception while deleting %s in dir %s.", unified, unified.ParentDir())
			return
		}
		m.logger.Infof("Deleted log for partition %s in %s.", unified.TopicPartition(), unified.Dir())
	})
}

// AsyncDelete renames the directory of a partition and deletes it later. A
// partition without a log is fine unless it may lie in a directory that is
// offline.
func (m *LogManager) AsyncDelete(partition topic.Partition, isFuture bool) error {
	dir, err := m.asyncDelete(partition, isFuture)
	if err != nil || dir == "" {
		return err
	}
	m.updateCleanerCheckpoints(dir)
	return m.checkpointDir(dir)
}

// asyncDelete gives the log directory that the partition was in.
func (m *LogManager) asyncDelete(partition topic.Partition, isFuture bool) (string, error) {
	unified := m.removeLog(partition, isFuture)
	if unified == nil {
		if offline := m.OfflineLogDirs(); len(offline) > 0 {
			return "", fmt.Errorf("%w: Failed to delete log for %s because it may be in one of the offline directories %s",
				kerr.KafkaStorageError, partition, strings.Join(offline, ","))
		}
		return "", nil
	}
	if cleaner := m.Cleaner(); cleaner != nil {
		if isFuture {
			cleaner.ResumeCleaning(partition)
		} else {
			cleaner.AbortCleaning(partition)
		}
	}
	if err := unified.RenameDir(log.DeleteDirName(partition)); err != nil {
		return "", err
	}
	m.scheduleDeletion(unified)
	m.logger.Infof("Log for partition %s is renamed to %s and is scheduled for deletion", partition, unified.Dir())
	return unified.ParentDir(), nil
}

func (m *LogManager) removeLog(partition topic.Partition, isFuture bool) *log.UnifiedLog {
	m.creationOrDeletion.Lock()
	defer m.creationOrDeletion.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	logs := m.current
	if isFuture {
		logs = m.future
	}
	unified := logs[partition]
	delete(logs, partition)
	return unified
}

// AsyncDeleteAll deletes the current and future logs of partitions, writing the
// checkpoints of each directory once.
func (m *LogManager) AsyncDeleteAll(partitions []topic.Partition, onError func(topic.Partition, error)) {
	dirs := map[string]bool{}
	for _, partition := range partitions {
		for _, isFuture := range []bool{false, true} {
			if m.GetLog(partition, isFuture) == nil {
				continue
			}
			dir, err := m.asyncDelete(partition, isFuture)
			if err != nil {
				onError(partition, err)
			}
			if dir != "" {
				dirs[dir] = true
			}
		}
	}
	for dir := range dirs {
		m.updateCleanerCheckpoints(dir)
		m.logFailure(m.checkpointDir(dir))
	}
}

// ReplaceCurrentWithFutureLog makes the future log of a partition, which has
// caught up, the current one and deletes the other.
func (m *LogManager) ReplaceCurrentWithFutureLog(partition topic.Partition) error {
	m.creationOrDeletion.Lock()
	defer m.creationOrDeletion.Unlock()
	source, destination := m.GetLog(partition, false), m.GetLog(partition, true)
	if source == nil {
		return fmt.Errorf("%w: The current replica for %s is offline", kerr.KafkaStorageError, partition)
	}
	if destination == nil {
		return fmt.Errorf("%w: The future replica for %s is offline", kerr.KafkaStorageError, partition)
	}
	m.logger.Infof("Attempting to replace current log %s with %s for %s", source, destination, partition)
	if err := destination.RenameDir(partition.String()); err != nil {
		return err
	}
	destination.UpdateHighWatermark(source.HighWatermark())
	m.mu.Lock()
	delete(m.future, partition)
	m.current[partition] = destination
	m.mu.Unlock()
	if cleaner := m.Cleaner(); cleaner != nil {
		cleaner.AlterCheckpointDir(partition, source.ParentDir(), destination.ParentDir())
		cleaner.ResumeCleaning(partition)
	}
	m.logger.Infof("The current replica is successfully replaced with the future replica for %s", partition)
	m.retire(source)
	return nil
}

// retire deletes a log whose place another one has taken, whatever becomes of its
// directory. It is not closed before its files go: it may still be read.
func (m *LogManager) retire(source *log.UnifiedLog) {
	err := source.RenameDir(log.DeleteDirName(source.TopicPartition()))
	if errors.Is(err, log.ErrDiskFull) {
		// The reserve has made room. A log left under its name would be found
		// twice at the next start.
		err = source.RenameDir(log.DeleteDirName(source.TopicPartition()))
	}
	if err != nil {
		m.logger.WithError(err).Errorf("The replaced replica %s cannot be deleted", source)
		source.CloseHandlers()
		return
	}
	m.scheduleDeletion(source)
	m.logFailure(m.checkpointDir(source.ParentDir()))
}
