package zkserver

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

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
	snapshotZxid := tree.lastZxid
	for _, session := range sessions {
		s.sessions.add(session.id, session.timeoutMs)
	}
	if err := s.replay(logsSince(logs, tree.lastZxid)); err != nil {
		return err
	}
	s.dropDeadSessions()
	s.tree.setupQuotas()
	if fresh {
		return s.saveSnapshot(takeImage(s.tree, s.sessions)) // logs are of no use without one
	}
	s.replayed = tree.lastZxid - snapshotZxid
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
	err = file.Truncate(end)
	if s.cfg.ForceSync {
		err = errors.Join(err, file.Sync())
	}
	return errors.Join(err, file.Close())
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
	d := newDecoder(header[8:])
	size := int64(d.Int32())
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
