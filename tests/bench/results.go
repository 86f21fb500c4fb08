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

	rowLogCreate     = "creation of the log's partitions (ms)"
	rowLogStart      = "start to first produce, the log's partitions (ms)"
	rowLogMemory     = "memory of an idle partition (KiB)"
	rowRecovery      = "recovery after kill -9 (MB/s)"
	rowRecoveryStart = "start to first produce after kill -9 (ms)"
	rowCompaction    = "compaction (MB/s)"
	rowCompactionCPU = "compaction: MB per CPU-second"
	rowLiveAlone     = "produce alone (MB/s)"
	rowLiveWith      = "produce while a backlog is read (MB/s)"
	rowLiveKept      = "share of the throughput that is kept (%)"
	rowLiveP99Alone  = "p99 of produce alone (ms)"
	rowLiveP99With   = "p99 of produce while a backlog is read (ms)"
	rowBacklogRead   = "the backlog is read meanwhile (MB/s)"

	clusterPrefix        = "cluster: "
	rowClusterLatencyCPU = clusterPrefix + rowLatencyCPU
	rowClusterCreate     = "creation of the cluster's partitions (ms)"
	rowClusterMemory     = "resident memory of a broker, idle (MiB)"
	rowClusterIdle       = "processor time of the idle brokers (% of a core)"
	rowClusterStop       = "controlled shutdown of a broker (ms)"
	rowClusterReturn     = "its start to full ISR (ms)"
	rowClusterFailover   = "end of the controller's session to live leaders (ms)"
)

// aim is what a row's ratio of Gregor to Kafka should be or, if it is absolute,
// Gregor's value.
type aim struct {
	bound    float64
	atLeast  bool
	absolute bool
}

// row is a line of the table.
type row struct {
	part   string
	name   string
	label  string
	aim    *aim
	values map[string][]float64 // by the key of the broker
}

// results gathers what was measured.
type results struct {
	options *options
	part    string // of the rows that are added
	rows    []*row
}

func newResults(o *options) *results {
	r := &results{options: o}
	r.brokerRows(o)
	r.logRows(o)
	r.clusterRows(o)
	return r
}

func (r *results) brokerRows(o *options) {
	r.part = "broker"
	r.row(rowStartEmpty, rowStartEmpty, &aim{bound: 1. / 20})
	r.row(rowStartPartitions, fmt.Sprintf("start to first produce, %d partitions (ms)", o.partitions), &aim{bound: 1. / 20})
	r.row(rowCreate, fmt.Sprintf("creation of %d partitions (ms)", o.partitions), nil)
	r.row(rowIdle, rowIdle, &aim{bound: 1. / 10})
	r.row(rowLoaded, fmt.Sprintf("resident memory, after %.1f GiB (MiB)", float64(o.totalMiB())/1024), &aim{bound: 1. / 10})
	for _, direction := range []struct {
		name string
		aim  *aim
	}{{"produce", &aim{bound: 3, atLeast: true}}, {"consume", &aim{bound: 1.5, atLeast: true}}} {
		for _, load := range o.loads {
			r.row(transferRow(direction.name, load, perSecond), "", nil)
			r.row(transferRow(direction.name, load, perCPUSecond), "", direction.aim)
		}
	}
	r.row(rowP50, fmt.Sprintf("send to receive at %d records/s, p50 (ms)", latencyRate), nil)
	r.row(rowP99, "… p99 (ms)", &aim{bound: 1. / 2})
	r.row(rowP999, "… p99.9 (ms)", nil)
	r.row(rowLatencyCPU, "… broker's processor time (% of a core)", nil)
}

func (r *results) logRows(o *options) {
	r.part = "log"
	r.row(rowLogCreate, fmt.Sprintf("creation of %d partitions (ms)", o.logPartitions), nil)
	r.row(rowLogStart, fmt.Sprintf("start to first produce, %d partitions, clean (ms)", o.logPartitions), &aim{bound: 2000, absolute: true})
	r.row(rowLogMemory, "memory of each of them, idle (KiB)", &aim{bound: 8, absolute: true})
	r.row(rowRecovery, fmt.Sprintf("recovery of %d MiB after kill -9, loading the log (MB/s)", o.recoveryMiB), &aim{bound: 1.5, atLeast: true})
	r.row(rowRecoveryStart, "… start to first produce with it (ms)", nil)
	r.row(rowCompaction, fmt.Sprintf("compaction of %d MiB, keys twice, 100 B records (MB/s)", o.compactionMiB), &aim{bound: 1.5, atLeast: true})
	r.row(rowCompactionCPU, "… MB per CPU-second", nil)
	r.row(rowLiveAlone, "produce, 100 B records, 16 KB batches, alone (MB/s)", nil)
	r.row(rowLiveWith, fmt.Sprintf("… while a consumer reads %d MiB from the disk (MB/s)", o.backlogMiB), nil)
	r.row(rowLiveKept, "… share that is kept (%)", &aim{bound: 1, atLeast: true})
	r.row(rowLiveP99Alone, fmt.Sprintf("… at %d batches/s, p99 of the answers, alone (ms)", liveRate), nil)
	r.row(rowLiveP99With, "… and while that consumer reads (ms)", &aim{bound: 1})
	r.row(rowBacklogRead, "… the consumer gets (MB/s)", nil)
}

func (r *results) clusterRows(o *options) {
	r.part = "cluster"
	for _, load := range clusterLoads {
		r.row(transferRow(clusterProduce, load.workload, perSecond), "", nil)
		r.row(transferRow(clusterProduce, load.workload, perCPUSecond), "", &aim{bound: 4, atLeast: true})
	}
	tenth, half := &aim{bound: 1. / 10}, &aim{bound: 1. / 2}
	r.row(clusterPrefix+rowP50, fmt.Sprintf("send to receive, acks=all, at %d records/s, p50 (ms)", clusterRate), tenth)
	r.row(clusterPrefix+rowP99, "… p99 (ms)", tenth)
	r.row(clusterPrefix+rowP999, "… p99.9 (ms)", tenth)
	r.row(rowClusterLatencyCPU, "… processor time of all brokers (% of a core)", nil)
	r.row(rowClusterCreate, fmt.Sprintf("creation of %d partitions of 3 replicas (ms)", o.clusterPartitions), half)
	r.row(rowClusterMemory, "resident memory of each broker then (MiB)", half)
	r.row(rowClusterIdle, "processor time of all brokers when idle (% of a core)", half)
	r.row(rowClusterStop, rowClusterStop, half)
	r.row(rowClusterReturn, rowClusterReturn, half)
	r.row(rowClusterFailover, rowClusterFailover, half)
}

const (
	perSecond    = "MB/s"
	perCPUSecond = "MB per CPU-second"

	clusterProduce = "produce, acks=all"
)

func transferRow(direction string, load workload, unit string) string {
	return fmt.Sprintf("%s, %s: %s", direction, load.name, unit)
}

func (r *results) row(name, label string, wanted *aim) {
	if label == "" {
		label = name
	}
	r.rows = append(r.rows, &row{part: r.part, name: name, label: label, aim: wanted, values: map[string][]float64{}})
}

func (r *results) add(name string, kind kind, value float64) {
	at := slices.IndexFunc(r.rows, func(row *row) bool { return row.name == name })
	r.rows[at].values[kind.key] = append(r.rows[at].values[kind.key], value)
}

func (r *results) addTransfer(direction string, load workload, kind kind, moved cost) {
	r.add(transferRow(direction, load, perSecond), kind, moved.megabytes/moved.seconds)
	r.add(transferRow(direction, load, perCPUSecond), kind, moved.megabytes/moved.cpuSeconds)
}

// print writes a table in Markdown for each part: medians, with the range of several
// rounds.
func (r *results) print(to io.Writer) {
	fmt.Fprintf(to, "%s: %d CPUs (%s), %.1f GiB of memory, Linux %s; medians and ranges.\n",
		time.Now().Format(time.DateOnly), runtime.NumCPU(), processorName(), memoryGiB(), kernelRelease())
	for _, part := range r.options.parts {
		fmt.Fprintf(to, "\n%s, rounds: %d.\n\n", part.title, part.rounds(r.options))
		r.printPart(to, part.name)
	}
}

func (r *results) printPart(to io.Writer, part string) {
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
		if row.part != part || len(row.values) == 0 {
			continue
		}
		cells := []string{row.label}
		for _, kind := range r.options.brokers {
			cells = append(cells, spread(row.values[kind.key]))
		}
		if both {
			gregor, kafka := median(row.values[kinds[0].key]), median(row.values[kinds[1].key])
			cells = append(cells, "× "+number(gregor/kafka), row.aim.judge(gregor, kafka))
		}
		printCells(to, cells)
	}
}

func printCells(to io.Writer, cells []string) {
	fmt.Fprintf(to, "| %s |\n", strings.Join(cells, " | "))
}

// judge tells whether what was measured is what it should be.
func (a *aim) judge(gregor, kafka float64) string {
	if a == nil {
		return ""
	}
	value, unit := gregor/kafka, "× "
	if a.absolute {
		value, unit = gregor, ""
	}
	sign, met := "≤", value <= a.bound
	if a.atLeast {
		sign, met = "≥", value >= a.bound
	}
	verdict := "missed"
	if met {
		verdict = "met"
	}
	return fmt.Sprintf("%s %s%s: %s", sign, unit, number(a.bound), verdict)
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
