package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Rows of the table.
const (
	rowStartEmpty      = "start to first produce, no data (ms)"
	rowStartPartitions = "start to first produce, partitions (ms)"
	rowCreate          = "creation of the partitions (ms)"
	rowIdle            = "resident memory, idle (MiB)"
	rowLoaded          = "resident memory, after the load (MiB)"
	rowP50             = "send to receive, p50 (ms)"
	rowP99             = "send to receive, p99 (ms)"
	rowP999            = "send to receive, p99.9 (ms)"
	rowLatencyCPU      = "processor time meanwhile (% of a core)"
)

// aim is what a row's ratio of Gregor to Kafka should be.
type aim struct {
	ratio   float64
	atLeast bool
}

// row is a line of the table.
type row struct {
	name   string
	label  string
	aim    *aim
	values map[string][]float64 // by the key of the broker
}

// results gathers what was measured.
type results struct {
	options *options
	rows    []*row
}

func newResults(o *options) *results {
	r := &results{options: o}
	r.row(rowStartEmpty, rowStartEmpty, &aim{ratio: 1. / 20})
	r.row(rowStartPartitions, fmt.Sprintf("start to first produce, %d partitions (ms)", o.partitions), &aim{ratio: 1. / 20})
	r.row(rowCreate, fmt.Sprintf("creation of %d partitions (ms)", o.partitions), nil)
	r.row(rowIdle, rowIdle, &aim{ratio: 1. / 10})
	r.row(rowLoaded, fmt.Sprintf("resident memory, after %.1f GiB (MiB)", float64(o.totalMiB())/1024), &aim{ratio: 1. / 10})
	for _, direction := range []struct {
		name string
		aim  *aim
	}{{"produce", &aim{3, true}}, {"consume", &aim{1.5, true}}} {
		for _, load := range o.loads {
			r.row(transferRow(direction.name, load, perSecond), "", nil)
			r.row(transferRow(direction.name, load, perCPUSecond), "", direction.aim)
		}
	}
	r.row(rowP50, fmt.Sprintf("send to receive at %d records/s, p50 (ms)", latencyRate), nil)
	r.row(rowP99, "… p99 (ms)", &aim{ratio: 1. / 2})
	r.row(rowP999, "… p99.9 (ms)", nil)
	r.row(rowLatencyCPU, "… broker's processor time (% of a core)", nil)
	return r
}

const (
	perSecond    = "MB/s"
	perCPUSecond = "MB per CPU-second"
)

func transferRow(direction string, load workload, unit string) string {
	return fmt.Sprintf("%s, %s: %s", direction, load.name, unit)
}

func (r *results) row(name, label string, wanted *aim) {
	if label == "" {
		label = name
	}
	r.rows = append(r.rows, &row{name: name, label: label, aim: wanted, values: map[string][]float64{}})
}

func (r *results) add(name string, kind kind, value float64) {
	at := slices.IndexFunc(r.rows, func(row *row) bool { return row.name == name })
	r.rows[at].values[kind.key] = append(r.rows[at].values[kind.key], value)
}

func (r *results) addTransfer(direction string, load workload, kind kind, moved cost) {
	r.add(transferRow(direction, load, perSecond), kind, moved.megabytes/moved.seconds)
	r.add(transferRow(direction, load, perCPUSecond), kind, moved.megabytes/moved.cpuSeconds)
}

// print writes the table in Markdown: medians, with the range of several rounds.
func (r *results) print(to io.Writer) {
	fmt.Fprintf(to, "%s: %d CPUs (%s), %.1f GiB of memory, Linux %s; rounds: %d; medians and ranges.\n\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), processorName(), memoryGiB(), kernelRelease(), r.options.rounds)
	both := len(r.options.brokers) == 2
	heads := []string{""}
	for _, kind := range r.options.brokers {
		heads = append(heads, kind.name)
	}
	if both {
		heads = append(heads, "ratio", "aim")
	}
	printCells(to, heads)
	printCells(to, slices.Repeat([]string{"---"}, len(heads)))
	for _, row := range r.rows {
		if len(row.values) == 0 {
			continue
		}
		cells := []string{row.label}
		for _, kind := range r.options.brokers {
			cells = append(cells, spread(row.values[kind.key]))
		}
		if both {
			ratio := median(row.values[kinds[0].key]) / median(row.values[kinds[1].key])
			cells = append(cells, "× "+number(ratio), row.aim.judge(ratio))
		}
		printCells(to, cells)
	}
}

func printCells(to io.Writer, cells []string) {
	fmt.Fprintf(to, "| %s |\n", strings.Join(cells, " | "))
}

// judge tells whether a ratio is what it should be.
func (a *aim) judge(ratio float64) string {
	if a == nil {
		return ""
	}
	sign, met := "≤", ratio <= a.ratio
	if a.atLeast {
		sign, met = "≥", ratio >= a.ratio
	}
	verdict := "missed"
	if met {
		verdict = "met"
	}
	return fmt.Sprintf("%s %s: %s", sign, number(a.ratio), verdict)
}

func spread(values []float64) string {
	if len(values) <= 1 {
		return number(median(values))
	}
	return fmt.Sprintf("%s (%s to %s)", number(median(values)), number(slices.Min(values)), number(slices.Max(values)))
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// number prints three digits that count.
func number(value float64) string {
	switch {
	case math.IsNaN(value) || math.IsInf(value, 0):
		return "–"
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	case value >= 1:
		return fmt.Sprintf("%.2f", value)
	}
	return fmt.Sprintf("%.3f", value)
}

func processorName() string { return valueIn("/proc/cpuinfo", "model name") }

func memoryGiB() float64 {
	var kib float64
	fmt.Sscan(valueIn("/proc/meminfo", "MemTotal"), &kib)
	return kib / (1 << 20)
}

func kernelRelease() string {
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(release))
}

// valueIn is what stands behind a name and a colon in a file.
func valueIn(file, name string) string {
	content, _ := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
