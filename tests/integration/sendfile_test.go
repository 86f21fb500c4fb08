package integration

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sys/unix"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestRecordsOfAFetchNeverEnterTheBroker watches the system calls of a broker from which
// records are consumed, of which some have just been written and others are on the disk
// alone: they go from file to socket. All that is read of a segment is a small window at
// the beginning of a fetch, in which its offset is looked for.
func TestRecordsOfAFetchNeverEnterTheBroker(t *testing.T) {
	const records, size = 600, 20_000
	dir := t.TempDir()
	broker := framework.StartBroker(t, dir, 0, framework.StartZooKeeper(t, dir, nil), map[string]string{"log.segment.bytes": "4000000"})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	createTopic(t, broker.Address(), "moved", 1, nil)
	produceNoise(ctx, t, broker.Address(), "moved", records, size)
	segments, err := filepath.Glob(filepath.Join(dir, "kafka-logs-0", "moved-0", "*.log"))
	if err != nil || len(segments) < 3 {
		t.Fatal(segments, err)
	}
	for _, segment := range segments[:len(segments)-1] {
		leavePageCache(t, segment)
	}
	prefix := filepath.Join(t.TempDir(), "calls")
	end, err := broker.Trace(t, prefix, "read", "pread64", "readv", "preadv", "preadv2", "mmap", "sendfile", "splice", "copy_file_range")
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	consumeRecords(ctx, t, broker.Address(), "moved", records)
	end()
	sent, read := movedBytes(t, prefix)
	t.Logf("sent from files: %d bytes, read from segments: %d", sent, read)
	if sent < records*size {
		t.Errorf("%d bytes went from segments to sockets, of %d", sent, records*size)
	}
	if read > sent/20 {
		t.Errorf("%d bytes of segments were read, and %d sent", read, sent)
	}
}

// produceNoise sends records that cannot be compressed, some to a batch.
func produceNoise(ctx context.Context, t *testing.T, address, topic string, records, size int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	value := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(value) // never fails
	batch := make([]*kgo.Record, records)
	for i := range batch {
		batch[i] = &kgo.Record{Topic: topic, Value: value}
	}
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func consumeRecords(ctx context.Context, t *testing.T, address, topic string, records int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(address),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for got := 0; got < records; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("after %d of %d records: %v", got, records, err)
		}
		got += fetches.NumRecords()
	}
}

func leavePageCache(t *testing.T, name string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := errors.Join(file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
}

// tracedCall is a system call on a segment and what it returned.
var tracedCall = regexp.MustCompile(`^(\w+)\(.*/moved-0/\d+\.log>.* = (\d+|0x[0-9a-f]+)`)

// movedBytes adds up what was sent from segments by sendfile and what any other call
// had of them.
func movedBytes(t *testing.T, prefix string) (sent, read int64) {
	t.Helper()
	files, err := filepath.Glob(prefix + "*")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing was traced", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			call := tracedCall.FindSubmatch(line)
			if call == nil {
				continue
			}
			if string(call[1]) == "mmap" {
				t.Errorf("a segment is mapped: %s", line)
				continue
			}
			moved, err := strconv.ParseInt(string(call[2]), 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if string(call[1]) == "sendfile" {
				sent += moved
			} else {
				read += moved
			}
		}
	}
	return sent, read
}
