package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or this one, holds a lock already.
var ErrLocked = errors.New("file is locked")

// OS is the real file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	file, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (osFS) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }
func (osFS) Remove(name string) error                     { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                  { return os.RemoveAll(name) }
func (osFS) Rename(oldName, newName string) error         { return os.Rename(oldName, newName) }
func (osFS) Stat(name string) (fs.FileInfo, error)        { return os.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error)   { return os.ReadDir(name) }

func (osFS) SetModified(name string, modified time.Time) error {
	return os.Chtimes(name, modified, modified)
}

func (osFS) SyncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Locks of POSIX belong to the process: a second lock by the same process
// succeeds, and closing any descriptor of the file drops it. held keeps the
// process from either.
var held struct {
	sync.Mutex
	names map[string]bool
}

// Lock takes a POSIX record lock, which is what Java's FileLock takes, so that
// brokers of both kinds keep each other out.
func (osFS) Lock(name string) (io.Closer, error) {
	absolute, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	held.Lock()
	defer held.Unlock()
	if held.names[absolute] {
		return nil, fmt.Errorf("%s: %w", name, ErrLocked)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(file.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		err = ErrLocked
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if held.names == nil {
		held.names = map[string]bool{}
	}
	held.names[absolute] = true
	return &osLock{file: file, name: absolute}, nil
}

type osLock struct {
	file *os.File
	name string
	once sync.Once
	err  error
}

func (l *osLock) Close() error {
	l.once.Do(func() {
		held.Lock()
		defer held.Unlock()
		delete(held.names, l.name)
		l.err = l.file.Close()
	})
	return l.err
}

// ReadFile reads a whole file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	file, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	data := make([]byte, info.Size())
	n, err := file.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

// WriteFile writes a new file and makes its content durable; its name is
// durable only after SyncDir.
func WriteFile(fsys FS, name string, data []byte) error {
	file, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if err := WriteFull(file, data, 0); err != nil {
		file.Close()
		return err
	}
	if err := file.Sync(); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// WriteFull writes all the data, going on after a short write (KAFKA-17181).
func WriteFull(file File, data []byte, at int64) error {
	for len(data) > 0 {
		n, err := file.WriteAt(data, at)
		if n > 0 {
			data, at = data[n:], at+int64(n)
			if errors.Is(err, io.ErrShortWrite) {
				continue
			}
		}
		if err != nil {
			return err
		}
		if n <= 0 {
			return io.ErrShortWrite
		}
	}
	return nil
}

// RemoveIfExists removes a file and is content when there is none.
func RemoveIfExists(fsys FS, name string) error {
	if err := fsys.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Exists reports whether there is a file or directory of that name.
func Exists(fsys FS, name string) (bool, error) {
	_, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
