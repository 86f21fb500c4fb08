// Package epoch knows which leader epoch each offset of a partition was written
// in, which is how replicas find where they differ (KIP-101, KIP-279).
package epoch

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/log/checkpoint"
)

// Undefined is the epoch and the end offset of what is not known.
const (
	Undefined       = int32(-1)
	UndefinedOffset = int64(-1)
)

// Entry says that a leader epoch begins at an offset.
type Entry = checkpoint.EpochEntry

// LeaderEpochFileCache is the leader epochs of a partition, kept in memory and
// written out at each change, as kafka.server.epoch.LeaderEpochFileCache; those
// changes that a crash undoes anyway wait for [LeaderEpochFileCache.Flush]. It is
// safe for concurrent use.
type LeaderEpochFileCache struct {
	checkpoint *checkpoint.LeaderEpochCheckpoint
	logger     *logrus.Entry
	prefix     string

	mu sync.RWMutex
	// entries are in order of epochs and of start offsets.
	entries []Entry
	// unwritten says that the file is behind; it is set under mu.
	unwritten atomic.Bool
}

// New reads the checkpoint. The prefix begins all log messages.
func New(file *checkpoint.LeaderEpochCheckpoint, logger *logrus.Entry, prefix string) (*LeaderEpochFileCache, error) {
	cache := &LeaderEpochFileCache{checkpoint: file, logger: logger, prefix: prefix}
	entries, err := file.Read()
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Epoch < 0 || entry.StartOffset < 0 {
			return nil, fmt.Errorf("%w: invalid partition leader epoch entry %+v", checkpoint.ErrMalformed, entry)
		}
		cache.assignLocked(entry)
	}
	return cache, nil
}

// Assign records that an epoch begins at an offset. Entries that contradict it
// are dropped.
func (c *LeaderEpochFileCache) Assign(epoch int32, startOffset int64) error {
	if epoch < 0 || startOffset < 0 {
		return invalidEntry(epoch, startOffset)
	}
	entry := Entry{Epoch: epoch, StartOffset: startOffset}
	c.mu.RLock()
	needed := c.isUpdateNeededLocked(entry)
	c.mu.RUnlock()
	if !needed {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.assignLocked(entry) {
		return nil
	}
	c.unwritten.Store(true) // if it cannot be written now, it must be before the next append
	return c.flushLocked()
}

// Announce is Assign for an epoch that has no record yet, by which the broker
// begins to lead. The file is written by the next Flush, which must come before
// the epoch's first record: until then loading drops the entry again, as it
// begins at the log's end. It reports whether there is something to flush.
func (c *LeaderEpochFileCache) Announce(epoch int32, startOffset int64) (bool, error) {
	if epoch < 0 || startOffset < 0 {
		return false, invalidEntry(epoch, startOffset)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.assignLocked(Entry{Epoch: epoch, StartOffset: startOffset}) {
		c.unwritten.Store(true)
	}
	return c.unwritten.Load(), nil
}

// Flush writes what was not written yet. It is to be called before each append;
// mostly it costs a look.
func (c *LeaderEpochFileCache) Flush() error {
	if !c.unwritten.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.unwritten.Load() {
		return nil
	}
	return c.flushLocked()
}

func invalidEntry(epoch int32, startOffset int64) error {
	return fmt.Errorf("received invalid partition leader epoch entry (epoch=%d, startOffset=%d)", epoch, startOffset)
}

func (c *LeaderEpochFileCache) isUpdateNeededLocked(entry Entry) bool {
	if len(c.entries) == 0 {
		return true
	}
	last := c.entries[len(c.entries)-1]
	return entry.Epoch != last.Epoch || entry.StartOffset < last.StartOffset
}

func (c *LeaderEpochFileCache) assignLocked(entry Entry) bool {
	if !c.isUpdateNeededLocked(entry) {
		return false
	}
	keep := len(c.entries)
	for keep > 0 && (c.entries[keep-1].Epoch >= entry.Epoch || c.entries[keep-1].StartOffset >= entry.StartOffset) {
		keep--
	}
	removed := c.entries[keep:]
	// A new leader that wrote nothing leaves an entry at the same offset; that
	// one being replaced is as it should be.
	if len(removed) > 1 || len(removed) == 1 && removed[0].StartOffset != entry.StartOffset {
		c.logger.Warnf("%sNew epoch entry %s caused truncation of conflicting entries %s. Cache now contains %d entries.",
			c.prefix, entry, jvm.Collection("ListBuffer", removed), keep)
	}
	c.entries = append(c.entries[:keep], entry)
	return true
}

func (c *LeaderEpochFileCache) flushLocked() error {
	err := c.checkpoint.Write(c.entries)
	if err == nil {
		c.unwritten.Store(false)
	}
	return err
}

// Latest is the last entry.
func (c *LeaderEpochFileCache) Latest() (entry Entry, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.entries) == 0 {
		return Entry{Epoch: Undefined, StartOffset: UndefinedOffset}, false
	}
	return c.entries[len(c.entries)-1], true
}

// Earliest is the first entry.
func (c *LeaderEpochFileCache) Earliest() (entry Entry, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.entries) == 0 {
		return Entry{Epoch: Undefined, StartOffset: UndefinedOffset}, false
	}
	return c.entries[0], true
}

// Entries is a copy of all entries.
func (c *LeaderEpochFileCache) Entries() []Entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.entries)
}

// EndOffsetFor tells where an epoch ends: at the start of the next one, at the
// log's end for the latest. The epoch returned is the largest known one that is
// not above the asked one. Unknown is Undefined and UndefinedOffset.
func (c *LeaderEpochFileCache) EndOffsetFor(requested int32, logEndOffset int64) (epoch int32, endOffset int64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if requested == Undefined || len(c.entries) == 0 {
		return Undefined, UndefinedOffset
	}
	if requested == c.entries[len(c.entries)-1].Epoch {
		return requested, logEndOffset
	}
	higher, _ := slices.BinarySearchFunc(c.entries, requested, func(entry Entry, target int32) int {
		if entry.Epoch <= target {
			return -1
		}
		return 1
	})
	if higher == len(c.entries) {
		return Undefined, UndefinedOffset
	}
	if higher == 0 {
		// Records of the asked epoch are gone already; the follower is to
		// begin with the first one known.
		return requested, c.entries[0].StartOffset
	}
	return c.entries[higher-1].Epoch, c.entries[higher].StartOffset
}

// TruncateFromEnd drops the epochs that begin at or above an offset.
func (c *LeaderEpochFileCache) TruncateFromEnd(endOffset int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.truncateFromEndLocked(endOffset) {
		return nil
	}
	return c.flushLocked()
}

// DropFromEnd is TruncateFromEnd for a log that is being loaded: the next loading
// would do the same, so the file is left to the next Flush.
func (c *LeaderEpochFileCache) DropFromEnd(endOffset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.truncateFromEndLocked(endOffset) {
		c.unwritten.Store(true)
	}
}

func (c *LeaderEpochFileCache) truncateFromEndLocked(endOffset int64) bool {
	keep := len(c.entries)
	for keep > 0 && endOffset >= 0 && c.entries[keep-1].StartOffset >= endOffset {
		keep--
	}
	if keep == len(c.entries) {
		return false
	}
	c.entries = c.entries[:keep]
	return true
}

// TruncateFromStart drops the epochs that end at or below an offset; the one it
// lies in then begins there.
func (c *LeaderEpochFileCache) TruncateFromStart(startOffset int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	removed := 0
	for removed < len(c.entries) && c.entries[removed].StartOffset <= startOffset {
		removed++
	}
	if removed == 0 || removed == 1 && c.entries[0].StartOffset == startOffset {
		return nil
	}
	c.entries = slices.Delete(c.entries, 0, removed-1)
	c.entries[0].StartOffset = startOffset
	return c.flushLocked()
}

// ClearAndFlush drops all epochs.
func (c *LeaderEpochFileCache) ClearAndFlush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
	return c.flushLocked()
}

// SetDir tells that the directory of the partition was renamed.
func (c *LeaderEpochFileCache) SetDir(dir string) { c.checkpoint.SetDir(dir) }
