package config

// Settings of a topic, as LogConfig. ServerDefault names the broker setting that
// gives the default.
var (
	TopicSegmentBytes = Key[int]{TopicDef.add(Row{
		Name:          "segment.bytes",
		Type:          Int,
		Default:       "1073741824",
		HasDefault:    true,
		Validator:     atLeast(14),
		Importance:    Medium,
		ServerDefault: "log.segment.bytes",
		Doc:           "",
	})}
	TopicSegmentMs = Key[int64]{TopicDef.add(Row{
		Name:          "segment.ms",
		Type:          Long,
		Default:       "604800000",
		HasDefault:    true,
		Validator:     atLeast(1),
		Importance:    Medium,
		ServerDefault: "log.roll.ms",
		Doc:           "",
	})}
	TopicSegmentJitterMs = Key[int64]{TopicDef.add(Row{
		Name:          "segment.jitter.ms",
		Type:          Long,
		Default:       "0",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.roll.jitter.ms",
		Doc:           "",
	})}
	TopicSegmentIndexBytes = Key[int]{TopicDef.add(Row{
		Name:          "segment.index.bytes",
		Type:          Int,
		Default:       "10485760",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.index.size.max.bytes",
		Doc:           "",
	})}
	TopicFlushMessages = Key[int64]{TopicDef.add(Row{
		Name:          "flush.messages",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.flush.interval.messages",
		Doc:           "",
	})}
	TopicFlushMs = Key[int64]{TopicDef.add(Row{
		Name:          "flush.ms",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.flush.interval.ms",
		Doc:           "",
	})}
	TopicRetentionBytes = Key[int64]{TopicDef.add(Row{
		Name:          "retention.bytes",
		Type:          Long,
		Default:       "-1",
		HasDefault:    true,
		Importance:    Medium,
		ServerDefault: "log.retention.bytes",
		Doc:           "",
	})}
	TopicRetentionMs = Key[int64]{TopicDef.add(Row{
		Name:          "retention.ms",
		Type:          Long,
		Default:       "604800000",
		HasDefault:    true,
		Validator:     atLeast(-1),
		Importance:    Medium,
		ServerDefault: "log.retention.ms",
		Doc:           "",
	})}
	TopicMaxMessageBytes = Key[int]{TopicDef.add(Row{
		Name:          "max.message.bytes",
		Type:          Int,
		Default:       "1048588",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "message.max.bytes",
		Doc:           "",
	})}
	TopicIndexIntervalBytes = Key[int]{TopicDef.add(Row{
		Name:          "index.interval.bytes",
		Type:          Int,
		Default:       "4096",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.index.interval.bytes",
		Doc:           "",
	})}
	TopicDeleteRetentionMs = Key[int64]{TopicDef.add(Row{
		Name:          "delete.retention.ms",
		Type:          Long,
		Default:       "86400000",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.cleaner.delete.retention.ms",
		Doc:           "",
	})}
	TopicMinCompactionLagMs = Key[int64]{TopicDef.add(Row{
		Name:          "min.compaction.lag.ms",
		Type:          Long,
		Default:       "0",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.cleaner.min.compaction.lag.ms",
		Doc:           "",
	})}
	TopicMaxCompactionLagMs = Key[int64]{TopicDef.add(Row{
		Name:          "max.compaction.lag.ms",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(1),
		Importance:    Medium,
		ServerDefault: "log.cleaner.max.compaction.lag.ms",
		Doc:           "",
	})}
	TopicFileDeleteDelayMs = Key[int64]{TopicDef.add(Row{
		Name:          "file.delete.delay.ms",
		Type:          Long,
		Default:       "60000",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.segment.delete.delay.ms",
		Doc:           "",
	})}
	TopicMinCleanableDirtyRatio = Key[float64]{TopicDef.add(Row{
		Name:          "min.cleanable.dirty.ratio",
		Type:          Double,
		Default:       "0.5",
		HasDefault:    true,
		Validator:     between(0, 1),
		Importance:    Medium,
		ServerDefault: "log.cleaner.min.cleanable.ratio",
		Doc:           "",
	})}
	TopicCleanupPolicy = Key[[]string]{TopicDef.add(Row{
		Name:          "cleanup.policy",
		Type:          List,
		Default:       "delete",
		HasDefault:    true,
		Validator:     subsetOf("compact", "delete"),
		Importance:    Medium,
		ServerDefault: "log.cleanup.policy",
		Doc:           "",
	})}
	TopicUncleanLeaderElectionEnable = Key[bool]{TopicDef.add(Row{
		Name:          "unclean.leader.election.enable",
		Type:          Boolean,
		Default:       "false",
		HasDefault:    true,
		Importance:    Medium,
		ServerDefault: "unclean.leader.election.enable",
		Doc:           "",
	})}
	TopicMinInsyncReplicas = Key[int]{TopicDef.add(Row{
		Name:          "min.insync.replicas",
		Type:          Int,
		Default:       "1",
		HasDefault:    true,
		Validator:     atLeast(1),
		Importance:    Medium,
		ServerDefault: "min.insync.replicas",
		Doc:           "",
	})}
	TopicCompressionType = Key[string]{TopicDef.add(Row{
		Name:          "compression.type",
		Type:          String,
		Default:       "producer",
		HasDefault:    true,
		Validator:     oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
		Importance:    Medium,
		ServerDefault: "compression.type",
		Doc:           "",
	})}
	TopicPreallocate = Key[bool]{TopicDef.add(Row{
		Name:          "preallocate",
		Type:          Boolean,
		Default:       "false",
		HasDefault:    true,
		Importance:    Medium,
		ServerDefault: "log.preallocate",
		Doc:           "",
	})}
	TopicMessageFormatVersion = Key[string]{TopicDef.add(Row{
		Name:          "message.format.version",
		Type:          String,
		Default:       "3.0-IV1",
		HasDefault:    true,
		Validator:     knownVersion,
		Importance:    Medium,
		ServerDefault: "log.message.format.version",
		Doc:           "",
	})}
	TopicMessageTimestampType = Key[string]{TopicDef.add(Row{
		Name:          "message.timestamp.type",
		Type:          String,
		Default:       "CreateTime",
		HasDefault:    true,
		Validator:     oneOf("CreateTime", "LogAppendTime"),
		Importance:    Medium,
		ServerDefault: "log.message.timestamp.type",
		Doc:           "",
	})}
	TopicMessageTimestampDifferenceMaxMs = Key[int64]{TopicDef.add(Row{
		Name:          "message.timestamp.difference.max.ms",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.message.timestamp.difference.max.ms",
		Doc:           "",
	})}
	TopicLeaderReplicationThrottledReplicas = Key[[]string]{TopicDef.add(Row{
		Name:       "leader.replication.throttled.replicas",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  throttledReplicas,
		Importance: Medium,
		Doc:        "",
	})}
	TopicFollowerReplicationThrottledReplicas = Key[[]string]{TopicDef.add(Row{
		Name:       "follower.replication.throttled.replicas",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  throttledReplicas,
		Importance: Medium,
		Doc:        "",
	})}
	TopicMessageDownconversionEnable = Key[bool]{TopicDef.add(Row{
		Name:          "message.downconversion.enable",
		Type:          Boolean,
		Default:       "true",
		HasDefault:    true,
		Importance:    Low,
		ServerDefault: "log.message.downconversion.enable",
		Doc:           "",
	})}
	TopicRemoteStorageEnable = Key[bool]{TopicDef.add(Row{
		Name:       "remote.storage.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Medium,
		Internal:   true,
		Doc:        "",
	})}
	TopicLocalRetentionMs = Key[int64]{TopicDef.add(Row{
		Name:       "local.retention.ms",
		Type:       Long,
		Default:    "-2",
		HasDefault: true,
		Validator:  atLeast(-2),
		Importance: Medium,
		Internal:   true,
		Doc:        "",
	})}
	TopicLocalRetentionBytes = Key[int64]{TopicDef.add(Row{
		Name:       "local.retention.bytes",
		Type:       Long,
		Default:    "-2",
		HasDefault: true,
		Validator:  atLeast(-2),
		Importance: Medium,
		Internal:   true,
		Doc:        "",
	})}
)
