// Package session is the client under zookeeper-shell: one session with an ensemble,
// its requests and its watches (class ZooKeeper over ClientCnxn, 3.6). The brokers'
// sessions are zkclient's over go-zookeeper, which has neither persistent watches
// nor a way to remove a watch.
package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

// Event is what happened to the session or to a node, in Java's words
// (WatchedEvent). Path is empty for the session's own events.
type Event struct {
	State, Type, Path string
}

// Options say how a session is kept.
type Options struct {
	// Timeout is how long the servers keep the session while they do not hear of it.
	Timeout time.Duration
	// Dial opens a connection to a server.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// OnEvent is told of events one after the other, each before the result of a
	// request that the servers answered after it. It must not call the session.
	OnEvent func(Event)
}

// state is what a session can be expected to do (ZooKeeper.States).
type state int

const (
	connecting state = iota
	connected
	closing
	closed
	authFailed
)

// Session is a session. Its methods may be called by any goroutine; they wait for
// the answer, or for the connection to be lost.
type Session struct {
	options Options
	servers []string
	chroot  string
	cancel  context.CancelFunc
	ended   chan struct{}

	// mu protects the following, and the order of what is written to conn.
	mu    sync.Mutex
	state state
	conn  net.Conn // nil while not connected
	// pending holds what was not answered yet in the order of asking. While there
	// is no connection it was not sent either.
	pending  []*request
	lastXid  int32
	auths    []auth
	watches  watches
	lastZxid int64
	id       int64
	password []byte
	timeout  time.Duration // as negotiated
}

type auth struct {
	scheme string
	data   []byte
}

// Connect begins a session with host:port,host:port/chroot. It does not wait for a
// connection.
func Connect(host string, options Options) (*Session, error) {
	list, chroot, found := strings.Cut(host, "/")
	if found && chroot != "" {
		chroot = "/" + chroot
		if err := ValidatePath(chroot); err != nil {
			return nil, err
		}
	}
	servers := strings.Split(list, ",")
	for i, server := range servers {
		if _, _, err := net.SplitHostPort(server); err != nil {
			servers[i] = net.JoinHostPort(strings.Trim(server, "[]"), "2181")
		}
	}
	rand.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
	ctx, cancel := context.WithCancel(context.Background())
	s := &Session{
		options: options, servers: servers, chroot: chroot, cancel: cancel, ended: make(chan struct{}),
		watches: watches{}, password: make([]byte, passwordSize), timeout: options.Timeout,
	}
	go s.run(ctx)
	return s, nil
}

// IsAlive says whether the session may still be used, perhaps after a wait for a
// connection.
func (s *Session) IsAlive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state <= connected
}

// Close ends the session and its ephemeral nodes. If there is no connection it waits
// for the attempt under way, as Java's does.
func (s *Session) Close() {
	last := &request{op: opCloseSession, done: make(chan struct{})}
	s.mu.Lock()
	alive := s.state <= connected
	if alive {
		s.enqueue(last)
		s.state = closing
	}
	s.mu.Unlock()
	if alive {
		<-last.done
	}
	s.Abandon()
}

// Abandon leaves the session to the servers, which end it when its timeout has
// passed, as they do when the process ends.
func (s *Session) Abandon() {
	s.cancel()
	<-s.ended
}

// run keeps a connection until the session is over.
func (s *Session) run(ctx context.Context) {
	defer close(s.ended)
	for attempt := 0; s.attempting(ctx, attempt); attempt++ {
		err := s.attend(ctx, s.servers[attempt%len(s.servers)])
		s.disconnected(ctx, err)
	}
	s.mu.Lock()
	asked := s.state == closing
	if s.state <= closing {
		s.state = closed
	}
	s.mu.Unlock()
	s.failPending()
	if asked {
		s.options.OnEvent(Event{State: "Closed", Type: "None"})
	}
}

// longestPause is between attempts to connect.
const longestPause = time.Second

// attempting says whether to connect: for the first time, or again after a pause of
// random length.
func (s *Session) attempting(ctx context.Context, attempt int) bool {
	if attempt > 0 && s.IsAlive() {
		select {
		case <-time.After(rand.N(longestPause)):
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil && (attempt == 0 || s.IsAlive())
}

// disconnected fails what waited for the connection and says that it is lost.
func (s *Session) disconnected(ctx context.Context, err error) {
	s.mu.Lock()
	s.conn = nil
	switch {
	case errors.Is(err, errExpired):
		s.state = closed
	case s.state == connected:
		s.state = connecting
	}
	alive := s.state <= connected && ctx.Err() == nil
	s.mu.Unlock()
	s.failPending()
	switch {
	case errors.Is(err, errExpired):
		s.options.OnEvent(Event{State: "Expired", Type: "None"})
	case alive:
		s.options.OnEvent(Event{State: "Disconnected", Type: "None"})
	}
}

// failPending answers what the servers will not answer any more.
func (s *Session) failPending() {
	s.mu.Lock()
	pending, code := s.pending, s.lossCode()
	s.pending = nil
	s.mu.Unlock()
	for _, r := range pending {
		s.finish(r, code)
	}
}

// lossCode is why there is no answer, by the session's state. The caller holds mu.
func (s *Session) lossCode() zkserver.Code {
	switch s.state {
	case authFailed:
		return zkserver.CodeAuthFailed
	case closed:
		return zkserver.CodeSessionExpired
	}
	return zkserver.CodeConnectionLoss
}

// serverPath puts the chroot in front of a path.
func (s *Session) serverPath(path string) string {
	if s.chroot != "" && path == "/" {
		return s.chroot
	}
	return s.chroot + path
}

func (s *Session) clientPath(path string) string {
	if rest, below := strings.CutPrefix(path, s.chroot); below && rest != "" {
		return rest
	} else if below {
		return "/"
	}
	return path
}
