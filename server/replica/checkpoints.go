package replica

import (
	"maps"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
)

// lazyCheckpoints reads each directory's high watermark file when a log in it
// is first opened, as LazyOffsetCheckpoints; it lives for one request.
type lazyCheckpoints struct {
	manager *ReplicaManager
	read    map[string]map[topic.Partition]int64
}

func (m *ReplicaManager) newLazyCheckpoints() *lazyCheckpoints {
	return &lazyCheckpoints{manager: m, read: map[string]map[topic.Partition]int64{}}
}

// Fetch gives the checkpointed high watermark of a partition.
func (c *lazyCheckpoints) Fetch(logDir string, tp topic.Partition) (int64, bool) {
	offsets, ok := c.read[logDir]
	if !ok {
		var err error
		if offsets, err = c.manager.logManager.ReadHighWatermarks(logDir); err != nil {
			c.manager.log.WithError(err).Errorf("%sError while reading the highwatermark file in directory %s", c.manager.prefix, logDir)
		}
		c.read[logDir] = offsets
	}
	offset, ok := offsets[tp]
	return offset, ok
}

// startCheckpointsLocked starts the periodic checkpoint with the first
// LeaderAndIsr: before it the partitions are not known, and a checkpoint would
// forget their high watermarks.
func (m *ReplicaManager) startCheckpointsLocked() {
	if m.checkpointing || m.shuttingDown.Load() {
		return
	}
	m.checkpointing = true
	interval := config.ReplicaHighWatermarkCheckpointIntervalMs.Get(m.options.Config.Load())
	m.every(time.Duration(interval)*time.Millisecond, m.CheckpointHighWatermarks)
}

// CheckpointHighWatermarks writes the high watermarks of all partitions, to
// each log directory those of its logs. A directory whose watermarks are those
// of the last time is left alone.
func (m *ReplicaManager) CheckpointHighWatermarks() {
	m.checkpointMu.Lock()
	defer m.checkpointMu.Unlock()
	byDir := map[string]map[topic.Partition]int64{}
	put := func(local *log.UnifiedLog) {
		if local == nil {
			return
		}
		offsets := byDir[local.ParentDir()]
		if offsets == nil {
			offsets = map[topic.Partition]int64{}
			byDir[local.ParentDir()] = offsets
		}
		offsets[local.TopicPartition()] = local.HighWatermark()
	}
	m.partitions.eachOnline(func(p *cluster.Partition) {
		put(p.Log())
		put(p.FutureLog())
	})
	for dir, offsets := range byDir {
		if maps.Equal(offsets, m.checkpointed[dir]) {
			continue
		}
		if err := m.logManager.WriteHighWatermarks(dir, offsets); err != nil {
			m.log.WithError(err).Errorf("%sError while writing to highwatermark file in directory %s", m.prefix, dir)
			continue
		}
		m.checkpointed[dir] = offsets
	}
}
