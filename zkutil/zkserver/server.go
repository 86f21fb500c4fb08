package zkserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// sessionlessTimeout is how long a connection may stay without a session.
const sessionlessTimeout = 10 * time.Second

// Server is a ZooKeeper server of one node. New makes it, Start or Run starts it,
// Close stops it; it is not to be started twice.
type Server struct {
	cfg     *Config
	loggers func(name string) *logrus.Entry

	minTimeoutMs, maxTimeoutMs int32
	listener                   net.Listener
	storage                    *storage
	stats                      serverStats
	started                    time.Time

	// mu guards the state: see the package's documentation.
	mu       sync.Mutex
	tree     *dataTree
	watches  *watchManager
	sessions *sessionTracker
	// waiting holds the connections whose output waits for the log.
	waiting []*connection
	scratch encoder

	// replayed is how far the logs took the state beyond the snapshot at start.
	replayed int64

	// durable is the zxid up to which the log has been synced.
	durable atomic.Int64

	connMu      sync.Mutex
	connections map[*connection]struct{}
	perAddress  map[netip.Addr]int
	stopped     bool

	stop     chan struct{}
	failOnce sync.Once
	failed   chan struct{}
	failure  error
	// accepting, handlers and running end in this order.
	accepting sync.WaitGroup
	running   sync.WaitGroup
	handlers  sync.WaitGroup
}

// New makes a server. It logs by the names of ZooKeeper's classes, for which loggers
// gives the logger.
func New(cfg *Config, loggers func(name string) *logrus.Entry) *Server {
	least, most := cfg.sessionTimeouts()
	return &Server{
		cfg: cfg, loggers: loggers,
		minTimeoutMs: int32(least.Milliseconds()), maxTimeoutMs: int32(most.Milliseconds()),
		watches:     newWatchManager(),
		sessions:    newSessionTracker(max(1, cfg.TickTime.Milliseconds())),
		connections: map[*connection]struct{}{},
		perAddress:  map[netip.Addr]int{},
		stop:        make(chan struct{}),
		failed:      make(chan struct{}),
	}
}

// Run starts the server and serves until the context ends or the server cannot go
// on; then it closes it.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Start(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.failed:
	}
	return s.Close()
}

// Start loads the data and begins to serve.
func (s *Server) Start() error {
	s.started = time.Now()
	s.logConfiguration()
	if err := s.load(); err != nil {
		return err
	}
	address := s.cfg.ClientAddress
	s.logger("NIOServerCnxnFactory").Infof("binding to port %s", JavaAddress(address))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return errors.Join(err, s.storage.close())
	}
	s.listener = listener
	if s.replayed > 0 {
		s.mu.Lock()
		s.startSnapshot()
		s.mu.Unlock()
	}
	s.accepting.Go(s.accept)
	s.running.Go(s.expireSessions)
	s.running.Go(s.syncLog)
	s.running.Go(s.cleanContainers)
	if s.cfg.PurgeInterval > 0 {
		s.running.Go(s.purgePeriodically)
	}
	return nil
}

// logConfiguration writes the lines ZooKeeper begins its log with.
func (s *Server) logConfiguration() {
	file := s.logger("quorum.QuorumPeerConfig")
	for _, key := range s.cfg.Unknown {
		file.Warnf("The property %s is not known to this server and has no effect", key)
	}
	retained := s.cfg.SnapRetainCount
	if retained < minSnapRetainCount {
		file.Warnf("Invalid autopurge.snapRetainCount: %d. Defaulting to %d", retained, minSnapRetainCount)
		retained = minSnapRetainCount
	}
	purge := s.logger("DatadirCleanupManager")
	purge.Infof("autopurge.snapRetainCount set to %d", retained)
	purge.Infof("autopurge.purgeInterval set to %d", int(s.cfg.PurgeInterval.Hours()))
	if s.cfg.PurgeInterval <= 0 {
		purge.Info("Purge task is not scheduled.")
	}
	server := s.logger("ZooKeeperServer")
	server.Infof("tickTime set to %d", s.cfg.TickTime.Milliseconds())
	server.Infof("minSessionTimeout set to %d", s.minTimeoutMs)
	server.Infof("maxSessionTimeout set to %d", s.maxTimeoutMs)
}

// Addr is the host:port that the server listens on, once it was started.
func (s *Server) Addr() string {
	return s.listener.Addr().String()
}

// Failed is closed when the server cannot go on, for example because the log
// cannot be written. Err says why.
func (s *Server) Failed() <-chan struct{} {
	return s.failed
}

// Err is what the server failed with.
func (s *Server) Err() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

// fail makes the server stop answering: what it says could not be relied on.
func (s *Server) fail(err error) {
	s.failOnce.Do(func() {
		s.logger("ZooKeeperCriticalThread").WithError(err).Error("Severe unrecoverable error, from thread : SyncThread:0")
		s.failure = err
		close(s.failed)
	})
}

// Close stops the server and waits for all it started. Sessions stay: clients
// may take them up again at the next start.
func (s *Server) Close() error {
	s.connMu.Lock()
	if s.stopped || s.listener == nil {
		s.connMu.Unlock()
		return s.Err()
	}
	s.stopped = true
	connections := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		connections = append(connections, c)
	}
	s.connMu.Unlock()

	closeErr := s.listener.Close()
	s.accepting.Wait()
	for _, c := range connections {
		c.finish()
		c.socket.Close()
	}
	s.handlers.Wait()
	close(s.stop)
	s.running.Wait()
	return errors.Join(s.Err(), closeErr, s.storage.close())
}

func (s *Server) isStopped() bool {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	return s.stopped
}

// logger is the logger of one of ZooKeeper's classes.
func (s *Server) logger(class string) *logrus.Entry {
	return s.loggers("org.apache.zookeeper.server." + class)
}

// JavaAddress prints a listen address as Java does.
func JavaAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return fmt.Sprintf("%s/%s:%s", host, host, port)
}

func (s *Server) accept() {
	for {
		socket, err := s.listener.Accept()
		if err != nil {
			if s.isStopped() || errors.Is(err, net.ErrClosed) {
				return
			}
			s.logger("NIOServerCnxnFactory").WithError(err).Warn("Error accepting new connection")
			select {
			case <-s.stop:
				return
			case <-time.After(10 * time.Millisecond): // descriptors ran out
			}
			continue
		}
		c := newConnection(s, socket)
		if !s.admit(c) {
			if tcp, ok := socket.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			socket.Close()
			continue
		}
		if tcp, ok := socket.(*net.TCPConn); ok {
			_ = tcp.SetKeepAlive(s.cfg.TCPKeepAlive)
		}
		s.handlers.Go(c.write)
		s.handlers.Go(func() { s.serve(c) })
	}
}

// admit registers a connection unless there are too many.
func (s *Server) admit(c *connection) bool {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	address := c.remote.Addr()
	switch {
	case s.stopped:
		return false
	case s.cfg.MaxCnxns > 0 && len(s.connections) >= s.cfg.MaxCnxns:
		s.stats.rejected.Add(1)
		s.logger("NIOServerCnxnFactory").Warnf("Too many connections - max is %d", s.cfg.MaxCnxns)
		return false
	case s.cfg.MaxClientCnxns > 0 && s.perAddress[address] >= s.cfg.MaxClientCnxns:
		s.stats.rejected.Add(1)
		s.logger("NIOServerCnxnFactory").Warnf("Too many connections from /%s - max is %d", address, s.cfg.MaxClientCnxns)
		return false
	}
	s.connections[c] = struct{}{}
	s.perAddress[address]++
	return true
}

func (s *Server) serve(c *connection) {
	err := c.read()
	s.detach(c)
	if errors.Is(err, errClose) {
		c.awaitHangUp()
	}
	c.finish()
	if err != nil && !isConnectionEnd(err) && !s.isStopped() {
		s.logger("NIOServerCnxn").Warnf("Closing connection of %s: %v", c.remote, err)
	}
	s.connMu.Lock()
	delete(s.connections, c)
	if s.perAddress[c.remote.Addr()]--; s.perAddress[c.remote.Addr()] == 0 {
		delete(s.perAddress, c.remote.Addr())
	}
	s.connMu.Unlock()
}

// detach takes a connection's watches and its hold on the session away.
func (s *Server) detach(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detachLocked(c)
}

func (s *Server) detachLocked(c *connection) {
	if c.detached {
		return
	}
	c.detached = true
	s.watches.removeAll(c)
	if c.session != nil && c.session.conn == c {
		c.session.conn = nil
	}
}

// overloaded says whether so many requests are under way that no more are read.
func (s *Server) overloaded() bool {
	limit := s.cfg.GlobalOutstandingLimit
	return limit > 0 && s.stats.outstanding.Load() > int64(limit)
}

// expireSessions closes the sessions whose time is up.
func (s *Server) expireSessions() {
	ticker := time.NewTicker(time.Duration(s.sessions.tickMs) * time.Millisecond / 2)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		for _, session := range s.sessions.expired() {
			s.logger("ZooKeeperServer").Infof("Expiring session 0x%x, timeout of %dms exceeded", session.id, session.timeoutMs)
			s.expireLocked(session)
		}
		s.mu.Unlock()
	}
}

// ExpireSession ends a session as if nothing had been heard of it for too long.
// It returns false if there is no such session.
func (s *Server) ExpireSession(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.sessions.byID[id]
	if session == nil || session.closing {
		return false
	}
	s.expireLocked(session)
	return true
}

func (s *Server) expireLocked(session *session) {
	c := session.conn
	s.closeSession(session, 0)
	if c != nil {
		s.detachLocked(c)
		c.finish()
	}
}

// Sessions lists the ids of the sessions that are alive.
func (s *Server) Sessions() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]int64, 0, len(s.sessions.byID))
	for id := range s.sessions.byID {
		ids = append(ids, id)
	}
	return ids
}
