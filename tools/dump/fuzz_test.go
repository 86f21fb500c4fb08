package dump

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzFiles dumps files of any content: the tool ends with an exit code.
func FuzzFiles(f *testing.F) {
	for _, dir := range []string{"topic-0", "old-0", "__consumer_offsets-0", "__transaction_state-0", "__cluster_metadata-0"} {
		contents := make([][]byte, 3)
		for i, kind := range []string{".log", ".index", ".timeindex"} {
			data, err := os.ReadFile(filepath.Join(dir, segment0+kind))
			if err != nil {
				f.Fatal(err)
			}
			contents[i] = data
		}
		f.Add(contents[0], contents[1], contents[2])
	}
	f.Fuzz(func(t *testing.T, log, index, times []byte) {
		dir := t.TempDir()
		for name, data := range map[string][]byte{".log": log, ".index": index, ".timeindex": times, ".snapshot": index, ".txnindex": times} {
			if err := os.WriteFile(filepath.Join(dir, segment0+name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []string{".log", ".index", ".timeindex", ".snapshot", ".txnindex"} {
			for _, decoder := range []string{"--print-data-log", "--offsets-decoder", "--transaction-log-decoder", "--cluster-metadata-decoder"} {
				args := []string{decoder, "--files", filepath.Join(dir, segment0+kind)}
				if code := DumpLogSegments(args, io.Discard, io.Discard); code != 0 && code != 1 {
					t.Fatalf("%v: exit code %d", args, code)
				}
				if kind != ".log" {
					break
				}
			}
		}
	})
}
