package quota

import (
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// tokenBucket refills continuously at a rate up to a burst and may go below
// zero, as org.apache.kafka.common.metrics.stats.TokenBucket. It starts full.
type tokenBucket struct {
	started bool
	value   float64
	updated time.Time
}

func (b *tokenBucket) refill(rate, burst float64, now time.Time) {
	if !b.started {
		b.started, b.value = true, burst
	} else {
		b.value = min(burst, b.value+rate*now.Sub(b.updated).Seconds())
	}
	b.updated = now
}

// ControllerMutationQuotaManager limits how many partitions clients may create
// and delete (KIP-599), as kafka.server.ControllerMutationQuotaManager.
type ControllerMutationQuotaManager struct{ *ClientQuotaManager }

// NewControllerMutationQuotaManager returns a manager without quotas.
func NewControllerMutationQuotaManager(samples int, window time.Duration, registry *metrics.Registry) *ControllerMutationQuotaManager {
	return &ControllerMutationQuotaManager{NewClientQuotaManager(ControllerMutation, samples, window, registry)}
}

// ControllerMutationQuota is the quota of one request. It is for one goroutine
// at a time.
type ControllerMutationQuota struct {
	manager      *ControllerMutationQuotaManager // nil is unbounded
	user, client string
	strict       bool
	throttle     time.Duration
	recorded     time.Time
}

// UnboundedControllerMutationQuota accepts everything.
func UnboundedControllerMutationQuota() *ControllerMutationQuota { return &ControllerMutationQuota{} }

// QuotaFor returns the quota of a client's request. A strict one, for versions
// whose clients know the error, refuses mutations; a permissive one only
// throttles.
func (m *ControllerMutationQuotaManager) QuotaFor(user, clientID string, strict bool) *ControllerMutationQuota {
	if !m.Enabled() {
		return UnboundedControllerMutationQuota()
	}
	return &ControllerMutationQuota{manager: m, user: zkdata.Sanitize(user), client: clientID, strict: strict}
}

// Record counts mutations, just before they are made. A strict quota that has
// run out gives kerr.ThrottlingQuotaExceeded and counts nothing.
func (q *ControllerMutationQuota) Record(permits float64) error {
	if q.manager == nil {
		return nil
	}
	m := q.manager
	now := time.Now()
	bucket, rate, limited := m.limits.find(q.user, q.client)
	m.mu.Lock()
	defer m.mu.Unlock()
	state := m.bucketLocked(bucket, now)
	if !limited {
		state.rate.Record(permits, now)
		return nil
	}
	burst := float64(m.samples) * m.window.Seconds() * rate
	state.tokens.refill(rate, burst, now)
	if q.strict && state.tokens.value < 0 {
		q.exceeded(state.tokens.value, rate, now)
		return kerr.ThrottlingQuotaExceeded
	}
	state.rate.Record(permits, now)
	state.tokens.value = min(burst, state.tokens.value-permits)
	if !q.strict && state.tokens.value < 0 {
		q.exceeded(state.tokens.value, rate, now)
	}
	return nil
}

func (q *ControllerMutationQuota) exceeded(tokens, rate float64, now time.Time) {
	q.throttle = time.Duration(math.Round(-tokens/rate*1000)) * time.Millisecond
	q.recorded = now
}

// IsExceeded tells that a strict quota has refused a mutation.
func (q *ControllerMutationQuota) IsExceeded() bool { return q.strict && q.throttle > 0 }

// ThrottleTime returns how long the client is to be throttled from now on.
func (q *ControllerMutationQuota) ThrottleTime() time.Duration {
	if q.throttle == 0 {
		return 0
	}
	return max(0, q.throttle-time.Since(q.recorded)).Truncate(time.Millisecond)
}
