package log

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log/epoch"
	"github.com/gregor-broker/gregor/log/record"
)

// oldConfig gives the settings of a topic on a broker of a protocol below 3.0.
func oldConfig(t testing.TB, format string, overrides map[string]string) *Config {
	t.Helper()
	broker, err := config.NewBrokerConfig(map[string]string{
		"zookeeper.connect": "localhost:2181", "inter.broker.protocol.version": "2.8", "log.message.format.version": format,
	})
	if err != nil {
		t.Fatal(err)
	}
	topic, err := config.NewTopicConfig(broker, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return NewConfig(topic)
}

func withConfig(config *Config) func(*OpenOptions) {
	return func(options *OpenOptions) { options.Config = config }
}

const oldTime = int64(1_600_000_000_000)

// legacySet is three records in an old format; offsets begin at 0.
func legacySet(t testing.TB, magic int8, codec record.Compression) []byte {
	t.Helper()
	builder, err := record.NewLegacyBuilder(nil, record.LegacyOptions{Magic: magic, Compression: codec})
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(3) {
		if err := builder.Append(&record.Record{Offset: i, Timestamp: oldTime + 2*i - i*i, Key: []byte("k"), Value: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	set, err := builder.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// stored reads all batches of a log.
func stored(t testing.TB, log *testLog) (batches []record.Batch) {
	t.Helper()
	info, err := log.Read(log.LogStartOffset(), 1<<20, FetchLogEnd, true)
	if err != nil {
		t.Fatal(err)
	}
	defer info.Release()
	data, err := info.ReadAll(nil)
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range record.Batches(data) {
		if err == nil {
			err = batch.EnsureValid()
		}
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, batch)
	}
	return batches
}

// TestOldFormats appends what clients send in every format and codec to topics of
// every old format and codec.
func TestOldFormats(t *testing.T) {
	codecs := []record.Compression{record.None, record.Gzip, record.Snappy, record.LZ4}
	for target, format := range []string{"0.9.0", "0.10.2"} {
		for _, stores := range []string{"producer", "gzip", "uncompressed", "lz4"} {
			config := oldConfig(t, format, map[string]string{"compression.type": stores})
			log := openTestLog(t, memDir(t), "/logs", nil, withConfig(config))
			end := int64(0)
			for magic := record.MagicV0; magic <= record.MagicV2; magic++ {
				for _, codec := range codecs {
					sent := batchOf(record.BuilderOptions{Compression: codec}, oldTime, "0", "1", "2")
					if magic < record.MagicV2 {
						sent = legacySet(t, magic, codec)
					}
					info, err := log.AppendAsLeader(sent, 4, OriginClient)
					if err != nil || info.FirstOffset != end || info.LastOffset != end+2 {
						t.Fatalf("v%d %s to %s %s: %+v %v", magic, codec, format, stores, info, err)
					}
					end += 3
				}
			}
			next := int64(0)
			for _, batch := range stored(t, log) {
				if batch.Magic() != int8(target) || stores != "producer" && batch.Compression() != config.targetCompression(record.None) {
					t.Fatalf("%s %s: stored v%d %s", format, stores, batch.Magic(), batch.Compression())
				}
				for item, err := range record.Records(batch) {
					if err != nil || item.Offset != next || string(item.Value) != fmt.Sprint(next%3) {
						t.Fatalf("%s %s: %+v instead of offset %d, %v", format, stores, item, next, err)
					}
					next++
				}
			}
			if next != end {
				t.Fatalf("%s %s: %d records instead of %d", format, stores, next, end)
			}
		}
	}
}

func TestOldFormatTimes(t *testing.T) {
	for _, test := range []struct {
		codec     record.Compression
		timeType  string
		maxOffset int64
	}{
		{record.None, "CreateTime", 1}, {record.Gzip, "CreateTime", 2}, {record.None, "LogAppendTime", 0}, {record.Gzip, "LogAppendTime", 2},
	} {
		config := oldConfig(t, "0.10.2", map[string]string{"message.timestamp.type": test.timeType})
		for magic := record.MagicV0; magic <= record.MagicV1; magic++ {
			log := openTestLog(t, memDir(t), "/logs", nil, withConfig(config))
			info, err := log.AppendAsLeader(legacySet(t, magic, test.codec), 0, OriginClient)
			if err != nil {
				t.Fatal(err)
			}
			if test.timeType == "LogAppendTime" {
				if info.LogAppendTime <= oldTime || info.MaxTimestamp != info.LogAppendTime || info.OffsetOfMaxTimestamp != test.maxOffset {
					t.Fatalf("%+v: %+v", test, info)
				}
			} else if magic == record.MagicV1 && (info.MaxTimestamp != oldTime+1 || info.OffsetOfMaxTimestamp != test.maxOffset) {
				t.Fatalf("%+v: %+v", test, info)
			}
			for _, batch := range stored(t, log) {
				for item, err := range record.Records(batch) {
					if err != nil || test.timeType == "LogAppendTime" && item.Timestamp != info.LogAppendTime || batch.TimestampType().String() != test.timeType {
						t.Fatalf("%+v: %+v %v", test, item, err)
					}
				}
			}
		}
	}
}

// TestConvertedToV0HasNoTimes: the time index must not have times that the records
// have lost; Kafka's dump tool takes such entries for damage.
func TestConvertedToV0HasNoTimes(t *testing.T) {
	for _, codec := range []string{"uncompressed", "gzip"} {
		log := openTestLog(t, memDir(t), "/logs", nil, withConfig(oldConfig(t, "0.9.0", map[string]string{"compression.type": codec})))
		info, err := log.AppendAsLeader(simpleBatch("x", "y"), 0, OriginClient)
		if err != nil || info.MaxTimestamp != record.NoTimestamp || info.OffsetOfMaxTimestamp != 1 {
			t.Fatalf("%s: %+v, %v", codec, info, err)
		}
	}
}

func TestRefusedByOldFormats(t *testing.T) {
	headers := record.NewBuilder(record.BuilderOptions{})
	headers.Append(oldTime, nil, nil, record.Header{Key: "h"})
	config := oldConfig(t, "0.10.2", map[string]string{"max.message.bytes": "200"})
	for _, test := range []struct {
		name    string
		records []byte
		origin  AppendOrigin
		want    error
	}{
		{"idempotent", produced(1, 0, 0, false, "a"), OriginClient, kerr.UnsupportedForMessageFormat},
		{"transactional", produced(1, 0, 0, true, "a"), OriginClient, kerr.UnsupportedForMessageFormat},
		{"marker", marker(1, 0, record.ControlCommit, 0), OriginCoordinator, kerr.UnsupportedForMessageFormat},
		{"headers", headers.Build(), OriginClient, kerr.UnknownServerError},
		{"zstd", batchOf(record.BuilderOptions{Compression: record.Zstd}, oldTime, "a"), OriginClient, kerr.UnknownServerError},
		{"two sets", slices.Concat(legacySet(t, 1, record.Gzip), legacySet(t, 1, record.Gzip)), OriginClient, kerr.InvalidRecord},
		{"two formats", slices.Concat(legacySet(t, 1, record.None), legacySet(t, 0, record.None)), OriginClient, kerr.InvalidRecord},
		{"two v2", slices.Concat(simpleBatch("a"), simpleBatch("b")), OriginClient, kerr.InvalidRecord},
		{"grown", batchOf(record.BuilderOptions{}, oldTime, string(make([]byte, 120)), string(make([]byte, 170))), OriginClient, kerr.MessageTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := openTestLog(t, memDir(t), "/logs", nil, withConfig(config))
			if _, err := log.AppendAsLeader(test.records, 0, test.origin); !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if log.LogEndOffset() != 0 || log.Size() != 0 {
				t.Fatal("something was appended")
			}
		})
	}
	early := oldConfig(t, "0.10.2", nil)
	early.RecordVersion, early.InterBrokerProtocol = record.MagicV2, config.InterBrokerProtocol
	early.InterBrokerProtocol = 0
	log := openTestLog(t, memDir(t), "/logs", nil, withConfig(early))
	if _, err := log.AppendAsLeader(batchOf(record.BuilderOptions{Compression: record.Zstd}, oldTime, "a"), 0, OriginClient); !errors.Is(err, kerr.UnsupportedCompressionType) {
		t.Fatal(err)
	}
}

// TestOldFormatRecovery checks that segments of old formats are recovered,
// truncated, replicated and searched, without leader epochs.
func TestOldFormatRecovery(t *testing.T) {
	config := oldConfig(t, "0.10.2", map[string]string{"index.interval.bytes": "1"})
	fsys := memDir(t)
	log := openTestLog(t, fsys, "/logs", nil, withConfig(config))
	if err := log.MaybeAssignEpochStartOffset(3, 0); err != nil {
		t.Fatal(err)
	}
	for _, codec := range []record.Compression{record.None, record.Gzip, record.LZ4} {
		if _, err := log.AppendAsLeader(legacySet(t, record.MagicV1, codec), 3, OriginClient); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := log.LatestEpoch(); ok {
		t.Fatal("a leader epoch was noted")
	}
	found, ok, err := log.FetchOffsetByTimestamp(oldTime + 1)
	if err != nil || !ok || found.Offset != 1 || found.LeaderEpoch != record.NoPartitionLeaderEpoch {
		t.Fatalf("%+v %t %v", found, ok, err)
	}
	want := stored(t, log)
	log.CloseHandlers()
	log = openTestLog(t, fsys, "/logs", nil, withConfig(config), unclean(0))
	if diff := cmp.Diff(want, stored(t, log)); diff != "" || log.LogEndOffset() != 9 {
		t.Fatalf("after recovery, end %d: %s", log.LogEndOffset(), diff)
	}
	follower := openTestLog(t, memDir(t), "/logs", nil, withConfig(config))
	for _, batch := range want {
		if _, err := follower.AppendAsFollower(slices.Clone(batch)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, stored(t, follower)); diff != "" {
		t.Fatal(diff)
	}
	if _, err := follower.TruncateTo(4); err != nil {
		t.Fatal(err)
	}
	if end := follower.LogEndOffset(); end > 4 || len(stored(t, follower)) != 3 {
		t.Fatalf("%d batches up to %d after a truncation within a set", len(stored(t, follower)), end)
	}
}

// TestFormatChange checks that a topic that goes back to an old format forgets
// its leader epochs, and that v0 knows no times.
func TestFormatChange(t *testing.T) {
	log := openTestLog(t, memDir(t), "/logs", nil)
	log.append(simpleBatch("a"))
	if len(log.EpochEntries()) == 0 {
		t.Fatal("no leader epoch")
	}
	old := oldConfig(t, "0.9.0", nil)
	log.UpdateConfig(old)
	if diff := cmp.Diff([]epoch.Entry{}, log.EpochEntries()); len(log.EpochEntries()) > 0 {
		t.Fatal(diff)
	}
	if _, _, err := log.FetchOffsetByTimestamp(5); !errors.Is(err, kerr.UnsupportedForMessageFormat) {
		t.Fatal(err)
	}
	if found, ok, err := log.FetchOffsetByTimestamp(LatestTimestamp); err != nil || !ok || found.Offset != 1 {
		t.Fatalf("%+v %t %v", found, ok, err)
	}
}
