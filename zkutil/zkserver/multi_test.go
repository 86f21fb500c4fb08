package zkserver

import (
	"slices"
	"testing"
)

// multiPart is an operation of a multi request.
type multiPart struct {
	op   int32
	body func(*encoder)
}

func multiBody(parts ...multiPart) func(*encoder) {
	return func(e *encoder) {
		for _, part := range parts {
			e.multiHeader(part.op, false, -1)
			part.body(e)
		}
		e.multiHeader(-1, true, -1)
	}
}

// multiErrors reads the answer to a multi that failed.
func multiErrors(t *testing.T, r rawReply) []Code {
	t.Helper()
	var codes []Code
	for {
		op, done := r.body.Int32(), r.body.Boolean()
		code := Code(r.body.Int32())
		if done {
			return codes
		}
		if op != opError || Code(r.body.Int32()) != code || r.body.Err != nil {
			t.Fatalf("entry of type %d", op)
		}
		codes = append(codes, code)
	}
}

func TestMultiSeesItsOwnEffects(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	before := s.lastZxid()
	r := c.mustCall(opMulti, multiBody(
		multiPart{opCreate, createBody("/m", "", flagEphemeral)},
		multiPart{opSetData, setDataBody("/m", "data", 0)},
		multiPart{opCheck, versionBody("/m", 1)},
		multiPart{opCreate2, createBody("/m2", "", 0)},
		multiPart{opDelete, versionBody("/m2", 0)},
	))
	if r.zxid != before+1 {
		t.Errorf("zxid %d, want one for all: %d", r.zxid, before+1)
	}
	d := &r.body
	if d.Int32() != opCreate || d.Boolean() || d.Int32() != 0 || d.Text() != "/m" {
		t.Error("result of create")
	}
	d.Take(9)
	if st := d.stat(); st.version != 1 || st.czxid != r.zxid || st.mzxid != r.zxid || st.ephemeralOwner != c.sessionID {
		t.Errorf("result of setData %+v", st)
	}
	if d.Int32() != opCheck || d.Boolean() || d.Int32() != 0 {
		t.Error("result of check")
	}
	if d.Int32() != opCreate2 || d.Boolean() || d.Int32() != 0 || d.Text() != "/m2" || d.stat().czxid != r.zxid {
		t.Error("result of create2")
	}
	if d.Int32() != opDelete || d.Boolean() || d.Int32() != 0 || d.Int32() != -1 || !d.Boolean() || d.Int32() != -1 || len(d.Buf) != 0 {
		t.Error("end of the results")
	}
}

func TestFailedMultiChangesNothing(t *testing.T) {
	cfg := testConfig(t)
	s := startServer(t, cfg)
	c := openSession(t, s)
	c.create("/a", "old")
	c.create("/a/child", "")
	acl := func(e *encoder) {
		e.Text("/a/child")
		e.acl([]aclItem{{permAll, authID{schemeIP, "127.0.0.1"}}})
		e.Int32(-1)
	}
	c.mustCall(opSetACL, acl)
	before, bytes := c.stat("/a"), s.tree.dataBytes
	for _, watch := range []string{"/a", "/a/x"} {
		c.call(opExists, pathBody(watch, true))
	}
	r := c.mustCall(opMulti, multiBody(
		multiPart{opCreate, createBody("/a/x", "", flagPersistentSequential)},
		multiPart{opSetData, setDataBody("/a", "new", 0)},
		multiPart{opDelete, versionBody("/a/child", -1)},
		multiPart{opCreate, createBody("/a/child", "", flagEphemeral)},
		multiPart{opCheck, versionBody("/a", 7)},
		multiPart{opDelete, versionBody("/a", -1)},
	))
	want := []Code{0, 0, 0, 0, CodeBadVersion, CodeRuntimeInconsistency}
	if got := multiErrors(t, r); !slices.Equal(got, want) {
		t.Errorf("errors %v, want %v", got, want)
	}
	if after := c.stat("/a"); after != before || s.tree.dataBytes != bytes {
		t.Errorf("after %+v, before %+v", after, before)
	}
	if len(c.events) != 0 || len(s.tree.ephemerals) != 0 {
		t.Errorf("events %v, ephemerals %v", c.events, s.tree.ephemerals)
	}
	if got := s.tree.lookup("/a/child").acl.acl[0].scheme; got != schemeIP {
		t.Errorf("ACL scheme %q", got)
	}
	s.Close()
	s = startServer(t, cfg)
	if after := openSession(t, s).stat("/a"); after != before {
		t.Errorf("after restart %+v, before %+v", after, before)
	}
}

func TestEmptyAndUndecodableMultis(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	before := s.lastZxid()
	if r := c.mustCall(opMulti, multiBody()); r.zxid != before+1 {
		t.Errorf("an empty multi takes a zxid: %d", r.zxid)
	}
	for name, body := range map[string]func(*encoder){
		"truncated": func(e *encoder) { e.multiHeader(opCreate, false, -1) },
		"read":      multiBody(multiPart{opGetData, pathBody("/", false)}),
		"no end":    func(*encoder) {},
	} {
		if r := c.call(opMulti, body); r.err != CodeMarshallingError {
			t.Errorf("%s: %v", name, r.err)
		}
	}
}

func TestMultiRead(t *testing.T) {
	c := openSession(t, startServer(t, testConfig(t)))
	c.create("/a", "data")
	r := c.mustCall(opMultiRead, multiBody(
		multiPart{opGetData, pathBody("/a", false)},
		multiPart{opGetData, pathBody("/none", false)},
		multiPart{opGetChildren, pathBody("/zookeeper", false)},
	))
	d := &r.body
	if d.Int32() != opGetData || d.Boolean() || d.Int32() != 0 || d.Text() != "data" || d.stat().dataLength != 4 {
		t.Error("getData")
	}
	if d.Int32() != opError || d.Boolean() || Code(d.Int32()) != CodeNoNode || Code(d.Int32()) != CodeNoNode {
		t.Error("getData of a missing node")
	}
	if d.Int32() != opGetChildren || d.Boolean() || d.Int32() != 0 || len(d.Strings()) != 2 {
		t.Error("getChildren")
	}
	if r := c.call(opMultiRead, multiBody(multiPart{opDelete, versionBody("/a", -1)})); r.err != CodeMarshallingError {
		t.Errorf("write in a multiRead: %v", r.err)
	}
}
