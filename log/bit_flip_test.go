package log

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// flipBit damages a file as a disk may.
func flipBit(t testing.TB, fsys vfs.FS, name string, bit int) {
	t.Helper()
	resize(t, fsys, name, func(file vfs.File, _ int64) error {
		var b [1]byte
		if _, err := file.ReadAt(b[:], int64(bit/8)); err != nil {
			return err
		}
		b[0] ^= 1 << (bit % 8)
		if _, err := file.WriteAt(b[:], int64(bit/8)); err != nil {
			return err
		}
		return file.Sync()
	})
}

// stoppedLog is a log of several segments after a clean stop.
func stoppedLog(t *testing.T) (fsys *vfs.Mem, closed *LogSegment, want []string) {
	fsys = memDir(t)
	log := openTestLog(t, fsys, "/logs", smallSegments)
	want = fill(log, 30)
	if err := errors.Join(log.Flush(), log.Close()); err != nil {
		t.Fatal(err)
	}
	log.scheduler.Close()
	return fsys, log.Segments()[1], want
}

// consume reads a log as a consumer does, who looks at checksums. It gives what was
// good and whether the end was reached.
func consume(log *testLog, from int64) (good []string, chunks [][]byte, whole bool) {
	for from < log.LogEndOffset() {
		info, err := log.Read(from, 1<<20, FetchLogEnd, true)
		if err != nil {
			return good, chunks, false
		}
		data, err := info.ReadAll(nil)
		info.Release()
		if err != nil {
			return good, chunks, false
		}
		chunks = append(chunks, data)
		next := from
		for batch, err := range record.Batches(data) {
			if err != nil || batch.EnsureValid() != nil {
				return good, chunks, false
			}
			for item, err := range record.Records(batch) {
				if err != nil {
					return good, chunks, false
				}
				if item.Offset >= from {
					good = append(good, fmt.Sprintf("%d=%s", item.Offset, item.Value))
				}
			}
			next = batch.NextOffset()
		}
		if next <= from {
			return good, chunks, false
		}
		from = next
	}
	return good, chunks, true
}

// isSubset tells whether all that was read is what was written.
func isSubset(got, want []string) bool {
	return !slices.ContainsFunc(got, func(value string) bool { return !slices.Contains(want, value) })
}

// checked tells whether the checksum covers a byte of a batch, or its size or format
// depend on it: all but base offset and leader epoch.
func checked(at int) bool { return at >= 8 && at < 12 || at >= 16 }

// TestBitFlipsInAClosedSegmentAreFound flips each bit of a batch, and some of others:
// consumers find it, followers do not take it, a recovery ends the log there.
func TestBitFlipsInAClosedSegmentAreFound(t *testing.T) {
	fsys, closed, want := stoppedLog(t)
	data, err := vfs.ReadFile(fsys, closed.path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 1))
	position, number := 0, 0
	for batch := range record.Batches(data) {
		for bit := range 8 * len(batch) {
			if number == 2 || random.IntN(60) == 0 {
				checkBitFlip(t, fsys, closed.path, batch, position, 8*position+bit, want)
			}
		}
		position += len(batch)
		number++
	}
}

func checkBitFlip(t *testing.T, fsys *vfs.Mem, name string, batch record.Batch, position, bit int, want []string) {
	t.Helper()
	found := checked(bit/8 - position)
	damaged := fsys.KillClone()
	flipBit(t, damaged, name, bit)
	log := openTestLog(t, damaged.KillClone(), "/logs", smallSegments)
	got, chunks, whole := consume(log, 0)
	log.scheduler.Close()
	log.CloseHandlers()
	// A batch that seems to be longer than its segment hides the rest of it: readers go
	// on with the next segment, as Kafka's.
	if found && (!isSubset(got, want) || len(got) == len(want) || whole && bit/8-position >= 12) {
		t.Fatalf("bit %d: a consumer reads %v, to the end: %t", bit, got, whole)
	}
	follower := openTestLog(t, memDir(t), "/logs", nil)
	for _, chunk := range chunks {
		if _, err := follower.AppendAsFollower(chunk); err != nil {
			break
		}
	}
	if copied := follower.values(0); found && !isSubset(copied, want) {
		t.Fatalf("bit %d: a follower takes %v", bit, copied)
	}
	follower.scheduler.Close()
	follower.CloseHandlers()
	recovered := openTestLog(t, damaged, "/logs", smallSegments, unclean(0))
	if end := recovered.LogEndOffset(); found && (end != batch.BaseOffset() || !slices.Equal(recovered.values(0), want[:end])) {
		t.Fatalf("bit %d: the recovered log ends at %d instead of %d: %v", bit, end, batch.BaseOffset(), recovered.values(0))
	}
	recovered.scheduler.Close()
	recovered.CloseHandlers()
}

// TestForeignContent puts something else in the place of the files of a closed
// segment, or cuts them: nothing is served that was not written, and a recovery mends
// what it looks at.
func TestForeignContent(t *testing.T) {
	fsys, closed, want := stoppedLog(t)
	noise := make([]byte, 3000)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(noise)
	contents := map[string]func(old []byte) []byte{
		"nothing": func([]byte) []byte { return nil },
		"noise":   func([]byte) []byte { return noise },
		"zeros":   func(old []byte) []byte { return make([]byte, len(old)) },
		"text":    func([]byte) []byte { return []byte("#!/bin/sh\nexec java -jar kafka.jar\n") },
		"a half":  func(old []byte) []byte { return old[:len(old)/2] },
		"more":    func(old []byte) []byte { return append(slices.Clone(old), noise[:100]...) },
	}
	for kind := range map[string]bool{LogFileSuffix: true, IndexFileSuffix: true, TimeIndexFileSuffix: true, ".snapshot": true} {
		for what, change := range contents {
			name := segmentPath("/logs/topic-0", closed.BaseOffset, kind, "")
			damaged := fsys.KillClone()
			old, err := vfs.ReadFile(damaged, name)
			if err != nil {
				t.Fatal(err)
			}
			if err := vfs.WriteFile(damaged, name, change(old)); err != nil {
				t.Fatal(err)
			}
			log := openTestLog(t, damaged.KillClone(), "/logs", smallSegments)
			got, _, whole := consume(log, 0)
			if !isSubset(got, want) {
				t.Errorf("%s in %s: a consumer reads %v", what, kind, got)
			}
			for from := range log.LogEndOffset() {
				if got, _, _ := consume(log, from); !isSubset(got, want) {
					t.Errorf("%s in %s: a consumer reads %v from %d on", what, kind, got, from)
				}
			}
			if kind == LogFileSuffix && whole && len(got) == len(want) {
				t.Errorf("%s in %s: nothing was noticed", what, kind)
			}
			if err := log.options.Failures.(*testFailures).offline("/logs"); err != nil {
				t.Errorf("%s in %s takes the directory offline: %v", what, kind, err)
			}
			log.scheduler.Close()
			log.CloseHandlers()
			recovered := openTestLog(t, damaged, "/logs", smallSegments, unclean(0))
			end := recovered.LogEndOffset()
			if got := recovered.values(0); kind == LogFileSuffix && (what != "nothing" && !slices.Equal(got, want[:end])) || kind != LogFileSuffix && !slices.Equal(got, want) {
				t.Errorf("%s in %s: recovered to %d: %v", what, kind, end, got)
			}
		}
	}
}
