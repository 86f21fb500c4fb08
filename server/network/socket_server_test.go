package network

import (
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(request *Request)

// Handle calls the function.
func (f HandlerFunc) Handle(request *Request) { f(request) }

func allAPIs() *protocol.APITable {
	var keys []int16
	for key := range protocol.KeyAllocateProducerIds + 1 {
		keys = append(keys, key)
	}
	return protocol.NewAPITable(keys...)
}

// start runs a server on a free port of the loopback interface.
func start(t testing.TB, handler Handler, settings ...string) *SocketServer {
	t.Helper()
	return startWith(t, handler, metrics.NewRegistry(), settings...)
}

func startWith(t testing.TB, handler Handler, registry *metrics.Registry, settings ...string) *SocketServer {
	t.Helper()
	server := prepare(t, registry, settings...)
	server.StartProcessingRequests(handler)
	return server
}

// prepare binds a server's listeners.
func prepare(t testing.TB, registry *metrics.Registry, settings ...string) *SocketServer {
	t.Helper()
	properties := map[string]string{"listeners": "PLAINTEXT://127.0.0.1:0", "zookeeper.connect": "localhost:2181"}
	for i := 0; i < len(settings); i += 2 {
		properties[settings[i]] = settings[i+1]
	}
	cfg, err := config.NewBrokerConfig(properties)
	if err != nil {
		t.Fatal(err)
	}
	server, err := NewSocketServer(cfg, allAPIs(), registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Startup(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// startLogged runs a server whose log of connections the test reads.
func startLogged(t testing.TB, handler Handler) (*SocketServer, *logtest.Hook) {
	t.Helper()
	server := prepare(t, metrics.NewRegistry())
	logger, hook := logtest.NewNullLogger()
	server.processorLogger = logrus.NewEntry(logger)
	server.selectorLogger = logrus.NewEntry(logger)
	server.StartProcessingRequests(handler)
	return server, hook
}

// client is one connection to a server.
type client struct {
	testing.TB
	net.Conn
	formatter *kmsg.RequestFormatter
}

func dial(t testing.TB, server *SocketServer) *client {
	t.Helper()
	return dialListener(t, server, "PLAINTEXT")
}

func dialListener(t testing.TB, server *SocketServer, listener string) *client {
	t.Helper()
	port, err := server.BoundPort(listener)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{t, conn, kmsg.NewRequestFormatter(kmsg.FormatterClientID("test"))}
}

func (c *client) request(correlationID int32, request kmsg.Request) {
	c.Helper()
	c.bytes(c.formatter.AppendRequest(nil, request, correlationID))
}

func (c *client) bytes(b []byte) {
	c.Helper()
	if _, err := c.Write(b); err != nil {
		c.Fatal(err)
	}
}

// frame reads one response and returns its correlation id and what follows.
func (c *client) frame() (int32, []byte) {
	c.Helper()
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		c.Fatalf("reading a response: %v", err)
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		c.Fatalf("reading a response: %v", err)
	}
	return int32(binary.BigEndian.Uint32(body)), body[4:]
}

func (c *client) expectCorrelation(want int32) []byte {
	c.Helper()
	got, rest := c.frame()
	if got != want {
		c.Fatalf("got the response of request %d, want that of %d", got, want)
	}
	return rest
}

// expectClosed waits until the server has closed the connection.
func (c *client) expectClosed() {
	c.Helper()
	if n, err := io.Copy(io.Discard, c); n > 0 || isTimeout(err) {
		c.Fatalf("got %d bytes and %v, want a closed connection", n, err)
	}
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

func apiVersions() *kmsg.ApiVersionsRequest {
	request := kmsg.NewPtrApiVersionsRequest()
	request.SetVersion(3)
	request.ClientSoftwareName, request.ClientSoftwareVersion = "gregor-test", "1.0"
	return request
}

func produce(acks int16) *kmsg.ProduceRequest {
	request := kmsg.NewPtrProduceRequest()
	request.SetVersion(9)
	request.Acks = acks
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "events"
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = []byte("records")
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	return request
}

// echo answers every request at once with an empty response.
var echo = HandlerFunc(func(request *Request) { request.Respond(request.Body.ResponseKind()) })

func TestAnswersARequest(t *testing.T) {
	seen := make(chan *Request, 1)
	server := start(t, HandlerFunc(func(request *Request) {
		seen <- request
		response := request.Body.ResponseKind().(*kmsg.ApiVersionsResponse)
		response.ErrorCode = 42
		request.Respond(response)
	}))
	client := dial(t, server)
	client.request(7, apiVersions())
	response := kmsg.NewPtrApiVersionsResponse()
	response.SetVersion(3)
	if err := response.ReadFrom(client.expectCorrelation(7)); err != nil || response.ErrorCode != 42 {
		t.Fatalf("got %+v, %v", response, err)
	}
	request := <-seen
	if got := request.Context; got.Header.ClientID != "test" || got.ClientHost() != "/127.0.0.1" ||
		got.Principal != protocol.Anonymous || got.ListenerName != "PLAINTEXT" || !got.FromPrivilegedListener ||
		got.ClientSoftwareName != "gregor-test" || got.ClientSoftwareVersion != "1.0" {
		t.Errorf("the context is %+v", got)
	}
	want := client.RemoteAddr().String() + "-" + client.LocalAddr().String() + "-0"
	if request.Context.ConnectionID != want {
		t.Errorf("the connection id is %s, want %s", request.Context.ConnectionID, want)
	}
}
