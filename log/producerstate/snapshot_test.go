package producerstate

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/vfs"
)

func someEntries() map[int64]*Entry {
	first, second := emptyEntry(1), emptyEntry(2)
	first.ProducerEpoch, first.LastTimestamp, first.CoordinatorEpoch, first.CurrentTxnFirstOffset = 3, 77, 4, 9
	first.addBatch(Batch{LastSequence: 5, OffsetDelta: 2, LastOffset: 11, Timestamp: 77})
	return map[int64]*Entry{1: &first, 2: &second}
}

func TestSnapshotRoundTrip(t *testing.T) {
	data := encodeSnapshot(someEntries())
	if len(data) != snapshotHeaderSize+2*snapshotEntrySize {
		t.Fatalf("%d bytes", len(data))
	}
	entries, err := DecodeSnapshot(data)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return int(a.ProducerID - b.ProducerID) })
	want := someEntries()
	if diff := cmp.Diff([]Entry{*want[1], *want[2]}, entries, cmp.AllowUnexported(Entry{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatal(diff)
	}
}

func TestCorruptSnapshots(t *testing.T) {
	good := encodeSnapshot(someEntries())
	for i := range good {
		damaged := slices.Clone(good)
		damaged[i] ^= 0x55
		if _, err := DecodeSnapshot(damaged); !errors.Is(err, ErrCorruptSnapshot) {
			t.Fatalf("byte %d: %v", i, err)
		}
		if _, err := DecodeSnapshot(good[:i]); !errors.Is(err, ErrCorruptSnapshot) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestStraySnapshots(t *testing.T) {
	for _, test := range []struct{ bases, snapshots, want []int64 }{
		{[]int64{0, 10}, []int64{10, 15}, []int64{10, 15}},
		{[]int64{0, 10}, []int64{5, 10, 12, 15}, []int64{10, 15}},
		{[]int64{0, 10}, []int64{3, 5}, nil},
		{[]int64{0}, nil, nil},
	} {
		fsys := vfs.NewMem()
		for _, offset := range test.snapshots {
			if err := vfs.WriteFile(fsys, "/"+SnapshotName(offset), nil); err != nil {
				t.Fatal(err)
			}
		}
		manager := New(fsys, "/", topic.Partition{Topic: "t"}, 1000, logging.For("test"))
		if err := manager.RemoveStraySnapshots(test.bases); err != nil {
			t.Fatal(err)
		}
		if got := manager.SnapshotOffsets(); !slices.Equal(got, test.want) {
			t.Fatalf("%v of %v stay", got, test.snapshots)
		}
	}
}

// FuzzSnapshot decodes any bytes; what is accepted can be encoded again.
func FuzzSnapshot(f *testing.F) {
	f.Add(encodeSnapshot(someEntries()))
	f.Add(encodeSnapshot(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := DecodeSnapshot(data)
		if err != nil {
			if !errors.Is(err, ErrCorruptSnapshot) {
				t.Fatal(err)
			}
			return
		}
		all := map[int64]*Entry{}
		for i := range entries {
			all[entries[i].ProducerID] = &entries[i]
		}
		if again, err := DecodeSnapshot(encodeSnapshot(all)); err != nil || len(again) != len(all) {
			t.Fatal(len(again), err)
		}
	})
}
