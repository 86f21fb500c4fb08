package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/epoch"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// UnifiedLog is the log of one partition, as kafka.log.UnifiedLog.
//
// Its lock mu guards all changes; offsetsMu, a leaf lock, guards the offsets
// that readers look at; reading takes mu only to look up where an offset lies,
// and no lock while it reads. Start, end and high watermark alone are atomic.
// Lock order: mu, then offsetsMu, then the locks of segments and indexes.
type UnifiedLog struct {
	local     localLog
	logger    *logrus.Entry
	producers *producerstate.Manager // guarded by mu
	epochs    *epoch.LeaderEpochFileCache

	mu sync.Mutex

	logStartOffset atomic.Int64
	highWatermark  atomic.Int64

	offsetsMu sync.Mutex // guards the next three
	hw        OffsetMetadata
	// unstable is where the first transaction begins that is open or not
	// replicated, if hasUnstable.
	unstable    OffsetMetadata
	hasUnstable bool

	topicIDMu sync.Mutex // guards the next three; taken before or without mu
	topicID   topic.ID
	// topicIDUnwritten says that partition.metadata is yet to be written.
	topicIDUnwritten      atomic.Bool
	keepPartitionMetadata bool
}

// OpenOptions are what opening or creating a log needs.
type OpenOptions struct {
	// Dir is the directory of the partition; it is created if missing.
	Dir    string
	Config *Config
	// LogStartOffset and RecoveryPoint come from the checkpoint files.
	LogStartOffset int64
	RecoveryPoint  int64
	// CleanShutdown says that nothing needs to be recovered.
	CleanShutdown bool
	// TopicID is given when a log is created; zero means unknown.
	TopicID topic.ID
	// KeepPartitionMetadata is false for inter-broker protocols below 2.8,
	// which know no topic ids.
	KeepPartitionMetadata bool
	// ProducerIDExpirationMs is transactional.id.expiration.ms.
	ProducerIDExpirationMs int64
	FS                     vfs.FS
	Scheduler              *Scheduler
	Failures               DirFailureHandler
}

// Open loads a log, recovering it if need be, or creates it.
func Open(options OpenOptions) (*UnifiedLog, error) {
	partition, err := ParseTopicPartitionName(options.Dir)
	if err != nil {
		return nil, err
	}
	if options.FS == nil {
		options.FS = vfs.OS
	}
	log := &UnifiedLog{
		logger:                unifiedLogLogger,
		keepPartitionMetadata: options.KeepPartitionMetadata,
	}
	local := &log.local
	local.fs, local.partition, local.parentDir = options.FS, partition, path.Dir(options.Dir)
	local.scheduler, local.failures, local.logger = options.Scheduler, options.Failures, localLogLogger
	local.space, _ = options.Failures.(spaceKeeper)
	local.dir.Store(&options.Dir)
	local.config.Store(options.Config)
	local.lastFlushMs.Store(time.Now().UnixMilli())
	local.newNames.Store(true) // those of a process that was killed may not be durable
	log.producers = producerstate.New(options.FS, options.Dir, partition, options.ProducerIDExpirationMs, producerStateLogger)
	if err := log.load(options); err != nil {
		// Only what was opened for reading or truncated is lost here.
		_ = local.segments.each((*LogSegment).closeHandlers)
		return nil, fmt.Errorf("log %s: %w", options.Dir, err)
	}
	return log, nil
}

func (l *UnifiedLog) load(options OpenOptions) error {
	fsys, dir := options.FS, options.Dir
	exists, err := vfs.Exists(fsys, dir)
	if err != nil {
		return err
	}
	if !exists {
		if err := fsys.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	l.epochs, err = epoch.New(checkpoint.NewLeaderEpochCheckpoint(fsys, dir), leaderEpochLogger,
		fmt.Sprintf("[LeaderEpochCache %s] ", l.local.partition))
	if err != nil {
		return err
	}
	if err := l.dropEpochsOfOldFormat(); err != nil {
		return err
	}
	loader := logLoader{log: l, options: options, logger: logLoaderLogger}
	offsets, err := loader.load()
	if err != nil {
		return err
	}
	l.local.updateEnd(offsets.nextOffset)
	l.local.recoveryPoint.Store(offsets.recoveryPoint)
	l.setHighWatermark(OffsetOnly(offsets.logStartOffset))
	l.updateLogStartOffset(offsets.logStartOffset)
	if err := l.maybeIncrementFirstUnstableOffset(); err != nil {
		return err
	}
	return l.initializeTopicID(options.TopicID)
}

func (l *UnifiedLog) prefix() string {
	return fmt.Sprintf("[UnifiedLog partition=%s, dir=%s] ", l.local.partition, l.local.parentDir)
}

// TopicPartition is the partition this is the log of.
func (l *UnifiedLog) TopicPartition() topic.Partition { return l.local.partition }

// Dir is the directory of the partition.
func (l *UnifiedLog) Dir() string { return *l.local.dir.Load() }

// ParentDir is the log directory the partition is in.
func (l *UnifiedLog) ParentDir() string { return l.local.parentDir }

// IsFuture reports whether the log is on its way to another log directory.
func (l *UnifiedLog) IsFuture() bool { return strings.HasSuffix(l.Dir(), FutureDirSuffix) }

// Config is the settings in force.
func (l *UnifiedLog) Config() *Config { return l.local.config.Load() }

// UpdateConfig puts new settings in force and returns the old ones. Sizes of
// indexes and the jitter of rolls change with the next segment.
func (l *UnifiedLog) UpdateConfig(config *Config) *Config {
	old := l.local.config.Swap(config)
	if old.RecordVersion != config.RecordVersion {
		if err := l.local.handleIO(l.dropEpochsOfOldFormat(), "Error while writing to checkpoint file %s/%s", l.Dir(), checkpoint.LeaderEpochFile); err != nil {
			l.logger.WithError(err).Errorf("%sClearing the leader epoch cache failed", l.prefix())
		}
	}
	return old
}

// LogStartOffset is the first offset that may be read.
func (l *UnifiedLog) LogStartOffset() int64 { return l.logStartOffset.Load() }

// LogEndOffset is the offset of the next record.
func (l *UnifiedLog) LogEndOffset() int64 { return l.local.endOffset.Load() }

// LogEndOffsetMetadata is the log end offset and its place.
func (l *UnifiedLog) LogEndOffsetMetadata() OffsetMetadata { return l.local.endMetadata() }

// RecoveryPoint is the offset below which all is known to be durable.
func (l *UnifiedLog) RecoveryPoint() int64 { return l.local.recoveryPoint.Load() }

// LastFlushTime is when the log was last flushed.
func (l *UnifiedLog) LastFlushTime() time.Time { return time.UnixMilli(l.local.lastFlushMs.Load()) }

// Size is the size of the segments in bytes.
func (l *UnifiedLog) Size() int64 { return l.local.segments.sizeInBytes() }

// NumberOfSegments is the number of segments.
func (l *UnifiedLog) NumberOfSegments() int { return len(l.local.segments.values()) }

// Segments are the segments, oldest first. The slice must not be changed.
func (l *UnifiedLog) Segments() []*LogSegment { return l.local.segments.values() }

// ActiveSegmentBaseOffset is the base offset of the segment that is appended to.
func (l *UnifiedLog) ActiveSegmentBaseOffset() int64 { return l.local.segments.active().BaseOffset }

// String gives the form of Kafka's log messages.
func (l *UnifiedLog) String() string {
	id := ""
	if topicID := l.TopicID(); !topicID.IsZero() {
		id = ", topicId=" + topicID.String()
	}
	return fmt.Sprintf("Log(dir=%s%s, topic=%s, partition=%d, highWatermark=%d, lastStableOffset=%d, logStartOffset=%d, logEndOffset=%d)",
		l.Dir(), id, l.local.partition.Topic, l.local.partition.Partition,
		l.HighWatermark(), l.LastStableOffset(), l.LogStartOffset(), l.LogEndOffset())
}

// Flush makes all records durable.
func (l *UnifiedLog) Flush() error { return l.flush(l.LogEndOffset()) }

func (l *UnifiedLog) flush(offset int64) error {
	// The log may be truncated before the flush, or while it runs. Below the end all
	// is in the indexes only when no append is under way.
	l.mu.Lock()
	truncations := l.local.truncations.Load()
	offset = min(offset, l.LogEndOffset())
	l.mu.Unlock()
	if offset <= l.RecoveryPoint() {
		return nil
	}
	err := l.local.flush(offset)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.local.markFlushed(offset, truncations)
	}
	return l.local.handleIO(err, "Error while flushing log for %s in dir %s with offset %d", l.local.partition, l.local.parentDir, offset)
}

// flushLocked is flush for an append that reached flush.messages.
func (l *UnifiedLog) flushLocked() error {
	offset := l.LogEndOffset()
	truncations := l.local.truncations.Load()
	err := l.local.flush(offset)
	if err == nil {
		l.local.markFlushed(offset, truncations)
	}
	return err
}

// Roll starts a new active segment.
func (l *UnifiedLog) Roll() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.rollLocked(0)
	return l.local.handleIO(err, "Error while rolling log segment for %s in dir %s", l.local.partition, l.local.parentDir)
}

// rollLocked starts a new active segment at the log's end or above. What
// becomes of the old one, and the snapshot of the producers at the new base,
// is made durable in the background.
func (l *UnifiedLog) rollLocked(expectedNextOffset int64) (*LogSegment, error) {
	old := l.local.segments.active()
	segment, err := l.local.roll(expectedNextOffset)
	if err != nil {
		return nil, err
	}
	l.producers.UpdateMapEndOffset(segment.BaseOffset)
	if err := l.producers.TakeSnapshot(false); err != nil {
		return nil, err
	}
	l.updateHighWatermarkWithEndLocked()
	base := segment.BaseOffset
	l.local.scheduler.Schedule(0, func() {
		err := l.local.syncSnapshot(base)
		if err == nil {
			// All below base may be flushed already, but not how the old
			// segment's indexes were finished.
			err = errors.Join(old.flush(), l.flush(base))
		}
		if err = l.local.handleIO(err, "Error while flushing log for %s in dir %s with offset %d", l.local.partition, l.local.parentDir, base); err != nil {
			l.logger.WithError(err).Errorf("%sFlushing up to offset %d failed", l.prefix(), base)
		}
	})
	return segment, nil
}

// Close leaves the files as a clean shutdown needs them. The caller flushes
// before.
func (l *UnifiedLog) Close() error {
	if err := l.flushDueFiles(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.local.closed {
		return nil
	}
	// The snapshot saves the next start from reading the log.
	err := l.producers.TakeSnapshot(true)
	err = errors.Join(err, l.local.segments.each((*LogSegment).close))
	l.local.closed = true
	return l.local.handleIO(err, "Error while closing log for %s in dir %s", l.local.partition, l.local.parentDir)
}

// CloseHandlers lets go of all files without writing, when their directory is
// offline.
func (l *UnifiedLog) CloseHandlers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.local.closed {
		return
	}
	l.local.closed = true
	// The disk failed; nothing more can be done for these files.
	_ = l.local.segments.each((*LogSegment).closeHandlers)
}

// RenameDir gives the directory of the partition a new name.
func (l *UnifiedLog) RenameDir(name string) error {
	if err := l.maybeFlushMetadataFile(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	renamed, err := l.local.renameDir(name)
	if renamed {
		l.producers.SetDir(l.Dir())
		l.epochs.SetDir(l.Dir())
	}
	return l.local.handleIO(err, "Error while renaming dir for %s in log dir %s", l.local.partition, l.local.parentDir)
}

// Delete removes the partition's directory at once.
func (l *UnifiedLog) Delete() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.local.checkOnline()
	if err == nil {
		if !l.local.closed {
			_ = l.local.segments.each((*LogSegment).closeHandlers) // their files go now
			l.local.closed = true
		}
		err = l.local.removeDir()
	}
	return l.local.handleIO(err, "Error while deleting log for %s in dir %s", l.local.partition, l.local.parentDir)
}

// TopicID is the id of the topic, zero if it has none.
func (l *UnifiedLog) TopicID() topic.ID {
	l.topicIDMu.Lock()
	defer l.topicIDMu.Unlock()
	return l.topicID
}

// initializeTopicID takes the id from partition.metadata, or the given one when
// there is no such file yet.
func (l *UnifiedLog) initializeTopicID(given topic.ID) error {
	stored, err := checkpoint.ReadPartitionMetadata(l.local.fs, l.Dir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if l.keepPartitionMetadata && !given.IsZero() {
			l.topicID = given
			l.topicIDUnwritten.Store(true)
			l.flushDueFilesLater()
		}
		return nil
	case !l.keepPartitionMetadata:
		return vfs.RemoveIfExists(l.local.fs, path.Join(l.Dir(), checkpoint.PartitionMetadataFile))
	case err != nil:
		return err
	case !given.IsZero() && given != stored:
		return l.inconsistentTopicID(given, stored)
	}
	l.topicID = stored
	return nil
}

func (l *UnifiedLog) inconsistentTopicID(given, stored topic.ID) error {
	return fmt.Errorf("%w: Tried to assign topic ID %s to log for topic partition %s, but log already contained topic ID %s",
		kerr.InconsistentTopicID, given, l.local.partition, stored)
}

// AssignTopicID gives a log without an id one; a different id is an
// INCONSISTENT_TOPIC_ID error. The file is written before the next append.
func (l *UnifiedLog) AssignTopicID(id topic.ID) error {
	l.topicIDMu.Lock()
	defer l.topicIDMu.Unlock()
	if !l.topicID.IsZero() {
		if l.topicID != id {
			return l.inconsistentTopicID(id, l.topicID)
		}
		return nil
	}
	if l.keepPartitionMetadata && !id.IsZero() {
		l.topicID = id
		l.topicIDUnwritten.Store(true)
	}
	return nil
}

// flushDueFiles writes partition.metadata and the leader epochs if they are due:
// records must not be there without the id of their topic and their epoch.
func (l *UnifiedLog) flushDueFiles() error {
	if err := l.maybeFlushMetadataFile(); err != nil {
		return err
	}
	if err := l.epochs.Flush(); err != nil {
		return l.local.handleIO(err, "Error while writing to checkpoint file %s/%s", l.Dir(), checkpoint.LeaderEpochFile)
	}
	return nil
}

// flushDueFilesLater has the files written soon, so that the first append need not
// wait for the disk. There may be thousands of logs whose files are due at once.
// The lock keeps the directory where it is meanwhile.
func (l *UnifiedLog) flushDueFilesLater() {
	l.local.scheduler.Queue(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.local.closed {
			return
		}
		if err := l.flushDueFiles(); err != nil {
			l.logger.WithError(err).Errorf("%sWriting the topic id and the leader epochs failed", l.prefix())
		}
	})
}

func (l *UnifiedLog) maybeFlushMetadataFile() error {
	if !l.topicIDUnwritten.Load() {
		return nil
	}
	l.topicIDMu.Lock()
	defer l.topicIDMu.Unlock()
	if !l.topicIDUnwritten.Load() {
		return nil
	}
	err := checkpoint.WritePartitionMetadata(l.local.fs, l.Dir(), l.topicID)
	if err == nil {
		l.topicIDUnwritten.Store(false)
	}
	return l.local.handleIO(err, "Error while writing partition metadata file in %s", l.Dir())
}

// ActiveProducers is the state of all producers, as DescribeProducers shows it.
func (l *UnifiedLog) ActiveProducers() []ActiveProducer {
	l.mu.Lock()
	defer l.mu.Unlock()
	var active []ActiveProducer
	l.producers.Producers(func(entry *producerstate.Entry) {
		active = append(active, ActiveProducer{
			ProducerID:            entry.ProducerID,
			ProducerEpoch:         entry.ProducerEpoch,
			LastSequence:          entry.LastSequence(),
			LastTimestamp:         entry.LastTimestamp,
			CoordinatorEpoch:      entry.CoordinatorEpoch,
			CurrentTxnStartOffset: entry.CurrentTxnFirstOffset,
		})
	})
	return active
}

// RemoveExpiredProducers forgets producers that were silent for too long.
func (l *UnifiedLog) RemoveExpiredProducers(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.producers.RemoveExpired(now.UnixMilli())
}

// keepsEpochs reports whether the format of the topic carries leader epochs.
func (l *UnifiedLog) keepsEpochs() bool { return l.Config().RecordVersion >= record.MagicV2 }

// dropEpochsOfOldFormat forgets the leader epochs when the topic went back to a
// format without them, so that followers truncate by high watermark.
func (l *UnifiedLog) dropEpochsOfOldFormat() error {
	if _, ok := l.epochs.Latest(); !ok || l.keepsEpochs() {
		return nil
	}
	l.logger.Warnf("%sDeleting non-empty leader epoch cache due to incompatible message format V%d", l.prefix(), l.Config().RecordVersion)
	return l.epochs.ClearAndFlush()
}

// LatestEpoch is the epoch of the last batch, or the one this broker leads in.
func (l *UnifiedLog) LatestEpoch() (latest int32, ok bool) {
	entry, ok := l.epochs.Latest()
	return entry.Epoch, ok
}

// EndOffsetForEpoch is where an epoch ends in this log.
func (l *UnifiedLog) EndOffsetForEpoch(requested int32) (end OffsetAndEpoch, ok bool) {
	found, offset := l.epochs.EndOffsetFor(requested, l.LogEndOffset())
	return OffsetAndEpoch{Offset: offset, LeaderEpoch: found}, offset != epoch.UndefinedOffset
}

// MaybeAssignEpochStartOffset records that an epoch begins at the log's end. The
// file is written before the first record of the epoch.
func (l *UnifiedLog) MaybeAssignEpochStartOffset(leaderEpoch int32, startOffset int64) error {
	if !l.keepsEpochs() {
		return nil
	}
	due, err := l.epochs.Announce(leaderEpoch, startOffset)
	if due {
		l.flushDueFilesLater()
	}
	return err
}

// EpochEntries is a copy of the leader epochs of the log.
func (l *UnifiedLog) EpochEntries() []epoch.Entry { return l.epochs.Entries() }
