package integration

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"testing"

	godiff "github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

const (
	partitions         = 3
	producersPerClient = 3
	keysPerProducer    = 4
	recordsPerKey      = 40
)

// sendFromMany has several producers of every client send at once, each its own
// keys, and gives the values of each key in the order of sending.
func sendFromMany(t *testing.T, bootstrap, topic string) map[string][]string {
	t.Helper()
	sent := map[string][]string{}
	var producers sync.WaitGroup
	defer producers.Wait()
	for _, one := range clients() {
		for producer := range producersPerClient {
			var records []record
			for i := range recordsPerKey {
				for key := range keysPerProducer {
					r := record{topic: topic, key: fmt.Sprintf("%s-%d-%d", one.name(), producer, key), value: fmt.Sprintf("%06d", i)}
					records = append(records, r)
					sent[r.key] = append(sent[r.key], r.value)
				}
			}
			producers.Go(func() { one.send(t, bootstrap, records, delivery{idempotent: producer%2 == 0}) })
		}
	}
	return sent
}

// TestPublishAndSubscribe has many producers and two consumers in a group of each
// client: every group gets every record once, in order, at the same offsets.
func TestPublishAndSubscribe(t *testing.T) {
	t.Parallel()
	for _, kind := range clusterKinds() {
		t.Run(kind.name, func(t *testing.T) {
			c := kind.start(t, map[string]string{"group.min.session.timeout.ms": "100"})
			createTopic(t, c.Bootstrap(), "events", partitions, nil)
			groups := map[string]*inbox{}
			for _, one := range clients() {
				groups[one.name()] = &inbox{}
				for range 2 {
					defer one.consume(t, c.Bootstrap(), "group-"+one.name(), "events", groups[one.name()].add).leave()
				}
			}
			sent := sendFromMany(t, c.Bootstrap(), "events")
			total := len(sent) * recordsPerKey
			var first []record
			for name, box := range groups {
				got := inOrder(t, name, box.await(t, total))
				checkOrder(t, sent, got)
				if first == nil {
					first = got
				}
				if diff := godiff.Diff(first, got, godiff.AllowUnexported(record{})); diff != "" {
					t.Errorf("the group of %s got other records:\n%s", name, diff)
				}
			}
			stillThere(t, c.Bootstrap(), first)
		})
	}
}

// inOrder sorts by partition and offset, leaving out what came a second time with
// the same content: a member that loses a partition may not have committed yet.
func inOrder(t *testing.T, who string, records []record) []record {
	t.Helper()
	slices.SortFunc(records, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset))
	})
	records = slices.Compact(records)
	next := map[int32]int64{}
	for _, r := range records {
		if r.offset != next[r.partition] {
			t.Fatalf("%s: partition %d has offset %d where %d is next", who, r.partition, r.offset, next[r.partition])
		}
		next[r.partition]++
	}
	return records
}

// checkOrder holds each key to one partition, its values there in the order in
// which they were sent.
func checkOrder(t *testing.T, sent map[string][]string, got []record) {
	t.Helper()
	received, at := map[string][]string{}, map[string]int32{}
	for _, r := range got {
		if before, known := at[r.key]; known && before != r.partition {
			t.Errorf("key %s is in partitions %d and %d", r.key, before, r.partition)
		}
		at[r.key] = r.partition
		received[r.key] = append(received[r.key], r.value)
	}
	if diff := godiff.Diff(sent, received); diff != "" {
		t.Errorf("the values of the keys differ from what was sent:\n%s", diff)
	}
}

// stillThere reads with every client once more what was read already.
func stillThere(t *testing.T, bootstrap string, want []record) {
	t.Helper()
	for _, one := range clients() {
		var again []record
		for partition := range int32(partitions) {
			count := len(slices.DeleteFunc(slices.Clone(want), func(r record) bool { return r.partition != partition }))
			again = append(again, readAll(t, one, bootstrap, "events", partition, position{}, count)...)
		}
		if diff := godiff.Diff(want, again, godiff.AllowUnexported(record{})); diff != "" {
			t.Errorf("%s reads other records the second time:\n%s", one.name(), diff)
		}
	}
}

// TestTopicIsCreatedWhenUsed sends to a topic that nobody created.
func TestTopicIsCreatedWhenUsed(t *testing.T) {
	t.Parallel()
	forEachClient(t, map[string]string{"num.partitions": "2"}, func(t *testing.T, c *framework.InProcess, one client) {
		topic := "unheard-of-" + one.name()
		one.send(t, c.Bootstrap(), numbered(topic, "value-", 10), delivery{creating: true})
		if count := len(describeTopic(t, c.Bootstrap(), topic).Partitions); count != 2 {
			t.Errorf("the topic was created with %d partitions, want 2", count)
		}
	})
}
