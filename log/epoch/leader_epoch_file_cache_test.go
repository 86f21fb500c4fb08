package epoch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/vfs"
)

func newCache(t *testing.T, fsys vfs.FS, assigned ...Entry) *LeaderEpochFileCache {
	t.Helper()
	cache, err := New(checkpoint.NewLeaderEpochCheckpoint(fsys, "/"), logging.For("test"), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range assigned {
		if err := cache.Assign(entry.Epoch, entry.StartOffset); err != nil {
			t.Fatal(err)
		}
	}
	return cache
}

// entries makes entries of pairs of epoch and start offset.
func entries(pairs ...int64) []Entry {
	var list []Entry
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, Entry{Epoch: int32(pairs[i]), StartOffset: pairs[i+1]})
	}
	return list
}

func TestChanges(t *testing.T) {
	start := entries(0, 0, 2, 10, 5, 20)
	for _, test := range []struct {
		name   string
		change func(*LeaderEpochFileCache) error
		want   []Entry
	}{
		{"same epoch later", func(c *LeaderEpochFileCache) error { return c.Assign(5, 25) }, start},
		{"same epoch earlier", func(c *LeaderEpochFileCache) error { return c.Assign(5, 15) }, entries(0, 0, 2, 10, 5, 15)},
		{"next epoch", func(c *LeaderEpochFileCache) error { return c.Assign(6, 30) }, entries(0, 0, 2, 10, 5, 20, 6, 30)},
		{"next epoch at the same offset", func(c *LeaderEpochFileCache) error { return c.Assign(6, 20) }, entries(0, 0, 2, 10, 6, 20)},
		{"next epoch below", func(c *LeaderEpochFileCache) error { return c.Assign(6, 5) }, entries(0, 0, 6, 5)},
		{"older epoch", func(c *LeaderEpochFileCache) error { return c.Assign(1, 30) }, entries(0, 0, 1, 30)},
		{"cut the end at a start", func(c *LeaderEpochFileCache) error { return c.TruncateFromEnd(20) }, entries(0, 0, 2, 10)},
		{"cut the end above", func(c *LeaderEpochFileCache) error { return c.TruncateFromEnd(21) }, start},
		{"cut all", func(c *LeaderEpochFileCache) error { return c.TruncateFromEnd(0) }, nil},
		{"cut the start within", func(c *LeaderEpochFileCache) error { return c.TruncateFromStart(15) }, entries(2, 15, 5, 20)},
		{"cut the start at a start", func(c *LeaderEpochFileCache) error { return c.TruncateFromStart(20) }, entries(5, 20)},
		{"cut the start beyond", func(c *LeaderEpochFileCache) error { return c.TruncateFromStart(99) }, entries(5, 99)},
		{"clear", func(c *LeaderEpochFileCache) error { return c.ClearAndFlush() }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			fsys := vfs.NewMem()
			cache := newCache(t, fsys, start...)
			if err := test.change(cache); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*LeaderEpochFileCache{cache, newCache(t, fsys.CrashClone())} {
				if diff := cmp.Diff(test.want, append([]Entry(nil), c.Entries()...)); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestEndOffsets(t *testing.T) {
	cache := newCache(t, vfs.NewMem(), entries(1, 5, 3, 10, 7, 20)...)
	for requested, want := range map[int32][2]int64{
		-1: {-1, -1}, 0: {0, 5}, 1: {1, 10}, 2: {1, 10}, 3: {3, 20}, 6: {3, 20}, 7: {7, 99}, 8: {-1, -1},
	} {
		if found, end := cache.EndOffsetFor(requested, 99); int64(found) != want[0] || end != want[1] {
			t.Fatalf("epoch %d: %d ends at %d, want %v", requested, found, end, want)
		}
	}
	if cache.Assign(-1, 5) == nil || cache.Assign(5, -1) == nil {
		t.Fatal("a negative epoch or offset was taken")
	}
}

func TestChangesThatACrashUndoesAreWrittenByFlush(t *testing.T) {
	fsys := vfs.NewMem()
	cache := newCache(t, fsys, entries(0, 0, 1, 10)...)
	stored := func() []Entry { return newCache(t, fsys.CrashClone()).Entries() }
	if due, err := cache.Announce(2, 20); err != nil || !due {
		t.Fatal(due, err)
	}
	if diff := cmp.Diff(entries(0, 0, 1, 10, 2, 20), cache.Entries()); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff(entries(0, 0, 1, 10), stored()); diff != "" {
		t.Errorf("written before it was flushed: %s", diff)
	}
	cache.DropFromEnd(10)
	if err := cache.Flush(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entries(0, 0), stored()); diff != "" {
		t.Error(diff)
	}
	if due, err := cache.Announce(0, 30); err != nil || due {
		t.Errorf("an epoch that is known is to be written: %v, %v", due, err)
	}
	if _, err := cache.Announce(-1, 0); err == nil {
		t.Error("an epoch below 0 is taken")
	}
}
