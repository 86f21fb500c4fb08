package main

import (
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/log/record"
)

func TestTableHasMediansRangesAndRatios(t *testing.T) {
	results := newResults(&options{rounds: 3, partitions: 10, brokers: kinds, loads: workloads[:1]})
	for i, kind := range kinds {
		for _, value := range []float64{300, 100, 200} {
			results.add(rowStartEmpty, kind, value*float64(1+9*i))
			results.add(rowP99, kind, value)
		}
	}
	var table strings.Builder
	results.print(&table)
	for _, line := range []string{
		"| start to first produce, no data (ms) | 200 (100 to 300) | 2000 (1000 to 3000) | × 0.100 | ≤ 0.050: missed |",
		"| … p99 (ms) | 200 (100 to 300) | 200 (100 to 300) | × 1.00 | ≤ 0.500: missed |",
	} {
		if !strings.Contains(table.String(), line+"\n") {
			t.Errorf("there is no %s in\n%s", line, table.String())
		}
	}
	if strings.Contains(table.String(), "MB/s") {
		t.Error("a row without values is printed")
	}
	if verdict := (&aim{3, true}).judge(3.1); verdict != "≥ 3.00: met" {
		t.Error(verdict)
	}
}

func TestLoadsFillTheirBatches(t *testing.T) {
	for _, load := range workloads {
		batch := batchOf(load.records(), load.record)
		if len(batch) > load.batchSize || len(batch) < load.batchSize*9/10 {
			t.Errorf("%s: a batch has %d bytes", load.name, len(batch))
		}
	}
}

func TestSendingTimesRefuseForeignRecords(t *testing.T) {
	for _, err := range sendingTimes(batchOf(1, latencyRecord+1)) {
		if err == nil {
			t.Error("a record of another size is taken")
		}
	}
	if batch := batchOf(2, latencyRecord); record.Batch(batch).Count() != 2 {
		t.Errorf("%d records", batch.Count())
	}
}
