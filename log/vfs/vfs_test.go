package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSameBehaviour runs the same calls on the real file system and in memory.
func TestSameBehaviour(t *testing.T) {
	for name, fsys := range map[string]FS{"os": OS, "mem": NewMem()} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir() + "/d"
			must(t, fsys.MkdirAll(dir, 0o755))
			if _, err := fsys.OpenFile(dir+"/x", os.O_RDWR, 0); !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			must(t, WriteFile(fsys, dir+"/x", []byte("hello")))
			file, err := fsys.OpenFile(dir+"/x", os.O_RDWR, 0)
			must(t, err)
			must(t, fsys.Rename(dir+"/x", dir+"/y"))
			must(t, fsys.Remove(dir+"/y"))
			must(t, WriteFull(file, []byte("J"), 0)) // the open file lives on
			must(t, file.Truncate(7))
			data := make([]byte, 10)
			if n, _ := file.ReadAt(data, 0); string(data[:n]) != "Jello\x00\x00" {
				t.Fatalf("%q", data[:n])
			}
			must(t, WriteFull(file, []byte("!"), 8))
			must(t, file.Truncate(6)) // what is cut off does not come back
			must(t, file.Truncate(9))
			if n, _ := file.ReadAt(data, 3); string(data[:n]) != "lo\x00\x00\x00\x00" {
				t.Fatalf("%q", data[:n])
			}
			must(t, file.Close())
			if exists, err := Exists(fsys, dir+"/y"); exists || err != nil {
				t.Fatal(exists, err)
			}
			must(t, RemoveIfExists(fsys, dir+"/y"))
			must(t, fsys.SyncDir(dir))
			lock, err := fsys.Lock(dir + "/.lock")
			must(t, err)
			if _, err := fsys.Lock(dir + "/.lock"); !errors.Is(err, ErrLocked) {
				t.Fatal(err)
			}
			must(t, lock.Close())
			entries, err := fsys.ReadDir(dir)
			if err != nil || len(entries) != 1 || entries[0].Name() != ".lock" {
				t.Fatal(entries, err)
			}
		})
	}
}

// TestLockOfAnotherProcess starts this test in a process of its own.
func TestLockOfAnotherProcess(t *testing.T) {
	if name := os.Getenv("GREGOR_TEST_LOCK"); name != "" {
		if _, err := OS.Lock(name); !errors.Is(err, ErrLocked) {
			t.Fatal(err)
		}
		return
	}
	name := filepath.Join(t.TempDir(), ".lock")
	lock, err := OS.Lock(name)
	must(t, err)
	defer lock.Close()
	command := exec.Command(os.Args[0], "-test.run=^TestLockOfAnotherProcess$")
	command.Env = append(os.Environ(), "GREGOR_TEST_LOCK="+name)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

func TestCrashClone(t *testing.T) {
	fsys := NewMem()
	must(t, fsys.MkdirAll("/d", 0o755))
	must(t, fsys.SyncDir("/"))
	must(t, WriteFile(fsys, "/d/synced", []byte("one")))
	must(t, fsys.SyncDir("/d"))
	file, err := fsys.OpenFile("/d/synced", os.O_RDWR, 0)
	must(t, err)
	must(t, WriteFull(file, []byte("two"), 0))
	must(t, WriteFile(fsys, "/d/nameless", nil))
	crashed, killed := fsys.CrashClone(), fsys.KillClone()
	if data, err := ReadFile(crashed, "/d/synced"); err != nil || string(data) != "one" {
		t.Fatalf("%q %v", data, err)
	}
	if exists, _ := Exists(crashed, "/d/nameless"); exists {
		t.Fatal("a name that was not synced survived")
	}
	if data, err := ReadFile(killed, "/d/synced"); err != nil || string(data) != "two" {
		t.Fatalf("%q %v", data, err)
	}
}

// TestTornClone: what was synced is always there, of the rest any part.
func TestTornClone(t *testing.T) {
	fsys := NewMem()
	must(t, fsys.MkdirAll("/d", 0o755))
	must(t, fsys.SyncDir("/"))
	must(t, WriteFile(fsys, "/d/x", []byte("one")))
	must(t, fsys.SyncDir("/d"))
	file, err := fsys.OpenFile("/d/x", os.O_RDWR, 0)
	must(t, err)
	must(t, WriteFull(file, []byte("two"), 3))
	must(t, WriteFile(fsys, "/d/nameless", nil))
	seen := map[string]bool{}
	for seed := range uint64(200) {
		torn := fsys.TornClone(rand.New(rand.NewPCG(seed, seed)))
		data, err := ReadFile(torn, "/d/x")
		must(t, err)
		named, err := Exists(torn, "/d/nameless")
		must(t, err)
		seen[fmt.Sprintf("%q %v", data, named)] = true
	}
	for _, content := range []string{"one", "onet", "onetw", "onetwo", "one\x00\x00\x00", "onet\x00\x00", "onetw\x00"} {
		for _, named := range []bool{false, true} {
			if what := fmt.Sprintf("%q %v", content, named); !seen[what] {
				t.Errorf("%s is never left", what)
			}
		}
	}
	if len(seen) != 14 {
		t.Errorf("left are %v", seen)
	}
}

func TestErrors(t *testing.T) {
	broken := errors.New("broken")
	fsys := &Errors{FS: NewMem(), Inject: func(op Op, _ string) error {
		if op == OpSync {
			return broken
		}
		return nil
	}}
	if err := WriteFile(fsys, "/x", nil); !errors.Is(err, broken) {
		t.Fatal(err)
	}
}
