package replica

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
)

// maxDirName is the longest name of a file in the usual file systems.
const maxDirName = 255

// AlterReplicaLogDirs begins to move partitions to the log directories given
// (KIP-113), and gives the errors of those that cannot. A partition that is not
// here is remembered: it will be created in that directory.
func (m *ReplicaManager) AlterReplicaLogDirs(dirs map[topic.Partition]string) map[topic.Partition]error {
	m.stateChangeMu.Lock()
	defer m.stateChangeMu.Unlock()
	results := make(map[topic.Partition]error, len(dirs))
	checkpoints := m.newLazyCheckpoints()
	for tp, dir := range dirs {
		err := m.alterReplicaLogDirLocked(tp, dir, checkpoints)
		switch {
		case err == nil:
		case errors.Is(err, kerr.NotLeaderForPartition):
			m.log.WithError(err).Warnf("%sUnable to alter log dirs for %s", m.prefix, tp)
			err = kerr.ReplicaNotAvailable
		case errors.Is(err, kerr.InvalidTopicException), errors.Is(err, kerr.LogDirNotFound), errors.Is(err, kerr.KafkaStorageError):
			m.log.WithError(err).Warnf("%sUnable to alter log dirs for %s", m.prefix, tp)
		default:
			m.log.WithError(err).Errorf("%sError while changing replica dir for partition %s", m.prefix, tp)
		}
		results[tp] = err
	}
	return results
}

func (m *ReplicaManager) alterReplicaLogDirLocked(tp topic.Partition, dir string, checkpoints *lazyCheckpoints) error {
	if len(log.FutureDirName(tp)) > maxDirName {
		return fmt.Errorf("The topic name is too long: %w", kerr.InvalidTopicException)
	}
	online, err := m.logManager.IsLogDirOnline(dir)
	if err != nil {
		return err
	}
	if !online || m.options.LogDirFailures.HasOfflineLogDir(dir) {
		return fmt.Errorf("Log directory %s is offline: %w", dir, kerr.KafkaStorageError)
	}
	entry := m.partitions.get(tp)
	if entry.offline {
		return fmt.Errorf("Partition %s is offline: %w", tp, kerr.KafkaStorageError)
	}
	if entry.partition != nil && entry.partition.FutureReplicaDirChanged(dir) {
		m.movers.removeFetcherForPartitions([]topic.Partition{tp})
		if err := entry.partition.RemoveFutureLocalReplica(); err != nil {
			return err
		}
	}
	if topic.Validate(tp.Topic) == nil && tp.Partition >= 0 {
		m.logManager.MaybeUpdatePreferredLogDir(tp, dir)
	}
	partition, err := m.onlineOrError(tp, entry)
	if err != nil {
		return err
	}
	// Fails while a log directory is offline: there may be a future log in it.
	created, err := partition.MaybeCreateFutureReplica(dir, checkpoints)
	if err != nil || !created {
		return err
	}
	future := partition.FutureLog()
	m.movers.addFetcherForPartitions(map[topic.Partition]initialFetchState{
		tp: m.initialMoveState(partition, future.TopicID(), future.HighWatermark()),
	})
	return nil
}
