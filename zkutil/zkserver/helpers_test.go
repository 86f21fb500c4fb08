package zkserver

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
)

// testConfig is a server's configuration on a free port, without fsync.
func testConfig(t testing.TB) *Config {
	cfg := DefaultConfig()
	cfg.ClientAddress = "127.0.0.1:0"
	cfg.DataDir = t.TempDir()
	cfg.TickTime = 100 * time.Millisecond
	cfg.MaxSessionTimeout = time.Minute
	cfg.MaxClientCnxns = 0
	cfg.ForceSync = false
	cfg.Whitelist = []string{"*"}
	return cfg
}

func quietLog(name string) *logrus.Entry {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return logger.WithField("logger", name)
}

func startServer(t testing.TB, cfg *Config) *Server {
	t.Helper()
	s := New(cfg, quietLog)
	if err := s.Start(); err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rawClient speaks the protocol packet by packet.
type rawClient struct {
	t         testing.TB
	conn      net.Conn
	sessionID int64
	password  []byte
	timeoutMs int32
	xid       int32
	// events gathers the notifications met while waiting for replies.
	events []rawEvent
}

type rawEvent struct {
	event eventType
	path  string
}

func dialRaw(t testing.TB, address string) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &rawClient{t: t, conn: conn}
}

// openSession dials and begins a session.
func openSession(t testing.TB, s *Server) *rawClient {
	t.Helper()
	c := dialRaw(t, s.Addr())
	c.connect(0, nil, 0)
	if c.sessionID == 0 {
		t.Fatal("no session")
	}
	return c
}

func (c *rawClient) connect(sessionID int64, password []byte, lastZxid int64) {
	c.t.Helper()
	c.send(func(e *encoder) {
		e.Int32(0)
		e.Int64(lastZxid)
		e.Int32(10000)
		e.Int64(sessionID)
		e.Buffer(password)
	})
	d := newDecoder(c.receive())
	d.Int32()
	c.timeoutMs = d.Int32()
	c.sessionID = d.Int64()
	c.password = d.Buffer()
	if d.Err != nil || len(d.Buf) != 0 {
		c.t.Fatalf("connect response: %v, %d bytes left", d.Err, len(d.Buf))
	}
}

func (c *rawClient) send(body func(*encoder)) {
	c.t.Helper()
	e := newEncoder(make([]byte, 4))
	body(&e)
	binary.BigEndian.PutUint32(e.Buf, uint32(len(e.Buf)-4))
	if _, err := c.conn.Write(e.Buf); err != nil {
		c.t.Fatal(err)
	}
}

func (c *rawClient) tryReceive() ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(c.conn, prefix[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(prefix[:]))
	_, err := io.ReadFull(c.conn, frame)
	return frame, err
}

func (c *rawClient) receive() []byte {
	c.t.Helper()
	frame, err := c.tryReceive()
	if err != nil {
		c.t.Fatal(err)
	}
	return frame
}

type rawReply struct {
	xid  int32
	zxid int64
	err  Code
	body decoder
}

// reply reads up to the next reply, keeping the events in between.
func (c *rawClient) reply() rawReply {
	c.t.Helper()
	for {
		d := newDecoder(c.receive())
		r := rawReply{xid: d.Int32(), zxid: d.Int64(), err: Code(d.Int32())}
		if r.xid != xidNotification {
			r.body = d
			return r
		}
		event := eventType(d.Int32())
		d.Int32()
		c.events = append(c.events, rawEvent{event, d.Text()})
	}
}

func (c *rawClient) sendRequest(op int32, body func(*encoder)) int32 {
	c.t.Helper()
	c.xid++
	c.send(func(e *encoder) {
		e.Int32(c.xid)
		e.Int32(op)
		if body != nil {
			body(e)
		}
	})
	return c.xid
}

func (c *rawClient) call(op int32, body func(*encoder)) rawReply {
	c.t.Helper()
	xid := c.sendRequest(op, body)
	r := c.reply()
	if r.xid != xid {
		c.t.Fatalf("reply to %d, want %d", r.xid, xid)
	}
	return r
}

func (c *rawClient) mustCall(op int32, body func(*encoder)) rawReply {
	c.t.Helper()
	r := c.call(op, body)
	if r.err != CodeOK {
		c.t.Fatalf("operation %d: %v", op, r.err)
	}
	return r
}

func createBody(path, data string, flags int32) func(*encoder) {
	return func(e *encoder) {
		e.Text(path)
		e.Buffer([]byte(data))
		e.acl(openACL)
		e.Int32(flags)
	}
}

func (c *rawClient) create(path, data string) rawReply {
	c.t.Helper()
	return c.mustCall(opCreate, createBody(path, data, 0))
}

func pathBody(path string, watch bool) func(*encoder) {
	return func(e *encoder) {
		e.Text(path)
		e.Boolean(watch)
	}
}

func versionBody(path string, version int32) func(*encoder) {
	return func(e *encoder) {
		e.Text(path)
		e.Int32(version)
	}
}

func setDataBody(path, data string, version int32) func(*encoder) {
	return func(e *encoder) {
		e.Text(path)
		e.Buffer([]byte(data))
		e.Int32(version)
	}
}

// closed reads until the server closes the connection.
func (c *rawClient) closed() bool {
	for {
		if _, err := c.tryReceive(); err != nil {
			return err == io.EOF || isConnectionEnd(err)
		}
	}
}

func (d *decoder) stat() stat {
	return stat{
		czxid: d.Int64(), mzxid: d.Int64(), ctime: d.Int64(), mtime: d.Int64(),
		version: d.Int32(), cversion: d.Int32(), aversion: d.Int32(), ephemeralOwner: d.Int64(),
		dataLength: d.Int32(), numChildren: d.Int32(), pzxid: d.Int64(),
	}
}

func (c *rawClient) stat(path string) stat {
	c.t.Helper()
	r := c.mustCall(opExists, pathBody(path, false))
	return r.body.stat()
}

// discardConn is a connection whose peer takes everything and says nothing.
type discardConn struct{ net.Conn }

func (discardConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (discardConn) Write(b []byte) (int, error)      { return len(b), nil }
func (discardConn) Read([]byte) (int, error)         { return 0, io.EOF }
func (discardConn) Close() error                     { return nil }
func (discardConn) SetReadDeadline(time.Time) error  { return nil }
func (discardConn) SetWriteDeadline(time.Time) error { return nil }
