package network

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/protocol"
)

const (
	// maxPipelined and maxPipelinedBytes bound the Produce requests of one
	// connection that have no response yet. Upstream allows one.
	maxPipelined      = 64
	maxPipelinedBytes = 32 << 20
)

// connection is one client. Its reader goroutine runs in [connection.run].
type connection struct {
	server    *SocketServer
	listener  *acceptor
	admission *admission
	conn      net.Conn
	context   protocol.RequestContext // of all its requests, but for the header
	decoder   protocol.RequestDecoder
	frames    frameReader

	lastActivity atomic.Int64
	idleTimer    *time.Timer

	wake     chan struct{} // for the reader while it waits
	stopping chan struct{} // closed when no further request is to be read
	stopOnce sync.Once

	mu sync.Mutex
	// queue has the requests whose response is not being written yet, oldest
	// first; writing counts those that are.
	queue   []*Request
	writing int
	// queuedBytes is the size of the requests without a written response.
	queuedBytes int
	// draining is set while a goroutine writes responses; batch is what it writes.
	draining bool
	batch    []*Request
	// handling is the request that the reader has given to the handler.
	handling      *Request
	readerWaiting bool
	closed        bool
	mutedUntil    time.Time
}

// run reads and handles requests until the connection ends.
func (c *connection) run() {
	defer c.server.remove(c)
	defer c.close()
	for c.awaitUnmuted() {
		frame, err := c.frames.next()
		if err != nil {
			c.awaitAnswered()
			c.logReadError(err)
			return
		}
		if !c.process(frame) {
			return
		}
	}
	c.awaitAnswered()
}

// process handles one frame and reports whether the connection goes on.
func (c *connection) process(frame *buffer) bool {
	request, err := c.decode(frame)
	if err != nil {
		frame.release()
		c.awaitAnswered()
		c.server.processorLogger.Errorf("Closing socket for %s because of error: %v", c.context.ConnectionID, err)
		return false
	}
	pipelined := request.Context.Header.APIKey == protocol.KeyProduce
	limit, limitBytes := 0, 0
	if pipelined {
		limit, limitBytes = maxPipelined-1, maxPipelinedBytes
	}
	if !c.await(limit, limitBytes) || !c.enqueue(request) {
		c.server.decoding.leave(request.decoded)
		request.release()
		return false
	}
	if request.Body != nil {
		c.handle(request)
	} else {
		request.finish(func() { request.response = protocol.UnsupportedVersionResponse() })
	}
	c.server.decoding.leave(request.decoded)
	c.drainReady()
	return pipelined || c.awaitAnswered()
}

func (c *connection) handle(request *Request) {
	c.admission.enter()
	request.times.dequeued = now()
	c.server.handler.Handle(request)
	request.times.handled.Store(now())
	c.admission.leave()
}

// decode checks and decodes a frame. An ApiVersions request of a version
// unknown here gives a request without a body, whose answer is fixed.
func (c *connection) decode(frame *buffer) (*Request, error) {
	received := now()
	encoded, err := c.decoder.Inspect(frame.bytes)
	request := &Request{Context: c.context, Size: len(frame.bytes), connection: c, frame: frame}
	request.Context.Header = encoded.Header
	request.times.received = received
	if err != nil {
		if encoded.Header.APIKey == protocol.KeyApiVersions && errors.Is(err, protocol.ErrUnsupportedVersion) {
			return request, nil
		}
		return nil, err
	}
	if request.decoded, err = c.server.decoding.admit(encoded.Memory); err != nil {
		return nil, err
	}
	if request.Body, err = encoded.Decode(); err != nil {
		c.server.decoding.leave(request.decoded)
		return nil, err
	}
	frame.kept = encoded.KeepsFrame && encoded.Header.APIKey != protocol.KeyProduce
	if versions, ok := request.Body.(*kmsg.ApiVersionsRequest); ok {
		c.registerSoftware(versions, request)
	}
	return request, nil
}

// registerSoftware remembers the client's software (KIP-511).
func (c *connection) registerSoftware(versions *kmsg.ApiVersionsRequest, request *Request) {
	if !protocol.ValidSoftware(versions.ClientSoftwareName) || !protocol.ValidSoftware(versions.ClientSoftwareVersion) {
		return
	}
	c.context.ClientSoftwareName = versions.ClientSoftwareName
	c.context.ClientSoftwareVersion = versions.ClientSoftwareVersion
	request.Context.ClientSoftwareName = versions.ClientSoftwareName
	request.Context.ClientSoftwareVersion = versions.ClientSoftwareVersion
}

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
		c.server.requestMetrics.record(request, started, sent)
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
		case outstanding == 0 || outstanding <= limit && c.queuedBytes <= limitBytes:
			c.mu.Unlock()
			return true
		case c.readyLocked():
			c.draining = true
			c.mu.Unlock()
			c.drain()
			continue
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

// awaitUnmuted waits while the connection is throttled. It reports false when
// no further request is to be read.
func (c *connection) awaitUnmuted() bool {
	for {
		c.mu.Lock()
		wait := time.Until(c.mutedUntil)
		c.mu.Unlock()
		if wait <= 0 {
			select {
			case <-c.stopping:
				return false
			default:
				return true
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.stopping:
			timer.Stop()
			return false
		}
	}
}

// stopReading lets the requests that were read be answered, then the reader end.
func (c *connection) stopReading() {
	c.stopOnce.Do(func() {
		close(c.stopping)
		c.conn.SetReadDeadline(time.Unix(1, 0))
		c.frames.memory.wake()
	})
}

func (c *connection) isStopping() bool {
	select {
	case <-c.stopping:
		return true
	default:
		return false
	}
}

// close closes the connection at once. Responses that were not written are
// dropped.
func (c *connection) close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	var dropped []*Request
	for _, request := range c.queue {
		if request.done {
			dropped = append(dropped, request)
		}
	}
	c.mu.Unlock()
	for _, request := range dropped {
		request.release()
	}
	c.idleTimer.Stop()
	c.stopReading()
	c.conn.Close()
	c.wakeReader()
}

// Read reads for the frames.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.conn.Read(p)
	if n > 0 {
		c.touch()
	}
	return n, err
}

func (c *connection) touch() { c.lastActivity.Store(now()) }

// watchIdle closes the connection when nothing was received or sent for the
// given time. The timer runs for what is left of it and then looks again, so
// that activity costs no more than noting its time.
func (c *connection) watchIdle(limit time.Duration) {
	c.touch()
	if limit < 0 {
		limit = 1<<63 - 1 // never
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idleTimer = time.AfterFunc(limit, func() {
		idle := time.Duration(now() - c.lastActivity.Load())
		if idle < limit {
			c.rearm(limit - idle)
			return
		}
		c.server.selectorLogger.Debugf("About to close the idle connection from %s due to being idle for %d millis",
			c.context.ConnectionID, idle.Milliseconds())
		c.close()
	})
}

func (c *connection) rearm(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.idleTimer.Reset(d)
	}
}

func (c *connection) logReadError(err error) {
	switch {
	case errors.Is(err, errInvalidReceive):
		c.server.selectorLogger.Warnf("%sUnexpected error from %s (channelId=%s); closing connection: %v",
			c.server.logPrefix, c.context.ClientHost(), c.context.ConnectionID, err)
	case err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed):
	default:
		c.server.selectorLogger.Debugf("%sConnection with %s (channelId=%s) disconnected: %v",
			c.server.logPrefix, c.context.ClientHost(), c.context.ConnectionID, err)
	}
}
