package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/gregor-broker/gregor/log/vfs"
)

// AbortedTxnSize is the size of an entry of a transaction index: a version of
// 2 bytes and the four numbers of AbortedTxn.
const AbortedTxnSize = 34

const abortedTxnVersion = 0

// ErrCorrupt says that an index holds what cannot be.
var ErrCorrupt = errors.New("index is corrupt")

// AbortedTxn is a transaction that was aborted: LastOffset is that of its
// marker, LastStableOffset the log's at that moment.
type AbortedTxn struct {
	ProducerID       int64
	FirstOffset      int64
	LastOffset       int64
	LastStableOffset int64
}

// TransactionIndex holds the aborted transactions of a segment whose markers
// are in it, as kafka.log.TransactionIndex. Its file exists only if there are
// any. It is safe for concurrent use.
type TransactionIndex struct {
	fs          vfs.FS
	startOffset int64

	mu      sync.Mutex // guards what follows
	path    string
	entries []AbortedTxn
	loaded  bool
}

// NewTransactionIndex opens the index in a file, which is not looked at yet.
func NewTransactionIndex(fsys vfs.FS, path string, startOffset int64) *TransactionIndex {
	return &TransactionIndex{fs: fsys, path: path, startOffset: startOffset}
}

func (x *TransactionIndex) loadLocked() error {
	if x.loaded {
		return nil
	}
	data, err := vfs.ReadFile(x.fs, x.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := parseAbortedTxns(data)
	if err != nil {
		return fmt.Errorf("transaction index %s: %w", x.path, err)
	}
	x.entries, x.loaded = entries, true
	return nil
}

// parseAbortedTxns reads whole entries; a partial one at the end is left out.
func parseAbortedTxns(data []byte) ([]AbortedTxn, error) {
	entries := make([]AbortedTxn, 0, len(data)/AbortedTxnSize)
	for ; len(data) >= AbortedTxnSize; data = data[AbortedTxnSize:] {
		if version := int16(binary.BigEndian.Uint16(data)); version > abortedTxnVersion {
			return nil, fmt.Errorf("%w: unexpected aborted transaction version %d, current version is %d", ErrCorrupt, version, abortedTxnVersion)
		}
		entries = append(entries, AbortedTxn{
			ProducerID:       int64(binary.BigEndian.Uint64(data[2:])),
			FirstOffset:      int64(binary.BigEndian.Uint64(data[10:])),
			LastOffset:       int64(binary.BigEndian.Uint64(data[18:])),
			LastStableOffset: int64(binary.BigEndian.Uint64(data[26:])),
		})
	}
	return entries, nil
}

func (a AbortedTxn) encode() []byte {
	entry := make([]byte, 0, AbortedTxnSize)
	entry = binary.BigEndian.AppendUint16(entry, abortedTxnVersion)
	for _, field := range []int64{a.ProducerID, a.FirstOffset, a.LastOffset, a.LastStableOffset} {
		entry = binary.BigEndian.AppendUint64(entry, uint64(field))
	}
	return entry
}

// Append adds a transaction, whose last offset must be above the last one's.
func (x *TransactionIndex) Append(aborted AbortedTxn) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return err
	}
	if n := len(x.entries); n > 0 && x.entries[n-1].LastOffset >= aborted.LastOffset {
		return fmt.Errorf("the last offset of appended transactions must increase sequentially, but %d is not greater than current last offset %d of index %s",
			aborted.LastOffset, x.entries[n-1].LastOffset, x.path)
	}
	err := x.withFileLocked(func(file vfs.File) error {
		return vfs.WriteFull(file, aborted.encode(), int64(len(x.entries)*AbortedTxnSize))
	})
	if err == nil {
		x.entries = append(x.entries, aborted)
	}
	return err
}

func (x *TransactionIndex) withFileLocked(do func(vfs.File) error) error {
	file, err := x.fs.OpenFile(x.path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	err = do(file)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}

// All gives all entries.
func (x *TransactionIndex) All() ([]AbortedTxn, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	err := x.loadLocked()
	return x.entries[:len(x.entries):len(x.entries)], err
}

// Collect gives the aborted transactions that touch a range of offsets.
// complete says that later segments cannot have any.
func (x *TransactionIndex) Collect(fetchOffset, upperBound int64, add func(AbortedTxn)) (complete bool, err error) {
	entries, err := x.All()
	if err != nil {
		return false, err
	}
	for _, aborted := range entries {
		if aborted.LastOffset >= fetchOffset && aborted.FirstOffset < upperBound {
			add(aborted)
		}
		if aborted.LastStableOffset >= upperBound {
			return true, nil
		}
	}
	return false, nil
}

// SanityCheck returns ErrCorrupt when an entry cannot belong to the segment.
func (x *TransactionIndex) SanityCheck() error {
	entries, err := x.All()
	if err != nil {
		return err
	}
	for _, aborted := range entries {
		if aborted.LastOffset < x.startOffset {
			return fmt.Errorf("%w: last offset of aborted transaction %+v in index %s is less than start offset %d",
				ErrCorrupt, aborted, x.path, x.startOffset)
		}
	}
	return nil
}

// TruncateTo drops all transactions whose marker lies at or above an offset.
func (x *TransactionIndex) TruncateTo(offset int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.loadLocked(); err != nil {
		return err
	}
	for i, aborted := range x.entries {
		if aborted.LastOffset >= offset {
			x.entries = x.entries[:i:i]
			return x.withFileLocked(func(file vfs.File) error { return file.Truncate(int64(i * AbortedTxnSize)) })
		}
	}
	return nil
}

// Reset drops all entries.
func (x *TransactionIndex) Reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entries, x.loaded = nil, true
	exists, err := vfs.Exists(x.fs, x.path)
	if err != nil || !exists {
		return err
	}
	return x.withFileLocked(func(file vfs.File) error { return file.Truncate(0) })
}

// Flush makes the entries durable.
func (x *TransactionIndex) Flush() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.loaded || len(x.entries) == 0 {
		return nil // nothing was written since it was opened
	}
	return x.withFileLocked(func(file vfs.File) error { return file.Sync() })
}

// SetPath tells that the directory of the file was renamed.
func (x *TransactionIndex) SetPath(path string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.path = path
}

// Rename renames the file if there is one.
func (x *TransactionIndex) Rename(path string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.fs.Rename(x.path, path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	x.path = path
	return nil
}

// Delete removes the file if there is one.
func (x *TransactionIndex) Delete() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.entries, x.loaded = nil, true
	return vfs.RemoveIfExists(x.fs, x.path)
}
