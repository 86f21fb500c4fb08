package framework

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/server/broker"
)

// stopTimeout is how long a clean stop may take.
const stopTimeout = 45 * time.Second

// Broker is one broker of a cluster. It keeps its id, its directory and its ports
// whatever program runs it.
type Broker struct {
	ID       int
	cluster  *Brokers
	dir      string
	port     int
	kind     Kind
	settings map[string]string

	process *Server             // of a kind that is a process
	server  *broker.KafkaServer // of one in the test's process, nil while stopped
}

// Become has the broker run by another program from its next start on.
func (b *Broker) Become(kind Kind) {
	t, name := b.cluster.t, fmt.Sprintf("%s-%d", kind, b.ID)
	b.kind, b.process = kind, nil
	switch kind {
	case GregorInProcess:
	case GregorProcesses:
		command := []string{filepath.Join(Installation(t), "bin", "kafka-server-start.sh")}
		b.process = newServer(t, b.dir, name, b.cluster.network.command(b.ID, command), b.settings, b.port, serves)
		b.process.address = b.Address()
	default:
		NeedPeers(t)
		command := append([]string{"env", "KAFKA_HEAP_OPTS=-Xmx256m"}, realKafkaCommand()...)
		b.process = newServer(t, b.dir, name, b.cluster.network.command(b.ID, command), b.settings, b.port, serves)
		b.process.address = b.Address()
	}
}

// Configure changes settings from the next start on.
func (b *Broker) Configure(settings map[string]string) {
	maps.Copy(b.settings, settings)
	b.Become(b.kind)
}

// Kind is the program that runs the broker.
func (b *Broker) Kind() Kind { return b.kind }

// Address is where clients reach the broker.
func (b *Broker) Address() string { return fmt.Sprintf("%s:%d", b.cluster.network.host(b.ID), b.port) }

// Process is the process of a broker that is one and was started.
func (b *Broker) Process() *Process { return b.process.Process }

// LogDir is where the broker keeps its partitions.
func (b *Broker) LogDir() string { return b.settings["log.dirs"] }

// Running tells whether the broker was started and not stopped since, also while it
// is paused.
func (b *Broker) Running() bool {
	if b.kind == GregorInProcess {
		return b.server != nil
	}
	return b.process.Running()
}

// Output is what the broker's process printed since its last start.
func (b *Broker) Output() string {
	if b.process == nil || b.process.Process == nil {
		return ""
	}
	return b.process.Output()
}

// StateChanges is what the broker's process logged of orders of controllers.
func (b *Broker) StateChanges() string {
	content, err := os.ReadFile(filepath.Join(b.process.logs, "state-change.log"))
	if err != nil {
		b.cluster.t.Error(err)
	}
	return string(content)
}

// Start starts the broker and waits until it serves.
func (b *Broker) Start() {
	b.cluster.t.Helper()
	b.Launch()
	b.AwaitReady()
}

// Launch starts the broker once its last session is over: as Kafka it does not start
// while another is registered with its id.
func (b *Broker) Launch() {
	t := b.cluster.t
	t.Helper()
	Until(t, startTimeout, fmt.Sprintf("the last session of broker %d ends", b.ID), func() bool {
		exists, _, err := b.cluster.znodes.Exists(fmt.Sprintf("/brokers/ids/%d", b.ID))
		return err == nil && !exists || errors.Is(err, zk.ErrNoNode)
	})
	if b.kind != GregorInProcess {
		b.process.Launch()
		return
	}
	settings, err := config.NewBrokerConfig(b.settings)
	if err == nil {
		err = settings.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	b.server = broker.New(settings, func(status int) { t.Errorf("broker %d halted with status %d", b.ID, status) })
	if err := b.server.Startup(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// AwaitReady waits until the launched broker serves. As Kafka it ends when it loses
// its session while it starts, which short sessions on a busy machine do to it; it is
// launched again then, as whoever supervises it would.
func (b *Broker) AwaitReady() {
	t := b.cluster.t
	t.Helper()
	if b.kind == GregorInProcess {
		Until(t, startTimeout, fmt.Sprintf("broker %d answers", b.ID), func() bool { return brokerAnswers(b.Address()) == nil })
		return
	}
	for attempt := 0; ; attempt++ {
		err := b.process.awaitReady()
		if err == nil {
			return
		}
		if attempt == 3 || b.Running() || !strings.Contains(b.Output(), "Session expired either before") {
			t.Fatal(err)
		}
		b.Launch()
	}
}

// Stop stops the broker cleanly.
func (b *Broker) Stop() {
	t := b.cluster.t
	t.Helper()
	if b.kind == GregorInProcess {
		b.server.Shutdown()
		b.server = nil
		return
	}
	b.inspect()
	if err := b.process.Stop(stopTimeout); err != nil {
		t.Fatal(err)
	}
	b.inspectOutput()
}

// inspect fails the test when the broker's process ended by itself.
func (b *Broker) inspect() {
	t := b.cluster.t
	t.Helper()
	if !b.Running() {
		t.Fatalf("broker %d ended by itself with code %d:\n%s", b.ID, b.process.ExitCode(), tail(b.Output(), 16<<10))
	}
}

// inspectOutput fails the test when the process told of a fault of its own.
func (b *Broker) inspectOutput() {
	b.cluster.t.Helper()
	for _, fault := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
		if at := strings.Index(b.Output(), fault); at >= 0 {
			b.cluster.t.Errorf("broker %d:\n%s", b.ID, b.Output()[at:min(at+8<<10, len(b.Output()))])
		}
	}
}

// Restart stops the broker cleanly and starts it again.
func (b *Broker) Restart() {
	b.cluster.t.Helper()
	b.Stop()
	b.Start()
}

// Kill ends the broker's process as a power switch would, but for the page cache.
func (b *Broker) Kill() {
	b.cluster.t.Helper()
	b.inspect()
	b.process.Kill()
	b.inspectOutput()
}

// Pause stops the broker's process where it is until Resume.
func (b *Broker) Pause() {
	if err := b.process.Pause(); err != nil {
		b.cluster.t.Error(err)
	}
}

// Resume lets a paused broker go on.
func (b *Broker) Resume() {
	if err := b.process.Resume(); err != nil {
		b.cluster.t.Error(err)
	}
}

// Wipe removes what a stopped broker has on disk, as a new disk would.
func (b *Broker) Wipe() {
	if err := os.RemoveAll(b.LogDir()); err != nil {
		b.cluster.t.Fatal(err)
	}
}

// end stops a broker that the test left in the test's process.
func (b *Broker) end() {
	if b.server != nil {
		b.server.Shutdown()
	}
}
