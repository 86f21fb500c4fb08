package zkutil

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

func TestRegisterBroker(t *testing.T) {
	where := connectString(t)
	a, b := connectTo(t, where), connectTo(t, where)
	check(t, a.CreateTopLevelPaths())
	epochs := map[int32]int64{2: ok(a.RegisterBroker(brokerInfo(2)))(t), 10: ok(b.RegisterBroker(brokerInfo(10)))(t)}
	if epochs[2] >= epochs[10] || epochs[2] <= 0 {
		t.Errorf("epochs %v do not grow", epochs)
	}
	brokers := ok(a.GetAllBrokersInCluster())(t)
	want := []zkdata.Broker{brokerInfo(2).Broker, brokerInfo(10).Broker}
	for i := range want {
		want[i].Epoch = epochs[want[i].ID]
		want[i].Features = map[string]zkdata.SupportedVersionRange{}
	}
	if diff := cmp.Diff(want, brokers); diff != "" {
		t.Error(diff)
	}
	_, stat, _, err := a.GetDataAndStat("/brokers/ids/2")
	if err != nil || stat.Version != 1 || stat.EphemeralOwner != a.client.SessionID() || stat.Czxid != epochs[2] {
		t.Errorf("%+v, %v", stat, err)
	}
	if again := ok(a.RegisterBroker(brokerInfo(2)))(t); again != epochs[2] {
		t.Errorf("registering again in the same session: epoch %d, want %d", again, epochs[2])
	}
	_, err = b.RegisterBroker(brokerInfo(2))
	expect(t, err, ErrNodeExists)
	if err.Error() != "KeeperErrorCode = NodeExists for /brokers/ids/2" {
		t.Errorf("message: %v", err)
	}

	moved := brokerInfo(2)
	moved.Endpoints[0].Port = 1
	check(t, a.UpdateBrokerInfo(moved))
	if got, found, err := b.GetBroker(2); err != nil || !found || got.Endpoints[0].Port != 1 || got.Epoch != epochs[2] {
		t.Errorf("%+v, %t, %v", got, found, err)
	}
	b.Close()
	if ids := ok(a.GetSortedBrokerList())(t); !slices.Equal(ids, []int32{2}) {
		t.Errorf("after one left: %v", ids)
	}
	if _, found, err := a.GetBroker(10); found || err != nil {
		t.Errorf("broker 10: %t, %v", found, err)
	}
}

func TestRegisterBrokerInNewSession(t *testing.T) {
	server := zktest.Start(t)
	k := connectTo(t, server.Addr())
	check(t, k.CreateTopLevelPaths())
	first := ok(k.RegisterBroker(brokerInfo(1)))(t)
	registered := make(chan int64, 1)
	k.RegisterStateChangeHandler(zkclient.StateChangeHandler{Name: "server", AfterInitializingSession: func() {
		epoch, err := k.RegisterBroker(brokerInfo(1))
		if err != nil {
			t.Error(err)
		}
		registered <- epoch
	}})
	server.ExpireSession(k.client.SessionID())
	if second := receive(t, registered, "registration"); second <= first {
		t.Errorf("epoch %d after %d", second, first)
	}
	if broker, found, err := k.GetBroker(1); !found || err != nil || broker.Epoch <= first {
		t.Errorf("%+v, %t, %v", broker, found, err)
	}
}

// TestRegisterBrokerReplacesOwnOldNode: a node that an expired session left behind
// (ZOOKEEPER-2985) does not keep the broker from registering (KAFKA-7165).
func TestRegisterBrokerReplacesOwnOldNode(t *testing.T) {
	where := connectString(t)
	old, k := connectTo(t, where), connectTo(t, where)
	check(t, k.CreateTopLevelPaths())
	first := ok(old.RegisterBroker(brokerInfo(1)))(t)
	k.sessionID = old.client.SessionID()
	if second := ok(k.RegisterBroker(brokerInfo(1)))(t); second <= first {
		t.Errorf("epoch %d after %d", second, first)
	}
}

func TestRequestsRideOutARestart(t *testing.T) {
	server := zktest.Start(t)
	k := connectTo(t, server.Addr())
	check(t, k.CreateTopLevelPaths())
	epoch := ok(k.RegisterBroker(brokerInfo(1)))(t)
	server.Stop()
	done := make(chan error, 1)
	go func() { done <- k.CreateRecursive("/a/b", nil) }()
	for k.SessionState() == zkclient.Connected {
		time.Sleep(time.Millisecond)
	}
	server.Restart()
	check(t, receive(t, done, "answer after the restart"))
	if broker, found, err := k.GetBroker(1); !found || err != nil || broker.Epoch != epoch {
		t.Errorf("%+v, %t, %v", broker, found, err)
	}
}

func TestCloseEndsRetries(t *testing.T) {
	server := zktest.Start(t)
	cfg := Config{Config: zkclient.Config{ConnectString: server.Addr(), SessionTimeout: 10 * time.Second, ConnectionTimeout: patience, MaxInFlightRequests: 1}}
	k, err := Connect(context.Background(), cfg)
	check(t, err)
	server.Stop()
	done := make(chan error, 1)
	go func() {
		_, err := k.GetChildren("/")
		done <- err
	}()
	k.Close()
	// The request may have been under way before the server stopped.
	if err := receive(t, done, "answer"); err != nil {
		expect(t, err, ErrClosed)
	}
	_, err = k.GetChildren("/")
	expect(t, err, ErrClosed)
}

func TestGenerateBrokerSequenceId(t *testing.T) {
	k := start(t)
	for want := int32(1); want <= 3; want++ {
		if id := ok(k.GenerateBrokerSequenceId())(t); id != want {
			t.Errorf("got %d, want %d", id, want)
		}
	}
	check(t, k.DeletePath(zkdata.BrokerSequenceIDPath, zkdata.MatchAnyVersion))
	if id := ok(k.GenerateBrokerSequenceId())(t); id != 1 {
		t.Errorf("without the node: %d", id)
	}
	if data, _, _, err := k.GetDataAndStat(zkdata.BrokerSequenceIDPath); data == nil || err != nil {
		t.Errorf("data is null, want empty: %v", err)
	}
}

func TestCreateOrGetClusterId(t *testing.T) {
	k := start(t)
	if _, found, err := k.GetClusterId(); found || err != nil {
		t.Errorf("%t, %v", found, err)
	}
	for _, proposed := range []string{"first", "second"} {
		if id := ok(k.CreateOrGetClusterId(proposed))(t); id != "first" {
			t.Errorf("got %s", id)
		}
	}
}

func TestGetNewProducerIdBlock(t *testing.T) {
	k := start(t)
	for i := range int64(3) {
		block := ok(k.GetNewProducerIdBlock(int32(i)))(t)
		if block != (zkdata.ProducerIDBlock{BrokerID: int32(i), Start: i * 1000, Size: 1000}) {
			t.Errorf("block %d: %+v", i, block)
		}
	}
	if _, err := nextProducerIDBlock(1, []byte(`{"version":1,"broker":1,"block_start":"9223372036854774000","block_end":"9223372036854774999"}`)); err == nil {
		t.Error("ids beyond the limit were given out")
	}
	check(t, k.DeletePath(zkdata.ProducerIDBlockPath, zkdata.MatchAnyVersion))
	if block := ok(k.GetNewProducerIdBlock(1))(t); block.Start != 0 {
		t.Errorf("without the node: %+v", block)
	}
}
