package network

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/metrics"
)

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came that %s", what)
		}
	}
}

func TestClosesIdleConnections(t *testing.T) {
	server := start(t, echo, "connections.max.idle.ms", "150")
	busy, idle := dial(t, server), dial(t, server)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		idle.expectClosed()
	}()
	for i := int32(0); ; i++ {
		busy.request(i, apiVersions())
		busy.expectCorrelation(i)
		select {
		case <-closed:
			busy.request(-1, apiVersions())
			busy.expectCorrelation(-1)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestMaxConnectionsPerIP(t *testing.T) {
	server := start(t, echo, "max.connections.per.ip", "1", "max.connections.per.ip.overrides", "127.0.0.1:2")
	first, second := dial(t, server), dial(t, server)
	for i, client := range []*client{first, second} {
		client.request(int32(i), apiVersions())
		client.expectCorrelation(int32(i))
	}
	dial(t, server).expectClosed()
	first.Close()
	eventually(t, "a connection of the address is free", func() bool {
		return server.quotas.Connections(net.IPv4(127, 0, 0, 1)) == 1
	})
	third := dial(t, server)
	third.request(3, apiVersions())
	third.expectCorrelation(3)
}

func TestMaxConnectionsMakesTheAcceptorWait(t *testing.T) {
	server := start(t, echo, "max.connections", "1")
	first := dial(t, server)
	first.request(1, apiVersions())
	first.expectCorrelation(1)
	second := dial(t, server) // by the backlog, not served
	second.request(2, apiVersions())
	second.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := second.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("a connection above the maximum was served: %v", err)
	}
	second.SetReadDeadline(time.Now().Add(10 * time.Second))
	first.Close()
	second.expectCorrelation(2)
}

func TestConnectionRateMakesTheAcceptorWait(t *testing.T) {
	server := start(t, echo, "max.connection.creation.rate", "1", "quota.window.num", "2")
	started := time.Now()
	for i := range 3 {
		client := dial(t, server)
		client.request(int32(i), apiVersions())
		client.expectCorrelation(int32(i))
	}
	if took := time.Since(started); took < 500*time.Millisecond {
		t.Errorf("three connections were accepted in %s at a rate of one a second", took)
	}
}

func TestThrottlesFastAddresses(t *testing.T) {
	server := start(t, echo, "quota.window.num", "2")
	one := 1
	server.ConnectionQuotas().UpdateAddressRate(netip.MustParseAddr("127.0.0.1"), &one)
	served := dial(t, server)
	served.request(1, apiVersions())
	served.expectCorrelation(1)
	throttled := dial(t, server)
	started := time.Now()
	throttled.expectClosed()
	if waited := time.Since(started); waited < 200*time.Millisecond {
		t.Errorf("the socket was closed after %s instead of being kept for the time of the throttle", waited)
	}
	server.ConnectionQuotas().UpdateAddressRate(netip.MustParseAddr("127.0.0.1"), nil)
	again := dial(t, server)
	again.request(1, apiVersions())
	again.expectCorrelation(1)
}

// TestProtectedListenerTakesConnectionsOfOthers: the inter-broker listener
// exceeds the maximum, and another listener gives up its oldest connection.
func TestProtectedListenerTakesConnectionsOfOthers(t *testing.T) {
	server := start(t, echo, "listeners", "INTERNAL://127.0.0.1:0,EXTERNAL://127.0.0.1:0",
		"advertised.listeners", "INTERNAL://127.0.0.1:1,EXTERNAL://127.0.0.1:2",
		"listener.security.protocol.map", "INTERNAL:PLAINTEXT,EXTERNAL:PLAINTEXT",
		"inter.broker.listener.name", "INTERNAL", "max.connections", "2",
		"listener.name.internal.max.connections", "10")
	var external []*client
	for i := range 2 {
		client := dialListener(t, server, "EXTERNAL")
		client.request(int32(i), apiVersions())
		client.expectCorrelation(int32(i))
		external = append(external, client)
	}
	internal := dialListener(t, server, "INTERNAL")
	internal.request(1, apiVersions())
	internal.expectCorrelation(1)
	external[0].expectClosed()
	external[1].request(5, apiVersions())
	external[1].expectCorrelation(5)
}

func TestPortInUse(t *testing.T) {
	server := start(t, echo)
	port, _ := server.BoundPort("PLAINTEXT")
	cfg, err := config.NewBrokerConfig(map[string]string{
		"listeners": "PLAINTEXT://127.0.0.1:" + strconv.Itoa(port), "zookeeper.connect": "localhost:2181"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewSocketServer(cfg, allAPIs(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = second.Startup()
	want := "Socket server failed to bind to 127.0.0.1:" + strconv.Itoa(port) + ": Address already in use."
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOtherSecurityProtocolsAreRefused(t *testing.T) {
	cfg, err := config.NewBrokerConfig(map[string]string{"listeners": "SSL://127.0.0.1:0", "zookeeper.connect": "localhost:2181",
		"security.inter.broker.protocol": "SSL"})
	if err != nil {
		t.Fatal(err)
	}
	server, err := NewSocketServer(cfg, allAPIs(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Startup(); err == nil || !strings.Contains(err.Error(), "SSL") {
		t.Errorf("got %v, want a sentence about SSL", err)
	}
}

func TestQueuedRequestBytesBoundsMemory(t *testing.T) {
	handler := make(collecting, 8)
	server := start(t, handler, "queued.max.request.bytes", "100", "socket.request.max.bytes", "100")
	first, second := dial(t, server), dial(t, server)
	large := apiVersions()
	large.ClientSoftwareVersion = strings.Repeat("1", 60)
	first.request(1, large)
	request := handler.next(t)
	if used := server.memory.used(); used < 60 {
		t.Errorf("%d bytes of the pool are used", used)
	}
	second.request(1, large) // let in: something is left
	another := handler.next(t)
	third := dial(t, server)
	third.request(1, large)
	select {
	case <-handler:
		t.Fatal("a request was read beyond queued.max.request.bytes")
	case <-time.After(50 * time.Millisecond):
	}
	respond(request)
	respond(another)
	respond(handler.next(t))
	third.expectCorrelation(1)
	eventually(t, "the pool is full again", func() bool { return server.memory.used() == 0 })
}

func TestNoRegistryIsNeeded(t *testing.T) {
	var none *metrics.Registry
	client := dial(t, startWith(t, echo, none))
	client.request(1, apiVersions())
	client.expectCorrelation(1)
}
