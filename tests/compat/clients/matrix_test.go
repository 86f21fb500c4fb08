//go:build peers

package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

// peer is a client library with the program that tries it.
type peer struct {
	name    string
	install string // the argument of install.sh
	command func(installed string) []string
}

// peers are all clients, those that take longest first.
var peers = []peer{
	{"pykafka 2.8.0", "python", python("pykafka_peer.py")},
	{"kafka-python 3.0.12", "python", python("kafka_python_peer.py")},
	{"aiokafka 0.14.0", "python", python("aiokafka_peer.py")},
	{"confluent-kafka-python 2.16.1", "python", python("confluent_kafka_peer.py")},
	{"Java 3.1.0", "java-3.1.0", java},
	{"Java 3.9.2", "java-3.9", java},
	{"Java 4.4.0", "java-4", java},
	{"sarama 1.61.1", "go", binary("sarama_peer")},
	{"franz-go 1.22.2", "go", binary("franz_peer")},
	{"kafka-go 0.4.51", "go", binary("kafka_go_peer")},
	{"kcat 1.7.1", "go", binary("kcat_peer")},
}

func folder() string { return filepath.Join(framework.Root(), "tests", "compat", "clients") }

func java(installed string) []string {
	path := filepath.Join(installed, "libs", "*") + ":" + filepath.Join(installed, "classes")
	return []string{"java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", path, "Peer"}
}

func python(program string) func(string) []string {
	return func(installed string) []string {
		return []string{filepath.Join(installed, "bin", "python"), filepath.Join(folder(), "python", program)}
	}
}

func binary(program string) func(string) []string {
	return func(installed string) []string { return []string{filepath.Join(installed, program)} }
}

const (
	atATime  = 4                // programs that run at once; most of their time they wait
	patience = 3 * time.Minute  // for one program
	longest  = 20 * time.Minute // for one installation
)

// overrides are settings of both brokers that suit the programs.
var overrides = map[string]string{"auto.create.topics.enable": "false", "group.min.session.timeout.ms": "100"}

// matrix is what every client printed of every broker, an outcome for an ability.
type matrix struct {
	mu       sync.Mutex
	outcomes map[string]map[framework.Kind]map[string]string
}

func (m *matrix) add(p peer, kind framework.Kind, output string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.outcomes[p.name] == nil {
		m.outcomes[p.name] = map[framework.Kind]map[string]string{}
	}
	if m.outcomes[p.name][kind] == nil {
		m.outcomes[p.name][kind] = map[string]string{}
	}
	for line := range strings.Lines(output) {
		status, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if status != "PASS" && status != "FAIL" && status != "NONE" {
			continue
		}
		ability, detail, _ := strings.Cut(rest, ":")
		m.outcomes[p.name][kind][ability] = strings.TrimSpace(status + " " + detail)
	}
}

// TestClients runs every client against both brokers, restarts these, has the
// clients resume, and writes the results.
func TestClients(t *testing.T) {
	framework.NeedPeers(t)
	installed, missing := installAll(t)
	brokers := []framework.Cluster{
		framework.StartCluster(t, framework.GregorProcesses, overrides),
		framework.StartCluster(t, framework.KafkaOnGregor, overrides),
	}
	m := &matrix{outcomes: map[string]map[framework.Kind]map[string]string{}}
	runAll(t, m, installed, brokers, "main")
	for _, broker := range brokers {
		broker.Restart()
	}
	runAll(t, m, installed, brokers, "resume")
	for _, p := range peers {
		if _, ok := installed[p.name]; ok {
			t.Run(p.name, func(t *testing.T) { m.compare(t, p) })
		}
	}
	if len(missing) == 0 {
		if err := os.WriteFile(filepath.Join(framework.Root(), "tests", "compat", "RESULTS.md"), []byte(m.markdown()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// installAll installs every peer; those that cannot be are said, and fail the test
// where CI=true.
func installAll(t *testing.T) (installed map[string]string, missing []string) {
	t.Helper()
	installed = map[string]string{}
	folders, failures := map[string]string{}, map[string]string{}
	for _, p := range peers {
		if folders[p.install] == "" && failures[p.install] == "" {
			ctx, cancel := context.WithTimeout(t.Context(), longest)
			var errors strings.Builder
			command := exec.CommandContext(ctx, filepath.Join(folder(), "install.sh"), p.install)
			command.Stderr = &errors
			output, err := command.Output()
			cancel()
			if err != nil {
				failures[p.install] = fmt.Sprintf("%v: %s", err, errors.String())
			} else {
				folders[p.install] = strings.TrimSpace(string(output))
			}
		}
		if why := failures[p.install]; why != "" {
			missing = append(missing, p.name)
			if os.Getenv("CI") == "true" {
				t.Errorf("%s cannot be installed: %s", p.name, why)
			} else {
				t.Logf("without %s, which cannot be installed: %s", p.name, why)
			}
			continue
		}
		installed[p.name] = folders[p.install]
	}
	return installed, missing
}

func runAll(t *testing.T, m *matrix, installed map[string]string, brokers []framework.Cluster, phase string) {
	t.Helper()
	var running sync.WaitGroup
	slots := make(chan struct{}, atATime)
	for i, p := range peers {
		if installed[p.name] == "" {
			continue
		}
		for _, broker := range brokers {
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				start := time.Now()
				arguments := append(p.command(installed[p.name]), broker.Bootstrap(), broker.ZooKeeperAddress(), fmt.Sprintf("peer%d", i), phase)
				output, err := run(t.Context(), arguments)
				m.add(p, broker.Kind(), output)
				t.Logf("%s, %s on %s: %.1f s", p.name, phase, broker.Kind(), time.Since(start).Seconds())
				if err != nil {
					t.Errorf("%s, %s on %s: %v", p.name, phase, broker.Kind(), err)
				}
			})
		}
	}
	running.Wait()
}

// run gives what a program printed. Its children end with it.
func run(ctx context.Context, arguments []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var errors strings.Builder
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Stderr = &errors
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	output, err := command.Output()
	if err != nil {
		text := errors.String()
		err = fmt.Errorf("%w: %s", err, text[max(0, len(text)-2000):])
	}
	return string(output), err
}

// compare demands that nothing fails and that both brokers got the same outcomes.
func (m *matrix) compare(t *testing.T, p peer) {
	gregor, kafka := m.outcomes[p.name][framework.GregorProcesses], m.outcomes[p.name][framework.KafkaOnGregor]
	for _, a := range abilities {
		ability := a.name
		ours, theirs := gregor[ability], kafka[ability]
		if ours != theirs {
			t.Errorf("%s: %q with Gregor, %q with Kafka", ability, ours, theirs)
		} else if strings.HasPrefix(ours, "FAIL") {
			t.Errorf("%s fails with both brokers: %s", ability, ours)
		}
	}
}

// markdown is the matrix as RESULTS.md has it: an ability a row, a client a column.
func (m *matrix) markdown() string {
	var text strings.Builder
	text.WriteString("# Clients × abilities\n\n" +
		"Written by `tests/compat/clients`, which runs every client against Gregor and against Apache Kafka 3.1.0.\n" +
		"A cell has Gregor's outcome, then Kafka's: ✓ passed, ✗ failed, · not in that client.\n" +
		"What clients saw (offsets, partitions, the errors' names) is compared too; = means that it was the same.\n\n| ability |")
	for _, p := range peers {
		fmt.Fprintf(&text, " %s |", p.name)
	}
	text.WriteString("\n|---|" + strings.Repeat(":-:|", len(peers)) + "\n")
	for _, a := range abilities {
		ability := a.name
		fmt.Fprintf(&text, "| %s |", ability)
		for _, p := range peers {
			ours, theirs := m.outcomes[p.name][framework.GregorProcesses][ability], m.outcomes[p.name][framework.KafkaOnGregor][ability]
			fmt.Fprintf(&text, " %s |", cell(ours, theirs))
		}
		text.WriteString("\n")
	}
	return text.String()
}

func cell(ours, theirs string) string {
	signs := map[string]string{"PASS": "✓", "FAIL": "✗", "NONE": "·", "": "·"}
	sign := func(outcome string) string {
		status, _, _ := strings.Cut(outcome, " ")
		return signs[status]
	}
	switch {
	case sign(ours) == "·" && sign(theirs) == "·":
		return "·"
	case ours == theirs:
		return sign(ours) + " = " + sign(theirs)
	}
	return sign(ours) + " ≠ " + sign(theirs)
}
