package log

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// splitOverflowedSegment replaces a segment that has offsets too far from its
// base, as versions before 2.0 could write it (KAFKA-6264), by as many as are
// needed. It goes through the names that a compaction uses, so that a crash at
// any moment leaves the old segment or the new ones. What follows a batch that is
// not whole is left out, as a recovery would leave it out.
func (d *logLoader) splitOverflowedSegment(overflow *segmentOverflowError) error {
	d.logger.Infof("%sCaught segment overflow error: %v. Split segment and retry.", d.log.prefix(), overflow)
	parts, err := copyToParts(overflow.segment, d.newPart)
	for _, part := range parts {
		err = errors.Join(err, part.flush(), part.close())
	}
	if err != nil {
		return err
	}
	// The last part first: as long as one is still .cleaned, the .swap files at
	// or above it do not count.
	for _, part := range slices.Backward(parts) {
		if err := part.changeSuffix(d.dir(), SwapFileSuffix); err != nil {
			return err
		}
	}
	if err := d.options.FS.SyncDir(d.dir()); err != nil {
		return err
	}
	return d.closeAll()
}

func (d *logLoader) newPart(baseOffset int64) (*LogSegment, error) {
	return openSegment(segmentOptions{
		fs: d.options.FS, dir: d.dir(), baseOffset: baseOffset, config: d.options.Config, suffix: CleanedFileSuffix, create: true,
	})
}

// copyToParts copies the batches. The first part has the base of the source, so
// that the parts are known to replace it.
func copyToParts(source *LogSegment, newPart func(baseOffset int64) (*LogSegment, error)) ([]*LogSegment, error) {
	first, err := newPart(source.BaseOffset)
	if err != nil {
		return nil, err
	}
	parts := []*LogSegment{first}
	scanner := scanAll(source.file, 0, source.file.size.Load())
	defer scanner.close()
	for {
		header, position, size, ok, err := scanner.next()
		if errors.Is(err, kerr.CorruptMessage) || err == nil && (!ok || header.LastOffset() < header.BaseOffset()) {
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		base, last, timestamp := header.BaseOffset(), header.LastOffset(), header.MaxTimestamp()
		if !parts[len(parts)-1].canConvertToRelativeOffset(last) {
			part, err := newPart(base)
			if err != nil {
				return parts, err
			}
			parts = append(parts, part)
		}
		batch, err := scanner.read(position, size)
		if err != nil {
			return parts, err
		}
		if err := parts[len(parts)-1].append(last, timestamp, last, batch); err != nil {
			return parts, err
		}
	}
}

// closeAll forgets the segments, to load them anew.
func (d *logLoader) closeAll() error {
	err := d.segments().each((*LogSegment).closeHandlers)
	d.segments().set(nil)
	return err
}

// SplitOverflowedSegment does the same to a segment of an open log, which a
// compaction came upon.
func (l *UnifiedLog) SplitOverflowedSegment(source *LogSegment) error {
	var parts []*CleanedSegment
	_, err := copyToParts(source, func(baseOffset int64) (*LogSegment, error) {
		part, err := l.NewCleanedSegment(baseOffset)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		return part.LogSegment, nil
	})
	modified, modifiedErr := source.LastModified()
	err = errors.Join(err, modifiedErr)
	for _, part := range parts {
		if err == nil {
			err = part.Finish(modified)
		}
	}
	if err == nil {
		l.logger.Infof("%sReplacing overflowed segment %s with %d segments", l.prefix(), source, len(parts))
		return l.ReplaceSegments(parts, []*LogSegment{source})
	}
	for _, part := range parts {
		err = errors.Join(err, part.Discard())
	}
	return err
}
