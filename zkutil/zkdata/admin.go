package zkdata

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/gregor-broker/gregor/config/topic"
)

// Paths by which an administrator asks the controller for something.
const (
	AdminPath                    = "/admin"
	DeleteTopicsPath             = AdminPath + "/delete_topics"
	ReassignPartitionsPath       = AdminPath + "/reassign_partitions"
	PreferredReplicaElectionPath = AdminPath + "/preferred_replica_election"
)

// DeleteTopicPath marks a topic for deletion.
func DeleteTopicPath(name string) string { return DeleteTopicsPath + "/" + name }

// EncodeReassignment gives the value of /admin/reassign_partitions.
func EncodeReassignment(reassignment map[topic.Partition][]int32) []byte {
	partitions := slices.SortedFunc(maps.Keys(reassignment), comparePartitions)
	list := make([]object, len(partitions))
	for i, p := range partitions {
		list[i] = object{{"topic", p.Topic}, {"partition", p.Partition}, {"replicas", reassignment[p]}}
	}
	return object{{"version", 1}, {"partitions", list}}.encode()
}

// DecodeReassignment reads /admin/reassign_partitions: the target replicas.
func DecodeReassignment(data []byte) (map[topic.Partition][]int32, error) {
	result := map[topic.Partition][]int32{}
	f, err := parseObject(data)
	if err == nil {
		_, err = list(f, "partitions", func(raw json.RawMessage) (struct{}, error) {
			return struct{}{}, readReassignment(raw, result)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ReassignPartitionsPath, err)
	}
	return result, nil
}

func readReassignment(raw json.RawMessage, result map[topic.Partition][]int32) error {
	partition, err := partitionOf(raw)
	if err != nil {
		return err
	}
	f, err := objectOf(raw)
	if err != nil {
		return err
	}
	result[partition], err = list(f, "replicas", int32Of)
	return err
}

// EncodePreferredReplicaElection gives the value of
// /admin/preferred_replica_election.
func EncodePreferredReplicaElection(partitions []topic.Partition) []byte {
	return encodePartitions(1, sorted(partitions))
}

// DecodePreferredReplicaElection reads the partitions to elect; bytes that are no
// JSON name none.
func DecodePreferredReplicaElection(data []byte) ([]topic.Partition, error) {
	return decodePartitions(PreferredReplicaElectionPath, data)
}
