//go:build peers

package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

const (
	atATime  = 4                // programs that run at once; most of their time they wait
	patience = 3 * time.Minute  // for one program
	longest  = 10 * time.Minute // for one installation
)

// overrides are settings of both brokers that suit the programs. Records of filled
// topics are of 2020, and retention would take them half a minute after a start.
var overrides = map[string]string{
	"auto.create.topics.enable": "false", "group.min.session.timeout.ms": "100", "log.retention.hours": "1000000",
}

const (
	gregor = framework.GregorProcesses
	kafka  = framework.KafkaOnGregor
)

// TestClients runs every client against both brokers, restarts these, has the
// clients resume, and writes the results. It fails when they are not those of the
// repository.
func TestClients(t *testing.T) {
	framework.NeedPeers(t)
	installed, complete := installAll(t)
	brokers := []framework.Cluster{framework.StartCluster(t, gregor, overrides), framework.StartCluster(t, kafka, overrides)}
	m := newMatrix()
	runAll(t, m, installed, brokers, "main")
	for _, broker := range brokers {
		topics := topicsWithLeaders(t, broker)
		broker.Restart()
		framework.Until(t, patience, "the broker leads its topics again", func() bool { return topicsWithLeaders(t, broker) == topics })
	}
	runAll(t, m, installed, brokers, "resume")
	for i, p := range peers {
		if installed[p.install] != "" {
			t.Run(p.String(), func(t *testing.T) { m.compare(t, i) })
		}
	}
	if complete {
		framework.KeepResults(t, filepath.Join(framework.Root(), "tests", "compat", "RESULTS.md"), m.markdown())
	}
}

// topicsWithLeaders counts them. A broker that comes back may answer before the
// controller has told it of its topics.
func topicsWithLeaders(t *testing.T, broker framework.Cluster) (count int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Bootstrap()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	response, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range response.Topics {
		if !slices.ContainsFunc(topic.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 }) {
			count++
		}
	}
	return count
}

// installAll gives the folders of the clients that could be installed; the others
// are said, and fail the test where CI=true.
func installAll(t *testing.T) (installed map[string]string, complete bool) {
	t.Helper()
	var mu sync.Mutex
	var installing sync.WaitGroup
	installed, complete = map[string]string{}, true
	slots := make(chan struct{}, atATime)
	started := map[string]bool{}
	for _, p := range peers {
		if started[p.install] {
			continue
		}
		started[p.install] = true
		installing.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			start := time.Now()
			target, err := install(t.Context(), p.install)
			mu.Lock()
			defer mu.Unlock()
			t.Logf("installing %s: %.1f s", p.install, time.Since(start).Seconds())
			switch {
			case err == nil:
				installed[p.install] = target
			case os.Getenv("CI") == "true":
				t.Errorf("%s cannot be installed: %v", p.install, err)
				complete = false
			default:
				t.Logf("without %s, which cannot be installed: %v", p.install, err)
				complete = false
			}
		})
	}
	installing.Wait()
	return installed, complete
}

func install(ctx context.Context, what string) (target string, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var problems strings.Builder
	command := exec.CommandContext(ctx, filepath.Join(folder(), "install.sh"), what)
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, last(problems.String()))
	}
	return strings.TrimSpace(string(output)), nil
}

func last(text string) string { return text[max(0, len(text)-2000):] }

func runAll(t *testing.T, m *matrix, installed map[string]string, brokers []framework.Cluster, phase string) {
	t.Helper()
	var running sync.WaitGroup
	slots := make(chan struct{}, atATime)
	for i, p := range peers {
		target := installed[p.install]
		if target == "" {
			continue
		}
		for _, broker := range brokers {
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				start := time.Now()
				command := append(p.command(target), broker.Bootstrap(), broker.ZooKeeperAddress(), fmt.Sprintf("peer%d", i), phase)
				output, problems, err := run(t.Context(), command, p.environment(target))
				failed := m.add(i, broker.Kind(), output)
				t.Logf("%s, %s on %s: %.1f s", p, phase, broker.Kind(), time.Since(start).Seconds())
				if err != nil || failed {
					t.Errorf("%s, %s on %s: %v\n%s", p, phase, broker.Kind(), err, last(problems))
				}
			})
		}
	}
	running.Wait()
}

// run gives what a program printed. Its children end with it.
func run(ctx context.Context, arguments, environment []string) (output, problems string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var printed, complained strings.Builder
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Env = append(os.Environ(), environment...)
	command.Stdout, command.Stderr = &printed, &complained
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	command.WaitDelay = 10 * time.Second
	err = command.Run()
	return printed.String(), complained.String(), err
}
