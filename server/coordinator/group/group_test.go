package group

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/server/protocol"
)

var quiet = func() *logrus.Entry {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return logrus.NewEntry(logger)
}()

func TestPartitionFor(t *testing.T) {
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "z", "offsets.topic.segment.bytes": "1024"})
	if err != nil {
		t.Fatal(err)
	}
	count := int32(50)
	c := New(config.NewCurrent(cfg), func() int32 { return count }, newMemoryLog(), quiet)
	if got := c.PartitionFor("console-consumer-12345"); got != 158455506%50 {
		t.Errorf("partition %d before the start", got)
	}
	c.Start()
	defer c.Close()
	count = 7
	if got := c.PartitionFor("console-consumer-12345"); got != 158455506%50 {
		t.Errorf("partition %d; groups must not move", got)
	}
	if got := c.OffsetsTopicConfigs(); got["cleanup.policy"] != "compact" || got["segment.bytes"] != "1024" || got["compression.type"] != "producer" || len(got) != 3 {
		t.Errorf("topic configs %v", got)
	}
}

// checkGroup asserts what must hold of a group between two events.
func checkGroup(t *testing.T, g *group) {
	t.Helper()
	awaiting, pendingSyncs := 0, 0
	supported := map[string]int{}
	if len(g.order) != len(g.members) {
		t.Errorf("%d members in order, %d by id", len(g.order), len(g.members))
	}
	for _, m := range g.order {
		if g.members[m.id] != m {
			t.Errorf("member %s is not found by its id", m.id)
		}
		if m.instanceID != nil && g.static[*m.instanceID] != m {
			t.Errorf("member %s is not found by its instance", m.id)
		}
		if g.isPending(m.id) {
			t.Errorf("member %s is also pending", m.id)
		}
		if m.awaitingJoin != nil {
			awaiting++
		}
		if m.pendingSync {
			pendingSyncs++
		}
		if m.awaitingSync != nil && g.state != completingRebalance {
			t.Errorf("member %s waits for its assignment in state %s", m.id, g.state)
		}
		for _, p := range m.protocols {
			supported[p.name]++
		}
	}
	if awaiting != g.awaitingJoin || pendingSyncs != g.pendingSyncs {
		t.Errorf("counted %d and %d, the group has %d and %d", awaiting, pendingSyncs, g.awaitingJoin, g.pendingSyncs)
	}
	if fmt.Sprint(supported) != fmt.Sprint(g.supported) {
		t.Errorf("supported %v, the group has %v", supported, g.supported)
	}
	if len(g.members) > 0 && g.members[g.leader] == nil || len(g.members) == 0 && g.leader != "" {
		t.Errorf("leader %q is no member", g.leader)
	}
	if (g.state == stable || g.state == completingRebalance) && len(g.members) == 0 || g.state == empty && len(g.members) > 0 {
		t.Errorf("%d members in state %s", len(g.members), g.state)
	}
}

// walker does random things to a coordinator, checks the groups after each and
// (through the harness) that every request is answered exactly once.
type walker struct {
	*harness
	random *rand.Rand
	calls  int
}

func TestRandomWalk(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &walker{newHarness(t, map[string]string{"group.max.size": "4", "offsets.retention.minutes": "1",
					"offsets.retention.check.interval.ms": "10000"}), rand.New(rand.NewPCG(seed, 1)), 0}
				for range 300 {
					w.step()
					w.check()
				}
			})
		})
	}
}

func (w *walker) check() {
	w.flush()
	w.c.runtime.Each(func(m *manager) {
		for _, g := range m.groups {
			checkGroup(w.t, g)
		}
	}, func() {})
	synctest.Wait()
}

// anyMember picks an id that was handed out, or none.
func (w *walker) anyMember() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := []string{""}
	for _, id := range w.memberIDs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = ids[max(0, len(ids)-6):]
	return ids[w.random.IntN(len(ids))]
}

// generation is that of the group or a stale one.
func (w *walker) generation() int32 {
	current := int32(-1)
	w.c.runtime.Each(func(m *manager) {
		if g := m.groups["g"]; g != nil {
			current = g.generation
		}
	}, func() {})
	synctest.Wait()
	return current - int32(w.random.IntN(8)/7)
}

func (w *walker) step() {
	w.calls++
	label := "r" + strconv.Itoa(w.calls)
	var instance *string
	if w.random.IntN(3) == 0 {
		name := "i" + strconv.Itoa(w.random.IntN(2))
		instance = &name
	}
	switch w.random.IntN(14) {
	case 0, 1, 2, 3:
		w.join(label, instance)
	case 4, 5, 6:
		req := kmsg.NewPtrSyncGroupRequest()
		req.Version, req.Group, req.MemberID, req.Generation, req.InstanceID = 4, "g", w.anyMember(), w.generation(), instance
		call(w.harness, label, w.c.SyncGroup, req, "c")
	case 7:
		req := kmsg.NewPtrHeartbeatRequest()
		req.Version, req.Group, req.MemberID, req.Generation, req.InstanceID = 4, "g", w.anyMember(), w.generation(), instance
		call(w.harness, label, w.c.Heartbeat, req, "c")
	case 8:
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Version, req.Group = 4, "g"
		req.Members = []kmsg.LeaveGroupRequestMember{{MemberID: w.anyMember(), InstanceID: instance}}
		call(w.harness, label, w.c.LeaveGroup, req, "c")
	case 9:
		w.commit(label, instance)
	case 10:
		w.appends()
	case 11:
		if w.random.IntN(10) == 0 {
			w.c.OnResignation(0, nil)
			w.c.OnElection(0, 1)
		}
	default:
		time.Sleep(time.Duration(w.random.IntN(4000)) * time.Millisecond)
	}
}

func (w *walker) join(label string, instance *string) {
	req := kmsg.NewPtrJoinGroupRequest()
	req.Version, req.Group, req.ProtocolType = int16(3+w.random.IntN(5)), "g", "consumer"
	req.MemberID, req.InstanceID = w.anyMember(), instance
	if instance != nil && w.random.IntN(2) == 0 {
		req.MemberID = ""
	}
	req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 6000, int32(w.random.IntN(10000))
	for _, name := range []string{"a", "b"}[w.random.IntN(2):] {
		req.Protocols = append(req.Protocols, kmsg.JoinGroupRequestProtocol{Name: name, Metadata: []byte{byte(w.random.IntN(2))}})
	}
	call(w.harness, label, w.c.JoinGroup, req, "c")
}

func (w *walker) commit(label string, instance *string) {
	if w.random.IntN(2) == 0 {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Version, req.Group, req.MemberID, req.Generation, req.InstanceID = 8, "g", w.anyMember(), w.generation(), instance
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: 1}}}}
		call(w.harness, label, w.c.OffsetCommit, req, "c")
		return
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.Version, req.Group, req.Generation, req.ProducerID = 3, "g", -1, int64(w.random.IntN(2))
	req.Topics = []kmsg.TxnOffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.TxnOffsetCommitRequestTopicPartition{{Offset: 1}}}}
	call(w.harness, label, w.c.TxnOffsetCommit, req, "c")
	if w.random.IntN(2) == 0 {
		w.c.OnTransactionCompleted(req.ProducerID, []int32{0}, w.random.IntN(2) == 0)
	}
}

func (w *walker) appends() {
	w.log.mu.Lock()
	w.log.fail = []error{nil, nil, kerr.NotEnoughReplicas, kerr.RequestTimedOut}[w.random.IntN(4)]
	hold := w.random.IntN(2) == 0
	w.log.hold = hold
	w.log.mu.Unlock()
	if !hold {
		w.log.release(w.random.IntN(2) == 0)
	}
}

// TestManyClientsAtOnce has real goroutines and time, for the race detector.
func TestManyClientsAtOnce(t *testing.T) {
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "z", "group.initial.rebalance.delay.ms": "1"})
	if err != nil {
		t.Fatal(err)
	}
	const partitions = 4
	c := New(config.NewCurrent(cfg), func() int32 { return partitions }, newMemoryLog(), quiet)
	c.Start()
	defer c.Close()
	for partition := range int32(partitions) {
		c.OnElection(partition, 1)
	}
	for c.runtime.Loading() {
		time.Sleep(time.Millisecond)
	}
	var clients sync.WaitGroup
	for i := range 12 {
		clients.Go(func() { commitFetchAndList(t, c, "group-"+strconv.Itoa(i%5), int32(i)) })
	}
	clients.Wait()
}

func commitFetchAndList(t *testing.T, c *Coordinator, group string, partition int32) {
	ctx := &protocol.RequestContext{}
	for offset := range int64(50) {
		commit := kmsg.NewPtrOffsetCommitRequest()
		commit.Version, commit.Group, commit.Generation = 8, group, -1
		commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: partition, Offset: offset}}}}
		committed := make(chan *kmsg.OffsetCommitResponse, 1)
		c.OffsetCommit(ctx, commit, func(r *kmsg.OffsetCommitResponse) { committed <- r })
		if code := (<-committed).Topics[0].Partitions[0].ErrorCode; code != 0 {
			t.Errorf("commit: %v", kerr.ErrorForCode(code))
		}
		fetch := kmsg.NewPtrOffsetFetchRequest()
		fetch.Version = 8
		fetch.Groups = []kmsg.OffsetFetchRequestGroup{{Group: group, Topics: []kmsg.OffsetFetchRequestGroupTopic{{Topic: "t", Partitions: []int32{partition}}}}, {Group: "other"}}
		fetched := make(chan *kmsg.OffsetFetchResponse, 1)
		c.OffsetFetch(ctx, fetch, func(r *kmsg.OffsetFetchResponse) { fetched <- r })
		if got := (<-fetched).Groups[0].Topics[0].Partitions[0].Offset; got != offset {
			t.Errorf("fetched %d after a commit of %d", got, offset)
		}
		list := kmsg.NewPtrListGroupsRequest()
		listed := make(chan *kmsg.ListGroupsResponse, 1)
		c.ListGroups(ctx, list, func(r *kmsg.ListGroupsResponse) { listed <- r })
		if got := (<-listed).Groups; len(got) == 0 {
			t.Error("no group is listed")
		}
	}
}

func TestNotStarted(t *testing.T) {
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "z"})
	if err != nil {
		t.Fatal(err)
	}
	c := New(config.NewCurrent(cfg), func() int32 { return 1 }, newMemoryLog(), quiet)
	ask := func() (join, list int16) {
		c.JoinGroup(&protocol.RequestContext{}, &kmsg.JoinGroupRequest{Group: "g"}, func(r *kmsg.JoinGroupResponse) { join = r.ErrorCode })
		c.ListGroups(&protocol.RequestContext{}, &kmsg.ListGroupsRequest{}, func(r *kmsg.ListGroupsResponse) { list = r.ErrorCode })
		return join, list
	}
	unavailable := kerr.CoordinatorNotAvailable.Code
	if join, list := ask(); join != unavailable || list != unavailable {
		t.Errorf("before the start: %d, %d", join, list)
	}
	c.Start()
	c.Close()
	c.Close()
	if join, list := ask(); join != unavailable || list != unavailable {
		t.Errorf("after the end: %d, %d", join, list)
	}
}

func TestStringsThatFitNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		long := string(make([]byte, maxString+1))
		for name, change := range map[string]func(*kmsg.JoinGroupRequest){
			"group":    func(r *kmsg.JoinGroupRequest) { r.Group = long },
			"member":   func(r *kmsg.JoinGroupRequest) { r.MemberID = long },
			"instance": func(r *kmsg.JoinGroupRequest) { instance := long[uuidLength:]; r.InstanceID = &instance },
			"type":     func(r *kmsg.JoinGroupRequest) { r.ProtocolType = long },
			"protocol": func(r *kmsg.JoinGroupRequest) { r.Protocols[0].Name = long },
		} {
			req := kmsg.NewPtrJoinGroupRequest()
			req.Version, req.Group, req.ProtocolType, req.SessionTimeoutMillis = 7, "g", "consumer", 10000
			req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
			change(req)
			want := kerr.InvalidRequest.Code
			if name == "group" {
				want = kerr.InvalidGroupID.Code
			}
			h.c.JoinGroup(&protocol.RequestContext{}, req, func(r *kmsg.JoinGroupResponse) {
				if r.ErrorCode != want {
					t.Errorf("%s: got %v", name, kerr.ErrorForCode(r.ErrorCode))
				}
			})
			synctest.Wait()
		}
	})
}

func TestAcksOfWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, map[string]string{"offsets.commit.required.acks": "1", "offsets.topic.compression.codec": "1"})
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Version, req.Group, req.Generation = 8, "g", -1
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{}}}}
		call(h, "commit", h.c.OffsetCommit, req, "c")
		synctest.Wait()
		h.c.OnTopicsDeleted([]topic.Partition{{Topic: "t"}})
		synctest.Wait()
		if want := []int16{1, 0}; !slices.Equal(h.log.acks, want) {
			t.Errorf("acks %v, want %v", h.log.acks, want)
		}
		for _, batch := range h.log.batches[topic.Partition{Topic: topic.ConsumerOffsets}] {
			if batch.Compression() != record.Gzip {
				t.Errorf("compressed by %s", batch.Compression())
			}
		}
	})
}

func TestManyTombstonesAreSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		req := kmsg.NewPtrOffsetCommitRequest()
		req.Version, req.Group, req.Generation = 8, "g", -1
		partitions := make([]kmsg.OffsetCommitRequestTopicPartition, 2500)
		for i := range partitions {
			partitions[i].Partition = int32(i)
		}
		req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: partitions}}
		call(h, "commit", h.c.OffsetCommit, req, "c")
		synctest.Wait()
		h.c.DeleteGroups(nil, &kmsg.DeleteGroupsRequest{Groups: []string{"g"}}, func(*kmsg.DeleteGroupsResponse) {})
		synctest.Wait()
		var counts []int32
		for _, batch := range h.log.batches[topic.Partition{Topic: topic.ConsumerOffsets}] {
			counts = append(counts, batch.Count())
		}
		if want := []int32{2500, 1000, 1000, 500}; !slices.Equal(counts, want) {
			t.Errorf("batches of %v records, want %v", counts, want)
		}
	})
}
