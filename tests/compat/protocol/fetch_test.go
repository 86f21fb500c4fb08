//go:build peers

package protocol

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func fetchOf(topic string, partition int32, offset int64) *kmsg.FetchRequest {
	request := kmsg.NewPtrFetchRequest()
	request.ReplicaID, request.MaxWaitMillis, request.MinBytes, request.MaxBytes = -1, 50, 1, 1<<20
	request.SessionEpoch = -1
	return alsoFrom(request, topic, partition, offset)
}

func alsoFrom(request *kmsg.FetchRequest, topic string, partition int32, offset int64) *kmsg.FetchRequest {
	row := kmsg.NewFetchRequestTopicPartition()
	row.Partition, row.FetchOffset, row.PartitionMaxBytes, row.CurrentLeaderEpoch = partition, offset, 1<<20, -1
	for i := range request.Topics {
		if request.Topics[i].Topic == topic {
			request.Topics[i].Partitions = append(request.Topics[i].Partitions, row)
			return request
		}
	}
	rows := kmsg.NewFetchRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.FetchRequestTopicPartition{row}
	request.Topics = append(request.Topics, rows)
	return request
}

// identified puts the ids of the scenario's topics in; names that are none stay
// without.
func (s *session) identified(request *kmsg.FetchRequest) *kmsg.FetchRequest {
	for i := range request.Topics {
		request.Topics[i].TopicID = [16]byte{15: 0xee} // of names that are not there
		for id, name := range s.learned.topicIDs {
			if name == request.Topics[i].Topic {
				request.Topics[i].TopicID = id
			}
		}
	}
	for i := range request.ForgottenTopics {
		for id, name := range s.learned.topicIDs {
			if name == request.ForgottenTopics[i].Topic {
				request.ForgottenTopics[i].TopicID = id
			}
		}
	}
	return request
}

func (s *session) fetch(label string, request *kmsg.FetchRequest) answer {
	return s.ask(label, s.identified(request))
}

// fill puts batches of one record each into a partition.
func (s *session) fill(topic string, partition int32, values ...string) {
	for i, value := range values {
		request := produceTo(topic, partition, newBatch(s.now()+int64(i)*1000, value).encode())
		if response := ask[*kmsg.ProduceResponse](s, "", request); response.Topics[0].Partitions[0].ErrorCode != 0 {
			panic(stop{fmt.Sprintf("not produced: %+v", response)})
		}
	}
}

func changed[R any](request R, change func(R)) R {
	change(request)
	return request
}

var fetchScenarios = []scenario{
	{kmsg.Fetch, "plain", nil, func(s *session) {
		topic := s.createTopic("topic", 3)
		s.fill(topic, 0, "one", "two", "three")
		s.fill(topic, 1, strings.Repeat("x", 1000), strings.Repeat("y", 1000))
		for _, offset := range []int64{0, 1, 3, 4, -1, 1 << 40} {
			s.fetch(fmt.Sprintf("from %d", offset), fetchOf(topic, 0, offset))
		}
		s.fetch("empty partition", fetchOf(topic, 2, 0))
		s.fetch("unknown partition", alsoFrom(fetchOf(topic, 9, 0), topic, 0, 2))
		s.fetch("unknown topic", alsoFrom(fetchOf(s.name("missing"), 0, 0), topic, 0, 2))
		s.fetch("several", alsoFrom(fetchOf(topic, 0, 0), topic, 1, 0))
		s.fetch("the same twice", alsoFrom(fetchOf(topic, 0, 0), topic, 0, 1))
		s.fetch("max bytes of the partition", changed(fetchOf(topic, 1, 0), func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].PartitionMaxBytes = 100 }))
		s.fetch("max bytes of all", changed(alsoFrom(fetchOf(topic, 1, 0), topic, 0, 0), func(r *kmsg.FetchRequest) { r.MaxBytes = 100 }))
		s.fetch("max bytes 0", changed(fetchOf(topic, 1, 0), func(r *kmsg.FetchRequest) { r.MaxBytes = 0 }))
		s.fetch("max bytes negative", changed(fetchOf(topic, 1, 0), func(r *kmsg.FetchRequest) { r.MaxBytes = -1; r.Topics[0].Partitions[0].PartitionMaxBytes = -1 }))
		s.fetch("max bytes of the partition 0", changed(fetchOf(topic, 1, 0), func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].PartitionMaxBytes = 0 }))
		s.fetch("min bytes not there", changed(fetchOf(topic, 0, 0), func(r *kmsg.FetchRequest) { r.MinBytes = 1 << 20 }))
		s.fetch("negative wait", changed(fetchOf(topic, 0, 3), func(r *kmsg.FetchRequest) { r.MaxWaitMillis = -1 }))
		s.fetch("min bytes negative", changed(fetchOf(topic, 0, 3), func(r *kmsg.FetchRequest) { r.MinBytes, r.MaxWaitMillis = -1, 5000 }))
		for _, epoch := range []int32{0, 1, 99} {
			s.fetch(fmt.Sprintf("leader epoch %d", epoch), changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch }))
		}
		s.fetch("diverged", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) {
			r.Topics[0].Partitions[0].LastFetchedEpoch = 7
		}))
		s.fetch("read committed", changed(fetchOf(topic, 0, 1), func(r *kmsg.FetchRequest) { r.IsolationLevel = 1 }))
		s.fetch("isolation level 5", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.IsolationLevel = 5 }))
		s.fetch("as an unknown replica", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.ReplicaID = 5 }))
		s.fetch("as the leader itself", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.ReplicaID = 0 }))
		s.fetch("as a debugging consumer", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.ReplicaID = -2 }))
		s.fetch("with a rack", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.Rack = "rack" }))
		s.fetch("nothing", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.Topics = nil }))
		s.fetch("no partitions", changed(fetchOf(topic, 0, 2), func(r *kmsg.FetchRequest) { r.Topics[0].Partitions = nil }))
		zstd := s.createTopic("zstd", 1, "compression.type=zstd")
		s.fill(zstd, 0, "packed")
		s.fetch("zstd", fetchOf(zstd, 0, 0))
	}},
	{kmsg.Fetch, "sessions", []int16{7, 8, 9, 10, 11, 12, 13}, func(s *session) {
		topic := s.createTopic("topic", 3)
		s.fill(topic, 0, "one", "two")
		all := func(epoch, id int32) *kmsg.FetchRequest {
			r := alsoFrom(fetchOf(topic, 0, 0), topic, 1, 0)
			r.SessionEpoch, r.SessionID = epoch, id
			return r
		}
		none := func(epoch, id int32) *kmsg.FetchRequest {
			return changed(all(epoch, id), func(r *kmsg.FetchRequest) { r.Topics = []kmsg.FetchRequestTopic{} })
		}
		s.fetch("unknown id", all(3, 12345))
		s.fetch("id without an epoch", all(0, 12345))
		s.fetch("final epoch with an unknown id", all(-1, 12345))
		s.fetch("epoch -2", all(-2, 0))
		s.fetch("epoch 1 without an id", all(1, 0))
		got := s.fetch("full", all(0, 0))
		id := of[*kmsg.FetchResponse](got).SessionID
		s.fetch("incremental with nothing changed", none(1, id))
		s.fetch("wrong epoch", none(1, id))
		s.fetch("wrong epoch ahead", none(9, id))
		s.fetch("incremental at the end", changed(none(2, id), func(r *kmsg.FetchRequest) { r.Topics = fetchOf(topic, 0, 2).Topics }))
		s.fill(topic, 1, "new")
		s.fetch("incremental with new records", none(3, id))
		s.fetch("adding a partition", changed(none(4, id), func(r *kmsg.FetchRequest) { alsoFrom(r, topic, 2, 0) }))
		s.fetch("adding an unknown partition", changed(none(5, id), func(r *kmsg.FetchRequest) { alsoFrom(r, topic, 8, 0) }))
		s.fetch("the error again", none(6, id))
		forget := func(partitions ...int32) []kmsg.FetchRequestForgottenTopic {
			row := kmsg.NewFetchRequestForgottenTopic()
			row.Topic, row.Partitions = topic, partitions
			return []kmsg.FetchRequestForgottenTopic{row}
		}
		s.fetch("forgetting", changed(none(7, id), func(r *kmsg.FetchRequest) { r.ForgottenTopics = forget(8, 1) }))
		s.fetch("forgetting what is not there", changed(none(8, id), func(r *kmsg.FetchRequest) { r.ForgottenTopics = forget(5) }))
		s.fetch("out of range", changed(none(9, id), func(r *kmsg.FetchRequest) { r.Topics = fetchOf(topic, 0, 50).Topics }))
		s.fetch("a missing topic", changed(none(10, id), func(r *kmsg.FetchRequest) { alsoFrom(r, s.name("missing"), 0, 0) }))
		s.fetch("after the missing topic", none(11, id))
		s.fetch("on another connection", none(12, id))
		s.fetch("closing", none(-1, id))
		s.fetch("after closing", none(13, id))
		replaced := of[*kmsg.FetchResponse](s.fetch("full again", all(0, 0))).SessionID
		s.fetch("full in place of it", all(0, replaced))
		s.fetch("what was replaced", none(1, replaced))
		s.fetch("only empty partitions", changed(all(0, 0), func(r *kmsg.FetchRequest) { r.Topics = fetchOf(topic, 2, 0).Topics }))
		s.fetch("nothing in full", none(0, 0))
	}},
	{kmsg.Fetch, "ids", []int16{12, 13}, func(s *session) {
		topic := s.createTopic("topic", 1)
		s.fill(topic, 0, "one")
		s.ask("zero id", fetchOf(topic, 0, 0))
		s.ask("unknown id", changed(fetchOf(topic, 0, 0), func(r *kmsg.FetchRequest) { r.Topics[0].TopicID = [16]byte{9} }))
		with := func(epoch, session int32) *kmsg.FetchRequest {
			return changed(s.identified(fetchOf(topic, 0, 0)), func(r *kmsg.FetchRequest) { r.SessionEpoch, r.SessionID = epoch, session })
		}
		session := of[*kmsg.FetchResponse](s.ask("full", with(0, 0))).SessionID
		other := int16(12)
		if s.version == 12 {
			other = 13
		}
		version := s.version
		s.version = other
		s.ask("the session with the other kind of names", with(1, session))
		s.version = version
		s.ask("the session again", with(1, session))
	}},
	{kmsg.Fetch, "codecs", nil, func(s *session) {
		topic := s.createTopic("topic", 5)
		for i, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			b := newBatch(s.now(), "one", "two", "three")
			b.codec = codecNamed(codec)
			ask[*kmsg.ProduceResponse](s, "", produceTo(topic, int32(i), b.encode()))
			s.fetch(codec, fetchOf(topic, int32(i), 0))
			s.fetch(codec+" from the middle", fetchOf(topic, int32(i), 1))
		}
	}},
}

var waitingScenarios = []scenario{
	{kmsg.Fetch, "waiting", []int16{4, 11, 13}, func(s *session) {
		topic := s.createTopic("topic", 1)
		waiting := s.begin(s.open(), "woken by a record", s.identified(changed(fetchOf(topic, 0, 0), func(r *kmsg.FetchRequest) { r.MaxWaitMillis = 10000 })))
		s.fill(topic, 0, "one")
		waiting.end()
		deleted := s.begin(s.open(), "woken by deletion", s.identified(changed(fetchOf(topic, 0, 1), func(r *kmsg.FetchRequest) { r.MaxWaitMillis = 10000 })))
		s.deleteTopic(topic)
		deleted.end()
		s.fetch("deleted", fetchOf(topic, 0, 0))
	}},
}

func (s *session) deleteTopic(name string) {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = int32(patience.Milliseconds())
	row := kmsg.NewDeleteTopicsRequestTopic()
	row.Topic = &name
	request.Topics = []kmsg.DeleteTopicsRequestTopic{row}
	if response := ask[*kmsg.DeleteTopicsResponse](s, "", request); response.Topics[0].ErrorCode != 0 {
		panic(stop{fmt.Sprintf("%s not deleted: %+v", name, response)})
	}
}

func listOffset(topic string, partition int32, timestamp int64) *kmsg.ListOffsetsRequest {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	row := kmsg.NewListOffsetsRequestTopicPartition()
	row.Partition, row.Timestamp, row.CurrentLeaderEpoch, row.MaxNumOffsets = partition, timestamp, -1, 10
	rows := kmsg.NewListOffsetsRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.ListOffsetsRequestTopicPartition{row}
	request.Topics = []kmsg.ListOffsetsRequestTopic{rows}
	return request
}

var listOffsetsScenarios = []scenario{
	{kmsg.ListOffsets, "timestamps", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		s.fill(topic, 0, "one", "two", "three", "four")
		stamped := s.createTopic("stamped", 1, "message.timestamp.type=LogAppendTime")
		s.fill(stamped, 0, "one", "two")
		for _, timestamp := range []int64{-1, -2, -3, -4, -5, 0, s.now(), s.now() + 1, s.now() + 1500, s.now() + 3000, s.now() + 3001, 1 << 50} {
			label := fmt.Sprint(timestamp)
			if timestamp > 0 {
				label = fmt.Sprintf("now%+d", timestamp-s.now())
			}
			s.ask(label, listOffset(topic, 0, timestamp))
			s.ask(label+" of an empty partition", listOffset(topic, 1, timestamp))
			if timestamp <= 0 && timestamp != -3 && timestamp != 0 {
				s.ask(label+" with append time", listOffset(stamped, 0, timestamp))
			}
		}
		for _, partition := range []int32{5, -1} {
			s.ask(fmt.Sprintf("partition %d", partition), listOffset(topic, partition, -1))
		}
		s.ask("unknown topic", listOffset(s.name("missing"), 0, -1))
		for _, replica := range []int32{-1, -2, -3, 0, 5} {
			s.ask(fmt.Sprintf("replica %d", replica), changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.ReplicaID = replica }))
		}
		for _, epoch := range []int32{0, 1, 99} {
			s.ask(fmt.Sprintf("leader epoch %d", epoch), changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch }))
		}
		s.ask("read committed", changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.IsolationLevel = 1 }))
		twice := func(r *kmsg.ListOffsetsRequest) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
		}
		s.ask("twice", changed(listOffset(topic, 0, -1), twice))
		s.ask("twice a missing one", changed(listOffset(topic, 9, -1), twice))
		s.ask("twice as topics", changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.Topics = slices.Repeat(r.Topics, 2) }))
		s.ask("none", changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.Topics = nil }))
		s.ask("no partitions", changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions = nil }))
		for _, most := range []int32{0, 1, -1} {
			s.ask(fmt.Sprintf("at most %d", most), changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].MaxNumOffsets = most }))
		}
		s.ask("internal", listOffset("__consumer_offsets", 1, -2))
	}},
	{kmsg.ListOffsets, "segments", nil, func(s *session) {
		topic := s.createTopic("topic", 1, "segment.bytes=150")
		s.fill(topic, 0, strings.Repeat("a", 70), strings.Repeat("b", 70), strings.Repeat("c", 70))
		for _, timestamp := range []int64{-1, -2, 1 << 50, 0} {
			s.ask(fmt.Sprint(timestamp), listOffset(topic, 0, timestamp))
		}
		s.ask("two", changed(listOffset(topic, 0, -1), func(r *kmsg.ListOffsetsRequest) { r.Topics[0].Partitions[0].MaxNumOffsets = 2 }))
	}},
}
