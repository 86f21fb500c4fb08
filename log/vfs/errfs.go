package vfs

import (
	"io"
	"io/fs"
)

// Op names a call that Errors can let fail.
type Op string

// The calls of FS and File that change or read something.
const (
	OpOpen     Op = "open"
	OpMkdir    Op = "mkdir"
	OpRemove   Op = "remove"
	OpRename   Op = "rename"
	OpReadDir  Op = "readdir"
	OpSyncDir  Op = "syncdir"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
)

// Errors lets calls on another file system fail. Inject is asked before each
// call; what it returns is the call's error. It is for tests.
type Errors struct {
	FS
	Inject func(op Op, name string) error
}

// OpenFile implements FS.
func (e *Errors) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if err := e.Inject(OpOpen, name); err != nil {
		return nil, err
	}
	file, err := e.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &errorsFile{File: file, fs: e}, nil
}

// MkdirAll implements FS.
func (e *Errors) MkdirAll(name string, perm fs.FileMode) error {
	if err := e.Inject(OpMkdir, name); err != nil {
		return err
	}
	return e.FS.MkdirAll(name, perm)
}

// Remove implements FS.
func (e *Errors) Remove(name string) error {
	if err := e.Inject(OpRemove, name); err != nil {
		return err
	}
	return e.FS.Remove(name)
}

// Rename implements FS.
func (e *Errors) Rename(oldName, newName string) error {
	if err := e.Inject(OpRename, oldName); err != nil {
		return err
	}
	return e.FS.Rename(oldName, newName)
}

// ReadDir implements FS.
func (e *Errors) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := e.Inject(OpReadDir, name); err != nil {
		return nil, err
	}
	return e.FS.ReadDir(name)
}

// SyncDir implements FS.
func (e *Errors) SyncDir(name string) error {
	if err := e.Inject(OpSyncDir, name); err != nil {
		return err
	}
	return e.FS.SyncDir(name)
}

// Lock implements FS.
func (e *Errors) Lock(name string) (io.Closer, error) {
	if err := e.Inject(OpOpen, name); err != nil {
		return nil, err
	}
	return e.FS.Lock(name)
}

type errorsFile struct {
	File
	fs *Errors
}

func (f *errorsFile) ReadAt(to []byte, at int64) (int, error) {
	if err := f.fs.Inject(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(to, at)
}

func (f *errorsFile) WriteAt(data []byte, at int64) (int, error) {
	if err := f.fs.Inject(OpWrite, f.Name()); err != nil {
		return 0, err
	}
	return f.File.WriteAt(data, at)
}

func (f *errorsFile) Truncate(size int64) error {
	if err := f.fs.Inject(OpTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *errorsFile) Sync() error {
	if err := f.fs.Inject(OpSync, f.Name()); err != nil {
		return err
	}
	return f.File.Sync()
}
