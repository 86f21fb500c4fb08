package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	. "github.com/gregor-broker/gregor/tests/compat/clients/go/abilities"
)

func (c *client) Admin(s *Suite) map[string]func() string {
	a := admin{s, c.admin}
	return map[string]func() string{
		"list-topics":      a.listTopics,
		"describe-topic":   a.describeTopic,
		"describe-cluster": a.describeCluster,
		"unknown-topic-describe": func() string {
			return c.Text(Checked(a.ListTopics(Patient(), s.Prefix+"-missing"))[s.Prefix+"-missing"].Err)
		},
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

// admin are the abilities of kadm.
type admin struct {
	*Suite
	*kadm.Client
}

func (a admin) listTopics() string {
	topic := a.Topic("listed", 1)
	Require(Checked(a.ListTopics(Patient())).Has(topic), "not listed")
	return ""
}

func (a admin) describeTopic() string {
	topic := a.Topic("described", 2)
	found := Checked(a.Metadata(Patient(), topic)).Topics[topic]
	Require(found.ID != kadm.TopicID{}, "no topic id")
	text := ""
	for _, p := range found.Partitions.Sorted() {
		text += fmt.Sprintf("%d:leader %d isr %v replicas %v ", p.Partition, p.Leader, p.ISR, p.Replicas)
	}
	return text
}

func (a admin) describeCluster() string {
	found := Checked(a.BrokerMetadata(Patient()))
	return fmt.Sprintf("%d broker, controller %d, cluster id of %d", len(found.Brokers), found.Controller, len(found.Cluster))
}

func (a admin) deleteTopic() string {
	topic := a.Filled("deleted")
	Checked(a.DeleteTopic(Patient(), topic))
	Until("the topic is gone", func() bool { return !Checked(a.ListTopics(Patient())).Has(topic) })
	return a.Failure(func() { Checked(a.DeleteTopic(Patient(), topic)) })
}

func (a admin) createPartitions() string {
	topic := a.Topic("grown", 1)
	update := func(count int) error {
		return Checked(Checked(a.UpdatePartitions(Patient(), count, topic)).On(topic, nil)).Err
	}
	Check(update(3))
	a.AwaitPartitions(topic, 3)
	return a.Failure(func() { Check(update(2)) })
}

func (a admin) configs(topic string) map[string]string {
	return values(Checked(Checked(a.DescribeTopicConfigs(Patient(), topic)).On(topic, nil)))
}

func values(found kadm.ResourceConfig) map[string]string {
	Check(found.Err)
	all := map[string]string{}
	for _, entry := range found.Configs {
		all[entry.Key] = entry.MaybeValue()
	}
	return all
}

func (a admin) describeConfigs() string {
	topic := a.configs(a.Topic("configs", 1))
	broker := values(Checked(a.DescribeBrokerConfigs(Patient(), 0))[0])
	return fmt.Sprintf("%d of a topic, %d of a broker, retention %s", len(topic), len(broker), topic["retention.ms"])
}

func (a admin) awaitRetention(topic, value string) {
	Until("retention.ms is "+value, func() bool { return a.configs(topic)["retention.ms"] == value })
}

func (a admin) alterConfigs() string {
	topic, value := a.Topic("altered", 1), "7777"
	Check(Checked(a.AlterTopicConfigsState(Patient(), []kadm.AlterConfig{{Name: "retention.ms", Value: &value}}, topic))[0].Err)
	a.awaitRetention(topic, value)
	return ""
}

func (a admin) incrementalAlterConfigs() string {
	topic := a.Topic("incremental", 1)
	alter := func(change kadm.AlterConfig) {
		Check(Checked(a.AlterTopicConfigs(Patient(), []kadm.AlterConfig{change}, topic))[0].Err)
	}
	value, wrong := "8888", "x"
	alter(kadm.AlterConfig{Op: kadm.SetConfig, Name: "retention.ms", Value: &value})
	a.awaitRetention(topic, value)
	alter(kadm.AlterConfig{Op: kadm.DeleteConfig, Name: "retention.ms"})
	a.awaitRetention(topic, "3600000000000")
	return a.Failure(func() { alter(kadm.AlterConfig{Op: kadm.SetConfig, Name: "retention.ms", Value: &wrong}) })
}

func (a admin) deleteRecords() string {
	topic := a.Filled("deleted-records")
	remove := func(before int64) kadm.DeleteRecordsResponse {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, 0, before, -1)
		return Checked(a.DeleteRecords(Patient(), offsets))[topic][0]
	}
	removed := remove(4)
	Check(removed.Err)
	first := a.Read(topic, 1, 1, Position{Kind: Start}, nil)[0].Offset
	return fmt.Sprintf("low watermark %d, then %d; beyond: %s", removed.LowWatermark, first, a.Failure(func() { Check(remove(99).Err) }))
}

func (a admin) listOffsets() string {
	topic, text := a.Filled("offsets"), ""
	for _, found := range []kadm.ListedOffsets{
		Checked(a.ListStartOffsets(Patient(), topic)), Checked(a.ListEndOffsets(Patient(), topic)),
		Checked(a.ListOffsetsAfterMilli(Patient(), First+5000, topic)), Checked(a.ListMaxTimestampOffsets(Patient(), topic)),
	} {
		Check(found.Error())
		text += fmt.Sprintf("%d@%d ", found[topic][0].Offset, found[topic][0].Timestamp)
	}
	return text
}

func (a admin) logDirs() string {
	topic := a.Filled("log-dirs")
	dirs := Checked(a.DescribeAllLogDirs(Patient(), nil))[0]
	for _, dir := range dirs {
		found, ok := dir.Topics.Lookup(topic, 0)
		Require(ok, "no such replica")
		return fmt.Sprintf("%d folder, %d bytes, lag %d", len(dirs), found.Size, found.OffsetLag)
	}
	return "none"
}

func (a admin) electLeaders() string {
	topic := a.Topic("elected", 1)
	found := Checked(a.ElectLeaders(Patient(), kadm.ElectPreferredReplica, set(topic)))[topic][0]
	return fmt.Sprintf("%v %s", found.Err, found.ErrMessage)
}

func set(topic string) kadm.TopicsSet {
	topics := kadm.TopicsSet{}
	topics.Add(topic, 0)
	return topics
}

func (a admin) reassignments() string {
	topic := a.Topic("reassigned", 1)
	assign := func(brokers []int32) error {
		return Checked(a.AlterPartitionAssignments(Patient(), kadm.AlterPartitionAssignmentsReq{topic: {0: brokers}}))[topic][0].Err
	}
	Check(assign([]int32{0}))
	Until("the reassignment ends", func() bool { return len(Checked(a.ListPartitionReassignments(Patient(), set(topic)))) == 0 })
	return a.Failure(func() { Check(assign([]int32{77})) }) + " cancel: " + a.Failure(func() { Check(assign(nil)) })
}

func (a admin) describeProducers() string {
	topic := a.Topic("producers", 1)
	a.Send(topic, Settings{Idempotent: true}, Numbered(5)...)
	found := Checked(a.DescribeProducers(Patient(), set(topic)))[topic].Partitions[0]
	Check(found.Err)
	producer := found.ActiveProducers.Sorted()[0]
	return fmt.Sprintf("%d producer, last sequence %d, epoch %d", len(found.ActiveProducers), producer.LastSequence, producer.ProducerEpoch)
}

func (a admin) features() string {
	found := Checked(a.ApiVersions(Patient()))[0]
	Check(found.Err)
	text := ""
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.Metadata, kmsg.JoinGroup, kmsg.CreateTopics, kmsg.DescribeCluster} {
		lowest, highest, _ := found.KeyVersions(key.Int16())
		text += fmt.Sprintf("%s %d to %d, ", key.Name(), lowest, highest)
	}
	return text
}

func (a admin) listGroups() string {
	topic := a.Filled("group-listed")
	a.ConsumeAndCommit(topic, 2)
	Require(slices.Contains(Checked(a.ListGroups(Patient())).Groups(), topic), "not listed")
	return ""
}

func (a admin) describeGroup() string {
	topic := a.Filled("group-described")
	a.ConsumeAndCommit(topic, 2)
	member := a.Member(topic, Membership{}).Has(1)
	found := Checked(a.DescribeGroups(Patient(), topic))[topic]
	one := found.Members[0]
	assigned, _ := one.Assigned.AsConsumer()
	text := fmt.Sprintf("%s, %s, %s on %s with %d partition", found.State, found.Protocol, one.ClientID, one.ClientHost, len(assigned.Topics[0].Partitions))
	member.Close()
	found = Checked(a.DescribeGroups(Patient(), topic))[topic]
	return fmt.Sprintf("%s; then %s with %d", text, found.State, len(found.Members))
}

func (a admin) offset(group string) string {
	found, ok := Checked(a.FetchOffsets(Patient(), group)).Lookup(group, 0)
	if !ok {
		return "none"
	}
	return fmt.Sprint(found.At)
}

func (a admin) alterGroupOffsets() string {
	topic := a.Filled("group-altered")
	a.ConsumeAndCommit(topic, 3)
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 8, -1)
	Check(a.CommitAllOffsets(Patient(), topic, offsets))
	return a.Next(topic, 2)
}

func (a admin) deleteGroupOffsets() string {
	topic := a.Filled("group-offset-deleted")
	a.ConsumeAndCommit(topic, 3)
	Check(Checked(a.DeleteOffsets(Patient(), topic, set(topic))).Error())
	return "then " + a.offset(topic)
}

func (a admin) removeMembers() string {
	topic := a.Filled("group-removed")
	a.ConsumeAndCommit(topic, 2)
	member := a.Member(topic, Membership{Instance: "removed"}).Has(1)
	running := a.Failure(func() { Checked(a.DeleteGroup(Patient(), topic)) })
	member.Close()
	Check(Checked(a.LeaveGroup(Patient(), kadm.LeaveGroup(topic).InstanceIDs("removed")))["removed"].Err)
	return running + ", then " + Checked(a.DescribeGroups(Patient(), topic))[topic].State
}

func (a admin) deleteGroup() string {
	topic := a.Filled("group-deleted")
	a.ConsumeAndCommit(topic, 2)
	Checked(a.DeleteGroup(Patient(), topic))
	return a.Failure(func() {
		if _, err := a.DeleteGroup(Patient(), topic); !errors.Is(err, kerr.GroupIDNotFound) {
			Fail("deleted again: %v", err)
		} else {
			Check(err)
		}
	})
}
