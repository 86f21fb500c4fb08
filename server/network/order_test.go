package network

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/protocol"
)

// collecting is a handler that leaves the requests to the test.
type collecting chan *Request

func (c collecting) Handle(request *Request) { c <- request }

func (c collecting) next(t testing.TB) *Request {
	t.Helper()
	select {
	case request := <-c:
		return request
	case <-time.After(10 * time.Second):
		t.Fatal("no request came")
		return nil
	}
}

func respond(request *Request) { request.Respond(request.Body.ResponseKind()) }

// TestProduceIsPipelinedAndAnsweredInOrder: later produce requests are handled
// while the first waits, and the responses keep the order of the requests
// however they are finished.
func TestProduceIsPipelinedAndAnsweredInOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			handler := make(collecting, 8)
			client := dial(t, start(t, handler))
			for i := range order {
				client.request(int32(i), produce(-1))
			}
			var requests []*Request
			for range order {
				requests = append(requests, handler.next(t))
			}
			var finishing sync.WaitGroup
			for _, i := range order {
				finishing.Go(func() { respond(requests[i]) })
			}
			finishing.Wait()
			for i := range order {
				client.expectCorrelation(int32(i))
			}
		})
	}
}

// TestOtherRequestsWaitForThoseBefore: a request that is no Produce is not
// handled before all others were answered, and holds those behind it.
func TestOtherRequestsWaitForThoseBefore(t *testing.T) {
	handler := make(collecting, 8)
	client := dial(t, start(t, handler))
	client.request(0, produce(-1))
	client.request(1, apiVersions())
	client.request(2, produce(-1))
	first := handler.next(t)
	select {
	case early := <-handler:
		t.Fatalf("request %d was handled before the response of request 0", early.Context.Header.CorrelationID)
	case <-time.After(50 * time.Millisecond):
	}
	respond(first)
	client.expectCorrelation(0)
	second := handler.next(t)
	if second.Context.Header.CorrelationID != 1 || len(handler) > 0 {
		t.Fatalf("request %d is handled after request 0", second.Context.Header.CorrelationID)
	}
	respond(second)
	client.expectCorrelation(1)
	respond(handler.next(t))
	client.expectCorrelation(2)
}

func TestPipelineIsBounded(t *testing.T) {
	handler := make(collecting, 2*maxPipelined)
	client := dial(t, start(t, handler))
	for i := range 2 * maxPipelined {
		client.request(int32(i), produce(-1))
	}
	var requests []*Request
	for range maxPipelined {
		requests = append(requests, handler.next(t))
	}
	select {
	case <-handler:
		t.Fatalf("more than %d requests of a connection are unanswered", maxPipelined)
	case <-time.After(50 * time.Millisecond):
	}
	for i := range 2 * maxPipelined {
		if i >= maxPipelined {
			requests = append(requests, handler.next(t))
		}
		respond(requests[i])
		client.expectCorrelation(int32(i))
	}
}

func TestNoResponse(t *testing.T) {
	client := dial(t, start(t, HandlerFunc(func(request *Request) {
		if request.Context.Header.APIKey == protocol.KeyProduce {
			request.NoResponse()
		} else {
			respond(request)
		}
	})))
	client.request(0, produce(0))
	client.request(1, produce(0))
	client.request(2, apiVersions())
	client.expectCorrelation(2)
}

func TestCloseComesAfterTheResponsesBefore(t *testing.T) {
	handler := make(collecting, 8)
	server, hook := startLogged(t, handler)
	client := dial(t, server)
	client.request(0, produce(1))
	client.request(1, produce(0))
	first, second := handler.next(t), handler.next(t)
	second.Close("acks=0 and an error")
	respond(first)
	client.expectCorrelation(0)
	client.expectClosed()
	if entries := warnings(hook); len(entries) != 1 || !strings.HasSuffix(entries[0], "because of error: acks=0 and an error") {
		t.Errorf("logged %q", entries)
	}
}

// parts is a body of bytes and regions.
type parts struct {
	bytes    [][]byte
	size     int
	mu       sync.Mutex
	released int
}

type region []byte

func (r region) Size() int { return len(r) }
func (r region) SendTo(conn net.Conn) (int64, error) {
	n, err := conn.Write(r)
	return int64(n), err
}

func (p *parts) Size() int { return p.size }
func (p *parts) WriteTo(w *ResponseWriter) error {
	for i, b := range p.bytes {
		if i%2 == 0 {
			w.Write(b)
		} else if err := w.WriteRegion(region(b)); err != nil {
			return err
		}
	}
	return nil
}

func (p *parts) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.released++
}

func (p *parts) releases() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.released
}

func TestRawResponse(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 200_000)
	body := &parts{bytes: [][]byte{[]byte("head"), []byte("region"), large, large}, size: 10 + 400_000}
	client := dial(t, start(t, HandlerFunc(func(request *Request) {
		if request.Context.Header.APIKey == protocol.KeyFetch {
			request.RespondRaw(body)
		} else {
			respond(request)
		}
	})))
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	client.request(5, fetch)
	got := client.expectCorrelation(5)
	want := append([]byte{0}, bytes.Join(body.bytes, nil)...) // no tags in the header
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	client.request(6, apiVersions())
	client.expectCorrelation(6)
	if n := body.releases(); n != 1 {
		t.Errorf("the body was released %d times", n)
	}
}

// readableRegion can be copied too.
type readableRegion struct {
	region
	copied *atomic.Int32
}

func (r readableRegion) ReadAt(p []byte, offset int64) (int, error) {
	r.copied.Add(1)
	return copy(p, r.region[offset:]), nil
}

type regionsOnly []Region

func (s regionsOnly) Size() int {
	size := 0
	for _, r := range s {
		size += r.Size()
	}
	return size
}
func (s regionsOnly) Release() {}
func (s regionsOnly) WriteTo(w *ResponseWriter) error {
	for _, r := range s {
		if err := w.WriteRegion(r); err != nil {
			return err
		}
	}
	return nil
}

func TestSmallRegionsAreCopied(t *testing.T) {
	var copied atomic.Int32
	small := readableRegion{bytes.Repeat([]byte("s"), copiedRegion), &copied}
	large := readableRegion{bytes.Repeat([]byte("l"), copiedRegion+1), &copied}
	client := dial(t, start(t, HandlerFunc(func(request *Request) {
		request.RespondRaw(regionsOnly{small, large, small})
	})))
	client.request(1, apiVersions())
	want := bytes.Join([][]byte{small.region, large.region, small.region}, nil)
	if got := client.expectCorrelation(1); !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	if n := copied.Load(); n != 2 {
		t.Errorf("%d regions were copied", n)
	}
}

// TestShortRawResponseClosesTheConnection: the client must not take the next
// response for the rest of this one.
func TestShortRawResponseClosesTheConnection(t *testing.T) {
	body := &parts{bytes: [][]byte{[]byte("head")}, size: 100}
	client := dial(t, start(t, HandlerFunc(func(request *Request) { request.RespondRaw(body) })))
	client.request(5, apiVersions())
	if n, _ := io.Copy(io.Discard, client); n > 12 {
		t.Errorf("%d bytes came", n)
	}
	if n := body.releases(); n != 1 {
		t.Errorf("the body was released %d times", n)
	}
}

// TestReleasesResponsesOfClosedConnections: what a handler gives after the
// client has gone is released.
func TestReleasesResponsesOfClosedConnections(t *testing.T) {
	handler := make(collecting, 8)
	server, _ := startLogged(t, handler)
	client := dial(t, server)
	client.request(1, apiVersions())
	request := handler.next(t)
	request.connection.close()
	body := &parts{}
	request.RespondRaw(body)
	if n := body.releases(); n != 1 {
		t.Errorf("the body was released %d times", n)
	}
	again := &parts{}
	request.RespondRaw(again)
	if n := again.releases(); n != 1 {
		t.Errorf("the body of a request that was finished twice was released %d times", n)
	}
}

func TestThrottleMutesTheConnection(t *testing.T) {
	const throttle = 100 * time.Millisecond
	client := dial(t, start(t, HandlerFunc(func(request *Request) {
		if request.Context.Header.CorrelationID == 1 {
			request.Throttle(throttle)
		}
		respond(request)
	})))
	started := time.Now()
	client.request(1, apiVersions())
	client.request(2, apiVersions())
	client.expectCorrelation(1)
	if answered := time.Since(started); answered >= throttle {
		t.Errorf("the response itself took %s", answered)
	}
	client.expectCorrelation(2)
	if answered := time.Since(started); answered < throttle {
		t.Errorf("the next request was handled after %s, before the throttle of %s was over", answered, throttle)
	}
}

// TestStopAnswersWhatWasReceived: requests in their handlers are answered, and
// then the connections close.
func TestStopAnswersWhatWasReceived(t *testing.T) {
	handler := make(collecting, 8)
	server := start(t, handler)
	busy, idle := dial(t, server), dial(t, server)
	busy.request(1, produce(-1))
	busy.request(2, produce(-1))
	idle.request(1, apiVersions())
	respond(handler.nextOf(t, protocol.KeyApiVersions))
	first, second := handler.nextOf(t, protocol.KeyProduce), handler.nextOf(t, protocol.KeyProduce)
	idle.expectCorrelation(1)
	stopped := make(chan struct{})
	go func() {
		server.StopProcessingRequests(context.Background())
		close(stopped)
	}()
	idle.expectClosed()
	respond(second)
	respond(first)
	busy.expectCorrelation(1)
	busy.expectCorrelation(2)
	busy.expectClosed()
	<-stopped
}

// nextOf returns the next request of that API and puts others back.
func (c collecting) nextOf(t testing.TB, key int16) *Request {
	t.Helper()
	for {
		request := c.next(t)
		if request.Context.Header.APIKey == key {
			return request
		}
		c <- request
	}
}

func TestStopDoesNotWaitForever(t *testing.T) {
	handler := make(collecting, 8)
	server := start(t, handler)
	client := dial(t, server)
	client.request(1, produce(-1))
	request := handler.next(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	server.StopProcessingRequests(ctx)
	client.expectClosed()
	respond(request)
	server.Close()
	server.Close()
}

func TestRequestMetrics(t *testing.T) {
	registry := metrics.NewRegistry()
	server := startWith(t, HandlerFunc(func(request *Request) {
		response := request.Body.ResponseKind()
		if metadata, ok := response.(*kmsg.MetadataResponse); ok {
			good, bad := kmsg.NewMetadataResponseTopic(), kmsg.NewMetadataResponseTopic()
			good.Topic, bad.Topic = kmsg.StringPtr("a"), kmsg.StringPtr("b")
			bad.ErrorCode = 3
			metadata.Topics = append(metadata.Topics, good, bad)
		}
		request.Respond(response)
	}), registry)
	client := dial(t, server)
	metadata := kmsg.NewPtrMetadataRequest()
	metadata.SetVersion(12)
	client.request(1, metadata)
	client.expectCorrelation(1)
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	fetch.ReplicaID = 4
	client.request(2, fetch)
	client.expectCorrelation(2)
	client.request(3, metadata) // recorded after the response before it
	client.expectCorrelation(3)
	samples := map[string]float64{}
	registry.Visit(func(s metrics.Sample) {
		name := s.Name
		for _, label := range s.Labels {
			name += " " + label.Name + "=" + label.Value
		}
		samples[name] = s.Value
	})
	for name, least := range map[string]float64{
		"kafka_network_requestmetrics_requests_total request=Metadata version=12":                     1,
		"kafka_network_requestmetrics_errors_total request=Metadata error=UNKNOWN_TOPIC_OR_PARTITION": 1,
		"kafka_network_requestmetrics_errors_total request=Metadata error=NONE":                       1,
		"kafka_network_requestmetrics_totaltimems_count request=Fetch":                                1,
		"kafka_network_requestmetrics_totaltimems_count request=FetchFollower":                        1,
		"kafka_network_requestmetrics_requestbytes request=Metadata quantile=0.50":                    10,
		"kafka_network_socketserver_memorypoolused":                                                   0,
		"kafka_network_requestchannel_requestqueuesize":                                               0,
		"kafka_network_acceptor_acceptorblockedpercent_count listener=PLAINTEXT":                      0,
		"kafka_network_requestmetrics_requestqueuetimems request=Fetch quantile=0.999":                0,
		"kafka_network_requestmetrics_responsesendtimems_count request=Fetch":                         1,
		"kafka_network_requestmetrics_throttletimems request=FetchFollower quantile=0.95":             0,
		"kafka_network_requestmetrics_requests_total request=FetchFollower version=12":                1,
		"kafka_network_requestmetrics_localtimems_count request=Metadata":                             1,
	} {
		if got, ok := samples[name]; !ok || got < least {
			t.Errorf("%s is %v, want at least %v", name, got, least)
		}
	}
}

// TestManyClients: many connections pipeline requests that are finished by
// other goroutines in any order, while some clients hang up; whoever stays
// gets all responses in order.
func TestManyClients(t *testing.T) {
	const clients, requests = 20, 195
	var finishing sync.WaitGroup
	server := start(t, HandlerFunc(func(request *Request) {
		if request.Context.Header.CorrelationID%3 == 0 {
			respond(request)
			return
		}
		finishing.Go(func() { respond(request) })
	}))
	var running sync.WaitGroup
	for n := range clients {
		client := dial(t, server)
		running.Go(func() {
			var sending []byte
			for i := range int32(requests) {
				var request kmsg.Request = produce(-1)
				if n%2 == 1 && i%10 == 9 {
					request = apiVersions()
				}
				sending = append(sending, client.formatter.AppendRequest(nil, request, i)...)
			}
			go client.Write(sending)
			for i := range int32(requests) {
				if n%4 == 3 && i == requests/2 {
					client.Close()
					return
				}
				if got, _ := client.frame(); got != i {
					t.Errorf("client %d got the response of request %d, want that of %d", n, got, i)
					return
				}
			}
		})
	}
	running.Wait()
	server.Close() // no handler runs any more
	finishing.Wait()
}

// TestAnswersAfterTheClientStoppedSending: the end of the stream does not lose
// the responses of what was sent before it.
func TestAnswersAfterTheClientStoppedSending(t *testing.T) {
	handler := make(collecting, 2)
	client := dial(t, start(t, handler))
	client.request(1, produce(-1))
	client.Conn.(*net.TCPConn).CloseWrite()
	request := handler.next(t)
	respond(request)
	client.expectCorrelation(1)
	client.expectClosed()
}

// TestAwaitLeavesNothingToWrite: who finishes the oldest request while the
// reader waits leaves the response to the reader, which must write it even
// when it has room to go on by then.
func TestAwaitLeavesNothingToWrite(t *testing.T) {
	server := prepare(t, nil)
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	c := &connection{server: server, conn: ours, wake: make(chan struct{}, 1), stopping: make(chan struct{})}
	c.enqueue(&Request{connection: c, Body: apiVersions(), response: kmsg.NewPtrApiVersionsResponse(), done: true})
	read := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(theirs, make([]byte, 8))
		read <- err
		io.Copy(io.Discard, theirs)
	}()
	if !c.await(maxPipelined, maxPipelinedBytes) || len(c.queue) > 0 {
		t.Errorf("%d finished requests were left", len(c.queue))
	}
	if len(c.queue) == 0 {
		if err := <-read; err != nil {
			t.Error(err)
		}
	}
}
