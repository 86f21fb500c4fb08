package zkclient

import (
	"context"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/config/logging"
)

// State is that of the session (ZooKeeper.States).
type State int

// The states a client can be in.
const (
	Connecting State = iota
	Connected
	Closed // expired or closed
)

// String gives Java's name of the state.
func (s State) String() string {
	return [...]string{"CONNECTING", "CONNECTED", "CLOSED"}[s]
}

// watchesTimeout bounds how long requests wait for watches to be set again.
const watchesTimeout = time.Second

// watchKind separates the watches of a node's data and existence from those of
// its children.
type watchKind int

const (
	dataWatch watchKind = iota
	childWatch
)

type watchKey struct {
	path string // without chroot
	kind watchKind
}

// watch tells whether one is set on the server. Each event gives it another
// generation, so that a read that raced with the event does not count as a new
// watch.
type watch struct {
	set        bool
	generation int
}

// session is one session with ZooKeeper over any number of connections. When it
// is over, by expiry or by closing, its context is cancelled: go-zookeeper's
// connection then cannot dial any more and so never makes a session of its own.
type session struct {
	client *Client
	ctx    context.Context
	cancel context.CancelFunc
	conn   *zk.Conn
	events <-chan zk.Event // closed when conn's goroutines have ended

	mu         sync.Mutex // guards what follows
	state      State
	ready      chan struct{} // while connected: closed once requests may be sent
	connection *connection
	watches    map[watchKey]*watch
	generation int // the last given to a watch
	unsent     int // watches still to be set again on this connection
}

// newSession starts connecting; it does not wait.
func (c *Client) newSession() (*session, error) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &session{client: c, ctx: ctx, cancel: cancel, watches: map[watchKey]*watch{}}
	conn, events, err := zk.Connect(c.servers, c.config.SessionTimeout,
		zk.WithDialer(s.dial),
		zk.WithHostProvider(&hostProvider{}),
		zk.WithEventCallback(s.onEvent),
		zk.WithLogger(goZookeeperLogger{s}),
		zk.WithLogInfo(false),
		zk.WithMaxBufferSize(c.config.MaxBufferSize),
		zk.WithMaxConnBufferSize(c.config.MaxBufferSize),
	)
	if err != nil {
		cancel()
		return nil, err
	}
	s.conn, s.events = conn, events
	return s, nil
}

// goZookeeperLogger takes what go-zookeeper logs: what goes wrong with a
// connection. Java's client warns of the same under the name used here.
type goZookeeperLogger struct{ session *session }

// Printf warns unless the session is over anyway.
func (l goZookeeperLogger) Printf(format string, args ...any) {
	if l.session.currentState() == Closed {
		connectionLog.Debugf(format, args...)
	} else {
		connectionLog.Warnf(format, args...)
	}
}

var connectionLog = logging.For("org.apache.zookeeper.ClientCnxn")

// adopt makes c the connection that close cuts, unless the session is over.
func (s *session) adopt(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == Closed {
		c.Close()
		return false
	}
	s.connection = c
	return true
}

// onEvent is go-zookeeper's callback; it runs on the connection's goroutines,
// before the event's watch is taken off and before the next frame is read.
func (s *session) onEvent(event zk.Event) {
	switch event.Type {
	case zk.EventSession:
		s.onSessionEvent(event)
	case zk.EventNodeCreated, zk.EventNodeDataChanged, zk.EventNodeDeleted, zk.EventNodeChildrenChanged:
		path := s.client.stripChroot(event.Path)
		if event.Type != zk.EventNodeChildrenChanged {
			s.watchFired(watchKey{path, dataWatch})
		}
		if event.Type == zk.EventNodeDeleted || event.Type == zk.EventNodeChildrenChanged {
			s.watchFired(watchKey{path, childWatch})
		}
		s.client.events.add(func() { s.client.dispatch(event.Type, path) })
	}
}

func (s *session) onSessionEvent(event zk.Event) {
	state := event.State
	s.mu.Lock()
	before := s.state
	switch {
	case before == Closed:
	case state == zk.StateHasSession:
		s.state = Connected
		s.openGateLocked()
	case state == zk.StateExpired:
		s.state = Closed
		s.cancel()
	case state == zk.StateDisconnected:
		s.state = Connecting
	}
	after := s.state
	s.mu.Unlock()
	if before == after {
		return
	}
	s.client.stateChanged()
	switch after {
	case Connected:
		s.client.events.add(func() { s.client.onConnected(event.Server) })
	case Connecting:
		s.client.events.add(func() { s.client.observe(Disconnected) })
	case Closed:
		s.client.events.add(func() { s.client.onExpired() })
	}
}

// openGateLocked lets requests through, at once if no watches are to be set again.
func (s *session) openGateLocked() {
	ready := make(chan struct{})
	s.ready = ready
	s.unsent = 0
	for _, w := range s.watches {
		if w.set {
			s.unsent++
		}
	}
	if s.unsent == 0 {
		close(ready)
		return
	}
	time.AfterFunc(watchesTimeout, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		openLocked(ready)
	})
}

// watchesSent is called when the connection has sent that many watches to be set
// again.
func (s *session) watchesSent(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsent -= count; s.unsent <= 0 && s.ready != nil {
		openLocked(s.ready)
	}
}

func openLocked(ready chan struct{}) {
	select {
	case <-ready:
	default:
		close(ready)
	}
}

// await returns when a request may be sent, or why none may.
func (s *session) await() error {
	s.mu.Lock()
	state, ready := s.state, s.ready
	s.mu.Unlock()
	switch state {
	case Closed:
		return zk.ErrSessionExpired
	case Connecting:
		return zk.ErrConnectionClosed
	}
	select {
	case <-ready:
		return nil
	case <-s.ctx.Done():
		return zk.ErrConnectionClosed
	}
}

func (s *session) currentState() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// needsWatch reports whether a read must set a watch, and the watch's generation.
func (s *session) needsWatch(key watchKey) (needed bool, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watches[key]
	if w == nil {
		s.generation++
		w = &watch{generation: s.generation}
		s.watches[key] = w
	}
	return !w.set, w.generation
}

// watchSet notes a successful read that set a watch, if it has not fired since.
func (s *session) watchSet(key watchKey, generation int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.watches[key]; w != nil && w.generation == generation {
		w.set = true
	}
}

// watchFired notes that the watch is set no more, and forgets it if nobody will
// set it again.
func (s *session) watchFired(key watchKey) {
	wanted := s.client.hasNodeHandler(key.path)
	if key.kind == childWatch {
		wanted = s.client.hasChildHandler(key.path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches, key)
	if wanted {
		s.generation++
		s.watches[key] = &watch{generation: s.generation}
	}
}

// close ends the session and waits for its goroutines. ZooKeeper is told if it
// can be reached, and then deletes the session's ephemeral nodes at once.
func (s *session) close() {
	s.mu.Lock()
	s.state = Closed
	s.mu.Unlock()
	s.cancel()
	s.conn.Close()
	s.mu.Lock()
	connection := s.connection
	s.mu.Unlock()
	if connection != nil {
		connection.Close()
	}
	for range s.events {
	}
}
