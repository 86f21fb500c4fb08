package zkserver

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

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
	open             *logBatch
	closed           []*logBatch
	kick             chan struct{}
	txnsSince        int
	bytesSince       int64
	snapAfterTxns    int
	snapAfterBytes   int64
	snapshotRunning  bool
	snapCount        int
	snapSizeLimit    int64
	lastSnapshotZxid int64
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

// syncLog writes and syncs transactions until the server stops; whatever gathers
// during one fsync shares the next.
func (s *Server) syncLog() {
	var spare []byte
	for stopping := false; !stopping; {
		select {
		case <-s.storage.kick:
		case <-s.stop:
			stopping = true
		}
		for {
			s.mu.Lock()
			batches := s.storage.take(spare)
			s.mu.Unlock()
			spare = nil
			if len(batches) == 0 {
				break
			}
			if err := s.storage.log.write(batches); err != nil {
				s.fail(err)
				return
			}
			last := batches[len(batches)-1]
			s.release(last.lastZxid)
			if cap(last.buf) <= 1<<20 {
				spare = last.buf
			}
		}
	}
}

// release lets go of the output that waited for the log to reach zxid.
func (s *Server) release(zxid int64) {
	if zxid > s.durable.Load() {
		s.durable.Store(zxid)
	}
	s.mu.Lock()
	kept := s.waiting[:0]
	for _, c := range s.waiting {
		c.signal()
		if c.settled() {
			c.waiting = false
		} else {
			kept = append(kept, c)
		}
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
	if s.storage.snapshotDue() {
		s.startSnapshot()
	}
	s.mu.Unlock()
}

// startSnapshot takes a snapshot in the background. The caller holds Server.mu.
func (s *Server) startSnapshot() {
	img := takeImage(s.tree, s.sessions)
	s.storage.snapshotRunning = true
	s.storage.scheduleSnapshot()
	s.storage.rollLog()
	s.running.Go(func() {
		s.saveSnapshot(img)
		s.mu.Lock()
		s.storage.snapshotRunning = false
		s.mu.Unlock()
	})
}

func (s *Server) saveSnapshot(img *snapshotImage) {
	started := time.Now()
	name, err := img.save(s.storage.snapDir, s.cfg.ForceSync)
	if err != nil {
		s.logger("persistence.FileTxnSnapLog").WithError(err).Errorf("Severe error in taking snapshot %s", name)
		return
	}
	s.logger("persistence.FileTxnSnapLog").Infof("Snapshotting: 0x%x to %s took %d ms", img.zxid, name, time.Since(started).Milliseconds())
}

// load opens the data directories and restores what they hold.
func (s *Server) load() error {
	st, err := openStorage(s.cfg)
	if err != nil {
		return err
	}
	s.storage = st
	st.log.slow = s.slowFsync
	if err := s.restore(); err != nil {
		return errors.Join(err, st.close())
	}
	s.durable.Store(s.tree.lastZxid)
	return nil
}

func (s *Server) slowFsync(took time.Duration, size int64) {
	s.stats.fsyncThresholdExceeded.Add(1)
	s.logger("persistence.FileTxnLog").Warnf("fsync-ing the write ahead log in SyncThread:0 took %dms which will adversely effect operation latency. File size is %d bytes. See the ZooKeeper troubleshooting guide",
		took.Milliseconds(), size)
}

// restore loads the newest snapshot and replays the logs behind it.
func (s *Server) restore() error {
	removeTemporaries(s.storage.snapDir)
	tree, sessions, err := s.loadSnapshot()
	if err != nil {
		return err
	}
	logs, err := filesByZxid(s.storage.logDir, logPrefix)
	if err != nil {
		return err
	}
	fresh := tree == nil
	if fresh {
		if anyTransactions(logs) && !s.cfg.SnapshotTrustEmpty {
			return errors.New("No snapshot found, but there are log entries. Something is broken!")
		}
		tree = newDataTree()
	}
	s.tree = tree
	s.storage.lastSnapshotZxid = tree.lastZxid
	for _, session := range sessions {
		s.sessions.add(session.id, session.timeoutMs)
	}
	if err := s.replay(logsSince(logs, tree.lastZxid)); err != nil {
		return err
	}
	s.dropDeadSessions()
	if fresh || tree.lastZxid != s.storage.lastSnapshotZxid {
		s.saveSnapshot(takeImage(s.tree, s.sessions))
	}
	return nil
}

// removeTemporaries clears what a crash left of unfinished snapshots.
func removeTemporaries(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, snapshotPrefix+".*.tmp"))
	for _, path := range left {
		os.Remove(path)
	}
}

// maxSnapshotsTried is how many snapshots are looked at before giving up.
const maxSnapshotsTried = 100

// loadSnapshot gives the newest snapshot that is whole, or no tree if there is none.
func (s *Server) loadSnapshot() (*dataTree, []snapshotSession, error) {
	files, err := filesByZxid(s.storage.snapDir, snapshotPrefix)
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(files)
	tried := 0
	for _, file := range files[:min(len(files), maxSnapshotsTried)] {
		logger := s.logger("persistence.FileSnap")
		if !endsLikeSnapshot(file.path) {
			logger.Infof("Invalid snapshot %s", file.path)
			continue
		}
		tried++
		logger.Infof("Reading snapshot %s", file.path)
		tree, sessions, err := readSnapshotFile(file.path)
		if err == nil {
			tree.lastZxid = file.zxid
			return tree, sessions, nil
		}
		logger.WithError(err).Warnf("problem reading snap file %s", file.path)
	}
	if tried > 0 {
		return nil, nil, fmt.Errorf("Not able to find valid snapshots in %s", s.storage.snapDir)
	}
	return nil, nil, nil
}

func readSnapshotFile(path string) (*dataTree, []snapshotSession, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if !strings.HasSuffix(path, ".gz") {
		return readSnapshot(file)
	}
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, nil, err
	}
	return readSnapshot(unzipped)
}

// endsLikeSnapshot is ZooKeeper's quick check that a snapshot was written to its end.
func endsLikeSnapshot(path string) bool {
	if strings.HasSuffix(path, ".gz") {
		return true
	}
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() < 10 {
		return false
	}
	var end [5]byte
	if _, err := file.ReadAt(end[:], info.Size()-int64(len(end))); err != nil {
		return false
	}
	return bytes.Equal(end[:], []byte{0, 0, 0, 1, '/'})
}

// anyTransactions says whether a log holds anything.
func anyTransactions(logs []zxidFile) bool {
	for _, log := range logs {
		found := false
		_, err := readLog(log.path, func(*txnHeader, *txn) bool {
			found = true
			return false
		})
		if found || err != nil && !errors.Is(err, errTorn) {
			return true
		}
	}
	return false
}

// readLog passes a log's transactions to visit until that returns false. It gives
// the offset behind the last whole one.
func readLog(path string, visit func(*txnHeader, *txn) bool) (int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	r, err := newLogReader(file, path, info.Size())
	if err != nil {
		return 0, err
	}
	for {
		h, record, err := r.next()
		if err == io.EOF {
			return r.offset, nil
		}
		if err != nil {
			return r.offset, err
		}
		if !visit(&h, &record) {
			return r.offset, nil
		}
	}
}

// replay applies the transactions that are newer than the tree.
func (s *Server) replay(logs []zxidFile) error {
	snapshotZxid := s.tree.lastZxid
	for i, log := range logs {
		if i == 0 && log.zxid > snapshotZxid+1 && log.zxid>>32 == snapshotZxid>>32 {
			return fmt.Errorf("transactions 0x%x to 0x%x are missing: the oldest log after snapshot 0x%x is %s",
				snapshotZxid+1, log.zxid-1, snapshotZxid, log.path)
		}
		end, err := readLog(log.path, func(h *txnHeader, record *txn) bool {
			if h.zxid > snapshotZxid {
				s.replayOne(h, record)
			}
			return true
		})
		if err == nil {
			continue
		}
		if i != len(logs)-1 {
			return fmt.Errorf("transaction log %s cannot be read to its end, and others follow it: %w", log.path, err)
		}
		if err := s.cutTail(log.path, end, err); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) replayOne(h *txnHeader, record *txn) {
	switch record.op {
	case opCreateSession:
		s.sessions.add(h.clientID, record.timeoutMs)
	case opCloseSession:
		delete(s.sessions.byID, h.clientID)
	}
	s.tree.apply(h, record)
	clear(s.tree.changes)
	s.tree.changes = s.tree.changes[:0]
}

// cutTail ends the last log behind its last whole transaction. What a crash has
// torn was never answered.
func (s *Server) cutTail(path string, end int64, cause error) error {
	var corrupt *corruptLogError
	if !errors.Is(cause, errTorn) && !errors.As(cause, &corrupt) {
		return cause
	}
	if damaged, err := damagedInside(path, end); err != nil || damaged {
		return errors.Join(err, cause)
	}
	s.logger("persistence.FileTxnLog").Warnf("Last transaction of %s was partial, cutting the log at offset %d (%v)", path, end, cause)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(end), file.Sync(), file.Close())
}

// sectorSize is the least that a disk writes at once.
const sectorSize = 512

// damagedInside tells damage from a torn tail: the entry at offset is bad, but a
// good one follows it, and no sector of the bad one is missing. A crash of the
// machine may lose some sectors of a write and keep later ones; a bad entry
// without a hole was whole once, and may have been answered.
func damagedInside(path string, offset int64) (bool, error) {
	if offset < fileHeaderSize {
		return false, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var header [entryHeaderSize]byte
	if _, err := file.ReadAt(header[:], offset); err != nil {
		return false, nil
	}
	info, err := file.Stat()
	if err != nil {
		return false, err
	}
	d := decoder{buf: header[8:]}
	size := int64(d.int32())
	next := offset + entryHeaderSize + size + 1
	if size <= 0 || next >= info.Size() || hasHole(file, offset, next) {
		return false, nil
	}
	r := &logReader{path: path, size: info.Size(), offset: next}
	r.reset(io.NewSectionReader(file, next, info.Size()-next))
	_, _, err = r.next()
	return err == nil, nil
}

// hasHole says whether a whole sector between two offsets is zero.
func hasHole(file *os.File, from, to int64) bool {
	var sector [sectorSize]byte
	for at := from / sectorSize * sectorSize; at < to; at += sectorSize {
		n, err := file.ReadAt(sector[:], at)
		if err != nil && err != io.EOF {
			return false
		}
		if bytes.Count(sector[:n], []byte{0}) == n {
			return true
		}
	}
	return false
}

// dropDeadSessions deletes ephemeral nodes of sessions that are not known.
func (s *Server) dropDeadSessions() {
	for id := range s.tree.ephemerals {
		if s.sessions.byID[id] == nil {
			h := txnHeader{clientID: id, zxid: s.tree.lastZxid}
			s.tree.apply(&h, &txn{op: opCloseSession})
		}
	}
	s.tree.changes = s.tree.changes[:0]
}
