package log

import (
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// testConfig gives the settings of a topic with overrides.
func testConfig(t testing.TB, overrides map[string]string) *Config {
	t.Helper()
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181"})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := config.NewTopicConfig(broker, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return NewConfig(topic)
}

// testFailures notes which directory failed.
type testFailures struct{ causes sync.Map }

func (f *testFailures) MaybeAddOfflineLogDir(dir, message string, cause error) {
	f.causes.Store(dir, fmt.Errorf("%s: %w", message, cause))
}

func (f *testFailures) HasOfflineLogDir(dir string) bool { return f.offline(dir) != nil }

// offline is why the directory went offline, or nil.
func (f *testFailures) offline(dir string) error {
	cause, _ := f.causes.Load(dir)
	err, _ := cause.(error)
	return err
}

// testLog is a log on a file system with what it was opened with.
type testLog struct {
	*UnifiedLog
	t         testing.TB
	options   OpenOptions
	scheduler *Scheduler
}

func openTestLog(t testing.TB, fsys vfs.FS, dir string, overrides map[string]string, change ...func(*OpenOptions)) *testLog {
	t.Helper()
	scheduler := NewScheduler()
	options := OpenOptions{
		Dir:                    path.Join(dir, "topic-0"),
		Config:                 testConfig(t, overrides),
		CleanShutdown:          true,
		KeepPartitionMetadata:  true,
		ProducerIDExpirationMs: (7 * 24 * time.Hour).Milliseconds(),
		FS:                     fsys,
		Scheduler:              scheduler,
		Failures:               &testFailures{},
	}
	for _, apply := range change {
		apply(&options)
	}
	opened, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		scheduler.Close()
		opened.CloseHandlers()
	})
	return &testLog{UnifiedLog: opened, t: t, options: options, scheduler: scheduler}
}

func unclean(recoveryPoint int64) func(*OpenOptions) {
	return func(options *OpenOptions) { options.CleanShutdown, options.RecoveryPoint = false, recoveryPoint }
}

// batchOf builds a batch with one record for each value.
func batchOf(options record.BuilderOptions, timestamp int64, values ...string) []byte {
	builder := record.NewBuilder(options)
	for _, value := range values {
		builder.Append(timestamp, []byte("key"), []byte(value))
	}
	return builder.Build()
}

func simpleBatch(values ...string) []byte {
	return batchOf(record.BuilderOptions{}, time.Now().UnixMilli(), values...)
}

func (l *testLog) append(batch []byte) AppendInfo {
	l.t.Helper()
	info, err := l.AppendAsLeader(batch, 0, OriginClient)
	if err != nil {
		l.t.Fatal(err)
	}
	l.UpdateHighWatermark(l.LogEndOffset())
	return info
}

// values reads all values from an offset on.
func (l *testLog) values(from int64) []string {
	l.t.Helper()
	var values []string
	for from < l.LogEndOffset() {
		info, err := l.Read(from, 1<<20, FetchLogEnd, true)
		if err != nil {
			l.t.Fatal(err)
		}
		data := readAll(l.t, &info)
		info.Release()
		next := from
		for batch, err := range record.Batches(data) {
			if err != nil {
				l.t.Fatal(err)
			}
			if err := batch.EnsureValid(); err != nil {
				l.t.Fatal(err)
			}
			for item, err := range record.Records(batch) {
				if err != nil {
					l.t.Fatal(err)
				}
				if item.Offset >= from {
					values = append(values, fmt.Sprintf("%d=%s", item.Offset, item.Value))
				}
			}
			next = batch.NextOffset()
		}
		if next == from {
			break
		}
		from = next
	}
	return values
}

func readAll(t testing.TB, info *FetchDataInfo) []byte {
	t.Helper()
	data, err := info.ReadAll(nil)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func isStorageError(err error) bool { return errors.Is(err, kerr.KafkaStorageError) }

func TestMain(m *testing.M) {
	logging.SetLevel("root", "FATAL")
	os.Exit(m.Run())
}
