package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestWhatIsAFullDisk(t *testing.T) {
	write := &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	for _, test := range []struct {
		err  error
		full bool
	}{
		{nil, false},
		{write, true},
		{&os.LinkError{Op: "rename", Err: syscall.EDQUOT}, true},
		{fmt.Errorf("segment: %w", write), true},
		{errors.Join(fmt.Errorf("one: %w", write), nil, write), true},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.EIO}, false},
		{errors.New("no space left on device"), false},
		// What was written before may be lost.
		{&fs.PathError{Op: "sync", Path: "x", Err: syscall.ENOSPC}, false},
		{errors.Join(write, &fs.PathError{Op: "sync", Path: "x", Err: syscall.ENOSPC}), false},
		{errors.Join(write, &fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}), false},
	} {
		if IsNoSpace(test.err) != test.full {
			t.Errorf("%v: %v", test.err, !test.full)
		}
	}
}

// TestTheReserveIsForSmallFiles: they are written when it is given up, segments are
// not, and it is made again when there is room.
func TestTheReserveIsForSmallFiles(t *testing.T) {
	memory := NewMem()
	if err := memory.MkdirAll("/logs", 0o755); err != nil {
		t.Fatal(err)
	}
	full := false
	fsys := NewReserves(&Errors{FS: memory, Inject: func(op Op, name string) error {
		reserved, _ := Exists(memory, "/logs/"+ReserveFile)
		if full && op == OpWrite && (reserved || strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ReserveFile)) {
			return &fs.PathError{Op: "write", Path: name, Err: syscall.ENOSPC}
		}
		return nil
	}})
	reserveSize := func() int64 {
		info, err := memory.Stat("/logs/" + ReserveFile)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	if err := fsys.Add("/logs"); err != nil || reserveSize() != ReserveSize || fsys.Full("/logs") {
		t.Fatal(err, reserveSize())
	}
	full = true
	if err := WriteFile(fsys, "/logs/0.log", []byte("records")); !IsNoSpace(err) || reserveSize() == 0 {
		t.Fatalf("a segment: %v", err)
	}
	if err := WriteFile(fsys, "/logs/checkpoint", []byte("offsets")); err != nil || reserveSize() != 0 || !fsys.Full("/logs") {
		t.Fatalf("a checkpoint: %v", err)
	}
	if content, err := ReadFile(memory, "/logs/checkpoint"); err != nil || string(content) != "offsets" {
		t.Fatal(string(content), err)
	}
	if refilled := fsys.Refill(); len(refilled) != 0 || reserveSize() != 0 {
		t.Fatal(refilled)
	}
	full = false
	if refilled := fsys.Refill(); len(refilled) != 1 || reserveSize() != ReserveSize || fsys.Full("/logs") {
		t.Fatal(refilled)
	}
}
