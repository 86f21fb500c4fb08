package zktest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/zkutil/zkserver"
)

var world = zk.WorldACL(zk.PermAll)

func TestClientLibrarysOperations(t *testing.T) {
	s := Start(t, WithForceSync(), WithConfig(func(cfg *zkserver.Config) { cfg.ExtendedTypesEnabled = true }))
	c := dial(t, s)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.Create("/a", []byte("one"), 0, world)
	must(err)
	data, stat, err := c.Get("/a")
	if err != nil || string(data) != "one" || stat.Version != 0 || stat.Czxid != stat.Mzxid {
		t.Errorf("%q, %+v, %v", data, stat, err)
	}
	if _, err := c.Set("/a", []byte("two"), 3); !errors.Is(err, zk.ErrBadVersion) {
		t.Error(err)
	}
	stat, err = c.Set("/a", []byte("two"), 0)
	if err != nil || stat.Version != 1 {
		t.Errorf("%+v, %v", stat, err)
	}
	name, err := c.CreateProtectedEphemeralSequential("/a/n-", nil, world)
	must(err)
	children, stat, err := c.Children("/a")
	if err != nil || stat.NumChildren != 1 || "/a/"+children[0] != name {
		t.Errorf("%v, %+v, %v", children, stat, err)
	}
	if err := c.Delete("/a", -1); !errors.Is(err, zk.ErrNotEmpty) {
		t.Error(err)
	}
	_, err = c.CreateContainer("/container", nil, zk.FlagContainer, world)
	must(err)
	_, err = c.CreateTTL("/ttl", nil, zk.FlagTTL, world, time.Hour)
	must(err)
	must(c.AddAuth("digest", []byte("user:password")))
	_, err = c.Create("/private", nil, 0, zk.AuthACL(zk.PermAll))
	must(err)
	acl, _, err := c.GetACL("/private")
	if err != nil || acl[0] != zk.DigestACL(zk.PermAll, "user", "password")[0] {
		t.Errorf("%v, %v", acl, err)
	}
	if _, _, err := dial(t, s).Get("/private"); !errors.Is(err, zk.ErrNoAuth) {
		t.Error(err)
	}
	if path, err := c.Sync("/a"); err != nil || path != "/a" {
		t.Errorf("%s, %v", path, err)
	}
	must(c.Delete(name, -1))
	must(c.Delete("/a", 1))
}

func TestClientLibrarysMulti(t *testing.T) {
	c := dial(t, Start(t))
	results, err := c.Multi(
		&zk.CreateRequest{Path: "/controller", Data: []byte("{}"), Acl: world, Flags: zk.FlagEphemeral},
		&zk.CreateRequest{Path: "/epoch", Data: []byte("0"), Acl: world},
		&zk.SetDataRequest{Path: "/epoch", Data: []byte("1"), Version: 0},
		&zk.CheckVersionRequest{Path: "/epoch", Version: 1})
	if err != nil || results[0].String != "/controller" || results[2].Stat.Version != 1 {
		t.Fatalf("%+v, %v", results, err)
	}
	results, err = c.Multi(
		&zk.SetDataRequest{Path: "/epoch", Data: []byte("2"), Version: 1},
		&zk.CreateRequest{Path: "/controller", Acl: world},
		&zk.DeleteRequest{Path: "/epoch", Version: -1})
	if !errors.Is(err, zk.ErrNodeExists) || !errors.Is(results[1].Error, zk.ErrNodeExists) {
		t.Errorf("%+v, %v", results, err)
	}
	if data, stat, err := c.Get("/epoch"); err != nil || string(data) != "1" || stat.Version != 1 {
		t.Errorf("%q, %+v, %v", data, stat, err)
	}
}

func TestWatchesAndSessionOutliveARestart(t *testing.T) {
	s := Start(t)
	c := dial(t, s)
	if _, err := c.Create("/e", nil, zk.FlagEphemeral, world); err != nil {
		t.Fatal(err)
	}
	id := c.SessionID()
	_, _, created, err := c.ExistsW("/later")
	if err != nil {
		t.Fatal(err)
	}
	_, _, changed, err := c.GetW("/e")
	if err != nil {
		t.Fatal(err)
	}
	s.Restart()
	other := dial(t, s)
	for !slices.Contains(s.Sessions(), id) || c.State() != zk.StateHasSession {
		time.Sleep(time.Millisecond)
	}
	if _, err := other.Create("/later", nil, 0, world); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Set("/e", nil, -1); err != nil {
		t.Fatal(err)
	}
	if e := <-created; e.Type != zk.EventNodeCreated {
		t.Errorf("event %v", e)
	}
	if e := <-changed; e.Type != zk.EventNodeDataChanged {
		t.Errorf("event %v", e)
	}
	if _, stat, err := c.Get("/e"); err != nil || stat.EphemeralOwner != id || c.SessionID() != id {
		t.Errorf("%+v, %v, session %x, was %x", stat, err, c.SessionID(), id)
	}
}

func TestManyClientsGetDistinctSequenceNumbers(t *testing.T) {
	s := Start(t)
	const clients, each = 8, 25
	names := make(chan string, clients*each)
	var wg sync.WaitGroup
	for range clients {
		c := dial(t, s)
		wg.Go(func() {
			for range each {
				name, err := c.Create("/n-", nil, zk.FlagSequence|zk.FlagEphemeral, world)
				if err != nil {
					t.Error(err)
				}
				names <- name
			}
		})
	}
	wg.Wait()
	close(names)
	all := slices.Sorted(func(yield func(string) bool) {
		for name := range names {
			yield(name)
		}
	})
	for i, name := range all {
		if want := fmt.Sprintf("/n-%010d", i); name != want {
			t.Fatalf("name %s, want %s", name, want)
		}
	}
}
