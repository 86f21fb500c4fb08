package checkpoint

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/vfs"
)

func TestOffsets(t *testing.T) {
	fsys := vfs.NewMem()
	file := NewOffsetCheckpoint(fsys, "/", RecoveryPointFile)
	if offsets, err := file.Read(); err != nil || len(offsets) != 0 {
		t.Fatal(offsets, err)
	}
	if err := file.Write([]PartitionOffset{{topic.Partition{Topic: "a", Partition: 1}, 5}, {topic.Partition{Topic: "b.c", Partition: 0}, 1 << 40}}); err != nil {
		t.Fatal(err)
	}
	content, err := vfs.ReadFile(fsys.CrashClone(), "/"+RecoveryPointFile)
	if err != nil || string(content) != "0\n2\na 1 5\nb.c 0 1099511627776\n" {
		t.Fatalf("%q %v", content, err)
	}
	want := map[topic.Partition]int64{{Topic: "a", Partition: 1}: 5, {Topic: "b.c", Partition: 0}: 1 << 40}
	offsets, err := file.Read()
	if diff := cmp.Diff(want, offsets); err != nil || diff != "" {
		t.Fatal(diff, err)
	}
}

func TestMalformedFiles(t *testing.T) {
	for _, content := range []string{"1\n0\n", "x\n0\n", "0\nx\n", "0\n2\na 0 1\n", "0\n0\na 0 1\n", "0\n1\na 0\n", "0\n1\na 0 x\n", "0\n1\na 9999999999 1\n", "0\n-1\n"} {
		t.Run(content, func(t *testing.T) {
			fsys := vfs.NewMem()
			if err := vfs.WriteFile(fsys, "/"+HighWatermarkFile, []byte(content)); err != nil {
				t.Fatal(err)
			}
			if _, err := NewOffsetCheckpoint(fsys, "/", HighWatermarkFile).Read(); !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
		})
	}
}

func TestLeaderEpochs(t *testing.T) {
	fsys := vfs.NewMem()
	file := NewLeaderEpochCheckpoint(fsys, "/")
	want := []EpochEntry{{0, 0}, {3, 17}}
	if err := file.Write(want); err != nil {
		t.Fatal(err)
	}
	got, err := file.Read()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Fatal(diff, err)
	}
}

func TestPartitionMetadata(t *testing.T) {
	fsys := vfs.NewMem()
	id := topic.NewID()
	if err := WritePartitionMetadata(fsys, "/", id); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadPartitionMetadata(fsys, "/"); err != nil || got != id {
		t.Fatal(got, err)
	}
	for _, content := range []string{"", "version: 0", "version: 1\ntopic_id: " + id.String(), "version: 0\ntopic_id: x", "version: 0\ntopic_id: " + (topic.ID{}).String()} {
		if _, err := parsePartitionMetadata(content); !errors.Is(err, ErrMalformed) {
			t.Fatalf("%q: %v", content, err)
		}
	}
}

// FuzzParsers reads any text as each kind of file; what is accepted is accepted again
// as it is written.
func FuzzParsers(f *testing.F) {
	f.Add("0\n1\na 0 5\n")
	f.Add("0\n1\n3 5\n")
	f.Add("version: 0\ntopic_id: " + topic.NewID().String())
	f.Fuzz(func(t *testing.T, content string) {
		fsys := vfs.NewMem()
		for _, name := range []string{HighWatermarkFile, LeaderEpochFile, PartitionMetadataFile} {
			if err := vfs.WriteFile(fsys, "/"+name, []byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		checkOffsets(t, fsys, content)
		checkEpochs(t, fsys)
		if id, err := ReadPartitionMetadata(fsys, "/"); err == nil {
			again, writeErr := topic.ID{}, WritePartitionMetadata(fsys, "/", id)
			if again, err = ReadPartitionMetadata(fsys, "/"); errors.Join(err, writeErr) != nil || again != id {
				t.Fatal(again, err, writeErr)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}

func checkOffsets(t *testing.T, fsys vfs.FS, content string) {
	t.Helper()
	file := NewOffsetCheckpoint(fsys, "/", HighWatermarkFile)
	offsets, err := file.Read()
	if err != nil {
		if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		return
	}
	if len(offsets) > strings.Count(content, "\n") {
		t.Fatalf("%d offsets", len(offsets))
	}
	var lines []PartitionOffset
	for partition, offset := range offsets {
		lines = append(lines, PartitionOffset{partition, offset})
	}
	if err := file.Write(lines); err != nil {
		t.Fatal(err)
	}
	if again, err := file.Read(); err != nil || !maps.Equal(again, offsets) {
		t.Fatal(again, err)
	}
}

func checkEpochs(t *testing.T, fsys vfs.FS) {
	t.Helper()
	file := NewLeaderEpochCheckpoint(fsys, "/")
	entries, err := file.Read()
	if err != nil {
		if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		return
	}
	if err := file.Write(entries); err != nil {
		t.Fatal(err)
	}
	if again, err := file.Read(); err != nil || !slices.Equal(again, entries) {
		t.Fatal(again, err)
	}
}
