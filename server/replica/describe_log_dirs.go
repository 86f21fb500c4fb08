package replica

import (
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/protocol"
)

// DescribeLogDirs describes every log directory and the partitions in it that
// include accepts; nil accepts all. Topics without such partitions are left
// out (KAFKA-16807).
func (m *ReplicaManager) DescribeLogDirs(include func(topic.Partition) bool) []kmsg.DescribeLogDirsResponseDir {
	logsByDir := map[string][]*log.UnifiedLog{}
	for _, local := range m.logManager.AllLogs() {
		if include == nil || include(local.TopicPartition()) {
			logsByDir[local.ParentDir()] = append(logsByDir[local.ParentDir()], local)
		}
	}
	var dirs []kmsg.DescribeLogDirsResponseDir
	for _, dir := range m.options.Config.Load().LogDirs() {
		if absolute, err := filepath.Abs(dir); err == nil {
			dir = absolute
		}
		description := kmsg.DescribeLogDirsResponseDir{Dir: dir, TotalBytes: -1, UsableBytes: -1}
		online, err := m.logManager.IsLogDirOnline(dir)
		if err == nil && !online {
			err = kerr.KafkaStorageError
		}
		if err != nil {
			m.log.WithError(err).Warnf("%sUnable to describe replica dirs for %s", m.prefix, dir)
			description.ErrorCode = protocol.ErrorCode(err)
		} else {
			description.Topics = m.describeLogs(logsByDir[dir])
		}
		dirs = append(dirs, description)
	}
	return dirs
}

func (m *ReplicaManager) describeLogs(logs []*log.UnifiedLog) []kmsg.DescribeLogDirsResponseDirTopic {
	var topics []kmsg.DescribeLogDirsResponseDirTopic
	places := map[string]int{}
	for _, local := range logs {
		tp := local.TopicPartition()
		at, ok := places[tp.Topic]
		if !ok {
			at = len(topics)
			places[tp.Topic] = at
			topics = append(topics, kmsg.DescribeLogDirsResponseDirTopic{Topic: tp.Topic})
		}
		topics[at].Partitions = append(topics[at].Partitions, kmsg.DescribeLogDirsResponseDirTopicPartition{
			Partition: tp.Partition, Size: local.Size(), OffsetLag: m.logEndOffsetLag(local), IsFuture: local.IsFuture(),
		})
	}
	return topics
}

// logEndOffsetLag is how far a current log is behind the high watermark, and a
// future log behind the current one; -1 when the partition is not hosted.
func (m *ReplicaManager) logEndOffsetLag(described *log.UnifiedLog) int64 {
	current := m.LocalLog(described.TopicPartition())
	switch {
	case current == nil:
		return unknownOffset
	case described.IsFuture():
		return current.LogEndOffset() - described.LogEndOffset()
	default:
		return max(current.HighWatermark()-described.LogEndOffset(), 0)
	}
}
