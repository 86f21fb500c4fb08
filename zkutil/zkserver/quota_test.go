package zkserver

import (
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"
)

// setQuota does what zookeeper-shell's setquota does.
func setQuota(t *testing.T, c *rawClient, path, limit string) {
	t.Helper()
	node := quotaPath
	for name := range strings.SplitSeq(path[1:], "/") {
		node += "/" + name
		c.mustCall(opCreate, createBody(node, "", 0))
	}
	c.mustCall(opCreate, createBody(QuotaLimitPath(path), limit, 0))
	c.mustCall(opCreate, createBody(QuotaStatPath(path), "count=0,bytes=0", 0))
}

func wantUsed(t *testing.T, c *rawClient, path, want string) {
	t.Helper()
	r := c.mustCall(opGetData, pathBody(QuotaStatPath(path), false))
	if got := string(r.body.Bytes()); got != want {
		t.Errorf("used of %s: %s, want %s", path, got, want)
	}
	if stat := r.body.stat(); stat.version != 0 || stat.czxid != stat.mzxid || int(stat.dataLength) != len(want) {
		t.Errorf("accounting shows in %+v", stat)
	}
}

func TestUseOfAQuotaIsAccounted(t *testing.T) {
	cfg := testConfig(t)
	logger, logged := test.NewNullLogger()
	s := New(cfg, func(name string) *logrus.Entry { return logger.WithField("logger", name) })
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	c := openSession(t, s)
	c.mustCall(opCreate, createBody("/a", "12345", 0))
	c.mustCall(opCreate, createBody("/a/b", "1", 0))
	c.mustCall(opCreate, createBody("/ab", "not below /a", 0))
	setQuota(t, c, "/a", "count=3,bytes=-1")
	wantUsed(t, c, "/a", "count=2,bytes=6")
	c.mustCall(opCreate, createBody("/a/b/c", "22", 0))
	c.mustCall(opSetData, setDataBody("/a", "1", -1))
	wantUsed(t, c, "/a", "count=3,bytes=4")
	c.mustCall(opCreate, createBody("/a/b/d", "", 0))
	if last := logged.LastEntry(); last.Message != "Quota exceeded: /a count=4 limit=3" || last.Data["logger"] != "org.apache.zookeeper.server.DataTree" {
		t.Errorf("%s (%s)", last.Message, last.Data["logger"])
	}
	c.mustCall(opDelete, versionBody("/a/b/d", -1))
	c.mustCall(opDelete, versionBody("/a/b/c", -1))
	wantUsed(t, c, "/a", "count=2,bytes=2")

	failing := multiBody(multiPart{opCreate, createBody("/a/x", "999", 0)}, multiPart{opSetData, setDataBody("/a", "longer", -1)},
		multiPart{opDelete, versionBody(QuotaLimitPath("/a"), -1)}, multiPart{opDelete, versionBody("/none", -1)})
	c.mustCall(opMulti, failing)
	wantUsed(t, c, "/a", "count=2,bytes=2")
	c.mustCall(opMulti, multiBody(multiPart{opCreate, createBody("/a/x", "999", 0)}))
	wantUsed(t, c, "/a", "count=3,bytes=5")

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = startServer(t, cfg)
	c = openSession(t, s)
	wantUsed(t, c, "/a", "count=3,bytes=5")
	c.mustCall(opCreate, createBody("/a/y", "", 0))
	wantUsed(t, c, "/a", "count=4,bytes=5")
	c.mustCall(opDelete, versionBody(QuotaLimitPath("/a"), -1))
	c.mustCall(opDelete, versionBody("/a/y", -1))
	wantUsed(t, c, "/a", "count=4,bytes=5")
}

func TestStatsTrack(t *testing.T) {
	for text, want := range map[string]StatsTrack{
		"count=5,bytes=7": {5, 7}, "count=-1,bytes=2": {-1, 2}, "": {-1, -1}, "count=x,bytes": {-1, -1},
		"count=1,bytes=2=;byteHardLimit=3;countHardLimit=4": {1, 2},
	} {
		if got := ParseStatsTrack([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
