package replica

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
	"github.com/gregor-broker/gregor/server/cluster"
	"github.com/gregor-broker/gregor/server/metadata"
)

const listener = "PLAINTEXT"

// logs is a log manager whose directory is in memory or on disk.
type logs struct {
	// full lets the disk be full; refused counts the appends that met that.
	full    atomic.Bool
	refused atomic.Int32

	t    testing.TB
	fs   vfs.FS
	root string

	mu          sync.Mutex
	config      *log.Config
	all         map[topic.Partition]*log.UnifiedLog
	checkpoints map[topic.Partition]int64
	writes      int
	offline     bool
	createError error
}

func (l *logs) GetLog(tp topic.Partition, isFuture bool) *log.UnifiedLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isFuture {
		return nil // nothing moves here
	}
	return l.all[tp]
}

func (l *logs) MaybeUpdatePreferredLogDir(topic.Partition, string) {}

func (l *logs) GetOrCreateLog(tp topic.Partition, id topic.ID, isNew, isFuture bool) (*log.UnifiedLog, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.createError != nil {
		return nil, l.createError
	}
	if l.all[tp] == nil {
		opened, err := log.Open(log.OpenOptions{
			Dir: filepath.Join(l.root, tp.String()), Config: l.config, TopicID: id, KeepPartitionMetadata: true, FS: l.fs,
			Scheduler: log.NewScheduler(), Failures: l, ProducerIDExpirationMs: 1 << 40,
		})
		if err != nil {
			return nil, err
		}
		l.all[tp] = opened
	}
	return l.all[tp], nil
}

func (l *logs) InitializingLog(topic.Partition)                          {}
func (l *logs) FinishedInitializingLog(topic.Partition, *log.UnifiedLog) {}
func (l *logs) AsyncDelete(topic.Partition, bool) error                  { return nil }
func (l *logs) ReplaceCurrentWithFutureLog(topic.Partition) error        { return nil }
func (l *logs) HasOfflineLogDir(string) bool                             { return false }

// IsFull is asked before each append.
func (l *logs) IsFull(string) bool {
	if !l.full.Load() {
		return false
	}
	l.refused.Add(1)
	return true
}

func (l *logs) MaybeAddOfflineLogDir(dir, message string, cause error) {
	l.t.Errorf("%s failed: %s: %v", dir, message, cause)
}

func (l *logs) AsyncDeleteAll(partitions []topic.Partition, onError func(topic.Partition, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, tp := range partitions {
		delete(l.all, tp)
	}
}

func (l *logs) TruncateTo(offsets map[topic.Partition]int64, isFuture bool) error {
	for tp, offset := range offsets {
		if _, err := l.GetLog(tp, isFuture).TruncateTo(offset); err != nil {
			return err
		}
	}
	return nil
}

func (l *logs) TruncateFullyAndStartAt(tp topic.Partition, offset int64, isFuture bool) error {
	return l.GetLog(tp, isFuture).TruncateFullyAndStartAt(offset)
}

func (l *logs) AllLogs() []*log.UnifiedLog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.all))
}

func (l *logs) IsLogDirOnline(dir string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if dir != l.root {
		return false, kerr.LogDirNotFound
	}
	return !l.offline, nil
}

func (l *logs) HandleLogDirFailure(string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.offline = true
}

func (l *logs) ReadHighWatermarks(string) (map[topic.Partition]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.checkpoints), nil
}

func (l *logs) WriteHighWatermarks(_ string, offsets map[topic.Partition]int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkpoints = maps.Clone(offsets)
	l.writes++
	return nil
}

// written gives the checkpoint of a partition and how often it was written.
func (l *logs) written(tp topic.Partition) (highWatermark int64, writes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkpoints[tp], l.writes
}

// grantIsr decides on every ISR change as the controller would, at once but on
// another goroutine.
type grantIsr struct{ work sync.WaitGroup }

func (g *grantIsr) Submit(_ topic.Partition, proposed cluster.LeaderAndIsr, _ int32, done func(cluster.LeaderAndIsr, error)) {
	g.work.Go(func() {
		proposed.ZKVersion++
		done(proposed, nil)
	})
}

// node is a broker without network and controller: tests make the requests.
type node struct {
	*ReplicaManager
	t        testing.TB
	logs     *logs
	cache    *metadata.Cache
	sessions *FetchSessionManager
	failures *manager.LogDirFailureChannel
	events   []int32
	net      *network
}

// network connects the fetchers of nodes to the nodes they follow.
type network struct {
	mu    sync.Mutex
	nodes map[int32]*node
	// intercept may answer a request instead of the node.
	intercept func(to int32, request kmsg.Request) (kmsg.Response, error, bool)
	requests  []kmsg.Request
}

func newNetwork() *network { return &network{nodes: map[int32]*node{}} }

// newNode starts a broker; broker and topic settings are over the defaults.
func newNode(t testing.TB, net *network, id int32, brokerSettings, topicSettings map[string]string) *node {
	t.Helper()
	root := "/logs"
	fs := vfs.FS(vfs.NewMem())
	if dir, onDisk := brokerSettings["log.dirs"]; onDisk {
		root, fs = dir, vfs.OS
	}
	settings := map[string]string{"zookeeper.connect": "localhost", "broker.id": fmt.Sprint(id), "log.dirs": root, "replica.fetch.backoff.ms": "10", "replica.fetch.wait.max.ms": "10"}
	maps.Copy(settings, brokerSettings)
	broker, err := config.NewBrokerConfig(settings)
	if err != nil {
		t.Fatal(err)
	}
	topics, err := config.NewTopicConfig(broker, topicSettings)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{
		t: t, net: net, cache: metadata.NewCache(id), failures: manager.NewLogDirFailureChannel(1),
		logs: &logs{t: t, fs: fs, root: root, config: log.NewConfig(topics), all: map[topic.Partition]*log.UnifiedLog{}, checkpoints: map[topic.Partition]int64{}},
	}
	isr := &grantIsr{}
	n.sessions = NewFetchSessionManager(broker, n.cache, nil)
	n.ReplicaManager = New(Options{
		Config: config.NewCurrent(broker), LogManager: n.logs, MetadataCache: n.cache, LogDirFailures: n.failures, AlterIsr: isr, Leaders: net,
		PropagateLogDirEvent: func(brokerID int32) error { n.events = append(n.events, brokerID); return nil },
		Halt:                 func(int) { t.Error("halted") },
	})
	net.mu.Lock()
	net.nodes[id] = n
	net.mu.Unlock()
	n.Startup()
	t.Cleanup(func() {
		n.Shutdown(false)
		isr.work.Wait()
		for _, local := range n.logs.AllLogs() {
			if err := local.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return n
}

// tell gives nodes the metadata of a topic with one partition state per entry.
func tell(nodes []*node, name string, id topic.ID, states ...kmsg.LeaderAndISRRequestTopicPartition) {
	request := &kmsg.UpdateMetadataRequest{Version: 7, ControllerID: 0, ControllerEpoch: 1}
	of := kmsg.UpdateMetadataRequestTopicState{Topic: name, TopicID: id}
	for _, state := range states {
		of.PartitionStates = append(of.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{
			Partition: state.Partition, Leader: state.Leader, LeaderEpoch: state.LeaderEpoch, ISR: state.ISR, Replicas: state.Replicas,
		})
	}
	request.TopicStates = []kmsg.UpdateMetadataRequestTopicState{of}
	for brokerID := range int32(4) {
		rack := fmt.Sprintf("rack%d", brokerID)
		request.LiveBrokers = append(request.LiveBrokers, kmsg.UpdateMetadataRequestLiveBroker{ID: brokerID, Rack: &rack,
			Endpoints: []kmsg.UpdateMetadataRequestLiveBrokerEndpoint{{Host: "host", Port: 9092 + brokerID, ListenerName: listener}}})
	}
	for _, n := range nodes {
		if _, err := n.MaybeUpdateMetadataCache(0, request); err != nil {
			n.t.Fatal(err)
		}
	}
}

func state(partition, leader, epoch int32, replicas ...int32) kmsg.LeaderAndISRRequestTopicPartition {
	return kmsg.LeaderAndISRRequestTopicPartition{
		Partition: partition, ControllerEpoch: 1, Leader: leader, LeaderEpoch: epoch, ISR: replicas, Replicas: replicas, IsNew: true,
	}
}

func leaderAndIsr(name string, id topic.ID, states ...kmsg.LeaderAndISRRequestTopicPartition) *kmsg.LeaderAndISRRequest {
	return &kmsg.LeaderAndISRRequest{
		Version: 5, ControllerEpoch: 1, TopicStates: []kmsg.LeaderAndISRRequestTopicState{{Topic: name, TopicID: id, PartitionStates: states}},
	}
}

// elect tells nodes who leads the partitions of a topic, as the controller does.
func elect(nodes []*node, name string, id topic.ID, states ...kmsg.LeaderAndISRRequestTopicPartition) {
	tell(nodes, name, id, states...)
	for _, n := range nodes {
		response := n.BecomeLeaderOrFollower(0, leaderAndIsr(name, id, states...), func(_, _ []*cluster.Partition) {})
		for _, of := range response.Topics {
			for _, partition := range of.Partitions {
				if partition.ErrorCode != 0 {
					n.t.Errorf("%s-%d on broker %d: %v", name, partition.Partition, n.brokerID, kerr.ErrorForCode(partition.ErrorCode))
				}
			}
		}
	}
}

// single is a node that leads partitions 0 to count-1 of topic t alone.
func single(t testing.TB, count int32, topicSettings map[string]string) *node {
	t.Helper()
	n := newNode(t, newNetwork(), 1, nil, topicSettings)
	var states []kmsg.LeaderAndISRRequestTopicPartition
	for partition := range count {
		states = append(states, state(partition, 1, 0, 1))
	}
	elect([]*node{n}, "t", topic.ID{}, states...)
	return n
}

func tpOf(partition int32) topic.Partition { return topic.Partition{Topic: "t", Partition: partition} }

func batchOf(count, valueSize int) []byte {
	builder := record.NewBuilder(record.BuilderOptions{})
	value := make([]byte, valueSize)
	for range count {
		builder.Append(time.Now().UnixMilli(), nil, value)
	}
	return builder.Build()
}

// answerBox keeps what a respond function got, and fails on a second answer.
type answerBox[T any] struct {
	t        testing.TB
	answered chan T
}

func newAnswerBox[T any](t testing.TB) *answerBox[T] {
	return &answerBox[T]{t, make(chan T, 1)}
}

func (b *answerBox[T]) respond(answer T) {
	select {
	case b.answered <- answer:
	default:
		b.t.Error("answered twice")
	}
}

// now gives the answer that must be there already.
func (b *answerBox[T]) now() T {
	b.t.Helper()
	select {
	case answer := <-b.answered:
		return answer
	default:
		b.t.Fatal("no answer")
		panic("unreachable")
	}
}

func (b *answerBox[T]) wait() T { return <-b.answered }

func (b *answerBox[T]) none() {
	b.t.Helper()
	select {
	case answer := <-b.answered:
		b.t.Fatalf("answered already: %+v", answer)
	default:
	}
}

func (n *node) produce(acks int16, timeout time.Duration, entries ...ProducePartition) *answerBox[[]ProducePartitionResult] {
	box := newAnswerBox[[]ProducePartitionResult](n.t)
	n.AppendRecords(&ProduceParams{Timeout: timeout, RequiredAcks: acks, Origin: log.OriginClient}, entries, box.respond)
	return box
}

func (n *node) append(partition int32, count int) {
	n.t.Helper()
	if result := n.produce(1, 0, ProducePartition{tpOf(partition), batchOf(count, 10)}).now()[0]; result.ErrorCode != 0 {
		n.t.Fatal(kerr.ErrorForCode(result.ErrorCode))
	}
}

func readAt(partition int32, offset int64) FetchPartition {
	return FetchPartition{Partition: tpOf(partition), FetchOffset: offset, MaxBytes: 1 << 20, CurrentLeaderEpoch: -1, LastFetchedEpoch: -1}
}

func (n *node) fetch(params FetchParams, partitions ...FetchPartition) *answerBox[[]FetchPartitionResult] {
	box := newAnswerBox[[]FetchPartitionResult](n.t)
	if params.MaxBytes == 0 {
		params.MaxBytes = 1 << 20
	}
	n.FetchMessages(&params, partitions, box.respond)
	return box
}

// follow fetches as a follower and returns without waiting for data.
func (n *node) follow(follower, partition int32, offset int64) FetchPartitionResult {
	n.t.Helper()
	results := n.fetch(FetchParams{ReplicaID: follower, MinBytes: 1}, readAt(partition, offset)).now()
	releaseAll(results)
	return results[0]
}

// eventually polls, for what fetcher goroutines do.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Connect gives a fetcher the node of that id.
func (w *network) Connect(leader metadata.Node, clientID string) LeaderConnection {
	ctx, cancel := context.WithCancel(context.Background())
	return &link{w, leader.ID, ctx, cancel}
}

type link struct {
	network *network
	to      int32
	context context.Context
	cancel  context.CancelFunc
}

func (l *link) Close() { l.cancel() }

func (l *link) Send(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	l.network.mu.Lock()
	to, intercept := l.network.nodes[l.to], l.network.intercept
	l.network.requests = append(l.network.requests, request)
	l.network.mu.Unlock()
	if intercept != nil {
		if response, err, done := intercept(l.to, request); done {
			return response, err
		}
	}
	if to == nil {
		return nil, fmt.Errorf("broker %d is down", l.to)
	}
	switch request := request.(type) {
	case *kmsg.FetchRequest:
		return l.fetch(ctx, to, request)
	case *kmsg.OffsetForLeaderEpochRequest:
		return &kmsg.OffsetForLeaderEpochResponse{Version: request.Version, Topics: to.LastOffsetForLeaderEpoch(request.Topics)}, nil
	case *kmsg.ListOffsetsRequest:
		return to.listOffsets(request), nil
	}
	return nil, fmt.Errorf("unexpected %T", request)
}

func (n *node) listOffsets(request *kmsg.ListOffsetsRequest) *kmsg.ListOffsetsResponse {
	asked := request.Topics[0].Partitions[0]
	tp := topic.Partition{Topic: request.Topics[0].Topic, Partition: asked.Partition}
	found, _, err := n.FetchOffsetForTimestamp(tp, asked.Timestamp, log.FetchLogEnd, asked.CurrentLeaderEpoch, true)
	answer := kmsg.ListOffsetsResponseTopicPartition{Partition: asked.Partition, Offset: found.Offset}
	if err != nil {
		answer.ErrorCode = kerr.TypedErrorForCode(codeOf(err)).Code
	}
	return &kmsg.ListOffsetsResponse{Topics: []kmsg.ListOffsetsResponseTopic{{Topic: tp.Topic, Partitions: []kmsg.ListOffsetsResponseTopicPartition{answer}}}}
}

// fetch does what the Fetch API does, without authorization and quotas.
func (l *link) fetch(ctx context.Context, to *node, request *kmsg.FetchRequest) (kmsg.Response, error) {
	session := to.sessions.NewContext(request)
	var known []FetchPartition
	var unknown []FetchPartitionResult
	for _, partition := range session.AppendPartitions(nil) {
		if partition.Partition.Topic == "" {
			unknown = append(unknown, partition.ErrorResult(kerr.UnknownTopicID))
		} else {
			known = append(known, partition)
		}
	}
	answered := make(chan []FetchPartitionResult, 1)
	to.FetchMessages(&FetchParams{ReplicaID: request.ReplicaID, MaxWait: time.Duration(request.MaxWaitMillis) * time.Millisecond,
		MinBytes: int(request.MinBytes), MaxBytes: int(request.MaxBytes)}, known, func(results []FetchPartitionResult) { answered <- results })
	select {
	case results := <-answered:
		return encodeFetch(request.Version, session.UpdateAndGenerateResponse(append(unknown, results...))), nil
	case <-l.context.Done():
	case <-ctx.Done():
	}
	go func() { releaseAll(<-answered) }()
	return nil, context.Canceled
}

func encodeFetch(version int16, from FetchResponse) *kmsg.FetchResponse {
	response := &kmsg.FetchResponse{Version: version, ErrorCode: from.ErrorCode, SessionID: from.SessionID}
	for i := range from.Partitions {
		result := &from.Partitions[i]
		partition := kmsg.NewFetchResponseTopicPartition()
		partition.Partition, partition.ErrorCode, partition.HighWatermark = result.Partition.Partition, result.ErrorCode, result.HighWatermark
		partition.LastStableOffset, partition.LogStartOffset = result.LastStableOffset, result.LogStartOffset
		if result.Diverged {
			partition.DivergingEpoch.Epoch, partition.DivergingEpoch.EndOffset = result.Diverging.LeaderEpoch, result.Diverging.Offset
		}
		if result.Records != nil {
			partition.RecordBatches = make([]byte, result.Records.Size())
			if _, err := result.Records.ReadAt(partition.RecordBatches, 0); err != nil {
				panic(err)
			}
			result.ReleaseRecords()
		}
		response.Topics = append(response.Topics, kmsg.FetchResponseTopic{
			Topic: result.Partition.Topic, TopicID: result.TopicID, Partitions: []kmsg.FetchResponseTopicPartition{partition},
		})
	}
	return response
}
