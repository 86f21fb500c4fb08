package zkserver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/adler32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Constants of the snapshot's format (FileSnap).
const (
	snapshotMagic  = 0x5a4b534e // "ZKSN"
	snapshotDbid   = -1
	snapshotPrefix = "snapshot"
	// pathEnd is where a path stands to say that no more follows.
	pathEnd = "/"
	// snapshotFlush is how much is encoded before it is written.
	snapshotFlush = 64 << 10
)

// snapshotSession is a session as snapshots hold it.
type snapshotSession struct {
	id        int64
	timeoutMs int32
}

// snapshotNode is a node at the time of the snapshot. parent is the index of its
// parent's entry.
type snapshotNode struct {
	node   node
	parent int32
}

// snapshotImage is all of a tree at one moment. Taking it costs one small copy a
// node; the data is shared with the tree, which never changes it in place.
type snapshotImage struct {
	zxid     int64
	sessions []snapshotSession
	acls     []*aclEntry
	nodes    []snapshotNode
}

// takeImage copies the tree, parents before children. The caller holds Server.mu.
func takeImage(t *dataTree, sessions *sessionTracker) *snapshotImage {
	img := &snapshotImage{zxid: t.lastZxid, nodes: make([]snapshotNode, 0, t.nodeCount+1)}
	for _, s := range sessions.byID {
		img.sessions = append(img.sessions, snapshotSession{s.id, s.timeoutMs})
	}
	for _, entry := range t.acls.byKey {
		if entry.id != openACLID {
			img.acls = append(img.acls, entry)
		}
	}
	img.addNode(t.root, -1)
	return img
}

func (img *snapshotImage) addNode(n *node, parent int32) {
	index := int32(len(img.nodes))
	img.nodes = append(img.nodes, snapshotNode{*n, parent})
	img.nodes[index].node.children = childSet{}
	n.children.each(func(child *node) bool {
		img.addNode(child, index)
		return true
	})
}

func (img *snapshotImage) path(index int32) string {
	var names []string
	for i := index; img.nodes[i].parent >= 0; i = img.nodes[i].parent {
		names = append(names, img.nodes[i].node.name, "/")
	}
	slices.Reverse(names)
	return strings.Join(names, "")
}

// writeTo writes the snapshot's file.
func (img *snapshotImage) writeTo(out io.Writer) error {
	w := snapshotWriter{out: out, sum: adler32.New()}
	w.Int32(snapshotMagic)
	w.Int32(fileVersion)
	w.Int64(snapshotDbid)
	w.Int32(int32(len(img.sessions)))
	for _, s := range img.sessions {
		w.Int64(s.id)
		w.Int32(s.timeoutMs)
	}
	w.Int32(int32(len(img.acls)))
	for _, entry := range img.acls {
		w.Int64(entry.id)
		w.acl(entry.acl)
	}
	for i := range img.nodes {
		w.Text(img.path(int32(i)))
		w.node(&img.nodes[i].node)
		if err := w.flush(snapshotFlush); err != nil {
			return err
		}
	}
	w.Text(pathEnd)
	if err := w.flush(0); err != nil {
		return err
	}
	w.Int64(int64(w.sum.Sum32()))
	w.Text(pathEnd)
	return w.flush(0)
}

// snapshotWriter encodes to a file and sums what it writes.
type snapshotWriter struct {
	encoder
	out io.Writer
	sum hash.Hash32
}

func (w *snapshotWriter) flush(threshold int) error {
	if len(w.Buf) <= threshold {
		return nil
	}
	w.sum.Write(w.Buf)
	_, err := w.out.Write(w.Buf)
	w.Buf = w.Buf[:0]
	return err
}

func (w *snapshotWriter) node(n *node) {
	w.Buffer(n.data)
	w.Int64(n.acl.id)
	w.Int64(n.czxid)
	w.Int64(n.mzxid)
	w.Int64(n.ctime)
	w.Int64(n.mtime)
	w.Int32(n.version)
	w.Int32(n.cversion)
	w.Int32(n.aversion)
	w.Int64(n.ephemeralOwner)
	w.Int64(n.pzxid)
}

// file is where the snapshot belongs in a directory.
func (img *snapshotImage) file(dir string) string {
	return filepath.Join(dir, fmt.Sprintf("%s.%x", snapshotPrefix, img.zxid))
}

// save writes the snapshot under a name, durably and at once.
func (img *snapshotImage) save(name string, syncing bool) error {
	temporary := name + ".tmp"
	file, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	err = img.writeTo(file)
	if err == nil && syncing {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(temporary, name)
	}
	if err != nil {
		os.Remove(temporary)
		return err
	}
	if syncing {
		err = syncDirectory(filepath.Dir(name))
	}
	return err
}

// snapshotReader decodes a snapshot from a stream and sums what it consumed.
type snapshotReader struct {
	in  *bufio.Reader
	sum hash.Hash32
	tmp [8]byte
	err error
}

func (r *snapshotReader) read(into []byte) {
	if r.err != nil {
		return
	}
	if _, r.err = io.ReadFull(r.in, into); r.err == nil {
		r.sum.Write(into)
	}
}

func (r *snapshotReader) int32() int32 {
	r.read(r.tmp[:4])
	if r.err != nil {
		return 0
	}
	return int32(binary.BigEndian.Uint32(r.tmp[:4]))
}

func (r *snapshotReader) int64() int64 {
	r.read(r.tmp[:8])
	if r.err != nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(r.tmp[:8]))
}

// buffer grows with what there is to read, not with what the length says.
func (r *snapshotReader) buffer() []byte {
	size := int(r.int32())
	if r.err != nil || size == -1 {
		return nil
	}
	if size < 0 {
		r.err = fmt.Errorf("Unreasonable length = %d", size)
		return nil
	}
	data := make([]byte, 0, min(size, frameStep))
	for len(data) < size && r.err == nil {
		at := len(data)
		data = append(data, make([]byte, min(size-at, max(frameStep, at)))...)
		r.read(data[at:])
	}
	return slices.Clip(data)
}

func (r *snapshotReader) text() string {
	return string(r.buffer())
}

func (r *snapshotReader) acl() []aclItem {
	var list []aclItem
	for range r.int32() {
		item := aclItem{perms: r.int32()}
		item.scheme = r.text()
		item.id = r.text()
		if r.err != nil {
			return nil
		}
		list = append(list, item)
	}
	return list
}

// readSnapshot decodes a snapshot. The zxid is not in it but in the file's name.
func readSnapshot(in io.Reader) (*dataTree, []snapshotSession, error) {
	r := &snapshotReader{in: bufio.NewReaderSize(in, frameStep), sum: adler32.New()}
	magic := r.int32()
	r.int32()
	r.int64()
	if r.err == nil && magic != snapshotMagic {
		return nil, nil, fmt.Errorf("mismatching magic headers %d != %d", magic, snapshotMagic)
	}
	var sessions []snapshotSession
	for range r.int32() {
		s := snapshotSession{r.int64(), r.int32()}
		if r.err != nil {
			return nil, nil, r.err
		}
		sessions = append(sessions, s)
	}
	t := &dataTree{
		acls:       newACLCache(),
		ephemerals: map[int64]map[string]struct{}{},
		transient:  map[string]struct{}{},
		quotas:     map[string]struct{}{},
		unresolved: map[*node]struct{}{},
	}
	acls := r.acls(t)
	if err := r.nodes(t, acls); err != nil {
		return nil, nil, err
	}
	return t, sessions, r.seal()
}

// acls reads the table of ACLs that nodes refer to.
func (r *snapshotReader) acls(t *dataTree) map[int64]*aclEntry {
	entries := map[int64]*aclEntry{openACLID: t.acls.open}
	for range r.int32() {
		id := r.int64()
		acl := r.acl()
		if r.err != nil {
			break
		}
		entry := &aclEntry{id: id, acl: acl, key: aclKey(acl)}
		if known, ok := t.acls.byKey[entry.key]; ok {
			entry = known
		} else {
			t.acls.byKey[entry.key] = entry
		}
		entries[id] = entry
		if id > t.acls.lastID && id < math.MaxInt64 {
			t.acls.lastID = id
		}
	}
	return entries
}

func (r *snapshotReader) nodes(t *dataTree, acls map[int64]*aclEntry) error {
	for {
		path := r.text()
		if r.err != nil {
			return r.err
		}
		if path == pathEnd {
			break
		}
		n := r.node(t, acls)
		if r.err != nil {
			return r.err
		}
		if err := t.place(path, n); err != nil {
			return err
		}
	}
	if t.root == nil {
		return errors.New("snapshot has no root")
	}
	for key, entry := range t.acls.byKey {
		if entry.uses == 0 {
			delete(t.acls.byKey, key)
		}
	}
	t.addFixedNodes()
	return nil
}

func (r *snapshotReader) node(t *dataTree, acls map[int64]*aclEntry) *node {
	n := &node{data: r.buffer()}
	aclID := r.int64()
	n.czxid, n.mzxid, n.ctime, n.mtime = r.int64(), r.int64(), r.int64(), r.int64()
	n.version, n.cversion, n.aversion = r.int32(), r.int32(), r.int32()
	n.ephemeralOwner = r.int64()
	n.pzxid = r.int64()
	if entry, ok := acls[aclID]; ok {
		n.acl = entry
		entry.uses++
	} else {
		n.acl = t.acls.acquire(closedACL)
		t.unresolved[n] = struct{}{}
	}
	return n
}

// closedACL is what a node has until its own ACL is known: nobody may do anything.
var closedACL = []aclItem{{0, authID{schemeWorld, "anyone"}}}

// place puts a node that was read at its path.
func (t *dataTree) place(path string, n *node) error {
	if path == "" {
		if t.root != nil {
			return errors.New("snapshot has two roots")
		}
		t.root = n
		return nil
	}
	if t.root == nil || path[0] != '/' {
		return fmt.Errorf("Invalid Datatree, unable to find parent of path %s", path)
	}
	parentPath, name := splitPath(path)
	parent := t.lookup(parentPath)
	if parent == nil || name == "" {
		return fmt.Errorf("Invalid Datatree, unable to find parent %s of path %s", parentPath, path)
	}
	if parent.children.get(name) != nil {
		return fmt.Errorf("Invalid Datatree, path %s is there twice", path)
	}
	n.name = name
	t.link(parent, n, path)
	return nil
}

// seal compares the checksum that ends the snapshot. What newer servers write
// behind it, a digest, is not needed.
func (r *snapshotReader) seal() error {
	sum := r.sum.Sum32()
	if stored := r.int64(); r.err == nil && stored != int64(sum) {
		return errors.New("CRC corruption")
	}
	if end := r.text(); r.err == nil && end != pathEnd {
		return errors.New("CRC corruption: snapshot has no end")
	}
	return r.err
}
