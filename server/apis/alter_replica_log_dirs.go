package apis

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/network"
	"github.com/gregor-broker/gregor/server/protocol"
)

// alterReplicaLogDirs begins to move replicas of this broker to other log
// directories. A partition named twice goes where it is named last.
func (a *APIs) alterReplicaLogDirs(request *network.Request, body *kmsg.AlterReplicaLogDirsRequest) {
	dirs := map[topic.Partition]string{}
	for i := range body.Dirs {
		for _, of := range body.Dirs[i].Topics {
			for _, partition := range of.Partitions {
				dirs[topic.Partition{Topic: of.Topic, Partition: partition}] = body.Dirs[i].Dir
			}
		}
	}
	rows := newByTopic[kmsg.AlterReplicaLogDirsResponseTopicPartition]()
	for partition, err := range a.Replicas.AlterReplicaLogDirs(dirs) {
		row := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
		row.Partition, row.ErrorCode = partition.Partition, protocol.ErrorCode(err)
		rows.put(partition, row)
	}
	response := body.ResponseKind().(*kmsg.AlterReplicaLogDirsResponse)
	response.Topics = []kmsg.AlterReplicaLogDirsResponseTopic{}
	for _, answered := range rows.topics {
		response.Topics = append(response.Topics, kmsg.AlterReplicaLogDirsResponseTopic{Topic: answered.name, Partitions: answered.rows})
	}
	request.Respond(response)
}
