package cleaner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/index"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

func TestTheLastRecordOfEachKeyStays(t *testing.T) {
	for _, codec := range []record.Compression{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			l := openLog(t, newMem(t))
			options := record.BuilderOptions{Compression: codec}
			l.append(options, "a", "1", "b", "1", "a", "2")
			l.append(options, "c", "1")
			l.append(options, "b", "2", "d", "1")
			l.roll()
			l.append(options, "c", "2")
			l.roll()
			l.put("a", "3") // the active segment does not count
			stats := l.clean()
			l.want("0..2 2:a=2", "4..5 4:b=2 5:d=1", "6..6 6:c=2", "7..7 7:a=3")
			if l.dirty != 7 || stats.messagesRead != 7 || stats.messagesWritten != 4 || len(l.files(".log")) != 2 {
				t.Fatalf("dirty from %d, %+v, %v", l.dirty, stats, l.files(".log"))
			}
			again := l.restart()
			again.want("0..2 2:a=2", "4..5 4:b=2 5:d=1", "6..6 6:c=2", "7..7 7:a=3")
		})
	}
}

func TestUnchangedBatchesAreCopiedByteForByte(t *testing.T) {
	l := openLog(t, newMem(t))
	for i := range 50 {
		l.append(record.BuilderOptions{Compression: record.Compression(i % 5)}, fmt.Sprint("k", i), strings.Repeat("v", i))
	}
	l.roll()
	read := func() []byte {
		info, err := l.Read(0, 1<<20, log.FetchLogEnd, true)
		must(t, err)
		defer info.Release()
		var data bytes.Buffer
		_, err = info.Records.WriteTo(&data)
		must(t, err)
		return data.Bytes()
	}
	before := read()
	l.clean()
	if !bytes.Equal(before, read()) {
		t.Fatal("the bytes changed")
	}
}

func TestRecordsWithoutKeyGo(t *testing.T) {
	l := openLog(t, newMem(t), "cleanup.policy", "delete")
	l.put("-", "1", "a", "1", "-", "2")
	l.put("b", "1")
	l.roll()
	stats := l.clean()
	l.want("0..2 1:a=1", "3..3 3:b=1")
	if stats.invalidMessages != 2 {
		t.Fatal(stats.invalidMessages)
	}
}

func TestTimestampsAndHeadersSurvive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t))
		l.append(producer(7, 3, false), "a", "1", "b", "1", "c", "-", "b", "2")
		l.put("a", "2")
		l.roll()
		time.Sleep(time.Second)
		l.clean()
		first := l.batches()[0]
		horizon, ok := first.DeleteHorizon()
		if !ok || horizon != time.Now().UnixMilli()+24*time.Hour.Milliseconds() {
			t.Fatal(horizon, ok)
		}
		if first.ProducerID() != 7 || first.BaseSequence() != 3 || first.LastSequence() != 6 || first.BaseOffset() != 0 || first.LastOffset() != 3 || first.Count() != 2 {
			t.Fatal(describe(t, first))
		}
		start := l.clock - 1
		var got []string
		for item, err := range record.Records(first) {
			must(t, err)
			headers := item.Headers()
			got = append(got, fmt.Sprintf("%s at %d, sequence %d, %s=%s", item.Key, item.Timestamp-start, item.Sequence, headers[0].Key, headers[0].Value))
		}
		if diff := cmp.Diff([]string{"c at 2, sequence 5, h=-", "b at 3, sequence 6, h=2"}, got); diff != "" {
			t.Fatal(diff)
		}
		if first.MaxTimestamp() != start+3 {
			t.Fatal(first.MaxTimestamp() - start)
		}
	})
}

// batches are all batches of the log.
func (l *testLog) batches() []record.Batch {
	l.t.Helper()
	var all []record.Batch
	for _, segment := range l.Segments() {
		records := segment.Records()
		data := make([]byte, records.Size())
		_, err := records.ReadAt(data, 0)
		records.Release()
		if len(data) > 0 {
			must(l.t, err)
		}
		for batch, err := range record.Batches(data) {
			must(l.t, err)
			all = append(all, batch)
		}
	}
	return all
}

// TestTombstonesGoAfterTheDeleteHorizon: the time counts from when a tombstone was
// first copied (KIP-534).
func TestTombstonesGoAfterTheDeleteHorizon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t), "delete.retention.ms", "1000")
		l.put("a", "1", "b", "1")
		l.put("a", "-")
		l.put("c", "1")
		l.roll()
		time.Sleep(time.Hour) // age alone lets nothing go
		l.clean()
		l.want("0..1 1:b=1", "2..2 horizon 2:a=-", "3..3 3:c=1")
		l.dirty = 0
		time.Sleep(999 * time.Millisecond)
		l.clean()
		l.want("0..1 1:b=1", "2..2 horizon 2:a=-", "3..3 3:c=1")
		l.dirty = 0
		time.Sleep(time.Millisecond)
		l.clean()
		l.want("0..1 1:b=1", "3..3 3:c=1")
	})
}

func TestTombstoneOfOldFormats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A segment is full after the first round, so that the next is not put
		// together with it: the age of tombstones is that of their segment.
		l := openLog(t, newMem(t), "delete.retention.ms", "1000", "segment.bytes", "350")
		large := strings.Repeat("x", 250)
		legacy := func(codec record.Compression, pairs ...string) {
			builder, err := record.NewLegacyBuilder(nil, record.LegacyOptions{Magic: record.MagicV1, Compression: codec, TimestampType: record.CreateTime})
			must(t, err)
			for i, item := range items(pairs...) {
				must(t, builder.Append(&record.Record{Offset: l.LogEndOffset() + int64(i), Timestamp: 5, Key: nullable(item.key), Value: nullable(item.value)}))
			}
			data, err := builder.Finish()
			must(t, err)
			_, err = l.AppendAsFollower(data)
			must(t, err)
			l.UpdateHighWatermark(l.LogEndOffset())
		}
		legacy(record.None, "a", "1", "b", "1")
		legacy(record.Gzip, "a", "-", "c", "1", "b", "2", "c", "2")
		legacy(record.None, "d", "1", "e", "-")
		l.roll()
		l.clean()
		// The compressed message is called by its last offset; the inner ones
		// keep theirs.
		l.want("5 2:a=- 4:b=2 5:c=2", "6 6:d=1", "7 7:e=-")
		time.Sleep(2 * time.Second)
		legacy(record.None, "f", large)
		l.roll()
		l.clean()
		l.want("5 2:a=- 4:b=2 5:c=2", "6 6:d=1", "7 7:e=-", "8 8:f="+large)
		legacy(record.None, "g", large)
		l.roll()
		l.clean()
		l.want("5 4:b=2 5:c=2", "6 6:d=1", "8 8:f="+large, "9 9:g="+large)
	})
}

// TestMarkersStayUntilRecordsAreGone: records of an aborted transaction go at once,
// the marker after the delete horizon; those of a committed one are compacted like
// others.
func TestMarkersStayUntilRecordsAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t), "delete.retention.ms", "1000")
		l.append(producer(1, 0, true), "a", "1", "b", "1") // 0, 1
		l.end(1, record.ControlAbort)                      // 2
		l.append(producer(1, 2, true), "a", "2")           // 3
		l.end(1, record.ControlCommit)                     // 4
		l.append(producer(1, 3, true), "c", "1")           // 5
		l.end(1, record.ControlCommit)                     // 6
		l.put("a", "3")                                    // 7
		l.roll()
		again := func() {
			l.dirty = 0
			l.clean()
		}
		again()
		l.want("2..2 marker 2:ABORT", "4..4 marker 4:COMMIT", "5..5 5:c=1", "6..6 marker 6:COMMIT", "7..7 7:a=3")
		again() // there were no records any more when this began
		l.want("2..2 marker horizon 2:ABORT", "4..4 marker horizon 4:COMMIT", "5..5 5:c=1", "6..6 marker 6:COMMIT", "7..7 7:a=3")
		time.Sleep(999 * time.Millisecond)
		again()
		l.want("2..2 marker horizon 2:ABORT", "4..4 marker horizon 4:COMMIT", "5..5 5:c=1", "6..6 marker 6:COMMIT", "7..7 7:a=3")
		time.Sleep(time.Millisecond)
		again()
		l.want("5..5 5:c=1", "6..6 marker 6:COMMIT", "7..7 7:a=3")
	})
}

// TestMarkersAreNotCompactedByKey (KAFKA-14055).
func TestMarkersAreNotCompactedByKey(t *testing.T) {
	l := openLog(t, newMem(t))
	commit, abort := "\x00\x00\x00\x01", "\x00\x00\x00\x00"
	l.append(producer(1, 0, true), "a", "1") // 0
	l.end(1, record.ControlCommit)           // 1
	l.append(producer(2, 0, true), "b", "1") // 2
	l.roll()
	l.end(2, record.ControlAbort) // 3
	l.put(commit, "x", abort, "y")
	l.roll()
	l.clean()
	l.want("0..0 0:a=1", "1..1 marker 1:COMMIT", "2..2", "3..3 marker 3:ABORT", "4..5 4:"+commit+"=x 5:"+abort+"=y")
	again := l.restart()
	for _, active := range again.ActiveProducers() {
		if active.CurrentTxnStartOffset >= 0 {
			t.Fatalf("the transaction of producer %d hangs", active.ProducerID)
		}
	}
}

// TestPartialCleaningKeepsAbortedTransactions: what lies above the part that the
// map reflects is in the new index too (KAFKA-13727).
func TestPartialCleaningKeepsAbortedTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t), "delete.retention.ms", "50000")
		l.maxKeys = 2
		sequences := map[int64]int{}
		write := func(id int64, keys ...string) {
			var pairs []string
			for _, key := range keys {
				pairs = append(pairs, key, "x")
			}
			l.append(producer(id, sequences[id], true), pairs...)
			sequences[id] += len(keys)
		}
		write(1, "1", "2")             // 0, 1
		write(2, "2", "3")             // 2, 3
		write(1, "3", "4")             // 4, 5
		l.end(1, record.ControlCommit) // 6
		l.end(2, record.ControlCommit) // 7
		write(1, "2", "3")             // 8, 9
		l.end(1, record.ControlAbort)  // 10
		write(2, "4", "5")             // 11, 12
		write(1, "5", "6")             // 13, 14
		l.end(1, record.ControlCommit) // 15
		l.end(2, record.ControlAbort)  // 16
		write(2, "6", "7")             // 17, 18
		l.end(2, record.ControlCommit) // 19
		l.roll()
		wantAborted := func(want ...index.AbortedTxn) {
			t.Helper()
			got, err := l.CollectAbortedTransactions(0, l.LogEndOffset())
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
			for _, active := range l.ActiveProducers() {
				if active.CurrentTxnStartOffset >= 0 {
					t.Fatalf("a transaction of producer %d hangs", active.ProducerID)
				}
			}
		}
		both := []index.AbortedTxn{
			{ProducerID: 1, FirstOffset: 8, LastOffset: 10, LastStableOffset: 11},
			{ProducerID: 2, FirstOffset: 11, LastOffset: 16, LastStableOffset: 17},
		}
		wantAborted(both...)
		l.clean()
		if l.dirty != 2 {
			t.Fatalf("cleaned to %d", l.dirty)
		}
		l.want("0..1 0:1=x 1:2=x", "2..3 2:2=x 3:3=x", "4..5 4:3=x 5:4=x", "6..6 marker 6:COMMIT", "7..7 marker 7:COMMIT",
			"10..10 marker 10:ABORT", "13..14 13:5=x 14:6=x", "15..15 marker 15:COMMIT", "16..16 marker 16:ABORT",
			"17..18 17:6=x 18:7=x", "19..19 marker 19:COMMIT")
		wantAborted(both...)
		l.maxKeys = 0
		l.clean()
		l.want("0..1 0:1=x", "2..3 2:2=x", "4..5 4:3=x 5:4=x", "6..6 marker 6:COMMIT", "7..7 marker 7:COMMIT",
			"10..10 marker horizon 10:ABORT", "13..14 13:5=x", "15..15 marker 15:COMMIT", "16..16 marker horizon 16:ABORT",
			"17..18 17:6=x 18:7=x", "19..19 marker 19:COMMIT")
		wantAborted() // nothing of them is left
	})
}

// TestNothingAboveTheHighWatermarkIsCleaned (KAFKA-13194).
func TestNothingAboveTheHighWatermarkIsCleaned(t *testing.T) {
	l := openLog(t, newMem(t))
	l.put("a", "1")
	l.roll()
	l.put("a", "2")
	l.roll()
	_, err := l.AppendAsLeader(batch(record.BuilderOptions{}, 1, items("a", "3")), 0, log.OriginClient)
	must(t, err)
	l.roll()
	_, err = l.AppendAsLeader(batch(record.BuilderOptions{}, 1, items("a", "4")), 0, log.OriginClient)
	must(t, err)
	if hw := l.HighWatermark(); hw != 2 {
		t.Fatal(hw)
	}
	l.clean()
	l.want("1..1 1:a=2", "2..2 2:a=3", "3..3 3:a=4")
	if l.dirty != 2 {
		t.Fatalf("clean to %d, the high watermark is 2", l.dirty)
	}
}

func TestNothingOfAnOpenTransactionIsCleaned(t *testing.T) {
	l := openLog(t, newMem(t))
	l.put("a", "1", "a", "2")
	l.roll()
	l.append(producer(1, 0, true), "a", "3")
	l.roll()
	l.put("a", "4")
	l.roll()
	l.clean()
	l.want("0..1 1:a=2", "2..2 2:a=3", "3..3 3:a=4")
}

// TestTheLogEndIsNotForgotten: the last batch stays as an empty one when all its
// records go, as a follower that copies the log learns the end from it
// (KAFKA-17076).
func TestTheLogEndIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t), "delete.retention.ms", "1000")
		l.put("a", "1")
		l.put("a", "-")
		l.roll()
		l.clean()
		l.dirty = 0
		time.Sleep(time.Second)
		l.clean()
		l.want("1..1")
		if next, err := l.Segments()[0].ReadNextOffset(); err != nil || next != 2 {
			t.Fatal(next, err)
		}
		again := l.restart()
		if again.LogEndOffset() != 2 {
			t.Fatal(again.LogEndOffset())
		}
		// Once something follows, it may go.
		again.put("b", "1")
		again.roll()
		again.clean()
		again.want("2..2 2:b=1")
	})
}

// TestLastSequenceOfProducersSurvives: an empty batch stays of a producer all of
// whose records went.
func TestLastSequenceOfProducersSurvives(t *testing.T) {
	l := openLog(t, newMem(t))
	l.append(producer(9, 0, false), "a", "1", "b", "1")
	l.append(producer(9, 2, false), "a", "2", "b", "2")
	l.put("a", "3", "b", "3")
	l.roll()
	l.put("c", "1")
	l.clean()
	l.want("2..3", "4..5 4:a=3 5:b=3", "6..6 6:c=1")
	for _, name := range l.files(".snapshot") {
		must(t, l.fs.Remove(l.Dir()+"/"+name))
	}
	killed := reopen(t, l.fs, l.overrides, func(options *log.OpenOptions) { options.CleanShutdown = false })
	if _, err := killed.AppendAsLeader(batch(producer(9, 9, false), 1, items("a", "4")), 0, log.OriginClient); !errors.Is(err, kerr.OutOfOrderSequenceNumber) {
		t.Fatalf("a gap in the sequence was not noticed: %v", err)
	}
	info, err := killed.AppendAsLeader(batch(producer(9, 2, false), 1, items("a", "2", "b", "2")), 0, log.OriginClient)
	if err != nil || !info.Duplicate || info.FirstOffset != 2 {
		t.Fatal(info, err)
	}
}

func TestBuffersGrowForLargeBatches(t *testing.T) {
	l := openLog(t, newMem(t))
	large := strings.Repeat("x", 100_000)
	l.put("a", large, "b", large)
	l.put("a", "1")
	l.roll()
	settings := testConfiguration()
	settings.IOBufferSize, settings.MaxMessageSize = 2048, 4096
	if _, err := l.tryClean(context.Background(), settings); err != nil {
		t.Fatal(err)
	}
	l.want("0..1 1:b="+large, "2..2 2:a=1")
}

// TestDamagedBatchesAreNotLaundered: a batch with a wrong checksum is not written
// anew with a right one.
func TestDamagedBatchesAreNotLaundered(t *testing.T) {
	for _, what := range []string{"record", "size", "end"} {
		t.Run(what, func(t *testing.T) {
			fsys := newMem(t)
			l := openLog(t, fsys)
			l.put("a", "1", "b", "1")
			l.put("a", "2")
			l.roll()
			file, err := fsys.OpenFile(l.Dir()+"/00000000000000000000.log", 2, 0)
			must(t, err)
			switch what {
			case "record":
				_, err = file.WriteAt([]byte("z"), record.HeaderSize+10)
			case "size":
				_, err = file.WriteAt([]byte{0x7f}, 8)
			case "end":
				err = file.Truncate(100)
			}
			must(t, err)
			if _, err = l.tryClean(context.Background(), testConfiguration()); !errors.Is(err, kerr.CorruptMessage) {
				t.Fatal(err)
			}
			if len(l.files(".cleaned")) != 0 || l.failures.dirs != nil {
				t.Fatal(l.files(".cleaned"), l.failures.dirs)
			}
		})
	}
}

// TestRegionsOutliveCompaction: what a consumer is being sent stays what it was,
// also by sendfile.
func TestRegionsOutliveCompaction(t *testing.T) {
	l := openLog(t, newMem(t))
	onDisk := reopen(t, vfs.OS, l.overrides, func(options *log.OpenOptions) { options.Dir = t.TempDir() + "/topic-0" })
	for _, l := range []*testLog{l, onDisk} {
		l.put("a", "1", "b", "1")
		l.put("a", "2")
		l.roll()
		info, err := l.Read(0, 1<<20, log.FetchLogEnd, true)
		must(t, err)
		var before, after bytes.Buffer
		_, err = info.Records.WriteTo(&before)
		must(t, err)
		l.clean()
		l.scheduler.Close() // the old file is deleted
		if left := l.files(".deleted"); len(left) != 0 {
			t.Fatal(left)
		}
		_, err = info.Records.WriteTo(&after)
		if err != nil || !bytes.Equal(before.Bytes(), after.Bytes()) {
			t.Fatal(err, after.Len())
		}
		info.Release()
	}
}

func TestGroupsKeepSegmentsWithinTheirSize(t *testing.T) {
	l := openLog(t, newMem(t), "segment.bytes", "1000")
	for i := range 40 {
		l.put(fmt.Sprint("k", i%10), strings.Repeat("v", 100))
	}
	l.clean()
	for _, segment := range l.Segments() {
		if segment.Size() > 1000 {
			t.Fatalf("%s is too large", segment)
		}
	}
	groups, err := groupSegmentsBySize(l.Segments(), 1<<30, 1<<30, l.LogEndOffset())
	must(t, err)
	if len(groups) != 1 {
		t.Fatalf("%d groups of %v", len(groups), l.Segments())
	}
	groups, err = groupSegmentsBySize(l.Segments(), 1, 1<<30, l.LogEndOffset())
	must(t, err)
	for _, group := range groups {
		if size := sizeOf(group); size != int64(group[0].Size()) {
			t.Fatalf("%v are put together", group)
		}
	}
}

func TestModifiedTimeIsThatOfTheLastSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLog(t, newMem(t))
		l.put("a", "1", "a", "2")
		l.roll()
		l.put("b", "1")
		want := time.Now()
		l.roll()
		time.Sleep(time.Hour)
		l.clean()
		if modified, err := l.Segments()[0].LastModified(); err != nil || !modified.Equal(want) {
			t.Fatal(modified, want, err)
		}
	})
}

// TestOverflowedSegmentsAreSplit: a segment of an old version with offsets too far
// from its base, which was closed cleanly, is split when the cleaner comes upon it,
// and cleaned the next time.
func TestOverflowedSegmentsAreSplit(t *testing.T) {
	fsys := newMem(t)
	l := openLog(t, fsys)
	l.put("a", "1", "a", "2")
	must(t, errors.Join(l.Flush(), l.Close()))
	l.abandon()
	file, err := fsys.OpenFile(l.Dir()+"/00000000000000000000.log", os.O_RDWR, 0)
	must(t, err)
	info, err := file.Stat()
	must(t, err)
	const far = int64(1)<<31 + 7
	distant := batch(record.BuilderOptions{BaseOffset: far}, 1, items("a", "3", "b", "1"))
	_, err = file.WriteAt(distant, info.Size())
	must(t, errors.Join(err, file.Close()))
	l = reopen(t, fsys, l.overrides, func(*log.OpenOptions) {})
	l.roll()
	l.put("c", "1")
	if _, err := l.tryClean(context.Background(), testConfiguration()); !errors.Is(err, errAborted) {
		t.Fatal(err)
	}
	if len(l.Segments()) != 3 || l.Segments()[1].BaseOffset != far || len(l.files(".cleaned")) != 0 {
		t.Fatal(l.Segments(), l.files(".cleaned"))
	}
	l.clean()
	l.want(fmt.Sprintf("%d..%d %d:a=3 %d:b=1", far, far+1, far, far+1), fmt.Sprintf("%d..%d %d:c=1", far+2, far+2, far+2))
}
