package jvm

import (
	"bufio"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestQuitDumpsThreadsAndGoesOn asks twice: the first dump did not end the process.
func TestQuitDumpsThreadsAndGoesOn(t *testing.T) {
	read, write := io.Pipe()
	stop := DumpThreadsOnQuit(write)
	lines := bufio.NewScanner(read)
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() && !strings.Contains(lines.Text(), "TestQuitDumpsThreadsAndGoesOn") {
		}
		if lines.Err() != nil {
			t.Fatal(lines.Err())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	stop()
	write.Close()
}
