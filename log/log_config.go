package log

import (
	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/log/record"
)

// Config is the settings of one topic that its logs use, resolved once so that
// no append looks anything up. It mirrors kafka.log.LogConfig. It is immutable.
type Config struct {
	// Topic is the snapshot the values come from.
	Topic *config.TopicConfig

	SegmentBytes                int
	SegmentMs                   int64
	SegmentJitterMs             int64
	SegmentIndexBytes           int
	FlushMessages               int64
	FlushMs                     int64
	RetentionBytes              int64
	RetentionMs                 int64
	MaxMessageBytes             int
	IndexIntervalBytes          int
	FileDeleteDelayMs           int64
	DeleteRetentionMs           int64
	MinCompactionLagMs          int64
	MaxCompactionLagMs          int64
	MinCleanableDirtyRatio      float64
	Compact                     bool
	Delete                      bool
	CompressionType             string
	Preallocate                 bool
	TimestampType               record.TimestampType
	TimestampDifferenceMaxMs    int64
	MessageDownconversionEnable bool
	// RecordVersion is the magic that the log stores: 2 unless an old
	// inter-broker protocol and message format say otherwise.
	RecordVersion int8
	// InterBrokerProtocol is that of the broker, the latest one unless the log
	// manager says otherwise.
	InterBrokerProtocol config.ApiVersion
}

// NewConfig resolves the settings of a topic.
func NewConfig(topic *config.TopicConfig) *Config {
	timestamps := record.CreateTime
	if config.TopicMessageTimestampType.Get(topic) == record.LogAppendTime.String() {
		timestamps = record.LogAppendTime
	}
	return &Config{
		Topic:                       topic,
		SegmentBytes:                config.TopicSegmentBytes.Get(topic),
		SegmentMs:                   config.TopicSegmentMs.Get(topic),
		SegmentJitterMs:             config.TopicSegmentJitterMs.Get(topic),
		SegmentIndexBytes:           config.TopicSegmentIndexBytes.Get(topic),
		FlushMessages:               config.TopicFlushMessages.Get(topic),
		FlushMs:                     config.TopicFlushMs.Get(topic),
		RetentionBytes:              config.TopicRetentionBytes.Get(topic),
		RetentionMs:                 config.TopicRetentionMs.Get(topic),
		MaxMessageBytes:             config.TopicMaxMessageBytes.Get(topic),
		IndexIntervalBytes:          config.TopicIndexIntervalBytes.Get(topic),
		FileDeleteDelayMs:           config.TopicFileDeleteDelayMs.Get(topic),
		DeleteRetentionMs:           config.TopicDeleteRetentionMs.Get(topic),
		MinCompactionLagMs:          config.TopicMinCompactionLagMs.Get(topic),
		MaxCompactionLagMs:          config.TopicMaxCompactionLagMs.Get(topic),
		MinCleanableDirtyRatio:      config.TopicMinCleanableDirtyRatio.Get(topic),
		Compact:                     topic.Compact(),
		Delete:                      topic.Delete(),
		CompressionType:             config.TopicCompressionType.Get(topic),
		Preallocate:                 config.TopicPreallocate.Get(topic),
		TimestampType:               timestamps,
		TimestampDifferenceMaxMs:    config.TopicMessageTimestampDifferenceMaxMs.Get(topic),
		MessageDownconversionEnable: config.TopicMessageDownconversionEnable.Get(topic),
		RecordVersion:               topic.MessageFormatVersion().RecordVersion(),
		InterBrokerProtocol:         config.LatestApiVersion,
	}
}

// targetCompression is the codec that batches are stored in.
func (c *Config) targetCompression(source record.Compression) record.Compression {
	if target, ok := record.CompressionByName(c.CompressionType); ok {
		return target
	}
	return source // "producer"
}
