package log

import (
	"testing"

	"github.com/gregor-broker/gregor/log/vfs"
)

// flipBit damages a file as a disk may.
func flipBit(t testing.TB, fsys vfs.FS, name string, bit int) {
	t.Helper()
	resize(t, fsys, name, func(file vfs.File, _ int64) error {
		var b [1]byte
		if _, err := file.ReadAt(b[:], int64(bit/8)); err != nil {
			return err
		}
		b[0] ^= 1 << (bit % 8)
		if _, err := file.WriteAt(b[:], int64(bit/8)); err != nil {
			return err
		}
		return file.Sync()
	})
}
