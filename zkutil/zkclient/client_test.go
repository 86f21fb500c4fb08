package zkclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

func TestMain(m *testing.M) {
	logging.SetLevel("root", "OFF")
	goleak.VerifyTestMain(m)
}

const patience = 20 * time.Second

// connect opens a client that is closed when the test ends.
func connect(t *testing.T, connectString string, change ...func(*Config)) *Client {
	t.Helper()
	config := Config{
		ConnectString:       connectString,
		SessionTimeout:      10 * time.Second,
		ConnectionTimeout:   patience,
		MaxInFlightRequests: 10,
		Name:                t.Name(),
	}
	for _, f := range change {
		f(&config)
	}
	client, err := Connect(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// must gives the response to a request that has to succeed.
func must(t *testing.T, c *Client, request Request) Response {
	t.Helper()
	response := c.HandleRequest(request)
	if response.Err != nil {
		t.Fatalf("%+v: %v", request, response.Err)
	}
	return response
}

func create(path string, data string) CreateRequest {
	return CreateRequest{Path: path, Data: []byte(data), ACL: zk.WorldACL(zk.PermAll)}
}

// receive waits for a value.
func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// events registers a node handler and a child handler for the path and gives
// their calls.
func events(c *Client, path string) <-chan string {
	calls := make(chan string, 100)
	note := func(what string) func() { return func() { calls <- what } }
	c.RegisterNodeChangeHandler(NodeChangeHandler{
		Path: path, HandleCreation: note("created"), HandleDeletion: note("deleted"), HandleDataChange: note("changed"),
	})
	c.RegisterChildChangeHandler(ChildChangeHandler{Path: path, HandleChildChange: note("children")})
	return calls
}

// waitConnected waits out a lost connection.
func waitConnected(t *testing.T, c *Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.WaitUntilConnected(ctx); err != nil {
		t.Fatal(err)
	}
}

// waitState waits until the client is in the state.
func waitState(t *testing.T, c *Client, want State) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for c.State() != want {
		if time.Now().After(deadline) {
			t.Fatalf("state is %s, want %s", c.State(), want)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestConnectTimesOutWithKafkasSentence(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	_, err = Connect(context.Background(), Config{
		ConnectString: listener.Addr().String(), SessionTimeout: time.Second, ConnectionTimeout: 50 * time.Millisecond,
	})
	if !errors.Is(err, ErrTimeout) || err.Error() != "Timed out waiting for connection while in state: CONNECTING" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Connect(ctx, Config{ConnectString: "no-such-host.invalid:1", SessionTimeout: time.Second, ConnectionTimeout: time.Minute})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestServerThatIsNoZooKeeper(t *testing.T) {
	for _, answer := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "\x00\x00\x00\x00", "\x00\x00\x00\x05abcde", "\xff\xff\xff\xff"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var accepting sync.WaitGroup
		accepting.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				io.WriteString(conn, answer)
				conn.Close()
			}
		})
		_, err = Connect(context.Background(), Config{
			ConnectString: listener.Addr().String(), SessionTimeout: time.Second, ConnectionTimeout: 50 * time.Millisecond,
		})
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("%q: %v", answer, err)
		}
		listener.Close()
		accepting.Wait()
	}
}

func TestParseConnectString(t *testing.T) {
	for text, want := range map[string]string{
		"a:1":          "[a:1] ",
		"a,b:2/kafka":  "[a:2181 b:2] /kafka",
		"[::1]:1/a/b":  "[[::1]:1] /a/b",
		"[::1]":        "[[::1]:2181] ",
		"a:1, b:2,":    "[a:1 b:2] ",
		"a:1/":         "[a:1] ",
		"":             "error",
		"/kafka":       "error",
		"a:1/kafka/":   "error",
		"a:1/kafka//x": "error",
	} {
		servers, chroot, err := ParseConnectString(text)
		got := fmt.Sprint(servers, " ", chroot)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestRequests(t *testing.T) {
	c := connect(t, zktest.Start(t).Addr())
	if name := must(t, c, create("/a", "1")).Name; name != "/a" {
		t.Errorf("created %s", name)
	}
	got := must(t, c, GetDataRequest{Path: "/a"})
	if string(got.Data) != "1" || got.Stat.Version != 0 {
		t.Errorf("%+v", got)
	}
	if stat := must(t, c, SetDataRequest{Path: "/a", Data: nil, Version: 0}).Stat; stat.Version != 1 {
		t.Errorf("%+v", stat)
	}
	if data := must(t, c, GetDataRequest{Path: "/a"}).Data; data != nil {
		t.Errorf("null data came back as %q", data)
	}
	sequential := must(t, c, CreateRequest{Path: "/a/n_", ACL: zk.WorldACL(zk.PermAll), Mode: PersistentSequential})
	if sequential.Name != "/a/n_0000000000" {
		t.Errorf("sequential: %s", sequential.Name)
	}
	if children := must(t, c, GetChildrenRequest{Path: "/a"}).Children; !slices.Equal(children, []string{"n_0000000000"}) {
		t.Errorf("children: %v", children)
	}
	must(t, c, SetACLRequest{Path: "/a", ACL: zk.WorldACL(zk.PermRead | zk.PermAdmin), Version: -1})
	if acl := must(t, c, GetACLRequest{Path: "/a"}).ACL; !slices.Equal(acl, zk.WorldACL(zk.PermRead|zk.PermAdmin)) {
		t.Errorf("ACL: %v", acl)
	}
	must(t, c, SyncRequest{Path: "/a"})
	for _, test := range []struct {
		request Request
		want    *Error
	}{
		{create("/a", ""), ErrNodeExists},
		{create("/x/y", ""), ErrNoNode},
		{create("bad", ""), ErrBadArguments},
		{ExistsRequest{Path: "/x"}, ErrNoNode},
		{GetDataRequest{Path: "/x"}, ErrNoNode},
		{SetDataRequest{Path: "/a", Version: -1}, ErrNoAuth},
		{DeleteRequest{Path: "/a", Version: -1}, ErrNotEmpty},
		{DeleteRequest{Path: "/a/n_0000000000", Version: -1}, ErrNoAuth},
		{SetDataRequest{Path: "/a/n_0000000000", Version: 7}, ErrBadVersion},
		{CreateRequest{Path: "/b"}, ErrInvalidACL},
	} {
		response := c.HandleRequest(test.request)
		if !errors.Is(response.Err, test.want) {
			t.Errorf("%+v: %v, want %v", test.request, response.Err, test.want)
		} else if path := test.request.path(); !strings.HasSuffix(response.Err.Error(), " for "+path) {
			t.Errorf("%v does not name %s", response.Err, path)
		}
	}
}

func TestMulti(t *testing.T) {
	c := connect(t, zktest.Start(t).Addr())
	must(t, c, create("/a", "1"))
	done := must(t, c, MultiRequest{Ops: []Op{CheckOp{"/a", 0}, create("/b", "2"), SetDataRequest{"/a", []byte("3"), 0}, DeleteRequest{"/b", 0}}})
	if len(done.Results) != 4 || done.Results[1].Name != "/b" || done.Results[2].Stat.Version != 1 {
		t.Errorf("%+v", done.Results)
	}
	failed := c.HandleRequest(MultiRequest{Ops: []Op{create("/c", ""), CheckOp{"/a", 0}, create("/d", "")}})
	if !errors.Is(failed.Err, ErrBadVersion) {
		t.Errorf("multi: %v", failed.Err)
	}
	if r := failed.Results; len(r) != 3 || r[0].Err != nil || !errors.Is(r[1].Err, ErrBadVersion) || !errors.Is(r[2].Err, ErrRuntimeInconsistency) {
		t.Errorf("results: %+v", r)
	}
	if err := c.HandleRequest(ExistsRequest{"/c"}).Err; !errors.Is(err, ErrNoNode) {
		t.Errorf("a failed multi left its node: %v", err)
	}
}

func TestManyRequestsAnswerInOrder(t *testing.T) {
	c := connect(t, zktest.Start(t).Addr(), func(cfg *Config) { cfg.MaxInFlightRequests = 3 })
	var creates, gets []Request
	for i := range 200 {
		creates = append(creates, create(fmt.Sprintf("/n%d", i), fmt.Sprint(i)))
		gets = append(gets, GetDataRequest{Path: fmt.Sprintf("/n%d", i)})
	}
	for i, response := range c.HandleRequests(creates) {
		if response.Err != nil || response.Name != fmt.Sprintf("/n%d", i) {
			t.Fatalf("%d: %+v", i, response)
		}
	}
	for i, response := range c.HandleRequests(gets) {
		if string(response.Data) != fmt.Sprint(i) {
			t.Fatalf("%d: %+v", i, response)
		}
	}
}

func TestChroot(t *testing.T) {
	server := zktest.Start(t)
	outside := connect(t, server.Addr())
	for _, path := range []string{"/x", "/x/kafka"} {
		must(t, outside, create(path, ""))
	}
	inside := connect(t, server.Addr()+"/x/kafka")
	calls := events(inside, "/a")
	if err := inside.HandleRequest(ExistsRequest{"/a"}).Err; !errors.Is(err, ErrNoNode) || err.Error() != "KeeperErrorCode = NoNode for /a" {
		t.Errorf("exists: %v", err)
	}
	if name := must(t, inside, CreateRequest{Path: "/s", ACL: zk.WorldACL(zk.PermAll), Mode: PersistentSequential}).Name; name != "/s0000000000" {
		t.Errorf("sequential: %s", name)
	}
	must(t, outside, create("/x/kafka/a", "v"))
	if call := receive(t, calls, "creation"); call != "created" {
		t.Errorf("got %s", call)
	}
	if data := must(t, inside, GetDataRequest{"/a"}).Data; string(data) != "v" {
		t.Errorf("data: %q", data)
	}
	if children := must(t, inside, GetChildrenRequest{Path: "/"}).Children; len(children) != 2 {
		t.Errorf("children of the chroot: %v", children)
	}
	for _, bad := range []Request{create("x", ""), GetDataRequest{""}, MultiRequest{Ops: []Op{create("x", "")}}} {
		if err := inside.HandleRequest(bad).Err; !errors.Is(err, ErrBadArguments) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	result := must(t, inside, MultiRequest{Ops: []Op{create("/b", ""), DeleteRequest{"/a", -1}}}).Results
	if result[0].Name != "/b" {
		t.Errorf("multi created %s", result[0].Name)
	}
	must(t, outside, ExistsRequest{"/x/kafka/b"})
	receive(t, calls, "deletion")
}

func TestHandlersAreCalledOncePerWatch(t *testing.T) {
	server := zktest.Start(t)
	c, other := connect(t, server.Addr()), connect(t, server.Addr())
	calls := events(c, "/a")
	expect := func(what string) {
		t.Helper()
		if call := receive(t, calls, what); call != what {
			t.Fatalf("got %s, want %s", call, what)
		}
	}
	if err := c.HandleRequest(ExistsRequest{"/a"}).Err; !errors.Is(err, ErrNoNode) {
		t.Fatal(err)
	}
	must(t, other, create("/a", ""))
	expect("created")
	must(t, other, SetDataRequest{"/a", []byte("1"), -1}) // not watched
	must(t, c, GetDataRequest{"/a"})
	must(t, c, GetDataRequest{"/a"})
	must(t, other, SetDataRequest{"/a", []byte("2"), -1})
	expect("changed")
	must(t, c, GetChildrenRequest{Path: "/a"}) // does not ask for a watch
	must(t, other, create("/a/b", ""))
	must(t, c, GetChildrenRequest{Path: "/a", RegisterWatch: true})
	must(t, other, create("/a/c", ""))
	expect("children")
	must(t, other, DeleteRequest{"/a/b", -1})
	must(t, other, DeleteRequest{"/a/c", -1})
	must(t, c, ExistsRequest{"/a"})
	must(t, other, DeleteRequest{"/a", -1})
	expect("deleted")
	c.UnregisterNodeChangeHandler("/a")
	c.UnregisterChildChangeHandler("/a")
	c.HandleRequest(ExistsRequest{"/a"})
	must(t, other, create("/a", ""))
	must(t, c, SyncRequest{"/"})
	if len(calls) > 0 {
		t.Errorf("unexpected %s", <-calls)
	}
}

func TestWatchesThatAreSetAreNotSetAgain(t *testing.T) {
	server := zktest.Start(t)
	c, other := connect(t, server.Addr()), connect(t, server.Addr())
	must(t, other, create("/a", ""))
	calls := events(c, "/a")
	var reads []Request
	for range 50 {
		reads = append(reads, GetDataRequest{"/a"}, ExistsRequest{"/a"}, GetChildrenRequest{"/a", true})
	}
	for round := range 20 {
		c.HandleRequests(reads)
		for _, kind := range []watchKind{dataWatch, childWatch} {
			if needed, _ := c.session.needsWatch(watchKey{"/a", kind}); needed {
				t.Fatalf("the next read would set a watch of kind %d again", kind)
			}
		}
		must(t, other, SetDataRequest{"/a", []byte(fmt.Sprint(round)), -1})
		receive(t, calls, "change")
	}
}

func TestSessionExpiry(t *testing.T) {
	server := zktest.Start(t)
	var counted []SessionEvent
	var mu sync.Mutex
	c := connect(t, server.Addr(), func(cfg *Config) {
		cfg.OnSessionEvent = func(event SessionEvent) {
			mu.Lock()
			defer mu.Unlock()
			counted = append(counted, event)
		}
	})
	calls := make(chan string, 10)
	var during error
	c.RegisterStateChangeHandler(StateChangeHandler{
		Name: "handler",
		BeforeInitializingSession: func() {
			during = c.HandleRequest(ExistsRequest{"/"}).Err
			calls <- "before"
		},
		AfterInitializingSession: func() {
			waitConnected(t, c)
			calls <- "after"
		},
	})
	watched := events(c, "/a")
	must(t, c, CreateRequest{Path: "/e", ACL: zk.WorldACL(zk.PermAll), Mode: Ephemeral})
	c.HandleRequest(ExistsRequest{"/a"})
	old := c.SessionID()
	if !server.ExpireSession(old) {
		t.Fatal("no such session")
	}
	if call := receive(t, calls, "before"); call != "before" {
		t.Errorf("got %s", call)
	}
	if call := receive(t, calls, "after"); call != "after" {
		t.Errorf("got %s", call)
	}
	if !errors.Is(during, ErrSessionExpired) {
		t.Errorf("a request between the sessions: %v", during)
	}
	if c.SessionID() == old || c.SessionID() == 0 {
		t.Errorf("session %x after %x", c.SessionID(), old)
	}
	if err := c.HandleRequest(ExistsRequest{"/e"}).Err; !errors.Is(err, ErrNoNode) {
		t.Errorf("ephemeral node of the old session: %v", err)
	}
	c.HandleRequest(ExistsRequest{"/a"}) // sets the watch in the new session
	must(t, c, create("/a", ""))
	receive(t, watched, "creation")
	if sessions := server.Sessions(); len(sessions) != 1 || sessions[0] != c.SessionID() {
		t.Errorf("sessions %x, want only %x", sessions, c.SessionID())
	}
	c.UnregisterStateChangeHandler("handler")
	second := c.SessionID()
	server.ExpireSession(second)
	for deadline := time.Now().Add(patience); c.SessionID() == second || c.State() != Connected; {
		if time.Now().After(deadline) {
			t.Fatal("no third session")
		}
		time.Sleep(time.Millisecond)
	}
	if len(calls) > 0 {
		t.Errorf("unexpected %s", <-calls)
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Contains(counted, Expired) || !slices.Contains(counted, SyncConnected) || !slices.Contains(counted, Disconnected) {
		t.Errorf("counted %v", counted)
	}
}

func TestServerRestart(t *testing.T) {
	server := zktest.Start(t)
	c := connect(t, server.Addr())
	must(t, c, CreateRequest{Path: "/e", ACL: zk.WorldACL(zk.PermAll), Mode: Ephemeral})
	calls := events(c, "/e")
	must(t, c, GetDataRequest{"/e"})
	session := c.SessionID()
	server.Stop()
	waitState(t, c, Connecting)
	if err := c.HandleRequest(ExistsRequest{"/e"}).Err; !errors.Is(err, ErrConnectionLoss) {
		t.Errorf("without a server: %v", err)
	}
	server.Restart()
	waitConnected(t, c)
	if c.SessionID() != session {
		t.Error("the session was not kept")
	}
	must(t, c, ExistsRequest{"/e"})
	must(t, c, SetDataRequest{"/e", nil, -1})
	if call := receive(t, calls, "change"); call != "changed" {
		t.Errorf("got %s", call)
	}
}

// proxy passes connections on until it is cut.
type proxy struct {
	listener net.Listener
	target   string
	wait     sync.WaitGroup
	mu       sync.Mutex
	isCut    bool
	conns    []net.Conn
}

func startProxy(t *testing.T, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target}
	p.wait.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.cut(true)
		p.wait.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		p.mu.Lock()
		if err != nil || p.isCut {
			client.Close()
			if server != nil {
				server.Close()
			}
			p.mu.Unlock()
			continue
		}
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			p.wait.Go(func() {
				io.Copy(way[0], way[1])
				way[0].Close()
			})
		}
	}
}

// cut breaks the connections; if it stays cut there are no new ones.
func (p *proxy) cut(stay bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isCut = stay
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}

func TestChangesDuringDisconnectionAreReported(t *testing.T) {
	server := zktest.Start(t)
	p := startProxy(t, server.Addr())
	other := connect(t, server.Addr())
	c := connect(t, p.listener.Addr().String())
	must(t, other, create("/changed", ""))
	must(t, other, create("/deleted", ""))
	must(t, other, create("/children", ""))
	watches := map[string]<-chan string{}
	for _, path := range []string{"/changed", "/deleted", "/children", "/created"} {
		watches[path] = events(c, path)
		c.HandleRequest(ExistsRequest{path})
		c.HandleRequest(GetChildrenRequest{path, true})
	}
	session := c.SessionID()
	p.cut(true)
	waitState(t, c, Connecting)
	must(t, other, SetDataRequest{"/changed", []byte("x"), -1})
	must(t, other, DeleteRequest{"/deleted", -1})
	must(t, other, create("/children/x", ""))
	must(t, other, create("/created", ""))
	p.cut(false)
	waitConnected(t, c)
	if c.SessionID() != session {
		t.Fatal("another session")
	}
	for path, calls := range watches {
		if call := receive(t, calls, "event of "+path); call != path[1:] {
			t.Errorf("%s: %s", path, call)
		}
	}
	must(t, c, ExistsRequest{"/changed"})
	p.cut(false)
	waitState(t, c, Connecting)
	waitConnected(t, c)
	must(t, c, ExistsRequest{"/changed"})
	must(t, other, SetDataRequest{"/changed", nil, -1})
	receive(t, watches["/changed"], "change after the second cut")
}

func TestExpiryWhileDisconnected(t *testing.T) {
	server := zktest.Start(t)
	p := startProxy(t, server.Addr())
	c := connect(t, p.listener.Addr().String())
	after := make(chan struct{}, 1)
	c.RegisterStateChangeHandler(StateChangeHandler{Name: "h", AfterInitializingSession: func() { after <- struct{}{} }})
	session := c.SessionID()
	p.cut(true)
	waitState(t, c, Connecting)
	server.ExpireSession(session)
	p.cut(false)
	receive(t, after, "new session")
	waitConnected(t, c)
	if c.SessionID() == session {
		t.Error("the session is the old one")
	}
}

// apacheZooKeeper, if set, is the host:port of an Apache ZooKeeper that takes the
// place of the embedded server where a test does without that one's own hooks.
const apacheZooKeeper = "ZOOKEEPER_ADDRESS"

func TestSessionExpiresWithoutConnection(t *testing.T) {
	address := os.Getenv(apacheZooKeeper)
	if address == "" {
		address = zktest.Start(t).Addr()
	}
	p := startProxy(t, address)
	other := connect(t, address)
	c := connect(t, p.listener.Addr().String(), func(cfg *Config) { cfg.SessionTimeout = 500 * time.Millisecond })
	after := make(chan struct{}, 1)
	c.RegisterStateChangeHandler(StateChangeHandler{Name: "h", AfterInitializingSession: func() { after <- struct{}{} }})
	ephemeral := fmt.Sprintf("/expires-%d", time.Now().UnixNano())
	must(t, c, CreateRequest{Path: ephemeral, ACL: zk.WorldACL(zk.PermAll), Mode: Ephemeral})
	session := c.SessionID()
	deleted := events(other, ephemeral)
	must(t, other, ExistsRequest{ephemeral})
	p.cut(true)
	receive(t, deleted, "deletion of the ephemeral node")
	p.cut(false)
	receive(t, after, "new session")
	waitConnected(t, c)
	if c.SessionID() == session {
		t.Error("the session is the old one")
	}
	must(t, c, CreateRequest{Path: ephemeral, ACL: zk.WorldACL(zk.PermAll), Mode: Ephemeral})
}

func TestCloseEndsWaiting(t *testing.T) {
	server := zktest.Start(t)
	c := connect(t, server.Addr())
	server.Stop()
	waitState(t, c, Connecting)
	waited := make(chan error, 1)
	go func() { waited <- c.WaitUntilConnected(context.Background()) }()
	c.Close()
	if err := receive(t, waited, "end of waiting"); !errors.Is(err, ErrClosed) {
		t.Errorf("waiting: %v", err)
	}
	if err := c.HandleRequest(ExistsRequest{"/"}).Err; !errors.Is(err, ErrClosed) {
		t.Errorf("request: %v", err)
	}
	if c.State() != Closed {
		t.Errorf("state %s", c.State())
	}
	c.Close()
}

func TestCloseDeletesEphemeralNodes(t *testing.T) {
	server := zktest.Start(t)
	c, other := connect(t, server.Addr()), connect(t, server.Addr())
	must(t, c, CreateRequest{Path: "/e", ACL: zk.WorldACL(zk.PermAll), Mode: Ephemeral})
	c.Close()
	if err := other.HandleRequest(ExistsRequest{"/e"}).Err; !errors.Is(err, ErrNoNode) {
		t.Errorf("after Close: %v", err)
	}
}

// TestManyWatchesAreSetAgain has more watches than fit into one SetWatches frame
// of go-zookeeper, and no request that overtakes them.
func TestManyWatchesAreSetAgain(t *testing.T) {
	server := zktest.Start(t)
	p := startProxy(t, server.Addr())
	other := connect(t, server.Addr())
	c := connect(t, p.listener.Addr().String())
	long := "/" + strings.Repeat("x", 500)
	var reads []Request
	fired := make(chan string, 1000)
	for i := range 600 {
		path := fmt.Sprintf("%s%d", long, i)
		c.RegisterNodeChangeHandler(NodeChangeHandler{Path: path, HandleCreation: func() { fired <- path }})
		reads = append(reads, ExistsRequest{path})
	}
	c.HandleRequests(reads)
	p.cut(false)
	waitState(t, c, Connecting)
	waitConnected(t, c)
	start := time.Now()
	must(t, c, ExistsRequest{"/"})
	c.session.mu.Lock()
	unsent := c.session.unsent
	c.session.mu.Unlock()
	if unsent > 0 {
		t.Errorf("a request was sent after %v before %d watches", time.Since(start), unsent)
	}
	for _, read := range reads {
		must(t, other, create(read.path(), ""))
	}
	seen := map[string]bool{}
	for range reads {
		seen[receive(t, fired, "creation")] = true
	}
	if len(seen) != len(reads) {
		t.Errorf("%d of %d watches fired", len(seen), len(reads))
	}
}
