package quota

import (
	"math"
	"sync"
	"time"

	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// Type is what a quota limits; its text is the name in metrics.
type Type string

// The types of client quotas.
const (
	Produce            Type = "Produce"
	Fetch              Type = "Fetch"
	Request            Type = "Request"
	ControllerMutation Type = "ControllerMutation"
)

const (
	// inactiveBucket is how long a bucket is kept unused.
	inactiveBucket = time.Hour
	// The average throttle time is over metrics.num.samples windows of
	// metrics.sample.window.ms, by their defaults.
	throttleMetricSamples      = 2
	throttleMetricSampleLength = 30 * time.Second
)

// ClientQuotaManager limits what clients may use of one resource, as
// kafka.server.ClientQuotaManager. As long as no quota was ever set nothing is
// recorded and all throttle times are 0.
type ClientQuotaManager struct {
	quotaType Type
	samples   int
	window    time.Duration
	limits    limits
	metrics   *metrics.Group

	mu      sync.Mutex
	buckets map[Bucket]*bucketState
}

// bucketState is the rate of one bucket; the manager's mutex guards it.
type bucketState struct {
	rate *Rate
	// throttleSum and throttleCount make the average throttle time.
	throttleSum, throttleCount *Rate
	tokens                     tokenBucket
	labels                     metrics.Labels
	lastUsed                   time.Time
}

// NewClientQuotaManager returns a manager for quotas of one type over that
// many samples of that length. The registry may be nil.
func NewClientQuotaManager(quotaType Type, samples int, window time.Duration, registry *metrics.Registry) *ClientQuotaManager {
	return &ClientQuotaManager{
		quotaType: quotaType, samples: samples, window: window,
		metrics: registry.Group("kafka.server", "quota"),
		buckets: map[Bucket]*bucketState{},
	}
}

// UpdateQuota sets the quota of an entity; a nil bound removes it.
func (m *ClientQuotaManager) UpdateQuota(entity Entity, bound *float64) {
	m.limits.update(entity, bound)
}

// Enabled tells whether a quota was ever set.
func (m *ClientQuotaManager) Enabled() bool { return m.limits.enabled() }

// RecordAndGetThrottleTime counts a value for the client and returns how long
// the client is to be throttled, 0 when it is within its quota.
func (m *ClientQuotaManager) RecordAndGetThrottleTime(user, clientID string, value float64) time.Duration {
	if !m.Enabled() {
		return 0
	}
	bucket, bound, limited := m.limits.find(zkdata.Sanitize(user), clientID)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.bucketLocked(bucket, now)
	state.rate.Record(value, now)
	if !limited {
		return 0
	}
	throttle := state.rate.ThrottleTime(bound, now)
	if m.quotaType == Request {
		throttle = min(throttle, m.window)
	}
	return throttle
}

// RecordNoThrottle counts a value that by itself causes no throttling, such as
// the time of sending a response.
func (m *ClientQuotaManager) RecordNoThrottle(user, clientID string, value float64) {
	m.RecordAndGetThrottleTime(user, clientID, value)
}

// Unrecord takes back a value that was counted.
func (m *ClientQuotaManager) Unrecord(user, clientID string, value float64) {
	m.RecordAndGetThrottleTime(user, clientID, -value)
}

// MaxValueInQuotaWindow returns the most that may be counted in the quota's
// window, which bounds a fetch.
func (m *ClientQuotaManager) MaxValueInQuotaWindow(user, clientID string) float64 {
	if !m.Enabled() {
		return math.MaxFloat64
	}
	if _, bound, limited := m.limits.find(zkdata.Sanitize(user), clientID); limited {
		return bound * float64(m.samples-1) * m.window.Seconds()
	}
	return math.MaxFloat64
}

// RecordThrottleTime counts a throttle that takes effect, for the metrics.
// Where several managers ask for a throttle only the longest is recorded.
func (m *ClientQuotaManager) RecordThrottleTime(user, clientID string, throttle time.Duration) {
	if throttle <= 0 || !m.Enabled() {
		return
	}
	bucket, _, _ := m.limits.find(zkdata.Sanitize(user), clientID)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.bucketLocked(bucket, now)
	state.throttleSum.Record(float64(throttle.Milliseconds()), now)
	state.throttleCount.Record(1, now)
}

func (m *ClientQuotaManager) bucketLocked(bucket Bucket, now time.Time) *bucketState {
	state := m.buckets[bucket]
	if state == nil {
		m.expireLocked(now)
		state = &bucketState{
			rate:          NewRate(m.samples, m.window),
			throttleSum:   NewRate(throttleMetricSamples, throttleMetricSampleLength),
			throttleCount: NewRate(throttleMetricSamples, throttleMetricSampleLength),
			labels:        m.labelsOf(bucket),
		}
		m.buckets[bucket] = state
		m.registerLocked(bucket, state)
	}
	state.lastUsed = now
	return state
}

// labelsOf are the labels by the JMX exporter's rules, which fold a user into
// the resource.
func (m *ClientQuotaManager) labelsOf(bucket Bucket) metrics.Labels {
	resource := string(m.quotaType)
	if bucket.User != "" {
		resource += ", user=" + bucket.User
	}
	return metrics.Labels{{Name: "resource", Value: resource}, {Name: "clientId", Value: bucket.Client}}
}

// registerLocked publishes a bucket; those of a user alone match no rule.
func (m *ClientQuotaManager) registerLocked(bucket Bucket, state *bucketState) {
	if bucket.Client == "" {
		return
	}
	measured := func(measure func(now time.Time) float64) func() float64 {
		return func() float64 {
			m.mu.Lock()
			defer m.mu.Unlock()
			return measure(time.Now())
		}
	}
	name := map[Type]string{Request: "request-time", ControllerMutation: "mutation-rate"}[m.quotaType]
	if name == "" {
		name = "byte-rate"
	}
	m.metrics.Gauge(name, state.labels, measured(state.rate.Measure))
	m.metrics.Gauge("throttle-time", state.labels, measured(func(now time.Time) float64 {
		return state.throttleSum.Measure(now) / state.throttleCount.Measure(now)
	}))
	if m.quotaType == ControllerMutation {
		m.metrics.Gauge("tokens", state.labels, measured(func(now time.Time) float64 { return state.tokens.value }))
	}
}

// expireLocked drops the buckets that nobody has used for long.
func (m *ClientQuotaManager) expireLocked(now time.Time) {
	for bucket, state := range m.buckets {
		if now.Sub(state.lastUsed) > inactiveBucket {
			delete(m.buckets, bucket)
			m.metrics.Remove(state.labels)
		}
	}
}

// Close unregisters the metrics.
func (m *ClientQuotaManager) Close() { m.metrics.Close() }

// RequestPercentage gives the time a request took of a thread as the value
// that request quotas count: percent of a second.
func RequestPercentage(d time.Duration) float64 {
	return float64(d.Nanoseconds()) * 100 / float64(time.Second)
}
