//go:build peers

package zookeeper

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestEachOpensTheOthersData writes by one server, opens the data by the other,
// writes on there and goes back. A session with ephemeral nodes moves along.
func TestEachOpensTheOthersData(t *testing.T) {
	install(t, "install-zookeeper.sh")
	ends := map[string]func(*testing.T, *framework.Server){
		"clean stop": func(t *testing.T, s *framework.Server) {
			if err := s.Stop(patience); err != nil {
				t.Fatal(err)
			}
		},
		"kill": func(_ *testing.T, s *framework.Server) { s.Kill() },
	}
	for name, end := range ends {
		for _, order := range [][]server{{embedded, apache, embedded}, {apache, embedded, apache}} {
			t.Run(fmt.Sprintf("%s, then %s, after a %s", order[0].name, order[1].name, name), func(t *testing.T) {
				dir := t.TempDir()
				first := order[0].start(t, dir)
				moving := connect(t, first.Address())
				if err := moving.AddAuth("digest", []byte("user:password")); err != nil {
					t.Fatal(err)
				}
				populate(t, moving, 0)
				running := first
				for generation, next := range order[1:] {
					tree, zxid := readTree(t, moving.Conn), lastZxid(t, running.Address())
					end(t, running)
					running = next.start(t, dir)
					if found := lastZxid(t, running.Address()); found != zxid {
						t.Errorf("%s counts from zxid %s, not %s", next.name, found, zxid)
					}
					moving.moveTo(t, running.Address())
					compareTrees(t, tree, readTree(t, moving.Conn))
					if t.Failed() {
						t.FailNow()
					}
					checkCounters(t, moving.Conn, generation)
					populate(t, moving, generation+1)
				}
			})
		}
	}
}

// populate makes nodes of every kind, changes and deletes some.
func populate(t *testing.T, c *client, generation int) {
	t.Helper()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	world, digest := zk.WorldACL(zk.PermAll), zk.DigestACL(zk.PermAll, "user", "password")
	base := fmt.Sprintf("/generation-%d", generation)
	must(c.Create(base, nil, 0, world))
	must(c.Create(base+"/empty", []byte{}, 0, world))
	must(c.Create(base+"/großes-ü", bytes.Repeat([]byte{0, 1, 0xff}, 100_000), 0, world))
	must(c.Create(base+"/private", []byte("secret"), 0, digest))
	must(c.Create(base+"/mixed", nil, 0, append(zk.AuthACL(zk.PermRead|zk.PermAdmin), zk.ACL{Perms: zk.PermRead, Scheme: "ip", ID: "10.0.0.0/8"})))
	must(c.SetACL(base+"/mixed", append(digest, zk.WorldACL(zk.PermRead)...), 0))
	must(c.Create(base+"/ephemeral", []byte("mine"), zk.FlagEphemeral, world))
	must(c.Set(base+"/ephemeral", []byte("changed"), 0))
	must(c.CreateContainer(base+"/container", nil, zk.FlagContainer, world))
	for i := range 5 {
		must(c.Create(base+"/sequential-", []byte{byte(i)}, zk.FlagSequence, world))
	}
	must(nil, c.Delete(base+"/sequential-0000000009", -1))
	must(c.Multi(&zk.CreateRequest{Path: base + "/multi", Acl: world}, &zk.SetDataRequest{Path: base + "/multi", Data: []byte("{}"), Version: 0},
		&zk.CheckVersionRequest{Path: base, Version: 0}, &zk.DeleteRequest{Path: base + "/sequential-0000000008", Version: 0}))
	if _, err := c.Multi(&zk.SetDataRequest{Path: base + "/multi", Version: 1}, &zk.DeleteRequest{Path: base, Version: 7}); err == nil {
		t.Fatal("a multi with a wrong version succeeds")
	}
	other := connect(t, *c.address.Load())
	must(other.Create(base+"/of-a-closed-session", nil, zk.FlagEphemeral, world))
	other.Close()
	must(c.Create("/counter-", nil, zk.FlagSequence, world))
	must(c.Set("/", []byte(base), -1))
}

// checkCounters shows that sequence numbers go on where the other server left them.
func checkCounters(t *testing.T, c *zk.Conn, generation int) {
	t.Helper()
	name, err := c.Create(fmt.Sprintf("/generation-%d/sequential-", generation), nil, zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if want := fmt.Sprintf("/generation-%d/sequential-0000000013", generation); err != nil || name != want {
		t.Errorf("the next number gives %s (%v), not %s", name, err, want)
	}
}

// TestSessionsEndOnTheOtherServer shows that a session whose client is gone when the
// servers change runs into its time-out there, and its ephemeral node with it.
func TestSessionsEndOnTheOtherServer(t *testing.T) {
	install(t, "install-zookeeper.sh")
	for _, order := range [][]server{{embedded, apache}, {apache, embedded}} {
		t.Run(order[0].name+" to "+order[1].name, func(t *testing.T) {
			dir := t.TempDir()
			first := order[0].start(t, dir)
			gone := connectFor(t, first.Address(), 4*time.Second)
			if _, err := gone.Create("/gone", nil, zk.FlagEphemeral, zk.WorldACL(zk.PermAll)); err != nil {
				t.Fatal(err)
			}
			first.Kill()
			second := connect(t, order[1].start(t, dir).Address())
			exists, stat, err := second.Exists("/gone")
			if err != nil || !exists || stat.EphemeralOwner != gone.SessionID() {
				t.Fatalf("the ephemeral node after the change: %v, %+v, %v", exists, stat, err)
			}
			framework.Until(t, patience, "the session ends", func() bool {
				exists, _, err := second.Exists("/gone")
				return err == nil && !exists
			})
		})
	}
}
