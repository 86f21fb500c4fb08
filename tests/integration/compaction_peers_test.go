//go:build peers

package integration

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	godiff "github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/tests/framework"
)

// TestKafkaReadsCompactedSegments: the dump tool of Apache Kafka reads segments that
// the cleaner wrote, and finds their indexes right; a Kafka broker serves them.
func TestKafkaReadsCompactedSegments(t *testing.T) {
	t.Parallel()
	framework.NeedPeers(t)
	dir := t.TempDir()
	logs := filepath.Join(dir, "kafka-logs-0")
	settings := maps.Clone(cleaningOften)
	settings["log.dirs"] = logs
	c := framework.StartInProcess(t, settings)
	want := produceDuplicates(t, c.Bootstrap(), "compacted", "lz4")
	framework.Until(t, patience, "the topic is compacted", func() bool { return len(consumeAll(t, c.Bootstrap(), "compacted")) == len(want) })
	zooKeeper := c.ZooKeeper.Addr()
	c.Server.Shutdown()
	files := segmentFiles(t, logs, "compacted")
	for _, file := range files {
		index := strings.TrimSuffix(file, ".log") + ".index"
		files = append(files, index, strings.TrimSuffix(file, ".log")+".timeindex")
	}
	output, code := framework.RunToEnd(t, []string{"LOG_DIR=" + t.TempDir()}, filepath.Join(framework.Root(), "tests", "peers", "run-java.sh"),
		"kafka.tools.DumpLogSegments", "--deep-iteration", "--print-data-log", "--files", strings.Join(files, ","))
	if code != 0 || strings.Contains(output, "isvalid: false") || strings.Contains(output, "ismatches") || strings.Contains(output, "invalid bytes") {
		t.Fatal(output)
	}
	for key, value := range want {
		if !strings.Contains(output, "key: "+key+" payload: "+value) {
			t.Fatalf("%s=%s is not in\n%s", key, value, output)
		}
	}
	kafka := framework.StartRealKafka(t, dir, 0, zooKeeper, nil)
	if diff := godiff.Diff(want, byKey(consumeAll(t, kafka.Address(), "compacted"))); diff != "" {
		t.Fatal(diff)
	}
}

// segmentFiles are the segments of a topic's first partition.
func segmentFiles(t testing.TB, logDir, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(logDir, name+"-0", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	return files
}
