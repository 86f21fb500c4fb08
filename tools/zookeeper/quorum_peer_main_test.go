package zookeeper

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
)

// noLogger keeps the client library quiet.
type noLogger struct{}

func (noLogger) Printf(string, ...any) {}

func properties(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zookeeper.properties")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort gives a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestServerThatCannotStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	const usage = "Usage: ZooKeeperServerMain configfile | port datadir [ticktime] [maxcnxns]\n"
	tests := []struct {
		name string
		args []string
		exit int
		err  string
	}{
		{"no arguments", nil, 2, usage},
		{"too many arguments", []string{"1", "2", "3", "4", "5"}, 2, usage},
		{"bad port", []string{"x", "/tmp"}, 2, usage},
		{"missing file", []string{"/nonexistent"}, 2, "Invalid config, exiting abnormally\n"},
		{"ensemble", []string{properties(t, "dataDir=/tmp/x\nclientPort=1\nserver.1=a:1:2\n")}, 2, "Invalid config, exiting abnormally\n"},
		{"data directory is a file", []string{properties(t, "dataDir="+file+"\nclientPort=1\n")}, 3, "Unable to access datadir, exiting abnormally\n"},
		{"port in use", []string{fmt.Sprint(busy.Addr().(*net.TCPAddr).Port), t.TempDir()}, 1, ""},
	}
	for _, test := range tests {
		var stderr bytes.Buffer
		if exit := QuorumPeerMain(test.args, nil, &stderr); exit != test.exit || stderr.String() != test.err {
			t.Errorf("%s: exit %d, %q", test.name, exit, stderr.String())
		}
	}
}

func TestServerRunsUntilItIsStopped(t *testing.T) {
	port := freePort(t)
	args := []string{properties(t, fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n", t.TempDir(), port))}
	for round := range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		exited := make(chan int, 1)
		var stderr bytes.Buffer
		go func() { exited <- runServer(ctx, args, &stderr) }()
		conn, _, err := zk.Connect([]string{fmt.Sprintf("127.0.0.1:%d", port)}, 10*time.Second, zk.WithLogInfo(false), zk.WithLogger(noLogger{}))
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := conn.Exists("/a")
		for err != nil {
			found, _, err = conn.Exists("/a")
		}
		if found != (round == 1) {
			t.Errorf("round %d: node there: %t", round, found)
		}
		if round == 0 {
			if _, err := conn.Create("/a", nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
				t.Error(err)
			}
		}
		conn.Close()
		cancel()
		if exit := <-exited; exit != 0 || stderr.Len() > 0 {
			t.Errorf("round %d: exit %d, %q", round, exit, strings.TrimSpace(stderr.String()))
		}
	}
}

func TestSignalEndsTheServer(t *testing.T) {
	exited := make(chan int, 1)
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	_, port, _ := net.SplitHostPort(address)
	args := []string{properties(t, "dataDir="+t.TempDir()+"\nclientPortAddress=127.0.0.1\nclientPort="+port+"\n")}
	go func() { exited <- QuorumPeerMain(args, nil, io.Discard) }()
	conn, err := net.Dial("tcp", address)
	for err != nil {
		conn, err = net.Dial("tcp", address)
	}
	defer conn.Close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit := <-exited; exit != 143 {
		t.Errorf("exit %d, want 143", exit)
	}
}

func TestArgumentsInsteadOfAFile(t *testing.T) {
	cfg, err := configFromArguments([]string{"2182", "/data", "500", "7"})
	if err != nil || cfg.ClientAddress != ":2182" || cfg.DataDir != "/data" || cfg.TickTime != 500*time.Millisecond || cfg.MaxClientCnxns != 7 {
		t.Errorf("%+v, %v", cfg, err)
	}
}
