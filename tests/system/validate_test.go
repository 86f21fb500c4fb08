package system

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tests/framework"
	"github.com/gregor-broker/gregor/tests/system/history"
)

// validate ends the load once all replicas are in sync, reads the topic a last time,
// stops the brokers cleanly and holds what they keep against what clients saw.
func (l *load) validate(c *framework.Brokers) {
	l.t.Helper()
	a := newAdmin(l.t, c)
	a.awaitInSync(l.topic)
	l.endProducers()
	ends := endOffsets(l.t, a, l.topic)
	l.endReaders(ends)
	last := readAll(l.t, a, l.topic, ends)
	assigned, err := a.partitions(l.topic)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, b := range c.Brokers {
		b.Stop()
	}
	replicas := map[string]history.Logs{} // of the assigned ones: a broker that was down when it lost a replica keeps the files
	bytes := map[history.Partition][]byte{}
	for _, b := range c.Brokers {
		replicas[fmt.Sprint("broker ", b.ID)] = keptBy(l.t, b, l.topic, assigned, bytes)
	}
	l.mu.Lock()
	problems := slices.Concat(l.problems, l.history.Check(replicas, last))
	l.mu.Unlock()
	for i, problem := range problems {
		if i == 20 {
			l.t.Errorf("and %d more", len(problems)-i)
			break
		}
		l.t.Error(problem)
	}
	l.t.Logf("%d records acknowledged, %d reads, %d problems", l.history.Acknowledgements(), l.history.Reads(), len(problems))
}

// readAll reads a topic from its beginning to its ends.
func readAll(t testing.TB, a *admin, topic string, ends map[history.Partition]int64) history.Logs {
	t.Helper()
	client := connect(t, a.client.OptValue(kgo.SeedBrokers).([]string), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	logs := history.Logs{}
	for remaining := len(ends); remaining > 0; {
		remaining = 0
		for partition, end := range ends {
			if records := logs[partition]; end > 0 && (len(records) == 0 || records[len(records)-1].Offset+1 < end) {
				remaining++
			}
		}
		if remaining == 0 {
			break
		}
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%s cannot be read to its end: %d partitions remain, %v", topic, remaining, fetches.Errors())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := placeOf(r)
			logs[at.Partition] = append(logs[at.Partition], history.Record{Offset: at.Offset, Value: string(r.Value)})
		})
	}
	return logs
}

// consumers and debuggers are who asks where a partition ends: consumers are told
// the high watermark, debuggers the end of the leader's log.
const (
	consumers = -1
	debuggers = -2
)

// endOffsets asks each leader where its partitions end once all that they have is
// committed.
func endOffsets(t testing.TB, a *admin, topic string) map[history.Partition]int64 {
	t.Helper()
	var committed map[history.Partition]int64
	a.until("all of "+topic+" is committed", func() (err error) {
		if committed, err = listOffsets(a, topic, consumers); err != nil {
			return err
		}
		written, err := listOffsets(a, topic, debuggers)
		if err == nil && !maps.Equal(committed, written) {
			err = fmt.Errorf("committed up to %v of %v", committed, written)
		}
		return err
	})
	return committed
}

func listOffsets(a *admin, topic string, asking int32) (map[history.Partition]int64, error) {
	partitions, err := a.partitions(topic)
	if err != nil {
		return nil, err
	}
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID = asking
	asked := kmsg.ListOffsetsRequestTopic{Topic: topic}
	for _, partition := range partitions {
		asked.Partitions = append(asked.Partitions, kmsg.ListOffsetsRequestTopicPartition{Partition: partition.Partition, Timestamp: -1, CurrentLeaderEpoch: -1})
	}
	list.Topics = append(list.Topics, asked)
	response, err := request(a, list)
	if err != nil {
		return nil, err
	}
	ends := map[history.Partition]int64{}
	for _, answer := range response.Topics[0].Partitions {
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return nil, fmt.Errorf("partition %d: %w", answer.Partition, err)
		}
		ends[history.Partition{Topic: topic, Index: answer.Partition}] = answer.Offset
	}
	return ends, nil
}

// keptBy reads the partitions of a topic that are assigned to a stopped broker from
// its disk, and compares their bytes with those of the replicas before it.
func keptBy(t testing.TB, b *framework.Broker, topic string, assigned []kmsg.MetadataResponseTopicPartition, before map[history.Partition][]byte) history.Logs {
	t.Helper()
	logs := history.Logs{}
	for _, described := range assigned {
		if !slices.Contains(described.Replicas, int32(b.ID)) {
			continue
		}
		partition := history.Partition{Topic: topic, Index: described.Partition}
		var content []byte
		for _, dir := range strings.Split(b.LogDir(), ",") {
			content = append(content, segmentBytes(t, filepath.Join(dir, partition.String()))...)
		}
		if other, known := before[partition]; known && string(other) != string(content) {
			t.Errorf("%s: the bytes on broker %d differ from those of a broker before it: %d and %d", partition, b.ID, len(content), len(other))
		}
		before[partition] = content
		logs[partition] = recordsIn(t, content)
	}
	return logs
}

// segmentBytes gives the segments of a partition one after the other.
func segmentBytes(t testing.TB, dir string) []byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var content []byte
	for _, file := range files {
		segment, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, segment...)
	}
	return content
}

func recordsIn(t testing.TB, content []byte) []history.Record {
	t.Helper()
	var records []history.Record
	for batch, err := range record.Batches(content) {
		if err != nil {
			t.Fatal(err)
		}
		for one, err := range record.Records(batch) {
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, history.Record{Offset: one.Offset, Value: string(one.Value)})
		}
	}
	return records
}
