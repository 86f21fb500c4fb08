package admin

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/logging"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/server/metadata"
	"github.com/gregor-broker/gregor/server/metrics"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/server/purgatory"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// ZkAdminManager creates, changes and deletes topics and settings by writing
// ZooKeeper, and waits until the metadata of this broker shows it.
type ZkAdminManager struct {
	brokerID int32
	current  *config.Current
	zk       *zkutil.KafkaZkClient
	metadata *metadata.Cache
	dynamic  *DynamicBrokerConfig
	configs  *ConfigHelper
	delayed  *purgatory.Purgatory[string] // by topic
	log      *logrus.Entry
	prefix   string
	zkLog    *logrus.Entry // of Kafka's AdminZkClient
}

// NewZkAdminManager starts nothing; the registry may be nil.
func NewZkAdminManager(brokerID int32, current *config.Current, zk *zkutil.KafkaZkClient, cache *metadata.Cache,
	dynamic *DynamicBrokerConfig, configs *ConfigHelper, registry *metrics.Registry,
) *ZkAdminManager {
	return &ZkAdminManager{
		brokerID: brokerID, current: current, zk: zk, metadata: cache, dynamic: dynamic, configs: configs,
		delayed: purgatory.New[string]("topic", registry),
		log:     logging.For("kafka.server.ZkAdminManager"),
		prefix:  fmt.Sprintf("[Admin Manager on Broker %d]: ", brokerID),
		zkLog:   logging.For("kafka.zk.AdminZkClient"),
	}
}

// TryCompleteDelayedTopicOperations looks again at the requests that wait for the
// topic; it is called when the topic's metadata changed.
func (m *ZkAdminManager) TryCompleteDelayedTopicOperations(name string) {
	m.delayed.CheckAndComplete(name)
}

// HasDelayedTopicOperations reports whether any request waits.
func (m *ZkAdminManager) HasDelayedTopicOperations() bool { return m.delayed.Delayed() > 0 }

// Close answers what still waits.
func (m *ZkAdminManager) Close() { m.delayed.Close() }

// validateTopicCreate checks a topic against those that exist, and its shape, as
// AdminZkClient.validateTopicCreate.
func (m *ZkAdminManager) validateTopicCreate(name string, assignment map[int32][]int32, overrides map[string]string) error {
	if err := topic.Validate(name); err != nil {
		return protocol.WithMessage(kerr.InvalidTopicException, err.Error())
	}
	if marked, err := m.zk.IsTopicMarkedForDeletion(name); err != nil {
		return err
	} else if marked {
		return topicExists("Topic '%s' is marked for deletion.", name)
	}
	if exists, err := m.zk.TopicExists(name); err != nil {
		return err
	} else if exists {
		return topicExists("Topic '%s' already exists.", name)
	}
	if err := m.checkCollision(name); err != nil {
		return err
	}
	if err := checkAssignment(assignment); err != nil {
		return err
	}
	return invalidConfig(config.ValidateTopicConfig(overrides))
}

func topicExists(format, name string) error {
	return protocol.WithMessage(kerr.TopicAlreadyExists, fmt.Sprintf(format, name))
}

// invalidConfig gives a refused setting its error code.
func invalidConfig(err error) error {
	if err == nil {
		return nil
	}
	return protocol.WithMessage(kerr.InvalidConfig, err.Error())
}

func (m *ZkAdminManager) checkCollision(name string) error {
	if !strings.ContainsAny(name, "._") {
		return nil
	}
	all, err := m.zk.GetAllTopicsInCluster(false)
	if err != nil {
		return err
	}
	var colliding []string
	for _, other := range all {
		if other == name {
			return topicExists("Topic '%s' already exists.", name)
		}
		if topic.HasCollision(name, other) {
			colliding = append(colliding, other)
		}
	}
	if len(colliding) > 0 {
		return protocol.WithMessage(kerr.InvalidTopicException,
			fmt.Sprintf("Topic '%s' collides with existing topics: %s", name, strings.Join(colliding, ", ")))
	}
	return nil
}

func checkAssignment(assignment map[int32][]int32) error {
	size := -1
	for partition, replicas := range assignment {
		if size >= 0 && len(replicas) != size {
			return invalidAssignment("All partitions should have the same number of replicas")
		}
		size = len(replicas)
		if duplicate(replicas) {
			return invalidAssignment("Duplicate replica assignment found: %s", assignmentText(assignment))
		}
		if partition < 0 {
			return fmt.Errorf("partition %d: %w", partition, kerr.UnknownServerError)
		}
		if int(partition) >= len(assignment) {
			return invalidAssignment("partitions should be a consecutive 0-based integer sequence")
		}
	}
	if size <= 0 {
		return invalidAssignment("All partitions should have the same number of replicas")
	}
	return nil
}

func invalidAssignment(format string, args ...any) error {
	return protocol.WithMessage(kerr.InvalidReplicaAssignment, fmt.Sprintf(format, args...))
}

func duplicate(ids []int32) bool {
	sorted := slices.Sorted(slices.Values(ids))
	return len(slices.Compact(sorted)) < len(ids)
}

// assignmentText is the map as Scala prints it.
func assignmentText(assignment map[int32][]int32) string {
	rows := make([]string, 0, len(assignment))
	for partition := range int32(len(assignment)) {
		rows = append(rows, fmt.Sprintf("%d -> %s", partition, jvm.Collection("ArrayBuffer", assignment[partition])))
	}
	return jvm.Collection("HashMap", rows)
}

// propertiesText is a topic's settings as Java prints properties.
func propertiesText(properties map[string]string) string {
	rows := make([]string, 0, len(properties))
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		rows = append(rows, key+"="+properties[key])
	}
	return "{" + strings.Join(rows, ", ") + "}"
}

// createTopic writes a new topic's settings, then its assignment, which makes it
// exist.
func (m *ZkAdminManager) createTopic(name string, overrides map[string]string, assignment map[int32][]int32) (topic.ID, error) {
	m.zkLog.Infof("Creating topic %s with configuration %s and initial partition assignment %s", name, propertiesText(overrides), assignmentText(assignment))
	if err := m.zk.SetOrCreateEntityConfigs(zkdata.ConfigTypeTopic, name, overrides); err != nil {
		return topic.ID{}, err
	}
	var id topic.ID
	if m.current.Load().InterBrokerProtocolVersion() >= config.IBP_2_8_IV0 {
		id = topic.NewID()
	}
	replicas := make(map[topic.Partition][]int32, len(assignment))
	for partition, brokers := range assignment {
		replicas[topic.Partition{Topic: name, Partition: partition}] = brokers
	}
	err := m.zk.CreateTopicAssignment(name, id, replicas)
	if errors.Is(err, zkutil.ErrNodeExists) {
		return id, topicExists("Topic '%s' already exists.", name)
	}
	return id, err
}

// placeableBrokers are the live brokers that replicas can be put on.
func (m *ZkAdminManager) placeableBrokers() []placement.Broker {
	var brokers []placement.Broker
	for _, broker := range m.metadata.AliveBrokers() {
		brokers = append(brokers, placement.Broker{ID: broker.ID, Rack: broker.Rack})
	}
	return brokers
}

// refused logs why a topic could not be created or changed: what clients cause at
// INFO, the rest at ERROR.
func (m *ZkAdminManager) refused(action, name string, err error) {
	var known *kerr.Error
	switch {
	case errors.Is(err, kerr.TopicAlreadyExists):
		m.log.Debugf("%sTopic creation failed since topic '%s' already exists.", m.prefix, name)
	case errors.As(err, &known):
		m.log.Infof("%sError processing %s request for topic %s: %v", m.prefix, action, name, err)
	default:
		m.log.Errorf("%sError processing %s request for topic %s: %v", m.prefix, action, name, err)
	}
}
