package quota

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/metrics"
)

func bound(value float64) *float64 { return &value }

// TestThrottleArithmetic follows security.md §15: eleven samples of a second.
func TestThrottleArithmetic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := NewRate(11, time.Second)
		now := time.Now()
		rate.Record(1000, now)
		// One sample that has just begun counts as ten full windows.
		if got := rate.Measure(now); got != 100 {
			t.Errorf("the rate is %v, want 100", got)
		}
		if got := rate.ThrottleTime(100, now); got != 0 {
			t.Errorf("throttled for %s at the bound", got)
		}
		rate.Record(500, now)
		if got := rate.ThrottleTime(100, now); got != 5*time.Second { // (150-100)/100 × 10 s
			t.Errorf("throttled for %s, want 5s", got)
		}
		now = now.Add(10500 * time.Millisecond)
		if got := rate.WindowSize(now); got != 10500*time.Millisecond {
			t.Errorf("the window is %s", got)
		}
		now = now.Add(time.Second)
		if got := rate.Measure(now); got != 0 {
			t.Errorf("the rate is %v after the samples are over", got)
		}
	})
}

func TestRateMovesWithItsWindows(t *testing.T) {
	rate := NewRate(3, time.Second)
	now := time.Unix(1000, 0)
	for range 10 {
		rate.Record(10, now)
		now = now.Add(time.Second)
	}
	// The samples of the last two seconds are live; one has just become too old.
	if got := rate.Measure(now); got != 10 {
		t.Errorf("the rate is %v, want 10", got)
	}
	if len(rate.samples) != 3 {
		t.Errorf("%d samples are kept", len(rate.samples))
	}
}

func TestPrecedence(t *testing.T) {
	named := func(name string) Part { return Part{Name: name} }
	all := Part{Default: true}
	levels := []struct {
		entity Entity
		bucket Bucket
	}{
		{Entity{named("u"), named("c")}, Bucket{"u", "c"}},
		{Entity{named("u"), all}, Bucket{"u", "c"}},
		{Entity{User: named("u")}, Bucket{User: "u"}},
		{Entity{all, named("c")}, Bucket{"u", "c"}},
		{Entity{all, all}, Bucket{"u", "c"}},
		{Entity{User: all}, Bucket{User: "u"}},
		{Entity{Client: named("c")}, Bucket{Client: "c"}},
		{Entity{Client: all}, Bucket{Client: "c"}},
	}
	var l limits
	for i := len(levels) - 1; i >= 0; i-- {
		l.update(levels[i].entity, bound(float64(i)))
	}
	for i, level := range levels {
		bucket, value, limited := l.find("u", "c")
		if bucket != level.bucket || value != float64(i) || !limited {
			t.Errorf("level %d: got %+v, %v", i, bucket, value)
		}
		l.update(level.entity, nil)
	}
	if bucket, _, limited := l.find("u", "c"); limited || bucket != (Bucket{Client: "c"}) {
		t.Errorf("without quotas: %+v, %v", bucket, limited)
	}
}

// TestOneKindOfEntity: with quotas of users alone, users have the buckets.
func TestOneKindOfEntity(t *testing.T) {
	for _, test := range []struct {
		entity Entity
		want   Bucket
	}{
		{Entity{User: Part{Name: "other"}}, Bucket{User: "u"}},
		{Entity{Client: Part{Name: "other"}}, Bucket{Client: "c"}},
		{Entity{Part{Name: "other"}, Part{Name: "other"}}, Bucket{"u", "c"}},
	} {
		var l limits
		l.update(test.entity, bound(1))
		if bucket, _, limited := l.find("u", "c"); bucket != test.want || limited {
			t.Errorf("%+v: got %+v", test.entity, bucket)
		}
	}
}

func TestClientQuotaManager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := metrics.NewRegistry()
		m := NewClientQuotaManager(Produce, 11, time.Second, registry)
		if got := m.RecordAndGetThrottleTime("u", "c", 1e9); got != 0 || len(m.buckets) != 0 {
			t.Errorf("without quotas: throttled %s with %d buckets", got, len(m.buckets))
		}
		if got := m.MaxValueInQuotaWindow("u", "c"); got != math.MaxFloat64 {
			t.Errorf("without quotas the window holds %v", got)
		}
		m.UpdateQuota(Entity{Client: Part{Default: true}}, bound(100))
		if got := m.MaxValueInQuotaWindow("u", "c"); got != 1000 {
			t.Errorf("the window holds %v", got)
		}
		if got := m.RecordAndGetThrottleTime("u", "c", 1500); got != 5*time.Second {
			t.Errorf("throttled for %s", got)
		}
		m.RecordThrottleTime("u", "c", 5*time.Second)
		if got := m.RecordAndGetThrottleTime("u", "d", 10); got != 0 {
			t.Errorf("another client is throttled for %s", got)
		}
		m.Unrecord("u", "c", 1500)
		if got := m.RecordAndGetThrottleTime("u", "c", 10); got != 0 {
			t.Errorf("throttled for %s after the value was taken back", got)
		}
		seen := map[string]float64{}
		registry.Visit(func(s metrics.Sample) { seen[s.Name+s.Labels[0].Value+s.Labels[1].Value] = s.Value })
		if seen["kafka_server_quota_byte_rateProducec"] != 1 || seen["kafka_server_quota_throttle_timeProducec"] != 5000 {
			t.Errorf("published are %v", seen)
		}
		time.Sleep(2 * time.Hour)
		m.RecordNoThrottle("u", "new", 1)
		if len(m.buckets) != 1 {
			t.Errorf("%d buckets are left after they were unused for two hours", len(m.buckets))
		}
		m.Close()
	})
}

func TestRequestQuotaIsCappedToAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewClientQuotaManager(Request, 11, time.Second, nil)
		m.UpdateQuota(Entity{User: Part{Name: "u"}}, bound(1))
		if got := m.RecordAndGetThrottleTime("u", "c", RequestPercentage(10*time.Second)); got != time.Second {
			t.Errorf("throttled for %s", got)
		}
	})
}

func TestControllerMutationQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewControllerMutationQuotaManager(11, time.Second, nil)
		if err := m.QuotaFor("u", "c", true).Record(1e9); err != nil {
			t.Errorf("without quotas: %v", err)
		}
		m.UpdateQuota(Entity{User: Part{Name: "u"}}, bound(2)) // a burst of 22
		strict := m.QuotaFor("u", "c", true)
		for _, permits := range []float64{20, 10} { // tokens 22, 2, -8
			if err := strict.Record(permits); err != nil {
				t.Errorf("%v permits: %v", permits, err)
			}
		}
		if strict.IsExceeded() || strict.ThrottleTime() != 0 {
			t.Error("exceeded before it was asked again")
		}
		if err := strict.Record(1); !errors.Is(err, kerr.ThrottlingQuotaExceeded) {
			t.Errorf("got %v", err)
		}
		if got := strict.ThrottleTime(); got != 4*time.Second || !strict.IsExceeded() {
			t.Errorf("throttled for %s", got)
		}
		time.Sleep(time.Second)
		if got := strict.ThrottleTime(); got != 3*time.Second {
			t.Errorf("throttled for %s a second later", got)
		}
		permissive := m.QuotaFor("u", "c", false) // tokens -6
		if err := permissive.Record(2); err != nil {
			t.Errorf("a permissive quota: %v", err)
		}
		if got := permissive.ThrottleTime(); got != 4*time.Second || permissive.IsExceeded() {
			t.Errorf("throttled for %s", got)
		}
		time.Sleep(5 * time.Second)
		if err := m.QuotaFor("u", "c", true).Record(1); err != nil {
			t.Errorf("after the throttle: %v", err)
		}
	})
}

func TestReplicationQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewReplicationQuotaManager(11, time.Second)
		m.Record(1 << 40)
		if m.IsQuotaExceeded() || m.IsThrottled(topic.Partition{Topic: "a"}) || m.UpperBound() != math.MaxInt64 {
			t.Error("a manager without a quota throttles")
		}
		time.Sleep(time.Minute)
		limit := int64(100)
		m.UpdateQuota(&limit)
		m.MarkThrottled("a", []int32{1})
		m.MarkAllThrottled("b")
		for partition, want := range map[topic.Partition]bool{
			{Topic: "a", Partition: 0}: false, {Topic: "a", Partition: 1}: true, {Topic: "b", Partition: 7}: true, {Topic: "c"}: false,
		} {
			if m.IsThrottled(partition) != want {
				t.Errorf("%s: throttled is %v", partition, !want)
			}
		}
		m.RemoveThrottle("b")
		if m.IsThrottled(topic.Partition{Topic: "b"}) {
			t.Error("b is throttled after it was freed")
		}
		m.Record(100)
		if m.IsQuotaExceeded() {
			t.Error("exceeded at the bound")
		}
		m.Record(1)
		if !m.IsQuotaExceeded() {
			t.Error("not exceeded above the bound")
		}
		time.Sleep(2 * time.Second)
		if m.IsQuotaExceeded() {
			t.Error("still exceeded two seconds later")
		}
		m.UpdateQuota(nil)
		m.Record(1 << 40)
		if m.IsQuotaExceeded() {
			t.Error("exceeded without a bound")
		}
	})
}

func BenchmarkWithoutQuotas(b *testing.B) {
	m := NewClientQuotaManager(Produce, 11, time.Second, nil)
	b.ReportAllocs()
	for b.Loop() {
		m.RecordAndGetThrottleTime("u", "c", 1000)
	}
}
