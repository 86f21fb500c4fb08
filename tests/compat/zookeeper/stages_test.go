//go:build peers

package zookeeper

import (
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/tests/framework"
)

// stage is a step of a cluster's life.
type stage struct {
	name string
	do   func(t testing.TB, c *cluster)
}

// stages follow each other on one cluster.
var stages = []stage{
	{"start", func(testing.TB, *cluster) {}},
	{"create topics", func(t testing.TB, c *cluster) {
		c.createTopic(t, "plain", 3, nil)
		c.createTopic(t, "configured", 1, map[string]string{"retention.ms": "3600000", "cleanup.policy": "compact"})
		c.createTopic(t, "doomed", 2, nil)
	}},
	{"create a topic by asking for it", func(t testing.TB, c *cluster) {
		framework.Until(t, patience, "the topic is there", func() bool {
			request := kmsg.NewPtrMetadataRequest()
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = kmsg.StringPtr("automatic")
			request.Topics, request.AllowAutoTopicCreation = append(request.Topics, topic), true
			return ask[*kmsg.MetadataResponse](t, c, request).Topics[0].ErrorCode == 0
		})
	}},
	{"create a group", func(t testing.TB, c *cluster) { c.produceAndConsume(t, "plain", "group", "first") }},
	{"alter configs", func(t testing.TB, c *cluster) {
		c.alterConfig(t, kmsg.ConfigResourceTypeTopic, "plain", "retention.ms", "7200000")
		c.alterConfig(t, kmsg.ConfigResourceTypeTopic, "plain", "segment.bytes", "1048576")
		c.alterConfig(t, kmsg.ConfigResourceTypeBroker, "0", "log.cleaner.threads", "2")
		c.alterConfig(t, kmsg.ConfigResourceTypeBroker, "", "message.max.bytes", "2000000")
	}},
	{"create partitions", func(t testing.TB, c *cluster) {
		request := kmsg.NewPtrCreatePartitionsRequest()
		topic := kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = "configured", 3
		request.Topics = append(request.Topics, topic)
		expect(t, "create partitions", ask[*kmsg.CreatePartitionsResponse](t, c, request).Topics[0].ErrorCode, nil)
	}},
	{"commit to ZooKeeper", commitToZooKeeper},
	{"reassign by request", func(t testing.TB, c *cluster) {
		c.reassign(t, "plain", []int32{0}, nil)
		c.reassign(t, "plain", []int32{0, 7}, kerr.InvalidReplicaAssignment)
		c.reassign(t, "plain", nil, kerr.NoReassignmentInProgress)
	}},
	{"reassign by znode", func(t testing.TB, c *cluster) {
		c.order(t, "/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"plain","partition":0,"replicas":[0]}]}`)
		c.order(t, "/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"unknown","partition":0,"replicas":[0]}]}`)
	}},
	{"reassign to a broker that is away", func(t testing.TB, c *cluster) {
		create(t, c, "/admin/reassign_partitions", `{"version":1,"partitions":[{"topic":"plain","partition":0,"replicas":[7,0]}]}`)
		framework.Until(t, patience, "the topic has two replicas", func() bool {
			data, _, err := c.zooKeeper.Get("/brokers/topics/plain")
			return err == nil && strings.Contains(string(data), `"adding_replicas":{"0":[7]}`)
		})
	}},
	{"cancel the reassignment", func(t testing.TB, c *cluster) {
		c.reassign(t, "plain", nil, nil)
	}},
	{"elect the preferred leader by znode", func(t testing.TB, c *cluster) {
		c.order(t, "/admin/preferred_replica_election", `{"version":1,"partitions":[{"topic":"plain","partition":1}]}`)
	}},
	{"delete a topic", func(t testing.TB, c *cluster) {
		request := kmsg.NewPtrDeleteTopicsRequest()
		topic := kmsg.NewDeleteTopicsRequestTopic()
		topic.Topic = kmsg.StringPtr("doomed")
		request.Topics, request.TopicNames = append(request.Topics, topic), []string{"doomed"}
		expect(t, "delete", ask[*kmsg.DeleteTopicsResponse](t, c, request).Topics[0].ErrorCode, nil)
		c.awaitGone(t, "/admin/delete_topics/doomed")
	}},
	{"delete a topic by znode", func(t testing.TB, c *cluster) {
		create(t, c, "/admin/delete_topics/automatic", "")
		c.awaitGone(t, "/admin/delete_topics/automatic")
	}},
	{"restart", func(t testing.TB, c *cluster) {
		c.broker.Restart()
		c.produceAndConsume(t, "plain", "group", "after the restart")
	}},
	{"let the session expire", func(t testing.TB, c *cluster) {
		before := c.registration(t)
		endSession(t, *c.zooKeeper.address.Load(), before.EphemeralOwner)
		framework.Until(t, patience, "the broker registers again and leads", func() bool {
			exists, now, err := c.zooKeeper.Exists("/brokers/ids/0")
			if err != nil || !exists || now.EphemeralOwner == before.EphemeralOwner {
				return false
			}
			_, controller, err := c.zooKeeper.Get("/controller")
			return err == nil && controller.EphemeralOwner == now.EphemeralOwner
		})
		c.produceAndConsume(t, "plain", "group", "after the expiry")
		c.createTopic(t, "late", 1, nil)
	}},
}

func (c *cluster) registration(t testing.TB) *zk.Stat {
	t.Helper()
	_, stat, err := c.zooKeeper.Get("/brokers/ids/0")
	if err != nil {
		t.Fatal(err)
	}
	return stat
}

func create(t testing.TB, c *cluster, at, data string) {
	t.Helper()
	if _, err := c.zooKeeper.Create(at, []byte(data), 0, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
}

// order creates a znode that the controller deletes when it has done what it says.
func (c *cluster) order(t testing.TB, at, data string) {
	t.Helper()
	create(t, c, at, data)
	c.awaitGone(t, at)
}

func (c *cluster) awaitGone(t testing.TB, at string) {
	t.Helper()
	framework.Until(t, patience, at+" is gone", func() bool {
		exists, _, err := c.zooKeeper.Exists(at)
		return err == nil && !exists
	})
}

// commitToZooKeeper commits by version 0 of the request, whose offsets are znodes.
func commitToZooKeeper(t testing.TB, c *cluster) {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Version, request.Group = 0, "old-group"
	topic := kmsg.NewOffsetCommitRequestTopic()
	partition := kmsg.NewOffsetCommitRequestTopicPartition()
	topic.Topic, partition.Partition, partition.Offset = "plain", 2, 42
	topic.Partitions = append(topic.Partitions, partition)
	request.Topics = append(request.Topics, topic)
	fixed := pinned(t, c, kmsg.OffsetCommit, 0)
	response, err := request.RequestWith(t.Context(), fixed)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "commit to ZooKeeper", response.Topics[0].Partitions[0].ErrorCode, nil)
}
