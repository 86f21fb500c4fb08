package protocol

// requestLayouts has the layout of every request's body in every version, so
// that a body can be walked before kmsg decodes it. A field reads
//
//	Name:type          in all versions
//	Name:type@2+       from version 2; @1-3, @0-0: in those versions
//	Name:type?         may be null in all its versions; ?1+ from version 1
//	Name#0:type        a tagged field with tag 0
//	Name:[a:t b:t]     an array of structures, [int32] of simple values
//	Name:{a:t b:t}     a structure
//
// String, bytes and array lengths take their compact form, and every structure
// ends with tagged fields, from the API's first flexible version on.
//
// Fetch's tag 1 is no field of 3.1.0's versions; kmsg decodes it in any version
// and so it is checked.
var requestLayouts = map[int16]string{
	KeyProduce: `TransactionalId:string@3+? Acks:int16 TimeoutMs:int32 TopicData:[Name:string PartitionData:[Index:int32
		Records:records?]]`,
	KeyFetch: `ClusterId#0:string@12+? ReplicaState#1:{Id:int32 Epoch:int64}@12+ ReplicaId:int32 MaxWaitMs:int32 MinBytes:int32 MaxBytes:int32@3+ IsolationLevel:int8@4+
		SessionId:int32@7+ SessionEpoch:int32@7+ Topics:[Topic:string@0-12 TopicId:uuid@13+ Partitions:[Partition:int32
		CurrentLeaderEpoch:int32@9+ FetchOffset:int64 LastFetchedEpoch:int32@12+ LogStartOffset:int64@5+
		PartitionMaxBytes:int32]] ForgottenTopicsData:[Topic:string@7-12 TopicId:uuid@13+ Partitions:[int32]@7+]@7+
		RackId:string@11+`,
	KeyListOffsets: `ReplicaId:int32 IsolationLevel:int8@2+ Topics:[Name:string Partitions:[PartitionIndex:int32 CurrentLeaderEpoch:int32@4+
		Timestamp:int64 MaxNumOffsets:int32@0-0]]`,
	KeyMetadata: `Topics:[TopicId:uuid@10+ Name:string?10+]?1+ AllowAutoTopicCreation:bool@4+
		IncludeClusterAuthorizedOperations:bool@8-10 IncludeTopicAuthorizedOperations:bool@8+`,
	KeyLeaderAndIsr: `ControllerId:int32 ControllerEpoch:int32 BrokerEpoch:int64@2+ Type:int8@5+
		UngroupedPartitionStates:[TopicName:string@0-1 PartitionIndex:int32 ControllerEpoch:int32 Leader:int32
		LeaderEpoch:int32 Isr:[int32] ZkVersion:int32 Replicas:[int32] AddingReplicas:[int32]@3+ RemovingReplicas:[int32]@3+
		IsNew:bool@1+]@0-1 TopicStates:[TopicName:string@2+ TopicId:uuid@5+ PartitionStates:[TopicName:string@0-1
		PartitionIndex:int32 ControllerEpoch:int32 Leader:int32 LeaderEpoch:int32 Isr:[int32] ZkVersion:int32 Replicas:[int32]
		AddingReplicas:[int32]@3+ RemovingReplicas:[int32]@3+ IsNew:bool@1+]@2+]@2+ LiveLeaders:[BrokerId:int32 HostName:string
		Port:int32]`,
	KeyStopReplica: `ControllerId:int32 ControllerEpoch:int32 BrokerEpoch:int64@1+ DeletePartitions:bool@0-2
		UngroupedPartitions:[TopicName:string@0-0 PartitionIndex:int32@0-0]@0-0 Topics:[Name:string@1-2
		PartitionIndexes:[int32]@1-2]@1-2 TopicStates:[TopicName:string@3+ PartitionStates:[PartitionIndex:int32@3+
		LeaderEpoch:int32@3+ DeletePartition:bool@3+]@3+]@3+`,
	KeyUpdateMetadata: `ControllerId:int32 ControllerEpoch:int32 BrokerEpoch:int64@5+ UngroupedPartitionStates:[TopicName:string@0-4
		PartitionIndex:int32 ControllerEpoch:int32 Leader:int32 LeaderEpoch:int32 Isr:[int32] ZkVersion:int32 Replicas:[int32]
		OfflineReplicas:[int32]@4+]@0-4 TopicStates:[TopicName:string@5+ TopicId:uuid@7+ PartitionStates:[TopicName:string@0-4
		PartitionIndex:int32 ControllerEpoch:int32 Leader:int32 LeaderEpoch:int32 Isr:[int32] ZkVersion:int32 Replicas:[int32]
		OfflineReplicas:[int32]@4+]@5+]@5+ LiveBrokers:[Id:int32 V0Host:string@0-0 V0Port:int32@0-0 Endpoints:[Port:int32@1+
		Host:string@1+ Listener:string@3+ SecurityProtocol:int16@1+]@1+ Rack:string@2+?]`,
	KeyControlledShutdown: `BrokerId:int32 BrokerEpoch:int64@2+`,
	KeyOffsetCommit: `GroupId:string GenerationId:int32@1+ MemberId:string@1+ GroupInstanceId:string@7+? RetentionTimeMs:int64@2-4
		Topics:[Name:string Partitions:[PartitionIndex:int32 CommittedOffset:int64 CommittedLeaderEpoch:int32@6+
		CommitTimestamp:int64@1-1 CommittedMetadata:string?]]`,
	KeyOffsetFetch: `GroupId:string@0-7 Topics:[Name:string@0-7 PartitionIndexes:[int32]@0-7]@0-7?2-7 Groups:[groupId:string@8+
		Topics:[Name:string@8+ PartitionIndexes:[int32]@8+]@8+?]@8+ RequireStable:bool@7+`,
	KeyFindCoordinator: `Key:string@0-3 KeyType:int8@1+ CoordinatorKeys:[string]@4+`,
	KeyJoinGroup: `GroupId:string SessionTimeoutMs:int32 RebalanceTimeoutMs:int32@1+ MemberId:string GroupInstanceId:string@5+?
		ProtocolType:string Protocols:[Name:string Metadata:bytes]`,
	KeyHeartbeat:  `GroupId:string GenerationId:int32 MemberId:string GroupInstanceId:string@3+?`,
	KeyLeaveGroup: `GroupId:string MemberId:string@0-2 Members:[MemberId:string@3+ GroupInstanceId:string@3+?]@3+`,
	KeySyncGroup: `GroupId:string GenerationId:int32 MemberId:string GroupInstanceId:string@3+? ProtocolType:string@5+?
		ProtocolName:string@5+? Assignments:[MemberId:string Assignment:bytes]`,
	KeyDescribeGroups: `Groups:[string] IncludeAuthorizedOperations:bool@3+`,
	KeyListGroups:     `StatesFilter:[string]@4+`,
	KeySaslHandshake:  `Mechanism:string`,
	KeyApiVersions:    `ClientSoftwareName:string@3+ ClientSoftwareVersion:string@3+`,
	KeyCreateTopics: `Topics:[Name:string NumPartitions:int32 ReplicationFactor:int16 Assignments:[PartitionIndex:int32 BrokerIds:[int32]]
		Configs:[Name:string Value:string?]] timeoutMs:int32 validateOnly:bool@1+`,
	KeyDeleteTopics:         `Topics:[Name:string@6+? TopicId:uuid@6+]@6+ TopicNames:[string]@0-5 TimeoutMs:int32`,
	KeyDeleteRecords:        `Topics:[Name:string Partitions:[PartitionIndex:int32 Offset:int64]] TimeoutMs:int32`,
	KeyInitProducerId:       `TransactionalId:string? TransactionTimeoutMs:int32 ProducerId:int64@3+ ProducerEpoch:int16@3+`,
	KeyOffsetForLeaderEpoch: `ReplicaId:int32@3+ Topics:[Topic:string Partitions:[Partition:int32 CurrentLeaderEpoch:int32@2+ LeaderEpoch:int32]]`,
	KeyAddPartitionsToTxn:   `TransactionalId:string ProducerId:int64 ProducerEpoch:int16 Topics:[Name:string Partitions:[int32]]`,
	KeyAddOffsetsToTxn:      `TransactionalId:string ProducerId:int64 ProducerEpoch:int16 GroupId:string`,
	KeyEndTxn:               `TransactionalId:string ProducerId:int64 ProducerEpoch:int16 Committed:bool`,
	KeyWriteTxnMarkers: `Markers:[ProducerId:int64 ProducerEpoch:int16 TransactionResult:bool Topics:[Name:string PartitionIndexes:[int32]]
		CoordinatorEpoch:int32]`,
	KeyTxnOffsetCommit: `TransactionalId:string GroupId:string ProducerId:int64 ProducerEpoch:int16 GenerationId:int32@3+ MemberId:string@3+
		GroupInstanceId:string@3+? Topics:[Name:string Partitions:[PartitionIndex:int32 CommittedOffset:int64
		CommittedLeaderEpoch:int32@2+ CommittedMetadata:string?]]`,
	KeyDescribeAcls: `ResourceTypeFilter:int8 ResourceNameFilter:string? PatternTypeFilter:int8@1+ PrincipalFilter:string? HostFilter:string?
		Operation:int8 PermissionType:int8`,
	KeyCreateAcls: `Creations:[ResourceType:int8 ResourceName:string ResourcePatternType:int8@1+ Principal:string Host:string
		Operation:int8 PermissionType:int8]`,
	KeyDeleteAcls: `Filters:[ResourceTypeFilter:int8 ResourceNameFilter:string? PatternTypeFilter:int8@1+ PrincipalFilter:string?
		HostFilter:string? Operation:int8 PermissionType:int8]`,
	KeyDescribeConfigs: `Resources:[ResourceType:int8 ResourceName:string ConfigurationKeys:[string]?] IncludeSynonyms:bool@1+
		IncludeDocumentation:bool@3+`,
	KeyAlterConfigs:            `Resources:[ResourceType:int8 ResourceName:string Configs:[Name:string Value:string?]] ValidateOnly:bool`,
	KeyAlterReplicaLogDirs:     `Dirs:[Path:string Topics:[Name:string Partitions:[int32]]]`,
	KeyDescribeLogDirs:         `Topics:[Topic:string Partitions:[int32]]?`,
	KeySaslAuthenticate:        `AuthBytes:bytes`,
	KeyCreatePartitions:        `Topics:[Name:string Count:int32 Assignments:[BrokerIds:[int32]]?] TimeoutMs:int32 ValidateOnly:bool`,
	KeyCreateDelegationToken:   `Renewers:[PrincipalType:string PrincipalName:string] MaxLifetimeMs:int64`,
	KeyRenewDelegationToken:    `Hmac:bytes RenewPeriodMs:int64`,
	KeyExpireDelegationToken:   `Hmac:bytes ExpiryTimePeriodMs:int64`,
	KeyDescribeDelegationToken: `Owners:[PrincipalType:string PrincipalName:string]?`,
	KeyDeleteGroups:            `GroupsNames:[string]`,
	KeyElectLeaders:            `ElectionType:int8@1+ TopicPartitions:[Topic:string Partitions:[int32]]? TimeoutMs:int32`,
	KeyIncrementalAlterConfigs: `Resources:[ResourceType:int8 ResourceName:string Configs:[Name:string ConfigOperation:int8 Value:string?]]
		ValidateOnly:bool`,
	KeyAlterPartitionReassignments:  `TimeoutMs:int32 Topics:[Name:string Partitions:[PartitionIndex:int32 Replicas:[int32]?]]`,
	KeyListPartitionReassignments:   `TimeoutMs:int32 Topics:[Name:string PartitionIndexes:[int32]]?`,
	KeyOffsetDelete:                 `GroupId:string Topics:[Name:string Partitions:[PartitionIndex:int32]]`,
	KeyDescribeClientQuotas:         `Components:[EntityType:string MatchType:int8 Match:string?] Strict:bool`,
	KeyAlterClientQuotas:            `Entries:[Entity:[EntityType:string EntityName:string?] Ops:[Key:string Value:float64 Remove:bool]] ValidateOnly:bool`,
	KeyDescribeUserScramCredentials: `Users:[Name:string]?`,
	KeyAlterUserScramCredentials: `Deletions:[Name:string Mechanism:int8] Upsertions:[Name:string Mechanism:int8 Iterations:int32 Salt:bytes
		SaltedPassword:bytes]`,
	KeyAlterIsr: `BrokerId:int32 BrokerEpoch:int64 Topics:[Name:string Partitions:[PartitionIndex:int32 LeaderEpoch:int32 NewIsr:[int32]
		CurrentIsrVersion:int32]]`,
	KeyUpdateFeatures:       `timeoutMs:int32 FeatureUpdates:[Feature:string MaxVersionLevel:int16 AllowDowngrade:bool]`,
	KeyDescribeCluster:      `IncludeClusterAuthorizedOperations:bool`,
	KeyDescribeProducers:    `Topics:[Name:string PartitionIndexes:[int32]]`,
	KeyDescribeTransactions: `TransactionalIds:[string]`,
	KeyListTransactions:     `StateFilters:[string] ProducerIdFilters:[int64]`,
	KeyAllocateProducerIds:  `BrokerId:int32 BrokerEpoch:int64`,
}
