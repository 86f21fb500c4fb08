package cleaner

import (
	"slices"
	"time"
)

// Metrics is the state of the cleaner under Kafka's metric names.
type Metrics struct {
	// Of kafka.log:type=LogCleaner.
	MaxBufferUtilizationPercent float64
	CleanerRecopyPercent        float64
	MaxCleanTimeSecs            float64
	MaxCompactionDelaySecs      float64
	// Of kafka.log:type=LogCleanerManager.
	MaxDirtyPercent    float64
	TimeSinceLastRunMs float64
	// Partitions whose cleaning failed, and their dirty bytes, by directory.
	UncleanableCount map[string]int
	UncleanableBytes map[string]int64
}

// Metrics gives the state now.
func (c *LogCleaner) Metrics() Metrics {
	metrics := Metrics{UncleanableCount: map[string]int{}, UncleanableBytes: map[string]int64{}}
	c.mu.Lock()
	threads := slices.Clone(c.threads)
	c.mu.Unlock()
	read, written := int64(0), int64(0)
	for _, thread := range threads {
		thread.mu.Lock()
		last, found := thread.last, thread.lastFound
		thread.mu.Unlock()
		read, written = read+last.bytesRead, written+last.bytesWritten
		metrics.MaxBufferUtilizationPercent = max(metrics.MaxBufferUtilizationPercent, 100*last.bufferUtilization)
		metrics.MaxCleanTimeSecs = max(metrics.MaxCleanTimeSecs, last.elapsed())
		metrics.MaxCompactionDelaySecs = max(metrics.MaxCompactionDelaySecs, float64(found.maxDelayMs)/1000)
	}
	metrics.CleanerRecopyPercent = 100 * float64(written) / float64(max(read, 1))
	c.manager.fill(&metrics)
	return metrics
}

func (m *cleanerManager) fill(metrics *Metrics) {
	m.mu.Lock()
	defer m.mu.Unlock()
	metrics.MaxDirtyPercent = 100 * m.dirtiest
	metrics.TimeSinceLastRunMs = float64(time.Since(m.lastRun).Milliseconds())
	if len(m.uncleanable) == 0 {
		return
	}
	checkpointed := m.allCheckpointsLocked()
	now := time.Now().UnixMilli()
	for dir, partitions := range m.uncleanable {
		metrics.UncleanableCount[dir] = len(partitions)
		for partition := range partitions {
			unified := m.logs.GetLog(partition, false)
			if unified == nil {
				continue
			}
			last, known := checkpointed[partition]
			// A log that cannot even be looked at counts with nothing.
			if offsets, err := cleanableOffsets(unified, last, known, now); err == nil {
				_, bytes := cleanableBytes(unified, offsets.firstDirty, offsets.firstUncleanable)
				metrics.UncleanableBytes[dir] += bytes
			}
		}
	}
}
