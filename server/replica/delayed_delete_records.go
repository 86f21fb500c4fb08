package replica

import (
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/purgatory"
)

// DeleteRecordsPartition asks that a partition begin at Offset, -1 meaning the
// high watermark.
type DeleteRecordsPartition struct {
	Partition topic.Partition
	Offset    int64
}

// DeleteRecordsResult is the answer for one partition.
type DeleteRecordsResult struct {
	Partition    topic.Partition
	ErrorCode    int16
	LowWatermark int64
}

// delayedDeleteRecords waits until the followers too have moved their log
// starts, as kafka.server.DelayedDeleteRecords.
type delayedDeleteRecords struct {
	purgatory.DelayedOperation
	manager *ReplicaManager
	respond func([]DeleteRecordsResult)

	mu       sync.Mutex // as in delayedProduce; protects the following
	answered bool
	results  []DeleteRecordsResult
	required []int64
	pending  []bool
}

// DeleteRecords moves log starts and answers when the low watermark of every
// partition got there, or the timeout is over. respond is called exactly once,
// perhaps before DeleteRecords returns.
func (m *ReplicaManager) DeleteRecords(timeout time.Duration, partitions []DeleteRecordsPartition, respond func([]DeleteRecordsResult)) {
	operation := &delayedDeleteRecords{
		manager: m, respond: respond, results: make([]DeleteRecordsResult, len(partitions)),
		required: make([]int64, len(partitions)), pending: make([]bool, len(partitions)),
	}
	waiting := false
	for i := range partitions {
		tp := partitions[i].Partition
		required, low, err := m.deleteRecordsOnLocalLog(tp, partitions[i].Offset)
		operation.results[i] = DeleteRecordsResult{Partition: tp, ErrorCode: protocol.ErrorCode(err), LowWatermark: low}
		operation.required[i] = required
		operation.pending[i] = err == nil && low < required
		waiting = waiting || operation.pending[i]
	}
	if !waiting {
		respond(operation.results)
		return
	}
	keys := make([]topic.Partition, 0, len(partitions))
	for i := range partitions {
		if operation.pending[i] {
			operation.results[i].ErrorCode = kerr.RequestTimedOut.Code
			keys = append(keys, partitions[i].Partition)
		}
	}
	operation.Init(operation, timeout)
	m.delayedDeleteRecords.TryCompleteElseWatch(operation, keys...)
}

func (m *ReplicaManager) deleteRecordsOnLocalLog(tp topic.Partition, offset int64) (required, low int64, err error) {
	if topic.IsInternal(tp.Topic) {
		return -1, -1, fmt.Errorf("Cannot delete records of internal topic %s: %w", tp.Topic, kerr.InvalidTopicException)
	}
	partition, err := m.Partition(tp)
	if err != nil {
		return -1, -1, err
	}
	required, low, err = partition.DeleteRecordsOnLeader(offset)
	switch protocol.ErrorCode(err) {
	case 0:
		return required, low, nil
	case kerr.NotLeaderForPartition.Code, kerr.OffsetOutOfRange.Code, kerr.PolicyViolation.Code, kerr.KafkaStorageError.Code:
	default:
		m.log.WithError(err).Errorf("%sError processing delete records operation on partition %s", m.prefix, tp)
	}
	return -1, -1, err
}

// TryComplete notes which partitions are through.
func (d *delayedDeleteRecords) TryComplete() bool {
	return d.update() && d.ForceComplete()
}

func (d *delayedDeleteRecords) update() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answered {
		return false
	}
	waiting := false
	for i := range d.results {
		if !d.pending[i] {
			continue
		}
		low, err := d.manager.lowWatermark(d.results[i].Partition)
		if err == nil && low < d.required[i] {
			waiting = true
			continue
		}
		d.pending[i] = false
		d.results[i].ErrorCode, d.results[i].LowWatermark = protocol.ErrorCode(err), low
	}
	return !waiting
}

// lowWatermark gives a led partition's low watermark, -1 with an error.
func (m *ReplicaManager) lowWatermark(tp topic.Partition) (int64, error) {
	switch entry := m.partitions.get(tp); {
	case entry.partition != nil:
		return entry.partition.LowWatermarkIfLeader()
	case entry.offline:
		return -1, kerr.KafkaStorageError
	default:
		return -1, kerr.UnknownTopicOrPartition
	}
}

// OnComplete answers; partitions still pending have timed out.
func (d *delayedDeleteRecords) OnComplete() {
	d.mu.Lock()
	d.answered = true
	d.mu.Unlock()
	d.respond(d.results)
}

// OnExpiration counts the partitions that timed out.
func (d *delayedDeleteRecords) OnExpiration() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pending := range d.pending {
		if pending {
			d.manager.metrics.deleteRecordsExpires.Mark(1)
		}
	}
}
