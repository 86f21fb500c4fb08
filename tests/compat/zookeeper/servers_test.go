//go:build peers

package zookeeper

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/tests/framework"
)

// server is a ZooKeeper that runs as a process of its own.
type server struct {
	name  string
	start func(t testing.TB, dir string) *framework.Server
}

var (
	embedded = server{"embedded", func(t testing.TB, dir string) *framework.Server {
		return framework.StartZooKeeper(t, dir, nil)
	}}
	apache = server{"Apache", func(t testing.TB, dir string) *framework.Server {
		return framework.StartApacheZooKeeper(t, dir)
	}}
)

// install runs a script of tests/peers and gives what it prints. What cannot be
// installed skips the test, and fails it where CI=true.
func install(t testing.TB, script string) string {
	t.Helper()
	var messages strings.Builder
	command := exec.Command(filepath.Join(framework.Root(), "tests", "peers", script))
	command.Stderr = &messages
	output, err := command.Output()
	if err != nil {
		report := t.Skipf
		if os.Getenv("CI") == "true" {
			report = t.Fatalf
		}
		report("%s: %v: %s", script, err, messages.String())
	}
	return strings.TrimSpace(string(output))
}

// onBoth starts both servers with no data and gives their addresses.
func onBoth(t *testing.T) map[string]string {
	t.Helper()
	install(t, "install-zookeeper.sh")
	return map[string]string{
		embedded.name: embedded.start(t, t.TempDir()).Address(),
		apache.name:   apache.start(t, t.TempDir()).Address(),
	}
}

const (
	patience = 20 * time.Second
	// sessionTimeout is the longest that the servers grant, 20 ticks: it outlives
	// the change from one server to the other.
	sessionTimeout = 10 * time.Second
)

type silent struct{}

func (silent) Printf(string, ...any) {}

// client is a session that goes wherever its address points to, so that it can move
// from one server to another that has the same data.
type client struct {
	*zk.Conn
	address atomic.Pointer[string]
}

func connect(t testing.TB, address string) *client {
	t.Helper()
	return connectFor(t, address, sessionTimeout)
}

func connectFor(t testing.TB, address string, timeout time.Duration) *client {
	t.Helper()
	c := &client{}
	c.address.Store(&address)
	connection, events, err := zk.Connect([]string{address}, timeout, zk.WithLogger(silent{}),
		zk.WithDialer(func(network, _ string, timeout time.Duration) (net.Conn, error) {
			return net.DialTimeout(network, *c.address.Load(), timeout)
		}))
	if err != nil {
		t.Fatal(err)
	}
	c.Conn = connection
	t.Cleanup(connection.Close)
	deadline := time.After(patience)
	for {
		select {
		case event := <-events:
			if event.State == zk.StateHasSession {
				return c
			}
		case <-deadline:
			t.Fatalf("no session at %s", address)
		}
	}
}

// moveTo has the session go on at another address.
func (c *client) moveTo(t testing.TB, address string) {
	t.Helper()
	id := c.SessionID()
	c.address.Store(&address)
	framework.Until(t, patience, "the session is taken up", func() bool { return c.State() == zk.StateHasSession })
	if c.SessionID() != id {
		t.Fatalf("session %#x was not taken up: it is %#x now", id, c.SessionID())
	}
}

// askWord sends a four-letter word and gives the answer.
func askWord(t testing.TB, address, word string) string {
	t.Helper()
	connection, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprint(connection, word); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 0, 4096)
	for {
		n, err := connection.Read(answer[len(answer):cap(answer)])
		answer = answer[:len(answer)+n]
		if err != nil || len(answer) == cap(answer) {
			return string(answer)
		}
	}
}

// lastZxid is the last transaction that the server counts.
func lastZxid(t testing.TB, address string) string {
	t.Helper()
	var found, answer string
	defer func() {
		if found == "" {
			t.Logf("%s answers %q to srvr", address, answer)
		}
	}()
	framework.Until(t, patience, "the server tells its zxid", func() bool {
		answer = askWord(t, address, "srvr")
		for line := range strings.Lines(answer) {
			if value, ok := strings.CutPrefix(line, "Zxid: "); ok {
				found = strings.TrimSpace(value)
			}
		}
		return found != ""
	})
	return found
}
