package framework

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// RaceVariable names the environment variable that has brokers' processes built
// with the race detector.
const RaceVariable = "GREGOR_RACE"

var installed struct {
	once sync.Once
	dir  string
	err  error
}

// Installation is a directory with bin/, config/ and the program built once for this
// test binary: a source that changes while the tests run changes no broker.
func Installation(t testing.TB) string {
	t.Helper()
	installed.once.Do(func() {
		installed.dir = binaryScope{t}.TempDir()
		installed.err = install(installed.dir)
	})
	if installed.err != nil {
		t.Fatal(installed.err)
	}
	return installed.dir
}

func install(dir string) error {
	for _, part := range []string{"bin", "config"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(Root(), part))); err != nil {
			return err
		}
	}
	arguments := []string{"build", "-trimpath", "-o", filepath.Join(dir, "libs", "kafka")}
	if os.Getenv(RaceVariable) != "" {
		arguments = append(arguments, "-race")
	}
	build := exec.Command("go", append(arguments, "./tools/kafka")...)
	build.Dir, build.Stdout, build.Stderr = Root(), os.Stderr, os.Stderr
	return build.Run()
}
