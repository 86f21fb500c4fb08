package zkclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config/logging"
)

// DefaultMaxBufferSize is the largest packet taken, jute.maxbuffer of Kafka's client.
const DefaultMaxBufferSize = 4 << 20

// SessionEvent is a change of the session that Kafka counts
// (ZooKeeperDisconnectsPerSec and so on).
type SessionEvent string

// The events counted.
const (
	SyncConnected SessionEvent = "SyncConnects"
	Disconnected  SessionEvent = "Disconnects"
	Expired       SessionEvent = "Expires"
)

// Config says where to connect and how.
type Config struct {
	ConnectString       string        // host:port,host:port/chroot
	SessionTimeout      time.Duration // asked for; the server may grant another
	ConnectionTimeout   time.Duration // for the first connection
	MaxInFlightRequests int
	Name                string             // in the log
	TLS                 *tls.Config        // nil for plaintext
	MaxBufferSize       int                // DefaultMaxBufferSize if 0
	OnSessionEvent      func(SessionEvent) // may be nil; must not block
}

// Client is a connection to ZooKeeper that survives its sessions. Its methods may
// be called concurrently, also by handlers.
type Client struct {
	config  Config
	servers []string
	chroot  string // empty or /path
	log     *logrus.Entry
	prefix  string

	inFlight chan struct{} // one token per request
	events   *eventQueue
	expired  chan struct{} // asks reinitializeLoop for a new session
	closed   chan struct{}
	wait     sync.WaitGroup

	mu            sync.RWMutex // guards what follows; never held while calling out
	session       *session
	isClosed      bool
	changed       chan struct{} // closed and replaced when the state changes
	nodeHandlers  map[string]NodeChangeHandler
	childHandlers map[string]ChildChangeHandler
	stateHandlers map[string]StateChangeHandler
}

// Connect opens a session and waits until it is established, at most for the
// connection timeout, after which it fails with Kafka's sentence and ErrTimeout.
func Connect(ctx context.Context, config Config) (*Client, error) {
	servers, chroot, err := ParseConnectString(config.ConnectString)
	if err != nil {
		return nil, err
	}
	if config.MaxBufferSize == 0 {
		config.MaxBufferSize = DefaultMaxBufferSize
	}
	c := &Client{
		config:        config,
		servers:       servers,
		chroot:        chroot,
		log:           logging.For("kafka.zookeeper.ZooKeeperClient"),
		prefix:        fmt.Sprintf("[ZooKeeperClient %s] ", config.Name),
		inFlight:      make(chan struct{}, max(1, config.MaxInFlightRequests)),
		events:        newEventQueue(),
		expired:       make(chan struct{}, 1),
		closed:        make(chan struct{}),
		changed:       make(chan struct{}),
		nodeHandlers:  map[string]NodeChangeHandler{},
		childHandlers: map[string]ChildChangeHandler{},
		stateHandlers: map[string]StateChangeHandler{},
	}
	if err := c.initialize(); err != nil {
		return nil, err
	}
	c.wait.Go(c.events.run)
	c.wait.Go(c.reinitializeLoop)
	ctx, cancel := context.WithTimeoutCause(ctx, config.ConnectionTimeout, ErrTimeout)
	defer cancel()
	if err := c.WaitUntilConnected(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// ParseConnectString splits host:port,host:port/chroot; the port defaults to 2181.
func ParseConnectString(text string) (servers []string, chroot string, err error) {
	hosts, path, hasChroot := strings.Cut(text, "/")
	if hasChroot && path != "" {
		chroot = "/" + path
		if strings.HasSuffix(chroot, "/") || strings.Contains(chroot, "//") {
			return nil, "", fmt.Errorf("Path must not end with / character or have empty names: %s", chroot) //nolint:staticcheck // ZooKeeper's sentence
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		host = strings.TrimSpace(host)
		if host == "" {
			continue
		}
		if i := strings.LastIndexByte(host, ':'); i < 0 || strings.HasSuffix(host, "]") {
			host = fmt.Sprintf("%s:%d", host, zk.DefaultPort)
		}
		servers = append(servers, host)
	}
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("A HostProvider may not be empty: no server in connect string %q", text) //nolint:staticcheck // ZooKeeper's sentence
	}
	return servers, chroot, nil
}

func (c *Client) initialize() error {
	c.log.Infof("%sInitializing a new session to %s.", c.prefix, c.config.ConnectString)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isClosed {
		return ErrClosed
	}
	session, err := c.newSession()
	if err != nil {
		return err
	}
	c.session = session
	return nil
}

func (c *Client) currentSession() (*session, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.isClosed {
		return nil, ErrClosed
	}
	return c.session, nil
}

// State gives the state of the session.
func (c *Client) State() State {
	session, err := c.currentSession()
	if err != nil {
		return Closed
	}
	return session.currentState()
}

// SessionID gives the id of the current session; 0 if it has none yet.
func (c *Client) SessionID() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.session.conn.SessionID()
}

// WaitUntilConnected waits for the session to be connected. It fails with
// ErrSessionExpired if the session is over, with ErrClosed if the client is, and
// with the context.
func (c *Client) WaitUntilConnected(ctx context.Context) error {
	c.log.Infof("%sWaiting until connected.", c.prefix)
	for {
		c.mu.RLock()
		changed := c.changed
		c.mu.RUnlock()
		session, err := c.currentSession()
		if err != nil {
			return err
		}
		state := session.currentState()
		switch state {
		case Connected:
			c.log.Infof("%sConnected.", c.prefix)
			return nil
		case Closed:
			return fmt.Errorf("Session expired either before or while waiting for connection: %w", ErrSessionExpired) //nolint:staticcheck // Kafka's sentence
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrTimeout) {
				return &timeoutError{state}
			}
			return context.Cause(ctx)
		}
	}
}

// stateChanged wakes who waits for a state.
func (c *Client) stateChanged() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.changed)
	c.changed = make(chan struct{})
}

// HandleRequest sends one request and waits for its response.
func (c *Client) HandleRequest(request Request) Response {
	return c.HandleRequests([]Request{request})[0]
}

// HandleRequests sends the requests, several at a time, and waits for all
// responses, which it gives in the order of the requests. The requests must not
// depend on each other.
func (c *Client) HandleRequests(requests []Request) []Response {
	responses := make([]Response, len(requests))
	if len(requests) == 1 {
		c.inFlight <- struct{}{}
		responses[0] = c.send(requests[0])
		<-c.inFlight
		return responses
	}
	var all sync.WaitGroup
	for i, request := range requests {
		c.inFlight <- struct{}{}
		all.Go(func() {
			responses[i] = c.send(request)
			<-c.inFlight
		})
	}
	all.Wait()
	return responses
}

// MaxInFlightRequests is how many requests HandleRequests sends before it waits for
// an answer.
func (c *Client) MaxInFlightRequests() int { return cap(c.inFlight) }

func (c *Client) send(request Request) Response {
	session, err := c.currentSession()
	if err != nil {
		return Response{Err: err, Path: request.path()}
	}
	return session.do(request)
}

// onConnected runs on the event goroutine.
func (c *Client) onConnected(server string) {
	connectionLog.Infof("Session establishment complete on server %s, session id = 0x%x", server, c.SessionID())
	c.observe(SyncConnected)
}

// onExpired runs on the event goroutine.
func (c *Client) onExpired() {
	c.observe(Expired)
	select {
	case c.expired <- struct{}{}:
	default: // one is asked for already
	}
}

func (c *Client) observe(event SessionEvent) {
	if c.config.OnSessionEvent != nil {
		c.config.OnSessionEvent(event)
	}
}

// reinitializeLoop makes a new session for each that expired.
func (c *Client) reinitializeLoop() {
	for {
		select {
		case <-c.closed:
			return
		case <-c.expired:
			c.log.Infof("%sSession expired.", c.prefix)
			c.reinitialize()
		}
	}
}

func (c *Client) reinitialize() {
	for _, handler := range c.stateChangeHandlers() {
		call(handler.BeforeInitializingSession)
	}
	old, err := c.currentSession()
	if err != nil {
		return
	}
	if old.currentState() == Closed {
		if err := c.initialize(); err != nil {
			c.log.Infof("%sNo new session: %v", c.prefix, err)
			return
		}
		c.stateChanged()
		c.wait.Go(old.close)
	}
	for _, handler := range c.stateChangeHandlers() {
		call(handler.AfterInitializingSession)
	}
}

func (c *Client) stateChangeHandlers() []StateChangeHandler {
	c.mu.RLock()
	defer c.mu.RUnlock()
	handlers := slices.Collect(maps.Values(c.stateHandlers))
	slices.SortFunc(handlers, func(a, b StateChangeHandler) int { return strings.Compare(a.Name, b.Name) })
	return handlers
}

// dispatch runs on the event goroutine and calls the handler for a node's event.
func (c *Client) dispatch(event zk.EventType, path string) {
	c.mu.RLock()
	node, child := c.nodeHandlers[path], c.childHandlers[path]
	c.mu.RUnlock()
	switch event {
	case zk.EventNodeChildrenChanged:
		call(child.HandleChildChange)
	case zk.EventNodeCreated:
		call(node.HandleCreation)
	case zk.EventNodeDeleted:
		call(node.HandleDeletion)
	case zk.EventNodeDataChanged:
		call(node.HandleDataChange)
	}
}

// Close ends the session, which deletes its ephemeral nodes, makes requests that
// wait fail, and waits for the client's goroutines and a handler that is running.
// It must not be called by a handler.
func (c *Client) Close() {
	c.mu.Lock()
	if c.isClosed {
		c.mu.Unlock()
		c.wait.Wait()
		return
	}
	c.isClosed = true
	session := c.session
	clear(c.nodeHandlers)
	clear(c.childHandlers)
	clear(c.stateHandlers)
	c.mu.Unlock()
	c.log.Infof("%sClosing.", c.prefix)
	close(c.closed)
	c.stateChanged()
	session.close()
	c.events.close()
	c.wait.Wait()
	c.log.Infof("%sClosed.", c.prefix)
}

// addChroot gives the path on the server; a path that is none must not lead out of
// the chroot.
func (c *Client) addChroot(path string) (string, error) {
	switch {
	case !strings.HasPrefix(path, "/"):
		return "", zk.ErrInvalidPath
	case c.chroot == "":
		return path, nil
	case path == "/":
		return c.chroot, nil
	}
	return c.chroot + path, nil
}

func (c *Client) stripChroot(path string) string {
	if stripped, ok := strings.CutPrefix(path, c.chroot); ok && c.chroot != "" {
		if stripped == "" && path != "" {
			return "/"
		}
		return stripped
	}
	return path
}
