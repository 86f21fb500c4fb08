package admin

import (
	"bytes"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tools/command/commandtest"
)

func TestReplicaVerificationArgumentsAreKafkas(t *testing.T) {
	commandtest.CheckArguments(t, "kafka.tools.ReplicaVerificationTool", log4j, "testdata/replica_verification_tool_arguments.txt")
}

var lineTime = regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: `)

// batchesOf builds a batch of a record for each value, from the offset on.
func batchesOf(offset int64, values ...string) []byte {
	var all []byte
	for i, value := range values {
		builder := record.NewBuilder(record.BuilderOptions{BaseOffset: offset + int64(i)})
		builder.Append(0, nil, []byte(value))
		all = append(all, builder.Build()...)
	}
	return all
}

func TestReplicasAreComparedUpToTheHighWatermark(t *testing.T) {
	foo := topic.Partition{Topic: "foo", Partition: 0}
	same := batchesOf(5, "a", "b", "c")
	differs := batchesOf(5, "a", "x", "c")
	checksum := func(batches []byte) uint32 {
		_, rest, _ := record.Next(batches)
		second, _, _ := record.Next(rest)
		return second.Checksum()
	}
	for _, test := range []struct {
		name     string
		replicas []fetchedReplica
		goesOn   bool
		offset   int64
		printed  string
	}{
		{"all", []fetchedReplica{{2, 8, same}, {1, 8, same}}, true, 8, "max lag is 0 for partition foo-0 at offset 8 among 1 partitions\n"},
		{"up to the lower high watermark", []fetchedReplica{{1, 7, same}, {2, 8, differs[:len(differs)-3]}}, true, 7,
			fmt.Sprintf("partition foo-0 has unmatched checksum at offset 6; replica 1's checksum %d; replica 2's checksum %d\nmax lag is 1 for partition foo-0 at offset 7 among 1 partitions\n", checksum(same), checksum(differs))},
		{"one has less", []fetchedReplica{{1, 8, same}, {2, 8, batchesOf(5, "a")}}, true, 6, "max lag is 2 for partition foo-0 at offset 6 among 1 partitions\n"},
		{"other offsets", []fetchedReplica{{1, 8, same}, {2, 8, same[len(same)/3:]}}, false, 5, "partition foo-0: replica 1's offset 5 doesn't match replica 2's offset 6\n"},
		{"the second and third differ", []fetchedReplica{{1, 8, nil}, {2, 8, same}, {3, 8, batchesOf(6, "b")}}, false, 5, "partition foo-0: replica 2's offset 5 doesn't match replica 3's offset 6\n"},
		{"nobody answered", []fetchedReplica{{1, -1, nil}, {2, -1, nil}}, true, 5, "max lag is -1 for partition null at offset -1 among 1 partitions\n"},
		{"no batch", []fetchedReplica{{1, 8, make([]byte, 100)}, {2, 8, same}}, false, 5, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			partition := &comparedPartition{Partition: foo, offset: 5}
			v := newReplicaVerifier(nil, []*comparedPartition{partition}, verificationSettings{reportInterval: time.Millisecond}, &out)
			v.reported = time.Time{}
			if goesOn := v.compareAll(map[topic.Partition][]fetchedReplica{foo: test.replicas}); goesOn != test.goesOn || partition.offset != test.offset {
				t.Errorf("goes on: %v, at offset %d; want %v, %d", goesOn, partition.offset, test.goesOn, test.offset)
			}
			if diff := cmp.Diff(test.printed, lineTime.ReplaceAllString(out.String(), "")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReplicasToCompareAreThoseOfChosenTopics(t *testing.T) {
	name := func(text string) *string { return &text }
	metadata := &kmsg.MetadataResponse{Topics: []kmsg.MetadataResponseTopic{
		{Topic: name("foo"), Partitions: []kmsg.MetadataResponseTopicPartition{{Partition: 1, Replicas: []int32{2, 0}}, {Partition: 0, Replicas: []int32{1}}}},
		{Topic: name("__consumer_offsets"), Partitions: []kmsg.MetadataResponseTopicPartition{{Replicas: []int32{2}}}},
		{Topic: name("food"), Partitions: []kmsg.MetadataResponseTopicPartition{{Replicas: []int32{2}}}},
	}}
	set, err := replicaVerificationOptions.Parse([]string{"--broker-list", "a:1", "--topics-include", "fo+,__.*", "--topic-white-list", "none"})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := readVerificationSettings(set)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, partition := range replicasToCompare(metadata, settings.topics) {
		got = append(got, partition.String()+" on "+joinIDs(partition.replicas))
	}
	if diff := cmp.Diff([]string{"foo-1 on 0,2", "foo-0 on 1", "__consumer_offsets-0 on 2"}, got); diff != "" {
		t.Error(diff)
	}
}

// What brokers answer is remote bytes: whatever it is, the comparison ends.
func FuzzCompareReplicas(f *testing.F) {
	batches := batchesOf(5, "a", "b")
	f.Add(batches, batches)
	f.Add(batches, batches[:40])
	f.Add([]byte{}, make([]byte, 80))
	f.Fuzz(func(t *testing.T, one, other []byte) {
		partition := &comparedPartition{Partition: topic.Partition{Topic: "foo"}}
		v := newReplicaVerifier(nil, []*comparedPartition{partition}, verificationSettings{reportInterval: time.Hour}, &bytes.Buffer{})
		v.compare(partition, []fetchedReplica{{1, 1 << 62, one}, {2, 1 << 62, other}})
	})
}
