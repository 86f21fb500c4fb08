package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// ReserveFile keeps some space of a directory's disk for what must go on when
// the disk is full.
const ReserveFile = ".reserve"

// ReserveSize is the size of a reserve: enough for the checkpoints of thousands
// of partitions.
const ReserveSize = 2 << 20

// Reserves is a file system with a reserve in some directories. When a disk is
// full, the reserve is given up to whatever is small: a write that found no room
// is then done again. Record batches, in files named .log, get none of it; they
// wait until the reserve could be made again. Add comes before all other use.
type Reserves struct {
	FS
	dirs map[string]*reserve
}

// reserve is that of one directory.
type reserve struct {
	name string
	mu   sync.Mutex // one release or refill at a time
	full atomic.Bool
}

// NewReserves is a file system without reserves yet.
func NewReserves(fsys FS) *Reserves { return &Reserves{FS: fsys, dirs: map[string]*reserve{}} }

// Add makes the reserve of a directory. If there is no room for it, the
// directory is full from the start.
func (r *Reserves) Add(dir string) error {
	added := &reserve{name: filepath.Join(dir, ReserveFile)}
	r.dirs[dir] = added
	if info, err := r.FS.Stat(added.name); err == nil && info.Size() == ReserveSize {
		return nil
	}
	err := added.fill(r.FS)
	if IsNoSpace(err) {
		added.full.Store(true)
		return nil
	}
	return err
}

// Full reports whether the reserve of a directory is given up.
func (r *Reserves) Full(dir string) bool {
	known := r.dirs[dir]
	return known != nil && known.full.Load()
}

// Release gives up the reserve of a directory. It reports whether there was one.
func (r *Reserves) Release(dir string) bool {
	known := r.dirs[dir]
	if known == nil {
		return false
	}
	known.mu.Lock()
	defer known.mu.Unlock()
	known.full.Store(true)
	return r.FS.Remove(known.name) == nil
}

// Refill makes the reserves again for which there is room, and gives the
// directories that are no longer full.
func (r *Reserves) Refill() []string {
	var refilled []string
	for dir, known := range r.dirs {
		if known.refill(r.FS) {
			refilled = append(refilled, dir)
		}
	}
	return refilled
}

func (r *reserve) refill(fsys FS) bool {
	if !r.full.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fill(fsys) != nil {
		return false
	}
	r.full.Store(false)
	return true
}

// fill writes the file, and needs as much room again, so that the disk is not
// full with the first batch. Its content cannot be compressed by a file system.
func (r *reserve) fill(fsys FS) (err error) {
	file, err := fsys.OpenFile(r.name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			_ = fsys.Remove(r.name) // a part of it is of no use
		}
	}()
	block := make([]byte, 64<<10)
	source := rand.NewChaCha8([32]byte{})
	for at := 0; at < 2*ReserveSize; at += len(block) {
		_, _ = source.Read(block) // never fails
		if err := WriteFull(file, block, int64(at)); err != nil {
			return err
		}
	}
	return file.Truncate(ReserveSize)
}

// retry runs a call again if it found no room and a reserve could be given up.
func (r *Reserves) retry(name string, call func() error) error {
	err := call()
	if !IsNoSpace(err) {
		return err
	}
	for dir := range r.dirs {
		if strings.HasPrefix(name, dir+"/") && r.Release(dir) {
			return call()
		}
	}
	return err
}

// OpenFile implements FS. Segments are opened as they are.
func (r *Reserves) OpenFile(name string, flag int, perm fs.FileMode) (file File, err error) {
	err = r.retry(name, func() error {
		file, err = r.FS.OpenFile(name, flag, perm)
		return err
	})
	if err != nil || strings.Contains(filepath.Base(name), ".log") {
		return file, err
	}
	return &reserveFile{File: file, fs: r}, nil
}

// MkdirAll implements FS.
func (r *Reserves) MkdirAll(name string, perm fs.FileMode) error {
	return r.retry(name, func() error { return r.FS.MkdirAll(name, perm) })
}

// Rename implements FS.
func (r *Reserves) Rename(oldName, newName string) error {
	return r.retry(newName, func() error { return r.FS.Rename(oldName, newName) })
}

type reserveFile struct {
	File
	fs *Reserves
}

func (f *reserveFile) WriteAt(data []byte, at int64) (written int, err error) {
	err = f.fs.retry(f.Name(), func() error {
		n, err := f.File.WriteAt(data[written:], at+int64(written))
		written += max(n, 0)
		return err
	})
	if err == nil && written < len(data) {
		err = io.ErrShortWrite
	}
	return written, err
}

func (f *reserveFile) Truncate(size int64) error {
	return f.fs.retry(f.Name(), func() error { return f.File.Truncate(size) })
}

// IsNoSpace reports whether an error says that the disk is full, and nothing
// worse. It never is when making something durable failed: what was written
// before may be lost then.
func IsNoSpace(err error) bool {
	full, worse := lookForNoSpace(err)
	return full && !worse
}

func lookForNoSpace(err error) (full, worse bool) {
	switch e := err.(type) {
	case nil:
		return false, false
	case *fs.PathError:
		full = isNoSpaceNumber(e.Err) && e.Op != "sync" && e.Op != "fsync"
		return full, !full
	case *os.LinkError:
		full = isNoSpaceNumber(e.Err)
		return full, !full
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			partFull, partWorse := lookForNoSpace(part)
			full, worse = full || partFull, worse || partWorse
		}
		return full, worse
	case interface{ Unwrap() error }:
		return lookForNoSpace(e.Unwrap())
	}
	return isNoSpaceNumber(err), false
}

func isNoSpaceNumber(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
