package manager

import (
	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/cleaner"
)

// startCleaner starts compaction unless log.cleaner.enable is false. A partition
// that is being moved is not cleaned until it has moved.
func (m *LogManager) startCleaner() error {
	broker := m.options.Config.Load()
	if !config.LogCleanerEnable.Get(broker) {
		return nil
	}
	made, err := cleaner.New(cleaner.Options{
		Config: broker, LogDirs: m.LiveLogDirs(), Logs: m, Failures: m.failures, Full: m.fs.Full, FS: m.fs,
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.cleaner = made
	moving := make([]topic.Partition, 0, len(m.future))
	for partition := range m.future {
		moving = append(moving, partition)
	}
	m.mu.Unlock()
	for _, partition := range moving {
		made.AbortAndPauseCleaning(partition)
	}
	made.Startup()
	return nil
}

// Cleaner compacts the logs; nil if log.cleaner.enable is false or the logs are
// not loaded yet.
func (m *LogManager) Cleaner() *cleaner.LogCleaner {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.cleaner
}

// CurrentLogs gives the logs that are not on their way to another directory.
func (m *LogManager) CurrentLogs() []*log.UnifiedLog {
	m.mu.RLock()
	defer m.mu.RUnlock()
	logs := make([]*log.UnifiedLog, 0, len(m.current))
	for _, unified := range m.current {
		logs = append(logs, unified)
	}
	return logs
}

// AbortAndPauseCleaning ends the cleaning of a partition and lets none begin until
// ResumeCleaning.
func (m *LogManager) AbortAndPauseCleaning(partition topic.Partition) {
	if cleaner := m.Cleaner(); cleaner != nil {
		cleaner.AbortAndPauseCleaning(partition)
		m.logger.Infof("The cleaning for partition %s is aborted and paused", partition)
	}
}

// ResumeCleaning undoes AbortAndPauseCleaning.
func (m *LogManager) ResumeCleaning(partition topic.Partition) {
	if cleaner := m.Cleaner(); cleaner != nil {
		cleaner.ResumeCleaning(partition)
		m.logger.Infof("Cleaning for partition %s is resumed", partition)
	}
}

func (m *LogManager) abortCleaning(partition topic.Partition) {
	if cleaner := m.Cleaner(); cleaner != nil {
		cleaner.AbortCleaning(partition)
		m.logger.Infof("The cleaning for partition %s is aborted", partition)
	}
}

// updateCleanerCheckpoints forgets how far deleted logs are cleaned.
func (m *LogManager) updateCleanerCheckpoints(dir string) {
	if cleaner := m.Cleaner(); cleaner != nil {
		cleaner.UpdateCheckpoints(dir)
	}
}

// withoutCleaning truncates a log while it is not being cleaned. What is appended
// to the segment that is the active one then is not clean.
func (m *LogManager) withoutCleaning(unified *log.UnifiedLog, truncate func() error) error {
	partition := unified.TopicPartition()
	m.AbortAndPauseCleaning(partition)
	defer m.ResumeCleaning(partition)
	err := truncate()
	if cleaner := m.Cleaner(); cleaner != nil && err == nil && unified.Config().Compact {
		cleaner.MaybeTruncateCheckpoint(unified.ParentDir(), partition, unified.ActiveSegmentBaseOffset())
	}
	return err
}

// logsForRetention gives the current logs to apply retention to, and what to call
// afterwards. With the cleaner, its threads do the compacted ones; without it,
// those get no retention.
func (m *LogManager) logsForRetention() (logs []*log.UnifiedLog, done func()) {
	cleaner := m.Cleaner()
	if cleaner == nil {
		for _, unified := range m.CurrentLogs() {
			if !unified.Config().Compact {
				logs = append(logs, unified)
			}
		}
		return logs, func() {}
	}
	logs = cleaner.PauseCleaningForNonCompactedPartitions()
	return logs, func() {
		for _, unified := range logs {
			cleaner.ResumeCleaning(unified.TopicPartition())
		}
	}
}
