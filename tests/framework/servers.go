// Package framework runs the servers that tests need.
package framework

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Root is the top folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Script is the path of a script in bin/.
func Script(name string) string { return filepath.Join(Root(), "bin", name) }

// The ports that servers of tests get lie below those that systems give to outgoing
// connections: one that is free while its server is down stays so.
const (
	firstPort = 10000
	lastPort  = 32000
)

// FreePort returns a port of the loopback address that nothing listens on, and that
// no other test gets as long as this binary runs: servers leave theirs for a time.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = listener.Close()
		if reserve(port) {
			return port
		}
	}
	t.Fatalf("no port from %d to %d is free", firstPort, lastPort)
	return 0
}

// reserved keeps the sockets that stand for ports, by whose names the test binaries
// of a machine leave each other's ports alone. They end with the binary.
var reserved struct {
	mu      sync.Mutex
	sockets []net.Listener
}

func reserve(port int) bool {
	socket, err := net.Listen("unix", fmt.Sprintf("@gregor-test-port-%d", port))
	if err != nil {
		return false
	}
	reserved.mu.Lock()
	defer reserved.mu.Unlock()
	reserved.sockets = append(reserved.sockets, socket)
	return true
}

// Server is a ZooKeeper or a broker that is started from bin/ with a properties
// file of its own, and can be stopped, killed and started again.
type Server struct {
	t       testing.TB
	name    string
	command []string // to which the configuration file is added
	config  string
	logs    string
	address string
	ready   func(*Server) error

	*Process
}

const startTimeout = 60 * time.Second

// LogsVariable names the environment variable with a directory in which servers
// leave what they print and log, also when the test removes the rest.
const LogsVariable = "GREGOR_LOGS"

// StartZooKeeper starts the embedded ZooKeeper with its data under dir.
func StartZooKeeper(t testing.TB, dir string, overrides map[string]string) *Server {
	t.Helper()
	return startZooKeeperOn(t, dir, Root(), overrides)
}

func startZooKeeperOn(t testing.TB, dir, installation string, overrides map[string]string) *Server {
	t.Helper()
	s := newZooKeeper(t, dir, installation, FreePort(t), overrides)
	s.Start()
	return s
}

func newZooKeeper(t testing.TB, dir, installation string, port int, overrides map[string]string) *Server {
	t.Helper()
	properties := map[string]string{
		"dataDir": filepath.Join(dir, "zookeeper"), "clientPort": fmt.Sprint(port),
		"maxClientCnxns": "0", "admin.enableServer": "false", "tickTime": "500",
	}
	maps.Copy(properties, overrides)
	return newServer(t, dir, "zookeeper", []string{filepath.Join(installation, "bin", "zookeeper-server-start.sh")}, properties, port, listens)
}

// StartApacheZooKeeper starts ZooKeeper as Debian packages it.
func StartApacheZooKeeper(t testing.TB, dir string) *Server {
	t.Helper()
	return startApacheZooKeeper(t, dir, nil)
}

func startApacheZooKeeper(t testing.TB, dir string, overrides map[string]string) *Server {
	t.Helper()
	port := FreePort(t)
	properties := apacheZooKeeperProperties(filepath.Join(dir, "zookeeper"), port)
	maps.Copy(properties, overrides)
	return startServer(t, dir, "apache-zookeeper", apacheZooKeeperCommand(), properties, port, apacheServes)
}

func apacheZooKeeperProperties(data string, port int) map[string]string {
	return map[string]string{
		"dataDir": data, "clientPort": fmt.Sprint(port), "clientPortAddress": "127.0.0.1",
		"maxClientCnxns": "0", "admin.enableServer": "false", "tickTime": "500",
	}
}

func apacheZooKeeperCommand() []string {
	return []string{"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar", "org.apache.zookeeper.server.quorum.QuorumPeerMain"}
}

// StartBroker starts a broker with its data under dir.
func StartBroker(t testing.TB, dir string, id int, zooKeeper *Server, overrides map[string]string) *Server {
	t.Helper()
	port := FreePort(t)
	properties := brokerProperties(dir, id, port, zooKeeper.Address())
	maps.Copy(properties, overrides)
	return startServer(t, dir, fmt.Sprintf("broker-%d", id), []string{Script("kafka-server-start.sh")}, properties, port, serves)
}

func startServer(t testing.TB, dir, name string, command []string, properties map[string]string, port int, ready func(*Server) error) *Server {
	t.Helper()
	s := newServer(t, dir, name, command, properties, port, ready)
	s.Start()
	return s
}

// newServer makes a server that ends with the test and is not started yet.
func newServer(t testing.TB, dir, name string, command []string, properties map[string]string, port int, ready func(*Server) error) *Server {
	t.Helper()
	s := &Server{
		t: t, name: name, command: command, config: filepath.Join(dir, name+".properties"),
		logs: filepath.Join(dir, name+"-logs"), address: fmt.Sprintf("127.0.0.1:%d", port), ready: ready,
	}
	if kept := os.Getenv(LogsVariable); kept != "" {
		s.logs = filepath.Join(kept, t.Name(), name)
	}
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", key, properties[key])
	}
	if err := os.WriteFile(s.config, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.Process == nil {
			return
		}
		_ = s.Process.Stop(20 * time.Second)
		if t.Failed() {
			t.Logf("%s printed:\n%s", s.name, tail(s.Output(), 8<<10))
		}
	})
	return s
}

func tail(text string, length int) string { return text[max(0, len(text)-length):] }

// Address is where the server listens.
func (s *Server) Address() string { return s.address }

// Running tells whether the server was started and has not ended since.
func (s *Server) Running() bool {
	if s.Process == nil {
		return false
	}
	select {
	case <-s.Exited():
		return false
	default:
		return true
	}
}

// Start starts the server again on its data and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.Launch()
	s.AwaitReady()
}

// Launch starts the server again without waiting for it to answer.
func (s *Server) Launch() {
	s.t.Helper()
	process, err := start([]string{"LOG_DIR=" + s.logs}, s.command[0], append(slices.Clone(s.command[1:]), s.config)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.Process = process
	if os.Getenv(LogsVariable) != "" {
		go s.keepOutput(process)
	}
}

// keepOutput adds what an ended process printed to a file.
func (s *Server) keepOutput(process *Process) {
	<-process.Exited()
	file, err := os.OpenFile(filepath.Join(s.logs, "output.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.WriteString(process.Output())
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// AwaitReady waits until the launched server answers.
func (s *Server) AwaitReady() {
	s.t.Helper()
	if err := s.awaitReady(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) awaitReady() error {
	process, deadline := s.Process, time.Now().Add(startTimeout)
	for {
		err := s.ready(s)
		if err == nil {
			return nil
		}
		select {
		case <-process.Exited():
			return fmt.Errorf("%s ended with code %d:\n%s", s.name, process.ExitCode(), tail(process.Output(), 8<<10))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer: %w\n%s", s.name, err, tail(process.Output(), 8<<10))
		}
	}
}

// Restart stops the server cleanly and starts it again.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.Process.Stop(30 * time.Second); err != nil {
		s.t.Fatal(err)
	}
	s.Start()
}

func listens(s *Server) error { return dial(s.address) }

func serves(s *Server) error { return brokerAnswers(s.address) }

// apacheServes goes by what the server logs: a connection that comes and goes while
// it loads its data may leave it deaf for good.
func apacheServes(s *Server) error {
	if !strings.Contains(s.Output(), "ZooKeeper audit is ") {
		return errors.New("the server has not started yet")
	}
	return nil
}

func dial(address string) error {
	connection, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}

// brokerAnswers is met when the broker lists itself, so that topics can be
// created.
func brokerAnswers(address string) error {
	if err := dial(address); err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RetryTimeout(2*time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
	if err != nil {
		return err
	}
	if len(response.Brokers) == 0 || response.ControllerID < 0 {
		return errors.New("the broker knows no brokers yet")
	}
	return nil
}
