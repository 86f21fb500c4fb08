package cleaner

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/vfs"
)

// cleanerThread cleans one log after the other, as LogCleaner.CleanerThread.
type cleanerThread struct {
	id      int
	owner   *LogCleaner
	cleaner *cleaner
	prefix  string
	stopped chan struct{}

	mu        sync.Mutex // guards what follows, for metrics
	last      cleanerStats
	lastFound cleanings
}

func newCleanerThread(id int, config Config, owner *LogCleaner) *cleanerThread {
	return &cleanerThread{
		id: id, owner: owner, prefix: threadName(id), stopped: make(chan struct{}),
		cleaner: newCleaner(id, config, owner.throttler, owner.logger),
	}
}

func (t *cleanerThread) run(ctx context.Context) {
	defer close(t.stopped)
	t.owner.logger.Infof("%sStarting", t.prefix)
	for ctx.Err() == nil {
		if !t.tryCleanFilthiest(ctx) {
			t.cleaner.release()
			sleep(ctx, t.cleaner.config.Backoff)
		}
		t.owner.manager.maintainUncleanable()
	}
	t.owner.logger.Infof("%sStopped", t.prefix)
}

// tryCleanFilthiest cleans a log if one is dirty enough, then applies retention
// to all compacted logs. It tells whether a log was cleaned.
func (t *cleanerThread) tryCleanFilthiest(ctx context.Context) bool {
	cleaned, err := t.cleanFilthiest(ctx)
	if err == nil {
		err = t.deleteOldSegments(ctx)
	}
	var failed *logError
	if errors.As(err, &failed) {
		partition := failed.log.TopicPartition()
		t.owner.logger.WithError(failed.err).Warnf("%sUnexpected exception thrown when cleaning log %s. Marking its partition (%s) as uncleanable",
			t.prefix, failed.log, partition)
		t.owner.manager.markUncleanable(failed.log.ParentDir(), partition)
		return false
	}
	return cleaned && err == nil
}

func (t *cleanerThread) cleanFilthiest(ctx context.Context) (bool, error) {
	cleanable, cleaning, found, err := t.owner.manager.grabFilthiest(ctx)
	if err != nil || cleanable == nil {
		return false, err
	}
	t.mu.Lock()
	t.lastFound = found
	t.mu.Unlock()
	return t.clean(cleaning, cleanable)
}

// clean cleans a log. That it was aborted, its directory is offline or its disk is
// full is no fault of the log.
func (t *cleanerThread) clean(ctx context.Context, cleanable *logToClean) (bool, error) {
	endOffset := cleanable.firstDirty
	defer func() { t.owner.manager.done(cleanable, endOffset) }()
	cleanedTo, stats, err := t.cleaner.clean(ctx, cleanable)
	unified := cleanable.log
	switch {
	case err == nil:
		endOffset = cleanedTo
		t.record(cleanable, cleanedTo, stats)
		return true, nil
	case errors.Is(err, errAborted), errors.Is(err, errShutdown), errors.Is(err, log.ErrSegmentGone):
		return true, nil
	case errors.Is(err, kerr.KafkaStorageError):
		return false, nil
	case vfs.IsNoSpace(err):
		// What was copied is removed again. There may be room for records, so the
		// directory does not count as full.
		t.owner.logger.WithError(err).Warnf("%sThere is no room to clean log %s now", t.prefix, unified)
		return false, nil
	case log.IsIOError(err):
		t.owner.failures.MaybeAddOfflineLogDir(unified.ParentDir(),
			"Failed to clean up log for "+cleanable.partition.String()+" in dir "+unified.ParentDir()+" due to IOException", err)
		return false, nil
	}
	return false, &logError{unified, err}
}

// record logs what a cleaning did.
func (t *cleanerThread) record(cleanable *logToClean, endOffset int64, stats *cleanerStats) {
	t.mu.Lock()
	t.last = *stats
	found := t.lastFound
	t.mu.Unlock()
	logger := t.owner.logger
	logger.Info(t.prefix + stats.report(t.id, cleanable.partition.String(), cleanable.firstDirty, endOffset))
	if found.delayed > 0 {
		logger.Infof("%s\tCleanable partitions: %d, Delayed partitions: %d, max delay: %d", t.prefix, found.cleanable, found.delayed, found.maxDelayMs)
	}
	if stats.invalidMessages > 0 {
		logger.Warnf("%s\tFound %d invalid messages during compaction.", t.prefix, stats.invalidMessages)
	}
}

func (t *cleanerThread) deleteOldSegments(ctx context.Context) error {
	deletable := t.owner.manager.deletableLogs()
	defer t.owner.manager.doneDeleting(deletable)
	for _, unified := range deletable {
		if ctx.Err() != nil {
			return nil
		}
		if _, err := unified.DeleteOldSegments(); err != nil {
			return &logError{unified, err}
		}
	}
	return nil
}
