package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkclient"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// testCluster is a ZooKeeper server with brokers that are only registered, and
// controllers whose requests are recorded.
type testCluster struct {
	t       *testing.T
	server  *zktest.Server
	admin   *zkutil.KafkaZkClient
	brokers map[int32]*zkutil.KafkaZkClient // the sessions that registered them
	sender  *recordingSender

	features FeatureCache // of controllers started from now on
}

func newTestCluster(t *testing.T, brokerIDs ...int32) *testCluster {
	c := &testCluster{t: t, server: zktest.Start(t), brokers: map[int32]*zkutil.KafkaZkClient{}, sender: newRecordingSender()}
	c.admin = c.connect("admin")
	if err := c.admin.CreateTopLevelPaths(); err != nil {
		t.Fatal(err)
	}
	for _, id := range brokerIDs {
		c.startBroker(id)
	}
	return c
}

func (c *testCluster) connect(name string) *zkutil.KafkaZkClient {
	c.t.Helper()
	client, err := zkutil.Connect(context.Background(), zkutil.Config{Config: zkclient.Config{
		ConnectString: c.server.Addr(), SessionTimeout: 6 * time.Second, ConnectionTimeout: patience, MaxInFlightRequests: 10, Name: name,
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

func brokerInfo(id int32) zkdata.BrokerInfo {
	return zkdata.NewBrokerInfo(zkdata.Broker{ID: id, Endpoints: []zkdata.Endpoint{
		{Host: "localhost", Port: 9092 + id, ListenerName: "PLAINTEXT", SecurityProtocol: "PLAINTEXT"},
	}}, config.LatestApiVersion, -1)
}

// startBroker registers a broker and gives its epoch.
func (c *testCluster) startBroker(id int32) int64 {
	c.t.Helper()
	client := c.connect(fmt.Sprintf("broker %d", id))
	epoch, err := client.RegisterBroker(brokerInfo(id))
	if err != nil {
		c.t.Fatal(err)
	}
	c.brokers[id] = client
	return epoch
}

func (c *testCluster) stopBroker(id int32) {
	c.brokers[id].Close()
	delete(c.brokers, id)
}

// startController starts a controller on a broker over that broker's session.
func (c *testCluster) startController(id int32, properties map[string]string) *KafkaController {
	c.t.Helper()
	if properties == nil {
		properties = map[string]string{}
	}
	properties["zookeeper.connect"] = c.server.Addr()
	snapshot, err := config.NewBrokerConfig(properties)
	if err != nil {
		c.t.Fatal(err)
	}
	registered, found, err := c.admin.GetBroker(id)
	if err != nil || !found {
		c.t.Fatalf("broker %d: %t, %v", id, found, err)
	}
	controller := New(Options{
		Config: config.NewCurrent(snapshot), ZkClient: c.brokers[id], BrokerInfo: brokerInfo(id),
		BrokerEpoch: registered.Epoch, Sender: c.sender, Features: c.features,
	})
	controller.Startup()
	c.t.Cleanup(controller.Shutdown)
	return controller
}

func (c *testCluster) startActive(id int32, properties map[string]string) *KafkaController {
	c.t.Helper()
	controller := c.startController(id, properties)
	c.eventually("controller is active", controller.IsActive)
	settle(controller)
	return controller
}

// settle waits until the events enqueued so far are processed.
func settle(controller *KafkaController) {
	done := make(chan struct{})
	end := func() { close(done) }
	controller.events.put(event{name: "settle", process: func() error { end(); return nil }, preempt: end})
	<-done
}

// inspect runs on the event goroutine.
func inspect[T any](controller *KafkaController, look func(*controllerContext) T) T {
	result := make(chan T, 1)
	controller.events.put(event{name: "inspect", process: func() error { result <- look(controller.context); return nil },
		preempt: func() { close(result) }})
	return <-result
}

func (c *testCluster) eventually(what string, holds func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (c *testCluster) createTopic(name string, replicas ...[]int32) topic.ID {
	c.t.Helper()
	assignment := map[topic.Partition][]int32{}
	for i, ids := range replicas {
		assignment[topic.Partition{Topic: name, Partition: int32(i)}] = ids
	}
	id := topic.NewID()
	if err := c.admin.SetOrCreateEntityConfigs("topics", name, map[string]string{}); err != nil {
		c.t.Fatal(err)
	}
	if err := c.admin.CreateTopicAssignment(name, id, assignment); err != nil {
		c.t.Fatal(err)
	}
	return id
}

func tp(name string, partition int32) topic.Partition {
	return topic.Partition{Topic: name, Partition: partition}
}

func (c *testCluster) state(partition topic.Partition) zkdata.LeaderIsrAndControllerEpoch {
	c.t.Helper()
	state, found, err := c.admin.GetTopicPartitionState(partition)
	if err != nil || !found {
		c.t.Fatalf("state of %s: %t, %v", partition, found, err)
	}
	return state
}

// awaitState waits until a partition has that leader and ISR in ZooKeeper.
func (c *testCluster) awaitState(partition topic.Partition, leader int32, isr ...int32) zkdata.LeaderIsrAndControllerEpoch {
	c.t.Helper()
	var state zkdata.LeaderIsrAndControllerEpoch
	c.eventually(fmt.Sprintf("%s led by %d with ISR %v", partition, leader, isr), func() bool {
		var found bool
		var err error
		state, found, err = c.admin.GetTopicPartitionState(partition)
		return err == nil && found && state.Leader == leader && slices.Equal(state.Isr, isr)
	})
	return state
}

// createAwaited creates a topic and waits until all its partitions are led by
// the first replica with all in sync.
func (c *testCluster) createAwaited(name string, replicas ...[]int32) topic.ID {
	c.t.Helper()
	id := c.createTopic(name, replicas...)
	for i, ids := range replicas {
		c.awaitState(tp(name, int32(i)), ids[0], ids...)
	}
	return id
}

// sentRequest is a request that reached a broker.
type sentRequest struct {
	broker  int32
	request kmsg.Request
}

var errUnreachable = errors.New("broker unreachable")

// recordingSender answers for all brokers as they do when all is well, unless
// told otherwise.
type recordingSender struct {
	mu          sync.Mutex
	requests    []sentRequest
	unreachable map[int32]bool
	failing     map[partitionAndReplica]int16 // error codes in LeaderAndIsr and StopReplica answers
}

func newRecordingSender() *recordingSender {
	return &recordingSender{unreachable: map[int32]bool{}, failing: map[partitionAndReplica]int16{}}
}

func (s *recordingSender) Send(_ context.Context, broker zkdata.Broker, request kmsg.Request) (kmsg.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unreachable[broker.ID] {
		return nil, errUnreachable
	}
	// What a broker gets is what the bytes say.
	received := kmsg.RequestForKey(request.Key())
	received.SetVersion(request.GetVersion())
	if err := received.ReadFrom(request.AppendTo(nil)); err != nil {
		return nil, err
	}
	s.requests = append(s.requests, sentRequest{broker.ID, received})
	switch r := received.(type) {
	case *kmsg.LeaderAndISRRequest:
		return s.answerLeaderAndIsr(broker.ID, r), nil
	case *kmsg.StopReplicaRequest:
		return s.answerStopReplica(broker.ID, r), nil
	default:
		return received.ResponseKind(), nil
	}
}

func (s *recordingSender) answerLeaderAndIsr(broker int32, request *kmsg.LeaderAndISRRequest) kmsg.Response {
	response := request.ResponseKind().(*kmsg.LeaderAndISRResponse)
	for _, ofTopic := range request.TopicStates {
		answer := kmsg.LeaderAndISRResponseTopic{TopicID: ofTopic.TopicID}
		for _, state := range ofTopic.PartitionStates {
			partition := kmsg.LeaderAndISRResponseTopicPartition{Topic: ofTopic.Topic, Partition: state.Partition,
				ErrorCode: s.failing[partitionAndReplica{tp(ofTopic.Topic, state.Partition), broker}]}
			answer.Partitions = append(answer.Partitions, partition)
			if request.Version < 5 {
				response.Partitions = append(response.Partitions, partition)
			}
		}
		if request.Version >= 5 {
			response.Topics = append(response.Topics, answer)
		}
	}
	return response
}

func (s *recordingSender) answerStopReplica(broker int32, request *kmsg.StopReplicaRequest) kmsg.Response {
	response := request.ResponseKind().(*kmsg.StopReplicaResponse)
	add := func(name string, partition int32) {
		response.Partitions = append(response.Partitions, kmsg.StopReplicaResponsePartition{Topic: name, Partition: partition,
			ErrorCode: s.failing[partitionAndReplica{tp(name, partition), broker}]})
	}
	for _, ofTopic := range request.Topics {
		for _, partition := range ofTopic.Partitions {
			add(ofTopic.Topic, partition)
		}
		for _, state := range ofTopic.PartitionStates {
			add(ofTopic.Topic, state.Partition)
		}
	}
	return response
}

func (s *recordingSender) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *recordingSender) setUnreachable(id int32, unreachable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unreachable[id] = unreachable
}

func (s *recordingSender) fail(partition topic.Partition, id int32, code int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[partitionAndReplica{partition, id}] = code
}

// find gives the last request to the broker for which the test holds.
func find[R kmsg.Request](s *recordingSender, broker int32, holds func(R) bool) (R, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sent := range slices.Backward(s.requests) {
		if request, ok := sent.request.(R); ok && sent.broker == broker && holds(request) {
			return request, true
		}
	}
	var none R
	return none, false
}

// awaitRequest waits for such a request.
func awaitRequest[R kmsg.Request](c *testCluster, broker int32, what string, holds func(R) bool) R {
	c.t.Helper()
	var request R
	c.eventually(fmt.Sprintf("broker %d gets %s", broker, what), func() bool {
		var ok bool
		request, ok = find(c.sender, broker, holds)
		return ok
	})
	return request
}

func leaderAndIsrOf(request *kmsg.LeaderAndISRRequest, partition topic.Partition) (kmsg.LeaderAndISRRequestTopicPartition, bool) {
	for _, ofTopic := range request.TopicStates {
		for _, state := range ofTopic.PartitionStates {
			if ofTopic.Topic == partition.Topic && state.Partition == partition.Partition {
				return state, true
			}
		}
	}
	return kmsg.LeaderAndISRRequestTopicPartition{}, false
}

func updateMetadataOf(request *kmsg.UpdateMetadataRequest, partition topic.Partition) (kmsg.UpdateMetadataRequestTopicPartition, bool) {
	for _, ofTopic := range request.TopicStates {
		for _, state := range ofTopic.PartitionStates {
			if ofTopic.Topic == partition.Topic && state.Partition == partition.Partition {
				return state, true
			}
		}
	}
	return kmsg.UpdateMetadataRequestTopicPartition{}, false
}

func stopReplicaOf(request *kmsg.StopReplicaRequest, partition topic.Partition) (kmsg.StopReplicaRequestTopicPartitionState, bool) {
	for _, ofTopic := range request.Topics {
		for _, state := range ofTopic.PartitionStates {
			if ofTopic.Topic == partition.Topic && state.Partition == partition.Partition {
				return state, true
			}
		}
	}
	return kmsg.StopReplicaRequestTopicPartitionState{}, false
}
