package zkdata

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
)

// TopicsPath has a child for every topic.
const TopicsPath = BrokersPath + "/topics"

// TopicPath is the node with a topic's id and assignment.
func TopicPath(name string) string { return TopicsPath + "/" + name }

// TopicPartitionsPath is the parent of a topic's partition nodes.
func TopicPartitionsPath(name string) string { return TopicPath(name) + "/partitions" }

// TopicPartitionPath is the parent of a partition's state node.
func TopicPartitionPath(p topic.Partition) string {
	return TopicPartitionsPath(p.Topic) + "/" + strconv.Itoa(int(p.Partition))
}

// ReplicaAssignment says which brokers hold a partition. Replicas is the whole
// list, those being added and removed included (KIP-455).
type ReplicaAssignment struct {
	Replicas         []int32
	AddingReplicas   []int32
	RemovingReplicas []int32
}

// String prints as Kafka's ReplicaAssignment.
func (a ReplicaAssignment) String() string {
	return fmt.Sprintf("ReplicaAssignment(replicas=%s, addingReplicas=%s, removingReplicas=%s)",
		jvm.Joined(a.Replicas, ","), jvm.Joined(a.AddingReplicas, ","), jvm.Joined(a.RemovingReplicas, ","))
}

// OriginReplicas is where the partition was before the running reassignment.
func (a ReplicaAssignment) OriginReplicas() []int32 { return without(a.Replicas, a.AddingReplicas) }

// TargetReplicas is where the running reassignment leads.
func (a ReplicaAssignment) TargetReplicas() []int32 { return without(a.Replicas, a.RemovingReplicas) }

// IsBeingReassigned reports whether a reassignment is running.
func (a ReplicaAssignment) IsBeingReassigned() bool {
	return len(a.AddingReplicas) > 0 || len(a.RemovingReplicas) > 0
}

// ReassignTo gives the assignment that starts a reassignment to the target.
func (a ReplicaAssignment) ReassignTo(target []int32) ReplicaAssignment {
	origin := a.OriginReplicas()
	full := slices.Clone(target)
	for _, id := range origin {
		if !slices.Contains(full, id) {
			full = append(full, id)
		}
	}
	return ReplicaAssignment{
		Replicas:         full,
		AddingReplicas:   without(full, origin),
		RemovingReplicas: without(full, target),
	}
}

// RemoveReplica gives the assignment without one broker.
func (a ReplicaAssignment) RemoveReplica(id int32) ReplicaAssignment {
	gone := []int32{id}
	return ReplicaAssignment{without(a.Replicas, gone), without(a.AddingReplicas, gone), without(a.RemovingReplicas, gone)}
}

// Equal compares the lists, order included.
func (a ReplicaAssignment) Equal(b ReplicaAssignment) bool {
	return slices.Equal(a.Replicas, b.Replicas) && slices.Equal(a.AddingReplicas, b.AddingReplicas) &&
		slices.Equal(a.RemovingReplicas, b.RemovingReplicas)
}

// without gives the ids of a that b lacks, order kept.
func without(a, b []int32) []int32 {
	kept := make([]int32, 0, len(a))
	for _, id := range a {
		if !slices.Contains(b, id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// TopicAssignment is the content of a topic node: TopicIdReplicaAssignment.
type TopicAssignment struct {
	Topic      string
	TopicID    topic.ID // zero when the node has none
	Assignment map[topic.Partition]ReplicaAssignment
}

// EncodeTopic gives the value of a topic node, version 3; a zero id is left out.
func EncodeTopic(id topic.ID, assignment map[topic.Partition]ReplicaAssignment) []byte {
	replicas, adding, removing := map[string][]int32{}, map[string][]int32{}, map[string][]int32{}
	for partition, a := range assignment {
		key := strconv.Itoa(int(partition.Partition))
		replicas[key] = a.Replicas
		if len(a.AddingReplicas) > 0 {
			adding[key] = a.AddingReplicas
		}
		if len(a.RemovingReplicas) > 0 {
			removing[key] = a.RemovingReplicas
		}
	}
	node := object{{"partitions", replicaMap(replicas)}}
	if !id.IsZero() {
		node = append(node, member{"topic_id", id.String()})
	}
	return append(node,
		member{"adding_replicas", replicaMap(adding)},
		member{"removing_replicas", replicaMap(removing)},
		member{"version", 3},
	).encode()
}

func replicaMap(replicas map[string][]int32) object {
	o := make(object, 0, len(replicas))
	for _, key := range hashMapOrder(replicas) {
		o = append(o, member{key, replicas[key]})
	}
	return o
}

// DecodeTopic reads a topic node of any version. Bytes that are no JSON give a
// topic without partitions, as in Kafka.
func DecodeTopic(name string, data []byte) (TopicAssignment, error) {
	result := TopicAssignment{Topic: name, Assignment: map[topic.Partition]ReplicaAssignment{}}
	f, err := parseObject(data)
	if errors.Is(err, errNotJSON) {
		return result, nil
	}
	if err == nil {
		err = result.read(f)
	}
	if err != nil {
		return TopicAssignment{}, fmt.Errorf("%s: %w", TopicPath(name), err)
	}
	return result, nil
}

func (t *TopicAssignment) read(f fields) error {
	if _, ok := f["topic_id"]; ok {
		text, err := f.text("topic_id")
		if err != nil {
			return err
		}
		if t.TopicID, err = topic.ParseID(text); err != nil {
			return fmt.Errorf("%w: %v", ErrMalformed, err)
		}
	}
	partitions, err := optionalReplicas(f, "partitions")
	if err != nil {
		return err
	}
	adding, err := optionalReplicas(f, "adding_replicas")
	if err != nil {
		return err
	}
	removing, err := optionalReplicas(f, "removing_replicas")
	if err != nil {
		return err
	}
	for id, replicas := range partitions {
		t.Assignment[topic.Partition{Topic: t.Topic, Partition: id}] = ReplicaAssignment{replicas, adding[id], removing[id]}
	}
	return nil
}

// optionalReplicas reads a map from partition number to broker ids.
func optionalReplicas(f fields, key string) (map[int32][]int32, error) {
	if _, ok := f[key]; !ok {
		return nil, nil
	}
	object, err := f.object(key)
	if err != nil {
		return nil, err
	}
	result := make(map[int32][]int32, len(object))
	for text, raw := range object {
		id, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: partition number %q", ErrMalformed, clip([]byte(text)))
		}
		if result[int32(id)], err = listOf(raw, int32Of); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// partitionOf reads {"topic":"t","partition":0}.
func partitionOf(raw json.RawMessage) (topic.Partition, error) {
	f, err := objectOf(raw)
	if err != nil {
		return topic.Partition{}, err
	}
	name, err := f.text("topic")
	if err != nil {
		return topic.Partition{}, err
	}
	id, err := f.int32("partition")
	return topic.Partition{Topic: name, Partition: id}, err
}

func encodePartitions(version int, partitions []topic.Partition) []byte {
	list := make([]object, len(partitions))
	for i, p := range partitions {
		list[i] = object{{"topic", p.Topic}, {"partition", p.Partition}}
	}
	return object{{"version", version}, {"partitions", list}}.encode()
}

func decodePartitions(path string, data []byte) ([]topic.Partition, error) {
	f, err := parseObject(data)
	if errors.Is(err, errNotJSON) {
		return nil, nil
	}
	var partitions []topic.Partition
	if err == nil {
		partitions, err = list(f, "partitions", partitionOf)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return partitions, nil
}
