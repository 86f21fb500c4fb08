package replica

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/log/vfs"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/quota"
)

// jbod is a broker with several log directories.
type jbod struct {
	*node
	logManager *manager.LogManager
	dirs       []string
	stop       func()
}

type jbodOptions struct {
	fs       vfs.FS // nil is the real one
	quota    ReplicaQuota
	settings map[string]string
	net      *network
	dirs     []string
}

func newJbod(t testing.TB, options jbodOptions) *jbod {
	t.Helper()
	settings := map[string]string{
		"zookeeper.connect": "localhost", "broker.id": "1", "log.dirs": strings.Join(options.dirs, ","), "replica.fetch.backoff.ms": "10",
		"replica.fetch.wait.max.ms": "10", "log.segment.bytes": "2000", "replica.fetch.max.bytes": "1000", "log.segment.delete.delay.ms": "0",
	}
	maps.Copy(settings, options.settings)
	cfg, err := config.NewBrokerConfig(settings)
	if err != nil {
		t.Fatal(err)
	}
	current, failures := config.NewCurrent(cfg), manager.NewLogDirFailureChannel(len(options.dirs))
	logManager, err := manager.New(manager.Options{Config: current, FailureChannel: failures, FS: options.fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := logManager.Startup([]string{"t"}); err != nil {
		t.Fatal(err)
	}
	j := &jbod{node: &node{t: t, cache: metadata.NewCache(1), failures: failures}, logManager: logManager, dirs: options.dirs}
	if options.net == nil {
		options.net = newNetwork()
	}
	j.ReplicaManager = New(Options{
		Config: current, LogManager: logManager, MetadataCache: j.cache, LogDirFailures: failures, AlterIsr: &grantIsr{}, Leaders: options.net,
		Quotas: Quotas{AlterLogDirs: options.quota}, PropagateLogDirEvent: func(int32) error { return nil },
	})
	j.Startup()
	j.stop = sync.OnceFunc(func() {
		j.Shutdown(true)
		if err := logManager.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(j.stop)
	return j
}

func twoDirs(t testing.TB) []string { return []string{t.TempDir(), t.TempDir()} }

// move asks for a move and gives the answer.
func (j *jbod) move(partition int32, dir string) error {
	return j.AlterReplicaLogDirs(map[topic.Partition]string{tpOf(partition): dir})[tpOf(partition)]
}

func (j *jbod) mustMove(partition int32, dir string) {
	j.t.Helper()
	if err := j.move(partition, dir); err != nil {
		j.t.Fatal(err)
	}
}

func (j *jbod) dirOf(partition int32) string { return j.LocalLog(tpOf(partition)).ParentDir() }

// other is the directory, of two, that a partition is not in.
func (j *jbod) other(partition int32) string {
	if j.dirOf(partition) == j.dirs[0] {
		return j.dirs[1]
	}
	return j.dirs[0]
}

func (j *jbod) wantMoved(partition int32, dir string) {
	j.t.Helper()
	eventually(j.t, fmt.Sprintf("t-%d is in %s", partition, dir), func() bool {
		return j.dirOf(partition) == dir && j.OnlinePartition(tpOf(partition)).FutureLog() == nil
	})
}

// all is the whole log, segment by segment.
func (j *jbod) all(partition int32) []byte {
	j.t.Helper()
	local := j.LocalLog(tpOf(partition))
	return wholeLog(j.t, local)
}

// wholeLog is nil when a fetcher cuts the log meanwhile.
func wholeLog(t testing.TB, local *log.UnifiedLog) []byte {
	t.Helper()
	var data []byte
	for _, segment := range local.Segments() {
		info, err := local.Read(max(segment.BaseOffset, local.LogStartOffset()), 1<<30, log.FetchLogEnd, true)
		var part []byte
		if err == nil {
			part, err = info.ReadAll(nil)
			info.Release()
		}
		if errors.Is(err, log.ErrTruncated) || errors.Is(err, kerr.OffsetOutOfRange) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, part...)
	}
	return data
}

// brake is a quota that is used up while it is on.
type brake struct {
	on       atomic.Bool
	recorded atomic.Int64
	onRecord func()
}

func (b *brake) IsThrottled(topic.Partition) bool { return false }
func (b *brake) IsQuotaExceeded() bool            { return b.on.Load() }
func (b *brake) Record(bytes int64) {
	b.recorded.Add(bytes)
	if b.onRecord != nil {
		b.onRecord()
	}
}

func TestAPartitionMovesToAnotherLogDirectory(t *testing.T) {
	counted := &brake{}
	j := newJbod(t, jbodOptions{dirs: twoDirs(t), quota: counted})
	id := topic.NewID()
	elect([]*node{j.node}, "t", id, state(0, 1, 3, 1))
	for range 40 {
		j.append(0, 5)
	}
	if _, err := j.LocalLog(tpOf(0)).MaybeIncrementLogStartOffset(7, log.ClientRecordDeletion); err != nil {
		t.Fatal(err)
	}
	before, from, to := j.all(0), j.dirOf(0), j.other(0)
	j.mustMove(0, to)
	j.wantMoved(0, to)
	moved := j.LocalLog(tpOf(0))
	if !bytes.Equal(j.all(0), before) {
		t.Error("the copy is not what was copied")
	}
	if moved.HighWatermark() != 200 || moved.LogStartOffset() != 7 || moved.TopicID() != id || moved.IsFuture() || moved.RecoveryPoint() != 200 {
		t.Errorf("%s, recovery point %d", moved, moved.RecoveryPoint())
	}
	if epoch, ok := moved.LatestEpoch(); !ok || epoch != 3 {
		t.Errorf("latest epoch %d, %t", epoch, ok)
	}
	if got := counted.recorded.Load(); got < int64(len(before)) || got > 2*int64(len(before)) {
		t.Errorf("%d bytes counted, %d copied", got, len(before)) // a batch that is read in part counts
	}
	eventually(t, "the old directory is gone", func() bool {
		left, err := filepath.Glob(filepath.Join(from, "t-0*"))
		return err == nil && len(left) == 0
	})
	j.append(0, 1)
	if got := moved.LogEndOffset(); got != 201 {
		t.Errorf("the next record went elsewhere: end %d", got)
	}
}

func TestWhatCannotBeMoved(t *testing.T) {
	dirs := append(twoDirs(t), t.TempDir())
	j := newJbod(t, jbodOptions{dirs: dirs})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
	long := strings.Repeat("x", 214)
	tell([]*node{j.node}, "elsewhere", topic.NewID(), state(0, 2, 0, 2))
	j.failures.MaybeAddOfflineLogDir(dirs[2], "test", errors.New("broken"))
	for _, test := range []struct {
		name, dir string
		want      *kerr.Error
	}{
		{"t", "/nowhere", kerr.LogDirNotFound}, {"t", "", kerr.LogDirNotFound}, {"t", filepath.Base(dirs[0]), kerr.LogDirNotFound},
		{"t", dirs[2], kerr.KafkaStorageError}, {"nobody's", dirs[0], kerr.UnknownTopicOrPartition}, {"nobodys", dirs[0], kerr.UnknownTopicOrPartition},
		{"elsewhere", dirs[0], kerr.ReplicaNotAvailable}, {long, dirs[0], kerr.InvalidTopicException},
	} {
		tp := topic.Partition{Topic: test.name}
		if err := j.AlterReplicaLogDirs(map[topic.Partition]string{tp: test.dir})[tp]; !errors.Is(err, test.want) {
			t.Errorf("%s to %q: %v, want %v", test.name, test.dir, err, test.want)
		}
	}
	if err := j.move(0, j.dirOf(0)); err != nil {
		t.Errorf("to where it is: %v", err)
	}
	if j.OnlinePartition(tpOf(0)).FutureLog() != nil {
		t.Error("something is moved")
	}
}

// The directory that a partition is asked to move to before it exists is where it
// is created.
func TestAPartitionIsCreatedWhereItWasAskedToBe(t *testing.T) {
	j := newJbod(t, jbodOptions{dirs: twoDirs(t)})
	for partition := range int32(4) {
		if err := j.move(partition, j.dirs[1]); !errors.Is(err, kerr.UnknownTopicOrPartition) {
			t.Fatal(err)
		}
	}
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1), state(1, 1, 0, 1), state(2, 1, 0, 1), state(3, 1, 0, 1))
	for partition := range int32(4) {
		if got := j.dirOf(partition); got != j.dirs[1] {
			t.Errorf("t-%d is in %s", partition, got)
		}
	}
}

// Producers that do not pause must neither keep a move from its end nor lose a
// record to it.
func TestMovesUnderSteadyLoad(t *testing.T) {
	j := newJbod(t, jbodOptions{dirs: twoDirs(t), settings: map[string]string{"log.segment.bytes": "1000000", "replica.fetch.max.bytes": "1000000"}})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
	var producers sync.WaitGroup
	var acknowledged atomic.Int64
	for range 3 {
		producers.Go(func() {
			for range 1500 {
				result := j.produce(-1, 0, ProducePartition{tpOf(0), batchOf(2, 2000)}).wait()[0]
				if result.ErrorCode != 0 {
					t.Error(kerr.ErrorForCode(result.ErrorCode))
					return
				}
				acknowledged.Add(2)
			}
		})
	}
	for range 4 {
		to := j.other(0)
		j.mustMove(0, to)
		j.wantMoved(0, to)
	}
	producers.Wait()
	local := j.LocalLog(tpOf(0))
	if local.LogEndOffset() != acknowledged.Load() || local.HighWatermark() != acknowledged.Load() {
		t.Errorf("%d records are acknowledged, the log ends at %d with high watermark %d", acknowledged.Load(), local.LogEndOffset(), local.HighWatermark())
	}
	if got := int64(len(j.all(0))); got != local.Size() {
		t.Errorf("%d bytes can be read, the segments have %d", got, local.Size())
	}
}

func TestAMoveGoesOnAfterARestart(t *testing.T) {
	dirs, id, half := twoDirs(t), topic.NewID(), &brake{}
	half.onRecord = func() { half.on.Store(true) }
	j := newJbod(t, jbodOptions{dirs: dirs, quota: half})
	elect([]*node{j.node}, "t", id, state(0, 1, 0, 1))
	for range 20 {
		j.append(0, 5)
	}
	before, to := j.all(0), j.other(0)
	j.mustMove(0, to)
	eventually(t, "some has been copied", half.on.Load)
	j.stop()

	j = newJbod(t, jbodOptions{dirs: dirs})
	if future := j.logManager.GetLog(tpOf(0), true); future == nil || future.LogEndOffset() == 0 || future.LogEndOffset() == 100 {
		t.Fatalf("half moved is %v", future)
	}
	elect([]*node{j.node}, "t", id, state(0, 1, 1, 1))
	j.wantMoved(0, to)
	if !bytes.Equal(j.all(0), before) {
		t.Error("the copy is not what was copied")
	}
	j.stop()

	j = newJbod(t, jbodOptions{dirs: dirs})
	elect([]*node{j.node}, "t", id, state(0, 1, 2, 1))
	if j.dirOf(0) != to || !bytes.Equal(j.all(0), before) {
		t.Errorf("after another restart it is in %s", j.dirOf(0))
	}
}

func TestAMoveCanBeCancelledAndRedirected(t *testing.T) {
	stopped := &brake{}
	stopped.on.Store(true)
	j := newJbod(t, jbodOptions{dirs: append(twoDirs(t), t.TempDir()), quota: stopped})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
	j.append(0, 5)
	from := j.dirOf(0)
	others := slices.DeleteFunc(slices.Clone(j.dirs), func(dir string) bool { return dir == from })
	futureDir := func() string {
		if future := j.OnlinePartition(tpOf(0)).FutureLog(); future != nil {
			return future.ParentDir()
		}
		return ""
	}
	for _, step := range []struct{ to, future string }{{others[0], others[0]}, {others[0], others[0]}, {others[1], others[1]}, {from, ""}, {others[0], others[0]}} {
		j.mustMove(0, step.to)
		if got := futureDir(); got != step.future {
			t.Fatalf("after the request for %s it moves to %q", step.to, got)
		}
	}
	stopped.on.Store(false)
	j.wantMoved(0, others[0])
	eventually(t, "nothing is left of the other moves", func() bool {
		left, err := filepath.Glob(filepath.Join(others[1], "t-0*"))
		return err == nil && len(left) == 0
	})
	if dirs := j.DescribeLogDirs(nil); len(dirs) != 3 {
		t.Error(dirs)
	}
}

func TestTheStateOfAMoveIsDescribed(t *testing.T) {
	stopped := &brake{}
	stopped.on.Store(true)
	j := newJbod(t, jbodOptions{dirs: twoDirs(t), quota: stopped})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
	j.append(0, 5)
	j.mustMove(0, j.other(0))
	lags := map[bool]int64{}
	for _, dir := range j.DescribeLogDirs(nil) {
		for _, of := range dir.Topics {
			for _, described := range of.Partitions {
				lags[described.IsFuture] = described.OffsetLag
			}
		}
	}
	if !maps.Equal(lags, map[bool]int64{false: 0, true: 5}) {
		t.Error(lags)
	}
}

// Partitions move one after the other, in their order, so that each is done early.
func TestAThreadMovesOnePartitionAtATime(t *testing.T) {
	var j *jbod
	together := atomic.Bool{}
	watched := &brake{}
	watched.on.Store(true)
	watched.onRecord = func() {
		begun := 0
		for partition := range int32(3) {
			if future := j.OnlinePartition(tpOf(partition)).FutureLog(); future != nil && future.LogEndOffset() > 0 && future.LogEndOffset() < 50 {
				begun++
			}
		}
		if begun > 1 {
			together.Store(true)
		}
	}
	j = newJbod(t, jbodOptions{dirs: twoDirs(t), quota: watched, settings: map[string]string{"num.replica.alter.log.dirs.threads": "1"}})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1), state(1, 1, 0, 1), state(2, 1, 0, 1))
	moves := map[topic.Partition]string{}
	for partition := range int32(3) {
		for range 10 {
			j.append(partition, 5)
		}
		moves[tpOf(partition)] = j.other(partition)
	}
	for tp, err := range j.AlterReplicaLogDirs(moves) {
		if err != nil {
			t.Fatal(tp, err)
		}
	}
	watched.on.Store(false)
	for partition := range int32(3) {
		j.wantMoved(partition, moves[tpOf(partition)])
	}
	if together.Load() {
		t.Error("two partitions were copied in turn")
	}
	j.movers.shutdownIdleFetcherThreads()
	j.movers.mu.Lock()
	defer j.movers.mu.Unlock()
	if len(j.movers.threads) != 0 {
		t.Error("idle threads go on")
	}
}

// The rate is an average over the samples, so a move takes at least its size
// divided by the rate, less the last sample's.
func TestMovesHonourTheirThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := vfs.NewMem()
		limit := quota.NewReplicationQuotaManager(11, time.Second)
		rate := int64(1000)
		limit.UpdateQuota(&rate)
		j := newJbod(t, jbodOptions{fs: fsys, dirs: []string{"/a", "/b"}, quota: limit, settings: map[string]string{"replica.fetch.backoff.ms": "1000"}})
		elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
		for range 100 {
			j.append(0, 2)
		}
		size, to := j.LocalLog(tpOf(0)).Size(), j.other(0)
		started := time.Now()
		j.mustMove(0, to)
		for j.dirOf(0) != to && time.Since(started) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(started)
		if want := time.Duration(size) * time.Second / time.Duration(rate); j.dirOf(0) != to || took < want*8/10 || took > want*15/10 {
			t.Errorf("%d bytes took %v at %d bytes a second", size, took, rate)
		}
		j.stop()
	})
}

func TestADirectoryFailsUnderAMove(t *testing.T) {
	for _, failing := range []string{"future", "current"} {
		t.Run(failing, func(t *testing.T) {
			half := &brake{}
			half.onRecord = func() { half.on.Store(true) }
			j := newJbod(t, jbodOptions{dirs: twoDirs(t), quota: half})
			elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
			for range 20 {
				j.append(0, 5)
			}
			from, to := j.dirOf(0), j.other(0)
			j.mustMove(0, to)
			eventually(t, "some has been copied", half.on.Load)
			fails := to
			if failing == "current" {
				fails = from
			}
			j.failures.MaybeAddOfflineLogDir(fails, "test", errors.New("broken"))
			eventually(t, "the directory is offline", func() bool {
				online, err := j.logManager.IsLogDirOnline(fails)
				return err == nil && !online
			})
			half.on.Store(false)
			if failing == "current" {
				if _, err := j.Partition(tpOf(0)); !errors.Is(err, kerr.KafkaStorageError) {
					t.Error(err)
				}
				if err := j.move(0, to); !errors.Is(err, kerr.KafkaStorageError) {
					t.Error(err)
				}
				return
			}
			j.append(0, 5)
			if partition := j.OnlinePartition(tpOf(0)); partition.FutureLog() != nil || j.dirOf(0) != from {
				t.Error("the move goes on")
			}
			if err := j.move(0, to); !errors.Is(err, kerr.KafkaStorageError) {
				t.Error(err)
			}
			if err := j.move(0, from); err != nil {
				t.Errorf("to where it is: %v", err)
			}
		})
	}
}

func TestADeletedPartitionMovesNoMore(t *testing.T) {
	half := &brake{}
	half.onRecord = func() { half.on.Store(true) }
	j := newJbod(t, jbodOptions{dirs: twoDirs(t), quota: half})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
	for range 20 {
		j.append(0, 5)
	}
	j.mustMove(0, j.other(0))
	eventually(t, "some has been copied", half.on.Load)
	j.StopReplicas(0, stopRequest(3, epochDuringDelete, true, 0))
	half.on.Store(false)
	if logs := j.logManager.AllLogs(); len(logs) != 0 {
		t.Error(logs)
	}
	for _, dir := range j.dirs {
		eventually(t, dir+" is empty", func() bool {
			left, err := filepath.Glob(filepath.Join(dir, "t-0*"))
			return err == nil && len(left) == 0
		})
	}
}

// A follower that cuts its log cuts the copy of it too, and the copy is complete
// when it takes the log's place.
func TestAMovingFollowerIsCutAsItsLeaderSays(t *testing.T) {
	net, half := newNetwork(), &brake{}
	j := newJbod(t, jbodOptions{dirs: twoDirs(t), quota: half, net: net})
	id := topic.NewID()
	leader := newNode(t, net, 2, nil, nil)
	// Both have the first ten records, broker 1 ten more that nobody else has.
	elect([]*node{j.node}, "t", id, state(0, 1, 0, 1))
	j.append(0, 10)
	elect([]*node{leader}, "t", id, state(0, 1, 0, 1, 2))
	shared := j.all(0)
	if _, err := leader.LocalLog(tpOf(0)).AppendAsFollower(shared); err != nil {
		t.Fatal(err)
	}
	elect([]*node{j.node}, "t", id, state(0, 1, 1, 1))
	j.append(0, 10)
	half0 := j.LocalLog(tpOf(0)).LogEndOffset() - 10
	var once sync.Once
	half.onRecord = func() {
		if future := j.OnlinePartition(tpOf(0)).FutureLog(); future != nil && future.LogEndOffset() >= half0 {
			once.Do(func() { half.on.Store(true) })
		}
	}
	to := j.other(0)
	j.mustMove(0, to)
	eventually(t, "some has been copied", half.on.Load)
	elect([]*node{leader, j.node}, "t", id, state(0, 2, 2, 1, 2))
	leader.append(0, 7)
	half.on.Store(false)
	j.wantMoved(0, to)
	eventually(t, "the follower has what its leader has", func() bool {
		return bytes.Equal(wholeLog(t, j.LocalLog(tpOf(0))), wholeLog(t, leader.LocalLog(tpOf(0))))
	})
}

// Whoever read before a move reads on undisturbed after it.
func TestAMovedPartitionMayBeBeingRead(t *testing.T) {
	j := newJbod(t, jbodOptions{dirs: twoDirs(t)})
	elect([]*node{j.node}, "t", topic.NewID(), state(0, 1, 0, 1))
	j.append(0, 3)
	before := j.all(0)
	result := j.fetch(FetchParams{ReplicaID: -1, MinBytes: 1}, readAt(0, 0)).now()[0]
	from, to := j.dirOf(0), j.other(0)
	j.mustMove(0, to)
	j.wantMoved(0, to)
	eventually(t, "the old files are gone", func() bool {
		entries, err := os.ReadDir(from)
		return err == nil && !slices.ContainsFunc(entries, os.DirEntry.IsDir)
	})
	read := make([]byte, result.RecordsSize())
	if _, err := result.Records.ReadAt(read, 0); err != nil || !bytes.Equal(read, before) {
		t.Error("what was read is not what was there", err)
	}
	result.ReleaseRecords()
}
