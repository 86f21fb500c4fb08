//go:build peers

package protocol

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func deleteRecords(topic string, partition int32, offset int64) *kmsg.DeleteRecordsRequest {
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	row := kmsg.NewDeleteRecordsRequestTopicPartition()
	row.Partition, row.Offset = partition, offset
	rows := kmsg.NewDeleteRecordsRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.DeleteRecordsRequestTopicPartition{row}
	request.Topics = []kmsg.DeleteRecordsRequestTopic{rows}
	return request
}

func endOfEpoch(topic string, partition, current, epoch int32) *kmsg.OffsetForLeaderEpochRequest {
	request := kmsg.NewPtrOffsetForLeaderEpochRequest()
	request.ReplicaID = -1
	row := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
	row.Partition, row.CurrentLeaderEpoch, row.LeaderEpoch = partition, current, epoch
	rows := kmsg.NewOffsetForLeaderEpochRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.OffsetForLeaderEpochRequestTopicPartition{row}
	request.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{rows}
	return request
}

func describeLogDirs(topic string, partitions ...int32) *kmsg.DescribeLogDirsRequest {
	request := kmsg.NewPtrDescribeLogDirsRequest()
	row := kmsg.NewDescribeLogDirsRequestTopic()
	row.Topic, row.Partitions = topic, partitions
	request.Topics = []kmsg.DescribeLogDirsRequestTopic{row}
	return request
}

// askForDirs leaves out topics without partitions: Kafka 3.1.0 names every topic of a
// directory (KAFKA-16807), Gregor those that were asked for.
func (s *session) askForDirs(label string, request *kmsg.DescribeLogDirsRequest) {
	response := ask[*kmsg.DescribeLogDirsResponse](s, "", request)
	for i := range response.Dirs {
		response.Dirs[i].Topics = slices.DeleteFunc(response.Dirs[i].Topics, func(topic kmsg.DescribeLogDirsResponseDirTopic) bool {
			return len(topic.Partitions) == 0
		})
		if len(response.Dirs[i].Topics) == 0 {
			response.Dirs[i].Topics = nil
		}
	}
	s.record(label, answer{response: response})
}

func alterDirs(dir, topic string, partitions ...int32) *kmsg.AlterReplicaLogDirsRequest {
	request := kmsg.NewPtrAlterReplicaLogDirsRequest()
	rows := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
	rows.Topic, rows.Partitions = topic, partitions
	row := kmsg.NewAlterReplicaLogDirsRequestDir()
	row.Dir, row.Topics = dir, []kmsg.AlterReplicaLogDirsRequestDirTopic{rows}
	request.Dirs = []kmsg.AlterReplicaLogDirsRequestDir{row}
	return request
}

// logDir is the broker's only log directory.
func (s *session) logDir(topic string) string {
	return ask[*kmsg.DescribeLogDirsResponse](s, "", describeLogDirs(topic, 0)).Dirs[0].Dir
}

func producers(topic string, partitions ...int32) *kmsg.DescribeProducersRequest {
	request := kmsg.NewPtrDescribeProducersRequest()
	row := kmsg.NewDescribeProducersRequestTopic()
	row.Topic, row.Partitions = topic, partitions
	request.Topics = []kmsg.DescribeProducersRequestTopic{row}
	return request
}

var logScenarios = []scenario{
	{kmsg.DeleteRecords, "offsets", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		s.fill(topic, 0, "one", "two", "three", "four")
		for _, offset := range []int64{0, 2, 1, 5, -2, -1, -1} {
			s.ask(fmt.Sprint(offset), deleteRecords(topic, 0, offset))
		}
		s.ask("fetch", s.identified(fetchOf(topic, 0, 1)))
		s.ask("of an empty partition", deleteRecords(topic, 1, -1))
		s.ask("missing partition", deleteRecords(topic, 9, 0))
		s.ask("missing topic", deleteRecords(s.name("missing"), 0, 0))
		s.ask("internal topic", deleteRecords("__consumer_offsets", 0, 0))
		compacted := s.createTopic("compacted", 1, "cleanup.policy=compact")
		s.fill(compacted, 0, "one")
		s.ask("compacted", deleteRecords(compacted, 0, 1))
		s.ask("none", changed(deleteRecords(topic, 0, 0), func(r *kmsg.DeleteRecordsRequest) { r.Topics = nil }))
		s.ask("no partitions", changed(deleteRecords(topic, 0, 0), func(r *kmsg.DeleteRecordsRequest) { r.Topics[0].Partitions = nil }))
		s.ask("no time", changed(deleteRecords(topic, 0, 4), func(r *kmsg.DeleteRecordsRequest) { r.TimeoutMillis = -1 }))
		s.ask("twice", changed(deleteRecords(topic, 0, 4), func(r *kmsg.DeleteRecordsRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, deleteRecords(topic, 0, 77).Topics[0].Partitions...)
		}))
		s.ask("two", changed(deleteRecords(topic, 0, 4), func(r *kmsg.DeleteRecordsRequest) {
			r.Topics = append(r.Topics, deleteRecords(s.name("missing"), 0, 0).Topics...)
		}))
	}},
	{kmsg.OffsetForLeaderEpoch, "epochs", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		s.fill(topic, 0, "one", "two")
		for _, epoch := range []int32{0, 1, -1, -2, 99} {
			s.ask(fmt.Sprintf("epoch %d", epoch), endOfEpoch(topic, 0, -1, epoch))
			s.ask(fmt.Sprintf("epoch %d of an empty partition", epoch), endOfEpoch(topic, 1, -1, epoch))
			s.ask(fmt.Sprintf("current epoch %d", epoch), endOfEpoch(topic, 0, epoch, 0))
		}
		s.ask("missing partition", endOfEpoch(topic, 9, -1, 0))
		s.ask("missing topic", endOfEpoch(s.name("missing"), 0, -1, 0))
		for _, replica := range []int32{-2, 0, 5} {
			s.ask(fmt.Sprintf("replica %d", replica), changed(endOfEpoch(topic, 0, -1, 0), func(r *kmsg.OffsetForLeaderEpochRequest) { r.ReplicaID = replica }))
		}
		s.ask("twice", changed(endOfEpoch(topic, 0, -1, 0), func(r *kmsg.OffsetForLeaderEpochRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
		}))
		s.ask("several", changed(endOfEpoch(topic, 0, -1, 0), func(r *kmsg.OffsetForLeaderEpochRequest) {
			r.Topics = append(r.Topics, endOfEpoch(s.name("missing"), 0, -1, 0).Topics...)
			r.Topics = append(r.Topics, endOfEpoch(topic, 1, -1, 0).Topics...)
		}))
		s.ask("none", changed(endOfEpoch(topic, 0, -1, 0), func(r *kmsg.OffsetForLeaderEpochRequest) { r.Topics = nil }))
		s.ask("no partitions", changed(endOfEpoch(topic, 0, -1, 0), func(r *kmsg.OffsetForLeaderEpochRequest) { r.Topics[0].Partitions = nil }))
	}},
	{kmsg.DescribeLogDirs, "sizes", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		s.fill(topic, 0, "one", "two")
		s.askForDirs("some", describeLogDirs(topic, 0, 1, 9))
		s.askForDirs("missing topic", describeLogDirs(s.name("missing"), 0))
		s.askForDirs("no partitions", describeLogDirs(topic))
		s.askForDirs("twice", describeLogDirs(topic, 0, 0))
		s.askForDirs("none", changed(describeLogDirs(topic), func(r *kmsg.DescribeLogDirsRequest) { r.Topics = []kmsg.DescribeLogDirsRequestTopic{} }))
	}},
	{kmsg.AlterReplicaLogDirs, "to where they are or cannot be", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		dir := s.logDir(topic)
		s.ask("where they are", alterDirs(dir, topic, 0, 1))
		for _, other := range [][2]string{
			{"unknown", "/nowhere"}, {"empty", ""}, {"relative", path.Base(dir)}, {"slash", dir + "/"},
			{"roundabout", path.Dir(dir) + "/./" + path.Base(dir)}, {"above", path.Dir(dir)},
		} {
			s.ask(other[0], alterDirs(other[1], topic, 0))
		}
		s.ask("missing partition", alterDirs(dir, topic, 9))
		s.ask("negative partition", alterDirs(dir, topic, -1))
		s.ask("missing topic", alterDirs(dir, s.name("missing"), 0))
		s.ask("missing topic, unknown directory", alterDirs("/nowhere", s.name("missing"), 0))
		s.ask("bad name", alterDirs(dir, "a b", 0))
		for _, length := range []int{213, 214, 300} {
			s.ask(fmt.Sprintf("a name of %d letters", length), alterDirs(dir, strings.Repeat("x", length), 0))
			s.ask(fmt.Sprintf("a name of %d letters, unknown directory", length), alterDirs("/nowhere", strings.Repeat("x", length), 0))
		}
		s.ask("twice", alterDirs(dir, topic, 0, 0))
		s.ask("found, then not", changed(alterDirs(dir, topic, 0), func(r *kmsg.AlterReplicaLogDirsRequest) {
			r.Dirs = append(r.Dirs, alterDirs("/nowhere", topic, 0).Dirs...)
		}))
		s.ask("not found, then found", changed(alterDirs("/nowhere", topic, 0), func(r *kmsg.AlterReplicaLogDirsRequest) {
			r.Dirs = append(r.Dirs, alterDirs(dir, topic, 0).Dirs...)
		}))
		s.ask("internal topic", alterDirs(dir, "__consumer_offsets", 0))
		s.ask("none", changed(alterDirs(dir, topic), func(r *kmsg.AlterReplicaLogDirsRequest) { r.Dirs = nil }))
		s.ask("no topics", changed(alterDirs(dir, topic), func(r *kmsg.AlterReplicaLogDirsRequest) { r.Dirs[0].Topics = nil }))
		s.ask("no partitions", alterDirs(dir, topic))
		s.ask("unknown directory, no partitions", alterDirs("/nowhere", topic))
	}},
	{kmsg.DescribeProducers, "producers", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		id := of[*kmsg.InitProducerIDResponse](s.ask("", initProducer(nil, -1, -1))).ProducerID
		for sequence := range int32(3) {
			b := newBatch(s.now(), "x")
			b.producerID, b.epoch, b.sequence = id, 0, sequence
			s.ask("", produceTo(topic, 0, b.encode()))
		}
		s.ask("one", producers(topic, 0))
		s.ask("none", producers(topic, 1))
		s.ask("missing partition", producers(topic, 1, 9))
		s.ask("missing topic", producers(s.name("missing"), 0))
		s.ask("bad name", producers("a b", 0))
		s.ask("no partitions", producers(topic))
		s.ask("twice", producers(topic, 1, 1))
		s.ask("internal", producers("__consumer_offsets", 0, 1))
		s.ask("no topics", changed(producers(topic), func(r *kmsg.DescribeProducersRequest) { r.Topics = nil }))
	}},
}
