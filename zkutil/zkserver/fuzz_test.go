package zkserver

import (
	"bytes"
	"io"
	"testing"
)

// FuzzRequest feeds a server's requests with arbitrary frames. Whatever they are,
// the tree stays sound, and what was logged of them can be replayed to the same tree.
func FuzzRequest(f *testing.F) {
	add := func(op int32, body func(*encoder)) {
		var e encoder
		e.Int32(1)
		e.Int32(op)
		if body != nil {
			body(&e)
		}
		f.Add(e.Buf)
	}
	add(opCreate, createBody("/a", "x", flagEphemeralSequential))
	add(opCreateTTL, func(e *encoder) { createBody("/a", "x", flagTTL)(e); e.Int64(5) })
	add(opDelete, versionBody("/zookeeper/quota", -1))
	add(opSetData, setDataBody("/", "x", -1))
	add(opSetACL, createWithACL("/", aclItem{31, authID{schemeIP, "1.2.3.4"}}))
	add(opMulti, multiBody(multiPart{opCreate, createBody("/m", "", 0)}, multiPart{opDelete, versionBody("/m", 0)}))
	add(opMultiRead, multiBody(multiPart{opGetData, pathBody("/", false)}))
	add(opGetChildren2, pathBody("/", true))
	add(opAddWatch, versionBody("/", 1))
	add(opSetWatches, func(e *encoder) { e.Int64(0); e.Strings([]string{"/"}); e.Strings(nil); e.Strings(nil) })
	add(opAuth, authBody(schemeDigest, "a:b"))
	add(opWhoAmI, nil)
	add(opCloseSession, nil)
	f.Fuzz(func(t *testing.T, frame []byte) {
		cfg := DefaultConfig()
		cfg.ExtendedTypesEnabled = true
		s := New(cfg, quietLog)
		s.tree = newDataTree()
		s.storage = &storage{open: &logBatch{}, kick: make(chan struct{}, 1)}
		c := newConnection(s, discardConn{})
		c.session = s.sessions.add(1, 1000)
		s.commit(1, 0, &txn{op: opCreateSession, timeoutMs: 1000})
		_ = s.process(c, frame)
		checkCounts(t, s.tree)
		replayed := New(cfg, quietLog)
		replayed.tree = newDataTree()
		for log := s.storage.open.buf; len(log) > 0; {
			d := newDecoder(log[8:])
			payload := d.Bytes()
			h, record, err := decodeTxn(payload)
			if err != nil {
				t.Fatalf("own log entry: %v", err)
			}
			replayed.replayOne(&h, &record)
			log = log[entryHeaderSize+len(payload)+1:]
		}
		checkCounts(t, replayed.tree)
		want, got := contents(s), contents(replayed)
		for path, state := range want {
			if got[path] != state {
				t.Fatalf("%s is %s after replay, was %s", path, got[path], state)
			}
		}
	})
}

// checkCounts compares the tree's running sums with the tree.
func checkCounts(t *testing.T, tree *dataTree) {
	t.Helper()
	nodes, size := descendants(tree.root), int64(0)
	var walk func(path string, n *node)
	walk = func(path string, n *node) {
		size += int64(len(n.data) + len(path))
		n.children.each(func(child *node) bool {
			walk(path+"/"+child.name, child)
			return true
		})
	}
	walk("", tree.root)
	if nodes != tree.nodeCount || size != tree.dataBytes {
		t.Fatalf("counts %d nodes and %d bytes, has %d and %d", tree.nodeCount, tree.dataBytes, nodes, size)
	}
}

func FuzzConnectRequest(f *testing.F) {
	f.Add(make([]byte, 45))
	f.Add(make([]byte, 28))
	f.Fuzz(func(_ *testing.T, frame []byte) {
		_, _ = decodeConnectRequest(frame)
	})
}

func FuzzTxnLog(f *testing.F) {
	header := encoder{}
	header.Int32(txnLogMagic)
	header.Int32(fileVersion)
	header.Int64(0)
	batch := logBatch{buf: header.Buf}
	for i, record := range []txn{
		{op: opCreateSession, timeoutMs: 5},
		{op: opCreate, path: "/a", data: []byte("x"), acl: openACL, ephemeral: true, parentCVersion: 1},
		{op: opCreateTTL, path: "/t", acl: openACL, parentCVersion: 2, ttl: 7},
		{op: opMulti, subs: []txn{{op: opDelete, path: "/a"}, {op: opSetData, path: "/t", version: 1}}},
		{op: opCloseSession, paths: []string{"/a"}},
	} {
		batch.appendEntry(&txnHeader{clientID: 1, zxid: int64(i + 1), op: record.op}, &record)
	}
	f.Add(batch.buf)
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := newLogReader(bytes.NewReader(file), "log", int64(len(file)))
		if err != nil {
			return
		}
		s := New(DefaultConfig(), quietLog)
		s.tree = newDataTree()
		for {
			at := r.offset
			h, record, err := r.next()
			if err != nil {
				if err == io.EOF && r.offset > int64(len(file)) {
					t.Fatalf("offset %d of %d", r.offset, len(file))
				}
				return
			}
			s.replayOne(&h, &record)
			checkCounts(t, s.tree)
			if r.offset <= at {
				t.Fatal("no progress")
			}
		}
	})
}

func FuzzSnapshot(f *testing.F) {
	s := New(DefaultConfig(), quietLog)
	s.tree = newDataTree()
	s.sessions.add(5, 1000)
	s.tree.apply(&txnHeader{zxid: 1, clientID: 5}, &txn{op: opCreate, path: "/a", acl: readOnlyACL, ephemeral: true, parentCVersion: 1})
	var file bytes.Buffer
	if err := takeImage(s.tree, s.sessions).writeTo(&file); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, file []byte) {
		tree, _, err := readSnapshot(bytes.NewReader(file))
		if err == nil {
			checkCounts(t, tree)
		}
	})
}
