package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/zkutil/jute"
	"github.com/gregor-broker/gregor/zkutil/zkserver"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

// recorder keeps the events of a session.
type recorder struct {
	mu     sync.Mutex
	events []Event
}

func (r *recorder) add(event Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

// wait polls until the latest event is the one wanted.
func (r *recorder) wait(t *testing.T, want Event) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		r.mu.Lock()
		there := len(r.events) > 0 && r.events[len(r.events)-1] == want
		r.mu.Unlock()
		if there {
			return
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Fatalf("%v does not come, but %v", want, r.events)
}

func start(t *testing.T, host string) (*Session, *recorder) {
	t.Helper()
	var events recorder
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	s, err := Connect(host, Options{Timeout: 20 * time.Second, Dial: dial, OnEvent: events.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, &events
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func create(t *testing.T, s *Session, path string) {
	t.Helper()
	must[string](t)(s.Create(path, nil, zk.WorldACL(zk.PermAll), zk.FlagPersistent, 0))
}

// reconnected waits until requests are answered again.
func reconnected(t *testing.T, s *Session) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		_, err := s.Exists("/", false)
		if err == nil {
			return
		}
		if !errors.Is(err, zkserver.CodeConnectionLoss) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestWatchesAreSetAgainOnTheNextConnection(t *testing.T) {
	server := zktest.Start(t)
	s, events := start(t, server.Addr())
	create(t, s, "/a")
	if err := errors.Join(s.AddWatch("/a", PersistentRecursive), s.AddWatch("/p", Persistent)); err != nil {
		t.Fatal(err)
	}
	must[*zk.Stat](t)(s.Exists("/e", true))
	server.Stop()
	events.wait(t, Event{State: "Disconnected", Type: "None"})
	server.Restart()
	reconnected(t, s)
	other, _ := start(t, server.Addr())
	create(t, other, "/e")
	for _, path := range []string{"/a/b", "/p", "/p/c"} {
		create(t, other, path)
	}
	events.wait(t, Event{"SyncConnected", "NodeChildrenChanged", "/p"})
	events.mu.Lock()
	defer events.mu.Unlock()
	connected := slices.Index(events.events[1:], Event{State: "SyncConnected", Type: "None"}) + 2
	want := []Event{{"SyncConnected", "NodeCreated", "/e"}, {"SyncConnected", "NodeCreated", "/a/b"},
		{"SyncConnected", "NodeCreated", "/p"}, {"SyncConnected", "NodeChildrenChanged", "/p"}}
	if !slices.Equal(events.events[connected:], want) {
		t.Errorf("%v, want %v", events.events[connected:], want)
	}
}

func TestWatchesAreRemovedWithoutAServerOnlyIfAskedTo(t *testing.T) {
	server := zktest.Start(t)
	s, events := start(t, server.Addr())
	if err := s.AddWatch("/a", Persistent); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	events.wait(t, Event{State: "Disconnected", Type: "None"})
	if err := s.RemoveWatches("/a", ChildrenOrData, false); !errors.Is(err, zkserver.CodeConnectionLoss) {
		t.Errorf("not local: %v", err)
	}
	if err := s.RemoveWatches("/a", ChildrenOrData, true); err != nil {
		t.Errorf("local: %v", err)
	}
	if err := s.RemoveWatches("/a", ChildrenOrData, true); !errors.Is(err, zkserver.CodeNoWatcher) {
		t.Errorf("twice: %v", err)
	}
	events.mu.Lock()
	defer events.mu.Unlock()
	if !slices.Contains(events.events, Event{"Disconnected", "PersistentWatchRemoved", "/a"}) {
		t.Errorf("%v", events.events)
	}
}

func TestSessionThatExpired(t *testing.T) {
	server := zktest.Start(t)
	s, events := start(t, server.Addr())
	create(t, s, "/a")
	server.ExpireSession(server.Sessions()[0])
	events.wait(t, Event{State: "Expired", Type: "None"})
	<-s.ended
	if _, err := s.Exists("/a", false); !errors.Is(err, zkserver.CodeSessionExpired) || s.IsAlive() {
		t.Errorf("%v, alive: %t", err, s.IsAlive())
	}
	events.wait(t, Event{State: "Expired", Type: "None"})
}

func TestUserIsKnownOnTheNextConnection(t *testing.T) {
	server := zktest.Start(t)
	s, events := start(t, server.Addr())
	s.AddAuth("digest", []byte("user:password"))
	must[string](t)(s.Create("/mine", []byte("x"), zk.DigestACL(zk.PermAll, "user", "password"), zk.FlagPersistent, 0))
	server.Stop()
	events.wait(t, Event{State: "Disconnected", Type: "None"})
	server.Restart()
	reconnected(t, s)
	if data, _, err := s.Get("/mine", false); err != nil || string(data) != "x" {
		t.Errorf("%q, %v", data, err)
	}
	s.AddAuth("unknown", nil)
	events.wait(t, Event{State: "AuthFailed", Type: "None"})
	if err := s.Delete("/mine", -1); !errors.Is(err, zkserver.CodeAuthFailed) || s.IsAlive() {
		t.Errorf("%v, alive: %t", err, s.IsAlive())
	}
}

func TestChrootIsNotSeen(t *testing.T) {
	server := zktest.Start(t)
	root, _ := start(t, server.Addr())
	create(t, root, "/root")
	s, events := start(t, server.Addr()+"/root")
	if err := s.AddWatch("/", PersistentRecursive); err != nil {
		t.Fatal(err)
	}
	create(t, s, "/a")
	events.wait(t, Event{"SyncConnected", "NodeCreated", "/a"})
	must[*zk.Stat](t)(root.Set("/root", nil, -1))
	events.wait(t, Event{"SyncConnected", "NodeDataChanged", "/"})
	if names, _, err := s.Children("/", false); err != nil || !slices.Equal(names, []string{"a"}) {
		t.Errorf("%v, %v", names, err)
	}
}

func TestCloseEndsEphemeralsAndAbandonDoesNot(t *testing.T) {
	server := zktest.Start(t)
	s, _ := start(t, server.Addr())
	left, _ := start(t, server.Addr())
	for path, owner := range map[string]*Session{"/closed": s, "/left": left} {
		must[string](t)(owner.Create(path, nil, zk.WorldACL(zk.PermAll), zk.FlagEphemeral, 0))
	}
	if paths, err := left.Ephemerals("/"); err != nil || !slices.Equal(paths, []string{"/left"}) {
		t.Errorf("%v, %v", paths, err)
	}
	s.Close()
	left.Abandon()
	other, _ := start(t, server.Addr())
	if count := must[int32](t)(other.AllChildrenNumber("/")); count != 4 {
		t.Errorf("%d nodes", count)
	}
	if stat := must[*zk.Stat](t)(other.Exists("/left", false)); stat == nil {
		t.Error("an abandoned session has been ended")
	}
}

func TestCloseWaitsForTheFirstConnection(t *testing.T) {
	server := zktest.Start(t)
	s, events := start(t, server.Addr())
	s.Close()
	want := []Event{{State: "SyncConnected", Type: "None"}, {State: "Closed", Type: "None"}}
	if !slices.Equal(events.events, want) || s.IsAlive() {
		t.Errorf("%v", events.events)
	}
	if sessions := server.Sessions(); len(sessions) > 0 {
		t.Errorf("%d sessions are left", len(sessions))
	}
}

func FuzzReceive(f *testing.F) {
	event := jute.Encoder{}
	event.Int32(xidNotification)
	event.Int64(-1)
	event.Int32(0)
	event.Int32(1)
	event.Int32(3)
	event.Text("/a/b")
	f.Add(event.Buf)
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, frame []byte) {
		s := &Session{options: Options{OnEvent: func(Event) {}}, watches: watches{"/a": recursiveWatch}}
		r := &request{xid: 1, done: make(chan struct{})}
		s.pending = []*request{r}
		if s.receive(frame) == nil && len(s.pending) == 0 {
			<-r.done
			_, _, _ = decodeData(&r.answer, nil)
		}
	})
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/": "", "/a/b": "", "/...": "", "/\u00e4": "",
		"": "Path length must be > 0", "a": "Path must start with / character", "/a/": "Path must not end with / character",
		"/a//b":         `Invalid path string "/a//b" caused by empty node name specified @3`,
		"/a/../b":       `Invalid path string "/a/../b" caused by relative paths not allowed @4`,
		"/a/./b":        `Invalid path string "/a/./b" caused by relative paths not allowed @3`,
		"/a\x01":        `Invalid path string "/a\x01" caused by invalid character @2`,
		"/\xff":         `Invalid path string "/\xff" caused by invalid character @1`,
		"/a/\U0001F600": "Invalid path string \"/a/\U0001F600\" caused by invalid character @3",
	} {
		got := ""
		if err := ValidatePath(path); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
