package record

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func recordTexts(t testing.TB, batch Batch) []string {
	t.Helper()
	var texts []string
	for item, err := range Records(batch) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, fmt.Sprintf("%d at %d: %q %v %q %v %q", item.Offset, item.Timestamp, item.Key, item.Key == nil, item.Value, item.Value == nil, item.RawHeaders))
	}
	return texts
}

func TestFilterKeepsRecordsAsTheyAre(t *testing.T) {
	for codec := None; codec <= Zstd; codec++ {
		builder := NewBuilder(BuilderOptions{
			BaseOffset: 100, PartitionLeaderEpoch: 4, Compression: codec, HasProducer: true, ProducerID: 9, ProducerEpoch: 2, BaseSequence: 50, Transactional: true,
		})
		for i := range int64(6) {
			builder.AppendAt(100+2*i, 5000-100*i, []byte(fmt.Sprint("k", i)), []byte(strings.Repeat("v", int(i)*50)), Header{Key: "h"})
		}
		batch := Batch(builder.Build())
		all := recordTexts(t, batch)
		for _, horizon := range []int64{NoTimestamp, 1 << 41} {
			var filter Filter
			result, filtered, err := filter.Append([]byte("before"), batch, func(i int) bool { return i == 1 || i == 3 }, horizon)
			if err != nil {
				t.Fatal(err)
			}
			got, rest, err := Next(result[len("before"):])
			if err != nil || len(rest) != 0 || got.EnsureValid() != nil {
				t.Fatal(err, len(rest))
			}
			if diff := cmp.Diff([]string{all[1], all[3]}, recordTexts(t, got)); diff != "" {
				t.Fatal(diff)
			}
			found, ok := got.DeleteHorizon()
			if ok != (horizon != NoTimestamp) || ok && found != horizon {
				t.Fatal(found, ok)
			}
			if got.BaseOffset() != 100 || got.LastOffset() != 110 || got.LastSequence() != 60 || got.Compression() != codec || got.PartitionLeaderEpoch() != 4 || !got.IsTransactional() {
				t.Fatal("the header changed")
			}
			if filtered != (Filtered{MaxOffset: 106, MaxTimestamp: 4900, ShallowOffset: 110}) {
				t.Fatalf("%+v", filtered)
			}
			// What has a horizon keeps it.
			again, _, err := filter.Append(nil, got, func(i int) bool { return i == 1 }, NoTimestamp)
			if kept, _ := Batch(again).DeleteHorizon(); err != nil || ok && kept != horizon {
				t.Fatal(kept, err)
			}
			if diff := cmp.Diff([]string{all[3]}, recordTexts(t, Batch(again))); diff != "" {
				t.Fatal(diff)
			}
		}
		empty := Batch(AppendEmpty(nil, batch))
		if empty.EnsureValid() != nil || empty.Count() != 0 || empty.LastOffset() != 110 || empty.MaxTimestamp() != 5000 || empty.LastSequence() != 60 ||
			empty.Compression() != None || !empty.IsTransactional() || empty.SizeInBytes() != HeaderSize || recordTexts(t, empty) != nil {
			t.Fatal("the empty batch is another")
		}
	}
}

// FuzzFilter takes records out of batches of any content. Whatever can be read
// before can be read afterwards, and is the same.
func FuzzFilter(f *testing.F) {
	for codec := None; codec <= Zstd; codec++ {
		builder := NewBuilder(BuilderOptions{Compression: codec})
		for i := range int64(4) {
			builder.Append(i, []byte{byte(i)}, []byte("value"))
		}
		f.Add([]byte(builder.Build()), uint8(5), int64(-1))
	}
	f.Fuzz(func(t *testing.T, data []byte, mask uint8, horizon int64) {
		batch, _, err := Next(data)
		if err != nil || batch.Compression() > Zstd || batch.Magic() < MagicV2 {
			return
		}
		var want []string
		index, last := 0, batch.BaseOffset()-1
		for item, err := range Records(batch) {
			if err != nil || item.Offset <= last || index > 1000 {
				return
			}
			last = item.Offset
			if mask>>(index%8)&1 == 1 {
				want = append(want, fmt.Sprintf("%d %d %q %q", item.Offset, item.Timestamp, item.Key, item.Value))
			}
			index++
		}
		if len(want) == 0 || last > batch.LastOffset() {
			return
		}
		var filter Filter
		result, _, err := filter.Append(nil, batch, func(i int) bool { return mask>>(i%8)&1 == 1 }, max(horizon, NoTimestamp))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for item, err := range Records(Batch(result)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%d %d %q %q", item.Offset, item.Timestamp, item.Key, item.Value))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
