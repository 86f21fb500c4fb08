// Package vfs is the seam between the log and the file system. OS is the real
// one; Mem lives in memory and can tell what a power loss would leave; Errors
// wraps another and lets calls fail.
package vfs

import (
	"io"
	"io/fs"
	"time"
)

// File is an open file. Reads and writes name their position, so that one file
// serves many readers. *os.File is one.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate sets the size; growing fills with zeros.
	Truncate(size int64) error
	// Sync makes the content and size durable.
	Sync() error
	Stat() (fs.FileInfo, error)
	Name() string
}

// FS is a file system. Paths are absolute or relative to the process, with
// slashes. Errors are *fs.PathError or *os.LinkError as of package os.
type FS interface {
	// OpenFile takes the flags of package os.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	MkdirAll(name string, perm fs.FileMode) error
	Remove(name string) error
	RemoveAll(name string) error
	// Rename replaces what has the new name already.
	Rename(oldName, newName string) error
	Stat(name string) (fs.FileInfo, error)
	// SetModified sets when a file counts as last written.
	SetModified(name string, modified time.Time) error
	// ReadDir lists a directory in order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes the creations, renames and removals in a directory durable.
	SyncDir(name string) error
	// Lock takes the exclusive lock on a file, creating it, until the closer is
	// closed or the process ends. A lock held by another process is ErrLocked.
	Lock(name string) (io.Closer, error)
}
