package replica

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/purgatory"
)

// delayedProduce is an acks=all produce request that waits for the replicas,
// as kafka.server.DelayedProduce. A result with pending set still waits; it
// already carries the error of a timeout.
type delayedProduce struct {
	purgatory.DelayedOperation
	manager *ReplicaManager
	respond func([]ProducePartitionResult)

	// mu keeps a check that is under way when the time runs out from changing
	// results that were answered. It protects the following.
	mu       sync.Mutex
	answered bool
	results  []ProducePartitionResult
	pending  []bool
}

// respondWhenReplicated answers an acks=all request once every partition that
// took its records has them on all in-sync replicas. With one replica that is
// so already, and nothing is parked.
func (m *ReplicaManager) respondWhenReplicated(timeout time.Duration, results []ProducePartitionResult, respond func([]ProducePartitionResult)) {
	waiting := false
	for i := range results {
		if results[i].ErrorCode != 0 {
			continue
		}
		reached, err := m.checkReplicated(&results[i])
		results[i].ErrorCode = protocol.ErrorCode(err)
		waiting = waiting || !reached && err == nil
	}
	if !waiting {
		respond(results)
		return
	}
	operation := &delayedProduce{manager: m, results: results, pending: make([]bool, len(results)), respond: respond}
	keys := make([]topic.Partition, 0, len(results))
	for i := range results {
		if results[i].ErrorCode == 0 {
			operation.pending[i] = true
			results[i].ErrorCode = kerr.RequestTimedOut.Code
			keys = append(keys, results[i].Partition)
		}
	}
	operation.Init(operation, timeout)
	m.delayedProduce.TryCompleteElseWatch(operation, keys...)
}

// checkReplicated reports whether the in-sync replicas have the records, or
// why the request must fail.
func (m *ReplicaManager) checkReplicated(result *ProducePartitionResult) (reached bool, err error) {
	partition, err := m.Partition(result.Partition)
	if err != nil {
		return false, err
	}
	return partition.CheckEnoughReplicasReachOffset(result.requiredOffset)
}

// TryComplete notes which partitions are through.
func (d *delayedProduce) TryComplete() bool {
	return d.update() && d.ForceComplete()
}

// update reports whether no partition waits any more.
func (d *delayedProduce) update() bool {
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
		reached, err := d.manager.checkReplicated(&d.results[i])
		if !reached && err == nil {
			waiting = true
			continue
		}
		d.pending[i] = false
		d.results[i].ErrorCode = protocol.ErrorCode(err)
	}
	return !waiting
}

// OnComplete answers; partitions still pending have timed out.
func (d *delayedProduce) OnComplete() {
	d.mu.Lock()
	d.answered = true
	d.mu.Unlock()
	d.respond(d.results)
}

// OnExpiration counts the partitions that timed out.
func (d *delayedProduce) OnExpiration() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, pending := range d.pending {
		if pending {
			d.manager.metrics.produceExpires.Mark(1)
		}
	}
}
