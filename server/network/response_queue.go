package network

import (
	"errors"
	"time"
)

// enqueue puts a request behind those that are to be answered before it.
func (c *connection) enqueue(request *Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.queue = append(c.queue, request)
	c.queuedBytes += request.Size
	c.handling = request
	return true
}

// complete is called when a request was finished, by any goroutine.
func (c *connection) complete(request *Request) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		request.release()
		return
	}
	request.done = true
	if request.throttle > 0 {
		c.mutedUntil = later(c.mutedUntil, time.Now().Add(request.throttle))
	}
	switch {
	case c.draining || c.handling == request || c.queue[0] != request:
		c.mu.Unlock() // who drains, or finishes the oldest request, will see it
	case c.readerWaiting:
		c.mu.Unlock()
		c.wakeReader()
	default:
		c.draining = true
		c.server.writers.Add(1)
		c.mu.Unlock()
		go func() {
			defer c.server.writers.Done()
			c.drain()
		}()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// drainReady ends the handling of a request and writes what can be written.
func (c *connection) drainReady() {
	c.mu.Lock()
	c.handling = nil
	ready := c.readyLocked()
	c.draining = c.draining || ready
	c.mu.Unlock()
	if ready {
		c.drain()
	}
}

// readyLocked tells that there is something to write and nobody writes.
func (c *connection) readyLocked() bool {
	return !c.draining && len(c.queue) > 0 && c.queue[0].done
}

// drain writes responses while the oldest request is finished. Its caller has
// set draining.
func (c *connection) drain() {
	for c.takeBatch() {
		err := c.write(c.batch)
		for _, request := range c.batch {
			request.release()
		}
		if err != nil {
			c.close()
		}
	}
}

// takeBatch moves the finished requests from the head of the queue to the
// batch. When there are none it ends the draining and reports false.
func (c *connection) takeBatch() bool {
	c.mu.Lock()
	for _, request := range c.batch {
		c.queuedBytes -= request.Size
	}
	clear(c.batch)
	c.batch = c.batch[:0]
	if !c.closed {
		for len(c.batch) < len(c.queue) && c.queue[len(c.batch)].done {
			c.batch = append(c.batch, c.queue[len(c.batch)])
		}
		rest := copy(c.queue, c.queue[len(c.batch):])
		clear(c.queue[rest:])
		c.queue = c.queue[:rest]
	}
	c.writing = len(c.batch)
	c.draining = c.writing > 0
	again, wake := c.draining, c.readerWaiting
	c.mu.Unlock()
	if wake {
		c.wakeReader()
	}
	return again
}

// write writes the responses of a batch.
func (c *connection) write(batch []*Request) error {
	w := responseWriters.Get().(*ResponseWriter)
	defer w.recycle()
	w.connection = c
	started := now()
	for _, request := range batch {
		switch request.outcome {
		case respondOutcome:
			w.response(request.Context.Header.CorrelationID, request.response)
		case rawOutcome:
			w.raw(request.Context.Header, request.send)
		case closeOutcome:
			if request.reason != "" {
				c.server.processorLogger.Errorf("Closing socket for %s because of error: %s", c.context.ConnectionID, request.reason)
			}
			w.flush()
			w.fail(errClosedByHandler)
		}
	}
	err := w.finish()
	sent := now()
	for _, request := range batch {
		took := request.times.phases(started, sent)
		c.server.requestMetrics.record(request, took)
		if request.description != nil {
			c.server.logCompleted(request, took)
		}
	}
	if err != nil {
		c.server.processorLogger.Debugf("Connection %s: writing responses: %v", c.context.ConnectionID, err)
	}
	return err
}

var errClosedByHandler = errors.New("the request's handling closes the connection")

// awaitAnswered waits until every response was written and reports whether the
// connection is still open.
func (c *connection) awaitAnswered() bool { return c.await(0, 0) }

// await waits until at most so many requests, and so many bytes of them, have
// no written response. The reader writes responses itself meanwhile.
func (c *connection) await(limit, limitBytes int) bool {
	for {
		c.mu.Lock()
		outstanding := len(c.queue) + c.writing
		switch {
		case c.closed:
			c.mu.Unlock()
			return false
		case c.readyLocked():
			// Whoever finished it may have left it to the waiting reader.
			c.draining = true
			c.mu.Unlock()
			c.drain()
			continue
		case outstanding == 0 || outstanding <= limit && c.queuedBytes <= limitBytes:
			c.mu.Unlock()
			return true
		}
		c.readerWaiting = true
		c.mu.Unlock()
		<-c.wake
		c.mu.Lock()
		c.readerWaiting = false
		c.mu.Unlock()
	}
}

func (c *connection) wakeReader() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
