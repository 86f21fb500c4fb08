package log

import (
	"errors"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/vfs"
)

// logLoader brings the files of a partition into the state of a log, as
// kafka.log.LogLoader: it finishes interrupted swaps, opens the segments, checks
// those that may not have been flushed, and rebuilds the producers' state. Its
// work is in proportion to what lies above the recovery point.
type logLoader struct {
	log     *UnifiedLog
	options OpenOptions
	logger  *logrus.Entry
}

// loadedOffsets is the outcome of loading.
type loadedOffsets struct {
	logStartOffset int64
	recoveryPoint  int64
	nextOffset     int64
}

func (d *logLoader) dir() string            { return d.options.Dir }
func (d *logLoader) segments() *logSegments { return &d.log.local.segments }

func (d *logLoader) load() (loadedOffsets, error) {
	for {
		offsets, err := d.loadOnce()
		var overflow *segmentOverflowError
		if !errors.As(err, &overflow) {
			return offsets, err
		}
		// Each split mends one segment for good.
		if err := d.splitOverflowedSegment(overflow); err != nil {
			return offsets, err
		}
	}
}

func (d *logLoader) loadOnce() (loadedOffsets, error) {
	var offsets loadedOffsets
	files, err := d.completeSwaps()
	if err != nil {
		return offsets, err
	}
	if err := d.loadSegmentFiles(files); err != nil {
		return offsets, err
	}
	if strings.HasSuffix(d.dir(), DeleteDirSuffix) {
		if d.segments().active() == nil {
			err = d.addEmptySegment(0)
		}
	} else {
		offsets.recoveryPoint, offsets.nextOffset, err = d.recoverSegments()
		if err == nil {
			err = d.segments().active().presizeIndexes(d.options.Config.SegmentIndexBytes)
		}
	}
	if err != nil {
		return offsets, err
	}
	return offsets, d.finish(&offsets)
}

func (d *logLoader) finish(offsets *loadedOffsets) error {
	epochs := d.log.epochs
	epochs.DropFromEnd(offsets.nextOffset)
	offsets.logStartOffset = max(d.options.LogStartOffset, d.segments().values()[0].BaseOffset)
	// The first epoch may not have been written before a crash.
	if err := epochs.TruncateFromStart(d.options.LogStartOffset); err != nil {
		return err
	}
	if err := d.log.producers.RemoveStraySnapshots(d.segments().baseOffsets()); err != nil {
		return err
	}
	return rebuildProducerState(d.log.producers, d.segments(), offsets.logStartOffset, offsets.nextOffset, d.options.CleanShutdown)
}

// fileNames are the files of the partition's directory, in order of names.
func (d *logLoader) fileNames() ([]string, error) {
	entries, err := d.options.FS.ReadDir(d.dir())
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		if !entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func (d *logLoader) remove(name string) error {
	return vfs.RemoveIfExists(d.options.FS, path.Join(d.dir(), name))
}

// completeSwaps deletes what was about to be deleted or was half written, and
// puts in place what a compaction or split had finished. It returns the names of
// the files there are then.
func (d *logLoader) completeSwaps() ([]string, error) {
	names, err := d.fileNames()
	if err != nil {
		return nil, err
	}
	swaps, changed, err := d.removeTemporaryFiles(names)
	if err != nil {
		return nil, err
	}
	if len(swaps) > 0 {
		if err := d.replaceBySwaps(names, swaps); err != nil {
			return nil, err
		}
	}
	if !changed && len(swaps) == 0 {
		return names, nil
	}
	return d.fileNames()
}

func (d *logLoader) removeTemporaryFiles(names []string) (swaps []string, changed bool, err error) {
	minCleaned := int64(math.MaxInt64)
	var doomed []string
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, DeletedFileSuffix):
			doomed = append(doomed, name)
		case strings.HasSuffix(name, CleanedFileSuffix):
			if offset, ok := offsetFromFileName(name); ok {
				minCleaned = min(minCleaned, offset)
			}
			doomed = append(doomed, name)
		}
	}
	for _, name := range names {
		if !strings.HasSuffix(name, SwapFileSuffix) {
			continue
		}
		// A swap file at or above a half written one is part of a split that
		// did not finish (KAFKA-6264).
		if offset, ok := offsetFromFileName(name); !ok || offset >= minCleaned {
			doomed = append(doomed, name)
		} else {
			swaps = append(swaps, name)
		}
	}
	for _, name := range doomed {
		if err := d.remove(name); err != nil {
			return nil, false, err
		}
	}
	return swaps, len(doomed) > 0, nil
}

// replaceBySwaps deletes the segments that swap files replace and gives these
// their names.
func (d *logLoader) replaceBySwaps(names, swaps []string) error {
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for _, name := range swaps {
		if !strings.HasSuffix(name, LogFileSuffix+SwapFileSuffix) {
			continue
		}
		base, _ := offsetFromFileName(name)
		segment, err := openSegment(segmentOptions{
			fs: d.options.FS, dir: d.dir(), baseOffset: base, config: d.options.Config, suffix: SwapFileSuffix,
		})
		if err != nil {
			return err
		}
		next, err := segment.readNextOffset()
		if err := errors.Join(err, segment.closeHandlers()); err != nil {
			return err
		}
		from, to = min(from, base), max(to, next)
	}
	for _, name := range names {
		if strings.HasSuffix(name, SwapFileSuffix) || strings.HasSuffix(name, CleanedFileSuffix) || strings.HasSuffix(name, DeletedFileSuffix) {
			continue
		}
		if offset, ok := offsetFromFileName(name); ok && offset >= from && offset < to {
			d.logger.Infof("Deleting segment files %s that is compacted but has not been deleted yet.", name)
			if err := d.remove(name); err != nil {
				return err
			}
		}
	}
	for _, name := range swaps {
		old := path.Join(d.dir(), name)
		if err := d.options.FS.Rename(old, strings.TrimSuffix(old, SwapFileSuffix)); err != nil {
			return err
		}
	}
	return d.options.FS.SyncDir(d.dir())
}

// loadSegmentFiles opens the segments. An index without a log is deleted, a log
// without an offset index recovered.
func (d *logLoader) loadSegmentFiles(names []string) error {
	present := make(map[string]bool, len(names))
	for _, name := range names {
		present[name] = true
	}
	var loaded []*LogSegment
	for _, name := range names {
		base, ok := offsetFromFileName(name)
		switch {
		case !ok:
		case isIndexFile(name):
			if !present[path.Base(segmentPath("", base, LogFileSuffix, ""))] {
				d.logger.Warnf("Found an orphaned index file %s/%s, with no corresponding log file.", d.dir(), name)
				if err := d.remove(name); err != nil {
					return err
				}
			}
		case strings.HasSuffix(name, LogFileSuffix):
			segment, err := d.loadSegment(base, present)
			if err != nil {
				return err
			}
			loaded = append(loaded, segment)
			d.segments().set(loaded[:len(loaded):len(loaded)])
		}
	}
	return nil
}

func (d *logLoader) loadSegment(base int64, present map[string]bool) (*LogSegment, error) {
	segment, err := openSegment(segmentOptions{fs: d.options.FS, dir: d.dir(), baseOffset: base, config: d.options.Config})
	if err != nil {
		return nil, err
	}
	has := func(kind string) bool { return present[path.Base(segmentPath("", base, kind, ""))] }
	problem := ""
	if !has(IndexFileSuffix) && (segment.Size() > 0 || !d.options.CleanShutdown) {
		// Of an empty segment after a clean shutdown nothing is missing
		// (KAFKA-13603).
		problem = "Could not find offset index file"
	} else if has(TxnIndexFileSuffix) {
		if err := segment.txnIndex.SanityCheck(); errors.Is(err, index.ErrCorrupt) {
			problem = "Found a corrupted index file"
		} else if err != nil {
			return nil, errors.Join(err, segment.closeHandlers())
		}
	}
	if problem == "" {
		return segment, nil
	}
	d.logger.Errorf("%s corresponding to log file %s, recovering segment and rebuilding index files...", problem, segment.path)
	if _, err := d.recoverSegment(segment, func() error { return nil }); err != nil {
		return nil, errors.Join(err, segment.closeHandlers())
	}
	return segment, nil
}

func (d *logLoader) addEmptySegment(baseOffset int64) error {
	segment, err := d.log.local.openSegment(baseOffset)
	if err == nil {
		d.segments().add(segment)
	}
	return err
}

// recoverSegment checks a segment with the producers' state as of its start.
func (d *logLoader) recoverSegment(segment *LogSegment, beforeCut func() error) (int, error) {
	producers := producerstate.New(d.options.FS, d.dir(), d.log.local.partition, d.options.ProducerIDExpirationMs,
		producerStateLogger)
	if err := producers.LoadSnapshots(); err != nil {
		return 0, err
	}
	if err := rebuildProducerState(producers, d.segments(), d.options.LogStartOffset, segment.BaseOffset, false); err != nil {
		return 0, err
	}
	truncated, err := segment.recover(producers, d.log.epochs, d.logger, beforeCut)
	if err != nil {
		return 0, err
	}
	// The next segment's recovery begins here.
	return truncated, producers.TakeSnapshot(true)
}

// recoverSegments checks what may not have been flushed and gives the recovery
// point and the log's end.
func (d *logLoader) recoverSegments() (recoveryPoint, nextOffset int64, err error) {
	flushed := d.options.RecoveryPoint
	if !d.options.CleanShutdown {
		if flushed, err = d.recoverUnflushed(); err != nil {
			return 0, 0, err
		}
	}
	known := false
	if active := d.segments().active(); active != nil {
		if nextOffset, err = active.readNextOffset(); err != nil {
			return 0, 0, err
		}
		known = nextOffset >= d.options.LogStartOffset
		if !known {
			if err := d.dropAllBelowStart(nextOffset); err != nil {
				return 0, 0, err
			}
		}
	}
	if d.segments().active() == nil {
		if err := d.addEmptySegment(d.options.LogStartOffset); err != nil {
			return 0, 0, err
		}
		nextOffset = d.options.LogStartOffset
	}
	if d.options.CleanShutdown && known {
		return nextOffset, nextOffset, nil
	}
	// Never more than was flushed: what is checked here may still be lost.
	return min(flushed, nextOffset), nextOffset, nil
}

// recoverUnflushed gives the new recovery point: the indexes of the first segment were
// made anew and may be lost, so all of it needs to be looked at again.
func (d *logLoader) recoverUnflushed() (flushed int64, err error) {
	unflushed, err := d.unflushed()
	if err != nil {
		return 0, err
	}
	flushed = d.options.RecoveryPoint
	if len(unflushed) > 0 {
		flushed = min(flushed, unflushed[0].BaseOffset)
	}
	for i, segment := range unflushed {
		d.logger.Infof("%sRecovering unflushed segment %d", d.log.prefix(), segment.BaseOffset)
		deleteRest := func() error { return d.deleteRest(unflushed[i+1:]) }
		truncated, err := d.recoverSegment(segment, deleteRest)
		var invalid *invalidOffsetError
		if errors.As(err, &invalid) {
			d.logger.Warnf("%sFound invalid offset during recovery. Deleting the corrupt segment and creating an empty one with starting offset %d",
				d.log.prefix(), segment.BaseOffset)
			if err = deleteRest(); err == nil {
				truncated, err = segment.truncateTo(segment.BaseOffset, d.options.Config.SegmentIndexBytes)
			}
		}
		if err != nil {
			return 0, err
		}
		if truncated > 0 {
			d.logger.Warnf("%sCorruption found in segment %d, truncating by %d bytes", d.log.prefix(), segment.BaseOffset, truncated)
			break
		}
	}
	return flushed, nil
}

// unflushed are the segments from the recovery point on. That before them is one of
// them if it ends right there and its indexes are not those of a finished segment: its
// records were durable before it was rolled, its indexes become so a moment later.
func (d *logLoader) unflushed() ([]*LogSegment, error) {
	point := d.options.RecoveryPoint
	list := d.segments().values()
	at := max(floor(list, point), 0)
	if at > 0 && list[at].BaseOffset == point {
		finished, err := list[at-1].indexesAreFinished(point)
		if err != nil {
			return nil, err
		}
		if !finished {
			at--
		}
	}
	return list[at:], nil
}

// deleteRest deletes the segments behind one that will be cut, durably and before
// that: a crash in between must not leave them behind a gap, which no recovery sees.
func (d *logLoader) deleteRest(segments []*LogSegment) error {
	if len(segments) == 0 {
		return nil
	}
	if err := d.deleteSegments(segments); err != nil {
		return err
	}
	return d.options.FS.SyncDir(d.dir())
}

// dropAllBelowStart is for a log whose files vanished: it begins anew where it
// is known to have begun.
func (d *logLoader) dropAllBelowStart(nextOffset int64) error {
	d.logger.Warnf("%sDeleting all segments because logEndOffset (%d) is smaller than logStartOffset %d. This could happen if segment files were deleted from the file system.",
		d.log.prefix(), nextOffset, d.options.LogStartOffset)
	if err := d.deleteSegments(d.segments().values()); err != nil {
		return err
	}
	if err := d.log.epochs.ClearAndFlush(); err != nil {
		return err
	}
	return d.log.producers.TruncateFullyAndStartAt(d.options.LogStartOffset)
}

// deleteSegments takes segments out and deletes them and their snapshots.
func (d *logLoader) deleteSegments(segments []*LogSegment) error {
	if err := d.log.local.removeAndDelete(segments, true, "log recovery"); err != nil {
		return err
	}
	for _, segment := range segments {
		snapshot := path.Join(d.dir(), producerstate.SnapshotName(segment.BaseOffset))
		if err := vfs.RemoveIfExists(d.options.FS, snapshot); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
