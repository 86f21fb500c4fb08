package zkutil

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// PartitionStateResponse is what reading or writing one partition's state gave.
// After a write State has the node's new version.
type PartitionStateResponse struct {
	Partition topic.Partition
	State     zkdata.LeaderIsrAndControllerEpoch
	Err       error
}

// GetTopicPartitionStatesRaw reads the partitions' states, in the order of the
// partitions. One that has no state has ErrNoNode.
func (k *KafkaZkClient) GetTopicPartitionStatesRaw(partitions []topic.Partition) ([]PartitionStateResponse, error) {
	paths := make([]string, len(partitions))
	for i, partition := range partitions {
		paths[i] = zkdata.TopicPartitionStatePath(partition)
	}
	responses, err := k.getAll(paths)
	if err != nil {
		return nil, err
	}
	result := make([]PartitionStateResponse, len(partitions))
	for i, response := range responses {
		result[i] = PartitionStateResponse{Partition: partitions[i], Err: response.Err}
		if response.Err != nil {
			continue
		}
		state, found, err := zkdata.DecodeTopicPartitionState(response.Data, response.Stat.Version)
		if err == nil && !found {
			err = &zkclient.Error{Code: ErrNoNode.Code, Path: paths[i]}
		}
		result[i].State, result[i].Err = state, err
	}
	return result, nil
}

// GetTopicPartitionStates reads the states of those partitions that have one.
func (k *KafkaZkClient) GetTopicPartitionStates(partitions []topic.Partition) (map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch, error) {
	responses, err := k.GetTopicPartitionStatesRaw(partitions)
	if err != nil {
		return nil, err
	}
	states := make(map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch, len(responses))
	for _, response := range responses {
		switch {
		case response.Err == nil:
			states[response.Partition] = response.State
		case !errors.Is(response.Err, ErrNoNode):
			return nil, response.Err
		}
	}
	return states, nil
}

// GetTopicPartitionState reads one partition's state.
func (k *KafkaZkClient) GetTopicPartitionState(partition topic.Partition) (state zkdata.LeaderIsrAndControllerEpoch, found bool, err error) {
	states, err := k.GetTopicPartitionStates([]topic.Partition{partition})
	state, found = states[partition]
	return state, found, err
}

// SetTopicPartitionStatesRaw writes states, each at the version it has.
func (k *KafkaZkClient) SetTopicPartitionStatesRaw(states map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch, expectedControllerEpochZkVersion int32) ([]PartitionStateResponse, error) {
	partitions := sortedPartitions(states)
	writes := make([]zkclient.Op, len(partitions))
	for i, partition := range partitions {
		state := states[partition]
		writes[i] = zkclient.SetDataRequest{
			Path:    zkdata.TopicPartitionStatePath(partition),
			Data:    zkdata.EncodeTopicPartitionState(state),
			Version: state.ZkVersion,
		}
	}
	return k.writeStates(partitions, states, writes, expectedControllerEpochZkVersion)
}

// CreateTopicPartitionStatesRaw creates the nodes of new partitions with their
// states, and the nodes above them.
func (k *KafkaZkClient) CreateTopicPartitionStatesRaw(states map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch, expectedControllerEpochZkVersion int32) ([]PartitionStateResponse, error) {
	partitions := sortedPartitions(states)
	var parents, nodes, writes []zkclient.Op
	for i, partition := range partitions {
		if i == 0 || partitions[i-1].Topic != partition.Topic {
			parents = append(parents, k.createOp(zkdata.TopicPartitionsPath(partition.Topic), nil))
		}
		nodes = append(nodes, k.createOp(zkdata.TopicPartitionPath(partition), nil))
		writes = append(writes, k.createOp(zkdata.TopicPartitionStatePath(partition), zkdata.EncodeTopicPartitionState(states[partition])))
	}
	for _, batch := range [][]zkclient.Op{parents, nodes} {
		if _, err := k.fencedRequests(batch, expectedControllerEpochZkVersion); err != nil {
			return nil, err
		}
	}
	return k.writeStates(partitions, states, writes, expectedControllerEpochZkVersion)
}

func (k *KafkaZkClient) createOp(path string, data []byte) zkclient.Op {
	return zkclient.CreateRequest{Path: path, Data: data, ACL: k.DefaultAcls(path), Mode: zkclient.Persistent}
}

func (k *KafkaZkClient) writeStates(partitions []topic.Partition, states map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch,
	writes []zkclient.Op, expectedControllerEpochZkVersion int32,
) ([]PartitionStateResponse, error) {
	responses, err := k.fencedRequests(writes, expectedControllerEpochZkVersion)
	if err != nil {
		return nil, err
	}
	result := make([]PartitionStateResponse, len(responses))
	for i, response := range responses {
		result[i] = PartitionStateResponse{Partition: partitions[i], State: states[partitions[i]], Err: response.Err}
		if response.Err == nil {
			result[i].State.ZkVersion = response.Stat.Version
		}
	}
	return result, nil
}

func sortedPartitions[V any](m map[topic.Partition]V) []topic.Partition {
	return slices.SortedFunc(maps.Keys(m), func(a, b topic.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

// UpdateLeaderAndIsrResult says which partitions are done, with their new state or
// an error, and which met another version of their node and should be tried again.
type UpdateLeaderAndIsrResult struct {
	FinishedPartitions map[topic.Partition]LeaderAndIsrOrError
	PartitionsToRetry  []topic.Partition
}

// LeaderAndIsrOrError is a partition's new state unless Err is set.
type LeaderAndIsrOrError struct {
	zkdata.LeaderAndIsr
	Err error
}

// UpdateLeaderAndIsr writes partition states, each at the version it has. Only
// ErrControllerMoved is returned as an error; any other is in the result.
func (k *KafkaZkClient) UpdateLeaderAndIsr(leaderAndIsrs map[topic.Partition]zkdata.LeaderAndIsr, controllerEpoch, expectedControllerEpochZkVersion int32) (UpdateLeaderAndIsrResult, error) {
	states := make(map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch, len(leaderAndIsrs))
	for partition, state := range leaderAndIsrs {
		states[partition] = zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: state, ControllerEpoch: controllerEpoch}
	}
	result := UpdateLeaderAndIsrResult{FinishedPartitions: make(map[topic.Partition]LeaderAndIsrOrError, len(states))}
	responses, err := k.SetTopicPartitionStatesRaw(states, expectedControllerEpochZkVersion)
	if errors.Is(err, ErrControllerMoved) {
		return UpdateLeaderAndIsrResult{}, err
	}
	if err != nil {
		for partition := range states {
			result.FinishedPartitions[partition] = LeaderAndIsrOrError{Err: err}
		}
		return result, nil
	}
	for _, response := range responses {
		if errors.Is(response.Err, ErrBadVersion) {
			result.PartitionsToRetry = append(result.PartitionsToRetry, response.Partition)
		} else {
			result.FinishedPartitions[response.Partition] = LeaderAndIsrOrError{response.State.LeaderAndIsr, response.Err}
		}
	}
	return result, nil
}

// UpdateLeaderAndIsrAsLeader writes the state of a partition whose leader is this
// broker, at the version it has; only inter-broker protocols before 2.7-IV2 do so.
// updated is false if the node has another version. It mirrors
// ReplicationUtils.updateLeaderAndIsr.
func (k *KafkaZkClient) UpdateLeaderAndIsrAsLeader(partition topic.Partition, state zkdata.LeaderAndIsr, controllerEpoch int32) (updated bool, version int32, err error) {
	k.log.Debugf("Updated ISR for %s to %s", partition, jvm.Joined(state.Isr, ","))
	full := zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: state, ControllerEpoch: controllerEpoch}
	return k.ConditionalUpdatePath(zkdata.TopicPartitionStatePath(partition), zkdata.EncodeTopicPartitionState(full), state.ZkVersion, k.checkWritten)
}

// checkWritten is a checker of ConditionalUpdatePath: the node has the data that
// were to be written.
func (k *KafkaZkClient) checkWritten(path string, data []byte) (updated bool, version int32, err error) {
	written, version, err := k.GetDataAndVersion(path)
	if err != nil || !bytes.Equal(written, data) {
		return false, zkdata.UnknownVersion, err
	}
	return true, version, nil
}
