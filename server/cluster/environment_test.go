package cluster

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

var testPartition = topic.Partition{Topic: "t", Partition: 0}

// logs is a log manager of one directory in memory.
type logs struct {
	t       testing.TB
	fs      vfs.FS
	config  *log.Config
	current map[topic.Partition]*log.UnifiedLog
}

func newLogs(t testing.TB, overrides map[string]string) *logs {
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := config.NewTopicConfig(broker, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return &logs{t: t, fs: vfs.NewMem(), config: log.NewConfig(settings), current: map[topic.Partition]*log.UnifiedLog{}}
}

func (l *logs) GetLog(tp topic.Partition, isFuture bool) *log.UnifiedLog { return l.current[tp] }
func (l *logs) InitializingLog(topic.Partition)                          {}
func (l *logs) FinishedInitializingLog(topic.Partition, *log.UnifiedLog) {}
func (l *logs) AsyncDelete(topic.Partition, bool) error                  { return nil }
func (l *logs) ReplaceCurrentWithFutureLog(topic.Partition) error        { return nil }

func (l *logs) GetOrCreateLog(tp topic.Partition, id topic.ID, isNew, isFuture bool) (*log.UnifiedLog, error) {
	if l.current[tp] == nil {
		opened, err := log.Open(log.OpenOptions{
			Dir: filepath.Join("/logs", tp.String()), Config: l.config, TopicID: id, KeepPartitionMetadata: true, FS: l.fs,
			Scheduler: log.NewScheduler(), Failures: l, ProducerIDExpirationMs: 1 << 40,
		})
		if err != nil {
			return nil, err
		}
		l.current[tp] = opened
	}
	return l.current[tp], nil
}

func (l *logs) TruncateTo(offsets map[topic.Partition]int64, isFuture bool) error {
	for tp, offset := range offsets {
		if _, err := l.current[tp].TruncateTo(offset); err != nil {
			return err
		}
	}
	return nil
}

func (l *logs) TruncateFullyAndStartAt(tp topic.Partition, offset int64, isFuture bool) error {
	return l.current[tp].TruncateFullyAndStartAt(offset)
}

func (l *logs) MaybeAddOfflineLogDir(dir, message string, cause error) {
	l.t.Errorf("%s failed: %s: %v", dir, message, cause)
}

// isrChanges keeps proposals until the test decides on them.
type isrChanges struct {
	proposed []LeaderAndIsr
	done     []func(LeaderAndIsr, error)
}

func (c *isrChanges) Submit(_ topic.Partition, proposed LeaderAndIsr, _ int32, done func(LeaderAndIsr, error)) {
	c.proposed, c.done = append(c.proposed, proposed), append(c.done, done)
}

// accept decides on the last proposal as the controller does.
func (c *isrChanges) accept() {
	decided := c.proposed[len(c.proposed)-1]
	decided.ZKVersion++
	c.done[len(c.done)-1](decided, nil)
}

func (c *isrChanges) refuse(err error) { c.done[len(c.done)-1](LeaderAndIsr{}, err) }

// parked counts completions of delayed operations.
type parked struct {
	mu       sync.Mutex
	complete int
	deletes  int
}

func (p *parked) CheckAndCompleteAll(topic.Partition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complete++
}

func (p *parked) NumDelayedDelete() int { return p.deletes }

func (p *parked) take() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.complete = 0 }()
	return p.complete
}

type deadBrokers map[int32]bool

func (d deadBrokers) HasAliveBroker(id int32) bool { return !d[id] }

type changeCounts struct{ expands, shrinks, failures int }

func (c *changeCounts) MarkExpand() { c.expands++ }
func (c *changeCounts) MarkShrink() { c.shrinks++ }
func (c *changeCounts) MarkFailed() { c.failures++ }

// noCheckpoints has no high watermark of any partition.
type noCheckpoints struct{}

func (noCheckpoints) Fetch(string, topic.Partition) (int64, bool) { return 0, false }

// bench is a partition with all that surrounds it; the broker's id is 1.
type bench struct {
	*Partition
	t       testing.TB
	logs    *logs
	isr     *isrChanges
	parked  *parked
	dead    deadBrokers
	changes *changeCounts
}

func newBench(t testing.TB, overrides map[string]string) *bench {
	b := &bench{t: t, logs: newLogs(t, overrides), isr: &isrChanges{}, parked: &parked{}, dead: deadBrokers{}, changes: &changeCounts{}}
	b.Partition = NewPartition(testPartition, &Broker{
		ID: 1, ReplicaLagTimeMax: 30 * time.Second, LogManager: b.logs, AliveBrokers: b.dead, AlterIsr: b.isr, IsrChanges: b.changes,
		Delayed: b.parked, Log: logging.For("kafka.cluster.Partition"), StateChange: logging.For("state.change.logger"),
	})
	return b
}

func leaderState(leader, epoch int32, isr []int32, replicas ...int32) *kmsg.LeaderAndISRRequestTopicPartition {
	return &kmsg.LeaderAndISRRequestTopicPartition{
		Partition: 0, ControllerEpoch: 1, Leader: leader, LeaderEpoch: epoch, ISR: isr, ZKVersion: 10, Replicas: replicas, IsNew: true,
	}
}

func (b *bench) lead(epoch int32, isr []int32, replicas ...int32) bool {
	b.t.Helper()
	isNew, err := b.MakeLeader(leaderState(1, epoch, isr, replicas...), noCheckpoints{}, topic.ID{})
	if err != nil {
		b.t.Fatal(err)
	}
	return isNew
}

func (b *bench) follow(leader, epoch int32, replicas ...int32) bool {
	b.t.Helper()
	changed, err := b.MakeFollower(leaderState(leader, epoch, replicas, replicas...), noCheckpoints{}, topic.ID{})
	if err != nil {
		b.t.Fatal(err)
	}
	return changed
}

func batchOf(count int) []byte {
	builder := record.NewBuilder(record.BuilderOptions{})
	for range count {
		builder.Append(time.Now().UnixMilli(), nil, []byte("value"))
	}
	return builder.Build()
}

func (b *bench) append(count int) log.AppendInfo {
	b.t.Helper()
	info, err := b.AppendRecordsToLeader(batchOf(count), log.OriginClient, 1)
	if err != nil {
		b.t.Fatal(err)
	}
	return info
}

// fetch reads as a follower and notes its progress, as the replica manager does.
func (b *bench) fetch(follower int32, offset int64) {
	b.t.Helper()
	params := ReadParams{FetchOffset: offset, CurrentLeaderEpoch: b.LeaderEpoch(), LastFetchedEpoch: NoEpoch, MaxBytes: 1 << 20, OnlyFromLeader: true, FollowerID: follower}
	var info ReadInfo
	if err := b.ReadRecords(&params, &info); err != nil {
		b.t.Fatalf("follower %d at %d: %v", follower, offset, err)
	}
	info.Fetched.Release()
	if !b.UpdateFollowerFetchState(follower, info.Fetched.FetchOffsetMetadata, 0, time.Now(), info.LogEndOffset) {
		b.t.Fatalf("follower %d is not known", follower)
	}
}

func (b *bench) wantHighWatermark(want int64) {
	b.t.Helper()
	if got := b.Log().HighWatermark(); got != want {
		b.t.Errorf("high watermark %d, want %d", got, want)
	}
}

func (l *logs) HasOfflineLogDir(string) bool { return false }
