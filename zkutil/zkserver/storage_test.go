package zkserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// contents lists all of a server's nodes with their data and metadata.
func contents(s *Server) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	var walk func(path string, n *node)
	walk = func(path string, n *node) {
		all[path] = fmt.Sprintf("%q %+v %v %x", n.data, n.stat(), n.acl.acl, n.ephemeralOwner)
		n.children.each(func(child *node) bool {
			walk(path+"/"+child.name, child)
			return true
		})
	}
	walk("", s.tree.root)
	return all
}

// writeHistory makes transactions of every kind, and gives the tree after each zxid.
func writeHistory(t *testing.T, s *Server) map[int64]map[string]string {
	t.Helper()
	states := map[int64]map[string]string{0: contents(s)}
	note := func() { states[s.lastZxid()] = contents(s) }
	c := openSession(t, s)
	note()
	step := func(op int32, body func(*encoder)) {
		c.call(op, body)
		note()
	}
	step(opCreate, createBody("/a", "data", 0))
	step(opCreate2, createBody("/a/b", "", 0))
	step(opCreate, createBody("/e", "x", flagEphemeral))
	step(opCreate, createBody("/a/s-", "", flagPersistentSequential))
	step(opCreateContainer, createBody("/c", "", flagContainer))
	step(opSetData, setDataBody("/a", strings.Repeat("long ", 10), 0))
	step(opCreate, createWithACL("/acl", aclItem{permRead, authID{schemeIP, "127.0.0.1"}}))
	step(opSetACL, func(e *encoder) {
		e.Text("/a")
		e.acl([]aclItem{{permAll, authID{schemeIP, "127.0.0.1"}}})
		e.Int32(-1)
	})
	step(opMulti, multiBody(multiPart{opCreate, createBody("/m", "", 0)}, multiPart{opSetData, setDataBody("/m", "x", 0)},
		multiPart{opCheck, versionBody("/m", 1)}))
	step(opMulti, multiBody(multiPart{opDelete, versionBody("/m", 1)}, multiPart{opCheck, versionBody("/none", 1)}))
	step(opDelete, versionBody("/a/b", -1))
	step(opDelete, versionBody("/none", -1))
	c.mustCall(opCloseSession, nil)
	note()
	return states
}

// copyDir copies a data directory's files.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(filepath.Join(to, versionDirectory), os.DirFS(filepath.Join(from, versionDirectory))); err != nil {
		t.Fatal(err)
	}
	return to
}

func theLog(t *testing.T, dataDir string) string {
	t.Helper()
	logs, err := filesByZxid(filepath.Join(dataDir, versionDirectory), logPrefix)
	if err != nil || len(logs) != 1 {
		t.Fatalf("logs %v, %v", logs, err)
	}
	return logs[0].path
}

func TestLogCutAtEveryByte(t *testing.T) {
	cfg := testConfig(t)
	cfg.PreAllocSize = 0
	s := startServer(t, cfg)
	states := writeHistory(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := theLog(t, cfg.DataDir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := int64(-1)
	for size := range len(whole) + 1 {
		for _, padding := range []int{0, 4096} {
			torn := append(slices.Clone(whole[:size]), make([]byte, padding)...)
			if err := os.WriteFile(path, torn, 0o644); err != nil {
				t.Fatal(err)
			}
			removeSnapshotsExceptFirst(t, cfg.DataDir)
			recovered := New(cfg, quietLog)
			if err := recovered.load(); err != nil {
				t.Fatalf("cut at %d, padded by %d: %v", size, padding, err)
			}
			zxid := recovered.tree.lastZxid
			if zxid < last {
				t.Fatalf("cut at %d: zxid %d, was %d with fewer bytes", size, zxid, last)
			}
			last = zxid
			if got := contents(recovered); !maps.Equal(got, states[zxid]) {
				t.Fatalf("cut at %d: state of zxid %d\n got %v\nwant %v", size, zxid, got, states[zxid])
			}
			if err := recovered.storage.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := int64(len(states) - 1); last != want {
		t.Errorf("whole log ends with zxid %d, want %d", last, want)
	}
}

func removeSnapshotsExceptFirst(t *testing.T, dataDir string) {
	t.Helper()
	snapshots, err := filesByZxid(filepath.Join(dataDir, versionDirectory), snapshotPrefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range snapshots[1:] {
		if err := os.Remove(snapshot.path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerGoesOnAfterATornTail(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	writeHistory(t, s)
	before := s.lastZxid()
	s.Close()
	path := theLog(t, cfg.DataDir)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-3); err != nil {
		t.Fatal(err)
	}
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	for range 3 {
		s = startServer(t, cfg)
		c := openSession(t, s)
		c.mustCall(opCreate, createBody("/after-", "", flagPersistentSequential))
		s.Close()
	}
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	s = startServer(t, cfg)
	if got, want := s.lastZxid(), before-1+6; got != want {
		t.Errorf("zxid %d, want %d", got, want)
	}
}

func TestDamageThatIsNoTornTailIsRefused(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	writeHistory(t, s)
	s.Close()
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	path := theLog(t, cfg.DataDir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	damaged[fileHeaderSize+entryHeaderSize+5] ^= 1
	if err := os.WriteFile(path, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	var corrupt *corruptLogError
	if err := New(cfg, quietLog).Start(); !errors.As(err, &corrupt) || corrupt.offset != fileHeaderSize {
		t.Errorf("start over a damaged entry: %v", err)
	}
	if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, damaged) {
		t.Errorf("the damaged log was changed: %v", err)
	}
	if err := os.WriteFile(path, append([]byte("JUNK"), whole[4:]...), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := New(cfg, quietLog).Start(); err == nil {
		t.Error("started over a log without its magic number")
	}
}

func TestTornLogThatOthersFollowIsRefused(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	writeHistory(t, s)
	s.Close()
	first := theLog(t, cfg.DataDir)
	s = startServer(t, cfg)
	openSession(t, s).create("/more", "")
	s.Close()
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	info, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(first, info.Size()-3); err != nil {
		t.Fatal(err)
	}
	if err := New(cfg, quietLog).Start(); err == nil || !strings.Contains(err.Error(), "others follow") {
		t.Errorf("start: %v", err)
	}
}

func TestMissingLogIsRefused(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	openSession(t, s).create("/a", "")
	s.Close()
	first := theLog(t, cfg.DataDir)
	s = startServer(t, cfg)
	openSession(t, s).create("/b", "")
	s.Close()
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if err := New(cfg, quietLog).Start(); err == nil || !strings.Contains(err.Error(), "are missing") {
		t.Errorf("start: %v", err)
	}
}

func TestSectorsLostByACrashAreNoDamage(t *testing.T) {
	cfg := testConfig(t)
	cfg.PreAllocSize = 0
	s := startServer(t, cfg)
	c := openSession(t, s)
	c.create("/a", strings.Repeat("x", 2000))
	c.create("/b", "")
	s.Close()
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	path := theLog(t, cfg.DataDir)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(whole[sectorSize : 2*sectorSize])
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, cfg)
	if got := s.lastZxid(); got != 1 {
		t.Errorf("zxid %d, want 1", got)
	}
}

func TestSnapshotHoldsEverything(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	writeHistory(t, s)
	owner := openSession(t, s)
	owner.mustCall(opCreate, createBody("/e2", "x", flagEphemeral))
	want := contents(s)
	var file bytes.Buffer
	if err := takeImage(s.tree, s.sessions).writeTo(&file); err != nil {
		t.Fatal(err)
	}
	tree, sessions, err := readSnapshot(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	tree.lastZxid = s.tree.lastZxid
	restored := New(cfg, quietLog)
	restored.tree = tree
	if got := contents(restored); !maps.Equal(got, want) {
		t.Errorf("restored %v\nwant %v", got, want)
	}
	if len(sessions) != 1 || sessions[0].id != owner.sessionID {
		t.Errorf("sessions %v", sessions)
	}
	if tree.nodeCount != s.tree.nodeCount || tree.dataBytes != s.tree.dataBytes || len(tree.transient) != 1 {
		t.Errorf("counts: %d nodes, %d bytes, %v", tree.nodeCount, tree.dataBytes, tree.transient)
	}
	for at := range file.Len() {
		if _, _, err := readSnapshot(bytes.NewReader(file.Bytes()[:at])); err == nil {
			t.Fatalf("a snapshot cut at %d was read", at)
		}
		flipped := bytes.Clone(file.Bytes())
		flipped[at] ^= 0x10
		if _, _, err := readSnapshot(bytes.NewReader(flipped)); err == nil && (at < 4 || at >= 16) {
			t.Fatalf("a snapshot damaged at %d was read", at)
		}
	}
}

// createWithSnapshots creates nodes and lets every snapshot that becomes due finish.
func createWithSnapshots(c *rawClient, s *Server, count int) {
	for i := range count {
		c.create(fmt.Sprintf("/n%d", i), "")
		for running := true; running; runtime.Gosched() {
			s.mu.Lock()
			running = s.storage.snapshotRunning
			s.mu.Unlock()
		}
	}
}

func TestOlderSnapshotServesWhenTheNewestIsBroken(t *testing.T) {
	cfg := testConfig(t)
	cfg.SnapCount = 4
	s := startServer(t, cfg)
	c := openSession(t, s)
	createWithSnapshots(c, s, 20)
	want := contents(s)
	s.Close()
	snapshots, err := filesByZxid(s.storage.snapDir, snapshotPrefix)
	if err != nil || len(snapshots) < 3 {
		t.Fatalf("snapshots %v, %v", snapshots, err)
	}
	newest := snapshots[len(snapshots)-1].path
	data, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(newest, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(snapshots[len(snapshots)-2].path, 20); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, cfg)
	if got := contents(s); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestNoValidSnapshotIsRefused(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	openSession(t, s).create("/a", "")
	s.Close()
	snapshot := filepath.Join(s.storage.snapDir, "snapshot.0")
	data, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	data[30] ^= 1
	if err := os.WriteFile(snapshot, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := New(cfg, quietLog).Start(); err == nil || !strings.Contains(err.Error(), "Not able to find valid snapshots in") {
		t.Errorf("corrupt snapshot: %v", err)
	}
	if err := os.Remove(snapshot); err != nil {
		t.Fatal(err)
	}
	if err := New(cfg, quietLog).Start(); err == nil || !strings.Contains(err.Error(), "No snapshot found, but there are log entries") {
		t.Errorf("no snapshot: %v", err)
	}
	cfg.SnapshotTrustEmpty = true
	s = startServer(t, cfg)
	if s.tree.lookup("/a") == nil {
		t.Error("the log was not replayed")
	}
}

func TestSnapshotsRollTheLogAndPurgeKeepsThree(t *testing.T) {
	cfg := testConfig(t)
	cfg.SnapCount = 4
	s := startServer(t, cfg)
	c := openSession(t, s)
	createWithSnapshots(c, s, 40)
	want := contents(s)
	s.Close()
	logs, _ := filesByZxid(s.storage.logDir, logPrefix)
	snapshots, _ := filesByZxid(s.storage.snapDir, snapshotPrefix)
	if len(logs) < 5 || len(snapshots) < 5 {
		t.Fatalf("%d logs, %d snapshots", len(logs), len(snapshots))
	}
	removed := 0
	if err := s.storage.purge(1, func(string) { removed++ }); err != nil {
		t.Fatal(err)
	}
	snapshots, _ = filesByZxid(s.storage.snapDir, snapshotPrefix)
	if len(snapshots) != minSnapRetainCount || removed == 0 {
		t.Errorf("%d snapshots are left, %d files removed", len(snapshots), removed)
	}
	for len(snapshots) > 1 {
		if err := os.Remove(snapshots[len(snapshots)-1].path); err != nil {
			t.Fatal(err)
		}
		snapshots = snapshots[:len(snapshots)-1]
	}
	s = startServer(t, cfg)
	if got := contents(s); !maps.Equal(got, want) {
		t.Error("the oldest snapshot kept and the logs kept do not give the whole state")
	}
}

func TestLogSizeLimitRollsTheLog(t *testing.T) {
	cfg := testConfig(t)
	cfg.TxnLogSizeLimit = 1000
	s := startServer(t, cfg)
	c := openSession(t, s)
	for range 10 {
		c.mustCall(opSetData, setDataBody("/", strings.Repeat("x", 300), -1))
	}
	s.Close()
	if logs, _ := filesByZxid(s.storage.logDir, logPrefix); len(logs) < 2 {
		t.Errorf("%d log files", len(logs))
	}
}

func TestReplayOverANewerSnapshot(t *testing.T) {
	// A fuzzy snapshot, as Apache ZooKeeper writes it, may show effects of
	// transactions behind the zxid in its name; replaying them changes nothing.
	cfg := testConfig(t)
	s := startServer(t, cfg)
	writeHistory(t, s)
	c := openSession(t, s)
	c.create("/parent", "")
	c.create("/parent/x", "")
	c.mustCall(opDelete, versionBody("/parent/x", -1))
	c.mustCall(opDelete, versionBody("/parent", -1))
	c.create("/parent", "")
	c.create("/parent/x", "")
	want, zxid := contents(s), s.lastZxid()
	s.Close()
	newest := New(cfg, quietLog)
	if err := newest.load(); err != nil {
		t.Fatal(err)
	}
	img := takeImage(newest.tree, newest.sessions)
	if err := newest.storage.close(); err != nil {
		t.Fatal(err)
	}
	for from := range zxid + 1 {
		dir := copyDir(t, cfg.DataDir)
		removeSnapshotsExceptFirst(t, dir)
		img.zxid = from
		if err := img.save(img.file(filepath.Join(dir, versionDirectory)), false); err != nil {
			t.Fatal(err)
		}
		replayed := *cfg
		replayed.DataDir = dir
		r := New(&replayed, quietLog)
		if err := r.load(); err != nil {
			t.Fatal(err)
		}
		if got := contents(r); !maps.Equal(got, want) {
			t.Errorf("replayed from %d:\n got %v\nwant %v", from, got, want)
		}
		if r.tree.nodeCount != len(want)-1 {
			t.Errorf("replayed from %d: counts %d nodes of %d", from, r.tree.nodeCount, len(want)-1)
		}
		if err := r.storage.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnknownACLOfASnapshotComesFromTheLog(t *testing.T) {
	tree := newDataTree()
	n := &node{name: "n", acl: tree.acls.acquire(closedACL)}
	tree.link(tree.root, n, "/n")
	tree.unresolved[n] = struct{}{}
	want := []aclItem{{permRead, authID{schemeIP, "10.0.0.1"}}}
	tree.apply(&txnHeader{zxid: 5}, &txn{op: opCreate, path: "/n", acl: want, parentCVersion: 1})
	if !slices.Equal(n.acl.acl, want) || len(tree.unresolved) != 0 {
		t.Errorf("ACL %v", n.acl.acl)
	}
}

func TestDataDirectoryIsLocked(t *testing.T) {
	cfg := testConfig(t)
	startServer(t, cfg)
	if err := New(cfg, quietLog).Start(); !errors.Is(err, ErrDatadir) {
		t.Errorf("second server on the directory: %v", err)
	}
}

func TestMixedUpDirectoriesAreRefused(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	openSession(t, s)
	s.Close()
	cfg.DataLogDir, cfg.DataDir = cfg.DataDir, t.TempDir()
	if err := New(cfg, quietLog).Start(); !errors.Is(err, ErrDatadir) {
		t.Errorf("snapshots in the log directory: %v", err)
	}
	cfg.DataDir, cfg.DatadirAutocreate, cfg.DataLogDir = filepath.Join(t.TempDir(), "none"), false, ""
	if err := New(cfg, quietLog).Start(); !errors.Is(err, ErrDatadir) {
		t.Errorf("missing directory: %v", err)
	}
}

func TestSeparateLogDirectory(t *testing.T) {
	cfg := testConfig(t)
	cfg.DataLogDir = t.TempDir()
	s := startServer(t, cfg)
	openSession(t, s).create("/a", "")
	s.Close()
	s = startServer(t, cfg)
	if s.tree.lookup("/a") == nil {
		t.Error("node is gone")
	}
}

func TestConcurrentWritesShareAnFsync(t *testing.T) {
	log := txnLog{dir: t.TempDir(), forceSync: true, preAlloc: 1 << 16}
	var batch logBatch
	for zxid := range int64(3) {
		batch.appendEntry(&txnHeader{zxid: zxid + 1, op: opDelete}, &txn{op: opDelete, path: "/x"})
	}
	if err := log.write([]*logBatch{&batch}); err != nil {
		t.Fatal(err)
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	var zxids []int64
	if _, err := readLog(filepath.Join(log.dir, "log.1"), func(h *txnHeader, _ *txn) bool {
		zxids = append(zxids, h.zxid)
		return true
	}); err != nil || !slices.Equal(zxids, []int64{1, 2, 3}) {
		t.Errorf("zxids %v, %v", zxids, err)
	}
}

func TestUnwritableLogStopsTheServer(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	s.storage.log.file.Close()
	c.sendRequest(opCreate, createBody("/a", "", 0))
	<-s.Failed()
	if s.Err() == nil {
		t.Error("no error")
	}
	if err := s.Close(); err == nil {
		t.Error("Close hides the failure")
	}
	if _, err := c.tryReceive(); err == nil {
		t.Error("a write that is not durable was answered")
	}
}

func TestLogReaderStopsAtPadding(t *testing.T) {
	var batch logBatch
	batch.appendEntry(&txnHeader{zxid: 1, op: opError}, &txn{op: opError})
	header := encoder{}
	header.Int32(txnLogMagic)
	header.Int32(fileVersion)
	header.Int64(0)
	file := append(append(header.Buf, batch.buf...), make([]byte, 100)...)
	r, err := newLogReader(bytes.NewReader(file), "log", int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.next(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.next(); err != io.EOF {
		t.Errorf("behind the last entry: %v", err)
	}
}

func TestUnknownTransactionIsNotCutOff(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	openSession(t, s)
	s.Close()
	removeSnapshotsExceptFirst(t, cfg.DataDir)
	path := theLog(t, cfg.DataDir)
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var batch logBatch
	batch.appendEntry(&txnHeader{zxid: 2, op: 77}, &txn{op: 77})
	if _, err := file.Write(batch.buf); err != nil {
		t.Fatal(err)
	}
	file.Close()
	if err := New(cfg, quietLog).Start(); err == nil || !strings.Contains(err.Error(), "cannot be understood") {
		t.Errorf("start: %v", err)
	}
}

func TestUnwritableSnapshotStopsTheServer(t *testing.T) {
	cfg := testConfig(t)
	cfg.DataLogDir = t.TempDir()
	cfg.SnapCount = 2
	s := startServer(t, cfg)
	c := openSession(t, s)
	if err := os.RemoveAll(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		c.sendRequest(opSetData, setDataBody("/", "", -1))
	}
	<-s.Failed()
	if err := s.Close(); !errors.Is(err, ErrSnapshot) {
		t.Errorf("Close: %v", err)
	}
}
