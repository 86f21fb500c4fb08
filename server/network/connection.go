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

// connection is one client. conn is written by the reader alone, before it
// reads requests. Its reader goroutine runs in [connection.run].
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
	if !c.authenticate() {
		return
	}
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

// authenticate makes the connection secure as its listener demands.
func (c *connection) authenticate() bool {
	channel, principal, err := c.listener.secure(c.conn)
	if err != nil {
		c.server.selectorLogger.Infof("%sFailed authentication with %s (%v)", c.server.logPrefix, c.context.ClientHost(), err)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.context.Principal = channel, principal
	return !c.closed
}

// process handles one frame and reports whether the connection goes on.
func (c *connection) process(frame *buffer) bool {
	request, encoded, err := c.inspect(frame)
	pipelined := request.Context.Header.APIKey == protocol.KeyProduce
	limit, limitBytes := 0, 0
	if pipelined && err == nil {
		limit, limitBytes = maxPipelined-1, maxPipelinedBytes
	}
	if !c.await(limit, limitBytes) {
		request.release()
		return false
	}
	if err == nil {
		err = c.decode(request, encoded)
	}
	switch {
	case err == nil:
		pipelined = c.handle(request) && pipelined
	case request.Context.Header.APIKey == protocol.KeyApiVersions && errors.Is(err, protocol.ErrUnsupportedVersion):
		if !c.enqueue(request) {
			request.release()
			return false
		}
		if c.server.logsRequests() {
			request.description = []byte("{}")
		}
		request.finish(func() { request.response = protocol.UnsupportedVersionResponse() })
	default:
		request.release()
		c.server.processorLogger.Errorf("Closing socket for %s because of error: %v", c.context.ConnectionID, err)
		return false
	}
	c.drainReady()
	return pipelined || c.awaitAnswered()
}

// inspect checks a frame and makes its request, whose body is decoded when
// those before it are answered.
func (c *connection) inspect(frame *buffer) (*Request, protocol.EncodedRequest, error) {
	received := now()
	encoded, err := c.decoder.Inspect(frame.bytes)
	request := &Request{Context: c.context, Size: len(frame.bytes), connection: c, frame: frame}
	request.Context.Header = encoded.Header
	request.times.received = received
	return request, encoded, err
}

// decode decodes a request's body when its memory can be had.
func (c *connection) decode(request *Request, encoded protocol.EncodedRequest) error {
	admitted, err := c.server.decoding.admit(encoded.Memory)
	if err != nil {
		return err
	}
	if request.Body, err = encoded.Decode(); err != nil {
		c.server.decoding.leave(admitted)
		return err
	}
	request.decoded = admitted
	if c.server.logsRequests() {
		request.description = describe(request.Body, encoded)
	}
	request.frame.kept = encoded.KeepsFrame && encoded.Header.APIKey != protocol.KeyProduce
	if versions, ok := request.Body.(*kmsg.ApiVersionsRequest); ok {
		c.registerSoftware(versions, request)
	}
	return nil
}

// handle gives a request to the handler and reports whether the connection was
// still open.
func (c *connection) handle(request *Request) bool {
	defer c.server.decoding.leave(request.decoded)
	if !c.enqueue(request) {
		request.release()
		return false
	}
	c.admission.enter()
	request.times.dequeued = now()
	c.server.handler.Handle(request)
	request.times.handled.Store(now())
	c.admission.leave()
	return true
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
		c.mu.Lock()
		conn := c.conn
		c.mu.Unlock()
		conn.SetReadDeadline(time.Unix(1, 0))
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
	conn := c.conn
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
	conn.Close()
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
