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
		Doc:           "Size at which the log starts a new segment file. Retention and cleaning work on whole segments, so that a larger one means fewer files and a coarser grain.",
	})}
	TopicSegmentMs = Key[int64]{TopicDef.add(Row{
		Name:          "segment.ms",
		Type:          Long,
		Default:       "604800000",
		HasDefault:    true,
		Validator:     atLeast(1),
		Importance:    Medium,
		ServerDefault: "log.roll.ms",
		Doc:           "Age at which the log starts a new segment even if the last one is not full, so that retention can delete or compact old data.",
	})}
	TopicSegmentJitterMs = Key[int64]{TopicDef.add(Row{
		Name:          "segment.jitter.ms",
		Type:          Long,
		Default:       "0",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.roll.jitter.ms",
		Doc:           "Most milliseconds taken at random from segment.ms, so that not all partitions roll together.",
	})}
	TopicSegmentIndexBytes = Key[int]{TopicDef.add(Row{
		Name:          "segment.index.bytes",
		Type:          Int,
		Default:       "10485760",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.index.size.max.bytes",
		Doc:           "Size of the index that maps offsets to file positions. It is allocated in full and cut when the segment rolls; few topics need another value.",
	})}
	TopicFlushMessages = Key[int64]{TopicDef.add(Row{
		Name:          "flush.messages",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.flush.interval.messages",
		Doc:           "Records after which the log is forced to disk; 1 would do so after each. Replication is the usual guard against loss, and the operating system flushes more efficiently.",
	})}
	TopicFlushMs = Key[int64]{TopicDef.add(Row{
		Name:          "flush.ms",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.flush.interval.ms",
		Doc:           "Time after which the log is forced to disk. Replication is the usual guard against loss, and the operating system flushes more efficiently.",
	})}
	TopicRetentionBytes = Key[int64]{TopicDef.add(Row{
		Name:          "retention.bytes",
		Type:          Long,
		Default:       "-1",
		HasDefault:    true,
		Importance:    Medium,
		ServerDefault: "log.retention.bytes",
		Doc:           "Size of a partition beyond which the delete policy drops its oldest segments; -1 sets no limit. It counts per partition, so that a topic may hold it times the number of partitions.",
	})}
	TopicRetentionMs = Key[int64]{TopicDef.add(Row{
		Name:          "retention.ms",
		Type:          Long,
		Default:       "604800000",
		HasDefault:    true,
		Validator:     atLeast(-1),
		Importance:    Medium,
		ServerDefault: "log.retention.ms",
		Doc:           "Age at which the delete policy drops a segment, and so the time a consumer has to read its data; -1 keeps everything.",
	})}
	TopicMaxMessageBytes = Key[int]{TopicDef.add(Row{
		Name:          "max.message.bytes",
		Type:          Int,
		Default:       "1048588",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "message.max.bytes",
		Doc:           "Largest record batch that the topic takes, after compression. Consumers older than 0.10.2 need a fetch size at least as large.",
	})}
	TopicIndexIntervalBytes = Key[int]{TopicDef.add(Row{
		Name:          "index.interval.bytes",
		Type:          Int,
		Default:       "4096",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.index.interval.bytes",
		Doc:           "Bytes of log between two entries of the offset index. A smaller interval lets reads start closer to the wanted offset and needs a larger index.",
	})}
	TopicDeleteRetentionMs = Key[int64]{TopicDef.add(Row{
		Name:          "delete.retention.ms",
		Type:          Long,
		Default:       "86400000",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.cleaner.delete.retention.ms",
		Doc:           "How long tombstones stay in a compacted topic; it is also the time a consumer has to read from the start to the end and still see every deletion.",
	})}
	TopicMinCompactionLagMs = Key[int64]{TopicDef.add(Row{
		Name:          "min.compaction.lag.ms",
		Type:          Long,
		Default:       "0",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.cleaner.min.compaction.lag.ms",
		Doc:           "How long a record stays uncompacted at least. Holds only for compacted topics.",
	})}
	TopicMaxCompactionLagMs = Key[int64]{TopicDef.add(Row{
		Name:          "max.compaction.lag.ms",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(1),
		Importance:    Medium,
		ServerDefault: "log.cleaner.max.compaction.lag.ms",
		Doc:           "How long a record may stay uncompacted at most. Holds only for compacted topics.",
	})}
	TopicFileDeleteDelayMs = Key[int64]{TopicDef.add(Row{
		Name:          "file.delete.delay.ms",
		Type:          Long,
		Default:       "60000",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.segment.delete.delay.ms",
		Doc:           "How long the files of a deleted segment stay on disk under another name.",
	})}
	TopicMinCleanableDirtyRatio = Key[float64]{TopicDef.add(Row{
		Name:          "min.cleanable.dirty.ratio",
		Type:          Double,
		Default:       "0.5",
		HasDefault:    true,
		Validator:     between(0, 1),
		Importance:    Medium,
		ServerDefault: "log.cleaner.min.cleanable.ratio",
		Doc:           "Share of the log that must be uncompacted before it is worth cleaning, which also bounds what duplicates may waste. A lower value cleans more often; the two compaction lags decide independently of it.",
	})}
	TopicCleanupPolicy = Key[[]string]{TopicDef.add(Row{
		Name:          "cleanup.policy",
		Type:          List,
		Default:       "delete",
		HasDefault:    true,
		Validator:     subsetOf("compact", "delete"),
		Importance:    Medium,
		ServerDefault: "log.cleanup.policy",
		Doc:           "What happens to old segments: delete drops them when the limits of time or size are reached, compact keeps the last record of every key. Both may be given, separated by a comma.",
	})}
	TopicUncleanLeaderElectionEnable = Key[bool]{TopicDef.add(Row{
		Name:          "unclean.leader.election.enable",
		Type:          Boolean,
		Default:       "false",
		HasDefault:    true,
		Importance:    Medium,
		ServerDefault: "unclean.leader.election.enable",
		Doc:           "Let a replica that is not in sync become leader when no other is left, which may lose records.",
	})}
	TopicMinInsyncReplicas = Key[int]{TopicDef.add(Row{
		Name:          "min.insync.replicas",
		Type:          Int,
		Default:       "1",
		HasDefault:    true,
		Validator:     atLeast(1),
		Importance:    Medium,
		ServerDefault: "min.insync.replicas",
		Doc:           "Replicas that must be in sync for a write with acks=all; with fewer it fails with NotEnoughReplicas. With a replication factor of 3, the value 2 keeps acknowledged records through the loss of one broker.",
	})}
	TopicCompressionType = Key[string]{TopicDef.add(Row{
		Name:          "compression.type",
		Type:          String,
		Default:       "producer",
		HasDefault:    true,
		Validator:     oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
		Importance:    Medium,
		ServerDefault: "compression.type",
		Doc:           "How the records are compressed: gzip, snappy, lz4, zstd, uncompressed, or producer, which keeps what the producer chose.",
	})}
	TopicPreallocate = Key[bool]{TopicDef.add(Row{
		Name:          "preallocate",
		Type:          Boolean,
		Default:       "false",
		HasDefault:    true,
		Importance:    Medium,
		ServerDefault: "log.preallocate",
		Doc:           "Give a new segment file its full size at once.",
	})}
	TopicMessageFormatVersion = Key[string]{TopicDef.add(Row{
		Name:          "message.format.version",
		Type:          String,
		Default:       "3.0-IV1",
		HasDefault:    true,
		Validator:     knownVersion,
		Importance:    Medium,
		ServerDefault: "log.message.format.version",
		Doc:           "Message format of the log. Deprecated: from inter.broker.protocol.version 3.0 on it has no effect, and version 2 of the format is used.",
	})}
	TopicMessageTimestampType = Key[string]{TopicDef.add(Row{
		Name:          "message.timestamp.type",
		Type:          String,
		Default:       "CreateTime",
		HasDefault:    true,
		Validator:     oneOf("CreateTime", "LogAppendTime"),
		Importance:    Medium,
		ServerDefault: "log.message.timestamp.type",
		Doc:           "Whether a record carries the time at which it was created (CreateTime) or appended (LogAppendTime).",
	})}
	TopicMessageTimestampDifferenceMaxMs = Key[int64]{TopicDef.add(Row{
		Name:          "message.timestamp.difference.max.ms",
		Type:          Long,
		Default:       "9223372036854775807",
		HasDefault:    true,
		Validator:     atLeast(0),
		Importance:    Medium,
		ServerDefault: "log.message.timestamp.difference.max.ms",
		Doc:           "How far the timestamp of a record may lie from the broker's clock; beyond it the record is refused. No effect with LogAppendTime.",
	})}
	TopicLeaderReplicationThrottledReplicas = Key[[]string]{TopicDef.add(Row{
		Name:       "leader.replication.throttled.replicas",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  throttledReplicas,
		Importance: Medium,
		Doc:        "Replicas whose traffic is limited on the leader's side, as partition:broker pairs separated by commas, or * for all of the topic.",
	})}
	TopicFollowerReplicationThrottledReplicas = Key[[]string]{TopicDef.add(Row{
		Name:       "follower.replication.throttled.replicas",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  throttledReplicas,
		Importance: Medium,
		Doc:        "Replicas whose traffic is limited on the follower's side, as partition:broker pairs separated by commas, or * for all of the topic.",
	})}
	TopicMessageDownconversionEnable = Key[bool]{TopicDef.add(Row{
		Name:          "message.downconversion.enable",
		Type:          Boolean,
		Default:       "true",
		HasDefault:    true,
		Importance:    Low,
		ServerDefault: "log.message.downconversion.enable",
		Doc:           "Convert records for consumers too old to read the stored format. If false, they get UNSUPPORTED_VERSION. Does not concern followers.",
	})}
	TopicRemoteStorageEnable = Key[bool]{TopicDef.add(Row{
		Name:       "remote.storage.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Medium,
		Internal:   true,
		Doc:        "Tiered storage of the topic. Reserved by Kafka 3.1 and without effect.",
	})}
	TopicLocalRetentionMs = Key[int64]{TopicDef.add(Row{
		Name:       "local.retention.ms",
		Type:       Long,
		Default:    "-2",
		HasDefault: true,
		Validator:  atLeast(-2),
		Importance: Medium,
		Internal:   true,
		Doc:        "Time that segments of tiered storage stay on local disk; -2 follows retention.ms. Reserved by Kafka 3.1 and without effect.",
	})}
	TopicLocalRetentionBytes = Key[int64]{TopicDef.add(Row{
		Name:       "local.retention.bytes",
		Type:       Long,
		Default:    "-2",
		HasDefault: true,
		Validator:  atLeast(-2),
		Importance: Medium,
		Internal:   true,
		Doc:        "Size that segments of tiered storage may take on local disk; -2 follows retention.bytes. Reserved by Kafka 3.1 and without effect.",
	})}
)
