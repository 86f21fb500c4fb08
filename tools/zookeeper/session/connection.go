package session

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/zkutil/jute"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// Operations of the protocol that the shell asks for (ZooDefs.OpCode).
const (
	opCreate               = 1
	opDelete               = 2
	opExists               = 3
	opGetData              = 4
	opSetData              = 5
	opGetACL               = 6
	opSetACL               = 7
	opSync                 = 9
	opPing                 = 11
	opGetChildren2         = 12
	opMulti                = 14
	opReconfig             = 16
	opRemoveWatches        = 18
	opCreateContainer      = 19
	opCreateTTL            = 21
	opAuth                 = 100
	opGetEphemerals        = 103
	opGetAllChildrenNumber = 104
	opSetWatches2          = 105
	opAddWatch             = 106
	opCloseSession         = -11
)

// Transaction ids with a meaning of their own; those of requests are positive.
const (
	xidNotification = -1
	xidPing         = -2
	xidAuth         = -4
	xidSetWatches   = -8
)

// Sizes of frames.
const (
	passwordSize = 16
	// maxFrame is jute.maxbuffer's default, with room for what is around the data.
	maxFrame = 2 << 20
)

var (
	errExpired  = errors.New("session expired")
	errProtocol = errors.New("not an answer of ZooKeeper's")
)

// request is one that waits for its answer.
type request struct {
	op, xid int32
	path    string // for its error
	body    []byte
	// onReply, if there is one, sees the code of the answer before anybody else
	// and may put another in its place. It runs without Session.mu.
	onReply func(code zkserver.Code) zkserver.Code

	code   zkserver.Code
	answer jute.Decoder
	done   chan struct{}
}

// call sends a request and waits for its answer.
func (s *Session) call(r *request) (*jute.Decoder, error) {
	r.done = make(chan struct{})
	s.mu.Lock()
	alive, code := s.state <= connected, s.lossCode()
	if alive {
		s.enqueue(r)
	}
	s.mu.Unlock()
	if !alive {
		s.finish(r, code)
	}
	<-r.done
	if r.code != zkserver.CodeOK {
		return nil, &Error{r.code, r.path}
	}
	return &r.answer, nil
}

// enqueue sends a request, or keeps it for the next connection. The caller holds mu.
func (s *Session) enqueue(r *request) {
	if s.lastXid++; s.lastXid < 0 {
		s.lastXid = 1
	}
	r.xid = s.lastXid
	s.pending = append(s.pending, r)
	if s.conn != nil {
		s.write(r.xid, r.op, r.body)
	}
}

// finish gives a request its result.
func (s *Session) finish(r *request, code zkserver.Code) {
	if r.onReply != nil {
		code = r.onReply(code)
	}
	r.code = code
	close(r.done)
}

// write sends a request; if it cannot, the connection's reader finds out. The caller
// holds mu.
func (s *Session) write(xid, op int32, body []byte) {
	frame := jute.Encoder{Buf: make([]byte, 0, 12+len(body))}
	frame.Int32(int32(8 + len(body)))
	frame.Int32(xid)
	frame.Int32(op)
	s.writeFrame(append(frame.Buf, body...))
}

func (s *Session) writeFrame(frame []byte) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timeout)); err == nil {
		_, err = s.conn.Write(frame)
		if err != nil {
			s.conn.Close()
		}
	}
}

// attend opens a connection and serves it until it is lost.
func (s *Session) attend(ctx context.Context, address string) error {
	dialing, cancel := context.WithTimeout(ctx, s.options.Timeout/time.Duration(len(s.servers)))
	defer cancel()
	conn, err := s.options.Dial(dialing, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	if err := s.establish(conn, in); err != nil {
		return err
	}
	s.options.OnEvent(Event{State: "SyncConnected", Type: "None"})
	s.resume(conn)
	var pinging sync.WaitGroup
	over := make(chan struct{})
	pinging.Go(func() { s.ping(over) })
	defer pinging.Wait()
	defer close(over)
	for {
		frame, err := readFrame(conn, in, s.timeout*2/3)
		if err == nil {
			err = s.receive(frame)
		}
		if err != nil {
			return err
		}
	}
}

// establish asks for the session, a new one or the one that there was.
func (s *Session) establish(conn net.Conn, in *bufio.Reader) error {
	var e jute.Encoder
	e.Int32(0) // where the length will be
	e.Int32(0) // version of the protocol
	e.Int64(s.lastZxid)
	e.Int32(int32(s.options.Timeout.Milliseconds()))
	e.Int64(s.id)
	e.Buffer(s.password)
	e.Boolean(false) // a server that only reads will not do
	binary.BigEndian.PutUint32(e.Buf, uint32(len(e.Buf)-4))
	if _, err := conn.Write(e.Buf); err != nil {
		return err
	}
	frame, err := readFrame(conn, in, s.options.Timeout/time.Duration(len(s.servers)))
	if err != nil {
		return err
	}
	d := jute.Decoder{Buf: frame}
	d.Int32()
	timeout, id, password := d.Int32(), d.Int64(), d.Buffer()
	if d.Err != nil {
		return d.Err
	}
	if timeout <= 0 {
		return errExpired
	}
	s.mu.Lock()
	s.timeout, s.id, s.password = time.Duration(timeout)*time.Millisecond, id, password
	s.mu.Unlock()
	return nil
}

// resume brings a new connection to where the one before was, and sends what was
// asked meanwhile.
func (s *Session) resume(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	if s.state == connecting {
		s.state = connected
	}
	for _, a := range s.auths {
		s.write(xidAuth, opAuth, a.encode())
	}
	if len(s.watches) > 0 {
		s.write(xidSetWatches, opSetWatches2, s.setWatches())
	}
	for _, r := range s.pending {
		s.write(r.xid, r.op, r.body)
	}
}

// ping keeps the session alive until the connection is over.
func (s *Session) ping(over <-chan struct{}) {
	ticker := time.NewTicker(s.timeout / 3)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
			s.mu.Lock()
			s.write(xidPing, opPing, nil)
			s.mu.Unlock()
		}
	}
}

func readFrame(conn net.Conn, in *bufio.Reader, patience time.Duration) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var prefix [4]byte
	if _, err := io.ReadFull(in, prefix[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > maxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errProtocol, size)
	}
	frame := make([]byte, size)
	_, err := io.ReadFull(in, frame)
	return frame, err
}

// receive takes a frame in: an answer or an event.
func (s *Session) receive(frame []byte) error {
	d := jute.Decoder{Buf: frame}
	xid, zxid, code := d.Int32(), d.Int64(), zkserver.Code(d.Int32())
	if d.Err != nil {
		return d.Err
	}
	switch xid {
	case xidPing, xidSetWatches:
		return nil
	case xidNotification:
		return s.notify(&d)
	case xidAuth:
		return s.authenticated(code)
	}
	s.mu.Lock()
	if len(s.pending) == 0 || s.pending[0].xid != xid {
		s.mu.Unlock()
		return fmt.Errorf("%w: xid %d out of order", errProtocol, xid)
	}
	r := s.pending[0]
	s.pending = s.pending[1:]
	s.lastZxid = max(s.lastZxid, zxid)
	s.mu.Unlock()
	r.answer = d
	s.finish(r, code)
	return nil
}

// authenticated ends the session if the servers do not believe who the user is.
func (s *Session) authenticated(code zkserver.Code) error {
	if code != zkserver.CodeAuthFailed {
		return nil
	}
	s.mu.Lock()
	s.state = authFailed
	s.mu.Unlock()
	s.options.OnEvent(Event{State: "AuthFailed", Type: "None"})
	return code
}
