package zkserver

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes the bytes of a file durable that was not made longer.
func syncData(file *os.File) error { return unix.Fdatasync(int(file.Fd())) }
