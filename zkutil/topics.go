package zkutil

import (
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// GetAllTopicsInCluster lists the topics. With registerWatch it sets a watch if a
// handler is registered for zkdata.TopicsPath.
func (k *KafkaZkClient) GetAllTopicsInCluster(registerWatch bool) ([]string, error) {
	return k.getChildren(zkdata.TopicsPath, registerWatch)
}

// TopicExists reports whether the topic has a node.
func (k *KafkaZkClient) TopicExists(name string) (bool, error) {
	return k.PathExists(zkdata.TopicPath(name))
}

// SetTopicIds gives each of the topics a random id and writes it; the result has
// the ids. No topic may have one.
func (k *KafkaZkClient) SetTopicIds(assignments []zkdata.TopicAssignment, expectedControllerEpochZkVersion int32) ([]zkdata.TopicAssignment, error) {
	updated := slices.Clone(assignments)
	writes := make([]zkclient.Op, len(updated))
	for i := range updated {
		t := &updated[i]
		if !t.TopicID.IsZero() {
			return nil, fmt.Errorf("TopicIdReplicaAssignment for %s already contains a topic ID.", t.Topic) //nolint:staticcheck // Kafka's sentence
		}
		t.TopicID = topic.NewID()
		writes[i] = setTopic(t.Topic, t.TopicID, t.Assignment)
	}
	if _, err := k.fencedRequests(writes, expectedControllerEpochZkVersion); err != nil {
		return nil, err
	}
	return updated, nil
}

func setTopic(name string, id topic.ID, assignment map[topic.Partition]zkdata.ReplicaAssignment) zkclient.SetDataRequest {
	return zkclient.SetDataRequest{Path: zkdata.TopicPath(name), Data: zkdata.EncodeTopic(id, assignment), Version: zkdata.MatchAnyVersion}
}

// SetTopicAssignment rewrites a topic's node; a zero id is left out. It fails with
// ErrNoNode if the topic is gone.
func (k *KafkaZkClient) SetTopicAssignment(name string, id topic.ID, assignment map[topic.Partition]zkdata.ReplicaAssignment, expectedControllerEpochZkVersion int32) error {
	return k.fencedRequest(setTopic(name, id, assignment), expectedControllerEpochZkVersion).Err
}

// CreateTopicAssignment creates a topic's node. It fails with ErrNodeExists if the
// topic exists.
func (k *KafkaZkClient) CreateTopicAssignment(name string, id topic.ID, assignment map[topic.Partition][]int32) error {
	full := make(map[topic.Partition]zkdata.ReplicaAssignment, len(assignment))
	for partition, replicas := range assignment {
		full[partition] = zkdata.ReplicaAssignment{Replicas: replicas}
	}
	return k.CreateRecursive(zkdata.TopicPath(name), zkdata.EncodeTopic(id, full))
}

// GetReplicaAssignmentAndTopicIdForTopics reads the topics' nodes, in the order of
// the names. A topic that does not exist has no partitions and no id.
func (k *KafkaZkClient) GetReplicaAssignmentAndTopicIdForTopics(names []string) ([]zkdata.TopicAssignment, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = zkdata.TopicPath(name)
	}
	responses, err := k.getAll(paths)
	if err != nil {
		return nil, err
	}
	if err := firstError(responses, ErrNoNode); err != nil {
		return nil, err
	}
	result := make([]zkdata.TopicAssignment, len(names))
	for i, response := range responses {
		if response.Err != nil {
			result[i] = zkdata.TopicAssignment{Topic: names[i], Assignment: map[topic.Partition]zkdata.ReplicaAssignment{}}
		} else if result[i], err = zkdata.DecodeTopic(names[i], response.Data); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// GetFullReplicaAssignmentForTopics reads the assignments of all partitions of the
// topics, replicas being added and removed included.
func (k *KafkaZkClient) GetFullReplicaAssignmentForTopics(names []string) (map[topic.Partition]zkdata.ReplicaAssignment, error) {
	topics, err := k.GetReplicaAssignmentAndTopicIdForTopics(names)
	if err != nil {
		return nil, err
	}
	result := map[topic.Partition]zkdata.ReplicaAssignment{}
	for _, t := range topics {
		for partition, assignment := range t.Assignment {
			result[partition] = assignment
		}
	}
	return result, nil
}

// GetReplicaAssignmentForTopics reads the replicas of all partitions of the topics.
func (k *KafkaZkClient) GetReplicaAssignmentForTopics(names []string) (map[topic.Partition][]int32, error) {
	full, err := k.GetFullReplicaAssignmentForTopics(names)
	if err != nil {
		return nil, err
	}
	result := make(map[topic.Partition][]int32, len(full))
	for partition, assignment := range full {
		result[partition] = assignment.Replicas
	}
	return result, nil
}

// GetPartitionAssignmentForTopics reads the assignments by topic and partition
// number; topics that do not exist are left out.
func (k *KafkaZkClient) GetPartitionAssignmentForTopics(names []string) (map[string]map[int32]zkdata.ReplicaAssignment, error) {
	topics, err := k.GetReplicaAssignmentAndTopicIdForTopics(names)
	if err != nil {
		return nil, err
	}
	result := make(map[string]map[int32]zkdata.ReplicaAssignment, len(topics))
	for _, t := range topics {
		if len(t.Assignment) == 0 {
			continue
		}
		partitions := make(map[int32]zkdata.ReplicaAssignment, len(t.Assignment))
		for partition, assignment := range t.Assignment {
			partitions[partition.Partition] = assignment
		}
		result[t.Topic] = partitions
	}
	return result, nil
}

// GetTopicIdsForTopics reads the ids of those topics that have one.
func (k *KafkaZkClient) GetTopicIdsForTopics(names []string) (map[string]topic.ID, error) {
	topics, err := k.GetReplicaAssignmentAndTopicIdForTopics(names)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]topic.ID, len(topics))
	for _, t := range topics {
		if !t.TopicID.IsZero() {
			ids[t.Topic] = t.TopicID
		}
	}
	return ids, nil
}

// GetTopicPartitionCount gives the number of partitions; found is false if the
// topic does not exist.
func (k *KafkaZkClient) GetTopicPartitionCount(name string) (count int, found bool, err error) {
	replicas, err := k.GetReplicaAssignmentForTopics([]string{name})
	return len(replicas), len(replicas) > 0, err
}

// GetReplicasForPartition gives the brokers the partition is assigned to.
func (k *KafkaZkClient) GetReplicasForPartition(partition topic.Partition) ([]int32, error) {
	replicas, err := k.GetReplicaAssignmentForTopics([]string{partition.Topic})
	return replicas[partition], err
}

// GetAllPartitions lists the partitions that have a node, those of topics being
// deleted as far as they still exist.
func (k *KafkaZkClient) GetAllPartitions() ([]topic.Partition, error) {
	topics, err := k.GetChildren(zkdata.TopicsPath)
	if err != nil {
		return nil, err
	}
	var partitions []topic.Partition
	for _, name := range topics {
		children, err := k.GetChildren(zkdata.TopicPartitionsPath(name))
		if err != nil {
			return nil, err
		}
		ids, err := numbers(children)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", zkdata.TopicPartitionsPath(name), err)
		}
		for _, id := range ids {
			partitions = append(partitions, topic.Partition{Topic: name, Partition: id})
		}
	}
	return partitions, nil
}

// DeleteTopicZNode deletes the topic's node and all below it.
func (k *KafkaZkClient) DeleteTopicZNode(name string, expectedControllerEpochZkVersion int32) error {
	return k.DeletePath(zkdata.TopicPath(name), expectedControllerEpochZkVersion)
}

// DeleteTopicConfigs deletes the topics' config nodes.
func (k *KafkaZkClient) DeleteTopicConfigs(names []string, expectedControllerEpochZkVersion int32) error {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = zkdata.ConfigEntityPath(zkdata.ConfigTypeTopic, name)
	}
	return k.deleteFenced(paths, expectedControllerEpochZkVersion)
}
