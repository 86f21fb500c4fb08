package protocol

import "fmt"

// responseLayouts has the layouts of the responses that brokers get from each
// other, in the notation of [requestLayouts]. Fetch's tag 0 is no field of
// 3.1.0's versions; kmsg decodes it in any version and so it is checked.
var responseLayouts = map[int16]string{
	KeyFetch: `Brokers#0:[NodeId:int32 Host:string Port:int32 Rack:string?]@12+ ThrottleTimeMs:int32@1+ ErrorCode:int16@7+ SessionId:int32@7+ Responses:[Topic:string@0-12 TopicId:uuid@13+
		Partitions:[PartitionIndex:int32 ErrorCode:int16 HighWatermark:int64 LastStableOffset:int64@4+ LogStartOffset:int64@5+
		DivergingEpoch#0:{Epoch:int32@12+ EndOffset:int64@12+}@12+ CurrentLeader#1:{LeaderId:int32@12+
		LeaderEpoch:int32@12+}@12+ SnapshotId#2:{EndOffset:int64 Epoch:int32}@12+ AbortedTransactions:[ProducerId:int64@4+
		FirstOffset:int64@4+]@4+? PreferredReadReplica:int32@11+ Records:bytes?]]`,
	KeyListOffsets: `ThrottleTimeMs:int32@2+ Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16
		OldStyleOffsets:[int64]@0-0 Timestamp:int64@1+ Offset:int64@1+ LeaderEpoch:int32@4+]]`,
	KeyLeaderAndIsr: `ErrorCode:int16 PartitionErrors:[TopicName:string@0-4 PartitionIndex:int32 ErrorCode:int16]@0-4 Topics:[TopicId:uuid@5+
		PartitionErrors:[TopicName:string@0-4 PartitionIndex:int32 ErrorCode:int16]@5+]@5+`,
	KeyStopReplica:        `ErrorCode:int16 PartitionErrors:[TopicName:string PartitionIndex:int32 ErrorCode:int16]`,
	KeyUpdateMetadata:     `ErrorCode:int16`,
	KeyControlledShutdown: `ErrorCode:int16 RemainingPartitions:[TopicName:string PartitionIndex:int32]`,
	KeyOffsetForLeaderEpoch: `ThrottleTimeMs:int32@2+ Topics:[Topic:string Partitions:[ErrorCode:int16 Partition:int32 LeaderEpoch:int32@1+
		EndOffset:int64]]`,
	KeyWriteTxnMarkers: `Markers:[ProducerId:int64 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16]]]`,
	KeyAlterIsr: `ThrottleTimeMs:int32 ErrorCode:int16 Topics:[Name:string Partitions:[PartitionIndex:int32 ErrorCode:int16
		LeaderId:int32 LeaderEpoch:int32 Isr:[int32] CurrentIsrVersion:int32]]`,
	KeyAllocateProducerIds: `ThrottleTimeMs:int32 ErrorCode:int16 ProducerIdStart:int64 ProducerIdLen:int32`,
}

var responses = &layouts{texts: responseLayouts}

// CheckResponse walks the body of another broker's response, as
// [RequestDecoder.Inspect] does a request's, so that kmsg can decode it. Only
// the APIs that brokers use among each other are known.
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
