package perf

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gregor-broker/gregor/tools/command"
)

const (
	reportInterval = 5 * time.Second
	// maxSamples is how many latencies are kept for the percentiles.
	maxSamples    = 500000
	megabyte      = 1 << 20
	thousandPerMs = 1000.0
)

// window counts what was answered in a stretch of time.
type window struct {
	start               time.Time
	count, bytes        int64
	latency, maxLatency int64
}

func (w *window) add(latency int64, bytes int) {
	w.count++
	w.bytes += int64(bytes)
	w.latency += latency
	w.maxLatency = max(w.maxLatency, latency)
}

func (w *window) rates(now time.Time) (records, megabytes float64) {
	elapsed := float64(now.Sub(w.start).Milliseconds())
	return thousandPerMs * float64(w.count) / elapsed, thousandPerMs * float64(w.bytes) / elapsed / megabyte
}

// statistics is ProducerPerformance.Stats: it prints a line every five seconds and
// one at the end.
type statistics struct {
	out      io.Writer
	sampling int64

	mu        sync.Mutex // protects what follows
	total     window
	recent    window
	latencies []int64
}

func newStatistics(records int64, out io.Writer) *statistics {
	now := time.Now()
	return &statistics{out: out, sampling: max(records/min(max(records, 1), maxSamples), 1), total: window{start: now}, recent: window{start: now}}
}

// completion is what is called with the answer to a record.
func (s *statistics) completion(iteration int64, sent time.Time, bytes int, stderr io.Writer) func(*kgo.Record, error) {
	return func(_ *kgo.Record, err error) {
		now := time.Now()
		s.record(iteration, now.UnixMilli()-sent.UnixMilli(), bytes, now)
		if err != nil {
			fmt.Fprintln(stderr, command.ExceptionText(err))
		}
	}
}

func (s *statistics) record(iteration, latency int64, bytes int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total.add(latency, bytes)
	s.recent.add(latency, bytes)
	if iteration%s.sampling == 0 {
		s.latencies = append(s.latencies, latency)
	}
	if now.Sub(s.recent.start) >= reportInterval {
		s.printWindow(now)
		s.recent = window{start: now}
	}
}

func (s *statistics) printWindow(now time.Time) {
	records, megabytes := s.recent.rates(now)
	fmt.Fprintf(s.out, "%d records sent, %s records/sec (%s MB/sec), %s ms avg latency, %s ms max latency.\n",
		s.recent.count, command.JavaFixed(records, 1), command.JavaFixed(megabytes, 2),
		command.JavaFixed(float64(s.recent.latency)/float64(s.recent.count), 1), command.JavaFixed(float64(s.recent.maxLatency), 1))
}

func (s *statistics) printTotal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	records, megabytes := s.total.rates(time.Now())
	percentiles := percentilesOf(s.latencies, 0.5, 0.95, 0.99, 0.999)
	fmt.Fprintf(s.out, "%d records sent, %s records/sec (%s MB/sec), %s ms avg latency, %s ms max latency, %d ms 50th, %d ms 95th, %d ms 99th, %d ms 99.9th.\n",
		s.total.count, command.JavaFixed(records, 6), command.JavaFixed(megabytes, 2),
		command.JavaFixed(float64(s.total.latency)/float64(s.total.count), 2), command.JavaFixed(float64(s.total.maxLatency), 2),
		percentiles[0], percentiles[1], percentiles[2], percentiles[3])
}

// percentilesOf sorts the latencies and picks from them; zeros when there are none.
func percentilesOf(latencies []int64, shares ...float64) []int64 {
	slices.Sort(latencies)
	picked := make([]int64, len(shares))
	for i, share := range shares {
		if len(latencies) > 0 {
			picked[i] = latencies[int(share*float64(len(latencies)))]
		}
	}
	return picked
}
