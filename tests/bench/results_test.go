package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gregor-broker/gregor/log/record"
)

func TestTableHasMediansRangesAndRatios(t *testing.T) {
	results := newResults(&options{rounds: 3, partitions: 10, brokers: kinds, loads: workloads[:1], parts: parts})
	for i, kind := range kinds {
		for _, value := range []float64{300, 100, 200} {
			results.add(rowStartEmpty, kind, value*float64(1+9*i))
			results.add(rowP99, kind, value)
		}
	}
	var table strings.Builder
	results.print(&table)
	for _, line := range []string{
		"| start to first produce, no data (ms) | 200 (100 to 300) | 2000 (1000 to 3000) | × 0.100 | ≤ × 0.050: missed |",
		"| … p99 (ms) | 200 (100 to 300) | 200 (100 to 300) | × 1.00 | ≤ × 0.500: missed |",
	} {
		if !strings.Contains(table.String(), line+"\n") {
			t.Errorf("there is no %s in\n%s", line, table.String())
		}
	}
	if strings.Contains(table.String(), "MB/s") {
		t.Error("a row without values is printed")
	}
}

func TestAimsAreJudgedByRatioOrByGregorAlone(t *testing.T) {
	for _, test := range []struct {
		aim           aim
		gregor, kafka float64
		verdict       string
	}{
		{aim{bound: 3, atLeast: true}, 31, 10, "≥ × 3.00: met"},
		{aim{bound: 0.5}, 6, 10, "≤ × 0.500: missed"},
		{aim{bound: 8, absolute: true}, 7, 1, "≤ 8.00: met"},
		{aim{bound: 8, absolute: true}, 9, 100, "≤ 8.00: missed"},
	} {
		if verdict := test.aim.judge(test.gregor, test.kafka); verdict != test.verdict {
			t.Errorf("%s, not %s", verdict, test.verdict)
		}
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

func TestEveryMeasureHasARowOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range newResults(&options{loads: workloads}).rows {
		if seen[row.name] {
			t.Errorf("two rows are called %s", row.name)
		}
		seen[row.name] = true
	}
}

func TestFormsNameFlags(t *testing.T) {
	for _, form := range []map[string]string{quickForm, fullForm} {
		for name := range form {
			if registerFlags(&options{}).Lookup(name) == nil {
				t.Errorf("there is no flag %s", name)
			}
		}
	}
}

func TestCleanersCheckpointIsRead(t *testing.T) {
	for checkpoint, wanted := range map[string]int64{
		"0\n2\nother 0 5\ncompacted 0 140\n": 140,
		"0\n1\ncompacted 1 140\n":            -1,
		"":                                   -1,
	} {
		if offset := cleanedTo(checkpoint); offset != wanted {
			t.Errorf("%q: %d", checkpoint, offset)
		}
	}
}

func TestSealedSegmentsAreAllButTheLast(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"00000000000000000000.log": 10, "00000000000000000007.log": 20, "00000000000000000009.log": 40} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if bytes, active, err := sealedSegments(dir); err != nil || bytes != 30 || active != 9 {
		t.Error(bytes, active, err)
	}
	if _, _, err := sealedSegments(t.TempDir()); err == nil {
		t.Error("an empty folder has sealed segments")
	}
}
