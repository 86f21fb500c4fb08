package replica

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
)

// epochDuringDelete is the leader epoch of a StopReplica for a topic that is
// being deleted: it overrules any epoch (LeaderAndIsr.EpochDuringDelete).
const epochDuringDelete int32 = -2

// stopState is what a StopReplica request says of one partition.
type stopState struct {
	tp          topic.Partition
	leaderEpoch int32
	delete      bool
	err         error
}

// StopReplicas carries out a StopReplica request: the partitions are no longer
// fetched, and those to delete are no longer hosted and their logs go.
func (m *ReplicaManager) StopReplicas(correlationID int32, req *kmsg.StopReplicaRequest) *kmsg.StopReplicaResponse {
	m.stateChangeMu.Lock()
	defer m.stateChangeMu.Unlock()
	states := stopStates(req)
	m.stateChange.Infof("[Broker id=%d] Handling StopReplica request correlationId %d from controller %d for %d partitions",
		m.brokerID, correlationID, req.ControllerID, len(states))
	if req.ControllerEpoch < m.controllerEpoch {
		m.stateChange.Warnf("[Broker id=%d] Ignoring StopReplica request from controller %d with correlation id %d since its controller epoch %d is old. "+
			"Latest known controller epoch is %d", m.brokerID, req.ControllerID, correlationID, req.ControllerEpoch, m.controllerEpoch)
		return &kmsg.StopReplicaResponse{Version: req.Version, ErrorCode: kerr.StaleControllerEpoch.Code}
	}
	m.controllerEpoch = req.ControllerEpoch
	stop := make([]*stopState, 0, len(states))
	for i := range states {
		if states[i].err = m.mayStop(&states[i]); states[i].err == nil {
			stop = append(stop, &states[i])
		} else {
			m.stateChange.Warnf("[Broker id=%d] Ignoring StopReplica request (delete=%t) from controller %d with correlation id %d epoch %d for partition %s: %v",
				m.brokerID, states[i].delete, req.ControllerID, correlationID, req.ControllerEpoch, states[i].tp, states[i].err)
		}
	}
	m.stopPartitionsLocked(stop)
	m.fetchers.shutdownIdleFetcherThreads()
	m.movers.shutdownIdleFetcherThreads()
	response := &kmsg.StopReplicaResponse{Version: req.Version, Partitions: make([]kmsg.StopReplicaResponsePartition, len(states))}
	for i := range states {
		response.Partitions[i] = kmsg.StopReplicaResponsePartition{
			Topic: states[i].tp.Topic, Partition: states[i].tp.Partition, ErrorCode: protocol.ErrorCode(states[i].err),
		}
	}
	return response
}

// stopStates lists the partitions of a request of any version.
func stopStates(req *kmsg.StopReplicaRequest) []stopState {
	var states []stopState
	add := func(name string, partition, epoch int32, delete bool) {
		states = append(states, stopState{tp: topic.Partition{Topic: name, Partition: partition}, leaderEpoch: epoch, delete: delete})
	}
	for i := range req.Topics {
		of := &req.Topics[i]
		switch {
		case req.Version >= 3:
			for _, state := range of.PartitionStates {
				add(of.Topic, state.Partition, state.LeaderEpoch, state.Delete)
			}
		case req.Version >= 1:
			for _, partition := range of.Partitions {
				add(of.Topic, partition, -1, req.DeletePartitions)
			}
		default:
			add(of.Topic, of.Partition, -1, req.DeletePartitions)
		}
	}
	return states
}

// mayStop fences a request that is older than the partition's leader epoch.
func (m *ReplicaManager) mayStop(state *stopState) error {
	entry := m.partitions.get(state.tp)
	if entry.offline {
		return fmt.Errorf("the local replica is in an offline log directory: %w", kerr.KafkaStorageError)
	}
	if entry.partition == nil || state.leaderEpoch == epochDuringDelete || state.leaderEpoch == -1 {
		return nil
	}
	if current := entry.partition.LeaderEpoch(); state.leaderEpoch <= current {
		return fmt.Errorf("its leader epoch %d is not newer than the current %d: %w", state.leaderEpoch, current, kerr.FencedLeaderEpoch)
	}
	return nil
}

// stopPartitionsLocked stops fetching, forgets the partitions to delete, wakes
// what waits on any of them, and deletes logs at last: fetchers and requests
// must not find a partition without its log.
func (m *ReplicaManager) stopPartitionsLocked(states []*stopState) {
	all := make([]topic.Partition, len(states))
	var deleted []topic.Partition
	byPartition := map[topic.Partition]*stopState{}
	for i, state := range states {
		all[i] = state.tp
		if state.delete {
			deleted = append(deleted, state.tp)
			byPartition[state.tp] = state
		}
	}
	m.fetchers.removeFetcherForPartitions(all)
	m.movers.removeFetcherForPartitions(all)
	for _, state := range states {
		if entry := m.partitions.get(state.tp); state.delete && entry.partition != nil {
			m.partitions.remove(state.tp)
			m.deleted.add(state, entry.partition.TopicID(), entry.partition.LeaderEpoch())
			m.topicStats.release(entry.stats)
			entry.partition.Delete()
		}
		m.completeDelayedFetchOrProduce(state.tp)
	}
	if len(deleted) == 0 {
		return
	}
	m.logManager.AsyncDeleteAll(deleted, func(tp topic.Partition, err error) {
		m.stateChange.WithError(err).Errorf("[Broker id=%d] Ignoring StopReplica request (delete=true) for partition %s: its log cannot be deleted", m.brokerID, tp)
		byPartition[tp].err = err
	})
}
