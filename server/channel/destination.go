package channel

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/server/protocol"
)

const (
	// firstBuffer is how much of a response is given memory before any of it
	// was received.
	firstBuffer = 64 << 10
	// staleAfter is the idle time after which a connection is looked at
	// before it is used: the peer closes idle ones.
	staleAfter = time.Second
)

// destination is the connection to one node.
type destination struct {
	sender *Sender
	node   Node
	// turn holds a token while nobody sends; it guards the fields up to mu.
	turn          chan struct{}
	buffer        []byte
	out           []byte
	correlationID int32
	lastUsed      time.Time
	retryAt       time.Time
	tooLong       int // set-ups of a connection that took too long, since one succeeded

	closing chan struct{}

	mu     sync.Mutex
	conn   net.Conn
	closed bool
	// cancelDial ends the making of a connection.
	cancelDial context.CancelFunc
}

func newDestination(sender *Sender, node Node) *destination {
	d := &destination{sender: sender, node: node, turn: make(chan struct{}, 1), closing: make(chan struct{})}
	d.turn <- struct{}{}
	return d
}

func (d *destination) send(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	select {
	case <-d.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.closing:
		return nil, ErrClosed
	}
	defer func() { d.turn <- struct{}{} }()
	conn, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	response, err := d.exchange(ctx, conn, request)
	if err != nil {
		d.disconnect()
		d.retryAt = time.Now().Add(d.sender.config.ReconnectBackoff)
		return nil, d.reason(ctx, err)
	}
	d.lastUsed = time.Now()
	return response, nil
}

// reason names what ended an exchange: the caller, the sender, or the network.
func (d *destination) reason(ctx context.Context, err error) error {
	select {
	case <-d.closing:
		return ErrClosed
	default:
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// connect returns the connection, a new one when there is none or the peer has
// closed it.
func (d *destination) connect(ctx context.Context) (net.Conn, error) {
	d.mu.Lock()
	conn := d.conn
	d.mu.Unlock()
	if conn != nil && (time.Since(d.lastUsed) < staleAfter || isOpen(conn)) {
		return conn, nil
	}
	if conn != nil {
		d.disconnect()
	}
	if wait := time.Until(d.retryAt); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-d.closing:
			return nil, ErrClosed
		}
	}
	return d.dial(ctx)
}

func (d *destination) dial(ctx context.Context) (net.Conn, error) {
	dialing, cancel := context.WithTimeout(ctx, d.sender.config.connectTimeout(d.tooLong))
	defer cancel()
	d.mu.Lock()
	d.cancelDial = cancel
	d.mu.Unlock()
	conn, err := d.sender.config.Dial(dialing, d.node)
	if err != nil {
		d.retryAt = time.Now().Add(d.sender.config.ReconnectBackoff)
		if ctx.Err() == nil && errors.Is(dialing.Err(), context.DeadlineExceeded) {
			d.tooLong++
		}
		return nil, d.reason(ctx, err)
	}
	d.tooLong = 0
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		conn.Close()
		return nil, ErrClosed
	}
	d.conn = conn
	return conn, nil
}

// exchange writes a request and reads its response. The context's end makes
// both fail.
func (d *destination) exchange(ctx context.Context, conn net.Conn, request kmsg.Request) (kmsg.Response, error) {
	conn.SetDeadline(time.Now().Add(d.sender.config.RequestTimeout))
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	d.correlationID++
	d.out = d.sender.formatter.AppendRequest(d.out[:0], request, d.correlationID)
	if _, err := conn.Write(d.out); err != nil {
		return nil, err
	}
	if cap(d.out) > firstBuffer {
		d.out = nil
	}
	frame, err := d.readFrame(conn)
	if err != nil {
		return nil, err
	}
	return d.decode(request, frame)
}

func (d *destination) decode(request kmsg.Request, frame []byte) (kmsg.Response, error) {
	key, version := request.Key(), request.GetVersion()
	correlationID, body, err := protocol.ParseResponseHeader(frame, key, version)
	if err != nil {
		return nil, err
	}
	if correlationID != d.correlationID {
		return nil, fmt.Errorf("the response has the correlation id %d instead of %d", correlationID, d.correlationID)
	}
	if err := protocol.CheckResponse(key, version, body); err != nil {
		return nil, err
	}
	response := request.ResponseKind()
	return response, response.ReadFrom(body)
}

// readFrame reads one response into memory that grows only with what was
// received.
func (d *destination) readFrame(conn net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(length[:])))
	if size < 0 {
		return nil, fmt.Errorf("a response of %d bytes", size)
	}
	frame := d.buffer[:0]
	if !d.sender.config.ReuseBuffer {
		frame = make([]byte, 0, min(size, firstBuffer))
	}
	for len(frame) < size {
		if len(frame) == cap(frame) {
			grown := make([]byte, len(frame), min(size, max(2*cap(frame), firstBuffer)))
			copy(grown, frame)
			frame = grown
		}
		n, err := conn.Read(frame[len(frame):min(cap(frame), size)])
		frame = frame[:len(frame)+n]
		if n == 0 && err != nil {
			return nil, err
		}
	}
	if d.sender.config.ReuseBuffer {
		d.buffer = frame
	}
	return frame, nil
}

// disconnect closes the connection; the next request makes a new one.
func (d *destination) disconnect() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}

// close closes the connection for good.
func (d *destination) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.closed = true
	close(d.closing)
	if d.cancelDial != nil {
		d.cancelDial()
	}
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}

// isOpen looks whether the peer has closed an idle connection, or sent what
// nobody asked for.
func isOpen(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, peekError := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		open = errors.Is(peekError, unix.EAGAIN)
		return true
	})
	return err == nil && open
}
