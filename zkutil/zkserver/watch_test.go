package zkserver

import (
	"slices"
	"testing"
)

// expectEvents asks for one more reply, so that all events before it are in, and
// compares them.
func (c *rawClient) expectEvents(t *testing.T, want ...rawEvent) {
	t.Helper()
	c.mustCall(opKeepAlive, pathBody("/", false))
	if !slices.Equal(c.events, want) {
		t.Errorf("events %v, want %v", c.events, want)
	}
	c.events = nil
}

func TestWatchesFireOnceAndInOrder(t *testing.T) {
	s := startServer(t, testConfig(t))
	c, w := openSession(t, s), openSession(t, s)
	w.call(opExists, pathBody("/a", true))
	w.mustCall(opGetChildren, pathBody("/", true))
	c.create("/a", "")
	w.expectEvents(t, rawEvent{eventNodeCreated, "/a"}, rawEvent{eventNodeChildrenChanged, "/"})
	c.mustCall(opSetData, setDataBody("/a", "", -1))
	w.expectEvents(t)

	w.mustCall(opGetData, pathBody("/a", true))
	w.mustCall(opGetData, pathBody("/a", true))
	c.mustCall(opSetData, setDataBody("/a", "", -1))
	w.expectEvents(t, rawEvent{eventNodeDataChanged, "/a"})

	w.mustCall(opGetData, pathBody("/a", true))
	w.mustCall(opGetChildren2, pathBody("/a", true))
	w.mustCall(opGetChildren2, pathBody("/", true))
	c.create("/a/b", "")
	w.expectEvents(t, rawEvent{eventNodeChildrenChanged, "/a"})
	w.mustCall(opGetChildren2, pathBody("/a", true))
	c.mustCall(opDelete, versionBody("/a/b", -1))
	w.mustCall(opGetChildren2, pathBody("/a", true))
	c.mustCall(opDelete, versionBody("/a", -1))
	w.expectEvents(t, rawEvent{eventNodeChildrenChanged, "/a"},
		rawEvent{eventNodeDeleted, "/a"}, rawEvent{eventNodeChildrenChanged, "/"})
	if total := s.watches.total(); total != 0 {
		t.Errorf("%d watches are left", total)
	}
}

func TestReadsOfMissingNodesSetNoWatch(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	c.call(opGetData, pathBody("/a", true))
	c.call(opGetChildren, pathBody("/a", true))
	c.create("/a", "")
	c.expectEvents(t)
}

func TestOwnEventComesBeforeTheReply(t *testing.T) {
	c := openSession(t, startServer(t, testConfig(t)))
	c.call(opExists, pathBody("/a", true))
	c.create("/a", "")
	if !slices.Equal(c.events, []rawEvent{{eventNodeCreated, "/a"}}) {
		t.Errorf("events before the reply: %v", c.events)
	}
}

func TestMultiFiresItsEventsInOrder(t *testing.T) {
	c := openSession(t, startServer(t, testConfig(t)))
	c.call(opExists, pathBody("/a", true))
	c.mustCall(opMulti, multiBody(
		multiPart{opCreate, createBody("/a", "", 0)},
		multiPart{opSetData, setDataBody("/a", "", 0)}))
	c.expectEvents(t, rawEvent{eventNodeCreated, "/a"})
	c.mustCall(opAddWatch, versionBody("/a", addWatchPersistent))
	c.mustCall(opMulti, multiBody(
		multiPart{opSetData, setDataBody("/a", "", 1)},
		multiPart{opDelete, versionBody("/a", 2)}))
	c.expectEvents(t, rawEvent{eventNodeDataChanged, "/a"}, rawEvent{eventNodeDeleted, "/a"})
}

func TestPersistentWatches(t *testing.T) {
	s := startServer(t, testConfig(t))
	c, w, r := openSession(t, s), openSession(t, s), openSession(t, s)
	w.mustCall(opAddWatch, versionBody("/p", addWatchPersistent))
	r.mustCall(opAddWatch, versionBody("/", addWatchPersistentRecursive))
	c.create("/p", "")
	w.mustCall(opGetData, pathBody("/p", true))
	c.mustCall(opSetData, setDataBody("/p", "", -1))
	c.mustCall(opSetData, setDataBody("/p", "", -1))
	c.create("/p/c", "")
	c.mustCall(opSetData, setDataBody("/p/c", "", -1))
	c.mustCall(opDelete, versionBody("/p/c", -1))
	c.mustCall(opDelete, versionBody("/p", -1))
	w.expectEvents(t, rawEvent{eventNodeCreated, "/p"},
		rawEvent{eventNodeDataChanged, "/p"}, rawEvent{eventNodeDataChanged, "/p"},
		rawEvent{eventNodeChildrenChanged, "/p"}, rawEvent{eventNodeChildrenChanged, "/p"},
		rawEvent{eventNodeDeleted, "/p"})
	r.expectEvents(t, rawEvent{eventNodeCreated, "/p"},
		rawEvent{eventNodeDataChanged, "/p"}, rawEvent{eventNodeDataChanged, "/p"},
		rawEvent{eventNodeCreated, "/p/c"}, rawEvent{eventNodeDataChanged, "/p/c"},
		rawEvent{eventNodeDeleted, "/p/c"}, rawEvent{eventNodeDeleted, "/p"})

	if e := r.call(opCheckWatches, versionBody("/", watcherData)).err; e != CodeNoWatcher {
		t.Errorf("a recursive watch is no data watch: %v", e)
	}
	r.mustCall(opCheckWatches, versionBody("/", watcherPersistentRecursive))
	r.mustCall(opRemoveWatches, versionBody("/", watcherAny))
	w.mustCall(opRemoveWatches, versionBody("/p", watcherPersistent))
	if e := w.call(opRemoveWatches, versionBody("/p", watcherAny)).err; e != CodeNoWatcher {
		t.Errorf("removed twice: %v", e)
	}
	c.create("/p", "")
	w.expectEvents(t)
	r.expectEvents(t)
}

func TestWatchesAreSetAgainOnReconnect(t *testing.T) {
	s := startServer(t, testConfig(t))
	other, first := openSession(t, s), openSession(t, s)
	for _, path := range []string{"/changed", "/same", "/deleted", "/parent", "/quiet"} {
		other.create(path, "")
	}
	seen := s.lastZxid()
	first.conn.Close()
	other.mustCall(opSetData, setDataBody("/changed", "", -1))
	other.mustCall(opDelete, versionBody("/deleted", -1))
	other.create("/parent/child", "")
	other.create("/created", "")

	c := dialRaw(t, s.Addr())
	c.connect(first.sessionID, first.password, seen)
	r := c.call(opSetWatches2, func(e *encoder) {
		e.Int64(seen)
		e.Strings([]string{"/changed", "/same", "/deleted"})
		e.Strings([]string{"/created", "/missing"})
		e.Strings([]string{"/parent", "/quiet", "/deleted"})
		e.Strings([]string{"/persistent"})
		e.Strings([]string{"/recursive"})
	})
	if r.err != CodeOK {
		t.Fatal(r.err)
	}
	c.expectEvents(t, rawEvent{eventNodeDataChanged, "/changed"}, rawEvent{eventNodeDeleted, "/deleted"},
		rawEvent{eventNodeCreated, "/created"},
		rawEvent{eventNodeChildrenChanged, "/parent"}, rawEvent{eventNodeDeleted, "/deleted"})

	other.mustCall(opSetData, setDataBody("/changed", "", -1))
	other.mustCall(opSetData, setDataBody("/same", "", -1))
	other.create("/missing", "")
	other.create("/quiet/child", "")
	other.create("/persistent", "")
	other.create("/recursive", "")
	other.create("/recursive/child", "")
	c.expectEvents(t, rawEvent{eventNodeDataChanged, "/same"}, rawEvent{eventNodeCreated, "/missing"},
		rawEvent{eventNodeChildrenChanged, "/quiet"}, rawEvent{eventNodeCreated, "/persistent"},
		rawEvent{eventNodeCreated, "/recursive"}, rawEvent{eventNodeCreated, "/recursive/child"})
}

func TestWatchesGoWithTheConnection(t *testing.T) {
	s := startServer(t, testConfig(t))
	c := openSession(t, s)
	c.call(opExists, pathBody("/a", true))
	c.mustCall(opGetChildren, pathBody("/", true))
	c.mustCall(opAddWatch, versionBody("/", addWatchPersistentRecursive))
	c.mustCall(opCloseSession, nil)
	c.closed()
	s.mu.Lock()
	defer s.mu.Unlock()
	if total := s.watches.total(); total != 0 {
		t.Errorf("%d watches are left", total)
	}
}

func TestEventsNeedReadPermission(t *testing.T) {
	s := startServer(t, testConfig(t))
	owner, other := openSession(t, s), openSession(t, s)
	auth := func(e *encoder) {
		e.Int32(0)
		e.Text(schemeDigest)
		e.Buffer([]byte("owner:secret"))
	}
	owner.mustCall(opAuth, auth)
	for _, c := range []*rawClient{owner, other} {
		c.mustCall(opAddWatch, versionBody("/", addWatchPersistentRecursive))
	}
	owner.mustCall(opCreate, func(e *encoder) {
		e.Text("/secret")
		e.Buffer(nil)
		e.acl([]aclItem{{permAll, authID{schemeAuth, ""}}})
		e.Int32(0)
	})
	owner.mustCall(opDelete, versionBody("/secret", -1))
	owner.expectEvents(t, rawEvent{eventNodeCreated, "/secret"}, rawEvent{eventNodeDeleted, "/secret"})
	other.expectEvents(t)
}
