package config

// Settings of groups and committed offsets.
var (
	GroupMinSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "group.min.session.timeout.ms",
		Type:       Int,
		Default:    "6000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	GroupMaxSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "group.max.session.timeout.ms",
		Type:       Int,
		Default:    "1800000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	GroupInitialRebalanceDelayMs = Key[int]{BrokerDef.add(Row{
		Name:       "group.initial.rebalance.delay.ms",
		Type:       Int,
		Default:    "3000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	GroupMaxSize = Key[int]{BrokerDef.add(Row{
		Name:       "group.max.size",
		Type:       Int,
		Default:    "2147483647",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Medium,
		Doc:        "",
	})}
	OffsetMetadataMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "offset.metadata.max.bytes",
		Type:       Int,
		Default:    "4096",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	OffsetsLoadBufferSize = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.load.buffer.size",
		Type:       Int,
		Default:    "5242880",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsTopicReplicationFactor = Key[int16]{BrokerDef.add(Row{
		Name:       "offsets.topic.replication.factor",
		Type:       Short,
		Default:    "3",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsTopicNumPartitions = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.topic.num.partitions",
		Type:       Int,
		Default:    "50",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsTopicSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.topic.segment.bytes",
		Type:       Int,
		Default:    "104857600",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsTopicCompressionCodec = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.topic.compression.codec",
		Type:       Int,
		Default:    "0",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	OffsetsRetentionMinutes = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.retention.minutes",
		Type:       Int,
		Default:    "10080",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsRetentionCheckIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "offsets.retention.check.interval.ms",
		Type:       Long,
		Default:    "600000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsCommitTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "offsets.commit.timeout.ms",
		Type:       Int,
		Default:    "5000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	OffsetsCommitRequiredAcks = Key[int16]{BrokerDef.add(Row{
		Name:       "offsets.commit.required.acks",
		Type:       Short,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
)
