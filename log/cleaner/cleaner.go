package cleaner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
)

// minIOBuffer is the smallest buffer that growing starts from.
const minIOBuffer = 1 << 10

// cleaner compacts one log at a time, as kafka.log.Cleaner. Its buffers grow to
// what a cleaning needs, within the settings, and are dropped when idle.
type cleaner struct {
	config    Config
	throttler *throttler
	logger    *logrus.Entry
	prefix    string

	offsets offsetMap
	// slots is how large the map may get, maxKeys with how many keys it counts
	// as full.
	slots    int
	maxKeys  int
	read     []byte
	written  []byte
	filter   record.Filter
	retained []bool
}

func newCleaner(id int, config Config, throttler *throttler, logger *logrus.Entry) *cleaner {
	return &cleaner{
		config: config, throttler: throttler, logger: logger, prefix: fmt.Sprintf("Cleaner %d: ", id),
		slots: config.slots(), maxKeys: config.maxKeys(),
	}
}

func (c *cleaner) bufferSize() int { return max(c.config.IOBufferSize/c.config.Threads/2, minIOBuffer) }

// release drops the buffers.
func (c *cleaner) release() {
	c.offsets, c.read, c.written, c.filter, c.retained = offsetMap{}, nil, nil, record.Filter{}, nil
}

// clean compacts a log and gives the first offset that is not clean then.
func (c *cleaner) clean(ctx context.Context, cleanable *logToClean) (endOffset int64, stats *cleanerStats, err error) {
	unified, name := cleanable.log, cleanable.partition
	now := time.Now()
	c.logger.Infof("%sBeginning cleaning of log %s", c.prefix, name)
	stats = &cleanerStats{start: now}
	legacyHorizon, err := lastModified(unified.SegmentsBetween(0, cleanable.firstDirty))
	if err != nil {
		return 0, nil, err
	}
	if legacyHorizon != 0 {
		legacyHorizon -= unified.Config().DeleteRetentionMs
	}
	c.logger.Infof("%sBuilding offset map for %s...", c.prefix, name)
	if err := c.buildOffsetMap(ctx, unified, cleanable.firstDirty, cleanable.firstUncleanable, stats); err != nil {
		return 0, nil, err
	}
	endOffset = c.offsets.latest + 1
	stats.mapDone = time.Now()
	cleanableHorizon, err := lastModified(unified.SegmentsBetween(0, cleanable.firstUncleanable))
	if err != nil {
		return 0, nil, err
	}
	c.logger.Infof("%sCleaning log %s (cleaning prior to %s, discarding tombstones prior to upper bound deletion horizon %s)...",
		c.prefix, name, javaDate(cleanableHorizon), javaDate(legacyHorizon))
	groups, err := groupSegmentsBySize(unified.SegmentsBetween(0, endOffset), unified.Config().SegmentBytes, unified.Config().SegmentIndexBytes, cleanable.firstUncleanable)
	if err != nil {
		return 0, nil, err
	}
	pass := &cleaningPass{
		cleaner: c, log: unified, nowMs: now.UnixMilli(), legacyHorizonMs: legacyHorizon,
		upperBound: cleanable.firstUncleanable, transactions: newCleanedTransactions(), stats: stats,
	}
	for _, group := range groups {
		if err := pass.cleanSegments(ctx, group); err != nil {
			return 0, nil, err
		}
	}
	stats.bufferUtilization = float64(c.offsets.entries) / float64(c.slots)
	stats.end = time.Now()
	return endOffset, stats, nil
}

// javaDate is what java.util.Date prints.
func javaDate(ms int64) string { return time.UnixMilli(ms).Format("Mon Jan 02 15:04:05 MST 2006") }

// lastModified is the time of the last write to the last segment in
// milliseconds, 0 if there is none.
func lastModified(segments []*log.LogSegment) (int64, error) {
	if len(segments) == 0 {
		return 0, nil
	}
	modified, err := segments[len(segments)-1].LastModified()
	return modified.UnixMilli(), err
}

// groupSegmentsBySize puts neighbours together whose records and indexes fit
// into one segment, so that segments do not get ever smaller.
func groupSegmentsBySize(segments []*log.LogSegment, maxSize, maxIndexSize int, firstUncleanable int64) ([][]*log.LogSegment, error) {
	var groups [][]*log.LogSegment
	var size, offsets, times int
	for i, segment := range segments {
		offsetIndex, timeIndex, err := segment.IndexSizes()
		if err != nil {
			return nil, err
		}
		// The next base is the lowest bound for the last offset that is known
		// without a scan.
		last := firstUncleanable - 1
		if i+1 < len(segments) {
			last = segments[i+1].BaseOffset - 1
		}
		if n := len(groups); n > 0 && size+segment.Size() <= maxSize && offsets+offsetIndex <= maxIndexSize && times+timeIndex <= maxIndexSize &&
			(segment.Size() == 0 || last-groups[n-1][0].BaseOffset <= math.MaxInt32) {
			groups[n-1] = append(groups[n-1], segment)
			size, offsets, times = size+segment.Size(), offsets+offsetIndex, times+timeIndex
			continue
		}
		groups = append(groups, []*log.LogSegment{segment})
		size, offsets, times = segment.Size(), offsetIndex, timeIndex
	}
	return groups, nil
}

// buildOffsetMap notes the last offset of each key in [start, end), or as far as
// the map has room.
func (c *cleaner) buildOffsetMap(ctx context.Context, unified *log.UnifiedLog, start, end int64, stats *cleanerStats) error {
	dirty := unified.SegmentsBetween(start, end)
	c.logger.Infof("%sBuilding offset map for log %s for %d segments in offset range [%d, %d).", c.prefix, unified.TopicPartition(), len(dirty), start, end)
	// There are no more keys than offsets; a short section needs no large table.
	needed := float64(end-start)/min(c.config.LoadFactor, 1) + 1
	c.offsets.reset(int(min(float64(c.slots), needed)))
	transactions := newCleanedTransactions()
	aborted, err := unified.CollectAbortedTransactions(start, end)
	if err != nil {
		return err
	}
	transactions.add(aborted)
	for i, segment := range dirty {
		next := end
		if i+1 < len(dirty) {
			next = dirty[i+1].BaseOffset
		}
		full, err := c.mapSegment(ctx, unified, segment, start, transactions, stats)
		if err != nil {
			return err
		}
		if full {
			c.logger.Debugf("%sOffset map is full, %d segments fully mapped, segment with base offset %d is partially mapped", c.prefix, i, segment.BaseOffset)
			break
		}
		// Offsets may be missing at the end of the segment.
		c.offsets.latest = next - 1
	}
	c.logger.Infof("%sOffset map for log %s complete.", c.prefix, unified.TopicPartition())
	return nil
}

// mapSegment adds the keys of a segment and reports whether the map is full.
func (c *cleaner) mapSegment(ctx context.Context, unified *log.UnifiedLog, segment *log.LogSegment, start int64, transactions *cleanedTransactions, stats *cleanerStats) (full bool, err error) {
	position, err := segment.PositionBefore(start)
	if err != nil {
		return false, err
	}
	err = c.walk(ctx, segment, position, unified.Config().MaxMessageBytes, func(chunk []byte) (int, error) {
		consumed := 0
		for consumed < len(chunk) {
			batch, _, err := record.Next(chunk[consumed:])
			if errors.Is(err, record.ErrIncomplete) {
				break
			}
			if err != nil {
				return consumed, err
			}
			if full, err = c.mapBatch(batch, start, transactions, stats); err != nil {
				return consumed, err
			}
			if full {
				return consumed, errStopWalk
			}
			consumed += len(batch)
		}
		stats.mapBytesRead += int64(consumed)
		return consumed, nil
	})
	return full, err
}

// mapBatch adds the keys of a batch. Neither markers nor records of aborted
// transactions count.
func (c *cleaner) mapBatch(batch record.Batch, start int64, transactions *cleanedTransactions, stats *cleanerStats) (full bool, err error) {
	skip := true
	if batch.IsControl() {
		stats.mapMessagesRead++
		_, err = transactions.onControlBatch(batch)
	} else if skip = transactions.onBatch(batch); skip {
		stats.mapMessagesRead += int64(batch.Count())
	}
	if err != nil {
		return false, err
	}
	if !skip {
		if err := batch.EnsureValid(); err != nil {
			return false, err
		}
		for item, err := range record.Records(batch) {
			if err != nil {
				return false, err
			}
			if item.Key != nil && item.Offset >= start {
				if c.offsets.entries >= c.maxKeys {
					return true, nil
				}
				c.offsets.put(item.Key, item.Offset)
			}
			stats.mapMessagesRead++
		}
	}
	if batch.LastOffset() >= start {
		c.offsets.latest = batch.LastOffset()
	}
	return false, nil
}

// errStopWalk ends a walk before the end of the segment.
var errStopWalk = errors.New("no more is to be read")

// walk reads a segment in chunks, which begin with a batch. visit says how many
// bytes of whole batches it took; a batch larger than the buffer makes that grow.
func (c *cleaner) walk(ctx context.Context, segment *log.LogSegment, position, maxMessageBytes int, visit func(chunk []byte) (int, error)) error {
	records := segment.Records()
	if records == nil {
		return fmt.Errorf("%w: %s", log.ErrSegmentGone, segment)
	}
	defer records.Release()
	if c.read == nil {
		c.read = make([]byte, c.bufferSize())
	}
	for position < records.Size() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := records.ReadAt(c.read[:min(len(c.read), records.Size()-position)], int64(position))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		c.throttler.wait(ctx, n)
		taken, err := visit(c.read[:n])
		if errors.Is(err, errStopWalk) {
			break
		}
		if err == nil && taken == 0 {
			err = c.growBuffer(c.read[:n], records.Size()-position, maxMessageBytes)
		}
		if err != nil {
			return fmt.Errorf("log segment %s at position %d: %w", segment, position, err)
		}
		position += taken
	}
	if len(c.read) > c.bufferSize() {
		c.read = nil
	}
	return nil
}

// growBuffer makes room for a batch that is not whole in the chunk. Batches may
// be larger than the settings allow now.
func (c *cleaner) growBuffer(chunk []byte, left, maxMessageBytes int) error {
	limit := max(maxMessageBytes, c.config.MaxMessageSize)
	if len(c.read) >= maxMessageBytes {
		size, err := record.SizeOf(chunk)
		switch {
		case err != nil:
			return fmt.Errorf("%w: Could not determine next batch size: %v", kerr.CorruptMessage, err)
		case size > left:
			return fmt.Errorf("%w: Log segment may be corrupt, batch size %d > %d bytes left in segment", kerr.CorruptMessage, size, left)
		}
		limit = max(size, c.config.MaxMessageSize)
	}
	if len(c.read) >= limit {
		return fmt.Errorf("%w: This log contains a message larger than maximum allowable size of %d.", kerr.CorruptMessage, limit)
	}
	size := min(2*len(c.read), limit)
	c.logger.Infof("%sGrowing cleaner I/O buffers from %d bytes to %d bytes.", c.prefix, len(c.read), size)
	c.read = make([]byte, size)
	return nil
}
