package manager

import (
	"sync"
	"sync/atomic"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/log/vfs"
)

// LogDirFailureChannel carries the names of log directories that failed from
// whoever met the error to whoever takes them offline, each once, as
// kafka.server.LogDirFailureChannel.
type LogDirFailureChannel struct {
	// failed spares the usual case, in which no directory failed, the lock.
	failed atomic.Int32
	// reserves keep directories online whose disk is full; nil without.
	reserves *vfs.Reserves

	mu      sync.Mutex // guards offline
	offline map[string]bool
	queue   chan string
}

// NewLogDirFailureChannel has room for that many directories.
func NewLogDirFailureChannel(dirs int) *LogDirFailureChannel {
	return &LogDirFailureChannel{offline: map[string]bool{}, queue: make(chan string, max(dirs, 1))}
}

// MaybeAddOfflineLogDir queues a directory unless it was queued before. Unlike
// Kafka's, a directory whose disk is full stays online: it takes no records until
// there is room again.
func (c *LogDirFailureChannel) MaybeAddOfflineLogDir(dir, message string, cause error) {
	if c.reserves != nil && vfs.IsNoSpace(cause) {
		logging.For("kafka.server.LogDirFailureChannel").WithError(cause).Error(message)
		c.reserves.Release(dir)
		return
	}
	c.addOffline(dir, message, cause)
}

// IsFull reports whether the disk of a directory has no room for records.
func (c *LogDirFailureChannel) IsFull(dir string) bool {
	return c.reserves != nil && c.reserves.Full(dir)
}

// addOffline queues a directory whatever the cause is.
func (c *LogDirFailureChannel) addOffline(dir, message string, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	logging.For("kafka.server.LogDirFailureChannel").WithError(cause).Error(message)
	if c.offline[dir] {
		return
	}
	c.offline[dir] = true
	c.failed.Add(1)
	select {
	case c.queue <- dir:
	default: // more directories than announced; HasOfflineLogDir still tells
	}
}

// HasOfflineLogDir reports whether a directory failed.
func (c *LogDirFailureChannel) HasOfflineLogDir(dir string) bool {
	if c.failed.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offline[dir]
}

// Next is where failed directories arrive.
func (c *LogDirFailureChannel) Next() <-chan string { return c.queue }
