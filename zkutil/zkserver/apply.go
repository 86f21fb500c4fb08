package zkserver

// apply carries a transaction out on the tree. It never fails: live transactions
// were checked before, and replayed ones may have left their effect in the
// snapshot already, in which case what is missing of it is made up for.
// Sessions are the caller's affair.
func (t *dataTree) apply(h *txnHeader, record *txn) {
	t.changes = t.changes[:0]
	t.applyOne(h, record)
	if h.zxid > t.lastZxid {
		t.lastZxid = h.zxid
	}
}

func (t *dataTree) applyOne(h *txnHeader, record *txn) {
	switch record.op {
	case opCreate, opCreate2, opCreateTTL, opCreateContainer:
		t.create(h, record)
	case opDelete, opDeleteContainer:
		t.delete(h.zxid, record.path)
	case opSetData, opReconfig:
		t.setData(h, record)
	case opSetACL:
		t.setACL(record)
	case opCloseSession:
		t.deleteEphemerals(h, record.paths)
	case opMulti:
		if multiFailed(record) {
			return
		}
		for i := range record.subs {
			t.applyOne(h, &record.subs[i])
		}
	}
}

// multiFailed says whether a multi was logged as failed: one of its operations
// is an error then, even if those before it are what they would have been.
func multiFailed(record *txn) bool {
	for i := range record.subs {
		if record.subs[i].op == opError {
			return true
		}
	}
	return false
}

func ownerOf(h *txnHeader, record *txn) int64 {
	switch {
	case record.op == opCreateContainer:
		return containerOwner
	case record.op == opCreateTTL:
		return ttlOwnerMask | record.ttl
	case record.ephemeral:
		return h.clientID
	}
	return 0
}

func (t *dataTree) create(h *txnHeader, record *txn) {
	if !usablePath(record.path) {
		return
	}
	parentPath, name := splitPath(record.path)
	parent := t.lookup(parentPath)
	if parent == nil || name == "" {
		return
	}
	cversion := record.parentCVersion
	if cversion == noParentCVersion {
		cversion = parent.cversion + 1
	}
	t.saveParent(parent)
	if cversion-parent.cversion > 0 {
		parent.cversion = cversion
		parent.pzxid = max(parent.pzxid, h.zxid)
	}
	if existing := parent.children.get(name); existing != nil {
		t.resolve(existing, record.acl)
		return
	}
	n := &node{
		name: name, data: record.data, acl: t.acls.acquire(record.acl),
		czxid: h.zxid, mzxid: h.zxid, pzxid: h.zxid, ctime: h.time, mtime: h.time,
		ephemeralOwner: ownerOf(h, record),
	}
	t.link(parent, n, record.path)
	t.onUndo(func() {
		t.unlink(parent, n, record.path)
		t.acls.release(n.acl)
	})
	t.quotaCreated(record.path, n)
	t.changes = append(t.changes,
		change{eventNodeCreated, record.path, n.acl},
		change{eventNodeChildrenChanged, displayPath(parentPath), parent.acl})
}

func (t *dataTree) delete(zxid int64, path string) {
	if !usablePath(path) {
		return
	}
	parentPath, name := splitPath(path)
	parent := t.lookup(parentPath)
	if parent == nil {
		return
	}
	t.saveParent(parent)
	parent.pzxid = max(parent.pzxid, zxid)
	n := parent.children.get(name)
	if n == nil {
		return
	}
	t.forgetBelow(n, path)
	t.unlink(parent, n, path)
	t.acls.release(n.acl)
	delete(t.unresolved, n)
	t.onUndo(func() {
		n.acl = t.acls.acquire(n.acl.acl)
		t.link(parent, n, path)
	})
	t.quotaDeleted(path, n)
	t.changes = append(t.changes,
		change{eventNodeDeleted, path, n.acl},
		change{eventNodeChildrenChanged, displayPath(parentPath), parent.acl})
}

// forgetBelow takes the descendants of a node that is going away out of the
// indexes. Only a replay over a snapshot that is ahead of its log meets any.
func (t *dataTree) forgetBelow(n *node, path string) {
	n.children.each(func(child *node) bool {
		childPath := path + "/" + child.name
		t.forgetBelow(child, childPath)
		t.deindex(child, childPath)
		t.acls.release(child.acl)
		delete(t.unresolved, child)
		return true
	})
}

func (t *dataTree) setData(h *txnHeader, record *txn) {
	n := t.lookup(record.path)
	if n == nil {
		return
	}
	if t.recording {
		data, mzxid, mtime, version := n.data, n.mzxid, n.mtime, n.version
		t.onUndo(func() {
			t.dataBytes += int64(len(data) - len(n.data))
			n.data, n.mzxid, n.mtime, n.version = data, mzxid, mtime, version
		})
	}
	grown := int64(len(record.data) - len(n.data))
	t.dataBytes += grown
	n.data, n.mzxid, n.mtime, n.version = record.data, h.zxid, h.time, record.version
	t.useQuota(record.path, 0, grown)
	t.changes = append(t.changes, change{eventNodeDataChanged, displayPath(record.path), n.acl})
}

func (t *dataTree) setACL(record *txn) {
	n := t.lookup(record.path)
	if n == nil {
		return
	}
	entry := t.acls.acquire(record.acl)
	t.acls.release(n.acl)
	delete(t.unresolved, n)
	n.acl, n.aversion = entry, record.version
}

// resolve gives a node its ACL that came from a snapshot without it.
func (t *dataTree) resolve(n *node, acl []aclItem) {
	if _, ok := t.unresolved[n]; ok {
		delete(t.unresolved, n)
		n.acl = t.acls.acquire(acl)
	}
}

// deleteEphemerals removes what a session leaves behind: the nodes that the
// transaction names, and any that the tree holds for the session besides.
func (t *dataTree) deleteEphemerals(h *txnHeader, paths []string) {
	for _, path := range paths {
		if n := t.lookup(path); n != nil && n.ephemeralOwner != h.clientID {
			continue
		}
		t.delete(h.zxid, path)
	}
	for path := range t.ephemerals[h.clientID] {
		t.delete(h.zxid, path)
	}
}

// saveParent lets an undo bring back what a change of children does to the parent.
func (t *dataTree) saveParent(parent *node) {
	if t.recording {
		cversion, pzxid := parent.cversion, parent.pzxid
		t.onUndo(func() { parent.cversion, parent.pzxid = cversion, pzxid })
	}
}

func (t *dataTree) onUndo(restore func()) {
	if t.recording {
		t.undo = append(t.undo, restore)
	}
}

// startRecording begins a group of changes that rollback can take back.
func (t *dataTree) startRecording() {
	t.recording = true
	t.undo = t.undo[:0]
	t.changes = t.changes[:0]
}

// stopRecording ends the group; undone says whether to take it back.
func (t *dataTree) stopRecording(undone bool) {
	t.recording = false
	if undone {
		for i := len(t.undo) - 1; i >= 0; i-- {
			t.undo[i]()
		}
		t.changes = t.changes[:0]
	}
	clear(t.undo)
	t.undo = t.undo[:0]
}

// displayPath is how events name a node: the root is "/".
func displayPath(path string) string {
	if path == "" {
		return "/"
	}
	return path
}
