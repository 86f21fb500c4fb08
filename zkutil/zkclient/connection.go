package zkclient

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"
)

// Sizes of a frame that a server may send: header of a response, and the answer
// to a connect request.
const (
	minFrame        = 16
	minConnectFrame = 36
	maxConnectFrame = 256
)

// Where the operation stands in a frame that was written: after length and xid.
const (
	opcodeOffset = 8
	opSetWatches = 101
)

// connection is the TCP connection of a session as go-zookeeper sees it. It
// refuses frames that cannot be ZooKeeper's (go-zookeeper would allocate what the
// length says), keeps read deadlines short, and notices when watches are set again.
type connection struct {
	net.Conn
	readTimeout time.Duration
	maxFrame    int
	setWatches  func(count int)

	header    [4]byte // read by one goroutine at a time, as are the fields below
	headerLen int
	remaining int
	frames    int

	writes int // by one goroutine at a time
}

// dial opens a connection for the session, or fails if the session is over.
func (s *session) dial(_, address string, _ time.Duration) (net.Conn, error) {
	config := s.client.config
	ctx, cancel := context.WithTimeout(s.ctx, config.SessionTimeout/time.Duration(len(s.client.servers)))
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if config.TLS != nil {
		if raw, err = handshake(ctx, raw, config.TLS, address); err != nil {
			return nil, err
		}
	}
	c := &connection{
		Conn:        raw,
		readTimeout: config.SessionTimeout * 2 / 3,
		maxFrame:    config.MaxBufferSize,
		setWatches:  s.watchesSent,
	}
	if !s.adopt(c) {
		return nil, net.ErrClosed
	}
	return c, nil
}

func handshake(ctx context.Context, raw net.Conn, config *tls.Config, address string) (net.Conn, error) {
	if config.ServerName == "" && !config.InsecureSkipVerify {
		config = config.Clone()
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(raw, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return secured, nil
}

// SetReadDeadline allows at most the session's read timeout.
func (c *connection) SetReadDeadline(t time.Time) error {
	if latest := time.Now().Add(c.readTimeout); !t.IsZero() && t.After(latest) {
		t = latest
	}
	return c.Conn.SetReadDeadline(t)
}

// Read checks the length that begins each frame before it hands it on.
func (c *connection) Read(p []byte) (int, error) {
	inHeader := c.remaining == 0
	if inHeader && len(p) > len(c.header)-c.headerLen {
		p = p[:len(c.header)-c.headerLen]
	}
	n, err := c.Conn.Read(p)
	if !inHeader {
		c.remaining -= min(n, c.remaining)
		return n, err
	}
	c.headerLen += copy(c.header[c.headerLen:], p[:n])
	if c.headerLen < len(c.header) {
		return n, err
	}
	length := int64(binary.BigEndian.Uint32(c.header[:]))
	low, high := int64(minFrame), int64(c.maxFrame)
	if c.frames == 0 {
		low, high = minConnectFrame, maxConnectFrame
	}
	if length < low || length > high {
		return 0, fmt.Errorf("packet length %d from %s is out of range", length, c.RemoteAddr())
	}
	c.headerLen, c.remaining = 0, int(length)
	c.frames++
	return n, err
}

// Write sends one frame; the first one asks for the session.
func (c *connection) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.writes++
	if c.writes > 1 && len(p) >= opcodeOffset+4 && binary.BigEndian.Uint32(p[opcodeOffset:]) == opSetWatches {
		c.setWatches(countWatches(p))
	}
	return n, err
}

// countWatches counts the paths of a SetWatches frame: three lists of strings
// after the header and a zxid.
func countWatches(frame []byte) int {
	count := 0
	rest := frame[opcodeOffset+4:]
	if len(rest) < 8 {
		return 0
	}
	rest = rest[8:]
	for range 3 {
		if len(rest) < 4 {
			return count
		}
		paths := int(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		for range paths {
			if len(rest) < 4 {
				return count
			}
			length := int(binary.BigEndian.Uint32(rest))
			rest = rest[min(len(rest), 4+length):]
			count++
		}
	}
	return count
}

// hostProvider walks through the servers in turn; names are resolved by dialling.
type hostProvider struct {
	mu       sync.Mutex
	servers  []string
	next     int
	attempts int // since a session was established
}

// Init takes the servers of the connect string.
func (h *hostProvider) Init(servers []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers = servers
	return nil
}

// Len gives the number of servers.
func (h *hostProvider) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.servers)
}

// Next gives the server to try, and whether all were tried in vain, upon which
// go-zookeeper pauses for a second.
func (h *hostProvider) Next() (server string, retryStart bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	server = h.servers[h.next]
	h.next = (h.next + 1) % len(h.servers)
	retryStart = h.attempts > 0 && h.attempts%len(h.servers) == 0
	h.attempts++
	return server, retryStart
}

// Connected notes that the last server given works.
func (h *hostProvider) Connected() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts = 1
}
