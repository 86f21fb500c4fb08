package zkserver

import (
	"strings"
)

// Nodes that are always there.
const (
	zookeeperPath = "/zookeeper"
	quotaPath     = "/zookeeper/quota"
	configPath    = "/zookeeper/config"
)

// dataTree holds the znodes. It has no lock of its own: Server.mu guards it.
type dataTree struct {
	root *node
	acls *aclCache
	// nodeCount counts the nodes below the root.
	nodeCount int
	// dataBytes sums the lengths of paths and data.
	dataBytes int64
	// ephemerals holds the paths of each session's ephemeral nodes.
	ephemerals map[int64]map[string]struct{}
	// transient holds the paths of container and TTL nodes.
	transient map[string]struct{}
	// quotas holds the paths that have a quota.
	quotas map[string]struct{}
	// lastZxid is that of the last transaction applied.
	lastZxid int64
	// unresolved holds nodes of a snapshot whose ACL it did not have; the
	// transactions that are replayed after it give it to them.
	unresolved map[*node]struct{}

	// changes gathers what watches are to be told of the current transaction.
	changes []change
	// undo, while recording, gathers how to take the changes back.
	undo      []func()
	recording bool
}

// change is one thing that happened to a node, to be matched with watches.
type change struct {
	event eventType
	path  string
	acl   *aclEntry
}

// newDataTree makes the tree of a server that nobody used yet.
func newDataTree() *dataTree {
	t := &dataTree{
		acls:       newACLCache(),
		ephemerals: map[int64]map[string]struct{}{},
		transient:  map[string]struct{}{},
		quotas:     map[string]struct{}{},
		unresolved: map[*node]struct{}{},
	}
	t.root = &node{acl: t.acls.open, data: []byte{}}
	t.addFixedNodes()
	return t
}

// addFixedNodes makes sure of the nodes that exist without having been created.
func (t *dataTree) addFixedNodes() {
	for _, path := range []string{zookeeperPath, quotaPath, configPath} {
		if t.lookup(path) != nil {
			continue
		}
		parentPath, name := splitPath(path)
		n := &node{name: name, acl: t.acls.open, data: []byte{}}
		if path == configPath {
			n.acl = t.acls.acquire(readOnlyACL)
			n.aversion = -1
		}
		t.link(t.lookup(parentPath), n, path)
	}
}

func isFixed(path string) bool {
	return path == "/" || path == "" || path == zookeeperPath || path == quotaPath || path == configPath
}

// lookup finds a node; "" and "/" are the root. A path that no node can have
// finds nothing.
func (t *dataTree) lookup(path string) *node {
	n := t.root
	if path == "" || path == "/" {
		return n
	}
	if path[0] != '/' {
		return nil
	}
	for rest := path[1:]; n != nil; {
		name, tail, more := strings.Cut(rest, "/")
		n = n.children.get(name)
		if !more {
			return n
		}
		rest = tail
	}
	return nil
}

// link puts a node into the tree and its indexes.
func (t *dataTree) link(parent, n *node, path string) {
	parent.children.add(n)
	t.nodeCount++
	t.dataBytes += int64(len(path) + len(n.data))
	switch owner := n.ephemeralOwner; {
	case owner == 0:
	case isEphemeral(owner):
		paths := t.ephemerals[owner]
		if paths == nil {
			paths = map[string]struct{}{}
			t.ephemerals[owner] = paths
		}
		paths[path] = struct{}{}
	default:
		t.transient[path] = struct{}{}
	}
}

// unlink takes a node out of the tree and its indexes.
func (t *dataTree) unlink(parent, n *node, path string) {
	parent.children.remove(n.name)
	t.deindex(n, path)
}

func (t *dataTree) deindex(n *node, path string) {
	t.nodeCount--
	t.dataBytes -= int64(len(path) + len(n.data))
	switch owner := n.ephemeralOwner; {
	case owner == 0:
	case isEphemeral(owner):
		paths := t.ephemerals[owner]
		delete(paths, path)
		if len(paths) == 0 {
			delete(t.ephemerals, owner)
		}
	default:
		delete(t.transient, path)
	}
}

// descendants counts the nodes below n.
func descendants(n *node) int {
	count := 0
	stack := []*node{n}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		count += n.children.len()
		n.children.each(func(child *node) bool {
			if child.children.len() > 0 {
				stack = append(stack, child)
			}
			return true
		})
	}
	return count
}

// ephemeralCount counts the ephemeral nodes of all sessions.
func (t *dataTree) ephemeralCount() int {
	count := 0
	for _, paths := range t.ephemerals {
		count += len(paths)
	}
	return count
}
