package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/tools/command"
)

// anyLogDir stands in a file for a replica that is left where it is.
const anyLogDir = "any"

// partitionReplicas are the replicas that a partition has or is to have.
type partitionReplicas struct {
	partition topic.Partition
	replicas  []int32
}

// partitionReplica is org.apache.kafka.common.TopicPartitionReplica.
type partitionReplica struct {
	topic.Partition
	broker int32
}

func (r partitionReplica) String() string { return fmt.Sprintf("%s-%d", r.Partition, r.broker) }

func (r partitionReplica) hash() int32 {
	return 31*(31*(31+jvm.StringHash(r.Topic))+r.Partition.Partition) + r.broker
}

func comparePartitions(a, b topic.Partition) int {
	return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

func compareReplicas(a, b partitionReplica) int {
	return cmp.Or(cmp.Compare(a.broker, b.broker), comparePartitions(a.Partition, b.Partition))
}

func identity(id int32) int32 { return id }

// parseReassignment reads the file of --reassignment-json-file: the replicas of
// partitions, and the log directories for those that have one.
func parseReassignment(text []byte) ([]partitionReplicas, map[partitionReplica]string, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, nil, command.Throw(adminOperation, "%s", err)
	}
	rows, err := versionedRows(root, "partitions")
	if err != nil {
		return nil, nil, err
	}
	var wanted []partitionReplicas
	logDirs := map[partitionReplica]string{}
	for _, row := range rows {
		next, dirs, err := parsePartitionReplicas(row)
		if err != nil {
			return nil, nil, err
		}
		wanted = append(wanted, next)
		for i, dir := range dirs {
			if dir != anyLogDir {
				logDirs[partitionReplica{next.partition, next.replicas[i]}] = dir
			}
		}
	}
	return wanted, logDirs, nil
}

// versionedRows are the items of an array in an object of version 1; there may be
// no array.
func versionedRows(root json.RawMessage, name string) ([]json.RawMessage, error) {
	fields, err := jsonObject(root)
	if err != nil {
		return nil, err
	}
	if err := jsonVersion(fields); err != nil {
		return nil, err
	}
	list, ok := fields[name]
	if !ok {
		return nil, nil
	}
	return jsonArray(list)
}

func parsePartitionReplicas(text json.RawMessage) (row partitionReplicas, dirs []string, err error) {
	fields, err := jsonObject(text)
	if err != nil {
		return row, nil, err
	}
	if row.partition, err = jsonPartition(fields); err != nil {
		return row, nil, err
	}
	value, err := jsonField(fields, "replicas")
	if err != nil {
		return row, nil, err
	}
	items, err := jsonArray(value)
	if err != nil {
		return row, nil, err
	}
	for _, item := range items {
		id, err := jsonInteger(item, 32)
		if err != nil {
			return row, nil, err
		}
		row.replicas = append(row.replicas, int32(id))
	}
	dirs, err = parseLogDirs(fields, row)
	return row, dirs, err
}

func parseLogDirs(fields map[string]json.RawMessage, row partitionReplicas) ([]string, error) {
	value, ok := fields["log_dirs"]
	if !ok {
		return nil, nil
	}
	items, err := jsonArray(value)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, item := range items {
		dir, err := jsonString(item)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	if len(dirs) != len(row.replicas) {
		return nil, command.Throw(adminCommandFailed, "Size of replicas list %s is different from size of log dirs list %s for partition %s",
			jvm.Collection("List", row.replicas), jvm.Collection("List", dirs), row.partition)
	}
	return dirs, nil
}

// parseTopicsToMove reads the file of --topics-to-move-json-file.
func parseTopicsToMove(text []byte) ([]string, error) {
	root, err := parseJSON(text)
	if err != nil {
		return nil, command.Throw(adminOperation, "The input string is not a valid JSON")
	}
	rows, err := versionedRows(root, "topics")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, row := range rows {
		fields, err := jsonObject(row)
		if err != nil {
			return nil, err
		}
		value, err := jsonField(fields, "topic")
		if err != nil {
			return nil, err
		}
		name, err := jsonString(value)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// reassignmentJSON writes replicas as the files have them, the rows as they come.
func reassignmentJSON(rows []partitionReplicas) string {
	text := []byte(`{"version":1,"partitions":[`)
	for i, row := range rows {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, `{"topic":`...)
		text = jvm.AppendJSONString(text, row.partition.Topic)
		text = append(text, `,"partition":`...)
		text = strconv.AppendInt(text, int64(row.partition.Partition), 10)
		anywhere := make([]string, len(row.replicas))
		for i := range anywhere {
			anywhere[i] = `"` + anyLogDir + `"`
		}
		text = append(text, `,"replicas":[`+joinIDs(row.replicas)+`],"log_dirs":[`+strings.Join(anywhere, ",")+`]}`...)
	}
	return string(append(text, "]}"...))
}
