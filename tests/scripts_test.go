package tests

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// echo stands in for the broker's program: it prints what it was called with.
const echo = `package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	fmt.Println(strings.Join(os.Args[1:], "|"))
	fmt.Println(os.Getenv("KAFKA_LOG4J_OPTS"))
}
`

// scratchTree is a copy of bin/ over a program of a few lines, so that the
// scripts are tested without the broker.
func scratchTree(t *testing.T, program string) string {
	t.Helper()
	tree := t.TempDir()
	for _, directory := range []string{"bin", "config", "log", "server", "tools/kafka", "zkutil"} {
		if err := os.MkdirAll(filepath.Join(tree, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	scripts, err := filepath.Glob("../bin/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(tree, "bin", filepath.Base(script)), string(text), 0o755)
	}
	write(t, filepath.Join(tree, "go.mod"), "module example.com/scratch\n\ngo 1.26\n", 0o644)
	write(t, filepath.Join(tree, "go.sum"), "", 0o644)
	write(t, filepath.Join(tree, "tools/kafka/main.go"), program, 0o644)
	return tree
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

type result struct {
	stdout, stderr string
	code           int
}

// run calls a script in the tree with further variables in its environment.
func run(t *testing.T, tree string, environment []string, command ...string) result {
	t.Helper()
	call := exec.Command(filepath.Join(tree, command[0]), command[1:]...)
	call.Dir = tree
	call.Env = append(os.Environ(), environment...)
	var stdout, stderr bytes.Buffer
	call.Stdout, call.Stderr = &stdout, &stderr
	err := call.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), call.ProcessState.ExitCode()}
}

func TestScriptsPassTheClassAndArguments(t *testing.T) {
	tree := scratchTree(t, echo)
	tools := "-Dkafka.logs.dir=" + tree + "/bin/../logs -Dlog4j.configuration=file:" + tree + "/bin/../config/tools-log4j.properties\n"
	server := "-Dkafka.logs.dir=" + tree + "/bin/../logs -Dlog4j.configuration=file:" + tree + "/bin/../config/log4j.properties\n"
	for _, test := range []struct {
		command []string
		want    string
	}{
		{[]string{"bin/kafka-topics.sh", "--list", "two words", ""}, "kafka.admin.TopicCommand|--list|two words|\n" + tools},
		{[]string{"bin/kafka-console-producer.sh"}, "kafka.tools.ConsoleProducer\n" + tools},
		{[]string{"bin/kafka-console-consumer.sh", "-a"}, "kafka.tools.ConsoleConsumer|-a\n" + tools},
		{[]string{"bin/kafka-consumer-groups.sh", "-a"}, "kafka.admin.ConsumerGroupCommand|-a\n" + tools},
		{[]string{"bin/kafka-configs.sh", "-a"}, "kafka.admin.ConfigCommand|-a\n" + tools},
		{[]string{"bin/kafka-broker-api-versions.sh", "-a"}, "kafka.admin.BrokerApiVersionsCommand|-a\n" + tools},
		{[]string{"bin/kafka-get-offsets.sh", "-a"}, "kafka.tools.GetOffsetShell|-a\n" + tools},
		{[]string{"bin/kafka-delete-records.sh", "-a"}, "kafka.admin.DeleteRecordsCommand|-a\n" + tools},
		{[]string{"bin/kafka-log-dirs.sh", "-a"}, "kafka.admin.LogDirsCommand|-a\n" + tools},
		{[]string{"bin/kafka-producer-perf-test.sh", "-a"}, "org.apache.kafka.tools.ProducerPerformance|-a\n" + tools},
		{[]string{"bin/kafka-consumer-perf-test.sh", "-a"}, "kafka.tools.ConsumerPerformance|-a\n" + tools},
		{[]string{"bin/kafka-verifiable-producer.sh", "-a"}, "org.apache.kafka.tools.VerifiableProducer|-a\n" + tools},
		{[]string{"bin/kafka-verifiable-consumer.sh", "-a"}, "org.apache.kafka.tools.VerifiableConsumer|-a\n" + tools},
		{[]string{"bin/zookeeper-shell.sh", "localhost:2181", "ls", "/"}, "org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka|-server|localhost:2181|ls|/\n" + tools},
		{[]string{"bin/kafka-server-start.sh", "server.properties", "--override", "a=b"}, "kafka.Kafka|server.properties|--override|a=b\n" + server},
		{[]string{"bin/zookeeper-server-start.sh", "zookeeper.properties"}, "org.apache.zookeeper.server.quorum.QuorumPeerMain|zookeeper.properties\n" + server},
		{[]string{"bin/kafka-run-class.sh", "-loggc", "-name", "x", "some.Class", "-name", "y"}, "some.Class|-name|y\n" + tools},
	} {
		got := run(t, tree, []string{"KAFKA_HEAP_OPTS=-Xmx1G", "JMX_PORT=9999", "KAFKA_DEBUG=y", "JAVA_HOME=/none"}, test.command...)
		if got.stdout != test.want || got.code != 0 {
			t.Errorf("%v gives %q, %q, %d", test.command, got.stdout, got.stderr, got.code)
		}
	}
}

func TestUsageOfScripts(t *testing.T) {
	tree := scratchTree(t, echo)
	for script, usage := range map[string]string{
		"bin/kafka-run-class.sh":        "[-daemon] [-name servicename] [-loggc] classname [opts]",
		"bin/kafka-server-start.sh":     "[-daemon] server.properties [--override property=value]*",
		"bin/zookeeper-server-start.sh": "[-daemon] zookeeper.properties",
		"bin/zookeeper-shell.sh":        "zookeeper_host:port[/path] [-zk-tls-config-file file] [args...]",
	} {
		got := run(t, tree, nil, script)
		if want := "USAGE: " + filepath.Join(tree, script) + " " + usage + "\n"; got.stdout != want || got.code != 1 {
			t.Errorf("%s gives %q, %d", script, got.stdout, got.code)
		}
	}
}

func TestProgramIsBuiltWhenASourceIsNewer(t *testing.T) {
	tree := scratchTree(t, echo)
	if got := run(t, tree, nil, "bin/build.sh"); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	program := filepath.Join(tree, "libs/kafka")
	built, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(tree, "tools/kafka/main_test.go"), "package main\n", 0o644)
	os.Chtimes(filepath.Join(tree, "tools/kafka"), built.ModTime(), built.ModTime())
	write(t, filepath.Join(tree, "config/server.properties"), "broker.id=0\n", 0o644)
	run(t, tree, nil, "bin/build.sh")
	if again, err := os.Stat(program); err != nil || !os.SameFile(built, again) {
		t.Errorf("a test or a properties file made it build again: %v", err)
	}
	write(t, filepath.Join(tree, "tools/kafka/main.go"), strings.Replace(echo, `"|"`, `"+"`, 1), 0o644)
	if got := run(t, tree, nil, "bin/kafka-topics.sh", "a"); !strings.HasPrefix(got.stdout, "kafka.admin.TopicCommand+a\n") {
		t.Errorf("after a change: %+v", got)
	}
}

func TestTwoFirstStartsAtOnce(t *testing.T) {
	tree := scratchTree(t, echo)
	var starts sync.WaitGroup
	for range 3 {
		starts.Go(func() {
			if got := run(t, tree, nil, "bin/kafka-topics.sh", "a"); !strings.HasPrefix(got.stdout, "kafka.admin.TopicCommand|a\n") || got.code != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	starts.Wait()
	left, err := filepath.Glob(filepath.Join(tree, "libs/.kafka*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

func TestMissingOrOldGo(t *testing.T) {
	tree := scratchTree(t, echo)
	tools := t.TempDir()
	for _, tool := range []string{"bash", "dirname", "sed", "sort", "head", "find", "mkdir", "flock", "touch", "rm", "mv"} {
		if path, err := exec.LookPath(tool); err == nil {
			os.Symlink(path, filepath.Join(tools, tool))
		}
	}
	environment := []string{"PATH=" + tools}
	got := run(t, tree, environment, "bin/kafka-topics.sh")
	if want := "needs Go 1.26 or later, and no 'go' is on the PATH. Install it from https://go.dev/dl/"; !strings.Contains(got.stderr, want) || got.code != 1 {
		t.Errorf("without Go: %+v", got)
	}
	write(t, filepath.Join(tools, "go"), "#!/bin/bash\n[ $1 = env ] && echo go1.9.2 || echo go version go1.9.2 linux/amd64\n", 0o755)
	got = run(t, tree, environment, "bin/kafka-topics.sh")
	if want := "needs Go 1.26 or later, and this is Go 1.9.2."; !strings.Contains(got.stderr, want) || got.code != 1 {
		t.Errorf("with an old Go: %+v", got)
	}
}

func TestDaemonWritesItsOutputToTheLogDirectory(t *testing.T) {
	tree := scratchTree(t, echo)
	logs := filepath.Join(tree, "other logs")
	got := run(t, tree, []string{"LOG_DIR=" + logs}, "bin/kafka-server-start.sh", "-daemon", "server.properties")
	if got.code != 0 || got.stdout != "" {
		t.Errorf("%+v", got)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		output, _ := os.ReadFile(filepath.Join(logs, "kafkaServer.out"))
		if strings.HasPrefix(string(output), "kafka.Kafka|server.properties\n-Dkafka.logs.dir="+logs) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("kafkaServer.out holds %q", output)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestStopScripts(t *testing.T) {
	tree := scratchTree(t, echo)
	for script, test := range map[string]struct{ class, none string }{
		"bin/kafka-server-stop.sh":     {"kafka.Kafka", "No kafka server to stop\n"},
		"bin/zookeeper-server-stop.sh": {"org.apache.zookeeper.server.quorum.QuorumPeerMain", "No zookeeper server to stop\n"},
	} {
		// The list of processes is made up, so that no server of this machine is stopped.
		tools := t.TempDir()
		list := func(lines string) {
			write(t, filepath.Join(tools, "ps"), "#!/bin/bash\ncat <<'END'\n"+lines+"END\n", 0o755)
		}
		environment := []string{"PATH=" + tools + ":" + os.Getenv("PATH")}
		list("  1 ?  Ss  0:00 init\n  2 ?  S  0:00 grep  " + test.class + " \n")
		if got := run(t, tree, environment, script); got.stdout != test.none || got.code != 1 {
			t.Errorf("%s without a server: %+v", script, got)
		}
		victim := exec.Command("sleep", "60")
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		list("  " + strconv.Itoa(victim.Process.Pid) + " ?  Sl  0:01 bin/../libs/kafka " + test.class + " config/some.properties\n")
		got := run(t, tree, append(environment, "SIGNAL=INT"), script)
		victim.Wait()
		if status := victim.ProcessState.Sys().(syscall.WaitStatus); got.code != 0 || status.Signal() != syscall.SIGINT {
			t.Errorf("%s: %+v, %v", script, got, victim.ProcessState)
		}
	}
}
