package admin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gregor-broker/gregor/config/jvm"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/config/topic/placement"
	"github.com/gregor-broker/gregor/server/protocol"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// CreatePartitions gives topics more partitions and calls respond once with the
// error of each name, as [ZkAdminManager.CreateTopics] does.
func (m *ZkAdminManager) CreatePartitions(timeout time.Duration, validateOnly bool, topics []kmsg.CreatePartitionsRequestTopic, respond func(map[string]error)) {
	results := make(map[string]error, len(topics))
	counts := make(map[string]int, len(topics))
	wait := newTopicWait(m, func(name string) bool {
		known, _ := m.metadata.NumPartitions(name)
		return known >= counts[name] && m.partitionsHaveLeaders(name)
	})
	for i := range topics {
		name := topics[i].Topic
		err := m.addPartitions(&topics[i], validateOnly)
		results[name] = err
		if err != nil {
			m.refused("create partitions", name, err)
		} else if !validateOnly {
			counts[name] = int(topics[i].Count)
			wait.add(name, func() { results[name] = kerr.RequestTimedOut })
		}
	}
	wait.start(timeout, func() { respond(results) })
}

func (m *ZkAdminManager) addPartitions(wanted *kmsg.CreatePartitionsRequestTopic, validateOnly bool) error {
	existing, err := m.zk.GetFullReplicaAssignmentForTopics([]string{wanted.Topic})
	if err != nil {
		return err
	}
	for _, assignment := range existing {
		if len(assignment.AddingReplicas)+len(assignment.RemovingReplicas) > 0 {
			return protocol.WithMessage(kerr.ReassignmentInProgress,
				fmt.Sprintf("A partition reassignment is in progress for the topic '%s'.", wanted.Topic))
		}
	}
	brokers, err := m.registeredBrokers()
	if err != nil {
		return err
	}
	added, err := addedPartitions(wanted, existing, brokers)
	if err != nil || validateOnly {
		return err
	}
	ids, err := m.zk.GetTopicIdsForTopics([]string{wanted.Topic})
	if err != nil {
		return err
	}
	combined, created := maps.Clone(existing), make(map[int32]zkdata.ReplicaAssignment, len(added))
	for partition, replicas := range added {
		created[partition] = zkdata.ReplicaAssignment{Replicas: replicas}
		combined[topic.Partition{Topic: wanted.Topic, Partition: partition}] = created[partition]
	}
	m.zkLog.Infof("Creating %d partitions for '%s' with the following replica assignment: %s.", len(added), wanted.Topic, jvm.Map("HashMap", created))
	return m.zk.SetTopicAssignment(wanted.Topic, ids[wanted.Topic], combined, zkdata.MatchAnyVersion)
}

func (m *ZkAdminManager) registeredBrokers() ([]placement.Broker, error) {
	registered, err := m.zk.GetAllBrokersInCluster()
	if err != nil {
		return nil, err
	}
	brokers := make([]placement.Broker, len(registered))
	for i := range registered {
		brokers[i] = placement.Broker{ID: registered[i].ID}
		if registered[i].Rack != nil {
			brokers[i].Rack = *registered[i].Rack
		}
	}
	slices.SortFunc(brokers, func(a, b placement.Broker) int { return cmp.Compare(a.ID, b.ID) })
	return brokers, nil
}

// addedPartitions places the new partitions behind the existing ones.
func addedPartitions(wanted *kmsg.CreatePartitionsRequestTopic, existing map[topic.Partition]zkdata.ReplicaAssignment, brokers []placement.Broker) (map[int32][]int32, error) {
	count := int(wanted.Count) - len(existing)
	switch {
	case len(existing) == 0:
		return nil, protocol.WithMessage(kerr.UnknownTopicOrPartition, fmt.Sprintf("The topic '%s' does not exist.", wanted.Topic))
	case count < 0:
		return nil, protocol.WithMessage(kerr.InvalidPartitions,
			fmt.Sprintf("Topic currently has %d partitions, which is higher than the requested %d.", len(existing), wanted.Count))
	case count == 0:
		return nil, protocol.WithMessage(kerr.InvalidPartitions, fmt.Sprintf("Topic already has %d partitions.", len(existing)))
	}
	first := existing[topic.Partition{Topic: wanted.Topic, Partition: 0}].Replicas
	if len(first) == 0 {
		return nil, fmt.Errorf("Unexpected existing replica assignment for topic '%s', partition id 0 is missing.", wanted.Topic) //nolint:staticcheck // Kafka's sentence
	}
	if wanted.Assignment != nil {
		return assignedPartitions(wanted, count, len(existing), len(first), brokers)
	}
	start := max(0, slices.IndexFunc(brokers, func(broker placement.Broker) bool { return broker.ID >= first[0] }))
	return AssignReplicas(brokers, count, len(first), placement.Start{Index: start, FirstPartition: len(existing)})
}

// assignedPartitions checks an assignment by hand.
func assignedPartitions(wanted *kmsg.CreatePartitionsRequestTopic, count, firstPartition, factor int, brokers []placement.Broker) (map[int32][]int32, error) {
	known := map[int32]bool{}
	for _, broker := range brokers {
		known[broker.ID] = true
	}
	var unknown, badPartitions, badFactors []string
	added := make(map[int32][]int32, count)
	for i, row := range wanted.Assignment {
		partition := int32(firstPartition + i)
		for _, replica := range row.Replicas {
			if text := fmt.Sprint(replica); !known[replica] && !slices.Contains(unknown, text) {
				unknown = append(unknown, text)
			}
		}
		added[partition] = row.Replicas
		if len(row.Replicas) != factor {
			badPartitions = append(badPartitions, fmt.Sprint(partition))
			badFactors = append(badFactors, fmt.Sprint(len(row.Replicas)))
		}
	}
	if len(unknown) > 0 {
		return nil, invalidAssignment("Unknown broker(s) in replica assignment: %s.", strings.Join(unknown, ", "))
	}
	if len(wanted.Assignment) != count {
		return nil, invalidAssignment("Increasing the number of partitions by %d but %d assignments provided.", count, len(wanted.Assignment))
	}
	for i, row := range wanted.Assignment {
		switch {
		case len(row.Replicas) == 0:
			return nil, invalidAssignment("Cannot have replication factor of 0 for partition id %d.", firstPartition+i)
		case duplicate(row.Replicas):
			return nil, invalidAssignment("Duplicate brokers not allowed in replica assignment: %s for partition id %d.", jvm.Joined(row.Replicas, ", "), firstPartition+i)
		}
	}
	if len(badPartitions) > 0 {
		return nil, invalidAssignment("Inconsistent replication factor between partitions, partition 0 has %d while partitions [%s] have replication factors [%s], respectively.",
			factor, strings.Join(badPartitions, ", "), strings.Join(badFactors, ", "))
	}
	return added, nil
}
