//go:build peers

package tools

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

// threeBrokers is a cluster whose tools begin with broker 1: broker 0 is stopped for
// a while.
type threeBrokers struct{ *framework.Brokers }

func (c threeBrokers) Bootstrap() string        { return c.Brokers.Brokers[1].Address() }
func (c threeBrokers) ZooKeeperAddress() string { return c.ZooKeeper.Address() }

func (c threeBrokers) await(t *testing.T, dir, script, line, words string, printed bool) {
	t.Helper()
	awaitShown(t, c, dir, script, bootstrap+line, words, printed)
}

// awaitShown runs one of Gregor's tools until it prints the words, or no longer does.
func awaitShown(t *testing.T, cluster target, dir, script, line, words string, printed bool) {
	t.Helper()
	var last shown
	deadline := time.Now().Add(time.Minute)
	for {
		last = families[0].run(t, step{script: script, line: line}, cluster, dir)
		if strings.Contains(last.Stdout, words) == printed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s does not come to %q (%v):\n%s%s", script, line, words, printed, last.Stdout, last.Stderr)
		}
	}
}

// brokersStep is a step, and what is done to the cluster before it.
type brokersStep struct {
	step
	before func(t *testing.T, c threeBrokers, dir string)
}

const (
	reassign     = "kafka-reassign-partitions.sh"
	election     = "kafka-leader-election.sh"
	verification = "kafka-replica-verification.sh"
)

func reassignment(partitions string) map[string]string {
	return map[string]string{"moves.json": `{"version":1,"partitions":[` + partitions + `]}`}
}

func reassignmentSettled(t *testing.T, c threeBrokers, dir string) {
	t.Helper()
	c.await(t, dir, reassign, "--list", "No partition reassignments found.", true)
}

// allInSync waits until every partition has as many replicas in sync as it has.
func allInSync(t *testing.T, c threeBrokers, dir string) {
	t.Helper()
	c.await(t, dir, topics, "--describe --under-replicated-partitions", "Topic:", false)
}

func brokerStopped(t *testing.T, c threeBrokers, dir string) {
	t.Helper()
	c.Brokers.Brokers[0].Stop()
	c.await(t, dir, topics, "--describe --topic single", "Leader: none", true)
	c.await(t, dir, topics, "--describe --topic three", "Isr: 1,2", true)
}

func brokerStarted(t *testing.T, c threeBrokers, dir string) {
	t.Helper()
	c.Brokers.Brokers[0].Start()
	allInSync(t, c, dir)
	c.await(t, dir, topics, "--describe --unavailable-partitions", "Topic:", false)
}

// brokersSteps build on one another. A reassignment is slow enough to be looked at
// where a throttle lets a batch through in ten seconds.
var brokersSteps = []brokersStep{
	// Topics with replicas by hand.
	{step: step{script: topics, line: bootstrap + "--create --topic moving --replica-assignment 0:1,1:0"}},
	{step: step{script: topics, line: bootstrap + "--create --topic three --replica-assignment 0:1:2 --config min.insync.replicas=2"}},
	{step: step{script: topics, line: bootstrap + "--create --topic single --replica-assignment 0"}},
	{step: step{script: topics, line: bootstrap + "--create --topic odd --replica-assignment 0:1,2"}},
	{step: step{script: producer, line: bootstrap + "--topic three", input: "one\ntwo\n"}},
	{step: step{script: topics, line: bootstrap + "--create --topic odd --replica-assignment 0:0"}},
	{step: step{script: topics, line: bootstrap + "--alter --topic three --partitions 2 --replica-assignment 0:1:2,1:2"}},
	{step: step{script: topics, line: bootstrap + "--alter --topic three --partitions 2 --replica-assignment 0:1:2,2:0:1"}},
	{step: step{script: "kafka-producer-perf-test.sh", line: "--topic moving --num-records 200 --record-size 1000 --throughput -1 --producer-props bootstrap.servers=BOOTSTRAP batch.size=1 acks=all", measures: true}},
	{step: step{script: topics, line: bootstrap + "--describe --topic three|single|moving"}, before: allInSync},

	// Proposals and mistakes.
	{step: step{script: reassign, line: bootstrap + "--list"}},
	{step: step{script: reassign, line: bootstrap + "--generate --topics-to-move-json-file DIR/topics.json --broker-list 2", files: map[string]string{"topics.json": `{"topics":[{"topic":"single"}]}`}}},
	{step: step{script: reassign, line: bootstrap + "--generate --topics-to-move-json-file DIR/topics.json --broker-list 2,7", files: map[string]string{"topics.json": `{"topics":[{"topic":"three"}]}`}}},
	{step: step{script: reassign, line: bootstrap + "--generate --topics-to-move-json-file DIR/topics.json --broker-list 2", files: map[string]string{"topics.json": `{"topics":[{"topic":"none"}]}`}}},
	{step: step{script: reassign, line: bootstrap + "--execute --reassignment-json-file DIR/moves.json", files: reassignment(`{"topic":"moving","partition":0,"replicas":[1,9]}`)}},
	{step: step{script: reassign, line: bootstrap + "--execute --reassignment-json-file DIR/moves.json", files: reassignment(`{"topic":"none","partition":0,"replicas":[1,2]}`)}},
	{step: step{script: reassign, line: bootstrap + "--execute --reassignment-json-file DIR/moves.json", files: reassignment(`{"topic":"moving","partition":5,"replicas":[1,2]}`)}},
	{step: step{script: reassign, line: bootstrap + "--verify --reassignment-json-file DIR/moves.json --preserve-throttles",
		files: reassignment(`{"topic":"none","partition":0,"replicas":[1,2]},{"topic":"three","partition":1,"replicas":[2,0,1]},{"topic":"moving","partition":1,"replicas":[2,1]}`)}},

	// A reassignment that takes its time.
	{step: step{script: reassign, line: bootstrap + "--execute --reassignment-json-file DIR/moves.json --throttle 1", files: reassignment(`{"topic":"moving","partition":0,"replicas":[1,2]}`)}},
	{step: step{script: reassign, line: bootstrap + "--list"}},
	{step: step{script: reassign, line: bootstrap + "--verify --reassignment-json-file DIR/moves.json"}},
	{step: step{script: topics, line: bootstrap + "--describe --topic moving"}},
	{step: step{script: topics, line: bootstrap + "--describe --under-replicated-partitions"}},
	{step: step{script: reassign, line: bootstrap + "--execute --reassignment-json-file DIR/moves.json"}},
	{step: step{script: reassign, line: bootstrap + "--execute --additional --reassignment-json-file DIR/moves.json --throttle 2 --replica-alter-log-dirs-throttle 3"}},
	{step: step{script: configs, line: bootstrap + "--describe --entity-type topics --entity-name moving"}},
	{step: step{script: configs, line: bootstrap + "--describe --entity-type brokers --entity-name 2"}},
	{step: step{script: reassign, line: bootstrap + "--cancel --reassignment-json-file DIR/moves.json --preserve-throttles"}},
	{step: step{script: reassign, line: bootstrap + "--cancel --reassignment-json-file DIR/moves.json"}, before: reassignmentSettled},
	{step: step{script: configs, line: bootstrap + "--describe --entity-type topics --entity-name moving"}},
	{step: step{script: reassign, line: bootstrap + "--verify --reassignment-json-file DIR/moves.json"}},

	// One that is left to complete, and what is told of log directories.
	{step: step{script: reassign, line: bootstrap + "--execute --reassignment-json-file DIR/moves.json", files: reassignment(`{"topic":"moving","partition":0,"replicas":[2,1]},{"topic":"moving","partition":1,"replicas":[0,1]}`)}},
	{step: step{script: reassign, line: bootstrap + "--verify --reassignment-json-file DIR/moves.json"}, before: reassignmentSettled},
	{step: step{script: topics, line: bootstrap + "--describe --topic moving"}},
	{step: step{script: reassign, line: bootstrap + "--verify --reassignment-json-file DIR/moves.json", files: reassignment(`{"topic":"three","partition":0,"replicas":[0,1,2],"log_dirs":["any","/nowhere","any"]}`)}},
	{step: step{script: reassign, line: bootstrap + "--cancel --reassignment-json-file DIR/moves.json"}},

	// Elections.
	{step: step{script: election, line: bootstrap + "--election-type preferred --topic three --partition 0"}},
	{step: step{script: election, line: bootstrap + "--election-type preferred --topic none --partition 0"}},
	{step: step{script: election, line: bootstrap + "--election-type unclean --path-to-json-file DIR/partitions.json", files: map[string]string{"partitions.json": `{"partitions":[{"topic":"three","partition":0},{"topic":"three","partition":1}]}`}}},
	{step: step{script: topics, line: bootstrap + "--describe --under-replicated-partitions"}, before: brokerStopped},
	{step: step{script: topics, line: bootstrap + "--describe --under-min-isr-partitions"}},
	{step: step{script: topics, line: bootstrap + "--describe --at-min-isr-partitions"}},
	{step: step{script: topics, line: bootstrap + "--describe --unavailable-partitions"}},
	{step: step{script: election, line: bootstrap + "--election-type unclean --topic single --partition 0"}},
	{step: step{script: election, line: bootstrap + "--election-type preferred --topic three --partition 0"}},
	{step: step{script: election, line: bootstrap + "--election-type preferred --topic three --partition 0"}, before: brokerStarted},
	{step: step{script: election, line: bootstrap + "--election-type PREFERRED --all-topic-partitions"}},
	{step: step{script: topics, line: bootstrap + "--describe --topic three|single|moving"}},

	// Replicas compared.
	{step: step{script: verification, line: "--broker-list BOOTSTRAP --time -2 --report-interval-ms 1 --topics-include three|moving", until: "max lag"}},
	{step: step{script: verification, line: "--broker-list BOOTSTRAP --topics-include none"}},
	{step: step{script: topics, line: bootstrap + "--delete --topic .*"}},
}

// TestToolsPrintTheSameOfThreeBrokers takes the steps four times, each family in turn
// on each cluster, which the last step leaves empty.
func TestToolsPrintTheSameOfThreeBrokers(t *testing.T) {
	framework.NeedPeers(t)
	kinds := []framework.Kind{framework.ChosenGregor(), framework.KafkaOnGregor}
	seen := make([][][]shown, len(kinds)) // by cluster, family and step
	t.Run("run", func(t *testing.T) {
		for i, kind := range kinds {
			t.Run(string(kind), func(t *testing.T) {
				t.Parallel()
				seen[i] = onThreeBrokers(t, kind)
			})
		}
	})
	if t.Failed() {
		return
	}
	for n, step := range brokersSteps {
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

func onThreeBrokers(t *testing.T, kind framework.Kind) (seen [][]shown) {
	cluster := threeBrokers{framework.StartBrokers(t, framework.BrokersSpec{
		Kinds: framework.Same(3, kind),
		Settings: map[string]string{
			"replica.fetch.max.bytes": "2000", "zookeeper.session.timeout.ms": "20000", "zookeeper.connection.timeout.ms": "60000",
			"replica.lag.time.max.ms": "10000", "replica.socket.timeout.ms": "10000", "controller.socket.timeout.ms": "10000",
		},
	})}
	dir := t.TempDir()
	for _, tools := range families {
		var shown []shown
		for _, step := range brokersSteps {
			if step.before != nil {
				step.before(t, cluster, dir)
			}
			shown = append(shown, tools.run(t, step.step, cluster, dir))
		}
		seen = append(seen, shown)
		cluster.await(t, dir, topics, "--list", "three", false)
	}
	return seen
}
