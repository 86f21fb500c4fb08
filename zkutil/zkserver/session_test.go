package zkserver

import (
	"bytes"
	"encoding/hex"
	"net"
	"testing"
	"time"
)

func TestSessionPasswordIsThatOfJavasRandom(t *testing.T) {
	// new Random(0x1000019d3b70000L ^ 0xB3415C00L).nextBytes(new byte[16])
	if got := hex.EncodeToString(sessionPassword(0x1000019d3b70000)); got != javaPassword {
		t.Errorf("password %s, want %s", got, javaPassword)
	}
}

func TestTimeoutIsClampedToTheBounds(t *testing.T) {
	cfg := testConfig(t)
	cfg.MinSessionTimeout, cfg.MaxSessionTimeout = 300*time.Millisecond, 5*time.Second
	s := startServer(t, cfg)
	if c := openSession(t, s); c.timeoutMs != 5000 {
		t.Errorf("timeout %d, want 5000", c.timeoutMs)
	}
}

func TestReadOnlyFlagIsAnsweredOnlyWhenSent(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := dialRaw(t, s.Addr())
	c.send(func(e *encoder) {
		e.Int32(0)
		e.Int64(0)
		e.Int32(1)
		e.Int64(0)
		e.Buffer(make([]byte, 16))
		e.Boolean(false)
	})
	if frame := c.receive(); len(frame) != 37 {
		t.Errorf("connect response of %d bytes, want 37", len(frame))
	}
}

func TestReconnectWithPassword(t *testing.T) {
	s := startServer(t, testConfig(t))
	first := openSession(t, s)
	first.mustCall(opCreate, createBody("/e", "", flagEphemeral))
	zxid := first.create("/a", "").zxid

	second := dialRaw(t, s.Addr())
	second.connect(first.sessionID, first.password, zxid)
	if second.sessionID != first.sessionID {
		t.Fatalf("session %x, want %x", second.sessionID, first.sessionID)
	}
	if !first.closed() {
		t.Error("the session's first connection is still open")
	}
	if r := second.mustCall(opExists, pathBody("/e", false)); r.zxid != zxid {
		t.Errorf("reconnecting took a zxid: %d, want %d", r.zxid, zxid)
	}
}

func TestWrongPasswordGetsNoSession(t *testing.T) {
	s := startServer(t, testConfig(t))
	owner := openSession(t, s)
	thief := dialRaw(t, s.Addr())
	thief.connect(owner.sessionID, make([]byte, 16), 0)
	if thief.sessionID != 0 || thief.timeoutMs != 0 || !bytes.Equal(thief.password, make([]byte, 16)) {
		t.Errorf("got session %x, timeout %d", thief.sessionID, thief.timeoutMs)
	}
	if !thief.closed() {
		t.Error("connection is still open")
	}
	again := dialRaw(t, s.Addr())
	again.connect(owner.sessionID, owner.password, 0)
	if again.sessionID != owner.sessionID {
		t.Error("a wrong password ended the session")
	}
}

func TestClientAheadOfServerIsTurnedAway(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := dialRaw(t, s.Addr())
	c.send(func(e *encoder) {
		e.Int32(0)
		e.Int64(99)
		e.Int32(1000)
		e.Int64(0)
		e.Buffer(nil)
	})
	if frame, err := c.tryReceive(); err == nil {
		t.Errorf("got an answer of %d bytes", len(frame))
	}
}

func TestSilentSessionExpires(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxSessionTimeout = 200 * time.Millisecond
	s := startServer(t, cfg)
	silent := openSession(t, s)
	silent.mustCall(opCreate, createBody("/e", "", flagEphemeral))
	watcher := openSession(t, s)
	watcher.mustCall(opExists, pathBody("/e", true))
	for len(watcher.events) == 0 {
		watcher.mustCall(opKeepAlive, pathBody("/", false))
	}
	if got := watcher.events[0]; got != (rawEvent{eventNodeDeleted, "/e"}) {
		t.Errorf("event %v", got)
	}
	if !silent.closed() {
		t.Error("the expired session's connection is still open")
	}
}

// opKeepAlive is a request that is answered whatever the path.
const opKeepAlive = opSync

func TestSessionsSurviveRestart(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	c := openSession(t, s)
	c.mustCall(opCreate, createBody("/e", "x", flagEphemeral))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, cfg)
	again := dialRaw(t, s.Addr())
	again.connect(c.sessionID, c.password, 0)
	if again.sessionID != c.sessionID {
		t.Fatal("session is gone")
	}
	if owner := again.stat("/e").ephemeralOwner; owner != c.sessionID {
		t.Errorf("owner %x, want %x", owner, c.sessionID)
	}
	again.mustCall(opCloseSession, nil)
	if !again.closed() {
		t.Error("connection is open after the session was closed")
	}
	other := openSession(t, s)
	if r := other.call(opExists, pathBody("/e", false)); r.err != CodeNoNode {
		t.Errorf("ephemeral node outlives its session: %v", r.err)
	}
}

func TestMaxClientConnections(t *testing.T) {
	cfg := testConfig(t)
	cfg.MaxClientCnxns = 2
	s := startServer(t, cfg)
	openSession(t, s)
	second := openSession(t, s)
	if third, err := net.Dial("tcp", s.Addr()); err == nil {
		defer third.Close()
		if n, err := third.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Fatalf("third connection was served: %d, %v", n, err)
		}
	}
	second.conn.Close()
	for {
		s.connMu.Lock()
		open := len(s.connections)
		s.connMu.Unlock()
		if open < 2 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	openSession(t, s)
}

func TestBadLengthsCloseTheConnection(t *testing.T) {
	s := startServer(t, testConfig(t))
	for _, prefix := range []string{"\xff\xff\xff\xff", "\x80\x00\x00\x00", "\x7f\xff\xff\xff", "\x00\x10\x00\x00", "GET "} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(prefix)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("length %x: read %d bytes, %v", prefix, n, err)
		}
	}
}

const javaPassword = "5b5778f14c25322d31f5ec3d75b4fc5e"

func TestExpiryFreesAConnectionThatTakesNoOutput(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	c.create("/big", string(bytes.Repeat([]byte("x"), 900_000)))
	for range 20 {
		c.sendRequest(opGetData, pathBody("/big", false))
	}
	if !s.ExpireSession(c.sessionID) {
		t.Fatal("no session")
	}
	for len(s.allConnections()) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
}
