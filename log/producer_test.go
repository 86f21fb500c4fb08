package log

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log/producerstate"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// produced is a batch of an idempotent producer.
func produced(id int64, epoch int16, sequence int32, transactional bool, values ...string) []byte {
	return batchOf(record.BuilderOptions{
		HasProducer: true, ProducerID: id, ProducerEpoch: epoch, BaseSequence: sequence, Transactional: transactional,
	}, time.Now().UnixMilli(), values...)
}

func marker(id int64, epoch int16, kind record.ControlType, coordinatorEpoch int32) []byte {
	return record.BuildEndTransactionMarker(id, epoch, time.Now().UnixMilli(), record.EndTransactionMarker{Type: kind, CoordinatorEpoch: coordinatorEpoch})
}

func TestIdempotentSequences(t *testing.T) {
	for _, test := range []struct {
		name string
		// epoch and sequence of batches of two records; the last one's outcome
		// counts.
		batches   [][2]int
		want      error
		duplicate bool
	}{
		{name: "in order", batches: [][2]int{{0, 0}, {0, 2}, {0, 4}}},
		{name: "unknown producer may begin anywhere", batches: [][2]int{{0, 77}}},
		{name: "gap", batches: [][2]int{{0, 0}, {0, 3}}, want: kerr.OutOfOrderSequenceNumber},
		{name: "overlap", batches: [][2]int{{0, 0}, {0, 1}}, want: kerr.OutOfOrderSequenceNumber},
		{name: "duplicate of the last", batches: [][2]int{{0, 0}, {0, 2}, {0, 2}}, duplicate: true},
		{name: "duplicate of the fifth", batches: [][2]int{{0, 0}, {0, 2}, {0, 4}, {0, 6}, {0, 8}, {0, 0}}, duplicate: true},
		{name: "duplicate of the sixth", batches: [][2]int{{0, 0}, {0, 2}, {0, 4}, {0, 6}, {0, 8}, {0, 10}, {0, 0}}, want: kerr.OutOfOrderSequenceNumber},
		{name: "old epoch", batches: [][2]int{{1, 0}, {0, 2}}, want: kerr.InvalidProducerEpoch},
		{name: "new epoch begins at 0", batches: [][2]int{{0, 0}, {1, 0}}},
		{name: "new epoch not at 0", batches: [][2]int{{0, 0}, {1, 2}}, want: kerr.OutOfOrderSequenceNumber},
		{name: "wrap", batches: [][2]int{{0, math.MaxInt32 - 1}, {0, 0}}},
		{name: "wrap within a batch", batches: [][2]int{{0, math.MaxInt32}, {0, 1}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := openTestLog(t, memDir(t), "/logs", nil)
			for i, batch := range test.batches {
				end := log.LogEndOffset()
				info, err := log.AppendAsLeader(produced(1, int16(batch[0]), int32(batch[1]), false, "a", "b"), 0, OriginClient)
				if i < len(test.batches)-1 {
					if err != nil {
						t.Fatalf("batch %d: %v", i, err)
					}
					continue
				}
				if !errors.Is(err, test.want) {
					t.Fatalf("got %v, want %v", err, test.want)
				}
				if info.Duplicate != test.duplicate || (test.duplicate || test.want != nil) != (log.LogEndOffset() == end) {
					t.Fatalf("duplicate %v, end went from %d to %d", info.Duplicate, end, log.LogEndOffset())
				}
			}
		})
	}
}

func TestDuplicateAnswersWithFirstOffsets(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	log.append(simpleBatch("x"))
	first := log.append(produced(1, 0, 0, false, "a", "b"))
	log.append(produced(1, 0, 2, false, "c"))
	again := log.append(produced(1, 0, 0, false, "a", "b"))
	if !again.Duplicate || again.FirstOffset != first.FirstOffset || again.LastOffset != first.LastOffset {
		t.Fatalf("%+v", again)
	}
}

// TestProducerStateSurvives reloads the log in each way and expects the same
// state.
func TestProducerStateSurvives(t *testing.T) {
	for _, how := range []string{"clean", "unclean", "no snapshots", "corrupt snapshots"} {
		t.Run(how, func(t *testing.T) {
			fsys := memDir(t)
			log := openTestLog(t, fsys, "/logs", smallSegments)
			for i := range 20 {
				log.append(produced(1, 0, int32(2*i), false, "a", "b"))
				log.append(produced(2, 3, int32(i), true, "c"))
			}
			want := active(log)
			survivor := fsys.KillClone()
			change := unclean(0)
			switch how {
			case "clean":
				if err := errors.Join(log.Flush(), log.Close()); err != nil {
					t.Fatal(err)
				}
				survivor, change = fsys, func(*OpenOptions) {}
			case "no snapshots":
				removeMatching(t, survivor, log.Dir(), ".snapshot")
			case "corrupt snapshots":
				for _, offset := range log.producers.SnapshotOffsets() {
					resize(t, survivor, log.Dir()+"/"+producerstate.SnapshotName(offset), func(file vfs.File, size int64) error {
						_, err := file.WriteAt([]byte{0xff}, size-1)
						return err
					})
				}
			}
			reopened := openTestLog(t, survivor, "/logs", smallSegments, change)
			if diff := cmp.Diff(want, active(reopened)); diff != "" {
				t.Fatal(diff)
			}
			if reopened.LastStableOffset() != 0 {
				reopened.UpdateHighWatermark(reopened.LogEndOffset())
			}
			reopened.UpdateHighWatermark(reopened.LogEndOffset())
			if lso := reopened.LastStableOffset(); lso != 2 {
				t.Fatalf("last stable offset %d", lso)
			}
			if info := reopened.append(produced(1, 0, 38, false, "a", "b")); !info.Duplicate {
				t.Fatal("the last batch is not remembered")
			}
		})
	}
}

func active(log *testLog) []ActiveProducer {
	producers := log.ActiveProducers()
	slices.SortFunc(producers, func(a, b ActiveProducer) int { return int(a.ProducerID - b.ProducerID) })
	return producers
}

func TestTransactions(t *testing.T) {
	for _, reload := range []bool{false, true} {
		fsys := memDir(t)
		log := openTestLog(t, fsys, "/logs", nil)
		appendMarker := func(batch []byte) {
			t.Helper()
			if _, err := log.AppendAsLeader(batch, 0, OriginCoordinator); err != nil {
				t.Fatal(err)
			}
		}
		log.append(produced(1, 0, 0, true, "a", "b")) // 0, 1
		log.append(produced(2, 0, 0, true, "c"))      // 2
		log.append(simpleBatch("d"))                  // 3
		if lso := log.LastStableOffset(); lso != 0 {
			t.Fatalf("last stable offset %d", lso)
		}
		if _, err := log.AppendAsLeader(produced(1, 0, 2, false, "x"), 0, OriginClient); !errors.Is(err, kerr.InvalidTxnState) {
			t.Fatalf("non-transactional batch within a transaction: %v", err)
		}
		appendMarker(marker(1, 0, record.ControlAbort, 5)) // 4
		if lso := log.LastStableOffset(); lso != 0 {
			t.Fatalf("the marker is not replicated, but the last stable offset is %d", lso)
		}
		log.UpdateHighWatermark(log.LogEndOffset())
		if lso := log.LastStableOffset(); lso != 2 {
			t.Fatalf("last stable offset %d", lso)
		}
		appendMarker(marker(2, 0, record.ControlCommit, 5)) // 5
		log.UpdateHighWatermark(log.LogEndOffset())
		if _, err := log.AppendAsLeader(marker(1, 0, record.ControlAbort, 4), 0, OriginCoordinator); !errors.Is(err, kerr.TransactionCoordinatorFenced) {
			t.Fatalf("marker of an old coordinator: %v", err)
		}
		if reload {
			log = openTestLog(t, fsys.KillClone(), "/logs", nil, unclean(0))
			log.UpdateHighWatermark(log.LogEndOffset())
		}
		if lso := log.LastStableOffset(); lso != 6 {
			t.Fatalf("last stable offset %d", lso)
		}
		info, err := log.Read(0, 1<<20, FetchTxnCommitted, true)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]AbortedTransaction{{ProducerID: 1, FirstOffset: 0}}, info.AbortedTransactions); diff != "" {
			t.Fatal(diff)
		}
		info.Release()
	}
}

func TestMarkerBumpsEpoch(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	log.append(produced(1, 0, 0, true, "a"))
	if _, err := log.AppendAsLeader(marker(1, 1, record.ControlAbort, 0), 0, OriginCoordinator); err != nil {
		t.Fatal(err)
	}
	if _, err := log.AppendAsLeader(produced(1, 0, 1, true, "late"), 0, OriginClient); !errors.Is(err, kerr.InvalidProducerEpoch) {
		t.Fatal(err)
	}
	log.append(produced(1, 1, 0, true, "b"))
}

func TestProducersExpire(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	log.append(produced(1, 0, 0, false, "a"))
	log.append(produced(2, 0, 0, true, "a"))
	log.RemoveExpiredProducers(time.Now().Add(8 * 24 * time.Hour))
	left := log.ActiveProducers()
	if len(left) != 1 || left[0].ProducerID != 2 {
		t.Fatalf("%+v; a producer with an open transaction must stay", left)
	}
}

func TestFollowerTakesWhatTheLeaderSent(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	at := func(offset int64, batch record.Batch) []byte {
		batch.SetBaseOffset(offset)
		batch.SetPartitionLeaderEpoch(2)
		return batch
	}
	if _, err := log.AppendAsFollower(at(10, produced(1, 0, 0, false, "a", "b"))); err != nil {
		t.Fatal(err)
	}
	// Sequences are not checked again, and gaps are normal in compacted topics.
	if _, err := log.AppendAsFollower(slices.Concat(at(20, produced(1, 0, 50, false, "c")), at(30, produced(1, 0, 9, false, "d")))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"10=a", "11=b", "20=c", "30=d"}, log.values(0)); diff != "" {
		t.Fatal(diff)
	}
	var unexpected *UnexpectedAppendOffsetError
	if _, err := log.AppendAsFollower(at(30, simpleBatch("x"))); !errors.As(err, &unexpected) || unexpected.FirstOffset != 30 {
		t.Fatalf("offset below the end: %v", err)
	}
	var disorder *OffsetsOutOfOrderError
	if _, err := log.AppendAsFollower(slices.Concat(at(50, simpleBatch("x")), at(40, simpleBatch("y")))); !errors.As(err, &disorder) {
		t.Fatalf("offsets out of order: %v", err)
	}
	if latest, _ := log.LatestEpoch(); latest != 2 {
		t.Fatalf("latest epoch %d", latest)
	}
}
