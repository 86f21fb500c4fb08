package log

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// eachFS runs a test on the real file system and in memory.
func eachFS(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS, t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		fsys := vfs.NewMem()
		if err := fsys.MkdirAll("/logs", 0o755); err != nil {
			t.Fatal(err)
		}
		test(t, fsys, "/logs")
	})
}

func TestAppendReadRollReload(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		overrides := map[string]string{"segment.bytes": "1000", "index.interval.bytes": "100"}
		log := openTestLog(t, fsys, dir, overrides)
		var want []string
		for i := range 100 {
			info := log.append(simpleBatch(fmt.Sprint("a", i), fmt.Sprint("b", i)))
			if info.FirstOffset != int64(2*i) || info.LastOffset != int64(2*i+1) {
				t.Fatalf("append %d got offsets %d to %d", i, info.FirstOffset, info.LastOffset)
			}
			want = append(want, fmt.Sprintf("%d=a%d", 2*i, i), fmt.Sprintf("%d=b%d", 2*i+1, i))
		}
		if log.NumberOfSegments() < 10 {
			t.Fatalf("%d segments", log.NumberOfSegments())
		}
		check := func(log *testLog) {
			t.Helper()
			for _, from := range []int64{0, 1, 57, 58, 199} {
				if got := log.values(from); !slices.Equal(got, want[from:]) {
					t.Fatalf("from %d: %v", from, got)
				}
			}
		}
		check(log)
		segments := log.NumberOfSegments()
		if err := errors.Join(log.Flush(), log.Close()); err != nil {
			t.Fatal(err)
		}
		log.scheduler.Close()
		for name, change := range map[string]func(*OpenOptions){"clean": unclean(1 << 60), "unclean": unclean(0)} {
			reopened := openTestLog(t, fsys, dir, overrides, change, func(options *OpenOptions) { options.CleanShutdown = name == "clean" })
			if reopened.LogEndOffset() != 200 || reopened.NumberOfSegments() != segments {
				t.Fatalf("%s: end %d, %d segments", name, reopened.LogEndOffset(), reopened.NumberOfSegments())
			}
			check(reopened)
			if err := errors.Join(reopened.Flush(), reopened.Close()); err != nil {
				t.Fatal(err)
			}
			reopened.scheduler.Close()
		}
	})
}

func TestReadBounds(t *testing.T) {
	log := openTestLog(t, vfs.OS, t.TempDir(), nil)
	for range 3 {
		if _, err := log.AppendAsLeader(simpleBatch("x", "y"), 0, OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	log.UpdateHighWatermark(4)
	for _, test := range []struct {
		from      int64
		max       int
		isolation FetchIsolation
		minOne    bool
		wantLast  int64 // last offset read; -1 for nothing
		wantErr   error
	}{
		{from: 0, max: 1 << 20, isolation: FetchLogEnd, wantLast: 5},
		{from: 0, max: 1 << 20, isolation: FetchHighWatermark, wantLast: 3},
		{from: 3, max: 1 << 20, isolation: FetchHighWatermark, wantLast: 3},
		{from: 4, max: 1 << 20, isolation: FetchHighWatermark, wantLast: -1},
		{from: 5, max: 1 << 20, isolation: FetchHighWatermark, wantLast: -1},
		{from: 6, max: 1 << 20, isolation: FetchLogEnd, wantLast: -1},
		{from: 7, max: 1 << 20, isolation: FetchLogEnd, wantErr: kerr.OffsetOutOfRange},
		{from: -1, max: 1 << 20, isolation: FetchLogEnd, wantErr: kerr.OffsetOutOfRange},
		{from: 0, max: 1, isolation: FetchLogEnd, minOne: true, wantLast: 1},
		{from: 0, max: 0, isolation: FetchLogEnd, minOne: false, wantLast: -1},
		{from: 0, max: 1 << 20, isolation: FetchTxnCommitted, wantLast: 3},
	} {
		t.Run(fmt.Sprintf("%d,%d,%d", test.from, test.max, test.isolation), func(t *testing.T) {
			info, err := log.Read(test.from, test.max, test.isolation, test.minOne)
			if !errors.Is(err, test.wantErr) {
				t.Fatalf("error %v, want %v", err, test.wantErr)
			}
			last := int64(-1)
			for batch, err := range record.Batches(readAll(t, &info)) {
				if err != nil {
					t.Fatal(err)
				}
				last = batch.LastOffset()
			}
			info.Release()
			if err == nil && last != test.wantLast {
				t.Fatalf("read up to %d, want %d", last, test.wantLast)
			}
		})
	}
}

func TestTopicID(t *testing.T) {
	eachFS(t, func(t *testing.T, fsys vfs.FS, dir string) {
		id := topic.NewID()
		log := openTestLog(t, fsys, dir, nil)
		if !log.TopicID().IsZero() {
			t.Fatal("id without being given one")
		}
		if err := log.AssignTopicID(id); err != nil {
			t.Fatal(err)
		}
		log.append(simpleBatch("x"))
		content, err := vfs.ReadFile(fsys, path.Join(log.Dir(), "partition.metadata"))
		if err != nil || string(content) != "version: 0\ntopic_id: "+id.String() {
			t.Fatalf("partition.metadata is %q, %v", content, err)
		}
		if err := log.AssignTopicID(topic.NewID()); !errors.Is(err, kerr.InconsistentTopicID) {
			t.Fatalf("another id: %v", err)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		if reopened := openTestLog(t, fsys, dir, nil); reopened.TopicID() != id {
			t.Fatalf("id is %s after reload", reopened.TopicID())
		}
	})
}
