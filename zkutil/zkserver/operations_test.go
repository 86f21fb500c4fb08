package zkserver

import (
	"fmt"
	"slices"
	"testing"
)

func TestErrorsOfWrites(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	c.create("/a", "")
	c.create("/a/b", "")
	c.mustCall(opCreate, createBody("/e", "", flagEphemeral))
	c.create("/v", "")
	c.mustCall(opSetData, setDataBody("/v", "x", 0))
	create := func(path string, flags int32) func(*encoder) { return createBody(path, "", flags) }
	tests := []struct {
		name string
		op   int32
		body func(*encoder)
		want Code
	}{
		{"create existing", opCreate, create("/a", 0), CodeNodeExists},
		{"create root", opCreate, create("/", 0), CodeNodeExists},
		{"create without parent", opCreate, create("/x/y", 0), CodeNoNode},
		{"create below ephemeral", opCreate, create("/e/x", 0), CodeNoChildrenForEphemerals},
		{"create relative", opCreate, create("a", 0), CodeBadArguments},
		{"create relative with parent", opCreate, create("a/b", 0), CodeNoNode},
		{"create with final slash", opCreate, create("/a/", 0), CodeBadArguments},
		{"create dots", opCreate, create("/a/..", 0), CodeBadArguments},
		{"create NUL", opCreate, create("/a\x00", 0), CodeBadArguments},
		{"create emoji", opCreate, create("/\U0001F600", 0), CodeBadArguments},
		{"create bad UTF-8", opCreate, create("/\xff", 0), CodeBadArguments},
		{"create bad flags", opCreate, create("/x", 7), CodeBadArguments},
		{"create TTL while off", opCreate, create("/x", flagTTL), CodeUnimplemented},
		{"create without ACL", opCreate, func(e *encoder) {
			e.Text("/x")
			e.Buffer(nil)
			e.Int32(-1)
			e.Int32(0)
		}, CodeInvalidACL},
		{"createTTL without TTL flag", opCreateTTL, func(e *encoder) {
			createBody("/x", "", 0)(e)
			e.Int64(-1)
		}, CodeBadArguments},
		{"create null path", opCreate, func(e *encoder) { e.Int32(-1) }, CodeMarshallingError},
		{"create truncated", opCreate, func(e *encoder) { e.Text("/x") }, CodeMarshallingError},
		{"delete missing", opDelete, versionBody("/x", -1), CodeNoNode},
		{"delete version", opDelete, versionBody("/v", 0), CodeBadVersion},
		{"delete odd version", opDelete, versionBody("/v", -2), CodeBadVersion},
		{"delete not empty", opDelete, versionBody("/a", -1), CodeNotEmpty},
		{"delete version before children", opDelete, versionBody("/a", 5), CodeBadVersion},
		{"delete root", opDelete, versionBody("/", -1), CodeBadArguments},
		{"delete fixed", opDelete, versionBody("/zookeeper/quota", -1), CodeBadArguments},
		{"setData missing", opSetData, setDataBody("/x", "", -1), CodeNoNode},
		{"setData version", opSetData, setDataBody("/v", "", 0), CodeBadVersion},
		{"setData bad path", opSetData, setDataBody("/v/", "", 0), CodeBadArguments},
		{"check alone", opCheck, versionBody("/v", 1), CodeUnimplemented},
		{"reconfig", opReconfig, nil, CodeReconfigDisabled},
	}
	for _, test := range tests {
		before := s.lastZxid()
		if r := c.call(test.op, test.body); r.err != test.want {
			t.Errorf("%s: %v, want %v", test.name, r.err, test.want)
		} else if r.zxid != before+1 {
			t.Errorf("%s: zxid %d, want %d: failures take one", test.name, r.zxid, before+1)
		}
	}
}

func (s *Server) lastZxid() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tree.lastZxid
}

func TestErrorsOfReads(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	for _, path := range []string{"/x", "a", "/zookeeper/", "//zookeeper"} {
		for _, op := range []int32{opGetData, opGetChildren, opGetChildren2, opExists} {
			if r := c.call(op, pathBody(path, true)); r.err != CodeNoNode {
				t.Errorf("operation %d on %q: %v", op, path, r.err)
			}
		}
	}
	if r := c.call(opExists, pathBody("/\x00", false)); r.err != CodeBadArguments {
		t.Errorf("exists with NUL: %v", r.err)
	}
	if r := c.call(opCheckWatches, versionBody("/none", watcherAny)); r.err != CodeNoWatcher {
		t.Errorf("checkWatches: %v", r.err)
	}
	if r := c.call(opAddWatch, versionBody("/", 2)); r.err != CodeMarshallingError {
		t.Errorf("addWatch of bad mode: %v", r.err)
	}
	if r := c.call(opCreateSession, nil); r.err != CodeMarshallingError {
		t.Errorf("createSession: %v", r.err)
	}
}

func TestUnknownOperationIsAnsweredAndEndsTheConnection(t *testing.T) {
	s := startServer(t, testConfig(t))
	for _, op := range []int32{0, 10, -1, 999} {
		c := openSession(t, s)
		if r := c.call(op, nil); r.err != CodeUnimplemented || r.zxid != -1 {
			t.Errorf("operation %d: %v, zxid %d", op, r.err, r.zxid)
		}
		if !c.closed() {
			t.Errorf("operation %d: connection is open", op)
		}
	}
}

func TestStatFields(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	if got, want := c.stat("/"), (stat{cversion: -1, numChildren: 1}); got != want {
		t.Errorf("fresh root %+v, want %+v", got, want)
	}
	if got := c.stat("/zookeeper/config"); got.aversion != -1 {
		t.Errorf("config %+v", got)
	}
	created := c.create("/p", "abc").zxid
	p := c.stat("/p")
	if p.czxid != created || p.mzxid != created || p.pzxid != created || p.ctime == 0 || p.ctime != p.mtime || p.dataLength != 3 {
		t.Errorf("created %+v", p)
	}
	set := c.mustCall(opSetData, setDataBody("/p", "abc", 0)).zxid
	child := c.create("/p/c", "").zxid
	if p = c.stat("/p"); p.mzxid != set || p.version != 1 || p.cversion != 1 || p.pzxid != child || p.numChildren != 1 {
		t.Errorf("after set and child %+v", p)
	}
	gone := c.mustCall(opDelete, versionBody("/p/c", -1)).zxid
	if p = c.stat("/p"); p.cversion != 2 || p.pzxid != gone || p.numChildren != 0 || p.mzxid != set {
		t.Errorf("after delete of the child %+v", p)
	}
	c.mustCall(opSetACL, func(e *encoder) {
		e.Text("/p")
		e.acl(openACL)
		e.Int32(0)
	})
	if p = c.stat("/p"); p.aversion != 1 || p.mzxid != set {
		t.Errorf("after setACL %+v", p)
	}
}

func TestNullDataStaysNull(t *testing.T) {
	c := openSession(t, startServer(t, testConfig(t)))
	c.mustCall(opCreate, func(e *encoder) {
		e.Text("/n")
		e.Buffer(nil)
		e.acl(openACL)
		e.Int32(0)
	})
	c.create("/empty", "")
	for path, want := range map[string]int32{"/n": -1, "/empty": 0} {
		r := c.mustCall(opGetData, pathBody(path, false))
		if got := r.body.Int32(); got != want {
			t.Errorf("%s: length %d, want %d", path, got, want)
		}
	}
}

func TestSequentialNames(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	c := openSession(t, s)
	c.create("/q", "")
	name := func(path string) string {
		r := c.mustCall(opCreate, createBody(path, "", flagPersistentSequential))
		return r.body.Text()
	}
	if got := name("/q/n-"); got != "/q/n-0000000000" {
		t.Errorf("first: %s", got)
	}
	c.create("/q/plain", "")
	c.mustCall(opDelete, versionBody("/q/plain", -1))
	c.call(opCreate, createBody("/q/n-0000000000", "", 0))
	if got := name("/q/"); got != "/q/0000000002" {
		t.Errorf("every creation counts, deletions and failures do not: %s", got)
	}
	s.Close()
	s = startServer(t, cfg)
	c = openSession(t, s)
	if got := name("/q/n-"); got != "/q/n-0000000003" {
		t.Errorf("after restart: %s", got)
	}
	if got := sequenceSuffix(-1 << 31); got != "-2147483648" {
		t.Errorf("wrapped: %s", got)
	}
}

func TestContainersAndTTLNodesEnd(t *testing.T) {
	cfg := testConfig(t)
	cfg.ExtendedTypesEnabled = true
	s := startServer(t, cfg)
	c := openSession(t, s)
	c.mustCall(opCreateContainer, createBody("/used", "", flagContainer))
	c.mustCall(opCreateContainer, createBody("/unused", "", flagContainer))
	c.create("/used/child", "")
	c.mustCall(opDelete, versionBody("/used/child", -1))
	c.mustCall(opCreateTTL, func(e *encoder) {
		createBody("/ttl", "", flagTTL)(e)
		e.Int64(50)
	})
	if owner := c.stat("/ttl").ephemeralOwner; owner != 0 {
		t.Errorf("owner of a TTL node shows: %x", owner)
	}
	c.mustCall(opExists, pathBody("/used", true))
	s.mu.Lock()
	s.deleteTransient(s.tree.lookup("/ttl").mtime + 51)
	s.mu.Unlock()
	for path, want := range map[string]Code{"/used": CodeNoNode, "/unused": CodeOK, "/ttl": CodeNoNode} {
		if r := c.call(opExists, pathBody(path, false)); r.err != want {
			t.Errorf("%s: %v, want %v", path, r.err, want)
		}
	}
	if !slices.Equal(c.events, []rawEvent{{eventNodeDeleted, "/used"}}) {
		t.Errorf("events %v", c.events)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	cfg := testConfig(t)
	cfg.ForceSync = true
	cfg.GlobalOutstandingLimit = 10
	c := openSession(t, startServer(t, cfg))
	c.create("/a", "")
	const count = 200
	go func() {
		for i := range count {
			if i%2 == 0 {
				c.sendRequest(opSetData, setDataBody("/a", fmt.Sprint(i), -1))
			} else {
				c.sendRequest(opGetData, pathBody("/a", false))
			}
		}
	}()
	for i := range count {
		r := c.reply()
		if want := int32(i + 2); r.xid != want || r.err != CodeOK {
			t.Fatalf("reply %d: xid %d, want %d, %v", i, r.xid, want, r.err)
		}
		if i%2 == 1 {
			if got := r.body.Text(); got != fmt.Sprint(i-1) {
				t.Fatalf("read %q behind the write of %d", got, i-1)
			}
		}
	}
}

func TestPingAnswersItsOwnXid(t *testing.T) {
	c := openSession(t, startServer(t, testConfig(t)))
	c.sendRequest(opPing, nil)
	if r := c.reply(); r.xid != xidPing || r.err != CodeOK {
		t.Errorf("ping: xid %d, %v", r.xid, r.err)
	}
}

func TestSmallReads(t *testing.T) {
	c := openSession(t, startServer(t, testConfig(t)))
	c.create("/a", "")
	c.create("/a/b", "")
	c.mustCall(opCreate, createBody("/a/e", "", flagEphemeral))
	r := c.mustCall(opGetAllChildrenNumber, pathBody("/a", false))
	if n := r.body.Int32(); n != 2 {
		t.Errorf("%d children", n)
	}
	r = c.mustCall(opGetEphemerals, func(e *encoder) { e.Text("/") })
	if got := r.body.Strings(); !slices.Equal(got, []string{"/a/e"}) {
		t.Errorf("ephemerals %v", got)
	}
	r = c.mustCall(opSync, func(e *encoder) { e.Text("/nowhere") })
	if got := r.body.Text(); got != "/nowhere" {
		t.Errorf("sync answered %q", got)
	}
	r = c.mustCall(opGetChildren2, pathBody("/a", false))
	names := r.body.Strings()
	slices.Sort(names)
	if st := r.body.stat(); !slices.Equal(names, []string{"b", "e"}) || st.numChildren != 2 {
		t.Errorf("children %v, %+v", names, st)
	}
	r = c.mustCall(opSASL, func(e *encoder) { e.Buffer([]byte("token")) })
	if n := r.body.Int32(); n != -1 || r.zxid != 0 {
		t.Errorf("sasl without a mechanism: token %d, zxid %d", n, r.zxid)
	}
}

func TestManyChildren(t *testing.T) {
	var set childSet
	for i := range 3 * smallChildren {
		set.add(&node{name: fmt.Sprint(i)})
	}
	for i := range 3 * smallChildren {
		if n := set.get(fmt.Sprint(i)); n == nil || set.len() != 3*smallChildren-i {
			t.Fatalf("child %d: %v of %d", i, n, set.len())
		}
		set.remove(fmt.Sprint(i))
	}
	if set.len() != 0 || set.get("1") != nil {
		t.Error("children are left")
	}
}
