package cluster

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
)

func TestOneReplicaCommitsAtOnce(t *testing.T) {
	b := newBench(t, nil)
	if !b.lead(0, []int32{1}, 1) {
		t.Error("not a new leader")
	}
	info := b.append(3)
	if info.FirstOffset != 0 || info.LastOffset != 2 || info.LeaderHWChange != log.HWIncreased {
		t.Errorf("%+v", info)
	}
	b.wantHighWatermark(3)
	if reached, err := b.CheckEnoughReplicasReachOffset(3); !reached || err != nil {
		t.Errorf("%t %v", reached, err)
	}
	if epoch, ok := b.Log().LatestEpoch(); !ok || epoch != 0 {
		t.Errorf("latest epoch %d %t", epoch, ok)
	}
}

func TestHighWatermarkIsTheSlowestInSyncReplica(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1, 2, 3}, 1, 2, 3)
	if info := b.append(10); info.LeaderHWChange != log.HWSame {
		t.Errorf("%+v", info)
	}
	b.fetch(2, 0)
	b.fetch(3, 0)
	b.wantHighWatermark(0)
	b.parked.take()
	b.fetch(2, 10)
	b.wantHighWatermark(0)
	if b.parked.take() != 0 {
		t.Error("something was completed although nothing moved")
	}
	b.append(1)
	b.fetch(3, 10)
	b.wantHighWatermark(10)
	if b.parked.take() != 1 {
		t.Error("the parked requests were not looked at")
	}
	if reached, err := b.CheckEnoughReplicasReachOffset(11); reached || err != nil {
		t.Errorf("%t %v", reached, err)
	}
}

func TestARecentlyCaughtUpReplicaOutsideTheIsrHoldsTheHighWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.lead(0, []int32{1}, 1, 2)
		time.Sleep(time.Minute) // the replica did not fetch since the election
		b.append(5)
		b.wantHighWatermark(5)
		b.fetch(2, 5) // caught up; the change of the ISR is under way
		b.append(5)
		b.wantHighWatermark(5)
		b.isr.refuse(kerr.FencedLeaderEpoch)
		b.wantHighWatermark(5)
	})
}

func TestIsrExpandsOnlyFromHighWatermarkAndEpochStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.lead(0, []int32{1}, 1, 2)
		time.Sleep(time.Minute)
		b.append(5)
		b.fetch(2, 4)
		if len(b.isr.proposed) != 0 {
			t.Fatal("a replica below the high watermark may join")
		}
		b.lead(1, []int32{1}, 1, 2)
		b.fetch(2, 4)
		if len(b.isr.proposed) != 0 {
			t.Fatal("a replica below the start of the epoch may join (KAFKA-7128)")
		}
		b.fetch(2, 5)
		if len(b.isr.proposed) != 1 || !slices.Equal(b.isr.proposed[0].ISR, []int32{1, 2}) || b.isr.proposed[0].ZKVersion != 10 || b.isr.proposed[0].LeaderEpoch != 1 {
			t.Fatalf("proposed %+v", b.isr.proposed)
		}
		if state := b.IsrState(); state.Kind != PendingExpandIsr || state.Contains(2) || !state.InMaximal(2) || state.MaximalSize() != 2 {
			t.Errorf("state %s", state)
		}
		b.fetch(2, 5)
		if len(b.isr.proposed) != 1 {
			t.Error("a second change is proposed while one is on its way")
		}
		b.isr.accept()
		if state := b.IsrState(); state.Inflight() || !slices.Equal(state.Isr, []int32{1, 2}) || b.ZKVersion() != 11 || b.changes.expands != 1 {
			t.Errorf("state %s version %d %+v", state, b.ZKVersion(), *b.changes)
		}
	})
}

func TestADeadBrokerDoesNotRejoinTheIsr(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1}, 1, 2)
	b.dead[2] = true
	b.fetch(2, 0)
	if len(b.isr.proposed) != 0 {
		t.Error("a fetch still under way brought a dead broker back (KAFKA-14140)")
	}
	delete(b.dead, 2)
	b.fetch(2, 0)
	if len(b.isr.proposed) != 1 {
		t.Error("the broker is back and may join")
	}
}

func TestIsrShrinksWhenAReplicaLagsForTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.lead(0, []int32{1, 2, 3}, 1, 2, 3)
		b.append(4)
		b.fetch(2, 4)
		b.fetch(3, 2)
		time.Sleep(30 * time.Second)
		b.fetch(2, 4)
		b.MaybeShrinkIsr()
		if len(b.isr.proposed) != 0 {
			t.Fatal("shrunk at the limit, not beyond it")
		}
		time.Sleep(time.Second)
		b.MaybeShrinkIsr()
		if len(b.isr.proposed) != 1 || !slices.Equal(b.isr.proposed[0].ISR, []int32{1, 2}) {
			t.Fatalf("proposed %+v", b.isr.proposed)
		}
		if state := b.IsrState(); state.Kind != PendingShrinkIsr || !state.InMaximal(3) {
			t.Errorf("state %s", state)
		}
		b.wantHighWatermark(2)
		b.parked.take()
		b.isr.accept()
		b.wantHighWatermark(4)
		if b.parked.take() != 1 || b.changes.shrinks != 1 {
			t.Error("the move of the high watermark completed nothing")
		}
	})
}

func TestASteadyFollowerBehindABusyLeaderStaysInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.lead(0, []int32{1, 2}, 1, 2)
		for end := int64(1); end < 12; end++ {
			time.Sleep(10 * time.Second)
			b.append(1)
			b.fetch(2, end-1) // what was the end at the fetch before
			b.MaybeShrinkIsr()
		}
		if len(b.isr.proposed) != 0 {
			t.Errorf("proposed %+v", b.isr.proposed)
		}
	})
}

func TestAnIdleReplicaAtTheEndIsInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.lead(0, []int32{1, 2}, 1, 2)
		b.append(1)
		b.fetch(2, 1)
		time.Sleep(time.Hour)
		b.MaybeShrinkIsr()
		if len(b.isr.proposed) != 0 {
			t.Error("a replica at the log end is in sync however long ago it fetched")
		}
	})
}

func TestFailedIsrChanges(t *testing.T) {
	tests := []struct {
		err     error
		pending bool
		resent  bool
	}{
		{kerr.OperationNotAttempted, false, false},
		{kerr.UnknownTopicOrPartition, true, false},
		{kerr.FencedLeaderEpoch, true, false},
		{kerr.InvalidUpdateVersion, true, false},
		{kerr.RequestTimedOut, true, true},
	}
	for _, test := range tests {
		t.Run(test.err.Error(), func(t *testing.T) {
			b := newBench(t, nil)
			b.lead(0, []int32{1}, 1, 2)
			b.fetch(2, 0)
			b.isr.refuse(test.err)
			if b.IsrState().Inflight() != test.pending || (len(b.isr.proposed) == 2) != test.resent || b.changes.failures != 1 {
				t.Errorf("state %s, %d proposals", b.IsrState(), len(b.isr.proposed))
			}
			b.lead(1, []int32{1}, 1, 2)
			if b.IsrState().Inflight() {
				t.Error("a LeaderAndIsr does not end the change")
			}
			state := b.IsrState()
			b.isr.accept() // too late
			if b.IsrState() != state {
				t.Errorf("an outdated answer changed the ISR to %s", b.IsrState())
			}
		})
	}
}

func TestAnAnswerOfAnOlderVersionIsIgnored(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1}, 1, 2)
	b.fetch(2, 0)
	b.isr.done[0](LeaderAndIsr{Leader: 1, LeaderEpoch: 0, ISR: []int32{1, 2}, ZKVersion: 9}, nil)
	if !b.IsrState().Inflight() || b.changes.failures != 1 {
		t.Errorf("state %s", b.IsrState())
	}
}

func TestMinInsyncReplicas(t *testing.T) {
	b := newBench(t, map[string]string{"min.insync.replicas": "2"})
	b.lead(0, []int32{1, 2}, 1, 2, 3)
	if _, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, -1); err != nil {
		t.Error(err)
	}
	b.lead(1, []int32{1}, 1, 2, 3)
	if _, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, -1); !errors.Is(err, kerr.NotEnoughReplicas) || b.Log().LogEndOffset() != 1 {
		t.Errorf("%v, end %d", err, b.Log().LogEndOffset())
	}
	if _, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, 1); err != nil {
		t.Errorf("acks=1 needs no replicas: %v", err)
	}
	if !b.IsUnderMinIsr() || b.IsAtMinIsr() || !b.IsUnderReplicated() {
		t.Error("the partition's gauges are wrong")
	}
}

func TestHighWatermarkStaysUnderMinIsr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, map[string]string{"min.insync.replicas": "2"})
		b.lead(0, []int32{1, 2}, 1, 2)
		b.append(2)
		b.fetch(2, 2)
		b.append(3)
		b.wantHighWatermark(2)
		time.Sleep(time.Minute)
		b.MaybeShrinkIsr()
		b.isr.accept()
		b.wantHighWatermark(2) // KAFKA-15583
		b.fetch(2, 5)
		b.isr.accept()
		b.wantHighWatermark(5)
	})
}

func TestNotEnoughReplicasAfterAppend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, map[string]string{"min.insync.replicas": "2"})
		b.lead(0, []int32{1, 2}, 1, 2)
		b.append(2)
		b.fetch(2, 2)
		time.Sleep(time.Minute)
		b.append(1)
		b.MaybeShrinkIsr()
		b.isr.accept()
		if reached, err := b.CheckEnoughReplicasReachOffset(2); !reached || !errors.Is(err, kerr.NotEnoughReplicasAfterAppend) {
			t.Errorf("%t %v", reached, err)
		}
	})
}

func TestLeadershipChanges(t *testing.T) {
	b := newBench(t, nil)
	if _, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, 1); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("before the first LeaderAndIsr: %v", err)
	}
	if !b.lead(0, []int32{1, 2}, 1, 2) || b.lead(1, []int32{1, 2}, 1, 2) {
		t.Error("a second epoch of one leader is no new leader")
	}
	b.append(2)
	b.fetch(2, 2)
	if !b.follow(2, 2, 1, 2) || b.follow(2, 2, 1, 2) || !b.follow(2, 3, 1, 2) {
		t.Error("leader or epoch changed: not told")
	}
	if b.IsLeader() || len(b.IsrState().Isr) != 0 || b.LeaderLog() != nil || b.Leader() != 2 {
		t.Errorf("%s still leads", b)
	}
	if _, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, 1); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("a follower took records: %v", err)
	}
	if _, err := b.CheckEnoughReplicasReachOffset(1); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("%v", err)
	}
	if !b.lead(4, []int32{1, 2}, 1, 2) {
		t.Error("leads again: not told")
	}
	if end := b.Replica(2).LogEndOffset(); end != UnknownOffset {
		t.Errorf("a new leader believes that its follower is at %d", end)
	}
	b.wantHighWatermark(2)
	b.lead(5, []int32{1}, 1, 3)
	if b.Replica(2) != nil || b.Replica(3) == nil {
		t.Error("the replicas are not those of the assignment")
	}
}

func TestLeaderEpochFencing(t *testing.T) {
	b := newBench(t, nil)
	b.lead(5, []int32{1, 2}, 1, 2)
	for epoch, want := range map[int32]error{NoEpoch: nil, 5: nil, 4: kerr.FencedLeaderEpoch, 6: kerr.UnknownLeaderEpoch} {
		if _, err := b.FetchOffsetSnapshot(epoch, true); !errors.Is(err, want) {
			t.Errorf("snapshot in epoch %d: %v, want %v", epoch, err, want)
		}
		if _, err := b.LastOffsetForLeaderEpoch(epoch, 5, true); !errors.Is(err, want) {
			t.Errorf("epoch end in epoch %d: %v, want %v", epoch, err, want)
		}
		if _, _, err := b.FetchOffsetForTimestamp(log.LatestTimestamp, log.FetchHighWatermark, epoch, true); !errors.Is(err, want) {
			t.Errorf("latest offset in epoch %d: %v, want %v", epoch, err, want)
		}
		var info ReadInfo
		if err := b.ReadRecords(&ReadParams{CurrentLeaderEpoch: epoch, LastFetchedEpoch: NoEpoch, FollowerID: -1}, &info); !errors.Is(err, want) {
			t.Errorf("read in epoch %d: %v, want %v", epoch, err, want)
		}
	}
	b.follow(2, 6, 1, 2)
	if _, err := b.FetchOffsetSnapshot(6, true); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("a follower answers for the leader: %v", err)
	}
	if _, err := b.FetchOffsetSnapshot(6, false); err != nil {
		t.Errorf("a follower may be read: %v", err)
	}
}

func TestAFetchFromNoReplicaIsRefused(t *testing.T) {
	b := newBench(t, nil)
	b.lead(5, []int32{1, 2}, 1, 2)
	var info ReadInfo
	params := ReadParams{CurrentLeaderEpoch: 5, LastFetchedEpoch: NoEpoch, FollowerID: 9, OnlyFromLeader: true}
	if err := b.ReadRecords(&params, &info); !errors.Is(err, kerr.UnknownLeaderEpoch) {
		t.Errorf("with an epoch: %v (KAFKA-13837)", err)
	}
	params.CurrentLeaderEpoch = NoEpoch
	if err := b.ReadRecords(&params, &info); !errors.Is(err, kerr.NotLeaderForPartition) {
		t.Errorf("without: %v (KAFKA-14078)", err)
	}
}

func TestDivergenceIsToldInTheFetch(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1}, 1)
	b.append(3)
	b.lead(4, []int32{1}, 1)
	b.append(2)
	tests := []struct {
		epoch    int32
		offset   int64
		err      error
		diverged log.OffsetAndEpoch
	}{
		{epoch: 4, offset: 5},
		{epoch: 0, offset: 3},
		{epoch: 0, offset: 4, diverged: log.OffsetAndEpoch{Offset: 3, LeaderEpoch: 0}},
		{epoch: 2, offset: 3, diverged: log.OffsetAndEpoch{Offset: 3, LeaderEpoch: 0}},
		{epoch: 9, offset: 3, err: kerr.OffsetOutOfRange},
	}
	for _, test := range tests {
		params := ReadParams{FetchOffset: test.offset, CurrentLeaderEpoch: 4, LastFetchedEpoch: test.epoch, MaxBytes: 1000, FollowerID: -1}
		var info ReadInfo
		err := b.ReadRecords(&params, &info)
		info.Fetched.Release()
		if !errors.Is(err, test.err) || info.Diverged != (test.diverged != log.OffsetAndEpoch{}) || info.Diverged && info.Diverging != test.diverged {
			t.Errorf("epoch %d at %d: %v, diverging %t %+v", test.epoch, test.offset, err, info.Diverged, info.Diverging)
		}
	}
}

func TestOffsetsByTimestamp(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1, 2}, 1, 2)
	b.append(3)
	b.fetch(2, 2)
	tests := []struct {
		name      string
		timestamp int64
		isolation log.FetchIsolation
		offset    int64
		found     bool
	}{
		{"latest for replicas", log.LatestTimestamp, log.FetchLogEnd, 3, true},
		{"latest for consumers", log.LatestTimestamp, log.FetchHighWatermark, 2, true},
		{"latest committed", log.LatestTimestamp, log.FetchTxnCommitted, 2, true},
		{"earliest", log.EarliestTimestamp, log.FetchHighWatermark, 0, true},
		{"a time", 1, log.FetchHighWatermark, 0, true},
		{"the future", time.Now().Add(time.Hour).UnixMilli(), log.FetchHighWatermark, 0, false},
	}
	for _, test := range tests {
		result, found, err := b.FetchOffsetForTimestamp(test.timestamp, test.isolation, NoEpoch, true)
		if err != nil || found != test.found || found && result.Offset != test.offset {
			t.Errorf("%s: %+v %t %v", test.name, result, found, err)
		}
	}
	b.lead(1, []int32{1, 2}, 1, 2) // the epoch starts above the high watermark
	for _, timestamp := range []int64{log.LatestTimestamp, time.Now().Add(time.Hour).UnixMilli()} {
		if _, _, err := b.FetchOffsetForTimestamp(timestamp, log.FetchHighWatermark, NoEpoch, true); !errors.Is(err, kerr.OffsetNotAvailable) {
			t.Errorf("offsets may go back for time %d: %v", timestamp, err)
		}
	}
	if result, _, err := b.FetchOffsetForTimestamp(log.LatestTimestamp, log.FetchLogEnd, NoEpoch, true); err != nil || result.Offset != 3 {
		t.Errorf("replicas get the log end: %+v %v", result, err)
	}
}

func TestDeleteRecords(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1, 2}, 1, 2)
	b.append(5)
	b.fetch(2, 3)
	if _, _, err := b.DeleteRecordsOnLeader(4); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Errorf("above the high watermark: %v", err)
	}
	if _, _, err := b.DeleteRecordsOnLeader(-2); !errors.Is(err, kerr.OffsetOutOfRange) {
		t.Errorf("negative: %v", err)
	}
	requested, low, err := b.DeleteRecordsOnLeader(-1)
	if err != nil || requested != 3 || low != 0 || b.LogStartOffset() != 3 {
		t.Errorf("%d %d %v, start %d", requested, low, err, b.LogStartOffset())
	}
	b.parked.deletes = 1
	b.parked.take()
	b.UpdateFollowerFetchState(2, log.OffsetOnly(3), 3, time.Now(), 5)
	if low, err := b.LowWatermarkIfLeader(); low != 3 || err != nil || b.parked.take() != 1 {
		t.Errorf("low watermark %d %v", low, err)
	}
	b.UpdateFollowerFetchState(2, log.OffsetOnly(3), 1, time.Now(), 5)
	b.dead[2] = true
	if low, _ := b.LowWatermarkIfLeader(); low != 3 {
		t.Errorf("a dead replica holds the low watermark at %d", low)
	}
}

func TestCompactedTopicsDeleteNoRecords(t *testing.T) {
	b := newBench(t, map[string]string{"cleanup.policy": "compact"})
	b.lead(0, []int32{1}, 1)
	if _, _, err := b.DeleteRecordsOnLeader(0); !errors.Is(err, kerr.PolicyViolation) {
		t.Error(err)
	}
}

func TestAFollowersFirstBatchMayBeginBelowTheLeadersStart(t *testing.T) {
	b := newBench(t, nil)
	b.follow(2, 0, 1, 2)
	if err := b.TruncateFullyAndStartAt(5, false); err != nil {
		t.Fatal(err)
	}
	batch := batchOf(10)
	record.Batch(batch).SetBaseOffset(2)
	info, ok, err := b.AppendRecordsToFollower(batch, false)
	if err != nil || !ok || info.LastOffset != 11 || b.Log().LogStartOffset() != 2 {
		t.Errorf("%+v %t %v, start %d", info, ok, err, b.Log().LogStartOffset())
	}
	if _, _, err := b.AppendRecordsToFollower(slices.Clone(batch), false); err == nil {
		t.Error("a batch was appended twice")
	}
}

func TestConcurrentAppendsFetchesAndElections(t *testing.T) {
	b := newBench(t, nil)
	b.lead(0, []int32{1, 2}, 1, 2)
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 50 {
				_, err := b.AppendRecordsToLeader(batchOf(1), log.OriginClient, 1)
				if err != nil && !errors.Is(err, kerr.NotLeaderForPartition) {
					t.Error(err)
				}
				b.IsUnderMinIsr()
			}
		})
	}
	work.Go(func() {
		for epoch := range int32(20) {
			b.lead(epoch+1, []int32{1, 2}, 1, 2)
			end := b.Log().LogEndOffsetMetadata()
			b.UpdateFollowerFetchState(2, end, 0, time.Now(), end.MessageOffset)
			b.MaybeShrinkIsr()
		}
	})
	work.Wait()
	end := b.Log().LogEndOffsetMetadata()
	b.UpdateFollowerFetchState(2, end, 0, time.Now(), end.MessageOffset)
	b.wantHighWatermark(200)
}
