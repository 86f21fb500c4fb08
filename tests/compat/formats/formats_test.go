//go:build peers

package formats

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/tests/framework"
	"github.com/gregor-broker/gregor/zkutil/zktest"
)

var withoutTags = cmpopts.IgnoreUnexported(kmsg.Tags{})

// topics are the settings that the sets are produced under.
var topics = map[string]map[string]string{
	"plain":           {},
	"append-time":     {"message.timestamp.type": "LogAppendTime"},
	"compact":         {"cleanup.policy": "compact"},
	"gzip":            {"compression.type": "gzip"},
	"uncompressed":    {"compression.type": "uncompressed"},
	"zstd":            {"compression.type": "zstd"},
	"no-conversion":   {"message.downconversion.enable": "false"},
	"small":           {"max.message.bytes": "700"},
	"recent":          {"message.timestamp.difference.max.ms": "100000"},
	"format-0.9":      {"message.format.version": "0.9.0"},
	"format-0.10":     {"message.format.version": "0.10.2"},
	"format-0.9-time": {"message.format.version": "0.9.0", "message.timestamp.type": "LogAppendTime", "compression.type": "snappy"},
	"format-0.10-lz4": {"message.format.version": "0.10.0", "compression.type": "lz4"},
	"format-latest":   {"message.format.version": "2.8"},
}

// TestFormats runs everything with message formats as 3.1.0 has them, where all
// that is stored is v2, and as brokers in an upgrade have them.
func TestFormats(t *testing.T) {
	for _, setting := range []struct {
		name      string
		overrides map[string]string
	}{
		{"protocol 3.1", nil},
		{"protocol 2.8 and format 0.10", map[string]string{"inter.broker.protocol.version": "2.8", "log.message.format.version": "0.10.2"}},
		{"protocol 2.0 and format 0.9", map[string]string{"inter.broker.protocol.version": "2.0", "log.message.format.version": "0.9.0"}},
	} {
		t.Run(setting.name, func(t *testing.T) {
			kafka := dial(t, framework.StartRealKafka(t, t.TempDir(), 0, zktest.Start(t).Addr(), setting.overrides).Address())
			gregor := dial(t, framework.StartCluster(t, framework.ChosenGregor(), setting.overrides).Bootstrap())
			for name, configs := range topics {
				if setting.overrides["inter.broker.protocol.version"] == "2.0" && name == "zstd" {
					continue // a broker of 2.0 refuses the setting
				}
				createTopic(t, kafka, name, configs)
				createTopic(t, gregor, name, configs)
				t.Run(name, func(t *testing.T) { compareTopic(t, kafka, gregor, name) })
			}
		})
	}
}

func compareTopic(t *testing.T, kafka, gregor peer, topic string) {
	var kafkaEnd int64
	for _, set := range sets(t) {
		want, got := produce(t, kafka, set.version, topic, set.records), produce(t, gregor, set.version, topic, set.records)
		for _, answer := range []*int64{&want.LogAppendTime, &got.LogAppendTime} {
			if *answer > 0 {
				*answer = 1
			}
		}
		if diff := cmp.Diff(want, got, withoutTags); diff != "" {
			t.Errorf("producing %s (-kafka +gregor): %s", set.name, diff)
			if want.BaseOffset != got.BaseOffset {
				return
			}
		}
		if want.ErrorCode == 0 && want.BaseOffset >= 0 {
			compareFetches(t, kafka, gregor, topic, set.name, want.BaseOffset)
		}
		kafkaEnd = max(kafkaEnd, want.BaseOffset)
	}
	for offset := int64(0); offset <= kafkaEnd; offset += 7 {
		compareFetches(t, kafka, gregor, topic, "all", offset)
	}
	for version := range int16(6) {
		for _, timestamp := range []int64{-2, -1, 0, firstTimestamp, firstTimestamp + 17, firstTimestamp + 100000} {
			if version == 0 && timestamp >= 0 {
				continue // by the times of files
			}
			want, got := listOffsets(t, kafka, version, topic, timestamp), listOffsets(t, gregor, version, topic, timestamp)
			if want.Timestamp > firstTimestamp+1_000_000 && got.Timestamp > firstTimestamp+1_000_000 {
				want.Timestamp, got.Timestamp = 0, 0 // the broker's clock
			}
			if diff := cmp.Diff(want, got, withoutTags); diff != "" {
				t.Errorf("ListOffsets v%d at %d (-kafka +gregor): %s", version, timestamp, diff)
			}
		}
	}
}

func compareFetches(t *testing.T, kafka, gregor peer, topic, what string, offset int64) {
	t.Helper()
	// Where codecs that do not write the same bytes or a broker's clock had a
	// say, only what is in the records is compared.
	stored := decode(t, what, fetch(t, kafka, 10, topic, offset, 1<<20).RecordBatches)
	for version := range int16(5) {
		for _, maxBytes := range []int32{60, 300, 1 << 20} {
			want, got := fetch(t, kafka, version, topic, offset, maxBytes), fetch(t, gregor, version, topic, offset, maxBytes)
			where := fmt.Sprintf("%s: fetch v%d at %d of %d bytes", what, version, offset, maxBytes)
			switch {
			case stored.varies:
				compareRecords(t, where, want.RecordBatches, got.RecordBatches)
			case !bytes.Equal(want.RecordBatches, got.RecordBatches):
				t.Errorf("%s: records\n% x of Kafka,\n% x of Gregor", where, want.RecordBatches, got.RecordBatches)
			}
			if (want.RecordBatches == nil) != (got.RecordBatches == nil) {
				t.Errorf("%s: null records: Kafka %t, Gregor %t", where, want.RecordBatches == nil, got.RecordBatches == nil)
			}
			want.RecordBatches, got.RecordBatches = nil, nil
			if diff := cmp.Diff(want, got, withoutTags); diff != "" {
				t.Errorf("%s (-kafka +gregor): %s", where, diff)
			}
		}
	}
}

// compareRecords wants the same batches. After the first one may have more than
// the other, as sizes differ.
func compareRecords(t *testing.T, where string, want, got []byte) {
	t.Helper()
	kafka, gregor := decode(t, where+" from Kafka", want).batches, decode(t, where+" from Gregor", got).batches
	if n := min(len(kafka), len(gregor)); n > 0 {
		kafka, gregor = kafka[:n], gregor[:n]
	}
	if !reflect.DeepEqual(kafka, gregor) && !incomplete(want, got) {
		t.Errorf("%s (-kafka +gregor): %s", where, cmp.Diff(kafka, gregor))
	}
}

// incomplete says that the limit was within the first batch of one of them.
func incomplete(want, got []byte) bool {
	_, _, wantErr := record.Next(want)
	_, _, gotErr := record.Next(got)
	return errors.Is(wantErr, record.ErrIncomplete) && len(want) > 0 || errors.Is(gotErr, record.ErrIncomplete) && len(got) > 0
}

// decoded is a set of records without what may differ.
type decoded struct {
	batches []decodedBatch
	// varies says that there was a codec or a time of the broker.
	varies bool
}

type decodedBatch struct {
	Magic      int8
	Codec      record.Compression
	Type       record.TimestampType
	Base, Last int64
	Epoch      int32
	Records    []decodedRecord
}

type decodedRecord struct {
	Offset, Timestamp int64
	Key, Value        []byte
	Headers           []record.Header
}

// copied keeps headers, whose bytes are the reader's only until the next record.
func copied(headers []record.Header) []record.Header {
	kept := slices.Clone(headers)
	for i := range kept {
		kept[i].Value = bytes.Clone(kept[i].Value)
	}
	return kept
}

func decode(t *testing.T, where string, data []byte) decoded {
	t.Helper()
	var result decoded
	for batch, err := range record.Batches(data) {
		if batch != nil && batch.BaseOffset() == -1 {
			return result // the fake message behind what was converted
		}
		if err == nil {
			err = batch.EnsureValid()
		}
		if err != nil {
			if len(result.batches) > 0 {
				return result // a fake message that looks whole
			}
			t.Fatalf("%s: %v", where, err)
		}
		view := decodedBatch{
			Magic: batch.Magic(), Codec: batch.Compression(), Type: batch.TimestampType(), Base: batch.BaseOffset(),
			Last: batch.LastOffset(), Epoch: batch.PartitionLeaderEpoch(),
		}
		result.varies = result.varies || view.Codec != record.None || view.Type == record.LogAppendTime
		for item, err := range record.Records(batch) {
			if err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			if view.Type == record.LogAppendTime {
				item.Timestamp = 0
			}
			view.Records = append(view.Records, decodedRecord{
				Offset: item.Offset, Timestamp: item.Timestamp, Key: bytes.Clone(item.Key), Value: bytes.Clone(item.Value), Headers: copied(item.Headers()),
			})
		}
		result.batches = append(result.batches, view)
	}
	return result
}
