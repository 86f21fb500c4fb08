package zkserver

import "time"

// cleanContainers deletes container nodes that have been emptied and TTL nodes
// whose time is up (ContainerManager).
func (s *Server) cleanContainers() {
	ticker := time.NewTicker(s.cfg.ContainerCheckInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			s.mu.Lock()
			s.deleteTransient(time.Now().UnixMilli())
			s.mu.Unlock()
		}
	}
}

func (s *Server) deleteTransient(nowMs int64) {
	for path := range s.tree.transient {
		if n := s.tree.lookup(path); n != nil && s.transientEnded(n, nowMs) {
			s.commit(0, 0, &txn{op: opDeleteContainer, path: path})
		}
	}
}

func (s *Server) transientEnded(n *node, nowMs int64) bool {
	switch {
	case n.children.len() > 0:
		return false
	case isTTL(n.ephemeralOwner):
		return nowMs-n.mtime > ttlMs(n.ephemeralOwner)
	case n.cversion > 0:
		return true
	}
	unused := s.cfg.ContainerMaxNeverUsed.Milliseconds()
	return unused > 0 && nowMs-n.mtime > unused
}
