package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

// quickstart is Kafka's quickstart on ports and folders of its own: the shipped
// configuration with nothing else changed.
type quickstart struct {
	t           *testing.T
	environment []string
	broker      string
	zooKeeper   *framework.Terminal
	kafka       *framework.Terminal
}

func startQuickstart(t *testing.T) *quickstart {
	dir := t.TempDir()
	zooKeeperPort, brokerPort := fmt.Sprint(framework.FreePort(t)), fmt.Sprint(framework.FreePort(t))
	rewrite := strings.NewReplacer(
		"/tmp/zookeeper", filepath.Join(dir, "zookeeper"), "/tmp/kafka-logs", filepath.Join(dir, "kafka-logs"),
		"clientPort=2181", "clientPort="+zooKeeperPort, "localhost:2181", "localhost:"+zooKeeperPort,
		"#listeners=PLAINTEXT://:9092", "listeners=PLAINTEXT://localhost:"+brokerPort,
	)
	for _, name := range []string{"zookeeper.properties", "server.properties"} {
		text, err := os.ReadFile(filepath.Join(framework.Root(), "config", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(rewrite.Replace(string(text))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	q := &quickstart{t: t, environment: []string{"LOG_DIR=" + filepath.Join(dir, "logs")}, broker: "localhost:" + brokerPort}
	q.zooKeeper = q.open("zookeeper-server-start.sh", filepath.Join(dir, "zookeeper.properties"))
	q.zooKeeper.Await("binding to port")
	q.kafka = q.open("kafka-server-start.sh", filepath.Join(dir, "server.properties"))
	q.kafka.Await("[KafkaServer id=0] started (kafka.server.KafkaServer)")
	return q
}

func (q *quickstart) open(script string, args ...string) *framework.Terminal {
	q.t.Helper()
	return framework.OpenTerminal(q.t, q.environment, framework.Script(script), args...)
}

// run runs a tool to its end and compares what its terminal shows.
func (q *quickstart) run(wantCode int, want, script string, args ...string) {
	q.t.Helper()
	terminal := q.open(script, append(args, "--bootstrap-server", q.broker)...)
	if code := terminal.ExitCode(); code != wantCode {
		q.t.Errorf("%s %v ended with code %d, want %d", script, args, code, wantCode)
	}
	shown := topicID.ReplaceAllString(terminal.Screen(), "TopicId: <id>")
	if diff := cmp.Diff(want, shown); diff != "" {
		q.t.Errorf("%s %v:\n%s", script, args, diff)
	}
}

var topicID = regexp.MustCompile(`TopicId: [\w-]{22}`)

const ctrlC = 130

func TestKafkasQuickstart(t *testing.T) {
	t.Parallel()
	q := startQuickstart(t)
	q.run(0, "Created topic quickstart-events.\n", "kafka-topics.sh", "--create", "--topic", "quickstart-events")
	q.run(0, "quickstart-events\n", "kafka-topics.sh", "--list")
	q.run(0, "Topic: quickstart-events\tTopicId: <id>\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: segment.bytes=1073741824\n"+
		"\tTopic: quickstart-events\tPartition: 0\tLeader: 0\tReplicas: 0\tIsr: 0\n",
		"kafka-topics.sh", "--describe", "--topic", "quickstart-events")

	producer := q.open("kafka-console-producer.sh", "--topic", "quickstart-events", "--bootstrap-server", q.broker)
	for _, line := range []string{"This is my first event", "This is my second event"} {
		producer.Await(">")
		producer.Type(line + "\n")
		producer.Await(line + "\n>")
	}
	producer.Interrupt()
	q.ended(producer, ctrlC, ">This is my first event\n>This is my second event\n>^C")

	consumer := q.open("kafka-console-consumer.sh", "--topic", "quickstart-events", "--from-beginning", "--bootstrap-server", q.broker)
	consumer.Await("This is my second event\n")
	consumer.Interrupt()
	q.ended(consumer, ctrlC, "This is my first event\nThis is my second event\n^CProcessed a total of 2 messages\n")

	q.showsNewEventsAtOnce()
	q.stop()
}

func (q *quickstart) ended(terminal *framework.Terminal, wantCode int, want string) {
	q.t.Helper()
	if code := terminal.ExitCode(); code != wantCode {
		q.t.Errorf("ended with code %d, want %d", code, wantCode)
	}
	if diff := cmp.Diff(want, terminal.Screen()); diff != "" {
		q.t.Error(diff)
	}
}

func (q *quickstart) showsNewEventsAtOnce() {
	consumer := q.open("kafka-console-consumer.sh", "--topic", "quickstart-events", "--from-beginning", "--bootstrap-server", q.broker)
	consumer.Await("This is my second event\n")
	producer := q.open("kafka-console-producer.sh", "--topic", "quickstart-events", "--sync", "--bootstrap-server", q.broker)
	producer.Await(">")
	producer.Type("This is my third event\n")
	consumer.Await("This is my third event\n")
	consumer.Interrupt()
	q.ended(consumer, ctrlC, "This is my first event\nThis is my second event\nThis is my third event\n^CProcessed a total of 3 messages\n")
	producer.Type("\x04")
	q.ended(producer, 0, ">This is my third event\n>")
}

func (q *quickstart) stop() {
	q.kafka.Interrupt()
	if code := q.kafka.ExitCode(); code != ctrlC {
		q.t.Errorf("the broker ended with code %d, want %d", code, ctrlC)
	}
	for _, line := range []string{
		"Terminating process due to signal SIGINT (org.apache.kafka.common.utils.LoggingSignalHandler)",
		"[KafkaServer id=0] shut down completed (kafka.server.KafkaServer)",
	} {
		if !strings.Contains(q.kafka.Screen(), line) {
			q.t.Errorf("the broker did not say %q", line)
		}
	}
	q.zooKeeper.Interrupt()
	if code := q.zooKeeper.ExitCode(); code != ctrlC {
		q.t.Errorf("ZooKeeper ended with code %d, want %d", code, ctrlC)
	}
}
