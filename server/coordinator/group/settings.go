package group

import (
	"time"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log/record"
)

// settings are those of the configuration that matter here, none of which
// changes while the broker runs; kafka.coordinator.group.GroupConfig and
// OffsetConfig.
type settings struct {
	minSessionTimeoutMs, maxSessionTimeoutMs int
	maxSize                                  int
	initialRebalanceDelay                    time.Duration
	maxMetadataSize                          int
	loadBufferSize                           int
	segmentBytes                             int
	compression                              record.Compression
	retention                                time.Duration
	retentionCheckInterval                   time.Duration
	commitTimeout                            time.Duration
	commitRequiredAcks                       int16
	interBroker                              config.ApiVersion
}

func newSettings(cfg *config.BrokerConfig) settings {
	return settings{
		minSessionTimeoutMs:    config.GroupMinSessionTimeoutMs.Get(cfg),
		maxSessionTimeoutMs:    config.GroupMaxSessionTimeoutMs.Get(cfg),
		maxSize:                config.GroupMaxSize.Get(cfg),
		initialRebalanceDelay:  config.Milliseconds(config.GroupInitialRebalanceDelayMs.Get(cfg)),
		maxMetadataSize:        config.OffsetMetadataMaxBytes.Get(cfg),
		loadBufferSize:         config.OffsetsLoadBufferSize.Get(cfg),
		segmentBytes:           config.OffsetsTopicSegmentBytes.Get(cfg),
		compression:            record.Compression(config.OffsetsTopicCompressionCodec.Get(cfg)),
		retention:              time.Duration(config.OffsetsRetentionMinutes.Get(cfg)) * time.Minute,
		retentionCheckInterval: config.Milliseconds(config.OffsetsRetentionCheckIntervalMs.Get(cfg)),
		commitTimeout:          config.Milliseconds(config.OffsetsCommitTimeoutMs.Get(cfg)),
		commitRequiredAcks:     config.OffsetsCommitRequiredAcks.Get(cfg),
		interBroker:            cfg.InterBrokerProtocolVersion(),
	}
}
