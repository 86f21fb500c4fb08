package network

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/protocol"
)

// controlPlaneQueue is how many requests of the control-plane listener may be
// in their handler at a time; they never wait for those of other listeners.
const controlPlaneQueue = 20

// SocketServer owns the listeners and connections of a broker, as
// kafka.network.SocketServer. [SocketServer.Startup] binds the listeners, so
// that their ports are known and taken; nothing is accepted before
// [SocketServer.StartProcessingRequests].
type SocketServer struct {
	cfg       *config.BrokerConfig
	apis      *protocol.APITable
	handler   Handler
	quotas    *ConnectionQuotas
	memory    *memoryPool
	decoding  decodingLimit
	dataPlane *admission
	control   *admission

	logger, acceptorLogger, processorLogger, selectorLogger, requestLogger *logrus.Entry

	logPrefix      string
	requestMetrics *requestMetrics
	groups         []*metrics.Group
	registry       *metrics.Registry

	nextIndex atomic.Int64 // of connection ids

	acceptorsRunning sync.WaitGroup
	readers          sync.WaitGroup
	writers          sync.WaitGroup

	mu          sync.Mutex
	acceptors   []*acceptor
	connections map[*connection]struct{}
	processing  bool
	stopped     bool
}

// NewSocketServer returns a server for the listeners of the configuration that
// serves the APIs of the table. The registry may be nil.
func NewSocketServer(cfg *config.BrokerConfig, apis *protocol.APITable, registry *metrics.Registry) (*SocketServer, error) {
	quotas, err := newConnectionQuotas(cfg)
	if err != nil {
		return nil, err
	}
	s := &SocketServer{
		cfg: cfg, apis: apis, quotas: quotas,
		memory:          newMemoryPool(config.QueuedMaxRequestBytes.Get(cfg)),
		decoding:        newDecodingLimit(),
		dataPlane:       newAdmission(config.QueuedMaxRequests.Get(cfg)),
		control:         newAdmission(controlPlaneQueue),
		logger:          logging.For("kafka.network.SocketServer"),
		acceptorLogger:  logging.For("kafka.network.Acceptor"),
		processorLogger: logging.For("kafka.network.Processor"),
		selectorLogger:  logging.For("org.apache.kafka.common.network.Selector"),
		requestLogger:   logging.For("kafka.request.logger"),
		logPrefix:       fmt.Sprintf("[SocketServer listenerType=ZK_BROKER, nodeId=%d] ", config.BrokerId.Get(cfg)),
		registry:        registry,
		connections:     map[*connection]struct{}{},
	}
	s.registerMetrics()
	return s, nil
}

// Startup binds all listeners. When one cannot be bound none stays so; the
// error is Kafka's sentence.
func (s *SocketServer) Startup() error {
	controlPlane := s.cfg.ControlPlaneListenerName()
	for _, endPoint := range s.cfg.Listeners() {
		isControl := controlPlane != "" && endPoint.ListenerName == controlPlane
		if err := s.addListener(endPoint, isControl, controlPlane == ""); err != nil {
			s.Close()
			return err
		}
	}
	return nil
}

func (s *SocketServer) addListener(endPoint config.EndPoint, isControl, noControlPlane bool) error {
	if err := s.quotas.addListener(s.cfg, endPoint.ListenerName); err != nil {
		return err
	}
	a, err := s.bind(endPoint)
	if err != nil {
		return err
	}
	a.privileged = isControl || noControlPlane && endPoint.ListenerName == s.cfg.InterBrokerListenerName()
	a.control = isControl
	group := s.registry.Group("kafka.network", "Acceptor")
	s.groups = append(s.groups, group)
	plane, prefix := "data-plane acceptor and processors", ""
	if isControl {
		plane, prefix = "control-plane acceptor and processor", "ControlPlane"
	}
	a.blocked = group.Meter(prefix+"AcceptorBlockedPercent", metrics.Labels{{Name: "listener", Value: endPoint.ListenerName}})
	s.mu.Lock()
	s.acceptors = append(s.acceptors, a)
	s.mu.Unlock()
	s.logger.Infof("%sCreated %s for endpoint : ListenerName(%s)", s.logPrefix, plane, endPoint.ListenerName)
	return nil
}

// StartProcessingRequests begins to accept connections and to hand their
// requests to the handler: on the control-plane listener first, then on the
// inter-broker listener, then on the others.
func (s *SocketServer) StartProcessingRequests(handler Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.processing || s.stopped {
		return
	}
	s.processing = true
	s.handler = handler
	s.logger.Infof("%sStarting socket server acceptors and processors", s.logPrefix)
	isInterBroker := func(a *acceptor) bool { return a.endPoint.ListenerName == s.cfg.InterBrokerListenerName() }
	for _, chosen := range []func(*acceptor) bool{
		func(a *acceptor) bool { return a.control },
		func(a *acceptor) bool { return !a.control && isInterBroker(a) },
		func(a *acceptor) bool { return !a.control && !isInterBroker(a) },
	} {
		for _, a := range s.acceptors {
			if chosen(a) {
				s.acceptorsRunning.Go(a.run)
				plane := "data-plane"
				if a.control {
					plane = "control-plane"
				}
				s.logger.Infof("%sStarted %s acceptor and processor(s) for endpoint : ListenerName(%s)", s.logPrefix, plane, a.endPoint.ListenerName)
			}
		}
	}
	s.logger.Infof("%sStarted socket server acceptors and processors", s.logPrefix)
}

// BoundPort returns the port that a listener is bound to, which matters when
// port 0 was configured.
func (s *SocketServer) BoundPort(listenerName string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.acceptors {
		if a.endPoint.ListenerName == listenerName {
			return a.port(), nil
		}
	}
	return 0, fmt.Errorf("Could not find listenerName : ListenerName(%s) in data-plane or control-plane", listenerName) //nolint:staticcheck // Kafka's sentence
}

// ConnectionQuotas returns the bounds on connections, for quotas of entity
// type ip.
func (s *SocketServer) ConnectionQuotas() *ConnectionQuotas { return s.quotas }

// Reconfigure puts new values of the connection limits in force.
func (s *SocketServer) Reconfigure(cfg *config.BrokerConfig) error { return s.quotas.reconfigure(cfg) }

// add starts a connection and reports whether the server still takes one.
func (s *SocketServer) add(a *acceptor, conn net.Conn) bool {
	c := s.newConnection(a, conn)
	c.watchIdle(config.Milliseconds(config.ConnectionsMaxIdleMs.Get(s.cfg)))
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		c.close()
		return false
	}
	s.connections[c] = struct{}{}
	s.readers.Add(1)
	s.mu.Unlock()
	go c.run()
	s.closeExcess()
	return true
}

func (s *SocketServer) newConnection(a *acceptor, conn net.Conn) *connection {
	_, localHost, localPort := hostOf(conn.LocalAddr())
	remoteIP, remoteHost, remotePort := hostOf(conn.RemoteAddr())
	c := &connection{
		server: s, listener: a, conn: conn, admission: s.dataPlane,
		wake: make(chan struct{}, 1), stopping: make(chan struct{}),
	}
	if a.control {
		c.admission = s.control
	}
	c.context = protocol.RequestContext{
		ConnectionID: fmt.Sprintf("%s:%d-%s:%d-%d", localHost, localPort, remoteHost, remotePort,
			(s.nextIndex.Add(1)-1)&(1<<31-1)),
		ClientAddress: remoteIP,
		ListenerName:  a.endPoint.ListenerName, SecurityProtocol: a.endPoint.SecurityProtocol,
		ClientSoftwareName: protocol.UnknownSoftware, ClientSoftwareVersion: protocol.UnknownSoftware,
		FromPrivilegedListener: a.privileged,
	}
	c.decoder.APIs = s.apis
	c.frames.source, c.frames.maxBytes = c, config.SocketRequestMaxBytes.Get(s.cfg)
	c.frames.memory, c.frames.givenUp = s.memory, c.isStopping
	return c
}

// closeExcess closes the connection that was longest without activity when
// the protected listener has taken the broker above its maximum.
func (s *SocketServer) closeExcess() {
	s.mu.Lock()
	var oldest *connection
	for _, a := range s.acceptors {
		if !s.quotas.exceeded(a.endPoint.ListenerName) {
			continue
		}
		for c := range s.connections {
			if c.listener == a && (oldest == nil || c.lastActivity.Load() < oldest.lastActivity.Load()) {
				oldest = c
			}
		}
	}
	s.mu.Unlock()
	if oldest != nil {
		oldest.close()
	}
}

// remove forgets a connection whose reader has ended.
func (s *SocketServer) remove(c *connection) {
	defer s.readers.Done()
	s.mu.Lock()
	delete(s.connections, c)
	s.mu.Unlock()
	s.quotas.decrease(c.context.ListenerName, addressOf(c.context.ClientAddress))
}

// StopProcessingRequests stops accepting and reading, lets the requests that
// were received be answered until the context is done, and closes all
// connections.
func (s *SocketServer) StopProcessingRequests(ctx context.Context) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	s.stopped = true
	s.mu.Unlock()
	s.logger.Infof("%sStopping socket server request processors", s.logPrefix)
	for _, a := range s.acceptors {
		a.close()
	}
	s.acceptorsRunning.Wait()
	for _, a := range s.acceptors {
		a.closeThrottled()
	}
	s.eachConnection((*connection).stopReading)
	answered := make(chan struct{})
	go func() {
		s.readers.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-ctx.Done():
		s.eachConnection((*connection).close)
		<-answered
	}
	s.writers.Wait()
	s.logger.Infof("%sStopped socket server request processors", s.logPrefix)
}

func (s *SocketServer) eachConnection(do func(*connection)) {
	s.mu.Lock()
	all := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// Close closes all listeners and connections at once, unless
// StopProcessingRequests already has, and waits for their goroutines.
func (s *SocketServer) Close() {
	s.logger.Infof("%sShutting down socket server", s.logPrefix)
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.StopProcessingRequests(now)
	for _, group := range s.groups {
		group.Close()
	}
	s.logger.Infof("%sShutdown completed", s.logPrefix)
}

func (s *SocketServer) registerMetrics() {
	s.requestMetrics = newRequestMetrics(s.registry)
	channel := s.registry.Group("kafka.network", "RequestChannel")
	channel.Gauge("RequestQueueSize", nil, func() float64 { return float64(s.dataPlane.waiting.Load()) })
	if s.cfg.ControlPlaneListenerName() != "" {
		channel.Gauge("ControlPlaneRequestQueueSize", nil, func() float64 { return float64(s.control.waiting.Load()) })
	}
	server := s.registry.Group("kafka.network", "SocketServer")
	server.Gauge("MemoryPoolUsed", nil, func() float64 { return float64(s.memory.used()) })
	server.Gauge("MemoryPoolAvailable", nil, func() float64 { return float64(s.memory.left()) })
	s.groups = append(s.groups, s.requestMetrics.group, channel, server)
}
