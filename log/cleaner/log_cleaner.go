// Package cleaner compacts logs: of each key of a topic with the cleanup policy
// compact it keeps the last record only. It mirrors kafka.log.LogCleaner,
// LogCleanerManager and Cleaner.
//
// Threads choose the log with the largest share of bytes that were not looked at
// yet, note the last offset of each of their keys in a map of bounded size
// (offset_map.go, cleaner.go), and copy what stays of the log into new segments
// that replace the old ones (cleaning_pass.go). A record stays if it is the last
// of its key; a tombstone for delete.retention.ms longer, counted from the first
// time it was copied (KIP-534); a transaction marker as long as records of the
// transaction are there, and then for that time too. The active segment, what is
// not replicated, and open transactions are never touched.
//
// How far a log is clean stands in cleaner-offset-checkpoint. Whoever truncates,
// deletes or moves a log pauses its cleaning meanwhile (log_cleaner_manager.go).
package cleaner

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/vfs"
)

// Options are what a LogCleaner needs.
type Options struct {
	Config *config.BrokerConfig
	// LogDirs are the directories that work.
	LogDirs  []string
	Logs     Logs
	Failures log.DirFailureHandler
	// Full tells that the disk of a directory is full: its logs are not cleaned
	// meanwhile, which would take the room that is kept for what must go on. Nil
	// means that none ever is.
	Full func(dir string) bool
	// FS is the file system; nil is the real one.
	FS vfs.FS
	// Logger; nil is that of kafka.log.LogCleaner.
	Logger *logrus.Entry
}

// LogCleaner compacts the logs of a broker in the background.
type LogCleaner struct {
	logger    *logrus.Entry
	failures  log.DirFailureHandler
	manager   *cleanerManager
	throttler *throttler

	mu      sync.Mutex // guards what follows
	config  Config
	threads []*cleanerThread
	stop    context.CancelCauseFunc
}

// New makes a cleaner; it starts nothing.
func New(options Options) (*LogCleaner, error) {
	if options.FS == nil {
		options.FS = vfs.OS
	}
	if options.Logger == nil {
		options.Logger = logging.For("kafka.log.LogCleaner")
	}
	if options.Full == nil {
		options.Full = func(string) bool { return false }
	}
	settings := NewConfig(options.Config)
	if err := settings.validate(); err != nil {
		return nil, err
	}
	return &LogCleaner{
		logger: options.Logger, failures: options.Failures, config: settings,
		manager:   newCleanerManager(options),
		throttler: newThrottler(settings.MaxIOBytesPerSecond),
	}, nil
}

// errShutdown ends the threads.
var errShutdown = errors.New("the log cleaner is shutting down")

// Startup starts the threads.
func (c *LogCleaner) Startup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.startLocked()
}

func (c *LogCleaner) startLocked() {
	c.logger.Info("Starting the log cleaner")
	ctx, stop := context.WithCancelCause(context.Background())
	c.stop = stop
	for id := range c.config.Threads {
		thread := newCleanerThread(id, c.config, c)
		c.threads = append(c.threads, thread)
		go thread.run(ctx)
	}
}

// Shutdown ends the threads; cleanings that go on are given up. It may be called
// more than once.
func (c *LogCleaner) Shutdown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shutdownLocked()
}

func (c *LogCleaner) shutdownLocked() {
	if c.stop == nil {
		return
	}
	c.logger.Info("Shutting down the log cleaner.")
	c.stop(errShutdown)
	for _, thread := range c.threads {
		<-thread.stopped
	}
	c.threads, c.stop = nil, nil
}

// Reconfigure puts changed settings in force: threads end and new ones start.
func (c *LogCleaner) Reconfigure(broker *config.BrokerConfig) error {
	settings := NewConfig(broker)
	c.mu.Lock()
	defer c.mu.Unlock()
	if settings == c.config {
		return nil
	}
	if err := settings.validate(); err != nil {
		return err
	}
	c.throttler.setRate(settings.MaxIOBytesPerSecond)
	c.config = settings
	if c.stop != nil {
		c.shutdownLocked()
		c.startLocked()
	}
	return nil
}

// AbortCleaning ends the cleaning of a partition if it goes on, and returns when
// it has ended.
func (c *LogCleaner) AbortCleaning(partition topic.Partition) {
	c.manager.abortAndPause(partition)
	c.manager.resume(partition)
}

// AbortAndPauseCleaning is AbortCleaning, and no cleaning of the partition begins
// until ResumeCleaning, which must be called as often.
func (c *LogCleaner) AbortAndPauseCleaning(partition topic.Partition) {
	c.manager.abortAndPause(partition)
}

// ResumeCleaning undoes one pause of each partition.
func (c *LogCleaner) ResumeCleaning(partitions ...topic.Partition) { c.manager.resume(partitions...) }

// PauseCleaningForNonCompactedPartitions gives the logs that retention may work
// on; ResumeCleaning must follow.
func (c *LogCleaner) PauseCleaningForNonCompactedPartitions() []*log.UnifiedLog {
	return c.manager.pauseNonCompacted()
}

// UpdateCheckpoints forgets how far logs of a directory are cleaned that are gone.
func (c *LogCleaner) UpdateCheckpoints(dir string) {
	c.manager.updateCheckpoint(dir, func(map[topic.Partition]int64) {})
}

// MaybeTruncateCheckpoint lowers how far a log counts as clean that was
// truncated.
func (c *LogCleaner) MaybeTruncateCheckpoint(dir string, partition topic.Partition, offset int64) {
	c.manager.truncateCheckpoint(dir, partition, offset)
}

// AlterCheckpointDir is for a log that moved to another directory.
func (c *LogCleaner) AlterCheckpointDir(partition topic.Partition, from, to string) {
	c.manager.moveCheckpoint(partition, from, to)
}

// HandleLogDirFailure is for a directory that went offline.
func (c *LogCleaner) HandleLogDirFailure(dir string) { c.manager.handleLogDirFailure(dir) }

// CleanedOffsets is how far each log is cleaned.
func (c *LogCleaner) CleanedOffsets() map[topic.Partition]int64 {
	c.manager.mu.Lock()
	defer c.manager.mu.Unlock()
	return c.manager.allCheckpointsLocked()
}

func threadName(id int) string { return fmt.Sprintf("[kafka-log-cleaner-thread-%d]: ", id) }
