package config

// Settings of replication and the controller.
var (
	ReservedBrokerMaxId = Key[int]{BrokerDef.add(Row{
		Name:       "reserved.broker.max.id",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "",
	})}
	NumReplicaAlterLogDirsThreads = Key[int]{BrokerDef.add(Row{
		Name:       "num.replica.alter.log.dirs.threads",
		Type:       Int,
		Importance: High,
		Doc:        "",
	})}
	ControllerListenerNames = Key[string]{BrokerDef.add(Row{
		Name:       "controller.listener.names",
		Type:       String,
		Importance: High,
		Doc:        "",
	})}
	ControllerSocketTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.socket.timeout.ms",
		Type:       Int,
		Default:    "30000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	DefaultReplicationFactor = Key[int]{BrokerDef.add(Row{
		Name:       "default.replication.factor",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ReplicaLagTimeMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "replica.lag.time.max.ms",
		Type:       Long,
		Default:    "30000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ReplicaSocketTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "replica.socket.timeout.ms",
		Type:       Int,
		Default:    "30000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ReplicaSocketReceiveBufferBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.socket.receive.buffer.bytes",
		Type:       Int,
		Default:    "65536",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ReplicaFetchMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.max.bytes",
		Type:       Int,
		Default:    "1048576",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "",
	})}
	ReplicaFetchWaitMaxMs = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.wait.max.ms",
		Type:       Int,
		Default:    "500",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ReplicaFetchBackoffMs = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.backoff.ms",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "",
	})}
	ReplicaFetchMinBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.min.bytes",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ReplicaFetchResponseMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.response.max.bytes",
		Type:       Int,
		Default:    "10485760",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "",
	})}
	NumReplicaFetchers = Key[int]{BrokerDef.add(Row{
		Name:       "num.replica.fetchers",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	ReplicaHighWatermarkCheckpointIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "replica.high.watermark.checkpoint.interval.ms",
		Type:       Long,
		Default:    "5000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	FetchPurgatoryPurgeIntervalRequests = Key[int]{BrokerDef.add(Row{
		Name:       "fetch.purgatory.purge.interval.requests",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ProducerPurgatoryPurgeIntervalRequests = Key[int]{BrokerDef.add(Row{
		Name:       "producer.purgatory.purge.interval.requests",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	DeleteRecordsPurgatoryPurgeIntervalRequests = Key[int]{BrokerDef.add(Row{
		Name:       "delete.records.purgatory.purge.interval.requests",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	AutoLeaderRebalanceEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "auto.leader.rebalance.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	LeaderImbalancePerBrokerPercentage = Key[int]{BrokerDef.add(Row{
		Name:       "leader.imbalance.per.broker.percentage",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	LeaderImbalanceCheckIntervalSeconds = Key[int64]{BrokerDef.add(Row{
		Name:       "leader.imbalance.check.interval.seconds",
		Type:       Long,
		Default:    "300",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	UncleanLeaderElectionEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "unclean.leader.election.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "",
	})}
	InterBrokerProtocolVersion = Key[string]{BrokerDef.add(Row{
		Name:       "inter.broker.protocol.version",
		Type:       String,
		Default:    "3.1-IV0",
		HasDefault: true,
		Validator:  knownVersion,
		Importance: Medium,
		Doc:        "",
	})}
	InterBrokerListenerName = Key[string]{BrokerDef.add(Row{
		Name:       "inter.broker.listener.name",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ReplicaSelectorClass = Key[string]{BrokerDef.add(Row{
		Name:       "replica.selector.class",
		Type:       String,
		Importance: Medium,
		Doc:        "",
	})}
	ControlledShutdownMaxRetries = Key[int]{BrokerDef.add(Row{
		Name:       "controlled.shutdown.max.retries",
		Type:       Int,
		Default:    "3",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ControlledShutdownRetryBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "controlled.shutdown.retry.backoff.ms",
		Type:       Long,
		Default:    "5000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ControlledShutdownEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "controlled.shutdown.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	DeleteTopicEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "delete.topic.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	FetchMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "fetch.max.bytes",
		Type:       Int,
		Default:    "57671680",
		HasDefault: true,
		Validator:  atLeast(1024),
		Importance: Medium,
		Doc:        "",
	})}
	ControllerQuorumVoters = Key[[]string]{BrokerDef.add(Row{
		Name:       "controller.quorum.voters",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ControllerQuorumElectionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.election.timeout.ms",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ControllerQuorumFetchTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.fetch.timeout.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ControllerQuorumElectionBackoffMaxMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.election.backoff.max.ms",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: High,
		Doc:        "",
	})}
	ControllerQuorumAppendLingerMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.append.linger.ms",
		Type:       Int,
		Default:    "25",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ControllerQuorumRequestTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.request.timeout.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "",
	})}
	ControllerQuorumRetryBackoffMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.retry.backoff.ms",
		Type:       Int,
		Default:    "20",
		HasDefault: true,
		Importance: Low,
		Doc:        "",
	})}
	LeaderReplicationThrottledRate = Key[int64]{BrokerDef.add(Row{
		Name:        "leader.replication.throttled.rate",
		Type:        Long,
		Default:     "9223372036854775807",
		HasDefault:  true,
		Validator:   atLeast(0),
		Importance:  Medium,
		Scope:       PerBroker,
		DynamicOnly: true,
		Doc:         "",
	})}
	FollowerReplicationThrottledRate = Key[int64]{BrokerDef.add(Row{
		Name:        "follower.replication.throttled.rate",
		Type:        Long,
		Default:     "9223372036854775807",
		HasDefault:  true,
		Validator:   atLeast(0),
		Importance:  Medium,
		Scope:       PerBroker,
		DynamicOnly: true,
		Doc:         "",
	})}
	ReplicaAlterLogDirsIoMaxBytesPerSecond = Key[int64]{BrokerDef.add(Row{
		Name:        "replica.alter.log.dirs.io.max.bytes.per.second",
		Type:        Long,
		Default:     "9223372036854775807",
		HasDefault:  true,
		Validator:   atLeast(0),
		Importance:  Medium,
		Scope:       PerBroker,
		DynamicOnly: true,
		Doc:         "",
	})}
)
