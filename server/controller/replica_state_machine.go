package controller

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// replicaStateMachine moves replicas between their states, writes the ISR that
// results to ZooKeeper and tells the brokers, as Kafka's ZkReplicaStateMachine.
type replicaStateMachine struct {
	brokerID     int32
	context      *controllerContext
	zkClient     *zkutil.KafkaZkClient
	batch        *requestBatch
	stateChanges stateChangeLogger
	log          logger
}

// startup gives every replica its first state and brings the online ones
// online, which sends LeaderAndIsr to every broker. It comes before the
// partitions' startup.
func (m *replicaStateMachine) startup() error {
	m.log.infof("Initializing replica state")
	online, offline := m.context.onlineAndOfflineReplicas()
	for _, replica := range online {
		m.context.replicaStates[replica] = onlineReplica
	}
	for _, replica := range offline {
		// Safe for topics that are being deleted, whose brokers may have died
		// while no controller was there to see it.
		m.context.replicaStates[replica] = replicaDeletionIneligible
	}
	m.log.infof("Triggering online replica state changes")
	if err := m.handleStateChanges(online, onlineReplica); err != nil {
		return err
	}
	m.log.infof("Triggering offline replica state changes")
	return m.handleStateChanges(offline, offlineReplica)
}

// handleStateChanges moves replicas to a state as far as that is legal and
// sends what follows. The only error is that the controller moved; others are
// logged.
func (m *replicaStateMachine) handleStateChanges(replicas []partitionAndReplica, target replicaState) error {
	if len(replicas) == 0 {
		return nil
	}
	byReplica := map[int32][]topic.Partition{}
	for _, replica := range replicas {
		byReplica[replica.replica] = append(byReplica[replica.replica], replica.partition)
	}
	for _, id := range sortedKeys(byReplica) {
		err := m.transition(id, m.valid(id, byReplica[id], target), target)
		switch {
		case errors.Is(err, errControllerMoved):
			m.batch.clear()
			m.log.withError(err).errorf("Controller moved to another broker when moving some replicas to %s state", target)
			return err
		case err != nil:
			m.log.withError(err).errorf("Error while moving some replicas to %s state", target)
		}
	}
	m.batch.send()
	return nil
}

// valid leaves out, and logs, the illegal transitions.
func (m *replicaStateMachine) valid(id int32, partitions []topic.Partition, target replicaState) []topic.Partition {
	return slices.DeleteFunc(partitions, func(partition topic.Partition) bool {
		replica := partitionAndReplica{partition, id}
		current := m.context.replicaState(replica)
		if target.mayFollow(current) {
			return false
		}
		m.logFailure(replica, target, fmt.Errorf("Replica %s should be in the %s states before moving to %s state. Instead it is in %s state", //nolint:staticcheck // Kafka's sentence
			replica, joined(validPreviousReplicaStates[target]), target, current))
		return true
	})
}

func (m *replicaStateMachine) transition(id int32, partitions []topic.Partition, target replicaState) error {
	switch target {
	case newReplica:
		m.toNew(id, partitions)
	case onlineReplica:
		m.toOnline(id, partitions)
	case offlineReplica:
		return m.toOffline(id, partitions)
	case replicaDeletionStarted:
		for _, partition := range partitions {
			m.put(id, partition, target)
			m.batch.addStopReplica([]int32{id}, partition, true)
		}
	case nonExistentReplica:
		for _, partition := range partitions {
			m.context.updateAssignment(partition, m.context.fullAssignment(partition).RemoveReplica(id))
			m.put(id, partition, target)
			delete(m.context.replicaStates, partitionAndReplica{partition, id})
		}
	default: // replicaDeletionSuccessful, replicaDeletionIneligible
		for _, partition := range partitions {
			m.put(id, partition, target)
		}
	}
	return nil
}

func (m *replicaStateMachine) toNew(id int32, partitions []topic.Partition) {
	for _, partition := range partitions {
		info, led := m.context.leadership[partition]
		if led && info.Leader == id {
			m.logFailure(partitionAndReplica{partition, id}, newReplica, fmt.Errorf(
				"Replica %d for partition %s cannot be moved to NewReplica state as it is being requested to become leader", id, partition)) //nolint:staticcheck // Kafka's sentence
			continue
		}
		if led {
			m.batch.addLeaderAndIsr([]int32{id}, partition, info, m.context.fullAssignment(partition), true)
		}
		m.put(id, partition, newReplica)
	}
}

func (m *replicaStateMachine) toOnline(id int32, partitions []topic.Partition) {
	for _, partition := range partitions {
		assignment := m.context.fullAssignment(partition)
		info, led := m.context.leadership[partition]
		switch {
		case m.context.replicaState(partitionAndReplica{partition, id}) != newReplica:
			if led {
				m.batch.addLeaderAndIsr([]int32{id}, partition, info, assignment, false)
			}
		case !slices.Contains(assignment.Replicas, id):
			m.log.errorf("Adding replica (%d) that is not part of the assignment %s", id, assignment)
			assignment.Replicas = append(slices.Clip(assignment.Replicas), id)
			m.context.updateAssignment(partition, assignment)
		}
		m.put(id, partition, onlineReplica)
	}
}

func (m *replicaStateMachine) toOffline(id int32, partitions []topic.Partition) error {
	var led []topic.Partition
	for _, partition := range partitions {
		m.batch.addStopReplica([]int32{id}, partition, false)
		if _, ok := m.context.leadership[partition]; ok {
			led = append(led, partition)
			continue
		}
		m.batch.addUpdateMetadataToAll(partition)
		m.put(id, partition, offlineReplica)
	}
	removals, err := m.removeReplicasFromIsr(id, led)
	for _, partition := range sortedPartitions(removals) {
		info := removals[partition].info
		m.stateChanges.infof(m.context.epoch, "Partition %s state changed to %s after removing replica %d from the ISR as part of transition to %s",
			partition, info, id, offlineReplica)
		switch {
		case m.context.isTopicQueuedUpForDeletion(partition.Topic):
		case removals[partition].news:
			others := without(m.context.replicas(partition), []int32{id})
			m.batch.addLeaderAndIsr(others, partition, info, m.context.fullAssignment(partition), false)
		default:
			// The brokers know this leader epoch. Kafka sends it again, which they ignore.
			m.batch.addUpdateMetadataToAll(partition)
		}
		m.put(id, partition, offlineReplica)
	}
	return err
}

// isrRemoval is a partition's leadership without a replica. It is news to the
// brokers when its leader epoch is: it was written now, or before, by this controller
// in a write whose answer was lost with the connection to ZooKeeper.
type isrRemoval struct {
	info zkdata.LeaderIsrAndControllerEpoch
	news bool
}

// removeReplicasFromIsr takes one replica out of the ISR of partitions,
// starting over for those whose node changed between read and write. Where it died
// while it was not in the ISR there is a new leader epoch all the same: a fetch that
// the dead broker sent, and a leader comes upon late, must not bring what is there
// after a restart into the ISR (KAFKA-15221).
func (m *replicaStateMachine) removeReplicasFromIsr(id int32, partitions []topic.Partition) (map[topic.Partition]isrRemoval, error) {
	results := map[topic.Partition]isrRemoval{}
	for remaining := partitions; len(remaining) > 0; {
		retry, err := m.tryRemoveReplicasFromIsr(id, remaining, results)
		if err != nil {
			return results, err
		}
		remaining = retry
	}
	return results, nil
}

func (m *replicaStateMachine) tryRemoveReplicasFromIsr(id int32, partitions []topic.Partition,
	results map[topic.Partition]isrRemoval) (retry []topic.Partition, err error) {
	states, err := readStates(m.zkClient, m.context.epoch, partitions)
	if err != nil {
		return nil, err
	}
	for partition, failure := range states.failed {
		m.logFailure(partitionAndReplica{partition, id}, offlineReplica, failure)
	}
	for _, partition := range states.missing {
		if !m.context.isTopicQueuedUpForDeletion(partition.Topic) {
			m.logFailure(partitionAndReplica{partition, id}, offlineReplica, fmt.Errorf(
				"Failed to change state of replica %d for partition %s since the leader and isr path in zookeeper is empty", id, partition)) //nolint:staticcheck // Kafka's sentence
		}
	}
	adjusted := map[topic.Partition]zkdata.LeaderAndIsr{}
	for partition, current := range states.found {
		switch {
		case slices.Contains(current.Isr, id):
			adjusted[partition] = withoutReplica(current, id)
		case m.context.diedBehind.has(partitionAndReplica{partition, id}):
			adjusted[partition] = current.NewLeaderAndIsr(current.Leader, current.Isr)
		default:
			news := current.LeaderEpoch > m.context.leadership[partition].LeaderEpoch
			results[partition] = isrRemoval{m.remember(partition, current), news}
		}
	}
	written, err := writeStates(m.zkClient, m.context, adjusted)
	if err != nil {
		return nil, err
	}
	for partition, updated := range written.updated {
		results[partition] = isrRemoval{m.remember(partition, updated), true}
	}
	for partition, failure := range written.failed {
		m.logFailure(partitionAndReplica{partition, id}, offlineReplica, failure)
	}
	return written.badVersion, nil
}

// withoutReplica is the leadership after a replica went offline. The last one
// of an ISR stays in it: only what it holds is committed.
func withoutReplica(current zkdata.LeaderAndIsr, id int32) zkdata.LeaderAndIsr {
	leader, isr := current.Leader, current.Isr
	if leader == id {
		leader = zkdata.NoLeader
	}
	if len(isr) > 1 {
		isr = without(isr, []int32{id})
	}
	return current.NewLeaderAndIsr(leader, isr)
}

func (m *replicaStateMachine) remember(partition topic.Partition, current zkdata.LeaderAndIsr) zkdata.LeaderIsrAndControllerEpoch {
	info := zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: current, ControllerEpoch: m.context.epoch}
	m.context.putLeadership(partition, info)
	return info
}

func (m *replicaStateMachine) put(id int32, partition topic.Partition, target replicaState) {
	replica := partitionAndReplica{partition, id}
	m.stateChanges.tracef(m.context.epoch, "Changed state of replica %d for partition %s from %s to %s",
		id, partition, m.context.replicaState(replica), target)
	m.context.replicaStates[replica] = target
}

func (m *replicaStateMachine) logFailure(replica partitionAndReplica, target replicaState, err error) {
	m.stateChanges.errorf(m.context.epoch, "Controller %d epoch %d initiated state change of replica %d for partition %s from %s to %s failed: %v",
		m.brokerID, m.context.epoch, replica.replica, replica.partition, m.context.replicaState(replica), target, err)
}
