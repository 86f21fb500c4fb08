package manager

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/vfs"
)

// dirCheckpoints are the offset checkpoint files of a log directory.
type dirCheckpoints struct {
	recoveryPoints  *checkpoint.OffsetCheckpoint
	logStartOffsets *checkpoint.OffsetCheckpoint
	highWatermarks  *checkpoint.OffsetCheckpoint
}

func newDirCheckpoints(fsys vfs.FS, dir string) *dirCheckpoints {
	return &dirCheckpoints{
		recoveryPoints:  checkpoint.NewOffsetCheckpoint(fsys, dir, checkpoint.RecoveryPointFile),
		logStartOffsets: checkpoint.NewOffsetCheckpoint(fsys, dir, checkpoint.LogStartOffsetFile),
		highWatermarks:  checkpoint.NewOffsetCheckpoint(fsys, dir, checkpoint.HighWatermarkFile),
	}
}

// checkpointsOf is nil when the directory is offline.
func (m *LogManager) checkpointsOf(dir string) *dirCheckpoints {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.checkpoints[dir]
}

// diskError takes a directory offline for a failed checkpoint.
func (m *LogManager) diskError(dir, doing string, err error) error {
	if err == nil {
		return nil
	}
	message := fmt.Sprintf("Disk error while %s in directory %s", doing, dir)
	m.failures.MaybeAddOfflineLogDir(dir, message, err)
	return fmt.Errorf("%w: %s: %v", kerr.KafkaStorageError, message, err)
}

// CheckpointLogRecoveryOffsets writes how far each log is flushed.
func (m *LogManager) CheckpointLogRecoveryOffsets() {
	byDir := m.logsByDir()
	for _, dir := range m.LiveLogDirs() {
		m.logFailure(m.checkpointRecoveryOffsetsIn(dir, byDir[dir]))
	}
}

// CheckpointLogStartOffsets writes where each log starts, unless that is the
// start of its first segment.
func (m *LogManager) CheckpointLogStartOffsets() {
	byDir := m.logsByDir()
	for _, dir := range m.LiveLogDirs() {
		m.logFailure(m.checkpointLogStartOffsetsIn(dir, byDir[dir]))
	}
}

func (m *LogManager) logFailure(err error) {
	if err != nil {
		m.logger.WithError(err).Error("Writing a checkpoint failed")
	}
}

// checkpointDir writes both offsets of a directory.
func (m *LogManager) checkpointDir(dir string) error {
	logs := m.logsByDir()[dir]
	return errors.Join(m.checkpointRecoveryOffsetsIn(dir, logs), m.checkpointLogStartOffsetsIn(dir, logs))
}

func (m *LogManager) checkpointRecoveryOffsetsIn(dir string, logs []*log.UnifiedLog) error {
	files := m.checkpointsOf(dir)
	if files == nil {
		return nil
	}
	offsets := make([]checkpoint.PartitionOffset, 0, len(logs))
	for _, unified := range logs {
		offsets = append(offsets, checkpoint.PartitionOffset{Partition: unified.TopicPartition(), Offset: unified.RecoveryPoint()})
	}
	return m.diskError(dir, "writing recovery offsets checkpoint", files.recoveryPoints.Write(offsets))
}

func (m *LogManager) checkpointLogStartOffsetsIn(dir string, logs []*log.UnifiedLog) error {
	files := m.checkpointsOf(dir)
	if files == nil {
		return nil
	}
	var offsets []checkpoint.PartitionOffset
	for _, unified := range logs {
		if start := unified.LogStartOffset(); start > unified.Segments()[0].BaseOffset {
			offsets = append(offsets, checkpoint.PartitionOffset{Partition: unified.TopicPartition(), Offset: start})
		}
	}
	return m.diskError(dir, "writing log start offsets checkpoint", files.logStartOffsets.Write(offsets))
}

// ReadHighWatermarks reads the replication-offset-checkpoint of a directory.
func (m *LogManager) ReadHighWatermarks(dir string) (map[topic.Partition]int64, error) {
	files := m.checkpointsOf(dir)
	if files == nil {
		return nil, fmt.Errorf("%w: log directory %s is offline", kerr.KafkaStorageError, dir)
	}
	offsets, err := files.highWatermarks.Read()
	return offsets, m.diskError(dir, "reading high watermarks", err)
}

// WriteHighWatermarks writes the replication-offset-checkpoint of a directory.
func (m *LogManager) WriteHighWatermarks(dir string, offsets map[topic.Partition]int64) error {
	files := m.checkpointsOf(dir)
	if files == nil {
		return fmt.Errorf("%w: log directory %s is offline", kerr.KafkaStorageError, dir)
	}
	list := make([]checkpoint.PartitionOffset, 0, len(offsets))
	for partition, offset := range offsets {
		list = append(list, checkpoint.PartitionOffset{Partition: partition, Offset: offset})
	}
	return m.diskError(dir, "writing high watermarks", files.highWatermarks.Write(list))
}
