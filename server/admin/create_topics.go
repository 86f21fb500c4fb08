package admin

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/server/protocol"
)

// CreatedTopic is the outcome for one topic of a CreateTopics request.
type CreatedTopic struct {
	Name              string
	Err               error
	ID                topic.ID
	NumPartitions     int32
	ReplicationFactor int16
	Configs           []config.Entry
}

// CreateTopics creates the topics and calls respond once: at once when nothing is
// to be waited for, else when every topic has leaders or the time is over. With
// no time to wait a topic that was created answers REQUEST_TIMED_OUT.
func (m *ZkAdminManager) CreateTopics(timeout time.Duration, validateOnly bool, topics []kmsg.CreateTopicsRequestTopic, respond func([]CreatedTopic)) {
	results := make([]CreatedTopic, len(topics))
	wait := newTopicWait(m, func(name string) bool { return m.partitionsHaveLeaders(name) })
	for i := range topics {
		results[i] = m.createOne(&topics[i], validateOnly)
		if results[i].Err != nil {
			m.refused("create topic", topics[i].Topic, results[i].Err)
		} else if !validateOnly {
			wait.add(topics[i].Topic, func() { results[i].Err = kerr.RequestTimedOut })
		}
	}
	wait.start(timeout, func() { respond(results) })
}

func (m *ZkAdminManager) createOne(wanted *kmsg.CreateTopicsRequestTopic, validateOnly bool) CreatedTopic {
	result := CreatedTopic{Name: wanted.Topic}
	if m.metadata.ContainsTopic(wanted.Topic) {
		result.Err = topicExists("Topic '%s' already exists.", wanted.Topic)
		return result
	}
	overrides, err := topicOverrides(wanted.Configs)
	if err != nil {
		result.Err = err
		return result
	}
	assignment, err := m.assignmentOf(wanted)
	if err == nil {
		err = m.validateTopicCreate(wanted.Topic, assignment, overrides)
	}
	if err == nil {
		result.Configs, err = m.configs.TopicEntries(overrides)
		err = invalidConfig(err)
	}
	if err != nil {
		result.Err = err
		return result
	}
	result.NumPartitions, result.ReplicationFactor = int32(len(assignment)), int16(len(assignment[0]))
	if !validateOnly {
		result.ID, result.Err = m.createTopic(wanted.Topic, overrides, assignment)
	}
	return result
}

func topicOverrides(configs []kmsg.CreateTopicsRequestTopicConfig) (map[string]string, error) {
	overrides := make(map[string]string, len(configs))
	var null []string
	for _, setting := range configs {
		if setting.Value == nil {
			null = append(null, setting.Name)
			continue
		}
		overrides[setting.Name] = *setting.Value
	}
	if len(null) > 0 {
		return nil, invalidRequestf("Null value not supported for topic configs : %s", strings.Join(null, ","))
	}
	return overrides, nil
}

// assignmentOf places the replicas: by hand as the request says, or over the live
// brokers.
func (m *ZkAdminManager) assignmentOf(wanted *kmsg.CreateTopicsRequestTopic) (map[int32][]int32, error) {
	if len(wanted.ReplicaAssignment) > 0 {
		if wanted.NumPartitions != -1 || wanted.ReplicationFactor != -1 {
			return nil, invalidRequestf("Both numPartitions or replicationFactor and replicasAssignments were set. Both cannot be used at the same time.")
		}
		assignment := make(map[int32][]int32, len(wanted.ReplicaAssignment))
		for _, row := range wanted.ReplicaAssignment {
			assignment[row.Partition] = row.Replicas
		}
		return assignment, nil
	}
	partitions, factor := int(wanted.NumPartitions), int(wanted.ReplicationFactor)
	if partitions == -1 {
		partitions = config.NumPartitions.Get(m.current.Load())
	}
	if factor == -1 {
		factor = config.DefaultReplicationFactor.Get(m.current.Load())
	}
	return AssignReplicas(m.placeableBrokers(), partitions, factor, placement.Start{Index: -1})
}

// partitionsHaveLeaders reports whether the metadata shows the topic, and a leader
// for each partition it has in ZooKeeper.
func (m *ZkAdminManager) partitionsHaveLeaders(name string) bool {
	partitions := m.metadata.TopicPartitions(name)
	for _, partition := range partitions {
		state, ok := m.metadata.LeaderAndIsr(partition)
		if !ok || state.Leader < 0 {
			return false
		}
	}
	return len(partitions) > 0
}

// DeleteTopics marks the topics for deletion and calls respond once with the error
// of each name: at once when nothing is to be waited for, else when the metadata
// shows none of them or the time is over.
func (m *ZkAdminManager) DeleteTopics(timeout time.Duration, names []string, respond func(map[string]error)) {
	results := make(map[string]error, len(names))
	wait := newTopicWait(m, func(name string) bool { return !m.metadata.ContainsTopic(name) })
	for _, name := range names {
		err := m.markForDeletion(name)
		results[name] = err
		if err != nil {
			m.refused("delete topic", name, err)
			continue
		}
		wait.add(name, func() { results[name] = kerr.RequestTimedOut })
	}
	wait.start(timeout, func() { respond(results) })
}

// markForDeletion tells the controller to delete the topic; one that is being
// deleted already is fine.
func (m *ZkAdminManager) markForDeletion(name string) error {
	exists, err := m.zk.TopicExists(name)
	if err != nil {
		return err
	}
	if !exists {
		return protocol.WithMessage(kerr.UnknownTopicOrPartition, "Topic `"+name+"` to delete does not exist")
	}
	return ignoreNodeExists(m.zk.CreateDeleteTopicPath(name))
}
