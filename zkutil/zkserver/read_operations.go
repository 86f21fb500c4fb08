package zkserver

import (
	"slices"
	"strings"
)

// readRequest is an operation on a path that changes nothing but watches.
type readRequest struct {
	op    int32
	path  string
	watch bool
}

func (r *readRequest) execute(s *Server, o *operation) error {
	switch r.op {
	case opExists:
		return s.exists(o, r)
	case opSync:
		o.e.Text(r.path)
		return nil
	case opGetEphemerals:
		o.e.Strings(s.ephemeralsOf(o.sessionID, r.path))
		return nil
	}
	n := s.tree.lookup(r.path)
	if n == nil {
		return CodeNoNode
	}
	perm := int32(permRead)
	if r.op == opGetACL {
		perm |= permAdmin
	}
	if !s.permits(o.c, n.acl, perm) {
		return CodeNoAuth
	}
	s.read(o, r, n)
	return nil
}

// read answers from a node that may be read.
func (s *Server) read(o *operation, r *readRequest, n *node) {
	st := n.stat()
	switch r.op {
	case opGetData:
		o.e.Buffer(n.data)
		o.e.stat(&st)
		if r.watch {
			s.watches.addData(displayPath(r.path), o.c)
		}
	case opGetACL:
		acl := n.acl.acl
		if !s.permits(o.c, n.acl, permAdmin) {
			acl = hiddenDigests(acl)
		}
		o.e.acl(acl)
		o.e.stat(&st)
	case opGetChildren, opGetChildren2:
		o.e.children(n)
		if r.op == opGetChildren2 {
			o.e.stat(&st)
		}
		if r.watch {
			s.watches.addChild(displayPath(r.path), o.c)
		}
	case opGetAllChildrenNumber:
		o.e.Int32(int32(descendants(n)))
	}
}

func (e *encoder) children(n *node) {
	e.Int32(int32(n.children.len()))
	n.children.each(func(child *node) bool {
		e.Text(child.name)
		return true
	})
}

// exists watches a node even if it is not there.
func (s *Server) exists(o *operation, r *readRequest) error {
	if strings.IndexByte(r.path, 0) >= 0 {
		return CodeBadArguments
	}
	if r.watch {
		s.watches.addData(displayPath(r.path), o.c)
	}
	n := s.tree.lookup(r.path)
	if n == nil {
		return CodeNoNode
	}
	st := n.stat()
	o.e.stat(&st)
	return nil
}

// ephemeralsOf lists a session's ephemeral nodes whose path begins with prefix.
func (s *Server) ephemeralsOf(sessionID int64, prefix string) []string {
	if strings.TrimSpace(prefix) == "" {
		prefix = "/"
	}
	var paths []string
	for path := range s.tree.ephemerals[sessionID] {
		if strings.HasPrefix(path, prefix) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// watchRequest is addWatch, checkWatches or removeWatches.
type watchRequest struct {
	op   int32
	path string
	kind int32
}

// Modes of addWatch (AddWatchMode).
const (
	addWatchPersistent          = 0
	addWatchPersistentRecursive = 1
)

func (r *watchRequest) execute(s *Server, o *operation) error {
	path := displayPath(r.path)
	if r.op == opAddWatch {
		switch r.kind {
		case addWatchPersistent:
			s.watches.addPersistent(path, o.c)
		case addWatchPersistentRecursive:
			s.watches.addRecursive(path, o.c)
		default:
			return CodeMarshallingError
		}
		o.e.Int32(0)
		return nil
	}
	if r.kind < watcherChildren || r.kind > watcherPersistentRecursive {
		return CodeMarshallingError
	}
	found := false
	if r.op == opCheckWatches {
		found = s.watches.has(path, o.c, r.kind)
	} else {
		found = s.watches.remove(path, o.c, r.kind)
	}
	if !found {
		return CodeNoWatcher
	}
	return nil
}

// execute arms the watches of a client that has reconnected, or sends at once what
// it missed.
func (r *setWatchesRequest) execute(s *Server, o *operation) error {
	for _, path := range r.data {
		switch n := s.tree.lookup(path); {
		case n == nil:
			s.catchUp(o, eventNodeDeleted, path)
		case n.mzxid > r.relativeZxid:
			s.catchUp(o, eventNodeDataChanged, path)
		default:
			s.watches.addData(path, o.c)
		}
	}
	for _, path := range r.exist {
		if s.tree.lookup(path) != nil {
			s.catchUp(o, eventNodeCreated, path)
		} else {
			s.watches.addData(path, o.c)
		}
	}
	for _, path := range r.child {
		switch n := s.tree.lookup(path); {
		case n == nil:
			s.catchUp(o, eventNodeDeleted, path)
		case n.pzxid > r.relativeZxid:
			s.catchUp(o, eventNodeChildrenChanged, path)
		default:
			s.watches.addChild(path, o.c)
		}
	}
	for _, path := range r.persistent {
		s.watches.addPersistent(path, o.c)
	}
	for _, path := range r.recursiveList {
		s.watches.addRecursive(path, o.c)
	}
	return nil
}

func (s *Server) catchUp(o *operation, event eventType, path string) {
	if n := s.tree.lookup(path); n != nil && !s.permits(o.c, n.acl, permRead) {
		return
	}
	o.c.queue(encodeEvent(event, path), s.tree.lastZxid, noTime)
}
