// Package quota measures rates and computes how long who exceeds a quota is
// throttled. It mirrors kafka.server.ClientQuotaManager,
// ControllerMutationQuotaManager and ReplicationQuotaManager with the
// arithmetic of org.apache.kafka.common.metrics.stats.
package quota

import (
	"math"
	"time"
)

// Rate is a sum per second over the last samples, as Rate and SampledStat: a
// ring of samples, each a window long. It is not safe for concurrent use.
type Rate struct {
	window  time.Duration
	samples []sample
	limit   int
	current int
	// simple makes the first window count in full and no others.
	simple bool
}

type sample struct {
	started time.Time
	value   float64
}

// NewRate returns a rate over that many samples of that length.
func NewRate(samples int, window time.Duration) *Rate {
	return &Rate{window: window, limit: max(samples, 2)}
}

// NewSimpleRate returns a rate that is over the time since the oldest sample
// began, but at least one window, as SimpleRate.
func NewSimpleRate(samples int, window time.Duration) *Rate {
	rate := NewRate(samples, window)
	rate.simple = true
	return rate
}

// Record adds a value.
func (r *Rate) Record(value float64, now time.Time) {
	switch {
	case len(r.samples) == 0:
		r.samples = append(make([]sample, 0, r.limit), sample{started: now})
	case now.Sub(r.samples[r.current].started) >= r.window:
		r.advance(now)
	}
	r.samples[r.current].value += value
}

func (r *Rate) advance(now time.Time) {
	r.current = (r.current + 1) % r.limit
	if r.current == len(r.samples) {
		r.samples = append(r.samples, sample{started: now})
	} else {
		r.samples[r.current] = sample{started: now}
	}
}

// Measure returns the rate per second at that time.
func (r *Rate) Measure(now time.Time) float64 {
	r.purge(now)
	sum := 0.0
	for i := range r.samples {
		sum += r.samples[i].value
	}
	return sum / r.WindowSize(now).Seconds()
}

// purge empties the samples that are too old to count.
func (r *Rate) purge(now time.Time) {
	for i := range r.samples {
		if now.Sub(r.samples[i].started) >= time.Duration(r.limit)*r.window {
			r.samples[i] = sample{started: now}
		}
	}
}

// WindowSize returns the time that the rate is over: since the oldest sample
// began, and no less than all but one samples take, so that a rate that has
// just begun is not overestimated.
func (r *Rate) WindowSize(now time.Time) time.Duration {
	r.purge(now)
	elapsed := time.Duration(0)
	for i := range r.samples {
		elapsed = max(elapsed, now.Sub(r.samples[i].started))
	}
	if r.simple {
		return max(elapsed, r.window)
	}
	if missing := time.Duration(r.limit-1) - elapsed/r.window; missing > 0 {
		elapsed += missing * r.window
	}
	return elapsed
}

// ThrottleTime returns how long nothing must be recorded for the rate to come
// down to the bound, 0 when it is not above, as QuotaUtils.throttleTime. It
// is a whole number of milliseconds.
func (r *Rate) ThrottleTime(bound float64, now time.Time) time.Duration {
	rate := r.Measure(now)
	if rate <= bound {
		return 0
	}
	window := float64(r.WindowSize(now).Milliseconds())
	return time.Duration(math.Round((rate-bound)/bound*window)) * time.Millisecond
}
