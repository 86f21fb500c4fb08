package zkserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Sizes of what one connection may hold.
const (
	readBufferSize = 4 << 10
	// frameStep bounds what is allocated before any byte of it has arrived.
	frameStep = 64 << 10
	// maxQueuedBytes is how much output may wait before the connection is no
	// longer read.
	maxQueuedBytes = 4 << 20
)

// connection is one client's TCP connection: a goroutine that reads and executes
// its requests and one that sends what is queued.
type connection struct {
	server *Server
	socket net.Conn
	remote netip.AddrPort
	opened time.Time

	// Server.mu guards these.
	session *session
	ids     []authID
	watched map[string]struct{}
	firedAt uint64
	detached,
	waiting bool

	// mu guards the output.
	mu      sync.Mutex
	room    *sync.Cond
	out     []byte
	frames  []outFrame
	closing bool
	stats   connectionStats
	wake    chan struct{}
}

// outFrame is the end of a frame in connection.out and what it waits for.
type outFrame struct {
	end  int
	zxid int64
	// started is when the request of a reply was read; zero for events.
	started time.Time
}

func newConnection(s *Server, socket net.Conn) *connection {
	c := &connection{
		server: s, socket: socket, opened: time.Now(),
		watched: map[string]struct{}{}, wake: make(chan struct{}, 1),
		stats: connectionStats{lastCxid: -1, lastOp: "NA"},
	}
	c.room = sync.NewCond(&c.mu)
	if address, ok := socket.RemoteAddr().(*net.TCPAddr); ok {
		port := address.AddrPort()
		c.remote = netip.AddrPortFrom(port.Addr().Unmap(), port.Port())
	}
	c.ids = []authID{{schemeIP, c.remote.Addr().String()}}
	return c
}

// errSessionless closes a connection that did not ask for a session in time.
var errSessionless = errors.New("no session was established in time")

// read runs until the client or the server ends the connection.
func (c *connection) read() error {
	if err := c.socket.SetReadDeadline(time.Now().Add(sessionlessTimeout)); err != nil {
		return err
	}
	in := bufio.NewReaderSize(c.socket, readBufferSize)
	if handled, err := c.server.fourLetterWord(c, in); handled || err != nil {
		return err
	}
	frame, err := c.readFrame(in, nil)
	if err != nil {
		if errors.Is(err, timeoutError) {
			err = errSessionless
		}
		return err
	}
	if err := c.server.connect(c, frame); err != nil {
		return err
	}
	if err := c.socket.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	for {
		if frame, err = c.readFrame(in, frame); err != nil {
			return err
		}
		if err := c.server.process(c, frame); err != nil {
			return err
		}
		if !c.waitForRoom() {
			return nil
		}
		if cap(frame) > frameStep {
			frame = nil
		}
	}
}

// readFrame reads a packet into buf if that is large enough. The memory grows
// with what arrives, not with what the length promises.
func (c *connection) readFrame(in *bufio.Reader, buf []byte) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(in, prefix[:]); err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(prefix[:])))
	if size < 0 || size > c.server.cfg.JuteMaxBuffer {
		return nil, fmt.Errorf("Len error. A message from %s with advertised length of %d is either a malformed message or too large to process (length is greater than jute.maxbuffer=%d)",
			c.remote, size, c.server.cfg.JuteMaxBuffer)
	}
	buf = buf[:0]
	for len(buf) < size {
		step := min(size-len(buf), frameStep)
		at := len(buf)
		if cap(buf)-at < step {
			buf = append(buf, make([]byte, step)...)
		} else {
			buf = buf[:at+step]
		}
		if _, err := io.ReadFull(in, buf[at:]); err != nil {
			return nil, err
		}
	}
	c.server.stats.received.Add(1)
	c.mu.Lock()
	c.stats.received++
	c.mu.Unlock()
	return buf, nil
}

// waitForRoom holds the reader back while too much waits to be sent. It returns
// false when the connection is closing.
func (c *connection) waitForRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closing && (len(c.out) > maxQueuedBytes || len(c.frames) > 0 && c.server.overloaded()) {
		c.room.Wait()
	}
	return !c.closing
}

// queue adds a frame to the output. It may leave once zxid is durable. The caller
// holds Server.mu, which orders frames of different connections' requests.
func (c *connection) queue(frame []byte, zxid int64, started time.Time) {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return
	}
	c.out = append(c.out, frame...)
	c.frames = append(c.frames, outFrame{len(c.out), zxid, started})
	c.mu.Unlock()
	if !started.IsZero() {
		c.server.stats.outstanding.Add(1)
	}
	if zxid <= c.server.durable.Load() {
		c.signal()
	} else if !c.waiting {
		c.waiting = true
		c.server.waiting = append(c.server.waiting, c)
	}
}

// settled says whether all that is queued may leave.
func (c *connection) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.frames) == 0 || c.frames[len(c.frames)-1].zxid <= c.server.durable.Load()
}

func (c *connection) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// noteOperation remembers a request for the four-letter word cons.
func (c *connection) noteOperation(header requestHeader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.lastOp = opNames[header.op]
	c.stats.lastCxid = int64(header.xid)
}

// hangUpTimeout is how long a client that was told of the end has to hang up first.
const hangUpTimeout = 100 * time.Millisecond

// awaitHangUp lets the client close the connection: Java's takes it for a loss, and
// warns of it, if the server is quicker.
func (c *connection) awaitHangUp() {
	if err := c.socket.SetReadDeadline(time.Now().Add(hangUpTimeout)); err == nil {
		_, _ = io.Copy(io.Discard, c.socket) // it ends with an error or at the deadline
	}
}

// lastWriteTimeout is how long a client has to take the rest of its output.
const lastWriteTimeout = 2 * time.Second

// finish stops taking output; what is queued is still sent, then the socket is closed.
func (c *connection) finish() {
	// The error would be that of a socket that is closed already.
	_ = c.socket.SetWriteDeadline(time.Now().Add(lastWriteTimeout))
	c.mu.Lock()
	c.closing = true
	c.room.Broadcast()
	c.mu.Unlock()
	c.signal()
}

// write sends what is queued until the connection is finished.
func (c *connection) write() {
	var spare []byte
	for {
		batch, done := c.takeReleasable(spare)
		if len(batch) > 0 {
			if _, err := c.socket.Write(batch); err != nil {
				c.discard()
				return
			}
		}
		if done {
			c.socket.Close()
			return
		}
		spare = batch[:0]
		if cap(spare) > frameStep {
			spare = nil
		}
		if len(batch) == 0 {
			<-c.wake
		}
	}
}

// takeReleasable takes the frames that may be sent out of the queue. done says
// that nothing will follow.
func (c *connection) takeReleasable(spare []byte) (batch []byte, done bool) {
	durable := c.server.durable.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	count := 0
	for count < len(c.frames) && c.frames[count].zxid <= durable {
		count++
	}
	if count == 0 {
		return nil, c.closing && (len(c.frames) == 0 || c.server.isStopped())
	}
	c.account(c.frames[:count])
	end := c.frames[count-1].end
	if count == len(c.frames) {
		batch, c.out = c.out, spare
		c.frames = c.frames[:0]
	} else {
		batch = append(spare, c.out[:end]...)
		c.out = append(c.out[:0], c.out[end:]...)
		c.frames = append(c.frames[:0], c.frames[count:]...)
		for i := range c.frames {
			c.frames[i].end -= end
		}
	}
	c.room.Broadcast()
	return batch, c.closing && len(c.frames) == 0
}

// discard drops the output of a connection that cannot be written to any more.
func (c *connection) discard() {
	c.mu.Lock()
	c.closing = true
	c.account(c.frames)
	c.out, c.frames = nil, nil
	c.room.Broadcast()
	c.mu.Unlock()
	c.socket.Close()
}

// account counts frames that leave the queue.
func (c *connection) account(frames []outFrame) {
	now := time.Now()
	for i := range frames {
		if frames[i].started.IsZero() {
			continue
		}
		latency := now.Sub(frames[i].started).Milliseconds()
		c.stats.answered(now, frames[i].zxid, latency)
		c.server.stats.answered(latency)
	}
	c.stats.sent += int64(len(frames))
	c.server.stats.sent.Add(int64(len(frames)))
}
