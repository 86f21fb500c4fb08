package cleaner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// latest is the last value of each key and all that a reader would see.
func (l *testLog) latest() map[string]string {
	l.t.Helper()
	latest := map[string]string{}
	for _, batch := range l.batches() {
		if batch.IsControl() {
			continue
		}
		for item, err := range record.Records(batch) {
			must(l.t, err)
			latest[string(item.Key)] = fmt.Sprintf("%d:%s", item.Offset, item.Value)
		}
	}
	return latest
}

// crashingLog has several segments that a cleaning puts together in two.
func crashingLog(t *testing.T, fsys vfs.FS) *testLog {
	l := openLog(t, fsys, "segment.bytes", "700")
	for i := range 24 {
		l.append(producer(int64(i%3), i/3, false), fmt.Sprint("k", i%5), fmt.Sprint("v", i))
		if i%4 == 3 {
			l.roll()
		}
	}
	must(t, l.Flush())
	return l
}

// TestCrashAtEveryCall lets the process die, or the power fail, at each call of a
// cleaning to the file system. The log that is loaded then has the same last
// values, and can be cleaned.
func TestCrashAtEveryCall(t *testing.T) {
	fsys := newMem(t)
	var mu sync.Mutex // files are deleted in the background
	var clones []*vfs.Mem
	recording := false
	l := crashingLog(t, &vfs.Errors{FS: fsys, Inject: func(vfs.Op, string) error {
		mu.Lock()
		defer mu.Unlock()
		if recording {
			clones = append(clones, fsys.KillClone(), fsys.CrashClone())
		}
		return nil
	}})
	want, end := l.latest(), l.LogEndOffset()
	mu.Lock()
	recording = true
	mu.Unlock()
	l.clean()
	l.scheduler.Close()
	recording = false
	clones = append(clones, fsys.KillClone(), fsys.CrashClone())
	if len(clones) < 100 {
		t.Fatalf("only %d crashes", len(clones))
	}
	cleaned := 0
	for i, clone := range clones {
		again := reopen(t, clone, l.overrides, func(options *log.OpenOptions) {
			options.CleanShutdown, options.RecoveryPoint = false, end
		})
		if got := again.latest(); !maps.Equal(got, want) || again.LogEndOffset() != end {
			t.Fatalf("crash %d: got %v to %d, want %v to %d", i, got, again.LogEndOffset(), want, end)
		}
		for _, suffix := range []string{".cleaned", ".swap", ".deleted"} {
			if left := again.files(suffix); len(left) != 0 {
				t.Fatalf("crash %d: %v are left", i, left)
			}
		}
		if again.NumberOfSegments() < l.NumberOfSegments()+1 {
			cleaned++
		}
		again.clean()
		if got := again.latest(); !maps.Equal(got, want) {
			t.Fatalf("crash %d: got %v after another cleaning, want %v", i, got, want)
		}
		again.abandon()
	}
	if cleaned == 0 || cleaned == len(clones) {
		t.Fatalf("%d of %d crashes came after the replacement", cleaned, len(clones))
	}
}

// TestErrorAtEveryCall lets each call fail in turn: the records stay, what was
// begun is removed, and a failed disk is reported.
func TestErrorAtEveryCall(t *testing.T) {
	for n := 0; ; n++ {
		fsys := newMem(t)
		var left atomic.Int64
		left.Store(-1)
		l := crashingLog(t, &vfs.Errors{FS: fsys, Inject: func(op vfs.Op, name string) error {
			if left.Add(-1) == -1 {
				return &os.PathError{Op: string(op), Path: name, Err: errors.New("the disk is gone")}
			}
			return nil
		}})
		want, end := l.latest(), l.LogEndOffset()
		left.Store(int64(n))
		_, err := l.tryClean(context.Background(), testConfiguration())
		failed := left.Load() < 0
		left.Store(-1)
		if !failed {
			if err != nil || n < 50 {
				t.Fatalf("a cleaning takes %d calls only, and ends with %v", n, err)
			}
			return
		}
		l.abandon()
		again := reopen(t, fsys.KillClone(), l.overrides, func(options *log.OpenOptions) {
			options.CleanShutdown, options.RecoveryPoint = false, end
		})
		if got := again.latest(); !maps.Equal(got, want) || again.LogEndOffset() != end {
			t.Fatalf("error %d (%v): got %v to %d, want %v to %d", n, err, got, again.LogEndOffset(), want, end)
		}
		again.abandon()
	}
}

// TestBitFlipsAreNotCleaned flips bits of batches that are to be cleaned: a cleaning
// ends with an error and leaves the log as it is, so that nothing damaged gets a
// checksum that is right.
func TestBitFlipsAreNotCleaned(t *testing.T) {
	fsys := newMem(t)
	l := crashingLog(t, fsys)
	end, name := l.LogEndOffset(), fmt.Sprintf("%s/%020d.log", l.Dir(), l.Segments()[1].BaseOffset)
	data, err := vfs.ReadFile(fsys, name)
	must(t, err)
	first, _, err := record.Next(data)
	must(t, err)
	for bit := range 8 * len(first) {
		if at := bit / 8; at < 8 || at >= 12 && at < 16 {
			continue // base offset and leader epoch have no checksum
		}
		damaged := fsys.KillClone()
		flipped := slices.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		must(t, vfs.WriteFile(damaged, name, flipped))
		again := reopen(t, damaged, l.overrides, func(options *log.OpenOptions) {
			options.CleanShutdown, options.RecoveryPoint = false, end
		})
		before := again.NumberOfSegments()
		if _, err := again.tryClean(context.Background(), testConfiguration()); err == nil {
			t.Fatalf("bit %d was not noticed", bit)
		}
		if left, err := vfs.ReadFile(damaged, name); err != nil || !slices.Equal(left, flipped) || again.NumberOfSegments() != before {
			t.Fatalf("bit %d: the log was changed: %v", bit, err)
		}
		again.abandon()
	}
}
