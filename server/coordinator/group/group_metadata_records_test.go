package group

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/log/record"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOffsetRecordsInTheirVersions(t *testing.T) {
	key := offsetKey("g", topic.Partition{Topic: "to", Partition: 3})
	if want := unhex(t, "0001"+"000167"+"0002746f"+"00000003"); !bytes.Equal(key, want) {
		t.Errorf("key is %x, want %x", key, want)
	}
	plain := offsetAndMetadata{offset: 5, leaderEpoch: 7, metadata: "m", commitTimestamp: 258, expireTimestamp: noTimestamp}
	expiring := plain
	expiring.expireTimestamp = 1
	const head, tail = "0000000000000005", "00016d" + "0000000000000102"
	for name, c := range map[string]struct {
		offset      offsetAndMetadata
		interBroker config.ApiVersion
		want        string
		lost        bool // the version has no leader epoch
	}{
		"3.1":                       {plain, config.IBP_3_1_IV0, "0003" + head + "00000007" + tail, false},
		"2.1-IV1":                   {plain, config.IBP_2_1_IV1, "0003" + head + "00000007" + tail, false},
		"2.1-IV0":                   {plain, config.IBP_2_1_IV0, "0002" + head + tail, true},
		"2.0":                       {plain, config.IBP_2_0_IV1, "0001" + head + tail + "ffffffffffffffff", true},
		"3.1, retention of its own": {expiring, config.IBP_3_1_IV0, "0001" + head + tail + "0000000000000001", true},
	} {
		t.Run(name, func(t *testing.T) {
			value := offsetValue(&c.offset, c.interBroker)
			if want := unhex(t, c.want); !bytes.Equal(value, want) {
				t.Fatalf("value is %x, want %x", value, want)
			}
			want := c.offset
			if c.lost {
				want.leaderEpoch = record.NoPartitionLeaderEpoch
			}
			if got, err := decodeOffsetValue(value); err != nil || got != want {
				t.Errorf("read back as %+v, %v", got, err)
			}
		})
	}
	old, err := decodeOffsetValue(unhex(t, "0000"+head+tail))
	if want := (offsetAndMetadata{offset: 5, leaderEpoch: -1, metadata: "m", commitTimestamp: 258, expireTimestamp: noTimestamp}); err != nil || old != want {
		t.Errorf("version 0 read as %+v, %v", old, err)
	}
}

func testGroup() *group {
	g := newGroup("g")
	name, instance := "range", "i"
	g.add(&member{id: "m1", instanceID: &instance, clientID: "c", clientHost: "/h", rebalanceTimeoutMs: 2, sessionTimeoutMs: 3,
		protocols: []protocolMetadata{{"range", []byte("s")}}, assignment: []byte("a")}, "consumer")
	g.state, g.generation, g.protocolName, g.stateTimestamp = stable, 4, &name, 5
	return g
}

func TestGroupRecordsInTheirVersions(t *testing.T) {
	if key, want := groupMetadataKey("g"), unhex(t, "0002"+"000167"); !bytes.Equal(key, want) {
		t.Errorf("key is %x, want %x", key, want)
	}
	const (
		head     = "0008636f6e73756d6572" + "00000004" + "000572616e6765" + "00026d31"
		stamp    = "0000000000000005"
		client   = "000163" + "00022f68"
		payloads = "0000000173" + "0000000161"
	)
	for name, c := range map[string]struct {
		interBroker config.ApiVersion
		want        string
	}{
		"3.1":    {config.IBP_3_1_IV0, "0003" + head + stamp + "00000001" + "00026d31" + "000169" + client + "00000002" + "00000003" + payloads},
		"2.2":    {config.IBP_2_2_IV1, "0002" + head + stamp + "00000001" + "00026d31" + client + "00000002" + "00000003" + payloads},
		"2.0":    {config.IBP_2_0_IV1, "0001" + head + "00000001" + "00026d31" + client + "00000002" + "00000003" + payloads},
		"0.10.0": {config.IBP_0_10_0_IV1, "0000" + head + "00000001" + "00026d31" + client + "00000003" + payloads},
	} {
		t.Run(name, func(t *testing.T) {
			g := testGroup()
			value := groupMetadataValue(g, g.assignments(), c.interBroker)
			if want := unhex(t, c.want); !bytes.Equal(value, want) {
				t.Fatalf("value is\n%x, want\n%x", value, want)
			}
			restored := newGroup("g")
			if err := restored.restore(value); err != nil {
				t.Fatal(err)
			}
			want := testGroup()
			switch version := value[1]; {
			case version == 0:
				want.order[0].rebalanceTimeoutMs = 3
				fallthrough
			case version < 2:
				want.stateTimestamp = noTimestamp
				fallthrough
			case version < 3:
				want.order[0].instanceID = nil
				want.static = map[string]*member{}
			}
			if diff := cmp.Diff(want, restored, cmp.AllowUnexported(group{}, member{}, groupOffsets{}, rebalance{}, protocolMetadata{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEmptyGroupRecord(t *testing.T) {
	g := testGroup()
	g.remove("m1")
	g.state = preparingRebalance
	g.nextGeneration()
	g.stateTimestamp = 5
	value := groupMetadataValue(g, nil, config.IBP_3_1_IV0)
	want := unhex(t, "0003"+"0008636f6e73756d6572"+"00000005"+"ffff"+"ffff"+"0000000000000005"+"00000000")
	if !bytes.Equal(value, want) {
		t.Fatalf("value is %x, want %x", value, want)
	}
	restored := newGroup("g")
	if err := restored.restore(value); err != nil || restored.state != empty || restored.protocolType != "consumer" || restored.leader != "" {
		t.Errorf("restored as %+v, %v", restored, err)
	}
}

func TestUnknownVersionsAreRefused(t *testing.T) {
	for _, key := range []string{"", "00", "0003000167", "ffff000167"} {
		if _, err := decodeKey(unhex(t, key)); !errors.Is(err, kerr.CorruptMessage) {
			t.Errorf("key %q: %v", key, err)
		}
	}
	if _, err := decodeOffsetValue(unhex(t, "0004")); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("offset value: %v", err)
	}
	if err := newGroup("g").restore(unhex(t, "0004")); !errors.Is(err, kerr.CorruptMessage) {
		t.Errorf("group value: %v", err)
	}
}

func TestBatchesAsKafkaWritesThem(t *testing.T) {
	entries := []entry{{[]byte("k"), []byte("v")}, {key: []byte("t")}}
	for _, codec := range []record.Compression{record.None, record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
		batch := record.Batch(buildBatch(codec, noProducer, 0, entries))
		if err := batch.EnsureValid(); err != nil {
			t.Fatal(err)
		}
		if batch.Compression() != codec || batch.IsTransactional() || batch.ProducerID() != -1 || batch.ProducerEpoch() != -1 || batch.BaseSequence() != 0 {
			t.Errorf("%s: producer %d/%d, sequence %d, %s", codec, batch.ProducerID(), batch.ProducerEpoch(), batch.BaseSequence(), batch.Compression())
		}
	}
	batch := record.Batch(buildBatch(record.None, producer{9, 2}, 0, entries))
	if !batch.IsTransactional() || batch.ProducerID() != 9 || batch.ProducerEpoch() != 2 || batch.BaseSequence() != 0 || batch.Count() != 2 {
		t.Errorf("transactional batch: %x", []byte(batch))
	}
}

func TestParseSubscription(t *testing.T) {
	for version := int16(0); version <= 3; version++ {
		subscription := kmsg.ConsumerMemberMetadata{Version: version, Topics: []string{"a", "b"}, UserData: []byte("u")}
		got, err := parseSubscription(subscription.AppendTo(nil))
		if err != nil || !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("version %d: %v, %v", version, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {0}, {0xff, 0xff, 0, 0, 0, 0}, {0, 0, 0x7f, 0xff, 0xff, 0xff}, {0, 1, 0, 0, 0, 1, 0, 9}} {
		if got, err := parseSubscription(bad); err == nil {
			t.Errorf("%x read as %v", bad, got)
		}
	}
}

func FuzzDecodeKey(f *testing.F) {
	f.Add(offsetKey("g", topic.Partition{Topic: "t", Partition: 1}))
	f.Add(groupMetadataKey("g"))
	f.Add([]byte{0, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := decodeKey(data)
		if err != nil || len(key.group) > maxString || len(key.partition.Topic) > maxString {
			return
		}
		again := groupMetadataKey(key.group)
		if key.isOffset {
			again = offsetKey(key.group, key.partition)
		}
		if !bytes.HasPrefix(data[2:], again[2:]) {
			t.Errorf("%x was read as %+v, which is written as %x", data, key, again)
		}
	})
}

func FuzzDecodeOffsetValue(f *testing.F) {
	for _, interBroker := range []config.ApiVersion{config.IBP_2_0_IV1, config.IBP_2_1_IV0, config.IBP_3_1_IV0} {
		f.Add(offsetValue(&offsetAndMetadata{offset: 1, leaderEpoch: 2, metadata: "m", commitTimestamp: 3, expireTimestamp: -1}, interBroker))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		offset, err := decodeOffsetValue(data)
		if err != nil {
			return
		}
		again, err := decodeOffsetValue(offsetValue(&offset, config.IBP_3_1_IV0))
		if offset.expireTimestamp != noTimestamp {
			again.leaderEpoch = offset.leaderEpoch
		}
		if err != nil || again != offset {
			t.Errorf("%+v was read back as %+v, %v", offset, again, err)
		}
	})
}

func FuzzRestoreGroup(f *testing.F) {
	g := testGroup()
	for _, interBroker := range []config.ApiVersion{config.IBP_0_10_0_IV1, config.IBP_2_0_IV1, config.IBP_2_2_IV1, config.IBP_3_1_IV0} {
		f.Add(groupMetadataValue(g, g.assignments(), interBroker))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g := newGroup("g")
		if g.restore(data) != nil {
			return
		}
		checkGroup(t, g)
		again := newGroup("g")
		if err := again.restore(groupMetadataValue(g, g.assignments(), config.IBP_3_1_IV0)); err != nil || len(again.members) != len(g.members) {
			t.Errorf("the restored group cannot be restored again: %v", err)
		}
	})
}

func FuzzParseSubscription(f *testing.F) {
	subscription := kmsg.ConsumerMemberMetadata{Version: 1, Topics: []string{"a"}}
	f.Add(subscription.AppendTo(nil))
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = parseSubscription(data) })
}

// FuzzReplay loads whatever bytes a partition may hold.
func FuzzReplay(f *testing.F) {
	g := testGroup()
	f.Add(groupMetadataKey("g"), groupMetadataValue(g, g.assignments(), config.IBP_3_1_IV0), false, false)
	f.Add(offsetKey("g", topic.Partition{Topic: "t"}), offsetValue(&offsetAndMetadata{}, config.IBP_3_1_IV0), true, false)
	f.Add([]byte{0, 0, 0, 1}, []byte{0, 0, 0, 0, 0, 0}, true, true)
	f.Fuzz(func(t *testing.T, key, value []byte, transactional, control bool) {
		builder := record.NewBuilder(record.BuilderOptions{Transactional: transactional, Control: control, HasProducer: true, ProducerID: 1})
		builder.Append(1, key, value)
		builder.Append(1, key, nil)
		m := newManager(&settings{maxSize: 1}, nil, quiet, "", quiet, "")
		if m.Replay(builder.Build()) != nil {
			return
		}
		for _, g := range m.groups {
			checkGroup(t, g)
		}
	})
}
