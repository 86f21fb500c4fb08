package config

// Settings of groups and committed offsets.
var (
	GroupMinSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "group.min.session.timeout.ms",
		Type:       Int,
		Default:    "6000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Shortest session timeout a group member may ask for. A short one notices failures sooner and costs more heartbeats.",
	})}
	GroupMaxSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "group.max.session.timeout.ms",
		Type:       Int,
		Default:    "1800000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Longest session timeout a group member may ask for. A long one allows more time between heartbeats and notices failures later.",
	})}
	GroupInitialRebalanceDelayMs = Key[int]{BrokerDef.add(Row{
		Name:       "group.initial.rebalance.delay.ms",
		Type:       Int,
		Default:    "3000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "How long an empty group waits for more members before its first rebalance. A longer wait may save rebalances and delays the first records.",
	})}
	GroupMaxSize = Key[int]{BrokerDef.add(Row{
		Name:       "group.max.size",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "Most members that a group may have.",
	})}
	OffsetMetadataMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "offset.metadata.max.bytes",
		Type:       Int,
		Default:    "4096",
		HasDefault: true,
		Importance: High,
		Doc:        "Largest metadata string that may be committed with an offset.",
	})}
	OffsetsLoadBufferSize = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.load.buffer.size",
		Type:       Int,
		Default:    "5242880",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Bytes read at once when the offsets of a group are loaded. Not a hard limit: a batch that is larger is still read.",
	})}
	OffsetsTopicReplicationFactor = Key[int16]{BrokerDef.add(Row{
		Name:       "offsets.topic.replication.factor",
		Type:       Short,
		Default:    "3",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Replicas of the offsets topic. It is not created before that many brokers are there.",
	})}
	OffsetsTopicNumPartitions = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.topic.num.partitions",
		Type:       Int,
		Default:    "50",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Partitions of the offsets topic. Must not change afterwards, since it decides which broker coordinates a group.",
	})}
	OffsetsTopicSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.topic.segment.bytes",
		Type:       Int,
		Default:    "104857600",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Segment size of the offsets topic; a small one keeps compaction and loading quick.",
	})}
	OffsetsTopicCompressionCodec = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.topic.compression.codec",
		Type:       Int,
		Default:    "0",
		HasDefault: true,
		Importance: High,
		Doc:        "Compression of the offsets topic as a number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. With compression, commits of several offsets are written as one batch.",
	})}
	OffsetsRetentionMinutes = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.retention.minutes",
		Type:       Int,
		Default:    "10080",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "How long committed offsets are kept after a group has become empty, or, for consumers that assign partitions themselves, after the last commit.",
	})}
	OffsetsRetentionCheckIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "offsets.retention.check.interval.ms",
		Type:       Long,
		Default:    "600000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "Time between two searches for expired offsets.",
	})}
	OffsetsCommitTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.commit.timeout.ms",
		Type:       Int,
		Default:    "5000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "How long an offset commit may wait for its replicas, as the request timeout of a producer.",
	})}
	OffsetsCommitRequiredAcks = Key[int16]{BrokerDef.add(Row{
		Name:       "offsets.commit.required.acks",
		Type:       Short,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "Acknowledgements needed before a commit is answered. The default of -1, all in-sync replicas, should stay.",
	})}
)
