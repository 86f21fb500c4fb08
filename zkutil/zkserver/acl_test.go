package zkserver

import (
	"slices"
	"testing"
)

func authBody(scheme, auth string) func(*encoder) {
	return func(e *encoder) {
		e.Int32(0)
		e.Text(scheme)
		e.Buffer([]byte(auth))
	}
}

func createWithACL(path string, items ...aclItem) func(*encoder) {
	return func(e *encoder) {
		e.Text(path)
		e.Buffer(nil)
		e.acl(items)
		e.Int32(0)
	}
}

func TestDigestIsZooKeepers(t *testing.T) {
	if got := digestOf([]byte("super:test")); got != "super:D/InIHSb7yEEbrWz8b9l71RjZJU=" {
		t.Errorf("digest %s", got)
	}
}

func TestPermissionsOfEachOperation(t *testing.T) {
	s := startServer(t, testConfig(t))
	owner, stranger := openSession(t, s), openSession(t, s)
	owner.mustCall(opAuth, authBody(schemeDigest, "u:p"))
	owner.mustCall(opCreate, createWithACL("/n", aclItem{permAll, authID{schemeAuth, ""}}))
	owner.create("/n/child", "")
	calls := map[string]struct {
		op   int32
		body func(*encoder)
	}{
		"create":      {opCreate, createBody("/n/x", "", 0)},
		"delete":      {opDelete, versionBody("/n/child", -1)},
		"setData":     {opSetData, setDataBody("/n", "", -1)},
		"getData":     {opGetData, pathBody("/n", false)},
		"getChildren": {opGetChildren, pathBody("/n", false)},
		"getACL":      {opGetACL, pathBody("/n", false)},
		"count":       {opGetAllChildrenNumber, pathBody("/n", false)},
		"setACL": {opSetACL, func(e *encoder) {
			e.Text("/n")
			e.acl(openACL)
			e.Int32(-1)
		}},
	}
	for name, call := range calls {
		if r := stranger.call(call.op, call.body); r.err != CodeNoAuth {
			t.Errorf("%s by a stranger: %v", name, r.err)
		}
	}
	stranger.mustCall(opExists, pathBody("/n", false))
	r := stranger.mustCall(opMulti, multiBody(multiPart{opCheck, versionBody("/n", -1)}))
	if got := multiErrors(t, r); !slices.Equal(got, []Code{CodeNoAuth}) {
		t.Errorf("check by a stranger: %v", got)
	}
	for _, name := range []string{"create", "delete", "setData", "getData", "getChildren", "getACL", "count", "setACL"} {
		if r := owner.call(calls[name].op, calls[name].body); r.err != CodeOK {
			t.Errorf("%s by the owner: %v", name, r.err)
		}
	}
}

func TestGetACLHidesDigestsFromOthers(t *testing.T) {
	s := startServer(t, testConfig(t))
	owner, reader := openSession(t, s), openSession(t, s)
	owner.mustCall(opAuth, authBody(schemeDigest, "u:p"))
	owner.mustCall(opCreate, createWithACL("/n", aclItem{permAll, authID{schemeAuth, ""}},
		aclItem{permRead, authID{schemeWorld, "anyone"}}))
	for _, test := range []struct {
		c    *rawClient
		want string
	}{{owner, digestOf([]byte("u:p"))}, {reader, "u:x"}} {
		r := test.c.mustCall(opGetACL, pathBody("/n", false))
		if got := r.body.acl(); len(got) != 2 || got[0].id != test.want {
			t.Errorf("ACL %v, want %s", got, test.want)
		}
	}
}

func TestSuperUserBypassesACLs(t *testing.T) {
	cfg := testConfig(t)
	cfg.SuperDigest = digestOf([]byte("super:test"))
	s := startServer(t, cfg)
	c, super := openSession(t, s), openSession(t, s)
	c.mustCall(opCreate, createWithACL("/n", aclItem{0, authID{schemeWorld, "anyone"}}))
	if r := c.call(opGetData, pathBody("/n", false)); r.err != CodeNoAuth {
		t.Errorf("before: %v", r.err)
	}
	super.mustCall(opAuth, authBody(schemeDigest, "super:test"))
	super.mustCall(opGetData, pathBody("/n", false))
	r := super.mustCall(opWhoAmI, nil)
	if n := r.body.Int32(); n != 3 {
		t.Errorf("%d identities", n)
	}
}

func TestSkipACL(t *testing.T) {
	cfg := testConfig(t)
	cfg.SkipACL = true
	c := openSession(t, startServer(t, cfg))
	c.mustCall(opCreate, createWithACL("/n", aclItem{0, authID{schemeWorld, "anyone"}}))
	c.mustCall(opGetData, pathBody("/n", false))
}

func TestFailedAuthenticationEndsTheConnection(t *testing.T) {
	s := startServer(t, testConfig(t))
	for _, body := range []func(*encoder){authBody("nonsense", "x"), authBody(schemeSASL, "x"), func(e *encoder) {
		e.Int32(0)
		e.Text(schemeDigest)
		e.Buffer(nil)
	}} {
		c := openSession(t, s)
		if r := c.call(opAuth, body); r.err != CodeAuthFailed || r.zxid != 0 {
			t.Errorf("%v, zxid %d", r.err, r.zxid)
		}
		if !c.closed() {
			t.Error("connection is open")
		}
	}
}

func TestFixupACL(t *testing.T) {
	world, digest := authID{schemeWorld, "anyone"}, authID{schemeDigest, "u:hash="}
	tests := []struct {
		name string
		acl  []aclItem
		want []aclItem
	}{
		{"duplicates", []aclItem{{1, world}, {1, world}, {2, world}}, []aclItem{{1, world}, {2, world}}},
		{"auth", []aclItem{{31, authID{schemeAuth, "x"}}}, []aclItem{{31, digest}}},
		{"ip", []aclItem{{1, authID{schemeIP, "10.0.0.0/8"}}}, []aclItem{{1, authID{schemeIP, "10.0.0.0/8"}}}},
		{"sasl", []aclItem{{1, authID{schemeSASL, "kafka/host@REALM"}}}, []aclItem{{1, authID{schemeSASL, "kafka/host@REALM"}}}},
		{"world nobody", []aclItem{{1, authID{schemeWorld, "nobody"}}}, nil},
		{"ip v6", []aclItem{{1, authID{schemeIP, "::1"}}}, nil},
		{"ip bits", []aclItem{{1, authID{schemeIP, "10.0.0.0/33"}}}, nil},
		{"digest without hash", []aclItem{{1, authID{schemeDigest, "u:"}}}, nil},
		{"digest of three parts", []aclItem{{1, authID{schemeDigest, "u:h:x"}}}, nil},
		{"super", []aclItem{{1, authID{schemeSuper, "x"}}}, nil},
		{"unknown", []aclItem{{1, authID{"other", "x"}}}, nil},
		{"empty", nil, nil},
	}
	for _, test := range tests {
		got, err := fixupACL(test.acl, []authID{{schemeIP, "127.0.0.1"}, digest})
		if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
			t.Errorf("%s: %v, %v", test.name, got, err)
		}
	}
	if _, err := fixupACL([]aclItem{{1, authID{schemeAuth, ""}}}, []authID{{schemeIP, "127.0.0.1"}}); err != CodeInvalidACL {
		t.Errorf("auth without an identity: %v", err)
	}
}

func TestIPMatches(t *testing.T) {
	tests := []struct {
		address, expression string
		want                bool
	}{
		{"10.1.2.3", "10.1.2.3", true},
		{"10.1.2.3", "10.1.2.4", false},
		{"10.1.2.3", "10.1.0.0/16", true},
		{"10.2.2.3", "10.1.0.0/16", false},
		{"10.2.2.3", "0.0.0.0/0", true},
		{"::1", "0.0.0.0/0", false},
		{"10.1.2.3", "nonsense", false},
	}
	for _, test := range tests {
		if got := ipMatches(test.address, test.expression); got != test.want {
			t.Errorf("%s in %s: %t", test.address, test.expression, got)
		}
	}
}

func TestACLCacheCountsUses(t *testing.T) {
	c := newACLCache()
	list := []aclItem{{1, authID{schemeIP, "10.0.0.1"}}}
	first, second := c.acquire(list), c.acquire(slices.Clone(list))
	if first != second || first.id != 1 {
		t.Errorf("%p and %p, number %d", first, second, first.id)
	}
	c.release(first)
	c.release(second)
	if len(c.byKey) != 1 {
		t.Errorf("%d entries are left", len(c.byKey))
	}
	if next := c.acquire(list); next.id != 2 {
		t.Errorf("a number was used again: %d", next.id)
	}
}
