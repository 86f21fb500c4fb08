package zkutil

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

func TestMain(m *testing.M) {
	logging.SetLevel("root", "OFF")
	goleak.VerifyTestMain(m)
}

const patience = 20 * time.Second

// apacheZooKeeper, if set, is the host:port of an Apache ZooKeeper against which
// the tests run instead of the embedded server, each below a chroot of its own.
const apacheZooKeeper = "ZOOKEEPER_ADDRESS"

// connectString starts a server and gives where to connect: below a chroot.
func connectString(t *testing.T) string {
	t.Helper()
	if address := os.Getenv(apacheZooKeeper); address != "" {
		return fmt.Sprintf("%s/%s-%d", address, t.Name(), time.Now().UnixNano())
	}
	return zktest.Start(t).Addr() + "/kafka"
}

func connectTo(t *testing.T, connectString string) *KafkaZkClient {
	t.Helper()
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": connectString, "zookeeper.session.timeout.ms": "6000"})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Connect(context.Background(), NewConfig(cfg, "Kafka server", nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// start gives a client of a new ZooKeeper that has Kafka's top level nodes.
func start(t *testing.T) *KafkaZkClient {
	t.Helper()
	k := connectTo(t, connectString(t))
	check(t, k.CreateTopLevelPaths())
	return k
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ok gives the value of a call that has to succeed.
func ok[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return value
	}
}

func expect(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func brokerInfo(id int32) zkdata.BrokerInfo {
	return zkdata.NewBrokerInfo(zkdata.Broker{
		ID:        id,
		Endpoints: []zkdata.Endpoint{{Host: "localhost", Port: 9092 + id, ListenerName: "PLAINTEXT", SecurityProtocol: "PLAINTEXT"}},
	}, config.LatestApiVersion, -1)
}

func tp(name string, partition int32) topic.Partition {
	return topic.Partition{Topic: name, Partition: partition}
}

func TestConnectCreatesChrootAndTopLevelPaths(t *testing.T) {
	where := connectString(t) + "/deep"
	k := connectTo(t, where)
	check(t, k.CreateTopLevelPaths())
	check(t, k.CreateTopLevelPaths())
	for _, path := range zkdata.PersistentPaths {
		data, stat, found, err := k.GetDataAndStat(path)
		if err != nil || !found || data != nil || stat.EphemeralOwner != 0 {
			t.Errorf("%s: %q, %+v, %t, %v", path, data, stat, found, err)
		}
	}
	again := connectTo(t, where)
	if !ok(again.PathExists("/brokers/ids"))(t) {
		t.Error("another client does not see the chroot")
	}
	if k.SessionState() != zkclient.Connected {
		t.Errorf("state %s", k.SessionState())
	}
}

func TestConnectWithoutZooKeeper(t *testing.T) {
	cfg, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "127.0.0.1:1/kafka", "zookeeper.connection.timeout.ms": "50"})
	check(t, err)
	_, err = Connect(context.Background(), NewConfig(cfg, "Kafka server", nil))
	expect(t, err, ErrTimeout)
	if err.Error() != "Timed out waiting for connection while in state: CONNECTING" {
		t.Errorf("message: %v", err)
	}
}

func TestRecursiveCreateAndDelete(t *testing.T) {
	k := start(t)
	check(t, k.CreateRecursive("/a/b/c", []byte("x")))
	expect(t, k.CreateRecursive("/a/b/c", []byte("y")), ErrNodeExists)
	check(t, k.MakeSurePersistentPathExists("/a/b/c"))
	check(t, k.MakeSurePersistentPathExists("/a/b/d"))
	if data, version, err := k.GetDataAndVersion("/a/b/c"); string(data) != "x" || version != 0 || err != nil {
		t.Errorf("%q, %d, %v", data, version, err)
	}
	if !ok(k.DeleteRecursive("/a", zkdata.MatchAnyVersion))(t) {
		t.Error("/a was there")
	}
	if ok(k.DeleteRecursive("/a", zkdata.MatchAnyVersion))(t) {
		t.Error("/a was gone")
	}
	if data, version, err := k.GetDataAndVersion("/a/b/c"); data != nil || version != zkdata.UnknownVersion || err != nil {
		t.Errorf("%q, %d, %v", data, version, err)
	}
	if err := k.CreateRecursive("relative", nil); err == nil {
		t.Error("a path without slash")
	}
}

func TestConditionalUpdatePath(t *testing.T) {
	k := start(t)
	check(t, k.CreateRecursive("/a", []byte("0")))
	update := func(data string, expected int32, checked bool) string {
		checker := k.checkWritten
		if !checked {
			checker = nil
		}
		updated, version, err := k.ConditionalUpdatePath("/a", []byte(data), expected, checker)
		check(t, err)
		return fmt.Sprint(updated, version)
	}
	if got := update("1", 0, false); got != "true 1" {
		t.Error(got)
	}
	if got := update("2", 0, false); got != "false -2" {
		t.Error(got)
	}
	if got := update("1", 0, true); got != "true 1" {
		t.Errorf("the node has what was to be written: %s", got)
	}
	if got := update("2", 0, true); got != "false -2" {
		t.Error(got)
	}
	if updated, version, err := k.ConditionalUpdatePath("/none", nil, 0, k.checkWritten); updated || version != zkdata.UnknownVersion || err != nil {
		t.Error(updated, version, err)
	}
}

func TestSecureNodesNeedAuthentication(t *testing.T) {
	k := start(t)
	k.secure = true
	expect(t, k.CreateRecursive("/a", nil), zkclient.ErrInvalidACL)
	acl := ok(k.GetAcl("/brokers"))(t)
	if len(acl) != 1 || acl[0].Scheme != "world" {
		t.Errorf("%v", acl)
	}
	check(t, k.SetAcl("/brokers", acl))
}
