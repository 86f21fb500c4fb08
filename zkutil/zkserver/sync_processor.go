package zkserver

import (
	"fmt"
	"time"
)

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
	s.tellSnapshot()
	if s.storage.snapshotDue() {
		s.startSnapshot()
	}
	s.mu.Unlock()
}

// startSnapshot takes a snapshot in the background, which gets its name when the log
// has all that it shows. The caller holds Server.mu.
func (s *Server) startSnapshot() {
	img := takeImage(s.tree, s.sessions)
	logged := make(chan struct{})
	s.storage.snapshotLogged = logged
	s.storage.snapshotZxid = img.zxid
	s.storage.scheduleSnapshot()
	s.storage.rollLog()
	s.tellSnapshot()
	s.running.Go(func() {
		select {
		case <-logged:
			if err := s.saveSnapshot(img); err != nil {
				s.fail(err)
			}
		case <-s.failed:
		}
		s.mu.Lock()
		s.storage.snapshotRunning = false
		s.mu.Unlock()
	})
	s.storage.snapshotRunning = true
}

// tellSnapshot lets a snapshot go on that waits for the log. The caller holds
// Server.mu.
func (s *Server) tellSnapshot() {
	if st := s.storage; st.snapshotLogged != nil && s.durable.Load() >= st.snapshotZxid {
		close(st.snapshotLogged)
		st.snapshotLogged = nil
	}
}

// saveSnapshot writes a snapshot. That it cannot be written is fatal, as it is to
// Apache ZooKeeper.
func (s *Server) saveSnapshot(img *snapshotImage) error {
	started := time.Now()
	name := img.file(s.storage.snapDir)
	s.logger("persistence.FileTxnSnapLog").Infof("Snapshotting: 0x%x to %s", img.zxid, name)
	if err := img.save(name, s.cfg.ForceSync); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	s.logger("ZooKeeperServer").Infof("Snapshot taken in %d ms", time.Since(started).Milliseconds())
	return nil
}
