package tests

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// servers stands in for ZooKeeper and the broker: it listens on the port that
// its configuration names, says that it has started, and on SIGTERM notes its
// end. A broker whose file says fail ends at once.
const servers = `package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	text, _ := os.ReadFile(os.Args[2])
	if strings.Contains(string(text), "fail") {
		fmt.Println("a reason to fail")
		os.Exit(1)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	listener, err := net.Listen("tcp", "127.0.0.1:"+line[strings.LastIndexAny(line, ":=")+1:])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer listener.Close()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("[KafkaServer id=0] started (kafka.server.KafkaServer)")
	received := <-signals
	time.Sleep(50 * time.Millisecond)
	ends, _ := os.OpenFile("ends", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	fmt.Fprintln(ends, os.Args[1], received)
	os.Exit(143)
}
`

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func quickstartTree(t *testing.T) (tree string, brokerPort int) {
	t.Helper()
	tree, brokerPort = scratchTree(t, servers), freePort(t)
	write(t, filepath.Join(tree, "config/zookeeper.properties"), fmt.Sprintf("clientPort=%d\n", freePort(t)), 0o644)
	write(t, filepath.Join(tree, "config/server.properties"), fmt.Sprintf("listeners=PLAINTEXT://:%d\n", brokerPort), 0o644)
	return tree, brokerPort
}

func TestQuickstartStopsTheBrokerFirst(t *testing.T) {
	tree, port := quickstartTree(t)
	quickstart := exec.Command(filepath.Join(tree, "bin/quickstart.sh"))
	quickstart.Dir = tree
	stdout, err := quickstart.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := quickstart.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C here stops") {
			quickstart.Process.Signal(syscall.SIGINT)
		}
	}
	if err := quickstart.Wait(); err != nil {
		t.Errorf("%v; it said\n%s", err, said.String())
	}
	if want := fmt.Sprintf("bin/kafka-topics.sh --create --topic quickstart-events --bootstrap-server localhost:%d\n", port); !strings.Contains(said.String(), want) {
		t.Errorf("it said\n%s", said.String())
	}
	ends, err := os.ReadFile(filepath.Join(tree, "ends"))
	if want := "kafka.Kafka terminated\norg.apache.zookeeper.server.quorum.QuorumPeerMain terminated\n"; err != nil || string(ends) != want {
		t.Errorf("ends: %q, %v", ends, err)
	}
}

func TestQuickstartTellsWhyTheBrokerFails(t *testing.T) {
	tree, _ := quickstartTree(t)
	write(t, filepath.Join(tree, "config/server.properties"), fmt.Sprintf("listeners=PLAINTEXT://:%d\nfail\n", freePort(t)), 0o644)
	got := run(t, tree, nil, "bin/quickstart.sh")
	if !strings.Contains(got.stderr, "The broker did not start:\na reason to fail\n") || got.code != 1 {
		t.Errorf("%+v", got)
	}
	if ends, err := os.ReadFile(filepath.Join(tree, "ends")); err != nil || !strings.Contains(string(ends), "QuorumPeerMain") {
		t.Errorf("ZooKeeper was left running: %q, %v", ends, err)
	}
}

func TestQuickstartNamesAPortInUse(t *testing.T) {
	tree, port := quickstartTree(t)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	got := run(t, tree, nil, "bin/quickstart.sh")
	if want := fmt.Sprintf("Port %d is in use", port); !strings.HasPrefix(got.stderr, want) || got.code != 1 {
		t.Errorf("%+v", got)
	}
}
