package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mem is a file system in memory that knows what is durable: the content of a
// file as of its last Sync, and the names of a directory as of its last
// SyncDir. It is for tests.
type Mem struct {
	mu    sync.Mutex
	root  *memNode
	locks map[string]bool
}

// memNode is a file or a directory. Of both, synced is what survives a crash.
type memNode struct {
	dir            bool
	content        memContent
	synced         memContent
	children       map[string]*memNode
	syncedChildren map[string]*memNode
	modified       time.Time
}

// NewMem is an empty file system.
func NewMem() *Mem {
	return &Mem{root: newMemDir(), locks: map[string]bool{}}
}

func newMemDir() *memNode {
	return &memNode{dir: true, children: map[string]*memNode{}, syncedChildren: map[string]*memNode{}, modified: time.Now()}
}

// CrashClone is what a power loss at this moment leaves: only what was synced.
func (m *Mem) CrashClone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem()
	clone.root = m.root.crashed()
	return clone
}

func (n *memNode) crashed() *memNode {
	if !n.dir {
		return &memNode{content: n.synced.clone(), synced: n.synced.clone(), modified: n.modified}
	}
	clone := newMemDir()
	for name, child := range n.syncedChildren {
		survivor := child.crashed()
		clone.children[name], clone.syncedChildren[name] = survivor, survivor
	}
	return clone
}

// KillClone is what the death of the process at this moment leaves: all that
// was written, as the page cache outlives it.
func (m *Mem) KillClone() *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem()
	clone.root = m.root.killed(map[*memNode]*memNode{})
	return clone
}

func (n *memNode) killed(seen map[*memNode]*memNode) *memNode {
	if clone := seen[n]; clone != nil {
		return clone
	}
	clone := &memNode{dir: n.dir, content: n.content.clone(), synced: n.synced.clone(), modified: n.modified}
	seen[n] = clone
	if n.dir {
		clone.children, clone.syncedChildren = map[string]*memNode{}, map[string]*memNode{}
		for name, child := range n.children {
			clone.children[name] = child.killed(seen)
		}
		for name, child := range n.syncedChildren {
			clone.syncedChildren[name] = child.killed(seen)
		}
	}
	return clone
}

// TornClone is one of the many things that a power loss at this moment may leave:
// of what was not synced, names are there or are not, by directory, and files have
// a part of it, or zeros in its place.
func (m *Mem) TornClone(random *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	clone := NewMem()
	clone.root = m.root.torn(random)
	return clone
}

func (n *memNode) torn(random *rand.Rand) *memNode {
	if !n.dir {
		content := tornContent(random, n.synced, n.content)
		return &memNode{content: content, synced: content.clone(), modified: n.modified}
	}
	clone := newMemDir()
	children := n.syncedChildren
	if random.IntN(2) == 0 {
		children = n.children
	}
	for _, name := range slices.Sorted(maps.Keys(children)) { // in an order that a seed repeats
		survivor := children[name].torn(random)
		clone.children[name], clone.syncedChildren[name] = survivor, survivor
	}
	return clone
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// find walks to a node; nil if there is none.
func (m *Mem) find(name string) *memNode {
	node := m.root
	for part := range strings.SplitSeq(path.Clean("/"+name), "/") {
		if part == "" {
			continue
		}
		if node = node.children[part]; node == nil {
			return nil
		}
	}
	return node
}

func (m *Mem) parent(name string) (*memNode, string) {
	cleaned := path.Clean("/" + name)
	return m.find(path.Dir(cleaned)), path.Base(cleaned)
}

// OpenFile implements FS.
func (m *Mem) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base := m.parent(name)
	if dir == nil || !dir.dir {
		return nil, pathError("open", name, fs.ErrNotExist)
	}
	node := dir.children[base]
	switch {
	case node == nil && flag&os.O_CREATE == 0:
		return nil, pathError("open", name, fs.ErrNotExist)
	case node == nil:
		node = &memNode{modified: time.Now()}
		dir.children[base] = node
	case flag&os.O_EXCL != 0:
		return nil, pathError("open", name, fs.ErrExist)
	case node.dir:
		return nil, pathError("open", name, fmt.Errorf("is a directory"))
	}
	if flag&os.O_TRUNC != 0 {
		node.content = memContent{}
	}
	return &memFile{fs: m, node: node, name: name}, nil
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.root
	for part := range strings.SplitSeq(path.Clean("/"+name), "/") {
		if part == "" {
			continue
		}
		next := node.children[part]
		if next == nil {
			next = newMemDir()
			node.children[part] = next
		}
		if !next.dir {
			return pathError("mkdir", name, fmt.Errorf("not a directory"))
		}
		node = next
	}
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base := m.parent(name)
	if dir == nil || dir.children[base] == nil {
		return pathError("remove", name, fs.ErrNotExist)
	}
	if node := dir.children[base]; node.dir && len(node.children) > 0 {
		return pathError("remove", name, fmt.Errorf("directory not empty"))
	}
	delete(dir.children, base)
	return nil
}

// RemoveAll implements FS.
func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if dir, base := m.parent(name); dir != nil {
		delete(dir.children, base)
	}
	return nil
}

// Rename implements FS.
func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldBase := m.parent(oldName)
	to, newBase := m.parent(newName)
	if from == nil || to == nil || from.children[oldBase] == nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: fs.ErrNotExist}
	}
	node := from.children[oldBase]
	delete(from.children, oldBase)
	to.children[newBase] = node
	return nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil {
		return nil, pathError("stat", name, fs.ErrNotExist)
	}
	return node.info(path.Base(name)), nil
}

// SetModified implements FS.
func (m *Mem) SetModified(name string, modified time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil {
		return pathError("chtimes", name, fs.ErrNotExist)
	}
	node.modified = modified
	return nil
}

// ReadDir implements FS.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil || !node.dir {
		return nil, pathError("readdir", name, fs.ErrNotExist)
	}
	entries := make([]fs.DirEntry, 0, len(node.children))
	for base, child := range node.children {
		entries = append(entries, fs.FileInfoToDirEntry(child.info(base)))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	node := m.find(name)
	if node == nil || !node.dir {
		return pathError("fsync", name, fs.ErrNotExist)
	}
	clear(node.syncedChildren)
	for base, child := range node.children {
		node.syncedChildren[base] = child
	}
	return nil
}

// Lock implements FS.
func (m *Mem) Lock(name string) (io.Closer, error) {
	file, err := m.OpenFile(name, os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	cleaned := path.Clean(name)
	if m.locks[cleaned] {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	m.locks[cleaned] = true
	return &memLock{File: file, fs: m, name: cleaned}, nil
}

type memLock struct {
	File
	fs   *Mem
	name string
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}
