package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestReadingBeginsWhereAsked reads from the start, the end, a timestamp and a
// given offset.
func TestReadingBeginsWhereAsked(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		topic := "positions-" + one.name()
		createTopic(t, c.Bootstrap(), topic, 1, nil)
		early := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		sendStamped(t, c.Bootstrap(), topic, "early-", 30, early)
		late := early.Add(30 * time.Minute)
		sendStamped(t, c.Bootstrap(), topic, "late-", 30, late)
		for _, test := range []struct {
			name string
			from position
			want int64
		}{
			{"start", position{kind: atStart}, 0},
			{"offset", position{kind: atOffset, offset: 17}, 17},
			{"timestamp of a record", position{kind: atTimestamp, offset: late.UnixMilli() + 5}, 35},
			{"timestamp between records", position{kind: atTimestamp, offset: early.Add(time.Minute).UnixMilli()}, 30},
			{"timestamp before all", position{kind: atTimestamp, offset: 1}, 0},
		} {
			got := readAll(t, one, c.Bootstrap(), topic, 0, test.from, 5)
			for i, r := range got {
				if r.offset != test.want+int64(i) {
					t.Errorf("from the %s: record %d has offset %d, want %d", test.name, i, r.offset, test.want+int64(i))
				}
			}
		}
		readsFromTheEnd(t, c.Bootstrap(), topic, one, 60)
	})
}

// readsFromTheEnd sends until the reader, whose start cannot be seen, gets
// something: nothing of what was there before.
func readsFromTheEnd(t *testing.T, bootstrap, topic string, one client, end int64) {
	t.Helper()
	var box inbox
	stop := one.read(t, bootstrap, topic, 0, position{kind: atEnd}, box.add)
	defer stop()
	framework.Until(t, patience, "a record sent later arrives", func() bool {
		sendStamped(t, bootstrap, topic, "new-", 1, time.Now())
		return box.count() > 0
	})
	if first := box.all()[0]; first.offset < end {
		t.Errorf("from the end: got offset %d, of before offset %d was the end", first.offset, end)
	}
}

// sendStamped sends records a millisecond apart.
func sendStamped(t testing.TB, bootstrap, topic, prefix string, count int, first time.Time) {
	t.Helper()
	connected := connect(t, bootstrap, kgo.RecordDeliveryTimeout(0)) // it would count from the timestamp
	defer connected.Close()
	var records []*kgo.Record
	for i := range count {
		records = append(records, &kgo.Record{
			Topic: topic, Value: fmt.Appendf(nil, "%s%d", prefix, i), Timestamp: first.Add(time.Duration(i) * time.Millisecond),
		})
	}
	if err := connected.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestGroupGoesOnWhereItsOffsetsWereReset sets an empty group's offset, as
// kafka-consumer-groups --reset-offsets does.
func TestGroupGoesOnWhereItsOffsetsWereReset(t *testing.T) {
	t.Parallel()
	forEachClient(t, nil, func(t *testing.T, c *framework.InProcess, one client) {
		topic, group := "reset-"+one.name(), "resetting-"+one.name()
		createTopic(t, c.Bootstrap(), topic, 1, nil)
		sendStamped(t, c.Bootstrap(), topic, "value-", 50, time.Now())
		for _, offset := range []int64{0, 20, 49, 7} {
			commitOffset(t, c.Bootstrap(), group, topic, offset)
			var box inbox
			joined := one.consume(t, c.Bootstrap(), group, topic, box.add)
			got := box.await(t, 1)[0]
			joined.leave()
			if got.offset != offset {
				t.Errorf("reset to %d, the group reads on at %d", offset, got.offset)
			}
		}
	})
}

func commitOffset(t testing.TB, bootstrap, group, topic string, offset int64) {
	t.Helper()
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group, request.Generation = group, -1
	committed := kmsg.NewOffsetCommitRequestTopic()
	committed.Topic = topic
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	partition.Offset = offset
	committed.Partitions = append(committed.Partitions, partition)
	request.Topics = append(request.Topics, committed)
	framework.Until(t, patience, "the offset is committed", func() bool {
		connected := connect(t, bootstrap)
		defer connected.Close()
		response, err := request.RequestWith(t.Context(), connected)
		return err == nil && response.Topics[0].Partitions[0].ErrorCode == 0
	})
}
