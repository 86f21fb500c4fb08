package metadata

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
)

// LeaderDuringDelete is the leader id by which the controller says that a
// partition is being deleted, as LeaderAndIsr.LeaderDuringDelete.
const LeaderDuringDelete int32 = -2

// NoLeader is the leader id of a partition without one.
const NoLeader int32 = -1

// Cache is the broker's copy of the cluster's state. Readers take the current
// immutable snapshot without a lock; updates make the next one by copying only
// what they change.
type Cache struct {
	brokerID    int32
	log         *logrus.Entry
	stateChange *logrus.Entry

	update  sync.Mutex // one update at a time
	current atomic.Pointer[snapshot]
}

// NewCache returns an empty cache of the broker with that id.
func NewCache(brokerID int32) *Cache {
	cache := &Cache{
		brokerID:    brokerID,
		log:         logging.For("kafka.server.metadata.ZkMetadataCache"),
		stateChange: logging.For("state.change.logger"),
	}
	cache.current.Store(&snapshot{controllerID: -1})
	return cache
}

// UpdateMetadata applies a controller's request and returns the partitions it
// said are being deleted. A request that names no topic or a negative
// partition changes nothing and gives kerr.InvalidRequest. Nothing of the
// request is kept.
func (c *Cache) UpdateMetadata(req *kmsg.UpdateMetadataRequest) ([]topic.Partition, error) {
	if err := validate(req); err != nil {
		return nil, err
	}
	c.update.Lock()
	defer c.update.Unlock()

	build := newBuilder(c.current.Load())
	build.next.controllerID = max(req.ControllerID, -1)
	build.next.brokers = make(map[int32]*Broker, len(req.LiveBrokers))
	for i := range req.LiveBrokers {
		broker := brokerOf(&req.LiveBrokers[i])
		build.next.brokers[broker.ID] = broker
	}
	c.checkListeners(build.next)

	var deleted []topic.Partition
	cached := 0
	eachPartition(req, func(name string, state *kmsg.UpdateMetadataRequestTopicPartition) {
		if state.Leader == LeaderDuringDelete {
			build.removePartition(name, state.Partition)
			deleted = append(deleted, topic.Partition{Topic: strings.Clone(name), Partition: state.Partition})
			return
		}
		build.setPartition(name, state)
		cached++
	})
	for i := range req.TopicStates {
		build.setID(req.TopicStates[i].Topic, req.TopicStates[i].TopicID)
	}
	c.current.Store(build.next)
	if cached+len(deleted) > 0 {
		c.stateChange.Infof("[Broker id=%d] Add %d partitions and deleted %d partitions from metadata cache in response to "+
			"UpdateMetadata request sent by controller %d epoch %d", c.brokerID, cached, len(deleted), req.ControllerID, req.ControllerEpoch)
	}
	return deleted, nil
}

// eachPartition visits the partitions of a request of any version.
func eachPartition(req *kmsg.UpdateMetadataRequest, visit func(string, *kmsg.UpdateMetadataRequestTopicPartition)) {
	for i := range req.PartitionStates {
		visit(req.PartitionStates[i].Topic, &req.PartitionStates[i])
	}
	for i := range req.TopicStates {
		for j := range req.TopicStates[i].PartitionStates {
			visit(req.TopicStates[i].Topic, &req.TopicStates[i].PartitionStates[j])
		}
	}
}

func validate(req *kmsg.UpdateMetadataRequest) (err error) {
	eachPartition(req, func(name string, state *kmsg.UpdateMetadataRequestTopicPartition) {
		if name == "" || state.Partition < 0 {
			err = fmt.Errorf("UpdateMetadata names partition %d of topic %q: %w", state.Partition, name, kerr.InvalidRequest)
		}
	})
	return err
}

func (c *Cache) checkListeners(next *snapshot) {
	own := next.brokers[c.brokerID]
	if own == nil {
		return
	}
	for _, broker := range next.brokers {
		if !broker.sameListeners(own) {
			c.log.Errorf("[MetadataCache brokerId=%d] Listeners are not identical across brokers: %s", c.brokerID, jvm.Map("LongMap", next.brokers))
			return
		}
	}
}

// ControllerID gives the controller's broker id, -1 when unknown.
func (c *Cache) ControllerID() int32 { return c.current.Load().controllerID }

// Contains reports whether the partition is known.
func (c *Cache) Contains(tp topic.Partition) bool {
	return c.current.Load().partition(tp.Topic, tp.Partition) != nil
}

// ContainsTopic reports whether the topic is known.
func (c *Cache) ContainsTopic(name string) bool { return c.current.Load().topic(name) != nil }

// AllTopics gives the names of all topics, sorted.
func (c *Cache) AllTopics() []string {
	current := c.current.Load()
	names := make([]string, 0, current.topicCount)
	for _, shard := range current.topics {
		for name := range shard {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// NumPartitions gives how many partitions a topic has, and false when it is
// unknown.
func (c *Cache) NumPartitions(name string) (int, bool) {
	state := c.current.Load().topic(name)
	if state == nil {
		return 0, false
	}
	return len(state.partitions), true
}

// TopicPartitions gives the partitions of a topic in order.
func (c *Cache) TopicPartitions(name string) []topic.Partition {
	state := c.current.Load().topic(name)
	if state == nil {
		return nil
	}
	partitions := make([]topic.Partition, len(state.partitions))
	for i, partition := range state.partitions {
		partitions[i] = topic.Partition{Topic: state.name, Partition: partition.Partition}
	}
	return partitions
}

// LeaderAndIsr gives what the controller last said of a partition, and false
// when the partition is unknown. The state must not be changed.
func (c *Cache) LeaderAndIsr(tp topic.Partition) (*PartitionState, bool) {
	state := c.current.Load().partition(tp.Topic, tp.Partition)
	return state, state != nil
}

// TopicID gives a topic's id; zero when the topic is unknown or has none.
func (c *Cache) TopicID(name string) topic.ID {
	if state := c.current.Load().topic(name); state != nil {
		return state.id
	}
	return topic.ID{}
}

// TopicName gives the name of the topic with that id, and false when there is
// none.
func (c *Cache) TopicName(id topic.ID) (string, bool) {
	name, ok := c.current.Load().names[idShard(id)][id]
	return name, ok
}

// HasAliveBroker reports whether the broker lives.
func (c *Cache) HasAliveBroker(id int32) bool { return c.current.Load().brokers[id] != nil }

// AliveBroker gives a live broker, and false when it is not alive. It must not
// be changed.
func (c *Cache) AliveBroker(id int32) (*Broker, bool) {
	broker, ok := c.current.Load().brokers[id]
	return broker, ok
}

// AliveBrokers gives all live brokers by id. They must not be changed.
func (c *Cache) AliveBrokers() []*Broker {
	return sortedBrokers(c.current.Load())
}

func sortedBrokers(current *snapshot) []*Broker {
	brokers := make([]*Broker, 0, len(current.brokers))
	for _, broker := range current.brokers {
		brokers = append(brokers, broker)
	}
	slices.SortFunc(brokers, func(a, b *Broker) int { return int(a.ID) - int(b.ID) })
	return brokers
}

// AliveBrokerNode gives a live broker's address on a listener, and false when
// the broker is dead or has no such listener.
func (c *Cache) AliveBrokerNode(id int32, listener string) (Node, bool) {
	broker, ok := c.current.Load().brokers[id]
	if !ok {
		return Node{}, false
	}
	return broker.Node(listener)
}

// AliveBrokerNodes gives, by id, the live brokers that have the listener.
func (c *Cache) AliveBrokerNodes(listener string) []Node {
	var nodes []Node
	for _, broker := range sortedBrokers(c.current.Load()) {
		if node, ok := broker.Node(listener); ok {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// PartitionLeaderEndpoint gives the leader's address on a listener. known is
// false when the partition is not known; the node has id -1 when the leader
// has no such listener or is not alive, as Node.noNode.
func (c *Cache) PartitionLeaderEndpoint(tp topic.Partition, listener string) (node Node, known bool) {
	current := c.current.Load()
	state := current.partition(tp.Topic, tp.Partition)
	if state == nil {
		return Node{ID: -1, Port: -1}, false
	}
	if broker := current.brokers[state.Leader]; broker != nil {
		if node, ok := broker.Node(listener); ok {
			return node, true
		}
	}
	return Node{ID: -1, Port: -1}, true
}

// PartitionReplicaEndpoints gives, by broker id, the addresses of the
// partition's live replicas that have the listener.
func (c *Cache) PartitionReplicaEndpoints(tp topic.Partition, listener string) map[int32]Node {
	current := c.current.Load()
	nodes := map[int32]Node{}
	state := current.partition(tp.Topic, tp.Partition)
	if state == nil {
		return nodes
	}
	for _, id := range state.Replicas {
		if broker := current.brokers[id]; broker != nil {
			if node, ok := broker.Node(listener); ok {
				nodes[id] = node
			}
		}
	}
	return nodes
}
