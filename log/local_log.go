package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/vfs"
)

// DirFailureHandler is told of disk errors, which take a log directory offline;
// manager.LogDirFailureChannel is one.
type DirFailureHandler interface {
	MaybeAddOfflineLogDir(dir, message string, cause error)
	HasOfflineLogDir(dir string) bool
}

// localLog is the segments of a log on disk and the log's end, as
// kafka.log.LocalLog. Methods that change it need the lock of its UnifiedLog.
type localLog struct {
	fs        vfs.FS
	partition topic.Partition
	parentDir string
	scheduler *Scheduler
	failures  DirFailureHandler
	space     spaceKeeper // nil if the handler is none
	logger    *logrus.Entry

	// dirMu is held shared by work in the background that goes by the name of the
	// directory, exclusively while that changes; a leaf lock.
	dirMu         sync.RWMutex
	dir           atomic.Pointer[string]
	config        atomic.Pointer[Config]
	segments      logSegments
	recoveryPoint atomic.Int64
	lastFlushMs   atomic.Int64
	endOffset     atomic.Int64
	// truncations counts the cuts of the log's end, so that a flush that ran
	// meanwhile does not vouch for what was written after the cut.
	truncations atomic.Int64
	// flushMu lets one flush run at a time; newNames says that there are
	// segments whose names, or the directory's own, are not durable yet.
	flushMu  sync.Mutex
	newNames atomic.Bool

	endMu sync.Mutex // guards end; a leaf lock
	end   OffsetMetadata

	// closed says that the files are closed; guarded by the log's lock.
	closed bool
}

func (l *localLog) prefix() string {
	return fmt.Sprintf("[LocalLog partition=%s, dir=%s] ", l.partition, l.parentDir)
}

func (l *localLog) checkOpen() error {
	if l.closed {
		return fmt.Errorf("%w: the log of %s is already closed", kerr.KafkaStorageError, l.partition)
	}
	return nil
}

// ErrDiskFull says that there is no room for records. The log is as it was before,
// and takes records again when there is room.
var ErrDiskFull = errors.New("the disk is full")

// spaceKeeper is a DirFailureHandler that knows which disks are full.
type spaceKeeper interface {
	IsFull(dir string) bool
}

// halfDoneError is a full disk met in the middle of a change, of which it is not
// known how much was done. It is as bad as any other error of the disk.
type halfDoneError struct{ cause error }

func (e *halfDoneError) Error() string { return e.cause.Error() }

func halfDone(err error) error {
	if !vfs.IsNoSpace(err) {
		return err
	}
	return &halfDoneError{err}
}

// IsIOError tells errors of the disk from those of our own making.
func IsIOError(err error) bool {
	var pathError *fs.PathError
	var linkError *os.LinkError
	var syscallError *os.SyscallError
	var errno syscall.Errno
	var half *halfDoneError
	return errors.As(err, &half) || errors.As(err, &pathError) || errors.As(err, &linkError) || errors.As(err, &syscallError) || errors.As(err, &errno) ||
		errors.Is(err, io.ErrShortWrite) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// handleIO takes the log directory offline if the error is one of the disk, and
// turns it into a KAFKA_STORAGE_ERROR. A full disk is no reason to go offline,
// which is up to the handler.
func handleIO(failures DirFailureHandler, dir string, err error, format string, args ...any) error {
	if err == nil || !IsIOError(err) {
		return err
	}
	message := fmt.Sprintf(format, args...)
	if failures != nil {
		failures.MaybeAddOfflineLogDir(dir, message, err)
	}
	if vfs.IsNoSpace(err) {
		return fmt.Errorf("%w: %w: %s: %v", kerr.KafkaStorageError, ErrDiskFull, message, err)
	}
	return fmt.Errorf("%w: %s: %v", kerr.KafkaStorageError, message, err)
}

func (l *localLog) handleIO(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return handleIO(l.failures, l.parentDir, err, format, args...)
}

func (l *localLog) checkOnline() error {
	if l.failures != nil && l.failures.HasOfflineLogDir(l.parentDir) {
		return fmt.Errorf("%w: The log dir %s is already offline due to a previous IO exception", kerr.KafkaStorageError, l.parentDir)
	}
	return nil
}

// checkRoom refuses records while the disk is full.
func (l *localLog) checkRoom() error {
	if l.space != nil && l.space.IsFull(l.parentDir) {
		return fmt.Errorf("%w: %w: no room in log dir %s", kerr.KafkaStorageError, ErrDiskFull, l.parentDir)
	}
	return nil
}

func (l *localLog) endMetadata() OffsetMetadata {
	l.endMu.Lock()
	defer l.endMu.Unlock()
	return l.end
}

func (l *localLog) updateEnd(offset int64) {
	active := l.segments.active()
	l.endMu.Lock()
	l.end = OffsetMetadata{MessageOffset: offset, SegmentBaseOffset: active.BaseOffset, RelativePositionInSegment: active.Size()}
	l.endMu.Unlock()
	l.endOffset.Store(offset)
	if l.recoveryPoint.Load() > offset {
		l.recoveryPoint.Store(offset)
	}
}

func (l *localLog) openSegment(baseOffset int64) (*LogSegment, error) {
	segment, err := openSegment(segmentOptions{fs: l.fs, dir: *l.dir.Load(), baseOffset: baseOffset, config: l.config.Load(), create: true})
	l.newNames.Store(true)
	return segment, err
}

func (l *localLog) append(info *AppendInfo, records []byte) error {
	if err := l.segments.active().append(info.LastOffset, info.MaxTimestamp, info.OffsetOfMaxTimestamp, records); err != nil {
		return err
	}
	l.updateEnd(info.LastOffset + 1)
	return nil
}

// read gives records from an offset up to a bound. It takes no lock.
func (l *localLog) read(startOffset int64, maxLength int, minOneMessage bool, bound OffsetMetadata) (FetchDataInfo, *LogSegment, error) {
	end := l.endMetadata()
	list := l.segments.values()
	at := floor(list, startOffset)
	if startOffset > end.MessageOffset || at < 0 {
		return FetchDataInfo{}, nil, fmt.Errorf("%w: Received request for offset %d for partition %s, but we only have log segments upto %d",
			kerr.OffsetOutOfRange, startOffset, l.partition, end.MessageOffset)
	}
	if startOffset == bound.MessageOffset {
		return FetchDataInfo{FetchOffsetMetadata: bound}, nil, nil
	}
	if startOffset > bound.MessageOffset {
		metadata, err := l.offsetMetadata(startOffset)
		return FetchDataInfo{FetchOffsetMetadata: metadata}, nil, err
	}
	// A compacted segment may hold no record at or above the offset; then one of
	// the next does.
	for _, segment := range list[at:] {
		maxPosition := int64(segment.Size())
		if segment.BaseOffset == bound.SegmentBaseOffset {
			maxPosition = int64(bound.RelativePositionInSegment)
		}
		if bound.SegmentBaseOffset >= 0 && segment.BaseOffset > bound.SegmentBaseOffset {
			break
		}
		info, ok, err := segment.read(startOffset, maxLength, maxPosition, minOneMessage)
		if err != nil || ok {
			return info, segment, err
		}
	}
	return FetchDataInfo{FetchOffsetMetadata: end}, nil, nil
}

// offsetMetadata looks up where an offset lies.
func (l *localLog) offsetMetadata(offset int64) (OffsetMetadata, error) {
	info, _, err := l.read(offset, 1, false, l.endMetadata())
	if err != nil {
		return OffsetMetadata{}, err
	}
	info.Release()
	return info.FetchOffsetMetadata, nil
}

// roll starts a new active segment at the log's end or at a given offset above.
func (l *localLog) roll(expectedNextOffset int64) (*LogSegment, error) {
	if err := l.checkOpen(); err != nil {
		return nil, err
	}
	start := time.Now()
	baseOffset := max(expectedNextOffset, l.endOffset.Load())
	active := l.segments.active()
	switch {
	case active.BaseOffset == baseOffset && active.Size() == 0:
		// An index without room for an entry makes an empty segment roll
		// (KAFKA-6388). The new segment takes its place below, so that the log
		// is never without one.
		if err := deleteSegmentFiles(l, *l.dir.Load(), []*LogSegment{active}, true); err != nil {
			return nil, err
		}
	case l.segments.contains(baseOffset) || baseOffset < active.BaseOffset:
		return nil, fmt.Errorf("Trying to roll a new log segment for topic partition %s with start offset %d =max(provided offset = %d, LEO = %d) while it already exists or lies below the active segment %s", //nolint:staticcheck // Kafka's sentence
			l.partition, baseOffset, expectedNextOffset, l.endOffset.Load(), active)
	default:
		if err := l.deleteLeftovers(baseOffset); err != nil {
			return nil, err
		}
		if err := active.becomeInactive(); err != nil {
			return nil, err
		}
	}
	segment, err := l.openSegment(baseOffset)
	if err != nil {
		return nil, err
	}
	l.segments.add(segment)
	l.updateEnd(l.endOffset.Load())
	l.logger.Infof("%sRolled new log segment at offset %d in %d ms.", l.prefix(), baseOffset, time.Since(start).Milliseconds())
	return segment, nil
}

// deleteLeftovers removes files that have the names of a new segment.
func (l *localLog) deleteLeftovers(baseOffset int64) error {
	for _, kind := range []string{LogFileSuffix, IndexFileSuffix, TimeIndexFileSuffix, TxnIndexFileSuffix} {
		name := segmentPath(*l.dir.Load(), baseOffset, kind, "")
		exists, err := vfs.Exists(l.fs, name)
		if err != nil {
			return err
		}
		if exists {
			l.logger.Warnf("%sNewly rolled segment file %s already exists; deleting it first", l.prefix(), name)
			if err := l.fs.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// deletable are the oldest segments for which a condition holds without a gap;
// an empty active segment is never among them.
func (l *localLog) deletable(condition func(segment, next *LogSegment) (bool, error)) ([]*LogSegment, error) {
	list := l.segments.values()
	for i, segment := range list {
		var next *LogSegment
		if i+1 < len(list) {
			next = list[i+1]
		}
		ok, err := condition(segment, next)
		if err != nil {
			return nil, err
		}
		if !ok || next == nil && segment.Size() == 0 {
			return list[:i:i], nil
		}
	}
	return list[:len(list):len(list)], nil
}

// removeAndDelete takes segments out of the log and deletes their files, later
// if asynchronously.
func (l *localLog) removeAndDelete(segments []*LogSegment, async bool, reason string) error {
	if len(segments) == 0 {
		return nil
	}
	l.logger.Infof("%sDeleting segments as part of %s: %s", l.prefix(), reason, joinSegments(segments))
	order := segments
	if segments[len(segments)-1] == l.segments.active() {
		order = newestFirst(segments)
	}
	l.segments.remove(segments...)
	return deleteSegmentFiles(l, *l.dir.Load(), order, async)
}

// newestFirst is the order in which the end of a log is deleted, so that a crash
// meanwhile leaves no gap.
func newestFirst(segments []*LogSegment) []*LogSegment {
	reversed := slices.Clone(segments)
	slices.Reverse(reversed)
	return reversed
}

func joinSegments(segments []*LogSegment) string {
	text := ""
	for i, segment := range segments {
		if i > 0 {
			text += ","
		}
		text += segment.String()
	}
	return text
}

// deleteSegmentFiles renames the files first, so that a crash before they are
// deleted does not bring them back.
func deleteSegmentFiles(l *localLog, dir string, segments []*LogSegment, async bool) error {
	for _, segment := range segments {
		if err := segment.changeSuffix(dir, DeletedFileSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	deleteAll := func() error {
		var errs error
		l.dirMu.RLock()
		for _, segment := range segments {
			segment.setDir(*l.dir.Load(), DeletedFileSuffix) // the directory may have been renamed
			errs = errors.Join(errs, segment.delete())
		}
		l.dirMu.RUnlock()
		return l.handleIO(errs, "Error while deleting segments for %s in dir %s", l.partition, l.parentDir)
	}
	if !async {
		return deleteAll()
	}
	l.scheduler.Schedule(time.Duration(l.config.Load().FileDeleteDelayMs)*time.Millisecond, func() {
		l.logger.Infof("%sDeleting segment files %s", l.prefix(), joinSegments(segments))
		if err := deleteAll(); err != nil {
			l.logger.WithError(err).Errorf("%sDeleting segment files failed", l.prefix())
		}
	})
	return nil
}

// truncateTo cuts the log so that it ends at an offset, and returns the segments
// that went.
func (l *localLog) truncateTo(offset int64) ([]*LogSegment, error) {
	list := l.segments.values()
	keep := max(floor(list, offset), 0) + 1
	deleted := list[keep:len(list):len(list)]
	if err := l.removeAndDelete(deleted, true, "log truncation"); err != nil {
		return nil, err
	}
	if len(deleted) > 0 { // or they could come back behind a gap
		if err := l.fs.SyncDir(*l.dir.Load()); err != nil {
			return nil, err
		}
	}
	if _, err := l.segments.active().truncateTo(offset, l.config.Load().SegmentIndexBytes); err != nil {
		return nil, err
	}
	l.updateEnd(offset)
	l.truncations.Add(1) // after the end, see markFlushed
	// Without this a power loss could bring back old batches in between new
	// ones, which nothing would notice.
	return deleted, l.segments.active().file.file.Sync()
}

// truncateFullyAndStartAt replaces all segments by an empty one.
func (l *localLog) truncateFullyAndStartAt(offset int64) ([]*LogSegment, error) {
	deleted := l.segments.values()
	// The log must not be without a segment at any moment, and the new one may
	// have the name of an old one: that is renamed first.
	if err := deleteSegmentFiles(l, *l.dir.Load(), newestFirst(deleted), true); err != nil {
		return nil, err
	}
	l.logger.Infof("%sDeleting segments as part of log truncation: %s", l.prefix(), joinSegments(deleted))
	segment, err := l.openSegment(offset)
	if err != nil {
		return nil, err
	}
	l.segments.set([]*LogSegment{segment})
	l.updateEnd(offset)
	l.truncations.Add(1) // after the end, see markFlushed
	return deleted, l.fs.SyncDir(*l.dir.Load())
}

// flush makes all below an offset durable, and the names of new segments.
func (l *localLog) flush(offset int64) error {
	l.flushMu.Lock()
	defer l.flushMu.Unlock()
	for _, segment := range l.segments.between(l.recoveryPoint.Load(), offset) {
		if err := segment.flush(); err != nil {
			return err
		}
	}
	if !l.newNames.Swap(false) {
		return nil
	}
	err := l.syncDir()
	if err != nil {
		l.newNames.Store(true)
	}
	return err
}

// syncDir makes names durable for a flush, which may run while the directory is
// renamed or deleted.
func (l *localLog) syncDir() error {
	l.dirMu.RLock()
	defer l.dirMu.RUnlock()
	dir := *l.dir.Load()
	err := l.fs.SyncDir(dir)
	if errors.Is(err, fs.ErrNotExist) && strings.HasSuffix(dir, DeleteDirSuffix) {
		return nil
	}
	if err != nil {
		return err
	}
	return l.fs.SyncDir(l.parentDir)
}

// syncSnapshot makes a snapshot of the producers durable, if it is still there.
func (l *localLog) syncSnapshot(offset int64) error {
	l.dirMu.RLock()
	defer l.dirMu.RUnlock()
	return producerstate.SyncSnapshot(l.fs, *l.dir.Load(), offset)
}

// markFlushed raises the recovery point after a flush, unless the log was
// truncated since the number of truncations was looked at, before the flush.
func (l *localLog) markFlushed(offset, truncations int64) {
	if offset > l.recoveryPoint.Load() && truncations == l.truncations.Load() {
		l.recoveryPoint.Store(offset)
		l.lastFlushMs.Store(time.Now().UnixMilli())
	}
}

// renameDir renames the partition's directory; false if it has that name.
func (l *localLog) renameDir(name string) (bool, error) {
	renamed := path.Join(l.parentDir, name)
	if renamed == *l.dir.Load() {
		return false, nil
	}
	if err := l.changeDir(renamed); err != nil {
		return false, err
	}
	for _, segment := range l.segments.values() {
		segment.setDir(renamed, "")
	}
	return true, l.fs.SyncDir(l.parentDir)
}

// removeTries is how often a directory is removed in which there is something again.
const removeTries = 100

// removeDir removes the directory. A flush in the background that began before the
// files were closed may make an index in it meanwhile, one for each segment at most.
func (l *localLog) removeDir() error {
	var err error
	for range removeTries {
		if err = l.fs.RemoveAll(*l.dir.Load()); !errors.Is(err, syscall.ENOTEMPTY) {
			break
		}
	}
	return err
}

func (l *localLog) changeDir(renamed string) error {
	l.dirMu.Lock()
	defer l.dirMu.Unlock()
	if err := l.fs.Rename(*l.dir.Load(), renamed); err != nil {
		return err
	}
	l.dir.Store(&renamed)
	return nil
}
