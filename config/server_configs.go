package config

// Settings of the server itself, KRaft keys that are only accepted, and metrics.
var (
	BrokerIdGenerationEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "broker.id.generation.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	BrokerId = Key[int]{BrokerDef.add(Row{
		Name:       "broker.id",
		Type:       Int,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	MetadataLogMaxRecordBytesBetweenSnapshots = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.log.max.record.bytes.between.snapshots",
		Type:       Long,
		Default:    "20971520",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "",
	})}
	ProcessRoles = Key[[]string]{BrokerDef.add(Row{
		Name:       "process.roles",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  subsetOf("broker", "controller"),
		Importance: High,
		Doc:        "",
	})}
	NodeId = Key[int]{BrokerDef.add(Row{
		Name:       "node.id",
		Type:       Int,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	InitialBrokerRegistrationTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "initial.broker.registration.timeout.ms",
		Type:       Int,
		Default:    "60000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	BrokerHeartbeatIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "broker.heartbeat.interval.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	BrokerSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "broker.session.timeout.ms",
		Type:       Int,
		Default:    "9000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	MetadataLogDir = Key[string]{BrokerDef.add(Row{
		Name:       "metadata.log.dir",
		Type:       String,
		Importance: High,
		Doc:        "",
	})}
	MetadataLogSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "metadata.log.segment.bytes",
		Type:       Int,
		Default:    "1073741824",
		HasDefault: true,
		Validator:  atLeast(12),
		Importance: High,
		Doc:        "",
	})}
	MetadataLogSegmentMinBytes = Key[int]{BrokerDef.add(Row{
		Name:       "metadata.log.segment.min.bytes",
		Type:       Int,
		Default:    "8388608",
		HasDefault: true,
		Validator:  atLeast(12),
		Importance: High,
		Internal:   true,
		Doc:        "",
	})}
	MetadataLogSegmentMs = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.log.segment.ms",
		Type:       Long,
		Default:    "604800000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	MetadataMaxRetentionBytes = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.max.retention.bytes",
		Type:       Long,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	MetadataMaxRetentionMs = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.max.retention.ms",
		Type:       Long,
		Default:    "604800000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	BrokerRack = Key[string]{BrokerDef.add(Row{
		Name:       "broker.rack",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	MetricsNumSamples = Key[int]{BrokerDef.add(Row{
		Name:       "metrics.num.samples",
		Type:       Int,
		Default:    "2",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	MetricsSampleWindowMs = Key[int64]{BrokerDef.add(Row{
		Name:       "metrics.sample.window.ms",
		Type:       Long,
		Default:    "30000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
	MetricReporters = Key[[]string]{BrokerDef.add(Row{
		Name:       "metric.reporters",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: Low,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	MetricsRecordingLevel = Key[string]{BrokerDef.add(Row{
		Name:       "metrics.recording.level",
		Type:       String,
		Default:    "INFO",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	KafkaMetricsReporters = Key[[]string]{BrokerDef.add(Row{
		Name:       "kafka.metrics.reporters",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	KafkaMetricsPollingIntervalSecs = Key[int]{BrokerDef.add(Row{
		Name:       "kafka.metrics.polling.interval.secs",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "",
	})}
)
