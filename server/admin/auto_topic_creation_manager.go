package admin

import (
	"errors"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/server/protocol"
)

// AutoTopicCreationManager creates topics that clients asked for and that do not
// exist, as kafka.server.AutoTopicCreationManager on a broker in ZooKeeper mode:
// this broker writes the assignment itself.
type AutoTopicCreationManager struct {
	manager             *ZkAdminManager
	offsetsTopicConfigs map[string]string

	mu       sync.Mutex
	inFlight map[string]bool
}

// NewAutoTopicCreationManager creates through the manager; offsetsTopicConfigs are
// the settings of __consumer_offsets.
func NewAutoTopicCreationManager(manager *ZkAdminManager, offsetsTopicConfigs map[string]string) *AutoTopicCreationManager {
	return &AutoTopicCreationManager{manager: manager, offsetsTopicConfigs: offsetsTopicConfigs, inFlight: map[string]bool{}}
}

// Create issues the creation and returns the error code that a Metadata response
// carries meanwhile: LEADER_NOT_AVAILABLE when it was issued,
// UNKNOWN_TOPIC_OR_PARTITION when this broker is creating the topic already.
func (c *AutoTopicCreationManager) Create(name string) int16 {
	if topic.Validate(name) != nil {
		return kerr.InvalidTopicException.Code
	}
	if !c.begin(name) {
		return kerr.UnknownTopicOrPartition.Code
	}
	defer c.end(name)
	code := kerr.UnknownTopicOrPartition.Code
	c.manager.CreateTopics(0, false, []kmsg.CreateTopicsRequestTopic{c.shapeOf(name)}, func(results []CreatedTopic) {
		err := results[0].Err
		if errors.Is(err, kerr.TopicAlreadyExists) || errors.Is(err, kerr.RequestTimedOut) {
			err = kerr.LeaderNotAvailable
		}
		code = protocol.ErrorCode(err)
	})
	return code
}

func (c *AutoTopicCreationManager) begin(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inFlight[name] {
		return false
	}
	c.inFlight[name] = true
	return true
}

func (c *AutoTopicCreationManager) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inFlight, name)
}

// shapeOf is how a topic of that name is created.
func (c *AutoTopicCreationManager) shapeOf(name string) kmsg.CreateTopicsRequestTopic {
	snapshot := c.manager.current.Load()
	shape := kmsg.NewCreateTopicsRequestTopic()
	shape.Topic = name
	switch name {
	case topic.ConsumerOffsets:
		shape.NumPartitions = int32(config.OffsetsTopicNumPartitions.Get(snapshot))
		shape.ReplicationFactor = config.OffsetsTopicReplicationFactor.Get(snapshot)
		shape.Configs = topicConfigs(c.offsetsTopicConfigs)
	case topic.TransactionState:
		shape.NumPartitions = int32(config.TransactionStateLogNumPartitions.Get(snapshot))
		shape.ReplicationFactor = config.TransactionStateLogReplicationFactor.Get(snapshot)
		shape.Configs = topicConfigs(map[string]string{
			"unclean.leader.election.enable": "false", "compression.type": "uncompressed", "cleanup.policy": "compact",
			"min.insync.replicas": strconv.Itoa(config.TransactionStateLogMinIsr.Get(snapshot)),
			"segment.bytes":       strconv.Itoa(config.TransactionStateLogSegmentBytes.Get(snapshot)),
		})
	default:
		shape.NumPartitions = int32(config.NumPartitions.Get(snapshot))
		shape.ReplicationFactor = int16(config.DefaultReplicationFactor.Get(snapshot))
	}
	return shape
}

func topicConfigs(settings map[string]string) []kmsg.CreateTopicsRequestTopicConfig {
	var rows []kmsg.CreateTopicsRequestTopicConfig
	for name, value := range settings {
		row := kmsg.NewCreateTopicsRequestTopicConfig()
		row.Name, row.Value = name, &value
		rows = append(rows, row)
	}
	return rows
}
