package broker

import (
	"github.com/gregor-broker/gregor/log/cleaner"
	"github.com/gregor-broker/gregor/server/metrics"
)

// exportCleanerMetrics shows what the log cleaner does under Kafka's names.
func (s *KafkaServer) exportCleanerMetrics() {
	logCleaner := s.logs.Cleaner()
	if logCleaner == nil {
		return
	}
	gauge := func(beanType, name string, labels metrics.Labels, value func(cleaner.Metrics) float64) {
		s.registry.Group("kafka.log", beanType).Gauge(name, labels, func() float64 { return value(logCleaner.Metrics()) })
	}
	gauge("LogCleaner", "max-buffer-utilization-percent", nil, func(m cleaner.Metrics) float64 { return m.MaxBufferUtilizationPercent })
	gauge("LogCleaner", "cleaner-recopy-percent", nil, func(m cleaner.Metrics) float64 { return m.CleanerRecopyPercent })
	gauge("LogCleaner", "max-clean-time-secs", nil, func(m cleaner.Metrics) float64 { return m.MaxCleanTimeSecs })
	gauge("LogCleaner", "max-compaction-delay-secs", nil, func(m cleaner.Metrics) float64 { return m.MaxCompactionDelaySecs })
	gauge("LogCleanerManager", "max-dirty-percent", nil, func(m cleaner.Metrics) float64 { return m.MaxDirtyPercent })
	gauge("LogCleanerManager", "time-since-last-run-ms", nil, func(m cleaner.Metrics) float64 { return m.TimeSinceLastRunMs })
	for _, dir := range s.logs.LogDirs() {
		labels := metrics.Labels{{Name: "logDirectory", Value: dir}}
		gauge("LogCleanerManager", "uncleanable-partitions-count", labels, func(m cleaner.Metrics) float64 { return float64(m.UncleanableCount[dir]) })
		gauge("LogCleanerManager", "uncleanable-bytes", labels, func(m cleaner.Metrics) float64 { return float64(m.UncleanableBytes[dir]) })
	}
}
