package group

import (
	"testing"
	"testing/synctest"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

var offsetsPartition = topic.Partition{Topic: topic.ConsumerOffsets}

func offsetEntry(group string, partition int32, offset int64) entry {
	value := &offsetAndMetadata{offset: offset, leaderEpoch: -1, commitTimestamp: now(), expireTimestamp: noTimestamp}
	return entry{offsetKey(group, topic.Partition{Topic: "t", Partition: partition}), offsetValue(value, config.IBP_3_1_IV0)}
}

func tombstoneOf(e entry) entry { return entry{key: e.key} }

// reload loads the log as it is into a new machine.
func (h *harness) reload() {
	h.c.OnResignation(0, nil)
	h.c.OnElection(0, 1)
	synctest.Wait()
}

// offsets gives the visible offsets of a group by partition, nil without group.
func (h *harness) offsets(group string) map[int32]int64 {
	var offsets map[int32]int64
	h.c.runtime.Each(func(m *manager) {
		g := m.groups[group]
		if g == nil {
			return
		}
		offsets = map[int32]int64{}
		for tp, offset := range g.offsets.committed {
			offsets[tp.Partition] = offset.offset
		}
	}, func() {})
	synctest.Wait()
	return offsets
}

func TestLoadOfTransactionalOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		write := func(from producer, entries ...entry) {
			h.log.add(offsetsPartition, buildBatch(record.None, from, 0, entries))
		}
		mark := func(producerID int64, kind record.ControlType) {
			h.log.add(offsetsPartition, record.BuildEndTransactionMarker(producerID, 0, now(), record.EndTransactionMarker{Type: kind}))
		}
		one, two, three := producer{1, 0}, producer{2, 0}, producer{3, 0}
		write(one, offsetEntry("g", 0, 10), offsetEntry("g", 1, 11), offsetEntry("h", 0, 12))
		write(two, offsetEntry("g", 2, 20))
		write(noProducer, offsetEntry("g", 1, 99)) // later in the log than the transaction's
		write(one, tombstoneOf(offsetEntry("h", 0, 0)))
		mark(1, record.ControlCommit)
		mark(2, record.ControlAbort)
		write(three, offsetEntry("only-pending", 0, 30))
		h.reload()
		if got := h.offsets("g"); len(got) != 2 || got[0] != 10 || got[1] != 99 {
			t.Errorf("offsets of g: %v", got)
		}
		if got := h.offsets("h"); got != nil {
			t.Errorf("h, which has nothing, is there: %v", got)
		}
		if got := h.offsets("only-pending"); got == nil || len(got) != 0 {
			t.Errorf("offsets of only-pending: %v", got)
		}
		h.c.OnTransactionCompleted(3, []int32{0, 1}, true)
		synctest.Wait()
		if got := h.offsets("only-pending"); got[0] != 30 {
			t.Errorf("offsets of only-pending after its transaction: %v", got)
		}
	})
}

func TestTransactionThatEndsDuringALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		h.log.add(offsetsPartition, buildBatch(record.None, producer{1, 0}, 0, []entry{offsetEntry("g", 0, 10)}))
		h.log.readGate = make(chan struct{})
		h.c.OnResignation(0, nil)
		h.c.OnElection(0, 1)
		synctest.Wait()
		// The loader reads the log as it was before the marker.
		h.c.OnTransactionCompleted(1, []int32{0}, true)
		close(h.log.readGate)
		synctest.Wait()
		if got := h.offsets("g"); got[0] != 10 {
			t.Errorf("offsets of g: %v", got)
		}
	})
}

func TestLoadOfTombstones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		g := testGroup()
		write := func(entries ...entry) {
			h.log.add(offsetsPartition, buildBatch(record.Zstd, noProducer, 0, entries))
		}
		groupRecord := entry{groupMetadataKey("g"), groupMetadataValue(g, g.assignments(), config.IBP_3_1_IV0)}
		write(groupRecord, offsetEntry("g", 0, 1), offsetEntry("g", 1, 2))
		write(tombstoneOf(offsetEntry("g", 1, 0)), tombstoneOf(groupRecord))
		write(entry{groupMetadataKey("gone"), groupRecord.value}, entry{key: groupMetadataKey("gone")})
		h.reload()
		if got := h.offsets("g"); len(got) != 1 || got[0] != 1 {
			t.Errorf("offsets of g: %v", got)
		}
		if got := h.offsets("gone"); got != nil {
			t.Error("the group with a tombstone is there")
		}
		h.c.runtime.Each(func(m *manager) {
			if g := m.groups["g"]; g.state != empty || len(g.members) != 0 || g.generation != 0 || g.protocolType != "" {
				t.Errorf("the membership survived its tombstone: %+v", g)
			}
		}, func() {})
		synctest.Wait()
	})
}

func TestPartitionWithUnknownKeyIsNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, nil)
		for name, key := range map[string][]byte{"newer version": {0, 3, 0, 1, 'g'}, "no key": nil, "cut off": {0, 1, 0, 9}} {
			h.log.batches, h.log.ends = map[topic.Partition][]record.Batch{}, map[topic.Partition]int64{}
			h.log.add(offsetsPartition, buildBatch(record.None, noProducer, 0, []entry{offsetEntry("g", 0, 1), {key, []byte("v")}}))
			h.reload()
			if h.c.runtime.Status(0) == nil {
				t.Errorf("%s: the partition is served", name)
			}
		}
	})
}
