package abilities

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Topic creates a topic of the suite's and waits until it is known.
func (s *Suite) Topic(name string, partitions int32) string {
	topic := s.Prefix + "-" + name
	s.Create(topic, partitions)
	s.AwaitPartitions(topic, int(partitions))
	return topic
}

// AwaitPartitions waits until the topic has so many partitions.
func (s *Suite) AwaitPartitions(topic string, count int) {
	Until(fmt.Sprintf("%s has %d partitions", topic, count), func() bool { return s.Partitions(topic) == count })
}

// Filled creates a topic with ten records a second apart.
func (s *Suite) Filled(name string) string {
	topic := s.Topic(name, 1)
	records := Numbered(10)
	for i := range records {
		records[i].Partition, records[i].Timestamp = 0, First+int64(i)*1000
	}
	s.Send(topic, Settings{}, records...)
	return topic
}

// Failure is the text of the error that a step ends with.
func (s *Suite) Failure(step func()) string {
	err := Attempt(step)
	Require(err != nil, "no error")
	return s.Text(err)
}

func (s *Suite) abilities() map[string]func() string {
	all := map[string]func() string{
		"create-topic":          func() string { s.Topic("created", 3); return "" },
		"create-topic-exists":   s.createTopicExists,
		"produce-values":        func() string { return s.roundTrip("values", Settings{}, 100) },
		"produce-keys":          s.produceKeys,
		"nulls":                 func() string { return s.Nulls(BothNull) },
		"headers":               s.headers,
		"large-record":          s.largeRecord,
		"idempotent-producer":   func() string { return s.roundTrip("idempotent", Settings{Idempotent: true}, 200) },
		"consume-start":         func() string { return s.first("start", Position{Kind: Start}) },
		"consume-offset":        func() string { return s.first("offset", Position{Offset, 7}) },
		"consume-timestamp":     func() string { return s.first("timestamp", Position{Timestamp, First + 5000}) },
		"consume-end":           s.consumeEnd,
		"commit-resume":         s.commitResume,
		"restart-commit":        func() string { s.ConsumeAndCommit(s.Filled("restart"), 4); return "" },
		"unknown-topic-produce": s.unknownTopicProduce,
		"unknown-topic-consume": func() string { return s.UnknownTopicConsume(s.Prefix + "-missing") },
		"record-too-large":      s.recordTooLarge,
		"group-join-leave":      s.groupJoinLeave,
		"group-cooperative":     s.groupCooperative,
		"group-static":          s.groupStatic,
		"group-crash":           s.groupCrash,
	}
	for _, codec := range []string{"gzip", "snappy", "lz4", "zstd"} {
		all["codec-"+codec] = func() string { return s.roundTrip("codec-"+codec, Settings{Codec: codec}, 100) }
	}
	for name, ability := range s.Admin(s) {
		all[name] = ability
	}
	return all
}

func (s *Suite) createTopicExists() string {
	topic := s.Topic("twice", 1)
	return s.Failure(func() { s.Create(topic, 1) })
}

func (s *Suite) roundTrip(name string, settings Settings, count int) string {
	topic, sent := s.Topic(name, 1), Numbered(count)
	for i := range sent {
		sent[i].Value = bytes.Repeat(sent[i].Value, 50)
	}
	s.Send(topic, settings, sent...)
	Require(texts(s.Read(topic, 1, count, Position{}, nil)) == texts(sent), "other records")
	return ""
}

func (s *Suite) produceKeys() string {
	topic, sent := s.Topic("keys", 4), Numbered(40)
	for i := range sent {
		sent[i].Key = fmt.Appendf(nil, "key-%d", i%10)
	}
	s.Send(topic, Settings{}, sent...)
	places := make([]int32, 10)
	for i := range places {
		places[i] = -1
	}
	for _, r := range s.Read(topic, 4, 40, Position{}, nil) {
		var key int
		Checked(fmt.Sscanf(string(r.Key), "key-%d", &key))
		Require(places[key] < 0 || places[key] == r.Partition, "%s in two partitions", r.Key)
		places[key] = r.Partition
	}
	return fmt.Sprint(places)
}

// BothNull is a record with neither key nor value, which not every client sends.
var BothNull = Record{Partition: 0}

// Nulls sends records without keys, values, or either, and shows what comes back.
func (s *Suite) Nulls(more ...Record) string {
	topic := s.Topic("nulls", 1)
	sent := append([]Record{{Value: []byte("v")}, {Key: []byte("k")}, {Key: []byte{}, Value: []byte{}}}, more...)
	s.Send(topic, Settings{}, sent...)
	var seen []string
	for _, r := range s.Read(topic, 1, len(sent), Position{}, nil) {
		seen = append(seen, Text(r.Key)+"="+Text(r.Value))
	}
	return strings.Join(seen, " ")
}

func (s *Suite) headers() string {
	topic := s.Topic("headers", 1)
	sent := []Header{{"a", []byte("1")}, {"a", []byte("2")}, {"empty", []byte{}}}
	s.Send(topic, Settings{}, Record{Value: []byte("v"), Headers: sent, Partition: -1})
	got := s.Read(topic, 1, 1, Position{}, nil)[0].Headers
	same := func(a, b Header) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }
	Require(slices.EqualFunc(got, sent, same), "headers %v", got)
	return ""
}

func (s *Suite) largeRecord() string {
	topic := s.Topic("large", 1)
	s.Send(topic, Settings{}, Record{Value: bytes.Repeat([]byte("x"), 900<<10), Partition: -1})
	return fmt.Sprintf("%d bytes", len(s.Read(topic, 1, 1, Position{}, nil)[0].Value))
}

func (s *Suite) first(name string, from Position) string {
	r := s.Read(s.Filled(name), 1, 1, from, nil)[0]
	return fmt.Sprintf("%s at %d of %d", r.Value, r.Offset, r.Timestamp)
}

func (s *Suite) consumeEnd() string {
	topic := s.Filled("end")
	after := Record{Value: []byte("after"), Partition: 0}
	r := s.Read(topic, 1, 1, Position{Kind: End}, func() { s.Send(topic, Settings{}, after) })[0]
	return fmt.Sprintf("%s at %d", r.Value, r.Offset)
}

func (s *Suite) commitResume() string {
	topic := s.Filled("resumed")
	s.ConsumeAndCommit(topic, 4)
	return s.Next(topic, 6)
}

// Next is the next record of the group, of which it reads and commits so many.
func (s *Suite) Next(topic string, count int) string {
	r := s.ConsumeAndCommit(topic, count)[0]
	return fmt.Sprintf("%s at %d", r.Value, r.Offset)
}

func (s *Suite) restartResume() string { return s.Next(s.Prefix+"-restart", 6) }

func (s *Suite) unknownTopicProduce() string {
	return s.Failure(func() {
		s.Send(s.Prefix+"-missing", Settings{Hurried: true}, Record{Value: []byte("v"), Partition: -1})
	})
}

func (s *Suite) recordTooLarge() string {
	topic := s.Topic("too-large", 1)
	return s.Failure(func() {
		s.Send(topic, Settings{Large: true, Hurried: true}, Record{Value: bytes.Repeat([]byte("x"), 2<<20), Partition: -1})
	})
}
