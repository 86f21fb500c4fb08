package metrics

import (
	"testing"
	"testing/synctest"
	"time"
)

func values(r *Registry) map[string]float64 {
	all := map[string]float64{}
	r.Visit(func(s Sample) {
		name := s.Name
		for _, label := range s.Labels {
			name += "," + label.Name + "=" + label.Value
		}
		all[name] = s.Value
	})
	return all
}

// TestNames are those that the JMX exporter's rules give.
func TestNames(t *testing.T) {
	registry := NewRegistry()
	topic := Labels{{"topic", "events"}}
	registry.Group("kafka.server", "BrokerTopicMetrics").Meter("MessagesInPerSec", topic).Mark(3)
	registry.Group("kafka.server", "BrokerTopicMetrics").Meter("MessagesInPerSec", nil).Mark(4)
	registry.Group("kafka.controller", "ControllerChannelManager").Gauge("QueueSize", Labels{{"broker-id", "1"}}, func() float64 { return 5 })
	registry.Group("kafka.utils", "Throttler").Meter("cleaner-io", nil).Mark(6)
	registry.Group("kafka.coordinator.group", "GroupMetadataManager").Gauge("NumGroups", nil, func() float64 { return 7 })
	registry.Group("kafka.log", "LogFlushStats").Histogram("LogFlushRateAndTimeMs", nil).UpdateDuration(8*time.Millisecond + 600*time.Microsecond)
	registry.Group("kafka.log", "Log").Gauge("Size", Labels{{"topic", ""}}, func() float64 { return 10 })
	got := values(registry)
	for name, want := range map[string]float64{
		"kafka_server_brokertopicmetrics_messagesin_total,topic=events":   3,
		"kafka_server_brokertopicmetrics_messagesin_total":                4,
		"kafka_controller_controllerchannelmanager_queuesize,broker_id=1": 5,
		"kafka_utils_throttler_cleaner_io_count":                          6,
		"kafka_coordinator_group_groupmetadatamanager_numgroups":          7,
		"kafka_log_logflushstats_logflushrateandtimems,quantile=0.999":    9,
		"kafka_log_logflushstats_logflushrateandtimems,quantile=0.50":     9,
		"kafka_log_logflushstats_logflushrateandtimems_count":             1,
		"kafka_log_log_size": 10,
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s is %v (%v), want %v", name, value, ok, want)
		}
	}
}

func TestCloseAndRemoveUnregister(t *testing.T) {
	registry := NewRegistry()
	first, second := registry.Group("kafka.server", "T"), registry.Group("kafka.server", "T")
	a := Labels{{"topic", "a"}}
	first.Meter("XPerSec", a).Mark(1)
	second.Meter("XPerSec", a).Mark(1)
	first.Meter("XPerSec", Labels{{"topic", "b"}})
	first.Remove(a)
	if got := values(registry); got["kafka_server_t_x_total,topic=a"] != 2 || len(got) != 2 {
		t.Errorf("after the first of two holders left: %v", got)
	}
	second.Close()
	first.Close()
	first.Close()
	if got := values(registry); len(got) != 0 {
		t.Errorf("left are %v", got)
	}
}

func TestNilRegistry(t *testing.T) {
	var registry *Registry
	group := registry.Group("kafka.server", "T")
	group.Meter("XPerSec", nil).Mark(1)
	group.Histogram("Y", nil).Update(1)
	group.Gauge("Z", nil, nil)
	group.Remove(nil)
	group.Close()
}

func TestHistogramQuantiles(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for i := int64(1); i <= 1000; i++ {
		h.Update(i)
	}
	for fraction, want := range map[float64]int64{0.5: 500, 0.75: 750, 0.99: 990, 0.999: 999} {
		if got := h.Quantile(fraction); got < want || float64(got) > float64(want)*17/16 {
			t.Errorf("quantile %v is %d, want %d to %d", fraction, got, want, want*17/16)
		}
	}
}

func TestBuckets(t *testing.T) {
	last := -1
	for value := int64(0); value < 1<<42; value += 1 + value/20 {
		bucket := bucketOf(value)
		if bucket < last || bucket >= bucketCount {
			t.Fatalf("%d is in bucket %d after %d", value, bucket, last)
		}
		last = bucket
		if bound := upperBound(bucket); bucket < bucketCount-1 && (bound < value || bucketOf(bound) != bucket || bucketOf(bound+1) == bucket) {
			t.Fatalf("the bound of bucket %d is %d, with %d in it", bucket, bound, value)
		}
	}
	if bucketOf(-5) != 0 {
		t.Error("a negative value is in no bucket")
	}
}

// TestHistogramForgets: quantiles are of recent values, counts of all.
func TestHistogramForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := NewRegistry()
		h := registry.Group("kafka.server", "T").Histogram("H", nil)
		h.Update(1000)
		for range 4 {
			time.Sleep(windowLength)
			values(registry)
			h.Update(1)
		}
		if got := values(registry); got["kafka_server_t_h,quantile=0.999"] != 1 || got["kafka_server_t_h_count"] != 5 {
			t.Errorf("got %v", got)
		}
	})
}

func BenchmarkHistogramUpdate(b *testing.B) {
	var h Histogram
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		h.Update(i & 1023)
	}
}
