//go:build peers

package protocol

import (
	"github.com/twmb/franz-go/pkg/kmsg"
)

func initProducerScenario(s *session) {
	for _, row := range []struct {
		name     string
		id       *string
		producer int64
		epoch    int16
	}{
		{"new", nil, -1, -1}, {"again", nil, -1, -1}, {"an id without an epoch", nil, 5, -1}, {"an epoch without an id", nil, -1, 5},
		{"an id and an epoch", nil, 5, 5}, {"empty transactional id", text(""), -1, -1},
	} {
		s.ask(row.name, initProducer(row.id, row.producer, row.epoch))
	}
	s.ask("no time-out", changed(initProducer(nil, -1, -1), func(r *kmsg.InitProducerIDRequest) { r.TransactionTimeoutMillis = 0 }))
}

func electLeaders(kind int8, topic string, partitions ...int32) *kmsg.ElectLeadersRequest {
	request := kmsg.NewPtrElectLeadersRequest()
	request.ElectionType, request.TimeoutMillis = kind, 2000
	row := kmsg.NewElectLeadersRequestTopic()
	row.Topic, row.Partitions = topic, partitions
	request.Topics = []kmsg.ElectLeadersRequestTopic{row}
	return request
}

func reassign(topic string, partition int32, replicas []int32) *kmsg.AlterPartitionAssignmentsRequest {
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	request.TimeoutMillis = 2000
	row := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	row.Partition, row.Replicas = partition, replicas
	rows := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.AlterPartitionAssignmentsRequestTopicPartition{row}
	request.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{rows}
	return request
}

func alterISR(topic string, partition int32, broker int32, epoch int64) *kmsg.AlterPartitionRequest {
	request := kmsg.NewPtrAlterPartitionRequest()
	request.BrokerID, request.BrokerEpoch = broker, epoch
	row := kmsg.NewAlterPartitionRequestTopicPartition()
	row.Partition, row.LeaderEpoch, row.NewISR, row.PartitionEpoch = partition, 5, []int32{0}, 9
	rows := kmsg.NewAlterPartitionRequestTopic()
	rows.Topic, rows.Partitions = topic, []kmsg.AlterPartitionRequestTopicPartition{row}
	request.Topics = []kmsg.AlterPartitionRequestTopic{rows}
	return request
}

// The requests of controllers come with epochs that are long over, so that nothing
// is changed.
var controllerScenarios = []scenario{
	{kmsg.InitProducerID, "ids", nil, initProducerScenario},
	{kmsg.ElectLeaders, "elections", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		for _, kind := range []int8{0, 1} {
			s.ask("led already", electLeaders(kind, topic, 0, 1))
			s.ask("missing partition", electLeaders(kind, topic, 7))
			s.ask("missing topic", electLeaders(kind, s.name("missing"), 0))
			s.ask("twice", electLeaders(kind, topic, 0, 0))
			s.ask("no partitions", electLeaders(kind, topic))
			s.ask("no topics", changed(electLeaders(kind, topic), func(r *kmsg.ElectLeadersRequest) { r.Topics = []kmsg.ElectLeadersRequestTopic{} }))
			s.ask("no time", changed(electLeaders(kind, topic, 0), func(r *kmsg.ElectLeadersRequest) { r.TimeoutMillis = -1 }))
		}
		s.ask("an unknown kind", electLeaders(9, topic, 0))
	}},
	{kmsg.AlterPartitionAssignments, "reassignments", nil, func(s *session) {
		topic := s.createTopic("topic", 2)
		s.ask("to the same", reassign(topic, 0, []int32{0}))
		s.ask("to an unknown broker", reassign(topic, 0, []int32{7}))
		s.ask("to a negative broker", reassign(topic, 0, []int32{-1}))
		s.ask("to one twice", reassign(topic, 0, []int32{0, 0}))
		s.ask("to nobody", reassign(topic, 0, []int32{}))
		s.ask("cancelled", reassign(topic, 0, nil))
		s.ask("missing topic", reassign(s.name("missing"), 0, []int32{0}))
		s.ask("missing partition", reassign(topic, 9, []int32{0}))
		s.ask("cancelled missing", reassign(topic, 9, nil))
		s.ask("none", changed(reassign(topic, 0, nil), func(r *kmsg.AlterPartitionAssignmentsRequest) { r.Topics = nil }))
		s.ask("no time", changed(reassign(topic, 1, []int32{0}), func(r *kmsg.AlterPartitionAssignmentsRequest) { r.TimeoutMillis = -1 }))
		both := reassign(topic, 0, []int32{0})
		both.Topics[0].Partitions = append(both.Topics[0].Partitions, reassign(topic, 1, []int32{8}).Topics[0].Partitions...)
		s.ask("two", both)
		both.Topics[0].Partitions = append(both.Topics[0].Partitions, both.Topics[0].Partitions[0])
		s.ask("twice", both)
	}},
	{kmsg.ListPartitionReassignments, "none running", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		request := kmsg.NewPtrListPartitionReassignmentsRequest()
		request.TimeoutMillis = 2000
		s.ask("all", request)
		for _, name := range []string{topic, s.name("missing")} {
			row := kmsg.NewListPartitionReassignmentsRequestTopic()
			row.Topic, row.Partitions = name, []int32{0, 5}
			request.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{row}
			s.ask(name, request)
		}
		request.Topics = []kmsg.ListPartitionReassignmentsRequestTopic{}
		s.ask("none", request)
	}},
	{kmsg.LeaderAndISR, "stale", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		request := kmsg.NewPtrLeaderAndISRRequest()
		partition := kmsg.NewLeaderAndISRRequestTopicPartition()
		partition.Topic, partition.Leader, partition.LeaderEpoch, partition.ISR, partition.Replicas = topic, 0, 0, []int32{0}, []int32{0}
		row := kmsg.NewLeaderAndISRRequestTopicState()
		row.Topic, row.PartitionStates = topic, []kmsg.LeaderAndISRRequestTopicPartition{partition}
		request.PartitionStates, request.TopicStates = row.PartitionStates, []kmsg.LeaderAndISRRequestTopicState{row}
		request.ControllerID, request.ControllerEpoch, request.BrokerEpoch = 0, 0, -1
		s.ask("an old controller", request)
		request.ControllerEpoch, request.BrokerEpoch = 1000, 0
		if s.version >= 2 {
			s.ask("an old epoch of the broker", request)
		}
	}},
	{kmsg.StopReplica, "stale", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		request := kmsg.NewPtrStopReplicaRequest()
		row := kmsg.NewStopReplicaRequestTopic()
		row.Topic, row.Partition, row.Partitions = topic, 0, []int32{0}
		state := kmsg.NewStopReplicaRequestTopicPartitionState()
		row.PartitionStates = []kmsg.StopReplicaRequestTopicPartitionState{state}
		request.Topics, request.ControllerEpoch, request.BrokerEpoch = []kmsg.StopReplicaRequestTopic{row}, 0, -1
		s.ask("an old controller", request)
		if s.version >= 1 {
			request.ControllerEpoch, request.BrokerEpoch = 1000, 0
			s.ask("an old epoch of the broker", request)
		}
	}},
	{kmsg.UpdateMetadata, "stale", nil, func(s *session) {
		request := kmsg.NewPtrUpdateMetadataRequest()
		request.ControllerEpoch, request.BrokerEpoch = 0, -1
		broker := kmsg.NewUpdateMetadataRequestLiveBroker()
		broker.Host, broker.Port = "localhost", 9092
		endpoint := kmsg.NewUpdateMetadataRequestLiveBrokerEndpoint()
		endpoint.Host, endpoint.Port, endpoint.ListenerName = "localhost", 9092, "PLAINTEXT"
		broker.Endpoints = []kmsg.UpdateMetadataRequestLiveBrokerEndpoint{endpoint}
		request.LiveBrokers = []kmsg.UpdateMetadataRequestLiveBroker{broker}
		s.ask("an old controller", request)
		if s.version >= 5 {
			request.ControllerEpoch, request.BrokerEpoch = 1000, 0
			s.ask("an old epoch of the broker", request)
		}
	}},
	{kmsg.ControlledShutdown, "refused", nil, func(s *session) {
		request := kmsg.NewPtrControlledShutdownRequest()
		request.BrokerID, request.BrokerEpoch = 9, -1
		s.ask("an unknown broker", request)
		request.BrokerEpoch = 5
		s.ask("an unknown broker with an epoch", request)
		if s.version >= 2 {
			request.BrokerID, request.BrokerEpoch = 0, 0
			s.ask("an old epoch of the broker", request)
		}
	}},
	{kmsg.AlterPartition, "refused", nil, func(s *session) {
		topic := s.createTopic("topic", 1)
		s.ask("an old epoch of the broker", alterISR(topic, 0, 0, 0))
		s.ask("an unknown broker", alterISR(topic, 0, 9, 5))
		s.ask("an unknown broker without an epoch", alterISR(topic, 0, 9, -1))
	}},
	{kmsg.UpdateFeatures, "refused", nil, func(s *session) {
		request := kmsg.NewPtrUpdateFeaturesRequest()
		request.TimeoutMillis = 2000
		s.ask("none", request)
		row := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		row.Feature, row.MaxVersionLevel = "feature", 1
		request.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{row}
		s.ask("unknown", request)
		for _, level := range []int16{0, -1} {
			request.FeatureUpdates[0].MaxVersionLevel = level
			s.ask("level below 1", request)
			request.FeatureUpdates[0].AllowDowngrade = true
			s.ask("level below 1 with downgrade", request)
			request.FeatureUpdates[0].AllowDowngrade = false
		}
		request.FeatureUpdates[0].Feature = ""
		s.ask("no name", request)
		request.FeatureUpdates = append(request.FeatureUpdates, row, row)
		s.ask("twice", request)
	}},
	{kmsg.AllocateProducerIDs, "refused", nil, func(s *session) {
		request := kmsg.NewPtrAllocateProducerIDsRequest()
		request.BrokerID, request.BrokerEpoch = 9, 5
		s.ask("an unknown broker", request)
		request.BrokerID, request.BrokerEpoch = 0, 0
		s.ask("an old epoch of the broker", request)
		request.BrokerEpoch = -1
		s.ask("no epoch", request)
	}},
	{kmsg.DescribeCluster, "cluster", nil, func(s *session) {
		request := kmsg.NewPtrDescribeClusterRequest()
		s.ask("plain", request)
		request.IncludeClusterAuthorizedOperations = true
		s.ask("with operations", request)
	}},
}
