package config

// Settings of logs and their defaults.
var (
	MessageMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "message.max.bytes",
		Type:       Int,
		Default:    "1048588",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	NumPartitions = Key[int]{BrokerDef.add(Row{
		Name:       "num.partitions",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "",
	})}
	LogDir = Key[string]{BrokerDef.add(Row{
		Name:       "log.dir",
		Type:       String,
		Default:    "/tmp/kafka-logs",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	LogDirs = Key[string]{BrokerDef.add(Row{
		Name:       "log.dirs",
		Type:       String,
		Importance: High,
		Fallbacks:  []string{"log.dir"},
		Doc:        "",
	})}
	LogSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "log.segment.bytes",
		Type:       Int,
		Default:    "1073741824",
		HasDefault: true,
		Validator:  atLeast(14),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogRollMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.roll.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.roll.hours"},
		Doc:        "",
	})}
	LogRollHours = Key[int]{BrokerDef.add(Row{
		Name:       "log.roll.hours",
		Type:       Int,
		Default:    "168",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	LogRollJitterMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.roll.jitter.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.roll.jitter.hours"},
		Doc:        "",
	})}
	LogRollJitterHours = Key[int]{BrokerDef.add(Row{
		Name:       "log.roll.jitter.hours",
		Type:       Int,
		Default:    "0",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Doc:        "",
	})}
	LogRetentionMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.retention.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.retention.minutes", "log.retention.hours"},
		Doc:        "",
	})}
	LogRetentionMinutes = Key[int]{BrokerDef.add(Row{
		Name:       "log.retention.minutes",
		Type:       Int,
		Importance: High,
		Fallbacks:  []string{"log.retention.hours"},
		Doc:        "",
	})}
	LogRetentionHours = Key[int]{BrokerDef.add(Row{
		Name:       "log.retention.hours",
		Type:       Int,
		Default:    "168",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	LogRetentionBytes = Key[int64]{BrokerDef.add(Row{
		Name:       "log.retention.bytes",
		Type:       Long,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogRetentionCheckIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.retention.check.interval.ms",
		Type:       Long,
		Default:    "300000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "",
	})}
	LogCleanupPolicy = Key[[]string]{BrokerDef.add(Row{
		Name:       "log.cleanup.policy",
		Type:       List,
		Default:    "delete",
		HasDefault: true,
		Validator:  subsetOf("compact", "delete"),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerThreads = Key[int]{BrokerDef.add(Row{
		Name:       "log.cleaner.threads",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerIoMaxBytesPerSecond = Key[float64]{BrokerDef.add(Row{
		Name:       "log.cleaner.io.max.bytes.per.second",
		Type:       Double,
		Default:    "1.7976931348623157E308",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerDedupeBufferSize = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.dedupe.buffer.size",
		Type:       Long,
		Default:    "134217728",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerIoBufferSize = Key[int]{BrokerDef.add(Row{
		Name:       "log.cleaner.io.buffer.size",
		Type:       Int,
		Default:    "524288",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerIoBufferLoadFactor = Key[float64]{BrokerDef.add(Row{
		Name:       "log.cleaner.io.buffer.load.factor",
		Type:       Double,
		Default:    "0.9",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.backoff.ms",
		Type:       Long,
		Default:    "15000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerMinCleanableRatio = Key[float64]{BrokerDef.add(Row{
		Name:       "log.cleaner.min.cleanable.ratio",
		Type:       Double,
		Default:    "0.5",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "log.cleaner.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	LogCleanerDeleteRetentionMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.delete.retention.ms",
		Type:       Long,
		Default:    "86400000",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerMinCompactionLagMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.min.compaction.lag.ms",
		Type:       Long,
		Default:    "0",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogCleanerMaxCompactionLagMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.max.compaction.lag.ms",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogIndexSizeMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "log.index.size.max.bytes",
		Type:       Int,
		Default:    "10485760",
		HasDefault: true,
		Validator:  atLeast(4),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogIndexIntervalBytes = Key[int]{BrokerDef.add(Row{
		Name:       "log.index.interval.bytes",
		Type:       Int,
		Default:    "4096",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogFlushIntervalMessages = Key[int64]{BrokerDef.add(Row{
		Name:       "log.flush.interval.messages",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogSegmentDeleteDelayMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.segment.delete.delay.ms",
		Type:       Long,
		Default:    "60000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogFlushSchedulerIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.flush.scheduler.interval.ms",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	LogFlushIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.flush.interval.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.flush.scheduler.interval.ms"},
		Doc:        "",
	})}
	LogFlushOffsetCheckpointIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "log.flush.offset.checkpoint.interval.ms",
		Type:       Int,
		Default:    "60000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Doc:        "",
	})}
	LogFlushStartOffsetCheckpointIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "log.flush.start.offset.checkpoint.interval.ms",
		Type:       Int,
		Default:    "60000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Doc:        "",
	})}
	LogPreallocate = Key[bool]{BrokerDef.add(Row{
		Name:       "log.preallocate",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	NumRecoveryThreadsPerDataDir = Key[int]{BrokerDef.add(Row{
		Name:       "num.recovery.threads.per.data.dir",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	AutoCreateTopicsEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "auto.create.topics.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	MinInsyncReplicas = Key[int]{BrokerDef.add(Row{
		Name:       "min.insync.replicas",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogMessageFormatVersion = Key[string]{BrokerDef.add(Row{
		Name:       "log.message.format.version",
		Type:       String,
		Default:    "3.0-IV1",
		HasDefault: true,
		Validator:  knownVersion,
		Importance: Medium,
		Doc:        "",
	})}
	LogMessageTimestampType = Key[string]{BrokerDef.add(Row{
		Name:       "log.message.timestamp.type",
		Type:       String,
		Default:    "CreateTime",
		HasDefault: true,
		Validator:  oneOf("CreateTime", "LogAppendTime"),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	LogMessageTimestampDifferenceMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.message.timestamp.difference.max.ms",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	CreateTopicPolicyClassName = Key[string]{BrokerDef.add(Row{
		Name:       "create.topic.policy.class.name",
		Type:       Class,
		Importance: Low,
		Doc:        "",
	})}
	AlterConfigPolicyClassName = Key[string]{BrokerDef.add(Row{
		Name:       "alter.config.policy.class.name",
		Type:       Class,
		Importance: Low,
		Doc:        "",
	})}
	LogMessageDownconversionEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "log.message.downconversion.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Low,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	CompressionType = Key[string]{BrokerDef.add(Row{
		Name:       "compression.type",
		Type:       String,
		Default:    "producer",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
)
