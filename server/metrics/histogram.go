package metrics

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// quantiles are those that the JMX exporter's rules let through.
var quantiles = []struct {
	label    string
	fraction float64
}{{"0.50", 0.50}, {"0.75", 0.75}, {"0.95", 0.95}, {"0.98", 0.98}, {"0.99", 0.99}, {"0.999", 0.999}}

const (
	// subBuckets of every power of two: a quantile is at most 1/16 too high.
	subBucketBits = 4
	subBuckets    = 1 << subBucketBits
	// bucketCount covers values up to 2^40; greater ones count as that.
	bucketCount = (41 - subBucketBits) * subBuckets
	// windowLength is half of the time that quantiles look back at most, like
	// Kafka's reservoir, which is biased to the last five minutes.
	windowLength = 150 * time.Second
)

// window has the counts of one stretch of time.
type window struct {
	started time.Time
	counts  [bucketCount]atomic.Uint32
}

// Histogram counts whole non-negative values and gives quantiles of the recent
// ones, as Kafka's histograms with a biased reservoir. Updating takes two
// atomic additions. The zero value is ready to use and small until the first
// value comes.
type Histogram struct {
	count    atomic.Int64
	current  atomic.Pointer[window]
	mu       sync.Mutex // for a change of windows
	previous *window
}

// Update counts a value; a negative one counts as 0.
func (h *Histogram) Update(value int64) {
	h.count.Add(1)
	w := h.current.Load()
	if w == nil {
		w = h.rotate(time.Now())
	}
	w.counts[bucketOf(value)].Add(1)
}

// UpdateDuration counts a duration in whole milliseconds, rounded.
func (h *Histogram) UpdateDuration(d time.Duration) {
	h.Update(int64(d.Round(time.Millisecond) / time.Millisecond))
}

// Count returns how many values there were.
func (h *Histogram) Count() int64 { return h.count.Load() }

// rotate starts a new window when there is none or the current one is over,
// and returns the current one.
func (h *Histogram) rotate(now time.Time) *window {
	h.mu.Lock()
	defer h.mu.Unlock()
	current := h.current.Load()
	switch {
	case current == nil:
		current = &window{started: now}
		h.current.Store(current)
	case now.Sub(current.started) >= windowLength:
		h.previous = current
		current = &window{started: now}
		h.current.Store(current)
	}
	return current
}

// Quantile returns a value that the given fraction of the recent values do not
// exceed, 0 when there are none.
func (h *Histogram) Quantile(fraction float64) int64 {
	var counts [bucketCount]uint64
	return quantileOf(&counts, h.snapshot(&counts), fraction)
}

// snapshot adds up the counts of both windows and returns their sum.
func (h *Histogram) snapshot(counts *[bucketCount]uint64) uint64 {
	if h.current.Load() == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var total uint64
	for _, w := range []*window{h.current.Load(), h.previous} {
		if w == nil {
			continue
		}
		for i := range w.counts {
			n := uint64(w.counts[i].Load())
			counts[i] += n
			total += n
		}
	}
	return total
}

func quantileOf(counts *[bucketCount]uint64, total uint64, fraction float64) int64 {
	if total == 0 {
		return 0
	}
	rank := uint64(fraction*float64(total) + 0.999999)
	var seen uint64
	for i, n := range counts {
		seen += n
		if n > 0 && seen >= rank {
			return upperBound(i)
		}
	}
	return upperBound(bucketCount - 1)
}

// visit gives the count and the quantiles, then lets old values go.
func (h *Histogram) visit(m *metric, visit func(Sample)) {
	visit(Sample{m.name + "_count", CounterSample, m.labels, float64(h.Count())})
	var counts [bucketCount]uint64
	total := h.snapshot(&counts)
	for _, q := range quantiles {
		labels := append(slices.Clip(m.labels), Label{"quantile", q.label})
		visit(Sample{m.name, GaugeSample, labels, float64(quantileOf(&counts, total, q.fraction))})
	}
	if h.current.Load() != nil {
		h.rotate(time.Now())
	}
}

// bucketOf is the bucket of a value: exact below 16, then 16 to each power of two.
func bucketOf(value int64) int {
	if value < subBuckets {
		return int(max(value, 0))
	}
	exponent := bits.Len64(uint64(value)) - 1 - subBucketBits
	bucket := (exponent+1)*subBuckets + int(value>>exponent) - subBuckets
	return min(bucket, bucketCount-1)
}

// upperBound is the greatest value of a bucket.
func upperBound(bucket int) int64 {
	if bucket < subBuckets {
		return int64(bucket)
	}
	exponent := bucket/subBuckets - 1
	return (int64(bucket%subBuckets)+subBuckets+1)<<exponent - 1
}
