package logging

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// appender is one target of lines with its layout.
type appender struct {
	name      string
	layout    layout
	threshold logrus.Level

	// mu protects following fields: one line is written at a time.
	mu     sync.Mutex
	target target
	line   []byte
	failed bool
	closed bool
}

// target takes whole lines; the time of a line may make it roll first.
type target interface {
	write(line []byte, at time.Time) error
	close() error
}

func (a *appender) append(entry *logrus.Entry, logger string) {
	if entry.Level > a.threshold {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed { // the configuration changed while this line was on its way
		return
	}
	a.line = a.layout.render(a.line[:0], entry, logger)
	err := a.target.write(a.line, entry.Time)
	if err != nil && !a.failed {
		complain("ERROR", "Failed to write to appender [%s]: %v", a.name, err)
	}
	a.failed = err != nil
	if cap(a.line) > 64<<10 {
		a.line = nil // one huge line must not keep its memory
	}
}

func (a *appender) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return a.target.close()
}

// console is ConsoleAppender.
type console struct{ stream io.Writer }

func (c console) write(line []byte, _ time.Time) error {
	_, err := c.stream.Write(line)
	return err
}

func (c console) close() error { return nil }

// logFile is FileAppender and, with a suffix, DailyRollingFileAppender: when
// the suffix of the time changes the file is renamed to carry the last one.
// Lines go to the file at once, so nothing is lost with the process. Several
// processes may write one file: who finds it renamed opens the new one.
type logFile struct {
	path     string
	suffix   dateFormat
	truncate bool

	file      *os.File
	rolled    string // the suffix that the current file will get
	nextCheck time.Time
}

func (l *logFile) write(line []byte, at time.Time) error {
	if l.file == nil || !at.Before(l.nextCheck) {
		if err := l.prepare(at); err != nil {
			return err
		}
	}
	_, err := l.file.Write(line)
	return err
}

// prepare opens the file, and rolls it when its time has come. No date
// pattern is finer than a minute, so it is asked once a minute.
func (l *logFile) prepare(at time.Time) error {
	l.nextCheck = at.Truncate(time.Minute).Add(time.Minute)
	if l.file != nil && !l.isCurrent() {
		l.closeFile()
	}
	if l.file == nil {
		if err := l.open(at); err != nil {
			return err
		}
	}
	suffix := l.suffix.render(at)
	if suffix == l.rolled {
		return nil
	}
	if _, err := os.Lstat(l.path + l.rolled); err == nil {
		l.rolled = suffix // keep the lines of both periods rather than lose one
		return nil
	}
	l.closeFile()
	if err := os.Rename(l.path, l.path+l.rolled); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return l.open(at)
}

// isCurrent reports whether the open file is still the one at its path.
func (l *logFile) isCurrent() bool {
	there, err := os.Stat(l.path)
	if err != nil {
		return false
	}
	ours, err := l.file.Stat()
	return err == nil && os.SameFile(there, ours)
}

// open continues the file with the suffix of its last line, so that the first
// line of a new period rolls what the last run has left.
func (l *logFile) open(at time.Time) error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if l.truncate {
		flags |= os.O_TRUNC
		l.truncate = false
	}
	written := at
	if info, err := os.Stat(l.path); err == nil && info.Size() > 0 {
		written = info.ModTime()
	}
	file, err := os.OpenFile(l.path, flags, 0o644)
	if err != nil {
		return err
	}
	l.file, l.rolled = file, l.suffix.render(written)
	return nil
}

func (l *logFile) closeFile() {
	l.file.Close()
	l.file = nil
}

func (l *logFile) close() error {
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}
