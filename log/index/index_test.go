package index

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/log/vfs"
)

const (
	base = int64(1000)
	room = 100_000
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newOffsetIndex(t testing.TB, fsys vfs.FS, entries int) *OffsetIndex {
	t.Helper()
	x := NewOffsetIndex(fsys, "/x.index", base, room)
	must(t, x.Reset())
	for i := range entries {
		must(t, x.Append(base+int64(10*i+10), 100*i+100))
	}
	return x
}

// TestOffsetLookup looks up in entries that are in memory and in the file.
func TestOffsetLookup(t *testing.T) {
	for _, entries := range []int{0, 1, 10, 255, 256, 257, 5000} {
		x := newOffsetIndex(t, vfs.NewMem(), entries)
		for range 200 {
			target := base + rand.Int64N(int64(10*entries+30))
			want := OffsetPosition{Offset: base}
			if n := min((target-base)/10, int64(entries)); n > 0 {
				want = OffsetPosition{base + 10*n, int(100 * n)}
			}
			got, err := x.Lookup(target)
			if err != nil || got != want {
				t.Fatalf("%d entries: %d is at %+v %v, want %+v", entries, target, got, err, want)
			}
		}
	}
}

func TestOffsetIndexRefuses(t *testing.T) {
	x := NewOffsetIndex(vfs.NewMem(), "/x.index", base, 3*OffsetEntrySize+5)
	must(t, x.Reset())
	must(t, x.Append(base+5, 1))
	for _, offset := range []int64{base + 5, base + 4, base - 1, base + 1<<31} {
		if x.Append(offset, 2) == nil {
			t.Fatalf("offset %d was taken", offset)
		}
	}
	must(t, x.Append(base+6, 2))
	must(t, x.Append(base+7, 3))
	if err := x.Append(base+8, 4); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if full, err := x.IsFull(); !full || err != nil {
		t.Fatal(full, err)
	}
}

func TestUpperBound(t *testing.T) {
	x := newOffsetIndex(t, vfs.NewMem(), 300)
	for position, want := range map[int]int64{0: base + 10, 100: base + 10, 101: base + 20, 30_000: base + 3000} {
		if got, ok, err := x.UpperBound(OffsetPosition{}, position); err != nil || !ok || got.Offset != want {
			t.Fatalf("%d: %+v %v %v", position, got, ok, err)
		}
	}
	if _, ok, _ := x.UpperBound(OffsetPosition{}, 30_001); ok {
		t.Fatal("found one beyond the last entry")
	}
}

func TestTruncateAndReopen(t *testing.T) {
	for _, entries := range []int{1, 255, 700} {
		for _, keep := range []int{0, 1, entries / 2, entries} {
			fsys := vfs.NewMem()
			x := newOffsetIndex(t, fsys, entries)
			must(t, x.TruncateTo(base+int64(10*keep)+1))
			must(t, x.Presize(room))
			must(t, x.Append(base+int64(10*entries)+50, 1))
			must(t, x.Trim())
			info, err := fsys.Stat("/x.index")
			must(t, err)
			if info.Size() != int64((keep+1)*OffsetEntrySize) {
				t.Fatalf("%d entries, %d kept: file has %d bytes", entries, keep, info.Size())
			}
			again := NewOffsetIndex(fsys, "/x.index", base, room)
			if n, err := again.Entries(); err != nil || n != keep+1 {
				t.Fatal(n, err)
			}
			if last, err := again.Lookup(1 << 40); err != nil || last.Offset != base+int64(10*entries)+50 {
				t.Fatal(last, err)
			}
		}
	}
}

// TestUntrimmedFile: a crash leaves the file at its full size.
func TestUntrimmedFile(t *testing.T) {
	for _, entries := range []int{0, 1, 300} {
		fsys := vfs.NewMem()
		must(t, newOffsetIndex(t, fsys, entries).Flush())
		again := NewOffsetIndex(fsys, "/x.index", base, room)
		if n, err := again.Entries(); err != nil || n != entries {
			t.Fatalf("%d entries, want %d: %v", n, entries, err)
		}
	}
}

func TestTimeIndex(t *testing.T) {
	fsys := vfs.NewMem()
	x := NewTimeIndex(fsys, "/x.timeindex", base, room)
	must(t, x.Reset())
	if last, err := x.LastEntry(); err != nil || last != (TimestampOffset{-1, base}) {
		t.Fatal(last, err)
	}
	for i := range int64(500) {
		must(t, x.MaybeAppend(100*i, base+i, false))
		must(t, x.MaybeAppend(100*i, base+i, false)) // not above the last: ignored
	}
	if x.MaybeAppend(5, base+1000, false) == nil || x.MaybeAppend(1<<40, base, false) == nil {
		t.Fatal("an entry that goes back was taken")
	}
	must(t, x.Trim())
	for _, index := range []*TimeIndex{x, NewTimeIndex(fsys, "/x.timeindex", base, room)} {
		for timestamp, want := range map[int64]TimestampOffset{-5: {-1, base}, 0: {0, base}, 99: {0, base}, 100: {100, base + 1}, 1 << 40: {49_900, base + 499}} {
			if got, err := index.Lookup(timestamp); err != nil || got != want {
				t.Fatalf("%d: %+v %v", timestamp, got, err)
			}
		}
	}
	must(t, x.TruncateTo(base+5))
	if last, err := x.LastEntry(); err != nil || last != (TimestampOffset{400, base + 4}) {
		t.Fatal(last, err)
	}
}

func TestTimeIndexKeepsASlotForTheRoll(t *testing.T) {
	x := NewTimeIndex(vfs.NewMem(), "/x.timeindex", base, 2*TimeEntrySize)
	must(t, x.Reset())
	must(t, x.MaybeAppend(1, base, false))
	if full, _ := x.IsFull(); !full {
		t.Fatal("not full")
	}
	if err := x.MaybeAppend(2, base+1, false); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	must(t, x.MaybeAppend(2, base+1, true))
	if err := x.MaybeAppend(3, base+1, true); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}

func TestTransactionIndex(t *testing.T) {
	fsys := vfs.NewMem()
	x := NewTransactionIndex(fsys, "/x.txnindex", 0)
	entries := []AbortedTxn{{1, 0, 10, 5}, {2, 5, 20, 21}, {1, 30, 40, 41}}
	for _, entry := range entries {
		must(t, x.Append(entry))
	}
	if x.Append(AbortedTxn{9, 1, 40, 41}) == nil {
		t.Fatal("an entry out of order was taken")
	}
	must(t, x.Flush())
	again := NewTransactionIndex(fsys, "/x.txnindex", 0)
	all, err := again.All()
	if diff := cmp.Diff(entries, all); err != nil || diff != "" {
		t.Fatal(diff, err)
	}
	var found []AbortedTxn
	complete, err := again.Collect(11, 25, func(aborted AbortedTxn) { found = append(found, aborted) })
	if err != nil || !complete || !slices.Equal(found, entries[1:2]) {
		t.Fatal(found, complete, err)
	}
	must(t, again.TruncateTo(20))
	if all, _ := NewTransactionIndex(fsys, "/x.txnindex", 0).All(); !slices.Equal(all, entries[:1]) {
		t.Fatal(all)
	}
	if err := NewTransactionIndex(fsys, "/x.txnindex", 11).SanityCheck(); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

// FuzzIndexes opens any bytes as each index.
func FuzzIndexes(f *testing.F) {
	f.Add(make([]byte, 64), int64(5))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4}, int64(2))
	f.Add(AbortedTxn{1, 2, 3, 4}.encode(), int64(3))
	f.Fuzz(func(t *testing.T, data []byte, target int64) {
		fsys := vfs.NewMem()
		for _, name := range []string{"/o", "/t", "/x"} {
			file, err := fsys.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
			must(t, err)
			must(t, vfs.WriteFull(file, data, 0))
		}
		offsets, times, txns := NewOffsetIndex(fsys, "/o", 0, room), NewTimeIndex(fsys, "/t", 0, room), NewTransactionIndex(fsys, "/x", 0)
		found, err := offsets.Lookup(target)
		must(t, err)
		if found.Position < 0 || found.Offset > max(target, 0) {
			t.Fatalf("%d is found at %+v", target, found)
		}
		_, _, err = offsets.UpperBound(OffsetPosition{}, int(int32(target)))
		must(t, err)
		_, err = times.Lookup(target)
		must(t, err)
		_, err = times.LastEntry()
		must(t, err)
		must(t, errors.Join(offsets.TruncateTo(target), times.TruncateTo(target), offsets.Trim(), times.Trim()))
		if err := txns.SanityCheck(); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
