package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/tests/framework"
)

// record is what a test sends and what it gets.
type record struct {
	topic      string
	partition  int32
	offset     int64
	key, value string
}

// delivery is how records are sent; the zero value is a client's default.
type delivery struct {
	compression string
	idempotent  bool
	// inSmall sends batches of a few records, one at a time: a broker that comes back
	// knows of a producer no more than its last batch, as Kafka's snapshots have it.
	inSmall  bool
	creating bool // the topic if there is none, where a client has to ask for that
}

// position is where reading of a partition begins.
type position struct {
	kind   positionKind
	offset int64 // of atOffset, or the milliseconds of atTimestamp
}

type positionKind int

const (
	atStart positionKind = iota
	atEnd
	atOffset
	atTimestamp
)

// client is one client library as the tests use it.
type client interface {
	name() string
	// send sends the records in order and returns when all are acknowledged.
	send(t testing.TB, bootstrap string, records []record, how delivery)
	// consume joins a group and calls got for each record, from the start of the
	// topic where the group has no commit. It commits what it got.
	consume(t testing.TB, bootstrap, group, topic string, got func(record)) member
	// read calls got for the records of one partition, without a group, until
	// stop is called.
	read(t testing.TB, bootstrap, topic string, partition int32, from position, got func(record)) (stop func())
}

// member is a consumer in a group.
type member interface {
	// leave commits and leaves the group.
	leave()
	// crash ends without a word to the broker.
	crash()
}

// libraries are the clients that need nothing but Go.
var libraries = []client{saramaClient{}, franzClient{}}

// clients are all clients of this run.
func clients() []client { return append(slices.Clone(libraries), peerClients...) }

// forEachClient runs a test for every client against one broker.
func forEachClient(t *testing.T, overrides map[string]string, test func(*testing.T, *framework.InProcess, client)) {
	c := framework.StartInProcess(t, overrides)
	for _, one := range clients() {
		t.Run(one.name(), func(t *testing.T) { test(t, c, one) })
	}
}

const (
	sessionTimeout    = 3 * time.Second
	heartbeatInterval = 200 * time.Millisecond
	commitInterval    = 100 * time.Millisecond
	patience          = time.Minute // for what must come about; never waited for in full
)

// wire is the network of one consumer, which can be cut so that its end looks
// like a crash to the broker.
type wire struct {
	mu          sync.Mutex
	isCut       bool
	connections []net.Conn
}

var errCut = errors.New("the test cut the network")

func (w *wire) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isCut {
		_ = connection.Close()
		return nil, errCut
	}
	w.connections = append(w.connections, connection)
	return connection, nil
}

// Dial is for sarama's proxy dialer.
func (w *wire) Dial(network, address string) (net.Conn, error) {
	return w.DialContext(context.Background(), network, address)
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for _, connection := range w.connections {
		_ = connection.Close()
	}
}

// inbox collects what consumers get.
type inbox struct {
	mu      sync.Mutex
	records []record
}

func (b *inbox) add(r record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records = append(b.records, r)
}

func (b *inbox) all() []record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.records)
}

// having gives the records whose value begins with the prefix.
func (b *inbox) having(prefix string) []record {
	return slices.DeleteFunc(b.all(), func(r record) bool { return !strings.HasPrefix(r.value, prefix) })
}

func (b *inbox) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records)
}

func (b *inbox) await(t testing.TB, count int) []record {
	t.Helper()
	framework.Until(t, patience, fmt.Sprintf("%d records arrive", count), func() bool { return b.count() >= count })
	return b.all()
}

// readAll gives the first count records of a partition from a position on.
func readAll(t testing.TB, one client, bootstrap, topic string, partition int32, from position, count int) []record {
	t.Helper()
	var box inbox
	stop := one.read(t, bootstrap, topic, partition, from, box.add)
	defer stop()
	return box.await(t, count)[:count]
}

// numbered makes records whose values tell their order.
func numbered(topic, prefix string, count int) []record {
	records := make([]record, count)
	for i := range records {
		records[i] = record{topic: topic, value: fmt.Sprintf("%s%06d", prefix, i)}
	}
	return records
}

func values(records []record) []string {
	var all []string
	for _, r := range records {
		all = append(all, r.value)
	}
	return all
}
