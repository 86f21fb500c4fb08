package system

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
	"github.com/gregor-broker/gregor/tests/system/history"
)

// The kinds of elections of the ElectLeaders request.
const (
	preferredElection int8 = iota
	uncleanElection
)

// awaitLeader waits until a partition 0 has a leader, -1 for none.
func (a *admin) awaitLeader(name string, leader int32) {
	a.t.Helper()
	a.await(fmt.Sprintf("%s is led by %d", name, leader), name, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader == leader })
}

// values reads what a topic of one partition holds.
func (a *admin) values(name string) []string {
	a.t.Helper()
	var values []string
	for _, record := range readAll(a.t, a, name, endOffsets(a.t, a, name))[history.Partition{Topic: name}] {
		values = append(values, record.Value)
	}
	return values
}

// behind leaves a topic "pair" of replicas 0 and 1 without the one that is in sync:
// broker 0 has a record that broker 1 lacks and is stopped, broker 1 runs.
func behind(t *testing.T) (*framework.Brokers, *admin) {
	t.Helper()
	c := threeInProcess(t, nil)
	a := newAdmin(t, c)
	a.createTopic("pair", [][]int32{{0, 1}}, nil)
	a.createTopic("healthy", [][]int32{{2}}, nil)
	sendAll(t, c, "pair", "on both")
	c.Brokers[1].Stop()
	sendAll(t, c, "pair", "on one")
	c.Brokers[0].Stop()
	c.Brokers[1].Start()
	a.awaitLeader("pair", -1)
	return c, a
}

func TestAReplicaThatIsBehindIsNotElected(t *testing.T) {
	t.Parallel()
	c, a := behind(t)
	if err := sendOnce(t, c, "healthy", "taken"); err != nil {
		t.Errorf("another partition: %v", err)
	}
	if err := a.electLeaders(preferredElection, "pair", 0); !errors.Is(err, kerr.PreferredLeaderNotAvailable) {
		t.Errorf("a preferred leader that is down: %v", err)
	}
	a.awaitLeader("pair", -1)
	c.Brokers[0].Start()
	a.awaitInSync("pair")
	if values := a.values("pair"); !slices.Equal(values, []string{"on both", "on one"}) {
		t.Errorf("kept %q", values)
	}
}

// TestAnUncleanElectionLosesWhatTheElectedDoesNotHave elects a replica that is
// behind, by the topic's setting and by request; the other comes back and drops what
// only it had.
func TestAnUncleanElectionLosesWhatTheElectedDoesNotHave(t *testing.T) {
	t.Parallel()
	for name, elect := range map[string]func(*admin){
		"by setting": func(a *admin) { a.setTopicConfig("pair", "unclean.leader.election.enable", "true") },
		"by request": func(a *admin) {
			if err := a.electLeaders(uncleanElection, "pair", 0); err != nil {
				a.t.Error(err)
			}
			if err := a.electLeaders(uncleanElection, "healthy", 0); !errors.Is(err, kerr.ElectionNotNeeded) {
				a.t.Errorf("a healthy partition: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, a := behind(t)
			elect(a)
			a.awaitLeader("pair", 1)
			sendAll(t, c, "pair", "after")
			c.Brokers[0].Start()
			a.awaitInSync("pair")
			if values := a.values("pair"); !slices.Equal(values, []string{"on both", "after"}) {
				t.Errorf("kept %q", values)
			}
			assigned, err := a.partitions("pair")
			if err != nil {
				t.Fatal(err)
			}
			before := map[history.Partition][]byte{}
			for _, b := range c.Brokers[:2] {
				b.Stop()
				keptBy(t, b, "pair", assigned, before)
			}
		})
	}
}

func TestAnUncleanElectionNeedsALivingReplica(t *testing.T) {
	t.Parallel()
	c, a := behind(t)
	c.Brokers[1].Stop()
	a.until("nobody can be elected", func() error {
		if err := a.electLeaders(uncleanElection, "pair", 0); !errors.Is(err, kerr.EligibleLeadersNotAvailable) {
			return fmt.Errorf("elected: %w", err)
		}
		return nil
	})
}

func TestThePreferredLeaderIsElectedOnRequest(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, nil)
	a := newAdmin(t, c)
	a.createTopic("pair", [][]int32{{0, 1}}, nil)
	if err := a.electLeaders(preferredElection, "pair", 0); !errors.Is(err, kerr.ElectionNotNeeded) {
		t.Errorf("it leads: %v", err)
	}
	if err := a.electLeaders(preferredElection, "nowhere", 0); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("an unknown topic: %v", err)
	}
	c.Brokers[0].Stop()
	a.awaitLeader("pair", 1)
	if err := a.electLeaders(preferredElection, "pair", 0); !errors.Is(err, kerr.PreferredLeaderNotAvailable) {
		t.Errorf("it is down: %v", err)
	}
	c.Brokers[0].Start()
	a.awaitInSync("pair")
	a.awaitLeader("pair", 1)
	if err := a.electLeaders(preferredElection, "pair", 0); err != nil {
		t.Error(err)
	}
	a.awaitLeader("pair", 0)
}

func TestLeadersGoBackToPreferredReplicasByThemselves(t *testing.T) {
	t.Parallel()
	c := threeInProcess(t, map[string]string{"auto.leader.rebalance.enable": "true", "leader.imbalance.check.interval.seconds": "1"})
	a, l := loaded(t, c)
	c.Brokers[0].Restart()
	a.await("each partition is led by its preferred replica", "load", func(p kmsg.MetadataResponseTopicPartition) bool {
		return p.Leader == p.Replicas[0] && len(p.ISR) == 3
	})
	l.goOn()
	l.validate(c)
}
