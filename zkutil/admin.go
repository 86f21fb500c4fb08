package zkutil

import (
	"errors"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// CreateDeleteTopicPath marks the topic for deletion. It fails with ErrNodeExists
// if it is marked already.
func (k *KafkaZkClient) CreateDeleteTopicPath(name string) error {
	return k.CreateRecursive(zkdata.DeleteTopicPath(name), nil)
}

// IsTopicMarkedForDeletion reports whether the topic is to be deleted.
func (k *KafkaZkClient) IsTopicMarkedForDeletion(name string) (bool, error) {
	return k.PathExists(zkdata.DeleteTopicPath(name))
}

// GetTopicDeletions lists the topics to be deleted and sets a watch for more.
func (k *KafkaZkClient) GetTopicDeletions() ([]string, error) {
	return k.GetChildren(zkdata.DeleteTopicsPath)
}

// DeleteTopicDeletions takes the marks off the topics.
func (k *KafkaZkClient) DeleteTopicDeletions(names []string, expectedControllerEpochZkVersion int32) error {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = zkdata.DeleteTopicPath(name)
	}
	return k.deleteFenced(paths, expectedControllerEpochZkVersion)
}

// GetPartitionReassignment reads /admin/reassign_partitions; without a node, or
// with one that does not parse, there are none.
func (k *KafkaZkClient) GetPartitionReassignment() (map[topic.Partition][]int32, error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.ReassignPartitionsPath})
	if response.Err != nil {
		return map[topic.Partition][]int32{}, ignore(response.Err, ErrNoNode)
	}
	reassignment, err := zkdata.DecodeReassignment(response.Data)
	if err != nil {
		k.log.Warnf("Ignoring partition reassignment due to invalid json: %v", err)
		return map[topic.Partition][]int32{}, nil
	}
	return reassignment, nil
}

// SetOrCreatePartitionReassignment writes /admin/reassign_partitions.
func (k *KafkaZkClient) SetOrCreatePartitionReassignment(reassignment map[topic.Partition][]int32, expectedControllerEpochZkVersion int32) error {
	path, data := zkdata.ReassignPartitionsPath, zkdata.EncodeReassignment(reassignment)
	err := k.fencedRequest(zkclient.SetDataRequest{Path: path, Data: data, Version: zkdata.MatchAnyVersion}, expectedControllerEpochZkVersion).Err
	if errors.Is(err, ErrNoNode) {
		err = k.fencedRequest(k.createOp(path, data), expectedControllerEpochZkVersion).Err
	}
	return err
}

// CreatePartitionReassignment creates /admin/reassign_partitions.
func (k *KafkaZkClient) CreatePartitionReassignment(reassignment map[topic.Partition][]int32) error {
	return k.CreateRecursive(zkdata.ReassignPartitionsPath, zkdata.EncodeReassignment(reassignment))
}

// DeletePartitionReassignment deletes /admin/reassign_partitions.
func (k *KafkaZkClient) DeletePartitionReassignment(expectedControllerEpochZkVersion int32) error {
	return k.DeletePath(zkdata.ReassignPartitionsPath, expectedControllerEpochZkVersion)
}

// ReassignPartitionsInProgress reports whether /admin/reassign_partitions exists.
func (k *KafkaZkClient) ReassignPartitionsInProgress() (bool, error) {
	return k.PathExists(zkdata.ReassignPartitionsPath)
}

// CreatePreferredReplicaElection asks the controller to elect preferred leaders.
func (k *KafkaZkClient) CreatePreferredReplicaElection(partitions []topic.Partition) error {
	return k.CreateRecursive(zkdata.PreferredReplicaElectionPath, zkdata.EncodePreferredReplicaElection(partitions))
}

// GetPreferredReplicaElection reads the partitions whose preferred leader is asked for.
func (k *KafkaZkClient) GetPreferredReplicaElection() ([]topic.Partition, error) {
	response := k.retryRequestUntilConnected(zkclient.GetDataRequest{Path: zkdata.PreferredReplicaElectionPath})
	if response.Err != nil {
		return nil, ignore(response.Err, ErrNoNode)
	}
	return zkdata.DecodePreferredReplicaElection(response.Data)
}

// DeletePreferredReplicaElection takes the request away.
func (k *KafkaZkClient) DeletePreferredReplicaElection(expectedControllerEpochZkVersion int32) error {
	return k.deleteFenced([]string{zkdata.PreferredReplicaElectionPath}, expectedControllerEpochZkVersion)
}
