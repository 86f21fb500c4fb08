package record

import "testing"

// batchOfSmallRecords is a batch of about 1 MB of records of 100 bytes.
func batchOfSmallRecords(b *testing.B) Batch {
	builder := NewBuilder(BuilderOptions{})
	value := make([]byte, 100)
	for builder.SizeInBytes() < 1_000_000 {
		builder.Append(1_700_000_000_000, nil, value)
	}
	batch := Batch(builder.Build())
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	return batch
}

func BenchmarkWalk(b *testing.B) {
	batch := batchOfSmallRecords(b)
	for b.Loop() {
		reader, err := NewReader(batch)
		if err != nil {
			b.Fatal(err)
		}
		var current Record
		for {
			ok, err := reader.NextPartial(&current)
			if err != nil {
				b.Fatal(err)
			}
			if !ok {
				break
			}
		}
		reader.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(batch.Count()), "ns/record")
}

func BenchmarkChecksum(b *testing.B) {
	batch := batchOfSmallRecords(b)
	for b.Loop() {
		if err := batch.EnsureValid(); err != nil {
			b.Fatal(err)
		}
	}
}
