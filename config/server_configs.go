package config

// Settings of the server itself, KRaft keys that are only accepted, and metrics.
var (
	BrokerIdGenerationEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "broker.id.generation.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Let ZooKeeper hand out an id above reserved.broker.max.id to a broker that has none.",
	})}
	BrokerId = Key[int]{BrokerDef.add(Row{
		Name:       "broker.id",
		Type:       Int,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "Number of this broker, unique in the cluster. Unset or -1, an id is generated once and kept in meta.properties of every log directory.",
	})}
	MetadataLogMaxRecordBytesBetweenSnapshots = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.log.max.record.bytes.between.snapshots",
		Type:       Long,
		Default:    "20971520",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: High,
		Doc:        "For KRaft: bytes of metadata log after which a snapshot is taken. No effect with ZooKeeper.",
	})}
	ProcessRoles = Key[[]string]{BrokerDef.add(Row{
		Name:       "process.roles",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  subsetOf("broker", "controller"),
		Importance: High,
		Doc:        "Must stay empty: the broker works with ZooKeeper. In KRaft mode it would list broker, controller or both.",
	})}
	NodeId = Key[int]{BrokerDef.add(Row{
		Name:       "node.id",
		Type:       Int,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: number of the node. With ZooKeeper it equals broker.id, and one of the two fills the other.",
	})}
	InitialBrokerRegistrationTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "initial.broker.registration.timeout.ms",
		Type:       Int,
		Default:    "60000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "For KRaft: how long a starting broker tries to register with the controllers. No effect with ZooKeeper.",
	})}
	BrokerHeartbeatIntervalMs = Key[int]{BrokerDef.add(Row{
		Name:       "broker.heartbeat.interval.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "For KRaft: time between heartbeats to the controller. No effect with ZooKeeper.",
	})}
	BrokerSessionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "broker.session.timeout.ms",
		Type:       Int,
		Default:    "9000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "For KRaft: time without heartbeats after which the controller fences a broker. No effect with ZooKeeper.",
	})}
	MetadataLogDir = Key[string]{BrokerDef.add(Row{
		Name:       "metadata.log.dir",
		Type:       String,
		Importance: High,
		Doc:        "For KRaft: directory of the metadata log, by default the first of the log directories. No effect with ZooKeeper.",
	})}
	MetadataLogSegmentBytes = Key[int]{BrokerDef.add(Row{
		Name:       "metadata.log.segment.bytes",
		Type:       Int,
		Default:    "1073741824",
		HasDefault: true,
		Validator:  atLeast(12),
		Importance: High,
		Doc:        "For KRaft: size of one segment of the metadata log. No effect with ZooKeeper.",
	})}
	MetadataLogSegmentMinBytes = Key[int]{BrokerDef.add(Row{
		Name:       "metadata.log.segment.min.bytes",
		Type:       Int,
		Default:    "8388608",
		HasDefault: true,
		Validator:  atLeast(12),
		Importance: High,
		Internal:   true,
		Doc:        "For KRaft: smallest size that a segment of the metadata log may be given. No effect with ZooKeeper.",
	})}
	MetadataLogSegmentMs = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.log.segment.ms",
		Type:       Long,
		Default:    "604800000",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: time after which a segment of the metadata log rolls. No effect with ZooKeeper.",
	})}
	MetadataMaxRetentionBytes = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.max.retention.bytes",
		Type:       Long,
		Default:    "-1",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: size of metadata log and snapshots beyond which old ones are deleted. No effect with ZooKeeper.",
	})}
	MetadataMaxRetentionMs = Key[int64]{BrokerDef.add(Row{
		Name:       "metadata.max.retention.ms",
		Type:       Long,
		Default:    "604800000",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: age beyond which metadata log and snapshots are deleted. No effect with ZooKeeper.",
	})}
	BrokerRack = Key[string]{BrokerDef.add(Row{
		Name:       "broker.rack",
		Type:       String,
		Importance: Medium,
		Doc:        "Rack of the broker. Replicas of a partition are spread over racks, and consumers may read from a replica in their own.",
	})}
	MetricsNumSamples = Key[int]{BrokerDef.add(Row{
		Name:       "metrics.num.samples",
		Type:       Int,
		Default:    "2",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Samples from which a rate or an average is computed.",
	})}
	MetricsSampleWindowMs = Key[int64]{BrokerDef.add(Row{
		Name:       "metrics.sample.window.ms",
		Type:       Long,
		Default:    "30000",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Length of one sample.",
	})}
	MetricReporters = Key[[]string]{BrokerDef.add(Row{
		Name:       "metric.reporters",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: Low,
		Scope:      ClusterWide,
		Doc:        "Classes that report metrics. None is built in; metrics are served for Prometheus.",
	})}
	MetricsRecordingLevel = Key[string]{BrokerDef.add(Row{
		Name:       "metrics.recording.level",
		Type:       String,
		Default:    "INFO",
		HasDefault: true,
		Importance: Low,
		Doc:        "Most detailed level of metrics that is recorded: INFO, DEBUG or TRACE.",
	})}
	KafkaMetricsReporters = Key[[]string]{BrokerDef.add(Row{
		Name:       "kafka.metrics.reporters",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: Low,
		Doc:        "Classes that report the broker's own metrics. None is built in; metrics are served for Prometheus.",
	})}
	KafkaMetricsPollingIntervalSecs = Key[int]{BrokerDef.add(Row{
		Name:       "kafka.metrics.polling.interval.secs",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Validator:  atLeast(1),
		Importance: Low,
		Doc:        "Time between two reports of the classes in kafka.metrics.reporters.",
	})}
)
