package manager

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/vfs"
)

// clusterMetadataTopic belongs to KRaft; its directory is not looked at.
const clusterMetadataTopic = "__cluster_metadata"

// dirLoad is the loading of one log directory.
type dirLoad struct {
	dir             string
	clean           bool
	recoveryPoints  map[topic.Partition]int64
	logStartOffsets map[topic.Partition]int64
	partitions      []string
}

// configCache keeps the settings of a topic while its partitions are loaded, so
// that they share one copy.
type configCache struct {
	manager *LogManager
	mu      sync.Mutex
	configs map[string]*log.Config
}

func (c *configCache) get(topicName string) (*log.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if resolved := c.configs[topicName]; resolved != nil {
		return resolved, nil
	}
	resolved, err := c.manager.fetchLogConfig(topicName)
	if err == nil {
		c.configs[topicName] = resolved
	}
	return resolved, err
}

// loadLogs loads the logs of all live directories, each directory by its own
// goroutines. A disk error takes the directory offline; anything else that is
// wrong in a directory is returned, and the broker must not start.
func (m *LogManager) loadLogs(topicNames []string) error {
	live := m.LiveLogDirs()
	m.logger.Infof("Loading logs from log dirs [%s]", strings.Join(live, ", "))
	start := time.Now()
	configs := &configCache{manager: m, configs: map[string]*log.Config{}}
	for _, name := range topicNames {
		if _, err := configs.get(name); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var errs error
	total := 0
	inParallel(len(live), live, func(dir string) {
		count, err := m.loadDir(dir, configs)
		mu.Lock()
		defer mu.Unlock()
		total += count
		if err == nil {
			return
		}
		if log.IsIOError(err) {
			// Also for want of room: what was not loaded cannot be served (KAFKA-13773).
			m.failures.addOffline(dir, "Error while loading log dir "+dir, err)
			return
		}
		errs = errors.Join(errs, err)
	})
	if errs != nil {
		return errs
	}
	m.logger.Infof("Loaded %d logs in %dms.", total, time.Since(start).Milliseconds())
	return nil
}

func (m *LogManager) loadDir(dir string, configs *configCache) (int, error) {
	load, err := m.prepareLoad(dir)
	if err != nil {
		return 0, err
	}
	// Recovery reads a lot, so its parallelism is a setting; after a clean
	// shutdown only a few small files are read for each partition.
	workers := config.NumRecoveryThreadsPerDataDir.Get(m.options.Config.Load())
	if load.clean {
		workers = max(workers, runtime.GOMAXPROCS(0))
	}
	var mu sync.Mutex
	var errs error
	inParallel(workers, load.partitions, func(partitionDir string) {
		if err := m.loadLog(load, partitionDir, configs); err != nil {
			m.logger.WithError(err).Errorf("Error while loading log dir %s", dir)
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
		}
	})
	if errs != nil {
		return 0, errs
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded[dir] = true
	return len(load.partitions), nil
}

// prepareLoad reads what a directory says of its logs. The clean-shutdown
// marker is removed at once, lest a crash while loading pass for a clean
// shutdown (KAFKA-10471).
func (m *LogManager) prepareLoad(dir string) (*dirLoad, error) {
	load := &dirLoad{dir: dir}
	marker := filepath.Join(dir, log.CleanShutdownFile)
	var err error
	if load.clean, err = vfs.Exists(m.fs, marker); err != nil {
		return nil, err
	}
	if load.clean {
		m.logger.Infof("Skipping recovery for all logs in %s since clean shutdown file was found", dir)
		if err := m.fs.Remove(marker); err != nil {
			return nil, err
		}
		if err := m.fs.SyncDir(dir); err != nil {
			return nil, err
		}
	} else {
		m.logger.Infof("Attempting recovery for all logs in %s since no clean shutdown file was found", dir)
	}
	checkpoints := m.checkpointsOf(dir)
	if load.recoveryPoints, err = checkpoints.recoveryPoints.Read(); err != nil {
		m.logger.WithError(err).Warnf("Error occurred while reading recovery-point-offset-checkpoint file of directory %s, resetting the recovery checkpoint to 0", dir)
	}
	if load.logStartOffsets, err = checkpoints.logStartOffsets.Read(); err != nil {
		m.logger.WithError(err).Warnf("Error occurred while reading log-start-offset-checkpoint file of directory %s, resetting to the base offset of the first segment", dir)
	}
	entries, err := m.fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		partitionDir := filepath.Join(dir, entry.Name())
		partition, err := log.ParseTopicPartitionName(partitionDir)
		if err != nil {
			return nil, err
		}
		if partition.Topic != clusterMetadataTopic {
			load.partitions = append(load.partitions, partitionDir)
		}
	}
	return load, nil
}

func (m *LogManager) loadLog(load *dirLoad, partitionDir string, configs *configCache) error {
	start := time.Now()
	partition, err := log.ParseTopicPartitionName(partitionDir)
	if err != nil {
		return err
	}
	resolved, err := configs.get(partition.Topic)
	if err != nil {
		return err
	}
	options := m.openOptions(partitionDir, resolved)
	options.CleanShutdown = load.clean
	options.RecoveryPoint = load.recoveryPoints[partition]
	options.LogStartOffset = load.logStartOffsets[partition]
	unified, err := log.Open(options)
	if err != nil {
		return err
	}
	if strings.HasSuffix(partitionDir, log.DeleteDirSuffix) {
		m.scheduleDeletion(unified)
		return nil
	}
	if err := m.addLoaded(partition, unified); err != nil {
		return err
	}
	m.logger.Infof("Completed load of %s with %d segments in %dms", unified, unified.NumberOfSegments(), time.Since(start).Milliseconds())
	return nil
}

func (m *LogManager) openOptions(dir string, resolved *log.Config) log.OpenOptions {
	broker := m.options.Config.Load()
	return log.OpenOptions{
		Dir:                    dir,
		Config:                 resolved,
		KeepPartitionMetadata:  broker.InterBrokerProtocolVersion() >= config.IBP_2_8_IV0,
		ProducerIDExpirationMs: int64(config.TransactionalIdExpirationMs.Get(broker)),
		FS:                     m.fs,
		Scheduler:              m.scheduler,
		Failures:               m.failures,
	}
}

func (m *LogManager) addLoaded(partition topic.Partition, unified *log.UnifiedLog) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	logs := m.current
	if unified.IsFuture() {
		logs = m.future
	}
	previous := logs[partition]
	if previous == nil {
		logs[partition] = unified
		return nil
	}
	unified.CloseHandlers()
	if unified.IsFuture() {
		return fmt.Errorf("Duplicate log directories found: %s, %s", unified.Dir(), previous.Dir()) //nolint:staticcheck // Kafka's sentence
	}
	return fmt.Errorf("Duplicate log directories for %s are found in both %s and %s. It is likely because log directory failure happened while broker was "+ //nolint:staticcheck // Kafka's sentence
		"replacing current replica with future replica. Recover broker from this failure by manually deleting one of the two directories "+
		"for this partition. It is recommended to delete the partition in the log directory that is known to have failed recently.",
		partition, unified.Dir(), previous.Dir())
}

// resolve gives the settings of a topic with these overrides.
func (m *LogManager) resolve(overrides map[string]string) (*log.Config, error) {
	broker := m.options.Config.Load()
	if format := config.TopicMessageFormatVersion.Name; overrides[format] != "" && broker.InterBrokerProtocolVersion() >= config.IBP_3_0_IV1 {
		// From this protocol on the format is always v2.
		overrides = maps.Clone(overrides)
		delete(overrides, format)
	}
	resolved, err := config.NewTopicConfig(broker, overrides)
	if err != nil {
		return nil, err
	}
	settings := log.NewConfig(resolved)
	settings.InterBrokerProtocol = broker.InterBrokerProtocolVersion()
	return settings, nil
}

// fetchLogConfig gives the settings of a topic as they are now; topics without
// overrides share one copy.
func (m *LogManager) fetchLogConfig(topicName string) (*log.Config, error) {
	var overrides map[string]string
	if m.options.TopicConfig != nil {
		overrides = m.options.TopicConfig(topicName)
	}
	if len(overrides) == 0 {
		m.mu.RLock()
		defer m.mu.RUnlock()
		return m.defaults, nil
	}
	return m.resolve(overrides)
}
