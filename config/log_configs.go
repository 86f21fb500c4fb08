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
		Doc:        "Largest record batch that the broker takes, after compression. The topic setting max.message.bytes overrides it. Consumers and followers still make progress over a batch larger than their fetch size.",
	})}
	NumPartitions = Key[int]{BrokerDef.add(Row{
		Name:       "num.partitions",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "Partitions of a topic that is created without a number of them.",
	})}
	LogDir = Key[string]{BrokerDef.add(Row{
		Name:       "log.dir",
		Type:       String,
		Default:    "/tmp/kafka-logs",
		HasDefault: true,
		Importance: High,
		Doc:        "Directory of the partitions, where log.dirs is not set.",
	})}
	LogDirs = Key[string]{BrokerDef.add(Row{
		Name:       "log.dirs",
		Type:       String,
		Importance: High,
		Fallbacks:  []string{"log.dir"},
		Doc:        "Directories of the partitions, separated by commas. Unset, log.dir applies.",
	})}
	LogSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "log.segment.bytes",
		Type:       Int,
		Default:    "1073741824",
		HasDefault: true,
		Validator:  atLeast(14),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "Size at which a partition starts a new segment file.",
	})}
	LogRollMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.roll.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.roll.hours"},
		Doc:        "Age in milliseconds at which a partition starts a new segment even if it is not full. Unset, log.roll.hours applies.",
	})}
	LogRollHours = Key[int]{BrokerDef.add(Row{
		Name:       "log.roll.hours",
		Type:       Int,
		Default:    "168",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Age in hours at which a partition starts a new segment; log.roll.ms comes first.",
	})}
	LogRollJitterMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.roll.jitter.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.roll.jitter.hours"},
		Doc:        "Most milliseconds taken at random from the age at which a segment rolls, so that not all roll together. Unset, log.roll.jitter.hours applies.",
	})}
	LogRollJitterHours = Key[int]{BrokerDef.add(Row{
		Name:       "log.roll.jitter.hours",
		Type:       Int,
		Default:    "0",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Doc:        "Most hours taken at random from the age at which a segment rolls; log.roll.jitter.ms comes first.",
	})}
	LogRetentionMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.retention.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.retention.minutes", "log.retention.hours"},
		Doc:        "Age in milliseconds at which a segment is deleted, -1 for never. Unset, log.retention.minutes applies.",
	})}
	LogRetentionMinutes = Key[int]{BrokerDef.add(Row{
		Name:       "log.retention.minutes",
		Type:       Int,
		Importance: High,
		Fallbacks:  []string{"log.retention.hours"},
		Doc:        "Age in minutes at which a segment is deleted; log.retention.ms comes first. Unset, log.retention.hours applies.",
	})}
	LogRetentionHours = Key[int]{BrokerDef.add(Row{
		Name:       "log.retention.hours",
		Type:       Int,
		Default:    "168",
		HasDefault: true,
		Importance: High,
		Doc:        "Age in hours at which a segment is deleted; log.retention.ms and log.retention.minutes come first.",
	})}
	LogRetentionBytes = Key[int64]{BrokerDef.add(Row{
		Name:       "log.retention.bytes",
		Type:       Long,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "Size of a partition beyond which its oldest segments are deleted; -1 sets no limit.",
	})}
	LogRetentionCheckIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.retention.check.interval.ms",
		Type:       Long,
		Default:    "300000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "Time between two searches for segments to delete.",
	})}
	LogCleanupPolicy = Key[[]string]{BrokerDef.add(Row{
		Name:       "log.cleanup.policy",
		Type:       List,
		Default:    "delete",
		HasDefault: true,
		Validator:  subsetOf("compact", "delete"),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "What happens to old segments: delete drops them by age and size, compact keeps the last record of every key. Both may be given.",
	})}
	LogCleanerThreads = Key[int]{BrokerDef.add(Row{
		Name:       "log.cleaner.threads",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How many cleaners compact partitions side by side.",
	})}
	LogCleanerIoMaxBytesPerSecond = Key[float64]{BrokerDef.add(Row{
		Name:       "log.cleaner.io.max.bytes.per.second",
		Type:       Double,
		Default:    "1.7976931348623157E308",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Bytes per second that all cleaners together may read and write.",
	})}
	LogCleanerDedupeBufferSize = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.dedupe.buffer.size",
		Type:       Long,
		Default:    "134217728",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Memory of all cleaners together for the keys they have seen. Each needs more than 1 MiB.",
	})}
	LogCleanerIoBufferSize = Key[int]{BrokerDef.add(Row{
		Name:       "log.cleaner.io.buffer.size",
		Type:       Int,
		Default:    "524288",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Memory of all cleaners together for reading and writing.",
	})}
	LogCleanerIoBufferLoadFactor = Key[float64]{BrokerDef.add(Row{
		Name:       "log.cleaner.io.buffer.load.factor",
		Type:       Double,
		Default:    "0.9",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How full the key table of a cleaner may get. A higher value cleans more at once at the price of more collisions.",
	})}
	LogCleanerBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.backoff.ms",
		Type:       Long,
		Default:    "15000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How long a cleaner sleeps when there is nothing to clean.",
	})}
	LogCleanerMinCleanableRatio = Key[float64]{BrokerDef.add(Row{
		Name:       "log.cleaner.min.cleanable.ratio",
		Type:       Double,
		Default:    "0.5",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Share of a log that must be uncompacted before it is worth cleaning. A lower value cleans more often and keeps less waste on disk.",
	})}
	LogCleanerEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "log.cleaner.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Run the cleaners. Without them compacted topics, the offsets topic included, grow without end.",
	})}
	LogCleanerDeleteRetentionMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.delete.retention.ms",
		Type:       Long,
		Default:    "86400000",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How long tombstones stay in a compacted topic; it is also the time a consumer has to read from the start to the end and still see every deletion.",
	})}
	LogCleanerMinCompactionLagMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.min.compaction.lag.ms",
		Type:       Long,
		Default:    "0",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How long a record stays uncompacted at least. Holds only for compacted topics.",
	})}
	LogCleanerMaxCompactionLagMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.cleaner.max.compaction.lag.ms",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How long a record may stay uncompacted at most. Holds only for compacted topics.",
	})}
	LogIndexSizeMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "log.index.size.max.bytes",
		Type:       Int,
		Default:    "10485760",
		HasDefault: true,
		Validator:  atLeast(4),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Largest size of an offset index file.",
	})}
	LogIndexIntervalBytes = Key[int]{BrokerDef.add(Row{
		Name:       "log.index.interval.bytes",
		Type:       Int,
		Default:    "4096",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Bytes of log between two entries of the offset index. A smaller interval finds offsets with less reading and needs a larger index.",
	})}
	LogFlushIntervalMessages = Key[int64]{BrokerDef.add(Row{
		Name:       "log.flush.interval.messages",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "Records written to a partition before it is flushed to disk.",
	})}
	LogSegmentDeleteDelayMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.segment.delete.delay.ms",
		Type:       Long,
		Default:    "60000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "How long the files of a deleted segment stay on disk under another name.",
	})}
	LogFlushSchedulerIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.flush.scheduler.interval.ms",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Importance: High,
		Doc:        "Time between two looks for partitions that are due to be flushed.",
	})}
	LogFlushIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.flush.interval.ms",
		Type:       Long,
		Importance: High,
		Scope:      ClusterWide,
		Fallbacks:  []string{"log.flush.scheduler.interval.ms"},
		Doc:        "How long a record may stay in memory before its partition is flushed to disk. Unset, log.flush.scheduler.interval.ms applies.",
	})}
	LogFlushOffsetCheckpointIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "log.flush.offset.checkpoint.interval.ms",
		Type:       Int,
		Default:    "60000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Doc:        "Time between two writes of the recovery point, up to which a log needs no check after a crash.",
	})}
	LogFlushStartOffsetCheckpointIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "log.flush.start.offset.checkpoint.interval.ms",
		Type:       Int,
		Default:    "60000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: High,
		Doc:        "Time between two writes of the log start offsets, below which deleted records stay hidden.",
	})}
	LogPreallocate = Key[bool]{BrokerDef.add(Row{
		Name:       "log.preallocate",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Give a new segment file its full size at once.",
	})}
	NumRecoveryThreadsPerDataDir = Key[int]{BrokerDef.add(Row{
		Name:       "num.recovery.threads.per.data.dir",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "How many logs of one directory are opened at start and flushed at shutdown side by side.",
	})}
	AutoCreateTopicsEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "auto.create.topics.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: High,
		Doc:        "Create a topic when a client asks for one that does not exist.",
	})}
	MinInsyncReplicas = Key[int]{BrokerDef.add(Row{
		Name:       "min.insync.replicas",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "Replicas that must be in sync for a write with acks=all; with fewer it fails with NotEnoughReplicas. With a replication factor of 3, the value 2 keeps acknowledged records through the loss of one broker.",
	})}
	LogMessageFormatVersion = Key[string]{BrokerDef.add(Row{
		Name:       "log.message.format.version",
		Type:       String,
		Default:    "3.0-IV1",
		HasDefault: true,
		Validator:  knownVersion,
		Importance: Medium,
		Doc:        "Message format that topics get. Deprecated: from inter.broker.protocol.version 3.0 on it has no effect, and version 2 of the format is used.",
	})}
	LogMessageTimestampType = Key[string]{BrokerDef.add(Row{
		Name:       "log.message.timestamp.type",
		Type:       String,
		Default:    "CreateTime",
		HasDefault: true,
		Validator:  oneOf("CreateTime", "LogAppendTime"),
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "Whether a record carries the time at which it was created (CreateTime) or appended (LogAppendTime).",
	})}
	LogMessageTimestampDifferenceMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "log.message.timestamp.difference.max.ms",
		Type:       Long,
		Default:    "9223372036854775807",
		HasDefault: true,
		Importance: Medium,
		Scope:      ClusterWide,
		Doc:        "How far the timestamp of a record may lie from the broker's clock; beyond it the record is refused. No effect with LogAppendTime.",
	})}
	CreateTopicPolicyClassName = Key[string]{BrokerDef.add(Row{
		Name:       "create.topic.policy.class.name",
		Type:       Class,
		Importance: Low,
		Doc:        "Class of Kafka's CreateTopicPolicy interface that may refuse new topics. No such class is built in.",
	})}
	AlterConfigPolicyClassName = Key[string]{BrokerDef.add(Row{
		Name:       "alter.config.policy.class.name",
		Type:       Class,
		Importance: Low,
		Doc:        "Class of Kafka's AlterConfigPolicy interface that may refuse changes of settings. No such class is built in.",
	})}
	LogMessageDownconversionEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "log.message.downconversion.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Low,
		Scope:      ClusterWide,
		Doc:        "Convert records for consumers too old to read the stored format. If false, they get UNSUPPORTED_VERSION. Does not concern followers.",
	})}
	CompressionType = Key[string]{BrokerDef.add(Row{
		Name:       "compression.type",
		Type:       String,
		Default:    "producer",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "How a topic's records are compressed: gzip, snappy, lz4, zstd, uncompressed, or producer, which keeps what the producer chose.",
	})}
)
