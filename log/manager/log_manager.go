// Package manager holds all logs of a broker.
package manager

import (
	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/vfs"
)

// Options are what a LogManager needs.
type Options struct {
	// Config is the broker's settings, of which dynamic ones are honoured.
	Config *config.Current
	// LogDirs are the log directories; empty takes them from the settings.
	LogDirs []string
	// InitialOfflineDirs could not be read before, for example for their
	// meta.properties.
	InitialOfflineDirs []string
	// TopicConfig gives the overrides of a topic, as the config repository
	// has them; nil means none.
	TopicConfig func(topicName string) map[string]string
	// FailureChannel is told of failed log directories.
	FailureChannel *LogDirFailureChannel
	// FS is the file system; nil is the real one.
	FS vfs.FS
	// Logger; nil is that of kafka.log.LogManager.
	Logger *logrus.Entry
	// OnAllDirsFailed is called once when no log directory is left; Kafka
	// halts the process then.
	OnAllDirsFailed func()
}

// LogManager holds the logs of all partitions, as kafka.log.LogManager.
type LogManager struct{}

// New checks, creates and locks the log directories. It starts nothing.
func New(options Options) (*LogManager, error) { return &LogManager{}, nil }

// Startup loads all logs and starts the periodic work. The topics are those
// whose overrides are asked for.
func (m *LogManager) Startup(topicNames []string) error { return nil }

// Shutdown closes all logs, leaves the clean-shutdown markers and unlocks.
func (m *LogManager) Shutdown() error { return nil }

// GetLog gives the log of a partition, or nil.
func (m *LogManager) GetLog(partition topic.Partition, isFuture bool) *log.UnifiedLog { return nil }

// GetOrCreateLog gives the log of a partition, creating it if needed.
func (m *LogManager) GetOrCreateLog(partition topic.Partition, topicID topic.ID, isNew, isFuture bool) (*log.UnifiedLog, error) {
	return nil, nil
}

// AsyncDelete renames the directory of a partition and deletes it later.
func (m *LogManager) AsyncDelete(partition topic.Partition, isFuture bool) error { return nil }

// AsyncDeleteAll deletes the current and future logs of partitions.
func (m *LogManager) AsyncDeleteAll(partitions []topic.Partition, onError func(topic.Partition, error)) {
}

// TruncateTo truncates logs and checkpoints their recovery points.
func (m *LogManager) TruncateTo(offsets map[topic.Partition]int64, isFuture bool) error { return nil }

// TruncateFullyAndStartAt empties a log.
func (m *LogManager) TruncateFullyAndStartAt(partition topic.Partition, offset int64, isFuture bool) error {
	return nil
}

// AllLogs gives the current and future logs.
func (m *LogManager) AllLogs() []*log.UnifiedLog { return nil }

// LogsByTopic gives the current and future logs of a topic.
func (m *LogManager) LogsByTopic(topicName string) []*log.UnifiedLog { return nil }

// LiveLogDirs are the log directories that work.
func (m *LogManager) LiveLogDirs() []string { return nil }

// IsLogDirOnline reports whether a log directory works; an unknown one is a
// LOG_DIR_NOT_FOUND error.
func (m *LogManager) IsLogDirOnline(dir string) (bool, error) { return false, nil }

// HandleLogDirFailure takes the logs of a directory offline; the caller reads
// the directory from the failure channel.
func (m *LogManager) HandleLogDirFailure(dir string) {}

// UpdateTopicConfig applies changed overrides to the logs of a topic.
func (m *LogManager) UpdateTopicConfig(topicName string, overrides map[string]string) error {
	return nil
}

// ReconfigureDefaults applies changed broker settings to all logs.
func (m *LogManager) ReconfigureDefaults() error { return nil }

// InitializingLog, TopicConfigUpdated and FinishedInitializingLog guard the
// creation of a log against a config change meanwhile (KAFKA-8813).
func (m *LogManager) InitializingLog(partition topic.Partition) {}

// FinishedInitializingLog ends what InitializingLog began.
func (m *LogManager) FinishedInitializingLog(partition topic.Partition, created *log.UnifiedLog) {}

// MaybeUpdatePreferredLogDir notes where a partition is to be created.
func (m *LogManager) MaybeUpdatePreferredLogDir(partition topic.Partition, dir string) {}

// ReplaceCurrentWithFutureLog makes the future log the current one.
func (m *LogManager) ReplaceCurrentWithFutureLog(partition topic.Partition) error { return nil }

// ReadHighWatermarks reads the replication-offset-checkpoint of a directory.
func (m *LogManager) ReadHighWatermarks(dir string) (map[topic.Partition]int64, error) {
	return nil, nil
}

// WriteHighWatermarks writes the replication-offset-checkpoint of a directory.
func (m *LogManager) WriteHighWatermarks(dir string, offsets map[topic.Partition]int64) error {
	return nil
}

// CleanupLogs applies retention now.
func (m *LogManager) CleanupLogs() {}
