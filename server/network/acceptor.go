package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/protocol"
)

// acceptRetry is the pause after a failed accept, such as one for want of file
// descriptors.
const acceptRetry = 100 * time.Millisecond

// secure makes the channel of a new connection, in its reader: it may wrap it,
// and tells who is at the other end.
type secure func(conn net.Conn) (net.Conn, protocol.Principal, error)

// secureBy resolves a security protocol to its wrapper.
func secureBy(endPoint config.EndPoint) (secure, error) {
	if endPoint.SecurityProtocol == config.Plaintext {
		return func(conn net.Conn) (net.Conn, protocol.Principal, error) {
			return conn, protocol.Anonymous, nil
		}, nil
	}
	return nil, fmt.Errorf("listener %s uses the security protocol %s, but only %s is supported",
		endPoint.ListenerName, endPoint.SecurityProtocol, config.Plaintext)
}

// acceptor is one listening socket, as kafka.network.Acceptor.
type acceptor struct {
	server     *SocketServer
	endPoint   config.EndPoint
	listener   net.Listener
	secure     secure
	privileged bool // requests come from brokers alone
	control    bool // it is the control-plane listener
	sendBuffer int
	blocked    *metrics.Meter

	closing   chan struct{}
	closeOnce sync.Once

	mu sync.Mutex
	// throttled has the sockets that are kept unserved for a while because
	// their address opens connections too fast.
	throttled map[net.Conn]*time.Timer
}

// bind opens the listening socket.
func (s *SocketServer) bind(endPoint config.EndPoint) (*acceptor, error) {
	wrap, err := secureBy(endPoint)
	if err != nil {
		return nil, err
	}
	receiveBuffer := config.SocketReceiveBufferBytes.Get(s.cfg)
	listenConfig := net.ListenConfig{
		// The operating system's keep-alive times, as Java leaves them.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: -1, Interval: -1, Count: -1},
		Control: func(_, _ string, raw syscall.RawConn) error {
			return setBuffer(raw, unix.SO_RCVBUF, receiveBuffer)
		},
	}
	host := endPoint.Host
	if host == "" {
		host = "0.0.0.0"
	}
	listener, err := listenConfig.Listen(context.Background(), "tcp", endPoint.Address())
	if err != nil {
		return nil, fmt.Errorf("Socket server failed to bind to %s:%d: %s.", host, endPoint.Port, bindReason(err)) //nolint:staticcheck // Kafka's sentence
	}
	port := listener.Addr().(*net.TCPAddr).Port
	s.acceptorLogger.Infof("Awaiting socket connections on %s:%d.", host, port)
	return &acceptor{
		server: s, endPoint: endPoint, listener: listener, secure: wrap,
		sendBuffer: config.SocketSendBufferBytes.Get(s.cfg),
		closing:    make(chan struct{}),
		throttled:  map[net.Conn]*time.Timer{},
	}, nil
}

// bindReason gives the operating system's reason in the words of libc, which
// are Java's too.
func bindReason(err error) string {
	var errno syscall.Errno
	reason := err.Error()
	if errors.As(err, &errno) {
		reason = errno.Error()
	}
	return strings.ToUpper(reason[:1]) + reason[1:]
}

// setBuffer sets a socket's buffer size; -1 leaves the operating system's.
func setBuffer(raw syscall.RawConn, option, size int) error {
	if size == -1 {
		return nil
	}
	var setError error
	err := raw.Control(func(fd uintptr) {
		setError = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, option, size)
	})
	return errors.Join(err, setError)
}

// run accepts connections until the acceptor is closed.
func (a *acceptor) run() {
	for {
		conn, err := a.listener.Accept()
		if err == nil {
			a.accept(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		a.server.acceptorLogger.Errorf("Error while accepting connection: %v", err)
		select {
		case <-time.After(acceptRetry):
		case <-a.closing:
			return
		}
	}
}

// accept starts a connection when the quotas let it in; it waits while broker
// or listener have no room.
func (a *acceptor) accept(conn net.Conn) {
	ip, _, _ := hostOf(conn.RemoteAddr())
	address := addressOf(ip)
	started := time.Now()
	err := a.server.quotas.increase(a.endPoint.ListenerName, address, a.closing)
	if blocked := time.Since(started); blocked > time.Millisecond {
		a.blocked.Mark(int64(blocked))
	}
	var tooMany *tooManyConnectionsError
	var throttled *connectionThrottledError
	switch {
	case err == nil:
		a.start(conn)
		return
	case errors.As(err, &tooMany):
		a.server.acceptorLogger.Infof("Rejected connection from /%s, address already has the configured maximum of %d connections.",
			tooMany.address, tooMany.maximum)
		a.server.quotas.decrease(a.endPoint.ListenerName, address)
	case errors.As(err, &throttled):
		a.server.acceptorLogger.Debugf("Delaying closing of connection from /%s for %d ms", throttled.address, throttled.throttle.Milliseconds())
		a.delayClose(conn, throttled.throttle)
		return
	}
	conn.Close()
}

// start begins to serve a connection that was counted.
func (a *acceptor) start(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			err = setBuffer(raw, unix.SO_SNDBUF, a.sendBuffer)
			if err != nil {
				a.server.acceptorLogger.Debugf("Setting the send buffer of %s: %v", conn.RemoteAddr(), err)
			}
		}
	}
	if !a.server.add(a, conn) {
		ip, _, _ := hostOf(conn.RemoteAddr())
		a.server.quotas.decrease(a.endPoint.ListenerName, addressOf(ip))
		conn.Close()
	}
}

// delayClose closes a socket after a while.
func (a *acceptor) delayClose(conn net.Conn, delay time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.throttled[conn] = time.AfterFunc(delay, func() {
		a.mu.Lock()
		delete(a.throttled, conn)
		a.mu.Unlock()
		conn.Close()
	})
}

// close stops accepting.
func (a *acceptor) close() {
	a.closeOnce.Do(func() {
		close(a.closing)
		a.listener.Close()
	})
}

// closeThrottled closes the sockets that were kept unserved, once the acceptor
// has stopped.
func (a *acceptor) closeThrottled() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for conn, timer := range a.throttled {
		timer.Stop()
		conn.Close()
	}
	clear(a.throttled)
}

func (a *acceptor) port() int { return a.listener.Addr().(*net.TCPAddr).Port }
