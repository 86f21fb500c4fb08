package cleaner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log"
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

func brokerConfig(t testing.TB, settings map[string]string) *config.BrokerConfig {
	t.Helper()
	all := map[string]string{"zookeeper.connect": "localhost:2181"}
	for key, value := range settings {
		all[key] = value
	}
	broker, err := config.NewBrokerConfig(all)
	must(t, err)
	return broker
}

// failures notes which directories failed.
type failures struct{ dirs map[string]error }

func (f *failures) MaybeAddOfflineLogDir(dir, message string, cause error) {
	if f.dirs == nil {
		f.dirs = map[string]error{}
	}
	f.dirs[dir] = fmt.Errorf("%s: %w", message, cause)
}

func (f *failures) HasOfflineLogDir(dir string) bool { return f.dirs[dir] != nil }

// testLog is an open log that tests append to and clean.
type testLog struct {
	*log.UnifiedLog
	t         testing.TB
	fs        vfs.FS
	scheduler *log.Scheduler
	failures  *failures
	overrides map[string]string
	dirty     int64
	// maxKeys bounds the map if it is not 0.
	maxKeys int
	clock   int64
}

// openLog opens a compacted log in /logs with overrides such as "a", "1".
func openLog(t testing.TB, fsys vfs.FS, overrides ...string) *testLog {
	t.Helper()
	settings := map[string]string{"cleanup.policy": "compact", "file.delete.delay.ms": "0", "segment.bytes": "1048576", "segment.index.bytes": "1200"}
	for i := 0; i < len(overrides); i += 2 {
		settings[overrides[i]] = overrides[i+1]
	}
	return reopen(t, fsys, settings, func(*log.OpenOptions) {})
}

func newMem(t testing.TB) *vfs.Mem {
	t.Helper()
	fsys := vfs.NewMem()
	must(t, fsys.MkdirAll("/logs", 0o755))
	must(t, fsys.SyncDir("/"))
	return fsys
}

func reopen(t testing.TB, fsys vfs.FS, settings map[string]string, change func(*log.OpenOptions)) *testLog {
	t.Helper()
	topicConfig, err := config.NewTopicConfig(brokerConfig(t, nil), settings)
	must(t, err)
	failed := &failures{}
	options := log.OpenOptions{
		Dir: "/logs/topic-0", Config: log.NewConfig(topicConfig), CleanShutdown: true,
		ProducerIDExpirationMs: (7 * 24 * time.Hour).Milliseconds(), FS: fsys, Scheduler: log.NewScheduler(), Failures: failed,
	}
	change(&options)
	opened, err := log.Open(options)
	must(t, err)
	opened.UpdateHighWatermark(opened.LogEndOffset())
	l := &testLog{UnifiedLog: opened, t: t, fs: fsys, scheduler: options.Scheduler, failures: failed, overrides: settings, clock: time.Now().UnixMilli()}
	t.Cleanup(l.abandon)
	return l
}

func (l *testLog) abandon() {
	l.scheduler.Close()
	l.CloseHandlers()
}

// item is a record to append; "-" is a null value.
type item struct{ key, value string }

func items(pairs ...string) []item {
	var list []item
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, item{pairs[i], pairs[i+1]})
	}
	return list
}

func nullable(value string) []byte {
	if value == "-" {
		return nil
	}
	return []byte(value)
}

func batch(options record.BuilderOptions, timestamp int64, list []item) record.Batch {
	builder := record.NewBuilder(options)
	for i, item := range list {
		builder.Append(timestamp+int64(i), nullable(item.key), nullable(item.value), record.Header{Key: "h", Value: []byte(item.value)})
	}
	return builder.Build()
}

// append appends as a client would and replicates it at once.
func (l *testLog) append(options record.BuilderOptions, pairs ...string) int64 {
	l.t.Helper()
	l.clock++
	info, err := l.AppendAsLeader(batch(options, l.clock, items(pairs...)), 0, log.OriginClient)
	must(l.t, err)
	l.UpdateHighWatermark(l.LogEndOffset())
	return info.FirstOffset
}

func (l *testLog) put(pairs ...string) int64 { return l.append(record.BuilderOptions{}, pairs...) }

func producer(id int64, sequence int, transactional bool) record.BuilderOptions {
	return record.BuilderOptions{HasProducer: true, ProducerID: id, BaseSequence: int32(sequence), Transactional: transactional}
}

// end appends the marker of a transaction.
func (l *testLog) end(id int64, kind record.ControlType) {
	l.t.Helper()
	l.clock++
	marker := record.BuildEndTransactionMarker(id, 0, l.clock, record.EndTransactionMarker{Type: kind})
	_, err := l.AppendAsLeader(marker, 0, log.OriginCoordinator)
	must(l.t, err)
	l.UpdateHighWatermark(l.LogEndOffset())
}

func (l *testLog) roll() { must(l.t, l.Roll()) }

func testConfiguration() Config {
	return Config{Threads: 1, DedupeBufferSize: 2 << 20, LoadFactor: 0.9, IOBufferSize: 512 << 10, MaxMessageSize: 1048588, MaxIOBytesPerSecond: math.MaxFloat64}
}

// clean cleans all but the active segment and gives the statistics.
func (l *testLog) clean() *cleanerStats {
	l.t.Helper()
	stats, err := l.tryClean(context.Background(), testConfiguration())
	must(l.t, err)
	return stats
}

func (l *testLog) tryClean(ctx context.Context, settings Config) (*cleanerStats, error) {
	offsets, err := cleanableOffsets(l.UnifiedLog, l.dirty, true, time.Now().UnixMilli())
	if err != nil {
		return nil, err
	}
	cleanable, err := newLogToClean(l.UnifiedLog, offsets, time.Now().UnixMilli())
	if err != nil {
		return nil, err
	}
	worker := newCleaner(0, settings, newThrottler(settings.MaxIOBytesPerSecond), logging.For("kafka.log.LogCleaner"))
	if l.maxKeys > 0 {
		worker.maxKeys = l.maxKeys
	}
	end, stats, err := worker.clean(ctx, cleanable)
	if err == nil {
		l.dirty = end
	}
	return stats, err
}

// contents describes all batches: offsets and flags, then the records.
func (l *testLog) contents() string {
	l.t.Helper()
	var lines []string
	for _, segment := range l.Segments() {
		records := segment.Records()
		data := make([]byte, records.Size())
		_, err := records.ReadAt(data, 0)
		records.Release()
		if len(data) > 0 {
			must(l.t, err)
		}
		size := 0
		for batch, err := range record.Batches(data) {
			must(l.t, err)
			must(l.t, batch.EnsureValid())
			lines = append(lines, describe(l.t, batch))
			size += len(batch)
		}
		if size != len(data) {
			l.t.Fatalf("%d bytes are left behind the batches of %s", len(data)-size, segment)
		}
	}
	return strings.Join(lines, "\n")
}

func describe(t testing.TB, batch record.Batch) string {
	text := fmt.Sprintf("%d..%d", batch.BaseOffset(), batch.LastOffset())
	if batch.Magic() < record.MagicV2 {
		text = fmt.Sprint(batch.BaseOffset())
	}
	if batch.IsControl() {
		text += " marker"
	}
	if _, ok := batch.DeleteHorizon(); ok {
		text += " horizon"
	}
	for item, err := range record.Records(batch) {
		must(t, err)
		if batch.IsControl() {
			kind, err := record.ParseControlKey(item.Key)
			must(t, err)
			text += fmt.Sprintf(" %d:%s", item.Offset, kind)
			continue
		}
		value := string(item.Value)
		if item.Value == nil {
			value = "-"
		}
		text += fmt.Sprintf(" %d:%s=%s", item.Offset, item.Key, value)
	}
	return text
}

func (l *testLog) want(lines ...string) {
	l.t.Helper()
	if got, want := l.contents(), strings.Join(lines, "\n"); got != want {
		l.t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
}

// files are the names in the partition's directory that end so.
func (l *testLog) files(suffix string) []string {
	l.t.Helper()
	entries, err := l.fs.ReadDir(l.Dir())
	must(l.t, err)
	var names []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), suffix) {
			names = append(names, path.Base(entry.Name()))
		}
	}
	return names
}

// restart closes the log and opens it again.
func (l *testLog) restart() *testLog {
	l.t.Helper()
	must(l.t, errors.Join(l.Flush(), l.Close()))
	l.abandon()
	again := reopen(l.t, l.fs, l.overrides, func(*log.OpenOptions) {})
	again.dirty = l.dirty
	return again
}

func partition0() topic.Partition { return topic.Partition{Topic: "topic"} }
