package integration

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	logrecord "github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tests/framework"
)

// bystander is a client that has to be served as if nothing were wrong.
type bystander struct {
	*kgo.Client
	wire *wire
	sent int64
}

func newBystander(t *testing.T, c *framework.InProcess) *bystander {
	t.Helper()
	createTopic(t, c.Bootstrap(), "bystander", 1, nil)
	b := &bystander{wire: &wire{}}
	b.Client = connect(t, c.Bootstrap(), kgo.Dialer(b.wire.DialContext))
	t.Cleanup(b.Close)
	b.served(t)
	return b
}

// served sends a record; the connections that it had are those that it has.
func (b *bystander) served(t testing.TB) {
	t.Helper()
	r, err := b.ProduceSync(context.Background(), &kgo.Record{Topic: "bystander", Value: []byte("x")}).First()
	if err != nil {
		t.Fatalf("another client is not served: %v", err)
	}
	if r.Offset != b.sent {
		t.Errorf("another client's record got offset %d, want %d", r.Offset, b.sent)
	}
	b.sent++
}

func (b *bystander) connections() int {
	b.wire.mu.Lock()
	defer b.wire.mu.Unlock()
	return len(b.wire.connections)
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// exchange sends bytes on a connection of their own and gives what comes back
// until the broker closes it.
func exchange(t testing.TB, address string, sent []byte, finish bool) []byte {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = connection.Write(sent) // the broker may close before it has read all
	if finish {
		_ = connection.(*net.TCPConn).CloseWrite()
	}
	_ = connection.SetReadDeadline(time.Now().Add(patience))
	answer, err := io.ReadAll(connection)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the broker did not close the connection after %.40x", sent)
	}
	return answer
}

func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// header is a request header of version 1 without a client id.
func header(key, version int16) []byte {
	body := binary.BigEndian.AppendUint16(nil, uint16(key))
	body = binary.BigEndian.AppendUint16(body, uint16(version))
	return append(body, 0, 0, 0, 7, 0xff, 0xff)
}

// TestBadFramesCloseTheirConnectionOnly sends what is no request.
func TestBadFramesCloseTheirConnectionOnly(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	other := newBystander(t, c)
	connections := other.connections()
	for name, sent := range map[string][]byte{
		"length -1":             {0xff, 0xff, 0xff, 0xff},
		"length -2147483648":    {0x80, 0, 0, 0},
		"length 0":              {0, 0, 0, 0},
		"length 2147483647":     {0x7f, 0xff, 0xff, 0xff, 1, 2, 3},
		"length over the limit": binary.BigEndian.AppendUint32(nil, 104857601),
		"an HTTP request":       []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"a TLS hello":           {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3},
		"no header":             frame([]byte{0}),
		"an unknown API":        frame(header(999, 0)),
		"a negative API":        frame(header(-1, 0)),
		"an unknown version":    frame(header(3, 99)),
		"a negative version":    frame(header(3, -1)),
		"a body too short":      frame(append(header(3, 1), 0x7f, 0xff, 0xff, 0xff)),
		"a produce of nothing":  frame(header(0, 8)),
	} {
		if answer := exchange(t, c.Bootstrap(), sent, false); len(answer) > 0 {
			t.Errorf("%s: answered with %x", name, answer)
		}
		other.served(t)
	}
	if now := other.connections(); now != connections {
		t.Errorf("another client had to connect again: %d connections, had %d", now, connections)
	}
}

// TestUnknownVersionOfApiVersions is answered in version 0 so that clients of the
// future can go on.
func TestUnknownVersionOfApiVersions(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	answer := exchange(t, c.Bootstrap(), frame(append(header(18, 99), 0)), true)
	var response kmsg.ApiVersionsResponse
	if len(answer) < 8 || binary.BigEndian.Uint32(answer[4:]) != 7 {
		t.Fatalf("answered with %x", answer)
	}
	if err := response.ReadFrom(answer[8:]); err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != kerr.UnsupportedVersion {
		t.Errorf("got %v, want %v", err, kerr.UnsupportedVersion)
	}
}

// TestRandomBytes sends requests that are cut, changed, or nothing but noise.
func TestRandomBytes(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	other := newBystander(t, c)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	for range 300 {
		exchange(t, c.Bootstrap(), noise(random), true)
	}
	other.served(t)
}

func noise(random *rand.Rand) []byte {
	body := make([]byte, random.IntN(200))
	for i := range body {
		body[i] = byte(random.Uint32())
	}
	switch random.IntN(4) {
	case 0:
		return body
	case 1:
		return frame(body)
	case 2:
		return frame(append(header(int16(random.IntN(68)), int16(random.IntN(13))), body...))
	}
	request := kmsg.RequestForKey(int16(random.IntN(68)))
	for request == nil {
		request = kmsg.RequestForKey(int16(random.IntN(68)))
	}
	request.SetVersion(int16(random.IntN(int(request.MaxVersion()) + 1)))
	whole := append(header(request.Key(), request.GetVersion()), request.AppendTo(nil)...)
	if len(whole) > 10 {
		whole[10+random.IntN(len(whole)-10)] ^= byte(1 << random.IntN(8))
	}
	return frame(whole[:random.IntN(len(whole)+1)])
}

// TestAnnouncedLengthsTakeNoMemory has many connections announce large requests
// that never come.
func TestAnnouncedLengthsTakeNoMemory(t *testing.T) {
	c := framework.StartInProcess(t, nil)
	other := newBystander(t, c)
	before := heap()
	for range 50 {
		connection, err := net.Dial("tcp", c.Bootstrap())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := connection.Write(append(binary.BigEndian.AppendUint32(nil, 100<<20), header(0, 8)...)); err != nil {
			t.Fatal(err)
		}
	}
	other.served(t)
	if grown := int64(heap()) - int64(before); grown > 32<<20 {
		t.Errorf("50 announced requests of 100 MiB take %d MiB", grown>>20)
	}
}

func batchOf(compression logrecord.Compression, count int) []byte {
	builder := logrecord.NewBuilder(logrecord.BuilderOptions{Compression: compression, PartitionLeaderEpoch: -1})
	for range count {
		builder.Append(time.Now().UnixMilli(), []byte("key"), []byte("value"))
	}
	return builder.Build()
}

// changed is a batch with something set and its checksum right again.
func changed(batch logrecord.Batch, change func([]byte)) []byte {
	change(batch)
	batch.UpdateChecksum()
	return batch
}

// Where fields of a v2 batch lie.
const (
	magicAt, checksumAt, attributesAt, lastOffsetDeltaAt, countAt, recordsAt = 16, 17, 21, 23, 57, 61
)

const bombSize = 64 << 20

// bomb is a batch whose records decompress to one huge value.
func bomb() []byte {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	value := bombSize
	body := append([]byte{0, 0, 0, 1}, binary.AppendVarint(nil, int64(value))...)
	_, _ = writer.Write(append(binary.AppendVarint(nil, int64(len(body)+value+1)), body...))
	zeros := make([]byte, 1<<20)
	for range value >> 20 {
		_, _ = writer.Write(zeros)
	}
	_, _ = writer.Write([]byte{0})
	_ = writer.Close()
	batch := append(batchOf(logrecord.Gzip, 1)[:recordsAt], packed.Bytes()...)
	binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
	return changed(batch, func([]byte) {})
}

// TestBadBatchesAreRefused sends batches that are wrong in one way each; the codes
// are Kafka's, whose exceptions of codecs have none.
func TestBadBatchesAreRefused(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "strict", 1, nil)
	for _, test := range []struct {
		name  string
		batch []byte
		want  error
	}{
		{"a wrong checksum", func() []byte { b := batchOf(0, 1); b[checksumAt] ^= 1; return b }(), kerr.CorruptMessage},
		{"a count too high", changed(batchOf(0, 2), func(b []byte) { b[countAt+3], b[lastOffsetDeltaAt+3] = 3, 2 }), kerr.InvalidRecord},
		{"a count too low", changed(batchOf(0, 2), func(b []byte) { b[countAt+3], b[lastOffsetDeltaAt+3] = 1, 0 }), kerr.InvalidRecord},
		{"a negative count", changed(batchOf(0, 1), func(b []byte) { b[countAt] = 0xff }), kerr.InvalidRecord},
		{"a last offset that is not of the last", changed(batchOf(0, 2), func(b []byte) { b[lastOffsetDeltaAt+3] = 9 }), kerr.InvalidRecord},
		{"an unknown codec", changed(batchOf(0, 1), func(b []byte) { b[attributesAt+1] = 7 }), kerr.UnknownServerError},
		{"a codec that it is not", changed(batchOf(0, 1), func(b []byte) { b[attributesAt+1] = 4 }), kerr.UnknownServerError},
		{"a control batch", changed(batchOf(0, 1), func(b []byte) { b[attributesAt+1] = 0x20 }), kerr.InvalidRecord},
		{"half a batch", batchOf(0, 1)[:40], kerr.InvalidRecord},
		{"magic 3", func() []byte { b := batchOf(0, 1); b[magicAt] = 3; return b }(), kerr.CorruptMessage},
	} {
		answer := produceRaw(t, c.Bootstrap(), "strict", test.batch)
		if got := kerr.ErrorForCode(answer.ErrorCode); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if end := listOffset(t, c.Bootstrap(), "strict", 0, latest); end != 0 {
		t.Errorf("%d records were taken", end)
	}
}

// TestAcksOfTwo asks for what is neither none, the leader nor all. No library sends
// that, so the request goes out by hand.
func TestAcksOfTwo(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "strict", 1, nil)
	request := produceRequest("strict", batchOf(0, 1))
	request.Acks = 2
	request.SetVersion(8)
	answer := exchange(t, c.Bootstrap(), frame(request.AppendTo(header(0, 8))), true)
	response := request.ResponseKind().(*kmsg.ProduceResponse)
	if len(answer) < 8 {
		t.Fatalf("answered with %x", answer)
	}
	if err := response.ReadFrom(answer[8:]); err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode); err != kerr.InvalidRequiredAcks {
		t.Errorf("got %v, want %v", err, kerr.InvalidRequiredAcks)
	}
}

// TestDecompressionBombTakesNoMemory sends a small batch that unpacks to a huge
// record.
func TestDecompressionBombTakesNoMemory(t *testing.T) {
	c := framework.StartInProcess(t, map[string]string{"message.max.bytes": "4000000"})
	other := newBystander(t, c)
	createTopic(t, c.Bootstrap(), "bombed", 1, nil)
	batch := bomb()
	before, peak := heap(), uint64(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		produceRaw(t, c.Bootstrap(), "bombed", batch)
	}()
	framework.Until(t, patience, "the bomb is answered", func() bool {
		peak = max(peak, heap())
		other.served(t)
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	if peak > before+bombSize/2 {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
}

// TestBadTopics asks for topics that cannot be.
func TestBadTopics(t *testing.T) {
	t.Parallel()
	c := framework.StartInProcess(t, nil)
	createTopic(t, c.Bootstrap(), "with.dot", 1, nil)
	with := func(name string, partitions int32, replicas int16, configs map[string]string) *kmsg.CreateTopicsRequest {
		return createRequest(name, partitions, replicas, configs)
	}
	for _, test := range []struct {
		request *kmsg.CreateTopicsRequest
		want    error
		message string
	}{
		{with("..", 1, 1, nil), kerr.InvalidTopicException, `cannot be "." or ".."`},
		{with(".", 1, 1, nil), kerr.InvalidTopicException, ""},
		{with("", 1, 1, nil), kerr.InvalidTopicException, "Topic name is illegal, it can't be empty"},
		{with(strings.Repeat("x", 250), 1, 1, nil), kerr.InvalidTopicException, "Topic name is illegal, it can't be longer than 249 characters"},
		{with("white space", 1, 1, nil), kerr.InvalidTopicException, "contains a character other than ASCII alphanumerics, '.', '_' and '-'"},
		{with("../../etc", 1, 1, nil), kerr.InvalidTopicException, ""},
		{with("with_dot", 1, 1, nil), kerr.InvalidTopicException, "collides with existing topics: with.dot"},
		{with("with.dot", 1, 1, nil), kerr.TopicAlreadyExists, "Topic 'with.dot' already exists."},
		{with("t", 1, 2, nil), kerr.InvalidReplicationFactor, "Replication factor: 2 larger than available brokers: 1."},
		{with("t", 1, 0, nil), kerr.InvalidReplicationFactor, "Replication factor must be larger than 0."},
		{with("t", 0, 1, nil), kerr.InvalidPartitions, "Number of partitions must be larger than 0."},
		{with("t", 1, 1, map[string]string{"no.such.config": "1"}), kerr.InvalidConfig, "Unknown topic config name: no.such.config"},
		{with("t", 1, 1, map[string]string{"retention.ms": "soon"}), kerr.InvalidConfig, "Invalid value soon for configuration retention.ms: Not a number of type LONG"},
		{with("t", 1, 1, map[string]string{"segment.bytes": "1"}), kerr.InvalidConfig, "Invalid value 1 for configuration segment.bytes: Value must be at least 14"},
		{with("t", 1, 1, map[string]string{"cleanup.policy": "never"}), kerr.InvalidConfig, "Invalid value never for configuration cleanup.policy: String must be one of: compact, delete"},
	} {
		answer := ask(t, c.Bootstrap(), test.request).Topics[0]
		message := ""
		if answer.ErrorMessage != nil {
			message = *answer.ErrorMessage
		}
		if got := kerr.ErrorForCode(answer.ErrorCode); got != test.want || !strings.Contains(message, test.message) {
			t.Errorf("%s: %v %q, want %v with %q", test.request.Topics[0].Topic, got, message, test.want, test.message)
		}
	}
	changedConfig := alterConfigs(t, c.Bootstrap(), kmsg.ConfigResourceTypeTopic, "with.dot", map[string]string{"no.such.config": "1"})
	if err := kerr.ErrorForCode(changedConfig.ErrorCode); err != kerr.InvalidConfig {
		t.Errorf("a config that does not exist: %v", err)
	}
	for _, name := range []string{"..", strings.Repeat("x", 250)} {
		if err := kerr.ErrorForCode(describeTopic(t, c.Bootstrap(), name).ErrorCode); err != kerr.InvalidTopicException {
			t.Errorf("metadata of %s: %v", name, err)
		}
	}
}
