package manager

import (
	"sync"
	"sync/atomic"

	"github.com/gregor-broker/gregor/config/logging"
)

// LogDirFailureChannel carries the names of log directories that failed from
// whoever met the error to whoever takes them offline, each once, as
// kafka.server.LogDirFailureChannel.
type LogDirFailureChannel struct {
	// failed spares the usual case, in which no directory failed, the lock.
	failed atomic.Int32

	mu      sync.Mutex // guards offline
	offline map[string]bool
	queue   chan string
}

// NewLogDirFailureChannel has room for that many directories.
func NewLogDirFailureChannel(dirs int) *LogDirFailureChannel {
	return &LogDirFailureChannel{offline: map[string]bool{}, queue: make(chan string, max(dirs, 1))}
}

// MaybeAddOfflineLogDir queues a directory unless it was queued before.
func (c *LogDirFailureChannel) MaybeAddOfflineLogDir(dir, message string, cause error) {
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
