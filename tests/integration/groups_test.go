package integration

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	godiff "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// groupTest is a topic, members of one group that read it, and what each got.
type groupTest struct {
	*testing.T
	client       client
	bootstrap    string
	topic, group string
	partitions   int32
	rounds       int
	members      map[string]member
	got          map[string]*inbox
}

func newGroupTest(t *testing.T, c *framework.InProcess, one client, partitions int32) *groupTest {
	g := &groupTest{
		T: t, client: one, bootstrap: c.Bootstrap(), topic: "shared-" + one.name(), group: "group-" + one.name(),
		partitions: partitions, members: map[string]member{}, got: map[string]*inbox{},
	}
	createTopic(t, g.bootstrap, g.topic, partitions, nil)
	t.Cleanup(func() {
		for _, left := range g.members {
			left.leave()
		}
	})
	return g
}

func (g *groupTest) join(names ...string) {
	for _, name := range names {
		g.got[name] = &inbox{}
		g.members[name] = g.client.consume(g, g.bootstrap, g.group, g.topic, g.got[name].add)
	}
}

func (g *groupTest) end(name string, how func(member)) {
	how(g.members[name])
	delete(g.members, name)
}

// settle waits until the group is stable with all partitions given to the members
// that are in it, none of them idle.
func (g *groupTest) settle() {
	g.Helper()
	framework.Until(g, patience, fmt.Sprintf("the group settles with %d members", len(g.members)), func() bool {
		described, err := describeGroup(g, g.bootstrap, g.group)
		if err != nil {
			return false
		}
		assigned := int32(0)
		for _, m := range described.Members {
			mine := assignedPartitions(g, m.MemberAssignment)
			if mine == 0 {
				return false
			}
			assigned += mine
		}
		return described.State == "Stable" && len(described.Members) == len(g.members) && assigned == g.partitions
	})
}

// round sends records to every partition and holds the members to getting each of
// them once, every member some.
func (g *groupTest) round() {
	g.Helper()
	g.rounds++
	prefix := fmt.Sprintf("round-%d-", g.rounds)
	var sent []string
	for partition := range g.partitions {
		for i := range 5 {
			sent = append(sent, fmt.Sprintf("%s%d-%d", prefix, partition, i))
		}
	}
	produceEvenly(g, g.bootstrap, g.topic, g.partitions, sent)
	var received []string
	framework.Until(g, patience, prefix+"arrives", func() bool {
		received = nil
		for name := range g.members {
			received = append(received, values(g.got[name].having(prefix))...)
		}
		return len(received) >= len(sent)
	})
	slices.Sort(received)
	slices.Sort(sent)
	if diff := godiff.Diff(sent, received); diff != "" {
		g.Errorf("%s: the group got other records than were sent:\n%s", prefix, diff)
	}
	for name := range g.members {
		if len(g.got[name].having(prefix)) == 0 {
			g.Errorf("%s: member %s got nothing", prefix, name)
		}
	}
}

// describeGroup asks the coordinator, which may not be there yet.
func describeGroup(t testing.TB, bootstrap, group string) (kmsg.DescribeGroupsResponseGroup, error) {
	t.Helper()
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{group}
	connected := connect(t, bootstrap)
	defer connected.Close()
	response, err := request.RequestWith(context.Background(), connected)
	if err != nil {
		return kmsg.DescribeGroupsResponseGroup{}, err
	}
	return response.Groups[0], kerr.ErrorForCode(response.Groups[0].ErrorCode)
}

func assignedPartitions(t testing.TB, assignment []byte) int32 {
	t.Helper()
	if len(assignment) == 0 {
		return 0
	}
	var parsed kmsg.ConsumerMemberAssignment
	if err := parsed.ReadFrom(assignment); err != nil {
		t.Fatalf("an assignment of version %d: %v", binary.BigEndian.Uint16(assignment), err)
	}
	count := int32(0)
	for _, topic := range parsed.Topics {
		count += int32(len(topic.Partitions))
	}
	return count
}

// TestMembersComeAndGo has members join, leave and crash; the group shares the
// partitions among those that are left.
func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {

		g := newGroupTest(t, c, one, 4)
		for _, step := range []struct {
			name   string
			change func()
		}{
			{"one member has all", func() { g.join("a") }},
			{"a second shares", func() { g.join("b") }},
			{"two more share", func() { g.join("c", "d") }},
			{"one leaves", func() { g.end("a", member.leave) }},
			{"one crashes", func() { g.end("b", member.crash) }},
			{"one comes back", func() { g.join("b") }},
			{"all but one leave", func() { g.end("c", member.leave); g.end("d", member.leave) }},
		} {
			t.Log(step.name)
			step.change()
			g.settle()
			g.round()
		}
	})
}

// TestGroupsDoNotShare has two groups: each gets everything.
func TestGroupsDoNotShare(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		topic := "broadcast-" + one.name()
		createTopic(t, c.Bootstrap(), topic, 2, nil)
		sent := numbered(topic, "value-", 200)
		one.send(t, c.Bootstrap(), sent, delivery{})
		for _, group := range []string{"first-", "second-"} {
			var box inbox
			joined := one.consume(t, c.Bootstrap(), group+one.name(), topic, box.add)
			got := values(box.await(t, len(sent)))
			joined.leave()
			slices.Sort(got)
			if diff := godiff.Diff(values(sent), got); diff != "" {
				t.Errorf("group %s:\n%s", group, diff)
			}
		}
	})
}

// TestCommitsSurviveRestart reads on behind the commit after the broker came back.
func TestCommitsSurviveRestart(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	for _, one := range clients() {
		topic := "kept-" + one.name()
		createTopic(t, c.Bootstrap(), topic, 1, nil)
		one.send(t, c.Bootstrap(), numbered(topic, "before-", 50), delivery{})
		var box inbox
		joined := one.consume(t, c.Bootstrap(), "group-"+one.name(), topic, box.add)
		box.await(t, 50)
		joined.leave()
	}
	c.Restart()
	for _, one := range clients() {
		t.Run(one.name(), func(t *testing.T) {
			topic := "kept-" + one.name()
			after := numbered(topic, "after-", 50)
			one.send(t, c.Bootstrap(), after, delivery{})
			var box inbox
			joined := one.consume(t, c.Bootstrap(), "group-"+one.name(), topic, box.add)
			defer joined.leave()
			got := box.await(t, 50)
			if diff := godiff.Diff(values(after), values(got)); diff != "" {
				t.Errorf("the group reads on elsewhere:\n%s", diff)
			}
			if got[0].offset != 50 {
				t.Errorf("the group reads on at %d, want 50", got[0].offset)
			}
		})
	}
}

// TestMembersRideOutARestart restarts the broker under running members. Kcat is
// left out: it ends when no broker can be reached.
func TestMembersRideOutARestart(t *testing.T) {
	t.Parallel()
	for _, one := range libraries {
		t.Run(one.name(), func(t *testing.T) {
			c := framework.StartInProcess(t, nil)
			g := newGroupTest(t, c, one, 2)
			g.join("a", "b")
			g.settle()
			g.round()
			c.Restart()
			g.settle()
			g.round()
		})
	}
}
