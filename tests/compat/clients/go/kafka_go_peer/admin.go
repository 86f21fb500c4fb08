package main

import (
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

func (c *client) Admin(s *Suite) map[string]func() string {
	a := admin{s, c}
	return map[string]func() string{
		"list-topics":                     a.listTopics,
		"describe-topic":                  a.describeTopic,
		"describe-cluster":                a.describeCluster,
		"unknown-topic-describe":          func() string { return c.Text(c.topic(s.Prefix + "-missing").Error) },
		"delete-topic":                    a.deleteTopic,
		"admin-create-partitions":         a.createPartitions,
		"admin-describe-configs":          a.describeConfigs,
		"admin-alter-configs":             a.alterConfigs,
		"admin-incremental-alter-configs": a.incrementalAlterConfigs,
		"admin-list-offsets":              a.listOffsets,
		"admin-elect-leaders":             a.electLeaders,
		"admin-reassignments":             a.reassignments,
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
		"admin-delete-group":         a.deleteGroup,
	}
}

// admin are the abilities of kafka-go's Client.
type admin struct {
	*Suite
	client *client
}

func (a admin) names() []string {
	var names []string
	for _, topic := range Checked(a.client.ask().Metadata(Patient(), &kafka.MetadataRequest{})).Topics {
		names = append(names, topic.Name)
	}
	return names
}

func (a admin) listTopics() string {
	topic := a.Topic("listed", 1)
	Until("it is listed", func() bool { return slices.Contains(a.names(), topic) })
	return ""
}

func (a admin) describeTopic() string {
	found := a.client.topic(a.Topic("described", 2))
	slices.SortFunc(found.Partitions, func(x, y kafka.Partition) int { return x.ID - y.ID })
	text := ""
	for _, p := range found.Partitions {
		text += fmt.Sprintf("%d:leader %d isr %d replicas %d ", p.ID, p.Leader.ID, len(p.Isr), len(p.Replicas))
	}
	return text
}

func (a admin) describeCluster() string {
	found := Checked(a.client.ask().Metadata(Patient(), &kafka.MetadataRequest{}))
	return fmt.Sprintf("%d broker, controller %d, cluster id of %d", len(found.Brokers), found.Controller.ID, len(found.ClusterID))
}

func (a admin) deleteTopic() string {
	topic := a.Filled("deleted")
	remove := func() {
		Check(Checked(a.client.ask().DeleteTopics(Patient(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})).Errors[topic])
	}
	remove()
	Until("the topic is gone", func() bool { return !slices.Contains(a.names(), topic) })
	return a.Failure(remove)
}

func (a admin) createPartitions() string {
	topic := a.Topic("grown", 1)
	grow := func(count int32) {
		request := &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: count}}}
		Check(Checked(a.client.ask().CreatePartitions(Patient(), request)).Errors[topic])
	}
	grow(3)
	a.AwaitPartitions(topic, 3)
	return a.Failure(func() { grow(2) })
}

func (a admin) configs(kind kafka.ResourceType, name string) map[string]string {
	resource := kafka.DescribeConfigRequestResource{ResourceType: kind, ResourceName: name}
	found := Checked(a.client.ask().DescribeConfigs(Patient(), &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{resource}})).Resources[0]
	Check(found.Error)
	all := map[string]string{}
	for _, entry := range found.ConfigEntries {
		all[entry.ConfigName] = entry.ConfigValue
	}
	return all
}

func (a admin) describeConfigs() string {
	topic, broker := a.configs(kafka.ResourceTypeTopic, a.Topic("configs", 1)), a.configs(kafka.ResourceTypeBroker, "0")
	return fmt.Sprintf("%d of a topic, %d of a broker, retention %s", len(topic), len(broker), topic["retention.ms"])
}

func (a admin) awaitRetention(topic, value string) {
	Until("retention.ms is "+value, func() bool { return a.configs(kafka.ResourceTypeTopic, topic)["retention.ms"] == value })
}

func (a admin) alterConfigs() string {
	topic := a.Topic("altered", 1)
	resource := kafka.AlterConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, Configs: []kafka.AlterConfigRequestConfig{{Name: "retention.ms", Value: "7777"}}}
	for _, err := range Checked(a.client.ask().AlterConfigs(Patient(), &kafka.AlterConfigsRequest{Resources: []kafka.AlterConfigRequestResource{resource}})).Errors {
		Check(err)
	}
	a.awaitRetention(topic, "7777")
	return ""
}

func (a admin) incrementalAlterConfigs() string {
	topic := a.Topic("incremental", 1)
	alter := func(operation kafka.ConfigOperation, value string) {
		change := kafka.IncrementalAlterConfigsRequestConfig{Name: "retention.ms", Value: value, ConfigOperation: operation}
		resource := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, Configs: []kafka.IncrementalAlterConfigsRequestConfig{change}}
		request := &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{resource}}
		Check(Checked(a.client.ask().IncrementalAlterConfigs(Patient(), request)).Resources[0].Error)
	}
	alter(kafka.ConfigOperationSet, "8888")
	a.awaitRetention(topic, "8888")
	alter(kafka.ConfigOperationDelete, "")
	a.awaitRetention(topic, "3600000000000")
	return a.Failure(func() { alter(kafka.ConfigOperationSet, "x") })
}

func (a admin) listOffsets() string {
	topic := a.Filled("offsets")
	wanted := []kafka.OffsetRequest{kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0), {Partition: 0, Timestamp: First + 5000}}
	found := Checked(a.client.ask().ListOffsets(Patient(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: wanted}})).Topics[topic][0]
	Check(found.Error)
	text := fmt.Sprintf("%d to %d", found.FirstOffset, found.LastOffset)
	for offset, at := range found.Offsets {
		text += fmt.Sprintf(", %d@%d", offset, at.UnixMilli())
	}
	return text
}

func (a admin) electLeaders() string {
	topic := a.Topic("elected", 1)
	found := Checked(a.client.ask().ElectLeaders(Patient(), &kafka.ElectLeadersRequest{Topic: topic, Partitions: []int{0}}))
	return fmt.Sprint(found.Error, found.PartitionResults[0].Error)
}

func (a admin) reassignments() string {
	topic := a.Topic("reassigned", 1)
	assign := func(broker int) {
		found := Checked(a.client.ask().AlterPartitionReassignments(Patient(), &kafka.AlterPartitionReassignmentsRequest{
			Topic: topic, Assignments: []kafka.AlterPartitionReassignmentsRequestAssignment{{PartitionID: 0, BrokerIDs: []int{broker}}},
		}))
		Check(found.Error)
		Check(found.PartitionResults[0].Error)
	}
	assign(0)
	Until("the reassignment ends", func() bool {
		found := Checked(a.client.ask().ListPartitionReassignments(Patient(), &kafka.ListPartitionReassignmentsRequest{Topics: map[string]kafka.ListPartitionReassignmentsRequestTopic{topic: {PartitionIndexes: []int{0}}}}))
		Check(found.Error)
		return len(found.Topics) == 0
	})
	return a.Failure(func() { assign(77) })
}

// features are the versions of a few APIs, of which it makes no more.
func (a admin) features() string {
	found := Checked(a.client.ask().ApiVersions(Patient(), &kafka.ApiVersionsRequest{}))
	Check(found.Error)
	text := ""
	for _, api := range found.ApiKeys {
		if slices.Contains([]string{"Produce", "Fetch", "Metadata", "JoinGroup", "CreateTopics"}, api.ApiName) {
			text += fmt.Sprintf("%s %d to %d, ", api.ApiName, api.MinVersion, api.MaxVersion)
		}
	}
	return text
}

func (a admin) listGroups() string {
	topic := a.Filled("group-listed")
	a.ConsumeAndCommit(topic, 2)
	found := Checked(a.client.ask().ListGroups(Patient(), &kafka.ListGroupsRequest{}))
	Check(found.Error)
	Require(slices.ContainsFunc(found.Groups, func(g kafka.ListGroupsResponseGroup) bool { return g.GroupID == topic }), "not listed")
	return ""
}

func (a admin) describe(group string) kafka.DescribeGroupsResponseGroup {
	found := Checked(a.client.ask().DescribeGroups(Patient(), &kafka.DescribeGroupsRequest{GroupIDs: []string{group}})).Groups[0]
	Check(found.Error)
	return found
}

func (a admin) describeGroup() string {
	topic := a.Filled("group-described")
	a.ConsumeAndCommit(topic, 2)
	member := a.Member(topic, Membership{}).Has(1)
	found := a.describe(topic)
	one := found.Members[0]
	text := fmt.Sprintf("%s, %s on %s with %d partition", found.GroupState, one.ClientID, one.ClientHost, len(one.MemberAssignments.Topics[0].Partitions))
	member.Close()
	found = a.describe(topic)
	return fmt.Sprintf("%s; then %s with %d", text, found.GroupState, len(found.Members))
}

func (a admin) offset(group string) string {
	found := Checked(a.client.ask().OffsetFetch(Patient(), &kafka.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{group: {0}}}))
	Check(found.Error)
	return fmt.Sprint(found.Topics[group][0].CommittedOffset)
}

func (a admin) alterGroupOffsets() string {
	topic := a.Filled("group-altered")
	a.ConsumeAndCommit(topic, 3)
	found := Checked(a.client.ask().OffsetCommit(Patient(), &kafka.OffsetCommitRequest{
		GroupID: topic, GenerationID: -1, Topics: map[string][]kafka.OffsetCommit{topic: {{Partition: 0, Offset: 8, Metadata: "moved"}}},
	}))
	Check(found.Topics[topic][0].Error)
	return a.Next(topic, 2)
}

func (a admin) deleteGroupOffsets() string {
	topic := a.Filled("group-offset-deleted")
	a.ConsumeAndCommit(topic, 3)
	found := Checked(a.client.ask().OffsetDelete(Patient(), &kafka.OffsetDeleteRequest{GroupID: topic, Topics: map[string][]int{topic: {0}}}))
	Check(found.Error)
	Check(found.Topics[topic][0].Error)
	return "then " + a.offset(topic)
}

func (a admin) deleteGroup() string {
	topic := a.Filled("group-deleted")
	a.ConsumeAndCommit(topic, 2)
	remove := func() {
		Check(Checked(a.client.ask().DeleteGroups(Patient(), &kafka.DeleteGroupsRequest{GroupIDs: []string{topic}})).Errors[topic])
	}
	remove()
	return a.Failure(remove)
}
