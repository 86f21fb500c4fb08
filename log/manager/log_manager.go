// Package manager holds all logs of a broker: it loads them at start, creates
// and deletes them, applies retention, writes the checkpoint files, and takes
// log directories offline that fail. It mirrors kafka.log.LogManager.
package manager

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/cleaner"
	"github.com/gregor-broker/gregor/log/vfs"
)

// LockFile keeps two brokers out of one log directory.
const LockFile = ".lock"

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
	// FailureChannel is told of failed log directories; nil makes one.
	FailureChannel *LogDirFailureChannel
	// FS is the file system; nil is the real one.
	FS vfs.FS
	// Logger; nil is that of kafka.log.LogManager.
	Logger *logrus.Entry
	// OnAllDirsFailed is called when no log directory is left; Kafka halts the
	// process then.
	OnAllDirsFailed func()
}

// LogManager holds the logs of all partitions. It is safe for concurrent use.
// Its locks come before those of the logs: creationOrDeletion, then mu.
type LogManager struct {
	options    Options
	fs         *vfs.Reserves
	logger     *logrus.Entry
	dirs       []string
	failures   *LogDirFailureChannel
	scheduler  *log.Scheduler
	background sync.WaitGroup
	stop       chan struct{}
	stopOnce   sync.Once

	// creationOrDeletion keeps logs from being created, deleted or taken
	// offline at the same time.
	creationOrDeletion sync.Mutex

	mu      sync.RWMutex // guards what follows
	live    []string
	locks   map[string]io.Closer
	current map[topic.Partition]*log.UnifiedLog
	future  map[topic.Partition]*log.UnifiedLog
	// loaded are the directories whose logs were all loaded; only they may be
	// marked as cleanly shut down (KAFKA-15375).
	loaded map[string]bool
	// preferred is where partitions are to be created.
	preferred map[topic.Partition]string
	// initializing are partitions whose log is being created; true says that
	// their settings changed meanwhile (KAFKA-8813).
	initializing map[topic.Partition]bool
	checkpoints  map[string]*dirCheckpoints
	defaults     *log.Config
	cleaner      *cleaner.LogCleaner
}

// New checks, creates and locks the log directories. It starts nothing.
func New(options Options) (*LogManager, error) {
	if options.FS == nil {
		options.FS = vfs.OS
	}
	if options.Logger == nil {
		options.Logger = logging.For("kafka.log.LogManager")
	}
	if len(options.LogDirs) == 0 {
		options.LogDirs = options.Config.Load().LogDirs()
	}
	if options.FailureChannel == nil {
		options.FailureChannel = NewLogDirFailureChannel(len(options.LogDirs))
	}
	m := &LogManager{
		options: options, fs: vfs.NewReserves(options.FS), logger: options.Logger, failures: options.FailureChannel,
		scheduler: log.NewScheduler(), stop: make(chan struct{}),
		locks: map[string]io.Closer{}, loaded: map[string]bool{}, checkpoints: map[string]*dirCheckpoints{},
		current: map[topic.Partition]*log.UnifiedLog{}, future: map[topic.Partition]*log.UnifiedLog{},
		preferred: map[topic.Partition]string{}, initializing: map[topic.Partition]bool{},
	}
	m.failures.reserves = m.fs
	defaults, err := m.resolve(nil)
	if err != nil {
		return nil, err
	}
	m.defaults = defaults
	if err := m.openDirs(); err != nil {
		m.unlockAll()
		return nil, err
	}
	return m, nil
}

// openDirs creates the log directories that are missing and locks all.
func (m *LogManager) openDirs() error {
	offline := map[string]bool{}
	for _, dir := range m.options.InitialOfflineDirs {
		offline[absolute(dir)] = true
	}
	for _, given := range m.options.LogDirs {
		dir := absolute(given)
		if slices.Contains(m.dirs, dir) {
			return fmt.Errorf("Duplicate log directory found: %s", strings.Join(m.options.LogDirs, ", ")) //nolint:staticcheck // Kafka's sentence
		}
		m.dirs = append(m.dirs, dir)
		if offline[dir] {
			m.failures.MaybeAddOfflineLogDir(dir, "Failed to load "+dir+" during broker startup", errors.New("log directory is offline"))
			continue
		}
		if err := m.openDir(dir); err != nil {
			return err
		}
	}
	if len(m.live) == 0 {
		return fmt.Errorf("Shutdown broker because none of the specified log dirs from %s can be created or validated", strings.Join(m.dirs, ", ")) //nolint:staticcheck // Kafka's sentence
	}
	return nil
}

func absolute(dir string) string {
	full, err := filepath.Abs(dir)
	if err != nil {
		return dir // only when the working directory is gone
	}
	return full
}

// openDir makes a directory live; a disk error takes it offline instead.
func (m *LogManager) openDir(dir string) error {
	if err := m.createDir(dir); err != nil {
		m.failures.addOffline(dir, "Failed to create or validate data directory "+dir, err)
		return nil
	}
	lock, err := m.fs.Lock(filepath.Join(dir, LockFile))
	if errors.Is(err, vfs.ErrLocked) {
		return fmt.Errorf("Failed to acquire lock on file %s in %s. A Kafka instance in another process or thread is using this directory.", LockFile, dir) //nolint:staticcheck // Kafka's sentence
	}
	if err != nil {
		m.failures.addOffline(dir, "Disk error while locking directory "+dir, err)
		return nil
	}
	if err := m.fs.Add(dir); err != nil {
		m.failures.addOffline(dir, "Disk error while making the reserve of directory "+dir, err)
		return lock.Close()
	}
	m.live = append(m.live, dir)
	m.locks[dir] = lock
	m.checkpoints[dir] = newDirCheckpoints(m.fs, dir)
	return nil
}

func (m *LogManager) createDir(dir string) error {
	exists, err := vfs.Exists(m.fs, dir)
	if err != nil {
		return err
	}
	if !exists {
		m.logger.Infof("Log directory %s not found, creating it.", dir)
		if err := m.fs.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := m.fs.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	_, err = m.fs.ReadDir(dir)
	return err
}

func (m *LogManager) unlockAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir := range m.locks {
		m.unlockLocked(dir)
	}
}

func (m *LogManager) unlockLocked(dir string) {
	if lock := m.locks[dir]; lock != nil {
		if err := lock.Close(); err != nil {
			m.logger.WithError(err).Warnf("Releasing the lock of %s failed", dir)
		}
		delete(m.locks, dir)
	}
}

// initialTaskDelay is when periodic work first runs.
const (
	initialTaskDelay              = 30 * time.Second
	producerExpirationCheckPeriod = 10 * time.Minute
)

// Startup loads all logs and starts the periodic work. Unclean directories are
// recovered. The topics are those whose overrides are asked for at once; of
// others they are asked for when a log of theirs is found.
func (m *LogManager) Startup(topicNames []string) error {
	if err := m.loadLogs(topicNames); err != nil {
		return err
	}
	broker := m.options.Config.Load()
	m.logger.Infof("Starting log cleanup with a period of %d ms.", config.LogRetentionCheckIntervalMs.Get(broker))
	m.background.Go(m.refillReserves)
	m.every(config.Milliseconds(config.LogRetentionCheckIntervalMs.Get(broker)), m.CleanupLogs)
	m.logger.Infof("Starting log flusher with a default period of %d ms.", config.LogFlushSchedulerIntervalMs.Get(broker))
	m.every(config.Milliseconds(config.LogFlushSchedulerIntervalMs.Get(broker)), m.flushDirtyLogs)
	m.every(config.Milliseconds(config.LogFlushOffsetCheckpointIntervalMs.Get(broker)), m.CheckpointLogRecoveryOffsets)
	m.every(config.Milliseconds(config.LogFlushStartOffsetCheckpointIntervalMs.Get(broker)), m.CheckpointLogStartOffsets)
	m.every(producerExpirationCheckPeriod, m.expireProducers)
	return m.startCleaner()
}

// every runs a task after the initial delay and then with a pause between runs.
func (m *LogManager) every(period time.Duration, task func()) {
	m.background.Go(func() {
		timer := time.NewTimer(initialTaskDelay)
		defer timer.Stop()
		for {
			select {
			case <-m.stop:
				return
			case <-timer.C:
				task()
				timer.Reset(max(period, time.Millisecond))
			}
		}
	})
}

// refillPeriod is how often a full disk is looked at.
const refillPeriod = time.Second

// refillReserves has directories take records again when there is room.
func (m *LogManager) refillReserves() {
	ticker := time.NewTicker(refillPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-ticker.C:
			for _, dir := range m.fs.Refill() {
				m.logger.Infof("There is room again in log dir %s, which takes records again", dir)
			}
		}
	}
}

func (m *LogManager) flushDirtyLogs() {
	now := time.Now()
	for _, unified := range m.AllLogs() {
		if now.Sub(unified.LastFlushTime()).Milliseconds() < unified.Config().FlushMs {
			continue
		}
		if err := unified.Flush(); err != nil {
			m.logger.WithError(err).Errorf("Error flushing topic %s", unified.TopicPartition().Topic)
		}
	}
}

func (m *LogManager) expireProducers() {
	now := time.Now()
	for _, unified := range m.AllLogs() {
		unified.RemoveExpiredProducers(now)
	}
}

// CleanupLogs applies retention now to the logs that are not compacted.
func (m *LogManager) CleanupLogs() {
	start := time.Now()
	total := 0
	logs, done := m.logsForRetention()
	defer done()
	for _, current := range logs {
		for _, unified := range []*log.UnifiedLog{current, m.GetLog(current.TopicPartition(), true)} {
			if unified == nil {
				continue
			}
			deleted, err := unified.DeleteOldSegments()
			if err != nil {
				m.logger.WithError(err).Errorf("Error while deleting old segments of %s", unified.TopicPartition())
			}
			total += deleted
		}
	}
	m.logger.Debugf("Log cleanup completed. %d files deleted in %d seconds", total, int(time.Since(start).Seconds()))
}

// Scheduler runs deferred work of the logs.
func (m *LogManager) Scheduler() *log.Scheduler { return m.scheduler }

// FailureChannel is where failed log directories are reported.
func (m *LogManager) FailureChannel() *LogDirFailureChannel { return m.failures }

// LogDirs are all log directories, working or not.
func (m *LogManager) LogDirs() []string { return slices.Clone(m.dirs) }

// LiveLogDirs are the log directories that work.
func (m *LogManager) LiveLogDirs() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.live)
}

// OfflineLogDirs are the log directories that failed.
func (m *LogManager) OfflineLogDirs() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(m.dirs), func(dir string) bool { return slices.Contains(m.live, dir) })
}

// IsLogDirOnline reports whether a log directory works; an unknown one is a
// LOG_DIR_NOT_FOUND error.
func (m *LogManager) IsLogDirOnline(dir string) (bool, error) {
	if !slices.Contains(m.dirs, dir) {
		return false, fmt.Errorf("%w: Log dir %s is not found in the config", kerr.LogDirNotFound, dir)
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Contains(m.live, dir), nil
}

// HandleLogDirFailure takes the logs of a directory offline; the caller reads
// the directory from the failure channel.
func (m *LogManager) HandleLogDirFailure(dir string) {
	m.logger.Warnf("Stopping serving logs in dir %s", dir)
	m.creationOrDeletion.Lock()
	defer m.creationOrDeletion.Unlock()
	m.mu.Lock()
	m.live = slices.DeleteFunc(m.live, func(live string) bool { return live == dir })
	allFailed := len(m.live) == 0
	delete(m.checkpoints, dir)
	offlineCurrent := takeOut(m.current, dir)
	offlineFuture := takeOut(m.future, dir)
	m.unlockLocked(dir)
	m.mu.Unlock()
	if cleaner := m.Cleaner(); cleaner != nil {
		cleaner.HandleLogDirFailure(dir)
		for _, unified := range offlineFuture {
			cleaner.ResumeCleaning(unified.TopicPartition())
		}
	}
	if allFailed {
		m.logger.Errorf("Shutdown broker because all log dirs in %s have failed", strings.Join(m.dirs, ", "))
		if m.options.OnAllDirsFailed != nil {
			m.options.OnAllDirsFailed()
		}
	}
	for _, unified := range slices.Concat(offlineCurrent, offlineFuture) {
		unified.CloseHandlers()
	}
	m.logger.Warnf("Logs for partitions %s are offline and logs for future partitions %s are offline due to failure on log directory %s",
		partitions(offlineCurrent), partitions(offlineFuture), dir)
}

// takeOut removes the logs of a directory from a map.
func takeOut(logs map[topic.Partition]*log.UnifiedLog, dir string) []*log.UnifiedLog {
	var taken []*log.UnifiedLog
	for partition, unified := range logs {
		if unified.ParentDir() == dir {
			taken = append(taken, unified)
			delete(logs, partition)
		}
	}
	return taken
}

func partitions(logs []*log.UnifiedLog) string {
	names := make([]string, len(logs))
	for i, unified := range logs {
		names[i] = unified.TopicPartition().String()
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// Shutdown stops the periodic work, closes all logs, leaves the clean-shutdown
// markers and unlocks the directories. It may be called more than once.
func (m *LogManager) Shutdown() error {
	var errs error
	m.stopOnce.Do(func() {
		m.logger.Info("Shutting down.")
		if cleaner := m.Cleaner(); cleaner != nil {
			cleaner.Shutdown()
		}
		close(m.stop)
		m.background.Wait()
		m.scheduler.Close()
		byDir := m.logsByDir()
		for _, dir := range m.LiveLogDirs() {
			errs = errors.Join(errs, m.closeDir(dir, byDir[dir]))
		}
		m.unlockAll()
		m.logger.Info("Shutdown complete.")
	})
	return errs
}

// closersPerDir is how many logs of a directory are closed at once. Nearly all the
// time goes to fsyncs, and those that wait together share the disk's work, so that
// this is more than num.recovery.threads.per.data.dir, which Kafka goes by.
const closersPerDir = 32

// closeDir closes the logs of a directory. Only if all went well the next start
// may skip recovery.
func (m *LogManager) closeDir(dir string, logs []*log.UnifiedLog) error {
	m.logger.Debugf("Flushing and closing logs at %s", dir)
	var mu sync.Mutex
	var errs error
	inParallel(closersPerDir, logs, func(unified *log.UnifiedLog) {
		if err := errors.Join(unified.Flush(), unified.Close()); err != nil {
			m.logger.WithError(err).Warnf("There was an error in one of the threads during LogManager shutdown: %s", unified.TopicPartition())
			mu.Lock()
			errs = errors.Join(errs, err)
			mu.Unlock()
		}
	})
	m.mu.RLock()
	loaded := m.loaded[dir]
	m.mu.RUnlock()
	if errs != nil || !loaded || m.failures.HasOfflineLogDir(dir) {
		return errs
	}
	if err := errors.Join(m.checkpointRecoveryOffsetsIn(dir, logs), m.checkpointLogStartOffsetsIn(dir, logs)); err != nil {
		return err
	}
	marker := filepath.Join(dir, log.CleanShutdownFile)
	if err := vfs.WriteFile(m.fs, marker, nil); err != nil {
		return err
	}
	return m.fs.SyncDir(dir)
}

// inParallel runs a function over items with a bounded number of goroutines.
func inParallel[T any](workers int, items []T, do func(T)) {
	next := make(chan T)
	var running sync.WaitGroup
	for range min(max(workers, 1), max(len(items), 1)) {
		running.Go(func() {
			for item := range next {
				do(item)
			}
		})
	}
	for _, item := range items {
		next <- item
	}
	close(next)
	running.Wait()
}
