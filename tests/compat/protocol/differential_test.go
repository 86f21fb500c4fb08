//go:build peers

package protocol

import (
	"flag"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

func TestMain(m *testing.M) { os.Exit(framework.Main(m)) }

// brokerSettings are those of both brokers.
var brokerSettings = map[string]string{
	"offsets.topic.num.partitions": "3", "offsets.topic.replication.factor": "1",
	"transaction.state.log.replication.factor": "1", "transaction.state.log.min.isr": "1", "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "100",
	"num.partitions": "2", "group.max.size": "3", "log.message.timestamp.difference.max.ms": "9223372036854775807",
	"zookeeper.session.timeout.ms": "60000", "offset.metadata.max.bytes": "4096", "max.incremental.fetch.session.cache.slots": "1000",
}

// peer is one of the two brokers.
type peer struct {
	name, address string
}

func startPeers(t *testing.T, settings map[string]string) (kafka, gregor peer) {
	framework.NeedPeers(t)
	start := func(p *peer, name string, kind framework.Kind) {
		*p = peer{name, framework.SharedCluster(t, kind, settings).Bootstrap()}
	}
	start(&kafka, "Kafka", framework.KafkaOnGregor)
	start(&gregor, "Gregor", framework.ChosenGregor())
	for _, p := range []peer{kafka, gregor} {
		s := newSession(p, scenario{subject: -1, name: "prepare"}, -1, time.Now(), map[int16]int16{kmsg.FindCoordinator.Int16(): 4})
		s.play(func(s *session) {
			request := kmsg.NewPtrFindCoordinatorRequest()
			request.CoordinatorKey = "any"
			request.CoordinatorKeys = []string{"any"}
			eventually(s, request, func(r *kmsg.FindCoordinatorResponse) bool { return r.Coordinators[0].ErrorCode == 0 })
			// Groups of every partition of the coordinator are to be loaded.
			s.newest[kmsg.DescribeGroups.Int16()] = 5
			eventually(s, describeGroups("a", "b", "c", "d", "e", "f", "g", "h"), func(r *kmsg.DescribeGroupsResponse) bool {
				return !slices.ContainsFunc(r.Groups, func(group kmsg.DescribeGroupsResponseGroup) bool { return group.ErrorCode != 0 })
			})
		})
		if len(s.transcript) > 0 { // it stopped
			t.Fatal(p.name, s.transcript)
		}
	}
	return kafka, gregor
}

func newSession(p peer, sc scenario, version int16, start time.Time, newest map[int16]int16) *session {
	_, port, _ := net.SplitHostPort(p.address)
	name := fmt.Sprintf("%s-%s-v%d", strings.ToLower(sc.subject.Name()), strings.ReplaceAll(sc.name, " ", "-"), version)
	return &session{
		address: p.address, names: name, subject: sc.subject, version: version, start: start, newest: maps.Clone(newest),
		clientID: kmsg.StringPtr("client"),
		learned:  normaliser{topicIDs: map[[16]byte]string{}, port: port, started: start.UnixMilli()},
	}
}

// apiVersions asks a broker what it serves.
func apiVersions(t *testing.T, p peer) map[int16]kmsg.ApiVersionsResponseApiKey {
	s := newSession(p, scenario{subject: -1}, -1, time.Now(), nil)
	served := map[int16]kmsg.ApiVersionsResponseApiKey{}
	s.play(func(s *session) {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "tests", "1"
		s.newest = map[int16]int16{request.Key(): 3}
		for _, row := range ask[*kmsg.ApiVersionsResponse](s, "", request).ApiKeys {
			served[row.ApiKey] = row
		}
	})
	if len(served) == 0 {
		t.Fatal(p.name, s.transcript)
	}
	return served
}

// TestSameAnswersAsKafka runs every scenario on both brokers.
func TestSameAnswersAsKafka(t *testing.T) {
	c := newComparison(t, brokerSettings)
	c.run(t, aloneScenarios, scenarios)
	served := apiVersions(t, c.gregor)
	checkCoverage(t, served, c.covered)
	c.covered.write(t, served)
}

// TestSameAnswersAsKafkaWithOtherSettings runs what other settings of a broker change.
func TestSameAnswersAsKafkaWithOtherSettings(t *testing.T) {
	settings := maps.Clone(brokerSettings)
	maps.Copy(settings, map[string]string{
		"auto.create.topics.enable": "false", "delete.topic.enable": "false",
		"inter.broker.protocol.version": "2.8", "log.message.format.version": "2.8",
	})
	newComparison(t, settings).run(t, nil, [][]scenario{otherSettingsScenarios})
}

// comparison is a pair of brokers with the same settings.
type comparison struct {
	kafka, gregor peer
	newest        map[int16]int16
	start         time.Time
	covered       *coverage
}

func newComparison(t *testing.T, settings map[string]string) *comparison {
	c := &comparison{newest: map[int16]int16{}, start: time.Now(), covered: newCoverage()}
	c.kafka, c.gregor = startPeers(t, settings)
	for key, row := range apiVersions(t, c.kafka) {
		c.newest[key] = row.MaxVersion
	}
	return c
}

// run compares the scenarios, the first ones one by one.
func (c *comparison) run(t *testing.T, alone []scenario, others [][]scenario) {
	t.Run("scenarios", func(t *testing.T) {
		for _, sc := range alone {
			c.compare(t, sc, false)
		}
		for _, sc := range slices.Concat(others...) {
			c.compare(t, sc, true)
		}
	})
}

func (c *comparison) compare(t *testing.T, sc scenario, parallel bool) {
	versions := sc.versions
	if versions == nil {
		for version := int16(0); version <= c.newest[sc.subject.Int16()]; version++ {
			versions = append(versions, version)
		}
	}
	for _, version := range versions {
		t.Run(fmt.Sprintf("%s/%s/v%d", sc.subject.Name(), sc.name, version), func(t *testing.T) {
			if parallel {
				t.Parallel()
			}
			for try := 1; ; try++ {
				kafka, gregor := c.play(sc, version, try)
				lines := differencesOf(sc.subject, version, kafka, gregor)
				if len(lines) > 0 && try < tries {
					continue
				}
				report(t, lines, kafka)
				c.covered.add(sc.subject.Int16(), version, len(kafka), len(lines))
				return
			}
		})
	}
}

// tries is how often a scenario is played until the answers are the same. Some
// answers of either broker hang on what comes first of two things, such as a request
// and the deletion of its topic; a difference must show each time.
const tries = 3

// play runs a scenario on both brokers at once and gives what they answered.
func (c *comparison) play(sc scenario, version int16, try int) (kafka, gregor []entry) {
	ofKafka, ofGregor := newSession(c.kafka, sc, version, c.start, c.newest), newSession(c.gregor, sc, version, c.start, c.newest)
	var both sync.WaitGroup
	for _, played := range []*session{ofKafka, ofGregor} {
		if try > 1 {
			played.names += fmt.Sprintf("-try%d", try)
		}
		both.Go(func() { played.play(sc.run) })
	}
	both.Wait()
	return ofKafka.transcript, ofGregor.transcript
}

// differencesOf are the differences that are not allowed.
func differencesOf(subject kmsg.Key, version int16, kafka, gregor []entry) []string {
	var lines []string
	for _, m := range compare(kafka, gregor) {
		if !allowed(subject, version, m) {
			lines = append(lines, m.String())
		}
	}
	return lines
}

// report fails the test for each difference.
func report(t *testing.T, lines []string, kafka []entry) {
	if len(lines) > 0 {
		t.Errorf("%d differences:\n%s", len(lines), strings.Join(lines[:min(len(lines), 40)], "\n"))
	}
	if len(kafka) > 0 && kafka[len(kafka)-1].label == "the scenario stopped" {
		t.Errorf("on Kafka: %s", kafka[len(kafka)-1].describe())
	}
	if os.Getenv("GREGOR_TRANSCRIPT") != "" {
		for _, e := range kafka {
			t.Logf("Kafka: %s: %v", e.label, e.fields)
		}
	}
}

// checkCoverage fails for every version of a served API that no scenario asked for.
func checkCoverage(t *testing.T, served map[int16]kmsg.ApiVersionsResponseApiKey, covered *coverage) {
	if flag.Lookup("test.run").Value.String() != "" {
		return // just some scenarios were run
	}
	for _, key := range slices.Sorted(maps.Keys(served)) {
		for version := served[key].MinVersion; version <= served[key].MaxVersion; version++ {
			if covered.answers[key][version] == 0 {
				t.Errorf("no scenario asks for %s version %d", kmsg.NameForKey(key), version)
			}
		}
	}
}
