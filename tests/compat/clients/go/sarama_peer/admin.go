package main

import (
	"fmt"
	"slices"

	"github.com/IBM/sarama"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

func (c *client) Admin(s *Suite) map[string]func() string {
	a := admin{s, c.admin, c}
	return map[string]func() string{
		"list-topics":                     a.listTopics,
		"describe-topic":                  a.describeTopic,
		"describe-cluster":                a.describeCluster,
		"unknown-topic-describe":          func() string { return Checked(a.DescribeTopics([]string{s.Prefix + "-missing"}))[0].Err.Error() },
		"delete-topic":                    a.deleteTopic,
		"admin-create-partitions":         a.createPartitions,
		"admin-describe-configs":          a.describeConfigs,
		"admin-alter-configs":             a.alterConfigs,
		"admin-incremental-alter-configs": a.incrementalAlterConfigs,
		"admin-delete-records":            a.deleteRecords,
		"admin-list-offsets":              a.listOffsets,
		"admin-log-dirs":                  a.logDirs,
		"admin-elect-leaders":             a.electLeaders,
		"admin-reassignments":             a.reassignments,
		"admin-describe-producers":        a.describeProducers,
		"admin-features":                  a.features,
		"admin-list-groups":               a.listGroups,
		"admin-describe-group":            a.describeGroup,
		"admin-group-offsets": func() string {
			topic := s.Filled("group-offsets")
			s.ConsumeAndCommit(topic, 3)
			return a.offset(topic)
		},
		"admin-alter-group-offsets":  a.alterGroupOffsets,
		"admin-delete-group-offsets": a.deleteGroupOffsets,
		"admin-remove-members":       a.removeMembers,
		"admin-delete-group":         a.deleteGroup,
	}
}

// admin are the abilities of sarama's ClusterAdmin.
type admin struct {
	*Suite
	sarama.ClusterAdmin
	client *client
}

func (a admin) listTopics() string {
	topic := a.Topic("listed", 1)
	_, ok := Checked(a.ListTopics())[topic]
	Require(ok, "not listed")
	return ""
}

func (a admin) describeTopic() string {
	found := Checked(a.DescribeTopics([]string{a.Topic("described", 2)}))[0]
	slices.SortFunc(found.Partitions, func(x, y *sarama.PartitionMetadata) int { return int(x.ID - y.ID) })
	text := ""
	for _, p := range found.Partitions {
		text += fmt.Sprintf("%d:leader %d isr %v replicas %v ", p.ID, p.Leader, p.Isr, p.Replicas)
	}
	return text
}

func (a admin) describeCluster() string {
	brokers, controller, err := a.DescribeCluster()
	Check(err)
	return fmt.Sprintf("%d broker, controller %d", len(brokers), controller)
}

func (a admin) deleteTopic() string {
	topic := a.Filled("deleted")
	Check(a.DeleteTopic(topic))
	Until("the topic is gone", func() bool { _, ok := Checked(a.ListTopics())[topic]; return !ok })
	return a.Failure(func() { Check(a.DeleteTopic(topic)) })
}

func (a admin) createPartitions() string {
	topic := a.Topic("grown", 1)
	Check(a.CreatePartitions(topic, 3, nil, false))
	a.AwaitPartitions(topic, 3)
	return a.Failure(func() { Check(a.CreatePartitions(topic, 2, nil, false)) })
}

func (a admin) configs(kind sarama.ConfigResourceType, name string) map[string]string {
	found := Checked(a.DescribeConfigs([]*sarama.ConfigResource{{Type: kind, Name: name}}, sarama.DescribeConfigsOptions{}))[0]
	Require(found.ErrorCode == 0, "%v", found.ErrorCode)
	all := map[string]string{}
	for _, entry := range found.Configs {
		all[entry.Name] = entry.Value
	}
	return all
}

func (a admin) describeConfigs() string {
	topic, broker := a.configs(sarama.TopicResource, a.Topic("configs", 1)), a.configs(sarama.BrokerResource, "0")
	return fmt.Sprintf("%d of a topic, %d of a broker, retention %s", len(topic), len(broker), topic["retention.ms"])
}

func (a admin) awaitRetention(topic, value string) {
	Until("retention.ms is "+value, func() bool { return a.configs(sarama.TopicResource, topic)["retention.ms"] == value })
}

func (a admin) alterConfigs() string {
	topic, value := a.Topic("altered", 1), "7777"
	Check(a.AlterConfig(sarama.TopicResource, topic, map[string]*string{"retention.ms": &value}, false))
	a.awaitRetention(topic, value)
	return ""
}

func (a admin) incrementalAlterConfigs() string {
	topic := a.Topic("incremental", 1)
	alter := func(operation sarama.IncrementalAlterConfigsOperation, value string) {
		Check(a.IncrementalAlterConfig(sarama.TopicResource, topic, map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: operation, Value: &value}}, false))
	}
	alter(sarama.IncrementalAlterConfigsOperationSet, "8888")
	a.awaitRetention(topic, "8888")
	alter(sarama.IncrementalAlterConfigsOperationDelete, "")
	a.awaitRetention(topic, "3600000000000")
	return a.Failure(func() { alter(sarama.IncrementalAlterConfigsOperationSet, "x") })
}

func (a admin) deleteRecords() string {
	topic := a.Filled("deleted-records")
	Check(a.DeleteRecords(topic, map[int32]int64{0: 4}))
	first := a.Read(topic, 1, 1, Position{Kind: Start}, nil)[0].Offset
	return fmt.Sprintf("then %d; beyond: %s", first, a.Failure(func() { Check(a.DeleteRecords(topic, map[int32]int64{0: 99})) }))
}

func (a admin) listOffsets() string {
	topic, text := a.Filled("offsets"), ""
	for _, at := range []int64{sarama.OffsetOldest, sarama.OffsetNewest, First + 5000, -3} { // -3 is the largest timestamp
		found := Checked(a.ListOffsets(map[string]map[int32]int64{topic: {0: at}}, nil))[topic][0]
		text += fmt.Sprintf("%d@%d %v, ", found.Offset, found.Timestamp, found.Err)
	}
	return text
}

func (a admin) logDirs() string {
	topic := a.Filled("log-dirs")
	dirs := Checked(a.DescribeLogDirs([]int32{0}))[0]
	for _, t := range dirs[0].Topics {
		if t.Topic == topic {
			return fmt.Sprintf("%d folder, %d bytes, lag %d", len(dirs), t.Partitions[0].Size, t.Partitions[0].OffsetLag)
		}
	}
	Fail("no such replica")
	return ""
}

func (a admin) electLeaders() string {
	topic := a.Topic("elected", 1)
	found := Checked(a.ElectLeaders(sarama.PreferredElection, map[string][]int32{topic: {0}}))[topic][0]
	return found.ErrorCode.Error()
}

func (a admin) reassignments() string {
	topic := a.Topic("reassigned", 1)
	Check(a.AlterPartitionReassignments(topic, [][]int32{{0}}))
	Until("the reassignment ends", func() bool { return len(Checked(a.ListPartitionReassignments(topic, []int32{0}))[topic]) == 0 })
	return a.Failure(func() { Check(a.AlterPartitionReassignments(topic, [][]int32{{77}})) })
}

// describeProducers asks the leader, since ClusterAdmin has no such call.
func (a admin) describeProducers() string {
	topic := a.Topic("producers", 1)
	a.Send(topic, Settings{Idempotent: true}, Numbered(5)...)
	leader := Checked(a.client.wire.Leader(topic, 0))
	response := Checked(leader.DescribeProducers(&sarama.DescribeProducersRequest{Topics: []sarama.DescribeProducersRequestTopic{{Name: topic, PartitionIndexes: []int32{0}}}}))
	producers := response.Topics[0].Partitions[0].ActiveProducers
	return fmt.Sprintf("%d producer, last sequence %d, epoch %d", len(producers), producers[0].LastSequence, producers[0].ProducerEpoch)
}

func (a admin) features() string {
	return a.Failure(func() {
		results := Checked(a.UpdateFeatures([]sarama.FeatureUpdate{{Feature: "metadata.version", MaxVersionLevel: 1}}))
		Check(results[0].ErrorCode)
	})
}

func (a admin) listGroups() string {
	topic := a.Filled("group-listed")
	a.ConsumeAndCommit(topic, 2)
	kind, ok := Checked(a.ListConsumerGroups())[topic]
	Require(ok, "not listed")
	return kind
}

func (a admin) describeGroup() string {
	topic := a.Filled("group-described")
	a.ConsumeAndCommit(topic, 2)
	member := a.Member(topic, Membership{}).Has(1)
	found := Checked(a.DescribeConsumerGroups([]string{topic}))[0]
	text := fmt.Sprintf("%s, %s", found.State, found.Protocol)
	for _, one := range found.Members {
		assigned := Checked(one.GetMemberAssignment())
		text += fmt.Sprintf(", %s on %s with %d partition", one.ClientId, one.ClientHost, len(assigned.Topics[topic]))
	}
	member.Close()
	found = Checked(a.DescribeConsumerGroups([]string{topic}))[0]
	return fmt.Sprintf("%s; then %s with %d", text, found.State, len(found.Members))
}

func (a admin) offset(group string) string {
	block := Checked(a.ListConsumerGroupOffsets(group, map[string][]int32{group: {0}})).GetBlock(group, 0)
	return fmt.Sprintf("%d, %v", block.Offset, block.Err)
}

func (a admin) alterGroupOffsets() string {
	topic := a.Filled("group-altered")
	a.ConsumeAndCommit(topic, 3)
	Checked(a.AlterConsumerGroupOffsets(topic, map[string]map[int32]sarama.OffsetAndMetadata{topic: {0: {Offset: 8, Metadata: "moved"}}}, nil))
	return a.Next(topic, 2)
}

func (a admin) deleteGroupOffsets() string {
	topic := a.Filled("group-offset-deleted")
	a.ConsumeAndCommit(topic, 3)
	Check(a.DeleteConsumerGroupOffset(topic, topic, 0))
	return "then " + a.offset(topic)
}

func (a admin) removeMembers() string {
	topic := a.Filled("group-removed")
	a.ConsumeAndCommit(topic, 2)
	member := a.Member(topic, Membership{Instance: "removed"}).Has(1)
	running := a.Failure(func() { Check(a.DeleteConsumerGroup(topic)) })
	member.Close()
	removed := Checked(a.RemoveMemberFromConsumerGroup(topic, []string{"removed"}))
	return fmt.Sprintf("%s, then %v, %s", running, removed.Err, Checked(a.DescribeConsumerGroups([]string{topic}))[0].State)
}

func (a admin) deleteGroup() string {
	topic := a.Filled("group-deleted")
	a.ConsumeAndCommit(topic, 2)
	Check(a.DeleteConsumerGroup(topic))
	return a.Failure(func() { Check(a.DeleteConsumerGroup(topic)) })
}
