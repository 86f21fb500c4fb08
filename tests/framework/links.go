package framework

import (
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"testing"
)

// ZooKeeperNode stands for ZooKeeper where links between nodes are named.
const ZooKeeperNode = -1

// unknownNode dials without saying who it is; its links are never cut.
const unknownNode = -2

// links are the network of a cluster: what brokers send to each other and to
// ZooKeeper passes here and can be held back in each direction. Bytes that are held
// back come when the link heals, as those that TCP sends again; connections stay.
type links struct {
	mu      sync.Mutex
	changed *sync.Cond
	cut     map[[2]int]bool // from, to
	closed  bool

	connections map[net.Conn]bool
	listeners   []net.Listener
	running     sync.WaitGroup
}

func newLinks(t testing.TB) *links {
	l := &links{cut: map[[2]int]bool{}, connections: map[net.Conn]bool{}}
	l.changed = sync.NewCond(&l.mu)
	t.Cleanup(l.close)
	return l
}

func (l *links) host(int) string { return "127.0.0.1" }

func (l *links) command(_ int, command []string) []string { return command }

func (l *links) toZooKeeper(t testing.TB, from int, address string) string {
	return l.expose(t, ZooKeeperNode, address, always(from))
}

func (l *links) toBroker(t testing.TB, to int, address string) string {
	return l.expose(t, to, address, byClientID)
}

func (l *links) set(from, to int, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut[[2]int{from, to}] = cut
	l.changed.Broadcast()
}

func (l *links) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.cut)
	l.changed.Broadcast()
}

// pass waits until the link carries bytes.
func (l *links) pass(from, to int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.cut[[2]int{from, to}] && !l.closed {
		l.changed.Wait()
	}
}

// expose opens a way to a node at target and returns its address. from tells who a
// connection is from by its first bytes, which it gives back.
func (l *links) expose(t testing.TB, to int, target string, from func(net.Conn) (int, []byte)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.listeners = append(l.listeners, listener)
	l.mu.Unlock()
	l.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			l.running.Go(func() { l.serve(client, to, target, from) })
		}
	})
	return listener.Addr().String()
}

func (l *links) serve(client net.Conn, to int, target string, from func(net.Conn) (int, []byte)) {
	if !l.hold(client) {
		return
	}
	defer l.release(client)
	source, first := from(client)
	l.pass(source, to)
	server, err := net.Dial("tcp", target)
	if err != nil || !l.hold(server) {
		return
	}
	defer l.release(server)
	if _, err := server.Write(first); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.pump(server, client, to, source)
	}()
	l.pump(client, server, source, to)
	<-done
}

// pump carries one direction; the end of it ends the connection, which is as little
// known behind a cut link as any byte.
func (l *links) pump(in, out net.Conn, from, to int) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := in.Read(buffer)
		l.pass(from, to)
		if n > 0 {
			if _, err := out.Write(buffer[:n]); err != nil {
				break
			}
		}
		if err != nil {
			break
		}
	}
	_ = in.Close()
	_ = out.Close()
}

func (l *links) hold(connection net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = connection.Close()
		return false
	}
	l.connections[connection] = true
	return true
}

func (l *links) release(connection net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.connections, connection)
	_ = connection.Close()
}

func (l *links) close() {
	l.mu.Lock()
	l.closed = true
	l.changed.Broadcast()
	for _, listener := range l.listeners {
		_ = listener.Close()
	}
	for connection := range l.connections {
		_ = connection.Close()
	}
	l.mu.Unlock()
	l.running.Wait()
}

// always is for a way that one node alone uses.
func always(source int) func(net.Conn) (int, []byte) {
	return func(net.Conn) (int, []byte) { return source, nil }
}

// brokerClients are the client ids of brokers: the bare id for what the controller
// and those who ask it send, and that of a fetcher.
var brokerClients = regexp.MustCompile(`^(?:broker-)?(\d+)(?:-fetcher-\d+)?$`)

// byClientID tells brokers apart by the client id in the header of their first
// request: size, key, version and correlation id come before it.
func byClientID(connection net.Conn) (int, []byte) {
	header := make([]byte, 14)
	n, err := io.ReadFull(connection, header)
	if err != nil {
		return unknownNode, header[:n]
	}
	length := int(int16(binary.BigEndian.Uint16(header[12:])))
	if length <= 0 || length > 64 {
		return unknownNode, header
	}
	name := make([]byte, length)
	n, err = io.ReadFull(connection, name)
	first := append(header, name[:n]...)
	found := brokerClients.FindSubmatch(name)
	if err != nil || found == nil {
		return unknownNode, first
	}
	id, _ := strconv.Atoi(string(found[1]))
	return id, first
}
