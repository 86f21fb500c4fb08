// Package channel sends requests to other brokers: to any of them by a
// [Sender], and to whoever is the controller by a
// [BrokerToControllerChannelManager]. It mirrors
// kafka.common.InterBrokerSendThread and kafka.server.BrokerToControllerChannelManager.
package channel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// Node is a broker as others reach it.
type Node struct {
	ID   int32
	Host string
	Port int32
}

// String gives the node as Kafka's messages do.
func (n Node) String() string {
	return fmt.Sprintf("%s:%d (id: %d rack: null)", n.Host, n.Port, n.ID)
}

// Address gives host:port.
func (n Node) Address() string { return net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port))) }

// ErrDisconnected is wrapped by the error of every request that got no
// response: the broker could not be reached, hung up, or took too long.
var ErrDisconnected = errors.New("disconnected before the response was read")

// ErrClosed is the error of a sender that was closed.
var ErrClosed = errors.New("the sender is closed")

// SenderConfig has the settings of a [Sender]. Zero values take Kafka's defaults.
type SenderConfig struct {
	// ClientID goes with every request; brokers use their id.
	ClientID string
	// RequestTimeout bounds the time from sending to response, 30 s by default.
	RequestTimeout time.Duration
	// ConnectTimeout bounds the set-up of a connection, 10 s by default. It
	// doubles after each set-up that it has ended, up to MaxConnectTimeout, 30 s
	// by default (KIP-601).
	ConnectTimeout, MaxConnectTimeout time.Duration
	// ReceiveBuffer is SO_RCVBUF of the connections; the system chooses without.
	ReceiveBuffer int
	// ReconnectBackoff is the pause after a failed connection, 50 ms by default.
	ReconnectBackoff time.Duration
	// ReuseBuffer lets the byte fields of a response be overwritten by the
	// next response of the same node. It suits fetchers.
	ReuseBuffer bool
	// Dial makes a connection, by default with TCP in plain text.
	Dial func(ctx context.Context, node Node) (net.Conn, error)
}

func (c SenderConfig) withDefaults() SenderConfig {
	if c.RequestTimeout <= 0 {
		c.RequestTimeout = 30 * time.Second
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	if c.MaxConnectTimeout <= 0 {
		c.MaxConnectTimeout = 30 * time.Second
	}
	if c.ReconnectBackoff <= 0 {
		c.ReconnectBackoff = 50 * time.Millisecond
	}
	if c.Dial == nil {
		c.Dial = c.dialPlaintext
	}
	return c
}

// connectTimeout bounds the set-up after as many that took too long. It is spread
// by a fifth, so that the brokers of a cluster do not try again at once.
func (c SenderConfig) connectTimeout(tooLong int) time.Duration {
	timeout := c.ConnectTimeout
	for ; tooLong > 0 && timeout < c.MaxConnectTimeout; tooLong-- {
		timeout = min(2*timeout, c.MaxConnectTimeout)
	}
	return time.Duration((0.8 + 0.4*rand.Float64()) * float64(timeout))
}

// dialPlaintext sets the buffer before it connects, since the window that is
// offered follows from it.
func (c SenderConfig) dialPlaintext(ctx context.Context, node Node) (net.Conn, error) {
	var dialer net.Dialer
	if c.ReceiveBuffer > 0 {
		dialer.Control = func(_, _ string, socket syscall.RawConn) error {
			var err error
			failed := socket.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, c.ReceiveBuffer)
			})
			return errors.Join(failed, err)
		}
	}
	return dialer.DialContext(ctx, "tcp", node.Address())
}

// Sender sends requests to brokers over one connection each, with one request
// in flight. Connections are made when needed and made anew after a failure.
// It is safe for concurrent use; requests to one node wait for each other.
type Sender struct {
	config    SenderConfig
	formatter *kmsg.RequestFormatter

	mu           sync.Mutex
	destinations map[int32]*destination
	closed       bool
}

// NewSender returns a sender without connections.
func NewSender(config SenderConfig) *Sender {
	return &Sender{
		config:       config.withDefaults(),
		formatter:    kmsg.NewRequestFormatter(kmsg.FormatterClientID(config.ClientID)),
		destinations: map[int32]*destination{},
	}
}

// Send sends a request, whose version is set, and returns its response. An
// error wraps [ErrDisconnected], [ErrClosed] or the context's; none says
// whether the broker executed the request.
func (s *Sender) Send(ctx context.Context, node Node, request kmsg.Request) (kmsg.Response, error) {
	to, err := s.destination(node)
	if err != nil {
		return nil, err
	}
	response, err := to.send(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("%s to %s: %w", kmsg.NameForKey(request.Key()), node, err)
	}
	return response, nil
}

// destination returns the node's connection; one to an earlier address of the
// node is closed.
func (s *Sender) destination(node Node) (*destination, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	to := s.destinations[node.ID]
	if to != nil && to.node == node {
		return to, nil
	}
	if to != nil {
		to.close()
	}
	to = newDestination(s, node)
	s.destinations[node.ID] = to
	return to, nil
}

// Disconnect closes the connection to a node. A request in flight fails.
func (s *Sender) Disconnect(nodeID int32) {
	s.mu.Lock()
	to := s.destinations[nodeID]
	s.mu.Unlock()
	if to != nil {
		to.disconnect()
	}
}

// Forget closes the connection to a node that has left the cluster.
func (s *Sender) Forget(nodeID int32) {
	s.mu.Lock()
	to := s.destinations[nodeID]
	delete(s.destinations, nodeID)
	s.mu.Unlock()
	if to != nil {
		to.close()
	}
}

// Close closes all connections; requests in flight fail.
func (s *Sender) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, to := range s.destinations {
		to.close()
	}
	clear(s.destinations)
}
