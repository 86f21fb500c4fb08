//go:build peers

package zookeeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/gregor-broker/gregor/tests/framework"
)

// compareOnBoth runs a client on each server, fresh, and compares what it reports
// with what it reports of Apache's.
func compareOnBoth(t *testing.T, run func(t *testing.T, address string) string) {
	t.Helper()
	addresses := onBoth(t)
	want, got := run(t, addresses[apache.name]), run(t, addresses[embedded.name])
	if want == "" {
		t.Fatal("nothing was reported")
	}
	wanted, found := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(found)) {
		var w, g string
		if i < len(wanted) {
			w = wanted[i]
		}
		if i < len(found) {
			g = found[i]
		}
		if w != g {
			t.Errorf("Apache ZooKeeper: %s\nthe embedded one: %s", w, g)
		}
	}
}

// program runs a client that is a program and gives what it printed.
func program(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var messages bytes.Buffer
	command := exec.CommandContext(ctx, name, arguments...)
	command.Stderr = &messages
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", name, err, output, messages.String())
	}
	return string(output)
}

func TestKazoosRecipes(t *testing.T) {
	python := install(t, "install-kazoo.sh")
	compareOnBoth(t, func(t *testing.T, address string) string {
		return program(t, python, filepath.Join("testdata", "recipes.py"), address)
	})
}

func TestJavasClient(t *testing.T) {
	jars := filepath.Join(install(t, "install-kafka.sh"), "*")
	classes := t.TempDir()
	program(t, "javac", "-cp", jars, "-d", classes, filepath.Join("testdata", "JavaClient.java"))
	configuration := filepath.Join(classes, "log4j.properties")
	if err := os.WriteFile(configuration, []byte("log4j.rootLogger=OFF\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	compareOnBoth(t, func(t *testing.T, address string) string {
		return program(t, "java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dlog4j.configuration=file:"+configuration, "-cp", classes+":"+jars, "JavaClient", address)
	})
}

// TestGosClient has go-zookeeper do what it can, with the answers and all stats.
func TestGosClient(t *testing.T) {
	compareOnBoth(t, func(t *testing.T, address string) string {
		var report strings.Builder
		note := func(what string, results ...any) {
			for i, result := range results {
				if stat, ok := result.(*zk.Stat); ok && stat != nil {
					stat.Ctime, stat.Mtime = 0, 0
					results[i] = *stat
					if stat.EphemeralOwner != 0 {
						stat.EphemeralOwner = 1
						results[i] = *stat
					}
				}
			}
			fmt.Fprintf(&report, "%s: %+v\n", what, results)
		}
		one, two := connect(t, address), connect(t, address)
		goClientActions(t, one, two, note)
		endSession(t, address, one.SessionID())
		framework.Until(t, patience, "the client knows that its session ended", func() bool {
			exists, _, err := two.Exists("/ephemeral")
			return err == nil && !exists
		})
		for at, n := range readTree(t, two.Conn) {
			if n.Stat.EphemeralOwner != 0 {
				t.Errorf("%s outlives its session", at)
			}
		}
		note("paths at the end", paths(readTree(t, two.Conn), "/"))
		return report.String()
	})
}

func goClientActions(t *testing.T, one, two *client, note func(string, ...any)) {
	world := zk.WorldACL(zk.PermAll)
	results := func(values ...any) []any { return values }
	_, _, created, err := two.ExistsW("/ephemeral")
	if err != nil {
		t.Fatal(err)
	}
	note("create", results(one.Create("/a", []byte("1"), 0, world))...)
	note("ephemeral", results(one.Create("/ephemeral", nil, zk.FlagEphemeral, world))...)
	note("sequence", results(one.Create("/a/s-", nil, zk.FlagSequence, world))...)
	note("sequence", results(one.Create("/a/", nil, zk.FlagSequence, world))...)
	protected, err := one.CreateProtectedEphemeralSequential("/a/p-", nil, world)
	note("protected", protected[strings.LastIndex(protected, "-p-"):], err, one.Delete(protected, -1))
	note("container", results(one.CreateContainer("/container", nil, zk.FlagContainer, world))...)
	note("time to live", results(one.CreateTTL("/ttl", nil, zk.FlagTTL, world, time.Hour))...)
	note("set", results(one.Set("/a", []byte("2"), 0))...)
	note("set again", results(one.Set("/a", []byte("3"), 0))...)
	note("get", results(one.Get("/a"))...)
	children, stat, err := one.Children("/a")
	slices.Sort(children)
	note("children", children, stat, err)
	note("sync", results(one.Sync("/missing"))...)
	note("delete", one.Delete("/a", -1), one.Delete("/missing", 3), one.Delete("/a/s-0000000000", 1))
	note("no ACL", results(one.Create("/none", nil, 0, []zk.ACL{}))...)
	note("auth", one.AddAuth("digest", []byte("user:password")))
	note("private", results(one.Create("/private", nil, 0, zk.AuthACL(zk.PermAll)))...)
	note("its ACL", results(one.GetACL("/private"))...)
	note("not by others", results(two.Set("/private", nil, -1))...)
	note("other ACL", results(one.SetACL("/private", world, 0))...)
	note("by others", results(two.Set("/private", nil, -1))...)
	answers, err := one.Multi(&zk.CreateRequest{Path: "/m", Acl: world}, &zk.SetDataRequest{Path: "/m", Data: []byte("x")}, &zk.DeleteRequest{Path: "/m", Version: 1})
	note("multi", len(answers), err)
	answers, err = one.Multi(&zk.CreateRequest{Path: "/m", Acl: world}, &zk.CheckVersionRequest{Path: "/a", Version: 9}, &zk.DeleteRequest{Path: "/m"})
	var failures []error
	for _, answer := range answers {
		failures = append(failures, answer.Error)
	}
	note("multi undone", failures, err, errors.Is(err, zk.ErrBadVersion))
	select {
	case event := <-created:
		note("event", event.Type, event.Path, event.State)
	case <-time.After(patience):
		t.Fatal("no event")
	}
	for _, path := range []string{"/a/./b", "/a//b", "/a/\u0001", "/a/../b", "/a/…", "/a/b/c"} {
		note("create "+path, results(one.Create(path, nil, 0, world))...)
	}
	note("large", results(one.Create("/large", bytes.Repeat([]byte("x"), 1_000_000), 0, world))...)
}
