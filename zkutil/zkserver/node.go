package zkserver

// Owners that mark nodes which are not ephemeral but end by themselves
// (EphemeralType).
const (
	containerOwner = int64(-1 << 63)
	ttlOwnerMask   = int64(-1 << 56)
	maxTTLMs       = int64(1)<<40 - 1
)

// node is a znode. Its data is never changed in place, so that a snapshot may
// keep the slice while the node moves on.
type node struct {
	name           string
	data           []byte
	acl            *aclEntry
	czxid, mzxid   int64
	ctime, mtime   int64
	pzxid          int64
	ephemeralOwner int64
	version        int32
	// cversion counts the creations of children and numbers sequential ones;
	// what clients see as cversion counts deletions too.
	cversion int32
	aversion int32
	children childSet
}

// isTTL says whether an owner is a lifetime in disguise.
func isTTL(owner int64) bool {
	return owner != containerOwner && owner&ttlOwnerMask == ttlOwnerMask
}

// isEphemeral says whether an owner is a session.
func isEphemeral(owner int64) bool {
	return owner != 0 && owner != containerOwner && !isTTL(owner)
}

// ttlMs is the lifetime that an owner for which isTTL holds stands for.
func ttlMs(owner int64) int64 {
	return owner &^ ttlOwnerMask
}

// stat is what clients see of the node.
func (n *node) stat() stat {
	s := stat{
		czxid: n.czxid, mzxid: n.mzxid, ctime: n.ctime, mtime: n.mtime, pzxid: n.pzxid,
		version: n.version, aversion: n.aversion,
		dataLength:  int32(len(n.data)),
		numChildren: int32(n.children.len()),
	}
	s.cversion = 2*n.cversion - s.numChildren
	if isEphemeral(n.ephemeralOwner) {
		s.ephemeralOwner = n.ephemeralOwner
	}
	return s
}

// smallChildren is how many children are kept in a slice. Most parents of
// Kafka's have one child or few, for which a map would be the larger part.
const smallChildren = 8

// childSet holds the children of a node by name.
type childSet struct {
	few  []*node
	many map[string]*node
}

func (s *childSet) len() int {
	return len(s.few) + len(s.many)
}

func (s *childSet) get(name string) *node {
	if s.many != nil {
		return s.many[name]
	}
	for _, child := range s.few {
		if child.name == name {
			return child
		}
	}
	return nil
}

// add takes a child whose name is not there yet.
func (s *childSet) add(child *node) {
	if s.many == nil && len(s.few) < smallChildren {
		s.few = append(s.few, child)
		return
	}
	if s.many == nil {
		s.many = make(map[string]*node, 2*smallChildren)
		for _, c := range s.few {
			s.many[c.name] = c
		}
		s.few = nil
	}
	s.many[child.name] = child
}

func (s *childSet) remove(name string) {
	if s.many != nil {
		delete(s.many, name)
		if len(s.many) == 0 {
			s.many = nil
		}
		return
	}
	for i, child := range s.few {
		if child.name == name {
			last := len(s.few) - 1
			s.few[i] = s.few[last]
			s.few[last] = nil
			s.few = s.few[:last]
			return
		}
	}
}

// each calls visit for every child until it returns false.
func (s *childSet) each(visit func(*node) bool) {
	for _, child := range s.few {
		if !visit(child) {
			return
		}
	}
	for _, child := range s.many {
		if !visit(child) {
			return
		}
	}
}
