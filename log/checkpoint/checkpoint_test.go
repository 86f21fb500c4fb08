package checkpoint

import (
	"errors"
	"fmt"
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

// FuzzParsers reads any text; what is accepted is accepted again as written.
func FuzzParsers(f *testing.F) {
	f.Add("0\n1\na 0 5\n")
	f.Add("0\n1\n3 5\n")
	f.Add("version: 0\ntopic_id: " + topic.NewID().String())
	f.Fuzz(func(t *testing.T, content string) {
		lines := 0
		if err := parseLines(content, func(string) error { lines++; return nil }); err == nil && lines > strings.Count(content, "\n") {
			t.Fatalf("%d lines", lines)
		}
		if id, err := parsePartitionMetadata(content); err == nil {
			if again, err := parsePartitionMetadata(fmt.Sprintf("version: 0\ntopic_id: %s", id)); err != nil || again != id {
				t.Fatal(again, err)
			}
		}
	})
}
