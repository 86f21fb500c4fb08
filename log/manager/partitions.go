package manager

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// GetLog gives the log of a partition, or nil.
func (m *LogManager) GetLog(partition topic.Partition, isFuture bool) *log.UnifiedLog {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if isFuture {
		return m.future[partition]
	}
	return m.current[partition]
}

// AllLogs gives the current and future logs.
func (m *LogManager) AllLogs() []*log.UnifiedLog {
	m.mu.RLock()
	defer m.mu.RUnlock()
	logs := make([]*log.UnifiedLog, 0, len(m.current)+len(m.future))
	for _, unified := range m.current {
		logs = append(logs, unified)
	}
	for _, unified := range m.future {
		logs = append(logs, unified)
	}
	return logs
}

// LogsByTopic gives the current and future logs of a topic.
func (m *LogManager) LogsByTopic(topicName string) []*log.UnifiedLog {
	return slices.DeleteFunc(m.AllLogs(), func(unified *log.UnifiedLog) bool { return unified.TopicPartition().Topic != topicName })
}

func (m *LogManager) logsByDir() map[string][]*log.UnifiedLog {
	byDir := map[string][]*log.UnifiedLog{}
	for _, unified := range m.AllLogs() {
		byDir[unified.ParentDir()] = append(byDir[unified.ParentDir()], unified)
	}
	return byDir
}

// MaybeUpdatePreferredLogDir notes where a partition is to be created, unless it
// is there already.
func (m *LogManager) MaybeUpdatePreferredLogDir(partition topic.Partition, dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, unified := range []*log.UnifiedLog{m.current[partition], m.future[partition]} {
		if unified != nil && unified.ParentDir() == dir {
			return
		}
	}
	m.preferred[partition] = dir
}

// GetOrCreateLog gives the log of a partition, creating it if needed. isNew says
// that the partition never was on this broker; otherwise a log is not created
// while it may lie in a directory that is offline.
func (m *LogManager) GetOrCreateLog(partition topic.Partition, topicID topic.ID, isNew, isFuture bool) (*log.UnifiedLog, error) {
	if unified := m.GetLog(partition, isFuture); unified != nil {
		return unified, assignTopicID(unified, topicID)
	}
	m.creationOrDeletion.Lock()
	defer m.creationOrDeletion.Unlock()
	unified := m.GetLog(partition, isFuture)
	if unified == nil {
		var err error
		if unified, err = m.createLog(partition, topicID, isNew, isFuture); err != nil {
			return nil, err
		}
	}
	return unified, assignTopicID(unified, topicID)
}

func assignTopicID(unified *log.UnifiedLog, id topic.ID) error {
	if id.IsZero() {
		return nil
	}
	return unified.AssignTopicID(id)
}

func (m *LogManager) createLog(partition topic.Partition, topicID topic.ID, isNew, isFuture bool) (*log.UnifiedLog, error) {
	if offline := m.OfflineLogDirs(); !isNew && len(offline) > 0 {
		return nil, fmt.Errorf("%w: Can not create log for %s because log directories %s are offline", kerr.KafkaStorageError, partition, strings.Join(offline, ","))
	}
	candidates, err := m.dirsForNewLog(partition, isFuture)
	if err != nil {
		return nil, err
	}
	resolved, err := m.fetchLogConfig(partition.Topic)
	if err != nil {
		return nil, err
	}
	name := partition.String()
	if isFuture {
		name = log.FutureDirName(partition)
	}
	for _, dir := range candidates {
		options := m.openOptions(filepath.Join(dir, name), resolved)
		options.TopicID = topicID
		options.CleanShutdown = true
		unified, err := log.Open(options)
		if err == nil {
			m.addCreated(partition, unified, isFuture)
			m.logger.Infof("Created log for partition %s in %s with properties %s", partition, unified.Dir(), describeOverrides(resolved))
			return unified, nil
		}
		if !log.IsIOError(err) {
			return nil, err
		}
		m.failures.MaybeAddOfflineLogDir(dir, fmt.Sprintf("Error while creating log for %s in dir %s", partition, dir), err)
	}
	return nil, fmt.Errorf("%w: No log directories available. Tried %s", kerr.KafkaStorageError, strings.Join(candidates, ", "))
}

func describeOverrides(resolved *log.Config) string {
	var pairs []string
	for name, value := range resolved.Topic.Originals() {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return "{" + strings.Join(pairs, ", ") + "}"
}

func (m *LogManager) addCreated(partition topic.Partition, unified *log.UnifiedLog, isFuture bool) {
	if isFuture {
		// Resumed when it has become the current log or is deleted.
		m.AbortAndPauseCleaning(partition)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if isFuture {
		m.future[partition] = unified
	} else {
		m.current[partition] = unified
	}
	delete(m.preferred, partition)
}

// dirsForNewLog are the directories to try: the preferred one, else all that
// work, those with the fewest logs first.
func (m *LogManager) dirsForNewLog(partition topic.Partition, isFuture bool) ([]string, error) {
	m.mu.RLock()
	preferred := m.preferred[partition]
	current := m.current[partition]
	m.mu.RUnlock()
	if isFuture {
		if preferred == "" {
			return nil, fmt.Errorf("Can not create the future log for %s without having a preferred log directory", partition) //nolint:staticcheck // Kafka's sentence
		}
		if current != nil && current.ParentDir() == preferred {
			return nil, fmt.Errorf("Can not create the future log for %s in the current log directory of this partition", partition) //nolint:staticcheck // Kafka's sentence
		}
	}
	if preferred != "" {
		online, err := m.IsLogDirOnline(preferred)
		if err != nil {
			return nil, err
		}
		if !online {
			return nil, fmt.Errorf("%w: Can not create log %s because log directory %s is offline", kerr.KafkaStorageError, partition, preferred)
		}
		return []string{preferred}, nil
	}
	live := m.LiveLogDirs()
	if len(live) > 1 {
		byDir := m.logsByDir()
		slices.SortStableFunc(live, func(a, b string) int { return cmp.Compare(len(byDir[a]), len(byDir[b])) })
	}
	return live, nil
}

// InitializingLog says that the log of a partition is about to be created or
// got; FinishedInitializingLog must follow. A change of the topic's settings in
// between is then not lost (KAFKA-8813).
func (m *LogManager) InitializingLog(partition topic.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.initializing[partition] = false
}

// FinishedInitializingLog ends what InitializingLog began; created is nil if it
// failed.
func (m *LogManager) FinishedInitializingLog(partition topic.Partition, created *log.UnifiedLog) {
	m.mu.Lock()
	changed := m.initializing[partition]
	delete(m.initializing, partition)
	m.mu.Unlock()
	if !changed || created == nil {
		return
	}
	resolved, err := m.fetchLogConfig(partition.Topic)
	if err != nil {
		m.logger.WithError(err).Errorf("The settings of topic %s cannot be used", partition.Topic)
		return
	}
	created.UpdateConfig(resolved)
}

// noteConfigChange marks the partitions that are being created and for which
// the condition holds.
func (m *LogManager) noteConfigChange(affected func(topic.Partition) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for partition := range m.initializing {
		if affected(partition) {
			m.initializing[partition] = true
		}
	}
}

// UpdateTopicConfig applies changed overrides to the logs of a topic.
func (m *LogManager) UpdateTopicConfig(topicName string, overrides map[string]string) error {
	m.noteConfigChange(func(partition topic.Partition) bool { return partition.Topic == topicName })
	logs := m.LogsByTopic(topicName)
	if len(logs) == 0 {
		return nil
	}
	resolved, err := m.resolve(overrides)
	if err != nil {
		return err
	}
	for _, unified := range logs {
		if before := unified.UpdateConfig(resolved); before.Compact && !resolved.Compact {
			m.abortCleaning(unified.TopicPartition())
		}
	}
	return nil
}

// ReconfigureDefaults applies changed broker settings to all logs.
func (m *LogManager) ReconfigureDefaults() error {
	m.noteConfigChange(func(topic.Partition) bool { return true })
	defaults, err := m.resolve(nil)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.defaults = defaults
	m.mu.Unlock()
	configs := &configCache{manager: m, configs: map[string]*log.Config{}}
	var errs error
	if cleaner := m.Cleaner(); cleaner != nil {
		errs = cleaner.Reconfigure(m.options.Config.Load())
	}
	for _, unified := range m.AllLogs() {
		resolved, err := configs.get(unified.TopicPartition().Topic)
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		unified.UpdateConfig(resolved)
	}
	return errs
}

// TruncateTo truncates logs and checkpoints their recovery points. Partitions
// without a log are skipped.
func (m *LogManager) TruncateTo(offsets map[topic.Partition]int64, isFuture bool) error {
	affected := map[string]bool{}
	var errs error
	for partition, offset := range offsets {
		unified := m.GetLog(partition, isFuture)
		if unified == nil {
			continue
		}
		truncate := func() error {
			truncated, err := unified.TruncateTo(offset)
			if truncated {
				affected[unified.ParentDir()] = true
			}
			return err
		}
		if offset < unified.ActiveSegmentBaseOffset() && !isFuture {
			errs = errors.Join(errs, m.withoutCleaning(unified, truncate))
		} else {
			errs = errors.Join(errs, truncate())
		}
	}
	for dir := range affected {
		errs = errors.Join(errs, m.checkpointRecoveryOffsetsIn(dir, m.logsByDir()[dir]))
	}
	return errs
}

// TruncateFullyAndStartAt empties a log and checkpoints its recovery point.
func (m *LogManager) TruncateFullyAndStartAt(partition topic.Partition, offset int64, isFuture bool) error {
	unified := m.GetLog(partition, isFuture)
	if unified == nil {
		return nil
	}
	truncate := func() error { return unified.TruncateFullyAndStartAt(offset) }
	var err error
	if isFuture {
		err = truncate()
	} else {
		err = m.withoutCleaning(unified, truncate)
	}
	dir := unified.ParentDir()
	return errors.Join(err, m.checkpointRecoveryOffsetsIn(dir, m.logsByDir()[dir]))
}
