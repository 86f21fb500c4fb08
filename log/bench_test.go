package log

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/gregor-broker/gregor/log/record"
	"github.com/gregor-broker/gregor/log/vfs"
)

// benchmarkBatch is a batch of about size bytes of records of 1 KB.
func benchmarkBatch(codec record.Compression, size int) []byte {
	builder := record.NewBuilder(record.BuilderOptions{Compression: codec})
	value := bytes.Repeat([]byte("0123456789abcdef"), 64)
	for written := 0; written < size; written += len(value) {
		builder.Append(1_700_000_000_000, nil, value)
	}
	return builder.Build()
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 900 << 10} {
		for _, codec := range []record.Compression{record.None, record.LZ4} {
			b.Run(fmt.Sprintf("%s-%d", codec, size), func(b *testing.B) {
				log := openTestLog(b, vfs.OS, b.TempDir(), map[string]string{"segment.bytes": "268435456"})
				original := benchmarkBatch(codec, size)
				batch := bytes.Clone(original)
				b.SetBytes(int64(len(batch)))
				b.ReportAllocs()
				for b.Loop() {
					record.Batch(batch).SetBaseOffset(0)
					if _, err := log.AppendAsLeader(batch, 0, OriginClient); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkAppendIdempotent(b *testing.B) {
	log := openTestLog(b, vfs.OS, b.TempDir(), nil)
	sequence := int32(0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		batch := batchOf(record.BuilderOptions{HasProducer: true, ProducerID: 1, BaseSequence: sequence}, 1, "value")
		sequence++
		b.StartTimer()
		if _, err := log.AppendAsLeader(batch, 0, OriginClient); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, place := range []string{"tail", "old"} {
		b.Run(place, func(b *testing.B) {
			log := openTestLog(b, vfs.OS, b.TempDir(), nil)
			for range 20_000 {
				if _, err := log.AppendAsLeader(benchmarkBatch(record.None, 1<<10), 0, OriginClient); err != nil {
					b.Fatal(err)
				}
			}
			log.UpdateHighWatermark(log.LogEndOffset())
			from := int64(1234)
			if place == "tail" {
				from = log.LogEndOffset() - 1
			}
			b.ReportAllocs()
			for b.Loop() {
				info, err := log.Read(from, 1<<20, FetchHighWatermark, true)
				if err != nil || info.Size() == 0 {
					b.Fatal(err, info.Size())
				}
				info.Release()
			}
		})
	}
}

func BenchmarkSend(b *testing.B) {
	log := openTestLog(b, vfs.OS, b.TempDir(), nil)
	for range 10 {
		if _, err := log.AppendAsLeader(benchmarkBatch(record.None, 900<<10), 0, OriginClient); err != nil {
			b.Fatal(err)
		}
	}
	client, server := tcpPair(b)
	go io.Copy(io.Discard, client)
	info, err := log.Read(0, 1<<20, FetchLogEnd, true)
	if err != nil {
		b.Fatal(err)
	}
	defer info.Release()
	for name, conn := range map[string]net.Conn{"sendfile": server, "copy": struct{ net.Conn }{server}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(info.Size()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := info.Records.SendTo(conn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// tcpPair is two ends of a TCP connection.
func tcpPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err = net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		server.Close()
	})
	return client, server
}
