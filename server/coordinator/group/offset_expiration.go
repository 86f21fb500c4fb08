package group

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

// removeExpiredOffsets removes the offsets that are past their retention, and
// groups that have nothing left (KIP-211).
func (c *Coordinator) removeExpiredOffsets() {
	started := time.Now()
	at := now()
	var removed atomic.Int64
	c.runtime.Each(func(m *manager) {
		for _, g := range m.groups {
			removed.Add(int64(m.cleanUp(g, g.expired(at, m.settings.retention))))
		}
	}, func() {
		if removed.Load() > 0 {
			c.managerLog.Infof("%sRemoved %d expired offsets in %d milliseconds.", c.managerPrefix, removed.Load(), time.Since(started).Milliseconds())
		}
	})
}

// OnTopicsDeleted removes the offsets of deleted partitions from all groups.
func (c *Coordinator) OnTopicsDeleted(partitions []topic.Partition) {
	if len(partitions) == 0 {
		return
	}
	var removed atomic.Int64
	c.runtime.Each(func(m *manager) {
		for _, g := range m.groups {
			removed.Add(int64(m.cleanUp(g, partitions)))
		}
	}, func() {
		c.logger.Infof("%sRemoved %d offsets associated with deleted partitions: %s.", c.prefix, removed.Load(), jvm.Joined(partitions, ", "))
	})
}

// partitions lists what there are visible offsets for.
func (o *groupOffsets) partitions() []topic.Partition {
	partitions := make([]topic.Partition, 0, len(o.committed))
	for tp := range o.committed {
		partitions = append(partitions, tp)
	}
	slices.SortFunc(partitions, comparePartitions)
	return partitions
}

func comparePartitions(a, b topic.Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}
