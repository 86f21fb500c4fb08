package protocol

import "fmt"

// responseLayouts has the layouts of the responses in the notation of
// [requestLayouts]. Fetch's tag 0 is no field of 3.1.0's versions; kmsg decodes it
// in any version and so it is checked.
var responseLayouts = map[int16]string{
	KeyProduce: `Responses:[Name:string PartitionResponses:[Index:int32 ErrorCode:int16 BaseOffset:int64 LogAppendTimeMs:int64@2+
		LogStartOffset:int64@5+ RecordErrors:[BatchIndex:int32@8+ BatchIndexErrorMessage:string@8+?]@8+ ErrorMessage:string@8+?]]
		ThrottleTimeMs:int32@1+`,
	KeyFetch: `Brokers#0:[NodeId:int32 Host:string Port:int32 Rack:string?]@12+ ThrottleTimeMs:int32@1+ ErrorCode:int16@7+ SessionId:int32@7+ Responses:[Topic:string@0-12 TopicId:uuid@13+
		Partitions:[PartitionIndex:int32 ErrorCode:int16 HighWatermark:int64 LastStableOffset:int64@4+ LogStartOffset:int64@5+
		DivergingEpoch#0:{Epoch:int32@12+ EndOffset:int64@12+}@12+ CurrentLeader#1:{LeaderId:int32@12+ LeaderEpoch:int32@12+}@12+
		SnapshotId#2:{EndOffset:int64 Epoch:int32}@12+ AbortedTransactions:[ProducerId:int64@4+ FirstOffset:int64@4+]@4+?
		PreferredReadReplica:int32@11+ Records:records?]]`,
	KeyListOffsets: `ThrottleTimeMs:int32@2+ Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16
		OldStyleOffsets:[int64]@0-0 Timestamp:int64@1+ Offset:int64@1+ LeaderEpoch:int32@4+]]`,
	KeyMetadata: `ThrottleTimeMs:int32@3+ Brokers:[NodeId:int32 Host:string Port:int32 Rack:string@1+?] ClusterId:string@2+?
		ControllerId:int32@1+ Topics:[ErrorCode:int16 Name:string?12+ TopicId:uuid@10+ IsInternal:bool@1+ Partitions:[ErrorCode:int16
		PartitionIndex:int32 LeaderId:int32 LeaderEpoch:int32@7+ ReplicaNodes:[int32] IsrNodes:[int32] OfflineReplicas:[int32]@5+]
		TopicAuthorizedOperations:int32@8+] ClusterAuthorizedOperations:int32@8-10`,
	KeyLeaderAndIsr: `ErrorCode:int16 PartitionErrors:[TopicName:string@0-4 PartitionIndex:int32 ErrorCode:int16]@0-4
		Topics:[TopicId:uuid@5+ PartitionErrors:[TopicName:string@0-4 PartitionIndex:int32 ErrorCode:int16]@5+]@5+`,
	KeyStopReplica:        `ErrorCode:int16 PartitionErrors:[TopicName:string PartitionIndex:int32 ErrorCode:int16]`,
	KeyUpdateMetadata:     `ErrorCode:int16`,
	KeyControlledShutdown: `ErrorCode:int16 RemainingPartitions:[TopicName:string PartitionIndex:int32]`,
	KeyOffsetCommit:       `ThrottleTimeMs:int32@3+ Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16]]`,
	KeyOffsetFetch: `ThrottleTimeMs:int32@3+ Topics:[Name:string@0-7 Partitions:[PartitionIndex:int32@0-7 CommittedOffset:int64@0-7
		CommittedLeaderEpoch:int32@5-7 Metadata:string@0-7? ErrorCode:int16@0-7]@0-7]@0-7 ErrorCode:int16@2-7 Groups:[groupId:string@8+
		Topics:[Name:string@8+ Partitions:[PartitionIndex:int32@8+ CommittedOffset:int64@8+ CommittedLeaderEpoch:int32@8+
		Metadata:string@8+? ErrorCode:int16@8+]@8+]@8+ ErrorCode:int16@8+]@8+`,
	KeyFindCoordinator: `ThrottleTimeMs:int32@1+ ErrorCode:int16@0-3 ErrorMessage:string@1-3? NodeId:int32@0-3 Host:string@0-3
		Port:int32@0-3 Coordinators:[Key:string@4+ NodeId:int32@4+ Host:string@4+ Port:int32@4+ ErrorCode:int16@4+
		ErrorMessage:string@4+?]@4+`,
	KeyJoinGroup: `ThrottleTimeMs:int32@2+ ErrorCode:int16 GenerationId:int32 ProtocolType:string@7+? ProtocolName:string?7+
		Leader:string MemberId:string Members:[MemberId:string GroupInstanceId:string@5+? Metadata:bytes]`,
	KeyHeartbeat: `ThrottleTimeMs:int32@1+ ErrorCode:int16`,
	KeyLeaveGroup: `ThrottleTimeMs:int32@1+ ErrorCode:int16 Members:[MemberId:string@3+ GroupInstanceId:string@3+?
		ErrorCode:int16@3+]@3+`,
	KeySyncGroup: `ThrottleTimeMs:int32@1+ ErrorCode:int16 ProtocolType:string@5+? ProtocolName:string@5+? Assignment:bytes`,
	KeyDescribeGroups: `ThrottleTimeMs:int32@1+ Groups:[ErrorCode:int16 GroupId:string GroupState:string ProtocolType:string
		ProtocolData:string Members:[MemberId:string GroupInstanceId:string@4+? ClientId:string ClientHost:string MemberMetadata:bytes
		MemberAssignment:bytes] AuthorizedOperations:int32@3+]`,
	KeyListGroups:    `ThrottleTimeMs:int32@1+ ErrorCode:int16 Groups:[GroupId:string ProtocolType:string GroupState:string@4+]`,
	KeySaslHandshake: `ErrorCode:int16 Mechanisms:[string]`,
	KeyApiVersions: `ErrorCode:int16 ApiKeys:[ApiKey:int16 MinVersion:int16 MaxVersion:int16] ThrottleTimeMs:int32@1+
		SupportedFeatures#0:[Name:string@3+ MinVersion:int16@3+ MaxVersion:int16@3+]@3+ FinalizedFeaturesEpoch#1:int64@3+
		FinalizedFeatures#2:[Name:string@3+ MaxVersionLevel:int16@3+ MinVersionLevel:int16@3+]@3+`,
	KeyCreateTopics: `ThrottleTimeMs:int32@2+ Topics:[Name:string TopicId:uuid@7+ ErrorCode:int16 ErrorMessage:string@1+?
		TopicConfigErrorCode#0:int16@5+ NumPartitions:int32@5+ ReplicationFactor:int16@5+ Configs:[Name:string@5+ Value:string@5+?
		ReadOnly:bool@5+ ConfigSource:int8@5+ IsSensitive:bool@5+]@5+?]`,
	KeyDeleteTopics: `ThrottleTimeMs:int32@1+ Responses:[Name:string?6+ TopicId:uuid@6+ ErrorCode:int16 ErrorMessage:string@5+?]`,
	KeyDeleteRecords: `ThrottleTimeMs:int32 Topics:[Name:string Partitions:[PartitionIndex:int32 LowWatermark:int64
		ErrorCode:int16]]`,
	KeyInitProducerId: `ThrottleTimeMs:int32 ErrorCode:int16 ProducerId:int64 ProducerEpoch:int16`,
	KeyOffsetForLeaderEpoch: `ThrottleTimeMs:int32@2+ Topics:[Topic:string Partitions:[ErrorCode:int16 Partition:int32
		LeaderEpoch:int32@1+ EndOffset:int64]]`,
	KeyAddPartitionsToTxn: `ThrottleTimeMs:int32 Results:[Name:string Results:[PartitionIndex:int32 ErrorCode:int16]]`,
	KeyAddOffsetsToTxn:    `ThrottleTimeMs:int32 ErrorCode:int16`,
	KeyEndTxn:             `ThrottleTimeMs:int32 ErrorCode:int16`,
	KeyWriteTxnMarkers:    `Markers:[ProducerId:int64 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16]]]`,
	KeyTxnOffsetCommit:    `ThrottleTimeMs:int32 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16]]`,
	KeyDescribeAcls: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? Resources:[ResourceType:int8 ResourceName:string
		PatternType:int8@1+ Acls:[Principal:string Host:string Operation:int8 PermissionType:int8]]`,
	KeyCreateAcls: `ThrottleTimeMs:int32 Results:[ErrorCode:int16 ErrorMessage:string?]`,
	KeyDeleteAcls: `ThrottleTimeMs:int32 FilterResults:[ErrorCode:int16 ErrorMessage:string? MatchingAcls:[ErrorCode:int16
		ErrorMessage:string? ResourceType:int8 ResourceName:string PatternType:int8@1+ Principal:string Host:string Operation:int8
		PermissionType:int8]]`,
	KeyDescribeConfigs: `ThrottleTimeMs:int32 Results:[ErrorCode:int16 ErrorMessage:string? ResourceType:int8 ResourceName:string
		Configs:[Name:string Value:string? ReadOnly:bool IsDefault:bool@0-0 ConfigSource:int8@1+ IsSensitive:bool
		Synonyms:[Name:string@1+ Value:string@1+? Source:int8@1+]@1+ ConfigType:int8@3+ Documentation:string@3+?]]`,
	KeyAlterConfigs:        `ThrottleTimeMs:int32 Responses:[ErrorCode:int16 ErrorMessage:string? ResourceType:int8 ResourceName:string]`,
	KeyAlterReplicaLogDirs: `ThrottleTimeMs:int32 Results:[TopicName:string Partitions:[PartitionIndex:int32 ErrorCode:int16]]`,
	KeyDescribeLogDirs: `ThrottleTimeMs:int32 Results:[ErrorCode:int16 LogDir:string Topics:[Name:string
		Partitions:[PartitionIndex:int32 PartitionSize:int64 OffsetLag:int64 IsFutureKey:bool]]]`,
	KeySaslAuthenticate: `ErrorCode:int16 ErrorMessage:string? AuthBytes:bytes SessionLifetimeMs:int64@1+`,
	KeyCreatePartitions: `ThrottleTimeMs:int32 Results:[Name:string ErrorCode:int16 ErrorMessage:string?]`,
	KeyCreateDelegationToken: `ErrorCode:int16 PrincipalType:string PrincipalName:string IssueTimestampMs:int64
		ExpiryTimestampMs:int64 MaxTimestampMs:int64 TokenId:string Hmac:bytes ThrottleTimeMs:int32`,
	KeyRenewDelegationToken:  `ErrorCode:int16 ExpiryTimestampMs:int64 ThrottleTimeMs:int32`,
	KeyExpireDelegationToken: `ErrorCode:int16 ExpiryTimestampMs:int64 ThrottleTimeMs:int32`,
	KeyDescribeDelegationToken: `ErrorCode:int16 Tokens:[PrincipalType:string PrincipalName:string IssueTimestamp:int64
		ExpiryTimestamp:int64 MaxTimestamp:int64 TokenId:string Hmac:bytes Renewers:[PrincipalType:string PrincipalName:string]]
		ThrottleTimeMs:int32`,
	KeyDeleteGroups: `ThrottleTimeMs:int32 Results:[GroupId:string ErrorCode:int16]`,
	KeyElectLeaders: `ThrottleTimeMs:int32 ErrorCode:int16@1+ ReplicaElectionResults:[Topic:string
		PartitionResult:[PartitionId:int32 ErrorCode:int16 ErrorMessage:string?]]`,
	KeyIncrementalAlterConfigs: `ThrottleTimeMs:int32 Responses:[ErrorCode:int16 ErrorMessage:string? ResourceType:int8
		ResourceName:string]`,
	KeyAlterPartitionReassignments: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? Responses:[Name:string
		Partitions:[PartitionIndex:int32 ErrorCode:int16 ErrorMessage:string?]]`,
	KeyListPartitionReassignments: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? Topics:[Name:string
		Partitions:[PartitionIndex:int32 Replicas:[int32] AddingReplicas:[int32] RemovingReplicas:[int32]]]`,
	KeyOffsetDelete: `ErrorCode:int16 ThrottleTimeMs:int32 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16]]`,
	KeyDescribeClientQuotas: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? Entries:[Entity:[EntityType:string
		EntityName:string?] Values:[Key:string Value:float64]]?`,
	KeyAlterClientQuotas: `ThrottleTimeMs:int32 Entries:[ErrorCode:int16 ErrorMessage:string? Entity:[EntityType:string
		EntityName:string?]]`,
	KeyDescribeUserScramCredentials: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? Results:[User:string ErrorCode:int16
		ErrorMessage:string? CredentialInfos:[Mechanism:int8 Iterations:int32]]`,
	KeyAlterUserScramCredentials: `ThrottleTimeMs:int32 Results:[User:string ErrorCode:int16 ErrorMessage:string?]`,
	KeyAlterIsr: `ThrottleTimeMs:int32 ErrorCode:int16 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16
		LeaderId:int32 LeaderEpoch:int32 Isr:[int32] CurrentIsrVersion:int32]]`,
	KeyUpdateFeatures: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? Results:[Feature:string ErrorCode:int16
		ErrorMessage:string?]`,
	KeyDescribeCluster: `ThrottleTimeMs:int32 ErrorCode:int16 ErrorMessage:string? ClusterId:string ControllerId:int32
		Brokers:[BrokerId:int32 Host:string Port:int32 Rack:string?] ClusterAuthorizedOperations:int32`,
	KeyDescribeProducers: `ThrottleTimeMs:int32 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16
		ErrorMessage:string? ActiveProducers:[ProducerId:int64 ProducerEpoch:int32 LastSequence:int32 LastTimestamp:int64
		CoordinatorEpoch:int32 CurrentTxnStartOffset:int64]]]`,
	KeyDescribeTransactions: `ThrottleTimeMs:int32 TransactionStates:[ErrorCode:int16 TransactionalId:string TransactionState:string
		TransactionTimeoutMs:int32 TransactionStartTimeMs:int64 ProducerId:int64 ProducerEpoch:int16 Topics:[Topic:string
		Partitions:[int32]]]`,
	KeyListTransactions: `ThrottleTimeMs:int32 ErrorCode:int16 UnknownStateFilters:[string]
		TransactionStates:[TransactionalId:string ProducerId:int64 TransactionState:string]`,
	KeyAllocateProducerIds: `ThrottleTimeMs:int32 ErrorCode:int16 ProducerIdStart:int64 ProducerIdLen:int32`,
}

var responses = &layouts{texts: responseLayouts, runs: true}

// CheckResponse walks the body of another broker's response, as
// [RequestDecoder.Inspect] does a request's, so that kmsg can decode it.
func CheckResponse(key, version int16, body []byte) error {
	layout, ok := responses.of(key, version)
	if !ok {
		return fmt.Errorf("response of %s version %d: %w", APIName(key), version, errVersion)
	}
	api, _ := APIForKey(key)
	walk := walker{src: body, version: version, flexible: api.IsFlexible(version)}
	walk.structure(layout.fields)
	if walk.err != nil {
		return fmt.Errorf("response of %s version %d: %w", APIName(key), version, walk.err)
	}
	return nil
}
