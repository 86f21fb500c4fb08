package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/gregor-broker/gregor/log/vfs"
)

const (
	// tailSize is how many bytes of entries are kept before they are written.
	tailSize = 2048
	// searchBlock is how much of the file is read at once at the end of a
	// search.
	searchBlock = 4096
)

// ErrFull says that an index has no room for another entry.
var ErrFull = errors.New("index is full")

// table is a file of entries of fixed size that is only appended to and cut.
type table struct {
	entrySize int
	fs        vfs.FS

	mu      sync.RWMutex // guards what follows
	path    string
	maxSize int
	// loaded says that stored is known; a file is looked at when first used.
	loaded bool
	// stored is the number of entries in the file, tail the entries after them.
	stored int
	tail   []byte
	// oversized says that the file may be longer than its entries.
	oversized bool
	// deleted says that the file is gone and must not come back.
	deleted bool
}

func newTable(fsys vfs.FS, path string, entrySize, maxSize int) table {
	return table{entrySize: entrySize, fs: fsys, path: path, maxSize: maxSize - maxSize%entrySize}
}

// loadLocked takes the number of entries from the size of the file. A file that
// was presized, but not trimmed before a crash, ends with zeros; these are not
// entries.
func (t *table) loadLocked() error {
	if t.loaded {
		return nil
	}
	info, err := t.fs.Stat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		t.loaded = true
		return nil
	}
	if err != nil {
		return err
	}
	stored := int(info.Size()) / t.entrySize
	if stored > 0 {
		err = t.withFile(os.O_RDONLY, func(file vfs.File) error {
			written, err := t.countWritten(file, stored)
			t.oversized, stored = written < stored, written
			return err
		})
	}
	if err != nil {
		return err
	}
	t.stored, t.loaded = stored, true
	return nil
}

// countWritten is the number of entries before the zeros at the end, if any.
func (t *table) countWritten(file vfs.File, stored int) (int, error) {
	entry := make([]byte, t.entrySize)
	isZero := func(i int) (bool, error) {
		err := readFull(file, entry, int64(i*t.entrySize))
		return !slices.ContainsFunc(entry, func(b byte) bool { return b != 0 }), err
	}
	if zero, err := isZero(stored - 1); err != nil || !zero {
		return stored, err
	}
	low, high := 0, stored-1
	for low < high {
		middle := (low + high) / 2
		zero, err := isZero(middle)
		if err != nil {
			return 0, err
		}
		if zero {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low, nil
}

// read runs a function under the shared lock, after the table is loaded.
func (t *table) read(do func() error) error {
	t.mu.RLock()
	if !t.loaded {
		t.mu.RUnlock()
		t.mu.Lock()
		err := t.loadLocked()
		t.mu.Unlock()
		if err != nil {
			return err
		}
		t.mu.RLock()
	}
	defer t.mu.RUnlock()
	return do()
}

func (t *table) entriesLocked() int    { return t.stored + len(t.tail)/t.entrySize }
func (t *table) maxEntriesLocked() int { return t.maxSize / t.entrySize }

// entryLocked copies entry i out.
func (t *table) entryLocked(i int, to []byte) error {
	if i >= t.stored {
		at := (i - t.stored) * t.entrySize
		copy(to, t.tail[at:at+t.entrySize])
		return nil
	}
	return t.withFile(os.O_RDONLY, func(file vfs.File) error {
		return readFull(file, to[:t.entrySize], int64(i*t.entrySize))
	})
}

func readFull(file vfs.File, to []byte, at int64) error {
	if n, err := file.ReadAt(to, at); n < len(to) {
		return fmt.Errorf("index %s: read %d of %d bytes at %d: %w", file.Name(), n, len(to), at, err)
	}
	return nil
}

func (t *table) withFile(flag int, do func(vfs.File) error) error {
	file, err := t.fs.OpenFile(t.path, flag, 0o644)
	if err != nil {
		return err
	}
	err = do(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// searchLocked finds the largest entry for which below is true, given that it
// is true for a prefix of the table; -1 if for none. The entry is copied out.
func (t *table) searchLocked(below func(entry []byte) bool, found []byte) (int, error) {
	slot := -1
	low, high := 0, len(t.tail)/t.entrySize
	for low < high {
		middle := (low + high) / 2
		if entry := t.tail[middle*t.entrySize : (middle+1)*t.entrySize]; below(entry) {
			slot = t.stored + middle
			copy(found, entry)
			low = middle + 1
		} else {
			high = middle
		}
	}
	if slot >= 0 || t.stored == 0 {
		return slot, nil
	}
	err := t.withFile(os.O_RDONLY, func(file vfs.File) (err error) {
		slot, err = t.searchFile(file, below, found)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		// The segment was deleted while it was being read; the reader still
		// has its data and scans from the start.
		return -1, nil
	}
	return slot, err
}

func (t *table) searchFile(file vfs.File, below func(entry []byte) bool, found []byte) (int, error) {
	slot := -1
	low, high := 0, t.stored
	entry := make([]byte, t.entrySize)
	for (high-low)*t.entrySize > searchBlock {
		middle := (low + high) / 2
		if err := readFull(file, entry, int64(middle*t.entrySize)); err != nil {
			return -1, err
		}
		if below(entry) {
			slot = middle
			copy(found, entry)
			low = middle + 1
		} else {
			high = middle
		}
	}
	first := low
	block := make([]byte, (high-low)*t.entrySize)
	if err := readFull(file, block, int64(first*t.entrySize)); err != nil {
		return -1, err
	}
	for low < high {
		middle := (low + high) / 2
		if entry := block[(middle-first)*t.entrySize:][:t.entrySize]; below(entry) {
			slot = middle
			copy(found, entry)
			low = middle + 1
		} else {
			high = middle
		}
	}
	return slot, nil
}

func (t *table) appendLocked(entry []byte) error {
	if t.tail == nil {
		t.tail = make([]byte, 0, 8*t.entrySize)
	}
	t.tail = append(t.tail, entry...)
	if len(t.tail)+t.entrySize > tailSize {
		if err := t.writeTailLocked(false); !vfs.IsNoSpace(err) {
			return err
		}
		// The entries stay here until there is room, or a flush tells.
	}
	return nil
}

// writeTailLocked moves the tail to the file.
func (t *table) writeTailLocked(sync bool) error {
	if len(t.tail) == 0 && !sync || t.deleted {
		return nil
	}
	err := t.withFile(os.O_RDWR|os.O_CREATE, func(file vfs.File) error {
		if err := vfs.WriteFull(file, t.tail, int64(t.stored*t.entrySize)); err != nil {
			return err
		}
		if sync {
			return file.Sync()
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.stored += len(t.tail) / t.entrySize
	if sync {
		t.tail = nil
	} else {
		t.tail = t.tail[:0]
	}
	return nil
}

// Flush makes all entries durable.
func (t *table) Flush() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.loadLocked(); err != nil {
		return err
	}
	return t.writeTailLocked(true)
}

// keepLocked drops all entries from number n on, also from the file: it must not
// hold entries of records that are gone when it is next flushed.
func (t *table) keepLocked(n int) error {
	if n >= t.stored {
		t.tail = t.tail[:(n-t.stored)*t.entrySize]
		return nil
	}
	t.stored, t.tail = n, t.tail[:0]
	return t.resizeLocked(n * t.entrySize)
}

// Presize gives the file of an active segment its maximum size, as upstream
// does; the entries are kept. Space is not taken up until it is written.
func (t *table) Presize(maxSize int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.loadLocked(); err != nil {
		return err
	}
	t.maxSize = maxSize - maxSize%t.entrySize
	t.oversized = true
	return t.resizeLocked(max(t.maxSize, t.entriesLocked()*t.entrySize))
}

// Trim writes all entries and cuts the file to them.
func (t *table) Trim() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.oversized && len(t.tail) == 0 {
		return nil // as it was opened
	}
	if err := t.loadLocked(); err != nil {
		return err
	}
	if err := t.writeTailLocked(false); err != nil {
		return err
	}
	t.tail, t.oversized = nil, false
	return t.resizeLocked(t.stored * t.entrySize)
}

// IsTrimmed reports whether the file ends with its last entry.
func (t *table) IsTrimmed() (trimmed bool, err error) {
	err = t.read(func() error { trimmed = !t.oversized; return nil })
	return trimmed, err
}

func (t *table) resizeLocked(size int) error {
	if t.deleted {
		return nil
	}
	return t.withFile(os.O_RDWR|os.O_CREATE, func(file vfs.File) error { return file.Truncate(int64(size)) })
}

// Reset drops all entries and gives the file its maximum size.
func (t *table) Reset() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded, t.stored, t.tail, t.oversized = true, 0, nil, true
	if err := t.resizeLocked(0); err != nil {
		return err
	}
	return t.resizeLocked(t.maxSize)
}

// Entries is the number of entries.
func (t *table) Entries() (n int, err error) {
	err = t.read(func() error { n = t.entriesLocked(); return nil })
	return n, err
}

// MaxEntries is the number of entries there is room for.
func (t *table) MaxEntries() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.maxEntriesLocked()
}

// SizeInBytes is the size of the entries.
func (t *table) SizeInBytes() (int, error) {
	n, err := t.Entries()
	return n * t.entrySize, err
}

// Path is where the file is.
func (t *table) Path() string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.path
}

// SetPath tells that the directory of the file was renamed.
func (t *table) SetPath(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.path = path
}

// Rename renames the file.
func (t *table) Rename(path string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.fs.Rename(t.path, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.path = path
	return nil
}

// Delete removes the file.
func (t *table) Delete() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.loaded, t.stored, t.tail, t.deleted = true, 0, nil, true
	return vfs.RemoveIfExists(t.fs, t.path)
}
