package manager

import "sync"

// LogDirFailureChannel carries the names of log directories that failed from
// whoever met the error to whoever takes them offline, each once, as
// kafka.server.LogDirFailureChannel.
type LogDirFailureChannel struct {
	mu      sync.Mutex
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
	if c.offline[dir] {
		return
	}
	logger.WithError(cause).Error(message)
	c.offline[dir] = true
	select {
	case c.queue <- dir:
	default: // more directories than announced; HasOfflineLogDir still tells
	}
}

// HasOfflineLogDir reports whether a directory failed.
func (c *LogDirFailureChannel) HasOfflineLogDir(dir string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offline[dir]
}

// Next is where failed directories arrive.
func (c *LogDirFailureChannel) Next() <-chan string { return c.queue }
