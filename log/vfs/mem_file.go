package vfs

import (
	"errors"
	"io"
	"io/fs"
	"time"
)

// memFile is an open file of Mem. It goes on working when the name is removed
// or renamed, as on any POSIX system.
type memFile struct {
	fs     *Mem
	node   *memNode
	name   string
	closed bool
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) ReadAt(to []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, pathError("read", f.name, fs.ErrClosed)
	}
	if at < 0 {
		return 0, pathError("readat", f.name, errors.New("negative offset"))
	}
	if at >= int64(f.node.content.size) {
		return 0, io.EOF
	}
	n := f.node.content.readAt(to, int(at))
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(data []byte, at int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, pathError("write", f.name, fs.ErrClosed)
	}
	f.node.content.writeAt(data, int(at))
	f.node.modified = time.Now()
	return len(data), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("truncate", f.name, fs.ErrClosed)
	}
	f.node.content.resize(int(size))
	f.node.modified = time.Now()
	return nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("sync", f.name, fs.ErrClosed)
	}
	f.node.synced = f.node.content.clone()
	return nil
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	return nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.info(f.name), nil
}

type memInfo struct {
	name     string
	size     int64
	dir      bool
	modified time.Time
}

func (n *memNode) info(name string) memInfo {
	return memInfo{name: name, size: int64(n.content.size), dir: n.dir, modified: n.modified}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return i.modified }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }

func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
