package controller

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gregor-broker/gregor/config"
	"github.com/gregor-broker/gregor/config/topic"
	"github.com/gregor-broker/gregor/zkutil"
	"github.com/gregor-broker/gregor/zkutil/zkdata"
)

// errStateChangeFailed marks a partition whose state could not change, as
// Kafka's StateChangeFailedException.
var errStateChangeFailed = errors.New("state change failed")

// stateChangeError is an errStateChangeFailed whose message clients see.
type stateChangeError struct{ message string }

func (e *stateChangeError) Error() string { return e.message }
func (e *stateChangeError) Unwrap() error { return errStateChangeFailed }

func stateChangeFailedf(format string, args ...any) error {
	return &stateChangeError{fmt.Sprintf(format, args...)}
}

// partitionStateMachine moves partitions between their states, elects their
// leaders, writes the result to ZooKeeper and tells the brokers, as Kafka's
// ZkPartitionStateMachine.
type partitionStateMachine struct {
	brokerID     int32
	config       *config.Current
	context      *controllerContext
	zkClient     *zkutil.KafkaZkClient
	batch        *requestBatch
	metrics      *controllerMetrics
	stateChanges stateChangeLogger
	log          logger
}

// electionOutcome is what became of one partition's election: its new
// leadership, or why there is none.
type electionOutcome struct {
	leaderAndIsr zkdata.LeaderAndIsr
	err          error
}

type electionOutcomes map[topic.Partition]electionOutcome

// startup gives every partition its first state and elects leaders for those
// that have none.
func (m *partitionStateMachine) startup() error {
	m.log.infof("Initializing partition state")
	for _, partition := range m.context.allPartitions() {
		info, led := m.context.leadership[partition]
		switch {
		case !led:
			m.context.putPartitionState(partition, newPartition)
		case m.context.isReplicaOnline(info.Leader, partition):
			m.context.putPartitionState(partition, onlinePartition)
		default:
			m.context.putPartitionState(partition, offlinePartition)
		}
	}
	m.log.infof("Triggering online partition state changes")
	_, err := m.triggerOnlinePartitionStateChange()
	return err
}

// triggerOnlinePartitionStateChange tries to find a leader for every partition
// that has none and is not being deleted.
func (m *partitionStateMachine) triggerOnlinePartitionStateChange() (electionOutcomes, error) {
	return m.triggerOnline(sortedPartitions(m.context.leaderless))
}

// triggerOnlineForTopic does the same for one topic.
func (m *partitionStateMachine) triggerOnlineForTopic(name string) error {
	_, err := m.triggerOnline(slices.DeleteFunc(m.context.partitionsForTopic(name), func(partition topic.Partition) bool {
		return !m.context.leaderless.has(partition)
	}))
	return err
}

func (m *partitionStateMachine) triggerOnline(partitions []topic.Partition) (electionOutcomes, error) {
	partitions = slices.DeleteFunc(partitions, func(partition topic.Partition) bool {
		return m.context.isTopicQueuedUpForDeletion(partition.Topic)
	})
	return m.handleStateChanges(partitions, onlinePartition, offlineElection)
}

// moveTo takes partitions to a state that needs no election.
func (m *partitionStateMachine) moveTo(partitions []topic.Partition, target partitionState) error {
	_, err := m.handleStateChanges(partitions, target, offlineElection)
	return err
}

// handleStateChanges moves partitions to a state as far as that is legal, elects
// by the strategy where they go online, and sends what follows. The only error
// is that the controller moved; a partition's own failure is in its outcome.
func (m *partitionStateMachine) handleStateChanges(partitions []topic.Partition, target partitionState, strategy electionStrategy) (electionOutcomes, error) {
	outcomes := electionOutcomes{}
	if len(partitions) == 0 {
		return outcomes, nil
	}
	valid := m.valid(partitions, target)
	if target == onlinePartition {
		if err := m.toOnline(valid, strategy, outcomes); err != nil {
			m.batch.clear()
			m.log.withError(err).errorf("Controller moved to another broker when moving some partitions to %s state", target)
			return outcomes, err
		}
	} else {
		m.put(valid, target)
	}
	m.batch.send()
	return outcomes, nil
}

// valid leaves out, and logs, the illegal transitions.
func (m *partitionStateMachine) valid(partitions []topic.Partition, target partitionState) []topic.Partition {
	valid := make([]topic.Partition, 0, len(partitions))
	for _, partition := range partitions {
		if current := m.context.partitionState(partition); target.mayFollow(current) {
			valid = append(valid, partition)
		} else {
			m.logFailure(partition, target, fmt.Errorf("Partition %s should be in one of %s states before moving to %s state. Instead it is in %s state", //nolint:staticcheck // Kafka's sentence
				partition, joined(validPreviousPartitionStates[target]), target, current))
		}
	}
	return valid
}

func (m *partitionStateMachine) put(partitions []topic.Partition, target partitionState) {
	for _, partition := range partitions {
		current := m.context.partitionState(partition)
		if target == newPartition {
			m.stateChanges.infof(m.context.epoch, "Changed partition %s state from %s to %s with assigned replicas %s",
				partition, current, target, joined(m.context.replicas(partition)))
		} else {
			m.stateChanges.tracef(m.context.epoch, "Changed partition %s state from %s to %s", partition, current, target)
		}
		m.context.putPartitionState(partition, target)
	}
}

func (m *partitionStateMachine) toOnline(partitions []topic.Partition, strategy electionStrategy, outcomes electionOutcomes) error {
	var fresh, others []topic.Partition
	for _, partition := range partitions {
		if m.context.partitionState(partition) == newPartition {
			fresh = append(fresh, partition)
		} else {
			others = append(others, partition)
		}
	}
	if err := m.initializeLeaderAndIsr(fresh); err != nil {
		return err
	}
	for remaining := others; len(remaining) > 0; {
		retry, err := m.electLeaders(remaining, strategy, outcomes)
		if err != nil {
			return err
		}
		if remaining = retry; len(remaining) > 0 {
			m.log.infof("Retrying leader election with strategy %s for partitions %s", strategy, joined(remaining))
		}
	}
	for _, partition := range others {
		if outcome := outcomes[partition]; outcome.err != nil {
			m.logFailure(partition, onlinePartition, outcome.err)
		} else {
			m.online(partition)
		}
	}
	return nil
}

// initializeLeaderAndIsr makes the first live replica of new partitions their
// leader and all live ones their ISR.
func (m *partitionStateMachine) initializeLeaderAndIsr(partitions []topic.Partition) error {
	states := map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch{}
	for _, partition := range partitions {
		live := keep(m.context.replicas(partition), func(id int32) bool { return m.context.isReplicaOnline(id, partition) })
		if len(live) == 0 {
			m.logFailure(partition, onlinePartition, fmt.Errorf(
				"Controller %d epoch %d encountered error during state change of partition %s from New to Online, assigned replicas are [%s], live brokers are [%s]. No assigned replica is alive.", //nolint:staticcheck // Kafka's sentence
				m.brokerID, m.context.epoch, partition, joined(m.context.replicas(partition)), joined(m.context.liveBrokerIDs())))
			continue
		}
		states[partition] = zkdata.LeaderIsrAndControllerEpoch{
			LeaderAndIsr: zkdata.NewLeaderAndIsr(live[0], live), ControllerEpoch: m.context.epoch,
		}
	}
	if len(states) == 0 {
		return nil
	}
	return m.createStates(states)
}

// createStates writes the first states of partitions.
func (m *partitionStateMachine) createStates(states map[topic.Partition]zkdata.LeaderIsrAndControllerEpoch) error {
	responses, err := m.zkClient.CreateTopicPartitionStatesRaw(states, m.context.epochZkVersion)
	if err != nil {
		for _, partition := range sortedPartitions(states) {
			m.logFailure(partition, onlinePartition, err)
		}
		return onlyControllerMoved(err)
	}
	var existing []topic.Partition
	for _, response := range responses {
		switch {
		case response.Err == nil:
			m.initialized(response.Partition, states[response.Partition])
		case errors.Is(response.Err, zkutil.ErrNodeExists):
			existing = append(existing, response.Partition)
		default:
			m.logFailure(response.Partition, onlinePartition, response.Err)
		}
	}
	return m.adopt(existing)
}

func (m *partitionStateMachine) initialized(partition topic.Partition, info zkdata.LeaderIsrAndControllerEpoch) {
	m.context.putLeadership(partition, info)
	m.batch.addLeaderAndIsr(info.Isr, partition, info, m.context.fullAssignment(partition), true)
	m.online(partition)
}

// adopt takes the states that new partitions turned out to have: those of a
// write of this controller whose answer was lost with the connection. Kafka
// leaves such partitions without a leader until the next controller.
func (m *partitionStateMachine) adopt(partitions []topic.Partition) error {
	states, err := readStates(m.zkClient, m.context.epoch, partitions)
	if err != nil {
		return onlyControllerMoved(err)
	}
	for partition, failure := range states.failed {
		m.logFailure(partition, onlinePartition, failure)
	}
	for _, partition := range sortedPartitions(states.found) {
		info := zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: states.found[partition], ControllerEpoch: m.context.epoch}
		if m.context.isReplicaOnline(info.Leader, partition) {
			m.initialized(partition, info)
		} else {
			m.context.putLeadership(partition, info)
			m.context.putPartitionState(partition, offlinePartition)
		}
	}
	return nil
}

// electLeaders tries to elect leaders once. It returns the partitions whose node
// changed between read and write, for which all is to be done again.
func (m *partitionStateMachine) electLeaders(partitions []topic.Partition, strategy electionStrategy, outcomes electionOutcomes) (retry []topic.Partition, err error) {
	states, err := readStates(m.zkClient, m.context.epoch, partitions)
	if err != nil {
		failAll(outcomes, partitions, err)
		return nil, onlyControllerMoved(err)
	}
	for partition, failure := range states.failed {
		outcomes[partition] = electionOutcome{err: failure}
	}
	for _, partition := range states.missing {
		outcomes[partition] = electionOutcome{err: stateChangeFailedf("LeaderAndIsr information doesn't exist for partition %s in %s state",
			partition, m.context.partitionState(partition))}
	}
	elected := m.decide(states.found, strategy, outcomes)
	adjusted := make(map[topic.Partition]zkdata.LeaderAndIsr, len(elected))
	for partition, result := range elected {
		adjusted[partition] = result.leaderAndIsr
	}
	written, err := writeStates(m.zkClient, m.context, adjusted)
	if err != nil {
		failAll(outcomes, sortedPartitions(adjusted), err)
		return nil, onlyControllerMoved(err)
	}
	for partition, failure := range written.failed {
		outcomes[partition] = electionOutcome{err: failure}
	}
	for partition, updated := range written.updated {
		info := zkdata.LeaderIsrAndControllerEpoch{LeaderAndIsr: updated, ControllerEpoch: m.context.epoch}
		outcomes[partition] = electionOutcome{leaderAndIsr: updated}
		m.context.putLeadership(partition, info)
		m.batch.addLeaderAndIsr(elected[partition].recipients, partition, info, m.context.fullAssignment(partition), false)
		if elected[partition].unclean {
			m.metrics.uncleanLeaderElections.Mark(1)
		}
	}
	return written.badVersion, nil
}

func failAll(outcomes electionOutcomes, partitions []topic.Partition, err error) {
	for _, partition := range partitions {
		outcomes[partition] = electionOutcome{err: err}
	}
}

// decide runs the elections; those without a winner fail.
func (m *partitionStateMachine) decide(current map[topic.Partition]zkdata.LeaderAndIsr, strategy electionStrategy, outcomes electionOutcomes) map[topic.Partition]electionResult {
	unclean, unknown := m.uncleanAllowed(current, strategy)
	elected := make(map[topic.Partition]electionResult, len(current))
	for partition, leaderAndIsr := range current {
		result := strategy.elect(electionState{
			assignment:           m.context.fullAssignment(partition),
			current:              leaderAndIsr,
			online:               func(id int32) bool { return m.context.isReplicaOnline(id, partition) },
			onlineOrShuttingDown: func(id int32) bool { return m.context.isReplicaOnlineOrShuttingDown(id, partition) },
			shuttingDown:         m.context.shuttingDownBrokerIDs.has,
			uncleanAllowed:       unclean.has(partition.Topic),
		})
		switch failure := unknown[partition.Topic]; {
		case result.elected:
			elected[partition] = result
		case failure != nil:
			outcomes[partition] = electionOutcome{err: fmt.Errorf("%w: %w", errStateChangeFailed, failure)}
		default:
			outcomes[partition] = electionOutcome{err: stateChangeFailedf("Failed to elect leader for partition %s under strategy %s", partition, strategy)}
		}
	}
	return elected
}

// uncleanAllowed gives the topics whose partitions without an online ISR member
// may lose records to get a leader, and those whose configuration could not be
// read. The topic's setting is read afresh: it may be what the operator just
// changed.
func (m *partitionStateMachine) uncleanAllowed(current map[topic.Partition]zkdata.LeaderAndIsr, strategy electionStrategy) (allowed set[string], unknown map[string]error) {
	allowed = set[string]{}
	if strategy != offlineElection && strategy != uncleanElection {
		return allowed, nil
	}
	topics := set[string]{}
	for partition, leaderAndIsr := range current {
		if !slices.ContainsFunc(leaderAndIsr.Isr, func(id int32) bool { return m.context.isReplicaOnline(id, partition) }) {
			topics.add(partition.Topic)
		}
	}
	if strategy == uncleanElection || len(topics) == 0 {
		return topics, nil
	}
	overrides, unknown := m.zkClient.GetLogConfigs(sortedKeys(topics))
	for name, settings := range overrides {
		topicConfig, err := config.NewTopicConfig(m.config.Load(), settings)
		if err != nil {
			unknown[name] = err
		} else if config.TopicUncleanLeaderElectionEnable.Get(topicConfig) {
			allowed.add(name)
		}
	}
	return allowed, unknown
}

func (m *partitionStateMachine) online(partition topic.Partition) {
	m.stateChanges.infof(m.context.epoch, "Changed partition %s from %s to %s with state %s",
		partition, m.context.partitionState(partition), onlinePartition, m.context.leadership[partition].LeaderAndIsr)
	m.context.putPartitionState(partition, onlinePartition)
}

func (m *partitionStateMachine) logFailure(partition topic.Partition, target partitionState, err error) {
	m.stateChanges.errorf(m.context.epoch, "Controller %d epoch %d failed to change state for partition %s from %s to %s: %v",
		m.brokerID, m.context.epoch, partition, m.context.partitionState(partition), target, err)
}

// anyElected reports whether a leader was elected.
func (o electionOutcomes) anyElected() bool {
	for _, outcome := range o {
		if outcome.err == nil {
			return true
		}
	}
	return false
}
