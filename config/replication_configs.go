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
		Doc:        "Highest id that may be given by broker.id; generated ids start above it.",
	})}
	NumReplicaAlterLogDirsThreads = Key[int]{BrokerDef.add(Row{
		Name:       "num.replica.alter.log.dirs.threads",
		Type:       Int,
		Importance: High,
		Doc:        "How many fetchers move replicas between log directories of this broker. Unset, as many as there are log directories.",
	})}
	ControllerListenerNames = Key[string]{BrokerDef.add(Row{
		Name:       "controller.listener.names",
		Type:       String,
		Importance: High,
		Doc:        "For KRaft: listeners of the controllers. Must stay empty with ZooKeeper.",
	})}
	ControllerSocketTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.socket.timeout.ms",
		Type:       Int,
		Default:    "30000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "How long the controller waits on its connections to the brokers.",
	})}
	DefaultReplicationFactor = Key[int]{BrokerDef.add(Row{
		Name:       "default.replication.factor",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Replicas of a topic that is created automatically or without a number of them.",
	})}
	ReplicaLagTimeMaxMs = Key[int64]{BrokerDef.add(Row{
		Name:       "replica.lag.time.max.ms",
		Type:       Long,
		Default:    "30000",
		HasDefault: true,
		Importance: High,
		Doc:        "Time after which a follower that has not fetched, or not caught up with the leader's end, is taken out of the in-sync replicas.",
	})}
	ReplicaSocketTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "replica.socket.timeout.ms",
		Type:       Int,
		Default:    "30000",
		HasDefault: true,
		Importance: High,
		Doc:        "How long a follower waits for the answer to a fetch. At least replica.fetch.wait.max.ms.",
	})}
	ReplicaSocketReceiveBufferBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.socket.receive.buffer.bytes",
		Type:       Int,
		Default:    "65536",
		HasDefault: true,
		Importance: High,
		Doc:        "SO_RCVBUF of a follower's connection to a leader; -1 leaves the choice to the system.",
	})}
	ReplicaFetchMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.max.bytes",
		Type:       Int,
		Default:    "1048576",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "Bytes that a follower asks for per partition. Not a hard limit: a first batch that is larger is still sent.",
	})}
	ReplicaFetchWaitMaxMs = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.wait.max.ms",
		Type:       Int,
		Default:    "500",
		HasDefault: true,
		Importance: High,
		Doc:        "How long a leader may hold back a follower's fetch for want of data. Must be shorter than replica.lag.time.max.ms, or quiet topics would lose in-sync replicas.",
	})}
	ReplicaFetchBackoffMs = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.backoff.ms",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "Pause of a follower after an error on a partition.",
	})}
	ReplicaFetchMinBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.min.bytes",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: High,
		Doc:        "Bytes a leader collects before it answers a follower, for at most replica.fetch.wait.max.ms.",
	})}
	ReplicaFetchResponseMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "replica.fetch.response.max.bytes",
		Type:       Int,
		Default:    "10485760",
		HasDefault: true,
		Validator:  atLeast(0),
		Importance: Medium,
		Doc:        "Bytes that a follower asks for in one answer. Not a hard limit: a first batch that is larger is still sent.",
	})}
	NumReplicaFetchers = Key[int]{BrokerDef.add(Row{
		Name:       "num.replica.fetchers",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "Fetchers per source broker. More of them replicate with more parallelism, at the price of memory and CPU time.",
	})}
	ReplicaHighWatermarkCheckpointIntervalMs = Key[int64]{BrokerDef.add(Row{
		Name:       "replica.high.watermark.checkpoint.interval.ms",
		Type:       Long,
		Default:    "5000",
		HasDefault: true,
		Importance: High,
		Doc:        "Time between two writes of the high watermarks to disk.",
	})}
	FetchPurgatoryPurgeIntervalRequests = Key[int]{BrokerDef.add(Row{
		Name:       "fetch.purgatory.purge.interval.requests",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Finished fetches that may pile up among the waiting ones before they are swept out.",
	})}
	ProducerPurgatoryPurgeIntervalRequests = Key[int]{BrokerDef.add(Row{
		Name:       "producer.purgatory.purge.interval.requests",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Finished produce requests that may pile up among the waiting ones before they are swept out.",
	})}
	DeleteRecordsPurgatoryPurgeIntervalRequests = Key[int]{BrokerDef.add(Row{
		Name:       "delete.records.purgatory.purge.interval.requests",
		Type:       Int,
		Default:    "1",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Finished DeleteRecords requests that may pile up among the waiting ones before they are swept out.",
	})}
	AutoLeaderRebalanceEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "auto.leader.rebalance.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: High,
		Doc:        "Give leadership back to the preferred replicas from time to time, where a broker leads too few of its partitions.",
	})}
	LeaderImbalancePerBrokerPercentage = Key[int]{BrokerDef.add(Row{
		Name:       "leader.imbalance.per.broker.percentage",
		Type:       Int,
		Default:    "10",
		HasDefault: true,
		Importance: High,
		Doc:        "Share of its preferred partitions, in percent, that a broker may fail to lead before leadership is given back.",
	})}
	LeaderImbalanceCheckIntervalSeconds = Key[int64]{BrokerDef.add(Row{
		Name:       "leader.imbalance.check.interval.seconds",
		Type:       Long,
		Default:    "300",
		HasDefault: true,
		Importance: High,
		Doc:        "Time between two looks for brokers that lead too few of their partitions.",
	})}
	UncleanLeaderElectionEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "unclean.leader.election.enable",
		Type:       Boolean,
		Default:    "false",
		HasDefault: true,
		Importance: High,
		Scope:      ClusterWide,
		Doc:        "Let a replica that is not in sync become leader when no other is left, which may lose records.",
	})}
	InterBrokerProtocolVersion = Key[string]{BrokerDef.add(Row{
		Name:       "inter.broker.protocol.version",
		Type:       String,
		Default:    "3.1-IV0",
		HasDefault: true,
		Validator:  knownVersion,
		Importance: Medium,
		Doc:        "Version that brokers speak to each other. During an upgrade it stays at the old release until every broker runs the new one. Releases such as 2.8 and full versions such as 2.8-IV1 are understood.",
	})}
	InterBrokerListenerName = Key[string]{BrokerDef.add(Row{
		Name:       "inter.broker.listener.name",
		Type:       String,
		Importance: Medium,
		Doc:        "Listener through which brokers reach each other. Unset, it follows from security.inter.broker.protocol; setting both is an error.",
	})}
	ReplicaSelectorClass = Key[string]{BrokerDef.add(Row{
		Name:       "replica.selector.class",
		Type:       String,
		Importance: Medium,
		Doc:        "How the replica for a consumer is chosen: org.apache.kafka.common.replica.RackAwareReplicaSelector prefers one in the consumer's rack. Unset, the leader serves everybody.",
	})}
	ControlledShutdownMaxRetries = Key[int]{BrokerDef.add(Row{
		Name:       "controlled.shutdown.max.retries",
		Type:       Int,
		Default:    "3",
		HasDefault: true,
		Importance: Medium,
		Doc:        "How often a broker that stops asks the controller again to move its leaderships away.",
	})}
	ControlledShutdownRetryBackoffMs = Key[int64]{BrokerDef.add(Row{
		Name:       "controlled.shutdown.retry.backoff.ms",
		Type:       Long,
		Default:    "5000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Pause before a stopping broker asks the controller again, so that the cluster can recover in between.",
	})}
	ControlledShutdownEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "controlled.shutdown.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: Medium,
		Doc:        "Move leaderships away before the broker stops.",
	})}
	DeleteTopicEnable = Key[bool]{BrokerDef.add(Row{
		Name:       "delete.topic.enable",
		Type:       Boolean,
		Default:    "true",
		HasDefault: true,
		Importance: High,
		Doc:        "Allow topics to be deleted. If false, deletion is refused.",
	})}
	FetchMaxBytes = Key[int]{BrokerDef.add(Row{
		Name:       "fetch.max.bytes",
		Type:       Int,
		Default:    "57671680",
		HasDefault: true,
		Validator:  atLeast(1024),
		Importance: Medium,
		Doc:        "Most bytes that one fetch gets, whatever the client asks for.",
	})}
	ControllerQuorumVoters = Key[[]string]{BrokerDef.add(Row{
		Name:       "controller.quorum.voters",
		Type:       List,
		Default:    "",
		HasDefault: true,
		Validator:  quorumVoters,
		Importance: High,
		Doc:        "For KRaft: the voters as id@host:port, separated by commas. No effect with ZooKeeper.",
	})}
	ControllerQuorumElectionTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.election.timeout.ms",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: longest wait for a leader's fetch response before a new election. No effect with ZooKeeper.",
	})}
	ControllerQuorumFetchTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.fetch.timeout.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: longest time without a successful fetch before a voter stands for election. No effect with ZooKeeper.",
	})}
	ControllerQuorumElectionBackoffMaxMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.election.backoff.max.ms",
		Type:       Int,
		Default:    "1000",
		HasDefault: true,
		Importance: High,
		Doc:        "For KRaft: longest pause before another election. No effect with ZooKeeper.",
	})}
	ControllerQuorumAppendLingerMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.append.linger.ms",
		Type:       Int,
		Default:    "25",
		HasDefault: true,
		Importance: Medium,
		Doc:        "For KRaft: how long the leader collects records before it writes them. No effect with ZooKeeper.",
	})}
	ControllerQuorumRequestTimeoutMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.request.timeout.ms",
		Type:       Int,
		Default:    "2000",
		HasDefault: true,
		Importance: Medium,
		Doc:        "For KRaft: how long a voter waits for an answer. No effect with ZooKeeper.",
	})}
	ControllerQuorumRetryBackoffMs = Key[int]{BrokerDef.add(Row{
		Name:       "controller.quorum.retry.backoff.ms",
		Type:       Int,
		Default:    "20",
		HasDefault: true,
		Importance: Low,
		Doc:        "For KRaft: pause before a failed request is sent again. No effect with ZooKeeper.",
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
		Doc:         "Bytes per second that this broker may send to followers for the replicas in leader.replication.throttled.replicas of the topics. Can only be set while the broker runs; values below 1 MB/s are inaccurate.",
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
		Doc:         "Bytes per second that this broker may fetch from leaders for the replicas in follower.replication.throttled.replicas of the topics. Can only be set while the broker runs; values below 1 MB/s are inaccurate.",
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
		Doc:         "Bytes per second for moving replicas between log directories of this broker. Can only be set while the broker runs; values below 1 MB/s are inaccurate.",
	})}
)
