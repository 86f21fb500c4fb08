package log

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/gregor-broker/gregor/log/vfs"
)

// TestIdlePartitionsAreCheap bounds what a partition costs that nothing happens
// to: 10,000 of them are a normal load.
func TestIdlePartitionsAreCheap(t *testing.T) {
	const partitions, limit = 200, 8 << 10
	dir := t.TempDir()
	scheduler := NewScheduler()
	defer scheduler.Close()
	config := testConfig(t, nil)
	logs := make([]*UnifiedLog, 0, partitions)
	heap := func() int64 {
		for range 3 { // pools and what other tests left go with the second or third
			runtime.GC()
		}
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heap()
	for i := range partitions {
		log, err := Open(OpenOptions{Dir: fmt.Sprintf("%s/topic-%d", dir, i), Config: config, CleanShutdown: true, FS: vfs.OS, Scheduler: scheduler})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.AppendAsLeader(simpleBatch("x"), 0, OriginClient); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, log)
	}
	after := heap()
	t.Logf("%d bytes a partition", (after-before)/partitions)
	if (after-before)/partitions > limit {
		t.Fatalf("%d bytes a partition, the limit is %d", (after-before)/partitions, limit)
	}
	for _, log := range logs {
		log.CloseHandlers()
	}
}
