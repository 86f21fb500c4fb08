package command

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The expectations were read off String.format.
func TestJavaFixed(t *testing.T) {
	for _, test := range []struct {
		number float64
		digits int
		want   string
	}{
		{0.25, 1, "0.3"}, {0.125, 2, "0.13"}, {2.5, 0, "3"}, {1.005, 2, "1.01"}, {99.995, 2, "100.00"}, {-0.5, 0, "-1"}, {-9.95, 1, "-10.0"},
		{9980.03992, 6, "9980.039920"}, {1e21, 1, "1000000000000000000000.0"}, {1e-9, 4, "0.0000"}, {0, 4, "0.0000"},
		{math.NaN(), 4, "NaN"}, {math.Inf(1), 4, "Infinity"}, {math.Inf(-1), 4, "-Infinity"},
	} {
		if got := JavaFixed(test.number, test.digits); got != test.want {
			t.Errorf("%v with %d digits is %s, want %s", test.number, test.digits, got, test.want)
		}
	}
}

func TestThroughputThrottler(t *testing.T) {
	start := time.Now()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, test := range []struct {
		target, sent int64
		after        time.Duration
		deficit      time.Duration
	}{
		{-1, 1000, time.Second, 0}, {100, 50, time.Second, 0}, {1000, 1001, time.Second, time.Millisecond},
		{100, 1000, time.Second, 0}, {0, 1, time.Second, 0}, {100, 1000, 0, 0},
	} {
		throttler := NewThroughputThrottler(test.target, start)
		throttler.Throttle(done, test.sent, start.Add(test.after))
		if throttler.deficit != test.deficit {
			t.Errorf("%+v leaves %v", test, throttler.deficit)
		}
	}
}

// The sizes are those of AbstractRecords.estimateSizeInBytesUpperBound.
func TestRecordSize(t *testing.T) {
	for want, record := range map[int]*kgo.Record{
		2000088: {Value: make([]byte, 2000000)},
		85:      {},
	} {
		if got := recordSize(record); got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	}
}

func TestClientSettings(t *testing.T) {
	for _, test := range []struct{ key, value, failure string }{
		{"acks", "2", "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1"},
		{"linger.ms", "x", "Invalid value x for configuration linger.ms: Not a number of type LONG"},
		{"batch.size", "x", "Invalid value x for configuration batch.size: Not a number of type INT"},
		{"enable.idempotence", "maybe", "Invalid value maybe for configuration enable.idempotence: Expected value to be either true or false"},
		{"compression.type", "zip", "Unknown compression name: zip"},
		{"client.id", "x", ""},
	} {
		producer, err := NewRecordProducer(map[string]string{"bootstrap.servers": "localhost:1", test.key: test.value}, RecordProducerOptions{})
		if err == nil {
			producer.Close()
		}
		if (err != nil) != (test.failure != "") || err != nil && !strings.HasSuffix(Uncaught(err), ": "+test.failure) {
			t.Errorf("%s=%s: %v", test.key, test.value, err)
		}
	}
	for _, test := range []struct{ key, value, failure string }{
		{"auto.offset.reset", "middle", "Invalid value middle for configuration auto.offset.reset: String must be one of: latest, earliest, none"},
		{"isolation.level", "none", "Invalid value none for configuration isolation.level: String must be one of: read_committed, read_uncommitted"},
		{"partition.assignment.strategy", "x.Y", "x.Y ClassNotFoundException exception occurred"},
		{"partition.assignment.strategy", "org.apache.kafka.clients.consumer.StickyAssignor", ""},
	} {
		if _, err := ConsumerOptions(map[string]string{"group.id": "g", test.key: test.value}); errorText(err) != test.failure {
			t.Errorf("%s=%s: %v", test.key, test.value, err)
		}
	}
}

func TestStopWhileATopicIsAwaited(t *testing.T) {
	producer, err := NewRecordProducer(map[string]string{"bootstrap.servers": "localhost:1", "max.block.ms": "1"}, RecordProducerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	stopped, stop := context.WithCancel(context.Background())
	stop()
	for ctx, want := range map[context.Context]string{
		context.Background(): "Topic t not present in metadata after 1 ms.", stopped: "Producer closed while send in progress",
	} {
		producer.Send(ctx, &kgo.Record{Topic: "t"}, func(_ *kgo.Record, err error) {
			if errorText(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}
