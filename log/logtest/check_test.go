package logtest_test

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/checkpoint"
	"github.com/gregor-broker/gregor/log/logtest"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

func TestMain(m *testing.M) {
	logging.SetLevel("root", "FATAL")
	os.Exit(m.Run())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const dir = "/logs/topic-0"

// directory is a log directory with all that a partition can have: three segments,
// producers, an aborted transaction, two leader epochs.
func directory(t *testing.T) *vfs.Mem {
	t.Helper()
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("/logs", 0o755))
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181"})
	must(t, err)
	settings, err := config.NewTopicConfig(broker, map[string]string{"index.interval.bytes": "100", "segment.index.bytes": "1200"})
	must(t, err)
	scheduler := log.NewScheduler()
	opened, err := log.Open(log.OpenOptions{
		Dir: dir, Config: log.NewConfig(settings), CleanShutdown: true, KeepPartitionMetadata: true, TopicID: topic.NewID(),
		ProducerIDExpirationMs: time.Hour.Milliseconds(), FS: fsys, Scheduler: scheduler,
	})
	must(t, err)
	now := time.Now().UnixMilli()
	for i := range 30 {
		options := record.BuilderOptions{HasProducer: i%2 == 0, ProducerID: 7, BaseSequence: int32(i), Transactional: i < 10 && i%2 == 0}
		builder := record.NewBuilder(options)
		for n := range 2 {
			builder.Append(now+int64(i), []byte("key"), fmt.Append(nil, "value", i, n))
		}
		_, err := opened.AppendAsLeader(builder.Build(), int32(i/15), log.OriginClient)
		must(t, err)
		if i == 9 {
			marker := record.BuildEndTransactionMarker(7, 0, now, record.EndTransactionMarker{Type: record.ControlAbort})
			_, err := opened.AppendAsLeader(marker, 0, log.OriginCoordinator)
			must(t, err)
		}
		opened.UpdateHighWatermark(opened.LogEndOffset())
		if i%10 == 9 && i < 29 {
			must(t, opened.Roll())
		}
	}
	must(t, opened.Flush())
	scheduler.Close()
	must(t, opened.Close())
	points := checkpoint.NewOffsetCheckpoint(fsys, "/logs", checkpoint.RecoveryPointFile)
	must(t, points.Write([]checkpoint.PartitionOffset{{Partition: topic.Partition{Topic: "topic"}, Offset: 61}}))
	must(t, vfs.WriteFile(fsys, "/logs/meta.properties", []byte("#\ncluster.id=abc\nversion=0\nbroker.id=0\n")))
	return fsys
}

func problems(fsys vfs.FS, state logtest.State) []string {
	checker := &logtest.Checker{FS: fsys, State: state, Deep: true, NeedTopicIDs: true}
	return checker.Check("/logs").Problems
}

func TestNoProblems(t *testing.T) {
	fsys := directory(t)
	for _, state := range []logtest.State{logtest.Settled, logtest.Running, logtest.Killed, logtest.PowerLost} {
		if found := problems(fsys, state); len(found) != 0 {
			t.Errorf("state %d: %s", state, strings.Join(found, "\n"))
		}
	}
	report := (&logtest.Checker{FS: fsys}).Check("/logs")
	found := report.Partitions[topic.Partition{Topic: "topic"}]
	if found == nil || found.Start != 0 || found.End != 61 || found.Segments != 3 || found.Batches != 31 || found.Garbage != 0 {
		t.Errorf("%+v", found)
	}
}

// change edits a file.
func change(t *testing.T, fsys vfs.FS, name string, edit func(content []byte) []byte) {
	t.Helper()
	content, err := vfs.ReadFile(fsys, name)
	must(t, err)
	must(t, vfs.WriteFile(fsys, name, edit(content)))
}

func flip(at int) func([]byte) []byte {
	return func(content []byte) []byte {
		content[(at+len(content))%len(content)] ^= 1
		return content
	}
}

func cut(content []byte) []byte { return content[:len(content)-5] }

func replace(old, new string) func([]byte) []byte {
	return func(content []byte) []byte { return []byte(strings.Replace(string(content), old, new, 1)) }
}

// TestDamageIsFound damages one thing at a time.
func TestDamageIsFound(t *testing.T) {
	const first, second, last = dir + "/00000000000000000000", dir + "/00000000000000000021", dir + "/00000000000000000041"
	remove := func(name string) func(*testing.T, vfs.FS) {
		return func(t *testing.T, fsys vfs.FS) { must(t, fsys.Remove(name)) }
	}
	edit := func(name string, edit func([]byte) []byte) func(*testing.T, vfs.FS) {
		return func(t *testing.T, fsys vfs.FS) { change(t, fsys, name, edit) }
	}
	add := func(name string) func(*testing.T, vfs.FS) {
		return func(t *testing.T, fsys vfs.FS) { must(t, vfs.WriteFile(fsys, name, []byte("x"))) }
	}
	for name, damage := range map[string]func(*testing.T, vfs.FS){
		"a record of a closed segment": edit(second+".log", flip(200)),
		"the end of a closed segment":  edit(first+".log", cut),
		"the last record":              edit(last+".log", flip(-1)),
		"the end of the log":           edit(last+".log", cut),
		"a base offset":                edit(last+".log", flip(7)),
		"a leader epoch":               edit(last+".log", flip(15)),
		"a missing segment":            remove(second + ".log"),
		"an offset of an index":        edit(second+".index", flip(3)),
		"a position of an index":       edit(second+".index", flip(7)),
		"the end of an index":          edit(second+".index", cut),
		"a missing index":              remove(second + ".index"),
		"a time of a time index":       edit(second+".timeindex", flip(7)),
		"an offset of a time index":    edit(second+".timeindex", flip(10)),
		"the end of a time index":      edit(second+".timeindex", cut),
		"the end of a txnindex":        edit(first+".txnindex", cut),
		"a producer of a txnindex":     edit(first+".txnindex", flip(9)),
		"an offset of a txnindex":      edit(first+".txnindex", flip(25)),
		"a missing txnindex":           remove(first + ".txnindex"),
		"a snapshot":                   edit(second+".snapshot", flip(20)),
		"a snapshot of another moment": func(t *testing.T, fsys vfs.FS) { must(t, fsys.Rename(second+".snapshot", last+".snapshot")) },
		"the order of epochs":          edit(dir+"/leader-epoch-checkpoint", replace("0 0", "5 0")),
		"the number of epochs":         edit(dir+"/leader-epoch-checkpoint", replace("0\n2", "0\n3")),
		"a missing epoch":              edit(dir+"/leader-epoch-checkpoint", replace("0\n2\n0 0\n1 31", "0\n1\n0 0")),
		"no epochs":                    remove(dir + "/leader-epoch-checkpoint"),
		"the topic id":                 edit(dir+"/partition.metadata", cut),
		"a missing topic id":           remove(dir + "/partition.metadata"),
		"a foreign file":               add(dir + "/notes"),
		"a foreign file above":         add("/logs/notes"),
		"a file of a compaction":       add(first + ".log.cleaned"),
		"a file of a deletion":         add(first + ".log.deleted"),
		"a recovery point":             edit("/logs/"+checkpoint.RecoveryPointFile, replace("61", "62")),
		"a checkpoint":                 edit("/logs/"+checkpoint.RecoveryPointFile, replace("topic", "topic 0")),
		"meta.properties":              edit("/logs/meta.properties", replace("broker.id=0", "broker.id=x")),
	} {
		t.Run(name, func(t *testing.T) {
			fsys := directory(t)
			damage(t, fsys)
			if len(problems(fsys, logtest.Settled)) == 0 {
				t.Error("was not found")
			}
		})
	}
}

// TestATornTailIsAllowedAboveTheRecoveryPoint: only there, and only in the last
// segment.
func TestATornTailIsAllowedAboveTheRecoveryPoint(t *testing.T) {
	for _, test := range []struct {
		point   int64
		base    int64
		allowed bool
	}{{59, 41, true}, {60, 41, false}, {61, 41, false}, {0, 41, true}, {0, 21, false}} {
		fsys := directory(t)
		change(t, fsys, path.Join(dir, fmt.Sprintf("%020d.log", test.base)), cut)
		points := map[topic.Partition]int64{{Topic: "topic"}: test.point}
		must(t, fsys.Remove("/logs/"+checkpoint.RecoveryPointFile))
		must(t, fsys.Remove(dir+"/00000000000000000061.snapshot"))
		must(t, fsys.Remove(dir+"/00000000000000000041.index"))
		must(t, fsys.Remove(dir+"/00000000000000000041.timeindex"))
		report := (&logtest.Checker{FS: fsys, State: logtest.Killed, RecoveryPoints: points}).Check("/logs")
		if (len(report.Problems) == 0) != test.allowed {
			t.Errorf("%+v: %v", test, report.Err())
		}
	}
}
