package cluster

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/manager"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// moveBench is a bench over the real log manager with the directories /a and /b.
type moveBench struct {
	*bench
	manager *manager.LogManager
	// settings are those of the topic.
	settings map[string]string
}

func newMoveBench(t testing.TB, settings map[string]string) *moveBench {
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost", "log.cleaner.enable": "false"})
	if err != nil {
		t.Fatal(err)
	}
	b := &moveBench{bench: newBench(t, nil), settings: settings}
	b.manager, err = manager.New(manager.Options{
		Config: config.NewCurrent(broker), LogDirs: []string{"/a", "/b"}, FS: vfs.NewMem(),
		TopicConfig: func(string) map[string]string { return settings },
	})
	if err == nil {
		err = b.manager.Startup(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.manager.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	b.Partition = NewPartition(testPartition, &Broker{
		ID: 1, ReplicaLagTimeMax: 30 * time.Second, LogManager: b.manager, AliveBrokers: b.dead, AlterIsr: b.isr, IsrChanges: b.changes,
		Delayed: b.parked, Log: logging.For("kafka.cluster.Partition"), StateChange: logging.For("state.change.logger"),
	})
	return b
}

// other is the directory that the partition is not in.
func (b *moveBench) other() string {
	if b.Log().ParentDir() == "/a" {
		return "/b"
	}
	return "/a"
}

// begin makes the future log.
func (b *moveBench) begin() *log.UnifiedLog {
	b.t.Helper()
	b.manager.MaybeUpdatePreferredLogDir(testPartition, b.other())
	if made, err := b.MaybeCreateFutureReplica(b.other(), noCheckpoints{}); err != nil || !made {
		b.t.Fatal(made, err)
	}
	return b.FutureLog()
}

// copyTo copies up to an offset, a batch at a time.
func (b *moveBench) copyTo(end int64) {
	b.t.Helper()
	for b.FutureLog().LogEndOffset() < end {
		info, err := b.Log().Read(b.FutureLog().LogEndOffset(), 1, log.FetchLogEnd, true)
		if err != nil {
			b.t.Fatal(err)
		}
		records, err := info.ReadAll(nil)
		info.Release()
		if err == nil {
			_, _, err = b.AppendRecordsToFollower(records, true)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *moveBench) replace(maxBytes int) bool {
	b.t.Helper()
	replaced, err := b.MaybeReplaceCurrentWithFutureReplica(maxBytes)
	if err != nil {
		b.t.Fatal(err)
	}
	return replaced
}

func TestTheLastRecordsAreCopiedWhenALogIsReplaced(t *testing.T) {
	b := newMoveBench(t, nil)
	b.lead(4, []int32{1}, 1)
	for range 10 {
		b.append(1)
	}
	future := b.begin()
	b.copyTo(3)
	batch := len(batchOf(1))
	if b.replace(3 * batch) {
		t.Fatal("a future log that lacks records took the other's place")
	}
	if end := future.LogEndOffset(); end != 6 || b.FutureLog() != future {
		t.Errorf("one read of three batches brings it to %d", end)
	}
	if _, err := b.Log().MaybeIncrementLogStartOffset(5, log.ClientRecordDeletion); err != nil {
		t.Fatal(err)
	}
	if !b.replace(100 * batch) {
		t.Fatal("not replaced")
	}
	if b.Log() != future || b.FutureLog() != nil || b.manager.GetLog(testPartition, false) != future || future.IsFuture() {
		t.Error("it is not the current log")
	}
	if future.LogStartOffset() != 5 || future.HighWatermark() != 10 || future.RecoveryPoint() != 10 {
		t.Errorf("%s, recovery point %d", future, future.RecoveryPoint())
	}
	if b.replace(batch) {
		t.Error("replaced by nothing")
	}
}

// An epoch that began without a record is not copied with the records.
func TestALeadersEpochMovesWithItsLog(t *testing.T) {
	b := newMoveBench(t, nil)
	b.lead(4, []int32{1}, 1)
	b.append(3)
	b.lead(7, []int32{1}, 1)
	b.begin()
	b.copyTo(3)
	if !b.replace(1000) {
		t.Fatal("not replaced")
	}
	for epoch, want := range map[int32]log.OffsetAndEpoch{4: {Offset: 3, LeaderEpoch: 4}, 7: {Offset: 3, LeaderEpoch: 7}} {
		if end, err := b.LastOffsetForLeaderEpoch(7, epoch, true); err != nil || end != want {
			t.Errorf("epoch %d ends at %+v, want %+v (%v)", epoch, end, want, err)
		}
	}
}

// A follower that fetched before a move tells a place in segments that are no more.
// The high watermark must not take it for one in the new log, or consumers read
// beyond it.
func TestTheHighWatermarkHasNoPlaceInTheLogBeforeAMove(t *testing.T) {
	settings := map[string]string{"segment.bytes": "200"}
	b := newMoveBench(t, settings)
	b.lead(0, []int32{1, 2}, 1, 2)
	for range 12 {
		b.append(1)
	}
	settings["segment.bytes"] = "100000" // the new log has one segment
	b.begin()
	b.copyTo(12)
	params := ReadParams{FetchOffset: 6, CurrentLeaderEpoch: 0, LastFetchedEpoch: NoEpoch, MaxBytes: 1 << 20, OnlyFromLeader: true, FollowerID: 2}
	var before ReadInfo
	if err := b.ReadRecords(&params, &before); err != nil {
		t.Fatal(err)
	}
	before.Fetched.Release()
	if !b.replace(1000) {
		t.Fatal("not replaced")
	}
	if segments := b.Log().NumberOfSegments(); segments != 1 {
		t.Fatalf("%d segments", segments)
	}
	b.UpdateFollowerFetchState(2, before.Fetched.FetchOffsetMetadata, 0, time.Now(), before.LogEndOffset)
	b.wantHighWatermark(6)
	params = ReadParams{CurrentLeaderEpoch: NoEpoch, LastFetchedEpoch: NoEpoch, MaxBytes: 1 << 20, Isolation: log.FetchHighWatermark, FollowerID: -1}
	var read ReadInfo
	if err := b.ReadRecords(&params, &read); err != nil {
		t.Fatal(err)
	}
	records, err := read.Fetched.ReadAll(nil)
	read.Fetched.Release()
	if err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	for batch, err := range record.Batches(records) {
		if err != nil {
			t.Fatal(err)
		}
		last = batch.LastOffset()
	}
	if last != 5 {
		t.Errorf("consumers read up to offset %d, the high watermark is 6", last)
	}
}

// A follower's high watermark and log start reach the log that is the current one
// by then.
func TestWhatALeaderTellsReachesALogThatWasMoved(t *testing.T) {
	b := newMoveBench(t, nil)
	b.follow(2, 0, 1, 2)
	if _, _, err := b.AppendRecordsToFollower(numbered(4), false); err != nil {
		t.Fatal(err)
	}
	old := b.Log()
	b.begin()
	b.copyTo(4)
	if !b.replace(1000) {
		t.Fatal("not replaced")
	}
	if changed, err := b.FollowLeaderOffsets(4, 2); err != nil || !changed {
		t.Error(changed, err)
	}
	b.wantHighWatermark(4)
	if b.Log() == old || b.Log().LogStartOffset() != 2 {
		t.Errorf("log start %d", b.Log().LogStartOffset())
	}
}

// numbered is a batch as leaders send it.
func numbered(count int) []byte {
	builder := record.NewBuilder(record.BuilderOptions{PartitionLeaderEpoch: 0})
	for range count {
		builder.Append(time.Now().UnixMilli(), nil, []byte("value"))
	}
	return builder.Build()
}

func TestAFutureLogOfAMoveGivenUpIsNotTakenForAnother(t *testing.T) {
	b := newMoveBench(t, nil)
	b.lead(0, []int32{1}, 1)
	b.append(1)
	home := b.Log().ParentDir()
	stray := b.begin()
	b.ForgetFutureLog()
	if b.FutureReplicaDirChanged("/b") {
		t.Error("it is forgotten")
	}
	b.manager.MaybeUpdatePreferredLogDir(testPartition, b.other())
	if made, err := b.MaybeCreateFutureReplica(b.other(), noCheckpoints{}); err != nil || !made || b.FutureLog() != stray {
		t.Error("in the same directory it is as good as another", made, err)
	}
	if _, err := b.MaybeCreateFutureReplica("/c", noCheckpoints{}); !errors.Is(err, kerr.UnknownServerError) {
		t.Error(err)
	}
	if made, err := b.MaybeCreateFutureReplica(home, noCheckpoints{}); err != nil || made {
		t.Error("made where the current log is", made, err)
	}
	if err := b.RemoveFutureLocalReplica(); err != nil || b.FutureLog() != nil || b.manager.GetLog(testPartition, true) != nil {
		t.Error("not removed", err)
	}
	if err := b.RemoveFutureLocalReplica(); err != nil {
		t.Error(err)
	}
}

// TestALogIsReplacedWhileItIsWrittenAndRead loses nothing, and none of its users meet
// an error.
func TestALogIsReplacedWhileItIsWrittenAndRead(t *testing.T) {
	b := newMoveBench(t, map[string]string{"segment.bytes": "2000"})
	b.lead(0, []int32{1}, 1)
	var users sync.WaitGroup
	var moved atomic.Bool
	for range 2 {
		users.Go(func() {
			for i := 0; i < 300 || !moved.Load() && i < 30000; i++ {
				if _, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Go(func() {
		for !moved.Load() {
			params := ReadParams{FetchOffset: b.Log().HighWatermark() / 2, CurrentLeaderEpoch: NoEpoch, LastFetchedEpoch: NoEpoch, MaxBytes: 500, MinOneMessage: true, Isolation: log.FetchHighWatermark, FollowerID: -1}
			var info ReadInfo
			if err := b.ReadRecords(&params, &info); err != nil {
				t.Error(err)
				return
			}
			if _, err := info.Fetched.ReadAll(nil); err != nil {
				t.Error(err)
			}
			info.Fetched.Release()
		}
	})
	for range 3 {
		b.begin()
		for !b.replace(100_000) {
			b.copyTo(b.Log().LogEndOffset())
		}
	}
	moved.Store(true)
	users.Wait()
	if end := b.Log().LogEndOffset(); end < 600 || b.Log().HighWatermark() != end {
		t.Errorf("%s", b.Log())
	}
}
