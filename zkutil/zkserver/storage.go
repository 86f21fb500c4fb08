package zkserver

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// versionDirectory is the directory below dataDir and dataLogDir that the files
// are in (FileTxnSnapLog).
const versionDirectory = "version-2"

// storage is the server's data on disk (FileTxnSnapLog and SyncRequestProcessor).
type storage struct {
	snapDir, logDir string
	locks           []*os.File
	log             txnLog

	// Server.mu guards the transactions that wait to be written and the counts
	// since the last snapshot.
	open            *logBatch
	closed          []*logBatch
	kick            chan struct{}
	txnsSince       int
	bytesSince      int64
	snapAfterTxns   int
	snapAfterBytes  int64
	snapshotRunning bool
	// snapshotLogged, while a snapshot waits for it, is closed when the log has
	// reached snapshotZxid.
	snapshotLogged chan struct{}
	snapshotZxid   int64
	snapCount      int
	snapSizeLimit  int64
}

// openStorage prepares the directories. Nothing is read or written yet.
func openStorage(cfg *Config) (*storage, error) {
	logDir := cfg.DataLogDir
	if logDir == "" {
		logDir = cfg.DataDir
	}
	st := &storage{
		snapDir:   filepath.Join(cfg.DataDir, versionDirectory),
		logDir:    filepath.Join(logDir, versionDirectory),
		kick:      make(chan struct{}, 1),
		open:      &logBatch{},
		snapCount: max(2, cfg.SnapCount), snapSizeLimit: cfg.SnapSizeLimit,
	}
	st.log = txnLog{
		dir: st.logDir, preAlloc: cfg.PreAllocSize, sizeLimit: cfg.TxnLogSizeLimit,
		forceSync: cfg.ForceSync, slowAfter: cfg.FsyncWarningThreshold,
	}
	st.scheduleSnapshot()
	if err := st.prepare(cfg); err != nil {
		return nil, errors.Join(err, st.unlock())
	}
	return st, nil
}

func (st *storage) prepare(cfg *Config) error {
	dirs := []string{st.snapDir}
	if st.logDir != st.snapDir {
		dirs = append(dirs, st.logDir)
	}
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err != nil {
			if !cfg.DatadirAutocreate {
				return fmt.Errorf("%w: Missing data directory %s, automatic data directory creation is disabled (zookeeper.datadir.autocreate is false). Please create this directory manually", ErrDatadir, dir)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("%w: Unable to create data directory %s: %w", ErrDatadir, dir, err)
			}
		}
		if unix.Access(dir, unix.W_OK) != nil {
			return fmt.Errorf("%w: Cannot write to data directory %s", ErrDatadir, dir)
		}
		if err := st.lock(dir); err != nil {
			return err
		}
	}
	return st.checkContents()
}

// lockFile keeps a second server out. Apache ZooKeeper pays no attention to it.
const lockFile = ".lock"

func (st *storage) lock(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDatadir, err)
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%w: data directory %s is in use by another ZooKeeper server", ErrDatadir, dir), file.Close())
	}
	st.locks = append(st.locks, file)
	return nil
}

func (st *storage) unlock() error {
	var err error
	for _, file := range st.locks {
		err = errors.Join(err, file.Close())
	}
	st.locks = nil
	return err
}

// checkContents refuses directories that were mixed up.
func (st *storage) checkContents() error {
	if st.logDir == st.snapDir {
		return nil
	}
	if files, err := filesByZxid(st.logDir, snapshotPrefix); err != nil || len(files) > 0 {
		return errors.Join(err, fmt.Errorf("%w: Log directory has snapshot files. Check if dataLogDir and dataDir configuration is correct.", ErrDatadir))
	}
	if files, err := filesByZxid(st.snapDir, logPrefix); err != nil || len(files) > 0 {
		return errors.Join(err, fmt.Errorf("%w: Snapshot directory has log files. Check if dataLogDir and dataDir configuration is correct.", ErrDatadir))
	}
	return nil
}

func (st *storage) close() error {
	return errors.Join(st.log.close(), st.unlock())
}

// zxidFile is a file whose name ends with a zxid.
type zxidFile struct {
	path string
	zxid int64
}

// filesByZxid lists the files prefix.<zxid>, lowest zxid first.
func filesByZxid(dir, prefix string) ([]zxidFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []zxidFile
	for _, entry := range entries {
		parts := strings.Split(entry.Name(), ".")
		compressed := len(parts) == 3 && prefix == snapshotPrefix && parts[2] == "gz"
		if parts[0] != prefix || len(parts) != 2 && !compressed {
			continue
		}
		if zxid, err := strconv.ParseUint(parts[1], 16, 63); err == nil {
			files = append(files, zxidFile{filepath.Join(dir, entry.Name()), int64(zxid)})
		}
	}
	slices.SortFunc(files, func(a, b zxidFile) int {
		if a.zxid != b.zxid {
			if a.zxid < b.zxid {
				return -1
			}
			return 1
		}
		return strings.Compare(a.path, b.path)
	})
	return files, nil
}

// logsSince gives the log files that may hold transactions after zxid: the last
// one that begins at or before it, and all behind that.
func logsSince(files []zxidFile, zxid int64) []zxidFile {
	first := 0
	for i, file := range files {
		if file.zxid <= zxid {
			first = i
		}
	}
	return files[first:]
}

// append adds a transaction to those that wait to be written. The caller holds
// Server.mu.
func (st *storage) append(h *txnHeader, record *txn) {
	before := len(st.open.buf)
	st.open.appendEntry(h, record)
	st.txnsSince++
	st.bytesSince += int64(len(st.open.buf) - before)
	select {
	case st.kick <- struct{}{}:
	default:
	}
}

// take gives what waits to be written. The caller holds Server.mu.
func (st *storage) take(spare []byte) []*logBatch {
	batches := st.closed
	if len(st.open.buf) > 0 || st.open.roll {
		batches = append(batches, st.open)
		st.open = &logBatch{buf: spare[:0]}
	}
	st.closed = nil
	return batches
}

// rollLog makes the transactions from now on go to a new file. The caller holds
// Server.mu.
func (st *storage) rollLog() {
	if len(st.open.buf) > 0 {
		st.closed = append(st.closed, st.open)
		st.open = &logBatch{}
	}
	st.open.roll = true
}

// scheduleSnapshot picks when the next snapshot is due: somewhere between half of
// the limit and the limit.
func (st *storage) scheduleSnapshot() {
	st.txnsSince, st.bytesSince = 0, 0
	st.snapAfterTxns = st.snapCount/2 + rand.IntN(max(1, st.snapCount/2))
	st.snapAfterBytes = 0
	if st.snapSizeLimit > 0 {
		st.snapAfterBytes = st.snapSizeLimit/2 + rand.Int64N(max(1, st.snapSizeLimit/2))
	}
}

func (st *storage) snapshotDue() bool {
	return !st.snapshotRunning &&
		(st.txnsSince > st.snapAfterTxns || st.snapAfterBytes > 0 && st.bytesSince > st.snapAfterBytes)
}
