package replica

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/coordinator"
)

// CoordinatorStorage gives coordinators the partitions of their topics.
func (m *ReplicaManager) CoordinatorStorage() coordinator.Storage { return coordinatorStorage{m} }

type coordinatorStorage struct{ manager *ReplicaManager }

// Append writes a batch with the coordinator as its origin.
func (s coordinatorStorage) Append(partition topic.Partition, batch []byte, requiredAcks int16, timeout time.Duration, done func(int64, error)) {
	params := &ProduceParams{
		Timeout: timeout, RequiredAcks: requiredAcks, InternalTopicsAllowed: true, Origin: log.OriginCoordinator, DeferCompletions: true,
	}
	s.manager.AppendRecords(params, []ProducePartition{{Partition: partition, Records: batch}}, func(results []ProducePartitionResult) {
		done(results[0].BaseOffset, kerr.ErrorForCode(results[0].ErrorCode))
	})
}

// Read copies what the log has from an offset on, up to its end.
func (s coordinatorStorage) Read(partition topic.Partition, fromOffset int64, maxBytes int, buffer []byte) (coordinator.LogChunk, error) {
	var chunk coordinator.LogChunk
	led, err := s.manager.Partition(partition)
	if err != nil {
		return chunk, err
	}
	read := cluster.ReadParams{
		FetchOffset: max(fromOffset, led.LogStartOffset()), CurrentLeaderEpoch: cluster.NoEpoch, LastFetchedEpoch: cluster.NoEpoch,
		MaxBytes: maxBytes, Isolation: log.FetchLogEnd, OnlyFromLeader: true, MinOneMessage: true, FollowerID: ConsumerReplicaID,
	}
	var info cluster.ReadInfo
	if err := led.ReadRecords(&read, &info); err != nil {
		return chunk, err
	}
	defer info.Fetched.Release()
	chunk.LogStartOffset, chunk.LogEndOffset = info.LogStartOffset, info.LogEndOffset
	chunk.Batches, err = info.Fetched.ReadAll(buffer)
	return chunk, err
}
