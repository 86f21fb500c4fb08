package framework

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

// KeepResults writes the results that a test shows in the repository. A test fails
// whose results are not those, which are then to be looked at and committed.
func KeepResults(t testing.TB, path, text string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if string(before) == text {
		return
	}
	t.Errorf("the results are not those of %s, which is written anew", path)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Error(err)
	}
}
