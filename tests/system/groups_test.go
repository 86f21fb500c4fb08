package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// member is a consumer of a group that commits what it was given.
type member struct {
	client   *kgo.Client
	assigned atomic.Bool // whether it had partitions at some time
	working  sync.WaitGroup
	end      context.CancelFunc

	mu   sync.Mutex
	next map[int32]int64 // of each partition, what comes after the last record
}

// join has a member read "load" until the test ends.
func join(t *testing.T, c *framework.Brokers, group string) *member {
	t.Helper()
	m := &member{next: map[int32]int64{}}
	m.client = connect(t, addresses(c), kgo.ConsumerGroup(group), kgo.ConsumeTopics("load"), kgo.DisableAutoCommit(),
		kgo.SessionTimeout(30*time.Second), kgo.HeartbeatInterval(200*time.Millisecond), kgo.Balancers(kgo.RangeBalancer()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { m.assigned.Store(true) }))
	ctx, end := context.WithCancel(context.Background())
	m.end = end
	m.working.Go(func() {
		for ctx.Err() == nil {
			m.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.next[r.Partition] = max(m.next[r.Partition], r.Offset+1)
			})
			_ = m.client.CommitUncommittedOffsets(ctx) // what fails is committed with what comes later
		}
	})
	t.Cleanup(m.leave)
	return m
}

// id is what the coordinator calls the member.
func (m *member) id() string {
	id, _ := m.client.GroupMetadata()
	return id
}

func (m *member) leave() {
	m.end()
	m.working.Wait()
	m.client.Close()
}

// positions adds what the member was given to those of others.
func (m *member) positions(all map[int32]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for partition, next := range m.next {
		all[partition] = max(all[partition], next)
	}
}

// committed asks the coordinator how far a group is.
func (a *admin) committed(group string, partitions int32) (offsets map[int32]int64, err error) {
	ask := kmsg.NewPtrOffsetFetchRequest()
	ask.Group = group
	topic := kmsg.OffsetFetchRequestTopic{Topic: "load"}
	named := kmsg.OffsetFetchRequestGroup{Group: group}
	for partition := range partitions {
		topic.Partitions = append(topic.Partitions, partition)
	}
	ask.Topics = append(ask.Topics, topic)
	named.Topics = append(named.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: "load", Partitions: topic.Partitions})
	ask.Groups = append(ask.Groups, named)
	response, err := request(a, ask)
	if err != nil {
		return nil, err
	}
	offsets = map[int32]int64{}
	for _, group := range response.Groups {
		err = errors.Join(err, kerr.ErrorForCode(group.ErrorCode))
		for _, topic := range group.Topics {
			for _, partition := range topic.Partitions {
				offsets[partition.Partition] = partition.Offset
			}
		}
	}
	return offsets, err
}

// coordinator is the broker that coordinates a group.
func (a *admin) coordinator(group string) (id int) {
	a.t.Helper()
	ask := kmsg.NewPtrFindCoordinatorRequest()
	ask.CoordinatorKey, ask.CoordinatorKeys = group, []string{group}
	a.until("the coordinator is found", func() error {
		response, err := request(a, ask)
		if err != nil {
			return err
		}
		for _, found := range response.Coordinators {
			id = int(found.NodeID)
			return kerr.ErrorForCode(found.ErrorCode)
		}
		id = int(response.NodeID)
		return kerr.ErrorForCode(response.ErrorCode)
	})
	return id
}

// awaitCommitted waits until the group's commits are what its members were given.
func (a *admin) awaitCommitted(group string, members ...*member) {
	a.t.Helper()
	a.until("commits reach the positions", func() error {
		positions := map[int32]int64{}
		for _, m := range members {
			m.positions(positions)
		}
		offsets, err := a.committed(group, 3)
		if err != nil {
			return err
		}
		if len(positions) < 3 {
			return fmt.Errorf("positions are %v", positions)
		}
		for partition, position := range positions {
			if offsets[partition] < position {
				return fmt.Errorf("partition %d is committed up to %d of %d", partition, offsets[partition], position)
			}
		}
		return nil
	})
}

// TestAGroupRidesOutItsCoordinators ends the group's coordinator again and again,
// cleanly and not: no member is forgotten, and no commit is lost.
func TestAGroupRidesOutItsCoordinators(t *testing.T) {
	t.Parallel()
	c := threeProcesses(t)
	a, l := loaded(t, c)
	one, other := join(t, c, "readers"), join(t, c, "readers")
	framework.Until(t, patience, "both members read", func() bool {
		return one.assigned.Load() && other.assigned.Load()
	})
	a.awaitCommitted("readers", one, other)
	ids := []string{one.id(), other.id()}
	for i, end := range []func(*framework.Broker){(*framework.Broker).Stop, (*framework.Broker).Kill, (*framework.Broker).Stop, (*framework.Broker).Kill} {
		was, err := a.committed("readers", 3)
		if err != nil {
			t.Fatal(err)
		}
		coordinator := c.Brokers[a.coordinator("readers")]
		end(coordinator)
		framework.Until(t, patience, "another broker coordinates", func() bool { return a.coordinator("readers") != coordinator.ID })
		a.until("commits are known", func() error {
			now, err := a.committed("readers", 3)
			for partition, offset := range was {
				if err == nil && now[partition] < offset {
					t.Errorf("round %d: partition %d was committed up to %d and is up to %d", i, partition, offset, now[partition])
				}
			}
			return err
		})
		l.goOn()
		a.awaitCommitted("readers", one, other)
		coordinator.Start()
		a.awaitInSync("load")
		a.awaitInSync("__consumer_offsets")
	}
	if now := []string{one.id(), other.id()}; !slices.Equal(now, ids) {
		t.Errorf("the members were %q and are %q", ids, now)
	}
	l.validate(c)
}
