package cleaner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/checkpoint"
)

// Logs are the logs of a broker; manager.LogManager has them.
type Logs interface {
	// CurrentLogs gives all logs but those on their way to another directory, in
	// a slice of its own.
	CurrentLogs() []*log.UnifiedLog
	// GetLog gives the log of a partition, or nil.
	GetLog(partition topic.Partition, isFuture bool) *log.UnifiedLog
}

// errAborted ends a cleaning whose log is to be truncated, deleted or moved.
var errAborted = errors.New("log cleaning aborted")

// partitionState is what goes on with a partition. There is none if nothing does.
type partitionState struct {
	// running says that a thread cleans the log, or applies retention to it, so
	// that no other may.
	running bool
	// abort ends a cleaning.
	abort context.CancelCauseFunc
	// pauses is how many want no cleaning to go on.
	pauses int
}

// cleanerManager knows the state of each partition and how far each is cleaned, as
// kafka.log.LogCleanerManager. It is safe for concurrent use. Its lock is a leaf
// but for those of checkpoint files and of the log manager's maps.
type cleanerManager struct {
	logs     Logs
	failures log.DirFailureHandler
	full     func(dir string) bool
	logger   *logrus.Entry

	mu      sync.Mutex // guards what follows
	stopped *sync.Cond // that a partition stopped running
	states  map[topic.Partition]*partitionState
	// checkpoints are those of the directories that work.
	checkpoints map[string]*checkpoint.OffsetCheckpoint
	// uncleanable are the partitions by directory whose cleaning failed.
	uncleanable map[string]map[topic.Partition]bool
	dirtiest    float64
	lastRun     time.Time
}

func newCleanerManager(options Options) *cleanerManager {
	m := &cleanerManager{
		logs: options.Logs, failures: options.Failures, full: options.Full, logger: options.Logger,
		states: map[topic.Partition]*partitionState{}, checkpoints: map[string]*checkpoint.OffsetCheckpoint{},
		uncleanable: map[string]map[topic.Partition]bool{}, lastRun: time.Now(),
	}
	m.stopped = sync.NewCond(&m.mu)
	for _, dir := range options.LogDirs {
		m.checkpoints[dir] = checkpoint.NewOffsetCheckpoint(options.FS, dir, checkpoint.CleanerOffsetFile)
	}
	return m
}

// cleanings is what choosing a log found out about all of them.
type cleanings struct {
	cleanable, delayed int
	maxDelayMs         int64
}

// logError is an error with the log that made it.
type logError struct {
	log *log.UnifiedLog
	err error
}

func (e *logError) Error() string { return e.err.Error() }
func (e *logError) Unwrap() error { return e.err }

// grabFilthiest chooses the dirtiest log that is worth cleaning; nil if there is
// none. The context of the cleaning ends with the given one or when the cleaning
// is aborted. done must follow.
func (m *cleanerManager) grabFilthiest(ctx context.Context) (*logToClean, context.Context, cleanings, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastRun = time.Now()
	nowMs := m.lastRun.UnixMilli()
	var found cleanings
	var filthiest *logToClean
	m.dirtiest = 0
	var checkpointed map[topic.Partition]int64
	for _, unified := range m.logs.CurrentLogs() {
		if !m.isIdleLocked(unified) || m.full(unified.ParentDir()) {
			continue
		}
		if checkpointed == nil {
			checkpointed = m.allCheckpointsLocked()
		}
		candidate, err := m.inspectLocked(unified, checkpointed, nowMs)
		if errors.Is(err, kerr.KafkaStorageError) {
			continue // it is being truncated or deleted
		}
		if err != nil {
			return nil, nil, found, &logError{unified, fmt.Errorf("Failed to calculate log cleaning stats for partition %s: %w", unified.TopicPartition(), err)} //nolint:staticcheck // Kafka's sentence
		}
		if candidate.delayMs > 0 {
			found.delayed++
			found.maxDelayMs = max(found.maxDelayMs, candidate.delayMs)
		}
		if candidate.cleanBytes+candidate.cleanableBytes == 0 {
			continue
		}
		m.dirtiest = max(m.dirtiest, candidate.ratio())
		if !candidate.isCleanable() {
			continue
		}
		found.cleanable++
		if filthiest == nil || candidate.ratio() > filthiest.ratio() {
			filthiest = candidate
		}
	}
	if filthiest == nil {
		return nil, nil, found, nil
	}
	cleaning, abort := context.WithCancelCause(ctx)
	m.states[filthiest.partition] = &partitionState{running: true, abort: abort}
	return filthiest, cleaning, found, nil
}

// isIdleLocked reports whether a log is one to clean that nobody is busy with.
func (m *cleanerManager) isIdleLocked(unified *log.UnifiedLog) bool {
	partition := unified.TopicPartition()
	return unified.Config().Compact && m.states[partition] == nil && !m.uncleanable[unified.ParentDir()][partition]
}

func (m *cleanerManager) inspectLocked(unified *log.UnifiedLog, checkpointed map[topic.Partition]int64, nowMs int64) (*logToClean, error) {
	last, known := checkpointed[unified.TopicPartition()]
	offsets, err := cleanableOffsets(unified, last, known, nowMs)
	if err != nil {
		return nil, err
	}
	if offsets.warning != "" {
		m.logger.Warn(offsets.warning)
	}
	if offsets.reset {
		m.updateCheckpointLocked(unified.ParentDir(), func(to map[topic.Partition]int64) { to[unified.TopicPartition()] = offsets.firstDirty })
	}
	return newLogToClean(unified, offsets, nowMs)
}

// done ends a cleaning; how far it got is noted unless it was aborted.
func (m *cleanerManager) done(cleaned *logToClean, endOffset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.states[cleaned.partition].pauses == 0 {
		m.updateCheckpointLocked(cleaned.log.ParentDir(), func(to map[topic.Partition]int64) { to[cleaned.partition] = endOffset })
	}
	m.stopRunningLocked(cleaned.partition)
}

func (m *cleanerManager) stopRunningLocked(partition topic.Partition) {
	state := m.states[partition]
	if state.abort != nil {
		state.abort(nil)
	}
	if state.running, state.abort = false, nil; state.pauses == 0 {
		delete(m.states, partition)
	}
	m.stopped.Broadcast()
}

// deletableLogs are the compacted logs that nobody is busy with; retention, or
// just a raised log start, may let go of segments of theirs. doneDeleting must
// follow.
func (m *cleanerManager) deletableLogs() []*log.UnifiedLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	deletable := slices.DeleteFunc(m.logs.CurrentLogs(), func(unified *log.UnifiedLog) bool { return !m.isIdleLocked(unified) })
	for _, unified := range deletable {
		m.states[unified.TopicPartition()] = &partitionState{running: true}
	}
	return deletable
}

func (m *cleanerManager) doneDeleting(deleted []*log.UnifiedLog) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, unified := range deleted {
		m.stopRunningLocked(unified.TopicPartition())
	}
}

// pauseNonCompacted pauses the cleaning of logs that are not compacted and gives
// those that no thread is busy with, so that retention and a change of the cleanup
// policy do not meet.
func (m *cleanerManager) pauseNonCompacted() []*log.UnifiedLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	paused := slices.DeleteFunc(m.logs.CurrentLogs(), func(unified *log.UnifiedLog) bool {
		state := m.states[unified.TopicPartition()]
		return unified.Config().Compact || state != nil && state.running
	})
	for _, unified := range paused {
		m.pauseLocked(unified.TopicPartition())
	}
	return paused
}

func (m *cleanerManager) pauseLocked(partition topic.Partition) *partitionState {
	state := m.states[partition]
	if state == nil {
		state = &partitionState{}
		m.states[partition] = state
	}
	state.pauses++
	return state
}

// abortAndPause ends a cleaning that goes on and lets none begin until resume,
// which must be called as often.
func (m *cleanerManager) abortAndPause(partition topic.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.pauseLocked(partition)
	if state.abort != nil {
		state.abort(errAborted)
	}
	for state.running {
		m.stopped.Wait()
	}
}

func (m *cleanerManager) resume(partitions ...topic.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, partition := range partitions {
		state := m.states[partition]
		if state == nil || state.pauses == 0 {
			m.logger.Errorf("Compaction for partition %s cannot be resumed since it is not paused.", partition)
			continue
		}
		if state.pauses--; state.pauses == 0 && !state.running {
			delete(m.states, partition)
		}
	}
}

// markUncleanable sets a partition aside whose cleaning failed.
func (m *cleanerManager) markUncleanable(dir string, partition topic.Partition) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.markUncleanableLocked(dir, partition)
}

func (m *cleanerManager) markUncleanableLocked(dir string, partition topic.Partition) {
	if m.uncleanable[dir] == nil {
		m.uncleanable[dir] = map[topic.Partition]bool{}
	}
	m.uncleanable[dir][partition] = true
}

// maintainUncleanable forgets partitions that were deleted.
func (m *cleanerManager) maintainUncleanable() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for dir, partitions := range m.uncleanable {
		for partition := range partitions {
			if m.logs.GetLog(partition, false) == nil {
				delete(partitions, partition)
			}
		}
		if len(partitions) == 0 {
			delete(m.uncleanable, dir)
		}
	}
}
