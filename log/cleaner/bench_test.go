package cleaner

import (
	"context"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/log"
	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// BenchmarkClean compacts 64 MiB of records of 100 bytes, half of them with keys
// that come again.
func BenchmarkClean(b *testing.B) {
	for _, codec := range []record.Compression{record.None, record.LZ4} {
		b.Run(codec.String(), func(b *testing.B) {
			value := []byte(strings.Repeat("v", 84))
			for b.Loop() {
				b.StopTimer()
				l := openLog(b, newMem(b), "segment.bytes", "16777216", "segment.index.bytes", "1048576")
				onDisk := reopen(b, vfs.OS, l.overrides, func(options *log.OpenOptions) { options.Dir = b.TempDir() + "/topic-0" })
				key, next := make([]byte, 16), uint64(0)
				for size := 0; size < 64<<20; {
					builder := record.NewBuilder(record.BuilderOptions{Compression: codec})
					for range 150 {
						next++
						binary.BigEndian.PutUint64(key, next%300_000)
						builder.Append(int64(next), key, value)
						size += 100
					}
					_, err := onDisk.AppendAsLeader(builder.Build(), 0, log.OriginClient)
					must(b, err)
				}
				onDisk.UpdateHighWatermark(onDisk.LogEndOffset())
				onDisk.roll()
				b.SetBytes(64 << 20)
				settings := testConfiguration()
				settings.DedupeBufferSize = 128 << 20
				b.StartTimer()
				_, err := onDisk.tryClean(context.Background(), settings)
				must(b, err)
				b.StopTimer()
				onDisk.abandon()
				b.StartTimer()
			}
		})
	}
}
