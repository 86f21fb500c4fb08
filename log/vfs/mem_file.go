package vfs

import (
	"io"
	"io/fs"
	"slices"
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
	if at >= int64(len(f.node.content)) {
		return 0, io.EOF
	}
	n := copy(to, f.node.content[at:])
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
	if end := int(at) + len(data); end > len(f.node.content) {
		f.node.resize(end)
	}
	copy(f.node.content[at:], data)
	f.node.modified = time.Now()
	return len(data), nil
}

func (f *memFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("truncate", f.name, fs.ErrClosed)
	}
	f.node.resize(int(size))
	f.node.modified = time.Now()
	return nil
}

func (n *memNode) resize(size int) {
	if size <= len(n.content) {
		n.content = n.content[:size]
		return
	}
	old := len(n.content)
	n.content = slices.Grow(n.content, size-old)[:size]
	clear(n.content[old:])
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return pathError("sync", f.name, fs.ErrClosed)
	}
	f.node.synced = slices.Clone(f.node.content)
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
	return memInfo{name: name, size: int64(len(n.content)), dir: n.dir, modified: n.modified}
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
