//go:build peers

package tools

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

func TestMain(m *testing.M) { os.Exit(framework.Main(m)) }

// family is a set of tools that go by the names of upstream's scripts.
type family struct {
	name    string
	command func(t *testing.T, script string) []string
}

var families = []family{
	{"Gregor's tools", func(t *testing.T, script string) []string {
		return []string{filepath.Join(framework.Installation(t), "bin", script)}
	}},
	{"Kafka's tools", javaCommand},
}

// javaCommand is how upstream's script runs its class.
func javaCommand(t *testing.T, script string) []string {
	t.Helper()
	libraries, err := exec.Command(filepath.Join(framework.Root(), "tests", "peers", "install-kafka.sh")).Output()
	if err != nil {
		t.Fatal(err)
	}
	command := []string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dlog4j.configuration=file:" + filepath.Join(framework.Root(), "config", "tools-log4j.properties"),
		"-cp", strings.TrimSpace(string(libraries)) + "/*"}
	if script == "kafka-run-class.sh" {
		return command
	}
	text, err := os.ReadFile(framework.Script(script))
	if err != nil {
		t.Fatal(err)
	}
	_, class, found := strings.Cut(string(text), `kafka-run-class.sh" `)
	if !found {
		t.Fatalf("%s names no class", script)
	}
	return append(command, strings.Fields(class)[0])
}

// shown is what one tool left for its caller.
type shown struct {
	Code           int
	Stdout, Stderr string
}

// toolTimeout ends a tool that does not come back.
const toolTimeout = 20 * time.Second

// target is what the tools are run against.
type target interface {
	Bootstrap() string
	ZooKeeperAddress() string
}

// run takes one step with one family of tools against a cluster.
func (f family) run(t *testing.T, s step, cluster target, dir string) shown {
	t.Helper()
	fill := strings.NewReplacer("BOOTSTRAP", cluster.Bootstrap(), "DIR", dir, "ZOOKEEPER", cluster.ZooKeeperAddress())
	for name, content := range s.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fill.Replace(content)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command := f.command(t, s.script)
	for _, argument := range s.arguments() {
		command = append(command, fill.Replace(argument))
	}
	ctx, cancel := context.WithTimeout(t.Context(), toolTimeout)
	defer cancel()
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	stdout := output{until: s.until, end: func() { _ = process.Process.Signal(syscall.SIGTERM) }}
	var stderr bytes.Buffer
	process.Stdin, process.Stdout, process.Stderr = strings.NewReader(s.input), &stdout, &stderr
	err := process.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", s, err)
	}
	if ctx.Err() != nil {
		t.Errorf("%s with %s does not end; it printed\n%s%s", s, f.name, &stdout.text, &stderr)
	}
	normal := normaliser{cluster, dir}
	return shown{exitCode(process), normal.text(s, stdout.text.String()), normal.text(s, stderr.String())}
}

// exitCode is the code as shells and the JVM have it: 128 and more is a signal's.
func exitCode(ended *exec.Cmd) int {
	if status, ok := ended.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return ended.ProcessState.ExitCode()
}

// output gathers what a tool prints. One that does not end by itself is told to at
// the end of the first line with the words it is run for; what it prints behind that
// is left out.
type output struct {
	text  bytes.Buffer
	until string
	end   func()
	ended bool
}

func (o *output) Write(text []byte) (int, error) {
	if o.ended {
		return len(text), nil
	}
	o.text.Write(text)
	at := strings.Index(o.text.String(), o.until)
	if o.until == "" || at < 0 {
		return len(text), nil
	}
	if line := strings.IndexByte(o.text.String()[at:], '\n'); line >= 0 {
		o.text.Truncate(at + line + 1)
		o.ended = true
		o.end()
	}
	return len(text), nil
}

// TestToolsPrintTheSame takes the steps four times, each family against each broker,
// on clusters of their own.
func TestToolsPrintTheSame(t *testing.T) {
	framework.NeedPeers(t)
	brokers := []framework.Kind{framework.ChosenGregor(), framework.KafkaOnGregor}
	seen := make([][][]shown, len(brokers)) // by broker, family and step
	t.Run("run", func(t *testing.T) {
		for i, kind := range brokers {
			seen[i] = make([][]shown, len(families))
			for j, tools := range families {
				t.Run(fmt.Sprintf("%s with %s", kind, tools.name), func(t *testing.T) {
					t.Parallel()
					cluster := framework.StartCluster(t, kind, settings)
					dir := t.TempDir()
					for _, step := range steps {
						seen[i][j] = append(seen[i][j], tools.run(t, step, cluster, dir))
					}
				})
			}
		}
	})
	if t.Failed() {
		return
	}
	for n, step := range steps {
		t.Run(step.String(), func(t *testing.T) {
			for i, kind := range brokers {
				if diff := cmp.Diff(seen[i][1][n], seen[i][0][n]); diff != "" {
					t.Errorf("against %s, %s (-) and %s (+):\n%s", kind, families[1].name, families[0].name, diff)
				}
			}
			if step.differs != "" {
				return
			}
			if diff := cmp.Diff(seen[1][1][n], seen[0][1][n]); diff != "" {
				t.Errorf("%s against %s (-) and %s (+):\n%s", families[1].name, brokers[1], brokers[0], diff)
			}
		})
	}
}

var settings = map[string]string{
	"offsets.topic.num.partitions": "3", "group.initial.rebalance.delay.ms": "0", "num.partitions": "2",
	"auto.create.topics.enable": "false",
}
