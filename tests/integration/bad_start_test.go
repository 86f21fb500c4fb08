package integration

import (
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	godiff "github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

// runBroker runs a broker that is to refuse to start.
func runBroker(t *testing.T, settings map[string]string) (output string, code int) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "server.properties")
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", key, settings[key])
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return framework.RunToEnd(t, []string{"LOG_DIR=" + filepath.Join(dir, "logs")}, framework.Script("kafka-server-start.sh"), file)
}

// contents are the files under a folder with what is in them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestBrokersThatCannotStart starts brokers beside one that runs: each ends with
// Kafka's sentence and code, and the one that runs goes on.
func TestBrokersThatCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	zooKeeper := framework.StartZooKeeper(t, dir, nil)
	running := framework.StartBroker(t, dir, 0, zooKeeper, nil)
	createTopic(t, running.Address(), "kept", 1, nil)
	franzClient{}.send(t, running.Address(), numbered("kept", "value-", 10), delivery{})
	other := filepath.Join(dir, "of-another")
	writeMetaProperties(t, other, "another-cluster-id-xxx", 0)
	stranger := filepath.Join(dir, "of-broker-7")
	writeMetaProperties(t, stranger, "", 7)
	file := filepath.Join(dir, "a-file")
	if err := os.WriteFile(file, []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(running.Address())
	for _, test := range []struct {
		name   string
		change map[string]string
		want   string
	}{
		{"the same id", map[string]string{"broker.id": "0"}, "Error while creating ephemeral at /brokers/ids/0, node already exists and owner "},
		{"a port in use", map[string]string{"listeners": "PLAINTEXT://127.0.0.1:" + port}, "Socket server failed to bind to 127.0.0.1:" + port + ": Address already in use."},
		{"a listener that is another broker's", map[string]string{"advertised.listeners": "PLAINTEXT://127.0.0.1:" + port},
			"Configured end points 127.0.0.1:" + port + " in advertised listeners are already registered by broker 0"},
		{"a directory of another cluster", map[string]string{"log.dirs": other},
			"doesn't match stored clusterId Some(another-cluster-id-xxx) in meta.properties. The broker is trying to join the wrong cluster. Configured zookeeper.connect may be wrong."},
		{"a directory of another broker", map[string]string{"log.dirs": stranger}, "Configured broker.id 1 doesn't match stored broker.id Some(7) in meta.properties."},
		{"a directory in use", map[string]string{"log.dirs": filepath.Join(dir, "kafka-logs-0"), "broker.id": "0"},
			"Failed to acquire lock on file .lock in " + filepath.Join(dir, "kafka-logs-0") + ". A Kafka instance in another process or thread is using this directory."},
		{"a file for a directory", map[string]string{"log.dirs": file}, "none of the specified log dirs from " + file + " can be created or validated"},
		{"a directory that cannot be made", map[string]string{"log.dirs": "/proc/gregor"}, "none of the specified log dirs from /proc/gregor can be created or validated"},
		{"a value that is no number", map[string]string{"num.partitions": "many"}, "Invalid value many for configuration num.partitions: Not a number of type INT"},
		{"a value out of range", map[string]string{"num.network.threads": "0"}, "Invalid value 0 for configuration num.network.threads: Value must be at least 1"},
		{"no ZooKeeper", map[string]string{"zookeeper.connect": "127.0.0.1:1", "zookeeper.connection.timeout.ms": "300"},
			"Timed out waiting for connection while in state: CONNECTING"},
	} {
		t.Run(test.name, func(t *testing.T) {
			settings := map[string]string{
				"broker.id": "1", "listeners": fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", framework.FreePort(t)),
				"log.dirs": filepath.Join(t.TempDir(), "kafka-logs"), "zookeeper.connect": zooKeeper.Address(),
			}
			maps.Copy(settings, test.change)
			before := map[string]string{}
			if settings["log.dirs"] == other || settings["log.dirs"] == stranger {
				before = contents(t, settings["log.dirs"])
			}
			output, code := runBroker(t, settings)
			if code != 1 || !strings.Contains(output, test.want) {
				t.Errorf("ended with code %d, want 1 and %q:\n%s", code, test.want, output[max(0, len(output)-3000):])
			}
			for path, content := range before {
				if diff := godiff.Diff(content, contents(t, settings["log.dirs"])[path]); diff != "" {
					t.Errorf("%s was changed:\n%s", path, diff)
				}
			}
		})
	}
	franzClient{}.send(t, running.Address(), numbered("kept", "value-", 10), delivery{})
	if end := listOffset(t, running.Address(), "kept", 0, latest); end != 20 {
		t.Errorf("the running broker's log ends at %d, want 20", end)
	}
}

// writeMetaProperties makes a log directory as another broker leaves it; without a
// cluster id it is one of any cluster.
func writeMetaProperties(t *testing.T, dir, cluster string, id int) {
	t.Helper()
	text := fmt.Sprintf("version=0\nbroker.id=%d\n", id)
	if cluster != "" {
		text += "cluster.id=" + cluster + "\n"
	}
	if err := os.MkdirAll(filepath.Join(dir, "kept-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"meta.properties": text, "kept-0/00000000000000000000.log": "data"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBrokerWaitsForZooKeeper starts ZooKeeper after the broker.
func TestBrokerWaitsForZooKeeper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	zooKeeper := framework.StartZooKeeper(t, dir, nil)
	broker := framework.StartBroker(t, dir, 0, zooKeeper, map[string]string{"zookeeper.connection.timeout.ms": "60000"})
	if err := broker.Process.Stop(patience); err != nil {
		t.Fatal(err)
	}
	zooKeeper.Kill()
	broker.Launch()
	framework.Until(t, patience, "the broker waits", func() bool { return strings.Contains(broker.Output(), "Waiting until connected") })
	zooKeeper.Start()
	broker.AwaitReady()
	createTopic(t, broker.Address(), "late", 1, nil)
}

// TestCorruptSnapshotOfZooKeeper damages the only snapshot: ZooKeeper refuses to
// start and leaves the files as they are.
func TestCorruptSnapshotOfZooKeeper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	zooKeeper := framework.StartZooKeeper(t, dir, nil)
	broker := framework.StartBroker(t, dir, 0, zooKeeper, nil)
	createTopic(t, broker.Address(), "kept", 1, nil)
	zooKeeper.Restart() // which takes a snapshot
	if err := zooKeeper.Process.Stop(patience); err != nil {
		t.Fatal(err)
	}
	snapshots, err := filepath.Glob(filepath.Join(dir, "zookeeper", "version-2", "snapshot.*"))
	if err != nil || len(snapshots) == 0 {
		t.Fatalf("no snapshots: %v", err)
	}
	for _, snapshot := range snapshots {
		content, err := os.ReadFile(snapshot)
		if err == nil {
			content[len(content)/2] ^= 0xff
			err = os.WriteFile(snapshot, content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, filepath.Join(dir, "zookeeper"))
	output, code := framework.RunToEnd(t, []string{"LOG_DIR=" + t.TempDir()}, framework.Script("zookeeper-server-start.sh"), filepath.Join(dir, "zookeeper.properties"))
	if code != 1 || !strings.Contains(output, "Not able to find valid snapshots in ") {
		t.Errorf("ended with code %d:\n%s", code, output)
	}
	if diff := godiff.Diff(before, contents(t, filepath.Join(dir, "zookeeper"))); diff != "" {
		t.Errorf("files were changed:\n%s", diff)
	}
}
