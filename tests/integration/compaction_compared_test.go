//go:build peers

package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	godiff "github.com/google/go-cmp/cmp"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log"
	logrecord "github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tests/framework"
)

var comparedTopic = map[string]string{
	"cleanup.policy": "compact", "segment.bytes": "60000", "index.interval.bytes": "1000", "segment.index.bytes": "20000",
	"min.cleanable.dirty.ratio": "0.01", "file.delete.delay.ms": "0",
}

// TestCompactionEqualsKafkas lets Kafka's cleaner and ours clean copies of one log:
// the segments that come out have the same bytes, indexes included. Only what a
// codec makes of records may differ, and the time from which tombstones may go.
func TestCompactionEqualsKafkas(t *testing.T) {
	t.Parallel()
	framework.NeedPeers(t)
	dir := t.TempDir()
	ours, theirs := filepath.Join(dir, "ours"), filepath.Join(dir, "theirs")
	c := framework.StartInProcess(t, map[string]string{"log.dirs": ours, "log.cleaner.enable": "false"})
	createTopic(t, c.Bootstrap(), "compared", 1, comparedTopic)
	zooKeeper := c.ZooKeeper.Addr()
	c.Server.Shutdown()
	end := writeCompared(t, filepath.Join(ours, "compared-0"))
	if err := os.CopyFS(theirs, os.DirFS(ours)); err != nil {
		t.Fatal(err)
	}
	before := bytesOf(t, ours)
	settings := map[string]string{"log.cleaner.backoff.ms": "100", "log.cleaner.io.buffer.size": "16384", "zookeeper.connect": zooKeeper}
	cleaned := func(dir string) {
		t.Helper()
		framework.Until(t, patience, "the log in "+dir+" is clean", func() bool {
			content, _ := os.ReadFile(filepath.Join(dir, "cleaner-offset-checkpoint"))
			return strings.Contains(string(content), fmt.Sprintf("compared 0 %d\n", end))
		})
	}
	settings["log.dirs"] = theirs
	kafka := framework.StartRealKafka(t, dir, 0, zooKeeper, settings)
	cleaned(theirs)
	if err := kafka.Stop(patience); err != nil {
		t.Fatal(err)
	}
	settings = maps.Clone(settings)
	settings["log.dirs"] = ours
	again := framework.StartInProcess(t, settings)
	cleaned(ours)
	again.Server.Shutdown()
	if after := bytesOf(t, ours); after > before/2 || after < before/20 {
		t.Fatalf("%d bytes became %d", before, after)
	}
	compareSegments(t, filepath.Join(ours, "compared-0"), filepath.Join(theirs, "compared-0"))
}

// bytesOf is the size of the segments of the compared topic.
func bytesOf(t testing.TB, logDir string) int64 {
	t.Helper()
	size := int64(0)
	for _, file := range segmentFiles(t, logDir, "compared") {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// writeCompared fills a log with all that a cleaner tells apart and gives the base
// of the active segment.
func writeCompared(t testing.TB, dir string) int64 {
	t.Helper()
	broker, err := config.NewBrokerConfig(map[string]string{"zookeeper.connect": "localhost:2181"})
	if err != nil {
		t.Fatal(err)
	}
	topicConfig, err := config.NewTopicConfig(broker, comparedTopic)
	if err != nil {
		t.Fatal(err)
	}
	scheduler := log.NewScheduler()
	unified, err := log.Open(log.OpenOptions{
		Dir: dir, Config: log.NewConfig(topicConfig), CleanShutdown: true, KeepPartitionMetadata: true,
		ProducerIDExpirationMs: time.Hour.Milliseconds(), Scheduler: scheduler,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := comparedLog{TB: t, UnifiedLog: unified, sequences: map[int64]int32{}, now: time.Now().UnixMilli()}
	for round := range 60 {
		w.round(round)
	}
	if err := unified.Roll(); err != nil {
		t.Fatal(err)
	}
	end := unified.LogEndOffset()
	w.send(logrecord.BuilderOptions{}, "end", "0")
	for _, finish := range []func() error{unified.Flush, unified.Close} {
		if err := finish(); err != nil {
			t.Fatal(err)
		}
	}
	scheduler.Close()
	return end
}

type comparedLog struct {
	testing.TB
	*log.UnifiedLog
	sequences map[int64]int32
	now       int64
}

// send appends records of keys and values; "-" is a null value.
func (w *comparedLog) send(options logrecord.BuilderOptions, pairs ...string) {
	w.Helper()
	if options.HasProducer {
		options.BaseSequence = w.sequences[options.ProducerID]
		w.sequences[options.ProducerID] += int32(len(pairs) / 2)
	}
	builder := logrecord.NewBuilder(options)
	for i := 0; i < len(pairs); i += 2 {
		w.now += 3
		value := []byte(pairs[i+1])
		if pairs[i+1] == "-" {
			value = nil
		}
		builder.Append(w.now, []byte(pairs[i]), value, logrecord.Header{Key: "header", Value: []byte(pairs[i])})
	}
	w.taken(w.AppendAsLeader(builder.Build(), 0, log.OriginClient))
}

func (w *comparedLog) taken(_ log.AppendInfo, err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	w.UpdateHighWatermark(w.LogEndOffset())
}

func (w *comparedLog) end(producer int64, kind logrecord.ControlType) {
	w.Helper()
	w.now++
	w.taken(w.AppendAsLeader(logrecord.BuildEndTransactionMarker(producer, 0, w.now, logrecord.EndTransactionMarker{Type: kind}), 0, log.OriginCoordinator))
}

func (w *comparedLog) round(round int) {
	w.Helper()
	key := func(n int) string { return fmt.Sprint("key-", (round*7+n*3)%50) }
	value := strings.Repeat(fmt.Sprint("value ", round, " "), 20)
	plain, idempotent := logrecord.BuilderOptions{}, logrecord.BuilderOptions{HasProducer: true, ProducerID: 100 + int64(round%5)}
	transactional := logrecord.BuilderOptions{HasProducer: true, ProducerID: 200 + int64(round%3), Transactional: true}
	w.send(plain, key(0), value, key(1), value, key(2), value, key(0), value)
	w.send(idempotent, key(3), value, key(4), "-")
	w.send(logrecord.BuilderOptions{Compression: logrecord.Compression(round % 5)}, key(5), value, key(6), value)
	w.send(transactional, key(7), value, key(8), value)
	w.send(plain, key(9), value, fmt.Sprint("once-", round), value)
	if round%10 < 3 {
		return // the transaction goes on
	}
	w.end(transactional.ProducerID, logrecord.ControlType(round%2))
	if round%4 == 0 {
		w.old(key(1), value)
		w.old(key(2), "-")
	}
}

// old appends a message of the format before 0.11.
func (w *comparedLog) old(key, value string) {
	w.Helper()
	builder, err := logrecord.NewLegacyBuilder(nil, logrecord.LegacyOptions{Magic: logrecord.MagicV1, TimestampType: logrecord.CreateTime})
	if err != nil {
		w.Fatal(err)
	}
	w.now++
	old := logrecord.Record{Offset: w.LogEndOffset(), Timestamp: w.now, Key: []byte(key)}
	if value != "-" {
		old.Value = []byte(value)
	}
	if err := builder.Append(&old); err != nil {
		w.Fatal(err)
	}
	data, err := builder.Finish()
	if err != nil {
		w.Fatal(err)
	}
	w.taken(w.AppendAsFollower(data))
}

func compareSegments(t testing.TB, ours, theirs string) {
	t.Helper()
	names := func(dir string) []string {
		var found []string
		for _, pattern := range []string{"*.log", "*.index", "*.timeindex", "*.txnindex"} {
			files, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				found = append(found, filepath.Base(file))
			}
		}
		return found
	}
	if diff := godiff.Diff(names(theirs), names(ours)); diff != "" {
		t.Fatal("other files than Kafka's:\n", diff)
	}
	for _, name := range names(ours) {
		a, errA := os.ReadFile(filepath.Join(ours, name))
		b, errB := os.ReadFile(filepath.Join(theirs, name))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if strings.HasSuffix(name, ".log") {
			compareBatches(t, name, a, b)
		} else if !bytes.Equal(a, b) {
			t.Errorf("%s differs:\n% x\n% x", name, a, b)
		}
	}
}

func compareBatches(t testing.TB, name string, a, b []byte) {
	t.Helper()
	for len(a) > 0 && len(b) > 0 {
		var ours, theirs logrecord.Batch
		var errA, errB error
		ours, a, errA = logrecord.Next(a)
		theirs, b, errB = logrecord.Next(b)
		if errA != nil || errB != nil {
			t.Fatal(name, errA, errB)
		}
		_, horizon := theirs.DeleteHorizon()
		if horizon || theirs.Compression() != logrecord.None {
			if diff := godiff.Diff(batchText(t, theirs), batchText(t, ours)); diff != "" {
				t.Fatalf("%s differs:\n%s", name, diff)
			}
		} else if !bytes.Equal(ours, theirs) {
			t.Fatalf("%s differs:\n%s\n% x\n%s\n% x", name, batchText(t, theirs), []byte(theirs), batchText(t, ours), []byte(ours))
		}
	}
	if len(a) != len(b) {
		t.Fatalf("%s: %d bytes are left of ours, %d of Kafka's", name, len(a), len(b))
	}
}

func batchText(t testing.TB, batch logrecord.Batch) string {
	t.Helper()
	_, horizon := batch.DeleteHorizon()
	text := fmt.Sprintln(batch.Magic(), batch.BaseOffset(), batch.LastOffset(), batch.MaxTimestamp(), batch.Compression(), batch.ProducerID(), batch.ProducerEpoch(),
		batch.BaseSequence(), batch.IsTransactional(), batch.IsControl(), batch.PartitionLeaderEpoch(), horizon)
	for r, err := range logrecord.Records(batch) {
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("%d %d %q %q %v %q\n", r.Offset, r.Timestamp, r.Key, r.Value, r.Value == nil, r.RawHeaders)
	}
	return text
}
