//go:build peers

package tools

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

// oneBroker has two log directories: kafka-logs-a and kafka-logs-b in DIR.
type oneBroker struct{ *framework.Brokers }

func (c oneBroker) ZooKeeperAddress() string { return c.ZooKeeper.Address() }

// movesTo is a file that has both partitions of topic moving in directories.
func movesTo(first, second string) map[string]string {
	return reassignment(fmt.Sprintf(`{"topic":"moving","partition":0,"replicas":[0],"log_dirs":["%s"]},{"topic":"moving","partition":1,"replicas":[0],"log_dirs":["%s"]}`, first, second))
}

const (
	dirA    = "DIR/kafka-logs-a"
	dirB    = "DIR/kafka-logs-b"
	execute = bootstrap + "--execute --reassignment-json-file DIR/moves.json "
	verify  = bootstrap + "--verify --reassignment-json-file DIR/moves.json "
	cancel  = bootstrap + "--cancel --reassignment-json-file DIR/moves.json "
	logDirs = "kafka-log-dirs.sh"
)

// logDirsStep is a step, and what is waited for before it: words that verify prints
// of both partitions.
type logDirsStep struct {
	step
	awaits string
}

const completed = "Reassignment of replica moving-0-0 completed successfully.\nReassignment of replica moving-1-0 completed successfully."

// logDirsSteps build on one another. A move is slow enough to be looked at where a
// throttle lets a batch through in ten seconds.
var logDirsSteps = []logDirsStep{
	{step: step{script: topics, line: bootstrap + "--create --topic moving --replica-assignment 0,0"}},
	{step: step{script: "kafka-producer-perf-test.sh", line: "--topic moving --num-records 100 --record-size 1000 --throughput -1 --producer-props bootstrap.servers=BOOTSTRAP batch.size=1 acks=all", measures: true}},
	{step: step{script: reassign, line: execute, files: movesTo(dirA, dirA)}},
	{step: step{script: reassign, line: execute, files: movesTo(dirA, "/nowhere")}, awaits: completed},

	// Moves that take their time: one is told of another target, then is cancelled.
	{step: step{script: reassign, line: execute + "--replica-alter-log-dirs-throttle 1", files: movesTo(dirB, "any")}},
	{step: step{script: logDirs, line: bootstrap + "--describe --topic-list moving", measures: true, differs: "the directories are listed in the order of a hash of their names"}},
	{step: step{script: reassign, line: verify}},
	{step: step{script: reassign, line: verify, files: movesTo(dirA, dirB)}},
	{step: step{script: reassign, line: cancel + "--preserve-throttles"}},
	{step: step{script: reassign, line: verify}},

	// Moves that are left to complete, back and forth.
	{step: step{script: reassign, line: execute, files: movesTo(dirB, dirB)}},
	{step: step{script: reassign, line: verify}, awaits: completed},
	{step: step{script: reassign, line: cancel}},
	{step: step{script: topics, line: bootstrap + "--delete --topic moving"}},
}

// TestToolsPrintTheSameOfMovesBetweenLogDirectories takes the steps four times, each
// family in turn on each broker, which the last step leaves empty.
func TestToolsPrintTheSameOfMovesBetweenLogDirectories(t *testing.T) {
	framework.NeedPeers(t)
	kinds := []framework.Kind{framework.ChosenGregor(), framework.KafkaOnGregor}
	seen := make([][][]shown, len(kinds)) // by broker, family and step
	t.Run("run", func(t *testing.T) {
		for i, kind := range kinds {
			t.Run(string(kind), func(t *testing.T) {
				t.Parallel()
				seen[i] = onTwoLogDirs(t, kind)
			})
		}
	})
	if t.Failed() {
		return
	}
	for n, step := range logDirsSteps {
		t.Run(fmt.Sprintf("%d %s", n, step), func(t *testing.T) {
			for i, kind := range kinds {
				if diff := cmp.Diff(seen[i][1][n], seen[i][0][n]); diff != "" {
					t.Errorf("against %s, %s (-) and %s (+):\n%s", kind, families[1].name, families[0].name, diff)
				}
			}
			if diff := cmp.Diff(seen[1][1][n], seen[0][1][n]); step.differs == "" && diff != "" {
				t.Errorf("%s against %s (-) and %s (+):\n%s", families[1].name, kinds[1], kinds[0], diff)
			}
		})
	}
}

func onTwoLogDirs(t *testing.T, kind framework.Kind) (seen [][]shown) {
	dir := t.TempDir()
	cluster := oneBroker{framework.StartBrokers(t, framework.BrokersSpec{
		Kinds: []framework.Kind{kind},
		Settings: map[string]string{
			"log.dirs":                filepath.Join(dir, "kafka-logs-a") + "," + filepath.Join(dir, "kafka-logs-b"),
			"replica.fetch.max.bytes": "2000", "zookeeper.session.timeout.ms": "20000", "zookeeper.connection.timeout.ms": "60000",
		},
	})}
	for _, tools := range families {
		var shown []shown
		for _, step := range logDirsSteps {
			if step.awaits != "" {
				awaitShown(t, cluster, dir, reassign, verify+"--preserve-throttles", step.awaits, true)
			}
			shown = append(shown, tools.run(t, step.step, cluster, dir))
		}
		seen = append(seen, shown)
		awaitShown(t, cluster, dir, topics, bootstrap+"--list", "moving", false)
	}
	return seen
}
