package channel

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/server/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// broker answers requests on a port of the loopback interface.
type broker struct {
	t        *testing.T
	listener net.Listener
	node     Node
	serving  sync.WaitGroup

	mu       sync.Mutex
	conns    []net.Conn
	accepted int
	requests int
	// answer gives the bytes to send for a request; nil hangs up.
	answer func(header protocol.RequestHeader, body []byte) []byte
}

func startBroker(t *testing.T, id int32, answer func(header protocol.RequestHeader, body []byte) []byte) *broker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, listener: listener, answer: answer,
		node: Node{ID: id, Host: "127.0.0.1", Port: int32(listener.Addr().(*net.TCPAddr).Port)}}
	b.serving.Go(b.accept)
	t.Cleanup(func() {
		listener.Close()
		b.hangUp()
		b.serving.Wait()
	})
	return b
}

func (b *broker) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conns = append(b.conns, conn)
		b.accepted++
		b.mu.Unlock()
		b.serving.Go(func() { b.serve(conn) })
	}
}

func (b *broker) serve(conn net.Conn) {
	defer conn.Close()
	decoder := protocol.RequestDecoder{APIs: protocol.NewAPITable(protocol.KeyFetch, protocol.KeyAllocateProducerIds)}
	for {
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		request, err := decoder.Inspect(frame)
		if err != nil {
			b.t.Error(err)
			return
		}
		b.mu.Lock()
		b.requests++
		b.mu.Unlock()
		answer := b.answer(request.Header, request.Body)
		if answer == nil {
			return
		}
		conn.Write(answer)
	}
}

func (b *broker) hangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, conn := range b.conns {
		conn.Close()
	}
}

func (b *broker) counts() (accepted, requests int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.accepted, b.requests
}

func allocate(errorCode int16, start int64) func(protocol.RequestHeader, []byte) []byte {
	return func(header protocol.RequestHeader, _ []byte) []byte {
		response := kmsg.NewPtrAllocateProducerIDsResponse()
		response.SetVersion(header.APIVersion)
		response.ErrorCode, response.ProducerIDStart = errorCode, start
		return protocol.AppendResponse(nil, header.CorrelationID, response)
	}
}

func request() *kmsg.AllocateProducerIDsRequest {
	request := kmsg.NewPtrAllocateProducerIDsRequest()
	request.BrokerID = 7
	return request
}

func newSender(t *testing.T, config SenderConfig) *Sender {
	sender := NewSender(config)
	t.Cleanup(sender.Close)
	return sender
}

func expectStart(t *testing.T, response kmsg.Response, err error, want int64) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got := response.(*kmsg.AllocateProducerIDsResponse).ProducerIDStart; got != want {
		t.Fatalf("got %d, want %d", got, want)
	}
}

func TestSenderUsesOneConnection(t *testing.T) {
	b := startBroker(t, 1, func(header protocol.RequestHeader, body []byte) []byte {
		if header.ClientID != "0" {
			t.Errorf("the client id is %q", header.ClientID)
		}
		return allocate(0, 5000)(header, body)
	})
	sender := newSender(t, SenderConfig{ClientID: "0"})
	var sending sync.WaitGroup
	for range 10 {
		sending.Go(func() {
			response, err := sender.Send(context.Background(), b.node, request())
			if err != nil || response.(*kmsg.AllocateProducerIDsResponse).ProducerIDStart != 5000 {
				t.Errorf("got %+v, %v", response, err)
			}
		})
	}
	sending.Wait()
	if accepted, requests := b.counts(); accepted != 1 || requests != 10 {
		t.Errorf("%d connections and %d requests", accepted, requests)
	}
}

func TestSenderReconnects(t *testing.T) {
	b := startBroker(t, 1, allocate(0, 1))
	sender := newSender(t, SenderConfig{ReconnectBackoff: time.Millisecond})
	if _, err := sender.Send(context.Background(), b.node, request()); err != nil {
		t.Fatal(err)
	}
	b.hangUp()
	var err error
	for range 2 { // the first may notice the loss
		if _, err = sender.Send(context.Background(), b.node, request()); err == nil {
			break
		}
		if !errors.Is(err, ErrDisconnected) {
			t.Errorf("got %v", err)
		}
	}
	if err != nil {
		t.Errorf("after the loss of the connection: %v", err)
	}
}

// TestSenderNoticesClosedIdleConnections: a connection that the broker closed
// while it was idle costs no request.
func TestSenderNoticesClosedIdleConnections(t *testing.T) {
	b := startBroker(t, 1, allocate(0, 1))
	sender := newSender(t, SenderConfig{})
	if _, err := sender.Send(context.Background(), b.node, request()); err != nil {
		t.Fatal(err)
	}
	b.hangUp()
	to, _ := sender.destination(b.node)
	for isOpen(to.conn) { // until the loss has come to this end
		time.Sleep(time.Millisecond)
	}
	to.lastUsed = time.Now().Add(-staleAfter)
	if _, err := sender.Send(context.Background(), b.node, request()); err != nil {
		t.Error(err)
	}
}

func TestSenderFailures(t *testing.T) {
	for name, answer := range map[string]func(protocol.RequestHeader, []byte) []byte{
		"hangs up":       func(protocol.RequestHeader, []byte) []byte { return nil },
		"negative size":  func(protocol.RequestHeader, []byte) []byte { return []byte{0xff, 0xff, 0xff, 0xff} },
		"no header":      func(protocol.RequestHeader, []byte) []byte { return []byte{0, 0, 0, 0} },
		"huge and short": func(protocol.RequestHeader, []byte) []byte { return []byte{0x7f, 0xff, 0xff, 0xff, 1} },
		"wrong correlation id": func(header protocol.RequestHeader, body []byte) []byte {
			header.CorrelationID++
			return allocate(0, 1)(header, body)
		},
		"cut short": func(header protocol.RequestHeader, body []byte) []byte {
			frame := allocate(0, 1)(header, body)
			frame[3] -= 3
			return frame[:len(frame)-3]
		},
		"tags without end": func(header protocol.RequestHeader, body []byte) []byte {
			frame := allocate(0, 1)(header, body)
			frame = append(frame[:len(frame)-1], 0xff, 0xff, 0xff, 0xff, 0x0f)
			frame[3] += 4
			return frame
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBroker(t, 1, answer)
			sender := newSender(t, SenderConfig{RequestTimeout: 200 * time.Millisecond})
			if _, err := sender.Send(context.Background(), b.node, request()); !errors.Is(err, ErrDisconnected) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSenderObeysTheContext(t *testing.T) {
	waiting := make(chan struct{}, 1)
	release := make(chan struct{})
	b := startBroker(t, 1, func(protocol.RequestHeader, []byte) []byte {
		waiting <- struct{}{}
		<-release
		return nil
	})
	defer close(release)
	sender := newSender(t, SenderConfig{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-waiting
		cancel()
	}()
	if _, err := sender.Send(ctx, b.node, request()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSenderCloseEndsRequests(t *testing.T) {
	waiting, release := make(chan struct{}, 1), make(chan struct{})
	b := startBroker(t, 1, func(protocol.RequestHeader, []byte) []byte {
		waiting <- struct{}{}
		<-release
		return nil
	})
	defer close(release)
	sender := newSender(t, SenderConfig{})
	go func() {
		<-waiting
		sender.Close()
	}()
	if _, err := sender.Send(context.Background(), b.node, request()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := sender.Send(context.Background(), b.node, request()); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestSenderToAnUnreachableNode(t *testing.T) {
	sender := newSender(t, SenderConfig{ReconnectBackoff: 30 * time.Millisecond})
	node := Node{ID: 1, Host: "127.0.0.1", Port: 1}
	if _, err := sender.Send(context.Background(), node, request()); !errors.Is(err, ErrDisconnected) {
		t.Errorf("got %v", err)
	}
	started := time.Now()
	sender.Send(context.Background(), node, request())
	if waited := time.Since(started); waited < 25*time.Millisecond {
		t.Errorf("tried again after %s, before the backoff", waited)
	}
}

func TestSenderFollowsANodeToItsNewAddress(t *testing.T) {
	before, after := startBroker(t, 1, allocate(0, 1)), startBroker(t, 1, allocate(0, 2))
	sender := newSender(t, SenderConfig{})
	response, err := sender.Send(context.Background(), before.node, request())
	expectStart(t, response, err, 1)
	response, err = sender.Send(context.Background(), after.node, request())
	expectStart(t, response, err, 2)
	sender.Forget(1)
	if len(sender.destinations) != 0 {
		t.Error("the node is not forgotten")
	}
}

// TestReuseBuffer: with it, a response's bytes lie in memory of the destination.
func TestReuseBuffer(t *testing.T) {
	b := startBroker(t, 1, func(header protocol.RequestHeader, _ []byte) []byte {
		response := kmsg.NewPtrFetchResponse()
		response.SetVersion(header.APIVersion)
		topic, partition := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		partition.RecordBatches = make([]byte, 300_000)
		topic.Partitions = append(topic.Partitions, partition)
		response.Topics = append(response.Topics, topic)
		return protocol.AppendResponse(nil, header.CorrelationID, response)
	})
	sender := newSender(t, SenderConfig{ReuseBuffer: true})
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	var batches [2][]byte
	for i := range batches {
		response, err := sender.Send(context.Background(), b.node, fetch)
		if err != nil {
			t.Fatal(err)
		}
		batches[i] = response.(*kmsg.FetchResponse).Topics[0].Partitions[0].RecordBatches
	}
	if len(batches[0]) != 300_000 || &batches[0][0] != &batches[1][0] {
		t.Error("the buffer is not used again")
	}
}

// controllerOf is what the metadata says of the controller.
type controllerOf struct {
	mu    sync.Mutex
	node  Node
	known bool
}

func (c *controllerOf) get() (Node, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.node, c.known
}

func (c *controllerOf) set(node Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node, c.known = node, true
}

func newChannel(t *testing.T, controller *controllerOf, retry time.Duration) *BrokerToControllerChannelManager {
	m := NewBrokerToControllerChannelManager(BrokerToControllerConfig{
		Name: "test", BrokerID: 7, Controller: controller.get, RetryTimeout: retry,
		Sender: SenderConfig{ClientID: "7", ReconnectBackoff: time.Millisecond},
	})
	m.Start()
	t.Cleanup(m.Close)
	return m
}

func TestChannelWaitsForAController(t *testing.T) {
	b := startBroker(t, 1, allocate(0, 9))
	controller := &controllerOf{}
	m := newChannel(t, controller, 0)
	time.AfterFunc(20*time.Millisecond, func() { controller.set(b.node) })
	response, err := m.Send(context.Background(), request())
	expectStart(t, response, err, 9)
}

// TestChannelFollowsTheController: NOT_CONTROLLER and a lost connection make
// it look for the controller again, and the requests keep their order.
func TestChannelFollowsTheController(t *testing.T) {
	controller := &controllerOf{}
	third := startBroker(t, 3, allocate(0, 3))
	second := startBroker(t, 2, func(header protocol.RequestHeader, body []byte) []byte {
		controller.set(third.node)
		return nil
	})
	first := startBroker(t, 1, func(header protocol.RequestHeader, body []byte) []byte {
		controller.set(second.node)
		return allocate(kerr.NotController.Code, -1)(header, body)
	})
	controller.set(first.node)
	m := newChannel(t, controller, 0)
	order := make(chan int, 3)
	for i := range 3 {
		m.SendRequest(request(), func(response kmsg.Response, err error) {
			if err != nil || response.(*kmsg.AllocateProducerIDsResponse).ProducerIDStart != 3 {
				t.Errorf("request %d: %+v, %v", i, response, err)
			}
			order <- i
		})
	}
	for want := range 3 {
		if got := <-order; got != want {
			t.Errorf("request %d was answered as number %d", got, want)
		}
	}
}

func TestChannelGivesUpAfterTheRetryTimeout(t *testing.T) {
	m := newChannel(t, &controllerOf{}, 30*time.Millisecond)
	if _, err := m.Send(context.Background(), request()); !errors.Is(err, kerr.RequestTimedOut) {
		t.Errorf("got %v", err)
	}
}

func TestChannelClose(t *testing.T) {
	m := newChannel(t, &controllerOf{}, 0)
	answered := make(chan error, 2)
	m.SendRequest(request(), func(_ kmsg.Response, err error) { answered <- err })
	m.Close()
	m.Close()
	m.SendRequest(request(), func(_ kmsg.Response, err error) { answered <- err })
	for range 2 {
		if err := <-answered; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

func TestConnectTimeoutGrows(t *testing.T) {
	settings := SenderConfig{ConnectTimeout: time.Second, MaxConnectTimeout: 5 * time.Second}
	for tooLong, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second} {
		if got := settings.connectTimeout(tooLong); got < want*8/10 || got > want*12/10 {
			t.Errorf("after %d: %v, want about %v", tooLong, got, want)
		}
	}
}

// TestSetUpsThatTakeTooLongAreCounted: the next one gets more time, until one
// succeeds.
func TestSetUpsThatTakeTooLongAreCounted(t *testing.T) {
	hangs := true
	b := startBroker(t, 1, allocate(0, 1))
	var allowed []time.Duration
	sender := NewSender(SenderConfig{ConnectTimeout: 20 * time.Millisecond, ReconnectBackoff: time.Millisecond,
		Dial: func(ctx context.Context, node Node) (net.Conn, error) {
			deadline, _ := ctx.Deadline()
			allowed = append(allowed, time.Until(deadline))
			if hangs {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return net.Dial("tcp", node.Address())
		}})
	defer sender.Close()
	send := func() error {
		_, err := sender.Send(context.Background(), b.node, request())
		return err
	}
	for range 3 {
		if err := send(); !errors.Is(err, ErrDisconnected) {
			t.Fatal(err)
		}
	}
	if hangs = false; send() != nil {
		t.Fatal("no connection")
	}
	if allowed[3] < 4*allowed[0] || sender.destinations[1].tooLong != 0 {
		t.Errorf("allowed %v, then %d", allowed, sender.destinations[1].tooLong)
	}
}

func TestReceiveBufferIsSet(t *testing.T) {
	b := startBroker(t, 1, allocate(0, 1))
	conn, err := SenderConfig{ReceiveBuffer: 50000}.dialPlaintext(context.Background(), b.node)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, _ := conn.(*net.TCPConn).SyscallConn()
	raw.Control(func(fd uintptr) {
		if size, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || size != 2*50000 { // Linux doubles it
			t.Errorf("%d, %v", size, err)
		}
	})
}
