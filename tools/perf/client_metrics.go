package perf

import (
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

// clientMetrics measures a client for --print-metrics, under the names of the Java
// client's metrics. It has those that the library lets it see.
type clientMetrics struct {
	clientID string
	start    time.Time

	mu     sync.Mutex // protects what follows
	group  string
	counts map[string]float64
	maxima map[string]float64
}

var (
	_ kgo.HookBrokerConnect       = (*clientMetrics)(nil)
	_ kgo.HookBrokerDisconnect    = (*clientMetrics)(nil)
	_ kgo.HookBrokerE2E           = (*clientMetrics)(nil)
	_ kgo.HookProduceBatchWritten = (*clientMetrics)(nil)
	_ kgo.HookFetchBatchRead      = (*clientMetrics)(nil)
)

func newClientMetrics(clientID string) *clientMetrics {
	return &clientMetrics{clientID: clientID, start: time.Now(), group: "producer-metrics", counts: map[string]float64{}, maxima: map[string]float64{}}
}

// hooks measure only when the metrics are asked for.
func (m *clientMetrics) hooks(given *command.Namespace) []kgo.Hook {
	if !given.Has("print-metrics") {
		return nil
	}
	return []kgo.Hook{m}
}

func (m *clientMetrics) add(name string, number float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[name] += number
	m.maxima[name] = max(m.maxima[name], number)
}

// OnBrokerConnect counts connections.
func (m *clientMetrics) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err == nil {
		m.add("connection-creation", 1)
	}
}

// OnBrokerDisconnect counts closed connections.
func (m *clientMetrics) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) {
	m.add("connection-close", 1)
}

// OnBrokerE2E counts requests, bytes and the time to the answer.
func (m *clientMetrics) OnBrokerE2E(_ kgo.BrokerMetadata, _ int16, e2e kgo.BrokerE2E) {
	m.add("request", 1)
	m.add("outgoing-byte", float64(e2e.BytesWritten))
	m.add("incoming-byte", float64(e2e.BytesRead))
	m.add("request-latency", float64(e2e.DurationE2E().Milliseconds()))
}

// OnProduceBatchWritten counts what was sent.
func (m *clientMetrics) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, batch kgo.ProduceBatchMetrics) {
	m.add("batch", 1)
	m.add("batch-size", float64(batch.CompressedBytes))
	m.add("record-send", float64(batch.NumRecords))
}

// OnFetchBatchRead counts what was read.
func (m *clientMetrics) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, batch kgo.FetchBatchMetrics) {
	m.add("records-consumed", float64(batch.NumRecords))
	m.add("bytes-consumed", float64(batch.CompressedBytes))
}

// printMetrics is ToolsUtils.printMetrics.
func printMetrics(out io.Writer, rows map[string]string) {
	width := 0
	for name := range rows {
		width = max(width, len(name))
	}
	fmt.Fprintf(out, "\n%-*s   %s\n", width, "Metric Name", "Value")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(out, "%-*s : %s\n", width, name, rows[name])
	}
}

// rows are the metrics at this moment.
func (m *clientMetrics) rows() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := map[string]string{
		m.name("app-info", "version"):       command.Version,
		m.name("app-info", "start-time-ms"): strconv.FormatInt(m.start.UnixMilli(), 10),
	}
	set := func(group, name string, number float64) { rows[m.name(group, name)] = command.JavaFixed(number, 3) }
	elapsed := time.Since(m.start).Seconds()
	total := func(group string, names ...string) {
		for _, name := range names {
			set(group, name+"-total", m.counts[name])
			set(group, name+"-rate", m.counts[name]/elapsed)
		}
	}
	total(m.group, "connection-creation", "connection-close", "request", "outgoing-byte", "incoming-byte")
	set(m.group, "connection-count", m.counts["connection-creation"]-m.counts["connection-close"])
	set(m.group, "request-latency-avg", m.counts["request-latency"]/m.counts["request"])
	set(m.group, "request-latency-max", m.maxima["request-latency"])
	if m.group == "producer-metrics" {
		total(m.group, "record-send")
		set(m.group, "batch-size-avg", m.counts["batch-size"]/m.counts["batch"])
		set(m.group, "batch-size-max", m.maxima["batch-size"])
	} else {
		total("consumer-fetch-manager-metrics", "records-consumed", "bytes-consumed")
	}
	return rows
}

func (m *clientMetrics) name(group, name string) string {
	return group + ":" + name + ":{client-id=" + m.clientID + "}"
}
