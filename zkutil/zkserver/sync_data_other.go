//go:build !linux

package zkserver

import "os"

// syncData makes a file durable; only Linux can leave its times out.
func syncData(file *os.File) error { return file.Sync() }
